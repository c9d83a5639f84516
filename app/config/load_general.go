package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"gatehouse/models"
	"gatehouse/models/duration"
)

func indexed(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// general reads general_settings.
func (l *loader) general(s *section) {
	c := &l.c.General
	l.masterKey(s)
	l.database(s)
	c.KeyHeader = l.headerName(either(s.ref("litellm_key_header_name"), s.ref("key_header_name")))
	l.jwt(s)

	c.DefaultTeamDisabled = l.boolean(either(s.ref("default_team_disabled"), l.variable("PROXY_DEFAULT_TEAM_DISABLED")), may, false)
	l.sweep(s)
	c.NoBudgetReset = l.boolean(s.ref("disable_reset_budget"), may, false)
	l.seconds(either(s.ref("proxy_batch_write_at"), l.variable("PROXY_BATCH_WRITE_AT")), may, true, 0) // rows are written at once
	c.NoSpendLogs = l.boolean(s.ref("disable_spend_logs"), may, false)
	updates := s.ref("disable_spend_updates")
	if l.boolean(updates, may, false) {
		l.warn(updates.value, updates.path, "has no effect: spend is always counted, or no budget could hold")
	}
	c.StorePrompts = l.boolean(s.ref("store_prompts_in_spend_logs"), may, false)
	c.SpendRetention = l.duration(s.ref("maximum_spend_logs_retention_period"))
	c.RetentionInterval = l.duration(s.ref("maximum_spend_logs_retention_interval"))
	if c.RetentionInterval.IsNever() {
		c.RetentionInterval = duration.Duration{N: 1, Unit: duration.Day}
	}
	// Without a file there is nowhere else to add a model; with one, LiteLLM's default holds.
	c.StoreModelInDB = l.boolean(either(s.ref("store_model_in_db"), l.variable("STORE_MODEL_IN_DB")), may, l.c.Path == "")

	c.EnforceUserParam = l.boolean(s.ref("enforce_user_param"), may, false)
	c.RejectClientTags = l.boolean(s.ref("reject_clientside_metadata_tags"), may, false)
	c.GlobalMaxParallel = l.whole(s.ref("global_max_parallel_requests"), may, 0)
	c.MaxParallel = l.whole(s.ref("max_parallel_requests"), may, 0)
	c.TokenLimitType = TokenLimitType(l.oneOf(s.ref("token_rate_limit_type"), must, string(CountTotal), string(CountTotal), string(CountInput), string(CountOutput)))
	c.UseXForwardedFor = l.boolean(s.ref("use_x_forwarded_for"), may, false)
	c.AllowedIPs = l.networks(s.ref("allowed_ips"))
	if public := s.ref("public_routes"); len(l.texts(public, may)) > 0 {
		l.warn(public.value, public.path, "has no effect: every route that is not public by itself needs a key")
	}
	c.AdminOnlyRoutes = l.texts(s.ref("admin_only_routes"), may)
	c.AllowedRoutes = l.texts(s.ref("allowed_routes"), may)
	if l.boolean(s.ref("always_include_stream_usage"), may, false) { // LiteLLM reads it here, its guides have it in both
		l.c.LiteLLM.AlwaysIncludeUsage = true
	}
	c.BackgroundHealth = l.boolean(s.ref("background_health_checks"), may, false)
	c.HealthInterval = l.seconds(s.ref("health_check_interval"), may, true, 300*time.Second)
	c.MaxRequestMB = l.megabytes(s.ref("max_request_size_mb"))
	c.MaxResponseMB = l.megabytes(s.ref("max_response_size_mb"))
	c.MetricsAuth = l.boolean(s.ref("require_auth_for_metrics"), may, false)
	c.ForwardHeaders = l.boolean(s.ref("forward_client_headers_to_llm_api"), may, false)
	c.ForwardProviderAuth = l.boolean(s.ref("forward_llm_provider_auth_headers"), may, false)
	c.ForwardOpenAIOrg = l.boolean(s.ref("forward_openai_org_id"), may, false)
	c.ClientCredentials = l.boolean(s.ref("allow_client_side_credentials"), may, false)
	if l.boolean(s.ref("infer_model_from_keys"), may, false) && l.c.Path != "" {
		l.inferModels()
	}
	c.CompletionModel = l.text(s.ref("completion_model"), may)
	c.EmbeddingModel = l.text(s.ref("embedding_model"), may)
	c.ImageModel = l.text(s.ref("image_generation_model"), may)
	c.ModerationModel = l.text(s.ref("moderation_model"), may)
	c.UserHeaderName = l.headerName(s.ref("user_header_name"))
	c.UserHeaders = l.userHeaders(s.ref("user_header_mappings"))
	c.PassEndpoints, c.PassDefaults = l.passEndpoints(s.ref("pass_through_endpoints")), passDefaults(l.getenv)
	s.accept("user_api_key_cache_ttl", "allow_requests_on_db_unavailable", "disable_adding_master_key_hash_to_db", "litellm_license",
		"service_account_settings", "database_type", "database_args", "health_check_details", "enable_oauth2_auth",
		"enable_oauth2_proxy_auth", "use_google_kms", "use_azure_key_vault", "otel", "custom_ui_sso_sign_in_handler", "allow_user_auth", "spend_report_frequency",
		"proxy_budget_rescheduler_min_time", "proxy_budget_rescheduler_max_time")
}

// megabytes reads a size, 0 when absent.
func (l *loader) megabytes(r ref) int {
	return l.wholeOr(r, may, 1, 0)
}

// masterKey reads the one key that may do everything. A weak one is pointed out, and refused in production.
func (l *loader) masterKey(s *section) {
	r := either(s.ref("master_key"), l.variable("LITELLM_MASTER_KEY"))
	key := l.secret(r, must)
	if r.value != nil && r.hidden && r.file != envFile && r.text == "" {
		l.fault(r.value, r.path, "the environment variable it names is empty")
	}
	if !key.IsSet() {
		return
	}
	switch text := key.Reveal(); {
	case !strings.HasPrefix(text, "sk-"):
		l.fault(r.value, r.path, "must start with sk-")
		return
	case len(text) < 16 || text == "sk-1234":
		message := "is short or a published sample: anyone can guess it. Set one of 32 random characters"
		if l.c.Production {
			l.fault(r.value, r.path, "%s", message)
			return
		}
		l.warn(r.value, r.path, "%s", message)
	}
	l.c.General.MasterKey = key
	l.source("master key", r)
}

func (l *loader) database(s *section) {
	c := &l.c.General
	c.PoolLimit = l.wholeOr(s.ref("database_connection_pool_limit"), may, 1, 10)
	c.DBTimeout = l.seconds(s.ref("database_connection_timeout"), may, true, 60*time.Second)
	c.NoMigration = l.boolean(s.ref("disable_prisma_schema_update"), may, false)
	r := either(s.ref("database_url"), l.variable("DATABASE_URL"))
	if r.isNull() {
		r = l.databasePieces(r)
	}
	if r.value != nil && r.hidden && r.file != envFile && r.text == "" {
		l.fault(r.value, r.path, "the environment variable it names is empty")
		return
	}
	text := l.text(r, must)
	if text == "" {
		return
	}
	scheme, rest, _ := strings.Cut(text, ":")
	switch scheme {
	case "postgres", "postgresql":
		if u, err := url.Parse(text); err != nil || u.Host == "" && u.Query().Get("host") == "" {
			l.fault(r.value, r.path, "is not a PostgreSQL address, as in postgres://user:password@host:5432/name")
			return
		}
	case "sqlite":
		if rest == "" {
			l.fault(r.value, r.path, "names no file, as in sqlite:/var/lib/gatehouse/gatehouse.db")
			return
		}
	default:
		l.fault(r.value, r.path, "must start with postgres://, postgresql:// or sqlite:")
		return
	}
	c.DatabaseURL = models.NewSecret(text)
	l.source("database", r)
}

// databasePieces builds the address from its parts, which LiteLLM's Helm chart sets.
func (l *loader) databasePieces(none ref) ref {
	host, user, password, name := l.variable("DATABASE_HOST"), l.variable("DATABASE_USERNAME"), l.variable("DATABASE_PASSWORD"), l.variable("DATABASE_NAME")
	if host.isNull() || user.isNull() || name.isNull() {
		return none
	}
	u := url.URL{Scheme: "postgresql", Host: host.text, Path: "/" + name.text, User: url.User(user.text)}
	if !password.isNull() {
		u.User = url.UserPassword(user.text, password.text)
	}
	return ref{&value{kind: kindText, text: u.String(), file: envFile, hidden: true}, "DATABASE_HOST"}
}

// headerName reads the name of a header: letters, digits and the marks of RFC 9110.
func (l *loader) headerName(r ref) string {
	name := l.text(r, must)
	for _, c := range name {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", c) {
			l.fault(r.value, r.path, "is not the name of a header")
			return ""
		}
	}
	return name
}

