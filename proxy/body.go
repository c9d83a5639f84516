package proxy

import (
	"errors"
	"io"
	"sync"

	"github.com/valyala/fasthttp"

	"gatehouse/proxy/budget"
	"gatehouse/proxy/limit"
	"gatehouse/proxy/price"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/wire"
)

// scratch is the memory a call works in; it goes back to the pool when the call's answer is complete. Nothing that
// outlives the call may point into it.
type scratch struct {
	body   []byte // the client's body
	in     []byte // the provider's answer
	head   []byte // request line and headers to the provider
	other  []byte // a body translated to another wire
	req    wire.Request
	answer wire.Answer
	edited []byte       // the client's body with its edits, for a bridge
	whole  wire.Request // edited, parsed
	moved  wire.Request // the translated body, parsed
	money  []budget.Want
	rates  []limit.Want
	lines  []price.Line // of an estimate
	bill   []price.Line
	name   []byte         // of a header
	edits  provider.Edits // of the attempt under way
}

//nolint:gochecknoglobals // a pool
var scratches = sync.Pool{New: func() any { return new(scratch) }}

func acquireScratch() *scratch { return scratches.Get().(*scratch) } //nolint:forcetypeassert // the pool holds nothing else

// keepBytes is the largest buffer that goes back to the pool: a call with images must not cost memory for ever.
const keepBytes = 256 << 10

func releaseScratch(s *scratch) {
	s.req.Release()
	s.whole.Release()
	s.moved.Release()
	s.answer.Release()
	clear(s.money)
	clear(s.rates)
	s.edits = provider.Edits{}
	for _, b := range []*[]byte{&s.body, &s.in, &s.head, &s.other, &s.edited} {
		*b = (*b)[:0]
		if cap(*b) > keepBytes {
			*b = nil
		}
	}
	scratches.Put(s)
}

// The ways in which a body cannot be taken.
var (
	errTooLarge = errors.New("the body is over the limit")
	errSlow     = errors.New("the body did not arrive in time")
)

// readBody appends a request's body to dst. fasthttp's own limit does nothing when bodies are streamed (reliability.md
// §8.1), so this reader is the limit: it refuses by the length given before reading, and by what arrives after that.
func readBody(ctx *fasthttp.RequestCtx, dst []byte, limit int) ([]byte, error) {
	n := ctx.Request.Header.ContentLength()
	if n > limit {
		return dst, errTooLarge
	}
	src := ctx.RequestBodyStream()
	if src == nil {
		body := ctx.Request.Body()
		if len(body) > limit {
			return dst, errTooLarge
		}
		return append(dst, body...), nil
	}
	if n > 0 && cap(dst) < n {
		dst = make([]byte, 0, min(n, 1<<20)) // the length is a claim; the rest grows as it arrives
	}
	for {
		if len(dst) == cap(dst) {
			if len(dst) == n {
				ctx.Request.ResetBody()
				return dst, nil
			}
			dst = append(dst, 0)[:len(dst)]
		}
		k, err := src.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+k]
		if len(dst) > limit {
			return dst, errTooLarge
		}
		if errors.Is(err, io.EOF) {
			ctx.Request.ResetBody() // read to its end: the connection stands at the next request
			return dst, nil
		}
		if err != nil {
			return dst, errSlow
		}
	}
}
