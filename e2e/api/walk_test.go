package api_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/testkit"
)

// The walk-throughs of LiteLLM's pages on virtual keys, model access and self-serve, request by request, their typing
// errors mended (contract/admin-api.md §5.13). The ones that need an identity provider (13) have their own tests.

// walkConfig is the model list of those pages. What they call openai/fake has no price, as there.
const walkConfig = `model_list:
  - model_name: gpt-4
    litellm_params: {model: openai/fake, api_key: fake-key, api_base: "${PROVIDER}/v1"}
    model_info: {access_groups: ["beta-models"]}
  - model_name: fireworks-llama-v3-70b-instruct
    litellm_params: {model: openai/fake, api_key: fake-key, api_base: "${PROVIDER}/v1"}
    model_info: {access_groups: ["beta-models"]}
  - model_name: gpt-4o
    litellm_params: {model: openai/fake, api_key: fake-key, api_base: "${PROVIDER}/v1"}
  - model_name: gpt-3.5-turbo
    litellm_params: {model: openai/fake-35, api_key: fake-key, api_base: "${PROVIDER}/v1", input_cost_per_token: 0.000001, output_cost_per_token: 0.000002}
  - model_name: azure-gpt-3.5
    litellm_params: {model: openai/fake-35, api_key: fake-key, api_base: "${PROVIDER}/v1"}
  - model_name: BEDROCK_GROUP
    litellm_params: {model: openai/fake, api_key: fake-key, api_base: "${PROVIDER}/v1"}
  - model_name: my-free-tier
    litellm_params: {model: openai/zephyr-7b-beta, api_key: tier-1, api_base: "${PROVIDER}/d1/v1"}
  - model_name: my-free-tier
    litellm_params: {model: openai/zephyr-7b-beta, api_key: tier-2, api_base: "${PROVIDER}/d2/v1"}
  - model_name: my-paid-tier
    litellm_params: {model: openai/gpt-4, api_key: my-api-key, api_base: "${PROVIDER}/v1"}
  - model_name: fake-openai-endpoint
    litellm_params: {model: openai/fake, api_key: fake-key, api_base: "${PROVIDER}/v1"}
  - model_name: openai/*
    litellm_params: {model: openai/*, api_key: fake-key, api_base: "${PROVIDER}/v1"}
    model_info: {access_groups: ["default-models"]}
  - model_name: openai/o1-*
    litellm_params: {model: openai/o1-*, api_key: fake-key, api_base: "${PROVIDER}/v1"}
    model_info: {access_groups: ["restricted-models"]}
`

// walk starts both databases with the pages' models and more of a configuration.
func walk(t *testing.T, opts testkit.Options, fn func(t *testing.T, s *testkit.Server, p *testkit.Provider)) {
	t.Helper()
	t.Parallel()
	p := testkit.NewProvider(t)
	if opts.Args == nil {
		opts.Config, opts.Provider = walkConfig+opts.Config, p
	}
	both(t, opts, func(t *testing.T, s *testkit.Server) { fn(t, s, p) })
}

// say is the chat request of every page.
func say(t *testing.T, s *testkit.Server, key, model string) *testkit.Response {
	t.Helper()
	return s.Do(t, http.MethodPost, "/v1/chat/completions", key, fmt.Sprintf(`{"model": %q, "messages": [{"role": "user", "content": "Hello"}]}`, model))
}

func answers(t *testing.T, s *testkit.Server, key, model string) {
	t.Helper()
	if r := say(t, s, key, model); r.Status != http.StatusOK {
		t.Errorf("%s: got %d %s", model, r.Status, r.Body)
	}
}

func refuses(t *testing.T, s *testkit.Server, key, model string, status int, kind string) {
	t.Helper()
	if e := refusal(t, model, say(t, s, key, model), status); text(e["type"]) != kind {
		t.Errorf("%s: got type %v, want %s", model, e["type"], kind)
	}
}

