package app

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/api"
	"gatehouse/app/portal"
	"gatehouse/models"
)

// Every route of the router is in one list: an operation of the API with rows in the role table, a page of the portal
// with its action, or a public route. One that nobody listed fails here.
func TestEveryRouteHasItsRule(t *testing.T) {
	t.Parallel()
	r := newRig(t, rolesConfig)
	inTable, used := map[string]bool{}, map[string]bool{}
	for _, row := range roleTable {
		inTable[row.route] = true
	}
	paths, pages, scim := map[string]bool{}, new(portal.Handlers).Actions(), new(api.Handlers).ScimActions()
	for _, o := range new(api.Handlers).Ops() {
		for _, path := range append([]string{o.Path}, o.Aliases...) {
			paths[path] = true
		}
	}
	for name := range scim { // tried in TestSCIMDoors
		_, path, _ := strings.Cut(name, " ")
		paths[path] = true
	}
	for _, route := range r.app.GetRoutes(true) {
		name := route.Method + " " + route.Path
		if route.Method == http.MethodHead { // a HEAD is its GET without the body
			name = http.MethodGet + " " + route.Path
		}
		action, isPage := pages[name]
		switch {
		case scim[name] != "", inTable[name], publicRoutes[name] != "", isPage && (action != "" || publicPages[name]):
			used[name] = true
		case name == "GET /ui/*": // what no page took: to the sign-in page, or 404
		case paths[route.Path]:
			if a := r.do(route.Method, strings.ReplaceAll(route.Path, ":", ""), ""); a.status != http.StatusMethodNotAllowed {
				t.Errorf("%s is in no list and answers %d", name, a.status)
			}
		default:
			t.Errorf("%s is in no list", name)
		}
	}
	for name := range inTable {
		if !used[name] {
			t.Errorf("the role table names %s, which the router does not know", name)
		}
	}
	for name := range publicRoutes {
		if !used[name] {
			t.Errorf("the public list names %s, which the router does not know", name)
		}
	}
}

// publicPages are the portal's pages for people who are not signed in.
var publicPages = map[string]bool{
	"GET /login": true, "POST /login": true, "GET /sso/key/generate": true, "GET /fallback/login": true, "POST /logout": true,
	"GET /ui/onboarding": true, "POST /ui/onboarding": true, "POST /ui/preferences": true,
	"GET /login/code": true, "POST /login/code": true, "GET /login/factor": true, "POST /login/factor": true,
	"GET /ui/forgot": true, "POST /ui/forgot": true, "GET /ui/reset": true, "POST /ui/reset": true, "GET /ui/reset/done": true,
	"GET /sso/callback": true, "GET /sso/debug/login": true, "GET /sso/debug/callback": true,
}

const rolesConfig = `
model_list:
  - model_name: demo
    litellm_params: {model: openai/gpt-4o-mini, api_key: sk-upstream, mock_response: hello}
litellm_settings:
  cache: true
  callbacks: [prometheus]
  default_internal_user_params: {available_teams: [open]}
general_settings:
  store_model_in_db: true
`

// Every row of the role table, for every caller: who may passes, and everybody else gets a refusal in the shape of the
// contract that changed nothing.
func TestRoles(t *testing.T) {
	t.Parallel()
	r := newRig(t, rolesConfig)
	w := newCast(r)
	for _, row := range roleTable {
		t.Run(row.route+" "+row.send, func(t *testing.T) {
			w.r.t, w.t = t, t
			pass, without, _ := strings.Cut(row.pass, "?")
			for _, caller := range "MAVURTOSKBN" {
				if !strings.ContainsRune(without, caller) {
					w.try(row, caller, strings.ContainsRune(pass, caller))
				}
			}
		})
	}
	w.r.t, w.t = t, t
	w.unchanged()
}

// cast is the callers, and the objects that refused requests name.
type cast struct {
	t      *testing.T
	r      *rig
	keys   map[rune]string // secrets
	ids    map[rune]string // user ids
	org    string
	team   string
	shared map[string]string
	number int
}

