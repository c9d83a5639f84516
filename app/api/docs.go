package api

import (
	"reflect"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/web"
	"gatehouse/views/apidocs"
	"gatehouse/views/layout"
)

// Docs serves the page about the API and its OpenAPI document. Both are made once, from the operations themselves.
type Docs struct {
	Version string
	Prefix  string // SERVER_ROOT_PATH
	Path    string // of the page, DOCS_URL
	Redoc   string // a second address of the page, REDOC_URL; "" = none
	Hidden  bool   // NO_DOCS: neither page nor document
	Frame   func(*fiber.Ctx) layout.Frame
}

// Register puts the page and the document on the app.
func (d Docs) Register(app *fiber.App, ops []Op) error {
	if d.Hidden {
		return nil
	}
	spec, err := Document(ops, d.Version, d.Prefix+"/")
	if err != nil {
		return err
	}
	page := d.page(ops)
	app.Get(d.Prefix+"/openapi.json", func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		return c.Send(spec)
	})
	show := func(c *fiber.Ctx) error { return web.Render(c, apidocs.Page(d.Frame(c), page), nil) }
	headers := web.PageHeaders(web.Options{})
	for _, path := range []string{d.Path, d.Redoc} {
		if path != "" {
			app.Get(d.Prefix+path, headers, show)
		}
	}
	return nil
}

func (d Docs) page(ops []Op) apidocs.Doc {
	doc := apidocs.Doc{Version: d.Version, SpecURL: "/openapi.json"}
	for _, o := range ops {
		i := slices.IndexFunc(doc.Families, func(f apidocs.Family) bool { return f.Name == o.Tag })
		if i < 0 {
			doc.Families = append(doc.Families, apidocs.Family{Name: o.Tag})
			i = len(doc.Families) - 1
		}
		doc.Families[i].Ops = append(doc.Families[i].Ops, describe(o))
	}
	return doc
}

func describe(o Op) apidocs.Op {
	out := apidocs.Op{
		Anchor: strings.ToLower(o.Method) + strings.NewReplacer("/", "-", ":", "").Replace(o.Path), Method: o.Method, Path: templatePath(o.Path),
		Summary: o.Doc, Aliases: o.Aliases, Public: o.Public, Answer: fieldsOf(o.out, "json"), Curl: curl(o),
	}
	out.Params = append(fieldsOf(o.in, "path"), fieldsOf(o.in, "query")...)
	if o.Method != fiber.MethodGet {
		out.Body = fieldsOf(o.in, "json")
	}
	return out
}

// curl is the example as a command. Values in braces are the reader's to fill in.
func curl(o Op) string {
	line := "curl -s"
	if o.Method != fiber.MethodGet {
		line += " -X " + o.Method
	}
	url := "$BASE" + templatePath(o.Path)
	if o.Method == fiber.MethodGet && o.Example != "" {
		url += "?" + o.Example
	}
	line += " '" + url + "'"
	if !o.Public {
		line += " \\\n  -H \"Authorization: Bearer $KEY\""
	}
	if o.Method != fiber.MethodGet && o.Example != "" {
		line += " \\\n  -H 'Content-Type: application/json' \\\n  -d '" + o.Example + "'"
	}
	return line
}

func fieldsOf(t reflect.Type, tag string) []apidocs.Field {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var out []apidocs.Field
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get(tag), ",")
		if f.Anonymous && name == "" {
			out = append(out, fieldsOf(f.Type, tag)...)
			continue
		}
		if name == "" || name == "-" {
			continue
		}
		out = append(out, apidocs.Field{Name: name, Type: typeWords(f.Type), Doc: fieldDoc(f, name), Required: f.Tag.Get("required") == "true"})
	}
	return out
}

func typeWords(t reflect.Type) string {
	if inner, ok := inside(t); ok {
		return typeWords(inner) + " or null"
	}
	switch t {
	case typeNano:
		return "US dollars"
	case typeTime:
		return "time"
	case typeJSON, typeRaw:
		return "any"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return typeWords(t.Elem()) + " or null"
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "whole number"
	case reflect.Float64:
		return "number"
	case reflect.Slice:
		return "list of " + typeWords(t.Elem())
	case reflect.Map, reflect.Struct:
		return "object"
	default:
		return "any"
	}
}
