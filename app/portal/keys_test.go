package portal_test

import (
	"context"
	"encoding/csv"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/portal"
	"gatehouse/models"
)

// form is what a browser would send of a page's form: every named field with its value.
func (a *answer) form(selector string) url.Values {
	a.t.Helper()
	doc := a.page(a.status)
	f := doc.Find(selector).First()
	if f.Length() == 0 {
		a.t.Fatalf("no form %s: %s", selector, clip(a.body))
	}
	out := url.Values{}
	for _, n := range f.Find("input, textarea, select").Nodes {
		s := doc.FindNodes(n)
		name := s.AttrOr("name", "")
		if name == "" {
			continue
		}
		switch n.Data {
		case "textarea":
			out.Add(name, s.Text())
		case "select":
			chosen := s.Find("option[selected]")
			if chosen.Length() == 0 {
				chosen = s.Find("option").First()
			}
			out.Add(name, chosen.AttrOr("value", text(chosen)))
		default:
			kind := s.AttrOr("type", "text")
			_, on := s.Attr("checked")
			if (kind == "checkbox" || kind == "radio") && !on {
				continue
			}
			out.Add(name, s.AttrOr("value", "on"))
		}
	}
	return out
}

func TestKeyDetail(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	k := r.key(dev, "web", true, func(in *control.NewKey) {
		in.MaxBudget, in.RPMLimit, in.Tags = control.Some(10*models.USD), control.Some[int64](60), control.Some([]string{"prod"})
	})
	r.spend(&k.Key, "01CALL", now.Add(-time.Hour), 9*models.USD)
	b := r.as(dev)
	doc := b.get("/ui/keys/" + k.Key.ID).page(200)
	if got := text(doc.Find("h1")); got != "web" {
		t.Errorf("the heading is %q", got)
	}
	has(t, doc, "Near limit", "$9.00", "of $10", "60", "set on this key", "set by team Checkout", "prod", "Checkout", "Last requests", "1,000 in, 100 out")
	body := b.get("/ui/keys/" + k.Key.ID).body
	if strings.Contains(body, k.Secret.Reveal()) {
		t.Error("the page holds the secret")
	}
	// The hash is the key's id in the API: it is there to be copied, and in no address.
	if doc.Find(`[data-copy="`+k.Key.Hash+`"]`).Length() != 1 {
		t.Error("the key's id cannot be copied")
	}
	for _, n := range doc.Find("[href], [action], [hx-get], [hx-post]").Nodes {
		for _, a := range n.Attr {
			if strings.Contains(a.Val, k.Key.Hash) {
				t.Errorf("%s=%q holds the hash", a.Key, a.Val)
			}
		}
	}
	if n := doc.Find(`a[href="/ui/logs?range=30d&log=01CALL"]`).Length(); n != 1 {
		t.Errorf("%d links to the call", n)
	}
	tab := b.part("/ui/keys/" + k.Key.ID + "?tab=usage").page(200)
	if tab.Find("#tab").Length() != 1 || tab.Find("nav, h1, aside").Filter("aside").Length() != 0 {
		t.Error("HTMX gets more than the tab")
	}
	has(t, tab, "Last 30 days", "gpt-5-mini", "$9.00")
	activity := b.get("/ui/keys/" + k.Key.ID + "?tab=activity").page(200)
	has(t, activity, "Master key", "created")
	hasNot(t, activity, `a[href^="/ui/audit"]`)
	if n := r.as(admin).get("/ui/keys/" + k.Key.ID + "?tab=activity").page(200).Find(`a[href^="/ui/audit?entry="]`).Length(); n == 0 {
		t.Error("admins find no entry of the audit log")
	}
}

