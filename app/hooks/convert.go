package hooks

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sort"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// maxNesting bounds what goes in and out of a script.
const maxNesting = 64

// record is a request, a body or a caller inside a script: fields by dot, entries as in a dict, and json() for
// the whole as a dict, which is how the seeds' Python reads it. It is read-only.
type record struct {
	name   string
	dict   *starlark.Dict
	fields []string // read as None when absent
}

var (
	_ starlark.IterableMapping = (*record)(nil)
	_ starlark.HasAttrs        = (*record)(nil)
)

func (r *record) String() string        { return r.dict.String() }
func (r *record) Type() string          { return r.name }
func (r *record) Freeze()               { r.dict.Freeze() }
func (r *record) Truth() starlark.Bool  { return true }
func (r *record) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable type: %s", r.name) }

// Get is r[name] and `name in r`.
func (r *record) Get(k starlark.Value) (starlark.Value, bool, error) { return r.dict.Get(k) }

// Iterate goes over the names.
func (r *record) Iterate() starlark.Iterator { return r.dict.Iterate() }

// Items are the entries.
func (r *record) Items() []starlark.Tuple { return r.dict.Items() }

// Attr is r.name: a field, or a method of dict. A field of the form that was not sent is None; any other name is an error,
// so that a misspelt one is found.
func (r *record) Attr(name string) (starlark.Value, error) {
	v, found, err := r.dict.Get(starlark.String(name))
	if found || err != nil {
		return v, err
	}
	switch name {
	case "json", "dict", "model_dump":
		return starlark.NewBuiltin(name, func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
			return r.dict, nil
		}), nil
	case "get", "keys", "values", "items":
		return r.dict.Attr(name)
	}
	if slices.Contains(r.fields, name) {
		return starlark.None, nil
	}
	return nil, nil //nolint:nilnil // starlark.HasAttrs: nil, nil is "no such attribute"
}

// AttrNames lists the fields that are there.
func (r *record) AttrNames() []string {
	names := []string{"json", "get", "keys", "values", "items"}
	for _, k := range r.dict.Keys() {
		if s, ok := starlark.AsString(k); ok {
			names = append(names, s)
		}
	}
	sort.Strings(names)
	return names
}

func toStarlark(in input) (starlark.Value, error) {
	m, ok := in.value.(map[string]any)
	if !ok {
		return plainToStarlark(in.value, 0)
	}
	v, err := plainToStarlark(m, 0)
	if err != nil {
		return nil, err
	}
	r := &record{name: in.name, dict: v.(*starlark.Dict), fields: in.fields}
	r.Freeze()
	return r, nil
}

func plainToStarlark(v any, depth int) (starlark.Value, error) {
	if depth > maxNesting {
		return nil, errors.New("the input is nested too deep")
	}
	switch v := v.(type) {
	case nil:
		return starlark.None, nil
	case bool:
		return starlark.Bool(v), nil
	case string:
		return starlark.String(v), nil
	case int:
		return starlark.MakeInt(v), nil
	case int64:
		return starlark.MakeInt64(v), nil
	case float64:
		return starlark.Float(v), nil
	case json.Number:
		if n, ok := new(big.Int).SetString(v.String(), 10); ok {
			return starlark.MakeBigInt(n), nil
		}
		f, err := v.Float64()
		if err != nil {
			return nil, errors.New("the input holds a number out of range")
		}
		return starlark.Float(f), nil
	case []string:
		list := make([]starlark.Value, len(v))
		for i, e := range v {
			list[i] = starlark.String(e)
		}
		return starlark.NewList(list), nil
	case []any:
		list := make([]starlark.Value, len(v))
		for i, e := range v {
			item, err := plainToStarlark(e, depth+1)
			if err != nil {
				return nil, err
			}
			list[i] = item
		}
		return starlark.NewList(list), nil
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		sort.Strings(names)
		d := starlark.NewDict(len(v))
		for _, name := range names {
			item, err := plainToStarlark(v[name], depth+1)
			if err != nil {
				return nil, err
			}
			if err := d.SetKey(starlark.String(name), item); err != nil {
				return nil, fmt.Errorf("the input cannot be passed on: %w", err)
			}
		}
		return d, nil
	}
	return nil, fmt.Errorf("the input holds a %T, which has no form in Starlark", v)
}

func fromStarlark(v starlark.Value, depth int) (any, error) {
	if depth > maxNesting {
		return nil, errors.New("the answer is nested too deep")
	}
	switch v := v.(type) {
	case starlark.NoneType:
		return nil, nil //nolint:nilnil // None is nil
	case starlark.Bool:
		return bool(v), nil
	case starlark.String:
		return string(v), nil
	case starlark.Int:
		return json.Number(v.String()), nil
	case starlark.Float:
		return float64(v), nil
	case *starlarkstruct.Struct:
		out := map[string]any{}
		for _, name := range v.AttrNames() {
			e, err := v.Attr(name)
			if err != nil {
				return nil, fmt.Errorf("read the answer: %w", err)
			}
			if out[name], err = fromStarlark(e, depth+1); err != nil {
				return nil, err
			}
		}
		return out, nil
	case *record:
		return fromStarlark(v.dict, depth)
	case *starlark.Dict:
		out := make(map[string]any, v.Len())
		for _, item := range v.Items() {
			name, ok := starlark.AsString(item[0])
			if !ok {
				return nil, errors.New("the answer has a key that is not text")
			}
			e, err := fromStarlark(item[1], depth+1)
			if err != nil {
				return nil, err
			}
			out[name] = e
		}
		return out, nil
	case starlark.Iterable: // list, tuple, set
		out := []any{}
		for e := range starlark.Elements(v) {
			item, err := fromStarlark(e, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, item)
		}
		return out, nil
	}
	return nil, fmt.Errorf("the answer holds a %s, which has no meaning here", v.Type())
}
