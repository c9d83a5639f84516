package portal_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"gatehouse/app/access"
	"gatehouse/app/portal"
	"gatehouse/models"
)

// writing is a change that some page offers: where it is sent, and the action that its route asks for.
type writing struct {
	path   string
	action access.Action
}

// offered reads the changes off a page: forms that post, and links to a page whose form posts to the same address.
func offered(doc *goquery.Document, actions map[string]access.Action) []writing {
	var out []writing
	add := func(raw string) {
		path, _, _ := strings.Cut(raw, "?")
		action := actionOf(actions, path)
		if action == "" || !strings.HasPrefix(path, "/ui/") || slices.Contains([]string{"/ui/preferences", "/ui/keys/bulk", "/ui/keys/find", "/ui/playground"}, path) {
			return // public, a search, a choice of the browser, or judged row by row (TestKeyBulk)
		}
		out = append(out, writing{path, action})
	}
	doc.Find(`main form[method="post"]`).Each(func(_ int, s *goquery.Selection) { add(s.AttrOr("action", "")) })
	doc.Find("main a[href]").Each(func(_ int, s *goquery.Selection) {
		href := s.AttrOr("href", "")
		if last := href[strings.LastIndexByte(href, '/')+1:]; strings.HasPrefix(href, "/ui/keys/new") || strings.Contains(href, "/members/") ||
			slices.Contains([]string{"new", "block", "delete", "rotate", "invite", "import", "remove"}, strings.SplitN(last, "?", 2)[0]) {
			add(href)
		}
	})
	return out
}

// actionOf finds the action of the POST route that a path belongs to, "" for none.
func actionOf(actions map[string]access.Action, path string) access.Action {
	parts := strings.Split(path, "/")
	best, fixed := access.Action(""), -1
	for name, action := range actions {
		method, pattern, _ := strings.Cut(name, " ")
		want := strings.Split(pattern, "/")
		if method != http.MethodPost || len(want) != len(parts) {
			continue
		}
		same := 0
		for i := range want {
			if want[i] == parts[i] {
				same++
			} else if !strings.HasPrefix(want[i], ":") {
				same = -1
				break
			}
		}
		if same > fixed {
			best, fixed = action, same
		}
	}
	return best
}

// The role matrix as pages show it, generated: whatever change a page offers a person is one that Check allows them, and
// every change that only others are offered is refused when it is forced.
func TestRoleMatrixThroughPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	actions := new(portal.Handlers).Actions()
	keys := map[string]*models.Key{}
	for owner, inTeam := range map[string]bool{dev: true, lead: true, other: false, reader: false, admin: false} {
		k := r.key(owner, "of-"+owner, inTeam)
		keys[k.Key.ID] = &k.Key
	}
	people := map[string]access.Actor{
		admin: {UserID: admin, Role: models.RoleAdmin}, viewer: {UserID: viewer, Role: models.RoleAdminViewer}, reader: {UserID: reader, Role: models.RoleInternalViewer},
		dev:   {UserID: dev, Role: models.RoleInternalUser, Teams: map[string]models.TeamRole{team: models.TeamMember}},
		lead:  {UserID: lead, Role: models.RoleInternalUser, Teams: map[string]models.TeamRole{team: models.TeamAdmin}},
		other: {UserID: other, Role: models.RoleInternalUser},
	}
	shown := map[string]map[string]access.Action{}
	all := map[string]access.Action{}
	for who := range people {
		b, seen := r.as(who), map[string]access.Action{}
		for id := range keys {
			for _, list := range pagesOf(id) {
				for _, path := range list {
					if strings.Contains(path, ".csv") {
						continue
					}
					res := b.get(path)
					if res.status != http.StatusOK {
						continue // TestOthersSeeNothingOfIt holds these to what roles may see
					}
					for _, w := range offered(res.page(http.StatusOK), actions) {
						seen[w.path], all[w.path] = w.action, w.action
					}
				}
			}
		}
		shown[who] = seen
	}
	if len(all) < 25 {
		t.Fatalf("only %d changes were found on all pages: %v", len(all), all)
	}
	for who, actor := range people {
		for path, action := range shown[who] {
			if err := access.Role(actor, action); err != nil {
				t.Errorf("%s is offered %s, and %s refuses: %v", who, path, action, err)
			}
			var target access.Target
			parts := strings.Split(path, "/")
			switch key := keys[parts[min(3, len(parts)-1)]]; {
			case key != nil:
				target = access.Key(key)
			case strings.HasPrefix(path, "/ui/teams/"+team):
				target = access.Team(team, nil)
			default:
				continue
			}
			if err := access.Check(actor, action, target); err != nil {
				t.Errorf("%s is offered %s, and Check refuses: %v", who, path, err)
			}
		}
		b := r.as(who)
		for path := range all {
			if _, offer := shown[who][path]; offer {
				continue
			}
			if res := b.post(path, url.Values{}); res.status != http.StatusForbidden && res.status != http.StatusNotFound {
				t.Errorf("%s is not offered %s, but forcing it gives %d %s", who, path, res.status, res.header.Get("Location"))
			}
		}
	}
}