// What refuses a call is put into words, with a link for those who may see it.
func TestCheckAccess(t *testing.T) {
	t.Parallel()
	var answer portal.Explanation
	r := newRig(t, func(r *rig) {
		r.extra.Explain = func(context.Context, *models.Key, string) (portal.Explanation, error) { return answer, nil }
	})
	k := r.key(dev, "web", true)
	for _, c := range []struct {
		name, who string
		answer    portal.Explanation
		say, href string
	}{
		{"allowed", dev, portal.Explanation{}, "This key may call claude.", ""},
		{"the key's list", dev, portal.Explanation{By: portal.ByList, Level: "key"}, "The key's model list does not hold it.", "?tab=settings"},
		{"the team's list", admin, portal.Explanation{By: portal.ByList, Level: "team", ID: team}, "The model list of team Checkout does not hold it.", "/ui/teams/" + team + "?tab=settings"},
		{"the owner's list", dev, portal.Explanation{By: portal.ByList, Level: "user", ID: dev}, "The owner's model list does not hold it.", ""},
		{"the owner's list, to an admin", admin, portal.Explanation{By: portal.ByList, Level: "user", ID: dev}, "The owner's model list does not hold it.", "/ui/users/" + dev},
		{"the organization's list", dev, portal.Explanation{By: portal.ByList, Level: "organization", ID: "org-1"}, "The model list of organization org-1 does not hold it.", ""},
		{"a blocked key", dev, portal.Explanation{By: portal.ByBlock, Level: "key"}, "Calls are refused: this key is blocked.", "?tab=settings"},
		{"a blocked team", dev, portal.Explanation{By: portal.ByBlock, Level: "team", ID: team}, "Calls are refused: team Checkout is blocked.", "/ui/teams/"},
		{"an expired key", dev, portal.Explanation{By: portal.ByExpiry}, "this key has expired.", "?tab=settings"},
		{"a team that is gone", admin, portal.Explanation{By: portal.ByMissing, Level: "team", ID: "gone"}, "team gone does not exist any more.", ""},
		{"no such model", dev, portal.Explanation{By: portal.ByUnknownModel}, "No deployment serves claude.", "/ui/models"},
		{"a rate", dev, portal.Explanation{By: portal.ByLimit, Level: "team", ID: team, Kind: "requests", Most: 120}, "The limit of team Checkout is used up for the moment: 120 requests per minute.", "/ui/teams/"},
		{"calls at once", dev, portal.Explanation{By: portal.ByLimit, Level: "key", Kind: "max_parallel_requests", Most: 2}, "2 at the same time", "?tab=settings"},
		{"a budget", dev, portal.Explanation{By: portal.ByBudget, Level: "key", Limit: 5 * models.USD, Spent: 5 * models.USD, ResetsAt: now.Add(24 * time.Hour)}, "The budget of this key is used up: $5.00 of $5. It starts again on 22 November 2026", "?tab=settings"},
		{"a member's budget", dev, portal.Explanation{By: portal.ByBudget, Level: "team_member", ID: team, Limit: models.USD, Spent: models.USD}, "The budget of the owner within team Checkout is used up", "/ui/teams/"},
		{"a model's budget", dev, portal.Explanation{By: portal.ByBudget, Level: "model_per_key", Model: "claude", Limit: models.USD, Spent: models.USD}, "The budget of this key for claude is used up", "?tab=settings"},
		{"the proxy's budget", dev, portal.Explanation{By: portal.ByBudget, Level: "proxy", Limit: models.USD, Spent: models.USD}, "The budget of the whole gateway is used up", ""},
		{"cooling", dev, portal.Explanation{By: portal.ByCooling}, "each of its deployments failed lately", "/ui/models/claude"},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer = c.answer
			b := r.as(c.who)
			path := "/ui/keys/" + k.Key.ID + "/check?model=claude"
			part := b.part(path).page(200)
			has(t, part, c.say)
			if part.Find("#check").Length() != 1 {
				t.Error("the part has no id check")
			}
			href, _ := part.Find("#check [role=status] a").Attr("href")
			if c.href == "" && href != "" || !strings.Contains(href, c.href) {
				t.Errorf("it leads to %q", href)
			}
			has(t, b.get(path).page(200), c.say)
		})
	}
	if res := r.as(other).part("/ui/keys/" + k.Key.ID + "/check?model=claude"); res.status != http.StatusNotFound {
		t.Errorf("a stranger asks about a foreign key: %d", res.status)
	}
}

func TestKeySettingsSendOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	k := r.key(dev, "web", true, func(in *control.NewKey) {
		in.MaxBudget, in.RPMLimit, in.Tags = control.Some(10*models.USD), control.Some[int64](60), control.Some([]string{"prod"})
		in.Metadata, in.Duration = control.Some(models.JSON(`{"app":"ci"}`)), control.Some("30d")
	})
	b := r.as(dev)
	path := "/ui/keys/" + k.Key.ID
	open := func(b *browser) url.Values { return b.get(path + "?tab=settings").form("#tab form.key-form") }

	fields := open(b)
	if fields.Has("max_budget") {
		t.Error("an owner can send a budget")
	}
	fields.Set("key_alias", "web-2")
	b.post(path, fields).leadsTo(path + "?tab=settings")
	got, err := r.store.Key(t.Context(), k.Key.ID)
	if err != nil {
		t.Fatal(err)
	}
	if *got.Alias != "web-2" || *got.MaxBudget != 10*models.USD || *got.RPMLimit != 60 || !got.ExpiresAt.Equal(k.Key.ExpiresAt.Time) ||
		!strings.Contains(string(got.Metadata), `"app"`) || !strings.Contains(string(got.Metadata), `"prod"`) {
		t.Fatalf("the key is now %+v", got)
	}

	refused := []struct{ name, field, value, say string }{
		{"raised by the owner", "rpm_limit", "600", "Only admins can change this."},
		{"no number", "rpm_limit", "many", "Enter a whole number"},
		{"no name", "key_alias", "", "Give the key a name."},
		{"no JSON", "metadata", "{", "Line 1:"},
		{"beyond the team's list", "models", "claude", "claude"},
	}
	for _, c := range refused {
		t.Run(c.name, func(t *testing.T) {
			fields := open(b)
			fields.Set(c.field, c.value)
			doc := b.post(path, fields).page(http.StatusUnprocessableEntity)
			has(t, doc, c.say)
			if c.field != "models" {
				value := doc.Find(`[name="` + c.field + `"]`)
				if got := value.AttrOr("value", value.Text()); got != c.value {
					t.Errorf("the value is not kept: %q", got)
				}
			}
		})
	}

	t.Run("somebody else was faster", func(t *testing.T) {
		fields := open(b)
		fields.Set("version", "1")
		fields.Set("key_alias", "mine")
		has(t, b.post(path, fields).page(http.StatusUnprocessableEntity), "Someone changed this at")
	})
	t.Run("an admin sets the budget and empties the rest", func(t *testing.T) {
		b := r.as(admin)
		fields := open(b)
		for name, value := range map[string]string{"max_budget": "25.50", "budget_duration": "30d", "rpm_limit": "", "tags": "", "metadata": "", "duration": ""} {
			fields.Set(name, value)
		}
		b.post(path, fields).leadsTo(path + "?tab=settings")
		got, err := r.store.Key(t.Context(), k.Key.ID)
		if err != nil {
			t.Fatal(err)
		}
		if *got.MaxBudget != 25_500_000_000 || *got.BudgetDuration != "30d" || got.RPMLimit != nil || got.ExpiresAt != nil || strings.Contains(string(got.Metadata), "prod") {
			t.Fatalf("the key is now %+v %s", got, got.Metadata)
		}
	})
	t.Run("who only sees it has no form", func(t *testing.T) {
		doc := r.as(viewer).get(path + "?tab=settings").page(200)
		hasNot(t, doc, "#tab button[type=submit]")
		hasNot(t, doc, "#tab input:not([type=hidden]), #tab select, #tab textarea")
	})
}

func TestKeyBulk(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mine := r.key(lead, "lead-key", true)
	theirs := r.key(dev, "dev-key", true)
	foreign := r.key(other, "foreign", false)
	b := r.as(lead)
	ids := url.Values{"keys": {mine.Key.ID, theirs.Key.ID, foreign.Key.ID}}
	send := func(b *browser, action string, more ...string) *answer {
		v := url.Values{"action": {action}, "keys": ids["keys"]}
		for i := 0; i+1 < len(more); i += 2 {
			v.Set(more[i], more[i+1])
		}
		return b.post("/ui/keys/bulk", v)
	}
	question := send(b, "block").page(200)
	has(t, question, "Block 3 keys?")
	if n := question.Find(`input[name="keys"]`).Length(); n != 3 {
		t.Errorf("the question carries %d keys", n)
	}
	if k, err := r.store.Key(t.Context(), mine.Key.ID); err != nil || k.Blocked != nil && *k.Blocked {
		t.Fatalf("the question already acted: %v", err)
	}
	done := send(b, "block", "confirmed", "true").page(200)
	has(t, done, "2 of 3 keys done", foreign.Key.ID)
	if strings.Contains(text(done.Find("main")), "foreign") {
		t.Error("the result names a key that the person may not see")
	}
	if k, err := r.store.Key(t.Context(), foreign.Key.ID); err != nil || k.Blocked != nil && *k.Blocked {
		t.Error("a foreign key was blocked")
	}
	if res := send(b, "extend", "confirmed", "true", "duration", "100y"); res.status != http.StatusBadRequest {
		t.Errorf("a length of time of one's own: %d", res.status)
	}
	send(b, "extend", "confirmed", "true", "duration", "30d").page(200)
	if k, err := r.store.Key(t.Context(), mine.Key.ID); err != nil || k.ExpiresAt == nil || !k.ExpiresAt.Equal(now.AddDate(0, 0, 30)) {
		t.Errorf("the key ends %v", k.ExpiresAt)
	}
	if res := send(b, "explode", "confirmed", "true"); res.status != http.StatusBadRequest {
		t.Errorf("an unknown act: %d", res.status)
	}
	// Everything that matches the filters, and nothing else.
	all := r.as(admin)
	has(t, all.post("/ui/keys/bulk", url.Values{"action": {"delete"}, "all_matching": {"true"}, "q": {"dev-key"}}).page(200), "Delete 1 key?")
	all.post("/ui/keys/bulk", url.Values{"action": {"delete"}, "all_matching": {"true"}, "q": {"dev-key"}, "confirmed": {"true"}}).page(200)
	if _, err := r.store.Key(t.Context(), theirs.Key.ID); err == nil {
		t.Error("the key is still there")
	}
	if _, err := r.store.Key(t.Context(), foreign.Key.ID); err != nil {
		t.Error("a key that does not match was deleted")
	}
}

