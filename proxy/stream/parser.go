// Package stream relays server-sent events from a provider to a client: it reads them tolerantly, notes usage as it
// passes, forwards every event as soon as it is whole, and notices a client that left.
package stream

import (
	"bytes"
	"errors"
)

// MaxEvent bounds one event: a line may hold a whole image.
const MaxEvent = 64 << 20

// ErrEventSize says that an event is over MaxEvent.
var ErrEventSize = errors.New("an event of the stream is too large")

// Event is one server-sent event. Name and Data are views that the next call of the parser may overwrite.
type Event struct {
	Name []byte // empty when the event names no type
	Data []byte // data lines, joined by a line feed
}

// Parser splits a byte stream into events: lines may end in LF or CRLF, data may spread over lines, the space after the
// colon may be missing, comments and a byte order mark are left out. The zero Parser is ready; it is for one goroutine.
type Parser struct {
	buf   []byte
	from  int    // start of the event under way
	line  int    // start of the line under way
	seen  int    // up to here there is no line end after line
	name  span   // relative to from
	data  []span // relative to from
	join  []byte
	begun bool // the first bytes, where a byte order mark may be, are behind us
}

type span struct{ from, to int }

const firstBuffer = 4 << 10

// Room is where to read the next bytes to; tell Filled how many came. It moves what Event views point to.
func (p *Parser) Room() ([]byte, error) {
	if p.from > 0 {
		n := copy(p.buf, p.buf[p.from:])
		p.buf = p.buf[:n]
		p.line -= p.from
		p.seen -= p.from
		p.from = 0
	}
	if len(p.buf) >= MaxEvent {
		return nil, ErrEventSize
	}
	if cap(p.buf)-len(p.buf) < firstBuffer/4 {
		grown := make([]byte, len(p.buf), max(firstBuffer, 2*cap(p.buf)))
		copy(grown, p.buf)
		p.buf = grown
	}
	return p.buf[len(p.buf):cap(p.buf)], nil
}

// Filled says that n bytes were read to Room.
func (p *Parser) Filled(n int) { p.buf = p.buf[:len(p.buf)+n] }

// Next returns the next whole event; ok is false when more bytes are needed.
func (p *Parser) Next() (ev Event, ok bool) {
	if !p.begun && !p.begin() {
		return Event{}, false
	}
	for {
		i := bytes.IndexByte(p.buf[p.seen:], '\n')
		if i < 0 {
			p.seen = len(p.buf)
			return Event{}, false
		}
		end := p.seen + i
		line := p.buf[p.line:end]
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		start := p.line - p.from
		p.line, p.seen = end+1, end+1
		if len(line) > 0 {
			p.field(line, start)
			continue
		}
		if ev, ok := p.take(); ok {
			return ev, true
		}
	}
}

// begin skips a byte order mark; false while too few bytes are there to tell.
func (p *Parser) begin() bool {
	mark := []byte("\xef\xbb\xbf")
	if len(p.buf) < len(mark) && bytes.HasPrefix(mark, p.buf) {
		return false
	}
	p.begun = true
	if bytes.HasPrefix(p.buf, mark) {
		p.from, p.line, p.seen = len(mark), len(mark), len(mark)
	}
	return true
}

// field notes one line; start is its place relative to from.
func (p *Parser) field(line []byte, start int) {
	colon := bytes.IndexByte(line, ':')
	name, value := line, len(line)
	if colon >= 0 {
		name, value = line[:colon], colon+1
		if value < len(line) && line[value] == ' ' {
			value++
		}
	}
	s := span{start + value, start + len(line)}
	switch string(name) {
	case "data":
		p.data = append(p.data, s)
	case "event":
		p.name = s
	}
}

// take makes an event of the fields noted so far; false when there was no data.
func (p *Parser) take() (Event, bool) {
	base := p.from
	p.from = p.line
	name := p.name
	p.name = span{}
	data := p.data
	p.data = p.data[:0]
	switch len(data) {
	case 0:
		return Event{}, false
	case 1:
		return Event{p.buf[base+name.from : base+name.to], p.buf[base+data[0].from : base+data[0].to]}, true
	}
	p.join = p.join[:0]
	for i, s := range data {
		if i > 0 {
			p.join = append(p.join, '\n')
		}
		p.join = append(p.join, p.buf[base+s.from:base+s.to]...)
	}
	return Event{p.buf[base+name.from : base+name.to], p.join}, true
}

// Rest returns the event that the end of the stream left without its blank line, if there is one.
func (p *Parser) Rest() (Event, bool) {
	if line := p.buf[p.line:]; len(line) > 0 {
		if n := len(line); line[n-1] == '\r' {
			line = line[:n-1]
		}
		p.field(line, p.line-p.from)
	}
	p.line, p.seen = len(p.buf), len(p.buf)
	return p.take()
}

// reset readies the parser for another stream and keeps a buffer of ordinary size.
func (p *Parser) reset() {
	const keep = 64 << 10
	buf, join, data := p.buf[:0], p.join[:0], p.data[:0]
	if cap(buf) > keep {
		buf = nil
	}
	if cap(join) > keep {
		join = nil
	}
	*p = Parser{buf: buf, join: join, data: data}
}
