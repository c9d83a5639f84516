package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"gatehouse/app/api"
	"gatehouse/internal/testkit"
	"gatehouse/models/store"
)

const scimYAML = `
model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o, api_key: sk-up, mock_response: hello}
litellm_settings:
  default_internal_user_params: {user_role: internal_user, max_budget: 9}
  default_team_params: {max_budget: 77}
general_settings:
  litellm_jwtauth: {team_ids_jwt_field: groups}
gatehouse: {login_rate: 10000/min, allow_mock: true}
`

// directory is a SCIM client with its key.
type directory struct {
	*openRig
	key string
}

func newDirectory(t *testing.T, opt Options) *directory {
	t.Helper()
	r := newOpenRig(t, scimYAML, opt)
	key := r.admin("POST", "/key/generate", `{"key_alias":"directory","allowed_routes":["/scim/*"]}`)["key"]
	return &directory{r, text(key)}
}

func (d *directory) send(method, path, body string) answer {
	d.t.Helper()
	return d.ask(method, "/scim/v2"+path, d.key, body)
}

// must sends a request that must be answered so.
func (d *directory) must(want int, method, path, body string) map[string]any {
	d.t.Helper()
	a := d.send(method, path, body)
	if a.status != want {
		d.t.Fatalf("%s %s: %d, wanted %d: %s", method, path, a.status, want, a.body)
	}
	if want != http.StatusNoContent && !strings.HasPrefix(a.header.Get("Content-Type"), "application/scim+json") {
		d.t.Errorf("%s %s: %s", method, path, a.header.Get("Content-Type"))
	}
	return a.json()
}

