package proxy

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/testkit"
	"gatehouse/proxy/spend"
)

const (
	queuedResponse   = `{"id":"resp_1","object":"response","status":"queued","background":true,"model":"gpt-4o-real","output":[],"usage":null}`
	workingResponse  = `{"id":"resp_1","object":"response","status":"in_progress","background":true,"model":"gpt-4o-real","output":[],"usage":null}`
	finishedResponse = `{"id":"resp_1","object":"response","status":%q,"background":true,"model":"gpt-4o-real","output":[],"usage":{"input_tokens":7,"output_tokens":11,"total_tokens":18}}`
	silentResponse   = `{"id":"resp_1","object":"response","status":%q,"background":true,"model":"gpt-4o-real","output":[],"usage":null}`
)

// laterRig is a plane that does not ask by itself, with one background response under way, and the id that the client has of it.
func laterRig(t *testing.T, first time.Duration) (r *rig, id string) {
	t.Helper()
	r = newRig(t, setup{settings: oneTry()})
	r.plane.later.first = first
	r.provider.Script(testkit.Reply{Body: queuedResponse})
	got := r.send("POST", "/v1/responses", plainKey, `{"model":"gpt-4o","input":"hi","background":true,"max_output_tokens":300}`)
	if got.status != 200 || field(t, got.body, "status") != "queued" || got.header.Get("X-Litellm-Response-Cost") == "" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	return r, field(t, got.body, "id")
}

// records are all there are, once the plane has ended.
func (r *rig) records() []spend.Record {
	r.plane.later.close()
	r.book.mu.Lock()
	defer r.book.mu.Unlock()
	return r.book.settled
}

// A background response is booked once, at what the client's own question finds.
func TestBackgroundResponseIsBookedWhenItIsFinished(t *testing.T) {
	t.Parallel()
	const real, expected = 7*1000 + 11*2000, 600_000
	for name, tt := range map[string]struct {
		tell      string // what the provider tells in the end; "": nothing
		method    string
		tail      string
		status    string // of the record
		least     int64
		most      int64
		estimated bool
	}{
		"completed":                  {fmt.Sprintf(finishedResponse, "completed"), "GET", "", "success", real, real, false},
		"cut at its cap":             {fmt.Sprintf(finishedResponse, "incomplete"), "GET", "", "success", real, real, false},
		"failed after some work":     {fmt.Sprintf(finishedResponse, "failed"), "GET", "", "failure", real, real, false},
		"failed":                     {fmt.Sprintf(silentResponse, "failed"), "GET", "", "failure", 0, 0, true},
		"cancelled by the client":    {fmt.Sprintf(silentResponse, "cancelled"), "POST", "/cancel", "cancelled", 1000, 20_000, true},
		"completed without a count":  {fmt.Sprintf(silentResponse, "completed"), "GET", "", "success", expected, expected + 20_000, true},
		"never heard of again":       {"", "", "", "success", expected, expected + 20_000, true},
		"only its input was read":    {fmt.Sprintf(finishedResponse, "completed"), "GET", "/input_items", "success", expected, expected + 20_000, true},
		"an answer without a status": {`{"id":"resp_1"}`, "GET", "", "success", expected, expected + 20_000, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, id := laterRig(t, time.Hour)
			if r.router.Status("dep-gpt-4o").InFlight != 0 {
				t.Error("it takes a slot of its deployment while nobody waits")
			}
			for range 2 {
				r.provider.Script(testkit.Reply{Body: workingResponse})
				if got := r.send("GET", "/v1/responses/"+id, plainKey, ""); got.status != 200 || field(t, got.body, "status") != "in_progress" {
					t.Fatalf("%d %s", got.status, got.body)
				}
			}
			if held := r.budget.Held(); held < expected {
				t.Errorf("%s is held while the provider works", held)
			}
			for range 2 { // told twice, booked once
				if tt.tell != "" {
					r.provider.Script(testkit.Reply{Body: tt.tell})
					if got := r.send(tt.method, "/v1/responses/"+id+tt.tail, plainKey, ""); got.status != 200 {
						t.Fatalf("%d %s", got.status, got.body)
					}
				}
			}
			recs := r.records()
			if len(recs) != 1 {
				t.Fatalf("%d records", len(recs))
			}
			rec := recs[0]
			if cost := int64(rec.CostNano); rec.Status != tt.status || cost < tt.least || cost > tt.most || rec.UsageEstimated != tt.estimated || rec.CallType != "aresponses" || rec.DeploymentID != "dep-gpt-4o" {
				t.Errorf("record %+v", rec)
			}
			if tt.least == real && (rec.Usage.InputTotal() != 7 || rec.Usage.OutputTotal() != 11) {
				t.Errorf("usage %+v", rec.Usage)
			}
			if held, spent := r.budget.Held(), r.budget.State("key:"+rec.KeyID).Spent; held != 0 || spent != rec.CostNano {
				t.Errorf("%s held and %s spent, booked %s", held, spent, rec.CostNano)
			}
		})
	}
}

// Without a client who asks, the gateway does.
func TestBackgroundResponseIsAskedFor(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		replies   []testkit.Reply
		estimated bool
	}{
		"finished":      {[]testkit.Reply{{Body: workingResponse}, testkit.ErrorReply(500, "", "", "x"), {Fault: testkit.FaultDrop}, {Body: fmt.Sprintf(finishedResponse, "completed")}}, false},
		"nobody knows":  {[]testkit.Reply{{Body: workingResponse}, testkit.ErrorReply(404, "", "", "x")}, true},
		"it makes none": {[]testkit.Reply{testkit.ErrorReply(400, "", "", "x")}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, setup{settings: oneTry()})
			r.plane.later.first = 5 * time.Millisecond
			r.provider.Script(append([]testkit.Reply{{Body: queuedResponse}}, tt.replies...)...)
			if got := r.send("POST", "/v1/responses", plainKey, `{"model":"gpt-4o","input":"hi","background":true,"max_output_tokens":300}`); got.status != 200 {
				t.Fatalf("%d %s", got.status, got.body)
			}
			rec := r.book.wait(t, 1)[0]
			if rec.UsageEstimated != tt.estimated || rec.Status != spend.StatusSuccess {
				t.Errorf("record %+v", rec)
			}
			for _, q := range r.provider.Requests()[1:] {
				if q.Method != http.MethodGet || q.Path != "/v1/responses/resp_1" || !strings.Contains(q.Header.Get("Authorization"), upstream) {
					t.Errorf("asked %s %s", q.Method, q.Path)
				}
			}
			if n := len(r.provider.Requests()); n != 1+len(tt.replies) || len(r.records()) != 1 {
				t.Errorf("%d requests, %d records", n, len(r.records()))
			}
		})
	}
}
