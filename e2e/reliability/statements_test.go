package reliability_test

import (
	"regexp"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
)

// background are the statements that a gateway makes by itself, whatever its calls do: is the database there, is there
// something new, is a job due, who else serves; and the list of calls under way, which follows them in batches.
var background = regexp.MustCompile(`SELECT 1"|FROM config_seq|change_seq >|FROM counters WHERE resets_at|pg_|replicas|slices?\b|INTO open_holds`)

// TestNoStatementBeforeTheAnswer holds 60 calls at the provider, with every kind of limit and owner that a call is judged
// by: until then no statement was made for any of them. What they cost is written once they are over.
func TestNoStatementBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	for _, b := range backends() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			provider := testkit.NewProvider(t)
			g := startGateway(t, options{config: configFor(provider, ""), database: b.url(t), env: map[string]string{"GATEHOUSE_LOG_SQL": "1"}})
			team := g.NewTeam(t, map[string]any{"rpm_limit": 100000})
			user, _ := g.NewUser(t, map[string]any{"auto_create_key": false, "teams": []string{team}, "tpm_limit": 100000000})
			keys := []string{
				g.GenerateKey(t, map[string]any{"team_id": team, "user_id": user, "models": []string{"gpt-4o"}, "max_parallel_requests": 1000}).Secret,
				g.GenerateKey(t, map[string]any{"tpm_limit": 100000000, "aliases": map[string]string{"x": "gpt-4o"}}).Secret,
				g.MasterKey,
			}
			provider.Script(make([]testkit.Reply, len(keys))...)
			for i, key := range keys { // the first call of each; its row is waited for
				if o := call(g, key, i); !o.complete {
					t.Fatalf("%d %s", o.status, o.body)
				}
			}
			settled(t, g, int64(len(keys)))
			db := g.books(t)
			within(t, "the writer is done", func() bool { return number(t, db, "SELECT count(*) FROM customers") == int64(len(keys)) })

			gate := make(chan struct{})
			provider.Always(testkit.Reply{Usage: &usual, Before: gate})
			from := len(g.out.String())
			var calls load
			calls.run(g, keys, 1000, 60)
			provider.WaitRequests(t, 60+len(keys))
			waiting := len(g.out.String())
			own := 0
			for _, line := range strings.Split(g.out.String()[from:waiting], "\n") {
				if !strings.Contains(line, "msg=statement") {
					continue
				}
				if own++; !background.MatchString(line) {
					t.Errorf("before any answer: %s", tail(line, 300))
				}
			}
			if own >= 30 {
				t.Errorf("%d statements for 60 calls before any answer: some are made for each", own)
			}
			close(gate)
			for _, o := range calls.all() {
				if !o.complete {
					t.Errorf("%d %s", o.status, o.body)
				}
			}
			settled(t, g, int64(60+len(keys)))
			if !strings.Contains(g.out.String()[waiting:], "INTO spend_records") {
				t.Error("no statement of the writer is in the log: the test sees nothing")
			}
		})
	}
}
