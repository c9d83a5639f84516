package api_test

import (
	"net/http"
	"testing"

	"gatehouse/internal/testkit"
)

// TestTokenCounter: what a call would be billed for as input is what the counter says before it, in every form of a prompt;
// no provider is asked.
func TestTokenCounter(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	s := testkit.Start(t, testkit.Options{Config: documentConfig, Provider: provider})
	blind := s.GenerateKey(t, object{"models": []string{"gpt-4o"}}).Secret
	for _, c := range []struct {
		name, key, body string
		status          int
		used            string
		least           float64
	}{
		{"no model", s.MasterKey, `{"messages":[]}`, 422, "", 0},
		{"nothing to count", s.MasterKey, `{"model":"demo"}`, 400, "", 0},
		{"null is nothing", s.MasterKey, `{"model":"demo","messages":null}`, 400, "", 0},
		{"nobody", "sk-nobody-0123456789abc", `{"model":"demo","prompt":"hi"}`, 401, "", 0},
		{"messages", s.MasterKey, `{"model":"demo","messages":[{"role":"user","content":"one two three four five"}]}`, 200, "gpt-4o-mini", 5},
		{"a prompt", s.MasterKey, `{"model":"demo","prompt":"one two three four five"}`, 200, "gpt-4o-mini", 5},
		{"contents", s.MasterKey, `{"model":"demo","contents":[{"role":"user","parts":[{"text":"one two three four five"}]}]}`, 200, "gpt-4o-mini", 5},
		{"a model of nobody", s.MasterKey, `{"model":"anthropic/claude-next","prompt":"one two three"}`, 200, "claude-next", 3},
		{"what a key may not see stays hidden", blind, `{"model":"demo","prompt":"one two three"}`, 200, "demo", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp := s.Do(t, http.MethodPost, "/utils/token_counter", c.key, c.body)
			if resp.Status != c.status {
				t.Fatalf("%d %s", resp.Status, resp.Body)
			}
			if c.status != http.StatusOK {
				return
			}
			if n, _ := resp.JSON()["total_tokens"].(float64); n < c.least || n > c.least+12 || resp.JSON()["model_used"] != c.used {
				t.Errorf("%s", resp.Body)
			}
		})
	}
	if n := len(provider.Requests()); n != 0 {
		t.Errorf("%d calls upstream", n)
	}
	if got := get(t, s, "/utils/supported_openai_params?model=demo")["supported_openai_params"].([]any); len(got) < 10 {
		t.Errorf("parameters %v", got)
	}
}