func TestFindKeyBySecret(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	k := r.key(dev, "web", false)
	secret := k.Secret.Reveal()
	r.as(dev).post("/ui/keys/find", url.Values{"secret": {" " + secret + " "}}).leadsTo("/ui/keys/" + k.Key.ID)
	for name, c := range map[string]struct{ who, secret string }{
		"not mine": {other, secret}, "unknown": {dev, "sk-0000000000000000000000"}, "no key at all": {dev, "hello"}, "empty": {dev, ""},
	} {
		res := r.as(c.who).post("/ui/keys/find", url.Values{"secret": {c.secret}})
		res.leadsTo("/ui/keys")
		if strings.Contains(res.body+res.header.Get("Location"), secret) {
			t.Errorf("%s: the secret is echoed", name)
		}
	}
	if strings.Contains(r.log.String(), secret) {
		t.Error("the log holds the secret")
	}
}

func TestKeyCSV(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.key(dev, `=HYPERLINK("http://evil")`, true, func(in *control.NewKey) { in.Tags = control.Some([]string{"@sum"}) })
	r.key(dev, "plain", false)
	res := r.as(dev).get("/ui/keys.csv")
	if got := res.header.Get("Content-Disposition"); got != `attachment; filename="keys-2026-11-21.csv"` {
		t.Errorf("the file is %q", got)
	}
	rows, err := csv.NewReader(strings.NewReader(res.body)).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d rows, %v: %s", len(rows), err, res.body)
	}
	for _, row := range rows[1:] {
		for i, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
				t.Errorf("%s is a formula: %q", rows[0][i], cell)
			}
		}
	}
	if narrow, err := csv.NewReader(strings.NewReader(r.as(dev).get("/ui/keys.csv?q=plain").body)).ReadAll(); err != nil || len(narrow) != 2 {
		t.Errorf("with a filter: %d rows, %v", len(narrow), err)
	}
	if foreign, err := csv.NewReader(strings.NewReader(r.as(other).get("/ui/keys.csv").body)).ReadAll(); err != nil || len(foreign) != 1 {
		t.Errorf("of others: %d rows, %v", len(foreign), err)
	}
}

// The list's last 14 days, month's spend and bulk actions.
func TestKeyTable(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, c := r.key(dev, "a", true), r.key(lead, "b", true, func(in *control.NewKey) { in.MaxBudget = control.Some(10 * models.USD) })
	r.key(dev, "c", false)
	r.spend(&a.Key, "01A", now, 3*models.USD)
	r.spend(&a.Key, "01B", now.AddDate(0, 0, -25), 5*models.USD) // the month before
	r.spend(&c.Key, "01C", now.AddDate(0, 0, -25), 5*models.USD)
	doc := r.as(lead).get("/ui/keys").page(200)
	spark := doc.Find("#key-" + a.Key.ID + ` svg[aria-label="Requests, last 14 days"] rect`)
	if spark.Length() != 14 || spark.First().AttrOr("height", "") != "0.6" || spark.Last().AttrOr("height", "") != "18.0" {
		t.Errorf("%d bars, the first %s and the last %s high", spark.Length(), spark.First().AttrOr("height", ""), spark.Last().AttrOr("height", ""))
	}
	has(t, doc, "$3.00", "$5.00") // the calendar month without a budget, the budget's own window with one
	if strings.Contains(text(doc.Find("#key-"+a.Key.ID)), "$8.00") {
		t.Error("a key without a budget shows more than this month")
	}
	if n := doc.Find("[data-bulk-item]").Length(); n != 2 { // "a" and "b" are the team's, whose admin asks; "c" is not
		t.Errorf("%d rows can be chosen", n)
	}
	has(t, doc, "Block", "Extend", "Delete")
	if got := text(r.as(dev).get("/ui/keys").page(200).Find("[data-bulk]")); strings.Contains(got, "Block") || !strings.Contains(got, "Delete") {
		t.Errorf("an owner may: %q", got)
	}
	hasNot(t, r.as(viewer).get("/ui/keys").page(200), "[data-bulk], [data-bulk-item]")
	if n := r.as(dev).get("/ui/teams/" + team + "?tab=keys").page(200).Find(`svg[aria-label="Requests, last 14 days"] rect`).Length(); n != 14 {
		t.Errorf("the team's page draws %d bars", n)
	}
}

