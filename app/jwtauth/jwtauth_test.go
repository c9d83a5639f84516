package jwtauth

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gatehouse/app/config"
	"gatehouse/app/control"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/proxy/keyring"
)

// issuer signs tokens and publishes its keys.
type issuer struct {
	*httptest.Server
	mu    sync.Mutex
	keys  map[string]ed25519.PrivateKey
	asked atomic.Int64
	down  atomic.Bool
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{keys: map[string]ed25519.PrivateKey{}}
	i.add(t, "k1")
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		i.asked.Add(1)
		if i.down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		set := jose.JSONWebKeySet{}
		for id, key := range i.keys {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: id, Algorithm: "EdDSA", Use: "sig"})
		}
		_ = json.NewEncoder(w).Encode(set)
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) add(t *testing.T, id string) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys[id] = key
}

func (i *issuer) drop(id string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.keys, id)
}

func (i *issuer) token(t *testing.T, key, kid string, claims map[string]any) []byte {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	opt := (&jose.SignerOptions{}).WithHeader("kid", kid)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: i.keys[key]}, opt)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return []byte(text)
}

// rows is a configuration in memory.
type rows struct {
	users []string
	teams []string
	seq   int64
}

func (r *rows) Changes(_ context.Context, _ int64, sink models.ChangeSink) (int64, error) {
	r.seq++
	for _, id := range r.users {
		sink.User(&models.User{ID: id, Role: models.RoleInternalUser, Seq: r.seq})
	}
	for _, id := range r.teams {
		sink.Team(&models.Team{ID: id, Seq: r.seq})
	}
	return r.seq, nil
}

func (r *rows) Watch(ctx context.Context, _ int64) error { <-ctx.Done(); return ctx.Err() }

// nobody is a database that is away.
type nobody struct{ asked atomic.Int64 }

func (n *nobody) FromToken(context.Context, control.TokenProfile) (string, error) {
	n.asked.Add(1)
	return "", fault.New(fault.Unavailable, "the database is away")
}

type world struct {
	t       *testing.T
	issuer  *issuer
	people  *nobody
	service *Service
	snap    *keyring.Snapshot
	at      atomic.Int64
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, issuer: newIssuer(t), people: new(nobody), service: New()}
	w.at.Store(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC).Unix())
	ring := keyring.New(keyring.Options{Source: &rows{users: []string{"ana"}, teams: []string{"red", "blue"}}, Now: w.now, Log: slog.New(slog.DiscardHandler)})
	if err := ring.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.snap = ring.Snapshot()
	w.service.Configure(config.JWTAuth{
		Enabled: true, KeyURLs: []string{w.issuer.URL}, KeyTTL: 10 * time.Minute, UserIDField: "sub", TeamIDsField: "groups", AdminScope: "admin",
		AdminRoutes: []string{"management_routes"}, TeamRoutes: []string{"openai_routes"},
	}, Options{Client: w.issuer.Client(), People: w.people, Now: w.now, Log: slog.New(slog.DiscardHandler)})
	return w
}

func (w *world) now() time.Time { return time.Unix(w.at.Load(), 0) }

func (w *world) wait(d time.Duration) { w.at.Add(int64(d / time.Second)) }

func (w *world) claims(more ...any) map[string]any {
	c := map[string]any{"sub": "ana", "exp": w.now().Add(24 * time.Hour).Unix()}
	for i := 0; i+1 < len(more); i += 2 {
		c[more[i].(string)] = more[i+1]
	}
	return c
}

func (w *world) call(token []byte) error {
	_, err := w.service.Caller(w.t.Context(), w.snap, token)
	return err
}

func (w *world) must(what string, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Errorf("%s: %v", what, err)
	}
}

func (w *world) refused(what string, err error, kind fault.Kind) {
	w.t.Helper()
	if !fault.Is(err, kind) {
		w.t.Errorf("%s: %v", what, err)
	}
}

