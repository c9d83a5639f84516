package config

import (
	"fmt"
	"strings"
	"testing"

	"gatehouse/models"
)

// TestWarnings has a case for every cell of the contract that says warning: that one finding and no fault.
func TestWarnings(t *testing.T) {
	t.Parallel()
	model := func(params string) string {
		return "model_list:\n  - model_name: m\n    litellm_params:\n      model: openai/x\n      api_key: k\n" + params
	}
	for _, c := range []struct{ name, text, want, says string }{
		{"unknown key at the top", "modellist: []\n", "1:modellist", "did you mean model_list?"},
		{"unknown key far from any", "frobnicate: 1\n", "1:frobnicate", "unknown setting, ignored"},
		{"unknown key in litellm_settings", "litellm_settings:\n  max_budgt: 1\n", "2:litellm_settings.max_budgt", "did you mean max_budget?"},
		{"unknown key in general_settings", "general_settings:\n  masterkey: sk-aaaaaaaaaaaaaaaaaaaa\n", "2:general_settings.masterkey", "did you mean master_key?"},
		{"unknown key in router_settings", "router_settings:\n  num_retrys: 1\n", "2:router_settings.num_retrys", "did you mean num_retries?"},
		{"budgets of providers", "router_settings:\n  provider_budget_config: {openai: {time_period: 1d}}\n", "2:router_settings.provider_budget_config.openai", "NO BUDGET IS KEPT"},
		{"affinity", "router_settings:\n  model_group_affinity_config: {m: [session_affinity, prompt_caching]}\n", "2:router_settings.model_group_affinity_config.m", "prompt_caching has no effect"},
		{"checks before a call", "router_settings:\n  optional_pre_call_checks: [enforce_model_rate_limits, deployment_affinity, prompt_caching]\n", "2:router_settings.optional_pre_call_checks", "prompt_caching has no effect"},
		{"unknown key in gatehouse", "gatehouse:\n  budget_mod: exact\n", "2:gatehouse.budget_mod", "did you mean budget_mode?"},
		{"unknown key in a model", "model_list:\n  - model_name: m\n    modelinfo: {}\n    litellm_params: {model: openai/x, api_key: k}\n", "3:model_list[0].modelinfo", "did you mean model_info?"},
		{"key twice", "litellm_settings:\n  drop_params: true\n  drop_params: false\n", "3:drop_params", "twice"},
		{"unset variable elsewhere", "litellm_settings:\n  max_end_user_budget_id: os.environ/NOT_SET\n", "2:litellm_settings.max_end_user_budget_id", "NOT_SET is not set"},
		{"unset variable in a deployment", "model_list:\n  - model_name: m\n    litellm_params:\n      model: openai/x\n      api_key: os.environ/NOT_SET\n", "5:model_list[0].litellm_params.api_key", "NOT_SET is not set"},
		{"unset variable as the model", "model_list:\n  - model_name: m\n    litellm_params:\n      model: os.environ/NOT_SET\n      api_key: k\n", "4:model_list[0].litellm_params.model", "NOT_SET is not set"},
		{"unknown provider", "model_list:\n  - model_name: m\n    litellm_params:\n      model: nowhere/x\n      api_key: k\n", "4:model_list[0].litellm_params.model", "unknown provider"},
		{"no credential", "model_list:\n  - model_name: m\n    litellm_params: {model: openai/x}\n", "3:model_list[0].litellm_params.api_key", "OPENAI_API_KEY"},
		{"empty credential", "model_list:\n  - model_name: m\n    litellm_params: {model: openai/x, api_key: ''}\n", "3:model_list[0].litellm_params.api_key", "no credential"},
		{"api_base is no URL", model("      api_base: localhost\n"), "6:model_list[0].litellm_params.api_base", "serves nothing"},
		{"timeout is a word", model("      timeout: soon\n"), "6:model_list[0].litellm_params.timeout", "seconds"},
		{"weight zero", model("      weight: 0\n"), "6:model_list[0].litellm_params.weight", "not above zero"},
		{"one price of two", model("      input_cost_per_token: 1e-6\n"), "6:model_list[0].litellm_params.input_cost_per_token", "counted as free"},
		{"mode unknown", model("    model_info:\n      mode: dream\n"), "7:model_list[0].model_info.mode", "unknown mode"},
		{"model entry empty", "model_list:\n  -\n", "2:model_list[0]", "empty"},

		{"default user may call an unknown model", oneModel + "litellm_settings:\n  default_internal_user_params: {models: [gpt-5]}\n", "6:litellm_settings.default_internal_user_params.models", "gpt-5"},
		{"default team may call an unknown model", oneModel + "litellm_settings:\n  default_team_params: {models: [gpt-5]}\n", "6:litellm_settings.default_team_params.models", "gpt-5"},
		{"a bound on another field", "litellm_settings:\n  upperbound_key_generate_params: {max_budget: 1, spend: 1}\n", "2:litellm_settings.upperbound_key_generate_params.spend", "ignored"},
		{"nobody may make keys", "litellm_settings:\n  key_generation_settings:\n    personal_key_generation: {allowed_user_roles: []}\n", "3:litellm_settings.key_generation_settings.personal_key_generation.allowed_user_roles", "nobody"},
		{"children of a block beside it", "litellm_settings:\n  key_generation_settings:\n    personal_key_generation:\n    allowed_user_roles: [proxy_admin]\n", "4:litellm_settings.key_generation_settings.allowed_user_roles", "one step further in"},
		{"a callback without effect", "litellm_settings:\n  success_callback: [langfuse]\n", "2:litellm_settings.success_callback", "no effect"},
		{"drop_params is a word", "litellm_settings:\n  drop_params: perhaps\n", "2:litellm_settings.drop_params", "default is used"},
		{"callbacks are a map", "litellm_settings:\n  callbacks: {a: b}\n", "2:litellm_settings.callbacks", "default is used"},
		{"budget_duration alone", "litellm_settings:\n  budget_duration: 30d\n", "2:litellm_settings.budget_duration", "without max_budget"},
		{"redis cache without redis", "litellm_settings:\n  cache: true\n  cache_params:\n    type: redis\n", "4:litellm_settings.cache_params.type", "local cache"},
		{"cache of another kind", "litellm_settings:\n  cache: true\n  cache_params:\n    type: s3\n", "4:litellm_settings.cache_params.type", "not built"},

		{"short master key", "general_settings:\n  master_key: sk-1234\n", "2:general_settings.master_key", "guess"},
		{"slow calls", "general_settings:\n  alerting_threshold: 300\n", "2:general_settings.alerting_threshold", "no effect"},
		{"public routes", "general_settings:\n  public_routes: [/spend/calculate]\n", "2:general_settings.public_routes", "no effect"},
		{"custom_sso", "general_settings:\n  custom_sso: a.b\n", "2:general_settings.custom_sso", "not supported"},
		{"sweep the wrong way round", "general_settings:\n  proxy_budget_rescheduler_min_time: 20\n  proxy_budget_rescheduler_max_time: 10\n", "2:general_settings.proxy_budget_rescheduler_min_time", "swapped"},
		{"no spend counters", "general_settings:\n  disable_spend_updates: true\n", "2:general_settings.disable_spend_updates", "budget"},
		{"pool is a word", "general_settings:\n  database_connection_pool_limit: many\n", "2:general_settings.database_connection_pool_limit", "default is used"},
		{"alerting by pigeon", "general_settings:\n  alerting: [pigeon]\n", "2:general_settings.alerting", "ignored"},

		{"strategy unknown", "router_settings:\n  routing_strategy: fastest\n", "2:router_settings.routing_strategy", "simple-shuffle is used"},
		{"alias to an unknown model", oneModel + "router_settings:\n  model_group_alias: {a: gone}\n", "6:router_settings.model_group_alias.a", "gone"},
		{"fallback to an unknown model", oneModel + "router_settings:\n  fallbacks: [{gpt-4: [gone]}]\n", "6:router_settings.fallbacks", "gone"},
		{"router_settings is text", "router_settings: fast\n", "1:router_settings", "must be a map"},

		{"default key above its bound", "litellm_settings:\n  default_key_generate_params:\n    max_budget: 200\n  upperbound_key_generate_params: {max_budget: 100}\n", "3:litellm_settings.default_key_generate_params.max_budget", "bound"},
		{"default key longer than its bound", "litellm_settings:\n  default_key_generate_params:\n    duration: 1mo\n  upperbound_key_generate_params: {duration: 30d}\n", "3:litellm_settings.default_key_generate_params.duration", "bound"},
		{"default user above the general budget", "litellm_settings:\n  max_internal_user_budget: 10\n  default_internal_user_params:\n    max_budget: 100\n", "4:litellm_settings.default_internal_user_params.max_budget", "explicit"},
		{"everybody becomes admin", "litellm_settings:\n  default_internal_user_params:\n    user_role: proxy_admin\n", "3:litellm_settings.default_internal_user_params.user_role", "administrator"},
		{"portal for admins that nobody becomes", "litellm_settings:\n  default_internal_user_params: {user_role: internal_user}\ngeneral_settings:\n  ui_access_mode: admin_only\n", "4:general_settings.ui_access_mode", "nobody new"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, report := load(t, c.text)
			if len(report.Faults) != 0 {
				t.Fatalf("faults: %v", report.Faults)
			}
			if len(report.Warnings) != 1 || !has(report.Warnings, c.want) || !strings.Contains(report.Warnings[0].Message, c.says) {
				t.Errorf("warnings %v; want one at %s that says %q", report.Warnings, c.want, c.says)
			}
			if report.Err() != nil {
				t.Error("a warning stops the start")
			}
		})
	}
}

