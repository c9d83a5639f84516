package portal_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// pagesOf are the portal's pages, with an id where one is needed.
func pagesOf(key string) map[string][]string {
	return map[string][]string{
		"all": {
			"/ui/", "/ui/tiles", "/ui/keys", "/ui/keys.csv", "/ui/keys/" + key, "/ui/keys/" + key + "?tab=usage", "/ui/keys/" + key + "?tab=settings",
			"/ui/keys/" + key + "?tab=activity", "/ui/keys/" + key + "/check?model=claude", "/ui/account", "/ui/teams", "/ui/teams/" + team,
			"/ui/teams/" + team + "?tab=keys", "/ui/teams/" + team + "?tab=settings", "/ui/usage", "/ui/usage?tab=models", "/ui/usage?tab=keys", "/ui/usage?tab=teams",
			"/ui/usage?tab=users", "/ui/usage?tab=tags", "/ui/usage?tab=caching", "/ui/usage.csv", "/ui/logs", "/ui/logs/count?since=1", "/ui/models",
			"/ui/models/gpt-5-mini", "/ui/models/meta-llama/llama-3.3-70b", "/ui/api",
		},
		"admins": {
			"/ui/users", "/ui/users/" + dev, "/ui/budgets", "/ui/audit", "/ui/audit.csv", "/ui/settings", "/ui/settings/general", "/ui/settings/sign-in",
			"/ui/settings/mail", "/ui/settings/keys", "/ui/settings/logging", "/ui/settings/alerts",
		},
		"writers": {"/ui/playground", "/ui/keys/new"},
		"writing admins": {
			"/ui/users/invite", "/ui/users/import", "/ui/users/import.csv", "/ui/users/" + dev + "/delete", "/ui/teams/new", "/ui/teams/" + team + "/delete",
			"/ui/teams/" + team + "/members/" + dev, "/ui/teams/" + team + "/members/" + dev + "/remove", "/ui/deployments/new", "/ui/budgets/new",
		},
	}
}

// writes are POSTs that a role which only looks must not get through.
func writes(key string) []string {
	return []string{
		"/ui/keys/" + key, "/ui/keys/bulk", "/ui/keys/" + key + "/delete", "/ui/teams/new", "/ui/teams/" + team, "/ui/teams/" + team + "/block",
		"/ui/teams/" + team + "/unblock", "/ui/teams/" + team + "/delete", "/ui/teams/" + team + "/members", "/ui/teams/" + team + "/members/" + dev,
		"/ui/teams/" + team + "/members/" + dev + "/remove", "/ui/users/invite", "/ui/users/import", "/ui/users/" + dev, "/ui/users/" + dev + "/block",
		"/ui/users/" + dev + "/unblock", "/ui/users/" + dev + "/invite", "/ui/users/" + dev + "/sessions/end", "/ui/users/" + dev + "/delete", "/ui/deployments/new",
		"/ui/deployments/d1", "/ui/deployments/d1/delete", "/ui/playground", "/ui/playground/stream", "/ui/budgets/new", "/ui/budgets/b",
		"/ui/budgets/b/delete",
	}
}

func TestNobodyIsSentToSignIn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	nobody := r.as("")
	for kind, list := range pagesOf("k") {
		for _, path := range list {
			res := nobody.get(path)
			want := "/login?next=" + url.QueryEscape(path)
			if res.status != http.StatusSeeOther || res.header.Get("Location") != want {
				t.Errorf("%s %s: %d to %q", kind, path, res.status, res.header.Get("Location"))
			}
			part := nobody.part(path)
			if part.status != http.StatusUnauthorized || part.header.Get("HX-Redirect") != want || part.body != "" && strings.Contains(part.body, "<") {
				t.Errorf("%s %s for HTMX: %d, HX-Redirect %q, body %q", kind, path, part.status, part.header.Get("HX-Redirect"), clip(part.body))
			}
		}
	}
	for _, path := range append(writes("k"), "/ui/account", "/ui/account/password", "/ui/account/sessions/end", "/ui/keys/find") {
		if res := nobody.post(path, nil); res.status != http.StatusSeeOther || !strings.HasPrefix(res.header.Get("Location"), "/login?next=") {
			t.Errorf("POST %s: %d to %q", path, res.status, res.header.Get("Location"))
		}
	}
}

func TestViewersWriteNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	k := r.key(dev, "web", true)
	for _, who := range []string{viewer, reader} {
		b := r.as(who)
		for _, path := range writes(k.Key.ID) {
			if res := b.post(path, url.Values{"action": {"delete"}, "keys": {k.Key.ID}, "confirmed": {"true"}}); res.status != http.StatusForbidden {
				t.Errorf("%s: POST %s: %d, want 403: %s", who, path, res.status, clip(res.body))
			}
		}
		for _, path := range append(pagesOf(k.Key.ID)["writing admins"], "/ui/playground") {
			if res := b.get(path); res.status != http.StatusForbidden {
				t.Errorf("%s: GET %s: %d, want 403", who, path, res.status)
			}
		}
	}
	if _, err := r.store.Key(t.Context(), k.Key.ID); err != nil {
		t.Fatalf("the key is gone: %v", err)
	}
	if u, err := r.store.User(t.Context(), dev); err != nil || u.Blocked {
		t.Fatalf("the person was touched: %v %v", u, err)
	}
}

func TestOthersSeeNothingOfIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	k := r.key(dev, "web", true)
	r.spend(&k.Key, "01CALL", now, 5)
	b := r.as(other)
	for path, want := range map[string]int{
		"/ui/keys/" + k.Key.ID: 404, "/ui/keys/" + k.Key.ID + "/check?model=claude": 404, "/ui/keys/no-such-key": 404, "/ui/teams/" + team: 404, "/ui/teams/nope": 404,
		"/ui/logs?log=01CALL": 404, "/ui/logs/01CALL/body": 404, "/ui/users/" + dev: 404, "/ui/audit": 403, "/ui/budgets": 403, "/ui/settings/general": 403,
		"/ui/usage?team_id=" + team: 403, "/ui/usage?user_id=" + dev: 403, "/ui/logs?user_id=" + dev: 403, "/ui/usage.csv?team_id=" + team: 403, "/ui/users": 403,
	} {
		if res := b.get(path); res.status != want {
			t.Errorf("%s: %d, want %d", path, res.status, want)
		}
	}
	for _, path := range []string{"/ui/keys/" + k.Key.ID, "/ui/keys/" + k.Key.ID + "/delete", "/ui/keys/" + k.Key.ID + "/rotate", "/ui/teams/" + team, "/ui/teams/" + team + "/members"} {
		if res := b.post(path, url.Values{"key_alias": {"mine"}}); res.status != 404 && res.status != 403 {
			t.Errorf("POST %s: %d", path, res.status)
		}
	}
	doc := b.get("/ui/keys").page(200)
	if strings.Contains(doc.Text(), "web") && doc.Find("#key-"+k.Key.ID).Length() > 0 {
		t.Error("the list shows a foreign key")
	}
}

// Every page that a role may open answers 200, or sends on to a page that does.
func TestEveryPageOpens(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	k := r.key(dev, "web", true)
	r.spend(&k.Key, "01CALL", now, 5_000_000)
	for who, kinds := range map[string][]string{
		admin: {"all", "admins", "writers", "writing admins"}, viewer: {"all", "admins"}, dev: {"all", "writers"}, lead: {"all", "writers"}, reader: {"all"},
	} {
		b := r.as(who)
		paths := pagesOf(k.Key.ID)
		for _, kind := range kinds {
			for _, path := range paths[kind] {
				if who == reader && strings.Contains(path, k.Key.ID) {
					continue // a key of somebody else in the team
				}
				res := b.get(path)
				if res.status != 200 && res.status != 302 {
					t.Errorf("%s: %s: %d: %s", who, path, res.status, clip(res.body))
					continue
				}
				if part := b.part(path); part.status != 200 && part.status != 302 {
					t.Errorf("%s: part of %s: %d", who, path, part.status)
				} else if strings.Contains(part.body, "<!DOCTYPE") && strings.Contains(path, "?tab=") {
					t.Errorf("%s: %s gives HTMX a whole page", who, path)
				}
			}
		}
	}
	if r.log.Len() > 0 {
		t.Errorf("the log has warnings: %s", clip(r.log.String()))
	}
}

func TestViewersSeeNoWriteControl(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	k := r.key(reader, "mine", false)
	r.key(dev, "web", true)
	r.spend(&k.Key, "01CALL", now, 5)
	for who, paths := range map[string][]string{
		viewer: append(pagesOf(k.Key.ID)["all"], pagesOf(k.Key.ID)["admins"]...), reader: pagesOf(k.Key.ID)["all"],
	} {
		b := r.as(who)
		for _, path := range paths {
			if strings.Contains(path, ".csv") || strings.HasPrefix(path, "/ui/account") || path == "/ui/settings" || path == "/ui/tiles" {
				continue // the account is their own
			}
			doc := b.get(path).page(200)
			main := doc.Find("main")
			if n := main.Find(`form[method="post"][action^="/ui/"]`).Length(); n > 0 {
				t.Errorf("%s: %s has %d forms that write: %s", who, path, n, clip(text(main)))
			}
			for _, href := range []string{"/new", "/rotate", "/block", "/delete", "/invite", "/import"} {
				if n := main.Find(`a[href$="` + href + `"]`).Length(); n > 0 {
					t.Errorf("%s: %s links to %s", who, path, href)
				}
			}
			if n := main.Find("[data-bulk-item], [data-bulk]").Length(); n > 0 {
				t.Errorf("%s: %s has bulk actions", who, path)
			}
		}
	}
}

func TestOldLinks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.as(admin)
	for page, want := range map[string]string{
		"api-keys": "/ui/keys", "new_usage": "/ui/usage", "usage": "/ui/usage", "models": "/ui/models", "teams": "/ui/teams", "users": "/ui/users", "logs": "/ui/logs",
		"llm-playground": "/ui/playground", "api_ref": "/ui/api", "api-reference": "/ui/api", "budgets": "/ui/budgets", "caching": "/ui/usage?tab=caching",
		"admin-panel": "/ui/settings/general", "settings": "/ui/settings/general",
	} {
		if res := b.get("/ui/?page=" + page); res.status != http.StatusFound || res.header.Get("Location") != want {
			t.Errorf("%s: %d to %q, want %q", page, res.status, res.header.Get("Location"), want)
		}
	}
	if res := b.get("/ui/?page=https://evil.example"); res.status != 200 {
		t.Errorf("an unknown page: %d to %q", res.status, res.header.Get("Location"))
	}
	head := b.send(httptest.NewRequest(http.MethodHead, "/ui/account", nil))
	if head.status != http.StatusNoContent {
		t.Errorf("staying signed in: %d", head.status)
	}
}