func newCast(r *rig) *cast {
	w := &cast{t: r.t, r: r, keys: map[rune]string{'M': rigMaster}, ids: map[rune]string{}, shared: map[string]string{}}
	w.org = text(r.admin("POST", "/organization/new", `{"organization_alias":"home","max_budget":1000}`)["organization_id"])
	for caller, role := range map[rune]models.Role{
		'A': models.RoleAdmin, 'V': models.RoleAdminViewer, 'U': models.RoleInternalUser, 'R': models.RoleInternalViewer,
		'T': models.RoleInternalUser, 'O': models.RoleInternalUser, 'S': models.RoleInternalUser,
		'c': models.RoleInternalUser, 'f': models.RoleInternalUser, // a colleague, and somebody far away
	} {
		u := r.admin("POST", "/user/new", fmt.Sprintf(`{"user_id":"user-%c","user_role":%q}`, caller, role))
		w.ids[caller], w.keys[caller] = text(u["user_id"]), text(u["key"])
	}
	r.admin("POST", "/organization/member_add", fmt.Sprintf(`{"organization_id":%q,"member":{"role":"org_admin","user_id":"user-O"}}`, w.org))
	w.team = w.newTeam("team", w.org)
	r.admin("POST", "/team/new", `{"team_id":"open"}`)
	w.keys['K'] = text(r.admin("POST", "/key/service-account/generate", fmt.Sprintf(`{"team_id":%q}`, w.team))["key"])
	call := models.Spend{Row: models.SpendRow{ID: "call-far", UserID: "user-f", StartedAt: models.At(r.p.now()), EndedAt: models.At(r.p.now()), Status: "success"}}
	if err := r.p.store.WriteSpend(r.t.Context(), []models.Spend{call}); err != nil {
		r.t.Fatal(err)
	}
	w.keys['B'] = text(r.admin("POST", "/key/generate", `{}`)["key"])
	return w
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// newTeam makes a team like the callers' own: the same people, at the same places.
func (w *cast) newTeam(alias, org string) string {
	return text(w.r.admin("POST", "/team/new", fmt.Sprintf(`{"team_alias":%q,"organization_id":%q,"models":["demo","spare"],"max_budget":500,
		"members_with_roles":[{"role":"user","user_id":"user-U"},{"role":"user","user_id":"user-R"},{"role":"admin","user_id":"user-T"},
		{"role":"user","user_id":"user-c"}]}`, alias, org))["team_id"])
}

var placeholders = regexp.MustCompile(`\{[a-z]+ [a-z]+\}`)

// try sends one row as one caller.
func (w *cast) try(row roleRow, caller rune, pass bool) {
	w.t.Helper()
	made := map[string]string{}
	send := placeholders.ReplaceAllStringFunc(row.send, func(match string) string {
		what := match[1 : len(match)-1]
		if made[what] == "" {
			made[what] = w.object(what, caller, pass && !strings.HasPrefix(row.route, "GET "))
		}
		return made[what]
	})
	method, path, _ := strings.Cut(row.route, " ")
	if i := strings.IndexByte(path, ':'); i >= 0 {
		param, rest, _ := strings.Cut(send, "|")
		_, tail, _ := strings.Cut(path[i:], "/")
		path, send = strings.TrimSuffix(path[:i]+url.PathEscape(param)+"/"+tail, "/"), rest
	}
	body := send
	if method == fiber.MethodGet {
		body = ""
		if send != "" {
			path += "?" + send
		}
	}
	var headers []string
	if caller != 'N' {
		headers = []string{"Authorization", "Bearer " + w.keys[caller]}
	}
	a := w.r.do(method, path, body, headers...)
	switch {
	case pass && a.status == http.StatusOK:
	case pass && a.status == http.StatusBadRequest && (path == "/cache/redis/info" || strings.HasPrefix(path, "/health/services")): // this cache is in no Redis, and there is no mail server
	case pass:
		w.t.Errorf("%c may, but %s %s answers %d %s", caller, path, body, a.status, a.body)
	default:
		w.refused(row, caller, a)
	}
	w.tidy(row, caller, pass)
}

// tidy brings back what a passing request took from a caller.
func (w *cast) tidy(row roleRow, caller rune, pass bool) {
	if !pass || !strings.Contains(row.send, "{own user}") {
		return
	}
	switch {
	case strings.HasPrefix(row.route, "POST /team/member_add"):
		for _, team := range []string{"open", w.shared["far team"]} {
			w.r.do("POST", "/team/member_delete", fmt.Sprintf(`{"team_id":%q,"user_id":%q}`, team, w.ids[caller]), "Authorization", "Bearer "+rigMaster)
		}
	case strings.HasPrefix(row.route, "POST /user/update") && caller != 'M':
		w.r.admin("POST", "/user/update", fmt.Sprintf(`{"user_id":%q,"max_budget":null}`, w.ids[caller]))
	}
}

func (w *cast) refused(row roleRow, caller rune, a answer) {
	w.t.Helper()
	want := []int{401, 403, 404}
	if caller == 'N' {
		want = []int{401}
	} else if strings.Contains(row.route, "/invitation/") || row.route == "POST /budget/delete" {
		want = []int{400} // LiteLLM's own answer
	} else if caller == 'V' && strings.HasPrefix(row.route, "POST /key/") {
		want = []int{401, 403} // viewers see every key, so that none is hidden
	}
	for _, status := range want {
		if a.status == status {
			e, _ := a.json()["error"].(map[string]any)
			if text(e["message"]) == "" || text(e["type"]) == "" || text(e["code"]) != fmt.Sprint(status) {
				w.t.Errorf("%c: a refusal without an error object: %s", caller, a.body)
			}
			return
		}
	}
	w.t.Errorf("%c may not, but gets %d %s", caller, a.status, a.body)
}

// object makes what a placeholder stands for. Refused requests share theirs, and unchanged looks at them in the end.
func (w *cast) object(what string, caller rune, fresh bool) string {
	w.number++
	whose, kind, _ := strings.Cut(what, " ")
	switch {
	case whose == "new":
		return fmt.Sprintf("new-%d@example.org", w.number)
	case kind == "user":
		return w.user(whose, caller, fresh)
	case what == "open team":
		return "open"
	case what == "far member":
		return w.ids['f']
	case what == "far call":
		return "call-far"
	case what == "an event":
		logs, _ := w.r.admin("GET", "/audit?page_size=1", "")["audit_logs"].([]any)
		return text(logs[0].(map[string]any)["id"])
	case what == "team team" && caller == 'K': // its own team is the one it belongs to
		return w.team
	case what == "team org":
		return w.org
	}
	name := what
	if whose == "own" || kind == "key" && whose == "limited" {
		name = fmt.Sprintf("%s %c", what, caller)
	}
	if fresh {
		return w.build(whose, kind, caller)
	}
	if w.shared[name] == "" {
		w.shared[name] = w.build(whose, kind, caller)
	}
	return w.shared[name]
}

func (w *cast) user(whose string, caller rune, fresh bool) string {
	switch {
	case whose == "own" && w.ids[caller] != "":
		return w.ids[caller]
	case whose == "own": // a key without a person has nobody; the master key stands for this one
		return models.DefaultUserID
	case whose == "org":
		id := fmt.Sprintf("org-user-%d", w.number)
		w.r.admin("POST", "/organization/member_add", fmt.Sprintf(`{"organization_id":%q,"member":{"role":"internal_user","user_id":%q}}`, w.org, id))
		return id
	case whose == "team":
		return w.ids['c']
	case fresh:
		return text(w.r.admin("POST", "/user/new", `{"auto_create_key":false}`)["user_id"])
	}
	return w.ids['f']
}

func (w *cast) build(whose, kind string, caller rune) string {
	switch kind {
	case "key":
		return w.key(whose, caller)
	case "team":
		if whose == "far" {
			return text(w.r.admin("POST", "/team/new",
				`{"team_alias":"far","models":["demo","spare"],"members_with_roles":[{"role":"user","user_id":"user-f"}]}`)["team_id"])
		}
		return w.newTeam(fmt.Sprintf("team-%d", w.number), w.org)
	case "org":
		return text(w.r.admin("POST", "/organization/new", `{"max_budget":1}`)["organization_id"])
	case "budget":
		return text(w.r.admin("POST", "/budget/new", `{"max_budget":1}`)["budget_id"])
	case "customer":
		id := fmt.Sprintf("customer-%d", w.number)
		w.r.admin("POST", "/customer/new", fmt.Sprintf(`{"user_id":%q}`, id))
		return id
	case "invitation":
		user := text(w.r.admin("POST", "/user/new", `{"auto_create_key":false}`)["user_id"])
		return text(w.r.admin("POST", "/invitation/new", fmt.Sprintf(`{"user_id":%q}`, user))["id"])
	case "model":
		info := `{}`
		if whose == "team" {
			info = fmt.Sprintf(`{"team_id":%q}`, w.team)
		}
		return text(w.r.admin("POST", "/model/new", `{"model_name":"stored","litellm_params":{"model":"openai/gpt-4o"},"model_info":`+info+`}`)["model_id"])
	case "group":
		name := fmt.Sprintf("group-%d", w.number)
		w.r.admin("POST", "/access_group/new", fmt.Sprintf(`{"access_group":%q,"model_names":["demo"]}`, name))
		return name
	}
	w.t.Fatalf("no %s %s can be made", whose, kind)
	return ""
}

func (w *cast) key(whose string, caller rune) string {
	body := `{}`
	switch whose {
	case "own":
		if id := w.ids[caller]; id != "" {
			body = fmt.Sprintf(`{"user_id":%q}`, id)
		}
	case "limited":
		body = `{"rpm_limit":10}`
		if id := w.ids[caller]; id != "" {
			body = fmt.Sprintf(`{"user_id":%q,"rpm_limit":10}`, id)
		}
	case "team":
		body = fmt.Sprintf(`{"user_id":"user-c","team_id":%q}`, w.team)
	case "service":
		body = fmt.Sprintf(`{"team_id":%q}`, w.team)
	case "far":
		body = `{"user_id":"user-f"}`
	}
	return text(w.r.admin("POST", "/key/generate", body)["token"])
}

// unchanged looks at what only refused requests have named: it is all there, as it was made.
func (w *cast) unchanged() {
	for what, id := range w.shared {
		kind, _, _ := strings.Cut(what[strings.IndexByte(what, ' ')+1:], " ")
		switch kind {
		case "key":
			info, _ := w.r.admin("GET", "/key/info?key="+id, "")["info"].(map[string]any)
			if fmt.Sprint(info["metadata"], info["blocked"], info["max_budget"]) != "map[] <nil> <nil>" {
				w.t.Errorf("%s was changed by a refused request: %v", what, info)
			}
		case "team":
			info, _ := w.r.admin("GET", "/team/info?team_id="+id, "")["team_info"].(map[string]any)
			if fmt.Sprint(info["metadata"], info["blocked"], info["models"]) != "map[] false [demo spare]" {
				w.t.Errorf("%s was changed by a refused request: %v", what, info)
			}
		case "budget":
			w.r.admin("GET", "/budget/settings?budget_id="+id, "")
		case "customer":
			w.r.admin("GET", "/customer/info?end_user_id="+id, "")
		}
	}
}
