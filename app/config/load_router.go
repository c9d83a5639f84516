package config

import (
	"slices"
	"strings"
	"time"

	"gatehouse/models"
)

// router reads router_settings, whose values beat the same names in litellm_settings.
func (l *loader) router(s, litellm, general *section) {
	c := &l.c.Router
	both := func(name string) ref { return either(s.ref(name), litellm.ref(name)) }
	anywhere := func(name string) ref { return either(s.ref(name), general.ref(name)) } // LiteLLM's guides have them in the other block
	strategy := s.ref("routing_strategy")
	c.Strategy = l.oneOf(strategy, may, "simple-shuffle", "simple-shuffle", "least-busy", "latency-based-routing", "usage-based-routing",
		"usage-based-routing-v2", "cost-based-routing")
	if c.Strategy == "usage-based-routing-v2" {
		c.Strategy = "usage-based-routing"
	}
	c.StrategyArgs = l.freeMap(s.ref("routing_strategy_args"))
	c.NumRetries = l.wholeOr(both("num_retries"), may, 0, 2)
	c.Timeout = l.seconds(s.ref("timeout"), may, true, l.c.LiteLLM.RequestTimeout)
	c.StreamFirst = l.seconds(s.ref("stream_timeout"), may, true, 0)
	c.StreamIdle = l.seconds(s.ref("stream_idle_timeout"), may, true, 120*time.Second)
	c.MaxStream = l.seconds(l.variable("LITELLM_MAX_STREAMING_DURATION_SECONDS"), may, true, 0)
	c.AllowedFails = l.wholeOr(both("allowed_fails"), may, 0, 3)
	c.Cooldown = l.seconds(both("cooldown_time"), may, false, 5*time.Second)
	c.NoCooldowns = l.boolean(s.ref("disable_cooldowns"), may, false)
	c.RetryAfter = l.seconds(s.ref("retry_after"), may, false, 0)
	c.MaxFallbacks = l.wholeOr(s.ref("max_fallbacks"), may, 0, 5)
	c.Fallbacks = l.chains(both("fallbacks"))
	c.ContextFallbacks = l.chains(both("context_window_fallbacks"))
	c.PolicyFallbacks = l.chains(both("content_policy_fallbacks"))
	c.DefaultFallbacks = l.texts(both("default_fallbacks"), may)
	c.RetryPolicy = l.counts(s.ref("retry_policy"))
	c.AllowedFailsPolicy = l.counts(s.ref("allowed_fails_policy"))
	c.GroupRetryPolicy = map[string]map[string]int{}
	if groups := l.section(s.ref("model_group_retry_policy"), may); groups.v != nil {
		for _, name := range groups.v.names {
			c.GroupRetryPolicy[name] = l.counts(groups.ref(name))
		}
	}
	c.PreCallChecks = l.boolean(s.ref("enable_pre_call_checks"), may, false)
	c.TagFiltering = l.boolean(s.ref("enable_tag_filtering"), may, false)
	c.HealthRouting = l.boolean(anywhere("enable_health_check_routing"), may, false)
	c.HealthNoTransient = l.boolean(anywhere("health_check_ignore_transient_errors"), may, false)
	c.TagsMatchAll = !l.boolean(s.ref("tag_filtering_match_any"), may, true)
	c.EnforceRateLimits = l.boolean(s.ref("enforce_model_rate_limits"), may, false)
	if c.DefaultMaxParallel = l.whole(s.ref("default_max_parallel_requests"), may, 0); c.DefaultMaxParallel == nil {
		c.DefaultMaxParallel = l.c.General.MaxParallel
	}
	l.preCallChecks(c, s)
	general.accept("disable_retry_on_max_parallel_request_limit_error") // as in router_settings
	l.aliases(s.ref("model_group_alias"))
	l.fallbackTargets(s)
	s.accept("set_verbose", "debug_level", "cache_responses", "cache_kwargs", "caching_groups", "client_ttl", "redis_db", "polling_interval",
		"default_litellm_params", "default_priority", "router_general_settings", "alerting_config", "assistants_config",
		"redis_ssl", "redis_username", "default_cache_time_seconds", "stream_timeout")
}

// preCallChecks reads what LiteLLM does before a call. Whoever relies on what is not done here is told at the start, since a
// limit that is not there must not look like one that is.
func (l *loader) preCallChecks(c *Router, s *section) {
	c.Affinity = l.affinity(s.ref("optional_pre_call_checks"), func(name string) bool {
		c.EnforceRateLimits = c.EnforceRateLimits || name == "enforce_model_rate_limits"
		return name == "enforce_model_rate_limits"
	})
	c.AffinityTTL = l.seconds(s.ref("deployment_affinity_ttl_seconds"), may, true, time.Hour)
	c.GroupAffinity = map[string]Affinity{}
	if groups := l.section(s.ref("model_group_affinity_config"), may); groups.v != nil {
		for _, name := range groups.v.names {
			c.GroupAffinity[name] = l.affinity(groups.ref(name), func(string) bool { return false })
		}
	}
	c.ProviderBudgets = l.providerBudgets(s.ref("provider_budget_config"))
	// A call that finds every slot taken is answered at once and never tried again, which is what this asks for.
	s.accept("disable_retry_on_max_parallel_request_limit_error")
}

