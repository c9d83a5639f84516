package cache_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/proxy/cache"
	"gatehouse/proxy/limit"
	"gatehouse/proxy/price"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

func key(t *testing.T, body string, change func(*cache.Question)) cache.Key {
	t.Helper()
	req := new(wire.Request)
	if err := req.Parse([]byte(body)); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	q := cache.Question{Scope: "team:a", Op: provider.Chat, Group: "gpt", Body: req}
	if change != nil {
		change(&q)
	}
	return q.Key()
}

func TestKeys(t *testing.T) {
	t.Parallel()
	const body = `{"model":"m","messages":[{"role":"user","content":"a \"b\" c"}],"temperature":1,"tools":[{"type":"function","function":{"name":"f","parameters":{"b":1,"a":[1,2]}}}]}`
	base := key(t, body, nil)
	same := map[string]string{
		"order and white space": "{ \"temperature\" : 1,\n\t\"tools\":[ {\"function\":{ \"parameters\":{\"a\":[ 1 , 2 ],\"b\":1},\"name\":\"f\"},\"type\":\"function\"} ],\"messages\":[{\"content\":\"a \\\"b\\\" c\",\"role\":\"user\"}],\"model\":\"m\"}",
		"what does not count": strings.TrimSuffix(body, "}") + `,"stream":true,"stream_options":{"include_usage":true},"user":"u","metadata":{"x":1},"tags":["t"],"cache":{"ttl":5},
"litellm_metadata":{},"num_retries":3,"timeout":9,"safety_identifier":"s","prompt_cache_key":"p"}`,
		"another name of the model": strings.Replace(body, `"m"`, `"alias"`, 1),
	}
	for name, text := range same {
		if key(t, text, nil) != base {
			t.Errorf("%s makes another key", name)
		}
	}
	other := map[string]cache.Key{
		"another word":      key(t, strings.Replace(body, `b\"`, `B\"`, 1), nil),
		"a blank in a text": key(t, strings.Replace(body, `" c"`, `"  c"`, 1), nil),
		"a parameter":       key(t, strings.Replace(body, `"temperature":1`, `"temperature":1.0`, 1), nil),
		"one more":          key(t, strings.TrimSuffix(body, "}")+`,"top_p":1}`, nil),
		"dropped upstream":  key(t, strings.TrimSuffix(body, "}")+`,"drop_params":true}`, nil),
		"order of a list":   key(t, strings.Replace(body, `[1,2]`, `[2,1]`, 1), nil),
		"scope":             key(t, body, func(q *cache.Question) { q.Scope = "team:b" }),
		"namespace":         key(t, body, func(q *cache.Question) { q.Namespace = "n" }),
		"operation":         key(t, body, func(q *cache.Question) { q.Op = provider.Messages }),
		"model":             key(t, body, func(q *cache.Question) { q.Group = "gpt2" }),
		"headers":           key(t, body, func(q *cache.Question) { q.Extra = []byte("beta") }),
		"borders moved":     key(t, body, func(q *cache.Question) { q.Scope, q.Namespace = "team:an", "" }),
	}
	seen := map[cache.Key]string{base: "the base"}
	for name, k := range other {
		if was, twice := seen[k]; twice {
			t.Errorf("%s has the key of %s", name, was)
		}
		seen[k] = name
		if back, ok := cache.ParseKey(k.String()); !ok || back != k {
			t.Errorf("%s does not read back", k)
		}
	}
	for _, text := range []string{"", "0f", strings.Repeat("g", 64), base.String() + "00"} {
		if _, ok := cache.ParseKey(text); ok {
			t.Errorf("%q reads as a key", text)
		}
	}
}

// Whatever is JSON keeps its meaning and has one canonical form.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{`{"b":1,"a":[{"d":"\u00e4","c":null}]}`, `[]`, `"x \" {"`, `{"a":{},"":[[1e3,-0.5]]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) || wire.Text(raw) != nil {
			return
		}
		wrapped := append(append([]byte(`{"v":`), raw...), '}')
		v := wire.Lookup(wrapped, "v")
		if v == nil {
			return // nested beyond what is taken
		}
		once := cache.AppendCanonical(nil, v)
		var before, after any
		if json.Unmarshal(v, &before) == nil {
			if err := json.Unmarshal(once, &after); err != nil || !reflect.DeepEqual(before, after) {
				t.Fatalf("%s became %s", v, once)
			}
		}
		if twice := cache.AppendCanonical(nil, once); string(twice) != string(once) {
			t.Fatalf("%s became %s", once, twice)
		}
	})
}

