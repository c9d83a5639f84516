package provider

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// Response is an answer whose head has been read. Close ends the exchange; nothing of it may be used afterwards.
type Response struct {
	Header fasthttp.ResponseHeader
	Body   Body
	flight *Flight
	conn   *conn
}

//nolint:gochecknoglobals // a pool
var responses = sync.Pool{New: func() any { return new(Response) }}

func acquireResponse() *Response { return responses.Get().(*Response) } //nolint:forcetypeassert // the pool holds nothing else

func releaseResponse(r *Response) {
	r.Header.Reset()
	r.Body = Body{}
	r.flight, r.conn = nil, nil
	responses.Put(r)
}

// Status is the status code.
func (r *Response) Status() int { return r.Header.StatusCode() }

// Close gives the connection back when the answer was read to its end, and closes it when not.
func (r *Response) Close() {
	if r.conn == nil {
		return
	}
	whole := r.Body.finished() && !r.Header.ConnectionClose() && r.Body.mode != untilClose
	r.flight.detach()
	if whole && r.flight.Cause() == Running && r.conn.br.Buffered() == 0 {
		r.conn.host.push(r.conn)
	} else {
		_ = r.conn.Close()
	}
	releaseResponse(r)
}

// Body reads an answer's body. A read that misses its deadline can be repeated: nothing is lost. For one goroutine.
type Body struct {
	resp *Response
	mode bodyMode
	left int64 // fixed: of the body; chunked: of the chunk
	part chunkPart
	err  error // final
}

type bodyMode uint8

const (
	fixed bodyMode = iota
	chunked
	untilClose
)

type chunkPart uint8

const (
	sizeLine chunkPart = iota
	chunkData
	chunkEnd
	trailer
)

var errChunk = errors.New("broken chunk in the answer")

func (b *Body) start(resp *Response) {
	*b = Body{resp: resp}
	status := resp.Header.StatusCode()
	n := resp.Header.ContentLength()
	switch {
	case status == fasthttp.StatusNoContent || status == fasthttp.StatusNotModified:
		b.err = io.EOF
	case n == -1:
		b.mode = chunked
	case n == -2:
		b.mode = untilClose
	default:
		if b.left = int64(n); n == 0 {
			b.err = io.EOF
		}
	}
}

// ReadBy sets the deadline of the reads that follow; the zero time means none.
func (b *Body) ReadBy(t time.Time) {
	b.resp.conn.due = time.Time{}
	b.resp.flight.readBy(t)
}

// Buffered says whether a read would return at once.
func (b *Body) Buffered() bool { return b.err != nil || b.resp.conn.br.Buffered() > 0 }

// Read reads what has arrived, over chunk borders, and blocks only while there is nothing at all.
func (b *Body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.read(p)
	if err != nil && !late(err) {
		b.err = err
	}
	if n > 0 {
		return n, nil
	}
	return 0, err
}

// late says whether a read has missed its deadline.
func late(err error) bool {
	if err == io.EOF { //nolint:errorlint // the end of an answer, which every one has
		return false
	}
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

func (b *Body) read(p []byte) (int, error) {
	br := b.resp.conn.br
	switch b.mode {
	case chunked:
		return b.readChunks(p)
	case untilClose:
		return br.Read(p) //nolint:wrapcheck // io.EOF must stay itself
	case fixed:
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := br.Read(p)
	if b.left -= int64(n); b.left == 0 {
		return n, io.EOF
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err //nolint:wrapcheck // as above
}

func (b *Body) readChunks(p []byte) (n int, err error) {
	br := b.resp.conn.br
	for {
		if b.part != chunkData && (n > 0 || len(p) == 0) && !b.lineBuffered() {
			return n, nil // do not block with something in hand
		}
		switch b.part {
		case sizeLine:
			line, err := b.line()
			if err != nil {
				return n, err
			}
			size, err := chunkSize(line)
			if err != nil {
				return n, err
			}
			b.left, b.part = size, chunkData
			if size == 0 {
				b.part = trailer
			}
		case chunkData:
			if len(p) == 0 || n > 0 && br.Buffered() == 0 {
				return n, nil
			}
			q := p
			if int64(len(q)) > b.left {
				q = q[:b.left]
			}
			k, err := br.Read(q)
			n += k
			p = p[k:]
			if b.left -= int64(k); b.left == 0 {
				b.part = chunkEnd
			}
			if err != nil {
				return n, unexpected(err)
			}
		case chunkEnd:
			line, err := b.line()
			if err != nil {
				return n, err
			}
			if len(line) > 0 {
				return n, errChunk
			}
			b.part = sizeLine
		case trailer:
			line, err := b.line()
			if err != nil {
				return n, err
			}
			if len(line) == 0 {
				return n, io.EOF
			}
		}
	}
}

func (b *Body) lineBuffered() bool {
	br := b.resp.conn.br
	have, err := br.Peek(br.Buffered())
	return err == nil && bytes.IndexByte(have, '\n') >= 0
}

// line reads a line without its end. A missed deadline consumes nothing.
func (b *Body) line() ([]byte, error) {
	br := b.resp.conn.br
	for want := 1; ; want = br.Buffered() + 1 {
		if want > br.Size() {
			return nil, errChunk
		}
		if _, err := br.Peek(want); err != nil {
			return nil, unexpected(err)
		}
		have, err := br.Peek(br.Buffered())
		if err != nil {
			return nil, unexpected(err)
		}
		if i := bytes.IndexByte(have, '\n'); i >= 0 {
			line := bytes.TrimSuffix(have[:i], []byte{'\r'})
			_, err := br.Discard(i + 1)
			return line, err //nolint:wrapcheck // cannot fail: it is buffered
		}
	}
}

func chunkSize(line []byte) (int64, error) {
	if i := bytes.IndexByte(line, ';'); i >= 0 {
		line = line[:i]
	}
	line = bytes.TrimSpace(line)
	if len(line) == 0 || len(line) > 12 || line[0] == '+' || line[0] == '-' {
		return 0, errChunk
	}
	n, err := strconv.ParseInt(string(line), 16, 64)
	if err != nil {
		return 0, errChunk
	}
	return n, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// finished says whether the body was read to its end. What has arrived already of the last chunk is taken in.
func (b *Body) finished() bool {
	if b.err == nil && b.mode == chunked && b.part != chunkData {
		_, _ = b.Read(nil) // its error is b.err
	}
	return errors.Is(b.err, io.EOF)
}

// ReadAll appends the whole body to dst. The answer may have limit bytes at most. Errors: a Failure.
func (b *Body) ReadAll(dst []byte, limit int) ([]byte, error) {
	if b.mode == fixed && b.left > 0 {
		if b.left > int64(limit) {
			return dst, &Failure{Malformed, fmt.Errorf("an answer of %d bytes is over the limit", b.left)}
		}
		// What a lying Content-Length can make us reserve is bounded; the rest grows as it arrives.
		if need := len(dst) + int(min(b.left, 1<<20)) + 1; cap(dst) < need {
			dst = append(make([]byte, 0, need), dst...)
		}
	}
	start := len(dst)
	for {
		if len(dst) == cap(dst) {
			dst = append(dst, 0)[:len(dst)]
		}
		n, err := b.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		if len(dst)-start > limit {
			return dst, &Failure{Malformed, errors.New("the answer is over the limit")}
		}
		if errors.Is(err, io.EOF) {
			return dst, nil
		}
		if err != nil {
			return dst, failure(b.resp.flight, err)
		}
	}
}
