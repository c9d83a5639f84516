package scim

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Resource is a resource as JSON, with its attributes in their usual spelling.
type Resource map[string]any

// Normal gives the attributes of a resource, and of what is in them, their usual spelling.
func Normal(v map[string]any) Resource {
	out := make(Resource, len(v))
	for name, value := range v {
		out[Canon(name)] = normal(value)
	}
	return out
}

func normal(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return map[string]any(Normal(v))
	case []any:
		out := make([]any, len(v))
		for i, one := range v {
			out[i] = normal(one)
		}
		return out
	}
	return v
}

// Operation is one step of a patch.
type Operation struct {
	Op    string // add, replace, remove; in any case
	Path  string // "" = the value is an object of attributes
	Value any
}

// Step is one operation, read.
type Step struct {
	Op    string // in lower case
	Path  Path
	Value any
}

// Steps reads operations; one without a path becomes a step for each attribute of its value (Okta), whose name may be a
// path itself (Entra). Errors: *Error.
func Steps(operations []Operation) ([]Step, error) {
	var out []Step
	for _, o := range operations {
		op := strings.ToLower(o.Op)
		switch op {
		case "add", "replace", "remove":
		default:
			return nil, wrong(InvalidSyntax, "op must be add, replace or remove, not %q", clip(o.Op))
		}
		if o.Path != "" {
			path, err := ParsePath(o.Path)
			if err != nil {
				return nil, err
			}
			out = append(out, Step{op, path, normal(o.Value)})
			continue
		}
		attrs, ok := o.Value.(map[string]any)
		if !ok || op == "remove" {
			return nil, wrong(NoTarget, "an operation without a path needs an object of attributes, and cannot remove")
		}
		for _, name := range slices.Sorted(maps.Keys(attrs)) { // name before name.givenName
			path, err := ParsePath(name)
			if err != nil {
				return nil, err
			}
			out = append(out, Step{op, path, normal(attrs[name])})
		}
	}
	return out, nil
}

// Apply does one step to a resource. Errors: *Error.
func (r Resource) Apply(s Step) error {
	p := s.Path
	switch {
	case p.Attr == EnterpriseSchema || p.Sub != "" && p.Filter == nil && !isList(r[p.Attr]):
		return r.part(s)
	case p.Filter != nil || p.Sub != "":
		return r.values(s)
	case s.Op == "remove" && s.Value != nil && isList(r[p.Attr]):
		r[p.Attr] = without(r[p.Attr].([]any), s.Value)
	case s.Op == "remove":
		delete(r, p.Attr)
	case s.Op == "add" && isList(r[p.Attr]):
		r[p.Attr] = union(r[p.Attr].([]any), s.Value)
	default:
		if old, both := r[p.Attr].(map[string]any); both { // of a complex attribute, what is not named stays
			if next, ok := s.Value.(map[string]any); ok {
				for name, v := range next {
					old[name] = v
				}
				return nil
			}
		}
		r[p.Attr] = s.Value
	}
	return nil
}

func isList(v any) bool { _, ok := v.([]any); return ok }

// part sets or removes name.givenName, or an attribute of an extension.
func (r Resource) part(s Step) error {
	inner, _ := r[s.Path.Attr].(map[string]any)
	if inner == nil {
		inner = map[string]any{}
	}
	switch {
	case s.Path.Sub == "":
		if s.Op == "remove" {
			delete(r, s.Path.Attr)
			return nil
		}
		more, ok := s.Value.(map[string]any)
		if !ok {
			return wrong(InvalidValue, "%s must be an object", s.Path.Attr)
		}
		for name, v := range more {
			inner[name] = v
		}
	case s.Op == "remove":
		delete(inner, s.Path.Sub)
	default:
		inner[s.Path.Sub] = s.Value
	}
	r[s.Path.Attr] = inner
	return nil
}

// values does a step to those values of a list that the path's filter finds. One to add that is not there is made, with
// what the filter says of it (Entra: emails[type eq "work"].value).
func (r Resource) values(s Step) error {
	list, _ := r[s.Path.Attr].([]any)
	var kept []any
	found := false
	for _, one := range list {
		value, ok := one.(map[string]any)
		if !ok || !fits(value, s.Path.Filter) {
			kept = append(kept, one)
			continue
		}
		found = true
		switch {
		case s.Op == "remove" && s.Path.Sub == "":
			continue
		case s.Op == "remove":
			delete(value, s.Path.Sub)
		case s.Path.Sub != "":
			value[s.Path.Sub] = s.Value
		default:
			more, ok := s.Value.(map[string]any)
			if !ok {
				return wrong(InvalidValue, "the value of %s must be an object", s.Path.Attr)
			}
			for name, v := range more {
				value[name] = v
			}
		}
		kept = append(kept, value)
	}
	if !found && s.Op != "remove" {
		value := map[string]any{}
		for _, t := range s.Path.Filter {
			value[t.Path.Attr] = t.Value
		}
		if s.Path.Sub != "" {
			value[s.Path.Sub] = s.Value
		} else if more, ok := s.Value.(map[string]any); ok {
			for name, v := range more {
				value[name] = v
			}
		}
		kept = append(kept, value)
	}
	if len(kept) == 0 {
		delete(r, s.Path.Attr)
		return nil
	}
	r[s.Path.Attr] = kept
	return nil
}

// fits says whether a value has what every term asks. A text is compared without regard to case.
func fits(value map[string]any, terms []Term) bool {
	for _, t := range terms {
		if !same(value[t.Path.Attr], t.Value) {
			return false
		}
	}
	return true
}

func same(a, b any) bool {
	x, y := Text(a), Text(b)
	if x != "" || y != "" {
		return strings.EqualFold(x, y)
	}
	p, ok := Bool(a)
	q, also := Bool(b)
	return ok && also && p == q
}

func listOf(v any) []any {
	if l, ok := v.([]any); ok {
		return l
	}
	return []any{v}
}

func union(list []any, more any) []any {
	for _, one := range listOf(more) {
		there := false
		for _, old := range list {
			there = there || alike(old, one)
		}
		if !there {
			list = append(list, one)
		}
	}
	return list
}

func without(list []any, gone any) []any {
	var kept []any
	for _, old := range list {
		drop := false
		for _, one := range listOf(gone) {
			drop = drop || alike(old, one)
		}
		if !drop {
			kept = append(kept, old)
		}
	}
	return kept
}

// alike compares two values of a list: by their value, where they have one.
func alike(a, b any) bool {
	x, okX := a.(map[string]any)
	y, okY := b.(map[string]any)
	if okX && okY && x["value"] != nil && y["value"] != nil {
		return same(x["value"], y["value"])
	}
	return reflect.DeepEqual(a, b)
}

// Text is a value as text, "" for one that is none.
func Text(v any) string {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v)
	case json.Number:
		return v.String()
	}
	return ""
}

// Bool is a value that says yes or no, as a boolean or in words (Entra sends "False").
func Bool(v any) (value, ok bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "true":
			return true, true
		case "false":
			return false, true
		}
	}
	return false, false
}

// Values are the value fields of a list of objects, or its texts.
func Values(v any) []string {
	if v == nil {
		return nil
	}
	var out []string
	for _, one := range listOf(v) {
		text := Text(one)
		if o, ok := one.(map[string]any); ok {
			text = Text(o["value"])
		}
		if text != "" {
			out = append(out, text)
		}
	}
	return out
}
