package cache

import (
	"slices"
	"time"

	"gatehouse/proxy/provider"
)

// Scope says who may share an answer.
type Scope string

// The scopes. A caller who has no team shares with nobody but their own keys.
const (
	ByKey  Scope = "key"
	ByTeam Scope = "team"
	ByOrg  Scope = "org"
	Global Scope = "global"
)

// DefaultTTL is how long an answer is kept where nobody says otherwise.
const DefaultTTL = 10 * time.Minute

// Rules are what an operator decides about the cache.
type Rules struct {
	On            bool
	TTL           time.Duration // 0 = DefaultTTL
	Namespace     string
	DefaultOff    bool     // a call must ask for the cache
	CallTypes     []string // in LiteLLM's words; empty = all that can be kept
	Scope         Scope    // "" = ByTeam
	Deterministic bool     // calls that name a temperature above 0 are left out
}

// Serves says whether calls of this kind go through the cache at all.
func (r *Rules) Serves(op provider.Op) bool {
	if !r.On {
		return false
	}
	kinds := words(op)
	if len(r.CallTypes) == 0 {
		return len(kinds) > 0
	}
	return slices.ContainsFunc(kinds, func(w string) bool { return slices.Contains(r.CallTypes, w) })
}

// words are what LiteLLM's supported_call_types calls an operation; none for one that is never kept.
func words(op provider.Op) []string {
	switch op {
	case provider.Chat:
		return []string{"completion", "acompletion"}
	case provider.Completion:
		return []string{"text_completion", "atext_completion"}
	case provider.Embedding:
		return []string{"embedding", "aembedding"}
	case provider.Messages:
		return []string{"anthropic_messages", "aanthropic_messages", "messages"}
	case provider.Responses:
		return []string{"responses", "aresponses"}
	default:
		return nil
	}
}

// Tenant is whose answers a caller may share, by the scope of these rules. Ids are those of the caller's key, user, team
// and organization; empty ones are passed over for the next narrower.
func (r *Rules) Tenant(key, user, team, org string) string {
	switch {
	case r.Scope == Global:
		return "global"
	case r.Scope == ByOrg && org != "":
		return "org:" + org
	case r.Scope != ByKey && team != "":
		return "team:" + team
	case r.Scope != ByKey && user != "":
		return "user:" + user
	}
	return "key:" + key
}
