package wire

import (
	"bytes"
	"encoding/json"
	"testing"

	"gatehouse/internal/testkit/storm"
)

// FuzzWhole holds Whole to encoding/json at every piece of a text.
func FuzzWhole(f *testing.F) {
	s := storm.New(f)
	for _, text := range []string{`{"a":[1,{"b":"}\\\""}]} `, ` "a\"b" `, `12`, `null`, `[}`, `{}x`, `{"a":"\q"}`, `[1] [2]`, ` `, `]`, `tru`} {
		s.Add([]byte(text), uint8(1))
	}
	s.Fuzz(func(tb testing.TB, text []byte, n uint8) {
		var w Whole
		for at := 0; at < len(text); {
			at = min(len(text), at+1+max(int(n)%16, len(text)/16))
			part := text[:at]
			value := bytes.TrimLeft(part, " \n\t\r")
			scalar := len(value) == 0 || bytes.IndexByte([]byte(`{["`), value[0]) < 0
			if got, want := w.Is(part), json.Valid(part); got != want && (!scalar || len(part) <= longestScalar) {
				tb.Fatalf("%q: %v, want %v", part, got, want)
			}
		}
	})
}

// A text that grows for ever is looked at once, not at every piece.
func BenchmarkWhole(b *testing.B) {
	text := append(append([]byte(`{"a":"`), bytes.Repeat([]byte("x"), 1<<20)...), `"}`...)
	for b.Loop() {
		var w Whole
		for at := 0; at < len(text); at += 16 {
			w.Is(text[:at])
		}
		if !w.Is(text) {
			b.Fatal("not whole")
		}
	}
}
