package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/proxy/cache"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/limit"
	"gatehouse/proxy/spend"
)

const (
	redKey   = "sk-redred-0123456789abcdefg"
	red2Key  = "sk-redtwo-0123456789abcdefg"
	blueKey  = "sk-blueee-0123456789abcdefg"
	tightKey = "sk-tightt-0123456789abcdefg"
)

// shifted is the clock of the machine, moved on by a test.
type shifted struct{ by atomic.Int64 }

func (s *shifted) Now() time.Time           { return time.Now().Add(time.Duration(s.by.Load())) }
func (s *shifted) advance(by time.Duration) { s.by.Add(int64(by)) }

// stores are the two places that answers are kept in.
func stores(t *testing.T) map[string]func(t *testing.T) cache.Store {
	t.Helper()
	return map[string]func(t *testing.T) cache.Store{
		"local": func(t *testing.T) cache.Store {
			t.Helper()
			m, err := cache.NewMemory(8 << 20)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(m.Close)
			return m
		},
		"redis": func(t *testing.T) cache.Store {
			t.Helper()
			o, err := redis.ParseURL(testkit.Redis(t))
			if err != nil {
				t.Fatal(err)
			}
			limit.TuneRedis(o)
			o.ReadTimeout, o.WriteTimeout, o.DialTimeout = testkit.Patience, testkit.Patience, testkit.Patience
			client := redis.NewClient(o)
			t.Cleanup(func() { _ = client.Close() })
			return cache.NewRedis(client, "test")
		},
	}
}

// cachedRig is a plane with a cache, two keys of the red team, one of the blue one and one with few cache controls.
func cachedRig(t *testing.T, store cache.Store, rules cache.Rules, more ...func(*setup)) (*rig, *shifted) {
	t.Helper()
	clock := new(shifted)
	rules.On = true
	s := setup{
		config: Config{Cache: rules}, settings: oneTry(),
		cache: cache.New(cache.Options{Store: store, Now: clock.Now, Timeout: testkit.Patience}),
		rows: func(sink models.ChangeSink) {
			red, blue := "red", "blue"
			sink.Team(&models.Team{ID: red, Seq: 1})
			sink.Team(&models.Team{ID: blue, Seq: 1})
			sink.Key(keyRow(redKey, func(k *models.Key) { k.TeamID = &red }))
			sink.Key(keyRow(red2Key, func(k *models.Key) { k.TeamID = &red }))
			sink.Key(keyRow(blueKey, func(k *models.Key) { k.TeamID = &blue }))
			sink.Key(keyRow(tightKey, func(k *models.Key) { k.TeamID = &red; k.AllowedCacheControls = models.Strings{"ttl"} }))
		},
	}
	for _, change := range more {
		change(&s)
	}
	r := newRig(t, s)
	r.plane.Now = clock.Now
	return r, clock
}

func (r *rig) ask(key, body string, header ...string) answer {
	r.tb.Helper()
	return r.send("POST", "/v1/chat/completions", key, body, header...)
}

func state(a answer) string { return a.header.Get("X-Gatehouse-Cache") }

// want checks the header of a good answer.
func want(t *testing.T, what, state string, a answer) {
	t.Helper()
	if got := a.header.Get("X-Gatehouse-Cache"); a.status != http.StatusOK || got != state {
		t.Errorf("%s: status %d, cache %q, want %q: %s", what, a.status, got, state, a.body)
	}
}

