package proxy

import (
	"encoding/json"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
	"gatehouse/proxy/spend"
)

type geminiAnswer struct {
	Candidates []struct {
		Content struct {
			Parts []struct {
				Text    string
				Thought bool
				Call    *struct {
					ID, Name string
					Args     map[string]any
				} `json:"functionCall"`
			}
		}
		FinishReason string
	}
	Usage struct {
		Prompt int `json:"promptTokenCount"`
		Total  int `json:"totalTokenCount"`
	} `json:"usageMetadata"`
	ModelVersion string
	Error        struct {
		Code            int
		Message, Status string
		Details         []map[string]any
	}
}

func readGemini(tb testing.TB, text string) geminiAnswer {
	tb.Helper()
	var a geminiAnswer
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		tb.Fatalf("%v in %s", err, text)
	}
	return a
}

const geminiBody = `{"systemInstruction":{"parts":[{"text":"Be brief."}]},"contents":[
	{"role":"user","parts":[{"text":"What is this?"},{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]},
	{"role":"model","parts":[{"functionCall":{"name":"look","args":{"at": 1}}}]},
	{"role":"user","parts":[{"functionResponse":{"name":"look","response":{"result":"a cat"}}}]}],
	"tools":[{"functionDeclarations":[{"name":"look","description":"d","parameters":{"type":"OBJECT","properties":{"at":{"type":"INTEGER"}}}}]}],
	"toolConfig":{"functionCallingConfig":{"mode":"ANY"}},"tags":["x"],
	"generationConfig":{"temperature":0.5,"maxOutputTokens":50,"topP":0.9,"stopSequences":["END"],"responseMimeType":"application/json"}}`

func TestGenerateContent(t *testing.T) {
	t.Parallel()
	for _, model := range []string{"gpt-4o", "claude"} {
		r := newRig(t, setup{})
		got := r.send("POST", "/v1beta/models/"+model+":generateContent", "", geminiBody, "X-Goog-Api-Key: "+plainKey)
		a := readGemini(t, got.body)
		if got.status != 200 || len(a.Candidates) != 1 || a.Candidates[0].Content.Parts[0].Text != testkit.DefaultText || a.Candidates[0].FinishReason != "STOP" ||
			a.Usage.Prompt != 10 || a.Usage.Total != 30 || a.ModelVersion != model {
			t.Fatalf("%d %s", got.status, got.body)
		}
		sent := r.provider.Last(t)
		if model == "gpt-4o" {
			want := `{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"What is this?"},` +
				`{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]},{"role":"assistant","content":null,"tool_calls":[{"id":"call_0","type":"function",` +
				`"function":{"name":"look","arguments":"{\"at\":1}"}}]},{"role":"tool","tool_call_id":"call_0","content":"a cat"}],"temperature":0.5,"top_p":0.9,"max_tokens":50,` +
				`"stop":["END"],"response_format":{"type":"json_object"},"tools":[{"type":"function","function":{"name":"look","description":"d",` +
				`"parameters":{"type":"object","properties":{"at":{"type":"integer"}}}}}],"tool_choice":"required","model":"gpt-4o-real"}`
			if string(sent.Body) != want {
				t.Errorf("sent %s\nwant %s", sent.Body, want)
			}
		}
		if strings.Contains(string(sent.Body), "tags") {
			t.Errorf("a field of the gateway reaches the provider: %s", sent.Body)
		}
		if rec := r.book.wait(t, 1)[0]; rec.CostNano != 50_000 || rec.CallType != "agenerate_content" || rec.Status != spend.StatusSuccess {
			t.Errorf("record %+v", rec)
		}
	}
}

