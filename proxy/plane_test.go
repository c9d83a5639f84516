package proxy

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/proxy/spend"
)

// proxy.md §13 (5): unknown fields and the form of numbers survive; TestAgentTraffic holds Anthropic's wire to the same.
func TestPlainCall(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	got := r.chat("gpt-4o", `"temperature":1.0,"x_unknown":12345678901234567890,"tags":["t"]`)
	if got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	var body struct {
		Model string `json:"model"`
		Usage struct {
			Prompt int `json:"prompt_tokens"`
		} `json:"usage"`
	}
	if err := json.Unmarshal([]byte(got.body), &body); err != nil || body.Model != "gpt-4o" || body.Usage.Prompt != 10 {
		t.Errorf("answer %s: %v", got.body, err)
	}
	sent := r.provider.Last(t)
	if want := `{"model":"gpt-4o-real","messages":[{"role":"user","content":"Say hello to the world."}],"temperature":1.0,"x_unknown":12345678901234567890}`; string(sent.Body) != want {
		t.Errorf("sent %s\nwant %s", sent.Body, want)
	}
	if sent.Path != "/v1/chat/completions" || sent.Header.Get("Authorization") != "Bearer "+upstream {
		t.Errorf("sent to %s with %v", sent.Path, sent.Header)
	}
	rec := r.book.wait(t, 1)[0]
	if rec.CostNano != 10*1000+20*2000 || rec.Status != spend.StatusSuccess || rec.KeyID != "id-plain-" || rec.ModelGroup != "gpt-4o" ||
		rec.Model != "gpt-4o-real" || rec.DeploymentID != "dep-gpt-4o" || rec.UsageEstimated || !slices.Equal(rec.Tags, []string{"t", "User-Agent: Go-http-client", "User-Agent: Go-http-client/1.1"}) {
		t.Errorf("record %+v", rec)
	}
	if len(r.book.admitted) != 1 || r.book.admitted[0].Record.CallID != rec.CallID {
		t.Errorf("admitted %+v", r.book.admitted)
	}
	for name, want := range map[string]string{
		"X-Litellm-Call-Id": rec.CallID, "X-Request-Id": rec.CallID, "X-Litellm-Response-Cost": "0.00005", "X-Gatehouse-Cost": "0.00005",
		"X-Litellm-Model-Id": "dep-gpt-4o", "X-Litellm-Model-Group": "gpt-4o", "X-Litellm-Key-Spend": "0.00005", "X-Gatehouse-Version": "test",
	} {
		if v := got.header.Get(name); v != want {
			t.Errorf("header %s is %q, want %q", name, v, want)
		}
	}
}

