package proxy

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"gatehouse/models"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/price"
	"gatehouse/proxy/spend"
)

// nothing is a ledger that keeps nothing: the journal has benchmarks of its own.
type nothing struct{}

func (nothing) Admit(spend.AdmitRecord) error                   { return nil }
func (nothing) Settle(spend.Record) error                       { return nil }
func (nothing) Progress(string, models.Nano, price.Usage) error { return nil }
func (nothing) Snapshot() *keyring.Snapshot                     { return nil }
func (nothing) Stale() time.Duration                            { return 0 }

var benchAnswer = []byte(`{"id":"chatcmpl-0001","object":"chat.completion","created":1760000000,"model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"role":"assistant","content":"` +
	strings.Repeat("The outage began when a certificate expired on the edge tier. ", 14) + `","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":100,"completion_tokens":181,"total_tokens":281,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"service_tier":"default","system_fingerprint":"fp_44add55e8a"}`)

// benchUpstream answers at once: JSON, or 50 events back to back.
func benchUpstream(ctx *fasthttp.RequestCtx) {
	if !strings.Contains(string(ctx.PostBody()[:min(300, len(ctx.PostBody()))]), `"stream":true`) {
		ctx.SetContentType("application/json")
		ctx.Response.SetBodyRaw(benchAnswer)
		return
	}
	ctx.SetContentType("text/event-stream")
	ctx.SetBodyStreamWriter(func(w *bufio.Writer) {
		for i := range 50 {
			_, _ = fmt.Fprintf(w, `data: {"id":"chatcmpl-0001","object":"chat.completion.chunk","created":1760000000,"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_44add55e8a","choices":[{"index":0,"delta":{"content":" word%d"},"logprobs":null,"finish_reason":null}],"usage":null}`+"\n\n", i)
			if w.Flush() != nil {
				return
			}
		}
		_, _ = w.WriteString(`data: {"id":"chatcmpl-0001","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n" + `data: {"id":"chatcmpl-0001","choices":[],"usage":{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150}}` + "\n\ndata: [DONE]\n\n")
		_ = w.Flush()
	})
}

func benchServe(b *testing.B, h fasthttp.RequestHandler, streamed bool) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &fasthttp.Server{Handler: h, ReadBufferSize: 32 << 10, StreamRequestBody: streamed, MaxRequestBodySize: 64 << 20, NoDefaultServerHeader: true, DisablePreParseMultipartForm: true}
	go func() { _ = s.Serve(l) }()
	b.Cleanup(func() { _ = s.Shutdown() })
	return l.Addr().String()
}

// benchFloor forwards and does nothing else.
func benchFloor(addr string) fasthttp.RequestHandler {
	c := &fasthttp.HostClient{Addr: addr, MaxConns: 4096, NoDefaultUserAgentHeader: true}
	st := &fasthttp.HostClient{Addr: addr, MaxConns: 4096, StreamResponseBody: true}
	return func(ctx *fasthttp.RequestCtx) {
		ctx.Request.Header.Set("Authorization", "Bearer "+upstream)
		ctx.Request.SetHost(addr)
		if !strings.Contains(string(ctx.PostBody()[:min(300, len(ctx.PostBody()))]), `"stream":true`) {
			if err := c.Do(&ctx.Request, &ctx.Response); err != nil {
				ctx.Error(err.Error(), 502)
			}
			return
		}
		resp := fasthttp.AcquireResponse()
		if err := st.Do(&ctx.Request, resp); err != nil {
			ctx.Error(err.Error(), 502)
			return
		}
		ctx.Response.Header.SetContentTypeBytes(resp.Header.ContentType())
		ctx.Response.SetBodyStream(&benchBody{resp.BodyStream(), resp}, -1)
	}
}

type benchBody struct {
	io.Reader
	resp *fasthttp.Response
}

func (b *benchBody) Close() error {
	err := b.resp.CloseBodyStream()
	fasthttp.ReleaseResponse(b.resp)
	return err
}

// BenchmarkPass compares the plane with a plain forwarder on the same client and provider, whose own cost is in both
// figures: the difference is what the plane's work costs.
func BenchmarkPass(b *testing.B) {
	up := benchServe(b, benchUpstream, false)
	d := deployment("gpt-4o-mini", "openai", "gpt-4o-mini")
	d.APIBase = "http://" + up + "/v1"
	r := newRig(b, setup{deployments: []models.Deployment{d}})
	r.plane.Ledger = nothing{}
	r.plane.Log = slog.New(slog.DiscardHandler)
	plane := benchServe(b, r.plane.Handler(), true)
	floor := benchServe(b, benchFloor(up), false)
	bodies := map[string]string{
		"small":  chatBody("gpt-4o-mini", `"temperature":0.7,"max_tokens":500`),
		"big":    `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"` + strings.Repeat("lorem ipsum dolor sit amet ", 3800) + `"}]}`,
		"stream": chatBody("gpt-4o-mini", `"stream":true`),
	}
	for _, kind := range []string{"small", "big", "stream"} {
		for _, target := range []struct{ name, addr string }{{"floor", floor}, {"plane", plane}} {
			b.Run(kind+"/"+target.name, func(b *testing.B) {
				c := &fasthttp.HostClient{Addr: target.addr, MaxConns: 64}
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
					req.SetRequestURI("http://x/v1/chat/completions")
					req.Header.SetMethod("POST")
					req.Header.Set("Authorization", "Bearer "+plainKey)
					req.SetBodyString(bodies[kind])
					for pb.Next() {
						if err := c.Do(req, resp); err != nil || resp.StatusCode() != 200 {
							b.Error(err, resp.StatusCode(), string(resp.Body()))
							return
						}
					}
				})
			})
		}
	}
}