func TestWalkVirtualKeys(t *testing.T) {
	walk(t, testkit.Options{}, func(t *testing.T, s *testkit.Server, p *testkit.Provider) {
		t.Run("1 models of a key", func(t *testing.T) {
			key := text(post(t, s, "/key/generate", `{"models": ["gpt-3.5-turbo", "gpt-4"], "metadata": {"user": "ishaan@berri.ai"}}`, 200)["key"])
			answers(t, s, key, "gpt-4")
			refuses(t, s, key, "gpt-4o", http.StatusForbidden, "key_model_access_denied")
		})
		t.Run("2 models of a team", func(t *testing.T) {
			team := text(post(t, s, "/team/new", `{"team_alias": "litellm-dev", "models": ["azure-gpt-3.5"]}`, 200)["team_id"])
			key := text(post(t, s, "/key/generate", fmt.Sprintf(`{"team_id": %q}`, team), 200)["key"])
			answers(t, s, key, "azure-gpt-3.5")
			r := s.Do(t, http.MethodPost, "/chat/completions", key, `{"model": "BEDROCK_GROUP", "messages": [{"role": "user", "content": "hi"}]}`)
			if e := refusal(t, "BEDROCK_GROUP", r, http.StatusForbidden); text(e["type"]) != "team_model_access_denied" {
				t.Errorf("got %s", r.Body)
			}
		})
		t.Run("3 access groups", func(t *testing.T) {
			key := text(post(t, s, "/key/generate", `{"models": ["beta-models"], "max_budget": 0}`, 200)["key"])
			answers(t, s, key, "gpt-4")
			refuses(t, s, key, "gpt-4o", http.StatusForbidden, "key_model_access_denied")
			team := text(post(t, s, "/team/new", `{"models": ["beta-models"]}`, 200)["team_id"])
			of := text(post(t, s, "/key/generate", fmt.Sprintf(`{"team_id": %q}`, team), 200)["key"])
			answers(t, s, of, "gpt-4")
			refuses(t, s, of, "gpt-4o", http.StatusForbidden, "team_model_access_denied")
		})
		t.Run("4 wildcard groups", func(t *testing.T) {
			key := text(post(t, s, "/key/generate", `{"models": ["default-models"]}`, 200)["key"])
			answers(t, s, key, "openai/gpt-4")
			refuses(t, s, key, "openai/o1-mini", http.StatusForbidden, "key_model_access_denied")
		})
		t.Run("5 aliases", func(t *testing.T) {
			row := post(t, s, "/key/generate", `{"models": ["my-free-tier"], "aliases": {"gpt-3.5-turbo": "my-free-tier"}, "duration": "30min"}`, 200)
			answers(t, s, text(row["key"]), "gpt-3.5-turbo")
			if r := p.Last(t); r.Model != "zephyr-7b-beta" {
				t.Errorf("served by %s", r.Model)
			}
			if made, ends := moment(t, row["created_at"]), moment(t, row["expires"]); ends.Sub(made).Minutes() < 29.9 || ends.Sub(made).Minutes() > 30.1 {
				t.Errorf("made %v, expires %v", made, ends)
			}
			brief := text(post(t, s, "/key/generate", `{"models": ["my-free-tier"], "duration": "1s"}`, 200)["key"])
			eventually(t, "the key has expired", func() bool { return say(t, s, brief, "my-free-tier").Status != http.StatusOK })
			refuses(t, s, brief, "my-free-tier", http.StatusUnauthorized, "expired_key")
		})
		t.Run("7 block and unblock", func(t *testing.T) {
			key := text(post(t, s, "/key/generate", `{}`, 200)["key"])
			answers(t, s, key, "gpt-4")
			if row := post(t, s, "/key/block", fmt.Sprintf(`{"key": %q}`, key), 200); row["blocked"] != true {
				t.Errorf("block answers %v", row)
			}
			refuses(t, s, key, "gpt-4", http.StatusUnauthorized, "auth_error")
			if row := post(t, s, "/key/unblock", fmt.Sprintf(`{"key": %q}`, key), 200); row["blocked"] != false {
				t.Errorf("unblock answers %v", row)
			}
			answers(t, s, key, "gpt-4")
		})
		t.Run("10 spend is shown", func(t *testing.T) { walkSpend(t, s) })
	})
}

