package proxy

import (
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"gatehouse/models"
	"gatehouse/proxy/cache"
)

// alive is how much of the heap is in use once what is not has been collected.
func alive() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkCacheSoak asks one distinct question after the other through a plane whose cache may take 64 MiB, and fails when
// more than that and a tenth comes to be alive meanwhile. `make soak` asks a million of them.
func BenchmarkCacheSoak(b *testing.B) {
	const bound, look = 64 << 20, 50_000
	store, err := cache.NewMemory(bound)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(store.Close)
	up := benchServe(b, benchUpstream, false)
	d := deployment("gpt-4o-mini", "openai", "gpt-4o-mini")
	d.APIBase = "http://" + up + "/v1"
	r := newRig(b, setup{
		config: Config{Cache: cache.Rules{On: true}}, deployments: []models.Deployment{d},
		cache: cache.New(cache.Options{Store: store, Now: time.Now}),
	})
	r.plane.Ledger = nothing{}
	r.plane.Log = slog.New(slog.DiscardHandler)
	client := &fasthttp.HostClient{Addr: benchServe(b, r.plane.Handler(), true), MaxConns: 64}
	var asked, most atomic.Int64
	question := func(n int64) {
		req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
		defer fasthttp.ReleaseRequest(req)
		defer fasthttp.ReleaseResponse(resp)
		req.SetRequestURI("http://x/v1/chat/completions")
		req.Header.SetMethod("POST")
		req.Header.Set("Authorization", "Bearer "+plainKey)
		req.SetBodyString(strings.Replace(chatBody("gpt-4o-mini", ""), "Say hello", fmt.Sprintf("Say hello %d times", n), 1))
		if err := client.Do(req, resp); err != nil || string(resp.Header.Peek("X-Gatehouse-Cache")) != "miss" {
			b.Error(err, resp.StatusCode(), string(resp.Header.Header()))
		}
	}
	question(0)
	base := int64(alive())
	for b.Loop() {
		n := asked.Add(1)
		question(n)
		if n%look == 0 {
			most.Store(max(most.Load(), int64(alive())-base))
		}
	}
	grown := max(most.Load(), int64(alive())-base)
	b.ReportMetric(float64(grown)/(1<<20), "MiB-alive")
	b.ReportMetric(float64(store.Bytes())/(1<<20), "MiB-counted")
	if grown > bound+bound/10 || store.Bytes() > bound {
		b.Errorf("%d bytes alive and %d counted, %d may be", grown, store.Bytes(), bound)
	}
}
