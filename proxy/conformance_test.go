package proxy

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/proxy/provider"
)

//nolint:gochecknoglobals // a flag
var update = flag.Bool("update", false, "write what was sent upstream as the expected requests; read the diff")

// fixture is how a wire answers, literally; the file names its source.
type fixture struct {
	Source  string                   `json:"source"`
	Answers map[string]fixtureAnswer `json:"answers"`
}

type fixtureAnswer struct {
	Status int               `json:"status"`
	Header map[string]string `json:"header"`
	Body   json.RawMessage   `json:"body"`
	Events []json.RawMessage `json:"events"`
}

func loadJSON(tb testing.TB, name string, into any) bool {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "conformance", name))
	if os.IsNotExist(err) {
		return false
	}
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return true
}

// reply is the answer on its wire, framed as its provider frames it.
func (a *fixtureAnswer) reply(tb testing.TB, w provider.Wire, stream bool) testkit.Reply {
	tb.Helper()
	r := testkit.Reply{Status: a.Status, Header: map[string]string{}, Body: string(a.Body)}
	maps.Copy(r.Header, a.Header)
	r.Header["Content-Type"] = "application/json"
	if !stream || a.Status != 0 {
		return r
	}
	if a.Events == nil {
		tb.Fatal("the fixture has no events")
	}
	var b bytes.Buffer
	r.Header["Content-Type"] = "text/event-stream"
	if w == provider.BedrockConverse {
		r.Header["Content-Type"] = "application/vnd.amazon.eventstream"
	}
	for _, e := range a.Events {
		var named [2]json.RawMessage
		var text string
		var known struct{ Type string }
		switch {
		case json.Unmarshal(e, &text) == nil && strings.HasPrefix(text, ":"):
			b.WriteString(text + "\n\n") // a comment
		case json.Unmarshal(e, &text) == nil:
			fmt.Fprintf(&b, "data: %s\n\n", text)
		case json.Unmarshal(e, &named) == nil && named[1] != nil:
			name := strings.Trim(string(named[0]), `"`)
			b.Write(frame(tb, name, named[1]))
		case json.Unmarshal(e, &known) == nil && known.Type != "":
			fmt.Fprintf(&b, "event: %s\ndata: %s\n\n", known.Type, compactJSON(tb, e))
		default:
			fmt.Fprintf(&b, "data: %s\n\n", compactJSON(tb, e))
		}
	}
	r.Body = b.String()
	return r
}