// providerBudgets reads what each provider may cost.
func (l *loader) providerBudgets(r ref) map[string]ProviderBudget {
	s := l.section(r, may)
	if s.v == nil {
		return nil
	}
	out := map[string]ProviderBudget{}
	for _, name := range s.v.names {
		of := l.section(s.ref(name), may)
		if of.v == nil {
			continue
		}
		limit := l.money(either(of.ref("budget_limit"), of.ref("max_budget")), may)
		b := ProviderBudget{Period: l.duration(either(of.ref("time_period"), of.ref("budget_duration")))}
		of.done()
		if limit == nil {
			l.warn(of.v, of.path, "names no budget_limit: NO BUDGET IS KEPT for this provider")
			continue
		}
		b.Limit = max(1, *limit) // LiteLLM's documents show a limit below what is counted here
		out[name] = b
		if !models.KnownProvider(name) {
			l.warn(of.v, of.path, "no deployment can be of this provider")
		}
	}
	return out
}

// affinity reads a list of checks before a call; more takes those that only one such list knows.
func (l *loader) affinity(r ref, more func(name string) bool) (a Affinity) {
	for _, name := range l.texts(r, may) {
		switch {
		case name == "deployment_affinity":
			a.Key = true
		case name == "session_affinity":
			a.Session = true
		case name == "responses_api_deployment_check", name == "forward_client_headers_by_model_group", name == "router_budget_limiting": // done without being asked
		case !more(name):
			l.warn(r.value, r.path, "%s has no effect in Gatehouse", name)
		}
	}
	return a
}

// counts reads a map of names and whole numbers.
func (l *loader) counts(r ref) map[string]int {
	s := l.section(r, may)
	if s.v == nil {
		return nil
	}
	out := map[string]int{}
	for _, name := range s.v.names {
		if v := l.whole(s.ref(name), may, 0); v != nil {
			out[name] = int(min(*v, 1<<20))
		}
	}
	return out
}

// chains reads fallbacks: a list of maps from a group to the groups that stand in for it, in order.
func (l *loader) chains(r ref) map[string][]Fallback {
	out := map[string][]Fallback{}
	if r.isNull() {
		return out
	}
	list := []*value{r.value}
	switch r.kind {
	case kindList:
		list = r.list
	case kindMap: // LiteLLM's docs show a bare map too
	case kindNull, kindBool, kindNumber, kindText:
		l.mismatch(r, may, `a list such as [{"gpt-4": ["gpt-3.5-turbo"]}]`)
		return out
	}
	for i, e := range list {
		s := l.section(ref{e, indexed(r.path, i)}, may)
		if s.v == nil {
			continue
		}
		for _, group := range s.v.names {
			out[group] = append(out[group], l.steps(s.ref(group))...)
		}
	}
	return out
}

func (l *loader) steps(r ref) []Fallback {
	list := []*value{r.value}
	if !r.isNull() && r.kind == kindList {
		list = r.list
	}
	var out []Fallback
	for i, e := range list {
		step := ref{e, indexed(r.path, i)}
		switch {
		case e.isNull():
		case e.kind == kindMap:
			s := l.section(step, may)
			f := Fallback{Model: l.text(s.ref("model"), may)}
			f.Overrides = s.other()
			if f.Model == "" {
				l.warn(e, step.path, "names no model, ignored")
				continue
			}
			out = append(out, f)
		default:
			if name := l.text(step, may); name != "" {
				out = append(out, Fallback{Model: name})
			}
		}
	}
	return out
}

// aliases reads model_group_alias. A cycle would send a request round for ever, so it is a fault.
func (l *loader) aliases(r ref) {
	c := &l.c.Router
	c.Aliases = map[string]Alias{}
	s := l.section(r, may)
	if s.v == nil {
		return
	}
	for _, name := range s.v.names {
		e := s.ref(name)
		a := Alias{}
		if !e.isNull() && e.kind == kindMap {
			b := l.section(e, may)
			a = Alias{Model: l.text(b.ref("model"), may), Hidden: l.boolean(b.ref("hidden"), may, false)}
			b.done()
		} else {
			a.Model = l.text(e, may)
		}
		if a.Model == "" {
			l.warn(e.value, e.path, "names no model, ignored")
			continue
		}
		c.Aliases[name] = a
	}
	for _, name := range s.v.names {
		if l.aliasCycle(name) {
			l.fault(s.v.items[name], join(s.path, name), "leads back to itself")
			continue
		}
		target := c.Aliases[name].Model
		if _, alias := c.Aliases[target]; target != "" && !alias && !l.knowsModel(target) {
			l.warn(s.v.items[name], join(s.path, name), "leads to %q, which model_list does not have", target)
		}
	}
}

