package keyring

import "maps"

// tableShards keeps one change among very many users or customers from copying all of them.
const tableShards = 256

// table maps ids to immutable rows. A copy of the struct shares its shards; a writer clones the shard it touches.
type table[K comparable, V any] struct {
	shards [tableShards]map[K]*V
}

func (t *table[K, V]) get(shard uint8, key K) *V { return t.shards[shard][key] }

// edit writes to a table whose shards may be shared with older snapshots.
type edit[K comparable, V any] struct {
	t   *table[K, V]
	own [tableShards]bool
}

func (e *edit[K, V]) mine(shard uint8) map[K]*V {
	if !e.own[shard] {
		e.own[shard] = true
		if e.t.shards[shard] == nil {
			e.t.shards[shard] = map[K]*V{}
		} else {
			e.t.shards[shard] = maps.Clone(e.t.shards[shard])
		}
	}
	return e.t.shards[shard]
}

func (e *edit[K, V]) set(shard uint8, key K, v *V) { e.mine(shard)[key] = v }

func (e *edit[K, V]) remove(shard uint8, key K) {
	if _, ok := e.t.shards[shard][key]; ok {
		delete(e.mine(shard), key)
	}
}

// textShard spreads ids over shards. A badly spread set of ids costs time, never an answer.
func textShard(id string) uint8 {
	h := uint32(2166136261)
	for i := range len(id) {
		h = (h ^ uint32(id[i])) * 16777619
	}
	return uint8(h ^ h>>16)
}

// pair is a composite id.
type pair struct{ a, b string }

func (p pair) shard() uint8 { return textShard(p.a)*31 ^ textShard(p.b) }
