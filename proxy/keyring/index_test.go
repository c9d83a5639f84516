package keyring

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"gatehouse/models"
)

// The index behaves like a map, whatever is added and removed in whatever order.
func TestIndexIsAMap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := newBuild(&Snapshot{}, nil)
		want := map[string]string{} // id -> secret
		secret := func(n int) string { return "sk-" + strconv.Itoa(n) }
		steps := rapid.SliceOfN(rapid.IntRange(0, 400), 1, 300).Draw(t, "steps")
		for i, n := range steps {
			id := strconv.Itoa(n % 40)
			if n%3 == 0 {
				delete(want, id)
				b.Deleted("keys", id)
				continue
			}
			for other, s := range want {
				if s == secret(n) && other != id {
					delete(want, other) // a hash belongs to one key
				}
			}
			want[id] = secret(n)
			sum := sha256.Sum256([]byte(secret(n)))
			b.Key(&models.Key{ID: id, Hash: hex.EncodeToString(sum[:])})
			if i%17 == 0 { // publish, and go on from what is now shared
				b = newBuild(b.finish(0), nil)
			}
		}
		s := b.finish(0)
		if s.Keys() != len(want) {
			t.Fatalf("%d keys, want %d", s.Keys(), len(want))
		}
		for id, text := range want {
			sum := sha256.Sum256([]byte(text))
			g := s.Lookup(&sum, 0)
			if g == nil || g.ID() != id || s.Grant(id) != g {
				t.Fatalf("key %s is lost", id)
			}
		}
		n := 0
		s.EachGrant(func(*Grant) { n++ })
		if n != len(want) {
			t.Fatalf("%d in the shards, want %d", n, len(want))
		}
	})
}

// Removing from one shard closes the gap for every probe that ran past it.
func TestShardRemove(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x := (*index)(nil).clone()
		var all []*Grant
		for i := range rapid.IntRange(1, 60).Draw(t, "n") {
			g := &Grant{}
			g.hash[7] = byte(rapid.IntRange(0, 12).Draw(t, "slot")) // few home slots: long runs
			g.hash[31] = byte(i)
			x.add(g, grantHash)
			all = append(all, g)
		}
		for len(all) > 0 {
			i := rapid.IntRange(0, len(all)-1).Draw(t, "gone")
			x.remove(all[i], grantHash)
			gone := all[i]
			all = append(all[:i], all[i+1:]...)
			if x.byHash(&gone.hash, ofHash(&gone.hash)) != nil {
				t.Fatal("found what was removed")
			}
			for _, g := range all {
				if x.byHash(&g.hash, ofHash(&g.hash)) != g {
					t.Fatal("a removal hid another key")
				}
			}
		}
	})
}
