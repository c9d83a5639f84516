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
			took = append(took, spread(t, replicas, fmt.Sprintf("%s, round %d", a.name, round), path, body, key.Secret, a.status)...)
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
	busy := spread(t, replicas, "block with 510 calls in flight", "/key/block", fmt.Sprintf(`{"key":%q}`, key.Secret), key.Secret, 401)
	t.Logf("with 510 calls of the key in flight: %s", busy)
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

// spread makes one change on the first replica and returns how long after its answer each replica still served the key.
func spread(t *testing.T, replicas []*gateway, what, path, body, key string, status int) []time.Duration {
	t.Helper()
	if r := replicas[0].send(http.MethodPost, path, replicas[0].MasterKey, body); r.status != http.StatusOK {
		t.Fatalf("%s: %d %s", what, r.status, r.body)
	}
	began := time.Now() //nolint:forbidigo // a figure for the log
	if got, _ := replicas[0].get(askModels, key); got != status {
		t.Errorf("%s: the replica that made the change answers %d on the very next call, want %d", what, got, status)
	}
	took := make([]time.Duration, len(replicas)-1)
	var all sync.WaitGroup
	for i, g := range replicas[1:] {
		all.Go(func() {
			for time.Since(began) < patience { //nolint:forbidigo // a figure for the log
				if got, _ := g.get(askModels, key); got == status {
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
