package reliability_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/testkit"
)

// startReplicas starts n gateways on one database, each with a folder of its own.
func startReplicas(t *testing.T, n int, o options) []*gateway {
	t.Helper()
	all := make([]*gateway, n)
	for i := range all {
		all[i] = newGateway(t, o)
	}
	all[0].start(t) // migrates
	for _, g := range all[1:] {
		g.start(t)
	}
	return all
}

const askModels = "/v1/models"

// TestRevocationReachesEveryReplica blocks, deletes and changes keys on one of three replicas and measures how long the
// others go on to serve them; then again with 500 calls of the key in flight.
func TestRevocationReachesEveryReplica(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	gate := make(chan struct{})
	provider.Always(testkit.Reply{Usage: &usual, Before: gate})
	replicas := startReplicas(t, 3, options{config: configFor(provider, ""), database: testkit.Postgres(t, nil)})
	g := replicas[0]

	acts := []struct {
		name   string
		act    func(key testkit.Key, team string) (path, body string)
		status int
	}{
		{"block", func(k testkit.Key, _ string) (string, string) {
			return "/key/block", fmt.Sprintf(`{"key":%q}`, k.Secret)
		}, 401},
		{"delete", func(k testkit.Key, _ string) (string, string) {
			return "/key/delete", fmt.Sprintf(`{"keys":[%q]}`, k.Secret)
		}, 401},
		{"narrow", func(k testkit.Key, _ string) (string, string) {
			return "/key/update", fmt.Sprintf(`{"key":%q,"allowed_routes":["/v1/embeddings"]}`, k.Secret)
		}, 403},
		{"block the team", func(_ testkit.Key, team string) (string, string) {
			return "/team/block", fmt.Sprintf(`{"team_id":%q}`, team)
		}, 401},
	}
	var took []time.Duration
	for round := range 5 {
		for _, a := range acts {
			team := g.NewTeam(t, nil)
			key := g.GenerateKey(t, map[string]any{"team_id": team})
			everywhere(t, replicas, key.Secret, http.StatusOK)
			path, body := a.act(key, team)
			took = append(took, spread(t, replicas, fmt.Sprintf("%s, round %d", a.name, round), path, body, models(key.Secret), a.status)...)
		}
	}
	p50, p99, most := figures(took)
	t.Logf("a change reaches the other replicas after p50 %s, p99 %s, worst %s (%d measurements)", p50, p99, most, len(took))
	if most > 5*time.Second {
		t.Errorf("a replica served a revoked key for %s", most)
	}

	key := g.GenerateKey(t, map[string]any{"team_id": g.NewTeam(t, nil)})
	everywhere(t, replicas, key.Secret, http.StatusOK)
	var calls load
	for i, r := range replicas {
		calls.run(r, []string{key.Secret}, 170*i, 170)
	}
	provider.WaitRequests(t, 510)
	took = took[:0]
	for round := range 10 {
		if round > 0 {
			g.Admin(t, http.MethodPost, "/key/unblock", map[string]any{"key": key.Secret})
			everywhere(t, replicas, key.Secret, http.StatusOK)
		}
		took = append(took, spread(t, replicas, "block with 510 calls in flight", "/key/block", fmt.Sprintf(`{"key":%q}`, key.Secret), models(key.Secret), 401)...)
	}
	p50, p99, most = figures(took)
	t.Logf("with 510 calls of the key in flight: p50 %s, p99 %s, worst %s (%d measurements)", p50, p99, most, len(took))
	close(gate)
	for _, o := range calls.all() {
		if !o.complete {
			t.Errorf("%s was under way when its key was blocked: status %d %s", o.user, o.status, o.body)
		}
	}
	everywhere(t, replicas, key.Secret, http.StatusUnauthorized)
	settled(t, g, 510)
	if sum := sumsAgree(t, g.books(t)); sum != 510*usualCost {
		t.Errorf("the rows sum up to %d, want %d", sum, 510*usualCost)
	}
}

