package tokens

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/png"
	"strconv"
	"strings"
	"testing"

	"gatehouse/internal/testkit/storm"
)

func TestCountByFamily(t *testing.T) {
	t.Parallel()
	// Counts of OpenAI's own tokenizer for this sentence: 9 in both vocabularies.
	const sentence = "The quick brown fox jumps over the lazy dog"
	for name, c := range map[string]struct {
		model, text string
		want        int
	}{
		"nothing":               {"gpt-4o", "", 0},
		"o200k":                 {"gpt-4o-mini", sentence, 9},
		"new name":              {"gpt-6-sol", sentence, 9},
		"with provider":         {"openai/gpt-5.6", sentence, 9},
		"cl100k":                {"gpt-4-0613", sentence, 9},
		"azure spelling":        {"gpt-35-turbo", sentence, 9},
		"fine-tuned":            {"ft:gpt-4o:acme::x", sentence, 9},
		"old completion":        {"text-davinci-003", sentence, 9},
		"oldest":                {"davinci", sentence, 9},
		"not OpenAI: + a tenth": {"claude-sonnet-4-6", sentence, 10},
		"no model":              {"", sentence, 10},
		"vocabularies differ 1": {"gpt-4o", "Привет, как дела?", 6},
		"vocabularies differ 2": {"gpt-4", "Привет, как дела?", 8},
		"broken UTF-8":          {"gpt-4o", "\xff\xfe", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Count(c.model, c.text); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestLongTextCountsLikeItsParts(t *testing.T) {
	t.Parallel()
	const line = "Every request has exactly one terminal accounting record and nothing is lost on the way there."
	one := Count("gpt-4o", line)
	long := Count("gpt-4o", strings.Repeat(" "+line, 500))
	if want := one * 500; long < want*98/100 || long > want*102/100 {
		t.Errorf("500 lines are %d tokens, one is %d", long, one)
	}
	estimate := Estimate("gpt-4o", strings.Repeat(" "+line, 500))
	if estimate < long*9/10 || estimate > long*11/10 {
		t.Errorf("estimate %d of %d", estimate, long)
	}
}

// A run without a boundary must not make counting quadratic, nor lose the count.
func TestRunsWithoutSpaces(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]string{
		"letters": strings.Repeat("a", 300_000), "spaces": strings.Repeat(" ", 300_000), "newlines": strings.Repeat("\n", 300_000),
		"capitals": strings.Repeat("A", 300_000), "Chinese": strings.Repeat("汉", 100_000), "punctuation": strings.Repeat("!?", 150_000),
		"emoji": strings.Repeat("👩‍👩‍👧", 20_000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if n := Estimate("gpt-4o", s); n < 1000 || n > len(s) {
				t.Errorf("%d tokens for %d bytes", n, len(s))
			}
			if n := Count("gpt-4o", s[:30_000]); n < 100 || n > 30_000 {
				t.Errorf("%d tokens for 30,000 bytes", n)
			}
		})
	}
}

func TestCountChat(t *testing.T) {
	t.Parallel()
	picture := func(w, h int) string {
		var b bytes.Buffer
		if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, w, h))); err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(b.Bytes())
	}
	for name, c := range map[string]struct {
		model, body string
		low, high   int
	}{
		"not JSON":      {"gpt-4o", `hello`, 3, 3},
		"cut off":       {"gpt-4o", `{"messages":[{"role":"user","content":"hel`, 3, 3},
		"empty":         {"gpt-4o", `{}`, 3, 3},
		"one message":   {"gpt-4o", `{"model":"gpt-4o","messages":[{"role":"user","content":"hello world"}]}`, 9, 12},
		"parts":         {"gpt-4o", `{"messages":[{"role":"user","content":[{"type":"text","text":"hello world"}]}]}`, 9, 12},
		"escapes":       {"gpt-4o", `{"messages":[{"role":"user","content":"h\u00e9llo\n\ud83d\ude00 \"x\""}]}`, 12, 20},
		"other fields":  {"gpt-4o", `{"metadata":{"a":"` + strings.Repeat("long ", 500) + `"},"messages":[]}`, 3, 3},
		"Anthropic":     {"claude-x", `{"system":"be brief","messages":[{"role":"user","content":"hello world"}]}`, 11, 17},
		"Gemini":        {"gemini-x", `{"contents":[{"role":"user","parts":[{"text":"hello world"}]}]}`, 9, 14},
		"Responses":     {"gpt-5", `{"instructions":"be brief","input":[{"role":"user","content":[{"type":"input_text","text":"hi"}]}]}`, 10, 15},
		"completion":    {"gpt-4o", `{"prompt":"hello world"}`, 5, 6},
		"token ids":     {"text-embedding-3-small", `{"input":[1,2,3,4]}`, 7, 7},
		"id batches":    {"text-embedding-3-small", `{"input":[[1,2],[3]]}`, 6, 6},
		"texts":         {"text-embedding-3-small", `{"input":["hello","world"]}`, 5, 8},
		"low detail":    {"gpt-4o", `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/y.png","detail":"low"}}]}]}`, 92, 95},
		"remote image":  {"gpt-4o", `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/y.png"}}]}]}`, 257, 260},
		"one tile":      {"gpt-4o", `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,` + picture(500, 300) + `"}}]}]}`, 262, 265},
		"four tiles":    {"gpt-4o", `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,` + picture(1024, 1024) + `"}}]}]}`, 772, 775},
		"claude image":  {"claude-x", `{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"` + picture(1024, 1024) + `"}}]}]}`, 772, 776},
		"gemini image":  {"gemini-x", `{"contents":[{"role":"user","parts":[{"inlineData":{"mimeType":"image/png","data":"` + picture(500, 300) + `"}}]}]}`, 262, 266},
		"string image":  {"gpt-5", `{"input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,` + picture(500, 300) + `"}]}]}`, 262, 265},
		"sound":         {"gpt-4o", `{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"` + strings.Repeat("QUJD", 1000) + `","format":"wav"}}]}]}`, 257, 262},
		"tools":         {"gpt-4o", `{"messages":[],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]}`, 20, 40},
		"deep nesting":  {"gpt-4o", `{"messages":` + strings.Repeat(`[`, 5000) + strings.Repeat(`]`, 5000) + `}`, 3, 3},
		"ids not text":  {"gpt-4o", `{"messages":[{"role":"tool","tool_call_id":"call_` + strings.Repeat("x9", 200) + `","content":"ok"}]}`, 8, 11},
		"signature out": {"claude-x", `{"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"` + strings.Repeat("Ab9", 200) + `"}]}]}`, 8, 13},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := CountChat(c.model, []byte(c.body))
			if got < c.low || got > c.high {
				t.Errorf("got %d, want %d to %d", got, c.low, c.high)
			}
			if bound := UpperBound([]byte(c.body)); got > bound {
				t.Errorf("%d tokens, but the bound is %d", got, bound)
			}
		})
	}
}