func (d *directory) patch(path string, operations string) map[string]any {
	d.t.Helper()
	return d.must(200, "PATCH", path, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`+operations+`]}`)
}

func filter(text string) string { return "?filter=" + url.QueryEscape(text) }

// on runs a test on both databases.
func on(t *testing.T, env []string, fn func(t *testing.T, opt Options)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) { fn(t, Options{Env: env}) })
	t.Run("PostgreSQL", func(t *testing.T) {
		fn(t, Options{Env: append([]string{"DATABASE_URL=" + testkit.Postgres(t, nil)}, env...)})
	})
}

// TestSCIMLeaver is the way of a person through the company: handed over, signed in, put into a team, deactivated. From
// that one request on nothing of theirs works.
func TestSCIMLeaver(t *testing.T) {
	p := newIDP(t)
	s := newSigner(t)
	env := append(p.genericEnv(), s.env()...)
	on(t, env, func(t *testing.T, opt Options) {
		yaml := strings.Replace(scimYAML, "general_settings:\n", "general_settings:\n  enable_jwt_auth: true\n", 1)
		yaml = strings.Replace(yaml, "{team_ids_jwt_field: groups}", "{team_ids_jwt_field: groups, user_id_jwt_field: sub}", 1)
		r := newOpenRig(t, yaml, opt)
		d := &directory{r, text(r.admin("POST", "/key/generate", `{"allowed_routes":["/scim/*"]}`)["key"])}
		u := d.must(201, "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ana","externalId":"e-1","active":true,
			"name":{"givenName":"Ana","familyName":"B"},"emails":[{"primary":true,"type":"work","value":"ana@example.org"}],"password":"canary-password-1"}`)
		id := text(u["id"])
		if row := r.user(id); row["user_role"] != "internal_user" || row["max_budget"] != 9.0 || row["user_email"] != "ana@example.org" || row["user_alias"] != "Ana B" {
			t.Errorf("user %v", row)
		}
		g := d.must(201, "POST", "/Groups", `{"displayName":"Red","externalId":"g-red","members":[{"value":"`+id+`","display":"Ana"}]}`)
		if g["id"] != "g-red" || len(g["members"].([]any)) != 1 {
			t.Errorf("group %v", g)
		}
		p.as(person("ana"))
		b := r.browser()
		if a := b.through(); a.status != http.StatusSeeOther || !b.signedIn() {
			t.Fatalf("signing in: %d %.300s", a.status, a.body)
		}
		var secrets []string
		for _, body := range []string{`{"user_id":%q}`, `{"user_id":%q,"team_id":"g-red"}`} {
			secrets = append(secrets, text(r.admin("POST", "/key/generate", fmt.Sprintf(body, id))["key"]))
		}
		token := s.token(t, "email", nil)
		secrets = append(secrets, token)
		for i, secret := range secrets {
			if a := r.chat(secret, "gpt-4o"); a.status != 200 {
				t.Fatalf("call %d: %d %s", i, a.status, a.body)
			}
		}
		invitation := text(r.admin("POST", "/invitation/new", fmt.Sprintf(`{"user_id":%q}`, id))["id"])

		d.patch("/Users/"+id, `{"op":"replace","value":{"active":false}}`)
		for i, secret := range secrets {
			if a := r.chat(secret, "gpt-4o"); a.status != 401 {
				t.Errorf("call %d of one who left: %d", i, a.status)
			}
			if a := r.ask("GET", "/user/info", secret, ""); a.status != 401 {
				t.Errorf("API call %d of one who left: %d", i, a.status)
			}
		}
		if b.signedIn() {
			t.Error("the session goes on")
		}
		if a := r.browser().through(); a.status != http.StatusForbidden {
			t.Errorf("signing in again: %d", a.status)
		}
		if a := r.do("GET", "/onboarding/get_token?invite_link="+invitation, ""); a.status != 401 {
			t.Errorf("the invitation: %d", a.status)
		}
		back := d.patch("/Users/"+id, `{"op":"Replace","path":"active","value":"True"}`)
		if back["active"] != true || r.chat(secrets[0], "gpt-4o").status != 200 {
			t.Errorf("back again: %v", back)
		}
		d.patch("/Groups/g-red", `{"op":"remove","path":"members[value eq \"`+id+`\"]"}`)
		if a := r.chat(secrets[1], "gpt-4o"); a.status != 401 {
			t.Errorf("a key in a team that was left: %d", a.status)
		}
		d.must(204, "DELETE", "/Users/"+id, "")
		d.must(404, "GET", "/Users/"+id, "")
		if a := r.chat(secrets[0], "gpt-4o"); a.status != 401 {
			t.Errorf("a key of one who was deleted: %d", a.status)
		}
		audit := r.do("GET", "/audit?page_size=100", "", "Authorization", "Bearer "+rigMaster).body
		for _, want := range []string{`"action":"user.create"`, `"action":"user.update"`, `"action":"user.delete"`, `"action":"team.create"`, `"action":"team.member_delete"`, `"actor_type":"key"`} {
			if !strings.Contains(audit, want) {
				t.Errorf("the audit log lacks %s", want)
			}
		}
		if strings.Contains(audit, "canary-password") {
			t.Error("the audit log holds a password")
		}
	})
}

