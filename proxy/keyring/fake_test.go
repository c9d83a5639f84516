package keyring_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/proxy/keyring"
)

// fakeSource is a change feed in memory: each put stamps its row, as the triggers of the database do.
type fakeSource struct {
	mu      sync.Mutex
	seq     int64
	rows    map[string]row
	gone    []tomb
	err     error // of the next reads
	reads   int
	changed chan struct{}
	answer  func(seq int64) int64 // tells a reader another sequence number
}

type row struct {
	seq  int64
	send func(models.ChangeSink, int64)
}

type tomb struct {
	seq       int64
	table, id string
}

func newFake() *fakeSource {
	return &fakeSource{rows: map[string]row{}, changed: make(chan struct{})}
}

func (f *fakeSource) put(table, id string, send func(models.ChangeSink, int64)) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seq++
	f.rows[table+id] = row{f.seq, send}
	f.wake()
	return f.seq
}

func (f *fakeSource) wake() {
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *fakeSource) drop(table, id string) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seq++
	delete(f.rows, table+id)
	f.gone = append(f.gone, tomb{f.seq, table, id})
	f.wake()
	return f.seq
}

func (f *fakeSource) key(k models.Key) int64 {
	return f.put("keys", k.ID, func(s models.ChangeSink, seq int64) { k.Seq = seq; s.Key(&k) })
}

func (f *fakeSource) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *fakeSource) Changes(_ context.Context, since int64, sink models.ChangeSink) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	for _, t := range f.gone {
		if t.seq > since {
			sink.Deleted(t.table, t.id)
		}
	}
	for _, r := range f.rows {
		if r.seq > since {
			r.send(sink, r.seq)
		}
	}
	if f.answer != nil {
		return f.answer(f.seq), f.err
	}
	return f.seq, f.err
}

func (f *fakeSource) Watch(ctx context.Context, since int64) error {
	f.mu.Lock()
	seq, changed := f.seq, f.changed
	f.mu.Unlock()
	if seq > since {
		return nil
	}
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func decode(r *models.DeploymentRow) (models.Deployment, error) {
	var d struct{ Provider, Model string }
	if err := json.Unmarshal(r.Params, &d); err != nil {
		return models.Deployment{}, errors.New("cannot be opened")
	}
	return models.Deployment{ID: r.ID, ModelName: r.ModelName, Provider: d.Provider, Model: d.Model, TeamID: r.TeamID}, nil
}

// ring is a loaded ring over the source.
func ring(t *testing.T, src keyring.Source, clock *testkit.Clock) *keyring.Ring {
	t.Helper()
	r := keyring.New(keyring.Options{Source: src, Decode: decode, Now: clock.Now})
	load(t, r)
	return r
}

func load(t *testing.T, r *keyring.Ring) {
	t.Helper()
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func sum(secret string) [32]byte { return sha256.Sum256([]byte(secret)) }

func hexSum(secret string) string { h := sum(secret); return hex.EncodeToString(h[:]) }

func key(id, secret string) models.Key {
	return models.Key{ID: id, Hash: hexSum(secret), Name: "sk-..." + id}
}

func lookup(r *keyring.Ring, secret string, at time.Time) *keyring.Grant {
	h := sum(secret)
	return r.Snapshot().Lookup(&h, at.UnixMicro())
}

func ptr[T any](v T) *T { return &v }

func ids(r *keyring.Ring) []string {
	var out []string
	r.Snapshot().EachGrant(func(g *keyring.Grant) { out = append(out, g.ID()) })
	slices.Sort(out)
	return out
}
