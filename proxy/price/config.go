package price

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"sort"
	"strconv"
	"strings"
)

// keyUnits maps LiteLLM's names of a price to the unit. Where several names mean one unit, the one with the lowest
// order wins when both are given.
var keyUnits = map[string]struct {
	unit  Unit
	order int
}{
	"input_cost_per_token":                      {Input, 0},
	"output_cost_per_token":                     {Output, 0},
	"cache_read_input_token_cost":               {CacheRead, 0},
	"input_cost_per_token_cache_hit":            {CacheRead, 1},
	"cache_creation_input_token_cost":           {CacheWrite5m, 0},
	"cache_creation_input_token_cost_above_1hr": {CacheWrite1h, 0},
	"input_cost_per_audio_token":                {InputAudio, 0},
	"output_cost_per_audio_token":               {OutputAudio, 0},
	"input_cost_per_image_token":                {InputImage, 0},
	"output_cost_per_image_token":               {OutputImage, 0},
	"output_cost_per_reasoning_token":           {OutputReasoning, 0},
	"output_cost_per_image":                     {Image, 0},
	"input_cost_per_image":                      {Image, 1},
	"input_cost_per_pixel":                      {Pixel, 0},
	"output_cost_per_pixel":                     {Pixel, 1},
	"output_cost_per_second":                    {AudioSecond, 0},
	"input_cost_per_second":                     {AudioSecond, 1},
	"input_cost_per_audio_per_second":           {AudioSecond, 2},
	"input_cost_per_character":                  {Character, 0},
	"output_cost_per_character":                 {Character, 1},
	"input_cost_per_query":                      {SearchUnit, 0},
	"search_context_cost_per_query":             {WebSearch, 0},
	"web_search_cost_per_query":                 {WebSearch, 1},
	"web_search_cost_per_request":               {WebSearch, 2},
	"input_cost_per_request":                    {Request, 0},
	"cost_per_request":                          {Request, 1},
	"output_cost_per_request":                   {Request, 2},
	"input_cost_per_video_per_second":           {units, 0}, // no unit of a call's usage: accepted, not billed
	"output_cost_per_video_per_second":          {units, 0},
	"cache_read_input_audio_token_cost":         {units, 0},
	"cache_read_input_image_token_cost":         {units, 0},
	"cache_creation_input_audio_token_cost":     {units, 0},
	"citation_cost_per_token":                   {units, 0},
	"ocr_cost_per_page":                         {units, 0},
	"annotation_cost_per_page":                  {units, 0},
	"file_search_cost_per_1k_calls":             {units, 0},
	"file_search_cost_per_gb_per_day":           {units, 0},
	"vector_store_cost_per_gb_per_day":          {units, 0},
	"code_interpreter_cost_per_session":         {units, 0},
	"computer_use_input_cost_per_1k_tokens":     {units, 0},
	"computer_use_output_cost_per_1k_tokens":    {units, 0},
	"input_dbu_cost_per_token":                  {units, 0},
	"output_dbu_cost_per_token":                 {units, 0},
	"output_cost_per_video_token":               {units, 0},
	"input_cost_per_video_token":                {units, 0},
	"google_maps_grounding_cost_per_query":      {units, 0},
	"google_search_grounding_cost_per_query":    {WebSearch, 3},
}

var serviceSuffixes = []struct{ suffix, service string }{
	{"_priority", "priority"},
	{"_fast", "priority"},
	{"_flex", "flex"},
	{"_batches", "batch"},
	{"_batch", "batch"},
}

// key is one price name, taken apart.
type key struct {
	unit    Unit
	order   int
	service string
	above   int64
}

// parseKey reads a name like "output_cost_per_token_above_200k_tokens_priority"; false when it names no price.
func parseKey(name string) (key, bool) {
	var k key
	base := name
	for _, s := range serviceSuffixes {
		if cut, ok := strings.CutSuffix(base, s.suffix); ok {
			base, k.service = cut, s.service
			break
		}
	}
	if cut, ok := strings.CutSuffix(base, "_tokens"); ok {
		if i := strings.LastIndex(cut, "_above_"); i >= 0 {
			if n, ok := tokens(cut[i+len("_above_"):]); ok {
				base, k.above = cut[:i], n
			}
		}
	}
	u, ok := keyUnits[base]
	k.unit, k.order = u.unit, u.order
	return k, ok
}

