package proxy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/proxy/spend"
)

const otherKey = "sk-other-0123456789abcdefgh"

func twoKeys(sink models.ChangeSink) { sink.Key(keyRow(otherKey, nil)) }

func field(tb testing.TB, body, name string) string {
	tb.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(body), &o); err != nil {
		tb.Fatalf("%v in %s", err, body)
	}
	s, _ := o[name].(string)
	return s
}

func TestAResponseBelongsToItsKey(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{rows: twoKeys})
	first := r.send("POST", "/v1/responses", plainKey, `{"model":"gpt-4o","input":"hi"}`)
	id := field(t, first.body, "id")
	if first.status != 200 || !strings.HasPrefix(id, "resp_") || strings.Contains(id, "resp_1\"") || len(id) < 40 {
		t.Fatalf("%d %s", first.status, first.body)
	}
	foreign := []struct{ name, method, path, body string }{
		{"read", "GET", "/v1/responses/" + id, ""},
		{"items", "GET", "/v1/responses/" + id + "/input_items", ""},
		{"delete", "DELETE", "/responses/" + id, ""},
		{"cancel", "POST", "/v1/responses/" + id + "/cancel", ""},
		{"continue", "POST", "/v1/responses", fmt.Sprintf(`{"model":"gpt-4o","input":"go on","previous_response_id":%q}`, id)},
	}
	for _, f := range foreign {
		before := len(r.provider.Requests())
		got := r.send(f.method, f.path, otherKey, f.body)
		if _, code, _ := got.failure(t); got.status != 403 || code != "response_not_yours" {
			t.Errorf("%s by another key: %d %s", f.name, got.status, got.body)
		}
		if len(r.provider.Requests()) != before {
			t.Errorf("%s by another key reached the provider", f.name)
		}
	}
	for _, bad := range []string{"resp_1", "resp_" + strings.Repeat("x", 80), id[:len(id)-2] + "AA"} {
		got := r.send("GET", "/v1/responses/"+bad, plainKey, "")
		if _, code, _ := got.failure(t); got.status != 404 || code != "response_not_found" {
			t.Errorf("id %s: %d %s", bad, got.status, got.body)
		}
	}
	r.provider.Script(testkit.Reply{Body: `{"id":"resp_1","object":"response","status":"completed"}`})
	got := r.send("GET", "/v1/responses/"+id+"?include=a", plainKey, "")
	if sent := r.provider.Last(t); got.status != 200 || field(t, got.body, "id") != id || sent.Path != "/v1/responses/resp_1" || sent.Method != "GET" || sent.Query != "include=a" {
		t.Errorf("%d %s, sent %s %s?%s", got.status, got.body, sent.Method, sent.Path, sent.Query)
	}
	next := r.send("POST", "/v1/responses", plainKey, fmt.Sprintf(`{"model":"gpt-4o","input":"go on","previous_response_id":%q}`, id))
	if sent := r.provider.Last(t); next.status != 200 || !strings.Contains(string(sent.Body), `"previous_response_id":"resp_1"`) {
		t.Errorf("%d %s, sent %s", next.status, next.body, sent.Body)
	}
	r.book.wait(t, 3) // two calls and one refusal of a call
}

func TestAStreamedResponseHasOneID(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	for _, model := range []string{"gpt-4o", "claude"} {
		got := r.send("POST", "/v1/responses", plainKey, fmt.Sprintf(`{"model":%q,"input":"hi","stream":true}`, model))
		ids := map[string]bool{}
		last, seq := "", -1.0
		for _, e := range got.events() {
			var ev struct {
				Type     string
				Seq      float64 `json:"sequence_number"`
				Response struct{ ID, Model string }
			}
			if err := json.Unmarshal([]byte(e), &ev); err != nil {
				t.Fatalf("%v in %s", err, e)
			}
			if ev.Seq != seq+1 {
				t.Errorf("%s: event %v follows %v", model, ev.Seq, seq)
			}
			last, seq = ev.Type, ev.Seq
			if ev.Response.ID != "" {
				ids[ev.Response.ID] = true
				if ev.Response.Model != model {
					t.Errorf("model %q in %s", ev.Response.Model, e)
				}
			}
		}
		if len(ids) != 1 || last != "response.completed" {
			t.Errorf("%s: ids %v, last %s: %s", model, ids, last, got.body)
		}
	}
	for _, rec := range r.book.wait(t, 2) {
		if rec.CostNano != 10*1000+20*2000 || rec.CallType != "aresponses" || rec.Status != spend.StatusSuccess || rec.UsageEstimated {
			t.Errorf("record %+v", rec)
		}
	}
}