// The number of statements must not grow with the rows.
func TestListsAskAFixedNumberOfQuestions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	paths := []string{
		"/ui/", "/ui/keys", "/ui/teams", "/ui/teams/" + team, "/ui/teams/" + team + "?tab=keys", "/ui/users", "/ui/usage", "/ui/usage?tab=keys", "/ui/usage?tab=teams",
		"/ui/usage?tab=users", "/ui/logs", "/ui/models", "/ui/audit", "/ui/budgets", "/ui/api", "/ui/users/" + dev,
	}
	fill := func(from, to int) {
		for i := from; i < to; i++ {
			n := string(rune('a' + i))
			k := r.key(dev, "key-"+n, true)
			r.spend(&k.Key, "01CALL"+n, now.Add(-time.Duration(i)*time.Minute), models.Nano(i+1)*models.USD)
			user := control.NewUser{ID: "u-" + n, AutoCreateKey: control.Some(false)}
			user.Email = control.Some(n + "@acme.example")
			user.Teams = control.Some([]control.TeamPlace{{TeamID: team}})
			if _, err := r.services.Users.New(t.Context(), access.Master(), user); err != nil {
				t.Fatal(err)
			}
			own := control.NewTeam{ID: "t-" + n}
			own.Alias = control.Some("Team " + n)
			own.MaxBudget = control.Some(models.USD)
			if _, err := r.services.Teams.New(t.Context(), access.Master(), own); err != nil {
				t.Fatal(err)
			}
			budget := control.BudgetFields{ID: "b-" + n}
			budget.MaxBudget = control.Some(models.USD)
			if _, err := r.services.Budgets.New(t.Context(), access.Master(), budget); err != nil {
				t.Fatal(err)
			}
		}
	}
	b := r.as(admin)
	count := func(path string) int64 {
		before := r.statements.Load()
		b.get(path).page(200)
		return r.statements.Load() - before
	}
	fill(0, 2)
	few := map[string]int64{}
	for _, path := range paths {
		few[path] = count(path)
	}
	fill(2, 12)
	for _, path := range paths {
		if many := count(path); many > few[path] {
			t.Errorf("%s: %d statements for a few rows, %d for many", path, few[path], many)
		}
	}
}

// A row that comes back after an act on it is the row that was there: with its box, its days and its spend.
func TestRowAfterAnActIsWhole(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	k := r.key(dev, "whole-row", true)
	b := r.as(admin)
	doc := b.post("/ui/keys/"+k.Key.ID+"/block", url.Values{"reason": {"lost"}}, "HX-Request", "true").page(200)
	if doc.Find("[data-bulk-item]").Length() != 1 {
		t.Error("the row has lost its box")
	}
	if got := doc.Find(`form[action="/ui/keys/` + k.Key.ID + `/unblock"][hx-target="#key-` + k.Key.ID + `"] button`).Last(); text(got) != "Undo" {
		t.Errorf("the notice offers %q", text(got))
	}
	// Begun on the key's own page, the act leads back to it.
	b.post("/ui/keys/"+k.Key.ID+"/unblock?back=key", nil).leadsTo("/ui/keys/" + k.Key.ID)
	if doc := b.get("/ui/keys/" + k.Key.ID + "/delete?back=key").page(200); doc.Find(`form[hx-post]`).Length() != 0 {
		t.Error("the dialog on the key's page would swap a row that is not there")
	}
}

func TestAttentionFilter(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	wanting, _ := r.key(dev, "blocked-one", true), r.key(dev, "fine-one", true)
	b := r.as(admin)
	b.post("/ui/keys/"+wanting.Key.ID+"/block", nil)
	doc := b.get("/ui/keys?status=attention").page(200)
	has(t, doc, "blocked-one", "1 blocked")
	hasNot(t, doc, `tr:contains("fine-one")`)
}
