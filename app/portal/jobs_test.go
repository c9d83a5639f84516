package portal_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/models"
)

// settled loads a job's page until the work has ended.
func (b *browser) settled(path string) *answer {
	b.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if a := b.get(path); a.status != http.StatusOK || a.page(200).Find("progress").Length() == 0 {
			return a
		}
	}
	b.t.Fatal("the work does not end")
	return nil
}

func TestJobPagesAreTheirOwnersAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	at := models.At(now)
	if err := r.store.InsertJob(t.Context(), &models.Job{ID: "mine", UserID: lead, Kind: "keys.block", State: models.JobRunning, Total: 500, Done: 120, Failed: 2, StartedAt: at, UpdatedAt: at}, at); err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{admin, viewer, dev, reader, other} {
		b := r.as(who)
		for name, a := range map[string]*answer{"page": b.get("/ui/jobs/mine"), "part": b.part("/ui/jobs/mine"), "file": b.get("/ui/jobs/mine/result.csv"), "cancel": b.post("/ui/jobs/mine/cancel", nil)} {
			if a.status != http.StatusNotFound {
				t.Errorf("%s gets the %s: %d", who, name, a.status)
			}
		}
	}
	b := r.as(lead)
	doc := b.get("/ui/jobs/mine").page(200)
	has(t, doc, "Blocking 500 keys", "120 of 500", "2 could not be done so far", "Cancel the rest")
	if p := doc.Find("progress"); p.AttrOr("value", "") != "120" || p.AttrOr("max", "") != "500" {
		t.Error("the bar shows something else")
	}
	if !strings.Contains(doc.Find("head noscript").Text(), `http-equiv="refresh"`) {
		t.Error("without scripts the page stands still")
	}
	b.post("/ui/jobs/mine/cancel", nil).leadsTo("/ui/jobs/mine")
	has(t, b.part("/ui/jobs/mine").page(200), "Ends after the present row")
	job, err := r.store.Job(t.Context(), "mine")
	if err != nil || !job.Cancel {
		t.Fatalf("it goes on: %+v, %v", job, err)
	}
	// Another change has to wait, and leads to what it waits for.
	ids := url.Values{"action": {"block"}, "confirmed": {"true"}}
	for range 51 {
		ids.Add("keys", "none")
	}
	b.post("/ui/keys/bulk", ids).leadsTo("/ui/jobs/mine")
	has(t, b.get("/ui/jobs/mine").page(200), "still running")
	job.State, job.UpdatedAt = models.JobCancelled, at
	if _, err := r.store.SaveJob(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	if part := b.part("/ui/jobs/mine"); part.header.Get("HX-Refresh") != "true" {
		t.Error("the page is not told that the work has ended")
	}
	has(t, b.get("/ui/jobs/mine").page(200), "Cancelled after 118 of 500 rows")
}

func TestManyKeysAreAJob(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	form := url.Values{"action": {"block"}, "confirmed": {"true"}}
	var ids []string
	for i := range 60 {
		ids = append(ids, r.key(dev, fmt.Sprintf("many-%d", i), true).Key.ID)
	}
	foreign := r.key(other, "foreign", false).Key.ID
	form["keys"] = append(ids, foreign)
	b := r.as(lead)
	started := b.post("/ui/keys/bulk", form, "HX-Request", "true")
	path := started.header.Get("HX-Redirect")
	if started.status != http.StatusNoContent || !strings.HasPrefix(path, "/ui/jobs/") {
		t.Fatalf("%d to %q: %s", started.status, path, clip(started.body))
	}
	doc := b.settled(path).page(200)
	has(t, doc, "Done: 60 of 61 rows", foreign)
	for _, id := range ids {
		if k, err := r.store.Key(t.Context(), id); err != nil || k.Blocked == nil || !*k.Blocked {
			t.Fatalf("a key was left alone: %v", err)
		}
	}
	rows, err := csv.NewReader(strings.NewReader(b.get(path + "/result.csv").body)).ReadAll()
	if err != nil || len(rows) != 62 || rows[1][1] != "many-0" || rows[1][2] != "" || rows[61][2] == "" {
		t.Errorf("%d lines, %v", len(rows), err)
	}
}

func TestManyPeopleAreAJob(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var text strings.Builder
	text.WriteString("email,role,teams,budget\n" + dev + "@acme.example,,,\n")
	for i := range 60 {
		fmt.Fprintf(&text, "new-%d@acme.example,,,\n", i)
	}
	fields := url.Values{"confirmed": {"true"}, "csv": {text.String()}}
	if a := r.as(viewer).post("/ui/users/import", fields); a.status != http.StatusForbidden {
		t.Errorf("a viewer imports: %d", a.status)
	}
	b := r.as(admin)
	started := b.post("/ui/users/import", fields)
	path := started.header.Get("Location")
	if started.status != http.StatusSeeOther || !strings.HasPrefix(path, "/ui/jobs/") {
		t.Fatalf("%d to %q: %s", started.status, path, clip(started.body))
	}
	has(t, b.settled(path).page(200), "Done: 60 of 61 rows", dev+"@acme.example", "Download result")
	file := b.get(path + "/result.csv")
	rows, err := csv.NewReader(strings.NewReader(file.body)).ReadAll()
	if err != nil || len(rows) != 62 || !strings.Contains(rows[2][2], "/ui/onboarding?id=") || file.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d lines, %v: %s", len(rows), err, clip(file.body))
	}
	job, err := r.store.Job(t.Context(), strings.TrimPrefix(path, "/ui/jobs/"))
	if err != nil || strings.Contains(job.Sealed, "onboarding") {
		t.Errorf("the links lie open in the database: %v", err)
	}
	if n := b.get("/ui/users/import").page(200).Find(`a[href="` + path + `"]`).Length(); n != 1 {
		t.Errorf("the import page has %d links to it", n)
	}
}
