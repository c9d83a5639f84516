package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/models"
	"gatehouse/models/duration"
)

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %+v, want %+v", what, got, want)
	}
}

func nano(dollars float64) *models.Nano {
	n := models.Nano(dollars * 1e9)
	return &n
}

func TestLiteLLMSample(t *testing.T) {
	t.Parallel()
	c, report := Load(filepath.Join("testdata", "litellm.yaml"), []string{
		"AZURE_API_KEY=az", "OPENAI_API_KEY=oa", "FIREWORKS=fw", "ANTHROPIC_API_KEY=an", "MASTER=sk-0123456789abcdef", "REDIS_SECRET=rs", "OPENAI_ORGANIZATION=org-9",
	})
	if len(report.Faults)+len(report.Warnings) > 0 {
		t.Fatalf("%v %v", report.Faults, report.Warnings)
	}
	if len(c.Models) != 7 {
		t.Fatalf("%d deployments", len(c.Models))
	}
	azure, openai, hf := c.Models[0], c.Models[1], c.Models[3]
	equal(t, "azure", []any{azure.Provider, azure.Model, azure.APIBase, azure.APIKey.Reveal(), azure.APIVersion, *azure.RPM, azure.AccessGroups, azure.FromConfig},
		[]any{"azure", "gpt-4-eu", "https://eu.openai.example.com", "az", "2024-02-01", int64(6), []string{"beta-models"}, true})
	equal(t, "openai", []any{openai.Provider, openai.APIKey.Reveal(), openai.Organization, openai.Prices["input_cost_per_token"]}, []any{"openai", "oa", "org-9", json.Number("3e-5")})
	if hf.ID == c.Models[4].ID || hf.APIKey.IsSet() || hf.Disabled != "" {
		t.Errorf("huggingface: %+v", hf)
	}
	equal(t, "exports", c.Exports["EU_BASE"].Reveal(), "https://eu.openai.example.com")

	s := c.LiteLLM
	equal(t, "max_budget 0 is none", s.MaxBudget, (*models.Nano)(nil))
	equal(t, "internal users", []any{s.MaxInternalUserBudget, s.InternalUserBudgetDuration, s.DropParams, s.Verbose, s.Prometheus}, []any{nano(10), duration.Duration{N: 1, Unit: duration.Month}, true, false, true})
	equal(t, "default user", s.DefaultUser, DefaultUserParams{
		Set: true, Role: models.RoleInternalUser, MaxBudget: nano(5), BudgetDuration: duration.Duration{N: 30, Unit: duration.Day},
		Models: []string{"gpt-4", "beta-models", "anthropic/claude-3-opus"}, AvailableTeams: []string{"team-a"},
		Teams: []DefaultTeamPlace{{TeamID: "team-b", Role: models.TeamMember}, {TeamID: "team-c", MaxBudget: nano(2.5), Role: models.TeamAdmin}},
		Other: map[string]any{},
	})
	equal(t, "default team", *s.DefaultTeam, DefaultTeamParams{
		MaxBudget: nano(100), BudgetDuration: duration.Duration{N: 30, Unit: duration.Day}, Models: []string{"gpt-4"},
		Other: map[string]any{"team_member_permissions": []any{"/key/generate"}},
	})
	thousand := int64(1000)
	equal(t, "upper bound", *s.UpperBound, UpperBound{
		MaxBudget: nano(100), BudgetDuration: duration.Duration{N: 10, Unit: duration.Day}, Duration: duration.Duration{N: 30, Unit: duration.Day},
		MaxParallel: &thousand, TPMLimit: &thousand, RPMLimit: &thousand,
	})
	equal(t, "default key", []any{s.DefaultKey.MaxBudget, s.DefaultKey.Duration.IsNever(), s.DefaultKey.TeamID, s.DefaultKey.Metadata, s.DefaultKey.Fields["tags"], s.DefaultKey.Fields["max_budget"]},
		[]any{nano(1.5), true, "core-infra", map[string]any{"setting": "default"}, []any{"auto"}, json.Number("1.5000")})
	equal(t, "key generation", *s.KeyGeneration, KeyGenerationSettings{
		Team: &TeamKeyRule{Roles: []models.TeamRole{models.TeamAdmin}, Required: []string{"tags"}}, Personal: &PersonalKeyRule{Roles: []models.Role{models.RoleAdmin}},
	})
	equal(t, "router", []any{c.Router.Strategy, c.Router.NumRetries, c.Router.Timeout}, []any{"usage-based-routing", 3, 600 * time.Second})
	equal(t, "fallbacks", c.Router.Fallbacks, map[string][]Fallback{"gpt-4": {{Model: "my-free-tier"}, {Model: "local", Overrides: map[string]any{"temperature": json.Number("0")}}}})
	equal(t, "aliases", c.Router.Aliases, map[string]Alias{"gpt-3.5-turbo": {Model: "my-free-tier"}, "hidden": {Model: "gpt-4", Hidden: true}})
	equal(t, "cache", []any{c.Cache.On, c.Cache.Type, c.Cache.Redis.Host, c.Cache.Redis.Port, c.Cache.Redis.Password.Reveal(), c.Cache.TTL, c.Cache.Scope},
		[]any{true, "redis", "cache.internal", 6380, "rs", time.Minute, "team"})
	equal(t, "general", []any{c.General.MasterKey.Reveal(), c.General.KeyHeader, c.General.JWT.TeamIDsField, c.SSO.TeamIDsField, c.General.SweepMin, c.General.SweepMax, fmt.Sprint(c.General.AllowedIPs)},
		[]any{"sk-0123456789abcdef", "X-Litellm-Key", "groups", "groups", time.Second, time.Second, "[10.0.0.0/8 192.0.2.7/32]"})
	equal(t, "sources", c.Sources, []Source{{"master key", "general_settings.master_key (litellm.yaml:96)"}, {"database", "general_settings.database_url (litellm.yaml:97)"}})
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	c, report := Load("", nil)
	if len(report.Faults)+len(report.Warnings) > 0 {
		t.Fatalf("%v %v", report.Faults, report.Warnings)
	}
	equal(t, "server", []any{c.Server.Host, c.Server.Port, c.Server.DataDir, c.Server.BaseURL, c.Server.RootPath, c.Server.DocsURL, c.Server.RedocURL, c.Server.SSLVerify}, []any{"0.0.0.0", 4000, "data", "", "", "/", "/redoc", true})
	equal(t, "ui", []any{c.UI.Username, c.UI.Password.IsSet(), c.UI.AccessMode, c.UI.SessionLength}, []any{"admin", false, AccessAll, 24 * time.Hour})
	equal(t, "gatehouse", c.Gatehouse, Gatehouse{
		SSOTeamSync: SyncAdd, PasswordMin: 12, InviteTTL: 7 * 24 * time.Hour, LoginRate: Rate{10, time.Minute}, BudgetMode: BudgetFirm, MinOutput: 16,
		SliceTTL: 90 * time.Second, SnapshotMaxStale: 10 * time.Minute, JournalSync: 20 * time.Millisecond, DrainDelay: 5 * time.Second,
		DrainTimeout: 120 * time.Second, SessionIdle: 8 * time.Hour, SessionIdleAdmin: time.Hour,
	})
	g := c.General
	equal(t, "general", []any{g.PoolLimit, g.DBTimeout, g.SweepMin, g.SweepMax, g.RetentionInterval.String(), g.TokenLimitType, g.HealthInterval, g.StoreModelInDB},
		[]any{10, time.Minute, 597 * time.Second, 605 * time.Second, "1d", CountTotal, 300 * time.Second, true}) // without a file, models come from the database
	r := c.Router
	equal(t, "router", []any{r.Strategy, r.NumRetries, r.Timeout, r.StreamIdle, r.AllowedFails, r.Cooldown, r.MaxFallbacks}, []any{"simple-shuffle", 2, 600 * time.Second, 120 * time.Second, 3, 5 * time.Second, 5})
	equal(t, "litellm", []any{c.LiteLLM.MaxUISessionBudget, !c.LiteLLM.NoAuditLogs, c.LiteLLM.Timezone, c.LiteLLM.KeyGeneration, c.LiteLLM.UpperBound, c.LiteLLM.DefaultTeam},
		[]any{models.USD, true, time.UTC, (*KeyGenerationSettings)(nil), (*UpperBound)(nil), (*DefaultTeamParams)(nil)})
	equal(t, "keys", []any{c.Keys.Bytes, c.Keys.StoreName, c.Keys.RateWindow}, []any{32, true, time.Minute})
	equal(t, "mail", []any{c.Mail.Enabled, c.Mail.Port, c.Mail.TLS, c.Mail.IncludeKey, c.Mail.BudgetAlertAt, c.Mail.BudgetAlertTTL}, []any{false, 587, true, false, 0.8, 24 * time.Hour})
	equal(t, "redis", c.Redis.Configured, false)
	if fmt.Sprint(c.Server.TrustedProxies) != "[127.0.0.0/8 ::1/128 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7]" {
		t.Error(c.Server.TrustedProxies)
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	c, report := Load("", []string{
		"PORT=8080", "HOST=127.0.0.1", "GATEHOUSE_DATA_DIR=/d", "PROXY_BASE_URL=https://llm.example.com/", "SERVER_ROOT_PATH=/llm", "LITELLM_MASTER_KEY=sk-0123456789abcdef",
		"DATABASE_HOST=db", "DATABASE_USERNAME=u", "DATABASE_PASSWORD=p@ss/word", "DATABASE_NAME=llm", "LITELLM_SALT_KEY=salt", "UI_USERNAME=boss", "UI_PASSWORD=",
		"PROXY_LOGOUT_URL=https://bye.example.com/x", "PROXY_ADMIN_ID=emp-1", "PROXY_DEFAULT_TEAM_DISABLED=True", "STORE_MODEL_IN_DB=True",
		"MICROSOFT_CLIENT_ID=m", "MICROSOFT_CLIENT_SECRET=ms", "MICROSOFT_TENANT=t", "MICROSOFT_USER_EMAIL_ATTRIBUTE=mail", "ALLOWED_EMAIL_DOMAINS=Example.org, @example.com",
		"SMTP_HOST=mail", "SMTP_PORT=465", "SMTP_SENDER_EMAIL=a@example.org", "SMTP_TLS=False", "REDIS_URL=rediss://:pw@r:6380/1", "LITELLM_LOG=DEBUG", "JSON_LOGS=true",
		"LITELLM_UI_SESSION_DURATION=24hr", "LITELLM_RATE_LIMIT_WINDOW_SIZE=10", "DISABLE_KEY_NAME=true", "LITELLM_MODE=PRODUCTION", "NO_DOCS=True",
		"PROXY_BUDGET_RESCHEDULER_MIN_TIME=3", "PROXY_BUDGET_RESCHEDULER_MAX_TIME=4", "LITELLM_KEY_ROTATION_GRACE_PERIOD=2h", "EMAIL_INCLUDE_API_KEY=true",
	})
	if len(report.Faults)+len(report.Warnings) > 0 {
		t.Fatalf("%v %v", report.Faults, report.Warnings)
	}
	equal(t, "server", []any{c.Server.Host, c.Server.Port, c.Server.DataDir, c.Server.BaseURL, c.Server.RootPath, c.Server.NoDocs, c.Production}, []any{"127.0.0.1", 8080, "/d", "https://llm.example.com", "/llm", true, true})
	equal(t, "secrets", []any{c.General.MasterKey.Reveal(), c.General.DatabaseURL.Reveal(), c.Keys.Salt.Reveal()}, []any{"sk-0123456789abcdef", "postgresql://u:p%40ss%2Fword@db/llm", "salt"})
	equal(t, "ui", []any{c.UI.Username, c.UI.Password.IsSet(), c.UI.LogoutURL, c.UI.AdminID, c.UI.SessionLength}, []any{"boss", false, "https://bye.example.com/x", "emp-1", 24 * time.Hour})
	equal(t, "sso", []any{c.SSO.Any(), c.SSO.Google == nil, c.SSO.Microsoft.Tenant, c.SSO.Microsoft.Claims, c.SSO.AllowedDomains},
		[]any{true, true, "t", Claims{ID: "id", Email: "mail", DisplayName: "displayName", FirstName: "givenName", LastName: "surname"}, []string{"example.org", "example.com"}})
	equal(t, "mail", []any{c.Mail.Enabled, c.Mail.Implicit, c.Mail.TLS, c.Mail.IncludeKey}, []any{true, true, false, true})
	equal(t, "redis", []any{c.Redis.Configured, c.Redis.TLS, c.Redis.URL.Reveal()}, []any{true, true, "rediss://:pw@r:6380/1"})
	equal(t, "rest", []any{c.Log.Level, c.Log.JSON, c.Keys.RateWindow, c.Keys.StoreName, c.Keys.RotateGrace.String(), c.General.SweepMin, c.General.SweepMax, c.General.DefaultTeamDisabled, c.General.StoreModelInDB},
		[]any{"debug", true, 10 * time.Second, false, "2h", 3 * time.Second, 4 * time.Second, true, true})
	equal(t, "sources", c.Sources[0], Source{"master key", "environment variable LITELLM_MASTER_KEY"})
}

func TestGenericSSO(t *testing.T) {
	t.Parallel()
	c, report := Load("", []string{
		"PROXY_BASE_URL=https://x", "GENERIC_CLIENT_ID=g", "GENERIC_CLIENT_SECRET=s", "GENERIC_AUTHORIZATION_ENDPOINT=http://localhost:9090/auth",
		"GENERIC_TOKEN_ENDPOINT=http://localhost:9090/token", "GENERIC_USERINFO_ENDPOINT=http://localhost:9090/me", "GENERIC_USER_ROLE_ATTRIBUTE=given_role",
		`GENERIC_ROLE_MAPPINGS_ROLES={"proxy_admin":["platform"]}`, "GENERIC_ROLE_MAPPINGS_GROUP_CLAIM=groups", "GENERIC_ROLE_MAPPINGS_DEFAULT_ROLE=internal_user",
	})
	if len(report.Faults)+len(report.Warnings) > 0 {
		t.Fatalf("%v %v", report.Faults, report.Warnings)
	}
	g := c.SSO.Generic
	equal(t, "generic", []any{g.TokenEndpoint, g.Scopes, g.Claims, g.RoleMappings, g.GroupClaim, g.DefaultRole}, []any{
		"http://localhost:9090/token",
		[]string{"openid", "email", "profile"},
		Claims{ID: "preferred_username", Email: "email", Role: "given_role", DisplayName: "sub", FirstName: "first_name", LastName: "last_name", Provider: "provider"},
		map[string][]string{"proxy_admin": {"platform"}},
		"groups", models.RoleInternalUser,
	})
}

// TestPrecedence: yaml first, the environment where yaml is silent, the command line above both.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	text := "general_settings:\n  master_key: sk-from-the-yaml-file\n  database_url: sqlite:/y.db\n  store_model_in_db: false\n  default_team_disabled: false\nrouter_settings: {redis_host: y}\n"
	env := []string{"LITELLM_MASTER_KEY=sk-from-environment", "DATABASE_URL=postgres://e/e", "STORE_MODEL_IN_DB=true", "PROXY_DEFAULT_TEAM_DISABLED=true", "REDIS_HOST=e", "PORT=5000"}
	c := good(t, text, env...)
	equal(t, "yaml wins", []any{c.General.MasterKey.Reveal(), c.General.DatabaseURL.Reveal(), c.General.StoreModelInDB, c.General.DefaultTeamDisabled, c.Redis.Host}, []any{"sk-from-the-yaml-file", "sqlite:/y.db", false, false, "y"})
	c = good(t, "general_settings: {master_key: }\n", env...)
	equal(t, "a blank yaml value leaves it to the environment", []any{c.General.MasterKey.Reveal(), c.Redis.Host}, []any{"sk-from-environment", "e"})

	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, report := Start(Overrides{ConfigPath: path, Host: "::1", Port: 6000, DataDir: "/x"}, append(env, "CONFIG_FILE_PATH=/elsewhere"))
	if report.Err() != nil || c.Server.Host != "::1" || c.Server.Port != 6000 || c.Server.DataDir != "/x" || c.Path != path {
		t.Errorf("the command line: %v, %v", c.Server, report.Err())
	}
	if _, report := Start(Overrides{Port: 70000}, nil); report.Err() == nil {
		t.Error("a port out of range on the command line")
	}
	if got := (Overrides{}).Path([]string{"GATEHOUSE_CONFIG=b", "CONFIG_FILE_PATH=a"}); got != "a" {
		t.Errorf("path %q", got)
	}
}

