package cache

import (
	"gatehouse/proxy/wire"
)

// value is a JSON value that pieces of a stream add up to: strings and lists grow, anything else is replaced.
type value struct {
	kind byte   // '"' and '[' are kept without their end; 'x' is whole; 0: nothing yet
	buf  []byte // owned
}

// add takes a piece, and says by how much the value has grown.
func (v *value) add(raw []byte) int {
	switch {
	case wire.Null(raw):
		if v.kind == 0 {
			return v.set([]byte("null"))
		}
		return 0
	case wire.IsString(raw):
		return v.grow('"', raw, "")
	case wire.IsArray(raw):
		inner := trimmed(raw[1 : len(raw)-1])
		if v.kind == '[' && len(v.buf) > 1 && len(inner) > 0 {
			return v.grow('[', raw, ",")
		}
		return v.grow('[', raw, "")
	}
	return v.set(raw)
}

// grow adds the inside of a string or a list.
func (v *value) grow(kind byte, raw []byte, between string) int {
	if v.kind != kind {
		v.kind, v.buf = kind, append(v.buf[:0], kind)
	}
	v.buf = append(v.buf, between...)
	v.buf = append(v.buf, trimmedIn(kind, raw[1:len(raw)-1])...)
	return len(raw)
}

func trimmedIn(kind byte, inner []byte) []byte {
	if kind == '[' {
		return trimmed(inner)
	}
	return inner
}

func trimmed(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\n' || b[0] == '\t' || b[0] == '\r') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\n' || b[len(b)-1] == '\t' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return b
}

// set replaces the value.
func (v *value) set(raw []byte) int {
	v.kind, v.buf = 'x', append(v.buf[:0], raw...)
	return len(raw)
}

// last replaces the value, but not by null.
func (v *value) last(raw []byte) int {
	if wire.Null(raw) && v.kind != 0 {
		return 0
	}
	return v.set(raw)
}

// first keeps the first that says something.
func (v *value) first(raw []byte) int {
	if v.kind != 0 && string(v.buf) != "null" && string(v.buf) != `""` {
		return 0
	}
	return v.set(raw)
}

// append appends the whole value.
func (v *value) append(dst []byte) []byte {
	switch v.kind {
	case 0:
		return append(dst, "null"...)
	case '"':
		return append(append(dst, v.buf...), '"')
	case '[':
		return append(append(dst, v.buf...), ']')
	}
	return append(dst, v.buf...)
}

// record is a JSON object that grows: members in the order of their first mention.
type record struct {
	members []recordMember
}

type recordMember struct {
	name string
	value
}

// at gives the member of that name, made if there is none.
func (r *record) at(name []byte) *value {
	for i := range r.members {
		if r.members[i].name == string(name) {
			return &r.members[i].value
		}
	}
	r.members = append(r.members, recordMember{name: string(name)})
	return &r.members[len(r.members)-1].value
}

func (r *record) has(name string) bool {
	for i := range r.members {
		if r.members[i].name == name {
			return true
		}
	}
	return false
}

// appendMembers appends the members without braces, each but the first with a comma before it; open says whether one
// stands there already.
func (r *record) appendMembers(dst []byte, open bool) ([]byte, bool) {
	for i := range r.members {
		if open {
			dst = append(dst, ',')
		}
		open = true
		dst = wire.AppendString(dst, r.members[i].name)
		dst = append(dst, ':')
		dst = r.members[i].append(dst)
	}
	return dst, open
}

// append appends the object.
func (r *record) append(dst []byte) []byte {
	dst, _ = r.appendMembers(append(dst, '{'), false)
	return append(dst, '}')
}

// each calls f with every member of a raw object; false when raw is none.
func each(raw []byte, f func(name, value []byte)) bool {
	var room [16]wire.Member
	members, _, _, err := wire.Members(raw, room[:0])
	if err != nil {
		return false
	}
	for _, m := range members {
		f(m.Name(raw), raw[m.Val:m.End])
	}
	return true
}
