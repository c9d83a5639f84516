package replicas_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
)

// coolConfig is a model of two deployments, of which one gets nearly every call, and a long cooldown.
const coolConfig = `model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/bad, api_base: "${PROVIDER}/v1", api_key: sk-upstream, weight: 1000000}
    model_info: {id: bad}
  - model_name: gpt-4o
    litellm_params: {model: openai/good, api_base: "${PROVIDER}/v1", api_key: sk-upstream, weight: 1}
    model_info: {id: good}
litellm_settings:
  callbacks: [prometheus]
router_settings:
  num_retries: 2
  cooldown_time: 3600
`

// A deployment that one replica leaves alone gets no call from the others, until a probe of any of them succeeds
// (contract/proxy.md §4.3).
func TestCooldownsAreShared(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	all := fleet(t, 2, testkit.Options{Provider: provider, Config: coolConfig})
	provider.Choose(func(q testkit.Request) *testkit.Reply {
		if q.Model == "bad" {
			reply := testkit.ErrorReply(http.StatusTooManyRequests, "", "", "too many")
			return &reply
		}
		return nil
	})
	toBad := func() int {
		n := 0
		for _, q := range provider.Requests() {
			if q.Model == "bad" {
				n++
			}
		}
		return n
	}
	rests := func(s *testkit.Server) bool {
		page := string(s.Do(t, http.MethodGet, "/metrics", s.MasterKey, nil).Body)
		for line := range strings.Lines(page) {
			if strings.HasPrefix(line, "litellm_deployment_state{") && strings.Contains(line, `model_id="bad"`) {
				return strings.HasSuffix(strings.TrimSpace(line), " 2")
			}
		}
		t.Fatalf("the page has no state of the deployment: %s", page)
		return false
	}
	call := func(s *testkit.Server, model, want string) {
		t.Helper()
		got := s.Do(t, http.MethodPost, "/v1/chat/completions", s.MasterKey, object{"model": model, "messages": []object{{"role": "user", "content": "hi"}}})
		if id := got.Header.Get("X-Litellm-Model-Id"); got.Status != http.StatusOK || id != want {
			t.Fatalf("%s: %d by %q: %s", model, got.Status, id, got.Body)
		}
	}
	call(all[0], "gpt-4o", "good")
	if n := toBad(); n != 1 {
		t.Fatalf("the failing deployment got %d calls", n)
	}
	until(t, "the other replica hears of the cooldown", func() bool { return rests(all[1]) })
	for i := range 20 {
		call(all[i%2], "gpt-4o", "good")
	}
	if n := toBad(); n != 1 {
		t.Errorf("the failing deployment got %d calls from two replicas, want 1", n)
	}
	// Pinned by its id it is called all the same; when that succeeds at one replica, both give it calls again.
	provider.Choose(nil)
	call(all[1], "bad", "bad")
	for i, s := range all {
		until(t, fmt.Sprintf("replica %d hears that the cooldown has ended", i), func() bool { return !rests(s) })
		call(s, "gpt-4o", "bad")
	}
}