// proxy.md §13, check 19.
func TestCacheAnswersTwice(t *testing.T) {
	t.Parallel()
	for name, open := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, clock := cachedRig(t, open(t), cache.Rules{})
			body := chatBody("gpt-4o", `"temperature":1`)
			first := r.ask(redKey, body)
			want(t, "first", "miss", first)
			if first.header.Get("X-Litellm-Cache-Key") != "" || first.header.Get("Age") != "" {
				t.Errorf("a miss looks like a hit: %v", first.header)
			}
			clock.advance(7 * time.Second)
			second := r.ask(redKey, body)
			want(t, "second", "hit", second)
			if second.body != first.body {
				t.Errorf("the hit says\n%s\nthe first said\n%s", second.body, first.body)
			}
			if h := second.header; h.Get("X-Litellm-Cache-Key") == "" || h.Get("X-Gatehouse-Cache-Key") != first.header.Get("X-Gatehouse-Cache-Key") ||
				h.Get("Age") != "7" || h.Get("X-Litellm-Response-Cost") != "0.0" || h.Get("X-Gatehouse-Call-Id") == first.header.Get("X-Gatehouse-Call-Id") ||
				h.Get("X-Litellm-Model-Id") != "dep-gpt-4o" {
				t.Errorf("headers of a hit: %v", h)
			}
			records := r.book.wait(t, 2)
			paid, hit := records[0], records[1]
			if !hit.CacheHit || hit.CostNano != 0 || hit.SavedNano != paid.CostNano || paid.CostNano == 0 || hit.Usage != paid.Usage || len(hit.Lines) != 0 ||
				hit.Status != spend.StatusSuccess || hit.DeploymentID != paid.DeploymentID || len(hit.Charges) != len(paid.Charges) || paid.SavedNano != 0 || paid.CacheHit {
				t.Errorf("paid %+v\nhit %+v", paid, hit)
			}
			want(t, "same team, written otherwise", "hit", r.ask(red2Key,
				`{ "temperature" : 1, "user":"u7", "messages" : [ {"content":"Say hello to the world.","role":"user"} ], "metadata":{"a":1},"model":"gpt-4o"}`))
			want(t, "other team", "miss", r.ask(blueKey, body))
			want(t, "no team", "miss", r.ask(plainKey, body))
			want(t, "another question", "miss", r.ask(redKey, chatBody("gpt-4o", `"temperature":0.5`)))
			want(t, "another route", "miss", r.send("POST", "/v1/messages", redKey, `{"model":"gpt-4o","max_tokens":9,"messages":[{"role":"user","content":"Say hello to the world."}]}`))
			if n := len(r.provider.Requests()); n != 5 {
				t.Errorf("the provider was asked %d times", n)
			}
			clock.advance(10*time.Minute + time.Second)
			want(t, "old", "miss", r.ask(redKey, body))
		})
	}
}

func TestCacheControls(t *testing.T) {
	t.Parallel()
	for name, open := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, clock := cachedRig(t, open(t), cache.Rules{})
			ask := func(question, controls string, header ...string) answer {
				t.Helper()
				more := `"seed":` + question
				if controls != "" {
					more += `,"cache":` + controls
				}
				return r.ask(redKey, chatBody("gpt-4o", more), header...)
			}
			want(t, "no-store", "miss", ask("1", `{"no-store":true}`))
			want(t, "after no-store", "miss", ask("1", ""))
			want(t, "no-store takes what is there", "hit", ask("1", `{"no-store":true}`))
			want(t, "no-cache", "miss", ask("1", `{"no-cache":true}`))
			want(t, "header no-cache", "miss", ask("1", "", "Cache-Control: no-cache"))
			want(t, "both", "bypass", ask("1", "", "Cache-Control: no-cache, no-store"))
			want(t, "after no-cache", "hit", ask("1", ""))

			want(t, "no-cache stores", "miss", ask("2", `{"no-cache":true}`))
			want(t, "what no-cache stored", "hit", ask("2", ""))

			want(t, "ttl", "miss", ask("3", `{"ttl":5}`))
			clock.advance(4 * time.Second)
			want(t, "within its ttl", "hit", ask("3", ""))
			want(t, "too old for s-maxage", "miss", ask("3", `{"s-maxage":3,"no-store":true}`))
			want(t, "young enough for s-maxage", "hit", ask("3", `{"s-maxage":5}`))
			want(t, "s-maxage 0", "miss", ask("3", `{"s-maxage":0,"no-store":true}`))
			clock.advance(2 * time.Second)
			want(t, "after its ttl", "miss", ask("3", ""))
			want(t, "ttl 0", "miss", ask("4", `{"ttl":0}`))
			want(t, "after ttl 0", "miss", ask("4", ""))

			want(t, "namespace", "miss", ask("1", `{"namespace":"n"}`))
			want(t, "same namespace", "hit", ask("1", `{"namespace":"n"}`))
			want(t, "namespace of another team", "miss", r.ask(blueKey, chatBody("gpt-4o", `"seed":1,"cache":{"namespace":"n"}`)))
			want(t, "null", "hit", ask("1", "null"))
			want(t, "unknown control", "hit", ask("1", `{"colour":"red"}`))
			if body := string(r.provider.Last(t).Body); strings.Contains(body, "cache") {
				t.Errorf("the provider was sent %s", body)
			}
		})
	}
}

