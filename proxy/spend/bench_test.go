package spend

import (
	"context"
	"testing"
	"time"

	"gatehouse/models"
	"gatehouse/proxy/price"
)

type sink struct{}

func (sink) WriteSpend(context.Context, []Record) error { return nil }

func benchRecord() Record {
	r := settled(1)
	r.Metadata = []byte(`{"user_api_key_alias":"ci-bot","requester":"svc","trace_id":"9f8a3c"}`)
	r.Lines = []price.Line{
		{Unit: price.Input, Quantity: 900, Rate: 3_000_000_000, Nano: 2_700_000},
		{Unit: price.Output, Quantity: 300, Rate: 15_000_000_000, Nano: 4_500_000},
	}
	return r
}

// BenchmarkCall is what one call costs the process: Admit, Settle and its share of the writer.
func BenchmarkCall(b *testing.B) {
	o := quick()
	o.Gather, o.SyncEvery, o.MaxBacklog = 25*time.Millisecond, 20*time.Millisecond, 1<<40
	o.MaxBacklogBytes = 1 << 50
	l := mustOpen(b, b.TempDir(), sink{}, o)
	r := benchRecord()
	a := AdmitRecord{Record: r, EstNano: 1_000_000, FloorNano: 1000}
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Admit(a); err != nil {
			b.Fatal(err)
		}
		if err := l.Settle(r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCallParallel(b *testing.B) {
	o := quick()
	o.Gather, o.SyncEvery, o.MaxBacklog = 25*time.Millisecond, 20*time.Millisecond, 1<<40
	o.MaxBacklogBytes = 1 << 50
	l := mustOpen(b, b.TempDir(), sink{}, o)
	b.SetParallelism(64)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		r := benchRecord()
		a := AdmitRecord{Record: r, EstNano: 1_000_000, FloorNano: models.Nano(1000)}
		for pb.Next() {
			if err := l.Admit(a); err != nil {
				b.Error(err)
			}
			if err := l.Settle(r); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	r := benchRecord()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = appendFrame(buf[:0], kindSettle, 1, appendRecord(nil, &r))
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkDecode(b *testing.B) {
	r := benchRecord()
	body := appendRecord(nil, &r)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeRecord(body); err != nil {
			b.Fatal(err)
		}
	}
}
