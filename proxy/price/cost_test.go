package price

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"gatehouse/models"
)

func priced(t *testing.T, params map[string]any) Price {
	t.Helper()
	p, ok, err := FromConfig(params)
	if err != nil || !ok {
		t.Fatalf("price: %v %v", ok, err)
	}
	return p
}

// The two cost checks of proxy.md §12.
func TestWireExamples(t *testing.T) {
	t.Parallel()
	claude := priced(t, map[string]any{
		"input_cost_per_token": 3e-6, "output_cost_per_token": 15e-6, "cache_read_input_token_cost": 3e-7, "cache_creation_input_token_cost": 3.75e-6,
	})
	u := Reported{Input: 100, CacheRead: 1000, CacheWrite5m: 200, Output: 50, InputExcludesCache: true}.Canonical()
	sum, lines := claude.Cost(u, "")
	if sum != 2_100_000 {
		t.Errorf("Anthropic usage costs %s, want 0.0021", sum)
	}
	want := []Line{
		{Input, 100, 3_000_000_000, 300_000},
		{CacheRead, 1000, 300_000_000, 300_000},
		{CacheWrite5m, 200, 3_750_000_000, 750_000},
		{Output, 50, 15_000_000_000, 750_000},
	}
	if !reflect.DeepEqual(lines, want) {
		t.Errorf("lines %+v", lines)
	}
	if u.InputTotal() != 1300 || u.InputCacheRead != 1000 || u.OutputTotal() != 50 {
		t.Errorf("as OpenAI reports it: %d, %d, %d", u.InputTotal(), u.InputCacheRead, u.OutputTotal())
	}

	gpt := priced(t, map[string]any{"input_cost_per_token": 3e-6, "output_cost_per_token": 15e-6, "cache_read_input_token_cost": 1.5e-6})
	u = Reported{Input: 1300, CacheRead: 1000, Output: 50, Reasoning: 20}.Canonical()
	if sum, _ := gpt.Cost(u, ""); sum != 3_150_000 {
		t.Errorf("OpenAI usage costs %s, want 0.00315", sum)
	}
}

