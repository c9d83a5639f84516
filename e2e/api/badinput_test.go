package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
)

// bad is a request that must be refused with this status, naming this field ("" = none: the whole body is at fault).
type bad struct {
	name, path, body string
	status           int
	param            string
}

// badNumbers are what no limit or amount takes, for every object that has them.
func badNumbers() []bad {
	var all []bad
	for path, rest := range map[string]string{
		"/key/generate": ``, "/team/new": ``, "/user/new": ``, "/budget/new": ``, "/organization/new": ``, "/customer/new": `"user_id":"bad-number",`,
		"/key/update": `"key":"{key}",`, "/team/update": `"team_id":"{team}",`, "/user/update": `"user_id":"{user}",`,
	} {
		for _, v := range []struct {
			field, value string
			status       int
		}{
			{"max_budget", `-1`, 400},
			{"max_budget", `-0.000000001`, 400},
			{"max_budget", `1e30`, 400},
			{"max_budget", `"NaN"`, 400},
			{"max_budget", `"Infinity"`, 400},
			{"max_budget", `"-inf"`, 400},
			{"max_budget", `"abc"`, 422},
			{"max_budget", `true`, 422},
			{"max_budget", `[1]`, 422},
			{"soft_budget", `-1`, 400},
			{"soft_budget", `{}`, 422},
			{"tpm_limit", `-1`, 400},
			{"tpm_limit", `1.5`, 422},
			{"tpm_limit", `"abc"`, 422},
			{"tpm_limit", `9223372036854775808`, 422},
			{"rpm_limit", `-1`, 400},
			{"rpm_limit", `1e30`, 422},
			{"max_parallel_requests", `-5`, 400},
			{"model_rpm_limit", `{"gpt-4o":-1}`, 400},
			{"model_max_budget", `{"gpt-4o":{"budget_limit":-1}}`, 400},
			{"model_max_budget", `{"gpt-4o":{}}`, 400},
			{"model_max_budget", `{"gpt-4o":{"budget_limit":1,"time_period":"2y"}}`, 400},
			{"model_max_budget", `[]`, 422},
			{"budget_duration", `"5"`, 400},
			{"budget_duration", `"2y"`, 400},
			{"budget_duration", `"-3d"`, 400},
			{"budget_duration", `"0d"`, 400},
			{"budget_duration", `" 3d"`, 400},
			{"budget_duration", `"1.5h"`, 400},
			{"budget_duration", `"99999999999999999999d"`, 400},
			{"budget_duration", `30`, 422},
		} {
			all = append(all, bad{v.field + " " + v.value, path, fmt.Sprintf(`{%s%q:%s}`, rest, v.field, v.value), v.status, v.field})
		}
		all = append(
			all,
			bad{"NaN", path, fmt.Sprintf(`{%s"max_budget":NaN}`, rest), 400, ""},
			bad{"out of every range", path, fmt.Sprintf(`{%s"max_budget":1e999}`, rest), 400, ""},
			bad{"a name twice", path, fmt.Sprintf(`{%s"max_budget":1,"max_budget":2}`, rest), 400, "max_budget"},
		)
	}
	return all
}

// badTexts are what no name and no id takes, for every object that has them.
func badTexts() []bad {
	var all []bad
	for _, field := range []struct{ path, rest, name string }{
		{"/key/generate", ``, "key_alias"},
		{"/key/generate", ``, "user_id"},
		{"/key/generate", ``, "team_id"},
		{"/key/generate", ``, "organization_id"},
		{"/key/generate", ``, "budget_id"},
		{"/key/update", `"key":"{key}",`, "key_alias"},
		{"/key/update", `"key":"{key}",`, "team_id"},
		{"/team/new", ``, "team_alias"},
		{"/team/new", ``, "team_id"},
		{"/team/new", ``, "organization_id"},
		{"/team/update", `"team_id":"{team}",`, "team_alias"},
		{"/user/new", ``, "user_id"},
		{"/user/new", ``, "user_email"},
		{"/user/new", ``, "user_alias"},
		{"/user/new", ``, "user_role"},
		{"/user/update", `"user_id":"{user}",`, "user_alias"},
		{"/user/update", `"user_id":"{user}",`, "user_email"},
		{"/budget/new", ``, "budget_id"},
		{"/organization/new", ``, "organization_alias"},
		{"/customer/new", ``, "user_id"},
		{"/customer/new", `"user_id":"bad-text",`, "alias"},
		{"/customer/new", `"user_id":"bad-text",`, "default_model"},
		{"/model/new", `"litellm_params":{"model":"openai/x"},`, "model_name"},
		{"/access_group/new", `"model_names":["demo"],`, "access_group"},
	} {
		for _, value := range []string{`5`, `true`, `["a"]`, `{"a":"b"}`} {
			all = append(all, bad{field.name + " " + value, field.path, fmt.Sprintf(`{%s%q:%s}`, field.rest, field.name, value), 422, field.name})
		}
		for name, value := range map[string]string{
			"with a bell": `a\u0007b`, "with a new line": `a\nb`, "that turns the page around": `a\u202eb`, "without an end": strings.Repeat("x", 3000),
		} {
			all = append(all, bad{field.name + " " + name, field.path, fmt.Sprintf(`{%s%q:"%s"}`, field.rest, field.name, value), anyRefusal, field.name})
		}
		all = append(
			all,
			bad{field.name + " with NUL", field.path, fmt.Sprintf(`{%s%q:"a\u0000b"}`, field.rest, field.name), 400, ""},
			bad{field.name + " with half a character", field.path, fmt.Sprintf("{%s%q:\"a\xffb\"}", field.rest, field.name), 400, ""},
		)
	}
	return all
}