// TestAsksNobody: people and teams in the snapshot need no query, known keys no request.
func TestAsksNobody(t *testing.T) {
	w := newWorld(t)
	w.must("the first", w.call(w.issuer.token(t, "k1", "k1", w.claims())))
	w.issuer.down.Store(true)
	for i := range 5 {
		w.must("a new token", w.call(w.issuer.token(t, "k1", "k1", w.claims("jti", i, "groups", []string{"red", "blue", "none"}))))
	}
	if n := w.issuer.asked.Load(); n != 1 {
		t.Errorf("the key set was asked for %d times", n)
	}
	if n := w.people.asked.Load(); n != 0 {
		t.Errorf("the database was asked %d times", n)
	}
	w.refused("somebody who is not in the snapshot", w.call(w.issuer.token(t, "k1", "k1", w.claims("sub", "bo"))), fault.Unavailable)
}

// TestSeenTokenIsCheap: a token that was judged before is only looked up.
func TestSeenTokenIsCheap(t *testing.T) {
	w := newWorld(t)
	token := w.issuer.token(t, "k1", "k1", w.claims())
	w.must("the first", w.call(token))
	var err error
	if n := testing.AllocsPerRun(100, func() { err = errors.Join(err, w.call(token)) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
	w.must("the rest", err)
}

// TestKeysOfTheIssuer: new keys are found at once, made-up ids ask at most once in ten seconds, withdrawn keys end what
// was signed with them, and known ones outlive the issuer's outage for a while.
func TestKeysOfTheIssuer(t *testing.T) {
	w := newWorld(t)
	old := w.issuer.token(t, "k1", "k1", w.claims())
	w.must("the first", w.call(old))
	w.wait(askAgain)
	w.issuer.add(t, "k2")
	w.must("a new key", w.call(w.issuer.token(t, "k2", "k2", w.claims())))
	before := w.issuer.asked.Load()
	for i := range 50 {
		w.refused("a made-up key id", w.call(w.issuer.token(t, "k1", fmt.Sprintf("made-up-%d", i), w.claims())), fault.Unauthenticated)
	}
	if n := w.issuer.asked.Load() - before; n > 1 {
		t.Errorf("made-up key ids asked %d times", n)
	}
	w.must("no key id: any key", w.call(w.issuer.token(t, "k2", "", w.claims())))
	w.refused("the id of another key", w.call(w.issuer.token(t, "k1", "k2", w.claims())), fault.Unauthenticated)

	w.issuer.drop("k1")
	w.must("before the keys are read again", w.call(old))
	w.wait(11 * time.Minute)
	w.refused("a token whose key was withdrawn", w.call(old), fault.Unauthenticated)

	w.issuer.down.Store(true)
	w.wait(30 * time.Minute)
	w.must("the issuer is away", w.call(w.issuer.token(t, "k2", "k2", w.claims("jti", "y"))))
	w.wait(time.Hour)
	w.refused("the issuer is away for too long", w.call(w.issuer.token(t, "k2", "k2", w.claims("jti", "z"))), fault.Unavailable)
	w.issuer.down.Store(false)
	w.wait(askAgain)
	w.must("the issuer is back", w.call(w.issuer.token(t, "k2", "k2", w.claims("jti", "z"))))
}

// TestTokensEnd: a remembered token is not remembered beyond its end.
func TestTokensEnd(t *testing.T) {
	w := newWorld(t)
	token := w.issuer.token(t, "k1", "k1", w.claims("exp", w.now().Add(5*time.Minute).Unix()))
	w.must("at first", w.call(token))
	w.wait(5 * time.Minute)
	w.refused("at its end", w.call(token), fault.Unauthenticated)
}

// TestManyTokens: what is remembered is bounded.
func TestManyTokens(t *testing.T) {
	s := newSeen()
	for i := range shards * perShard * 2 {
		s.put(&[32]byte{byte(i), byte(i >> 8), byte(i >> 16)}, &Caller{}, 0)
	}
	n := 0
	for i := range s.parts {
		n += len(s.parts[i].m)
	}
	if n > shards*perShard {
		t.Errorf("%d tokens are remembered", n)
	}
	s.forget()
	s.put(&[32]byte{1}, &Caller{}, 0)
	if s.get(&[32]byte{1}) != nil {
		t.Error("a token that was verified by former keys is remembered")
	}
}