func TestCost(t *testing.T) {
	t.Parallel()
	base := func(more map[string]any) map[string]any {
		m := map[string]any{"input_cost_per_token": "0.000001", "output_cost_per_token": "0.000002"}
		for k, v := range more {
			m[k] = v
		}
		return m
	}
	for name, c := range map[string]struct {
		params map[string]any
		usage  Usage
		tier   string
		want   models.Nano
	}{
		"nothing used":              {base(nil), Usage{}, "", 0},
		"negative counts":           {base(nil), Usage{InputUncached: -5, OutputText: -5}, "", 0},
		"half a nano rounds up":     {map[string]any{"input_cost_per_token": "0.0000000005"}, Usage{InputUncached: 1}, "", 1},
		"below half rounds down":    {map[string]any{"input_cost_per_token": "0.00000000049"}, Usage{InputUncached: 1}, "", 0},
		"once a line, not a token":  {map[string]any{"input_cost_per_token": "0.0000000004"}, Usage{InputUncached: 1000}, "", 400},
		"cache read falls back":     {base(nil), Usage{InputCacheRead: 10}, "", 10_000},
		"cache read for nothing":    {base(map[string]any{"cache_read_input_token_cost": 0}), Usage{InputCacheRead: 10}, "", 0},
		"1h falls back on 5m":       {base(map[string]any{"cache_creation_input_token_cost": 3e-6}), Usage{InputCacheWrite1h: 10}, "", 30_000},
		"1h on input":               {base(nil), Usage{InputCacheWrite1h: 10}, "", 10_000},
		"1h its own":                {base(map[string]any{"cache_creation_input_token_cost_above_1hr": 6e-6}), Usage{InputCacheWrite1h: 10}, "", 60_000},
		"audio falls back":          {base(nil), Usage{InputAudio: 10, OutputAudio: 10}, "", 30_000},
		"audio its own":             {base(map[string]any{"input_cost_per_audio_token": 1e-4, "output_cost_per_audio_token": 2e-4}), Usage{InputAudio: 10, OutputAudio: 10}, "", 3_000_000},
		"reasoning falls back":      {base(nil), Usage{OutputReasoning: 10}, "", 20_000},
		"reasoning its own":         {base(map[string]any{"output_cost_per_reasoning_token": 5e-6}), Usage{OutputReasoning: 10}, "", 50_000},
		"image tokens":              {base(map[string]any{"input_cost_per_image_token": 1e-5, "output_cost_per_image_token": 4e-5}), Usage{InputImage: 10, OutputImage: 10}, "", 500_000},
		"images":                    {map[string]any{"output_cost_per_image": 0.04}, Usage{Images: 2}, "", 80_000_000},
		"images, input name":        {map[string]any{"input_cost_per_image": 0.04}, Usage{Images: 2}, "", 80_000_000},
		"images unpriced":           {base(nil), Usage{Images: 2}, "", 0},
		"seconds":                   {map[string]any{"input_cost_per_second": 0.0001, "output_cost_per_second": 0.0001}, Usage{AudioMillis: 90_500}, "", 9_050_000},
		"characters":                {map[string]any{"input_cost_per_character": 15e-6}, Usage{Characters: 1000}, "", 15_000_000},
		"search units":              {map[string]any{"input_cost_per_query": 0.002}, Usage{SearchUnits: 3}, "", 6_000_000},
		"web search by context":     {base(map[string]any{"search_context_cost_per_query": map[string]any{"search_context_size_low": 0.03, "search_context_size_medium": 0.035}}), Usage{WebSearches: 2}, "", 70_000_000},
		"per request":               {base(map[string]any{"input_cost_per_request": 0.005}), Usage{Requests: 1, InputUncached: 1}, "", 5_001_000},
		"tier unknown to the price": {base(nil), Usage{InputUncached: 10}, "priority", 10_000},
		"default tier":              {base(map[string]any{"input_cost_per_token_priority": 9e-6}), Usage{InputUncached: 10}, "default", 10_000},
		"priority":                  {base(map[string]any{"input_cost_per_token_priority": 9e-6}), Usage{InputUncached: 10, OutputText: 1}, "priority", 92_000},
		"fast is priority":          {base(map[string]any{"input_cost_per_token_priority": 9e-6}), Usage{InputUncached: 10}, "fast", 90_000},
		"flex":                      {base(map[string]any{"output_cost_per_token_flex": 1e-6}), Usage{OutputText: 10}, "flex", 10_000},
		"batch":                     {base(map[string]any{"input_cost_per_token_batches": 5e-7}), Usage{InputUncached: 10}, "batch", 5_000},
		"at the threshold":          {base(map[string]any{"input_cost_per_token_above_200k_tokens": 2e-6}), Usage{InputUncached: 200_000}, "", 200_000_000},
		"above it, all of it":       {base(map[string]any{"input_cost_per_token_above_200k_tokens": 2e-6}), Usage{InputUncached: 200_001}, "", 400_002_000},
		"cached input counts":       {base(map[string]any{"input_cost_per_token_above_200k_tokens": 2e-6, "cache_read_input_token_cost": 0}), Usage{InputUncached: 1, InputCacheRead: 200_000}, "", 2_000},
		"output of a large call":    {base(map[string]any{"output_cost_per_token_above_128k_tokens": 8e-6}), Usage{InputCacheRead: 128_001, OutputText: 1}, "", 128_009_000},
		"the highest threshold":     {base(map[string]any{"input_cost_per_token_above_128k_tokens": 2e-6, "input_cost_per_token_above_200k_tokens": 4e-6}), Usage{InputUncached: 300_000}, "", 1_200_000_000},
		"both, given": {
			base(map[string]any{"input_cost_per_token_above_200k_tokens": 2e-6, "input_cost_per_token_priority": 3e-6, "input_cost_per_token_above_200k_tokens_priority": 5e-6}),
			Usage{InputUncached: 300_000},
			"priority", 1_500_000_000,
		},
		"both, multiplied": {
			base(map[string]any{"input_cost_per_token_above_200k_tokens": 2e-6, "input_cost_per_token_priority": 3e-6}),
			Usage{InputUncached: 300_000},
			"priority", 1_800_000_000,
		},
		"ranges": {
			map[string]any{"tiered_pricing": []any{
				map[string]any{"range": []any{0, 32000}, "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6},
				map[string]any{"range": []any{32000.0, 128000.0}, "input_cost_per_token": 3e-6, "output_cost_per_token": 6e-6},
			}},
			Usage{InputUncached: 32_001, OutputText: 1},
			"", 96_009_000,
		},
		"absurd counts stay in range": {base(nil), Usage{InputUncached: math.MaxInt64, OutputText: math.MaxInt64}, "", math.MaxInt64},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := priced(t, c.params)
			got, lines := p.Cost(c.usage, c.tier)
			if got != c.want {
				t.Errorf("got %d, want %d: %+v", got, c.want, lines)
			}
		})
	}
}