func TestStreamGenerateContent(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		query string
		reply testkit.Reply
	}{
		"events":       {"?alt=sse", testkit.Reply{}},
		"a list":       {"", testkit.Reply{}},
		"tools":        {"?alt=sse", testkit.Reply{ToolCalls: []testkit.ToolCall{{ID: "c1", Name: "look", Arguments: `{"at":7}`}, {ID: "c2", Name: "look", Arguments: `{"at":8}`}}}},
		"tools listed": {"", testkit.Reply{ToolCalls: []testkit.ToolCall{{ID: "c1", Name: "look", Arguments: `{"at":7}`}}}},
	}
	for name, tt := range tests {
		for _, model := range []string{"gpt-4o", "claude"} {
			t.Run(name+" by "+model, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, setup{})
				r.provider.Always(tt.reply)
				sep := map[bool]string{true: "&", false: "?"}[tt.query != ""]
				got := r.send("POST", "/v1beta/models/"+model+":streamGenerateContent"+tt.query+sep+"key="+plainKey, "", geminiBody)
				events := got.events()
				if tt.query == "" {
					var list []json.RawMessage
					if err := json.Unmarshal([]byte(got.body), &list); err != nil || got.header.Get("Content-Type") != "application/json" {
						t.Fatalf("%v in %d %s", err, got.status, got.body)
					}
					for _, e := range list {
						events = append(events, string(e))
					}
				}
				text, calls, finish := "", 0, ""
				var last geminiAnswer
				for _, e := range events {
					last = readGemini(t, e)
					for _, c := range last.Candidates {
						finish = c.FinishReason
						for _, p := range c.Content.Parts {
							text += p.Text
							if p.Call != nil {
								if want := float64(7 + calls); p.Call.Args["at"] != want || p.Call.Name != "look" || p.Call.ID == "" {
									t.Errorf("call %+v", p.Call)
								}
								calls++
							}
						}
					}
				}
				if calls != len(tt.reply.ToolCalls) || calls == 0 && text != testkit.DefaultText || finish != "STOP" || last.Usage.Total != 30 {
					t.Errorf("%q, %d calls, %s, %+v: %s", text, calls, finish, last.Usage, got.body)
				}
				if rec := r.book.wait(t, 1)[0]; rec.CostNano != 50_000 || rec.UsageEstimated {
					t.Errorf("record %+v", rec)
				}
			})
		}
	}
}

func TestGeminiRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{settings: oneTry()})
	tests := []struct {
		name, path, key, body string
		reply                 *testkit.Reply
		status                int
		word, reason          string
	}{
		{"no key", "gpt-4o:generateContent", "", geminiBody, nil, 401, "UNAUTHENTICATED", "MISSING_API_KEY"},
		{"bad key", "gpt-4o:generateContent", "sk-nobody-0123456789abcd", geminiBody, nil, 401, "UNAUTHENTICATED", "INVALID_API_KEY"},
		{"unknown model", "gone:generateContent", plainKey, geminiBody, nil, 404, "NOT_FOUND", "MODEL_NOT_FOUND"},
		{"unknown action", "gpt-4o:dance", plainKey, geminiBody, nil, 404, "NOT_FOUND", "ROUTE_NOT_FOUND"},
		{"no contents", "gpt-4o:generateContent", plainKey, `{}`, nil, 400, "INVALID_ARGUMENT", "MISSING_REQUIRED_PARAMETER"},
		{"bad JSON", "gpt-4o:generateContent", plainKey, `{`, nil, 400, "INVALID_ARGUMENT", "INVALID_JSON"},
		{"rate limit upstream", "gpt-4o:generateContent", plainKey, geminiBody, ptr(testkit.RateLimited(7)), 429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED"},
		{"our key refused", "gpt-4o:generateContent", plainKey, geminiBody, ptr(testkit.ErrorReply(401, "auth", "x", "no")), 502, "UNAVAILABLE", "UPSTREAM_AUTH_FAILED"},
		{"broken upstream", "gpt-4o:generateContent", plainKey, geminiBody, &testkit.Reply{Status: 500}, 500, "INTERNAL", "UPSTREAM_UNAVAILABLE"},
	}
	for _, tt := range tests {
		if tt.reply != nil {
			r.provider.Script(*tt.reply)
		}
		got := r.send("POST", "/v1beta/models/"+tt.path, tt.key, tt.body)
		e := readGemini(t, got.body).Error
		if got.status != tt.status || e.Code != tt.status || e.Status != tt.word || len(e.Details) == 0 || e.Details[0]["reason"] != tt.reason || e.Message == "" {
			t.Errorf("%s: %d %s", tt.name, got.status, got.body)
		}
	}
	r.provider.Script(testkit.Reply{Fault: testkit.FaultEnd, After: 3})
	got := r.send("POST", "/v1beta/models/gpt-4o:streamGenerateContent", plainKey, geminiBody)
	var list []geminiAnswer
	if err := json.Unmarshal([]byte(got.body), &list); err != nil || list[len(list)-1].Error.Status != "UNAVAILABLE" {
		t.Errorf("a list that breaks off: %v %s", err, got.body)
	}
	if got := r.send("GET", "/v1beta/models?key="+plainKey, "", ""); got.status != 200 || !strings.Contains(got.body, `"name":"models/gpt-4o"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := r.send("POST", "/v1beta/models/gpt-4o:countTokens", plainKey, geminiBody); got.status != 200 || !strings.Contains(got.body, `"totalTokens":`) {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func ptr[T any](v T) *T { return &v }
