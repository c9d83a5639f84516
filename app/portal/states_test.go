package portal_test

import (
	"database/sql"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	_ "modernc.org/sqlite" // a second way into a test's database

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/models"
)

// place is one list or panel and what it shows in each of its states (ui.md §7). A field that is empty names a state that the
// place cannot be in, and says why where that is not plain.
type place struct {
	name, path string
	part       string   // selector of the list or panel
	who        string   // who looks at it while it is empty
	empty      string   // words while there is nothing
	button     string   // href of the one button beside them; "" where the person may do nothing about it, or there is nothing to do
	filter     string   // query that nothing matches
	none       string   // words then
	clear      string   // href of "Clear filters"
	tables     []string // taken away to make it fail
	failed     string   // words then
	denied     []string // who may not see it
	needs      string   // the role that they are told
	old        bool     // says when its numbers are late
}

func places(key string) []place {
	detail := "/ui/keys/" + key
	return []place{
		{
			name: "keys", path: "/ui/keys", part: "#list", who: other, empty: "No keys yet. A key lets an app call your models.", button: "/ui/keys/new", filter: "q=nothing-like-it", none: "No keys match.",
			clear: "/ui/keys", tables: []string{"keys"}, failed: "API keys could not be loaded.", old: true,
		},
		{
			name: "logs", path: "/ui/logs", part: "#list", who: other, empty: "No requests in this range.", filter: "model=nothing-like-it", none: "No requests match.", clear: "/ui/logs", tables: []string{"spend_records"},
			failed: "Logs could not be loaded.", old: true,
		},
		{name: "usage", path: "/ui/usage", part: "#usage", who: other, empty: "No usage in this range.", tables: []string{"daily_spend"}, failed: "Usage could not be loaded.", old: true},
		{name: "usage by model", path: "/ui/usage?tab=models", part: "#usage", who: other, empty: "No usage in this range.", tables: []string{"daily_spend"}, failed: "Usage could not be loaded.", old: true},
		{name: "usage by tag", path: "/ui/usage?tab=tags", part: "#usage", who: other, empty: "No usage in this range.", tables: []string{"daily_tags"}, failed: "Usage could not be loaded.", old: true},
		{name: "caching", path: "/ui/usage?tab=caching", part: "#usage", who: other, empty: "No usage in this range.", tables: []string{"daily_spend"}, failed: "Usage could not be loaded.", old: true},
		{
			name: "models", path: "/ui/models", part: "#list", filter: "q=nothing-like-it", none: "No models match.", clear: "/ui/models", old: true,
		},
		{
			name: "teams", path: "/ui/teams", part: "#list", filter: "q=nothing-like-it", none: "No teams match.", clear: "/ui/teams", tables: []string{"counters"}, failed: "Teams could not be loaded.", old: true,
		},
		{
			name: "users", path: "/ui/users", part: "#list", filter: "q=nothing-like-it", none: "No users match.", clear: "/ui/users", tables: []string{"counters"}, failed: "Users could not be loaded.",
			denied: []string{dev, reader}, needs: "This page needs the role Admin or Admin viewer.", old: true,
		},
		{
			name: "budgets", path: "/ui/budgets", part: "#list", who: admin, empty: "No budgets yet", button: "/ui/budgets/new", tables: []string{"budgets"}, failed: "Budgets could not be loaded.",
			denied: []string{dev, lead, reader}, needs: "This page needs the role Admin or Admin viewer.", old: true,
		},
		{
			name: "audit log", path: "/ui/audit", part: "#list", filter: "q=nothing-like-it", none: "No entries match.", clear: "/ui/audit", tables: []string{"audit_log"}, failed: "Audit log could not be loaded.",
			denied: []string{dev, lead, reader}, needs: "This page needs the role Admin or Admin viewer.",
		},
		{name: "settings", path: "/ui/settings/general", part: "#section", denied: []string{dev, lead, reader}, needs: "This page needs the role Admin or Admin viewer."},
		{name: "playground", path: "/ui/playground", part: "main", denied: []string{viewer, reader}, needs: "This page needs the role Admin or Internal user."},
		{name: "importing users", path: "/ui/users/import", part: "main", denied: []string{viewer, dev, reader}, needs: "This page needs the role Admin."},
		{name: "overview: spend", path: "/ui/", part: "#spend", who: other, empty: "No usage in this range.", tables: []string{"daily_spend"}, failed: "Spend, last 30 days could not be loaded.", old: true},
		{
			name: "overview: last keys", path: "/ui/", part: `section:has(#last-keys)`, who: other, empty: "No keys yet. A key lets an app call your models.", button: "/ui/keys/new", tables: []string{"keys"},
			failed: "Recently used keys could not be loaded.", old: true,
		},
		{name: "overview: needs attention", path: "/ui/", part: `section:has(#attention)`, who: other, empty: "Nothing needs you.", tables: []string{"keys"}, failed: "Needs attention could not be loaded.", old: true},
		{name: "overview: provider errors", path: "/ui/", part: `section:has(#provider-errors)`, who: admin, empty: "No provider errors.", tables: []string{"spend_records"}, failed: "Provider errors, last 24 h could not be loaded.", old: true},
		{name: "overview: top teams", path: "/ui/", part: `section:has(#top-teams)`, who: admin, empty: "No usage in this range.", tables: []string{"daily_spend"}, failed: "Top teams could not be loaded.", old: true},
		{name: "a key: last requests", path: detail, part: `section:has(#recent)`, who: dev, empty: "No requests yet.", tables: []string{"spend_records"}, failed: "web could not be loaded.", old: true},
		{name: "a key: usage", path: detail + "?tab=usage", part: "#tab", who: dev, empty: "No usage in this range.", tables: []string{"daily_spend"}, failed: "web could not be loaded.", old: true},
		{name: "a key: activity", path: detail + "?tab=activity", part: "#tab", tables: []string{"audit_log"}, failed: "web could not be loaded.", old: true},
		{name: "a team: keys", path: "/ui/teams/" + team + "?tab=keys", part: "main", tables: []string{"keys"}, failed: "Something went wrong", old: true},
	}
}