func TestTenants(t *testing.T) {
	t.Parallel()
	tests := []struct {
		scope                cache.Scope
		key, user, team, org string
		want                 string
	}{
		{cache.ByTeam, "k", "u", "t", "o", "team:t"},
		{cache.ByTeam, "k", "u", "", "o", "user:u"},
		{cache.ByTeam, "k", "", "", "", "key:k"},
		{cache.ByKey, "k", "u", "t", "o", "key:k"},
		{cache.ByOrg, "k", "u", "t", "o", "org:o"},
		{cache.ByOrg, "k", "u", "t", "", "team:t"},
		{cache.Global, "k", "u", "t", "o", "global"},
		{"", "k", "u", "t", "o", "team:t"},
	}
	for _, tt := range tests {
		if got := (&cache.Rules{Scope: tt.scope}).Tenant(tt.key, tt.user, tt.team, tt.org); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
}

func TestRedisReadsBack(t *testing.T) {
	t.Parallel()
	o, err := redis.ParseURL(testkit.Redis(t))
	if err != nil {
		t.Fatal(err)
	}
	limit.TuneRedis(o)
	o.ReadTimeout, o.WriteTimeout, o.DialTimeout = testkit.Patience, testkit.Patience, testkit.Patience
	client := redis.NewClient(o)
	t.Cleanup(func() { _ = client.Close() })
	ctx := t.Context()
	mine, others := cache.NewRedis(client, "mine"), cache.NewRedis(client, "m*ne")
	cost := models.Nano(7)
	e := &cache.Entry{
		Op: provider.Messages, Stored: time.UnixMicro(1_760_000_000_000_001).UTC(), TTL: time.Hour, Body: []byte(`{"a":"ü"}`), DeploymentID: "d", Provider: "p",
		APIBase: "b", Pattern: "*", Model: "m", Reply: "r", Tier: "flex", Usage: price.Usage{InputUncached: 3, OutputText: 4}, Estimated: true, Cost: &cost,
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(mine.Put(ctx, cache.Key{1}, e))
	must(others.Put(ctx, cache.Key{1}, e))
	must(client.Set(ctx, "not ours", "x", 0).Err())
	got, err := mine.Get(ctx, cache.Key{1})
	if err != nil || !reflect.DeepEqual(got, e) {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := mine.Get(ctx, cache.Key{2}); got != nil || err != nil {
		t.Errorf("what is not there: %+v, %v", got, err)
	}
	name := "gatehouse:cache:mine:" + cache.Key{3}.String()
	for _, bad := range []string{"", "\x02", "\x01\xff\xff\xff\xff{}", "\x01\x00\x00\x00\x02{]"} {
		must(client.Set(ctx, name, bad, 0).Err())
		if got, err := mine.Get(ctx, cache.Key{3}); got != nil || err != nil {
			t.Errorf("%q: %+v, %v", bad, got, err)
		}
	}
	must(others.Flush(ctx)) // its name is no pattern
	if got, _ := mine.Get(ctx, cache.Key{1}); got == nil {
		t.Error("flushing one namespace took another's")
	}
	if n, err := mine.Delete(ctx, []cache.Key{{1}, {9}}); n != 1 || err != nil {
		t.Errorf("deleted %d, %v", n, err)
	}
	must(mine.Flush(ctx))
	if left := client.Keys(ctx, "*").Val(); len(left) != 1 || left[0] != "not ours" {
		t.Errorf("left: %q", left)
	}
	if info, clients, err := mine.Info(ctx); err != nil || !strings.Contains(info, "redis_version") || !strings.Contains(clients, "addr=") {
		t.Errorf("info %q, clients %q, %v", info, clients, err)
	}
}

// Memory stays within its bound, whatever is asked.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	const bound = 4 << 20
	m, err := cache.NewMemory(bound)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	ctx := t.Context()
	for i := range 50_000 {
		if err := m.Put(ctx, cache.Key{byte(i), byte(i >> 8), byte(i >> 16)}, &cache.Entry{TTL: time.Hour, Body: make([]byte, 1000)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := m.Bytes(); got > bound {
		t.Errorf("%d bytes are kept, %d may be", got, bound)
	}
	if err := m.Flush(ctx); err != nil || m.Bytes() != 0 {
		t.Errorf("%d bytes are left after a flush, %v", m.Bytes(), err)
	}
}

func TestFlightsLandOnce(t *testing.T) {
	t.Parallel()
	c := cache.New(cache.Options{Now: time.Now})
	first, lead := c.Join(cache.Key{1})
	second, follows := c.Join(cache.Key{1})
	if !lead || follows || first != second {
		t.Fatal("the second does not follow the first")
	}
	if _, lead := c.Join(cache.Key{2}); !lead {
		t.Error("another question follows")
	}
	e := new(cache.Entry)
	first.Land(e, false)
	first.Land(nil, true)
	<-second.Done()
	if got, again := second.Result(); got != e || again {
		t.Errorf("got %v, %v", got, again)
	}
	if _, lead := c.Join(cache.Key{1}); !lead {
		t.Error("a flight that has landed is joined")
	}
}

// broken is a store that fails.
type broken struct {
	cache.Store
	asked int
	err   error
}

func (b *broken) Near() bool { return false }
func (b *broken) Get(context.Context, cache.Key) (*cache.Entry, error) {
	b.asked++
	return nil, b.err
}

func TestBreaker(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	b := &broken{err: errors.New("gone")}
	c := cache.New(cache.Options{Store: b, Now: clock.Now})
	for range 20 {
		if _, ok := c.Get(cache.Key{}); ok {
			t.Fatal("a store that fails has answered")
		}
	}
	if b.asked != 5 || !c.Down() {
		t.Errorf("asked %d times, down %v", b.asked, c.Down())
	}
	b.err = nil
	if _, ok := c.Get(cache.Key{}); ok {
		t.Error("asked before its time")
	}
	clock.Advance(2 * time.Second)
	if _, ok := c.Get(cache.Key{}); !ok || c.Down() {
		t.Error("a store that has come back is not used")
	}
}

// nothing is a filter that forgets.
type nothing struct{ state stream.State }

func (n *nothing) Event(stream.Event, []byte) ([]byte, error) { return nil, nil }
func (n *nothing) End(out []byte) []byte                      { return out }
func (n *nothing) State() *stream.State                       { return &n.state }
func (n *nothing) Heartbeat() []byte                          { return nil }

// hear gives events to a tap and takes its answer.
func hear(t *testing.T, op provider.Op, most int, events io.Reader) (string, bool) {
	t.Helper()
	tap := cache.NewTap(op, new(nothing), most)
	var p stream.Parser
	for {
		room, err := p.Room()
		if err != nil {
			t.Fatal(err)
		}
		n, err := events.Read(room)
		p.Filled(n)
		for ev, ok := p.Next(); ok; ev, ok = p.Next() {
			if _, err := tap.Event(ev, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err != nil {
			break
		}
	}
	body, ok := tap.Answer()
	return string(body), ok
}

// What is replayed is heard as it was: nothing of an answer is lost on the way to a stream and back.
func TestReplayAndTap(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		op   provider.Op
		body string
	}{
		"text":      {provider.Chat, `{"id":"1","object":"chat.completion","created":5,"model":"m","system_fingerprint":"fp","service_tier":"default","choices":[{"index":0,"message":{"role":"assistant","content":"many words \"quoted\" and \\ and \u00e4\ud83d\ude00 and 日本語 here"},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}`},
		"on lines":  {provider.Chat, "{\n  \"id\": \"1\", \"object\": \"chat.completion\",\r\n \"choices\": [\n{ \"index\": 0, \"message\": {\"role\": \"assistant\",\n \"content\": \"two words\"}, \"logprobs\": null,\n\"finish_reason\": \"stop\" } ],\n \"usage\": {\n \"prompt_tokens\": 1 }\n}"},
		"two":       {provider.Chat, `{"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"a"},"logprobs":null,"finish_reason":"stop"},{"index":1,"message":{"role":"assistant","content":"b"},"logprobs":null,"finish_reason":"length"}],"usage":{"prompt_tokens":1}}`},
		"tools":     {provider.Chat, `{"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\": 1}"}},{"id":"b","type":"function","function":{"name":"g","arguments":""}}]},"logprobs":null,"finish_reason":"tool_calls"}],"usage":{}}`},
		"thought":   {provider.Chat, `{"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"x","reasoning_content":"first this then that","thinking_blocks":[{"type":"thinking","signature":"s"}]},"logprobs":null,"finish_reason":"stop"}],"usage":{}}`},
		"function":  {provider.Chat, `{"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},"logprobs":null,"finish_reason":"function_call"}],"usage":{}}`},
		"logprobs":  {provider.Chat, `{"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"two words"},"logprobs":{"content":[{"token":"two"},{"token":" words"}]},"finish_reason":"stop"}],"usage":{}}`},
		"refusal":   {provider.Chat, `{"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":null,"refusal":"I will not do that"},"logprobs":null,"finish_reason":"stop"}],"usage":{}}`},
		"legacy":    {provider.Completion, `{"id":"1","object":"text_completion","choices":[{"index":0,"text":"one two three four","logprobs":null,"finish_reason":"stop"}],"usage":{}}`},
		"messages":  {provider.Messages, `{"id":"m","type":"message","role":"assistant","model":"c","content":[{"type":"thinking","thinking":"hm let me see","signature":"sig"},{"type":"redacted_thinking","data":"xx"},{"type":"text","text":"some words to say","citations":[{"type":"char_location","cited_text":"q"}]},{"type":"tool_use","id":"t","name":"f","input":{"a":{"b":[1,"\"x"]}}},{"type":"tool_use","id":"u","name":"g","input":{}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":9,"cache_read_input_tokens":1}}`},
		"responses": {provider.Responses, `{"id":"r","object":"response","status":"completed","model":"m","output":[{"type":"reasoning","id":"z","summary":[]},{"type":"message","id":"i","status":"completed","role":"assistant","content":[{"type":"output_text","text":"some words","annotations":[]}]},{"type":"function_call","id":"f","call_id":"c","name":"g","arguments":"{\"a\": 1}","status":"completed"}],"usage":{"input_tokens":1,"output_tokens":2}}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, ok := cache.Replay(tt.op, []byte(tt.body))
			if !ok {
				t.Fatal("cannot be replayed")
			}
			got, ok := hear(t, tt.op, 1<<20, src)
			var want, have any
			if !ok || json.Unmarshal([]byte(tt.body), &want) != nil || json.Unmarshal([]byte(got), &have) != nil || !reflect.DeepEqual(want, have) {
				t.Errorf("heard %v\n%s\nwant\n%s", ok, got, tt.body)
			}
			var a wire.Answer
			if a.Parse([]byte(got)) != nil || !cache.Complete(tt.op, &a) {
				t.Error("is not complete")
			}
			src, _ = cache.Replay(tt.op, []byte(tt.body))
			if _, ok := hear(t, tt.op, 20, src); ok {
				t.Error("an answer over the bound was kept")
			}
		})
	}
}

// Streams that cannot be put together are given up, and never kept wrong.
func TestTapGivesUp(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		op     provider.Op
		events string
	}{
		"nothing":             {provider.Chat, ""},
		"an error":            {provider.Chat, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\ndata: {\"error\":{\"message\":\"x\"}}\n\n"},
		"audio":               {provider.Chat, "data: {\"choices\":[{\"index\":0,\"delta\":{\"audio\":{\"data\":\"x\"}}}]}\n\n"},
		"a wild index":        {provider.Chat, "data: {\"choices\":[{\"index\":4000000000,\"delta\":{\"content\":\"a\"}}]}\n\n"},
		"an index below zero": {provider.Chat, "data: {\"choices\":[{\"index\":-1,\"delta\":{\"content\":\"a\"}}]}\n\n"},
		"half a tool input":   {provider.Messages, "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\"}}\n\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\"}}\n\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\"}}\n\n"},
		"a new kind":          {provider.Messages, "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\"}}\n\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"x\"}}\n\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"x_delta\"}}\n\n"},
		"no block":            {provider.Messages, "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\"}}\n\ndata: {\"type\":\"content_block_delta\",\"index\":3,\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\n"},
		"no last event":       {provider.Responses, "data: {\"type\":\"response.output_text.delta\",\"delta\":\"a\"}\n\n"},
	}
	for name, tt := range tests {
		if got, ok := hear(t, tt.op, 1<<20, strings.NewReader(tt.events)); ok {
			t.Errorf("%s: kept as %s", name, got)
		}
	}
}

func BenchmarkKey(b *testing.B) {
	for _, size := range []int{1 << 10, 100 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			req := new(wire.Request)
			body := fmt.Sprintf(`{"model":"m","messages":[{"role":"system","content":"be brief"},{"role":"user","content":%q}],"temperature":0.7}`, strings.Repeat("lorem ipsum ", size/12))
			if err := req.Parse([]byte(body)); err != nil {
				b.Fatal(err)
			}
			q := cache.Question{Scope: "team:a", Op: provider.Chat, Group: "gpt", Body: req}
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				_ = q.Key()
			}
		})
	}
}
