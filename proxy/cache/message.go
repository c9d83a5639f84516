package cache

import (
	"encoding/json"

	"gatehouse/proxy/wire"
)

// message puts the events of a Messages call together.
type message struct {
	top    record
	usage  record
	blocks []*block
	grown  int
	begun  bool
	broken bool
}

type block struct {
	begin     record
	input     []byte // the JSON text of a tool's input, decoded
	citations value
}

func (m *message) event(data []byte) (int, bool) {
	m.grown = 0
	kind, _ := wire.String(wire.Lookup(data, "type"))
	switch kind {
	case "message_start":
		m.begun = each(wire.Lookup(data, "message"), func(name, v []byte) {
			switch string(name) {
			case "content":
			case "usage":
				m.use(v)
			default:
				m.grown += m.top.at(name).set(v)
			}
		})
	case "content_block_start":
		if b := part(&m.blocks, index(data, int64(len(m.blocks)))); b != nil {
			each(wire.Lookup(data, "content_block"), func(name, v []byte) { m.grown += b.begin.at(name).add(v) })
		} else {
			m.broken = true
		}
	case "content_block_delta":
		m.delta(index(data, -1), wire.Lookup(data, "delta"))
	case "message_delta":
		each(wire.Lookup(data, "delta"), func(name, v []byte) { m.grown += m.top.at(name).set(v) })
		m.use(wire.Lookup(data, "usage"))
	case "error":
		m.broken = true
	}
	return m.grown, !m.broken
}

// use takes what an event says of usage: a later figure replaces an earlier one.
func (m *message) use(raw []byte) {
	if wire.IsObject(raw) {
		each(raw, func(name, v []byte) { m.grown += m.usage.at(name).last(v) })
	}
}

func (m *message) delta(i int64, raw []byte) {
	if i < 0 || i >= int64(len(m.blocks)) {
		m.broken = true
		return
	}
	b := m.blocks[i]
	get := func(name string) []byte { return wire.Lookup(raw, name) }
	add := func(name string) { m.grown += b.begin.at([]byte(name)).add(get(name)) }
	switch kind, _ := wire.String(get("type")); kind {
	case "text_delta":
		add("text")
	case "thinking_delta":
		add("thinking")
	case "signature_delta":
		add("signature")
	case "input_json_delta":
		before := len(b.input)
		b.input = wire.AppendText(b.input, get("partial_json"))
		m.grown += len(b.input) - before
	case "citations_delta":
		m.grown += b.citations.add(append(append([]byte{'['}, get("citation")...), ']'))
	default:
		m.broken = true // what nobody here knows cannot be put together
	}
}

func (m *message) answer() ([]byte, bool) {
	if !m.begun || len(m.top.members) == 0 {
		return nil, false
	}
	out, _ := m.top.appendMembers([]byte{'{'}, false)
	out = append(out, `,"content":[`...)
	for i, b := range m.blocks {
		if i > 0 {
			out = append(out, ',')
		}
		if len(b.input) > 0 {
			if !isObject(b.input) {
				return nil, false
			}
			b.begin.at([]byte("input")).set(b.input)
		}
		if b.citations.kind != 0 {
			b.begin.at([]byte("citations")).set(b.citations.append(nil))
		}
		out = b.begin.append(out)
	}
	out = append(out, `],"usage":`...)
	return append(m.usage.append(out), '}'), true
}

// isObject says whether a text is one whole JSON object, to the letter: it becomes part of one that is kept.
func isObject(text []byte) bool {
	_, _, _, err := wire.Members(text, nil)
	return err == nil && json.Valid(text)
}

// response keeps the answer that the last event of a Responses call carries whole.
type response struct{ body []byte }

func (r *response) event(data []byte) (int, bool) {
	if kind := wire.Lookup(data, "type"); !wire.StringIs(kind, "response.completed") {
		return 0, !wire.StringIs(kind, "error")
	}
	r.body = append(r.body[:0], wire.Lookup(data, "response")...)
	return len(r.body), wire.IsObject(r.body)
}

func (r *response) answer() ([]byte, bool) { return r.body, len(r.body) > 0 }