// withoutTables takes tables away from under the rig's store, as a database does that is being repaired.
func (r *rig) withoutTables(names ...string) {
	r.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(r.dir, "gatehouse.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		r.t.Fatal(err)
	}
	for _, name := range names {
		if _, err := db.ExecContext(r.t.Context(), "PRAGMA legacy_alter_table=ON"); err != nil {
			r.t.Fatal(err)
		}
		if _, err := db.ExecContext(r.t.Context(), "ALTER TABLE "+name+" RENAME TO "+name+"_away"); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		r.t.Fatal(err)
	}
}

func partOf(t *testing.T, doc *goquery.Document, p place) *goquery.Selection {
	t.Helper()
	part := doc.Find(p.part).First()
	if part.Length() == 0 {
		t.Fatalf("%s: there is no %s", p.name, p.part)
	}
	return part
}

func TestEmptyFirstTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	k := r.key(dev, "web", false)
	for _, p := range places(k.Key.ID) {
		if p.empty == "" {
			continue
		}
		part := partOf(t, r.as(p.who).get(p.path).page(http.StatusOK), p)
		if said := text(part); !strings.Contains(said, p.empty) {
			t.Errorf("%s: %q is not said: %s", p.name, p.empty, clip(said))
		}
		if p.button != "" && part.Find(`a.btn[href="`+p.button+`"]`).Length() != 1 {
			t.Errorf("%s: no button leads to %s", p.name, p.button)
		}
	}
}

func TestEmptyByFilter(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	k := r.key(dev, "web", true)
	r.spend(&k.Key, "01CALL", now.Add(-time.Hour), 5)
	b := r.as(admin)
	for _, p := range places(k.Key.ID) {
		if p.none == "" {
			continue
		}
		address := p.path + "?" + p.filter
		for _, partial := range []bool{false, true} {
			got := b.get(address)
			if partial {
				got = b.part(address)
			}
			part := partOf(t, got.page(http.StatusOK), p)
			if said := text(part); !strings.Contains(said, p.none) {
				t.Errorf("%s, partial %v: %q is not said: %s", p.name, partial, p.none, clip(said))
			}
			way := part.Find(`a.btn[href="` + p.clear + `"]`)
			if way.Length() != 1 || text(way) != "Clear filters" {
				t.Errorf("%s, partial %v: nothing clears the filters", p.name, partial)
			}
		}
	}
}

