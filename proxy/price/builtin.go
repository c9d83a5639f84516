package price

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

//go:embed prices.json
var pricesJSON []byte

// list is the embedded price list, made by tools/prices. It is read when the first price is asked for: a start without
// a call does not pay for it.
type list struct {
	Source    string      `json:"source"`
	Providers []*provider `json:"providers"`
	byID      map[string]*provider
	re        patterns
}

type provider struct {
	ID       string   `json:"id"`
	Alias    []rule   `json:"alias"`  // other names of the provider
	Claims   []rule   `json:"claims"` // models that belong to it when no provider is named
	Fallback []string `json:"fallback"`
	Models   []*model `json:"models"`

	equal map[string]int // name -> first model that matches it exactly
	other []pattern      // every other rule, in the order of the models
}

type pattern struct {
	model int
	rule  rule
}

type model struct {
	ID      string   `json:"id"`
	Match   []rule   `json:"match"` // missing: equal to ID
	Context int64    `json:"context"`
	Mode    string   `json:"mode"`
	Periods []period `json:"p"` // missing: known by name only, unpriced
}

// period is a price with the time it holds in: the last one of a model whose condition is met counts.
type period struct {
	From    string `json:"from"`
	Between []int  `json:"between"` // seconds of the UTC day, may run over midnight
	Rates   wire   `json:"r"`
	Above   []struct {
		N     int64 `json:"n"`
		Rates wire  `json:"r"`
	} `json:"above"`

	from  time.Time
	price Price
}

type wire map[string]int64

func (w wire) rates() (Rates, error) {
	var r Rates
	for name, v := range w {
		var u Unit
		if err := u.UnmarshalText([]byte(name)); err != nil || u >= units {
			return r, fmt.Errorf("unknown price unit %q", name)
		}
		r.Set(u, v)
	}
	return r, nil
}

// embedded reads the list once for the process; it never changes afterwards.
var embedded = sync.OnceValues(func() (*list, error) { return parseList(pricesJSON) })

func parseList(text []byte) (*list, error) {
	l := new(list)
	if err := json.Unmarshal(text, l); err != nil {
		return nil, fmt.Errorf("embedded price list: %w", err)
	}
	version := strings.ReplaceAll(strings.TrimPrefix(l.Source, "@pydantic/"), " ", "-")
	l.byID = make(map[string]*provider, len(l.Providers))
	for _, p := range l.Providers {
		l.byID[p.ID] = p
		p.index()
		for _, m := range p.Models {
			if err := m.prepare(version); err != nil {
				return nil, fmt.Errorf("embedded price list: %s/%s: %w", p.ID, m.ID, err)
			}
		}
	}
	return l, nil
}

func (p *provider) index() {
	p.equal = make(map[string]int, len(p.Models))
	exact := func(name string, i int) {
		if _, ok := p.equal[name]; !ok {
			p.equal[name] = i
		}
	}
	for i, m := range p.Models {
		if len(m.Match) == 0 {
			exact(strings.ToLower(m.ID), i)
		}
		for _, r := range m.Match {
			if len(r) == 1 && strings.HasPrefix(r[0], "=") {
				exact(r[0][1:], i)
			} else {
				p.other = append(p.other, pattern{i, r})
			}
		}
	}
}

func (m *model) prepare(version string) error {
	for i := range m.Periods {
		d := &m.Periods[i]
		if d.From != "" {
			t, err := time.Parse(time.DateOnly, d.From)
			if err != nil {
				return fmt.Errorf("start date: %w", err)
			}
			d.from = t
		}
		if d.Between != nil && len(d.Between) != 2 {
			return fmt.Errorf("time of day needs two ends")
		}
		var err error
		if d.price.Base, err = d.Rates.rates(); err != nil {
			return err
		}
		for _, a := range d.Above {
			r, err := a.Rates.rates()
			if err != nil {
				return err
			}
			d.price.Tiers = append(d.price.Tiers, Tier{Above: a.N, Rates: r})
		}
		d.price.Version = version
		d.price.seal()
		d.Rates, d.Above = nil, nil
	}
	return nil
}

