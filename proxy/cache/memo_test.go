package cache_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gatehouse/proxy/cache"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/wire"
)

// longQuestion is a question of so many bytes and more.
func longQuestion(tb testing.TB, scope, word string, size int) *cache.Question {
	tb.Helper()
	raw := []byte(`{"model":"m","messages":[{"role":"user","content":"` + strings.Repeat("lorem ipsum ", size/12) + word + `"}]}`)
	req := new(wire.Request)
	if err := req.Parse(raw); err != nil {
		tb.Fatal(err)
	}
	return &cache.Question{Scope: scope, Op: provider.Chat, Group: "gpt", Body: req, Raw: raw}
}

// What is remembered is what would be worked out, for each tenant its own.
func TestKeysAreRemembered(t *testing.T) {
	t.Parallel()
	c := cache.New(cache.Options{Now: time.Now})
	seen := map[cache.Key]string{}
	for _, size := range []int{100, 20_000} {
		for _, scope := range []string{"team:a", "team:b"} {
			for _, word := range []string{"red", "blue"} {
				q := longQuestion(t, scope, word, size)
				name := fmt.Sprint(size, scope, word)
				for range 3 {
					if c.Key(q) != q.Key() {
						t.Errorf("%s has another key from memory", name)
					}
				}
				if was, twice := seen[c.Key(q)]; twice {
					t.Errorf("%s has the key of %s", name, was)
				}
				seen[q.Key()] = name
			}
		}
	}
}

// BenchmarkLongKey is the key of a prompt of 100 KB, worked out and from memory.
func BenchmarkLongKey(b *testing.B) {
	c := cache.New(cache.Options{Now: time.Now})
	q := longQuestion(b, "team:a", "", 100<<10)
	b.Run("worked out", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			q.Key()
		}
	})
	b.Run("remembered", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.Key(q)
		}
	})
}