func TestCacheControlsRefused(t *testing.T) {
	t.Parallel()
	r, _ := cachedRig(t, stores(t)["local"](t), cache.Rules{})
	for controls, field := range map[string]string{
		`true`: "cache", `{"ttl":-1}`: "cache.ttl", `{"ttl":"soon"}`: "cache.ttl", `{"s-maxage":{}}`: "cache.s-maxage",
		`{"no-cache":"yes"}`: "cache.no-cache", `{"namespace":5}`: "cache.namespace",
	} {
		got := r.ask(redKey, chatBody("gpt-4o", `"cache":`+controls))
		if got.status != 400 || !strings.Contains(got.body, `"param":"`+field+`"`) {
			t.Errorf("%s: %d %s", controls, got.status, got.body)
		}
	}
	got := r.ask(tightKey, chatBody("gpt-4o", `"cache":{"no-cache":true}`))
	if kind, _, message := got.failure(t); got.status != 400 || kind != "invalid_request_error" || !strings.Contains(message, "no-cache") {
		t.Errorf("a control that the key may not use: %d %s", got.status, got.body)
	}
	if n := len(r.provider.Requests()); n != 0 {
		t.Errorf("the provider was asked %d times", n)
	}
	want(t, "allowed control", "miss", r.ask(tightKey, chatBody("gpt-4o", `"cache":{"ttl":60}`)))
	want(t, "a header that the key may not use says nothing", "hit", r.ask(tightKey, chatBody("gpt-4o", ""), "Cache-Control: no-cache"))
}

// A stream and a plain call answer each other, on every wire.
func TestCacheStreams(t *testing.T) {
	t.Parallel()
	tool := testkit.ToolCall{ID: "call_1", Name: "look", Arguments: `{"where":"here \"now\""}`}
	tests := map[string]struct {
		path, body string
		reply      testkit.Reply
	}{
		"chat":             {"/v1/chat/completions", `{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]`, testkit.Reply{Text: "A \"quoted\" word, a newline\nand ünïcode."}},
		"chat of claude":   {"/v1/chat/completions", `{"model":"claude","messages":[{"role":"user","content":"hi"}]`, testkit.Reply{}},
		"tools":            {"/v1/chat/completions", `{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]`, testkit.Reply{ToolCalls: []testkit.ToolCall{tool, tool}}},
		"tools of claude":  {"/v1/chat/completions", `{"model":"claude","messages":[{"role":"user","content":"hi"}]`, testkit.Reply{Text: "Let me look. ", ToolCalls: []testkit.ToolCall{tool}}},
		"completion":       {"/v1/completions", `{"model":"gpt-4o","prompt":"hi"`, testkit.Reply{}},
		"messages":         {"/v1/messages", `{"model":"claude","max_tokens":9,"messages":[{"role":"user","content":"hi"}]`, testkit.Reply{Text: "two words", ToolCalls: []testkit.ToolCall{tool}}},
		"messages of gpt":  {"/v1/messages", `{"model":"gpt-4o","max_tokens":9,"messages":[{"role":"user","content":"hi"}]`, testkit.Reply{Text: "two words", ToolCalls: []testkit.ToolCall{tool}}},
		"responses":        {"/v1/responses", `{"model":"gpt-4o","input":"hi"`, testkit.Reply{}},
		"no usage, stream": {"/v1/chat/completions", `{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]`, testkit.Reply{UsageMode: testkit.UsageNone}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := cachedRig(t, stores(t)["local"](t), cache.Rules{})
			r.provider.Always(tt.reply)
			ask := func(more string) answer { return r.send("POST", tt.path, redKey, tt.body+more+"}") }
			plain := ask("")
			want(t, "plain", "miss", plain)
			replayed := ask(`,"stream":true`)
			want(t, "streamed after plain", "hit", replayed)
			streamed := ask(`,"stream":true,"temperature":0.5`)
			want(t, "streamed", "miss", streamed)
			again := ask(`,"stream":true,"temperature":0.5`)
			want(t, "streamed again", "hit", again)
			whole := ask(`,"temperature":0.5`)
			want(t, "plain after streamed", "hit", whole)
			if n := len(r.provider.Requests()); n != 2 {
				t.Errorf("the provider was asked %d times", n)
			}
			said := saying(t, plain.body)
			for what, got := range map[string]string{"whole": saying(t, whole.body), "replayed": streamSays(t, replayed), "streamed": streamSays(t, streamed), "again": streamSays(t, again)} {
				if got != said || said == "" {
					t.Errorf("%s says\n%s\nplain says\n%s\n%s", what, got, said, replayed.body)
				}
			}
			if strings.Contains(replayed.body, `"usage":{`) != strings.Contains(streamed.body, `"usage":{`) {
				t.Errorf("usage in the replay:\n%s\nin the stream:\n%s", replayed.body, streamed.body)
			}
			records := r.book.wait(t, 5)
			if records[1].SavedNano != records[0].CostNano || records[3].SavedNano != records[2].CostNano || records[4].SavedNano != records[2].CostNano ||
				records[0].CostNano == 0 || records[1].CostNano+records[3].CostNano+records[4].CostNano != 0 {
				t.Errorf("records %+v", records)
			}
			if tt.path == "/v1/chat/completions" {
				asked := ask(`,"stream":true,"stream_options":{"include_usage":true}`)
				want(t, "asking for usage", "hit", asked)
				events := asked.events()
				if len(events) < 4 || events[len(events)-1] != "[DONE]" || !strings.Contains(events[len(events)-2], `"choices":[],"usage":{`) ||
					strings.Count(asked.body, `"usage":{`) != 1 {
					t.Errorf("usage that was asked for: %s", asked.body)
				}
			}
		})
	}
}

