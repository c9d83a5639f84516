package wire

import "bytes"

// Delta is what one choice of a chat or completion chunk adds.
type Delta struct {
	Index    int64
	Finish   []byte // raw finish_reason; nil while the choice goes on
	Text     []byte // raw JSON string of content, text or refusal; nil when there is none
	Thought  []byte // raw JSON string of reasoning
	Tools    []byte // raw tool_calls or function_call
	Blocks   []byte // raw thinking_blocks
	Anything bool   // there is more in it than a role
}

// EachElement calls f with every element of a raw JSON array that Members has checked.
func EachElement(raw []byte, f func(element []byte)) {
	if !IsArray(raw) {
		return
	}
	i := space(raw, 1)
	for i < len(raw) && raw[i] != ']' {
		end, err := value(raw, i)
		if err != nil {
			return
		}
		f(raw[i:end])
		if i = space(raw, end); i < len(raw) && raw[i] == ',' {
			i = space(raw, i+1)
		}
	}
}

// EachDelta calls f with every choice of a chunk.
func (a *Answer) EachDelta(f func(Delta)) {
	raw := a.Choices()
	if !IsArray(raw) {
		return
	}
	var room [12]Member
	for i := space(raw, 1); i < len(raw) && raw[i] != ']'; {
		members, end, err := membersAt(raw, i, room[:0])
		if err != nil {
			return
		}
		f(readDelta(raw, members))
		if i = space(raw, end); i < len(raw) && raw[i] == ',' {
			i = space(raw, i+1)
		}
	}
}

func readDelta(choice []byte, members []Member) Delta {
	var d Delta
	for _, m := range members {
		v := choice[m.Val:m.End]
		switch string(m.Name(choice)) {
		case "index":
			d.Index, _ = Int(v)
		case "finish_reason":
			if !Null(v) {
				d.Finish, d.Anything = v, true
			}
		case "text":
			d.add(&d.Text, v)
		case "delta", "message":
			d.inside(v)
		}
	}
	return d
}

func (d *Delta) inside(raw []byte) {
	var room [12]Member
	members, _, _, err := Members(raw, room[:0])
	if err != nil {
		return
	}
	for _, m := range members {
		v := raw[m.Val:m.End]
		switch string(m.Name(raw)) {
		case "role":
		case "content", "refusal":
			d.add(&d.Text, v)
		case "reasoning_content", "reasoning":
			d.add(&d.Thought, v)
		case "tool_calls", "function_call":
			if !Null(v) {
				d.Tools, d.Anything = v, true
			}
		case "thinking_blocks":
			if !Null(v) {
				d.Blocks, d.Anything = v, true
			}
		default:
			d.Anything = d.Anything || !Null(v)
		}
	}
}

// add notes a piece of text; an empty one is nothing.
func (d *Delta) add(to *[]byte, v []byte) {
	if Null(v) || string(v) == `""` {
		return
	}
	*to = v
	d.Anything = true
}

// AppendText appends the decoded text of a raw JSON string, for counting tokens. What is no string is appended as it is.
func AppendText(dst, raw []byte) []byte {
	if len(raw) < 2 || raw[0] != '"' {
		return append(dst, raw...)
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return append(dst, raw[1:len(raw)-1]...)
	}
	s, ok := String(raw)
	if !ok {
		return append(dst, raw[1:len(raw)-1]...)
	}
	return append(dst, s...)
}
