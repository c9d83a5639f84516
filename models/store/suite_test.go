package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// patience bounds the wait for things that will come.
const patience = 20 * time.Second

// on runs a test on both databases, each time on a fresh one of its own, with a clock that stands still.
func on(t *testing.T, test func(t *testing.T, s *store.Store, clock *testkit.Clock), adjust ...func(*store.Options)) {
	t.Helper()
	t.Parallel()
	for name, address := range map[string]func(testing.TB) string{
		"sqlite": func(tb testing.TB) string {
			tb.Helper()
			return "sqlite:" + filepath.Join(tb.TempDir(), "gatehouse.db")
		},
		"postgres": func(tb testing.TB) string { tb.Helper(); return testkit.Postgres(tb, migrated) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := testkit.NewClock()
			opt := store.Options{Now: clock.Now}
			for _, f := range adjust {
				f(&opt)
			}
			test(t, open(t, address(t), opt), clock)
		})
	}
}

// migrated brings a database up to date, for the template that tests copy.
func migrated(dsn string) error {
	s, err := store.Open(context.Background(), dsn, store.Options{})
	if err != nil {
		return err
	}
	return s.Close()
}

func open(t *testing.T, dsn string, opt store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), dsn, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// must ends the test on an error that has no business being there.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// got is must for a call with a result.
func got[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		must(t, err)
		return value
	}
}

// refused wants a fault of a kind, about a field ("" for none in particular).
func refused(t *testing.T, err error, kind fault.Kind, param string) {
	t.Helper()
	f := fault.As(err)
	if f == nil || f.Kind != kind || param != "" && f.Param != param {
		t.Fatalf("got error %v (%+v), want kind %d about %q", err, f, kind, param)
	}
}

func same[T comparable](t *testing.T, what string, have, want T) {
	t.Helper()
	if have != want {
		t.Errorf("%s: got %v, want %v", what, have, want)
	}
}

func ptr[T any](v T) *T { return &v }

// change commits fn and returns its sequence number.
func change(t *testing.T, s *store.Store, fn func(tx *store.Store) error) int64 {
	t.Helper()
	return got(s.Change(t.Context(), fn))(t)
}

func testKey(n int) *models.Key {
	return &models.Key{
		ID: fmt.Sprintf("key-%03d", n), Hash: fmt.Sprintf("hash-%03d", n), Name: fmt.Sprintf("sk-...%04d", n),
		Audit: models.Audit{CreatedAt: models.At(testkit.Epoch.Add(time.Duration(n) * time.Second))},
	}
}

// recorder keeps what a feed sent, in its order.
type recorder struct {
	mu     sync.Mutex
	events []string
	keys   map[string]models.Key
}

func (r *recorder) note(kind, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, kind+" "+id)
}

func (r *recorder) Key(k *models.Key) {
	r.note("key", k.ID)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys == nil {
		r.keys = map[string]models.Key{}
	}
	r.keys[k.ID] = *k
}
func (r *recorder) OldSecret(o *models.OldSecret)       { r.note("old_secret", o.Hash) }
func (r *recorder) Team(v *models.Team)                 { r.note("team", v.ID) }
func (r *recorder) User(v *models.User)                 { r.note("user", v.ID) }
func (r *recorder) Membership(v *models.Membership)     { r.note("membership", v.TeamID+"/"+v.UserID) }
func (r *recorder) Organization(v *models.Organization) { r.note("organization", v.ID) }
func (r *recorder) OrgMembership(v *models.OrgMembership) {
	r.note("org_membership", v.OrgID+"/"+v.UserID)
}
func (r *recorder) Budget(v *models.Budget)            { r.note("budget", v.ID) }
func (r *recorder) Customer(v *models.Customer)        { r.note("customer", v.ID) }
func (r *recorder) Deployment(v *models.DeploymentRow) { r.note("deployment", v.ID) }
func (r *recorder) AccessGroup(v *models.AccessGroup)  { r.note("access_group", v.Name) }
func (r *recorder) Setting(v *models.Setting)          { r.note("setting", v.Name) }
func (r *recorder) Deleted(table, id string)           { r.note("deleted", table+" "+id) }

func changes(t *testing.T, s *store.Store, since int64) (*recorder, int64) {
	t.Helper()
	r := new(recorder)
	return r, got(s.Changes(t.Context(), since, r))(t)
}
