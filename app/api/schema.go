package api

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"gatehouse/app/control"
	"gatehouse/models"
)

// schemas collects the named object types of the document. A type is described twice where it is both sent and answered:
// a request may leave fields out and send null, an answer holds every field.
type schemas struct {
	defs  object
	names map[place]string
}

type place struct {
	t      reflect.Type
	answer bool
}

func newSchemas() *schemas { return &schemas{defs: object{}, names: map[place]string{}} }

// described is a type that knows its own schema: those whose JSON is not what reflection would say.
type described interface {
	schema(g *schemas) object
}

func (g *schemas) request(t reflect.Type) object { return g.of(place{t: t}) }
func (g *schemas) answer(t reflect.Type) object  { return g.of(place{t: t, answer: true}) }

func (g *schemas) failure() object {
	g.defs["Error"] = object{
		"type": "object", "required": []any{"error"},
		"properties": object{
			"error": object{
				"type": "object", "required": []any{"message", "type", "param", "code"},
				"properties": object{
					"message": object{"type": "string"}, "type": object{"type": "string"},
					"param": object{"type": "string"}, "code": object{"type": "string", "description": "the HTTP status"},
				},
			},
			"detail": object{"description": "the same in FastAPI's form, on the routes where LiteLLM answers so"},
		},
	}
	return object{"$ref": "#/components/schemas/Error"}
}

var (
	typeNano      = reflect.TypeFor[models.Nano]()
	typeTime      = reflect.TypeFor[models.Time]()
	typeJSON      = reflect.TypeFor[models.JSON]()
	typeRaw       = reflect.TypeFor[json.RawMessage]()
	typeStrings   = reflect.TypeFor[models.Strings]()
	typeStringMap = reflect.TypeFor[models.StringMap]()
	typeDescribed = reflect.TypeFor[described]()
)

// inside is the type that a control.Opt holds; false for every other type.
func inside(t reflect.Type) (reflect.Type, bool) {
	if t.Kind() != reflect.Struct || !strings.HasPrefix(t.Name(), "Opt[") {
		return nil, false
	}
	f, ok := t.FieldByName("Value")
	return f.Type, ok
}

func (g *schemas) of(p place) object {
	if s := g.special(p); s != nil {
		return s
	}
	within := func(t reflect.Type) object { return g.of(place{t: t, answer: p.answer}) }
	if inner, ok := inside(p.t); ok {
		return nullable(within(inner))
	}
	var s object
	switch p.t.Kind() {
	case reflect.Pointer:
		return nullable(within(p.t.Elem()))
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64, reflect.Int32:
		return object{"type": "integer"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Slice:
		s = object{"type": "array", "items": within(p.t.Elem())}
	case reflect.Map:
		s = object{"type": "object", "additionalProperties": within(p.t.Elem())}
	case reflect.Struct:
		return g.named(p)
	default:
		return object{}
	}
	if p.answer {
		return s
	}
	return nullable(s)
}

// special describes the types whose JSON is their own.
func (g *schemas) special(p place) object {
	if p.t.Implements(typeDescribed) {
		return reflect.Zero(p.t).Interface().(described).schema(g)
	}
	switch p.t {
	case typeNano:
		if p.answer {
			return object{"type": "number", "description": "US dollars"}
		}
		return object{"type": []any{"number", "string"}, "description": "US dollars"}
	case typeTime:
		return object{"type": []any{"string", "null"}, "format": "date-time"}
	case typeJSON:
		return object{"type": "object"}
	case typeRaw:
		return object{}
	case typeStrings:
		return object{"type": "array", "items": object{"type": "string"}}
	case typeStringMap:
		return object{"type": "object", "additionalProperties": object{"type": "string"}}
	case reflect.TypeFor[models.IntMap]():
		return object{"type": []any{"object", "null"}, "additionalProperties": object{"type": "integer"}}
	case reflect.TypeFor[control.MemberList]():
		one := g.request(reflect.TypeFor[control.Member]())
		return object{"anyOf": []any{one, object{"type": "array", "items": one}}, "description": "one member, or a list of them"}
	case reflect.TypeFor[control.TeamPlace]():
		return object{"anyOf": []any{object{"type": "string"}, g.named(p)}, "description": "a team's id, or an object"}
	case reflect.TypeFor[control.ModelBudgets]():
		return object{"type": "object", "additionalProperties": modelBudgetInput()}
	}
	return nil
}

// modelBudgetInput is one entry of model_max_budget in every form in which LiteLLM writes it.
func modelBudgetInput() object {
	money := object{"type": []any{"number", "string"}, "description": "US dollars"}
	text, count := object{"type": "string"}, object{"type": []any{"integer", "null"}}
	return object{"anyOf": []any{
		money,
		object{"type": "object", "properties": object{
			"budget_limit": money, "time_period": text, "max_budget": money, "budget_duration": text, "tpm_limit": count, "rpm_limit": count,
		}},
	}}
}

// nullable adds null to what a schema admits.
func nullable(s object) object {
	switch typ := s["type"].(type) {
	case string:
		s["type"] = []any{typ, "null"}
	case []any:
		if !slices.Contains(typ, any("null")) {
			s["type"] = append(slices.Clone(typ), "null")
		}
	case nil:
		if s["$ref"] != nil || s["anyOf"] != nil {
			return object{"anyOf": []any{s, object{"type": "null"}}}
		}
	}
	return s
}

func (g *schemas) named(p place) object {
	if p.t.Name() == "" {
		return g.fields(p)
	}
	name, known := g.names[p]
	if !known {
		name = strings.ToUpper(p.t.Name()[:1]) + strings.NewReplacer("[", "Of", "]", "", "*", "", ".", "", "/", "").Replace(p.t.Name()[1:])
		if !p.answer {
			name += "Request"
		}
		for g.defs[name] != nil {
			name += "_"
		}
		g.names[p] = name
		g.defs[name] = object{} // holds the place: a type may hold itself
		g.defs[name] = g.fields(p)
	}
	return object{"$ref": "#/components/schemas/" + name}
}

func (g *schemas) fields(p place) object {
	props, required := object{}, []any{}
	g.collect(p, props, &required)
	s := object{"type": "object", "properties": props}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

func (g *schemas) collect(p place, props object, required *[]any) {
	for i := range p.t.NumField() {
		f := p.t.Field(i)
		name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct {
			g.collect(place{t: f.Type, answer: p.answer}, props, required)
			continue
		}
		if name == "" || name == "-" || !f.IsExported() {
			continue
		}
		s := g.of(place{t: f.Type, answer: p.answer})
		if doc := fieldDoc(f, name); doc != "" && s["$ref"] == nil {
			s["description"] = doc
		}
		props[name] = s
		must := f.Tag.Get("required") == "true"
		if p.answer {
			must = !strings.Contains(rest, "omitempty")
		}
		if must && !slices.Contains(*required, any(name)) {
			*required = append(*required, name)
		}
	}
}

// fieldDoc is what a field means: its own words, or those that the name has wherever it stands.
func fieldDoc(f reflect.StructField, name string) string {
	if doc := f.Tag.Get("doc"); doc != "" {
		return doc
	}
	return meaning(name)
}