// saying is what an answer says, without ids: text, tool calls with their arguments, why it ended.
func saying(t *testing.T, body string) string {
	t.Helper()
	var a struct {
		Choices []struct {
			Message struct {
				Content *string
				Calls   []call1 `json:"tool_calls"`
			}
			Text   string
			Finish string `json:"finish_reason"`
		}
		Content []struct {
			Type, Text, ID, Name string
			Input                json.RawMessage
		}
		Stop   string `json:"stop_reason"`
		Output []struct {
			Content []struct{ Text string }
		}
		Status string
	}
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	var out strings.Builder
	for _, c := range a.Choices {
		if c.Message.Content != nil {
			out.WriteString(*c.Message.Content)
		}
		out.WriteString(c.Text)
		for _, call := range c.Message.Calls {
			call.write(t, &out)
		}
		out.WriteString("|" + c.Finish)
	}
	for _, b := range a.Content {
		out.WriteString(b.Text)
		if b.Type == "tool_use" {
			one := call1{ID: b.ID}
			one.Function.Name, one.Function.Arguments = b.Name, string(b.Input)
			one.write(t, &out)
		}
	}
	for _, o := range a.Output {
		for _, c := range o.Content {
			out.WriteString(c.Text)
		}
	}
	return out.String() + a.Stop
}

type call1 struct {
	Index    int
	ID       string
	Function struct{ Name, Arguments string }
}

func (c call1) write(t *testing.T, out *strings.Builder) {
	t.Helper()
	var args any
	if err := json.Unmarshal([]byte(c.Function.Arguments), &args); err != nil {
		t.Fatalf("arguments %q: %v", c.Function.Arguments, err)
	}
	fmt.Fprintf(out, "[%s %v]", c.Function.Name, args)
}

// streamSays is saying for a stream.
func streamSays(t *testing.T, a answer) string {
	t.Helper()
	var text, stop string
	calls := map[int]*call1{}
	grow := func(i int, name, arguments string) {
		if calls[i] == nil {
			calls[i] = new(call1)
		}
		calls[i].Function.Name += name
		calls[i].Function.Arguments += arguments
	}
	for _, data := range a.events() {
		if data == "[DONE]" {
			continue
		}
		var e struct {
			Choices []struct {
				Delta struct {
					Content string
					Calls   []call1 `json:"tool_calls"`
				}
				Text   string
				Finish *string `json:"finish_reason"`
			}
			Type  string
			Index int
			Block struct{ Type, Name string } `json:"content_block"`
			Delta json.RawMessage
		}
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			t.Fatalf("%v in %s", err, data)
		}
		for _, c := range e.Choices {
			text += c.Delta.Content + c.Text
			for _, one := range c.Delta.Calls {
				grow(one.Index, one.Function.Name, one.Function.Arguments)
			}
			if c.Finish != nil {
				stop = "|" + *c.Finish
			}
		}
		var delta struct {
			Text    string
			Partial string `json:"partial_json"`
			Stop    string `json:"stop_reason"`
		}
		switch e.Type {
		case "response.output_text.delta":
			var piece string
			if err := json.Unmarshal(e.Delta, &piece); err != nil {
				t.Fatal(err)
			}
			text += piece
		case "content_block_start":
			if e.Block.Type == "tool_use" {
				grow(e.Index, e.Block.Name, "")
			}
		case "content_block_delta", "message_delta":
			if err := json.Unmarshal(e.Delta, &delta); err != nil {
				t.Fatal(err)
			}
			text += delta.Text
			stop += delta.Stop
			if delta.Partial != "" {
				grow(e.Index, "", delta.Partial)
			}
		}
	}
	var out strings.Builder
	out.WriteString(text)
	for i := range 10 {
		if c := calls[i]; c != nil {
			c.write(t, &out)
		}
	}
	return out.String() + stop
}

