package proxy

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/proxy/budget"
	"gatehouse/proxy/cache"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/limit"
	"gatehouse/proxy/price"
	"gatehouse/proxy/route"
	"gatehouse/proxy/spend"
)

const (
	masterKey = "sk-master-0123456789abcdef"
	plainKey  = "sk-plain-0123456789abcdefgh"
	upstream  = "sk-upstream-0123456789abcdef"
)

// fixedSource is a keyring.Source that sends a fixed configuration.
type fixedSource struct{ send func(models.ChangeSink) }

func (r *fixedSource) Changes(_ context.Context, _ int64, sink models.ChangeSink) (int64, error) {
	r.send(sink)
	return 1, nil
}

func (r *fixedSource) Watch(ctx context.Context, _ int64) error {
	<-ctx.Done()
	return fmt.Errorf("watch: %w", ctx.Err())
}

// book is a Ledger that keeps everything it was told.
type book struct {
	mu       sync.Mutex
	changed  chan struct{}
	admitted []spend.AdmitRecord
	settled  []spend.Record
	refuse   error // of Admit
}

func newBook() *book { return &book{changed: make(chan struct{})} }

func (b *book) Admit(a spend.AdmitRecord) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse != nil {
		return b.refuse
	}
	b.admitted = append(b.admitted, a)
	return nil
}

func (b *book) Settle(r spend.Record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	r.Charges = slices.Clone(r.Charges) // the call's own memory
	b.settled = append(b.settled, r)
	close(b.changed)
	b.changed = make(chan struct{})
	return nil
}

func (b *book) Progress(string, models.Nano, price.Usage) error { return nil }

// wait returns the records once there are n of them.
func (b *book) wait(tb testing.TB, n int) []spend.Record {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	for {
		b.mu.Lock()
		got, changed := slices.Clone(b.settled), b.changed
		b.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-changed:
		case <-ctx.Done():
			tb.Fatalf("%d records, want %d", len(got), n)
		}
	}
}

// rig is a plane on a real listener with a fake provider behind it.
type rig struct {
	tb       testing.TB
	plane    *Plane
	provider *testkit.Provider
	book     *book
	budget   *budget.Ledger
	router   *route.Router
	ring     *keyring.Ring
	addr     string
	log      *bytes.Buffer
}

type setup struct {
	config      Config
	settings    route.Settings
	deployments []models.Deployment // ${PROVIDER} in APIBase is filled in
	rows        func(models.ChangeSink)
	auth        Authenticator
	cache       *cache.Cache
}

func deployment(name, providerName, model string) models.Deployment {
	d := models.Deployment{
		ID: "dep-" + name, ModelName: name, Provider: providerName, Model: model, APIKey: models.NewSecret(upstream),
		APIBase: "${PROVIDER}/v1", FromConfig: true, Mode: "chat", Params: map[string]any{}, Defaults: map[string]any{},
		Prices: map[string]any{"input_cost_per_token": json.Number("0.000001"), "output_cost_per_token": json.Number("0.000002")},
	}
	if providerName == "anthropic" {
		d.APIBase = "${PROVIDER}"
	}
	return d
}

func keyRow(secret string, change func(*models.Key)) *models.Key {
	sum := sha256.Sum256([]byte(secret))
	k := &models.Key{ID: "id-" + secret[3:9], Hash: hex.EncodeToString(sum[:]), Name: "sk-..." + secret[len(secret)-4:], Seq: 1}
	if change != nil {
		change(k)
	}
	return k
}

