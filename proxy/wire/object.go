package wire

import "io"

// Object is a JSON object that can be edited member by member. The zero value is ready for Parse and may be parsed again;
// it keeps its memory. It holds views of the body it was given: the body must not change while the object is used.
type Object struct {
	body    []byte
	open    int // where the object's brace is
	end     int // after its closing brace
	members []Member
	edits   []edit // by member
	added   []addition
	parts   [][]byte
	scratch []byte
}

type edit struct {
	drop bool
	with []byte // nil: kept as it is
}

type addition struct {
	name  string
	value []byte
}

// Parse reads the members of b. Errors are those of this package, fit to be shown to the caller.
func (o *Object) Parse(b []byte) error {
	members, open, end, err := Members(b, o.members[:0])
	o.members = members
	o.Reset()
	o.body, o.open, o.end = b, open, end
	if err != nil {
		o.members = members[:0]
		o.body = nil
	}
	return err
}

// Reset forgets the edits, so that the same body can be edited for the next deployment.
func (o *Object) Reset() {
	clear(o.edits)
	o.edits = o.edits[:0]
	for len(o.edits) < len(o.members) {
		o.edits = append(o.edits, edit{})
	}
	clear(o.added)
	o.added = o.added[:0]
	clear(o.parts)
	o.parts = o.parts[:0]
	o.scratch = o.scratch[:0]
}

// Release drops every view of the body; the object keeps only its own memory.
func (o *Object) Release() {
	o.members = o.members[:0]
	o.Reset()
	o.body = nil
}

// Len is the number of members.
func (o *Object) Len() int { return len(o.members) }

// Name is the name of member i.
func (o *Object) Name(i int) []byte { return o.members[i].Name(o.body) }

// Raw is the value of member i as it was sent.
func (o *Object) Raw(i int) []byte { return o.body[o.members[i].Val:o.members[i].End] }

// Drop leaves member i out.
func (o *Object) Drop(i int) { o.edits[i] = edit{drop: true} }

// Dropped says whether member i is left out.
func (o *Object) Dropped(i int) bool { return o.edits[i].drop }

// Replace gives member i another value. The object keeps a view of value until it is written.
func (o *Object) Replace(i int, value []byte) { o.edits[i] = edit{with: value} }

// Rename gives member i another name and keeps its value.
func (o *Object) Rename(i int, name string) {
	value := o.Raw(i)
	if e := o.edits[i]; e.with != nil {
		value = e.with
	}
	o.Drop(i)
	o.Add(name, value)
}

// Add appends a member. The caller has made sure that there is none of that name.
func (o *Object) Add(name string, value []byte) {
	o.added = append(o.added, addition{name, value})
}

// Find returns the index of the member of that name, or -1.
func (o *Object) Find(name string) int {
	for i := range o.members {
		if string(o.Name(i)) == name {
			return i
		}
	}
	return -1
}

// Set replaces the member of that name or adds it.
func (o *Object) Set(name string, value []byte) {
	if i := o.Find(name); i >= 0 {
		o.Replace(i, value)
		return
	}
	for i := range o.added {
		if o.added[i].name == name {
			o.added[i].value = value
			return
		}
	}
	o.Add(name, value)
}

// Has says whether a member of that name is there, edits counted.
func (o *Object) Has(name string) bool {
	if i := o.Find(name); i >= 0 && !o.edits[i].drop {
		return true
	}
	for i := range o.added {
		if o.added[i].name == name {
			return true
		}
	}
	return false
}

var comma = []byte{','}

// Parts returns the edited object in pieces, most of them views of the body, and their total length. They are valid
// until the next edit, Reset or Parse.
func (o *Object) Parts() (parts [][]byte, size int) {
	o.parts = o.parts[:0]
	b := o.body
	from := o.open // start of a run of bytes that stays as it is
	to := o.open + 1
	last := -1 // the last member that stays
	for i := range o.members {
		m := &o.members[i]
		if o.edits[i].drop {
			continue
		}
		switch {
		case last == i-1:
			// The bytes between two neighbours, white space too, stay as they are.
		case last < 0:
			o.part(b[from:to])
			from = m.Key
		default:
			o.part(b[from:to])
			o.part(comma)
			from = m.Key
		}
		if with := o.edits[i].with; with != nil {
			o.part(b[from:m.Val])
			o.part(with)
			from = m.End
		}
		to = m.End
		last = i
	}
	o.part(b[from:to])
	for i := range o.added {
		start := len(o.scratch)
		if last >= 0 || i > 0 {
			o.scratch = append(o.scratch, ',')
		}
		o.scratch = AppendString(o.scratch, o.added[i].name)
		o.scratch = append(o.scratch, ':')
		o.part(o.scratch[start:len(o.scratch):len(o.scratch)])
		o.part(o.added[i].value)
	}
	tail := o.end - 1
	if n := len(o.members); n > 0 && last == n-1 {
		tail = to // white space before the brace
	}
	o.part(b[tail:o.end])
	for _, p := range o.parts {
		size += len(p)
	}
	return o.parts, size
}

func (o *Object) part(p []byte) {
	if len(p) > 0 {
		o.parts = append(o.parts, p)
	}
}

// Append appends the edited object to dst.
func (o *Object) Append(dst []byte) []byte {
	parts, _ := o.Parts()
	for _, p := range parts {
		dst = append(dst, p...)
	}
	return dst
}

// WriteTo writes the edited object.
func (o *Object) WriteTo(w io.Writer) (int64, error) {
	parts, _ := o.Parts()
	var n int64
	for _, p := range parts {
		k, err := w.Write(p)
		n += int64(k)
		if err != nil {
			return n, err //nolint:wrapcheck // io.WriterTo passes the writer's error on
		}
	}
	return n, nil
}
