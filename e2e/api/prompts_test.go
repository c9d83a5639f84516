package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
)

// TestPromptsKept: with store_prompts_in_spend_logs what was asked and answered stands beside the call's row, for those
// who may see the row; a plain call, a stream, Anthropic's wire and a kept answer alike. No credential goes with it.
func TestPromptsKept(t *testing.T) {
	t.Parallel()
	opts := testkit.Options{Provider: testkit.NewProvider(t), Config: documentConfig + "  store_prompts_in_spend_logs: true\n"}
	both(t, opts, func(t *testing.T, s *testkit.Server) {
		_, mine := s.NewUser(t, object{"user_role": "internal_user"})
		_, other := s.NewUser(t, object{"user_role": "internal_user"})
		const secret = "sk-of-the-caller-0123456789"
		for _, c := range []struct{ name, path, body, asked, answered string }{
			{"chat", "/v1/chat/completions", `{"model":"demo","messages":[{"role":"user","content":"first question"}],"metadata":{"x":"` + secret + `"}}`, "first question", `"choices"`},
			{"a kept answer", "/v1/chat/completions", `{"model":"demo","messages":[{"role":"user","content":"first question"}]}`, "first question", `"choices"`},
			{"a stream", "/v1/chat/completions", `{"model":"demo","stream":true,"messages":[{"role":"user","content":"streamed question"}]}`, "streamed question", `"choices"`},
			{"a stream past the cache", "/v1/chat/completions", `{"model":"demo","stream":true,"cache":{"no-cache":true,"no-store":true},"messages":[{"role":"user","content":"uncached"}]}`, "uncached", `"choices"`},
			{"messages", "/v1/messages", `{"model":"demo","max_tokens":9,"system":"be brief","messages":[{"role":"user","content":"third question"}]}`, "third question", `"content"`},
			{"embeddings", "/v1/embeddings", `{"model":"demo","input":"a text to embed"}`, "a text to embed", `"embedding"`},
		} {
			t.Run(c.name, func(t *testing.T) {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+c.path, strings.NewReader(c.body))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Authorization", "Bearer "+mine)
				req.Header.Set("Content-Type", "application/json")
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				id := resp.Header.Get("x-litellm-call-id")
				if _, err := io.Copy(io.Discard, resp.Body); err != nil { // one who leaves before the end has a call of another kind
					t.Fatal(err)
				}
				if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK || id == "" {
					t.Fatalf("%v, %d, call %q", err, resp.StatusCode, id)
				}
				var row object
				eventually(t, "the words are there", func() bool {
					got := s.Do(t, http.MethodGet, "/spend/logs/ui/"+id, mine, nil)
					row = got.JSON()
					answer, _ := json.Marshal(row["response"])
					return got.Status == http.StatusOK && string(answer) != "{}"
				})
				asked, _ := json.Marshal(row["messages"])
				answered, _ := json.Marshal(row["response"])
				if !strings.Contains(string(asked), c.asked) || !strings.Contains(string(answered), c.answered) {
					t.Errorf("asked %s, answered %s", asked, answered)
				}
				if whole, _ := json.Marshal(row["proxy_server_request"]); strings.Contains(string(whole), secret) || !strings.Contains(string(whole), c.asked) {
					t.Errorf("kept %s", whole)
				}
				if byID := list(t, s, mine, "/spend/logs?request_id="+id); len(byID) != 1 || !strings.Contains(text(at(byID[0], "status")), "success") || at(byID[0], "messages") == nil {
					t.Errorf("by its id: %v", byID)
				}
				if no := s.Do(t, http.MethodGet, "/spend/logs/ui/"+id, other, nil); no.Status != http.StatusNotFound {
					t.Errorf("somebody else is shown %d %s", no.Status, no.Body)
				}
			})
		}
	})
}

// TestPromptsNotKept: nothing of a prompt is kept unless it is asked for, nor where turn_off_message_logging says no.
func TestPromptsNotKept(t *testing.T) {
	t.Parallel()
	const refused = "\n  store_prompts_in_spend_logs: true\n"
	for name, config := range map[string]string{
		"by itself":                documentConfig,
		"turn_off_message_logging": strings.Replace(documentConfig, "  cache: true", "  turn_off_message_logging: true\n  cache: true", 1) + refused,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testkit.Start(t, testkit.Options{Provider: testkit.NewProvider(t), Config: config})
			s.Chat(t, s.GenerateKey(t, nil).Secret, "demo")
			var rows []any
			eventually(t, "the ledger has the call", func() bool { rows = list(t, s, s.MasterKey, "/spend/logs"); return len(rows) == 1 })
			row := get(t, s, "/spend/logs/ui/"+text(at(rows[0], "request_id")))
			for _, field := range []string{"messages", "response", "proxy_server_request"} {
				if words, ok := row[field].(object); !ok || len(words) != 0 {
					t.Errorf("%s is %v", field, row[field])
				}
			}
		})
	}
}

// TestNoLogKeepsNothing: a caller's no-log keeps what it said out of the log, and the call in the books; the log says why.
func TestNoLogKeepsNothing(t *testing.T) {
	t.Parallel()
	upstream := testkit.NewProvider(t)
	s := testkit.Start(t, testkit.Options{Provider: upstream, Config: documentConfig + "  store_prompts_in_spend_logs: true\n"})
	secret := s.GenerateKey(t, nil).Secret
	for _, stream := range []string{"false", "true"} {
		body := `{"model":"demo","stream":` + stream + `,"no-log":true,"messages":[{"role":"user","content":"do not write this down"}]}`
		if r := s.Do(t, http.MethodPost, "/v1/chat/completions", secret, body); r.Status != http.StatusOK {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
	}
	if r := s.Do(t, http.MethodPost, "/v1/chat/completions", secret, `{"model":"demo","no-log":"never","messages":[{"role":"user","content":"x"}]}`); r.Status != http.StatusBadRequest {
		t.Errorf("no-log that is no yes or no: %d", r.Status)
	}
	s.Do(t, http.MethodPost, "/v1/chat/completions", secret, `{"model":"demo","messages":[{"role":"user","content":"write this down"}]}`)
	var kept int
	eventually(t, "the third call's words are there", func() bool {
		kept = 0
		for _, row := range list(t, s, s.MasterKey, "/spend/logs") {
			words := s.Do(t, http.MethodGet, "/spend/logs/ui/"+text(at(row, "request_id")), s.MasterKey, nil).Body
			if strings.Contains(string(words), "do not write") {
				t.Fatalf("it was written down: %s", words)
			}
			if strings.Contains(string(words), "write this down") {
				kept++
			}
		}
		return kept == 1
	})
}