// Only whole good answers are kept.
func TestCacheKeepsWholeAnswersOnly(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		reply  testkit.Reply
		stream bool
		model  string
		more   string
	}{
		"refusal":               {testkit.ErrorReply(400, "invalid_request_error", "bad", "no"), false, "gpt-4o", ""},
		"server error":          {testkit.ErrorReply(500, "server_error", "x", "no"), false, "gpt-4o", ""},
		"cut body":              {testkit.Reply{Fault: testkit.FaultCut}, false, "gpt-4o", ""},
		"cut stream":            {testkit.Reply{Fault: testkit.FaultCut, After: 4}, true, "gpt-4o", ""},
		"reset stream":          {testkit.Reply{Fault: testkit.FaultReset, After: 4}, true, "gpt-4o", ""},
		"cut stream of claude":  {testkit.Reply{Fault: testkit.FaultCut, After: 5}, true, "claude", ""},
		"bad event":             {testkit.Reply{BadJSON: true}, true, "gpt-4o", ""},
		"no finish":             {testkit.Reply{Body: `{"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"half"},"finish_reason":null}],"usage":{"prompt_tokens":1,"completion_tokens":1}}`}, false, "gpt-4o", ""},
		"finish is an error":    {testkit.Reply{Body: `{"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"half"},"finish_reason":"error"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}`}, false, "gpt-4o", ""},
		"too large":             {testkit.Reply{Huge: 2 << 20}, false, "gpt-4o", ""},
		"too large, streamed":   {testkit.Reply{Huge: 2 << 20}, true, "gpt-4o", ""},
		"mocked by the request": {testkit.Reply{}, false, "gpt-4o", `"mock_response":"made up"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := cachedRig(t, stores(t)["local"](t), cache.Rules{}, func(s *setup) { s.config.AllowMock = true })
			r.provider.Always(tt.reply)
			more := fmt.Sprintf(`"stream":%v`, tt.stream)
			asked := more
			if tt.more != "" {
				asked += "," + tt.more
			}
			r.ask(redKey, chatBody(tt.model, asked))
			r.book.wait(t, 1)
			r.provider.Always(testkit.Reply{})
			want(t, "afterwards", "miss", r.ask(redKey, chatBody(tt.model, more)))
			want(t, "and then", "hit", r.ask(redKey, chatBody(tt.model, more)))
		})
	}
}

// A burst of one question is one call to the provider; every other caller gets its answer.
func TestCacheAsksOnce(t *testing.T) {
	t.Parallel()
	for name, open := range stores(t) {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, stream %v", name, stream), func(t *testing.T) {
				t.Parallel()
				r, _ := cachedRig(t, open(t), cache.Rules{})
				gate := make(chan struct{})
				r.provider.Always(testkit.Reply{Before: gate})
				const callers = 50
				states := make([]string, callers)
				var all sync.WaitGroup
				for i := range callers {
					all.Go(func() {
						states[i] = state(r.ask(redKey, chatBody("gpt-4o", fmt.Sprintf(`"stream":%v`, stream && i%2 == 0))))
					})
				}
				r.provider.WaitRequests(t, 1)
				close(gate)
				all.Wait()
				if n := len(r.provider.Requests()); n != 1 {
					t.Errorf("the provider was asked %d times", n)
				}
				misses, saved, cost := 0, models.Nano(0), models.Nano(0)
				for _, s := range states {
					if s == "miss" {
						misses++
					} else if s != "hit" {
						t.Errorf("cache %q", s)
					}
				}
				for _, rec := range r.book.wait(t, callers) {
					saved, cost = saved+rec.SavedNano, cost+rec.CostNano
				}
				if misses != 1 || cost != 50_000 || saved != (callers-1)*50_000 {
					t.Errorf("%d misses, cost %d, saved %d", misses, cost, saved)
				}
			})
		}
	}
}

// When the first of several leaves, another of them asks; when it fails, each asks for itself.
func TestCacheFirstCallerFails(t *testing.T) {
	t.Parallel()
	t.Run("leaves", func(t *testing.T) {
		t.Parallel()
		r, _ := cachedRig(t, stores(t)["local"](t), cache.Rules{Scope: cache.Global})
		gate := make(chan struct{})
		r.provider.Script(testkit.Reply{Before: make(chan struct{})}, testkit.Reply{Before: gate})
		ctx, leave := context.WithCancel(t.Context())
		body := chatBody("gpt-4o", "")
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+r.addr+"/v1/chat/completions", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+redKey)
		var all sync.WaitGroup
		all.Go(func() {
			if resp, err := http.DefaultTransport.RoundTrip(req); err == nil {
				_ = resp.Body.Close()
				t.Error("the first caller was answered")
			}
		})
		r.provider.WaitRequests(t, 1)
		states := make([]string, 10)
		for i := range states {
			all.Go(func() { states[i] = state(r.ask(blueKey, body)) })
		}
		leave()
		r.provider.WaitRequests(t, 2)
		close(gate)
		all.Wait()
		if n := len(r.provider.Requests()); n != 2 {
			t.Errorf("the provider was asked %d times", n)
		}
		for _, s := range states {
			if s != "miss" && s != "hit" {
				t.Errorf("cache %q", s)
			}
		}
	})
	t.Run("fails", func(t *testing.T) {
		t.Parallel()
		r, _ := cachedRig(t, stores(t)["local"](t), cache.Rules{})
		gate := make(chan struct{})
		bad := testkit.ErrorReply(400, "invalid_request_error", "bad", "no")
		bad.Before = gate
		r.provider.Script(bad)
		var all sync.WaitGroup
		var good atomic.Int32
		for range 5 {
			all.Go(func() {
				if r.ask(redKey, chatBody("gpt-4o", "")).status == http.StatusOK {
					good.Add(1)
				}
			})
		}
		r.provider.WaitRequests(t, 1)
		close(gate)
		all.Wait()
		if good.Load() != 4 {
			t.Errorf("%d of 5 callers were answered", good.Load())
		}
	})
}

// A hit is a request to the rates, and nothing in tokens or money.
func TestCacheHitAndLimits(t *testing.T) {
	t.Parallel()
	r, _ := cachedRig(t, stores(t)["local"](t), cache.Rules{}, func(s *setup) {
		rows := s.rows
		s.rows = func(sink models.ChangeSink) {
			rows(sink)
			red, rpm, tpm, most := "red", int64(4), int64(1000), models.Nano(60_000)
			sink.Key(keyRow("sk-budget-0123456789abcdefg", func(k *models.Key) {
				k.TeamID, k.RPMLimit, k.TPMLimit, k.MaxBudget = &red, &rpm, &tpm, &most
			}))
		}
	})
	ask := func() answer {
		return r.ask("sk-budget-0123456789abcdefg", chatBody("gpt-4o", `"max_tokens":5`))
	}
	want(t, "first", "miss", ask())
	for range 3 {
		got := ask()
		want(t, "hit", "hit", got)
		if left := got.header.Get("X-Litellm-Key-Spend"); left != "0.00005" {
			t.Errorf("spend %s after a hit", left)
		}
	}
	if got := ask(); got.status != http.StatusTooManyRequests || got.header.Get("Rate_limit_type") != "requests" {
		t.Errorf("the fifth: %d %s", got.status, got.body)
	}
}

// A kept answer is worth what it would cost now, and nothing is taken from a deployment that is no more.
func TestCacheAfterChanges(t *testing.T) {
	t.Parallel()
	r, _ := cachedRig(t, stores(t)["local"](t), cache.Rules{})
	base := r.provider.URL
	install := func(name, change string) {
		d := deployment(name, "openai", "gpt-4o-real")
		d.APIBase = base + "/v1"
		switch change {
		case "price":
			d.Prices["input_cost_per_token"] = json.Number("0.000003")
		case "model":
			d.Model = "gpt-4o-newer"
		}
		r.ring.SetDeployments([]models.Deployment{d})
	}
	install("gpt-4o", "")
	ask := func() answer { return r.ask(redKey, chatBody("gpt-4o", "")) }
	want(t, "first", "miss", ask())
	install("gpt-4o", "price")
	want(t, "another price", "hit", ask())
	if rec := r.book.wait(t, 2)[1]; rec.SavedNano != 10*3000+20*2000 {
		t.Errorf("saved %d at the new price", rec.SavedNano)
	}
	install("gpt-4o", "model")
	want(t, "another model behind the name", "miss", ask())
	want(t, "and again", "hit", ask())
	install("gpt-5", "")
	if got := ask(); got.status != http.StatusNotFound {
		t.Errorf("a model that is gone: %d %s", got.status, got.body)
	}
}

// An alias that points elsewhere asks elsewhere, at the price of where it points.
func TestCacheAfterAliasChange(t *testing.T) {
	t.Parallel()
	r, _ := cachedRig(t, stores(t)["local"](t), cache.Rules{})
	cheap, dear := deployment("cheap", "openai", "cheap-real"), deployment("dear", "openai", "dear-real")
	cheap.APIBase, dear.APIBase = r.provider.URL+"/v1", r.provider.URL+"/v1"
	dear.Prices["output_cost_per_token"] = json.Number("0.000009")
	r.ring.SetDeployments([]models.Deployment{cheap, dear})
	const first, second = 10*1000 + 20*2000, 10*1000 + 20*9000
	steps := []struct {
		to, state   string
		cost, saved models.Nano
	}{
		{"cheap", "miss", first, 0}, {"cheap", "hit", 0, first}, {"dear", "miss", second, 0}, {"dear", "hit", 0, second}, {"cheap", "hit", 0, first},
	}
	for i, step := range steps {
		r.ring.SetAliases(map[string]keyring.Alias{"model": {Model: step.to}})
		want(t, step.to, step.state, r.ask(redKey, chatBody("model", "")))
		if rec := r.book.wait(t, i+1)[i]; rec.CostNano != step.cost || rec.SavedNano != step.saved || rec.Model != step.to+"-real" || rec.ModelGroup != step.to {
			t.Errorf("step %d: cost %d, saved %d, model %s of %s", i, rec.CostNano, rec.SavedNano, rec.Model, rec.ModelGroup)
		}
	}
}

func TestCacheRules(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		rules  cache.Rules
		more   string // of the first call
		second string // of the second
		key    string // of the second
		states [2]string
	}{
		"default off":                 {cache.Rules{DefaultOff: true}, "", "", redKey, [2]string{"bypass", "bypass"}},
		"default off, asked for":      {cache.Rules{DefaultOff: true}, `"cache":{"use-cache":true}`, `"cache":{"use-cache":true}`, redKey, [2]string{"miss", "hit"}},
		"other call types":            {cache.Rules{CallTypes: []string{"aembedding"}}, "", "", redKey, [2]string{"", ""}},
		"this call type":              {cache.Rules{CallTypes: []string{"completion"}}, "", "", redKey, [2]string{"miss", "hit"}},
		"scope key":                   {cache.Rules{Scope: cache.ByKey}, "", "", red2Key, [2]string{"miss", "miss"}},
		"scope key, same key":         {cache.Rules{Scope: cache.ByKey}, "", "", redKey, [2]string{"miss", "hit"}},
		"scope team":                  {cache.Rules{Scope: cache.ByTeam}, "", "", red2Key, [2]string{"miss", "hit"}},
		"scope org without one":       {cache.Rules{Scope: cache.ByOrg}, "", "", blueKey, [2]string{"miss", "miss"}},
		"scope global":                {cache.Rules{Scope: cache.Global}, "", "", blueKey, [2]string{"miss", "hit"}},
		"deterministic, warm":         {cache.Rules{Deterministic: true}, `"temperature":0.2`, `"temperature":0.2`, redKey, [2]string{"bypass", "bypass"}},
		"deterministic, cold":         {cache.Rules{Deterministic: true}, `"temperature":0`, `"temperature":0`, redKey, [2]string{"miss", "hit"}},
		"changes what goes up":        {cache.Rules{}, `"temperature":1,"additional_drop_params":["temperature"]`, `"temperature":1`, redKey, [2]string{"miss", "miss"}},
		"changes nothing that counts": {cache.Rules{}, `"tags":["a"],"num_retries":1`, `"tags":["b"],"user":"u"`, redKey, [2]string{"miss", "hit"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := cachedRig(t, stores(t)["local"](t), tt.rules)
			first, second := r.ask(redKey, chatBody("gpt-4o", tt.more)), r.ask(tt.key, chatBody("gpt-4o", tt.second))
			want(t, "first", tt.states[0], first)
			want(t, "second", tt.states[1], second)
		})
	}
}

func TestCacheEmbeddings(t *testing.T) {
	t.Parallel()
	r, _ := cachedRig(t, stores(t)["local"](t), cache.Rules{})
	ask := func() answer {
		return r.send("POST", "/v1/embeddings", redKey, `{"model":"embed","input":["a","b"]}`)
	}
	first, second := ask(), ask()
	want(t, "first", "miss", first)
	want(t, "second", "hit", second)
	if first.body != second.body {
		t.Errorf("%s\n%s", first.body, second.body)
	}
}

// The answer of a fallback is not kept under the name of the model that failed.
func TestCacheAndFallbacks(t *testing.T) {
	t.Parallel()
	r, _ := cachedRig(t, stores(t)["local"](t), cache.Rules{})
	r.provider.Choose(func(req testkit.Request) *testkit.Reply {
		if req.Model == "gpt-4o-real" {
			reply := testkit.ErrorReply(500, "server_error", "x", "no")
			return &reply
		}
		return nil
	})
	body := chatBody("gpt-4o", `"fallbacks":["claude"],"num_retries":0`)
	want(t, "fallback", "miss", r.ask(redKey, body))
	want(t, "fallback again", "miss", r.ask(redKey, body))
	r.provider.Choose(nil)
	want(t, "the model itself", "miss", r.ask(redKey, body))
	want(t, "the model itself again", "hit", r.ask(redKey, body))
}

// A cache that does not answer costs a call a moment, and no error.
func TestCacheStoreGone(t *testing.T) {
	t.Parallel()
	hang := &hanging{release: make(chan struct{})}
	t.Cleanup(func() { close(hang.release) })
	r, _ := cachedRig(t, hang, cache.Rules{}, func(s *setup) {
		s.cache = cache.New(cache.Options{Store: hang, Now: time.Now})
	})
	for i := range 10 {
		want(t, "no cache", "bypass", r.ask(redKey, chatBody("gpt-4o", fmt.Sprintf(`"seed":%d`, i))))
	}
	if n := hang.asked.Load(); n > 6 {
		t.Errorf("a store that hangs was asked %d times", n)
	}
	if !r.plane.Cache.Down() {
		t.Error("a store that hangs counts as well")
	}
}

// hanging is a store that never answers by itself.
type hanging struct {
	release chan struct{}
	asked   atomic.Int32
}

func (h *hanging) wait(ctx context.Context) error {
	h.asked.Add(1)
	select {
	case <-ctx.Done():
	case <-h.release:
	}
	return fmt.Errorf("no answer: %w", context.DeadlineExceeded)
}

func (h *hanging) Get(ctx context.Context, _ cache.Key) (*cache.Entry, error) {
	return nil, h.wait(ctx)
}
func (h *hanging) Put(ctx context.Context, _ cache.Key, _ *cache.Entry) error { return h.wait(ctx) }
func (h *hanging) Delete(ctx context.Context, _ []cache.Key) (int, error)     { return 0, h.wait(ctx) }
func (h *hanging) Flush(ctx context.Context) error                            { return h.wait(ctx) }
func (h *hanging) Ping(ctx context.Context) error                             { return h.wait(ctx) }
func (h *hanging) Kind() string                                               { return "redis" }
func (h *hanging) Near() bool                                                 { return false }

// Who is given a kept response gets an id of their own for it, plain or streamed.
func TestCachedResponsesBelongToTheirCallers(t *testing.T) {
	t.Parallel()
	r, _ := cachedRig(t, stores(t)["local"](t), cache.Rules{})
	const body = `{"model":"gpt-4o","input":"hi"`
	id := func(text string) responseID {
		t.Helper()
		_, after, found := strings.Cut(text, `"id":"resp_`)
		sealed, _, _ := strings.Cut(after, `"`)
		own, err := r.plane.openID("resp_" + sealed)
		if !found || err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		return own
	}
	first := r.send("POST", "/v1/responses", redKey, body+"}")
	want(t, "first", "miss", first)
	plain, streamed := r.send("POST", "/v1/responses", red2Key, body+"}"), r.send("POST", "/v1/responses", red2Key, body+`,"stream":true}`)
	want(t, "plain", "hit", plain)
	want(t, "streamed", "hit", streamed)
	made := id(first.body)
	for _, got := range []responseID{id(plain.body), id(streamed.body)} {
		if got.owner != "id-redtwo" || made.owner != "id-redred" || got.upstream != made.upstream || got.upstream == "" || got.deployment != made.deployment {
			t.Errorf("the id of a hit holds %+v, the first %+v", got, made)
		}
	}
}