// frame is one message of AWS's event stream; a name with ! is an exception.
func frame(tb testing.TB, name string, payload []byte) []byte {
	tb.Helper()
	m := eventstream.Message{Payload: payload}
	if kind, ok := strings.CutPrefix(name, "!"); ok {
		m.Headers.Set(":message-type", eventstream.StringValue("exception"))
		m.Headers.Set(":exception-type", eventstream.StringValue(kind))
	} else {
		m.Headers.Set(":message-type", eventstream.StringValue("event"))
		m.Headers.Set(":event-type", eventstream.StringValue(name))
	}
	m.Headers.Set(":content-type", eventstream.StringValue("application/json"))
	var b bytes.Buffer
	if err := eventstream.NewEncoder().Encode(&b, m); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func compactJSON(tb testing.TB, raw []byte) string {
	tb.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

const weatherTool = `{"type":"function","function":{"name":"get_weather","description":"Weather now","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}`

// conversation is one exchange that every provider must get right. answer names the fixture that the provider gives.
type conversation struct {
	name   string
	body   string // without model and stream
	answer string
	op     string // "embeddings"; "" = chat
	want   said
	own    bool // the answer is a fixture of the provider's own
}

// said is what the client is to see.
type said struct {
	text, thought, finish string
	calls                 []string // name and arguments
	in, out               int64
	cached, written       int64
	reasoning             int64
	code                  string // of an error
	class                 int    // its status
}

func user(text string) string {
	return `"messages":[{"role":"user","content":` + string(mustJSON(text)) + `}]`
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings always marshal
	}
	return b
}

var (
	hello = said{text: "Hello there.", finish: "stop", in: 19, out: 10}
	pixel = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
	pdf   = "data:application/pdf;base64,JVBERi0xLjQK"
)

// conversations are the thirty and some.
func conversations() []conversation {
	asked := `{"role":"user","content":"Weather in Paris?"}`
	called := `{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Paris\"}"}}]}`
	twice := `{"role":"assistant","content":"I will look.","tool_calls":[{"id":"call_1","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Paris\"}"}},{"id":"call_2","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Rome\"}"}}]}`
	one := said{finish: "tool_calls", calls: []string{`get_weather {"city":"Paris"}`}, in: 82, out: 17}
	two := said{text: "I will look.", finish: "tool_calls", calls: []string{`get_weather {"city":"Paris"}`, `get_time {"zone":"UTC"}`}, in: 82, out: 40}
	return []conversation{
		{name: "plain", body: user("Hi"), answer: "text", want: hello},
		{name: "system", body: `"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}]`, answer: "text", want: hello},
		{name: "developer", body: `"messages":[{"role":"developer","content":[{"type":"text","text":"Be brief."},{"type":"text","text":"Be kind."}]},{"role":"user","content":"Hi"}]`, answer: "text", want: hello},
		{name: "several turns", body: `"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello."},{"role":"user","content":[{"type":"text","text":"And now?"}]}]`, answer: "text", want: hello},
		{name: "two in a row", body: `"messages":[{"role":"user","content":"Hi"},{"role":"user","content":"Are you there?"}]`, answer: "text", want: hello},
		{name: "assistant first", body: `"messages":[{"role":"assistant","content":"Welcome."},{"role":"user","content":"Hi"}]`, answer: "text", want: hello},
		{name: "sampling", body: user("Hi") + `,"temperature":0.2,"top_p":0.9,"stop":["END"],"max_tokens":64`, answer: "text", want: hello},
		{name: "completion cap", body: user("Hi") + `,"max_completion_tokens":64`, answer: "text", want: hello},
		{name: "user and metadata", body: user("Hi") + `,"user":"u-1","metadata":{"k":"v"},"tags":["t"]`, answer: "text", want: hello},
		{name: "tool", body: `"messages":[` + asked + `],"tools":[` + weatherTool + `],"tool_choice":"auto"`, answer: "tools", want: one},
		{name: "tool required", body: `"messages":[` + asked + `],"tools":[` + weatherTool + `],"tool_choice":"required"`, answer: "tools", want: one},
		{name: "tool named", body: `"messages":[` + asked + `],"tools":[` + weatherTool + `],"tool_choice":{"type":"function","function":{"name":"get_weather"}}`, answer: "tools", want: one},
		{name: "no tool", body: user("Hi") + `,"tools":[` + weatherTool + `],"tool_choice":"none"`, answer: "text", want: hello},
		{name: "one tool at a time", body: `"messages":[` + asked + `],"tools":[` + weatherTool + `],"parallel_tool_calls":false`, answer: "tools", want: one},
		{name: "parallel tools", body: `"messages":[` + asked + `],"tools":[` + weatherTool + `]`, answer: "parallel", want: two},
		{name: "tool result", body: `"messages":[` + asked + `,` + called + `,{"role":"tool","tool_call_id":"call_1","content":"{\"temp\":21}"}],"tools":[` + weatherTool + `]`, answer: "text", want: hello},
		{name: "two tool results", body: `"messages":[` + asked + `,` + twice + `,{"role":"tool","tool_call_id":"call_1","content":"sunny"},{"role":"tool","tool_call_id":"call_2","content":[{"type":"text","text":"rain"}]},{"role":"user","content":"Which is better?"}],"tools":[` + weatherTool + `]`, answer: "text", want: hello},
		{name: "image", body: `"messages":[{"role":"user","content":[{"type":"text","text":"What is this?"},{"type":"image_url","image_url":{"url":"` + pixel + `"}}]}]`, answer: "text", want: hello},
		{name: "file", body: `"messages":[{"role":"user","content":[{"type":"text","text":"Sum up."},{"type":"file","file":{"filename":"a report.pdf","file_data":"` + pdf + `"}}]}]`, answer: "text", want: hello},
		{name: "thinking", body: user("What is it?") + `,"reasoning_effort":"low","max_tokens":2048`, answer: "thinking", want: said{text: "42.", thought: "Let me think.", finish: "stop", in: 11, out: 30, reasoning: 20}},
		{name: "thinking comes back", body: `"messages":[` + asked + `,{"role":"assistant","content":null,"reasoning_content":"Hm.","thinking_blocks":[{"type":"thinking","thinking":"Hm.","signature":"c2ln"}],"tool_calls":[{"id":"call_1","type":"function","function":{"name":"get_weather","arguments":""}}]},{"role":"tool","tool_call_id":"call_1","content":"sunny"}],"tools":[` + weatherTool + `]`, answer: "text", want: hello},
		{name: "schema", body: user("Who?") + `,"response_format":{"type":"json_schema","json_schema":{"name":"person","strict":true,"schema":{"type":"object","properties":{"name":{"type":"string"}}}}}`, answer: "schema", want: said{finish: "stop"}},
		{name: "JSON", body: user("Who?") + `,"response_format":{"type":"json_object"}`, answer: "text", want: hello},
		{name: "cut at the cap", body: user("Tell a story") + `,"max_tokens":2`, answer: "length", want: said{text: "Once upon", finish: "length", in: 8, out: 2}},
		{name: "filtered", body: user("Hi"), answer: "filtered", want: said{text: "I", finish: "content_filter", in: 8, out: 1}},
		{name: "cache", body: `"messages":[{"role":"system","content":[{"type":"text","text":"A long text.","cache_control":{"type":"ephemeral"}}]},{"role":"user","content":"Hi"}]`, answer: "cached", want: said{text: "Yes.", finish: "stop", in: 1300, out: 50, cached: 1000, written: 200}},
		{name: "empty parts", body: `"messages":[{"role":"user","content":[{"type":"text","text":""},{"type":"text","text":"Hi"}]}]`, answer: "text", want: hello},
		{name: "odd letters", body: user("\"Ünïcødé\" \\ \n 漢字 😀"), answer: "text", want: hello},
		{name: "drops what is asked", body: user("Hi") + `,"seed":7,"drop_params":true,"additional_drop_params":["logprobs"],"logprobs":true,"top_logprobs":2,"n":3`, answer: "text", want: hello},
		{name: "embedding", op: "embeddings", body: `"input":["a","b"]`, answer: "embedding", want: said{in: 6}},
		{name: "too long", body: user("Hi"), answer: "too long", want: said{class: 400, code: "context_length_exceeded"}},
		{name: "bad request", body: user("Hi"), answer: "bad request", want: said{class: 400}},
		{name: "bad key", body: user("Hi"), answer: "bad key", want: said{class: 502, code: "upstream_auth_failed"}},
		{name: "no model", body: user("Hi"), answer: "no model", want: said{class: 404}},
		{name: "rate", body: user("Hi"), answer: "rate", want: said{class: 429}},
		{name: "down", body: user("Hi"), answer: "down", want: said{class: 503, code: "upstream_unavailable"}},
	}
}

// party is a provider under test.
type party struct {
	wire  provider.Wire
	file  string // of its wire's fixtures
	model string
	base  string // after the fake's address
	set   func(*models.Deployment)
	skip  []string // conversations that it has no part in, with a test of their own where they are refused
}

func parties() map[string]party {
	chat := func(model string) party {
		return party{wire: provider.OpenAI, file: "openai", model: model, base: "/v1"}
	}
	out := map[string]party{
		"openai": chat("gpt-4o"), "custom_openai": chat("m"), "litellm_proxy": chat("m"), "ollama": chat("llama3"), "ollama_chat": chat("llama3"),
		"huggingface": chat("HuggingFaceH4/zephyr-7b-beta"), "fireworks_ai": chat("accounts/fireworks/models/llama-v3p3-70b-instruct"),
		"mistral": chat("mistral-large-latest"), "openrouter": chat("openai/gpt-4o"), "groq": chat("llama-3.3-70b-versatile"),
		"together_ai": chat("meta-llama/Llama-3-70b-chat-hf"), "deepseek": chat("deepseek-chat"), "xai": chat("grok-2-1212"),
		"perplexity": chat("sonar"), "hosted_vllm": chat("m"),
		"azure":     {wire: provider.OpenAI, file: "openai", model: "my-deployment"},
		"anthropic": {wire: provider.Anthropic, file: "anthropic", model: "claude-sonnet-4-5", skip: []string{"embedding"}},
		"gemini":    {wire: provider.Gemini, file: "gemini", model: "gemini-2.5-flash"},
		"vertex_ai": {wire: provider.Gemini, file: "gemini", model: "gemini-3-pro-preview", set: func(d *models.Deployment) {
			d.Params = map[string]any{"vertex_project": "p", "vertex_location": "europe-west1"}
		}, skip: []string{"embedding"}}, // predict has a test of its own
		"bedrock": {wire: provider.BedrockConverse, file: "bedrock", model: "anthropic.claude-sonnet-4-5-20250929-v1:0", set: signed},
		"cohere":  {wire: provider.Cohere, file: "cohere", model: "command-a-03-2025", skip: []string{"file"}},
	}
	return out
}

func signed(d *models.Deployment) {
	d.APIKey = models.Secret{}
	d.Params = map[string]any{"aws_region_name": "us-east-1"}
	d.Secrets = map[string]models.Secret{"aws_access_key_id": models.NewSecret("AKIDEXAMPLE"), "aws_secret_access_key": models.NewSecret("secret/EXAMPLE")}
	if strings.Contains(d.Model, "claude") && d.Mode == "embedding" {
		d.Model = "cohere.embed-english-v3"
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, p := range parties() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conform(t, name, p)
		})
	}
}

