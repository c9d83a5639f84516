-- The tables that an import reads, with the columns and types of LiteLLM's schema.prisma (Prisma makes Json jsonb, Float double
-- precision, String[] text[], DateTime timestamp(3)), and rows as a proxy of some years has them.
CREATE TABLE "LiteLLM_BudgetTable" (budget_id text PRIMARY KEY, max_budget double precision, soft_budget double precision,
  max_parallel_requests integer, tpm_limit bigint, rpm_limit bigint, model_max_budget jsonb, budget_duration text, budget_reset_at timestamp(3),
  created_at timestamp(3) NOT NULL DEFAULT now(), created_by text NOT NULL, updated_at timestamp(3) NOT NULL DEFAULT now(), updated_by text NOT NULL);
CREATE TABLE "LiteLLM_OrganizationTable" (organization_id text PRIMARY KEY, organization_alias text NOT NULL, budget_id text NOT NULL,
  metadata jsonb NOT NULL DEFAULT '{}', models text[], spend double precision NOT NULL DEFAULT 0, model_spend jsonb NOT NULL DEFAULT '{}',
  created_at timestamp(3) NOT NULL DEFAULT now(), created_by text NOT NULL, updated_at timestamp(3) NOT NULL DEFAULT now(), updated_by text NOT NULL);
CREATE TABLE "LiteLLM_ModelTable" (id serial PRIMARY KEY, aliases jsonb, created_by text NOT NULL, updated_by text NOT NULL);
CREATE TABLE "LiteLLM_TeamTable" (team_id text PRIMARY KEY, team_alias text, organization_id text, admins text[], members text[],
  members_with_roles jsonb NOT NULL DEFAULT '{}', metadata jsonb NOT NULL DEFAULT '{}', max_budget double precision, spend double precision NOT NULL DEFAULT 0,
  models text[], max_parallel_requests integer, tpm_limit bigint, rpm_limit bigint, budget_duration text, budget_reset_at timestamp(3),
  blocked boolean NOT NULL DEFAULT false, created_at timestamp(3) NOT NULL DEFAULT now(), model_spend jsonb NOT NULL DEFAULT '{}',
  model_max_budget jsonb NOT NULL DEFAULT '{}', team_member_permissions text[] DEFAULT '{}', model_id integer);
CREATE TABLE "LiteLLM_UserTable" (user_id text PRIMARY KEY, user_alias text, sso_user_id text UNIQUE, password text, teams text[] DEFAULT '{}', user_role text,
  max_budget double precision, spend double precision NOT NULL DEFAULT 0, user_email text, models text[], metadata jsonb NOT NULL DEFAULT '{}',
  max_parallel_requests integer, tpm_limit bigint, rpm_limit bigint, budget_duration text, budget_reset_at timestamp(3), allowed_cache_controls text[] DEFAULT '{}',
  model_spend jsonb NOT NULL DEFAULT '{}', model_max_budget jsonb NOT NULL DEFAULT '{}', created_at timestamp(3) DEFAULT now());
CREATE TABLE "LiteLLM_VerificationToken" (token text PRIMARY KEY, key_name text, key_alias text, soft_budget_cooldown boolean NOT NULL DEFAULT false,
  spend double precision NOT NULL DEFAULT 0, expires timestamp(3), models text[], aliases jsonb NOT NULL DEFAULT '{}', config jsonb NOT NULL DEFAULT '{}',
  user_id text, team_id text, permissions jsonb NOT NULL DEFAULT '{}', max_parallel_requests integer, metadata jsonb NOT NULL DEFAULT '{}', blocked boolean,
  tpm_limit bigint, rpm_limit bigint, max_budget double precision, budget_duration text, budget_reset_at timestamp(3), allowed_cache_controls text[] DEFAULT '{}',
  allowed_routes text[] DEFAULT '{}', model_spend jsonb NOT NULL DEFAULT '{}', model_max_budget jsonb NOT NULL DEFAULT '{}', budget_id text, organization_id text,
  created_at timestamp(3) DEFAULT now(), created_by text, auto_rotate boolean DEFAULT false, rotation_interval text);
CREATE TABLE "LiteLLM_DeprecatedVerificationToken" (id text PRIMARY KEY, token text UNIQUE NOT NULL, active_token_id text NOT NULL, revoke_at timestamp(3) NOT NULL);
CREATE TABLE "LiteLLM_EndUserTable" (user_id text PRIMARY KEY, alias text, spend double precision NOT NULL DEFAULT 0, allowed_model_region text,
  default_model text, budget_id text, blocked boolean NOT NULL DEFAULT false);
CREATE TABLE "LiteLLM_TeamMembership" (user_id text, team_id text, spend double precision NOT NULL DEFAULT 0, budget_id text, PRIMARY KEY (user_id, team_id));
CREATE TABLE "LiteLLM_OrganizationMembership" (user_id text, organization_id text, user_role text, spend double precision DEFAULT 0, budget_id text,
  created_at timestamp(3) DEFAULT now(), PRIMARY KEY (user_id, organization_id));
CREATE TABLE "LiteLLM_ProxyModelTable" (model_id text PRIMARY KEY, model_name text NOT NULL, litellm_params jsonb NOT NULL, model_info jsonb,
  created_at timestamp(3) NOT NULL DEFAULT now(), created_by text NOT NULL, updated_at timestamp(3) NOT NULL DEFAULT now(), updated_by text NOT NULL);
CREATE TABLE "LiteLLM_Config" (param_name text PRIMARY KEY, param_value jsonb);

