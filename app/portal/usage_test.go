package portal_test

import (
	"encoding/csv"
	"net/http"
	"strings"
	"testing"
	"time"

	"gatehouse/app/control"
	"gatehouse/app/portal"
	"gatehouse/models"
)

func TestOverview(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	near := r.key(dev, "near", false, func(in *control.NewKey) { in.MaxBudget = control.Some(10 * models.USD) })
	r.spend(&near.Key, "01A", now.Add(-time.Hour), 9*models.USD)
	r.spend(&near.Key, "01B", now.Add(-30*time.Minute), 0, func(row *models.SpendRow) {
		row.Status, row.HTTPStatus, row.ErrorCode = "failure", 429, "rate_limit_error"
	})
	r.key(dev, "soon", false, func(in *control.NewKey) { in.Duration = control.Some("3d") })
	r.key(other, "not-mine", false, func(in *control.NewKey) { in.Blocked = control.Some(true) })
	doc := r.as(dev).get("/ui/").page(200)
	has(t, doc, "Your spend this month", "$9.00", "2", "50%", "90% of its $10 budget is used.", "Expires in 3 days.", "Recently used keys")
	if strings.Contains(text(doc.Find("main")), "not-mine") || strings.Contains(text(doc.Find("main")), "Finish setting up") {
		t.Error("the page shows what is for others")
	}
	if n := doc.Find("#spend table tbody tr").Length(); n != 30 {
		t.Errorf("the chart's table has %d days", n)
	}
	all := r.as(admin).get("/ui/").page(200)
	has(t, all, "not-mine", "Blocked; calls are refused.", "Finish setting up", "Set up mail", "openai", "429 rate_limit_error")
	tiles := r.as(dev).part("/ui/tiles").page(200)
	if tiles.Find("#tiles").Length() != 1 || tiles.Find("h1").Length() != 0 {
		t.Error("the tiles are not a part")
	}
}

func TestUsageTellsTheTruth(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mine, theirs := r.key(dev, "web", true), r.key(other, "foreign", false)
	r.spend(&mine.Key, "01A", now.Add(-time.Hour), 3*models.USD)
	r.spend(&mine.Key, "01B", now.AddDate(0, 0, -40), 2*models.USD)
	r.spend(&theirs.Key, "01C", now, 7*models.USD, func(row *models.SpendRow) { row.ModelGroup = "claude" })
	b := r.as(dev)
	spend := func(path string) string {
		t.Helper()
		return text(b.get(path).page(200).Find(`#usage section[aria-label="Totals"] p`).Eq(1))
	}
	for path, want := range map[string]string{
		"/ui/usage": "$3.00", "/ui/usage?range=90d": "$5.00", "/ui/usage?range=today": "$3.00", "/ui/usage?range=last_month": "$2.00",
		"/ui/usage?range=custom&from=2026-10-01&to=2026-10-31": "$2.00", "/ui/usage?model=claude": "$0.00", "/ui/usage?tab=keys&range=90d": "$5.00",
	} {
		if got := spend(path); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %s", path, got, want)
		}
	}
	keys := b.get("/ui/usage?tab=keys").page(200)
	has(t, keys, "web")
	if strings.Contains(text(keys.Find("#usage")), "foreign") {
		t.Error("the table names a foreign key")
	}
	has(t, r.as(admin).get("/ui/usage?tab=keys").page(200), "web", "foreign", "$7.00")
	for path, want := range map[string]string{
		"/ui/usage?from=2026-11-30&to=2026-11-01": "The range ends before it begins.", "/ui/usage?range=custom&from=x&to=y": "Pick a date.",
		"/ui/usage?from=2001-01-01&to=2026-01-01": "A range has at most",
	} {
		has(t, b.get(path).page(200), want)
	}
	part := b.part("/ui/usage?range=7d&measure=requests").page(200)
	if part.Find("#usage").Length() != 1 || part.Find("h1").Length() != 0 || !strings.Contains(part.Find("#export").AttrOr("href", ""), "range=7d") {
		t.Error("the part is not the body with its own export link")
	}
	if n := b.get("/ui/usage?range=90d").page(200).Find("#usage-chart table tbody tr").Length(); n < 12 || n > 14 {
		t.Errorf("90 days are drawn as %d bars", n)
	}
}

