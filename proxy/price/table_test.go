package price

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func at(text string) func() time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return func() time.Time { return t }
}

var today = at("2026-11-21T12:00:00Z")

// The package that the list comes from gives the same answers, but for the rounding of its floats.
func TestGolden(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows [][5]any
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) < 500 {
		t.Fatalf("only %d rows", len(rows))
	}
	for _, r := range rows {
		provider, model, when := r[0].(string), r[1].(string), r[2].(string)
		p, ok := New(at(when)).Lookup(provider, model)
		if !ok {
			t.Errorf("%s %s: no price", provider, model)
			continue
		}
		got, _ := p.Cost(Usage{InputUncached: int64(r[3].(float64)) - 100, InputCacheRead: 100, OutputText: 1000, Requests: 1}, "")
		if want := int64(r[4].(float64)); int64(got)-want > 2 || want-int64(got) > 2 {
			t.Errorf("%s %s at %s with %v tokens: %d, want %d", provider, model, when, r[3], got, want)
		}
	}
}

func TestEmbeddedListIsSound(t *testing.T) {
	t.Parallel()
	l, err := parseList(pricesJSON)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(pricesJSON[:2000]), "MIT License") {
		t.Error("the licence notice is missing")
	}
	check := func(rules []rule) {
		for _, r := range rules {
			for _, test := range r {
				if !strings.ContainsRune("=^$*#8d/!", rune(test[0])) || len(test) < 2 {
					t.Errorf("unknown test %q", test)
				}
				if test[0] == '/' || test[0] == '!' {
					if _, err := regexp.Compile(test[1:]); err != nil {
						t.Error(err)
					}
				} else if test != strings.ToLower(test) {
					t.Errorf("test %q is not in lower case", test)
				}
			}
		}
	}
	for _, p := range l.Providers {
		check(p.Alias)
		check(p.Claims)
		for _, m := range p.Models {
			check(m.Match)
			for _, d := range m.Periods {
				if !d.price.Known {
					t.Errorf("%s/%s has a period without a price", p.ID, m.ID)
				}
			}
		}
	}
	if err := New(today).Preload(); err != nil {
		t.Error(err)
	}
}

func input(t *testing.T, p Price) int64 {
	t.Helper()
	v, _ := p.Rate(Input)
	return v
}

func TestNamesOfProviders(t *testing.T) {
	t.Parallel()
	table := New(today)
	haiku, ok := table.Lookup("anthropic", "claude-haiku-4-5")
	if !ok {
		t.Fatal("claude-haiku-4-5 has no price")
	}
	if haiku.Version != "genai-prices-0.1.8" {
		t.Errorf("version %q", haiku.Version)
	}
	for _, c := range []struct{ provider, model, like, likeModel string }{
		{"", "claude-haiku-4-5", "anthropic", "claude-haiku-4-5"},
		{"anthropic", "claude-haiku-4-5-20251001", "anthropic", "claude-haiku-4-5"},
		{"vertex_ai", "claude-haiku-4-5@20251001", "anthropic", "claude-haiku-4-5"},
		{"azure_ai", "claude-haiku-4-5", "anthropic", "claude-haiku-4-5"},
		{"litellm_proxy", "anthropic/claude-haiku-4-5", "anthropic", "claude-haiku-4-5"},
		{"some_gateway", "claude-haiku-4-5", "anthropic", "claude-haiku-4-5"},
		{"azure", "gpt-4o-2024-08-06", "openai", "gpt-4o"},
		{"", "azure/gpt-4o", "openai", "gpt-4o"},
		{"custom_openai", "gpt-4o", "openai", "gpt-4o"},
		{"openai", "GPT-4o ", "openai", "gpt-4o"},
		{"gemini", "models/gemini-2.5-flash", "google", "gemini-2.5-flash"},
		{"vertex_ai", "publishers/google/models/gemini-2.5-flash", "google", "gemini-2.5-flash"},
		{"bedrock", "converse/us.anthropic.claude-3-haiku-20240307-v1:0", "aws", "anthropic.claude-3-haiku-20240307-v1:0"},
		{"bedrock", "arn:aws:bedrock:us-east-1:123:inference-profile/us.anthropic.claude-3-haiku-20240307-v1:0", "aws", "anthropic.claude-3-haiku-20240307-v1:0"},
		{"xai", "grok-4.3", "x-ai", "grok-4.3"},
		{"openrouter", "openai/gpt-4o:extended-flavour", "openrouter", "openai/gpt-4o"},
	} {
		want, ok := table.Lookup(c.like, c.likeModel)
		if !ok {
			t.Errorf("%s %s has no price", c.like, c.likeModel)
		}
		got, ok := table.Lookup(c.provider, c.model)
		if !ok || input(t, got) != input(t, want) {
			t.Errorf("%s %s: %d %v, want %d", c.provider, c.model, input(t, got), ok, input(t, want))
		}
	}
}