func newRig(tb testing.TB, s setup) *rig {
	tb.Helper()
	r := &rig{tb: tb, provider: testkit.NewProvider(tb), book: newBook(), log: new(bytes.Buffer)}
	if s.deployments == nil {
		s.deployments = []models.Deployment{
			deployment("gpt-4o", "openai", "gpt-4o-real"), deployment("claude", "anthropic", "claude-real"),
			deployment("embed", "openai", "embed-real"), deployment("openai/*", "openai", "*"),
		}
	}
	for i := range s.deployments {
		s.deployments[i].APIBase = strings.ReplaceAll(s.deployments[i].APIBase, "${PROVIDER}", r.provider.URL)
	}
	source := &fixedSource{send: func(sink models.ChangeSink) {
		sink.Key(keyRow(plainKey, nil))
		if s.rows != nil {
			s.rows(sink)
		}
	}}
	r.ring = keyring.New(keyring.Options{Source: source, Now: time.Now, Decode: func(*models.DeploymentRow) (models.Deployment, error) {
		return models.Deployment{}, errors.New("no rows here")
	}})
	r.ring.SetDeployments(s.deployments)
	if err := r.ring.Load(context.Background()); err != nil {
		tb.Fatal(err)
	}
	r.budget = budget.New(budget.Options{Now: time.Now})
	r.router = route.New(route.Options{Now: time.Now, Rand: rand.Float64}, s.settings)
	s.config.MasterKey = models.NewSecret(masterKey)
	s.config.Version = "test"
	plane, err := New(Deps{
		Config: s.config, Ring: r.ring, Router: r.router, Limits: limit.NewMemory(time.Now, 0, nil), Budget: r.budget, Outputs: new(budget.Outputs),
		Ledger: r.book, Prices: price.New(time.Now), Auth: s.auth, Cache: s.cache, Now: time.Now,
	})
	if err != nil {
		tb.Fatal(err)
	}
	r.plane = plane
	r.listen()
	return r
}

func (r *rig) listen() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.tb.Fatal(err)
	}
	server := &fasthttp.Server{
		Handler: r.plane.Handler(), StreamRequestBody: true, DisablePreParseMultipartForm: true, ReadBufferSize: 32 << 10,
		NoDefaultServerHeader: true, NoDefaultContentType: true, CloseOnShutdown: true,
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	r.addr = l.Addr().String()
	r.tb.Cleanup(func() {
		_ = l.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		r.plane.Drain(ctx)
		_ = server.ShutdownWithContext(ctx)
		<-done
		if held := r.budget.Held(); held != 0 {
			r.tb.Errorf("%s is still held after every call has ended", held)
		}
		if n := r.plane.InFlight(); n != 0 {
			r.tb.Errorf("%d calls are still in flight", n)
		}
		if n := r.plane.watcher.Open(); n != 0 {
			r.tb.Errorf("%d calls are still watched", n)
		}
	})
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// failure reads the error of an answer.
func (a answer) failure(tb testing.TB) (kind, code, message string) {
	tb.Helper()
	var e struct {
		Error map[string]any `json:"error"`
	}
	if err := json.Unmarshal([]byte(a.body), &e); err != nil || e.Error == nil {
		tb.Fatalf("no error in %d %s", a.status, a.body)
	}
	for _, name := range []string{"message", "type", "param", "code"} {
		if _, ok := e.Error[name]; !ok {
			tb.Errorf("the error has no %s: %s", name, a.body)
		}
	}
	text := func(v any) string { s, _ := v.(string); return s }
	return text(e.Error["type"]), text(e.Error["code"]), text(e.Error["message"])
}

// events are the data lines of a stream.
func (a answer) events() []string {
	var out []string
	for line := range strings.Lines(a.body) {
		if data, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "data: "); ok {
			out = append(out, data)
		}
	}
	return out
}

// send makes a request; header holds further lines "Name: value".
func (r *rig) send(method, path, key, body string, header ...string) answer {
	r.tb.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, "http://"+r.addr+path, strings.NewReader(body))
	if err != nil {
		r.tb.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		req.Header[http.CanonicalHeaderKey(name)] = []string{value}
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		r.tb.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		text = append(text, "\n<"+err.Error()+">"...)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

// chat sends a chat call with the plain key; more is added to the body.
func (r *rig) chat(model, more string) answer {
	r.tb.Helper()
	return r.send("POST", "/v1/chat/completions", plainKey, chatBody(model, more))
}

func chatBody(model, more string) string {
	if more != "" {
		more = "," + more
	}
	return fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"Say hello to the world."}]%s}`, model, more)
}

// rawChat sends a streamed call over a connection that the test holds, and returns it after the head of the answer.
func (r *rig) rawChat(body string) (net.Conn, *bufio.Reader, *http.Response) {
	r.tb.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.tb.Fatal(err)
	}
	r.tb.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", plainKey, len(body), body)
	if err != nil {
		r.tb.Fatal(err)
	}
	br := bufio.NewReader(conn)
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		r.tb.Fatal(err)
	}
	return conn, br, resp
}

func dial(tb testing.TB, r *rig) net.Conn {
	tb.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return conn
}