// anyRefusal stands for 400, 404 or 422: an id that cannot be is as wrong as one that is not there.
const anyRefusal = 0

var badFields = []bad{
	{"duration without a unit", "/key/generate", `{"duration":"5"}`, 400, "duration"},
	{"duration in years", "/key/generate", `{"duration":"2y"}`, 400, "duration"},
	{"negative duration", "/key/generate", `{"duration":"-3d"}`, 400, "duration"},
	{"duration as a number", "/key/generate", `{"duration":30}`, 422, "duration"},
	{"negative spend", "/key/generate", `{"spend":-1}`, 400, "spend"},
	{"a raise without an end", "/key/update", `{"key":"{key}","temp_budget_increase":5}`, 400, "temp_budget_increase"},
	{"a negative raise", "/key/update", `{"key":"{key}","temp_budget_increase":-5,"temp_budget_expiry":"2099-01-01T00:00:00Z"}`, 400, "temp_budget_increase"},
	{"a raise until no time", "/key/update", `{"key":"{key}","temp_budget_increase":5,"temp_budget_expiry":"tomorrow"}`, 400, "temp_budget_expiry"},
	{"an unknown throughput", "/key/generate", `{"rpm_limit_type":"best"}`, 422, "rpm_limit_type"},
	{"an unknown kind of key", "/key/generate", `{"key_type":"root"}`, 422, "key_type"},
	{"models as a text", "/key/generate", `{"models":"gpt-4o"}`, 422, "models"},
	{"a model without a name", "/key/generate", `{"models":[""]}`, 400, "models"},
	{"metadata as a list", "/key/generate", `{"metadata":[1]}`, 422, "metadata"},
	{"aliases to numbers", "/key/generate", `{"aliases":{"a":1}}`, 422, "aliases"},
	{"a secret of another make", "/key/generate", `{"key":"pk-0123456789abcdef0123"}`, 400, "key"},
	{"a secret that is too short", "/key/generate", `{"key":"sk-short"}`, 400, "key"},
	{"a hash as a secret", "/key/generate", `{"key":"` + strings.Repeat("a", 64) + `"}`, 400, "key"},
	{"control characters in a name", "/key/generate", `{"key_alias":"a\u0007b"}`, 400, "key_alias"},
	{"a name that turns the page around", "/key/generate", `{"key_alias":"a\u202egpj.exe"}`, 400, "key_alias"},
	{"a name without an end", "/key/generate", `{"key_alias":"` + strings.Repeat("ü", 256) + `"}`, 400, "key_alias"},
	{"half a character", "/key/generate", "{\"key_alias\":\"\xff\"}", 400, ""},
	{"NUL in a name", "/key/generate", `{"key_alias":"a\u0000b"}`, 400, ""},
	{"an unknown team", "/key/generate", `{"team_id":"nowhere"}`, 404, "team_id"},
	{"an unknown budget", "/key/generate", `{"budget_id":"nowhere"}`, 400, "budget_id"},
	{"an unknown organization", "/key/generate", `{"organization_id":"nowhere"}`, 400, "organization_id"},
	{"no key to change", "/key/update", `{}`, 422, "key"},
	{"what is no key", "/key/update", `{"key":"nonsense"}`, 400, "key"},
	{"a key that is not there", "/key/update", `{"key":"sk-this-is-not-a-key-of-ours"}`, 404, "key"},
	{"SQL for a key", "/key/delete", `{"keys":["' OR 1=1 --"]}`, 400, "key"},
	{"no keys to delete", "/key/delete", `{}`, 422, "keys"},
	{"an alias that is not there", "/key/delete", `{"key_aliases":["' OR '1'='1"]}`, 404, "keys"},
	{"no key to block", "/key/block", `{}`, 422, "key"},
	{"too many keys at once", "/key/bulk_update", `{"keys":[]}`, 400, "keys"},
	{"a reset below zero", "/key/{key}/reset_spend", `{"reset_to":-1}`, 400, "reset_to"},
	{"a reset above the spend", "/key/{key}/reset_spend", `{"reset_to":1}`, 400, "reset_to"},

	{"an unknown role", "/user/new", `{"user_role":"root"}`, 422, "user_role"},
	{"a role of another place", "/user/new", `{"user_role":"org_admin"}`, 422, "user_role"},
	{"an email without a place", "/user/new", `{"user_email":"ana"}`, 400, "user_email"},
	{"a header in an email", "/user/new", `{"user_email":"ana@example.org\r\nBcc: x@example.org"}`, 400, "user_email"},
	{"a space at the end of an id", "/user/new", `{"user_id":"ana "}`, 400, "user_id"},
	{"control characters in an id", "/user/new", `{"user_id":"a\u001bb"}`, 400, "user_id"},
	{"an id that is taken", "/user/new", `{"user_id":"{user}"}`, 409, "user_id"},
	{"nobody to change", "/user/update", `{"max_budget":1}`, 422, "user_id"},
	{"nobody to delete", "/user/delete", `{}`, 422, "user_ids"},
	{"somebody unknown among others", "/user/delete", `{"user_ids":["{user}","nobody"]}`, 404, "user_id"},

	{"a team id that is taken", "/team/new", `{"team_id":"{team}"}`, 400, "team_id"},
	{"control characters in a team's name", "/team/new", `{"team_alias":"a\nb"}`, 400, "team_alias"},
	{"a member without a role", "/team/new", `{"members_with_roles":[{"role":"boss","user_id":"x"}]}`, 422, "role"},
	{"a role that teams do not have", "/team/member_add", `{"team_id":"{team}","member":{"role":"org_admin","user_id":"x"}}`, 422, "role"},
	{"nobody to add", "/team/member_add", `{"team_id":"{team}"}`, 422, "member"},
	{"a negative member budget", "/team/member_add", `{"team_id":"{team}","member":{"role":"user","user_id":"x"},"max_budget_in_team":-1}`, 400, "max_budget"},
	{"somebody who is no member", "/team/member_update", `{"team_id":"{team}","user_id":"nobody","max_budget_in_team":1}`, 400, "user_id"},
	{"an unknown team among others", "/team/delete", `{"team_ids":["{team}","nowhere"]}`, 404, "team_id"},
	{"no team to block", "/team/block", `{}`, 422, "team_id"},
	{"an unknown permission", "/team/permissions_update", `{"team_id":"{team}","team_member_permissions":["/root"]}`, 422, "team_member_permissions"},

	{"a budget without an id", "/budget/update", `{"max_budget":1}`, 400, "budget_id"},
	{"a budget that is not there", "/budget/update", `{"budget_id":"nowhere","max_budget":1}`, 404, ""},
	{"no budgets", "/budget/info", `{"budgets":[]}`, 400, "budgets"},
	{"a customer without an id", "/customer/new", `{}`, 422, "user_id"},
	{"a budget twice over", "/customer/new", `{"user_id":"twice","max_budget":1,"budget_id":"{budget}"}`, 422, "max_budget"},
	{"an unknown region", "/customer/new", `{"user_id":"region","allowed_model_region":"moon"}`, 422, "allowed_model_region"},
	{"an unknown default model", "/customer/new", `{"user_id":"model","default_model":"nowhere"}`, 422, "default_model"},
	{"an invitation for nobody", "/invitation/new", `{"user_id":"nobody"}`, 400, "user_id"},
	{"a model without a name", "/model/new", `{"litellm_params":{"model":"openai/x"}}`, 422, "model_name"},
	{"a model without parameters", "/model/new", `{"model_name":"x"}`, 422, "litellm_params"},
	{"a model that is not there", "/model/delete", `{"id":"nowhere"}`, 400, "id"},

	{"no JSON", "/key/generate", `max_budget=1`, 400, ""},
	{"a comma too many", "/key/generate", `{"max_budget":1,}`, 400, ""},
	{"a comment", "/key/generate", "{\"max_budget\":1 # one\n}", 400, ""},
	{"names without quotes", "/key/generate", `{max_budget:1}`, 400, ""},
	{"a list", "/key/generate", `[]`, 400, ""},
	{"two values", "/key/generate", `{}{}`, 400, ""},
	{"half a value", "/key/generate", `{"max_budget":`, 400, ""},
	{"a byte order mark", "/key/generate", "\ufeff{}", 400, ""},
	{"a name twice, inside", "/key/generate", `{"metadata":{"a":1,"a":2}}`, 400, "a"},
	{"a deep value", "/key/generate", `{"metadata":` + strings.Repeat(`{"a":`, 100_000) + `1` + strings.Repeat(`}`, 100_000) + `}`, 400, ""},
	{"a wide value", "/key/generate", `{"models":[` + strings.Repeat(`"a",`, 20_000) + `"a"]}`, 400, ""},
	{"ten megabytes", "/key/generate", `{"metadata":{"a":"` + strings.Repeat("x", 10<<20) + `"}}`, 413, ""},
}

