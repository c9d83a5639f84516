package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"gatehouse/app/access"
	"gatehouse/app/config"
	"gatehouse/app/control"
	"gatehouse/models"
	"gatehouse/models/duration"
)

// bounded is an operator's upper bound on keys, and a rule that members of the team make none.
func bounded(r *rig) {
	most, rate := 100*models.USD, int64(600)
	ninety, err := duration.Parse("90d")
	if err != nil {
		r.t.Fatal(err)
	}
	r.policy.LiteLLM.UpperBound = &config.UpperBound{MaxBudget: &most, RPMLimit: &rate, Duration: ninety}
}

// Every message of ui.md §5, word for word: the form comes back as 422 with what was typed, the message stands at its field,
// and the field says that it is the bad one.
func TestFormMessages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, field, value, says string
		more                     url.Values
		adjust                   func(*rig)
	}{
		{name: "no name", field: "key_alias", value: "", says: "Give the key a name."},
		{name: "a name too long", field: "key_alias", value: strings.Repeat("x", 81), says: "Use at most 80 characters."},
		{name: "a name that is taken", field: "key_alias", value: "taken", says: "'taken' is taken by another key."},
		{name: "a model that the team may not call", field: "models", value: "claude", says: "claude is not in Checkout's list.", more: url.Values{"owner": {"team"}, "team_id": {team}}},
		{name: "no amount", field: "max_budget", value: "much", says: "Enter an amount like 25 or 0.50."},
		{name: "an amount below nothing", field: "max_budget", value: "-1", says: "Enter an amount like 25 or 0.50."},
		{name: "an amount over the bound", field: "max_budget", value: "100.01", says: "The most your admin allows is $100.00.", adjust: bounded},
		{name: "a past day", field: "expires_at", value: "2026-11-20", says: "Pick a time in the future.", more: url.Values{"duration": {"custom"}}},
		{name: "no day", field: "expires_at", value: "soon", says: "Pick a date.", more: url.Values{"duration": {"custom"}}},
		{name: "a day beyond the bound", field: "expires_at", value: "2027-11-20", says: "Keys may live for 90 days at most.", more: url.Values{"duration": {"custom"}}, adjust: bounded},
		{name: "a choice beyond the bound", field: "duration", value: "120d", says: "Keys may live for 90 days at most.", adjust: bounded},
		{name: "a broken rate", field: "rpm_limit", value: "1.5", says: "Enter a whole number, or leave it empty for no limit."},
		{name: "a rate of nothing", field: "tpm_limit", value: "0", says: "Enter a whole number, or leave it empty for no limit."},
		{name: "no number at once", field: "max_parallel_requests", value: "many", says: "Enter a whole number, or leave it empty for no limit."},
		{name: "a rate over the bound", field: "rpm_limit", value: "601", says: "The most your admin allows is 600.", adjust: bounded},
		{name: "JSON without a comma", field: "metadata", value: "{\n \"a\": 1\n \"b\": 2\n}", says: "Line 3: a comma is missing."},
		{name: "JSON that ends early", field: "metadata", value: "{\n \"a\":", says: "Line 2: the text ends too early."},
		{name: "JSON with a word too many", field: "metadata", value: "{\"a\": yes}", says: "Line 1: 'y' does not belong here."},
		{name: "JSON that is no object", field: "metadata", value: "[1]", says: "Enter a JSON object"},
		{name: "metadata over 16 KB", field: "metadata", value: `{"a":"` + strings.Repeat("x", 16<<10) + `"}`, says: "Use at most 16 KB."},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var adjust []func(*rig)
			if c.adjust != nil {
				adjust = append(adjust, c.adjust)
			}
			r := newRig(t, adjust...)
			r.key(other, "taken", false)
			b := r.as(dev)
			for _, partial := range []bool{false, true} {
				sent := b.get("/ui/keys/new").form("form.key-form")
				sent.Set("key_alias", "fresh")
				for name, values := range c.more {
					sent[name] = values
				}
				sent.Set(c.field, c.value)
				var headers []string
				if partial {
					headers = []string{"HX-Request", "true"}
				}
				doc := b.post("/ui/keys/new", sent, headers...).page(http.StatusUnprocessableEntity)
				if got := text(doc.Find("#" + c.field + "-error")); !strings.HasPrefix(got, c.says) {
					t.Errorf("partial %v: the field says %q, want %q", partial, got, c.says)
				}
				if doc.Find(`[aria-invalid="true"], [data-invalid="true"]`).Length() == 0 {
					t.Errorf("partial %v: no field is marked", partial)
				}
				field := doc.Find("#" + c.field)
				kept := field.AttrOr("value", "")
				if field.Is("textarea") {
					kept = field.Text()
				}
				if !field.Is("select") && c.field != "models" && kept != c.value {
					t.Errorf("partial %v: the field holds %q", partial, kept)
				}
				if c.field != "key_alias" && doc.Find("#key_alias").AttrOr("value", "") != "fresh" {
					t.Errorf("partial %v: the name is lost", partial)
				}
			}
			keys, err := r.services.Keys.List(t.Context(), actorOf(admin), control.KeyQuery{Page: 1, Size: 10, All: true})
			if err != nil || keys.Total != 1 {
				t.Errorf("a key was made: %d, %v", keys.Total, err)
			}
		})
	}
}

