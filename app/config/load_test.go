package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// load writes text as config.yaml and loads it. The environment is exactly env.
func load(t *testing.T, text string, env ...string) (*Config, *Report) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path, env)
}

// good loads text that must have no fault.
func good(t *testing.T, text string, env ...string) *Config {
	t.Helper()
	c, report := load(t, text, env...)
	if len(report.Faults) > 0 {
		t.Fatalf("faults: %v", report.Faults)
	}
	return c
}

func has(list []Finding, place string) bool {
	for _, f := range list {
		if fmt.Sprintf("%d:%s", f.Line, f.Path) == place {
			return true
		}
	}
	return false
}

// oneModel is a model list without a finding, in five lines.
const oneModel = `model_list:
  - model_name: gpt-4
    litellm_params: {model: openai/gpt-4, api_key: k}
    model_info: {access_groups: [beta]}
`

// TestFaults has a case for every cell of the contract that says fatal. Each file has that one fault at that line.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"not YAML", "a: [1, 2\nb: 3\n", ""},
		{"a list at the top", "- a\n", ""},
		{"two documents", "a: 1\n---\nb: 2\n", ""},
		{"an anchor that holds itself", "general_settings: &a\n  x: *a\n", ""},
		{"model_list is a map", "model_list: {a: b}\n", "1:model_list"},
		{"model without a name", "model_list:\n  - litellm_params: {model: openai/x, api_key: k}\n", "2:model_list[0].model_name"},
		{"model with an empty name", "model_list:\n  - model_name: ''\n    litellm_params: {model: openai/x, api_key: k}\n", "2:model_list[0].model_name"},
		{"model without litellm_params.model", "model_list:\n  - model_name: m\n    litellm_params: {api_key: k}\n", "3:model_list[0].litellm_params.model"},
		{"negative rpm", "model_list:\n  - model_name: m\n    litellm_params:\n      model: openai/x\n      api_key: k\n      rpm: -1\n", "6:model_list[0].litellm_params.rpm"},
		{"negative price", "model_list:\n  - model_name: m\n    litellm_params: {model: openai/x, api_key: k}\n    model_info:\n      input_cost_per_token: -1\n      output_cost_per_token: 0\n", "5:model_list[0].model_info.input_cost_per_token"},
		{"two models of one id", "model_list:\n  - {model_name: a, litellm_params: {model: openai/x, api_key: k}, model_info: {id: one}}\n  - {model_name: b, litellm_params: {model: openai/x, api_key: k}, model_info: {id: one}}\n", "3:model_list[1].model_info.id"},
		{"litellm_params is text", "model_list:\n  - model_name: m\n    litellm_params: openai/x\n", "3:model_list[0].litellm_params"},

		{"litellm_settings is a list", "litellm_settings: [a]\n", "1:litellm_settings"},
		{"max_budget negative", "litellm_settings:\n  max_budget: -1\n", "2:litellm_settings.max_budget"},
		{"budget_duration without a unit", "litellm_settings:\n  max_budget: 1\n  budget_duration: 30\n", "3:litellm_settings.budget_duration"},
		{"budget_duration of nothing", "litellm_settings:\n  max_budget: 1\n  budget_duration: 0d\n", "3:litellm_settings.budget_duration"},
		{"max_internal_user_budget negative", "litellm_settings:\n  max_internal_user_budget: -0.5\n", "2:litellm_settings.max_internal_user_budget"},
		{"max_internal_user_budget is a word", "litellm_settings:\n  max_internal_user_budget: ten\n", "2:litellm_settings.max_internal_user_budget"},
		{"max_internal_user_budget is infinite", "litellm_settings:\n  max_internal_user_budget: .inf\n", "2:litellm_settings.max_internal_user_budget"},
		{"internal_user_budget_duration unknown", "litellm_settings:\n  internal_user_budget_duration: 2y\n", "2:litellm_settings.internal_user_budget_duration"},
		{"default user role unknown", "litellm_settings:\n  default_internal_user_params:\n    user_role: boss\n", "3:litellm_settings.default_internal_user_params.user_role"},
		{"default user budget negative", "litellm_settings:\n  default_internal_user_params: {max_budget: -1}\n", "2:litellm_settings.default_internal_user_params.max_budget"},
		{"default user team without id", "litellm_settings:\n  default_internal_user_params:\n    teams: [{max_budget_in_team: 1}]\n", "3:litellm_settings.default_internal_user_params.teams[0].team_id"},
		{"default user is a list", "litellm_settings:\n  default_internal_user_params: [a]\n", "2:litellm_settings.default_internal_user_params"},
		{"default team duration", "litellm_settings:\n  default_team_params: {budget_duration: 30}\n", "2:litellm_settings.default_team_params.budget_duration"},
		{"default key limit negative", "litellm_settings:\n  default_key_generate_params: {tpm_limit: -1}\n", "2:litellm_settings.default_key_generate_params.tpm_limit"},
		{"upper bound negative", "litellm_settings:\n  upperbound_key_generate_params: {max_budget: -1}\n", "2:litellm_settings.upperbound_key_generate_params.max_budget"},
		{"upper bound duration", "litellm_settings:\n  upperbound_key_generate_params:\n    duration: soon\n", "3:litellm_settings.upperbound_key_generate_params.duration"},
		{"personal keys for an unknown role", "litellm_settings:\n  key_generation_settings:\n    personal_key_generation: {allowed_user_roles: [root]}\n", "3:litellm_settings.key_generation_settings.personal_key_generation.allowed_user_roles"},
		{"team keys for an unknown role", "litellm_settings:\n  key_generation_settings:\n    team_key_generation: {allowed_team_member_roles: [owner]}\n", "3:litellm_settings.key_generation_settings.team_key_generation.allowed_team_member_roles"},
		{"max_end_user_budget negative", "litellm_settings:\n  max_end_user_budget: -1\n", "2:litellm_settings.max_end_user_budget"},
		{"timezone unknown", "litellm_settings:\n  timezone: Mars/Olympus\n", "2:litellm_settings.timezone"},
		{"timezone of the machine", "litellm_settings:\n  timezone: Local\n", "2:litellm_settings.timezone"},
		{"request_timeout zero", "litellm_settings:\n  request_timeout: 0\n", "2:litellm_settings.request_timeout"},

		{"master key without sk-", "general_settings:\n  master_key: my-secret-master\n", "2:general_settings.master_key"},
		{"master key is a list", "general_settings:\n  master_key: [sk-a]\n", "2:general_settings.master_key"},
		{"master key names an unset variable", "general_settings:\n  master_key: os.environ/NOT_SET\n", "2:general_settings.master_key"},
		{"database names an unset variable", "general_settings:\n  database_url: os.environ/NOT_SET\n", "2:general_settings.database_url"},
		{"database of another kind", "general_settings:\n  database_url: mysql://u:hunter2@h/db\n", "2:general_settings.database_url"},
		{"database without a host", "general_settings:\n  database_url: postgres:///\n", "2:general_settings.database_url"},
		{"sqlite without a file", "general_settings:\n  database_url: 'sqlite:'\n", "2:general_settings.database_url"},
		{"pool of none", "general_settings:\n  database_connection_pool_limit: 0\n", "2:general_settings.database_connection_pool_limit"},
		{"header name with a space", "general_settings:\n  litellm_key_header_name: 'X Key'\n", "2:general_settings.litellm_key_header_name"},
		{"custom_auth without a file", "general_settings:\n  custom_auth: rules.auth\n", "2:general_settings.custom_auth"},
		{"custom_auth of no form", "general_settings:\n  custom_auth: rules\n", "2:general_settings.custom_auth"},
		{"custom_key_generate outside the folder", "general_settings:\n  custom_key_generate: ../rules.key\n", "2:general_settings.custom_key_generate"},
		{"custom_auth over plain http", "general_settings:\n  custom_auth: http://auth.example.com/check\n", "2:general_settings.custom_auth"},
		{"ui_access_mode unknown", "general_settings:\n  ui_access_mode: staff\n", "2:general_settings.ui_access_mode"},
		{"sweep of zero seconds", "general_settings:\n  proxy_budget_rescheduler_min_time: 0\n", "2:general_settings.proxy_budget_rescheduler_min_time"},
		{"sweep negative", "general_settings:\n  proxy_budget_rescheduler_max_time: -5\n", "2:general_settings.proxy_budget_rescheduler_max_time"},
		{"retention without a unit", "general_settings:\n  maximum_spend_logs_retention_period: 30\n", "2:general_settings.maximum_spend_logs_retention_period"},
		{"token_rate_limit_type unknown", "general_settings:\n  token_rate_limit_type: words\n", "2:general_settings.token_rate_limit_type"},
		{"allowed_ips with a bad range", "general_settings:\n  allowed_ips: [10.0.0.0/40]\n", "2:general_settings.allowed_ips"},
		{"team ids field is a map", "general_settings:\n  litellm_jwtauth: {team_ids_jwt_field: {a: b}}\n", "2:general_settings.litellm_jwtauth.team_ids_jwt_field"},
		{"signed tokens judged by a hook that would not run", "general_settings:\n  litellm_jwtauth: {custom_validate: a.b}\n", "2:general_settings.litellm_jwtauth.custom_validate"},
		{"scope mappings that nothing enforces", "general_settings:\n  litellm_jwtauth:\n    scope_mappings: [{scope: a}]\n", "3:general_settings.litellm_jwtauth"},
		{"scope mapping without a scope", "general_settings:\n  litellm_jwtauth:\n    enforce_scope_based_access: true\n    scope_mappings: [{models: [a]}]\n", "4:general_settings.litellm_jwtauth.scope_mappings[0]"},
		{"role mapping to a role that is none", "general_settings:\n  litellm_jwtauth:\n    roles_jwt_field: r\n    role_mappings: [{role: a, internal_role: king}]\n", "4:general_settings.litellm_jwtauth.role_mappings[0].internal_role"},
		{"allowed roles without their claim", "general_settings:\n  litellm_jwtauth:\n    user_allowed_roles: [a]\n", "3:general_settings.litellm_jwtauth"},
		{"public_key_ttl of nothing", "general_settings:\n  litellm_jwtauth: {public_key_ttl: 0}\n", "2:general_settings.litellm_jwtauth.public_key_ttl"},

		{"alias cycle", oneModel + "router_settings:\n  model_group_alias: {a: b, b: a}\n", "6:router_settings.model_group_alias.a"},
		{"alias of itself", oneModel + "router_settings:\n  model_group_alias:\n    a: a\n", "7:router_settings.model_group_alias.a"},

		{"sso_team_sync unknown", "gatehouse:\n  sso_team_sync: mirror\n", "2:gatehouse.sso_team_sync"},
		{"trusted_proxies with a name", "gatehouse:\n  trusted_proxies: [proxy.local]\n", "2:gatehouse.trusted_proxies"},
		{"password too short", "gatehouse:\n  password_min_length: 4\n", "2:gatehouse.password_min_length"},
		{"password too long", "gatehouse:\n  password_min_length: 100\n", "2:gatehouse.password_min_length"},
		{"invite_ttl without a unit", "gatehouse:\n  invite_ttl: 7\n", "2:gatehouse.invite_ttl"},
		{"login_rate of no form", "gatehouse:\n  login_rate: often\n", "2:gatehouse.login_rate"},
		{"login_rate per day", "gatehouse:\n  login_rate: 10/day\n", "2:gatehouse.login_rate"},
		{"budget_mode unknown", "gatehouse:\n  budget_mode: loose\n", "2:gatehouse.budget_mode"},
		{"min_output zero", "gatehouse:\n  min_output: 0\n", "2:gatehouse.min_output"},
		{"allow_mock is a word", "gatehouse:\n  allow_mock: maybe\n", "2:gatehouse.allow_mock"},
		{"slice_ttl too short", "gatehouse:\n  slice_ttl: 2s\n", "2:gatehouse.slice_ttl"},
		{"egress_allow with a path", "gatehouse:\n  egress_allow: ['https://x/y']\n", "2:gatehouse.egress_allow"},
		{"include is missing", "include: [more.yaml]\n", "1:include[0]"},
		{"environment_variables is a list", "environment_variables: [A]\n", "1:environment_variables"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, report := load(t, c.text)
			faults := report.Faults
			if c.name == "alias cycle" && len(faults) == 2 {
				faults = faults[:1] // both ends of it are named
			}
			if len(faults) != 1 || c.want != "" && !has(faults, c.want) {
				t.Errorf("faults %v; want one at %q", report.Faults, c.want)
			}
			if ExitCode(report.Err()) != ExitConfig {
				t.Error("the exit status is not 78")
			}
			if strings.Contains(fmt.Sprint(report.Err()), "hunter2") {
				t.Error("a password shows")
			}
		})
	}
}

