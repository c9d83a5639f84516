package testkit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The two ways in which an answer stays incomplete.
var (
	errClientGone = errors.New("the client closed its connection")
	errStruck     = errors.New("the reply's fault struck")
)

// event is one server-sent event; name is empty on OpenAI's chat wire.
type event struct {
	name string
	data string
}

// deliver writes the reply and returns how many events of a stream went out. Its errors are [errClientGone] and [errStruck].
func deliver(w http.ResponseWriter, r *http.Request, request Request, reply Reply) (int, error) {
	ctx := r.Context()
	if err := pause(ctx, reply.FirstByteAfter, reply.Before); err != nil {
		return 0, err
	}
	switch reply.Fault {
	case FaultDrop, FaultHang:
		return 0, strike(ctx, w, reply)
	case FaultStall, FaultCut, FaultReset, FaultEnd, FaultError: // strike later
	}
	w.Header().Set("X-Request-Id", "up-"+strconv.Itoa(request.Number))
	made := compose(request, reply)
	if made.events != nil {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	} else {
		w.Header().Set("Content-Type", "application/json")
	}
	for name, value := range reply.Header {
		w.Header().Set(name, value)
	}
	if made.events != nil {
		w.WriteHeader(made.status)
		return deliverStream(ctx, w, made.events, reply)
	}
	return 0, deliverBody(ctx, w, made, reply)
}

// deliverBody writes a plain answer, or the half of it that a fault lets through.
func deliverBody(ctx context.Context, w http.ResponseWriter, made answer, reply Reply) error {
	body := made.body
	if reply.BadJSON {
		body = body[:len(body)/2]
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(made.status)
	if reply.Fault == "" {
		return write(ctx, w, body)
	}
	if err := write(ctx, w, body[:len(body)/2]); err != nil {
		return err
	}
	return strike(ctx, w, reply)
}

// deliverStream writes events one by one, each flushed by itself.
func deliverStream(ctx context.Context, w http.ResponseWriter, events []event, reply Reply) (int, error) {
	if err := write(ctx, w, nil); err != nil { // the headers go out before the first wait
		return 0, err
	}
	for i, e := range events {
		if reply.Fault != "" && i == reply.After {
			return i, strike(ctx, w, reply)
		}
		if err := pause(ctx, reply.EventEvery, reply.Each); err != nil {
			return i, err
		}
		if reply.BadJSON && i == 1 {
			e.data = e.data[:len(e.data)/2]
		}
		text := reply.Framing.format(e)
		if i == 0 && reply.Framing.BOM {
			text = "\ufeff" + text
		}
		if err := write(ctx, w, []byte(text)); err != nil {
			return i, err
		}
	}
	if reply.Fault != "" {
		return len(events), strike(ctx, w, reply)
	}
	return len(events), nil
}

// strike ends an answer under way by the reply's fault.
func strike(ctx context.Context, w http.ResponseWriter, reply Reply) error {
	switch reply.Fault {
	case FaultStall, FaultHang:
		<-ctx.Done()
		return errClientGone
	case FaultCut, FaultDrop:
		hangUp(w, false)
	case FaultReset:
		hangUp(w, true)
	case FaultError:
		const overloaded = `{"type":"error","error":{"message":"The server is overloaded.","type":"overloaded_error","param":null,"code":"overloaded"}}`
		if err := write(ctx, w, []byte(reply.Framing.format(event{name: "error", data: overloaded}))); err != nil {
			return err
		}
	case FaultEnd: // returning ends the body in good order
	}
	return errStruck
}

// hangUp closes the connection under the answer, by reset when asked.
func hangUp(w http.ResponseWriter, reset bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2: the closest there is
	}
	if tcp, ok := conn.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// write sends bytes at once; a write that fails means that the client has left.
func write(ctx context.Context, w http.ResponseWriter, data []byte) error {
	if _, err := w.Write(data); err != nil {
		return errClientGone
	}
	if err := http.NewResponseController(w).Flush(); err != nil {
		return errClientGone
	}
	if ctx.Err() != nil {
		return errClientGone
	}
	return nil
}

// pause waits for the time, then for the gate, unless the client leaves first.
func pause(ctx context.Context, d time.Duration, gate <-chan struct{}) error {
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return errClientGone
		}
	}
	if gate == nil {
		return nil
	}
	select {
	case <-gate:
		return nil
	case <-ctx.Done():
		return errClientGone
	}
}

// format writes one event the way the framing says, with the blank line that ends it.
func (f Framing) format(e event) string {
	var b strings.Builder
	newline := "\n"
	if f.CRLF {
		newline = "\r\n"
	}
	if f.Comments {
		b.WriteString(": keep-alive" + newline)
	}
	if e.name != "" {
		b.WriteString("event: " + e.name + newline)
	}
	field := "data: "
	if f.NoSpace {
		field = "data:"
	}
	for _, line := range f.lines(e.data) {
		b.WriteString(field + line + newline)
	}
	b.WriteString(newline)
	return b.String()
}

// lines splits the JSON of an event between its tokens, so that joining with newlines gives the same value.
func (f Framing) lines(data string) []string {
	if !f.MultiLine {
		return []string{data}
	}
	var spread bytes.Buffer
	if err := json.Indent(&spread, []byte(data), "", " "); err != nil {
		return []string{data} // [DONE], or JSON that is meant to be bad
	}
	return strings.Split(spread.String(), "\n")
}

// answer is a made reply: a body or, for a stream, events.
type answer struct {
	status int
	body   []byte
	events []event
}

// compose makes the answer for a request; the reply's own status and body win over everything.
func compose(request Request, reply Reply) answer {
	if reply.Body != "" || reply.status() >= http.StatusBadRequest {
		body := reply.Body
		if body == "" {
			body = ErrorReply(reply.status(), "api_error", "scripted", "The script says "+strconv.Itoa(reply.status())+".").Body
		}
		return answer{status: reply.status(), body: []byte(body)}
	}
	maker, ok := makerFor(request.Path)
	if !ok {
		return answer{
			status: http.StatusNotFound,
			body:   []byte(ErrorReply(404, "invalid_request_error", "not_found", fmt.Sprintf("No route %s.", request.Path)).Body),
		}
	}
	if request.Stream && maker.stream != nil {
		return answer{status: reply.status(), events: maker.stream(request, reply)}
	}
	return answer{status: reply.status(), body: encode(maker.plain(request, reply))}
}

// encode turns what this package made itself into JSON.
func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of strings and numbers always marshal
	}
	return data
}