// TestBadInput sends each and looks at status and field, and that the audit log knows of no change.
func TestBadInput(t *testing.T) {
	t.Parallel()
	both(t, testkit.Options{Config: documentConfig, Provider: testkit.NewProvider(t)}, func(t *testing.T, s *testkit.Server) {
		f := &filler{t: t, s: s}
		for _, name := range []string{"key", "team", "user", "budget"} {
			f.fill("{" + name + "}")
		}
		w := sweep{t: t, s: s, o: operation{method: http.MethodPost}}
		before := w.newest()
		for _, c := range slices.Concat(badNumbers(), badTexts(), badFields) {
			t.Run(c.path+" "+c.name, func(t *testing.T) {
				f.t = t
				want := c.param
				if want == "" {
					want = "None"
				}
				resp := s.Do(t, http.MethodPost, f.fill(c.path), s.MasterKey, f.fill(c.body))
				if c.status == anyRefusal && (resp.Status == 400 || resp.Status == 404 || resp.Status == 422) {
					c.status = resp.Status
				}
				e := refusal(t, c.name, resp, c.status)
				if got := text(e["param"]); got != want && !strings.HasPrefix(got, want+".") {
					t.Errorf("names the field %q, want %q: %v", got, want, e["message"])
				}
				if e["code"] != fmt.Sprint(c.status) {
					t.Errorf("code %v, want %d as text", e["code"], c.status)
				}
			})
		}
		w.t = t
		if w.newest() != before {
			t.Error("a refused request has changed something")
		}
	})
}