// proxy.md §13 (11): usage is always asked for, and passes on once, to who asked.
func TestStreamedCall(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		more  string
		reply testkit.Reply
		usage int // chunks with usage that the client sees
	}{
		"usage not asked for":         {"", testkit.Reply{}, 0},
		"usage asked for":             {`"stream_options":{"include_usage":true}`, testkit.Reply{}, 1},
		"usage twice, not asked for":  {"", testkit.Reply{UsageMode: testkit.UsageTwice}, 0},
		"usage twice, asked for":      {`"stream_options":{"include_usage":true}`, testkit.Reply{UsageMode: testkit.UsageTwice}, 1},
		"strange framing":             {"", testkit.Reply{Framing: testkit.Framing{CRLF: true, Comments: true, MultiLine: true, NoSpace: true, BOM: true}}, 0},
		"one huge line":               {"", testkit.Reply{Huge: 300_000}, 0},
		"include_usage false by name": {`"stream_options":{"include_usage":false}`, testkit.Reply{}, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, setup{})
			r.provider.Always(tt.reply)
			more := `"stream":true`
			if tt.more != "" {
				more += "," + tt.more
			}
			got := r.chat("gpt-4o", more)
			events := got.events()
			if got.status != 200 || len(events) == 0 || events[len(events)-1] != "[DONE]" || !strings.HasPrefix(got.header.Get("Content-Type"), "text/event-stream") {
				t.Fatalf("%d %v %s", got.status, got.header, got.body)
			}
			var text strings.Builder
			usage := 0
			for i, e := range events[:len(events)-1] {
				var chunk struct {
					Model   string
					Choices []struct{ Delta struct{ Content string } }
					Usage   map[string]any
				}
				if err := json.Unmarshal([]byte(e), &chunk); err != nil {
					t.Fatalf("event %q: %v", e, err)
				}
				if chunk.Model != "gpt-4o" {
					t.Errorf("model %q in %s", chunk.Model, e)
				}
				if chunk.Usage != nil {
					usage++
					if i != len(events)-2 || len(chunk.Choices) != 0 {
						t.Errorf("usage in event %d of %d: %s", i, len(events), e)
					}
					continue
				}
				if tt.usage == 0 && strings.Contains(e, `"usage"`) {
					t.Errorf("usage reaches a client that did not ask: %s", e)
				}
				if len(chunk.Choices) == 0 {
					t.Errorf("no choices in %s", e)
				}
				for _, c := range chunk.Choices {
					text.WriteString(c.Delta.Content)
				}
			}
			if !strings.HasPrefix(text.String(), testkit.DefaultText) || len(text.String()) != len(testkit.DefaultText)+tt.reply.Huge {
				t.Errorf("text of %d bytes: %.60q", text.Len(), text.String())
			}
			if usage != tt.usage {
				t.Errorf("%d chunks with usage, want %d", usage, tt.usage)
			}
			rec := r.book.wait(t, 1)[0]
			if rec.CostNano != 10*1000+20*2000 || rec.Status != spend.StatusSuccess || rec.UsageEstimated {
				t.Errorf("record %+v", rec)
			}
			if !strings.Contains(string(r.provider.Last(t).Body), `"include_usage":true`) {
				t.Errorf("usage was not asked for upstream: %s", r.provider.Last(t).Body)
			}
		})
	}
}

func TestAnthropicDeployment(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	got := r.chat("claude", `"stop":["END"," "],"max_tokens":33`)
	var body struct {
		Model   string
		Choices []struct {
			Message struct{ Content string }
			Finish  string `json:"finish_reason"`
		}
		Usage struct {
			Prompt, Completion int
		}
	}
	if err := json.Unmarshal([]byte(got.body), &body); err != nil || got.status != 200 || body.Model != "claude" ||
		body.Choices[0].Message.Content != testkit.DefaultText || body.Choices[0].Finish != "stop" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	sent := r.provider.Last(t)
	if sent.Path != "/v1/messages" || sent.Header.Get("X-Api-Key") != upstream || sent.Header.Get("Anthropic-Version") == "" {
		t.Errorf("sent to %s with %v", sent.Path, sent.Header)
	}
	want := `{"messages":[{"role":"user","content":[{"type":"text","text":"Say hello to the world."}]}],"stop_sequences":["END"],"max_tokens":33,"model":"claude-real"}`
	if string(sent.Body) != want {
		t.Errorf("sent %s\nwant %s", sent.Body, want)
	}
	if rec := r.book.wait(t, 1)[0]; rec.CostNano != 50_000 {
		t.Errorf("record %+v", rec)
	}
	streamed := r.chat("claude", `"stream":true,"stream_options":{"include_usage":true}`)
	events := streamed.events()
	if len(events) < 3 || events[len(events)-1] != "[DONE]" || !strings.Contains(events[len(events)-2], `"usage":{"prompt_tokens":10,"completion_tokens":20`) {
		t.Errorf("stream %s", streamed.body)
	}
	if rec := r.book.wait(t, 2)[1]; rec.CostNano != 50_000 || rec.Status != spend.StatusSuccess {
		t.Errorf("record %+v", rec)
	}
}