func TestResponsesByAnotherWire(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	r.provider.Script(testkit.Reply{ToolCalls: []testkit.ToolCall{{ID: "toolu_1", Name: "weather", Arguments: `{"city":"Oslo"}`}}})
	got := r.send("POST", "/v1/responses", plainKey, `{"model":"claude","instructions":"Be brief.","max_output_tokens":77,"input":[
		{"role":"user","content":[{"type":"input_text","text":"Weather?"},{"type":"input_image","image_url":"data:image/png;base64,AAAA"}]},
		{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"hm"}]},
		{"type":"function_call","call_id":"c1","name":"weather","arguments":"{\"city\":\"Rome\"}"},
		{"type":"function_call_output","call_id":"c1","output":"sunny"}],
		"tools":[{"type":"function","name":"weather","parameters":{"type":"object"}}],"tool_choice":{"type":"function","name":"weather"}}`)
	var body struct {
		Status string
		Output []struct {
			Type, Name, Arguments string
			CallID                string `json:"call_id"`
		}
		Usage struct {
			Input int `json:"input_tokens"`
		}
		Max int `json:"max_output_tokens"`
	}
	if err := json.Unmarshal([]byte(got.body), &body); err != nil || body.Status != "completed" || body.Usage.Input != 10 || body.Max != 77 {
		t.Fatalf("%d %s %v", got.status, got.body, err)
	}
	call := body.Output[len(body.Output)-1]
	if call.Type != "function_call" || call.CallID != "toolu_1" || call.Name != "weather" || call.Arguments != `{"city":"Oslo"}` {
		t.Errorf("output %+v", body.Output)
	}
	want := `{"tools":[{"name":"weather","input_schema":{"type":"object"}}],"system":[{"type":"text","text":"Be brief."}],` +
		`"messages":[{"role":"user","content":[{"type":"text","text":"Weather?"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]},` +
		`{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"weather","input":{"city":"Rome"}}]},` +
		`{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"sunny"}]}],"tool_choice":{"type":"tool","name":"weather"},"max_tokens":77,"model":"claude-real"}`
	if sent := string(r.provider.Last(t).Body); sent != want {
		t.Errorf("sent %s\nwant %s", sent, want)
	}
	for _, refused := range []struct{ name, more string }{
		{"background", `"background":true`}, {"conversation", `"conversation":"c"`}, {"tools[].type=web_search", `"tools":[{"type":"web_search"}]`},
	} {
		got := r.send("POST", "/v1/responses", plainKey, `{"model":"claude","input":"x",`+refused.more+`}`)
		if _, code, message := got.failure(t); got.status != 400 || code != "unsupported_parameter" || !strings.Contains(message, refused.name) {
			t.Errorf("%s: %d %s", refused.name, got.status, got.body)
		}
	}
	kept := field(t, r.send("POST", "/v1/responses", plainKey, `{"model":"claude","input":"x"}`).body, "id")
	if got := r.send("GET", "/v1/responses/"+kept, plainKey, ""); got.status != 404 {
		t.Errorf("a response that nobody keeps: %d %s", got.status, got.body)
	}
	if got := r.send("POST", "/v1/responses/input_tokens", plainKey, `{"model":"claude","input":"one two three"}`); got.status != 200 || !strings.Contains(got.body, `"input_tokens":`) {
		t.Errorf("count: %d %s", got.status, got.body)
	}
}
