package keyring

import "strings"

// poolSize bounds what a pool remembers, so that a million different user ids do not cost a second table of them.
const poolSize = 1 << 16

// pool makes equal values of one read share memory: a million keys name a few thousand teams, lists and limits. It lives
// as long as the read. Not safe for concurrent use.
type pool struct {
	byText   map[string]string
	byLimits map[limitsKey]*Limits
	byList   map[string]*List
	scratch  strings.Builder
}

func newPool() *pool {
	return &pool{byText: map[string]string{}, byLimits: map[limitsKey]*Limits{}, byList: map[string]*List{}}
}

// str gives the one copy of s.
func (p *pool) str(s string) string {
	if s == "" {
		return ""
	}
	if shared, ok := p.byText[s]; ok {
		return shared
	}
	s = strings.Clone(s) // a driver may have cut s out of a larger buffer
	if len(p.byText) < poolSize {
		p.byText[s] = s
	}
	return s
}

// ptr is str of a nullable column; nil is empty.
func (p *pool) ptr(s *string) string {
	if s == nil {
		return ""
	}
	return p.str(*s)
}

// strs gives shared copies; nil for an empty list.
func (p *pool) strs(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = p.str(s)
	}
	return out
}

// list gives the one List of these entries; nil when it restricts nothing.
func (p *pool) list(entries, groups []string) *List {
	if len(entries) == 0 && len(groups) == 0 {
		return nil
	}
	p.scratch.Reset()
	for _, e := range entries {
		p.scratch.WriteString(e)
		p.scratch.WriteByte(0)
	}
	p.scratch.WriteByte(1)
	for _, g := range groups {
		p.scratch.WriteString(g)
		p.scratch.WriteByte(0)
	}
	key := p.scratch.String()
	if shared, ok := p.byList[key]; ok {
		return shared
	}
	l := NewList(p.strs(entries), p.strs(groups))
	if len(p.byList) < poolSize {
		p.byList[key] = l
	}
	return l
}