// TestChangesReachEveryReplica is the same for people, teams and models, told by calls; and for a replica that has lost
// the connection on which it hears of changes, which then learns of them when it next asks.
func TestChangesReachEveryReplica(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	provider.Always(testkit.Reply{Usage: &usual})
	replicas := startReplicas(t, 3, options{
		config: configFor(provider, "gatehouse: {egress_allow: [\"127.0.0.1\"]}\n"), database: testkit.Postgres(t, nil),
		env: map[string]string{"STORE_MODEL_IN_DB": "True"},
	})
	g := replicas[0]
	// who is one caller with everything that can be changed.
	type who struct{ key, user, team, model string }
	caller := func(personal bool) who {
		user, _ := g.NewUser(t, map[string]any{"auto_create_key": false})
		w := who{user: user, team: g.NewTeam(t, nil), model: "gpt-4o"}
		fields := map[string]any{"user_id": user}
		if !personal {
			g.AddMember(t, w.team, user, "user")
			fields["team_id"] = w.team
		}
		w.key = g.GenerateKey(t, fields).Secret
		return w
	}
	acts := []struct {
		name     string
		personal bool
		own      bool // a model of its own
		path     string
		body     func(w who) string
		status   int
	}{
		{"narrow the key's models", false, false, "/key/update", func(w who) string { return fmt.Sprintf(`{"key":%q,"models":["other"]}`, w.key) }, 403},
		{"narrow the team's models", false, false, "/team/update", func(w who) string { return fmt.Sprintf(`{"team_id":%q,"models":["other"]}`, w.team) }, 403},
		{"narrow the person's models", true, false, "/user/update", func(w who) string { return fmt.Sprintf(`{"user_id":%q,"models":["no-default-models"]}`, w.user) }, 403},
		{"delete the person", true, false, "/user/delete", func(w who) string { return fmt.Sprintf(`{"user_ids":[%q]}`, w.user) }, 401},
		{"delete the team", false, false, "/team/delete", func(w who) string { return fmt.Sprintf(`{"team_ids":[%q]}`, w.team) }, 401},
		{"delete the model", true, true, "/model/delete", func(w who) string { return fmt.Sprintf(`{"id":%q}`, w.model) }, 404},
	}
	var took []time.Duration
	for round := range 3 {
		for _, a := range acts {
			w := caller(a.personal)
			name := w.model
			if a.own {
				name = fmt.Sprintf("made-%d", round)
				made := g.Admin(t, http.MethodPost, "/model/new", map[string]any{"model_name": name, "litellm_params": map[string]any{
					"model": "openai/gpt-4o", "api_base": provider.URL + "/v1", "api_key": "sk-of-it", "input_cost_per_token": 0.000001,
				}})
				w.model, _ = made["model_id"].(string)
			}
			calls := func(g *gateway) int {
				return g.send(http.MethodPost, "/v1/chat/completions", w.key, fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"hi"}]}`, name)).status
			}
			for _, r := range replicas {
				within(t, "every replica serves", func() bool { return calls(r) == http.StatusOK })
			}
			took = append(took, spread(t, replicas, fmt.Sprintf("%s, round %d", a.name, round), a.path, a.body(w), calls, a.status)...)
		}
	}
	p50, p99, most := figures(took)
	t.Logf("a change of people, teams and models reaches the other replicas after p50 %s, p99 %s, worst %s (%d measurements)", p50, p99, most, len(took))

	db := g.books(t)
	took = took[:0]
	for round := range 5 {
		w := caller(false)
		everywhere(t, replicas, w.key, http.StatusOK)
		if n := number(t, db, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()
			AND state = 'idle' AND (query LIKE 'LISTEN %' OR query = 'SELECT seq FROM config_seq')`); n == 0 {
			t.Fatal("no replica listens")
		}
		took = append(took, spread(t, replicas, fmt.Sprintf("deaf, round %d", round), "/key/block", fmt.Sprintf(`{"key":%q}`, w.key), models(w.key), 401)...)
	}
	p50, p99, most = figures(took)
	t.Logf("a replica that has just lost its connection knows after p50 %s, p99 %s, worst %s (%d measurements)", p50, p99, most, len(took))
}

// models is the status with which a replica answers a key that asks for its models.
func models(key string) func(*gateway) int {
	return func(g *gateway) int {
		status, _ := g.get(askModels, key)
		return status
	}
}

