package control_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/app/access"
	"gatehouse/app/config"
	"gatehouse/app/control"
	"gatehouse/app/control/password"
	"gatehouse/app/hooks"
	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// env is the services over a real database, with everything around them told by the test.
type env struct {
	*control.Services
	t      *testing.T
	store  *store.Store
	clock  *testkit.Clock
	policy *control.Policy
	ring   *ring
	ledger *ledger
	models *catalog
	rule   *rule
	mail   *mailbox

	statements atomic.Int64 // that the database was sent
}

const master = "sk-master-0123456789abcdef"

// both runs a test on SQLite and on PostgreSQL.
func both(t *testing.T, fn func(t *testing.T, e *env)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		fn(t, open(t, "sqlite:"+sqliteFile(t)))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		fn(t, open(t, testkit.Postgres(t, migrate)))
	})
}

// lite runs a test on SQLite alone: for rules in which the database has no part.
func lite(t *testing.T) *env {
	t.Helper()
	t.Parallel()
	return open(t, "sqlite:"+sqliteFile(t))
}

func migrate(dsn string) error {
	s, err := store.Open(context.Background(), dsn, store.Options{})
	if err != nil {
		return err
	}
	return s.Close()
}

// migrated is one empty SQLite database, made once and copied.
var migrated = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "gatehouse-control-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "template.db")
	if err := migrate("sqlite:" + path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

func sqliteFile(t *testing.T) string {
	t.Helper()
	data, err := migrated()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, dsn string) *env {
	t.Helper()
	e := &env{
		t: t, clock: testkit.NewClock(), ring: &ring{}, ledger: &ledger{set: map[string]models.Nano{}}, rule: &rule{}, mail: &mailbox{},
		models: &catalog{names: []string{"gpt-4", "gpt-4o", "gpt-3.5-turbo"}, groups: []string{"beta-models"}},
		policy: &control.Policy{MasterKey: models.NewSecret(master), BaseURL: "https://gate.example"},
	}
	e.policy.Keys = config.KeyMaterial{Bytes: 32, StoreName: true}
	e.policy.Gatehouse.LoginRate = config.Rate{N: 1000, Per: time.Minute}
	s, err := store.Open(t.Context(), dsn, store.Options{Now: e.clock.Now, OnStatement: func(context.Context, string) { e.statements.Add(1) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	e.store = s
	h, err := password.NewHasher(password.Cost{MemoryKiB: 64, Time: 1}, 4)
	if err != nil {
		t.Fatal(err)
	}
	e.Services = control.New(control.Deps{
		Store: s, Ring: e.ring, Ledger: e.ledger, KeyRule: e.rule, Sealer: sealer{}, FactorSealer: sealer{}, JobSealer: sealer{}, Models: e.models, Mailer: e.mail, Hasher: h,
		Policy: func() *control.Policy { return e.policy }, Now: e.clock.Now, Log: slog.New(slog.DiscardHandler),
	})
	return e
}

type ring struct {
	mu   sync.Mutex
	seqs []int64
}

func (r *ring) Await(_ context.Context, seq int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seqs = append(r.seqs, seq)
}

func (r *ring) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.seqs)
}

type ledger struct {
	mu  sync.Mutex
	set map[string]models.Nano
}

func (l *ledger) Reset(scope string, to models.Nano) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.set[scope] = to
}

type rule struct {
	deny   error
	data   map[string]any
	caller hooks.Caller
}

func (r *rule) AllowKey(_ context.Context, data map[string]any, caller hooks.Caller) error {
	r.data, r.caller = data, caller
	return r.deny
}

type mailbox struct {
	mu      sync.Mutex
	invites []control.InvitationMail
	keys    []control.KeyMail
	resets  []string
}

func (m *mailbox) ResetRequested(_ context.Context, email, _ string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.resets = append(m.resets, email)
}

func (m *mailbox) Invitation(_ context.Context, in control.InvitationMail) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.invites = append(m.invites, in)
}

func (m *mailbox) KeyCreated(_ context.Context, in control.KeyMail) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keys = append(m.keys, in)
}

// sealer stands for app/seal: what matters here is what is sealed and for which place.
type sealer struct{}