func TestUsageTagFilter(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	k := r.key(dev, "web", false)
	r.spend(&k.Key, "01A", now, 3*models.USD, func(row *models.SpendRow) { row.Tags = models.Strings{"prod"} })
	r.spend(&k.Key, "01B", now, 4*models.USD)
	b := r.as(dev)
	doc := b.get("/ui/usage?tag=prod").page(200)
	has(t, doc, "Tag: prod", "$3.00")
	if body := text(doc.Find("#usage")); strings.Contains(body, "$7.00") || strings.Contains(body, "$4.00") {
		t.Errorf("figures without the tag: %s", clip(body))
	}
	if doc := b.get("/ui/usage?tab=models&tag=prod").page(200); strings.Contains(text(doc.Find("main")), "Tag: prod") {
		t.Error("a tab whose sums know no tags claims to filter by one")
	}
}

func TestStaleNumbersAreTold(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(r *rig) { r.extra.Lag = func() time.Duration { return 6 * time.Minute } })
	has(t, r.as(dev).get("/ui/usage").page(200), "Numbers are 6 minutes old.")
}

func TestCachingTab(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	k := r.key(dev, "web", false)
	r.spend(&k.Key, "01A", now, 0, func(row *models.SpendRow) { row.CacheHit, row.Saved = true, models.USD })
	r.spend(&k.Key, "01B", now, models.USD, func(row *models.SpendRow) { row.CacheRead = 800 })
	has(t, r.as(dev).get("/ui/usage?tab=caching").page(200), "Response cache", "50%", "$1.00", "Prompt cache", "800", "The response cache is turned off.")
}

func TestUsageCSV(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	k := r.key(dev, "@evil", true)
	r.spend(&k.Key, "01A", now, 3*models.USD)
	r.spend(&k.Key, "01B", now.AddDate(0, 0, -1), models.USD)
	b := r.as(dev)
	res := b.get("/ui/usage.csv?tab=keys&range=7d")
	if got := res.header.Get("Content-Disposition"); got != `attachment; filename="usage-2026-11-15-to-2026-11-21-UTC.csv"` {
		t.Errorf("the file is %q", got)
	}
	rows, err := csv.NewReader(strings.NewReader(res.body)).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d rows, %v: %s", len(rows), err, res.body)
	}
	if rows[0][0] != "date" || rows[0][1] != "time_zone" || rows[2][0] != "2026-11-21" || rows[2][1] != "UTC" || rows[2][3] != "'@evil" || rows[2][4] != "3.0" {
		t.Errorf("the rows are %q", rows)
	}
	if rows, err := csv.NewReader(strings.NewReader(b.get("/ui/usage.csv?range=custom&from=2020-01-01&to=2020-01-02").body)).ReadAll(); err != nil || len(rows) != 1 {
		t.Errorf("an empty range: %q, %v", rows, err)
	}
}

