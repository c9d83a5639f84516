package price

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Table answers what a model costs: price files first, in the order given, then the embedded list. Safe for concurrent
// use; a lookup that was made before is one map read.
type Table struct {
	now   func() time.Time
	files []*File

	mu    sync.RWMutex
	known map[query]*found
}

type query struct{ provider, region, model string }

// found is the answer to a query: a price from a file, or a model of the embedded list, or neither.
type found struct {
	price Price
	info  Info
	model *model
}

// maxKnown bounds the remembered lookups: through a wildcard route, callers choose the names.
const maxKnown = 8192

// New makes a table. now decides between dated prices and prices by time of day. Files may be none; a nil one is left
// out.
func New(now func() time.Time, files ...*File) *Table {
	files = slices.DeleteFunc(slices.Clone(files), func(f *File) bool { return f == nil })
	return &Table{now: now, files: files, known: make(map[query]*found)}
}

// Lookup finds the price of a model at a provider (its LiteLLM prefix: "openai", "bedrock", …; "" when not known).
// False: no price is known, which is not the same as free.
func (t *Table) Lookup(provider, model string) (Price, bool) { return t.LookupIn(provider, "", model) }

// LookupIn is Lookup that tries provider/region/model first.
func (t *Table) LookupIn(provider, region, model string) (Price, bool) {
	f := t.find(provider, region, model)
	p := f.price
	if f.model != nil {
		p = f.model.at(t.now())
	}
	return p, p.Known
}

// Info is what the lists know about a model besides its price; false when they do not know it.
func (t *Table) Info(provider, model string) (Info, bool) {
	f := t.find(provider, "", model)
	i := f.info
	if f.model != nil && i.unknown() {
		i = Info{MaxInputTokens: f.model.Context, Mode: f.model.Mode}
	}
	return i, f.model != nil || !i.unknown()
}

// Query names everything a call's price may be found under.
type Query struct {
	Custom     Price // the deployment's own price, from FromConfig; wins when Known
	Provider   string
	Region     string
	BaseModel  string // model_info.base_model
	ReplyModel string // model in the provider's reply
	Model      string // configured model, without the provider prefix
}

// Resolve follows the order of proxy.md §7.3: custom price, base model, model of the reply, configured model.
func (t *Table) Resolve(q Query) (Price, bool) {
	if q.Custom.Known {
		return q.Custom, true
	}
	for _, name := range [...]string{q.BaseModel, q.ReplyModel, q.Model} {
		if name == "" {
			continue
		}
		if p, ok := t.LookupIn(q.Provider, q.Region, name); ok {
			return p, true
		}
	}
	return Price{}, false
}

// ResolveImage is Resolve for images of a size and quality.
func (t *Table) ResolveImage(q Query, size, quality string) (Price, bool) {
	for _, name := range [...]string{q.BaseModel, q.ReplyModel, q.Model} {
		if name == "" {
			continue
		}
		if p, ok := t.LookupImage(q.Provider, name, size, quality); ok {
			return p, true
		}
	}
	return Price{}, false
}

// LookupImage is Lookup for image generation, where price files have entries by size ("1024x1024") and quality. A
// price per pixel becomes one per image.
func (t *Table) LookupImage(provider, model, size, quality string) (Price, bool) {
	width, height, sized := dimensions(size)
	if sized {
		by := strconv.Itoa(width) + "-x-" + strconv.Itoa(height) + "/" + model
		names := []string{by}
		if quality != "" {
			names = []string{quality + "/" + by, by}
		}
		for _, name := range names {
			if p, ok := t.fileOnly(provider, name); ok {
				return p.perImage(width, height), true
			}
		}
	}
	p, ok := t.Lookup(provider, model)
	if ok && sized {
		p = p.perImage(width, height)
	}
	return p, ok
}

func (t *Table) fileOnly(provider, name string) (Price, bool) {
	for _, f := range t.files {
		if e, ok := f.find(provider, "", name); ok && e.price.Known {
			return e.price, true
		}
	}
	return Price{}, false
}

func dimensions(size string) (int, int, bool) {
	w, h, ok := strings.Cut(strings.ToLower(size), "x")
	width, errW := strconv.Atoi(w)
	height, errH := strconv.Atoi(h)
	ok = ok && errW == nil && errH == nil && width > 0 && height > 0 && width <= 1<<16 && height <= 1<<16
	return width, height, ok
}

func (p Price) perImage(width, height int) Price {
	if _, ok := p.Base.Get(Image); ok {
		return p
	}
	if rate, ok := p.Base.Get(Pixel); ok {
		p.Base.Set(Image, mulDiv(rate, int64(width)*int64(height), 1))
	}
	return p
}

// Models lists the names at a provider that have a price, sorted: what a wildcard deployment covers.
func (t *Table) Models(provider string) []string {
	var out []string
	for _, f := range t.files {
		out = append(out, f.models(provider)...)
	}
	if l, err := embedded(); err == nil {
		out = append(out, l.models(provider)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Preload reads the embedded list now instead of at the first lookup. The error is that of a broken build.
func (t *Table) Preload() error {
	_, err := embedded()
	return err
}

func (t *Table) find(provider, region, model string) *found {
	q := query{provider, region, model}
	t.mu.RLock()
	f := t.known[q]
	t.mu.RUnlock()
	if f != nil {
		return f
	}
	f = t.search(strings.ToLower(provider), strings.ToLower(region), model)
	// The names may be views of a request's buffer.
	q = query{strings.Clone(provider), strings.Clone(region), strings.Clone(model)}
	t.mu.Lock()
	if len(t.known) >= maxKnown {
		clear(t.known)
	}
	t.known[q] = f
	t.mu.Unlock()
	return f
}

func (t *Table) search(provider, region, model string) *found {
	var f found
	for _, file := range t.files {
		e, ok := file.find(provider, region, model)
		if ok && f.info.unknown() {
			f.info = e.info
		}
		if ok && e.price.Known {
			f.price = e.price
			return &f
		}
	}
	if l, err := embedded(); err == nil {
		if f.model = l.lookup(provider, model); f.model != nil {
			return &f
		}
	}
	if free(provider) {
		f.price.Version = "free"
		f.price.Base.Set(Input, 0)
		f.price.Base.Set(Output, 0)
		f.price.seal()
	}
	return &f
}