INSERT INTO "LiteLLM_Config" VALUES ('litellm_settings', '{"drop_params": true}');
INSERT INTO "LiteLLM_BudgetTable" (budget_id, max_budget, soft_budget, budget_duration, rpm_limit, created_by, updated_by) VALUES
  ('member-10', 10, NULL, '30d', NULL, 'admin', 'admin'),
  ('free-tier', 0.5, 0.25, '1d', 100, 'admin', 'admin'),
  ('odd', 7, NULL, 'fortnight', NULL, 'admin', 'admin'),
  ('org-1000', 1000, NULL, NULL, NULL, 'admin', 'admin');
INSERT INTO "LiteLLM_OrganizationTable" (organization_id, organization_alias, budget_id, models, spend, created_by, updated_by) VALUES
  ('acme', 'Acme', 'org-1000', '{gpt-4o}', 12.5, 'admin', 'admin');
INSERT INTO "LiteLLM_ModelTable" (aliases, created_by, updated_by) VALUES ('"{\"fast\": \"gpt-4o\"}"', 'admin', 'admin');
INSERT INTO "LiteLLM_UserTable" (user_id, user_alias, sso_user_id, password, teams, user_role, max_budget, spend, user_email, metadata, budget_duration, budget_reset_at) VALUES
  ('default_user_id', NULL, NULL, NULL, '{}', 'proxy_admin', NULL, 99, NULL, '{}', NULL, NULL),
  ('ana', 'Ana', 'oidc|1', 'b8e1c3f0c0d5f9a0', '{core}', 'internal_user', 100, 3.25, 'Ana@Example.org', '{"model_rpm_limit": {"gpt-4o": 7}, "x": 1}', '30d', '2031-01-01 00:00:00'),
  ('ben', NULL, NULL, NULL, '{core}', 'app_owner', NULL, 0, NULL, '{}', NULL, NULL),
  ('eve', NULL, NULL, NULL, '{}', NULL, NULL, 0, 'ANA@example.org', '{}', NULL, NULL);
INSERT INTO "LiteLLM_TeamTable" (team_id, team_alias, organization_id, admins, members, members_with_roles, metadata, max_budget, spend, models, budget_duration, budget_reset_at, model_id, blocked) VALUES
  ('core', 'Core', 'acme', '{}', '{}', '[{"role": "admin", "user_id": "ana", "user_email": null}, {"role": "user", "user_id": null, "user_email": "who@example.org"}]',
   '{"team_member_budget_id": "member-10", "model_tpm_limit": {"gpt-4o": 9}, "tags": ["core"]}', 50, 20.000000001, '{gpt-4o,fast}', '30d', '2031-01-01 00:00:00', 1, false),
  ('gone', NULL, 'nowhere', NULL, NULL, '{}', '{}', NULL, 0, NULL, NULL, NULL, NULL, true);
INSERT INTO "LiteLLM_TeamMembership" VALUES ('ana', 'core', 4.5, 'member-10');
INSERT INTO "LiteLLM_OrganizationMembership" (user_id, organization_id, user_role) VALUES ('ana', 'acme', 'org_admin');
INSERT INTO "LiteLLM_EndUserTable" VALUES ('shopper', 'A shopper', 0.125, 'eu', NULL, 'free-tier', true);
-- The hashes are SHA-256 of sk-one-0123456789abcdef, sk-two-0123456789abcdef, sk-three-… and so on.
INSERT INTO "LiteLLM_VerificationToken" (token, key_name, key_alias, spend, expires, models, aliases, user_id, team_id, metadata, blocked, tpm_limit, max_budget,
  budget_duration, budget_reset_at, model_max_budget, budget_id, created_at, created_by) VALUES
  (encode(sha256('sk-one-0123456789abcdef'), 'hex'), 'sk-...cdef', 'ci', 1.5, NULL, '{gpt-4o}', '{"quick": "gpt-4o"}', 'ana', 'core',
   '{"model_rpm_limit": {"gpt-4o": 3}, "temp_budget_increase": 5, "temp_budget_expiry": "2031-01-01T00:00:00", "owner": "ops"}', NULL, 1000, 2.5, '30d', '2031-01-01 00:00:00',
   '{"gpt-4o": {"budget_limit": 1, "time_period": "1d"}}', NULL, '2024-05-01 10:00:00', 'default_user_id'),
  (encode(sha256('sk-two-0123456789abcdef'), 'hex'), NULL, 'ci', 0.1, '2020-01-01 00:00:00', '{}', '{}', NULL, NULL, '{}', true, NULL, NULL, NULL, NULL, '{}', 'free-tier', '2024-06-01', NULL),
  (encode(sha256('sk-ui-session'), 'hex'), NULL, NULL, 0, '2020-01-01', '{}', '{}', 'ana', 'litellm-dashboard', '{}', NULL, NULL, 0.25, NULL, NULL, '{}', NULL, '2024-06-01', NULL),
  ('not-a-hash', NULL, 'strange', 0, NULL, '{}', '{}', NULL, NULL, '{}', NULL, NULL, NULL, NULL, NULL, '{}', NULL, '2024-06-02', NULL),
  (encode(sha256('sk-four-0123456789abcdef'), 'hex'), NULL, 'odd', 0, NULL, '{}', '{}', NULL, NULL, '{}', NULL, NULL, NULL, NULL, NULL, '{}', 'lost', '2024-06-03', NULL);
INSERT INTO "LiteLLM_DeprecatedVerificationToken" VALUES
  ('1', encode(sha256('sk-before-0123456789abcdef'), 'hex'), encode(sha256('sk-one-0123456789abcdef'), 'hex'), '2031-01-01'),
  ('2', encode(sha256('sk-long-ago'), 'hex'), encode(sha256('sk-one-0123456789abcdef'), 'hex'), '2021-01-01');
