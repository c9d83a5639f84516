package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"gatehouse/internal/testkit/storm"
)

func TestMembersRefuses(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1)
	tests := map[string]struct {
		body string
		want error
	}{
		"nothing":               {"", ErrNotObject},
		"white space":           {" \n", ErrNotObject},
		"a word":                {"nope", ErrNotObject},
		"a string":              {`"text"`, ErrNotObject},
		"a list":                {"[1,2]", ErrNotObject},
		"null":                  {"null", ErrNotObject},
		"open object":           {"{", ErrSyntax},
		"no value":              {`{"a"}`, ErrSyntax},
		"no colon":              {`{"a" 1}`, ErrSyntax},
		"key without quotes":    {`{a:1}`, ErrSyntax},
		"comma at the end":      {`{"a":1,}`, ErrSyntax},
		"no comma":              {`{"a":1 "b":2}`, ErrSyntax},
		"wrong bracket":         {`{"model":"gpt-4","messages":[}`, ErrSyntax},
		"crossed brackets":      {`{"a":[{]}}`, ErrSyntax},
		"nested comma":          {`{"a":[1,]}`, ErrSyntax},
		"nested no comma":       {`{"a":[1 2]}`, ErrSyntax},
		"nested object in list": {`{"a":[{"b":1},{"c"}]}`, ErrSyntax},
		"nested list as object": {`{"a":{1,2}}`, ErrSyntax},
		"leading zero":          {`{"a":01}`, ErrSyntax},
		"bare minus":            {`{"a":-}`, ErrSyntax},
		"no fraction":           {`{"a":1.}`, ErrSyntax},
		"no exponent":           {`{"a":1e}`, ErrSyntax},
		"plus":                  {`{"a":+1}`, ErrSyntax},
		"wrong word":            {`{"a":nil}`, ErrSyntax},
		"open string":           {`{"a":"b}`, ErrSyntax},
		"escaped end of string": {`{"a":"b\"}`, ErrSyntax},
		"second object":         {`{"a":1}{"b":2}`, ErrTrailing},
		"bytes after":           {`{"a":1} x`, ErrTrailing},
		"too deep":              {`{"a":` + deep + `}`, ErrDepth},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, _, _, err := Members([]byte(tt.body), nil); !errors.Is(err, tt.want) {
				t.Errorf("Members(%.40q) = %v, want %v", tt.body, err, tt.want)
			}
		})
	}
}

func TestMembersDepthBoundary(t *testing.T) {
	t.Parallel()
	deep := `{"a":` + strings.Repeat(`[{"b":`, MaxDepth/2) + "1" + strings.Repeat("}]", MaxDepth/2) + "}"
	if _, _, _, err := Members([]byte(deep), nil); err != nil {
		t.Errorf("%d levels: %v", MaxDepth, err)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"NUL": "{\"a\":\"\x00\"}", "latin-1": "{\"a\":\"\xe9\"}"} {
		if err := Text([]byte(body)); !errors.Is(err, ErrEncoding) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzMembers holds the scanner to encoding/json: what that accepts is accepted with the same members, and what only the
// scanner accepts can differ inside strings alone.
func FuzzMembers(f *testing.F) {
	s := storm.New(f)
	for _, seed := range []string{
		`{}`, ` { } `, `{"model":"gpt-4","messages":[{"role":"user","content":"a \"b\" {c} \\"}],"n":1.0}`,
		`{"a":[],"b":{},"c":[[],{}],"d":-0.5e+10,"e":true,"f":false,"g":null}`, `{"a":1}x`, `{"a":[{]}}`, `{"\u006dodel":"x"}`,
		`{"a":"\ud800"}`, `{"a":12345678901234567890}`, `{"a":"\\\\\\""}`, `[1]`, `{"a":1,"a":2}`,
	} {
		s.Add([]byte(seed))
	}
	s.Fuzz(func(tb testing.TB, body []byte) {
		members, _, _, err := Members(body, nil)
		var want map[string]json.RawMessage
		wantErr := json.Unmarshal(body, &want)
		isObject := wantErr == nil && want != nil
		if isObject && err != nil {
			if errors.Is(err, ErrDepth) {
				return
			}
			tb.Fatalf("refused %q: %v", body, err)
		}
		if err != nil {
			return
		}
		if !isObject {
			if blank := blankStrings(body); !json.Valid(blank) {
				tb.Fatalf("accepted %q, whose structure %q is invalid", body, blank)
			}
			return
		}
		got := map[string]json.RawMessage{}
		for _, m := range members {
			var key string
			if err := json.Unmarshal(body[m.Key:m.KeyEnd], &key); err != nil {
				tb.Fatal(err)
			}
			got[key] = body[m.Val:m.End]
		}
		if len(got) != len(want) {
			tb.Fatalf("%q: %d members, want %d", body, len(got), len(want))
		}
		for k, v := range want {
			if !bytes.Equal(bytes.TrimSpace(v), got[k]) {
				tb.Fatalf("%q: member %q is %q, want %q", body, k, got[k], v)
			}
		}
	})
}

// blankStrings empties every string of b.
func blankStrings(b []byte) []byte {
	var out []byte
	for i := 0; i < len(b); {
		if b[i] == '"' {
			if end := text(b, i); end > 0 {
				out = append(out, `""`...)
				i = end
				continue
			}
		}
		out = append(out, b[i])
		i++
	}
	return out
}

func BenchmarkMembers100KB(b *testing.B) {
	body := []byte(`{"model":"gpt-4o","messages":[{"role":"user","content":"` + strings.Repeat("lorem ipsum dolor sit amet ", 3800) + `"}],"stream":false}`)
	b.SetBytes(int64(len(body)))
	var room [16]Member
	for b.Loop() {
		if err := Text(body); err != nil {
			b.Fatal(err)
		}
		if _, _, _, err := Members(body, room[:0]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMembersEmbedding(b *testing.B) {
	body := []byte(`{"object":"list","data":[{"embedding":[` + strings.Repeat("-0.01234567,", 1535) + `0.5]}]}`)
	b.SetBytes(int64(len(body)))
	var room [16]Member
	for b.Loop() {
		if _, _, _, err := Members(body, room[:0]); err != nil {
			b.Fatal(err)
		}
	}
}