func TestNamesWithoutPrice(t *testing.T) {
	t.Parallel()
	table := New(today)
	for _, c := range []struct{ provider, model string }{
		{"openai", "no-such-model"},
		{"", ""},
		{"hosted_vllm", "deepseek-chat"}, // our own machine does not cost what the maker asks
		{"huggingface", "meta-llama/Llama-3.3-70B-Instruct"},
		{"github_copilot", "gpt-4o"}, // known by name, no price listed: not the maker's price
		{"mistral", "mistral-ocr-latest"},
	} {
		if p, ok := table.Lookup(c.provider, c.model); ok || p.Known || p.Free {
			t.Errorf("%s %s has a price: %+v", c.provider, c.model, p)
		}
	}
	if p, ok := table.Lookup("ollama", "llama3"); !ok || !p.Free {
		t.Errorf("ollama is not free: %+v", p)
	}
	if p, ok := table.Lookup("azure", "phi-4-reasoning:free"); !ok || !p.Free {
		t.Errorf("a :free model is not free: %+v", p)
	}
	if _, ok := table.Lookup("huggingface", "openai/gpt-oss-120b:groq"); !ok {
		t.Error("a Hugging Face model at a named host has no price")
	}
}

func TestTimeOfDay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		when string
		want int64
	}{
		{"2026-08-01T12:00:00Z", 135_000_000 * 2},
		{"2026-08-01T18:00:00Z", 135_000_000},
		{"2026-08-01T00:29:59Z", 135_000_000},
		{"2026-08-01T00:30:00Z", 270_000_000},
		{"2026-08-01T16:30:00Z", 135_000_000},
		{"2026-08-01T01:00:00+02:00", 135_000_000},
	} {
		p, _ := New(at(c.when)).Lookup("deepseek", "deepseek-chat")
		if got := input(t, p); got != c.want {
			t.Errorf("%s: %d, want %d", c.when, got, c.want)
		}
	}
	night := period{Between: []int{22 * 3600, 6 * 3600}}
	if !night.holds(today().Add(11*time.Hour)) || !night.holds(today().Add(-8*time.Hour)) || night.holds(today()) {
		t.Error("a period over midnight holds at the wrong time")
	}
}

const litellmFile = `{
 "sample_spec": {"input_cost_per_token": "words about it"},
 "gpt-4o": {"litellm_provider":"openai","mode":"chat","max_input_tokens":128000,"max_output_tokens":16384,"input_cost_per_token":1e-06,"output_cost_per_token":2e-06,"supports_vision":true,"supports_x":"no"},
 "azure/eu/gpt-4o": {"litellm_provider":"azure","mode":"chat","input_cost_per_token":1.1e-06,"output_cost_per_token":2e-06},
 "azure/gpt-4o": {"litellm_provider":"azure","mode":"chat","input_cost_per_token":1.05e-06,"output_cost_per_token":2e-06},
 "my-own": {"max_tokens": "4096", "mode":"chat","input_cost_per_token":5e-06,"output_cost_per_token":5e-06},
 "only-info": {"mode":"embedding","max_input_tokens":512},
 "claude-haiku-4-5": {"mode":"chat","supports_pdf_input":true},
 "1024-x-1024/dall-e-2": {"mode":"image_generation","input_cost_per_pixel":1.9e-08,"output_cost_per_pixel":0.0},
 "hd/1024-x-1024/dall-e-2": {"mode":"image_generation","input_cost_per_image":0.08},
 "bad": {"input_cost_per_token": -1},
 "worse": 7
}`

