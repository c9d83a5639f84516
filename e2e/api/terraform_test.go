package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"testing"

	"gatehouse/internal/testkit"
)

// resource is one thing as a Terraform provider handles it: made, read back field by field, changed, planned again
// without a change, imported by its id, destroyed.
type resource struct {
	name    string
	create  string // path of POST
	fields  object // written at the creation
	change  object // written by the first update
	clear   []string
	unread  []string // written and never shown: secrets, and words for how to make it
	id      func(answer object) string
	read    func(id string) string // path of GET
	inside  string                 // where the read answer has the row
	update  func(id string, fields object) (method, path string, body object)
	destroy func(id string) (method, path string, body object)
	gone    int // status of a read afterwards
}

// idField makes the update's body of an id's name and the fields.
func idField(name, path string) func(string, object) (string, string, object) {
	return func(id string, fields object) (string, string, object) {
		body := maps.Clone(fields)
		body[name] = id
		return http.MethodPost, path, body
	}
}

func byList(name, path string) func(string) (string, string, object) {
	return func(id string) (string, string, object) { return http.MethodPost, path, object{name: []string{id}} }
}

// odd is an id with the characters that paths and queries are made of.
const odd = "#tf!/ü+%41 &=?"

var limits = object{
	"max_budget": 12.5, "soft_budget": 10.25, "budget_duration": "30d", "tpm_limit": 1000.0, "rpm_limit": 100.0, "max_parallel_requests": 5.0,
	"model_max_budget": object{"gpt-4o": object{"budget_limit": 0.01, "time_period": "1d"}},
	"model_rpm_limit":  object{"gpt-4o": 10.0}, "model_tpm_limit": object{"gpt-4o": 100.0},
}

var limitChange = object{
	"max_budget": 0.000000001, "soft_budget": 0.5, "budget_duration": "7d", "tpm_limit": 0.0, "rpm_limit": 1.0, "max_parallel_requests": 1.0,
	"model_max_budget": object{"gpt-4o-mini": object{"budget_limit": 5.0, "time_period": "30d"}},
	"model_rpm_limit":  object{"gpt-4o-mini": 11.0}, "model_tpm_limit": object{"gpt-4o-mini": 12.0},
}

var stored = object{
	"guardrails": []any{"pii"}, "prompts": []any{"p1"}, "object_permission": object{"mcp_servers": []any{"a"}}, "router_settings": object{"num_retries": 3.0},
	"policies": []any{"default"},
}

var metadata = object{"metadata": object{"deep": object{"list": []any{1.0, "two", nil, 1.25}, "ü": "é ✓"}, "flag": true, "empty": object{}}}

func join(parts ...object) object {
	out := object{}
	for _, p := range parts {
		maps.Copy(out, p)
	}
	return out
}

