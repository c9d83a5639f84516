package config

import (
	"gatehouse/models"
	"gatehouse/models/duration"
)

// check looks at settings that contradict one another (contract/config.md §10). None forbids the start: each has a
// defined outcome, which the warning names.
func (l *loader) check() {
	l.checkBounds()
	l.checkNewUsers()
	l.checkSSO()
	if l.c.Mail.Enabled && l.c.Mail.Sender != "" && l.c.Server.BaseURL == "" {
		l.warnAt(envFile, 0, "PROXY_BASE_URL", "is not set: links in mails then lead to the listener's own address")
	}
	l.checkPrices()
}

func (l *loader) warnSetting(path, format string, args ...any) {
	v := l.root
	for _, name := range splitPath(path) {
		if next := v.get(name); next != nil {
			v = next
		}
	}
	l.warn(v, path, format, args...)
}

func splitPath(path string) []string {
	var out []string
	for len(path) > 0 {
		i := 0
		for i < len(path) && path[i] != '.' {
			i++
		}
		out = append(out, path[:i])
		path = path[min(i+1, len(path)):]
	}
	return out
}

// checkBounds compares what keys get by default with what they may have at most.
func (l *loader) checkBounds() {
	k, u := l.c.LiteLLM.DefaultKey, l.c.LiteLLM.UpperBound
	if u == nil {
		return
	}
	for _, c := range [...]struct {
		name  string
		above bool
	}{
		{"max_budget", k.MaxBudget != nil && u.MaxBudget != nil && *k.MaxBudget > *u.MaxBudget},
		{"max_parallel_requests", above(k.MaxParallel, u.MaxParallel)},
		{"tpm_limit", above(k.TPMLimit, u.TPMLimit)},
		{"rpm_limit", above(k.RPMLimit, u.RPMLimit)},
		{"duration", longer(k.Duration, u.Duration)},
		{"budget_duration", longer(k.BudgetDuration, u.BudgetDuration)},
	} {
		if c.above {
			l.warnSetting("litellm_settings.default_key_generate_params."+c.name, "is above upperbound_key_generate_params.%s; new keys get the bound", c.name)
		}
	}
}

func above(v, bound *int64) bool { return v != nil && bound != nil && *v > *bound }

// longer leaves an absent value alone: the bound stands in for it, which is what a bound is for.
func longer(v, bound duration.Duration) bool { return !v.IsNever() && v.Seconds() > bound.Seconds() }

// checkNewUsers looks at what a person gets who signs in for the first time.
func (l *loader) checkNewUsers() {
	c := &l.c.LiteLLM
	const block = "litellm_settings.default_internal_user_params."
	if c.DefaultUser.MaxBudget != nil && c.MaxInternalUserBudget != nil && *c.DefaultUser.MaxBudget > *c.MaxInternalUserBudget {
		l.warnSetting(block+"max_budget", "is above max_internal_user_budget; new users get this one, since it is the more explicit")
	}
	if c.DefaultUser.Role == models.RoleAdmin {
		l.warnSetting(block+"user_role", "makes everyone who signs in for the first time an administrator of everything")
	}
	if l.c.UI.AccessMode == AccessAdminOnly && !c.DefaultUser.Role.IsAdmin() {
		l.warnSetting("general_settings.ui_access_mode", "admin_only, while new users get a role that is no admin: nobody new can enter the portal")
	}
	if c.KeyGeneration != nil && c.KeyGeneration.Team != nil && c.KeyGeneration.Personal != nil &&
		c.KeyGeneration.Team.Roles != nil && len(c.KeyGeneration.Team.Roles) == 0 && c.KeyGeneration.Personal.Roles != nil && len(c.KeyGeneration.Personal.Roles) == 0 {
		l.warnSetting("litellm_settings.key_generation_settings", "lets nobody but administrators make any key")
	}
}

func (l *loader) checkSSO() {
	s := l.c.SSO
	count := 0
	for _, on := range [...]bool{s.Google != nil, s.Microsoft != nil, s.Generic != nil} {
		if on {
			count++
		}
	}
	if count > 0 && l.c.Server.BaseURL == "" {
		l.warnAt(envFile, 0, "PROXY_BASE_URL", "is not set: the address that a provider sends people back to is then taken from the listener")
	}
	if count > 1 {
		l.warnAt(envFile, 0, "GOOGLE_CLIENT_ID, MICROSOFT_CLIENT_ID, GENERIC_CLIENT_ID", "more than one sign-in provider is configured: all are offered, and /sso/key/generate leads to the first of Google, Microsoft, generic")
	}
}

// checkPrices says once for all that budgets cannot count what has no price. What the built-in list knows is judged
// where that list is.
func (l *loader) checkPrices() {
	if l.c.LiteLLM.BudgetDuration.IsNever() || l.c.LiteLLM.MaxBudget != nil {
		return
	}
	l.warnSetting("litellm_settings.budget_duration", "has no effect without max_budget")
}