// walkSpend follows the page's three tabs: spend of a key, of a user, of a team; and of an end user.
func walkSpend(t *testing.T, s *testkit.Server) {
	t.Helper()
	post(t, s, "/user/new", `{"user_id": "my-unique-id", "user_email": "krrish@berri.ai"}`, 200)
	key := text(post(t, s, "/key/generate", `{"models": ["gpt-3.5-turbo", "gpt-4"], "user_id": "my-unique-id"}`, 200)["key"])
	team := text(post(t, s, "/team/new", `{"team_alias": "my-awesome-team"}`, 200)["team_id"])
	of := text(post(t, s, "/key/generate", fmt.Sprintf(`{"models": ["gpt-3.5-turbo", "gpt-4"], "team_id": %q}`, team), 200)["key"])
	for _, k := range []string{key, of} {
		r := s.Do(t, http.MethodPost, "/v1/chat/completions", k, `{"model": "gpt-3.5-turbo", "user": "palantir", "messages": [{"role": "user", "content": "Hello"}]}`)
		if r.Status != http.StatusOK {
			t.Fatalf("call: %d %s", r.Status, r.Body)
		}
	}
	const one = 0.00005 // 10 tokens in, 20 out
	for path, where := range map[string]string{
		"/key/info?key=" + key:                "info.spend",
		"/user/info?user_id=my-unique-id":     "user_info.spend",
		"/team/info?team_id=" + team:          "team_info.spend",
		"/end_user/info?end_user_id=palantir": "spend",
		"/customer/info?end_user_id=palantir": "spend",
		"/spend/users?user_id=my-unique-id":   "",
		"/global/activity?" + days():          "",
		"/user/daily/activity?" + days():      "",
		"/global/spend/report?" + days():      "",
		"/spend/logs?user_id=my-unique-id":    "",
		"/global/spend/keys?limit=10":         "",
		"/global/spend/logs?api_key=" + key:   "",
		"/spend/logs?" + days():               "",
		"/global/activity/model?" + days():    "",
		"/team/daily/activity?" + days():      "",
		"/customer/daily/activity?" + days():  "",
	} {
		if where == "" { // the reports are compared with each other elsewhere; here they have to answer
			if r := s.Do(t, http.MethodGet, path, s.MasterKey, nil); r.Status != http.StatusOK {
				t.Errorf("%s: %d %s", path, r.Status, r.Body)
			}
			continue
		}
		want := one
		if strings.Contains(path, "palantir") {
			want = 2 * one
		}
		var got any
		eventually(t, path+" shows the spend", func() bool {
			r := s.Do(t, http.MethodGet, path, s.MasterKey, nil)
			got = at(r.JSON(), where)
			return r.Status == http.StatusOK && got == want
		})
	}
}

func TestWalkCustomHeader(t *testing.T) {
	const more = "general_settings: {litellm_key_header_name: X-Litellm-Key}\n"
	walk(t, testkit.Options{Config: more}, func(t *testing.T, s *testkit.Server, _ *testkit.Provider) {
		send := func(own string) int {
			return sendWith(t, s, http.MethodPost, "/v1/chat/completions", map[string]string{
				"X-Litellm-Key": own, "Authorization": "Bearer bad-key", "Content-Type": "application/json",
			}, `{"model": "fake-openai-endpoint", "messages": [{"role": "user", "content": "Hello, Claude gm!"}]}`).StatusCode
		}
		if got := send("Bearer " + s.MasterKey); got != http.StatusOK {
			t.Errorf("a good key in the header: %d", got)
		}
		if got := send("Bearer sk-not-a-key-of-ours-000"); got != http.StatusUnauthorized {
			t.Errorf("a bad key in the header: %d", got)
		}
	})
}

func TestWalkUpperbound(t *testing.T) {
	const more = `litellm_settings:
  upperbound_key_generate_params: {max_budget: 100, budget_duration: "10d", duration: "30d", max_parallel_requests: 1000, tpm_limit: 1000, rpm_limit: 1000}
`
	walk(t, testkit.Options{Config: more}, func(t *testing.T, s *testkit.Server, _ *testkit.Provider) {
		row := post(t, s, "/key/generate", `{"max_budget": 200}`, 200)
		stored := s.KeyInfo(t, text(row["key"]))
		for _, got := range []object{row, stored} {
			for field, want := range (object{"max_budget": 100.0, "budget_duration": "10d", "max_parallel_requests": 1000.0, "tpm_limit": 1000.0, "rpm_limit": 1000.0}) {
				if got[field] != want {
					t.Errorf("%s is %v, want %v", field, got[field], want)
				}
			}
			if days := moment(t, got["expires"]).Sub(moment(t, got["created_at"])).Hours() / 24; days < 29.99 || days > 30.01 {
				t.Errorf("it lives %v days", days)
			}
		}
		if got := post(t, s, "/key/generate", `{"max_budget": 7, "duration": "1d"}`, 200)["max_budget"]; got != 7.0 {
			t.Errorf("below the bound: %v", got)
		}
	})
}