func resources(user, team, budget string) []resource {
	key := resource{
		name: "key", create: "/key/generate",
		fields: join(limits, stored, metadata, object{
			"key_alias": "alias " + odd, "user_id": user, "team_id": team, "models": []any{"gpt-4o", "gpt-4o-mini"}, "aliases": object{"fast": "gpt-4o-mini"},
			"config": object{"a": 1.0}, "tags": []any{"blue", "té#st!"}, "permissions": object{"allow_pii_controls": true}, "blocked": false,
			"allowed_routes": []any{"/v1/chat/completions", "/key/info"}, "enforced_params": []any{"user"}, "allowed_cache_controls": []any{"no-cache"},
			"rpm_limit_type": "best_effort_throughput", "tpm_limit_type": "best_effort_throughput", "budget_id": budget, "auto_rotate": true, "rotation_interval": "30d",
			"access_group_ids": []any{"group-1"}, "agent_id": "agent", "project_id": "project", "allowed_passthrough_routes": []any{"/x"},
			"allowed_vector_store_indexes": []any{"v"}, "disable_global_guardrails": true, "duration": "30d",
		}),
		change: join(limitChange, object{
			"key_alias": "changed " + odd, "models": []any{}, "aliases": object{}, "config": object{}, "tags": []any{"red"}, "permissions": object{}, "blocked": true,
			"allowed_routes": []any{}, "enforced_params": []any{}, "allowed_cache_controls": []any{}, "metadata": object{"only": "this"}, "guardrails": []any{},
			"auto_rotate": false, "duration": "10d",
		}),
		clear:  []string{"max_budget", "soft_budget", "budget_duration", "tpm_limit", "rpm_limit", "max_parallel_requests", "budget_id", "key_alias"},
		unread: []string{"duration"},
		id:     func(a object) string { return text(a["key"]) }, read: func(id string) string { return "/key/info?key=" + query(id) }, inside: "info",
		update: idField("key", "/key/update"), destroy: byList("keys", "/key/delete"), gone: http.StatusNotFound,
	}
	chosen := key
	chosen.name = "key with a secret of its own"
	chosen.fields = object{"key": "sk-terraform#secret!with/odd+chars%41", "models": []any{"gpt-4o"}}
	chosen.change, chosen.clear, chosen.unread = object{"models": []any{}}, nil, []string{"key"}
	model := resource{
		name: "model", create: "/model/new",
		fields: object{
			"model_name": "tf " + odd, "litellm_params": object{
				"model": "openai/gpt-4o", "api_base": "https://api.openai.com/v1", "rpm": 10.0, "tpm": 1000.0, "timeout": 30.0, "input_cost_per_token": 0.000001,
				"output_cost_per_token": 0.000002, "custom_llm_provider": "openai", "temperature": 0.25,
			},
			"model_info": object{"id": "model " + odd, "access_groups": []any{"beta"}, "mode": "chat", "base_model": "gpt-4o", "note": "té!"},
		},
		change: object{"model_name": "tf-renamed", "litellm_params": object{"rpm": 20.0}, "model_info": object{"access_groups": []any{"gamma"}}},
		id:     func(a object) string { return text(at(a, "model_info.id")) },
		read:   func(id string) string { return "/model/info?litellm_model_id=" + query(id) }, inside: "data.0",
		update: func(id string, fields object) (string, string, object) {
			body := maps.Clone(fields)
			info, _ := body["model_info"].(object)
			body["model_info"] = join(info, object{"id": id})
			return http.MethodPost, "/model/update", body
		},
		destroy: func(id string) (string, string, object) { return http.MethodPost, "/model/delete", object{"id": id} }, gone: http.StatusNotFound,
	}
	return []resource{
		key, chosen, model,
		{
			name: "team", create: "/team/new",
			fields: join(limits, stored, metadata, object{
				"team_id": "team " + odd, "team_alias": "alias " + odd, "models": []any{"gpt-4o"}, "model_aliases": object{"fast": "gpt-4o"}, "blocked": false,
				"tags": []any{"t"}, "team_member_budget": 3.5, "team_member_budget_duration": "1mo", "team_member_rpm_limit": 4.0, "team_member_tpm_limit": 5.0,
				"team_member_key_duration": "60d", "team_member_permissions": []any{"/key/info", "/key/generate"},
			}),
			change: join(limitChange, object{
				"team_alias": "changed", "models": []any{}, "model_aliases": object{}, "tags": []any{"u"}, "team_member_budget": 4.0, "metadata": object{},
				"team_member_permissions": []any{}, "blocked": true,
			}),
			clear: []string{"max_budget", "soft_budget", "budget_duration", "tpm_limit", "rpm_limit", "max_parallel_requests", "team_alias", "team_member_budget"},
			id:    func(a object) string { return text(a["team_id"]) }, read: func(id string) string { return "/team/info?team_id=" + query(id) }, inside: "team_info",
			update: idField("team_id", "/team/update"), destroy: byList("team_ids", "/team/delete"), gone: http.StatusNotFound,
		},
		{
			name: "user", create: "/user/new",
			fields: join(limits, metadata, object{
				"user_id": "user " + odd, "user_email": "tf+odd@example.org", "user_alias": "alias " + odd, "user_role": "internal_user_viewer", "models": []any{"gpt-4o"},
				"sso_user_id": "sso " + odd, "teams": []any{team}, "auto_create_key": false, "send_invite_email": false,
			}),
			change: join(limitChange, object{"user_email": "Other@example.org", "user_alias": "changed", "user_role": "internal_user", "models": []any{}, "metadata": object{}}),
			clear:  []string{"max_budget", "soft_budget", "budget_duration", "tpm_limit", "rpm_limit", "max_parallel_requests", "user_alias"},
			unread: []string{"auto_create_key", "send_invite_email"},
			id:     func(a object) string { return text(a["user_id"]) }, read: func(id string) string { return "/user/info?user_id=" + query(id) }, inside: "user_info",
			update: idField("user_id", "/user/update"), destroy: byList("user_ids", "/user/delete"), gone: http.StatusNotFound,
		},
		{
			name: "budget", create: "/budget/new",
			fields: join(limits, object{"budget_id": "budget " + odd, "budget_reset_at": "2099-01-01T00:00:00.000000Z"}),
			change: join(limitChange, object{"budget_reset_at": "2098-01-01T00:00:00.000000Z"}),
			clear:  []string{"max_budget", "soft_budget", "budget_duration", "tpm_limit", "rpm_limit", "max_parallel_requests"},
			id:     func(a object) string { return text(a["budget_id"]) }, inside: "0", // POST /budget/info answers a list
			read:   func(id string) string { return "POST /budget/info " + id },
			update: idField("budget_id", "/budget/update"),
			destroy: func(id string) (string, string, object) {
				return http.MethodPost, "/budget/delete", object{"id": id}
			}, gone: http.StatusNotFound,
		},
		{
			name: "organization", create: "/organization/new",
			fields: join(limits, metadata, object{"organization_alias": "alias " + odd, "models": []any{"gpt-4o"}}),
			change: join(limitChange, object{"organization_alias": "changed", "models": []any{}, "metadata": object{}}),
			clear:  []string{"max_budget", "tpm_limit", "budget_duration"},
			id:     func(a object) string { return text(a["organization_id"]) }, read: func(id string) string { return "/organization/info?organization_id=" + query(id) },
			update: func(id string, fields object) (string, string, object) {
				_, path, body := idField("organization_id", "/organization/update")(id, fields)
				return http.MethodPatch, path, body
			},
			destroy: func(id string) (string, string, object) {
				return http.MethodDelete, "/organization/delete", object{"organization_ids": []string{id}}
			}, gone: http.StatusNotFound,
		},
		{
			name: "customer", create: "/customer/new",
			fields: join(limits, object{"user_id": "customer " + odd, "alias": "alias " + odd, "blocked": false, "allowed_model_region": "eu", "default_model": "gpt-4o"}),
			change: join(limitChange, object{"alias": "changed", "blocked": true, "allowed_model_region": "us", "default_model": nil}),
			clear:  []string{"alias"},
			id:     func(a object) string { return text(a["user_id"]) }, read: func(id string) string { return "/customer/info?end_user_id=" + query(id) },
			update: idField("user_id", "/customer/update"), destroy: byList("user_ids", "/customer/delete"), gone: http.StatusNotFound,
		},
		{
			name: "customer with a budget row", create: "/customer/new",
			fields: object{"user_id": "linked " + odd, "budget_id": budget}, change: object{"alias": "x"}, clear: []string{"budget_id"},
			id: func(a object) string { return text(a["user_id"]) }, read: func(id string) string { return "/customer/info?end_user_id=" + query(id) },
			update: idField("user_id", "/customer/update"), destroy: byList("user_ids", "/customer/delete"), gone: http.StatusNotFound,
		},
	}
}