// find is the first model of the provider that matches a lower-case name.
func (p *provider) find(name string, re *patterns) *model {
	best := len(p.Models)
	if i, ok := p.equal[name]; ok {
		best = i
	}
	for _, o := range p.other {
		if o.model >= best {
			break
		}
		if o.rule.match(name, re) {
			best = o.model
			break
		}
	}
	if best < len(p.Models) {
		return p.Models[best]
	}
	return nil
}

// at is the price that holds at t.
func (m *model) at(t time.Time) Price {
	for i := len(m.Periods) - 1; i >= 0; i-- {
		if m.Periods[i].holds(t) {
			return m.Periods[i].price
		}
	}
	if len(m.Periods) > 0 {
		return m.Periods[0].price
	}
	return Price{}
}

func (d *period) holds(t time.Time) bool {
	if !d.from.IsZero() && t.Before(d.from) {
		return false
	}
	if d.Between == nil {
		return true
	}
	t = t.UTC()
	s, from, to := t.Hour()*3600+t.Minute()*60+t.Second(), d.Between[0], d.Between[1]
	if to < from {
		return s >= from || s < to
	}
	return s >= from && s < to
}

// litellmNames are provider prefixes that the list spells otherwise.
func litellmNames(name string) string {
	switch name {
	case "bedrock", "bedrock_converse", "bedrock_mantle":
		return "aws"
	case "gemini", "vertex_ai", "vertex_ai_beta", "palm":
		return "google"
	case "azure_ai", "azure_text":
		return "azure"
	case "together_ai":
		return "together"
	case "fireworks_ai":
		return "fireworks"
	case "xai":
		return "x-ai"
	case "moonshot":
		return "moonshotai"
	case "cohere_chat":
		return "cohere"
	case "codestral", "text-completion-codestral":
		return "mistral"
	case "text-completion-openai", "custom_openai":
		return "openai"
	case "voyage":
		return "voyageai"
	case "github_copilot":
		return "github-copilot"
	}
	return name
}

// provider resolves a provider's name, ours or the list's; nil when it is not in the list.
func (l *list) provider(name string) *provider {
	if name == "" {
		return nil
	}
	if p, ok := l.byID[litellmNames(name)]; ok {
		return p
	}
	if strings.Contains(name, "huggingface") {
		return nil // the price depends on who serves the model, see candidates
	}
	for _, p := range l.Providers {
		if matchAny(p.Alias, name, &l.re) {
			return p
		}
	}
	return nil
}

// in looks for a name at a provider, then at those whose models it resells.
func (l *list) in(p *provider, name string) *model {
	if m := p.find(name, &l.re); m != nil {
		return m
	}
	for _, id := range p.Fallback {
		if other := l.byID[id]; other != nil {
			if m := other.find(name, &l.re); m != nil {
				return m
			}
		}
	}
	return nil
}

// lookup follows proxy.md §7.3: the provider's own list under each spelling of the name, then the bare name.
func (l *list) lookup(provider, name string) *model {
	name = strings.ToLower(strings.TrimSpace(name))
	if provider == "huggingface" {
		org, who, ok := strings.Cut(name, ":")
		if p := l.byID["huggingface_"+who]; ok && p != nil {
			return l.in(p, org)
		}
		return nil
	}
	names := spellings(name)
	if p := l.provider(provider); p != nil {
		for _, n := range names {
			if m := l.in(p, n); m != nil {
				return m
			}
		}
	}
	if selfHosted(provider) {
		return nil
	}
	for _, n := range names {
		if m := l.bare(n); m != nil {
			return m
		}
	}
	return nil
}

// bare looks a name up without a provider: "azure/gpt-4o" names one itself, others are claimed by the maker.
func (l *list) bare(name string) *model {
	if who, rest, ok := strings.Cut(name, "/"); ok {
		if p := l.byID[litellmNames(who)]; p != nil {
			if m := l.in(p, rest); m != nil {
				return m
			}
		}
	}
	for _, p := range l.Providers {
		if matchAny(p.Claims, name, &l.re) {
			if m := p.find(name, &l.re); m != nil {
				return m
			}
		}
	}
	return nil
}

// models lists the priced names of a provider, sorted.
func (l *list) models(provider string) []string {
	p := l.provider(provider)
	if p == nil {
		return nil
	}
	var out []string
	for _, m := range p.Models {
		if len(m.Periods) > 0 {
			out = append(out, m.ID)
		}
	}
	slices.Sort(out)
	return out
}