func conform(t *testing.T, name string, p party) {
	t.Helper()
	var fixtures, own fixture
	loadJSON(t, p.file+".json", &fixtures)
	if fixtures.Source == "" {
		t.Fatal("the fixtures do not name their source")
	}
	if name != p.file && loadJSON(t, name+".json", &own) {
		if own.Source == "" {
			t.Fatal("the provider's fixtures do not name their source")
		}
		maps.Copy(fixtures.Answers, own.Answers)
	}
	var base, expected map[string]json.RawMessage
	loadJSON(t, "requests/openai.json", &base)
	loadJSON(t, "requests/"+name+".json", &expected)
	seen := map[string]json.RawMessage{}
	settings := oneTry()
	d := deployment("m", name, p.model)
	d.APIBase = "${PROVIDER}" + p.base
	e := d
	e.ID, e.ModelName, e.Mode = "dep-e", "e", "embedding"
	if name == "bedrock" {
		e.Model = "cohere.embed-english-v3"
	}
	if p.set != nil {
		p.set(&d)
		p.set(&e)
	}
	r := newRig(t, setup{settings: settings, deployments: []models.Deployment{d, e}})
	n := 0
	for _, c := range conversations() {
		if slices.Contains(p.skip, c.name) {
			continue
		}
		_, c.own = own.Answers[c.answer]
		answer, ok := fixtures.Answers[c.answer]
		if !ok && c.answer == "schema" {
			answer, ok = fixtures.Answers["text"]
		}
		if !ok {
			t.Fatalf("no fixture %q", c.answer)
		}
		for _, stream := range []bool{false, true} {
			if stream && c.op != "" {
				continue
			}
			at := fmt.Sprintf("%s, stream %v", c.name, stream)
			r.provider.Always(answer.reply(t, p.wire, stream))
			path, model, more := "/v1/chat/completions", "m", ""
			if c.op == "embeddings" {
				path, model = "/v1/embeddings", "e"
			}
			if stream {
				more = `,"stream":true,"stream_options":{"include_usage":true}`
			}
			got := r.send("POST", path, plainKey, `{"model":"`+model+`",`+c.body+more+`}`)
			n++
			request := r.provider.Last(t)
			line := request.Path
			if request.Query != "" {
				line += "?" + request.Query
			}
			b, err := json.Marshal(map[string]any{"path": line, "body": json.RawMessage(request.Body)})
			if err != nil {
				t.Fatalf("%s: the provider was sent %q", at, request.Body)
			}
			seen[at] = b
			want := expected[at]
			if want == nil {
				want = base[at]
			}
			if !*update && !sameJSON(t, b, want, name != "openai" && expected[at] == nil) {
				t.Errorf("%s: sent\n%s\nwant\n%s", at, b, want)
			}
			if c.name == "down" || c.name == "bad request" { // each provider has a status of its own for it
				if c.want.class = answer.Status; answer.Status == 529 {
					c.want.class = 503
				}
			}
			checkSaid(t, at, c, stream, got)
			rec := r.book.wait(t, n)[n-1]
			checkBooked(t, at, c, p, rec.Usage.InputCacheRead, rec.Usage.CacheWrite(), rec.Usage.InputTotal(), rec.Usage.OutputTotal(), rec.UsageEstimated)
		}
	}
	if *update {
		writeExpected(t, name, seen, base)
	}
}