func TestMessagesOnBothProviders(t *testing.T) {
	t.Parallel()
	for _, model := range []string{"claude", "gpt-4o"} {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, setup{})
			body := `{"model":"` + model + `","max_tokens":50,"system":"be brief","messages":[{"role":"user","content":"hi"}]`
			got := r.send("POST", "/v1/messages?beta=true", "", body+"}", "x-api-key: "+plainKey)
			var message struct {
				Type, Model string
				Content     []struct{ Type, Text string }
				Stop        string `json:"stop_reason"`
				Usage       struct {
					In  int `json:"input_tokens"`
					Out int `json:"output_tokens"`
				}
			}
			if err := json.Unmarshal([]byte(got.body), &message); err != nil || got.status != 200 || message.Type != "message" || message.Model != model ||
				message.Content[0].Text != testkit.DefaultText || message.Stop != "end_turn" || message.Usage.In != 10 || message.Usage.Out != 20 {
				t.Fatalf("%d %s (%v)", got.status, got.body, err)
			}
			if got.header.Get("Request-Id") == "" {
				t.Error("no request-id")
			}
			streamed := r.send("POST", "/v1/messages", "", body+`,"stream":true}`, "x-api-key: "+plainKey)
			var text strings.Builder
			kinds := []string{}
			for _, e := range streamed.events() {
				var ev struct {
					Type  string
					Delta struct{ Text string }
				}
				if err := json.Unmarshal([]byte(e), &ev); err != nil {
					t.Fatalf("%q: %v", e, err)
				}
				if ev.Type != "ping" && (len(kinds) == 0 || kinds[len(kinds)-1] != ev.Type) {
					kinds = append(kinds, ev.Type)
				}
				text.WriteString(ev.Delta.Text)
			}
			if got := strings.Join(kinds, " "); got != "message_start content_block_start content_block_delta content_block_stop message_delta message_stop" {
				t.Errorf("events %s\n%s", got, streamed.body)
			}
			if text.String() != testkit.DefaultText {
				t.Errorf("text %q", text.String())
			}
			for _, rec := range r.book.wait(t, 2) {
				if rec.CostNano != 50_000 || rec.UsageEstimated {
					t.Errorf("record %+v", rec)
				}
			}
		})
	}
}

