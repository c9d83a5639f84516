package api

import (
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"gatehouse/models/fault"
)

// bindPath fills the fields tagged `path:"name"`.
func bindPath(c *fiber.Ctx, v any) error {
	return eachTagged(reflect.ValueOf(v).Elem(), "path", func(name string, field reflect.Value) error {
		text, err := url.PathUnescape(c.Params(name))
		if err != nil || !utf8.ValidString(text) {
			return fault.BadField(name, "the path's %s is not valid", name)
		}
		return setText("path", name, field, text)
	})
}

// bindQuery fills the fields tagged `query:"name"`. A literal + stays a +: user ids hold them (contract/admin-api.md §1).
func bindQuery(c *fiber.Ctx, v any) error {
	values, err := parseQuery(string(c.Context().URI().QueryString()))
	if err != nil {
		return err
	}
	return eachTagged(reflect.ValueOf(v).Elem(), "query", func(name string, field reflect.Value) error {
		texts, sent := values[name]
		if !sent {
			return nil
		}
		if field.Kind() == reflect.Slice {
			var all []string
			for _, t := range texts {
				for part := range strings.SplitSeq(t, ",") {
					if part = strings.TrimSpace(part); part != "" {
						all = append(all, part)
					}
				}
			}
			field.Set(reflect.ValueOf(all))
			return nil
		}
		return setText("query", name, field, texts[len(texts)-1])
	})
}

func parseQuery(raw string) (map[string][]string, error) {
	out := map[string][]string{}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err1 := url.PathUnescape(name)
		value, err2 := url.PathUnescape(value)
		if err1 != nil || err2 != nil || !utf8.ValidString(name) || !utf8.ValidString(value) {
			return nil, fault.New(fault.Invalid, "the query string is not valid")
		}
		if strings.ContainsRune(value, 0) {
			return nil, fault.BadField(name, "%s holds a NUL character", name)
		}
		out[name] = append(out[name], value)
	}
	return out, nil
}

func eachTagged(v reflect.Value, tag string, fn func(string, reflect.Value) error) error {
	t := v.Type()
	if t.Kind() != reflect.Struct {
		return nil
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && f.Type.Kind() == reflect.Struct {
			if err := eachTagged(v.Field(i), tag, fn); err != nil {
				return err
			}
			continue
		}
		if name := f.Tag.Get(tag); name != "" {
			if err := fn(name, v.Field(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func setText(where, name string, field reflect.Value, text string) error {
	if field.Kind() == reflect.Pointer {
		if text == "" && field.Type().Elem().Kind() != reflect.String {
			return nil
		}
		p := reflect.New(field.Type().Elem())
		if err := setText(where, name, p.Elem(), text); err != nil {
			return err
		}
		field.Set(p)
		return nil
	}
	wrong := func(what string) error {
		return &fault.Fault{
			Kind: fault.Unprocessable, Param: name, Message: name + " must be " + what,
			Issues: []fault.Issue{{Type: "type_error", Loc: []string{where, name}, Msg: "Input should be " + what}},
		}
	}
	switch field.Kind() {
	case reflect.String:
		field.SetString(text)
	case reflect.Bool:
		b, ok := parseBool(text)
		if !ok {
			return wrong("true or false")
		}
		field.SetBool(b)
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return wrong("a whole number")
		}
		field.SetInt(n)
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || f != f || f > 1e18 || f < -1e18 {
			return wrong("a number")
		}
		field.SetFloat(f)
	default:
		panic("query field of an unknown kind: " + name)
	}
	return nil
}

// parseBool reads what FastAPI reads as a boolean in a query.
func parseBool(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "true", "1", "yes", "on", "t", "y":
		return true, true
	case "false", "0", "no", "off", "f", "n":
		return false, true
	}
	return false, false
}
