package app

import (
	"net/http"
	"strings"
	"testing"

	"gatehouse/models"
)

const explainConfig = `
model_list:
  - model_name: demo
    litellm_params: {model: openai/gpt-4o-mini, api_key: sk-upstream, mock_response: hello, input_cost_per_token: 0.001, output_cost_per_token: 0.001}
  - model_name: free
    litellm_params: {model: openai/gpt-4o-mini, api_key: sk-upstream, mock_response: hello, input_cost_per_token: 0, output_cost_per_token: 0}
`

// "Check access" gives the answer that a call gets, by the rules that serve it.
func TestCheckAccessByTheRulesThatServe(t *testing.T) {
	t.Parallel()
	r := newRig(t, explainConfig)
	cookie := r.signIn(models.RoleAdmin, models.DefaultUserID)
	team := text(r.admin("POST", "/team/new", `{"team_alias":"Checkout","models":["demo"]}`)["team_id"])
	spent := text(r.admin("POST", "/team/new", `{"team_alias":"Spent","max_budget":0}`)["team_id"])
	for name, c := range map[string]struct{ key, model, say string }{
		"allowed":         {`{}`, "demo", "This key may call demo."},
		"the key's list":  {`{"models":["free"]}`, "demo", "The key&#39;s model list does not hold it."},
		"the team's list": {`{"team_id":"` + team + `"}`, "free", "The model list of team Checkout does not hold it."},
		"blocked":         {`{"blocked":true}`, "demo", "this key is blocked"},
		"unknown":         {`{}`, "nothing", "No deployment serves nothing."},
		"its budget":      {`{"max_budget":0}`, "demo", "The budget of this key is used up"},
		"a free model":    {`{"max_budget":0}`, "free", "This key may call free."},
		"team's budget":   {`{"team_id":"` + spent + `"}`, "demo", "The budget of team Spent is used up"},
		"a rate":          {`{"rpm_limit":0}`, "demo", "The limit of this key is used up for the moment: 0 requests per minute."},
	} {
		t.Run(name, func(t *testing.T) {
			made := r.admin("POST", "/key/generate", c.key)
			key, err := r.p.store.KeyByHash(t.Context(), text(made["token"]))
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // asking takes nothing
				got := r.do("GET", "/ui/keys/"+key.ID+"/check?model="+c.model, "", "Cookie", cookie, "HX-Request", "true")
				if got.status != http.StatusOK || !strings.Contains(got.body, c.say) {
					t.Errorf("%d %s", got.status, got.body)
				}
			}
		})
	}
	if held := r.p.budget.Held(); held != 0 {
		t.Errorf("%s is held by questions", held)
	}
}
