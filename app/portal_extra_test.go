package app

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"gatehouse/models"
)

const playConfig = `
model_list:
  - model_name: demo
    litellm_params: {model: openai/gpt-4o-mini, api_key: sk-upstream, mock_response: hello there, input_cost_per_token: 0.001, output_cost_per_token: 0.001}
litellm_settings: {max_ui_session_budget: 0.10}
`

// A call from the playground is a call: judged for the person, booked, and ended by the session's cap.
func TestPlaygroundCallsThroughThePlane(t *testing.T) {
	t.Parallel()
	r := newRig(t, playConfig)
	user := text(r.admin("POST", "/user/new", `{"user_role":"internal_user","auto_create_key":false}`)["user_id"])
	cookie := r.signIn(models.RoleInternalUser, user)
	send := func(path, body, kind string) answer {
		return r.do("POST", path, body, "Cookie", cookie, "Content-Type", kind, "Accept", "text/html")
	}
	const form = "application/x-www-form-urlencoded"
	page := send("/ui/playground", url.Values{"model": {"demo"}, "message": {"Hi"}}.Encode(), form)
	if page.status != http.StatusOK || !strings.Contains(page.body, "hello there") {
		t.Fatalf("%d %s", page.status, page.body)
	}
	unknown := send("/ui/playground", url.Values{"model": {"nothing"}, "message": {"Hi"}}.Encode(), form)
	if unknown.status != http.StatusUnprocessableEntity {
		t.Errorf("an unknown model: %d", unknown.status)
	}
	const ask = `{"model":"demo","messages":[{"role":"user","content":"Hi"}]}`
	stream := send("/ui/playground/stream", ask, "application/json")
	if stream.status != http.StatusOK || !strings.Contains(stream.body, "data: [DONE]") || !strings.Contains(stream.body, `"cost":`) {
		t.Fatalf("%d %s", stream.status, stream.body)
	}
	refused := answer{}
	for range 50 {
		if refused = send("/ui/playground/stream", ask, "application/json"); refused.status != http.StatusOK {
			break
		}
	}
	var said struct{ Error struct{ Type string } }
	if err := json.Unmarshal([]byte(refused.body), &said); err != nil || said.Error.Type != "budget_exceeded" {
		t.Fatalf("the session's cap holds nothing: %d %s", refused.status, refused.body)
	}
	again := r.do("POST", "/ui/playground/stream", ask, "Cookie", r.signIn(models.RoleInternalUser, user), "Content-Type", "application/json")
	if again.status != http.StatusOK {
		t.Errorf("another session's cap is used up too: %d %s", again.status, again.body)
	}
	if held := r.p.budget.Held(); held != 0 {
		t.Errorf("%s is still held", held)
	}
	if spent := r.p.budget.State(models.ScopeUser(user)).Total; spent <= 0 {
		t.Errorf("the person's spend is %s", spent)
	}
}

// A test alert arrives, and a failing one is told without its address.
func TestAlertsAreTriedOut(t *testing.T) {
	t.Parallel()
	var status, got atomic.Int64
	status.Store(http.StatusOK)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		got.Add(1)
		w.WriteHeader(int(status.Load()))
	}))
	t.Cleanup(hook.Close)
	r := newRig(t, rolesConfig+"  alerting: [webhook]\nenvironment_variables: {WEBHOOK_URL: "+hook.URL+"/secret}\n")
	admin, viewer := r.signIn(models.RoleAdmin, models.DefaultUserID), r.signIn(models.RoleAdminViewer, models.DefaultUserID)
	const at = "/ui/settings/alerts/test/webhook"
	if page := r.do("GET", "/ui/settings/alerts", "", "Cookie", viewer); page.status != http.StatusOK || strings.Contains(page.body, at) {
		t.Errorf("a viewer is offered the test: %d", page.status)
	}
	if no := r.do("POST", at, "", "Cookie", viewer); no.status != http.StatusForbidden || got.Load() != 0 {
		t.Errorf("a viewer's test: %d", no.status)
	}
	if page := r.do("GET", "/ui/settings/alerts", "", "Cookie", admin); !strings.Contains(page.body, at) {
		t.Error("an admin is not offered the test")
	}
	if ok := r.do("POST", at, "", "Cookie", admin, "HX-Request", "true"); ok.status != http.StatusOK || !strings.Contains(ok.body, "It works.") || got.Load() != 1 {
		t.Errorf("%d %s", ok.status, ok.body)
	}
	status.Store(http.StatusTeapot)
	if bad := r.do("POST", at, "", "Cookie", admin, "HX-Request", "true"); !strings.Contains(bad.body, "It failed") || strings.Contains(bad.body, "secret") {
		t.Errorf("%d %s", bad.status, bad.body)
	}
	if no := r.do("POST", "/ui/settings/mail/test/webhook", "", "Cookie", admin); no.status != http.StatusNotFound {
		t.Errorf("a test of another section: %d", no.status)
	}
}