func TestEnvironmentWarnings(t *testing.T) {
	t.Parallel()
	google := []string{"GOOGLE_CLIENT_ID=g", "GOOGLE_CLIENT_SECRET=s"}
	for _, c := range []struct {
		name string
		env  []string
		want string
	}{
		{"logout URL", []string{"PROXY_LOGOUT_URL=bye"}, "PROXY_LOGOUT_URL"},
		{"sign-in without a base URL", google, "PROXY_BASE_URL"},
		{"two providers", append([]string{"PROXY_BASE_URL=https://x", "MICROSOFT_CLIENT_ID=m", "MICROSOFT_CLIENT_SECRET=s", "MICROSOFT_TENANT=t"}, google...), "GOOGLE_CLIENT_ID, MICROSOFT_CLIENT_ID, GENERIC_CLIENT_ID"},
		{"mail without a base URL", []string{"SMTP_HOST=mail", "SMTP_SENDER_EMAIL=a@example.org"}, "PROXY_BASE_URL"},
		{"a mail service without SMTP", []string{"RESEND_API_KEY=re_1"}, "RESEND_API_KEY"},
		{"mail without a sender", []string{"SMTP_HOST=mail"}, "SMTP_SENDER_EMAIL"},
		{"redis address", []string{"REDIS_URL=http://x"}, "REDIS_URL"},
		{"log level", []string{"LITELLM_LOG=CHATTY"}, "LITELLM_LOG"},
		{"rotation by itself", []string{"LITELLM_KEY_ROTATION_ENABLED=true"}, "LITELLM_KEY_ROTATION_ENABLED"},
		{"weak master key", []string{"LITELLM_MASTER_KEY=sk-1234"}, "LITELLM_MASTER_KEY"},
	} {
		_, report := Load("", c.env)
		if len(report.Faults) != 0 || len(report.Warnings) != 1 || !has(report.Warnings, "0:"+c.want) {
			t.Errorf("%s: %v %v, want one warning at %s", c.name, report.Faults, report.Warnings, c.want)
		}
	}
	if _, report := load(t, "litellm_settings: {callbacks: [smtp_email]}\n"); len(report.Warnings) != 2 {
		t.Errorf("mail is switched on without a server: %v", report.Warnings)
	}
}

