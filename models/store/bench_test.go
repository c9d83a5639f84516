package store_test

import (
	"fmt"
	"testing"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/models/store"
)

// BenchmarkWriteSpend books full batches of 512 calls of 200 keys, as a busy gateway does.
func BenchmarkWriteSpend(b *testing.B) {
	for name, dsn := range map[string]string{"sqlite": "sqlite:" + b.TempDir() + "/b.db", "postgres": testkit.Postgres(b, migrated)} {
		b.Run(name, func(b *testing.B) {
			s, err := store.Open(b.Context(), dsn, store.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			n := 0
			for b.Loop() {
				batch := make([]models.Spend, 512)
				for i := range batch {
					batch[i] = call(fmt.Sprintf("%s-%012d", name, n), fmt.Sprintf("k%d", n%200), fmt.Sprintf("u%d", n%50), fmt.Sprintf("t%d", n%10), 1000, testkit.Epoch)
					n++
				}
				if err := s.WriteSpend(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "calls/s")
		})
	}
}