func TestPriceFile(t *testing.T) {
	t.Parallel()
	f, err := LoadLiteLLM(strings.NewReader(litellmFile))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Problems) != 2 || !strings.HasPrefix(f.Problems[0], "bad: input_cost_per_token") || !strings.HasPrefix(f.Problems[1], "worse:") {
		t.Errorf("problems %q", f.Problems)
	}
	table := New(today, nil, f)
	for _, c := range []struct {
		provider, region, model string
		want                    int64
	}{
		{"openai", "", "gpt-4o", 1_000_000_000},
		{"openai", "", "gpt-4o-2024-08-06", 1_000_000_000},
		{"azure", "", "gpt-4o", 1_050_000_000},
		{"azure", "eu", "gpt-4o", 1_100_000_000},
		{"azure", "us", "gpt-4o", 1_050_000_000},
		{"hosted_vllm", "", "My-Own", 5_000_000_000},
	} {
		p, ok := table.LookupIn(c.provider, c.region, c.model)
		if !ok || input(t, p) != c.want || p.Version != f.Version {
			t.Errorf("%s/%s/%s: %d %v %s", c.provider, c.region, c.model, input(t, p), ok, p.Version)
		}
	}
	if _, ok := table.Lookup("x", "only-info"); ok {
		t.Error("an entry without a price has one")
	}
	if p, ok := table.Lookup("anthropic", "claude-haiku-4-5"); !ok || p.Version == f.Version {
		t.Errorf("an entry without a price hides the embedded one: %v %v", ok, p.Version)
	}
	info, ok := table.Info("openai", "gpt-4o")
	if !ok || info.MaxInputTokens != 128000 || info.MaxOutputTokens != 16384 || info.Mode != "chat" || !info.Supports["supports_vision"] || len(info.Supports) != 1 {
		t.Errorf("info %+v", info)
	}
	if info, _ := table.Info("x", "my-own"); info.MaxInputTokens != 4096 || info.MaxOutputTokens != 4096 {
		t.Errorf("info %+v", info)
	}
	if info, _ := table.Info("anthropic", "claude-haiku-4-5"); !info.Supports["supports_pdf_input"] {
		t.Errorf("info %+v", info)
	}
	if info, ok := New(today).Info("openai", "gpt-4o"); !ok || info.MaxInputTokens == 0 {
		t.Errorf("info %+v", info)
	}
	if _, ok := table.Info("openai", "no-such-model"); ok {
		t.Error("info of an unknown model")
	}
	if names := table.Models("azure"); !slices.Contains(names, "gpt-4o") || !slices.Contains(names, "phi-4") {
		t.Errorf("azure models %v", names)
	}
	if names := table.Models("openai"); !slices.IsSorted(names) || !slices.Contains(names, "gpt-4o") || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("openai models %v", names)
	}
	if names := table.Models("nobody"); len(names) != 0 {
		t.Errorf("models of nobody %v", names)
	}
	for _, c := range []struct {
		size, quality string
		want          int64
	}{
		{"1024x1024", "", 19_922_944}, {"1024x1024", "hd", 80_000_000}, {"1024x1024", "standard", 19_922_944},
	} {
		p, ok := table.LookupImage("openai", "dall-e-2", c.size, c.quality)
		if sum, _ := p.Cost(Usage{Images: 1}, ""); !ok || int64(sum) != c.want {
			t.Errorf("image %s %s: %v %d, want %d", c.size, c.quality, ok, sum, c.want)
		}
	}
}

func TestPriceFilesRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"empty": "", "no JSON": "x", "array": "[]", "no models": "{}", "only the sample": `{"sample_spec":{}}`, "cut off": litellmFile[:200]} {
		if f, err := LoadLiteLLM(strings.NewReader(text)); err == nil {
			t.Errorf("%s: taken as %v", name, f.entries)
		}
	}
}

func TestResolveOrder(t *testing.T) {
	t.Parallel()
	table := New(today)
	custom := priced(t, map[string]any{"input_cost_per_token": 7e-6})
	base, _ := table.Lookup("openai", "gpt-4o")
	reply, _ := table.Lookup("openai", "gpt-4.1")
	configured, _ := table.Lookup("openai", "gpt-4o-mini")
	for name, c := range map[string]struct {
		q    Query
		want Price
	}{
		"custom price":        {Query{custom, "azure", "", "gpt-4o", "gpt-4.1", "gpt-4o-mini"}, custom},
		"base model":          {Query{Price{}, "azure", "", "azure/gpt-4o", "gpt-4.1", "gpt-4o-mini"}, base},
		"model of the reply":  {Query{Price{}, "azure", "", "", "gpt-4.1", "gpt-4o-mini"}, reply},
		"unknown reply":       {Query{Price{}, "azure", "", "", "my-deployment", "gpt-4o-mini"}, configured},
		"unknown base":        {Query{Price{}, "azure", "", "typo", "gpt-4.1", "gpt-4o-mini"}, reply},
		"configured":          {Query{Price{}, "azure", "", "", "", "gpt-4o-mini"}, configured},
		"nothing known":       {Query{Price{}, "azure", "", "", "a", "b"}, Price{}},
		"nothing asked about": {Query{}, Price{}},
	} {
		got, ok := table.Resolve(c.q)
		if ok != c.want.Known || got.Base != c.want.Base {
			t.Errorf("%s: %v, input %d", name, ok, input(t, got))
		}
	}
}

// Callers choose names through a wildcard route: what is remembered must stay bounded, and lookups may run at once.
func TestLookupsAreBoundedAndConcurrent(t *testing.T) {
	t.Parallel()
	table := New(today)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 3000 {
				table.Lookup("openai", "x"+string(rune('a'+g))+strings.Repeat("y", i%50)+string(rune('0'+i%10))+time.Duration(i).String())
				if p, ok := table.Lookup("openai", "gpt-4o"); !ok || p.Free {
					t.Error("gpt-4o has no price")
				}
			}
		})
	}
	wg.Wait()
	if n := len(table.known); n > maxKnown {
		t.Errorf("%d lookups are kept", n)
	}
}

func TestKeyNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"input_cost_per_token": true, "output_cost_per_token_above_272k_tokens_flex": true, "cache_creation_input_token_cost_above_1hr_above_200k_tokens": true,
		"input_cost_per_video_per_second": true, "tiered_pricing": true, "input_cost_per_token_above_0k_tokens": false,
		"input_cost": false, "max_tokens": false, "": false, "input_cost_per_token_above_xk_tokens": false, "output_vector_size": false,
	} {
		if got := IsKey(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func FuzzLoadLiteLLM(f *testing.F) {
	f.Add(litellmFile)
	f.Add(`{"a":{"tiered_pricing":[{"range":[0,1e3],"input_cost_per_token":"1e-6"}]}}`)
	f.Add(`{"a":{"input_cost_per_token":1e20,"max_tokens":1e99}}`)
	f.Fuzz(func(t *testing.T, text string) {
		file, err := LoadLiteLLM(strings.NewReader(text))
		if err != nil {
			return
		}
		for name := range file.entries {
			p, _ := New(today, file).Lookup("openai", name)
			if n, _ := p.Cost(Usage{InputUncached: 1 << 40, Images: 3}, "priority"); n < 0 {
				t.Fatalf("%s costs %d", name, n)
			}
		}
	})
}

func BenchmarkParseList(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseList(pricesJSON); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	table := New(today)
	b.ReportAllocs()
	for b.Loop() {
		table.Lookup("openai", "gpt-4o-2024-08-06")
	}
}