func TestLogs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	k, foreign := r.key(dev, "web", false), r.key(other, "foreign", false)
	for i := range 12 {
		r.spend(&k.Key, "01CALL"+string(rune('A'+i)), now.Add(-time.Duration(i)*time.Minute), models.USD)
	}
	r.spend(&k.Key, "01FAIL", now.Add(-2*time.Hour), 0, func(row *models.SpendRow) {
		row.Status, row.HTTPStatus, row.ErrorCode = "failure", 503, "upstream_down"
	})
	r.spend(&k.Key, "01OLD", now.AddDate(0, 0, -3), models.USD)
	r.spend(&foreign.Key, "01SECRET", now, models.USD)
	b := r.as(dev)
	doc := b.get("/ui/logs?size=10").page(200)
	has(t, doc, "13 requests")
	rows := doc.Find("#list tbody tr")
	if rows.Length() != 10 || strings.Contains(text(rows), "foreign") {
		t.Fatalf("%d rows", rows.Length())
	}
	next := doc.Find(`#list nav a[href*="before="]`).AttrOr("href", "")
	second := b.part(next).page(200).Find("#list tbody tr")
	if second.Length() != 3 || !strings.Contains(text(second), "503") {
		t.Errorf("the second page has %d rows: %s", second.Length(), text(second))
	}
	for path, want := range map[string]int{"status=failed": 1, "status=ok": 12, "range=7d": 14, "range=1h": 12, "model=claude": 0, "request_id=01OLD&range=30d": 1, "key=" + k.Key.ID: 13, "min_spend=0.5": 12} {
		if n := b.part("/ui/logs?" + path).page(200).Find("#list tbody tr").Length(); n != want {
			t.Errorf("%s: %d rows, want %d", path, n, want)
		}
	}
	has(t, b.get("/ui/logs?model=claude").page(200), "No requests match.")
	if res := b.get("/ui/logs?before=nonsense"); res.status != http.StatusBadRequest {
		t.Errorf("a bad cursor: %d", res.status)
	}

	drawer := b.part("/ui/logs?log=01FAIL").page(200)
	has(t, drawer, "503 upstream_down", "web", "Timeline", "First token")
	if drawer.Find("#drawer-title").Length() != 1 || drawer.Find("h1").Length() != 0 {
		t.Error("the drawer is not a part")
	}
	whole := b.get("/ui/logs?log=01FAIL").page(200)
	if whole.Find("template[data-open-drawer]").Length() != 1 || whole.Find("noscript").Length() == 0 {
		t.Error("the link does not open the drawer")
	}
	has(t, b.part("/ui/logs/01FAIL/body").page(200), "There is no answer: the request failed before one.")
	has(t, b.get("/ui/logs/01CALLA/body").page(200), "Request and answer were not kept: storage is off.")
	long := models.JSON(`"` + strings.Repeat("x", models.SaidMost) + `…"`)
	if err := r.store.WriteSpendBodies(t.Context(), []models.SpendBody{{ID: "01CALLA", Missing: models.WordsOptedOut}, {ID: "01FAIL", Request: long}}); err != nil {
		t.Fatal(err)
	}
	has(t, b.get("/ui/logs/01CALLA/body").page(200), "the caller opted out.")
	has(t, b.part("/ui/logs/01FAIL/body").page(200), "over 256 KB only the beginning was kept.")
	for _, path := range []string{"/ui/logs?log=01SECRET", "/ui/logs/01SECRET/body", "/ui/logs?log=nope"} {
		if res := b.get(path); res.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, res.status)
		}
	}
	count := doc.Find("#count").AttrOr("hx-get", "")
	if got := text(b.part(count).page(200).Find("#count")); got != "" {
		t.Errorf("nothing is new, and the count says %q", got)
	}
	r.spend(&k.Key, "01NEW", now.Add(2*time.Second), models.USD)
	has(t, b.part(count).page(200), "1 new request")
}

func TestLogsOff(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(r *rig) { r.policy.General.NoSpendLogs = true })
	b := r.as(dev)
	has(t, b.get("/ui/logs").page(200), "Request logs are turned off in config.yaml.")
	has(t, b.get("/ui/").page(200), "not known")
}

func TestModels(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(r *rig) {
		r.extra.Health = func(id string) (portal.Health, bool) { return portal.Health{OK: id == "d1", Cooling: id == "d2"}, true }
	})
	list := r.as(dev).get("/ui/models").page(200)
	has(t, list, "gpt-5-mini", "400K", "$0.25", "$2.00", "Vision", "Healthy", "Cooling down", "not known")
	hasNot(t, list, `a[href="/ui/deployments/new"]`)
	if got := list.Find(`a[href="/ui/models/meta-llama/llama-3.3-70b"]`).Length(); got != 1 {
		t.Error("the name with a slash has no link")
	}
	has(t, r.as(dev).get("/ui/models?q=zzz").page(200), "No models match.")
	if n := r.as(dev).part("/ui/models?ability=supports_vision").page(200).Find("#list tbody tr").Length(); n != 1 {
		t.Errorf("%d models see", n)
	}
	doc := r.as(dev).get("/ui/models/meta-llama/llama-3.3-70b").page(200)
	if got := text(doc.Find("h1")); got != "meta-llama/llama-3.3-70b" {
		t.Errorf("the heading is %q", got)
	}
	if strings.Contains(text(doc.Find("main")), "Deployments") {
		t.Error("the page shows deployments to everybody")
	}
	detail := r.as(admin).get("/ui/models/gpt-5-mini")
	has(t, detail.page(200), "Deployments", "api.example", "config.yaml, read only")
	for _, leak := range []string{"user:pw", "token=x"} {
		if strings.Contains(detail.body, leak) {
			t.Errorf("the page holds %q", leak)
		}
	}
	if res := r.as(dev).get("/ui/models/no/such%20model"); res.status != http.StatusNotFound {
		t.Errorf("an unknown model: %d", res.status)
	}
}