func TestDisabledDeployments(t *testing.T) {
	t.Parallel()
	c, _ := load(t, "model_list:\n  - {model_name: a, litellm_params: {model: os.environ/MODEL, api_key: os.environ/KEY, stop: [os.environ/STOP]}}\n  - {model_name: b, litellm_params: {model: openai/b, api_key: os.environ/SET}}\n", "SET=v")
	a, b := c.Models[0], c.Models[1]
	equal(t, "named", a.Disabled, "environment variable MODEL is not set; environment variable KEY is not set; environment variable STOP is not set")
	if b.Disabled != "" || b.APIKey.Reveal() != "v" {
		t.Errorf("its neighbour: %q", b.Disabled)
	}
	shown, err := json.Marshal(c.Models)
	if err != nil || strings.Contains(string(shown), "os.environ") {
		t.Errorf("a reference is passed on: %s %v", shown, err)
	}
}

func TestEqualDeploymentsGetTheirOwnID(t *testing.T) {
	t.Parallel()
	c := good(t, "model_list:\n  - {model_name: a, litellm_params: {model: openai/a, api_key: one}}\n  - {model_name: a, litellm_params: {model: openai/a, api_key: two}}\n  - {model_name: a, litellm_params: {model: openai/a, api_key: three}}\n")
	ids := []string{c.Models[0].ID, c.Models[1].ID, c.Models[2].ID}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 3 {
		t.Error("deployments of two keys share an id")
	}
}