// TestQuiet holds what must pass without a word: what LiteLLM has and Gatehouse needs not.
func TestQuiet(t *testing.T) {
	t.Parallel()
	_, report := load(t, oneModel+`litellm_settings:
  guardrails: []
  langfuse_default_tags: [a]
  s3_callback_params: {}
  mcp_aliases: {}
  ssl_verify: false
  priority_reservation: {}
  prometheus_initialize_budget_metrics: true
  tag_budget_config: {}
  num_retries: 2
general_settings:
  pass_through_endpoints: [{path: /x, target: "https://x", headers: {Authorization: Bearer hidden}}]
  key_management_system: aws
  oauth2_config: {}
  litellm_license: x
  user_api_key_cache_ttl: 10
  allow_requests_on_db_unavailable: true
  disable_master_key_return: true
guardrails: []
mcp_servers: {}
credential_list: []
vector_store_registry: []
callback_settings: {}
files_settings: []
assistant_settings: {}
`)
	if len(report.Faults)+len(report.Warnings) != 0 {
		t.Errorf("%v %v", report.Faults, report.Warnings)
	}
}

func TestUnindentedKeyGeneration(t *testing.T) {
	t.Parallel()
	c, _ := load(t, `litellm_settings:
  key_generation_settings:
    team_key_generation:
    allowed_team_member_roles: ["admin"]
    personal_key_generation: # maps to 'Default Team' on UI
    allowed_user_roles: ["proxy_admin"]
`)
	k := c.LiteLLM.KeyGeneration
	if k == nil || k.Team == nil || k.Personal == nil || fmt.Sprint(k.Team.Roles, k.Personal.Roles) != fmt.Sprint([]models.TeamRole{"admin"}, []models.Role{"proxy_admin"}) {
		t.Errorf("the restriction is lost: %+v", k)
	}
}