func TestWalkDefaults(t *testing.T) {
	const more = `litellm_settings:
  default_key_generate_params:
    max_budget: 1.5000
    models: ["azure-gpt-3.5"]
    duration:     # blank means null
    metadata: {"setting":"default"}
    team_id: "core-infra"
`
	walk(t, testkit.Options{Config: more}, func(t *testing.T, s *testkit.Server, _ *testkit.Provider) {
		post(t, s, "/team/new", `{"team_id": "core-infra"}`, 200)
		row := post(t, s, "/key/generate", `{}`, 200)
		if row["max_budget"] != 1.5 || row["team_id"] != "core-infra" || row["expires"] != nil || fmt.Sprint(row["models"], row["metadata"]) != "[azure-gpt-3.5] map[setting:default]" {
			t.Errorf("defaults give %v", row)
		}
		answers(t, s, text(row["key"]), "azure-gpt-3.5")
		own := post(t, s, "/key/generate", `{"max_budget": 3, "models": ["gpt-4"], "metadata": {"mine": true}}`, 200)
		if own["max_budget"] != 3.0 || fmt.Sprint(own["models"], own["metadata"]) != "[gpt-4] map[mine:true]" {
			t.Errorf("own values give %v", own)
		}
	})
}

func TestWalkKeyGenerationSettings(t *testing.T) {
	const more = `litellm_settings:
  key_generation_settings:
    team_key_generation: {allowed_team_member_roles: ["admin"]}
    personal_key_generation: {allowed_user_roles: ["proxy_admin"]}
`
	walk(t, testkit.Options{Config: more}, func(t *testing.T, s *testkit.Server, _ *testkit.Provider) {
		team := s.NewTeam(t, nil)
		admin, adminKey := s.NewUser(t, object{"user_role": "internal_user"})
		member, memberKey := s.NewUser(t, object{"user_role": "internal_user"})
		_, proxyAdmin := s.NewUser(t, object{"user_role": "proxy_admin"})
		s.AddMember(t, team, admin, "admin")
		s.AddMember(t, team, member, "user")
		ofTeam, own := fmt.Sprintf(`{"team_id": %q}`, team), `{}`
		call(t, s, adminKey, http.MethodPost, "/key/generate", ofTeam, 200)
		call(t, s, proxyAdmin, http.MethodPost, "/key/generate", own, 200)
		call(t, s, proxyAdmin, http.MethodPost, "/key/generate", ofTeam, 200)
		for name, c := range map[string]struct{ key, body, says string }{
			"a team key by a member":           {memberKey, ofTeam, "not in allowed_team_member_roles=['admin']"},
			"a personal key by a team's admin": {adminKey, own, "Personal key creation has been restricted by admin. Allowed roles=['proxy_admin']. Your role=internal_user"},
			"a personal key by a member":       {memberKey, own, "Personal key creation has been restricted by admin."},
		} {
			e := refusal(t, name, s.Do(t, http.MethodPost, "/key/generate", c.key, c.body), http.StatusBadRequest)
			if !strings.Contains(text(e["message"]), c.says) {
				t.Errorf("%s: %v", name, e["message"])
			}
		}
	})
}

