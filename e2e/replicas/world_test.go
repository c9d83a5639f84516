// Package replicas runs several gatehouse processes on one database and, for rates, one Redis: budgets, limits, resets and
// crashes as an operator meets them.
package replicas_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/testkit"
)

type object = map[string]any

// config is one priced model that uses what a hold expects, and a short life of slices.
const config = `model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o, api_base: "${PROVIDER}/v1", api_key: sk-upstream, input_cost_per_token: 0, output_cost_per_token: 0.000001}
gatehouse:
  slice_ttl: 10s
router_settings:
  num_retries: 0
general_settings:
  proxy_budget_rescheduler_min_time: 1
  proxy_budget_rescheduler_max_time: 1
`

// fleet starts n replicas on one PostgreSQL.
func fleet(t *testing.T, n int, opts testkit.Options) []*testkit.Server {
	t.Helper()
	if opts.Database == "" {
		opts.Database = testkit.Postgres(t, nil)
	}
	if opts.Config == "" {
		opts.Config = config
	}
	out := make([]*testkit.Server, n)
	for i := range out {
		out[i] = testkit.Start(t, opts)
	}
	return out
}

// answer is one call's end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// client is for many calls at once.
func client(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{
		MaxIdleConns: 512, MaxIdleConnsPerHost: 512, DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

// chat is one call; status 0 means that there was no answer.
func chat(ctx context.Context, c *http.Client, s *testkit.Server, key string, extra object) answer {
	body := object{"model": "gpt-4o", "messages": []object{{"role": "user", "content": "hi"}}}
	for name, v := range extra {
		body[name] = v
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return answer{}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/v1/chat/completions", bytes.NewReader(raw))
	if err != nil {
		return answer{}
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		return answer{}
	}
	data, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return answer{header: resp.Header}
	}
	return answer{status: resp.StatusCode, header: resp.Header, body: data}
}

// burst sends n calls at once, round the replicas, and returns their answers.
func burst(t *testing.T, all []*testkit.Server, key string, n int, extra object) []answer {
	t.Helper()
	c := client(t)
	out := make([]answer, n)
	parallel(n, func(i int) { out[i] = chat(t.Context(), c, all[i%len(all)], key, extra) })
	return out
}

// parallel does n things at once and waits for all.
func parallel(n int, do func(i int)) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { do(i) })
	}
	group.Wait()
}

// count is how many answers have a status.
func count(answers []answer, status int) int {
	n := 0
	for i := range answers {
		if answers[i].status == status {
			n++
		}
	}
	return n
}

// statuses sums answers up for messages.
func statuses(answers []answer) map[int]int {
	out := map[int]int{}
	for i := range answers {
		out[answers[i].status]++
	}
	return out
}

// until asks again and again, and fails the test when the answer does not become true in time.
func until(t *testing.T, what string, true_ func() bool) {
	t.Helper()
	deadline := time.Now().Add(testkit.Patience)
	for !true_() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, testkit.Patience)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(what)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// waitKnown waits until every replica knows the key.
func waitKnown(t *testing.T, all []*testkit.Server, key string) {
	t.Helper()
	for _, s := range all {
		until(t, "the key is known", func() bool {
			return s.Do(t, http.MethodGet, "/v1/models", key, nil).Status == http.StatusOK
		})
	}
}