// tokens reads "200k", "1m" or "128000".
func tokens(s string) (int64, bool) {
	scale := int64(1)
	if cut, ok := strings.CutSuffix(s, "k"); ok {
		s, scale = cut, 1000
	} else if cut, ok := strings.CutSuffix(s, "m"); ok {
		s, scale = cut, million
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64/scale {
		return 0, false
	}
	return n * scale, true
}

// IsKey reports that name is a price, under any of LiteLLM's names.
func IsKey(name string) bool {
	if name == "tiered_pricing" {
		return true
	}
	_, ok := parseKey(name)
	return ok
}

// FromConfig reads the prices in params (litellm_params, model_info or an entry of a price file); other keys are
// ignored. A value is USD per unit as a number, a decimal text or a json.Number, and is converted by its decimal text,
// not by float arithmetic. The bool says whether there was any price; when only one of the input and output token
// prices is given, the other is 0. An error names the first key whose value is negative or no number.
func FromConfig(params map[string]any) (Price, bool, error) {
	var p Price
	type slot struct {
		unit    Unit
		service string
		above   int64
	}
	best := map[slot]int{}
	names := make([]string, 0, len(params))
	for name := range params {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		k, ok := parseKey(name)
		if !ok {
			continue
		}
		rate, given, err := parseRate(params[name])
		if err != nil {
			return Price{}, false, fmt.Errorf("%s: %w", name, err)
		}
		if !given || k.unit >= units {
			continue
		}
		s := slot{k.unit, k.service, k.above}
		if order, ok := best[s]; ok && order <= k.order {
			continue
		}
		best[s] = k.order
		p.at(k.service, k.above).Set(k.unit, rate)
	}
	if err := p.ranges(params["tiered_pricing"]); err != nil {
		return Price{}, false, err
	}
	p.finish()
	if !p.Known {
		return Price{}, false, nil
	}
	p.Version = "config-" + p.fingerprint()
	return p, true, nil
}

// finish fills the missing half of a token price and sets Known and Free.
func (p *Price) finish() {
	_, in := p.Base.Get(Input)
	_, out := p.Base.Get(Output)
	if in && !out {
		p.Base.Set(Output, 0)
	}
	if out && !in {
		p.Base.Set(Input, 0)
	}
	sort.SliceStable(p.Tiers, func(i, j int) bool {
		a, b := &p.Tiers[i], &p.Tiers[j]
		return a.Service < b.Service || a.Service == b.Service && a.Above < b.Above
	})
	p.seal()
}

// ranges reads tiered_pricing, a list of {range: [from, to], <prices>}: the whole call is at the prices of the range
// that its input falls in.
func (p *Price) ranges(v any) error {
	list, ok := v.([]any)
	if !ok {
		return nil
	}
	for i, item := range list {
		entry, ok := item.(map[string]any)
		if !ok {
			return fmt.Errorf("tiered_pricing[%d]: a map with range and prices is expected", i)
		}
		bounds, _ := entry["range"].([]any)
		if len(bounds) == 0 {
			return fmt.Errorf("tiered_pricing[%d]: range is missing", i)
		}
		from, err := amount(bounds[0])
		if err != nil || from == nil || !from.IsInt() || from.Sign() < 0 || !from.Num().IsInt64() {
			return fmt.Errorf("tiered_pricing[%d]: range must start with a number of tokens", i)
		}
		for name, value := range entry {
			k, ok := parseKey(name)
			if !ok || k.unit >= units || k.above != 0 {
				continue
			}
			rate, given, err := parseRate(value)
			if err != nil {
				return fmt.Errorf("tiered_pricing[%d].%s: %w", i, name, err)
			}
			if given {
				p.at(k.service, from.Num().Int64()).Set(k.unit, rate)
			}
		}
	}
	return nil
}

// perMillion is nano-USD per million units in one USD per unit.
var perMillion = new(big.Rat).SetInt64(1_000_000_000 * million)

// parseRate turns USD per unit into nano-USD per million units, rounded half up; false for null.
func parseRate(v any) (int64, bool, error) {
	if m, ok := v.(map[string]any); ok {
		// search_context_cost_per_query has a price by context size; the provider's default is the medium one.
		for _, name := range []string{"search_context_size_medium", "search_context_size_low", "search_context_size_high"} {
			if inner, ok := m[name]; ok {
				return parseRate(inner)
			}
		}
		return 0, false, nil
	}
	r, err := amount(v)
	if err != nil || r == nil {
		return 0, false, err
	}
	if r.Sign() < 0 {
		return 0, false, fmt.Errorf("a price cannot be negative")
	}
	r.Mul(r, perMillion)
	num := new(big.Int).Lsh(r.Num(), 1)
	num.Add(num, r.Denom())
	num.Quo(num, new(big.Int).Lsh(r.Denom(), 1))
	if !num.IsInt64() {
		return 0, false, fmt.Errorf("the price is out of range")
	}
	return num.Int64(), true, nil
}

// amount reads a number by its decimal text; nil for null or an empty text.
func amount(v any) (*big.Rat, error) {
	var text string
	switch n := v.(type) {
	case nil:
		return nil, nil
	case string:
		text = strings.TrimSpace(n)
		if text == "" {
			return nil, nil
		}
	case json.Number:
		text = n.String()
	case float64:
		text = strconv.FormatFloat(n, 'g', -1, 64)
	case float32:
		text = strconv.FormatFloat(float64(n), 'g', -1, 32)
	case int:
		text = strconv.Itoa(n)
	case int64:
		text = strconv.FormatInt(n, 10)
	case uint64:
		text = strconv.FormatUint(n, 10)
	default:
		return nil, fmt.Errorf("a number is expected, not %T", v)
	}
	bad := fmt.Errorf("%.40q is not a number", text)
	if len(text) > 64 || strings.Trim(text, "0123456789.eE+-") != "" {
		return nil, bad
	}
	// The exponent is bounded before big.Rat expands it.
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		if e, err := strconv.Atoi(text[i+1:]); err != nil || e > 20 || e < -60 {
			return nil, bad
		}
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil, bad
	}
	return r, nil
}

// fingerprint is a short hash of every rate.
func (p *Price) fingerprint() string {
	var b []byte
	add := func(service string, above int64, r *Rates) {
		b = append(append(b, service...), 0)
		b = strconv.AppendInt(b, above, 10)
		for u := Unit(0); u < units; u++ {
			if v, ok := r.Get(u); ok {
				b = append(append(b, ' '), u.String()...)
				b = strconv.AppendInt(append(b, '='), v, 10)
			}
		}
		b = append(b, '\n')
	}
	add("", 0, &p.Base)
	for i := range p.Tiers {
		add(p.Tiers[i].Service, p.Tiers[i].Above, &p.Tiers[i].Rates)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6])
}