func TestUnknownIsNotFree(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		params      map[string]any
		known, free bool
	}{
		"no price":           {map[string]any{"model": "x"}, false, false},
		"null prices":        {map[string]any{"input_cost_per_token": nil, "output_cost_per_token": ""}, false, false},
		"both zero":          {map[string]any{"input_cost_per_token": 0, "output_cost_per_token": 0.0}, true, true},
		"zero in text":       {map[string]any{"input_cost_per_token": "0", "output_cost_per_token": "0.00"}, true, true},
		"one zero":           {map[string]any{"input_cost_per_token": 0, "output_cost_per_token": 1e-6}, true, false},
		"only input, zero":   {map[string]any{"input_cost_per_token": 0}, true, true},
		"zero but per image": {map[string]any{"input_cost_per_token": 0, "output_cost_per_token": 0, "output_cost_per_image": 0.04}, true, false},
		"zero but priority":  {map[string]any{"input_cost_per_token": 0, "output_cost_per_token": 0, "input_cost_per_token_priority": 1e-6}, true, false},
		"only per image":     {map[string]any{"output_cost_per_image": 0.04}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, ok, err := FromConfig(c.params)
			if err != nil || ok != c.known || p.Known != c.known || p.Free != c.free {
				t.Errorf("known %v %v, free %v, error %v", ok, p.Known, p.Free, err)
			}
		})
	}
	var none Price
	if n, lines := none.Cost(Usage{InputUncached: 1000}, ""); n != 0 || lines != nil {
		t.Errorf("an unknown price costs %d, %v", n, lines)
	}
}

func TestBadPricesAreRefused(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]any{
		"negative": -1e-6, "negative text": "-0.1", "word": "cheap", "NaN": math.NaN(), "infinite": math.Inf(1), "bool": true,
		"list": []any{1}, "huge exponent": "1e999999999", "hex": "0x10", "fraction": "1/3", "too dear": "10000", "underscore": "1_000",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if p, ok, err := FromConfig(map[string]any{"input_cost_per_token": v}); err == nil {
				t.Errorf("taken as %v %v", p.Base, ok)
			}
			_, _, err := FromConfig(map[string]any{"tiered_pricing": []any{map[string]any{"range": []any{0, 1}, "input_cost_per_token": v}}})
			if err == nil {
				t.Error("taken in a range")
			}
		})
	}
	for name, v := range map[string]any{"no map": []any{1}, "no range": []any{map[string]any{}}, "bad range": []any{map[string]any{"range": []any{"x"}}}} {
		if _, _, err := FromConfig(map[string]any{"tiered_pricing": v}); err == nil {
			t.Errorf("tiered_pricing with %s was taken", name)
		}
	}
}

// A float is taken by its decimal text: 0.1+0.2 in binary must not appear in a bill.
func TestRatesAreExact(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   any
		want int64
	}{
		{0.00003, 30_000_000_000},
		{"0.00003", 30_000_000_000},
		{3e-05, 30_000_000_000},
		{json.Number("3e-5"), 30_000_000_000},
		{0.0000009, 900_000_000},
		{float32(0.0000009), 900_000_000},
		{1.1e-07, 110_000_000},
		{0, 0},
		{int64(1), 1_000_000_000_000_000},
		{"0.000000000000000499", 0},
		{"0.0000000000000005", 1},
		{8.333333333333334e-08, 83_333_333},
	} {
		got, ok, err := parseRate(c.in)
		if err != nil || !ok || got != c.want {
			t.Errorf("%v is %d %v %v, want %d", c.in, got, ok, err, c.want)
		}
	}
}

func TestFieldsReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		params := map[string]any{}
		for _, k := range rapid.SliceOfDistinct(rapid.SampledFrom(unitKeys[:]), func(s string) string { return s }).Draw(t, "keys") {
			params[k] = PerUnit(rapid.Int64Range(0, 1e15).Draw(t, k))
		}
		p, ok, err := FromConfig(params)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return
		}
		back := map[string]any{}
		for k, v := range p.Fields() {
			back[k] = v
		}
		q, _, err := FromConfig(back)
		if err != nil || q.Base != p.Base || q.Version != p.Version {
			t.Fatalf("%v became %v: %v", p, q, err)
		}
	})
}