// TestSCIMUsers walks what Okta and Entra do with people.
func TestSCIMUsers(t *testing.T) {
	on(t, nil, func(t *testing.T, opt Options) {
		d := newDirectory(t, opt)
		// Okta looks first, then creates.
		if l := d.must(200, "GET", "/Users"+filter(`userName eq "ana@example.org"`)+"&startIndex=1&count=100", ""); l["totalResults"] != 0.0 || l["Resources"] == nil {
			t.Errorf("list %v", l)
		}
		u := d.must(201, "POST", "/Users", `{"userName":"ana@example.org","name":{"givenName":"Ana","familyName":"B"},"emails":[{"value":"ana@example.org","primary":true}],"displayName":"Ana B",
			"locale":"en-US","externalId":"00u1","groups":[],"active":true,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"R&D","manager":{"value":"7"}}}`)
		id := text(u["id"])
		meta, _ := u["meta"].(map[string]any)
		if id == "" || u["userName"] != "ana@example.org" || u["locale"] != "en-US" || meta["resourceType"] != "User" || !strings.HasSuffix(text(meta["location"]), "/scim/v2/Users/"+url.PathEscape(id)) {
			t.Errorf("created %v", u)
		}
		if got := d.must(200, "GET", "/Users/"+url.PathEscape(id), ""); fmt.Sprint(got) != fmt.Sprint(u) {
			t.Errorf("read back %v", got)
		}
		for _, f := range []string{`userName eq "ANA@example.org"`, `externalId eq "00u1"`, `id eq "` + id + `"`, `emails[type eq "work"].value eq "ana@example.org"`, `emails.value eq "ana@example.org" and active eq true`} {
			if l := d.must(200, "GET", "/Users"+filter(f), ""); l["totalResults"] != 1.0 {
				t.Errorf("%s finds %v", f, l["totalResults"])
			}
		}
		for _, f := range []string{`userName eq "an_@example.org"`, `userName eq "%"`, `externalId eq ""`, `active eq false`, `userName eq "a' OR '1'='1"`} {
			if l := d.must(200, "GET", "/Users"+filter(f), ""); l["totalResults"] != 0.0 {
				t.Errorf("%s finds %v", f, l["totalResults"])
			}
		}
		refused := func(want int, kind, method, path, body string) {
			t.Helper()
			a := d.send(method, path, body)
			var e struct {
				Schemas      []string
				Status, Type string `json:"-"`
			}
			m := a.json()
			_ = json.Unmarshal([]byte(a.body), &e)
			if a.status != want || m["status"] != fmt.Sprint(want) || text(m["scimType"]) != kind || len(e.Schemas) != 1 || !strings.HasSuffix(e.Schemas[0], ":Error") {
				t.Errorf("%s %s %.60s: %d %s", method, path, body, a.status, a.body)
			}
		}
		refused(409, "uniqueness", "POST", "/Users", `{"userName":"Ana@Example.org"}`)
		refused(409, "uniqueness", "POST", "/Users", `{"userName":"other","emails":[{"value":"ANA@example.org"}]}`)
		refused(400, "invalidValue", "POST", "/Users", `{"displayName":"x"}`)
		refused(400, "invalidValue", "POST", "/Users", `{"userName":"x","emails":[{"value":"no address"}]}`)
		refused(400, "invalidValue", "POST", "/Users", `{"userName":"x","active":"maybe"}`)
		refused(400, "invalidSyntax", "POST", "/Users", `{"userName":`)
		refused(400, "invalidSyntax", "POST", "/Users", `{"userName":"a","userName":"b"}`)
		refused(400, "invalidFilter", "GET", "/Users"+filter(`userName sw "a"`), "")
		refused(400, "invalidFilter", "GET", "/Users"+filter(`title eq "a"`), "")
		refused(400, "invalidSyntax", "PATCH", "/Users/"+url.PathEscape(id), `{"Operations":[]}`)
		refused(400, "invalidPath", "PATCH", "/Users/"+url.PathEscape(id), `{"Operations":[{"op":"replace","path":"a b","value":1}]}`)
		refused(404, "", "GET", "/Users/nobody", "")
		refused(404, "", "PATCH", "/Users/nobody", `{"Operations":[{"op":"replace","value":{"active":false}}]}`)
		refused(404, "", "DELETE", "/Users/nobody", "")
		refused(405, "", "POST", "/Users/"+url.PathEscape(id), "{}")
		if n, err := d.p.store.CountUsers(t.Context(), storeUsers()); err != nil || n != 1 {
			t.Errorf("%d people, %v", n, err)
		}

		// Entra changes attribute by attribute.
		u = d.patch("/Users/"+url.PathEscape(id), `{"op":"Replace","path":"displayName","value":"Anna"},{"op":"Add","path":"emails[type eq \"work\"].value","value":"anna@example.org"},
			{"op":"Replace","path":"userName","value":"anna@example.org"},{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":"Ops"},
			{"op":"Replace","path":"name.familyName","value":"C"},{"op":"replace","path":"id","value":"other"},{"op":"add","path":"groups","value":[{"value":"x"}]}`)
		if row := d.user(id); u["id"] != id || u["userName"] != "anna@example.org" || row["user_alias"] != "Anna" {
			t.Errorf("patched %v %v", u, row)
		}
		// Okta replaces the whole.
		u = d.must(200, "PUT", "/Users/"+url.PathEscape(id), `{"id":"`+id+`","userName":"anna@example.org","name":{"givenName":"Anna"},"emails":[{"value":"anna@example.org","primary":true}],"active":true,"user_role":"proxy_admin","roles":[{"value":"proxy_admin"}]}`)
		if row := d.user(id); u["locale"] != nil || row["user_role"] != "internal_user" || row["user_email"] != "anna@example.org" {
			t.Errorf("replaced %v %v", u, row)
		}

		// A block by an admin is not undone by a directory that repeats itself.
		d.admin("POST", "/user/update", `{"user_id":"`+id+`","blocked":true}`)
		d.must(200, "PUT", "/Users/"+url.PathEscape(id), `{"userName":"anna@example.org","active":true}`)
		d.patch("/Users/"+url.PathEscape(id), `{"op":"replace","path":"title","value":"x"}`)
		if u = d.patch("/Users/"+url.PathEscape(id), `{"op":"replace","value":{"active":true}}`); u["active"] != false {
			t.Error("the directory undid a block")
		}
		d.admin("POST", "/user/update", `{"user_id":"`+id+`","blocked":false}`)
		d.patch("/Users/"+url.PathEscape(id), `{"op":"replace","value":{"active":false}}`)
		if u = d.patch("/Users/"+url.PathEscape(id), `{"op":"replace","value":{"active":true}}`); u["active"] != true {
			t.Error("the directory cannot let in again whom it shut out")
		}

		// Pages.
		for i := range 7 {
			d.must(201, "POST", "/Users", fmt.Sprintf(`{"userName":"p%d"}`, i))
		}
		seen := map[string]bool{}
		for start := 1; start <= 8; start += 3 {
			l := d.must(200, "GET", fmt.Sprintf("/Users?startIndex=%d&count=3", start), "")
			if l["totalResults"] != 8.0 || l["startIndex"] != float64(start) {
				t.Errorf("page %v", l)
			}
			for _, one := range l["Resources"].([]any) {
				seen[text(one.(map[string]any)["id"])] = true
			}
		}
		if l := d.must(200, "GET", "/Users?count=0", ""); len(seen) != 8 || l["totalResults"] != 8.0 || len(l["Resources"].([]any)) != 0 {
			t.Errorf("%d people on all pages", len(seen))
		}
		// People who were here before the directory came are found, not made twice.
		d.admin("POST", "/user/new", `{"user_id":"old","user_email":"old@example.org","auto_create_key":false}`)
		for _, name := range []string{"old@example.org", "old"} {
			if l := d.must(200, "GET", "/Users"+filter(`userName eq "`+name+`"`), ""); l["totalResults"] != 1.0 {
				t.Errorf("%s: %v", name, l["totalResults"])
			}
		}
	})
}