// TestConfigPrintsNoSecret looks for canaries in every way a Config can be shown.
func TestConfigPrintsNoSecret(t *testing.T) {
	t.Parallel()
	c := good(t, `environment_variables: {X: canary-env}
model_list:
  - {model_name: m, litellm_params: {model: openai/x, api_key: canary-key, aws_session_token: canary-token, extra_headers: {A: canary-header}}}
general_settings: {master_key: sk-canary-master-key, database_url: "postgres://u:canary-db@h/d", custom_auth: "https://h/canary-hook", alert_to_webhook_url: {x: "https://canary-hook"},
  pass_through_endpoints: [{path: /p, target: "https://x", headers: {Authorization: Bearer canary-pass}}]}
gatehouse: {session_secret: canary-session}
router_settings: {redis_host: h, redis_password: canary-redis}
`, "GENERIC_CLIENT_ID=a", "GENERIC_CLIENT_SECRET=canary-sso", "GENERIC_AUTHORIZATION_ENDPOINT=https://a", "GENERIC_TOKEN_ENDPOINT=https://a", "GENERIC_USERINFO_ENDPOINT=https://a",
		"SMTP_PASSWORD=canary-mail", "UI_PASSWORD=canary-ui", "LITELLM_SALT_KEY=canary-salt", "SLACK_WEBHOOK_URL=https://canary")
	var out strings.Builder
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", slog.Any("config", c), slog.Any("general", c.General), slog.Any("models", c.Models))
	j, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&out, "%v %+v %#v %s %s", c, c, c, c, j)
	for _, part := range []any{c.General, c.Models, c.Redis, c.Mail, c.UI, *c.SSO.Generic, c.Keys, c.Alerts, c.Gatehouse, c.Exports, c.Sources} {
		fmt.Fprintf(&out, "%v %+v %#v", part, part, part)
	}
	if strings.Contains(out.String(), "canary") {
		t.Error(out.String())
	}
}