// sweep reads the interval of the budget sweep.
func (l *loader) sweep(s *section) {
	c := &l.c.General
	low := either(s.ref("proxy_budget_rescheduler_min_time"), l.variable("PROXY_BUDGET_RESCHEDULER_MIN_TIME"))
	high := either(s.ref("proxy_budget_rescheduler_max_time"), l.variable("PROXY_BUDGET_RESCHEDULER_MAX_TIME"))
	c.SweepMin = l.seconds(low, must, true, 597*time.Second)
	c.SweepMax = l.seconds(high, must, true, 605*time.Second)
	switch {
	case c.SweepMin <= c.SweepMax:
	case high.isNull(): // only one was given: it is the interval
		c.SweepMax = c.SweepMin
	case low.isNull():
		c.SweepMin = c.SweepMax
	default:
		l.warn(low.value, low.path, "is above proxy_budget_rescheduler_max_time; the two are swapped")
		c.SweepMin, c.SweepMax = c.SweepMax, c.SweepMin
	}
}

// networks reads addresses and CIDR ranges; anything else is a fault, since a list that lets in less or more than
// it says is no list.
func (l *loader) networks(r ref) []netip.Prefix {
	var out []netip.Prefix
	for _, text := range l.texts(r, must) {
		p, ok := prefix(text)
		if !ok {
			l.fault(r.value, r.path, "must hold addresses and CIDR ranges, as in 10.0.0.0/8")
			continue
		}
		out = append(out, p)
	}
	return out
}

func prefix(text string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}
