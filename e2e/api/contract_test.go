package api_test

import (
	"net/http"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
)

// TestRefusals are answers of contract/admin-api.md §5 that no walk meets: who asks for what is not there, or not theirs.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, testkit.Options{Config: documentConfig, Provider: testkit.NewProvider(t)})
	_, person := s.NewUser(t, object{"user_role": "internal_user"})
	_, viewer := s.NewUser(t, object{"user_role": "proxy_admin_viewer"})
	_, admin := s.NewUser(t, object{"user_role": "proxy_admin"})
	const unknown = "sk-this-is-not-a-key-of-ours"
	for _, c := range []struct {
		name, key, method, path, body string
		status                        int
		kind, param, message          string
	}{
		{"a key nobody has", "", "GET", "/key/info?key=" + unknown, "", 404, "not_found_error", "key", "Key not found in database"},
		{"what is no key", "", "GET", "/key/info?key=nonsense", "", 400, "bad_request_error", "key", "Invalid key format."},
		{"an id of ours for a key", "", "GET", "/key/info?key=id:0b7c2f4e", "", 400, "bad_request_error", "key", "Invalid key format."},
		{"an id of ours in a body", "", "POST", "/key/update", `{"key":"id:0b7c2f4e","max_budget":1}`, 400, "bad_request_error", "key", "Invalid key format."},
		{"an id of ours in a path", "", "POST", "/key/id:0b7c2f4e/reset_spend", `{"reset_to":0}`, 400, "bad_request_error", "key", "Invalid key format."},
		{"an id of ours among keys", "", "POST", "/key/delete", `{"keys":["id:0b7c2f4e"]}`, 400, "bad_request_error", "key", "Invalid key format."},
		{"a service account without a team", "", "POST", "/key/service-account/generate", `{}`, 400, "bad_request_error", "team_id", "team_id is required for service account keys"},
		{"a service account of no team", "", "POST", "/key/service-account/generate", `{"team_id":"nowhere"}`, 400, "bad_request_error", "team_id", "nowhere"},
		{"nobody's email", "", "POST", "/user/update", `{"user_email":"nobody@example.org"}`, 404, "not_found_error", "user_email", "nobody@example.org"},
		{"nobody", "", "GET", "/user/info?user_id=nobody", "", 404, "not_found_error", "user_id", "nobody"},
		{"somebody else", person, "GET", "/user/info?user_id=nobody", "", 403, "auth_error", "None", "not allowed to access this user"},
		{"somebody else, quietly", person, "GET", "/v2/user/info?user_id=nobody", "", 404, "not_found_error", "user_id", "nobody"},
		{"everybody", person, "GET", "/user/list", "", 403, "auth_error", "None", "not allowed"},
		{"everybody, by nobody", "none", "GET", "/user/list", "", 401, "auth_error", "None", "No api key passed in."},
		{"a role that is none", "", "GET", "/user/list?role=boss", "", 422, "validation_error", "role", "internal_user_viewer"},
		{"a team that is not there", "", "GET", "/team/info?team_id=nowhere", "", 404, "auth_error", "team_id", "nowhere"},
		{"no team at all", "", "GET", "/team/info", "", 422, "validation_error", "team_id", "team_id"},
		{"all teams", person, "GET", "/team/list", "", 401, "auth_error", "None", "Only proxy admin can be used to generate, delete, update info for new keys/users/teams. Route=/team/list. Your role=internal_user"},
		{"a budget, by a person", person, "POST", "/budget/delete", `{"id":"b"}`, 400, "bad_request_error", "None", "Admin-only endpoint. Not allowed to access this., your role=internal_user"},
		{"a budget, by a viewer", viewer, "POST", "/budget/new", `{}`, 403, "auth_error", "None", "user not allowed to access this route, role= proxy_admin_viewer"},
		{"an organization, by a person", person, "POST", "/organization/new", `{}`, 401, "auth_error", "None", "Only admins can create orgs"},
		{"an end user nobody named", "", "GET", "/end_user/info?end_user_id=nobody", "", 404, "not_found", "end_user_id", "nobody"},
		{"an invitation, by a person", person, "POST", "/invitation/new", `{"user_id":"x"}`, 400, "bad_request_error", "None", "Admin-only endpoint"},
		{"an invitation nobody sent", "", "GET", "/invitation/info?invitation_id=x", "", 400, "bad_request_error", "invitation_id", "Invitation id does not exist in the database."},
		{"a link nobody sent", "none", "GET", "/onboarding/get_token?invite_link=x", "", 401, "auth_error", "None", "Invitation link does not exist in db."},
		{"a model that is not there", "", "GET", "/model/info?litellm_model_id=x", "", 404, "not_found_error", "litellm_model_id", "x"},
		{"no dates", "", "GET", "/global/activity", "", 400, "bad_request_error", "start_date", "Please provide start_date and end_date"},
		{"no keys to show", "", "GET", "/global/spend/keys?limit=0", "", 422, "validation_error", "limit", "limit"},
		{"others' spend", person, "GET", "/user/daily/activity?user_id=x&" + days(), "", 403, "auth_error", "None", "Non-admin users can only view their own spend data."},
		{"a reset by an admin's key", admin, "POST", "/global/spend/reset", `{}`, 401, "auth_error", "None", "Route=/global/spend/reset"},
	} {
		t.Run(c.name, func(t *testing.T) {
			key := c.key
			switch key {
			case "":
				key = s.MasterKey
			case "none":
				key = ""
			}
			var body any
			if c.body != "" {
				body = c.body
			}
			resp := s.Do(t, c.method, c.path, key, body)
			e := refusal(t, c.path, resp, c.status)
			if e["type"] != c.kind || e["param"] != c.param {
				t.Errorf("type %v, param %v; want %s, %s", e["type"], e["param"], c.kind, c.param)
			}
			if !strings.Contains(text(e["message"]), c.message) {
				t.Errorf("says %q, want %q in it", e["message"], c.message)
			}
			if issues, ok := resp.JSON()["detail"].([]any); ok && c.method == http.MethodGet {
				if loc, _ := at(issues[0], "loc").([]any); len(loc) != 2 || loc[0] != "query" || loc[1] != c.param {
					t.Errorf("the field stands at %v", loc)
				}
			}
		})
	}
}