// Two mistakes stand in a summary on top, in the order of the form, each leading to its field.
func TestErrorSummary(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.as(dev)
	sent := b.get("/ui/keys/new").form("form.key-form")
	sent.Set("rpm_limit", "x")
	sent.Set("max_budget", "x")
	sent.Set("key_alias", "")
	doc := b.post("/ui/keys/new", sent).page(http.StatusUnprocessableEntity)
	var links []string
	for _, n := range doc.Find(`[role="alert"] a`).Nodes {
		links = append(links, doc.FindNodes(n).AttrOr("href", ""))
	}
	if got := strings.Join(links, " "); got != "#key_alias #max_budget #rpm_limit" {
		t.Errorf("the summary leads to %q", got)
	}
	has(t, doc, "3 things need a change:")
	if doc.Find("details.fold[open]").Length() != 1 {
		t.Error("the bad field is folded away")
	}
}

// A team in which one may not make keys says whom to ask.
func TestTeamThatLetsMembersMakeNoKeys(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	none := []string{"/key/info"}
	if _, err := r.services.Teams.SetPermissions(t.Context(), actorOf(admin), team, none); err != nil {
		t.Fatal(err)
	}
	b := r.as(dev)
	doc := b.post("/ui/keys/new", url.Values{"key_alias": {"fresh"}, "owner": {"team"}, "team_id": {team}, "nonce": {"n-1"}}).page(http.StatusUnprocessableEntity)
	has(t, doc, "You can't create keys in Checkout. Ask u-lead@acme.example.")
	form := b.get("/ui/keys/new").page(200)
	has(t, form, "Only the admins of this team may create keys in it.")
}