func TestEmbeddingAndCompletion(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	for _, path := range []string{"/v1/embeddings", "/embeddings", "/openai/deployments/embed/embeddings?api-version=2024-02-01", "/engines/embed/embeddings"} {
		got := r.send("POST", path, plainKey, `{"model":"embed","input":["a","b"]}`)
		if got.status != 200 || !strings.Contains(got.body, `"model":"embed"`) {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	got := r.send("POST", "/completions", plainKey, `{"model":"gpt-4o","prompt":"hi","stream":true}`)
	if events := got.events(); got.status != 200 || len(events) < 2 || events[len(events)-1] != "[DONE]" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := r.provider.Last(t); got.Path != "/v1/completions" {
		t.Errorf("sent to %s", got.Path)
	}
}

func TestResponses(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	got := r.send("POST", "/v1/responses", plainKey, `{"model":"gpt-4o","input":"hi","metadata":{"a":"b"},"tags":["x"]}`)
	if got.status != 200 || !strings.Contains(got.body, `"model":"gpt-4o"`) {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if sent := r.provider.Last(t); sent.Path != "/v1/responses" || string(sent.Body) != `{"model":"gpt-4o-real","input":"hi"}` {
		t.Errorf("sent %s to %s", sent.Body, sent.Path)
	}
	streamed := r.send("POST", "/responses", plainKey, `{"model":"gpt-4o","input":"hi","stream":true}`)
	if streamed.status != 200 || !strings.Contains(streamed.body, "event: response.completed\n") || strings.Contains(streamed.body, "[DONE]") ||
		strings.Contains(streamed.body, "gpt-4o-real") {
		t.Errorf("%d %s", streamed.status, streamed.body)
	}
	for _, rec := range r.book.wait(t, 2) {
		if rec.CostNano != 50_000 || rec.Status != spend.StatusSuccess || rec.UsageEstimated {
			t.Errorf("record %+v", rec)
		}
	}
	// A provider without this API says so before anything is sent.
	got = r.send("POST", "/v1/embeddings", plainKey, `{"model":"claude","input":"hi"}`)
	if _, code, _ := got.failure(t); got.status != 400 || code != "unsupported_parameter" || len(r.provider.Requests()) != 2 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestResponsesStreamThatIsCut(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{settings: oneTry()})
	r.provider.Always(testkit.Reply{Fault: testkit.FaultEnd, After: 6})
	got := r.send("POST", "/v1/responses", plainKey, `{"model":"gpt-4o","input":"hi","stream":true}`)
	if got.status != 200 || !strings.Contains(got.body, "event: error\ndata: {\"type\":\"error\",\"code\":\"upstream_unavailable\"") || strings.Contains(got.body, "response.completed") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if rec := r.book.wait(t, 1)[0]; rec.Status != spend.StatusFailure {
		t.Errorf("record %+v", rec)
	}
}

func TestCountTokens(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	body := func(model string) string {
		return `{"model":"` + model + `","messages":[{"role":"user","content":"Say hello to the world."}]}`
	}
	theirs := r.send("POST", "/v1/messages/count_tokens", plainKey, body("claude"))
	if sent := r.provider.Last(t); theirs.status != 200 || sent.Path != "/v1/messages/count_tokens" || !strings.Contains(string(sent.Body), "claude-real") {
		t.Errorf("%d %s, sent to %s", theirs.status, theirs.body, sent.Path)
	}
	ours := r.send("POST", "/v1/messages/count_tokens", plainKey, body("gpt-4o"))
	var count struct {
		N int `json:"input_tokens"`
	}
	if err := json.Unmarshal([]byte(ours.body), &count); err != nil || count.N < 8 || count.N > 20 {
		t.Errorf("%d %s", ours.status, ours.body)
	}
	r.provider.Always(testkit.ErrorReply(500, "", "", "x"))
	if got := r.send("POST", "/v1/messages/count_tokens", plainKey, body("claude")); got.status != 200 {
		t.Errorf("a provider that fails: %d %s", got.status, got.body)
	}
	if got := r.send("POST", "/v1/messages/count_tokens", plainKey, body("none")); got.status != 404 {
		t.Errorf("an unknown model: %d", got.status)
	}
	if n := len(r.book.admitted); n != 0 {
		t.Errorf("%d counts were booked", n)
	}
}

func TestModelList(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{rows: func(s models.ChangeSink) {
		s.Key(keyRow("sk-narrow-0123456789abcdef", func(k *models.Key) { k.Models = models.Strings{"claude"} }))
	}})
	got := r.send("GET", "/v1/models", "sk-narrow-0123456789abcdef", "")
	if got.status != 200 || !strings.Contains(got.body, `"id":"claude"`) || strings.Contains(got.body, "gpt-4o") ||
		!strings.Contains(got.body, `"first_id":"claude"`) || !strings.Contains(got.body, `"object":"list"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := r.send("GET", "/models/claude", "sk-narrow-0123456789abcdef", ""); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	for _, path := range []string{"/v1/models/gpt-4o", "/v1/models/none", "/v1/models/openai%2Fgpt-5"} {
		got := r.send("GET", path, "sk-narrow-0123456789abcdef", "")
		if _, code, _ := got.failure(t); got.status != 404 || code != "model_not_found" {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if got := r.send("GET", "/v1/models", "", ""); got.status != 401 {
		t.Errorf("without a key: %d", got.status)
	}
}

// Providers with a counter of their own wire are asked, whatever wire the client speaks.
func TestCountTokensElsewhere(t *testing.T) {
	t.Parallel()
	vertex := map[string]any{"vertex_project": "p", "vertex_location": "us-east5"}
	make := func(name, prefix, model string, params map[string]any) models.Deployment {
		d := deployment(name, prefix, model)
		if d.APIBase = "${PROVIDER}"; params != nil {
			d.Params = params
		}
		if prefix == "bedrock" {
			signed(&d)
		}
		return d
	}
	r := newRig(t, setup{deployments: []models.Deployment{
		make("claude", "anthropic", "claude-real", nil), make("gemini", "gemini", "gemini-2.5-flash", nil), make("vertex", "vertex_ai", "gemini-2.5-pro", vertex),
		make("vertex-claude", "vertex_ai", "claude-sonnet-4-5", vertex), make("nova", "bedrock", "amazon.nova-lite-v1:0", nil),
		make("bedrock-claude", "bedrock", "anthropic.claude-sonnet-4-5-v1:0", nil),
	}})
	messages := `"system":"Be brief.","messages":[{"role":"user","content":"hi"}],"tools":[{"name":"f","input_schema":{"type":"object"}}]`
	for name, tt := range map[string]struct {
		path, body, answer string // of the client, and of the provider
		sentTo             string
		sent               []string
		want               string
	}{
		"Gemini": {
			"/v1/messages/count_tokens", `{"model":"gemini",` + messages + `}`, `{"totalTokens":31}`,
			"/v1beta/models/gemini-2.5-flash:countTokens",
			[]string{`{"generateContentRequest":{"contents":[`, `"model":"models/gemini-2.5-flash"`, `"Be brief."`, `"functionDeclarations"`},
			`{"input_tokens":31}`,
		},
		"Vertex": {
			"/v1/messages/count_tokens", `{"model":"vertex",` + messages + `}`, `{"totalTokens":32}`,
			"/v1/projects/p/locations/us-east5/publishers/google/models/gemini-2.5-pro:countTokens",
			[]string{`{"contents":[`, `"systemInstruction"`, `"tools"`},
			`{"input_tokens":32}`,
		},
		"Claude at Vertex": {
			"/v1/messages/count_tokens", `{"model":"vertex-claude",` + messages + `}`, `{"input_tokens":33}`,
			"/v1/projects/p/locations/us-east5/publishers/anthropic/models/count-tokens:rawPredict",
			[]string{`"model":"claude-sonnet-4-5"`, `"system":"Be brief."`},
			`{"input_tokens":33}`,
		},
		"Bedrock": {
			"/v1/messages/count_tokens", `{"model":"nova",` + messages + `}`, `{"inputTokens":34}`,
			"/model/amazon.nova-lite-v1:0/count-tokens",
			[]string{`{"input":{"converse":{"messages":[`, `"toolConfig"`},
			`{"input_tokens":34}`,
		},
		"Claude at Bedrock": {
			"/v1/messages/count_tokens", `{"model":"bedrock-claude",` + messages + `}`, `{"inputTokens":35}`,
			"/model/anthropic.claude-sonnet-4-5-v1:0/count-tokens",
			[]string{`{"input":{"invokeModel":{"body":"`},
			`{"input_tokens":35}`,
		},
		"Anthropic, for Gemini's client": {
			"/v1beta/models/claude:countTokens", `{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}`, `{"input_tokens":36}`,
			"/v1/messages/count_tokens",
			[]string{`{"model":"claude-real","messages":[{"role":"user"`},
			`{"totalTokens":36}`,
		},
		"Anthropic, for the Responses API": {
			"/v1/responses/input_tokens", `{"model":"claude","input":"hi"}`, `{"input_tokens":37}`,
			"/v1/messages/count_tokens",
			[]string{`{"model":"claude-real","messages":[{"role":"user"`},
			`{"object":"response.input_tokens","input_tokens":37}`,
		},
		"Gemini, for its own client": {
			"/v1beta/models/gemini:countTokens", `{"generateContentRequest":{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"systemInstruction":{"parts":[{"text":"S"}]}}}`, `{"totalTokens":38}`,
			"/v1beta/models/gemini-2.5-flash:countTokens",
			[]string{`{"generateContentRequest":{"contents":[`, `"S"`},
			`{"totalTokens":38}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r.provider.Reset()
			r.provider.Always(testkit.Reply{Body: tt.answer, Header: map[string]string{"Content-Type": "application/json"}})
			got := r.send("POST", tt.path, plainKey, tt.body)
			sent := r.provider.Last(t)
			if got.status != 200 || got.body != tt.want || sent.Path != tt.sentTo {
				t.Errorf("%d %s, sent to %s: %s", got.status, got.body, sent.Path, sent.Body)
			}
			for _, part := range tt.sent {
				if !strings.Contains(string(sent.Body), part) {
					t.Errorf("%s is not in %s", part, sent.Body)
				}
			}
			if strings.Contains(string(sent.Body), "max_tokens") {
				t.Errorf("sent %s", sent.Body)
			}
			r.provider.Always(testkit.ErrorReply(500, "", "", "x"))
			if got := r.send("POST", tt.path, plainKey, tt.body); got.status != 200 || strings.Contains(got.body, "undefined") {
				t.Errorf("a provider that fails: %d %s", got.status, got.body)
			}
		})
	}
}
