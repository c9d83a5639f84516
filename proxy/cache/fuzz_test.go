package cache_test

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"

	"gatehouse/internal/testkit/bridgetest"
	"gatehouse/internal/testkit/storm"
	"gatehouse/proxy/cache"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

//nolint:gochecknoglobals // a table
var kept = []provider.Op{provider.Chat, provider.Completion, provider.Messages, provider.Responses}

// FuzzReplay gives a provider's answer as a stream: every event of it is JSON, and what is heard of it can be kept, replayed and
// heard again without a change.
func FuzzReplay(f *testing.F) {
	s := storm.New(f)
	for i, name := range []string{"openai", "openai", "anthropic"} {
		for _, text := range bridgetest.Seeds(f, "../testdata/conformance/"+name+".json") {
			if !strings.Contains(text, "\n") {
				s.Add(uint8(i), []byte(text))
			}
		}
	}
	s.Add(uint8(1), []byte("{\n \"id\": \"1\",\n \"choices\": [ {\"index\": 0, \"text\": \"one two three four\", \"finish_reason\": \"stop\"} ],\n \"usage\": {\n }\n}"))
	s.Add(uint8(3), []byte(`{"id":"r","status":"completed","output":[{"type":"reasoning","id":"z"},{"type":"message","id":"i","content":[{"type":"output_text","text":"some words"},{"type":"refusal","refusal":"no"}]},{"type":"function_call","id":"f","arguments":"{\"a\": 1}","status":"completed"}]}`))
	s.Add(uint8(3), []byte(`{"id":"r","status":"completed","output":[{"type":"function_call","arguments":{"a":1}},{"type":"message","content":[{"type":"output_text","text":{"a":1}}]}]}`))
	s.Fuzz(func(tb testing.TB, which uint8, body []byte) {
		op, given := kept[which%4], bytes.Clone(body)
		src, ok := cache.Replay(op, body)
		if !bytes.Equal(given, body) {
			tb.Fatalf("%q was written over: %q", given, body)
		}
		if !ok {
			return
		}
		heard, ok := hears(tb, op, src, len(body), json.Valid(body))
		if !ok || !json.Valid(body) {
			return
		}
		if !json.Valid(heard) {
			tb.Fatalf("%q was heard as %q", body, heard)
		}
		if !whole(op, body) || !whole(op, heard) {
			return // it is not kept
		}
		if src, ok = cache.Replay(op, heard); !ok {
			tb.Fatalf("%q was heard as %q, which cannot be replayed", body, heard)
		}
		if again, ok := hears(tb, op, src, len(heard), true); !ok || !same(again, heard) {
			tb.Fatalf("%q was heard as %q, then as %q", body, heard, again)
		}
	})
}

// whole says whether an answer is one that is kept.
func whole(op provider.Op, body []byte) bool {
	var a wire.Answer
	return a.Parse(body) == nil && cache.Complete(op, &a)
}

// same says whether two texts are the same JSON.
func same(a, b []byte) bool {
	read := func(text []byte) (v any, ok bool) {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber() // one that no float holds is still the same number
		err := d.Decode(&v)
		return v, err == nil
	}
	if bytes.Equal(a, b) {
		return true
	}
	x, ok := read(a)
	y, both := read(b)
	return ok && both && reflect.DeepEqual(x, y)
}

// hears reads a replayed stream.
func hears(tb testing.TB, op provider.Op, src io.Reader, size int, sound bool) ([]byte, bool) {
	tb.Helper()
	tap := cache.NewTap(op, new(nothing), 1<<20)
	var p stream.Parser
	events, err := io.ReadAll(src)
	if err != nil {
		tb.Fatal(err)
	}
	if len(events) > 64<<10+200*size {
		tb.Fatalf("%d bytes gave %d", size, len(events))
	}
	for rest := events; len(rest) > 0; {
		room, err := p.Room()
		if err != nil {
			tb.Fatal(err)
		}
		n := copy(room, rest)
		p.Filled(n)
		rest = rest[n:]
		for ev, ok := p.Next(); ok; ev, ok = p.Next() {
			if sound && !json.Valid(ev.Data) && string(ev.Data) != "[DONE]" {
				tb.Fatalf("the event %q of %q", ev.Data, events)
			}
			_, _ = tap.Event(ev, nil)
		}
	}
	if ev, ok := p.Rest(); ok {
		tb.Fatalf("%q has no end: %q", ev.Data, events)
	}
	return tap.Answer()
}

// FuzzTap puts the events of a provider together: an answer that is kept is JSON where the events are, and within its bound.
func FuzzTap(f *testing.F) {
	s := storm.New(f)
	for i, name := range []string{"openai", "openai", "anthropic"} {
		for _, text := range bridgetest.Seeds(f, "../testdata/conformance/"+name+".json") {
			s.Add(uint8(i), []byte(text))
		}
	}
	s.Add(uint8(2), []byte(`{"type":"message_start","message":{"id":"m","usage":{"input_tokens":1}}}`+"\n"+`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`+"\n"+
		`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}`+"\n"+`{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"a":1}}}`))
	s.Add(uint8(3), []byte(`{"type":"response.created"}`+"\n"+`{"type":"response.completed","response":{"id":"r","output":[]}}`))
	s.Fuzz(func(tb testing.TB, which uint8, text []byte) {
		const most = 4 << 10
		op, sound := kept[which%4], true
		tap := cache.NewTap(op, new(nothing), most)
		for line := range bytes.Lines(text) {
			data := bytes.TrimRight(line, "\n")
			sound = sound && json.Valid(data)
			_, _ = tap.Event(stream.Event{Data: data}, nil)
		}
		body, ok := tap.Answer()
		if !ok {
			return
		}
		if sound && !json.Valid(body) {
			tb.Fatalf("%q was heard as %q", text, body)
		}
		if len(body) > 64<<10+2*most { // an index that leaves places out costs their frames
			tb.Fatalf("%d bytes were heard as %d", len(text), len(body))
		}
		if whole(op, body) && sound {
			if _, ok := cache.Replay(op, body); !ok {
				tb.Fatalf("%q was heard as %q, which cannot be replayed", text, body)
			}
		}
	})
}