func TestImageTokens(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ w, h, want int }{
		{0, 0, 250},
		{1, 1, 255},
		{512, 512, 255},
		{513, 512, 425},
		{1024, 1024, 765},
		{2048, 4096, 1105},
		{100000, 10, 85 + 170*4},
	} {
		if got := imageTokens(c.w, c.h); got != c.want {
			t.Errorf("%dx%d: got %d, want %d", c.w, c.h, got, c.want)
		}
	}
}

func TestUpperBoundLeavesMediaOut(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("QUJD", 1<<18)
	body := `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,` + big + `"}}]}]}`
	if got := UpperBound([]byte(body)); got > 20_000 {
		t.Errorf("a 1 MiB image is bounded by %d tokens", got)
	}
	for name, text := range map[string]string{
		"plain text":                        `{"prompt":"` + strings.Repeat("word ", 1000) + `"}`,
		"text that begins like a data URL":  `{"messages":[{"content":"data:image/png;base64,` + strings.Repeat("word ", 1000) + `"}]}`,
		"text that looks encoded":           `{"messages":[{"content": "` + strings.Repeat("QUJD", 1250) + `"}]}`,
		"text behind what looks encoded":    `{"image_url":{"url":"` + strings.Repeat("QUJD", 256) + strings.Repeat(" word", 800) + `"}}`,
		"a data URL that is no media":       `{"image_url":{"url":"data:text/plain,` + strings.Repeat("word ", 1000) + `"}}`,
		"a data URL where text is expected": `{"text":"data:image/png;base64,` + strings.Repeat("QUJD", 1250) + `"}`,
	} {
		if got := UpperBound([]byte(text)); got < 5000 {
			t.Errorf("%s: 5,000 bytes are bounded by %d tokens", name, got)
		}
	}
}

func FuzzCountChat(f *testing.F) {
	seeds := storm.New(f)
	for _, s := range []string{
		`{"messages":[{"role":"user","content":"hi"}]}`, `{"input":[1,2]}`, `{"messages":[{"content":[{"type":"image_url"`, `{"a":"\\"}`,
		`{"messages":[{"content":"\ud83d"}]}`, `[[[[`, `{"contents":[{"parts":[{"inlineData":{"data":""}}]}]}`, `{"messages":[,,]}`,
		`{"messages":[{"type":"image","source":{}}]}`, "{\"messages\":[{\"content\":\"" + strings.Repeat("A", 1100) + "\"}]}",
	} {
		seeds.Add([]byte(s))
	}
	seeds.Fuzz(func(tb testing.TB, body []byte) {
		n := EstimateChat("gpt-4o", body)
		if n < 0 {
			tb.Fatalf("%d tokens", n)
		}
		if UpperBound(body) < 0 {
			tb.Fatal("negative bound")
		}
		_ = strconv.Itoa(n)
	})
}

func BenchmarkCount(b *testing.B) {
	s := strings.Repeat("Every request has exactly one terminal accounting record. ", 100)
	Count("gpt-4o", s)
	b.SetBytes(int64(len(s)))
	b.ReportAllocs()
	for b.Loop() {
		Count("gpt-4o", s)
	}
}

func BenchmarkEstimateChat(b *testing.B) {
	body := []byte(`{"messages":[{"role":"user","content":"` + strings.Repeat("Every request has one record. ", 3000) + `"}]}`)
	EstimateChat("gpt-4o", body)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		EstimateChat("gpt-4o", body)
	}
}

func BenchmarkUpperBound(b *testing.B) {
	body := []byte(`{"messages":[{"role":"user","content":"` + strings.Repeat("Every request has one record. ", 3000) + `"}]}`)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		UpperBound(body)
	}
}