func TestWalkSelfServeBudget(t *testing.T) {
	const more = "litellm_settings: {max_internal_user_budget: 10, internal_user_budget_duration: \"1mo\"}\n"
	walk(t, testkit.Options{Config: more}, func(t *testing.T, s *testkit.Server, _ *testkit.Provider) {
		row := post(t, s, "/user/new", `{"user_email": "krrishdholakia@gmail.com", "user_role": "internal_user"}`, 200)
		if row["max_budget"] != 10.0 || row["budget_duration"] != "1mo" {
			t.Fatalf("the new user has %v for %v", row["max_budget"], row["budget_duration"])
		}
		user := text(row["user_id"])
		if admin := post(t, s, "/user/new", `{"user_role": "proxy_admin"}`, 200); admin["max_budget"] != nil {
			t.Errorf("an admin gets a budget of %v", admin["max_budget"])
		}
		team := s.NewTeam(t, nil)
		s.AddMember(t, team, user, "user")
		ofTeam := call(t, s, text(row["key"]), http.MethodPost, "/key/generate", fmt.Sprintf(`{"team_id": %q}`, team), 200)
		post(t, s, "/user/update", fmt.Sprintf(`{"user_id": %q, "spend": 11}`, user), 200)
		refuses(t, s, text(row["key"]), "gpt-3.5-turbo", http.StatusTooManyRequests, "budget_exceeded")
		answers(t, s, text(ofTeam["key"]), "gpt-3.5-turbo")
	})
}

func TestWalkOwnRules(t *testing.T) {
	rules := `
def user_api_key_auth(request, api_key):
    modified_master_key = "sk-my-master-key"
    if api_key == modified_master_key:
        return UserAPIKeyAuth(api_key = api_key)
    fail("Not the key of this gateway.")

def custom_generate_key_fn(data):
    data_json = data.json()
    team_id = data_json.get("team_id")
    if team_id != None and team_id == "litellm-core-infra@gmail.com":
        return {"decision": True}
    return {"decision": False, "message": "This violates LiteLLM Proxy Rules. No team id provided."}
`
	t.Run("custom_key_generate", func(t *testing.T) {
		walk(t, besideConfig(t, "general_settings: {custom_key_generate: custom_auth.custom_generate_key_fn}\n", rules),
			func(t *testing.T, s *testkit.Server, _ *testkit.Provider) {
				post(t, s, "/team/new", `{"team_id": "litellm-core-infra@gmail.com"}`, 200)
				post(t, s, "/key/generate", `{"team_id": "litellm-core-infra@gmail.com"}`, 200)
				e := refusal(t, "no team", s.Do(t, http.MethodPost, "/key/generate", s.MasterKey, `{}`), http.StatusForbidden)
				if text(e["message"]) != "This violates LiteLLM Proxy Rules. No team id provided." {
					t.Errorf("says %v", e["message"])
				}
			})
	})
	t.Run("custom_auth", func(t *testing.T) {
		walk(t, besideConfig(t, "general_settings: {custom_auth: custom_auth.user_api_key_auth}\n", rules),
			func(t *testing.T, s *testkit.Server, _ *testkit.Provider) {
				answers(t, s, "sk-my-master-key", "gpt-4")
				if r := say(t, s, "sk-another-key-of-somebody", "gpt-4"); r.Status != http.StatusUnauthorized {
					t.Errorf("another key: %d %s", r.Status, r.Body)
				}
			})
	})
}

