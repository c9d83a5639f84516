package reliability_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/testkit"
)

// plainConfig is one model at the fake provider for 1 USD per million input and 2 USD per million output tokens, tried once.
const plainConfig = `model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o, api_base: "${PROVIDER}/v1", api_key: sk-upstream, input_cost_per_token: 0.000001, output_cost_per_token: 0.000002}
litellm_settings: {num_retries: 0}
router_settings: {num_retries: 0, disable_cooldowns: true}
`

func configFor(p *testkit.Provider, more string) string {
	return strings.ReplaceAll(plainConfig, "${PROVIDER}", p.URL) + more
}

// usual is what one call of the load reports: 11 input and 7 output tokens, 25,000 nano-USD.
var usual = testkit.Usage{Prompt: 11, Completion: 7}

const usualCost = 11*1000 + 7*2000

// slow makes a provider take its time: plain answers up to spread, streams of 40 pieces about as long.
func slow(p *testkit.Provider, spread time.Duration) {
	pieces := make([]string, 40)
	for i := range pieces {
		pieces[i] = fmt.Sprintf("piece%d ", i)
	}
	p.Choose(func(r testkit.Request) *testkit.Reply {
		part := time.Duration(r.Number*37%100) * spread / 100
		if r.Stream {
			return &testkit.Reply{Usage: &usual, Pieces: pieces, EventEvery: part / 40}
		}
		return &testkit.Reply{Usage: &usual, FirstByteAfter: part}
	})
}

// outcome is what a client saw of its call.
type outcome struct {
	user     string
	status   int
	complete bool // the answer came to its end, as its wire has it
	body     []byte
	err      error
	took     time.Duration
}

// load is a number of calls under way at once.
type load struct {
	wg   sync.WaitGroup
	mu   sync.Mutex
	seen []outcome
	more []*load // loads that belong to this one
}

// run starts calls first to first+n-1, every second one streamed, spread over keys. They end by themselves.
func (l *load) run(g *gateway, keys []string, first, n int) {
	for i := first; i < first+n; i++ {
		l.wg.Go(func() {
			o := call(g, keys[i%len(keys)], i)
			l.mu.Lock()
			l.seen = append(l.seen, o)
			l.mu.Unlock()
		})
	}
}

// all waits for every call and returns what became of them.
func (l *load) all() []outcome {
	l.wg.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, other := range l.more {
		l.seen = append(l.seen, other.all()...)
	}
	l.more = nil
	return l.seen
}

// call makes one call whose end user names it.
func call(g *gateway, key string, i int) outcome {
	o := outcome{user: userOf(i)}
	body := fmt.Sprintf(`{"model":"gpt-4o","user":%q,"stream":%t,"messages":[{"role":"user","content":"Tell me about number %d."}]}`, o.user, i%2 == 1, i)
	r := g.send(http.MethodPost, "/v1/chat/completions", key, body)
	o.status, o.body, o.err, o.took = r.status, r.body, r.err, r.took
	if o.status == http.StatusOK && o.err == nil {
		if i%2 == 1 {
			o.complete = bytes.HasSuffix(bytes.TrimSpace(o.body), []byte("data: [DONE]"))
		} else {
			o.complete = json.Valid(o.body)
		}
	}
	return o
}

func userOf(i int) string { return fmt.Sprintf("call-%d", i) }

// teamKeys makes n keys of one team.
func teamKeys(t *testing.T, g *gateway, n int) []string {
	t.Helper()
	team := g.NewTeam(t, nil)
	keys := make([]string, n)
	for i := range keys {
		keys[i] = g.GenerateKey(t, map[string]any{"team_id": team}).Secret
	}
	return keys
}

// asked lists the end users of the calls that have reached the provider, and how often each did.
func asked(p *testkit.Provider) map[string]int {
	users := map[string]int{}
	for _, r := range p.Requests() {
		var body struct {
			User string `json:"user"`
		}
		if json.Unmarshal(r.Body, &body) == nil && body.User != "" {
			users[body.User]++
		}
	}
	return users
}