// TestModelsFromKeys: infer_model_from_keys adds provider/* to a file's models for every provider whose variables are set.
func TestModelsFromKeys(t *testing.T) {
	t.Parallel()
	const text = "model_list:\n  - {model_name: anthropic/*, litellm_params: {model: anthropic/*, api_key: own}}\ngeneral_settings: {infer_model_from_keys: %v}\n"
	env := []string{"OPENAI_API_KEY=k", "ANTHROPIC_API_KEY=k"}
	for on, want := range map[bool]string{false: "[anthropic/*]", true: "[anthropic/* openai/*]"} {
		c, report := load(t, fmt.Sprintf(text, on), env...)
		var names []string
		for _, d := range c.Models {
			names = append(names, d.ModelName)
		}
		if len(report.Warnings) != 0 || fmt.Sprint(names) != want {
			t.Errorf("%v: %v %v", on, names, report.Warnings)
		}
	}
}

// TestSlotsOfDeployments: general_settings.max_parallel_requests stands where router_settings names no number of its own.
func TestSlotsOfDeployments(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"general_settings: {max_parallel_requests: 3}\n":                                                      3,
		"general_settings: {max_parallel_requests: 3}\nrouter_settings: {default_max_parallel_requests: 5}\n": 5,
	} {
		if c, _ := load(t, text); c.Router.DefaultMaxParallel == nil || *c.Router.DefaultMaxParallel != want {
			t.Errorf("%s: %v", text, c.Router.DefaultMaxParallel)
		}
	}
}

// TestOtherBlocks: what LiteLLM's guides put into another block counts there too; router_settings win.
func TestOtherBlocks(t *testing.T) {
	t.Parallel()
	const others = "litellm_settings: {allowed_fails: 7, cooldown_time: 30}\n" +
		"general_settings: {enable_health_check_routing: true, health_check_ignore_transient_errors: true, always_include_stream_usage: true, disable_retry_on_max_parallel_request_limit_error: true}\n"
	for text, want := range map[string][]any{
		"":     {3, 5 * time.Second, false, false, false},
		others: {7, 30 * time.Second, true, true, true},
		others + "router_settings: {allowed_fails: 1, cooldown_time: 2, enable_health_check_routing: false, health_check_ignore_transient_errors: false}\n": {1, 2 * time.Second, false, false, true},
	} {
		c, report := load(t, text)
		equal(t, text, []any{c.Router.AllowedFails, c.Router.Cooldown, c.Router.HealthRouting, c.Router.HealthNoTransient, c.LiteLLM.AlwaysIncludeUsage}, want)
		if len(report.Warnings)+len(report.Faults) != 0 {
			t.Errorf("%s: %v %v", text, report.Warnings, report.Faults)
		}
	}
}