// A store that fails: the place says what failed, has Retry to the same address and the request ID, and the frame stands.
func TestEveryPlaceCanFail(t *testing.T) {
	t.Parallel()
	for _, p := range places("") {
		if p.failed == "" {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			k := r.key(dev, "web", true)
			b := r.as(admin)
			list := places(k.Key.ID)
			p := list[slices.IndexFunc(list, func(o place) bool { return o.name == p.name })]
			r.withoutTables(p.tables...)
			got := b.get(p.path)
			doc := got.page(http.StatusInternalServerError)
			if doc.Find("#sidebar nav a").Length() < 5 || doc.Find("h1").Length() != 1 {
				t.Errorf("the frame is gone: %s", clip(text(doc.Selection)))
			}
			has(t, doc, p.failed)
			if doc.Find(`main a.btn[href="`+p.path+`"]`).Length() == 0 || !strings.Contains(text(doc.Find("main")), "Retry") {
				t.Errorf("there is no Retry: %s", clip(text(doc.Find("main"))))
			}
			if id := got.header.Get("X-Request-Id"); id == "" || !strings.Contains(text(doc.Find("main")), id) {
				t.Errorf("the request ID %q is not on the page", id)
			}
			if strings.Contains(got.body, "no such table") {
				t.Error("the page holds the database's words")
			}
			part := b.part(p.path)
			if part.status != http.StatusInternalServerError || part.header.Get("HX-Retarget") != "#alerts" || !strings.Contains(part.body, part.header.Get("X-Request-Id")) {
				t.Errorf("for HTMX: %d, %s", part.status, clip(part.body))
			}
		})
	}
}

func TestNoPermission(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, p := range places("k") {
		for _, who := range p.denied {
			doc := r.as(who).get(p.path).page(http.StatusForbidden)
			has(t, doc, p.needs, "Ask u-admin@acme.example.")
			if doc.Find("#sidebar").Length() != 1 {
				t.Errorf("%s: %s loses the frame", p.name, who)
			}
			if base, _, _ := strings.Cut(p.path, "?"); doc.Find(`#sidebar nav a[href="`+base+`"]`).Length() != 0 {
				t.Errorf("%s: %s has it in the side bar", p.name, who)
			}
		}
	}
}

func TestLateNumbersAreTold(t *testing.T) {
	t.Parallel()
	var lag time.Duration
	r := newRig(t, func(r *rig) { r.extra.Lag = func() time.Duration { return lag } })
	k := r.key(dev, "web", true)
	b := r.as(admin)
	for _, p := range places(k.Key.ID) {
		if !p.old {
			continue
		}
		for _, c := range []struct {
			lag  time.Duration
			says bool
		}{{5 * time.Minute, false}, {6*time.Minute + 30*time.Second, true}} {
			lag = c.lag
			doc := b.get(p.path).page(http.StatusOK)
			if said := strings.Contains(text(doc.Find("main")), "Numbers are 6 minutes old."); said != c.says {
				t.Errorf("%s with a lag of %s: says so %v", p.name, c.lag, said)
			}
		}
	}
}

// With no database at all nobody is signed in, and the page still says what to do.
func TestNoDatabase(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.as(admin)
	r.withoutTables("sessions")
	got := b.get("/ui/keys")
	doc := got.page(http.StatusInternalServerError)
	has(t, doc, "Something went wrong", "Retry", got.header.Get("X-Request-Id"))
	if doc.Find(`a[href="/ui/keys"]`).Length() != 1 {
		t.Error("Retry leads elsewhere")
	}
}

// An empty list of models or teams is what a person meets who has no access yet.
func TestNothingToCall(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	in := control.UserUpdate{ID: other}
	in.Models = control.Some([]string{"no-default-models"})
	if _, err := r.services.Users.Update(t.Context(), access.Actor{UserID: admin, Role: models.RoleAdmin}, in); err != nil {
		t.Fatal(err)
	}
	b := r.as(other)
	has(t, b.get("/ui/models").page(http.StatusOK), "No models")
	form := b.get("/ui/keys/new").page(http.StatusOK)
	has(t, form, "No models here. Ask an admin for access.")
	doc := b.post("/ui/keys/new", url.Values{"key_alias": {"x"}, "models": {"claude"}, "nonce": {"n"}}).page(http.StatusUnprocessableEntity)
	has(t, doc, "You may not use claude.")
}