func (l *loader) aliasCycle(start string) bool {
	seen := []string{start}
	for name := start; ; {
		next, ok := l.c.Router.Aliases[name]
		if !ok {
			return false
		}
		if slices.Contains(seen, next.Model) {
			return next.Model == start
		}
		seen = append(seen, next.Model)
		name = next.Model
	}
}

// fallbackTargets warns of targets that nobody serves.
func (l *loader) fallbackTargets(s *section) {
	c := &l.c.Router
	ids := map[string]bool{}
	for i := range l.c.Models {
		ids[l.c.Models[i].ID] = true
	}
	known := func(name string) bool { _, alias := c.Aliases[name]; return alias || ids[name] || l.knowsModel(name) }
	var unknown []string
	for _, chains := range []map[string][]Fallback{c.Fallbacks, c.ContextFallbacks, c.PolicyFallbacks} {
		for _, steps := range chains {
			for _, step := range steps {
				if !known(step.Model) {
					unknown = append(unknown, step.Model)
				}
			}
		}
	}
	for _, name := range c.DefaultFallbacks {
		if !known(name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	if unknown = slices.Compact(unknown); len(unknown) > 0 {
		l.warn(s.v, "router_settings.fallbacks", "lead to models that model_list does not have: %s", strings.Join(unknown, ", "))
	}
}

// redis reads where the shared store is: router_settings first, then the environment.
func (l *loader) redis(s *section) {
	c := &l.c.Redis
	address := either(s.ref("redis_url"), l.variable("REDIS_URL"))
	host := either(s.ref("redis_host"), l.variable("REDIS_HOST"))
	*c = l.redisParts(address, host, either(s.ref("redis_port"), l.variable("REDIS_PORT")), either(s.ref("redis_password"), l.variable("REDIS_PASSWORD")))
	c.DB = l.wholeOr(either(s.ref("redis_db"), l.variable("REDIS_DB")), may, 0, 0)
	c.TLS = c.TLS || l.boolean(either(s.ref("redis_ssl"), l.variable("REDIS_SSL")), may, false)
	if !address.isNull() {
		host = address
	}
	l.source("redis", host)
}

func (l *loader) redisParts(address, host, port, password ref) Redis {
	c := Redis{Host: l.text(host, may), Port: l.wholeOr(port, may, 1, 6379), Password: l.secret(password, may)}
	if text := l.text(address, may); text != "" {
		if strings.HasPrefix(text, "redis://") || strings.HasPrefix(text, "rediss://") {
			c.URL = l.secret(address, may)
			c.TLS = strings.HasPrefix(text, "rediss://")
		} else {
			l.warn(address.value, address.path, "must start with redis:// or rediss://; ignored")
		}
	}
	c.Configured = c.URL.IsSet() || c.Host != ""
	return c
}

// cache reads the response cache of litellm_settings.
func (l *loader) cache(s, own *section) {
	c := &l.c.Cache
	c.On = l.boolean(s.ref("cache"), may, false)
	p := l.section(s.ref("cache_params"), may)
	kind := p.ref("type")
	c.Type = l.oneOf(kind, may, "local", "local", "redis", "disk", "s3", "gcs", "redis-semantic", "qdrant-semantic")
	switch c.Type {
	case "local", "redis":
	default:
		l.warn(kind.value, kind.path, "this kind of cache is not built; a local one is used")
		c.Type = "local"
	}
	c.Redis = l.redisParts(p.ref("url"), p.ref("host"), p.ref("port"), p.ref("password"))
	c.Redis.TLS = c.Redis.TLS || l.boolean(p.ref("ssl"), may, false)
	if !c.Redis.Configured {
		c.Redis = l.c.Redis
	}
	if c.On && c.Type == "redis" && !c.Redis.Configured {
		l.warn(kind.value, kind.path, "no Redis host is named; a local cache is used")
		c.Type = "local"
	}
	c.TTL = l.seconds(either(p.ref("ttl"), p.ref("default_in_"+map[bool]string{true: "redis", false: "memory"}[c.Type == "redis"]+"_ttl")), may, true, 0)
	c.Namespace = l.text(p.ref("namespace"), may)
	c.DefaultOff = l.oneOf(p.ref("mode"), may, "default_on", "default_on", "default_off") == "default_off"
	c.CallTypes = l.texts(p.ref("supported_call_types"), may)
	c.Scope = l.oneOf(either(own.ref("cache_scope"), p.ref("scope")), may, "team", "key", "team", "org", "global")
	c.Deterministic = l.boolean(p.ref("cache_only_deterministic"), may, false)
	c.MemoryMB = l.wholeOr(own.ref("cache_memory_mb"), may, 1, 64)
	c.MaxAnswerKB = l.wholeOr(own.ref("cache_max_answer_kb"), may, 1, 1024)
	p.accept("similarity_threshold", "redis_startup_nodes", "service_name", "sentinel_nodes", "sentinel_password", "max_connections",
		"default_in_memory_ttl", "default_in_redis_ttl", "redis_flush_size", "username", "db")
	p.done("s3_", "gcs_", "qdrant_", "redis_", "gcp_", "ssl_", "disk_")
}
