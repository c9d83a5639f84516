package models

import (
	"strconv"
	"strings"
)

// A scope is what a budget or a counter is about, as one string: it is the key of the counters table, and the
// order of scopes (plain string order) is the order in which they are taken, so that no two calls deadlock.

// ScopeProxy is everything that passes through Gatehouse.
const ScopeProxy = "proxy"

// ScopeKey is a key, by id.
func ScopeKey(id string) string { return "key:" + id }

// ScopeKeyModel is one model on one key.
func ScopeKeyModel(id, model string) string { return "keymodel:" + id + "/" + model }

// ScopeUser is a person: every call of any key of theirs is counted, personal keys alone are capped.
func ScopeUser(id string) string { return "user:" + id }

// ScopeTeam is a team.
func ScopeTeam(id string) string { return "team:" + id }

// ScopeMember is a person inside a team. Ids are length-free text, so the team's length goes first: no two
// pairs can spell the same scope.
func ScopeMember(team, user string) string {
	return "member:" + strconv.Itoa(len(team)) + ":" + team + "/" + user
}

// ScopeOrg is an organization.
func ScopeOrg(id string) string { return "org:" + id }

// ScopeCustomer is an end user.
func ScopeCustomer(id string) string { return "customer:" + id }

// ScopeTag is a spend tag.
func ScopeTag(tag string) string { return "tag:" + tag }

// ScopeProvider is what a provider's deployments cost, where they have a budget.
func ScopeProvider(name string) string { return "provider:" + name }

// ScopeDeployment is what one deployment costs, where it has a budget.
func ScopeDeployment(id string) string { return "deployment:" + id }

// ScopeSession is the chat pane of one portal session.
func ScopeSession(id string) string { return "session:" + id }

// SplitMember reads what ScopeMember wrote behind "member:".
func SplitMember(rest string) (team, user string, ok bool) {
	size, rest, found := strings.Cut(rest, ":")
	n, err := strconv.Atoi(size)
	if !found || err != nil || n < 0 || n >= len(rest) || rest[n] != '/' {
		return "", "", false
	}
	return rest[:n], rest[n+1:], true
}