// No token is billed twice and none is lost, whatever details a provider claims.
func TestCanonicalIsAPartition(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := func(name string) int64 { return rapid.Int64Range(-10, 5000).Draw(t, name) }
		r := Reported{
			Input: n("input"), CacheRead: n("read"), CacheWrite5m: n("w5"), CacheWrite1h: n("w1"), InputAudio: n("audio"), AudioCached: n("cached audio"),
			InputImage: n("image"), Output: n("output"), Reasoning: n("reasoning"), OutputAudio: n("oaudio"), OutputImage: n("oimage"),
			InputExcludesCache: rapid.Bool().Draw(t, "excl"), OutputExcludesReasoning: rapid.Bool().Draw(t, "oexcl"),
		}
		u := r.Canonical()
		in, out := max(r.Input, 0), max(r.Output, 0)
		if r.InputExcludesCache {
			in += max(r.CacheRead, 0) + max(r.CacheWrite5m, 0) + max(r.CacheWrite1h, 0)
		}
		if r.OutputExcludesReasoning {
			out += max(r.Reasoning, 0)
		}
		if u.InputTotal() != in || u.OutputTotal() != out {
			t.Fatalf("%+v: totals %d and %d, want %d and %d", r, u.InputTotal(), u.OutputTotal(), in, out)
		}
		for _, v := range u.Values() {
			if v < 0 {
				t.Fatalf("negative count in %+v", u)
			}
		}
	})
}

func TestUsageValues(t *testing.T) {
	t.Parallel()
	var u Usage
	for i := range u.Values() {
		u.SetValue(i, int64(i+1))
	}
	u.SetValue(99, 1)
	v := u.Values()
	for i := range v {
		if v[i] != int64(i+1) {
			t.Errorf("value %d is %d", i, v[i])
		}
	}
	sum := u
	sum.Add(u)
	if sum.InputUncached != 2*u.InputUncached || sum.Requests != 2*u.Requests {
		t.Errorf("sum %+v", sum)
	}
	u.OutputText = -1
	if !u.Clamp(5) || u.OutputText != 0 || u.Requests != 5 || u.Clamp(5) {
		t.Errorf("clamped to %+v", u)
	}
}

func TestAdjust(t *testing.T) {
	t.Parallel()
	a, err := ParseAdjustments(
		map[string]any{"openai": 0.05, "gemini": "0.1"},
		map[string]any{"global": 0.02, "openai": map[string]any{"percentage": 0.08, "fixed_amount": "0.0005"}},
	)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		adjust Adjust
		sum    models.Nano
		want   models.Nano
	}{
		"nothing":       {Adjust{}, 1000, 1000},
		"free stays":    {a.For("openai"), 0, 0},
		"own entries":   {a.For("openai"), 1_000_000_000, 950_000_000 + 76_000_000 + 500_000},
		"global margin": {a.For("gemini"), 1_000_000_000, 900_000_000 + 18_000_000},
		"other":         {a.For("groq"), 1_000_000_000, 1_020_000_000},
		"uplift":        {Adjust{UpliftPPM: 100_000}, 1_000_000_000, 1_100_000_000},
		"all off":       {Adjust{DiscountPPM: 2_000_000}, 1_000_000_000, 0},
	} {
		got, lines := c.adjust.Apply(c.sum, nil)
		var booked models.Nano
		for _, l := range lines {
			booked += l.Nano
		}
		if got != c.want || c.sum+booked != got {
			t.Errorf("%s: %d with lines %+v, want %d", name, got, lines, c.want)
		}
	}
	for name, bad := range map[string]any{"above one": 1.5, "negative": -0.1, "word": "x"} {
		if _, err := ParseAdjustments(map[string]any{"openai": bad}, nil); err == nil {
			t.Errorf("discount %s was taken", name)
		}
	}
	if _, err := ParseAdjustments(nil, map[string]any{"openai": map[string]any{"percentage": "x"}}); err == nil {
		t.Error("a bad margin was taken")
	}
}

func TestLineJSON(t *testing.T) {
	t.Parallel()
	in := Line{Unit: CacheWrite1h, Quantity: 3, Rate: 6_000_000_000, Nano: 18_000}
	b, err := json.Marshal(in)
	if err != nil || string(b) != `{"unit":"cache_write_1h","quantity":3,"rate":6000000000,"cost":0.000018}` {
		t.Fatalf("%s %v", b, err)
	}
	var out Line
	if err := json.Unmarshal(b, &out); err != nil || out != in {
		t.Errorf("%+v %v", out, err)
	}
}

func BenchmarkCost(b *testing.B) {
	p, _, _ := FromConfig(map[string]any{"input_cost_per_token": 3e-6, "output_cost_per_token": 15e-6, "input_cost_per_token_above_200k_tokens": 6e-6})
	u := Usage{InputUncached: 1200, InputCacheRead: 3000, OutputText: 400, Requests: 1}
	lines := make([]Line, 0, 8)
	b.ReportAllocs()
	for b.Loop() {
		_, lines = p.AppendCost(lines[:0], u, "")
	}
}
