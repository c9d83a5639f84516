-- +goose Up
-- SQL that PostgreSQL and SQLite both run. Times are BIGINT microseconds since 1970, money is BIGINT nano-USD,
-- lists and objects are JSON text. Rows: models/*.go. What differs between the two (the change feed) is in 0002.

-- The number of the last committed change of configuration; one row for ever.
CREATE TABLE config_seq (
  id  BIGINT PRIMARY KEY CHECK (id = 1),
  seq BIGINT NOT NULL
);
INSERT INTO config_seq (id, seq) VALUES (1, 0);

-- Configuration rows that are gone, so that a running process can drop them.
CREATE TABLE tombstones (
  table_name TEXT NOT NULL,
  row_id     TEXT NOT NULL,
  change_seq BIGINT NOT NULL,
  PRIMARY KEY (table_name, row_id)
);
CREATE INDEX tombstones_feed ON tombstones (change_seq);

CREATE TABLE budgets (
  id                    TEXT PRIMARY KEY,
  max_budget            BIGINT,
  soft_budget           BIGINT,
  budget_duration       TEXT,
  tpm_limit             BIGINT,
  rpm_limit             BIGINT,
  max_parallel_requests BIGINT,
  model_max_budget      TEXT NOT NULL DEFAULT '{}',
  model_rpm_limit       TEXT NOT NULL DEFAULT '{}',
  model_tpm_limit       TEXT NOT NULL DEFAULT '{}',
  budget_reset_at       BIGINT,
  created_at            BIGINT NOT NULL DEFAULT 0,
  created_by            TEXT NOT NULL DEFAULT '',
  updated_at            BIGINT NOT NULL DEFAULT 0,
  updated_by            TEXT NOT NULL DEFAULT '',
  change_seq            BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX budgets_feed ON budgets (change_seq);

CREATE TABLE organizations (
  id         TEXT PRIMARY KEY,
  alias      TEXT,
  models     TEXT NOT NULL DEFAULT '[]',
  budget_id  TEXT NOT NULL REFERENCES budgets (id),
  metadata   TEXT NOT NULL DEFAULT '{}',
  created_at BIGINT NOT NULL DEFAULT 0,
  created_by TEXT NOT NULL DEFAULT '',
  updated_at BIGINT NOT NULL DEFAULT 0,
  updated_by TEXT NOT NULL DEFAULT '',
  change_seq BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX organizations_budget ON organizations (budget_id);
CREATE INDEX organizations_feed ON organizations (change_seq);

CREATE TABLE teams (
  id                          TEXT PRIMARY KEY,
  alias                       TEXT,
  organization_id             TEXT,
  models                      TEXT NOT NULL DEFAULT '[]',
  model_aliases               TEXT NOT NULL DEFAULT '{}',
  blocked                     BOOLEAN NOT NULL DEFAULT FALSE,
  max_budget                  BIGINT,
  soft_budget                 BIGINT,
  budget_duration             TEXT,
  tpm_limit                   BIGINT,
  rpm_limit                   BIGINT,
  max_parallel_requests       BIGINT,
  model_max_budget            TEXT NOT NULL DEFAULT '{}',
  model_rpm_limit             TEXT NOT NULL DEFAULT '{}',
  model_tpm_limit             TEXT NOT NULL DEFAULT '{}',
  team_member_budget          BIGINT,
  team_member_budget_duration TEXT,
  team_member_rpm_limit       BIGINT,
  team_member_tpm_limit       BIGINT,
  team_member_key_duration    TEXT,
  team_member_permissions     TEXT,
  metadata                    TEXT NOT NULL DEFAULT '{}',
  extra                       TEXT NOT NULL DEFAULT '{}',
  created_at                  BIGINT NOT NULL DEFAULT 0,
  created_by                  TEXT NOT NULL DEFAULT '',
  updated_at                  BIGINT NOT NULL DEFAULT 0,
  updated_by                  TEXT NOT NULL DEFAULT '',
  change_seq                  BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX teams_organization ON teams (organization_id);
CREATE INDEX teams_alias ON teams (alias);
CREATE INDEX teams_created ON teams (created_at, id);
CREATE INDEX teams_feed ON teams (change_seq);

CREATE TABLE users (
  id                    TEXT PRIMARY KEY,
  email                 TEXT,
  alias                 TEXT,
  role                  TEXT NOT NULL DEFAULT '',
  password_hash         TEXT NOT NULL DEFAULT '',
  sso_user_id           TEXT,
  sso_issuer            TEXT NOT NULL DEFAULT '',
  blocked               BOOLEAN NOT NULL DEFAULT FALSE,
  models                TEXT NOT NULL DEFAULT '[]',
  max_budget            BIGINT,
  soft_budget           BIGINT,
  budget_duration       TEXT,
  tpm_limit             BIGINT,
  rpm_limit             BIGINT,
  max_parallel_requests BIGINT,
  model_max_budget      TEXT NOT NULL DEFAULT '{}',
  model_rpm_limit       TEXT NOT NULL DEFAULT '{}',
  model_tpm_limit       TEXT NOT NULL DEFAULT '{}',
  metadata              TEXT NOT NULL DEFAULT '{}',
  prefs                 TEXT NOT NULL DEFAULT '{}',
  created_at            BIGINT NOT NULL DEFAULT 0,
  created_by            TEXT NOT NULL DEFAULT '',
  updated_at            BIGINT NOT NULL DEFAULT 0,
  updated_by            TEXT NOT NULL DEFAULT '',
  change_seq            BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX users_email ON users (lower(email));
CREATE UNIQUE INDEX users_sso ON users (sso_issuer, sso_user_id);
CREATE INDEX users_created ON users (created_at, id);
CREATE INDEX users_feed ON users (change_seq);

-- user_id has no foreign key: the master key's user (default_user_id) is a member without a row of its own.
CREATE TABLE memberships (
  team_id    TEXT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
  user_id    TEXT NOT NULL,
  role       TEXT NOT NULL,
  budget_id  TEXT REFERENCES budgets (id),
  created_at BIGINT NOT NULL DEFAULT 0,
  created_by TEXT NOT NULL DEFAULT '',
  updated_at BIGINT NOT NULL DEFAULT 0,
  updated_by TEXT NOT NULL DEFAULT '',
  change_seq BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (team_id, user_id)
);
CREATE INDEX memberships_user ON memberships (user_id, team_id);
CREATE INDEX memberships_budget ON memberships (budget_id);
CREATE INDEX memberships_feed ON memberships (change_seq);

CREATE TABLE org_memberships (
  organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  user_id         TEXT NOT NULL,
  role            TEXT NOT NULL,
  budget_id       TEXT REFERENCES budgets (id),
  created_at      BIGINT NOT NULL DEFAULT 0,
  created_by      TEXT NOT NULL DEFAULT '',
  updated_at      BIGINT NOT NULL DEFAULT 0,
  updated_by      TEXT NOT NULL DEFAULT '',
  change_seq      BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (organization_id, user_id)
);
CREATE INDEX org_memberships_user ON org_memberships (user_id, organization_id);
CREATE INDEX org_memberships_budget ON org_memberships (budget_id);
CREATE INDEX org_memberships_feed ON org_memberships (change_seq);

-- user_id and team_id have no foreign key: a key may name a user without a row, and UI session keys name no real team.
CREATE TABLE keys (
  id                     TEXT PRIMARY KEY,
  hash                   TEXT NOT NULL,
  key_name               TEXT NOT NULL DEFAULT '',
  alias                  TEXT,
  user_id                TEXT,
  team_id                TEXT,
  organization_id        TEXT,
  models                 TEXT NOT NULL DEFAULT '[]',
  aliases                TEXT NOT NULL DEFAULT '{}',
  allowed_routes         TEXT NOT NULL DEFAULT '[]',
  access_group_ids       TEXT NOT NULL DEFAULT '[]',
  blocked                BOOLEAN,
  blocked_reason         TEXT NOT NULL DEFAULT '',
  expires_at             BIGINT,
  max_budget             BIGINT,
  soft_budget            BIGINT,
  budget_duration        TEXT,
  tpm_limit              BIGINT,
  rpm_limit              BIGINT,
  max_parallel_requests  BIGINT,
  model_max_budget       TEXT NOT NULL DEFAULT '{}',
  model_rpm_limit        TEXT NOT NULL DEFAULT '{}',
  model_tpm_limit        TEXT NOT NULL DEFAULT '{}',
  budget_id              TEXT REFERENCES budgets (id),
  temp_budget_increase   BIGINT,
  temp_budget_expires_at BIGINT,
  rpm_limit_type         TEXT,
  tpm_limit_type         TEXT,
  allowed_cache_controls TEXT NOT NULL DEFAULT '[]',
  enforced_params        TEXT NOT NULL DEFAULT '[]',
  metadata               TEXT NOT NULL DEFAULT '{}',
  permissions            TEXT NOT NULL DEFAULT '{}',
  config                 TEXT NOT NULL DEFAULT '{}',
  extra                  TEXT NOT NULL DEFAULT '{}',
  auto_rotate            BOOLEAN NOT NULL DEFAULT FALSE,
  rotation_interval      TEXT,
  created_at             BIGINT NOT NULL DEFAULT 0,
  created_by             TEXT NOT NULL DEFAULT '',
  updated_at             BIGINT NOT NULL DEFAULT 0,
  updated_by             TEXT NOT NULL DEFAULT '',
  change_seq             BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX keys_hash ON keys (hash);
CREATE UNIQUE INDEX keys_alias ON keys (alias);
CREATE INDEX keys_user ON keys (user_id, created_at);
CREATE INDEX keys_team ON keys (team_id, created_at);
CREATE INDEX keys_organization ON keys (organization_id);
CREATE INDEX keys_creator ON keys (created_by);
CREATE INDEX keys_budget ON keys (budget_id);
CREATE INDEX keys_created ON keys (created_at, hash);
CREATE INDEX keys_updated ON keys (updated_at, hash);
CREATE INDEX keys_expiry ON keys (expires_at);
CREATE INDEX keys_feed ON keys (change_seq);

-- Deleted keys, and the former state of rotated ones (same id, other hash).
CREATE TABLE keys_archive (
  id                     TEXT NOT NULL,
  hash                   TEXT NOT NULL,
  key_name               TEXT NOT NULL DEFAULT '',
  alias                  TEXT,
  user_id                TEXT,
  team_id                TEXT,
  organization_id        TEXT,
  models                 TEXT NOT NULL DEFAULT '[]',
  aliases                TEXT NOT NULL DEFAULT '{}',
  allowed_routes         TEXT NOT NULL DEFAULT '[]',
  access_group_ids       TEXT NOT NULL DEFAULT '[]',
  blocked                BOOLEAN,
  blocked_reason         TEXT NOT NULL DEFAULT '',
  expires_at             BIGINT,
  max_budget             BIGINT,
  soft_budget            BIGINT,
  budget_duration        TEXT,
  tpm_limit              BIGINT,
  rpm_limit              BIGINT,
  max_parallel_requests  BIGINT,
  model_max_budget       TEXT NOT NULL DEFAULT '{}',
  model_rpm_limit        TEXT NOT NULL DEFAULT '{}',
  model_tpm_limit        TEXT NOT NULL DEFAULT '{}',
  budget_id              TEXT,
  temp_budget_increase   BIGINT,
  temp_budget_expires_at BIGINT,
  rpm_limit_type         TEXT,
  tpm_limit_type         TEXT,
  allowed_cache_controls TEXT NOT NULL DEFAULT '[]',
  enforced_params        TEXT NOT NULL DEFAULT '[]',
  metadata               TEXT NOT NULL DEFAULT '{}',
  permissions            TEXT NOT NULL DEFAULT '{}',
  config                 TEXT NOT NULL DEFAULT '{}',
  extra                  TEXT NOT NULL DEFAULT '{}',
  auto_rotate            BOOLEAN NOT NULL DEFAULT FALSE,
  rotation_interval      TEXT,
  created_at             BIGINT NOT NULL DEFAULT 0,
  created_by             TEXT NOT NULL DEFAULT '',
  updated_at             BIGINT NOT NULL DEFAULT 0,
  updated_by             TEXT NOT NULL DEFAULT '',
  deleted_at             BIGINT NOT NULL,
  deleted_by             TEXT NOT NULL DEFAULT '',
  rotated                BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX keys_archive_id ON keys_archive (id);
CREATE INDEX keys_archive_hash ON keys_archive (hash);
CREATE INDEX keys_archive_deleted ON keys_archive (deleted_at, id);
CREATE INDEX keys_archive_user ON keys_archive (user_id);
CREATE INDEX keys_archive_team ON keys_archive (team_id);

-- Former secrets of rotated keys in their grace period.
CREATE TABLE old_secrets (
  hash       TEXT PRIMARY KEY,
  key_id     TEXT NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
  expires_at BIGINT NOT NULL,
  change_seq BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX old_secrets_key ON old_secrets (key_id);
CREATE INDEX old_secrets_expiry ON old_secrets (expires_at);
CREATE INDEX old_secrets_feed ON old_secrets (change_seq);

CREATE TABLE customers (
  id                    TEXT PRIMARY KEY,
  alias                 TEXT,
  blocked               BOOLEAN NOT NULL DEFAULT FALSE,
  budget_id             TEXT REFERENCES budgets (id),
  allowed_model_region  TEXT,
  default_model         TEXT,
  max_budget            BIGINT,
  soft_budget           BIGINT,
  budget_duration       TEXT,
  tpm_limit             BIGINT,
  rpm_limit             BIGINT,
  max_parallel_requests BIGINT,
  model_max_budget      TEXT NOT NULL DEFAULT '{}',
  model_rpm_limit       TEXT NOT NULL DEFAULT '{}',
  model_tpm_limit       TEXT NOT NULL DEFAULT '{}',
  created_at            BIGINT NOT NULL DEFAULT 0,
  created_by            TEXT NOT NULL DEFAULT '',
  updated_at            BIGINT NOT NULL DEFAULT 0,
  updated_by            TEXT NOT NULL DEFAULT '',
  change_seq            BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX customers_budget ON customers (budget_id);
CREATE INDEX customers_created ON customers (created_at, id);
CREATE INDEX customers_feed ON customers (change_seq);

-- Models added at run time; those of config.yaml have no row.
CREATE TABLE deployments (
  id         TEXT PRIMARY KEY,
  model_name TEXT NOT NULL,
  params     TEXT NOT NULL DEFAULT '{}',
  sealed     TEXT NOT NULL DEFAULT '',
  info       TEXT NOT NULL DEFAULT '{}',
  team_id    TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL DEFAULT 0,
  created_by TEXT NOT NULL DEFAULT '',
  updated_at BIGINT NOT NULL DEFAULT 0,
  updated_by TEXT NOT NULL DEFAULT '',
  change_seq BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX deployments_name ON deployments (model_name);
CREATE INDEX deployments_feed ON deployments (change_seq);

CREATE TABLE access_groups (
  name       TEXT PRIMARY KEY,
  models     TEXT NOT NULL DEFAULT '[]',
  created_at BIGINT NOT NULL DEFAULT 0,
  created_by TEXT NOT NULL DEFAULT '',
  updated_at BIGINT NOT NULL DEFAULT 0,
  updated_by TEXT NOT NULL DEFAULT '',
  change_seq BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX access_groups_feed ON access_groups (change_seq);

-- Values changed in the portal that overlay config.yaml.
CREATE TABLE settings (
  name       TEXT PRIMARY KEY,
  value      TEXT NOT NULL DEFAULT '{}',
  created_at BIGINT NOT NULL DEFAULT 0,
  created_by TEXT NOT NULL DEFAULT '',
  updated_at BIGINT NOT NULL DEFAULT 0,
  updated_by TEXT NOT NULL DEFAULT '',
  change_seq BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX settings_feed ON settings (change_seq);
