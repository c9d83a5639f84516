package wire

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// Name returns the name of a member. The result is a view of b, but for a name that is written with escapes.
func (m Member) Name(b []byte) []byte {
	raw := b[m.Key+1 : m.KeyEnd-1]
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	s, ok := String(b[m.Key:m.KeyEnd])
	if !ok {
		return raw
	}
	return []byte(s)
}

// String decodes a JSON string. ok is false when raw is anything else.
func String(raw []byte) (s string, ok bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		for _, c := range inner {
			if c < ' ' {
				return "", false
			}
		}
		return string(inner), true
	}
	return unescape(raw)
}

// unescape is apart from String, whose result would else live on the heap at every call.
func unescape(raw []byte) (string, bool) {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", false
	}
	return s, true
}

// StringIs says whether raw is the JSON string of s, without making a string of it.
func StringIs(raw []byte, s string) bool {
	if len(raw) == len(s)+2 && raw[0] == '"' && string(raw[1:len(raw)-1]) == s {
		return bytes.IndexByte(raw, '\\') < 0
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return false
	}
	got, ok := String(raw)
	return ok && got == s
}

// Bool decodes true and false.
func Bool(raw []byte) (v, ok bool) {
	switch string(raw) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}

// Int decodes a number that is whole: 10, 10.0, 1e3. ok is false for anything else and for what int64 cannot hold.
func Int(raw []byte) (n int64, ok bool) {
	if len(raw) == 0 || len(raw) > 32 {
		return 0, false
	}
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || f != float64(int64(f)) || f > 1<<53 || f < -(1<<53) {
		return 0, false
	}
	return int64(f), true
}

// Null says whether raw is absent or null.
func Null(raw []byte) bool { return len(raw) == 0 || string(raw) == "null" }

// IsString says whether raw is one whole JSON string, with nothing after it. What is inside is not looked at.
func IsString(raw []byte) bool { return text(raw, 0) == len(raw) && len(raw) > 1 }

// IsObject and IsArray look at the first byte of a value that Members has checked.
func IsObject(raw []byte) bool { return len(raw) > 0 && raw[0] == '{' }

// IsArray is IsObject for arrays.
func IsArray(raw []byte) bool { return len(raw) > 0 && raw[0] == '[' }

// ObjectIn is the JSON object that a text holds, without the white space around it; nil when it holds anything else. Unlike
// Members it looks inside strings too: models write escapes that JSON does not know, and what is passed on inside another
// body would break all of it.
func ObjectIn(text string) []byte {
	raw := bytes.TrimSpace([]byte(text))
	if !IsObject(raw) || !json.Valid(raw) {
		return nil
	}
	if end, err := value(raw, 0); err != nil || end != len(raw) {
		return nil // nested too deeply
	}
	return raw
}

// AppendString appends s as a JSON string.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(dst, s[from:i]...)
				dst = append(dst, `\ufffd`...)
				from = i + n
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			const hex = "0123456789abcdef"
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		from = i
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

// Lookup returns the raw value of one member of the object in b, or nil. It is for small objects off the hot path.
func Lookup(b []byte, path ...string) []byte {
	for _, name := range path {
		members, _, _, err := Members(b, nil)
		if err != nil {
			return nil
		}
		var found []byte
		for _, m := range members {
			if string(m.Name(b)) == name {
				found = b[m.Val:m.End]
			}
		}
		if b = found; b == nil {
			return nil
		}
	}
	return b
}