func (sealer) Seal(place string, plain []byte) (string, error) {
	return "sealed<" + place + ">" + reverse(string(plain)), nil
}

func (sealer) Open(place, sealed string) ([]byte, error) {
	rest, ok := strings.CutPrefix(sealed, "sealed<"+place+">")
	if !ok {
		return nil, errors.New("sealed for another place")
	}
	return []byte(reverse(rest)), nil
}

func reverse(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

// catalog admits by name, by "*", by "x/*" and by the words for everything.
type catalog struct {
	names, groups []string
	deployments   []*models.Deployment
}

func (c *catalog) Names() []string                   { return c.names }
func (c *catalog) TeamNames(string) []string         { return nil }
func (c *catalog) Groups() []string                  { return c.groups }
func (c *catalog) Deployments() []*models.Deployment { return c.deployments }

func (c *catalog) Admits(list []string, model, _ string) bool {
	if len(list) == 0 {
		return true
	}
	return slices.ContainsFunc(list, func(entry string) bool {
		prefix, wild := strings.CutSuffix(entry, "*")
		return entry == model || entry == "all-proxy-models" || wild && strings.HasPrefix(model, prefix)
	})
}

func (c *catalog) Cost(model string, in, out int64) (models.Nano, bool) {
	if model != "gpt-4" {
		return 0, false
	}
	return models.Nano(in*30_000 + out*60_000), true
}

// as is the actor of a person as the database has them now.
func (e *env) as(id string) access.Actor {
	e.t.Helper()
	who, err := e.Identity.User(e.t.Context(), id)
	if err != nil {
		e.t.Fatal(err)
	}
	who.IP, who.RequestID = "198.51.100.7", "req-"+id
	return who
}

// admin is the master key.
func admin() access.Actor {
	who := access.Master()
	who.IP, who.RequestID = "198.51.100.1", "req-master"
	return who
}

// user makes a person without a key.
func (e *env) user(id string, role models.Role) string {
	e.t.Helper()
	in := control.NewUser{ID: id, AutoCreateKey: control.Some(false)}
	in.Role, in.Email = control.Some(role), control.Some(id+"@example.org")
	if _, err := e.Users.New(e.t.Context(), admin(), in); err != nil {
		e.t.Fatal(err)
	}
	return id
}

// team makes a team with these members, written "id" or "id:admin".
func (e *env) team(id string, members ...string) string {
	e.t.Helper()
	in := control.NewTeam{ID: id}
	for _, m := range members {
		user, role, _ := strings.Cut(m, ":")
		in.Members = append(in.Members, control.Member{UserID: user, Role: role})
	}
	if _, err := e.Teams.New(e.t.Context(), admin(), in); err != nil {
		e.t.Fatal(err)
	}
	return id
}

// key makes a key by body, as who.
func (e *env) key(who access.Actor, body string) *control.CreatedKey {
	e.t.Helper()
	k, err := e.Keys.Create(e.t.Context(), who, newKey(e.t, body))
	if err != nil {
		e.t.Fatalf("create key %s: %v", body, err)
	}
	return k
}

func newKey(t *testing.T, body string) control.NewKey {
	t.Helper()
	var in control.NewKey
	if err := json.Unmarshal([]byte(body), &in); err != nil {
		t.Fatal(err)
	}
	in.Body = []byte(body)
	return in
}

func parse[T any](t *testing.T, body string) T {
	t.Helper()
	var in T
	if err := json.Unmarshal([]byte(body), &in); err != nil {
		t.Fatal(err)
	}
	return in
}

// refused checks that err is a fault of this kind whose text holds part.
func refused(t *testing.T, err error, kind fault.Kind, part string) {
	t.Helper()
	f := fault.As(err)
	if f == nil || f.Kind != kind || !strings.Contains(f.Message, part) {
		t.Fatalf("got %v, wanted a fault of kind %d with %q", err, kind, part)
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, wanted %v", what, got, want)
	}
}

// lastAudit is the newest audit row.
func (e *env) lastAudit() models.AuditRow {
	e.t.Helper()
	rows, _, err := e.store.ListAudit(e.t.Context(), store.AuditFilter{Size: 1})
	if err != nil || len(rows) == 0 {
		e.t.Fatalf("no audit row: %v", err)
	}
	return rows[0]
}
