package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"

	"gatehouse/models"
	"gatehouse/models/fault"
)

// Opt is a field of a request that tells three cases apart: not sent (keep), null (clear), a value (set). The zero Opt is
// "not sent".
type Opt[T any] struct {
	Sent  bool
	Null  bool
	Value T
}

// Some is a sent value.
func Some[T any](v T) Opt[T] { return Opt[T]{Sent: true, Value: v} }

// Null is a sent null.
func Null[T any]() Opt[T] { return Opt[T]{Sent: true, Null: true} }

// SomePtr is a sent value, or a sent null for nil.
func SomePtr[T any](v *T) Opt[T] {
	if v == nil {
		return Null[T]()
	}
	return Some(*v)
}

// Has says whether a value was sent.
func (o Opt[T]) Has() bool { return o.Sent && !o.Null }

// Ptr is the value, or nil when it is null or was not sent.
func (o Opt[T]) Ptr() *T {
	if !o.Has() {
		return nil
	}
	v := o.Value
	return &v
}

// Or is the value, or other when it is null or was not sent.
func (o Opt[T]) Or(other T) T {
	if o.Has() {
		return o.Value
	}
	return other
}

// UnmarshalJSON marks the field as sent. An empty string for an amount of money is null, as LiteLLM reads it.
func (o *Opt[T]) UnmarshalJSON(b []byte) error {
	*o = Opt[T]{Sent: true}
	if string(b) == "null" {
		o.Null = true
		return nil
	}
	switch dst := any(&o.Value).(type) {
	case *models.Nano:
		if string(bytes.TrimSpace(b)) == `""` {
			o.Null = true
			return nil
		}
		return unmarshalMoney(b, dst)
	case *models.JSON:
		return unmarshalObject(b, dst)
	case *int64:
		if n, ok := wholeNumber(string(b)); ok {
			*dst = n
			return nil
		}
	}
	return json.Unmarshal(b, &o.Value)
}

// unmarshalMoney reads a number, or one in a text. What is no number at all is of the wrong type (422); NaN, infinities
// and amounts beyond all bounds are numbers that may not be (400).
func unmarshalMoney(b []byte, dst *models.Nano) error {
	text := string(bytes.TrimSpace(b))
	kind := ""
	switch {
	case text == "true" || text == "false":
		kind = "bool"
	case text[0] == '[':
		kind = "array"
	case text[0] == '{':
		kind = "object"
	case text[0] == '"':
		// NaN and Infinity are floats to ParseFloat; only a syntax error is no number.
		if _, err := strconv.ParseFloat(strings.Trim(text, `"`), 64); errors.Is(err, strconv.ErrSyntax) {
			kind = "string"
		}
	}
	if kind != "" {
		return &json.UnmarshalTypeError{Value: kind, Type: reflect.TypeFor[float64]()}
	}
	if err := json.Unmarshal(b, dst); err != nil {
		return fault.New(fault.Invalid, err.Error())
	}
	return nil
}

// wholeNumber reads what LiteLLM takes for a limit: 10, 10.0, "10". Anything else is for the decoder to refuse.
func wholeNumber(text string) (int64, bool) {
	if len(text) > 1 && text[0] == '"' {
		text = text[1 : len(text)-1]
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	const exact = 1 << 53
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || strings.ContainsAny(text, "xXpP_") || f != math.Trunc(f) || math.Abs(f) > exact {
		return 0, false
	}
	return int64(f), true
}

// MarshalJSON writes the value, or null.
func (o Opt[T]) MarshalJSON() ([]byte, error) {
	if !o.Has() {
		return []byte("null"), nil
	}
	return json.Marshal(o.Value)
}

// unmarshalObject takes JSON objects only: metadata and its like are maps on the wire.
func unmarshalObject(b []byte, dst *models.JSON) error {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(b, &m); err != nil {
		return err
	}
	*dst = bytes.Clone(b)
	return nil
}

// sent lists the wire names of the fields of a request struct that were sent, embedded structs included.
func sent(v any) []string {
	var names []string
	eachField(reflect.Indirect(reflect.ValueOf(v)), func(name string, field reflect.Value) {
		if isSent(field) {
			names = append(names, name)
		}
	})
	return names
}

// isSent reads the Sent of an Opt, whatever its T; other kinds count as sent when they hold something.
func isSent(field reflect.Value) bool {
	if field.Kind() == reflect.Struct {
		if f := field.FieldByName("Sent"); f.IsValid() && f.Kind() == reflect.Bool {
			return f.Bool()
		}
	}
	return !field.IsZero()
}

func eachField(v reflect.Value, fn func(name string, field reflect.Value)) {
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct {
			eachField(v.Field(i), fn)
			continue
		}
		if name != "" && name != "-" {
			fn(name, v.Field(i))
		}
	}
}