// The live tail sends the rows that the list would show, under the same filters, and ends with the process.
func TestLiveTail(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(r *rig) { r.extra.Draining = func() bool { return true } })
	k := r.key(dev, "tail", true)
	r.spend(&k.Key, "01LIVE", now.Add(-time.Minute), models.USD)
	page := r.as(dev).get("/ui/logs?live=1").page(200)
	if url, _ := page.Find("#list").Attr("data-live"); url != "/ui/logs/stream" {
		t.Errorf("the list follows %q", url)
	}
	res := r.as(dev).get("/ui/logs/stream")
	if res.status != 200 || !strings.HasPrefix(res.header.Get("Content-Type"), "text/event-stream") ||
		!strings.HasPrefix(res.body, "event: rows\ndata: ") || !strings.Contains(res.body, `id="log-row-01LIVE"`) {
		t.Errorf("%d %v %s", res.status, res.header, clip(res.body))
	}
	if res := r.as(dev).get("/ui/logs/stream?status=failed"); strings.Contains(res.body, "01LIVE") {
		t.Error("the filter is not heard")
	}
	if res := r.as(other).get("/ui/logs/stream"); strings.Contains(res.body, "01LIVE") {
		t.Error("another person sees it")
	}
}

// A stream goes on by itself, and ends with the session or the right that it was opened with.
func TestStreamsEndWithTheSession(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(r *rig) error{
		"signed out": func(r *rig) error {
			_, err := r.store.DeleteSessionsOfUser(r.t.Context(), dev, "")
			return err
		},
		"blocked": func(r *rig) error {
			u, err := r.store.User(r.t.Context(), dev)
			if err != nil {
				return err
			}
			u.Blocked = true
			return r.store.UpdateUser(r.t.Context(), u)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, path := range []string{"/ui/logs/stream", "/ui/welcome/stream"} {
				r := newRig(t)
				k := r.key(dev, "tail", false)
				b := r.as(dev)
				before := r.statements.Load()
				ended := make(chan string)
				go func() { ended <- b.get(path).body }()
				for r.statements.Load() < before+30 { // it looks again and again
					time.Sleep(time.Millisecond)
				}
				if err := end(r); err != nil {
					t.Fatal(err)
				}
				body := <-ended
				if !strings.Contains(body, "event: well\n") || strings.Contains(body, k.Key.ID) {
					t.Errorf("%s says %q", path, clip(body))
				}
			}
		})
	}
}

func TestFirstRequestIsToldLive(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if res := r.as("").get("/ui/welcome/stream"); res.status != http.StatusSeeOther {
		t.Errorf("a visitor follows it: %d", res.status)
	}
	k := r.key(dev, "first", false)
	foreign := r.key(other, "foreign", false)
	b := r.as(dev)
	part := b.get("/ui/welcome").page(200).Find("#wait")
	if part.AttrOr("data-wait", "") != "/ui/welcome/stream" || part.AttrOr("hx-get", "") != "/ui/welcome" {
		t.Error("the page does not wait")
	}
	before := r.statements.Load()
	ended := make(chan string)
	go func() { ended <- b.get("/ui/welcome/stream").body }()
	for r.statements.Load() < before+20 {
		time.Sleep(time.Millisecond)
	}
	r.spend(&foreign.Key, "01FOREIGN", now, 1) // of somebody else
	r.spend(&k.Key, "01FIRST", now, 1)
	if body := <-ended; !strings.HasPrefix(body, "event: well\n") || !strings.HasSuffix(body, "event: seen\ndata: \n\n") {
		t.Errorf("the stream says %q", clip(body))
	}
	if b.part("/ui/welcome").page(200).Find("[data-wait]").Length() != 0 {
		t.Error("the page waits on")
	}
}
