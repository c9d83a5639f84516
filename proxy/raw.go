package proxy

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"gatehouse/proxy/provider"
	"gatehouse/proxy/route"
	"gatehouse/proxy/spend"
	"gatehouse/proxy/stream"
)

// rawAnswer passes an answer's bytes on as they come: audio, subtitles, whatever a provider's own route sends. The server
// pulls from it and so sets the pace. It settles the call before the client can see the end.
type rawAnswer struct {
	c      *call
	body   *provider.Body
	idle   time.Duration
	sniff  func(p []byte)              // looks at what passes; may be nil
	finish func(end stream.End) ending // what the call came to
	over   bool
}

// relayRaw hands the call over to a rawAnswer. The head of the answer is written already.
func (c *call) relayRaw(sniff func([]byte), finish func(stream.End) ending) route.Outcome {
	r := &c.ctx.Response
	c.commonHeaders()
	c.attemptHeaders()
	c.providerHeaders()
	c.hold.HandOver()
	c.handed = true
	body := &rawAnswer{c: c, body: &c.sent.resp.Body, idle: c.cfg.StreamIdle, sniff: sniff, finish: finish}
	c.ctx = nil
	c.head = head{}
	r.SetBodyStream(body, -1)
	return route.Outcome{Class: route.Success}
}

// Read reads what has arrived.
func (a *rawAnswer) Read(p []byte) (n int, err error) {
	if a.over {
		return 0, io.EOF
	}
	defer func() {
		if v := recover(); v != nil {
			n, err = 0, fmt.Errorf("panic: %v\n%s", v, debug.Stack())
			a.end(stream.Panic, err)
		}
	}()
	a.body.ReadBy(a.c.p.Now().Add(a.idle))
	n, err = a.body.Read(p)
	if n > 0 && a.sniff != nil {
		a.sniff(p[:n])
	}
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		a.end(stream.Complete, nil)
	default:
		a.end(a.why(err), err)
	}
	return n, err //nolint:wrapcheck // io.EOF must stay itself
}

// why is the reason for a read that failed.
func (a *rawAnswer) why(err error) stream.End {
	switch a.c.flight.Cause() {
	case provider.ClientGone:
		return stream.ClientGone
	case provider.Shutdown:
		return stream.Shutdown
	case provider.Running, provider.Expired:
	}
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return stream.Idle
	}
	return stream.Truncated
}

// Close ends the call, which the client left if nothing else has ended it.
func (a *rawAnswer) Close() error {
	a.end(stream.ClientGone, nil)
	a.c.closeResponse()
	a.c.free()
	return nil
}

func (a *rawAnswer) end(end stream.End, cause error) {
	if a.over {
		return
	}
	a.over = true
	c := a.c
	e := a.finish(end)
	e.routed = route.Outcome{Class: route.Success, Committed: true, Stream: true}
	if e.status == "" || end != stream.Complete {
		e.status, e.httpStatus = spend.StatusSuccess, fasthttp.StatusOK
	}
	switch end {
	case stream.Complete:
		e.whole = true
	case stream.ClientGone:
		e.status, e.httpStatus, e.code = spend.StatusCancelled, rows[clientLeft].status, rows[clientLeft].code
		e.routed.Class, e.floor = route.Cancelled, true
	default:
		f := c.streamFailure(&stream.State{}, end).because(cause)
		c.logged = f
		e.status, e.httpStatus, e.code, e.floor = spend.StatusFailure, f.status, f.code, true
		e.routed.Class, e.routed.Err = route.Connection, f
	}
	c.settle(e)
	c.log(e.httpStatus, e.code)
}

// isJSON says whether an answer is JSON.
func isJSON(h *fasthttp.ResponseHeader) bool {
	kind, _, _ := strings.Cut(string(h.ContentType()), ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	return kind == "application/json" || strings.HasSuffix(kind, "+json")
}

// plainBytes passes on an answer that is no JSON: sound, or a transcript as text.
func (c *call) plainBytes() route.Outcome {
	resp := c.sent.resp
	r := &c.ctx.Response
	r.SetStatusCode(fasthttp.StatusOK)
	r.Header.SetContentTypeBytes(append([]byte(nil), resp.Header.ContentType()...))
	if v := resp.Header.Peek("Content-Disposition"); len(v) > 0 {
		r.Header.SetBytesV("Content-Disposition", v)
	}
	if kind, _, _ := strings.Cut(string(resp.Header.ContentType()), ";"); strings.EqualFold(strings.TrimSpace(kind), "text/event-stream") {
		s := newSniffer("text/event-stream") // speech in events, with its usage in the last one
		return c.relayRaw(s.Write, func(stream.End) ending { return ending{usage: s.ending(&resp.Header).usage} })
	}
	var text []byte
	var sniff func([]byte)
	if isAudioIn(c.op) {
		sniff = func(p []byte) {
			if len(text) < keepBytes {
				text = append(text, p...)
			}
		}
	}
	return c.relayRaw(sniff, func(stream.End) ending { return ending{millis: subtitleMillis(text)} })
}
