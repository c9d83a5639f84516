package api

import (
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/web"
	"gatehouse/views/apidocs"
	"gatehouse/views/layout"
)

// Docs serves the page about the API and its OpenAPI document. Both are made once, from the operations themselves, for the
// first who asks: a start needs neither.
type Docs struct {
	Version string
	Prefix  string // SERVER_ROOT_PATH
	Path    string // of the page, DOCS_URL
	Redoc   string // a second address of the page, REDOC_URL; "" = none
	Hidden  bool   // NO_DOCS: neither page nor document
	Root    string // where "/" leads when the page is elsewhere, ROOT_REDIRECT_URL; "" = nowhere
	Frame   func(*fiber.Ctx) layout.Frame
}

// Register puts the page and the document on the app.
func (d Docs) Register(app *fiber.App, ops []Op) error {
	if d.Root != "" && (d.Hidden || d.Path != "/") {
		app.Get(d.Prefix+"/", func(c *fiber.Ctx) error { return c.Redirect(d.Root, fiber.StatusFound) })
	}
	if d.Hidden {
		return nil
	}
	spec := sync.OnceValues(func() ([]byte, error) { return Document(ops, d.Version, d.Prefix+"/") })
	page := sync.OnceValue(func() apidocs.Doc { return d.page(ops) })
	app.Get(d.Prefix+"/openapi.json", func(c *fiber.Ctx) error {
		body, err := spec()
		if err != nil {
			return err
		}
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		return c.Send(body)
	})
	show := func(c *fiber.Ctx) error { return web.Render(c, apidocs.Page(d.Frame(c), page()), nil) }
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
	shared := sharedTypes(ops)
	for _, o := range ops {
		i := slices.IndexFunc(doc.Families, func(f apidocs.Family) bool { return f.Name == o.Tag })
		if i < 0 {
			doc.Families = append(doc.Families, apidocs.Family{Name: o.Tag})
			i = len(doc.Families) - 1
		}
		doc.Families[i].Ops = append(doc.Families[i].Ops, shared.describe(o))
	}
	for _, t := range shared.order {
		doc.Types = append(doc.Types, apidocs.Type{Ref: shared.refs[t], Fields: shared.inside(t, "json")})
	}
	return doc
}

// typeBook are the objects that stand in several places of the API: the page shows each once.
type typeBook struct {
	refs  map[reflect.Type]apidocs.Ref
	order []reflect.Type // by title
}

// sharedTypes finds the objects of bodies and answers that occur more than once, those that are part of others included.
func sharedTypes(ops []Op) typeBook {
	uses := map[reflect.Type]int{}
	var count func(reflect.Type)
	count = func(t reflect.Type) {
		if t = object1(t); t == nil {
			return
		}
		if uses[t]++; uses[t] > 1 {
			return
		}
		for i := range t.NumField() {
			if f := t.Field(i); f.Anonymous && f.Tag.Get("json") == "" {
				count(f.Type)
			}
		}
	}
	for _, o := range ops {
		count(o.out)
		if o.Method != fiber.MethodGet {
			count(o.in)
		}
	}
	book, taken := typeBook{refs: map[reflect.Type]apidocs.Ref{}}, map[string]bool{}
	for t, n := range uses {
		if n > 1 && t.Name() != "" && len(fieldsOf(t, "json")) > 2 {
			book.order = append(book.order, t)
		}
	}
	slices.SortFunc(book.order, func(a, b reflect.Type) int { return strings.Compare(a.Name()+a.PkgPath(), b.Name()+b.PkgPath()) })
	for _, t := range book.order {
		title := typeTitle(t.Name())
		for taken[title] {
			title += " (again)"
		}
		taken[title] = true
		book.refs[t] = apidocs.Ref{Title: title, Anchor: "type-" + strings.ReplaceAll(title, " ", "-")}
	}
	return book
}

// object1 is the struct that a type is, points to or lists; nil for every other.
func object1(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t.Implements(typeDescribed) {
		return nil
	}
	return t
}

// typeTitle is a type's name in words: keyRow is "key row".
func typeTitle(name string) string {
	var b strings.Builder
	for i, r := range name {
		if r >= 'A' && r <= 'Z' && i > 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}

// object is what a body or an answer holds: a reference where it is shared.
func (b typeBook) object(t reflect.Type) apidocs.Fields {
	t = object1(t)
	if t == nil {
		return apidocs.Fields{}
	}
	if ref, ok := b.refs[t]; ok {
		return apidocs.Fields{Of: []apidocs.Ref{ref}}
	}
	return b.inside(t, "json")
}

// inside are a struct's own fields, and references to the shared objects that it holds whole.
func (b typeBook) inside(t reflect.Type, tag string) apidocs.Fields {
	var out apidocs.Fields
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get(tag), ",")
		if f.Anonymous && name == "" {
			if ref, ok := b.refs[f.Type]; ok {
				out.Of = append(out.Of, ref)
				continue
			}
			inner := b.inside(f.Type, tag)
			out.List, out.Of = append(out.List, inner.List...), append(out.Of, inner.Of...)
			continue
		}
		if name != "" && name != "-" {
			out.List = append(out.List, apidocs.Field{Name: name, Type: typeWords(f.Type), Doc: fieldDoc(f, name), Required: f.Tag.Get("required") == "true"})
		}
	}
	return out
}

func (b typeBook) describe(o Op) apidocs.Op {
	out := apidocs.Op{
		Anchor: strings.ToLower(o.Method) + strings.NewReplacer("/", "-", ":", "").Replace(o.Path), Method: o.Method, Path: templatePath(o.Path),
		Summary: o.Doc, Aliases: o.Aliases, Public: o.Public, Answer: b.object(o.out), Curl: curl(o),
	}
	out.Params = append(fieldsOf(o.in, "path"), fieldsOf(o.in, "query")...)
	if o.Method != fiber.MethodGet {
		out.Body = b.object(o.in)
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