// Refusals of whole pages and of writes: who says no, and what to do.
func TestRefusalsSayWhoCan(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	k := r.key(dev, "web", true)
	r.spend(&k.Key, "01CALL", now, 5)
	for _, c := range []struct {
		who, method, path, lang string
		status                  int
		says                    []string
	}{
		{dev, "GET", "/ui/audit", "en", 403, []string{"This page needs the role Admin or Admin viewer.", "Ask u-admin@acme.example."}},
		{dev, "GET", "/ui/users/invite", "en", 403, []string{"This page needs the role Admin.", "Ask u-admin@acme.example."}},
		{viewer, "GET", "/ui/playground", "en", 403, []string{"This page needs the role Admin or Internal user."}},
		{dev, "GET", "/ui/budgets", "zh-CN", 403, []string{"无权访问", "管理员", "请联系 u-admin@acme.example。"}},
		{viewer, "POST", "/ui/keys/" + k.Key.ID + "/block", "en", 403, []string{"You may see this, but not change it. u-admin@acme.example can."}},
		{viewer, "POST", "/ui/teams/new", "en", 403, []string{"You may see this, but not change it. u-admin@acme.example can."}},
		{other, "GET", "/ui/keys/" + k.Key.ID, "en", 404, []string{"This key does not exist, or you may not see it."}},
		{other, "GET", "/ui/teams/" + team, "en", 404, []string{"This team does not exist, or you may not see it."}},
		{admin, "GET", "/ui/users/nobody", "en", 404, []string{"This user does not exist, or you may not see them."}},
		{dev, "GET", "/ui/nothing", "en", 404, []string{"This page does not exist, or you may not see it."}},
		{dev, "GET", "/ui/nothing", "zh-CN", 404, []string{"此页面不存在，或您无权查看。"}},
	} {
		b := r.as(c.who)
		b.cookie += "; gh_lang=" + c.lang
		for _, partial := range []bool{false, true} {
			var headers []string
			if partial {
				headers = []string{"HX-Request", "true"}
			}
			var got *answer
			switch {
			case c.method == "POST":
				got = b.post(c.path, nil, headers...)
			case partial:
				got = b.part(c.path)
			default:
				got = b.get(c.path)
			}
			doc := got.page(c.status)
			said := text(doc.Selection)
			for _, want := range c.says {
				if partial && want == "无权访问" {
					continue // the title of a page
				}
				if !strings.Contains(said, want) {
					t.Errorf("%s %s %s, partial %v: %q is not said: %s", c.who, c.method, c.path, partial, want, clip(said))
				}
			}
			if partial {
				if got.header.Get("HX-Retarget") != "#alerts" || doc.Find("[data-toast]").Length() != 1 {
					t.Errorf("%s %s: no notice for HTMX: %s", c.method, c.path, clip(got.body))
				}
			} else if doc.Find("#sidebar").Length() != 1 || doc.Find("h1").Length() != 1 {
				t.Errorf("%s %s: the frame is gone", c.method, c.path)
			}
		}
	}
}

// A form that was opened before somebody else changed the thing comes back with what was typed.
func TestConflictKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	k := r.key(dev, "web", true)
	path := "/ui/keys/" + k.Key.ID
	for _, b := range []*browser{r.as(dev), r.as(admin)} {
		sent := b.get(path + "?tab=settings").form("#tab form")
		sent.Set("version", "1")
		sent.Set("key_alias", "my new name")
		doc := b.post(path, sent).page(http.StatusUnprocessableEntity)
		has(t, doc, "Someone changed this at 21 November 2026", "Reload to see it; your text is kept below.")
		if got := doc.Find("#key_alias").AttrOr("value", ""); got != "my new name" {
			t.Errorf("the name is %q", got)
		}
	}
}

// A blocked person is told so once they have proved who they are, and whom to ask.
func TestBlockedAccount(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	in := control.UserUpdate{ID: dev}
	in.Password = control.Some("a-long-enough-password")
	if _, err := r.services.Users.Update(ctx, actorOf(admin), in); err != nil {
		t.Fatal(err)
	}
	block := control.UserUpdate{ID: dev}
	block.Blocked = control.Some(true)
	if _, err := r.services.Users.Update(ctx, actorOf(admin), block); err != nil {
		t.Fatal(err)
	}
	nobody := r.as("")
	doc := nobody.post("/login", url.Values{"username": {dev + "@acme.example"}, "password": {"a-long-enough-password"}}, "Accept", "text/html").page(http.StatusForbidden)
	has(t, doc, "Your account is blocked. Ask your admin.")
	wrong := nobody.post("/login", url.Values{"username": {dev + "@acme.example"}, "password": {"wrong"}}, "Accept", "text/html").page(http.StatusUnauthorized)
	has(t, wrong, "Email or password is wrong.")
	if got := wrong.Find("#username").AttrOr("value", ""); got != dev+"@acme.example" {
		t.Errorf("the name is %q", got)
	}
}

