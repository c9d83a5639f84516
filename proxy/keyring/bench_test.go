package keyring_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/proxy/keyring"
)

// manySource streams n keys as a fleet has them: 50,000 people, 5,000 teams, a handful of lists and limits, a tag here
// and there.
type manySource struct{ n, seq int64 }

func (m *manySource) Changes(_ context.Context, since int64, sink models.ChangeSink) (int64, error) {
	if since > 0 { // one key changes
		m.seq++
		sink.Key(manyKey(m.seq%m.n, m.seq))
		return m.seq, nil
	}
	for i := range int64(5000) {
		sink.Team(&models.Team{ID: "team-" + strconv.FormatInt(i, 10), Seq: 1})
	}
	for i := range int64(50000) {
		sink.User(&models.User{ID: "user-" + strconv.FormatInt(i, 10), Role: models.RoleInternalUser, Seq: 1})
	}
	for i := range m.n {
		sink.Key(manyKey(i, 1))
	}
	m.seq = m.n
	return m.seq, nil
}

func (m *manySource) Watch(ctx context.Context, _ int64) error { <-ctx.Done(); return ctx.Err() }

func manyKey(i, seq int64) *models.Key {
	h := sum("sk-" + strconv.FormatInt(i, 10))
	alias := "service-" + strconv.FormatInt(i, 10)
	team, user := "team-"+strconv.FormatInt(i%5000, 10), "user-"+strconv.FormatInt(i%50000, 10)
	k := &models.Key{
		ID: fmt.Sprintf("5f0c%08x-aaaa-4bbb-8ccc-0123456789ab", i), Hash: hex.EncodeToString(h[:]), Name: "sk-...W8Ng", Alias: &alias,
		TeamID: &team, UserID: &user, Models: models.Strings{"gpt-4o", "claude-sonnet"}, Seq: seq,
	}
	k.MaxBudget, k.BudgetDuration = ptr(models.Nano(i%50)*models.USD), ptr("30d")
	if i%10 == 0 {
		k.Metadata = models.JSON(`{"tags":["prod"]}`)
	}
	return k
}

// BenchmarkMillionKeys loads a million keys and says what they cost in memory.
func BenchmarkMillionKeys(b *testing.B) {
	for b.Loop() {
		src := &manySource{n: 1_000_000}
		r := keyring.New(keyring.Options{Source: src, Decode: decode, Now: testkit.NewClock().Now})
		if err := r.Load(b.Context()); err != nil {
			b.Fatal(err)
		}
		peak := rss()
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapAlloc)/1e6, "heap-MB")
		b.ReportMetric(peak, "rss-after-load-MB")
		b.ReportMetric(rss(), "rss-at-rest-MB")
		runtime.KeepAlive(r)
	}
}

// BenchmarkOneChange is what one changed key costs among a hundred thousand.
func BenchmarkOneChange(b *testing.B) {
	r := keyring.New(keyring.Options{Source: &manySource{n: 100_000}, Decode: decode, Now: testkit.NewClock().Now})
	if err := r.Load(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Load(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	r := keyring.New(keyring.Options{Source: &manySource{n: 100_000}, Decode: decode, Now: testkit.NewClock().Now})
	if err := r.Load(b.Context()); err != nil {
		b.Fatal(err)
	}
	hashes := make([][32]byte, 4096)
	for i := range hashes {
		hashes[i] = sum("sk-" + strconv.Itoa(i*7))
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if r.Snapshot().Lookup(&hashes[i&4095], 1) == nil {
			b.Fatal("lost")
		}
		i++
	}
}

// rss is the resident size of this process in MB; 0 where the system does not tell.
func rss() float64 {
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1000
		}
	}
	return 0
}
