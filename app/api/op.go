// Package api serves the JSON admin API over the control services: the wire of contract/admin-api.md, and no rule of its own.
package api

import (
	"encoding/json"
	"reflect"
	"slices"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/web"
	"gatehouse/models/fault"
)

// Op is one operation of the API. Its request and answer types are what the handler reads and writes, and what
// /openapi.json is made from: there is no second description that could disagree.
type Op struct {
	Method  string
	Path    string   // Fiber's form: /key/:key/regenerate
	Aliases []string // further paths with the same handler
	// Action is what the caller's role must grant before the body is looked at; the service checks the object.
	Action access.Action
	Public bool // no authentication at all
	// Open, where it is set, says whether the operation answers without authentication at this moment.
	Open func() bool
	Tag  string
	Doc  string
	// Example is a request that works on a fresh server, as a JSON body or a query string. {name} stands for a value that
	// the caller of the example fills in.
	Example string
	// Detail says that errors also carry LiteLLM's "detail".
	Detail bool
	Down   bool   // 503 has the same body as 200
	Media  string // of the answer; "" = JSON

	in, out reflect.Type
	handle  func(c *fiber.Ctx) (any, error)
}

// op describes one operation around a typed handler.
func op[In, Out any](o Op, fn func(c *fiber.Ctx, in In) (Out, error)) Op {
	o.in, o.out = reflect.TypeFor[In](), reflect.TypeFor[Out]()
	query := o.Method == fiber.MethodGet
	o.handle = func(c *fiber.Ctx) (any, error) {
		var in In
		if err := bindPath(c, &in); err != nil {
			return nil, err
		}
		if query {
			if err := bindQuery(c, &in); err != nil {
				return nil, err
			}
		} else if err := web.DecodeJSON(c, &in); err != nil {
			return nil, err
		}
		out, err := fn(c, in)
		if err != nil && query {
			return nil, inQuery(err)
		}
		return out, err
	}
	return o
}

// inQuery says of a GET's wrong field that it stood in the query: services do not know where a field came from.
func inQuery(err error) error {
	f := fault.As(err)
	if f == nil || len(f.Issues) == 0 {
		return err
	}
	moved := *f
	moved.Issues = slices.Clone(f.Issues)
	for i, issue := range moved.Issues {
		if len(issue.Loc) > 0 && issue.Loc[0] == "body" {
			moved.Issues[i].Loc = append([]string{"query"}, issue.Loc[1:]...)
		}
	}
	return &moved
}

// none is the request type of operations that take nothing.
type none struct{}

// Auth names the caller of an API request by its headers alone: a cookie never authorises the API.
type Auth interface {
	// Caller is who sent the key. Errors: Unauthenticated, Forbidden (the key may not call this route), Unavailable.
	Caller(c *fiber.Ctx) (access.Actor, error)
	// Anonymous is the caller of a public route: an address and a request id.
	Anonymous(c *fiber.Ctx) access.Actor
}

// Register puts every operation on the app. It panics on an operation without an action that is not public, and on two
// operations with one path: a route that nobody thought about must not start.
func Register(app *fiber.App, prefix string, auth Auth, ops []Op) {
	seen := map[string]bool{}
	for _, o := range ops {
		if !o.Public && o.Action == "" {
			panic("route without an action: " + o.Method + " " + o.Path)
		}
		for _, path := range append([]string{o.Path}, o.Aliases...) {
			if seen[o.Method+" "+path] {
				panic("route registered twice: " + o.Method + " " + path)
			}
			seen[o.Method+" "+path] = true
			app.Add(o.Method, prefix+path, o.serve(auth, path))
			if o.Method == fiber.MethodGet {
				app.Add(fiber.MethodHead, prefix+path, o.serve(auth, path))
			}
		}
	}
	// Any other method on a known path is 405, not 404.
	for _, o := range ops {
		for _, path := range append([]string{o.Path}, o.Aliases...) {
			app.All(prefix+path, func(*fiber.Ctx) error { return fiber.ErrMethodNotAllowed })
		}
	}
}

func (o Op) serve(auth Auth, path string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if o.Detail {
			web.WithDetail(c)
		}
		if o.Public || o.Open != nil && o.Open() {
			web.SetActor(c, auth.Anonymous(c))
		} else {
			actor, err := auth.Caller(c)
			if err != nil {
				return err
			}
			actor.Route = path
			web.SetActor(c, actor)
			if err := access.Role(actor, o.Action); err != nil {
				return err
			}
		}
		out, err := o.handle(c)
		if err != nil {
			return err
		}
		if o.Media != "" {
			return writeText(c, o.Media, out)
		}
		return writeJSON(c, out)
	}
}

func writeJSON(c *fiber.Ctx, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Send(b)
}

func writeText(c *fiber.Ctx, media string, v any) error {
	c.Set(fiber.HeaderContentType, media)
	c.Set(fiber.HeaderCacheControl, "no-store")
	text, _ := v.(string)
	return c.SendString(text)
}
