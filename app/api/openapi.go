package api

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"gatehouse/models"
)

// object is a JSON object in the making; encoding/json sorts its names, so that the document is the same every time.
type object = map[string]any

// Document is the OpenAPI 3.1 document of ops, made from their own request and answer types.
func Document(ops []Op, version, server string) ([]byte, error) {
	g := &schemas{defs: object{}, names: map[reflect.Type]string{}}
	paths := object{}
	for _, o := range ops {
		for i, path := range append([]string{o.Path}, o.Aliases...) {
			item, _ := paths[templatePath(path)].(object)
			if item == nil {
				item = object{}
				paths[templatePath(path)] = item
			}
			item[strings.ToLower(o.Method)] = g.operation(o, path, i > 0)
		}
	}
	doc := object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Gatehouse admin API", "version": version,
			"description": "Keys, users, teams, budgets, models and spend. Call it with the master key or an admin's key.",
		},
		"servers":  []any{object{"url": server}},
		"security": []any{object{"key": []any{}}},
		"paths":    paths,
		"components": object{
			"schemas":         g.defs,
			"securitySchemes": object{"key": object{"type": "http", "scheme": "bearer"}},
		},
	}
	return json.Marshal(doc)
}

// templatePath turns /key/:key/x into /key/{key}/x.
func templatePath(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if name, ok := strings.CutPrefix(p, ":"); ok {
			parts[i] = "{" + name + "}"
		}
		if p == "+" || p == "*" {
			parts[i] = "{path}"
		}
	}
	return strings.Join(parts, "/")
}

func (g *schemas) operation(o Op, path string, alias bool) object {
	op := object{
		"operationId": strings.ToLower(o.Method) + strings.NewReplacer("/", "_", ":", "", "+", "path", "*", "path", ".", "_").Replace(path),
		"tags":        []any{o.Tag}, "summary": o.Doc,
		"responses": object{
			"200": object{"description": "Done", "content": object{"application/json": object{"schema": g.of(o.out)}}},
			"4XX": object{"description": "Refused; error.message says why", "content": object{"application/json": object{"schema": g.failure()}}},
		},
	}
	if alias {
		op["description"] = "The same as " + o.Path + "."
	}
	if o.Public {
		op["security"] = []any{}
	}
	var params []any
	_ = eachTagged(reflect.New(o.in).Elem(), "path", func(name string, v reflect.Value) error {
		params = append(params, object{"name": name, "in": "path", "required": true, "schema": g.of(v.Type())})
		return nil
	})
	if o.Method == "GET" {
		_ = eachTagged(reflect.New(o.in).Elem(), "query", func(name string, v reflect.Value) error {
			params = append(params, object{"name": name, "in": "query", "schema": g.of(v.Type()), "style": "form", "explode": false})
			return nil
		})
		if o.Example != "" {
			op["x-example-query"] = o.Example
		}
	} else if o.in.Kind() == reflect.Struct && o.in.NumField() > 0 {
		media := object{"schema": g.of(o.in)}
		if o.Example != "" {
			media["example"] = json.RawMessage(o.Example)
		}
		op["requestBody"] = object{"content": object{"application/json": media}}
	}
	if params != nil {
		op["parameters"] = params
	}
	return op
}

// schemas collects the named object types of the document.
type schemas struct {
	defs  object
	names map[reflect.Type]string
}

func (g *schemas) failure() object {
	g.defs["Error"] = object{
		"type": "object", "required": []any{"error"},
		"properties": object{
			"error": object{
				"type": "object", "required": []any{"message", "type", "param", "code"},
				"properties": object{
					"message": object{"type": "string"}, "type": object{"type": "string"},
					"param": object{"type": "string"}, "code": object{"type": "string"},
				},
			},
			"detail": object{},
		},
	}
	return object{"$ref": "#/components/schemas/Error"}
}

var (
	typeNano   = reflect.TypeFor[models.Nano]()
	typeTime   = reflect.TypeFor[models.Time]()
	typeJSON   = reflect.TypeFor[models.JSON]()
	typeRaw    = reflect.TypeFor[json.RawMessage]()
	typeSecret = reflect.TypeFor[models.Secret]()
)

// inside is the type that a control.Opt holds; false for every other type.
func inside(t reflect.Type) (reflect.Type, bool) {
	if t.Kind() != reflect.Struct || !strings.HasPrefix(t.Name(), "Opt[") {
		return nil, false
	}
	f, ok := t.FieldByName("Value")
	return f.Type, ok
}

func (g *schemas) of(t reflect.Type) object {
	switch t {
	case typeNano:
		return object{"type": "number", "description": "US dollars"}
	case typeTime:
		return object{"type": []any{"string", "null"}, "format": "date-time"}
	case typeJSON, typeRaw:
		return object{}
	case typeSecret:
		return object{"type": "string"}
	}
	if inner, ok := inside(t); ok {
		return nullable(g.of(inner))
	}
	switch t.Kind() {
	case reflect.Pointer:
		return nullable(g.of(t.Elem()))
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64, reflect.Int32:
		return object{"type": "integer"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Slice:
		return object{"type": []any{"array", "null"}, "items": g.of(t.Elem())}
	case reflect.Map:
		return object{"type": []any{"object", "null"}, "additionalProperties": g.of(t.Elem())}
	case reflect.Struct:
		return g.named(t)
	}
	return object{}
}

// nullable adds null to what a schema admits.
func nullable(s object) object {
	switch typ := s["type"].(type) {
	case string:
		s["type"] = []any{typ, "null"}
	case nil:
		if _, isRef := s["$ref"]; isRef {
			return object{"anyOf": []any{s, object{"type": "null"}}}
		}
	}
	return s
}

func (g *schemas) named(t reflect.Type) object {
	if t.Name() == "" {
		return g.fields(t)
	}
	name, known := g.names[t]
	if !known {
		name = strings.ToUpper(t.Name()[:1]) + strings.NewReplacer("[", "Of", "]", "", "*", "", ".", "", "/", "").Replace(t.Name()[1:])
		for g.defs[name] != nil {
			name += "_"
		}
		g.names[t] = name
		g.defs[name] = object{} // holds the place: a type may hold itself
		g.defs[name] = g.fields(t)
	}
	return object{"$ref": "#/components/schemas/" + name}
}

func (g *schemas) fields(t reflect.Type) object {
	props, required := object{}, []any{}
	g.collect(t, props, &required)
	s := object{"type": "object", "properties": props}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

func (g *schemas) collect(t reflect.Type, props object, required *[]any) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag := strings.Split(f.Tag.Get("json"), ",")
		if f.Anonymous && tag[0] == "" && f.Type.Kind() == reflect.Struct {
			g.collect(f.Type, props, required)
			continue
		}
		if tag[0] == "" || tag[0] == "-" || !f.IsExported() {
			continue
		}
		s := g.of(f.Type)
		if doc := f.Tag.Get("doc"); doc != "" && s["$ref"] == nil {
			s["description"] = doc
		}
		props[tag[0]] = s
		if f.Tag.Get("required") == "true" && !slices.Contains(*required, any(tag[0])) {
			*required = append(*required, tag[0])
		}
	}
}
