package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"gatehouse/models/fault"
)

// The bounds of a body on the control plane (reliability.md §8.2).
const (
	MaxBody    = 1 << 20
	maxDepth   = 64
	maxMembers = 10_000
)

// DecodeJSON reads the request's JSON object into the struct that v points to. Names match exactly (encoding/json alone
// would let "MAX_BUDGET" set max_budget); unknown fields are ignored, as LiteLLM does. A second value, a duplicate name,
// invalid UTF-8, a NUL, a number beyond a double and over-deep nesting are refused before anything is decoded.
func DecodeJSON(c *fiber.Ctx, v any) error {
	body := c.Body()
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	return DecodeBytes(body, v)
}

// DecodeBytes is DecodeJSON for a body that is already at hand.
func DecodeBytes(body []byte, v any) error {
	if err := CheckJSON(body); err != nil {
		return err
	}
	raw := map[string]json.RawMessage{}
	if err := json.Unmarshal(body, &raw); err != nil {
		return fault.Newf(fault.Invalid, "the body is not valid JSON: %v", err)
	}
	return fill(raw, reflect.ValueOf(v).Elem())
}

func fill(raw map[string]json.RawMessage, v reflect.Value) error {
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct {
			if err := fill(raw, v.Field(i)); err != nil {
				return err
			}
			continue
		}
		value, sent := raw[name]
		if name == "" || name == "-" || !sent {
			continue
		}
		if err := json.Unmarshal(value, v.Field(i).Addr().Interface()); err != nil {
			return fieldError(name, err)
		}
	}
	return nil
}

// fieldError says which field could not be read: 422 for a wrong type, 400 for a value out of its range.
func fieldError(name string, err error) error {
	if f := fault.As(err); f != nil {
		if f.Param == "" {
			f.Param = name
		}
		return f
	}
	var te *json.UnmarshalTypeError
	if errors.As(err, &te) {
		field := name
		if te.Field != "" {
			field += "." + te.Field
		}
		return &fault.Fault{
			Kind: fault.Unprocessable, Param: field, Message: fmt.Sprintf("%s must be %s, not %s", field, plainType(te), te.Value),
			Issues: []fault.Issue{{Type: "type_error", Loc: []string{"body", field}, Msg: "Input should be " + plainType(te)}},
		}
	}
	return fault.BadField(name, "%s: %v", name, err)
}

func plainType(te *json.UnmarshalTypeError) string {
	if te.Type == nil {
		return "of another type"
	}
	switch te.Type.Kind().String() {
	case "string":
		return "a string"
	case "bool":
		return "true or false"
	case "slice", "array":
		return "a list"
	case "map", "struct":
		return "an object"
	case "int", "int64", "int32":
		return "a whole number"
	}
	return "a number"
}

// CheckJSON verifies that body is one JSON object within the bounds.
func CheckJSON(body []byte) error { return CheckJSONOf(body, maxMembers) }

// CheckJSONOf is CheckJSON for a body of as many members.
func CheckJSONOf(body []byte, most int) error {
	if len(body) > MaxBody {
		return fault.New(fault.TooLarge, "the body is larger than 1 MiB")
	}
	if !utf8.Valid(body) {
		return fault.New(fault.Invalid, "the body is not valid UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	left := most
	if err := walk(dec, 0, &left, true); err != nil {
		if left < 0 {
			return fault.Newf(fault.Invalid, "the body has more than %d members", most)
		}
		if f := fault.As(err); f != nil {
			return f
		}
		return fault.Newf(fault.Invalid, "the body is not valid JSON: %v (at byte %d)", err, dec.InputOffset())
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fault.New(fault.Invalid, "the body holds more than one JSON value")
	}
	return nil
}

// walk reads one value; left is how many members may still come.
func walk(dec *json.Decoder, depth int, left *int, top bool) error {
	tok, err := dec.Token()
	if err != nil {
		return noEOF(err)
	}
	switch v := tok.(type) {
	case string:
		return noNUL(v)
	case json.Number:
		return inRange(v)
	}
	delim, ok := tok.(json.Delim)
	if top && (!ok || delim != '{') {
		return fault.New(fault.Invalid, "the body must be a JSON object")
	}
	if !ok {
		return nil
	}
	if depth >= maxDepth {
		return fault.Newf(fault.Invalid, "the body is nested deeper than %d levels", maxDepth)
	}
	var seen map[string]struct{}
	for dec.More() {
		if *left--; *left < 0 {
			return errors.New("too many members")
		}
		if delim == '{' {
			name, err := dec.Token()
			if err != nil {
				return noEOF(err)
			}
			key, _ := name.(string)
			if err := noNUL(key); err != nil {
				return err
			}
			if seen == nil {
				seen = map[string]struct{}{}
			}
			if _, twice := seen[key]; twice {
				return fault.BadField(key, "%q is given twice", key)
			}
			seen[key] = struct{}{}
		}
		if err := walk(dec, depth+1, left, false); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return noEOF(err)
}

// inRange refuses numbers that no client could read back: metadata is kept as it came, and one 1e999 in it would break
// every list that shows it.
func inRange(n json.Number) error {
	if _, err := n.Float64(); err != nil {
		return fault.Newf(fault.Invalid, "the number %.40s is out of range", n.String())
	}
	return nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func noNUL(s string) error {
	for i := 0; i < len(s); i++ {
		if s[i] == 0 {
			return fault.New(fault.Invalid, "the body holds a NUL character")
		}
	}
	return nil
}