// TestLenientNumbers: what pydantic takes for a number is one here too, so that scripts need no change.
func TestLenientNumbers(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, testkit.Options{})
	row := post(t, s, "/key/generate", `{"max_budget":"12.5","tpm_limit":"1000","rpm_limit":10.0,"max_parallel_requests":1e2,"soft_budget":"","no_such_field":1}`, 200)
	for field, want := range (object{"max_budget": 12.5, "tpm_limit": 1000.0, "rpm_limit": 10.0, "max_parallel_requests": 100.0, "soft_budget": nil}) {
		if row[field] != want {
			t.Errorf("%s is %v, want %v", field, row[field], want)
		}
	}
}

// TestOddIDs: what an id may hold, it holds in bodies, queries and paths.
func TestOddIDs(t *testing.T) {
	t.Parallel()
	both(t, testkit.Options{}, func(t *testing.T, s *testkit.Server) {
		for _, id := range []string{"a/b", "a#b", "a+b", "a%41b", "a%2fb", "a b", "a&b=c", "a?b", "ü✓", "'; DROP TABLE users; --", `a"b\c`, "{{x}}", "..", "a,b"} {
			post(t, s, "/user/new", object{"user_id": id, "auto_create_key": false}, 200)
			if got := at(get(t, s, "/user/info?user_id="+query(id)), "user_info.user_id"); got != id {
				t.Errorf("user %q is read back as %v", id, got)
			}
			post(t, s, "/team/new", object{"team_id": id}, 200)
			if got := at(get(t, s, "/team/info?team_id="+query(id)), "team_info.team_id"); got != id {
				t.Errorf("team %q is read back as %v", id, got)
			}
			if got := call(t, s, s.MasterKey, http.MethodPost, "/team/"+strings.ReplaceAll(query(id), "..", "%2E%2E")+"/callback", `{}`, 200)["team_id"]; got != id {
				t.Errorf("team %q in a path is %v", id, got)
			}
			key := s.GenerateKey(t, object{"user_id": id, "team_id": id, "key_alias": id})
			if info := s.KeyInfo(t, key.Hash); info["user_id"] != id || info["team_id"] != id || info["key_alias"] != id {
				t.Errorf("a key of %q has %v, %v, %v", id, info["user_id"], info["team_id"], info["key_alias"])
			}
			if n := get(t, s, "/key/list?key_alias="+query(id))["total_count"]; n != 1.0 {
				t.Errorf("%v keys are called %q", n, id)
			}
			post(t, s, "/key/delete", object{"key_aliases": []string{id}}, 200)
		}
		// A literal + in a query stays one (contract/admin-api.md §1).
		if got := at(get(t, s, "/user/info?user_id=a+b"), "user_info.user_id"); got != "a+b" {
			t.Errorf("a+b in a query is %v", got)
		}
	})
}
