package api

import (
	"encoding/json"
	"reflect"
	"strings"
)

// object is a JSON object in the making; encoding/json sorts its names, so that the document is the same every time.
type object = map[string]any

// Document is the OpenAPI 3.1 document of ops, made from their own request and answer types.
func Document(ops []Op, version, server string) ([]byte, error) {
	g := newSchemas()
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
		"responses": g.responses(o),
	}
	if alias {
		op["description"] = "The same as " + o.Path + "."
	}
	if o.Public {
		op["security"] = []any{}
	}
	var params []any
	_ = eachTagged(reflect.New(o.in).Elem(), "path", func(name string, v reflect.Value) error {
		params = append(params, object{"name": name, "in": "path", "required": true, "schema": g.request(v.Type())})
		return nil
	})
	if o.Method == "GET" {
		_ = eachTagged(reflect.New(o.in).Elem(), "query", func(name string, v reflect.Value) error {
			params = append(params, object{"name": name, "in": "query", "schema": g.request(v.Type()), "style": "form", "explode": false})
			return nil
		})
		if o.Example != "" {
			op["x-example-query"] = o.Example
		}
	} else if o.Example != "" {
		media := object{"schema": g.request(o.in), "example": json.RawMessage(o.Example)}
		op["requestBody"] = object{"content": object{"application/json": media}}
	}
	if params != nil {
		op["parameters"] = params
	}
	return op
}

// responses describes what the operation answers. A refusal has one shape on all of them.
func (g *schemas) responses(o Op) object {
	media := "application/json"
	if o.Media != "" {
		media = o.Media
	}
	answer := func(text string) object {
		return object{"description": text, "content": object{media: object{"schema": g.answer(o.out)}}}
	}
	out := object{
		"200": answer("Done"),
		"4XX": object{"description": "Refused; error.message says why", "content": object{"application/json": object{"schema": g.failure()}}},
	}
	if o.Down {
		out["503"] = answer("Not now; the body says why")
	}
	return out
}