// TestTerraform plays a provider's traffic for each resource and reads back every field that it wrote.
func TestTerraform(t *testing.T) {
	t.Parallel()
	both(t, testkit.Options{Config: testkit.DefaultConfig + "general_settings: {store_model_in_db: true}\n", Provider: testkit.NewProvider(t)}, func(t *testing.T, s *testkit.Server) {
		user, _ := s.NewUser(t, object{"user_id": "owner " + odd, "auto_create_key": false})
		team := s.NewTeam(t, object{"team_id": "crew " + odd})
		s.AddMember(t, team, user, "user")
		budget := text(post(t, s, "/budget/new", object{"budget_id": "shared " + odd, "max_budget": 7}, 200)["budget_id"])
		for _, r := range resources(user, team, budget) {
			t.Run(r.name, func(t *testing.T) { r.play(t, s) })
		}
		t.Run("member", func(t *testing.T) { playMember(t, s) })
	})
}

func (r resource) row(t *testing.T, s *testkit.Server, id string, want int) any {
	t.Helper()
	method, path, body := http.MethodGet, r.read(id), any(nil)
	if r.name == "budget" {
		method, path, body = http.MethodPost, "/budget/info", object{"budgets": []string{id}}
	}
	resp := s.Do(t, method, path, s.MasterKey, body)
	if resp.Status != want {
		t.Fatalf("%s: got %d, want %d: %s", path, resp.Status, want, resp.Body)
	}
	if want != http.StatusOK {
		return nil
	}
	var v any
	if err := json.Unmarshal(resp.Body, &v); err != nil {
		t.Fatal(err)
	}
	switch r.inside {
	case "":
		return v
	case "data.0":
		return v.(object)["data"].([]any)[0]
	case "0":
		if rows := v.([]any); len(rows) > 0 {
			return rows[0]
		}
		return object{}
	}
	return v.(object)[r.inside]
}