// TestSCIMGroups walks what Okta and Entra do with groups.
func TestSCIMGroups(t *testing.T) {
	on(t, nil, func(t *testing.T, opt Options) {
		d := newDirectory(t, opt)
		for _, id := range []string{"a", "b", "c"} {
			d.must(201, "POST", "/Users", `{"userName":"`+id+`"}`)
		}
		members := func(id string) string {
			t.Helper()
			rows, err := d.p.store.MembersOfTeams(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for i := range rows {
				ids = append(ids, rows[i].UserID)
			}
			return strings.Join(ids, "")
		}
		if l := d.must(200, "GET", "/Groups"+filter(`displayName eq "eng"`)+"&excludedAttributes=members", ""); l["totalResults"] != 0.0 {
			t.Errorf("list %v", l)
		}
		g := d.must(201, "POST", "/Groups", `{"displayName":"eng","members":[{"value":"a"}]}`)
		if g["id"] != "eng" { // what a group claim would hold
			t.Errorf("group %v", g)
		}
		if team := d.admin("GET", "/team/info?team_id=eng", "")["team_info"].(map[string]any); team["max_budget"] != 77.0 {
			t.Errorf("team %v", team)
		}
		for _, step := range []struct{ operations, want string }{
			{`{"op":"add","path":"members","value":[{"value":"b","display":"B"},{"value":"a"}]}`, "ab"},
			{`{"op":"Add","path":"members","value":[{"value":"c"}]},{"op":"Remove","path":"members","value":[{"value":"a"}]}`, "bc"},
			{`{"op":"remove","path":"members[value eq \"c\"]"}`, "b"},
			{`{"op":"replace","path":"members","value":[{"value":"a"},{"value":"c"}]}`, "ac"},
			{`{"op":"replace","value":{"id":"eng","displayName":"Engineering"}}`, "ac"},
			{`{"op":"add","path":"members","value":[{"value":"other-group","type":"Group"}]}`, "ac"},
			{`{"op":"remove","path":"members","value":[]}`, "ac"},
			{`{"op":"remove","path":"members"}`, ""},
			{`{"op":"add","value":{"members":[{"value":"a"}]}}`, "a"},
		} {
			d.patch("/Groups/eng", step.operations)
			if got := members("eng"); got != step.want {
				t.Errorf("%s: members %q, wanted %q", step.operations, got, step.want)
			}
		}
		if a := d.send("PATCH", "/Groups/eng", `{"Operations":[{"op":"add","path":"members","value":[{"value":"b"},{"value":"nobody"}]}]}`); a.status != 400 || members("eng") != "a" {
			t.Errorf("an unknown member: %d, members %q", a.status, members("eng"))
		}
		for _, f := range []string{`displayName eq "Engineering"`, `id eq "eng" and members eq "a"`, `members.value eq "a"`} {
			if l := d.must(200, "GET", "/Groups"+filter(f), ""); l["totalResults"] != 1.0 {
				t.Errorf("%s finds %v", f, l["totalResults"])
			}
		}
		g = d.must(200, "PUT", "/Groups/eng", `{"displayName":"Engineers","externalId":"g-9","members":[{"value":"b"}]}`)
		if g["externalId"] != "g-9" || members("eng") != "b" {
			t.Errorf("replaced %v", g)
		}
		l := d.must(200, "GET", "/Groups"+filter(`externalId eq "g-9"`)+"&excludedAttributes=members", "")
		if l["totalResults"] != 1.0 || l["Resources"].([]any)[0].(map[string]any)["members"] != nil {
			t.Errorf("list %v", l)
		}
		if a := d.send("POST", "/Groups", `{"displayName":"engineers"}`); a.status != 409 {
			t.Errorf("a group that is there: %d", a.status)
		}
		// A team of the gateway's own keeps the gateway's own member.
		d.admin("POST", "/team/new", `{"team_id":"own"}`)
		if g = d.must(200, "PUT", "/Groups/own", `{"displayName":"own","members":[{"value":"c"}]}`); len(g["members"].([]any)) != 1 || members("own") == "c" {
			t.Errorf("group %v, members %s", g, members("own"))
		}
		d.must(204, "DELETE", "/Groups/eng", "")
		d.must(404, "GET", "/Groups/eng", "")
		u := d.must(200, "GET", "/Users/c", "")
		if groups := u["groups"].([]any); len(groups) != 1 || groups[0].(map[string]any)["value"] != "own" {
			t.Errorf("groups of a person: %v", groups)
		}
	})
}

// TestSCIMDoors: SCIM is for admins and for a directory's key, and that key opens nothing else.
func TestSCIMDoors(t *testing.T) {
	r := newRig(t, rolesConfig)
	w := newCast(r)
	w.keys['D'] = text(r.admin("POST", "/key/generate", `{"allowed_routes":["/scim/*"]}`)["key"])
	own := r.do("POST", "/key/generate", `{"allowed_routes":["/scim/*"]}`, "Authorization", "Bearer "+w.keys['U'])
	team := r.do("POST", "/key/service-account/generate", fmt.Sprintf(`{"team_id":%q,"allowed_routes":["/scim/*"]}`, w.team), "Authorization", "Bearer "+w.keys['T'])
	w.keys['x'], w.keys['y'], w.keys['N'] = text(own.json()["key"]), text(team.json()["key"]), ""
	if w.keys['x'] == "" || w.keys['y'] == "" {
		t.Fatalf("a person's and a team's key: %s %s", own.body, team.body)
	}
	for name := range new(api.Handlers).ScimActions() {
		method, path, _ := strings.Cut(name, " ")
		path = strings.ReplaceAll(path, ":id", "user-f")
		body := ""
		if method == "POST" || method == "PUT" || method == "PATCH" {
			body = "{}"
		}
		for caller, key := range w.keys {
			var headers []string
			if key != "" {
				headers = []string{"Authorization", "Bearer " + key}
			}
			if strings.ContainsRune("MAD", caller) {
				if method == "DELETE" {
					continue // it would take what the others are tried with
				}
				if a := r.do(method, path, body, headers...); a.status == 401 || a.status == 403 || a.status >= 500 {
					t.Errorf("%c may, but %s answers %d %s", caller, name, a.status, a.body)
				}
				continue
			}
			a := r.do(method, path, body, headers...)
			if a.status != 401 && a.status != 403 {
				t.Errorf("%c: %s answers %d %s", caller, name, a.status, a.body)
			}
			if m := a.json(); m["schemas"] == nil || m["status"] != fmt.Sprint(a.status) {
				t.Errorf("%c: %s: no error of SCIM: %s", caller, name, a.body)
			}
		}
	}
	for _, path := range []string{"/user/list", "/key/list", "/team/list", "/model/info"} {
		if a := r.do("GET", path, "", "Authorization", "Bearer "+w.keys['D']); a.status != 403 {
			t.Errorf("a directory's key reads %s: %d", path, a.status)
		}
	}
	if _, err := r.p.store.User(t.Context(), "user-f"); err != nil {
		t.Errorf("somebody was deleted: %v", err)
	}
	for _, path := range []string{"/ServiceProviderConfig", "/ResourceTypes", "/ResourceTypes/User", "/Schemas", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:Group"} {
		a := r.do("GET", "/scim/v2"+path, "", "Authorization", "Bearer "+w.keys['D'])
		if a.status != 200 || a.json()["schemas"] == nil {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	rows, _, err := r.p.store.ListAudit(t.Context(), store.AuditFilter{Size: 50})
	refusals := 0
	for i := range rows {
		if rows[i].Outcome == "refused" {
			refusals++
		}
	}
	if err != nil || refusals == 0 {
		t.Errorf("refused acts are not in the audit log: %v", err)
	}
}

// TestNobodyMakesADirectory: whatever a person may do to keys of theirs or of their team, none of it makes a directory's key.
func TestNobodyMakesADirectory(t *testing.T) {
	r := newRig(t, rolesConfig)
	w := newCast(r)
	for _, caller := range "UTO" {
		as := func(path, body string) answer {
			return r.do("POST", path, body, "Authorization", "Bearer "+w.keys[caller])
		}
		var made []string
		for _, body := range []string{
			`{"allowed_routes":["/scim/*"]}`, `{"user_id":null,"allowed_routes":["/scim/*"]}`, `{"user_id":"","allowed_routes":["/scim/*"]}`,
			`{"team_id":"` + w.team + `","user_id":null,"allowed_routes":["/scim/*"]}`, `{"organization_id":"` + w.org + `","allowed_routes":["/scim/*"]}`,
		} {
			made = append(made, text(as("/key/generate", body).json()["key"]))
		}
		made = append(made, text(as("/key/service-account/generate", `{"team_id":"`+w.team+`","allowed_routes":["/scim/*"]}`).json()["key"]))
		for _, key := range made {
			if key == "" {
				continue
			}
			for _, body := range []string{`{"key":%q,"team_id":null}`, `{"key":%q,"team_id":""}`, `{"key":%q,"user_id":null,"team_id":null,"organization_id":null}`, `{"key":%q,"user_id":""}`, `{"key":%q,"organization_id":null}`} {
				as("/key/update", fmt.Sprintf(body, key))
				if a := r.do("GET", "/scim/v2/Users", "", "Authorization", "Bearer "+key); a.status == http.StatusOK {
					t.Errorf("%c opened SCIM with a key by %s", caller, body)
				}
			}
		}
	}
}
