package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync"

	"gatehouse/proxy/provider"
	"gatehouse/proxy/wire"
)

// Question is what a key is made of. Two calls with the same question may share an answer.
type Question struct {
	Scope     string // the tenant
	Namespace string // inside the scope
	Op        provider.Op
	Group     string // the model after aliases
	Extra     []byte // what else changes the answer and is not in the body
	Body      *wire.Request
	Raw       []byte // Body as it was sent
}

//nolint:gochecknoglobals // a pool
var canonical = sync.Pool{New: func() any { return new([]byte) }}

// keepCanonical is the largest buffer that goes back to the pool.
const keepCanonical = 256 << 10

// Key works the key out: every parameter that can change the answer, in a stable order, and nothing else.
func (q *Question) Key() Key {
	buf := canonical.Get().(*[]byte) //nolint:forcetypeassert // the pool holds nothing else
	b := q.appendWho((*buf)[:0])
	var room [24]field
	fields := room[:0]
	for i := range q.Body.Len() {
		if name := q.Body.Name(i); matters(string(name)) {
			fields = append(fields, field{name, q.Body.Raw(i)})
		}
	}
	b = appendFields(b, fields)
	k := Key(sha256.Sum256(b))
	if *buf = b[:0]; cap(b) > keepCanonical {
		*buf = nil
	}
	canonical.Put(buf)
	return k
}

// appendWho appends all of a question but its body.
func (q *Question) appendWho(b []byte) []byte {
	for _, part := range [...]string{q.Scope, q.Namespace, q.Op.String(), q.Group} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	b = binary.AppendUvarint(b, uint64(len(q.Extra)))
	return append(b, q.Extra...)
}

// matters says whether a body's field can change what the model answers. The gateway's own fields do not, but for those
// that change what goes upstream.
func matters(name string) bool {
	switch name {
	case "model", "stream", "stream_options", "user", "metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_retention":
		return false
	case "drop_params", "additional_drop_params", "allowed_openai_params":
		return true
	}
	return !wire.Private(name)
}

type field struct{ name, value []byte }

func appendFields(dst []byte, fields []field) []byte {
	slices.SortStableFunc(fields, func(a, b field) int { return bytes.Compare(a.name, b.name) })
	dst = append(dst, '{')
	for i, f := range fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = wire.AppendString(dst, string(f.name))
		dst = append(dst, ':')
		dst = AppendCanonical(dst, f.value)
	}
	return append(dst, '}')
}

// AppendCanonical appends a JSON value without white space and with the members of every object in the order of their
// names, so that two clients who write the same thing in different ways have asked the same.
func AppendCanonical(dst, raw []byte) []byte {
	switch {
	case wire.IsObject(raw):
		var room [12]wire.Member
		members, _, _, err := wire.Members(raw, room[:0])
		if err != nil {
			return append(dst, raw...)
		}
		var space [12]field
		fields := space[:0]
		for _, m := range members {
			fields = append(fields, field{m.Name(raw), raw[m.Val:m.End]})
		}
		return appendFields(dst, fields)
	case wire.IsArray(raw):
		dst = append(dst, '[')
		first := true
		wire.EachElement(raw, func(e []byte) {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = AppendCanonical(dst, e)
		})
		return append(dst, ']')
	}
	return append(dst, raw...)
}