// besideConfig puts the rules beside a config file of their own.
func besideConfig(t *testing.T, more, rules string) testkit.Options {
	t.Helper()
	dir := t.TempDir()
	p := testkit.NewProvider(t)
	for name, content := range map[string]string{
		"config.yaml": strings.ReplaceAll(walkConfig, "${PROVIDER}", p.URL) + more, "custom_auth.star": rules,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return testkit.Options{Args: []string{"--config", filepath.Join(dir, "config.yaml")}}
}

// 11 and 14: a person is made, invited, sets a password, signs in, makes a key and signs out; the four roles behave.
func TestWalkSelfServe(t *testing.T) {
	opts := testkit.Options{Env: map[string]string{"PROXY_LOGOUT_URL": "https://www.google.com", "PROXY_ADMIN_ID": "116544810872468347480"}}
	walk(t, opts, func(t *testing.T, s *testkit.Server, _ *testkit.Provider) {
		user := post(t, s, "/user/new", `{"user_email": "krrishdholakia@gmail.com", "user_role": "internal_user"}`, 200)
		invitation := post(t, s, "/invitation/new", fmt.Sprintf(`{"user_id": %q}`, user["user_id"]), 200)
		if invitation["is_accepted"] != false || invitation["accepted_at"] != nil || moment(t, invitation["expires_at"]).Sub(moment(t, invitation["created_at"])).Round(time.Second) != 7*24*time.Hour {
			t.Errorf("invitation %v", invitation)
		}
		id := text(invitation["id"])
		for range 2 { // a mail scanner opens it first, which changes nothing
			if r := sendWith(t, s, http.MethodGet, "/ui/onboarding?id="+id, nil, ""); r.StatusCode != http.StatusOK {
				t.Fatalf("the link answers %d", r.StatusCode)
			}
		}
		token := text(get(t, s, "/onboarding/get_token?invite_link="+id)["token"])
		claim := fmt.Sprintf(`{"invitation_link": %q, "user_id": %q, "password": "a long unguessable phrase 47"}`, id, user["user_id"])
		refusal(t, "a claim without the token", s.Do(t, http.MethodPost, "/onboarding/claim_token", "", claim), http.StatusUnauthorized)
		refusal(t, "a claim with the master key", s.Do(t, http.MethodPost, "/onboarding/claim_token", s.MasterKey, claim), http.StatusUnauthorized)
		claimed := call(t, s, token, http.MethodPost, "/onboarding/claim_token", claim, 200)
		if claimed["user_email"] != "krrishdholakia@gmail.com" || claimed["password"] != nil {
			t.Errorf("claimed: %v", claimed)
		}
		refusal(t, "a second claim", s.Do(t, http.MethodPost, "/onboarding/claim_token", token, claim), http.StatusUnauthorized)

		cookie := signIn(t, s, "KrrishDholakia@gmail.com", "a long unguessable phrase 47")
		own := call(t, s, text(user["key"]), http.MethodPost, "/key/generate", `{"key_alias": "mine"}`, 200)
		if own["user_id"] != user["user_id"] {
			t.Errorf("their own key belongs to %v", own["user_id"])
		}
		answers(t, s, text(own["key"]), "gpt-4")
		if r := sendWith(t, s, http.MethodGet, "/ui/keys", map[string]string{"Cookie": cookie}, ""); r.StatusCode != http.StatusOK {
			t.Errorf("their keys' page: %d", r.StatusCode)
		}
		out := sendWith(t, s, http.MethodPost, "/logout", map[string]string{"Cookie": cookie}, "")
		if out.StatusCode != http.StatusSeeOther || out.Header.Get("Location") != "https://www.google.com" {
			t.Errorf("signing out: %d %s", out.StatusCode, out.Header.Get("Location"))
		}
		if r := sendWith(t, s, http.MethodGet, "/ui/keys", map[string]string{"Cookie": cookie}, ""); r.StatusCode == http.StatusOK {
			t.Error("the session outlives signing out")
		}
		walkRoles(t, s, text(own["key"]))
	})
}

// walkRoles is the pages' list of what each role can and cannot.
func walkRoles(t *testing.T, s *testkit.Server, foreign string) {
	t.Helper()
	for role, may := range map[string]struct{ all, create, admin bool }{
		"proxy_admin": {true, true, true}, "proxy_admin_viewer": {all: true}, "internal_user": {create: true}, "internal_user_viewer": {},
	} {
		user, key := s.NewUser(t, object{"user_role": role})
		pass := func(what string, want bool, r *testkit.Response) {
			if (r.Status == http.StatusOK) != want {
				t.Errorf("%s, %s: %d %s", role, what, r.Status, r.Body)
			}
		}
		pass("see own key", true, s.Do(t, http.MethodGet, "/key/info?key="+key, key, nil))
		pass("see all keys", may.all, s.Do(t, http.MethodGet, "/key/info?key="+foreign, key, nil))
		pass("see own spend", true, s.Do(t, http.MethodGet, "/user/info?user_id="+user, key, nil))
		pass("see all spend", may.all, s.Do(t, http.MethodGet, "/user/daily/activity?user_id=default_user_id&"+days(), key, nil))
		pass("create own key", may.create, s.Do(t, http.MethodPost, "/key/generate", key, `{}`))
		pass("add a user", may.admin, s.Do(t, http.MethodPost, "/user/new", key, `{}`))
	}
	_, first := s.NewUser(t, object{"user_id": "116544810872468347480", "user_role": "internal_user"})
	call(t, s, first, http.MethodGet, "/key/info?key="+foreign, nil, 200)
	call(t, s, first, http.MethodGet, "/user/list", nil, 200)
}