// writeExpected keeps what differs from OpenAI's own.
func writeExpected(t *testing.T, name string, seen, base map[string]json.RawMessage) {
	t.Helper()
	if name != "openai" {
		for at, b := range seen {
			if sameJSON(t, b, base[at], true) {
				delete(seen, at)
			}
		}
	}
	file := filepath.Join("testdata", "conformance", "requests", name+".json")
	if len(seen) == 0 {
		_ = os.Remove(file)
		return
	}
	var lines bytes.Buffer // one request a line
	lines.WriteString("{\n")
	for i, at := range slices.Sorted(maps.Keys(seen)) {
		if i > 0 {
			lines.WriteString(",\n")
		}
		fmt.Fprintf(&lines, " %q: %s", at, compactJSON(t, seen[at]))
	}
	lines.WriteString("\n}\n")
	if err := os.WriteFile(file, lines.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// sameJSON compares two requests; where only the wire is common, the path and the model's name may differ.
func sameJSON(t *testing.T, a, b []byte, loose bool) bool {
	t.Helper()
	var x, y map[string]any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	if loose {
		for _, m := range []map[string]any{x, y} {
			delete(m, "path")
			if body, ok := m["body"].(map[string]any); ok {
				delete(body, "model")
			}
		}
	}
	return reflect.DeepEqual(x, y)
}

func checkSaid(t *testing.T, at string, c conversation, stream bool, got answer) {
	t.Helper()
	if c.want.class != 0 {
		_, code, message := got.failure(t)
		if got.status != c.want.class || c.want.code != "" && code != c.want.code {
			t.Errorf("%s: %d %s", at, got.status, got.body)
		}
		if strings.Contains(message, upstream) {
			t.Errorf("%s: the provider's key is in the answer", at)
		}
		if c.name == "rate" && got.header.Get("Retry-After") != "7" {
			t.Errorf("%s: retry-after %q", at, got.header.Get("Retry-After"))
		}
		return
	}
	if got.status != 200 {
		t.Errorf("%s: %d %s", at, got.status, got.body)
		return
	}
	if c.op == "embeddings" {
		var e struct {
			Data []struct {
				Index     int
				Embedding []float64
			}
		}
		if err := json.Unmarshal([]byte(got.body), &e); err != nil || len(e.Data) != 2 || e.Data[0].Embedding[1] != -0.5 || e.Data[1].Index != 1 {
			t.Errorf("%s: %v %s", at, err, got.body)
		}
		return
	}
	have := heard(t, at, got, stream)
	want := c.want
	if c.answer == "schema" {
		if !strings.Contains(have.text, "Ada") && have.text != "Hello there." || have.finish != "stop" || have.calls != nil {
			t.Errorf("%s: %+v", at, have)
		}
		return
	}
	have.cached, have.written, have.reasoning = want.cached, want.written, want.reasoning // looked at where they are booked
	have.in, have.out = want.in, want.out
	if !reflect.DeepEqual(have, want) {
		t.Errorf("%s: the client got %+v, want %+v", at, have, want)
	}
}

// message is a chat message or a delta.
type message struct {
	Content          *string `json:"content"`
	ReasoningContent string  `json:"reasoning_content"`
	ToolCalls        []struct {
		Index    int    `json:"index"`
		ID       string `json:"id"`
		Function struct{ Name, Arguments string }
	} `json:"tool_calls"`
}

// heard puts together what a client of OpenAI's wire was told.
func heard(t *testing.T, at string, got answer, stream bool) said {
	t.Helper()
	chunks := []string{got.body}
	if stream {
		chunks = got.events()
		if n := len(chunks); n == 0 || chunks[n-1] != "[DONE]" {
			t.Errorf("%s: the stream does not end: %s", at, got.body)
			return said{}
		}
		chunks = chunks[:len(chunks)-1]
	}
	var out said
	type call struct{ id, name, args string }
	calls := map[int]*call{}
	usages := 0
	for _, chunk := range chunks {
		var c struct {
			ID, Object, Model string
			Choices           []struct {
				Delta, Message message
				FinishReason   string `json:"finish_reason"`
			}
			Usage *struct{ PromptTokens, CompletionTokens int64 }
		}
		if err := json.Unmarshal([]byte(chunk), &c); err != nil {
			t.Errorf("%s: %v in %s", at, err, chunk)
			return out
		}
		if c.Model != "m" || c.ID == "" && len(c.Choices) > 0 {
			t.Errorf("%s: a chunk of the model %q, id %q", at, c.Model, c.ID)
		}
		if c.Usage != nil {
			usages++
		}
		for _, choice := range c.Choices {
			m := choice.Message
			if stream {
				m = choice.Delta
			}
			if m.Content != nil {
				out.text += *m.Content
			}
			out.thought += m.ReasoningContent
			for i, tc := range m.ToolCalls {
				index := tc.Index
				if !stream {
					index = i
				}
				if calls[index] == nil {
					calls[index] = &call{}
				}
				k := calls[index]
				k.id += tc.ID
				k.name += tc.Function.Name
				k.args += tc.Function.Arguments
			}
			if choice.FinishReason != "" {
				out.finish = choice.FinishReason
			}
		}
	}
	for _, i := range slices.Sorted(maps.Keys(calls)) {
		if calls[i].id == "" {
			t.Errorf("%s: a tool call without an id", at)
		}
		out.calls = append(out.calls, calls[i].name+" "+calls[i].args)
	}
	if usages != 1 {
		t.Errorf("%s: usage came %d times", at, usages)
	}
	return out
}

// checkBooked holds what was booked to what the provider reported.
func checkBooked(t *testing.T, at string, c conversation, p party, cached, written, in, out int64, estimated bool) {
	t.Helper()
	if c.want.class != 0 || c.answer == "schema" || c.want.in == 0 {
		return
	}
	if c.op != "" && (p.wire == provider.Gemini || p.wire == provider.BedrockConverse) {
		return // they report no usage for embeddings
	}
	want := c.want
	if p.wire == provider.Gemini || p.wire == provider.Cohere || c.own {
		want.written = 0 // they have no word for it
	}
	if in != want.in || out != want.out || cached != want.cached || written != want.written || estimated {
		t.Errorf("%s: booked %d in (%d cached, %d written), %d out, estimated %v", at, in, cached, written, out, estimated)
	}
}