// TestEnvironmentFaults has the same for variables.
func TestEnvironmentFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		env  []string
		want string
	}{
		{"port is a word", []string{"PORT=http"}, "PORT"},
		{"port zero", []string{"PORT=0"}, "PORT"},
		{"port too high", []string{"PORT=65536"}, "PORT"},
		{"base URL without a scheme", []string{"PROXY_BASE_URL=gateway.example.com"}, "PROXY_BASE_URL"},
		{"base URL of another scheme", []string{"PROXY_BASE_URL=ftp://gateway.example.com"}, "PROXY_BASE_URL"},
		{"root path without a slash", []string{"SERVER_ROOT_PATH=llm"}, "SERVER_ROOT_PATH"},
		{"root path with a slash at its end", []string{"SERVER_ROOT_PATH=/llm/"}, "SERVER_ROOT_PATH"},
		{"root path with a query", []string{"SERVER_ROOT_PATH=/a?b"}, "SERVER_ROOT_PATH"},
		{"master key", []string{"LITELLM_MASTER_KEY=secret"}, "LITELLM_MASTER_KEY"},
		{"weak master key in production", []string{"LITELLM_MODE=PRODUCTION", "LITELLM_MASTER_KEY=sk-1234"}, "LITELLM_MASTER_KEY"},
		{"short master key in production", []string{"LITELLM_MODE=production", "LITELLM_MASTER_KEY=sk-abcdefghijkl"}, "LITELLM_MASTER_KEY"},
		{"database", []string{"DATABASE_URL=http://db"}, "DATABASE_URL"},
		{"Google without a secret", []string{"GOOGLE_CLIENT_ID=g", "PROXY_BASE_URL=https://x"}, "GOOGLE_CLIENT_SECRET"},
		{"Microsoft without a secret", []string{"MICROSOFT_CLIENT_ID=m", "MICROSOFT_TENANT=t"}, "MICROSOFT_CLIENT_SECRET"},
		{"Microsoft without a tenant", []string{"MICROSOFT_CLIENT_ID=m", "MICROSOFT_CLIENT_SECRET=s"}, "MICROSOFT_TENANT"},
		{"generic without a secret", []string{"GENERIC_CLIENT_ID=g", "GENERIC_AUTHORIZATION_ENDPOINT=https://a", "GENERIC_TOKEN_ENDPOINT=https://a", "GENERIC_USERINFO_ENDPOINT=https://a"}, "GENERIC_CLIENT_SECRET"},
		{"generic without its token endpoint", []string{"GENERIC_CLIENT_ID=g", "GENERIC_CLIENT_SECRET=s", "GENERIC_AUTHORIZATION_ENDPOINT=https://a", "GENERIC_USERINFO_ENDPOINT=https://a"}, "GENERIC_TOKEN_ENDPOINT"},
		{"generic with a bad endpoint", []string{"GENERIC_CLIENT_ID=g", "GENERIC_CLIENT_SECRET=s", "GENERIC_AUTHORIZATION_ENDPOINT=a", "GENERIC_TOKEN_ENDPOINT=https://a", "GENERIC_USERINFO_ENDPOINT=https://a"}, "GENERIC_AUTHORIZATION_ENDPOINT"},
		{"session length", []string{"LITELLM_UI_SESSION_DURATION=24"}, "LITELLM_UI_SESSION_DURATION"},
		{"alert share above 1", []string{"EMAIL_BUDGET_ALERT_MAX_SPEND_ALERT_PERCENTAGE=80"}, "EMAIL_BUDGET_ALERT_MAX_SPEND_ALERT_PERCENTAGE"},
		{"alert share negative", []string{"EMAIL_BUDGET_ALERT_MAX_SPEND_ALERT_PERCENTAGE=-0.1"}, "EMAIL_BUDGET_ALERT_MAX_SPEND_ALERT_PERCENTAGE"},
		{"sweep of zero", []string{"PROXY_BUDGET_RESCHEDULER_MIN_TIME=0"}, "PROXY_BUDGET_RESCHEDULER_MIN_TIME"},
		{"rate window of zero", []string{"LITELLM_RATE_LIMIT_WINDOW_SIZE=0"}, "LITELLM_RATE_LIMIT_WINDOW_SIZE"},
		{"short keys", []string{"LENGTH_OF_LITELLM_GENERATED_KEY=8"}, "LENGTH_OF_LITELLM_GENERATED_KEY"},
		{"grace period", []string{"LITELLM_KEY_ROTATION_GRACE_PERIOD=soon"}, "LITELLM_KEY_ROTATION_GRACE_PERIOD"},
		{"smtp port", []string{"SMTP_PORT=mail"}, "SMTP_PORT"},
		{"key address that is none", []string{"JWT_PUBLIC_KEY_URL=file:///etc/passwd"}, "JWT_PUBLIC_KEY_URL"},
		{"role mappings that are no JSON", []string{"GENERIC_CLIENT_ID=g", "GENERIC_CLIENT_SECRET=s", "GENERIC_AUTHORIZATION_ENDPOINT=https://a", "GENERIC_TOKEN_ENDPOINT=https://a", "GENERIC_USERINFO_ENDPOINT=https://a", "GENERIC_ROLE_MAPPINGS_ROLES=admins"}, "GENERIC_ROLE_MAPPINGS_ROLES"},
	} {
		_, report := Load("", c.env)
		if len(report.Faults) != 1 || !has(report.Faults, "0:"+c.want) {
			t.Errorf("%s: faults %v, want one at %s", c.name, report.Faults, c.want)
		}
	}
}

