package proxy

import (
	"bytes"
	"errors"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"gatehouse/proxy/price"
	"gatehouse/proxy/provider/bedrock"
	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

// sniffer reads the usage out of an answer that passes by untouched, whatever wire it is of. What it cannot read it lets
// pass: it never fails.
type sniffer struct {
	kind   sniffKind
	body   []byte // of an answer that is no stream, up to sniffMost
	parser stream.Parser
	tee    *teeSource
	frames *bedrock.EventStream
	filter stream.Filter // knows the wire of the events; nil until one was recognised
	state  stream.State  // of events that no filter is for
	out    []byte        // what the filter makes of the events; nobody wants it
	broken bool
}

type sniffKind uint8

const (
	sniffNothing sniffKind = iota
	sniffJSON
	sniffEvents
	sniffFrames
)

// sniffMost bounds what is kept of an answer for its usage.
const sniffMost = 16 << 20

func newSniffer(contentType string) *sniffer {
	kind, _, _ := strings.Cut(contentType, ";")
	s := new(sniffer)
	switch kind = strings.ToLower(strings.TrimSpace(kind)); {
	case kind == "text/event-stream":
		s.kind = sniffEvents
	case kind == bedrock.ContentType:
		s.kind, s.tee = sniffFrames, new(teeSource)
		s.frames = bedrock.NewEventStream(s.tee)
	case kind == "application/json", strings.HasSuffix(kind, "+json"):
		s.kind = sniffJSON
	}
	return s
}

// teeSource is what has passed so far; beyond it there is nothing yet.
type teeSource struct{ bytes.Buffer }

// errYet says that more may come. It is a timeout, after which a read may be repeated.
type errYet struct{}

func (errYet) Error() string { return "nothing more yet" }
func (errYet) Timeout() bool { return true }

// Read reads what has passed.
func (t *teeSource) Read(p []byte) (int, error) {
	if t.Len() == 0 {
		return 0, errYet{}
	}
	return t.Buffer.Read(p) //nolint:wrapcheck // never fails with something in it
}

// ReadBy has nothing to wait for.
func (*teeSource) ReadBy(time.Time) {}

// Write takes what passes by.
func (s *sniffer) Write(p []byte) {
	if s.broken {
		return
	}
	switch s.kind {
	case sniffNothing:
	case sniffJSON:
		if len(s.body)+len(p) > sniffMost {
			s.broken, s.body = true, nil
			return
		}
		s.body = append(s.body, p...)
	case sniffEvents:
		s.events(p)
	case sniffFrames:
		s.tee.Write(p)
		var room [4 << 10]byte
		for {
			n, err := s.frames.Read(room[:])
			s.events(room[:n])
			if err != nil {
				var yet errYet
				s.broken = !errors.As(err, &yet)
				return
			}
		}
	}
}

// events takes bytes of server-sent events.
func (s *sniffer) events(p []byte) {
	for len(p) > 0 {
		room, err := s.parser.Room()
		if err != nil {
			s.broken = true
			return
		}
		n := copy(room, p)
		s.parser.Filled(n)
		p = p[n:]
		for {
			ev, ok := s.parser.Next()
			if !ok {
				break
			}
			s.event(ev)
		}
	}
}

func (s *sniffer) event(ev stream.Event) {
	data := bytes.TrimSpace(ev.Data)
	if s.filter == nil {
		s.filter = recognise(data)
	}
	if s.filter != nil {
		s.out, _ = s.filter.Event(ev, s.out[:0])
		return
	}
	if u := anyUsage(data); u.Seen {
		s.state.Usage.Merge(u)
	}
	if raw := wire.Lookup(data, "delta", "text"); raw != nil && len(s.state.Text) < keepBytes { // Converse
		s.state.Text = wire.AppendText(s.state.Text, raw)
	}
}

// recognise finds the filter for a stream by its first telling event.
func recognise(data []byte) stream.Filter {
	kind, _ := wire.String(wire.Lookup(data, "type"))
	switch {
	case kind == "message_start":
		return new(stream.Anthropic)
	case strings.HasPrefix(kind, "response."):
		return new(stream.Responses)
	case wire.Lookup(data, "candidates") != nil:
		return new(stream.Gemini)
	case wire.IsArray(wire.Lookup(data, "choices")):
		return &stream.OpenAI{Asked: true}
	}
	return nil
}

// anyUsage reads the usage of an answer of any wire.
func anyUsage(data []byte) wire.Usage {
	if raw := wire.Lookup(data, "usageMetadata"); raw != nil {
		return wire.ReadGeminiUsage(raw)
	}
	raw := wire.Lookup(data, "usage")
	switch {
	case wire.Lookup(raw, "inputTokens") != nil:
		return bedrock.ReadUsage(raw)
	case wire.Lookup(raw, "cache_read_input_tokens") != nil && wire.Lookup(raw, "prompt_tokens") == nil,
		wire.Lookup(data, "stop_reason") != nil:
		return wire.ReadAnthropicUsage(raw)
	case raw != nil:
		if u := wire.ReadUsage(raw); u.Seen {
			return u
		}
	}
	for _, units := range [...][]byte{wire.Lookup(raw, "billed_units"), wire.Lookup(data, "meta", "billed_units")} { // Cohere
		if units == nil {
			continue
		}
		u := wire.ReadUsage(units)
		if n, ok := wire.Count(wire.Lookup(units, "search_units")); ok && n > 0 {
			u.SearchUnits, u.Seen = n, true
		}
		return u
	}
	return wire.Usage{}
}

// ending is what the answer came to.
func (s *sniffer) ending(h *fasthttp.ResponseHeader) ending {
	switch {
	case s.filter != nil:
		return streamEnding(s.filter.State())
	case s.kind != sniffJSON:
		return streamEnding(&s.state)
	}
	var e ending
	body := s.body
	if wire.IsArray(body) && wire.Text(body) == nil { // Gemini without alt=sse: the last part has the sums
		wire.EachElement(body, func(element []byte) { body = element })
	}
	var a wire.Answer
	if a.Parse(body) != nil {
		return e
	}
	e.usage, e.tier = anyUsage(body), a.ServiceTier()
	e.reply, _ = wire.String(a.Model())
	if in, ok := wire.Count(h.Peek("X-Amzn-Bedrock-Input-Token-Count")); ok && !e.usage.Seen { // InvokeModel
		out, _ := wire.Count(h.Peek("X-Amzn-Bedrock-Output-Token-Count"))
		e.usage = wire.Usage{Seen: true, Reported: price.Reported{Input: in, Output: out}}
	}
	return e
}
