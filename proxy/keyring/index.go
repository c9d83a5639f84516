package keyring

import "encoding/binary"

// shardCount is the number of key shards: with a million keys, a change copies two arrays of about two thousand pointers.
const shardCount = 1024

// index is one shard of keys: open addressing over pointers, so that a key costs some 16 bytes here and a lookup one or
// two steps. It is immutable once published.
type index struct {
	slots []*Grant // a power of two, at most three quarters full
	used  int
}

// spread turns a hash into a shard (upper bits) and a first slot (lower bits, before the mask).
func spread(h uint64) (shard int, slot uint64) { return int(h >> 54), h }

// ofHash reads 64 bits of a SHA-256, which are as good as random.
func ofHash(h *[32]byte) uint64 { return binary.BigEndian.Uint64(h[:8]) }

// ofID is FNV-1a with a final mix, so that the upper bits are spread too. Ids of keys are ours, so nobody can aim.
func ofID(id string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	h ^= h >> 32
	h *= 0x9e3779b97f4a7c15
	return h ^ h>>29
}

func grantHash(g *Grant) uint64 { return ofHash(&g.hash) }
func grantID(g *Grant) uint64   { return ofID(g.ID()) }

func (x *index) byHash(h *[32]byte, slot uint64) *Grant {
	if x == nil {
		return nil
	}
	mask := uint64(len(x.slots) - 1)
	for i := slot & mask; ; i = (i + 1) & mask {
		g := x.slots[i]
		if g == nil || g.hash == *h {
			return g
		}
	}
}

func (x *index) byID(id string, slot uint64) *Grant {
	if x == nil {
		return nil
	}
	mask := uint64(len(x.slots) - 1)
	for i := slot & mask; ; i = (i + 1) & mask {
		g := x.slots[i]
		if g == nil || g.ID() == id {
			return g
		}
	}
}

// clone gives a copy that may be written.
func (x *index) clone() *index {
	if x == nil {
		return &index{slots: make([]*Grant, 8)}
	}
	return &index{slots: append([]*Grant(nil), x.slots...), used: x.used}
}

// add puts a grant that is not in x.
func (x *index) add(g *Grant, hash func(*Grant) uint64) {
	if (x.used+1)*4 > len(x.slots)*3 {
		old := x.slots
		x.slots = make([]*Grant, 2*len(old))
		for _, o := range old {
			if o != nil {
				x.place(o, hash(o))
			}
		}
	}
	x.place(g, hash(g))
	x.used++
}

func (x *index) place(g *Grant, slot uint64) {
	mask := uint64(len(x.slots) - 1)
	i := slot & mask
	for x.slots[i] != nil {
		i = (i + 1) & mask
	}
	x.slots[i] = g
}

// remove takes g out and closes the gap, so that no probe ends early.
func (x *index) remove(g *Grant, hash func(*Grant) uint64) {
	mask := uint64(len(x.slots) - 1)
	i := hash(g) & mask
	for x.slots[i] != g {
		if x.slots[i] == nil {
			return
		}
		i = (i + 1) & mask
	}
	for next := (i + 1) & mask; x.slots[next] != nil; next = (next + 1) & mask {
		home := hash(x.slots[next]) & mask
		if (next-home)&mask >= (next-i)&mask { // its home is at or before the gap
			x.slots[i] = x.slots[next]
			i = next
		}
	}
	x.slots[i] = nil
	x.used--
}