// TestEveryFaultAtOnce is why an operator starts the program once and not nine times.
func TestEveryFaultAtOnce(t *testing.T) {
	t.Parallel()
	_, report := load(t, `
model_list:
  - model_name: m
    litellm_params: {rpm: -1}
litellm_settings:
  max_budget: -1
  timezone: Nowhere
  default_internal_user_params: {user_role: boss}
general_settings:
  master_key: wrong
  database_url: mysql://x
gatehouse: {login_rate: often}
`, "PORT=x")
	if len(report.Faults) != 9 {
		t.Errorf("found %d of 9:\n%v", len(report.Faults), report.Err())
	}
	for i := 1; i < len(report.Faults); i++ {
		if a, b := report.Faults[i-1], report.Faults[i]; a.File == b.File && a.Line > b.Line {
			t.Errorf("not in the order of the file: %v before %v", a, b)
		}
	}
	var out strings.Builder
	if err := report.Write(&out); err != nil || strings.Count(out.String(), "fault: ") != 9 || !strings.Contains(out.String(), "cannot be used") {
		t.Errorf("--check-config prints %q, %v", out.String(), err)
	}
}

// TestNoSecretInFindings puts a canary wherever a value can be wrong and looks for it in every message.
func TestNoSecretInFindings(t *testing.T) {
	t.Parallel()
	const canary = "s3cr3t-canary"
	keys := []string{
		"litellm_settings.max_budget", "litellm_settings.timezone", "litellm_settings.budget_duration", "litellm_settings.request_timeout", "litellm_settings.callbacks",
		"litellm_settings.cache", "litellm_settings.upperbound_key_generate_params", "litellm_settings.fallbacks", "general_settings.master_key",
		"general_settings.database_url", "general_settings.custom_auth", "general_settings.token_rate_limit_type", "general_settings.allowed_ips",
		"general_settings.alerting", "general_settings.ui_access_mode", "router_settings.routing_strategy", "router_settings.redis_url", "router_settings.timeout",
		"gatehouse.login_rate", "gatehouse.budget_mode", "gatehouse.journal_sync", "gatehouse.trusted_proxies", "gatehouse.egress_allow", "gatehouse.sso_team_sync",
		"model_list", "environment_variables", "include",
	}
	for _, key := range keys {
		block, name, nested := strings.Cut(key, ".")
		text := fmt.Sprintf("%s: 'x %s'\n", block, canary)
		if nested {
			text = fmt.Sprintf("%s:\n  %s: 'x %s'\n", block, name, canary)
		}
		for _, source := range []string{text, strings.ReplaceAll(text, "'x "+canary+"'", "os.environ/CANARY")} {
			_, report := load(t, source, "CANARY=x "+canary)
			if found := fmt.Sprint(report.Faults, report.Warnings); strings.Contains(found, canary) {
				t.Errorf("%s shows its value: %s", key, found)
			}
		}
	}
	for _, name := range []string{"PORT", "PROXY_BASE_URL", "LITELLM_MASTER_KEY", "DATABASE_URL", "SERVER_ROOT_PATH", "PROXY_LOGOUT_URL", "REDIS_URL", "SMTP_PORT", "LITELLM_LOG"} {
		if _, report := Load("", []string{name + "=x " + canary}); strings.Contains(fmt.Sprint(report.Faults, report.Warnings), canary) {
			t.Errorf("%s shows its value: %v", name, report)
		}
	}
	for _, text := range []string{"a: 's3cr3t-canary", "a: [s3cr3t-canary", "s3cr3t-canary: *nope", "a: !!s3cr3t-canary [", "\ts3cr3t-canary", "a: b: s3cr3t-canary"} {
		if _, report := load(t, text); strings.Contains(fmt.Sprint(report.Faults), canary) {
			t.Errorf("a syntax error quotes the file: %v", report.Faults)
		}
	}
}