// everywhere waits until every replica answers a request of the key with status.
func everywhere(t *testing.T, replicas []*gateway, key string, status int) {
	t.Helper()
	for _, g := range replicas {
		within(t, fmt.Sprintf("status %d on every replica", status), func() bool {
			got, _ := g.get(askModels, key)
			return got == status
		})
	}
}

// spread makes one change on the first replica and returns how long after its answer each other one went on as before. ask
// gives the status of a replica's answer, which becomes status.
func spread(t *testing.T, replicas []*gateway, what, path, body string, ask func(*gateway) int, status int) []time.Duration {
	t.Helper()
	if r := replicas[0].send(http.MethodPost, path, replicas[0].MasterKey, body); r.status != http.StatusOK {
		t.Fatalf("%s: %d %s", what, r.status, r.body)
	}
	began := time.Now() //nolint:forbidigo // a figure for the log
	if got := ask(replicas[0]); got != status {
		t.Errorf("%s: the replica that made the change answers %d on the very next call, want %d", what, got, status)
	}
	took := make([]time.Duration, len(replicas)-1)
	var all sync.WaitGroup
	for i, g := range replicas[1:] {
		all.Go(func() {
			for time.Since(began) < patience { //nolint:forbidigo // a figure for the log
				if ask(g) == status {
					break
				}
				time.Sleep(time.Millisecond) // the processor is for the replicas
			}
			took[i] = time.Since(began) //nolint:forbidigo // a figure for the log
		})
	}
	all.Wait()
	if slices.Max(took) > 100*time.Millisecond {
		t.Logf("%s: slow: %s", what, took)
	}
	return took
}

// TestModelOnEveryReplica adds a model by the API of one replica and calls it on all.
func TestModelOnEveryReplica(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	provider.Always(testkit.Reply{Usage: &usual})
	more := "gatehouse: {egress_allow: [\"127.0.0.1\"]}\n"
	replicas := startReplicas(t, 2, options{
		config: configFor(provider, more), database: testkit.Postgres(t, nil), env: map[string]string{"STORE_MODEL_IN_DB": "True"},
	})
	made := replicas[0].send(http.MethodPost, "/model/new", testkit.MasterKey, fmt.Sprintf(`{"model_name":"made-here",
		"litellm_params":{"model":"openai/gpt-4o","api_base":%q,"api_key":"sk-of-the-new-model","input_cost_per_token":0.000001,"output_cost_per_token":0.000002}}`,
		provider.URL+"/v1"))
	if made.status != http.StatusOK {
		t.Fatalf("%d %s", made.status, made.body)
	}
	began := time.Now() //nolint:forbidigo // a figure for the log
	for _, g := range replicas {
		key := testkit.MasterKey
		within(t, "the model is served", func() bool {
			r := g.send(http.MethodPost, "/v1/chat/completions", key, `{"model":"made-here","messages":[{"role":"user","content":"hi"}]}`)
			return r.status == http.StatusOK
		})
	}
	t.Logf("served by both replicas %s after it was made", time.Since(began).Round(time.Millisecond)) //nolint:forbidigo // a figure for the log
	for _, r := range provider.Requests() {
		if got := r.Header.Get("Authorization"); got != "Bearer sk-of-the-new-model" {
			t.Errorf("the provider was sent %q", got)
		}
	}
	var answer struct {
		ID string `json:"model_id"`
	}
	if err := json.Unmarshal(made.body, &answer); err != nil || answer.ID == "" {
		t.Fatalf("no id in %s", made.body)
	}
	if r := replicas[1].send(http.MethodPost, "/model/delete", testkit.MasterKey, fmt.Sprintf(`{"id":%q}`, answer.ID)); r.status != http.StatusOK {
		t.Fatalf("delete: %d %s", r.status, r.body)
	}
	for _, g := range replicas {
		within(t, "the model is gone", func() bool {
			r := g.send(http.MethodPost, "/v1/chat/completions", testkit.MasterKey, `{"model":"made-here","messages":[{"role":"user","content":"hi"}]}`)
			return r.status == http.StatusNotFound
		})
	}
}
