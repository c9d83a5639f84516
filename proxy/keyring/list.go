package keyring

import (
	"slices"

	"gatehouse/proxy/policy/glob"
)

// The entries of a model list that are not names (contract/admin-api.md §4.2).
const (
	AllProxyModels  = "all-proxy-models"
	AllTeamModels   = "all-team-models"
	NoDefaultModels = "no-default-models"
)

// List is a model list as keys, teams, users and organizations carry it, sorted out once. A nil List restricts nothing.
// Immutable and safe for concurrent use.
type List struct {
	Entries []string // as written
	Groups  []string // access groups named by id: they admit as groups only, never as a model's name

	all       bool // "*" or "all-proxy-models"
	teamOnly  bool // "all-team-models"
	noDefault bool // "no-default-models"
	globs     []string
	names     map[string]struct{} // of a long list; nil for a short one
}

// longList is where a map beats comparing one by one.
const longList = 16

// NewList sorts entries out; nil when there are none. It keeps both slices.
func NewList(entries, groups []string) *List {
	if len(entries) == 0 && len(groups) == 0 {
		return nil
	}
	l := &List{Entries: entries, Groups: groups}
	for _, e := range entries {
		switch {
		case e == "*" || e == AllProxyModels:
			l.all = true
		case e == AllTeamModels:
			l.teamOnly = true
		case e == NoDefaultModels:
			l.noDefault = true
		case glob.Has(e):
			l.globs = append(l.globs, e)
		}
	}
	if len(entries) > longList {
		l.names = make(map[string]struct{}, len(entries))
		for _, e := range entries {
			l.names[e] = struct{}{}
		}
	}
	return l
}

// All says whether the list lets every model through by its words.
func (l *List) All() bool { return l == nil || l.all }

// TeamDecides says whether a key leaves the choice to its team.
func (l *List) TeamDecides() bool { return l != nil && l.teamOnly }

// NoDefault says whether a user's personal keys may call nothing.
func (l *List) NoDefault() bool { return l != nil && l.noDefault }

// Names says whether the list spells the entry out.
func (l *List) Names(entry string) bool {
	if l == nil {
		return false
	}
	if l.names != nil {
		_, ok := l.names[entry]
		return ok
	}
	return slices.Contains(l.Entries, entry)
}

// NamesGroup says whether the list names the access group, in either way.
func (l *List) NamesGroup(group string) bool {
	return l.Names(group) || l != nil && slices.Contains(l.Groups, group)
}

// Globs are the entries with a star, but for the one that admits everything.
func (l *List) Globs() []string {
	if l == nil {
		return nil
	}
	return l.globs
}
