package wire

import "strconv"

// Builder writes a JSON object member by member. The zero Builder is ready; the caller sees to it that no name comes twice.
type Builder struct{ b []byte }

func (o *Builder) name(name string) {
	if len(o.b) == 0 {
		o.b = append(o.b, '{')
	} else {
		o.b = append(o.b, ',')
	}
	o.b = AppendString(o.b, name)
	o.b = append(o.b, ':')
}

// Raw adds a member whose value is JSON already; an empty value adds nothing.
func (o *Builder) Raw(name string, value []byte) {
	if len(value) > 0 {
		o.name(name)
		o.b = append(o.b, value...)
	}
}

// RawOr adds a member, or fallback where value is empty.
func (o *Builder) RawOr(name string, value []byte, fallback string) {
	if len(value) == 0 {
		value = []byte(fallback)
	}
	o.Raw(name, value)
}

// Text adds a string.
func (o *Builder) Text(name, value string) {
	o.name(name)
	o.b = AppendString(o.b, value)
}

// Int adds a number.
func (o *Builder) Int(name string, value int64) {
	o.name(name)
	o.b = strconv.AppendInt(o.b, value, 10)
}

// Bool adds true or false.
func (o *Builder) Bool(name string, value bool) {
	o.name(name)
	o.b = strconv.AppendBool(o.b, value)
}

// Empty says that nothing was added.
func (o *Builder) Empty() bool { return len(o.b) == 0 }

// Bytes ends the object; nothing may be added afterwards.
func (o *Builder) Bytes() []byte {
	if len(o.b) == 0 {
		return []byte("{}")
	}
	return append(o.b, '}')
}

// List joins JSON values to an array.
func List(items [][]byte) []byte {
	n := 2
	for _, item := range items {
		n += len(item) + 1
	}
	out := append(make([]byte, 0, n), '[')
	for i, item := range items {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, item...)
	}
	return append(out, ']')
}

// Compact is JSON without white space between its tokens.
func Compact(raw []byte) []byte {
	out := make([]byte, 0, len(raw))
	inside := false
	for i := 0; i < len(raw); i++ {
		b := raw[i]
		switch {
		case inside && b == '\\' && i+1 < len(raw):
			out = append(out, b, raw[i+1])
			i++
			continue
		case b == '"':
			inside = !inside
		case !inside && (b == ' ' || b == '\n' || b == '\t' || b == '\r'):
			continue
		}
		out = append(out, b)
	}
	return out
}

// Only is an object with the named members alone, as they are; an empty one when raw is no object.
func Only(raw []byte, names ...string) []byte {
	var b Builder
	for _, name := range names {
		b.Raw(name, Lookup(raw, name))
	}
	return b.Bytes()
}