// TestKnownModels: what the price list knows of a model, scripts read from /model/info; a model's own figures win.
func TestKnownModels(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, testkit.Options{Config: `
model_list:
  - model_name: gpt-4
    litellm_params: {model: openai/gpt-4, api_key: sk-upstream}
  - model_name: own
    litellm_params: {model: openai/gpt-4, api_key: sk-upstream, input_cost_per_token: 0.001, output_cost_per_token: 0.002}
    model_info: {max_input_tokens: 5}
  - model_name: nameless
    litellm_params: {model: openai/no-list-has-this, api_base: http://127.0.0.1:9, api_key: sk-upstream}
`})
	want := map[string][3]any{"gpt-4": {0.00003, 0.00006, 8192.0}, "own": {0.001, 0.002, 5.0}, "nameless": {nil, nil, nil}}
	check := func(where, name string, row any) {
		t.Helper()
		for i, field := range []string{"input_cost_per_token", "output_cost_per_token", "max_input_tokens"} {
			if got := at(row, field); got != want[name][i] {
				t.Errorf("%s %s: %s is %v, want %v", where, name, field, got, want[name][i])
			}
		}
	}
	for _, row := range get(t, s, "/model/info")["data"].([]any) {
		check("/model/info", text(at(row, "model_name")), at(row, "model_info"))
	}
	for _, row := range get(t, s, "/model_group/info")["data"].([]any) {
		check("/model_group/info", text(at(row, "model_group")), row)
	}
}

// TestCustomerBudget: what an end user has of their own stands in the place of the linked row's, and the row stays as it is.
func TestCustomerBudget(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, testkit.Options{})
	post(t, s, "/budget/new", `{"budget_id":"tier","max_budget":1,"budget_duration":"1d","rpm_limit":7}`, 200)
	post(t, s, "/customer/new", `{"user_id":"palantir","budget_id":"tier"}`, 200)
	row := post(t, s, "/customer/update", `{"user_id":"palantir","max_budget":3}`, 200)
	if at(row, "litellm_budget_table.max_budget") != 3.0 || at(row, "litellm_budget_table.rpm_limit") != 7.0 || row["budget_id"] != "tier" {
		t.Errorf("changed: %v", row)
	}
	post(t, s, "/customer/update", `{"user_id":"palantir","max_budget":null}`, 200)
	if row := get(t, s, "/customer/info?end_user_id=palantir"); at(row, "litellm_budget_table.max_budget") != 1.0 {
		t.Errorf("cleared: %v", row)
	}
}