// look compares what was written with what is read. Limits of what has a budget row are read there.
func (r resource) look(t *testing.T, what string, row any, wrote object) {
	t.Helper()
	for field, want := range wrote {
		if slices.Contains(r.unread, field) {
			continue
		}
		m := row.(object)
		got, has := m[field]
		if table, ok := m["litellm_budget_table"].(object); ok && !has {
			got, has = table[field], true
		}
		if nested, ok := want.(object); ok && (field == "litellm_params" || field == "model_info") { // merged, and filled up
			for name, inner := range nested {
				if !reflect.DeepEqual(at(got, name), inner) {
					t.Errorf("%s: wrote %s.%s %v, reads %v", what, field, name, inner, at(got, name))
				}
			}
			continue
		}
		if field == "metadata" { // where LiteLLM keeps tags
			meta, _ := got.(object)
			meta = maps.Clone(meta)
			delete(meta, "tags")
			got = meta
		}
		if !has || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: wrote %s %v, reads %v", what, field, want, got)
		}
	}
}

func (r resource) play(t *testing.T, s *testkit.Server) {
	t.Helper()
	made := post(t, s, r.create, r.fields, http.StatusOK)
	id := r.id(made)
	if id == "" {
		t.Fatalf("no id in %v", made)
	}
	want := maps.Clone(r.fields)
	r.look(t, "after create", r.row(t, s, id, http.StatusOK), want)

	r.send(t, s, id, r.change)
	maps.Copy(want, r.change)
	r.look(t, "after update", r.row(t, s, id, http.StatusOK), want)

	before := r.row(t, s, id, http.StatusOK)
	r.send(t, s, id, r.change)
	if after := r.row(t, s, id, http.StatusOK); !reflect.DeepEqual(settled(before), settled(after)) {
		t.Errorf("the same update changes something:\n%v\n%v", before, after)
	}
	cleared := object{}
	for _, field := range r.clear {
		cleared[field] = nil
	}
	if len(cleared) > 0 {
		r.send(t, s, id, cleared)
		r.look(t, "after clearing", r.row(t, s, id, http.StatusOK), cleared)
	}
	method, path, body := r.destroy(id)
	call(t, s, s.MasterKey, method, path, body, http.StatusOK)
	if r.name == "budget" { // a list without it
		if left := r.row(t, s, id, http.StatusOK); !reflect.DeepEqual(left, object{}) {
			t.Errorf("it is still there: %v", left)
		}
		return
	}
	r.row(t, s, id, r.gone)
}

func (r resource) send(t *testing.T, s *testkit.Server, id string, fields object) {
	t.Helper()
	method, path, body := r.update(id, fields)
	call(t, s, s.MasterKey, method, path, body, http.StatusOK)
}

// settled is a row without what a change of nothing may move.
func settled(v any) any {
	row := maps.Clone(v.(object))
	for _, name := range []string{"updated_at", "expires", "model_info"} {
		delete(row, name)
	}
	if table, ok := row["litellm_budget_table"].(object); ok {
		table = maps.Clone(table)
		delete(table, "updated_at")
		row["litellm_budget_table"] = table
	}
	return row
}

// playMember is the resource for a person's place in a team.
func playMember(t *testing.T, s *testkit.Server) {
	t.Helper()
	team := s.NewTeam(t, nil)
	user := "member " + odd
	post(t, s, "/team/member_add", object{"team_id": team, "member": object{"user_id": user, "user_email": "m+1@example.org", "role": "user"}, "max_budget_in_team": 2.5}, 200)
	read := func() (role any, place object) {
		info := get(t, s, "/team/info?team_id="+team)
		for _, m := range at(info, "team_info.members_with_roles").([]any) {
			if at(m, "user_id") == user {
				role = at(m, "role")
			}
		}
		for _, m := range info["team_memberships"].([]any) {
			if at(m, "user_id") == user {
				place = m.(object)
			}
		}
		return role, place
	}
	role, place := read()
	if role != "user" || at(place, "litellm_budget_table.max_budget") != 2.5 {
		t.Errorf("after add: %v %v", role, place)
	}
	post(t, s, "/team/member_update", object{"team_id": team, "user_id": user, "role": "admin", "max_budget_in_team": 3.0, "tpm_limit": 10, "rpm_limit": 11}, 200)
	role, place = read()
	if role != "admin" || fmt.Sprint(at(place, "litellm_budget_table.max_budget"), at(place, "litellm_budget_table.tpm_limit"), at(place, "litellm_budget_table.rpm_limit")) != "3 10 11" {
		t.Errorf("after update: %v %v", role, place)
	}
	post(t, s, "/team/member_delete", object{"team_id": team, "user_id": user}, 200)
	if role, place = read(); role != nil || place != nil {
		t.Errorf("after delete: %v %v", role, place)
	}
	refusal(t, "a second delete", s.Do(t, http.MethodPost, "/team/member_delete", s.MasterKey, object{"team_id": team, "user_id": user}), http.StatusBadRequest)
}