// Duplicating a key takes its settings along, and neither its end nor its secret.
func TestDuplicate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	k := r.key(dev, "web", true, func(in *control.NewKey) {
		in.MaxBudget, in.RPMLimit, in.Tags = control.Some(10*models.USD), control.Some[int64](60), control.Some([]string{"prod", "eu"})
		in.Metadata, in.Models = control.Some(models.JSON(`{"app":"ci"}`)), control.Some([]string{"gpt-5-mini"})
		in.Aliases = control.Some(map[string]string{"fast": "gpt-5-mini"})
		in.Duration = control.Some("30d")
	})
	form := r.as(dev).get("/ui/keys/new?from=" + k.Key.ID).form("form.key-form")
	for field, want := range map[string]string{
		"key_alias": "web-copy", "owner": "team", "team_id": team, "max_budget": "10.00", "rpm_limit": "60", "tags": "prod, eu", "aliases": "fast = gpt-5-mini",
		"models": "gpt-5-mini", "duration": "", "metadata": "{\n  \"app\": \"ci\"\n}",
	} {
		if got := form.Get(field); got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
}

// actorOf is an admin of the rig as services know them.
func actorOf(id string) access.Actor { return access.Actor{UserID: id, Role: models.RoleAdmin} }

// What a row's act answers to HTMX: the row again with a notice whose button works, or that the key is gone.
func TestRowActs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	k := r.key(dev, "web", true)
	b := r.as(admin)
	path := "/ui/keys/" + k.Key.ID + "/block"
	done := b.post(path, url.Values{"reason": {"lost"}}, "HX-Request", "true")
	if done.status != http.StatusOK || !strings.HasPrefix(strings.TrimSpace(done.body), "<tr ") {
		t.Fatalf("%d: %s", done.status, clip(done.body))
	}
	// Beside a row the parser takes a form apart unless it stands in a template.
	_, notice, found := strings.Cut(done.body, "<template>")
	if !found || !strings.Contains(notice, `hx-swap-oob="beforeend:#toasts"`) || !strings.Contains(notice, `hx-post="/ui/keys/`+k.Key.ID+`/unblock"`) {
		t.Errorf("the notice is %s", clip(notice))
	}
	if _, err := r.services.Keys.Delete(t.Context(), actorOf(admin), []string{control.ByID(k.Key.ID)}); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{path, "/ui/keys/" + k.Key.ID + "/unblock"} {
		res := b.post(gone, nil, "HX-Request", "true")
		if res.status != http.StatusOK || !strings.Contains(res.body, `id="key-`+k.Key.ID+`"`) || !strings.Contains(res.body, "This key was deleted.") {
			t.Errorf("%s: %d: %s", gone, res.status, clip(res.body))
		}
	}
}

// A form that is sent twice makes one key, and leads to where a lost one is made anew.
func TestFormSentTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.as(dev)
	sent := b.get("/ui/keys/new").form("form.key-form")
	sent.Set("key_alias", "once")
	first := b.post("/ui/keys/new", sent).page(http.StatusOK)
	if first.Find("#secret").Length() != 1 || first.Find(`a[href^="/ui/playground?key="]`).Length() != 1 {
		t.Error("no secret, or no way to try it")
	}
	again := b.post("/ui/keys/new", sent).page(http.StatusConflict)
	has(t, again, "This key was already shown. Rotate it if you lost it.")
	has(t, b.post("/ui/keys/new", sent, "HX-Request", "true").page(http.StatusUnprocessableEntity), "This key was already shown.")
	if again.Find(`a[href^="/ui/keys/"][href$="/rotate"]`).Length() != 1 || again.Find("#secret").Length() != 0 {
		t.Error("no way to rotate it, or the secret again")
	}
}

// An empty budget becomes the admin's bound, and the copy-once view says so.
func TestEmptyBudgetBecomesTheBound(t *testing.T) {
	t.Parallel()
	r := newRig(t, bounded)
	b := r.as(dev)
	sent := b.get("/ui/keys/new").form("form.key-form")
	sent.Set("key_alias", "bounded")
	has(t, b.post("/ui/keys/new", sent).page(http.StatusOK), "Budget was lowered to $100.00, the most your admin allows.")
}
