package api

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/scim"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
)

// scimBase is where SCIM 2.0 is. It has its own media type, errors and self-description (RFC 7643, RFC 7644), so its routes
// stand beside the operations that /openapi.json describes.
const scimBase = "/scim/v2"

// scimRoute is one route of SCIM.
type scimRoute struct {
	method, path string
	action       access.Action
	handle       func(c *fiber.Ctx) error
}

func (h *Handlers) scimRoutes() []scimRoute {
	const get, post, put, patch, del = fiber.MethodGet, fiber.MethodPost, fiber.MethodPut, fiber.MethodPatch, fiber.MethodDelete
	return []scimRoute{
		{get, "/ServiceProviderConfig", access.ScimRead, h.scimConfig},
		{get, "/ResourceTypes", access.ScimRead, h.scimTypes},
		{get, "/ResourceTypes/:id", access.ScimRead, h.scimTypes},
		{get, "/Schemas", access.ScimRead, h.scimSchemas},
		{get, "/Schemas/:id", access.ScimRead, h.scimSchemas},
		{get, "/Users", access.ScimRead, h.scimUserList},
		{post, "/Users", access.ScimWrite, h.scimUserCreate},
		{get, "/Users/:id", access.ScimRead, h.scimUserGet},
		{put, "/Users/:id", access.ScimWrite, h.scimUserReplace},
		{patch, "/Users/:id", access.ScimWrite, h.scimUserPatch},
		{del, "/Users/:id", access.ScimWrite, h.scimUserDelete},
		{get, "/Groups", access.ScimRead, h.scimGroupList},
		{post, "/Groups", access.ScimWrite, h.scimGroupCreate},
		{get, "/Groups/:id", access.ScimRead, h.scimGroupGet},
		{put, "/Groups/:id", access.ScimWrite, h.scimGroupReplace},
		{patch, "/Groups/:id", access.ScimWrite, h.scimGroupPatch},
		{del, "/Groups/:id", access.ScimWrite, h.scimGroupDelete},
	}
}

// ScimActions says what each route of SCIM needs: "GET /scim/v2/Users" to its action.
func (h *Handlers) ScimActions() map[string]access.Action {
	out := map[string]access.Action{}
	for _, r := range h.scimRoutes() {
		out[r.method+" "+scimBase+r.path] = r.action
	}
	return out
}

// RegisterScim puts SCIM on the app.
func (h *Handlers) RegisterScim(app *fiber.App, prefix string, auth Auth) {
	for _, r := range h.scimRoutes() {
		path := scimBase + r.path
		handler := func(c *fiber.Ctx) error {
			web.WithScim(c)
			actor, err := auth.Caller(c)
			if err != nil {
				return err
			}
			actor.Route = path
			web.SetActor(c, actor)
			if err := h.Directory.Gate(c.UserContext(), actor, r.action); err != nil {
				return err
			}
			return r.handle(c)
		}
		app.Add(r.method, prefix+path, handler)
		if r.method == fiber.MethodGet {
			app.Add(fiber.MethodHead, prefix+path, handler)
		}
	}
	for _, r := range h.scimRoutes() {
		app.All(prefix+scimBase+r.path, func(c *fiber.Ctx) error {
			web.WithScim(c)
			return fiber.ErrMethodNotAllowed
		})
	}
}

func scimAnswer(c *fiber.Ctx, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	c.Status(status).Set(fiber.HeaderContentType, "application/scim+json")
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Send(b)
}

// scimID is the id in the path.
func scimID(c *fiber.Ctx) (string, error) {
	var in struct {
		ID string `path:"id"`
	}
	err := bindPath(c, &in)
	return strings.Clone(in.ID), err
}

// scimBody reads a resource or a message. Names may come in any case.
func scimBody(c *fiber.Ctx) (scim.Resource, error) {
	body := bytes.Clone(c.Body())
	if err := web.CheckJSONOf(body, scimMembers); err != nil {
		return nil, fault.New(fault.Invalid, fault.As(err).Message).WithType(scim.InvalidSyntax)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return nil, fault.New(fault.Invalid, "the body is not valid JSON").WithType(scim.InvalidSyntax).WithCause(err)
	}
	return scim.Normal(m), nil
}

// scimMembers bounds the members of a body: groups are long lists.
const scimMembers = 60_000

// scimOperations reads the operations of a patch.
func scimOperations(c *fiber.Ctx) ([]scim.Operation, error) {
	r, err := scimBody(c)
	if err != nil {
		return nil, err
	}
	var list []any
	for name, v := range r {
		if strings.EqualFold(name, "Operations") {
			list, _ = v.([]any)
		}
	}
	const most = 1000
	if len(list) == 0 || len(list) > most {
		return nil, fault.Newf(fault.Invalid, "Operations must be a list of 1 to %d operations", most).WithType(scim.InvalidSyntax)
	}
	out := make([]scim.Operation, 0, len(list))
	for _, one := range list {
		o, ok := one.(map[string]any)
		if !ok {
			return nil, fault.New(fault.Invalid, "an operation must be an object").WithType(scim.InvalidSyntax)
		}
		op := scim.Operation{}
		for name, v := range o {
			switch strings.ToLower(name) {
			case "op":
				op.Op = scim.Text(v)
			case "path":
				op.Path = scim.Text(v)
			case "value":
				op.Value = v
			}
		}
		out = append(out, op)
	}
	return out, nil
}

type scimListQuery struct {
	Filter  string `query:"filter"`
	Start   int    `query:"startIndex"`
	Count   *int   `query:"count"`
	Without string `query:"excludedAttributes"`
	Only    string `query:"attributes"`
}

// readScimQuery reads a query string, in which a + is a space: directories write their filters so.
func readScimQuery(c *fiber.Ctx) (scimListQuery, error) {
	var q scimListQuery
	if err := bindQuery(c, &q); err != nil {
		return q, fault.New(fault.Invalid, "the query string is not valid").WithType(scim.InvalidSyntax).WithCause(err)
	}
	if values, err := url.ParseQuery(string(c.Context().URI().QueryString())); err == nil {
		q.Filter = values.Get("filter")
	}
	return q, nil
}

func (q scimListQuery) of() control.ScimQuery {
	return control.ScimQuery{Filter: q.Filter, Start: q.Start, Count: q.Count}
}

// bare says whether the members of groups are not asked for.
func (q scimListQuery) bare() bool {
	names := func(list string) []string {
		return strings.FieldsFunc(strings.ToLower(list), func(r rune) bool { return r == ',' || r == ' ' })
	}
	return slices.Contains(names(q.Without), "members") || q.Only != "" && !slices.Contains(names(q.Only), "members")
}

type scimMeta struct {
	Type     string       `json:"resourceType"`
	Created  *models.Time `json:"created,omitempty"`
	Changed  *models.Time `json:"lastModified,omitempty"`
	Location string       `json:"location"`
}

type scimRef struct {
	Value   string `json:"value"`
	Ref     string `json:"$ref"`
	Display string `json:"display"`
	Type    string `json:"type,omitempty"`
}

func (h *Handlers) scimLocation(c *fiber.Ctx, kind, id string) string {
	return h.Base(c) + scimBase + "/" + kind + "/" + url.PathEscape(id)
}

func (h *Handlers) scimUser(c *fiber.Ctx, u *control.ScimUser) map[string]any {
	out := map[string]any{}
	for name, v := range u.Attributes {
		out[name] = v
	}
	schemas := []string{scim.UserSchema}
	if out[scim.EnterpriseSchema] != nil {
		schemas = append(schemas, scim.EnterpriseSchema)
	}
	groups := make([]scimRef, len(u.Groups))
	for i, g := range u.Groups {
		groups[i] = scimRef{Value: g.ID, Display: g.Name, Type: "direct", Ref: h.scimLocation(c, "Groups", g.ID)}
	}
	out["schemas"], out["id"], out["groups"] = schemas, u.Row.ID, groups
	out["meta"] = scimMeta{Type: "User", Created: &u.Row.CreatedAt, Changed: &u.Row.UpdatedAt, Location: h.scimLocation(c, "Users", u.Row.ID)}
	return out
}

func (h *Handlers) scimGroup(c *fiber.Ctx, g *control.ScimGroup, bare bool) map[string]any {
	out := map[string]any{
		"schemas": []string{scim.GroupSchema}, "id": g.Row.ID, "displayName": g.Name,
		"meta": scimMeta{Type: "Group", Created: &g.Row.CreatedAt, Changed: &g.Row.UpdatedAt, Location: h.scimLocation(c, "Groups", g.Row.ID)},
	}
	if g.Row.ExternalID != "" {
		out["externalId"] = g.Row.ExternalID
	}
	if !bare {
		members := make([]scimRef, len(g.Members))
		for i, m := range g.Members {
			members[i] = scimRef{Value: m.ID, Display: m.Name, Type: "User", Ref: h.scimLocation(c, "Users", m.ID)}
		}
		out["members"] = members
	}
	return out
}

func scimList(c *fiber.Ctx, total, start int, resources []map[string]any) error {
	return scimAnswer(c, fiber.StatusOK, map[string]any{
		"schemas": []string{scim.ListSchema}, "totalResults": total, "startIndex": start, "itemsPerPage": len(resources), "Resources": resources,
	})
}

func (h *Handlers) scimUserList(c *fiber.Ctx) error {
	q, err := readScimQuery(c)
	if err != nil {
		return err
	}
	page, err := h.Directory.Users(c.UserContext(), web.Actor(c), q.of())
	if err != nil {
		return err
	}
	all := make([]map[string]any, len(page.Items))
	for i := range page.Items {
		all[i] = h.scimUser(c, &page.Items[i])
	}
	return scimList(c, page.Total, page.Start, all)
}

// oneUser answers with a person.
func (h *Handlers) oneUser(c *fiber.Ctx, status int, u *control.ScimUser, err error) error {
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderLocation, h.scimLocation(c, "Users", u.Row.ID))
	return scimAnswer(c, status, h.scimUser(c, u))
}

func (h *Handlers) scimUserGet(c *fiber.Ctx) error {
	id, err := scimID(c)
	if err != nil {
		return err
	}
	u, err := h.Directory.User(c.UserContext(), web.Actor(c), id)
	return h.oneUser(c, fiber.StatusOK, u, err)
}

func (h *Handlers) scimUserCreate(c *fiber.Ctx) error {
	r, err := scimBody(c)
	if err != nil {
		return err
	}
	u, err := h.Directory.CreateUser(c.UserContext(), web.Actor(c), r)
	return h.oneUser(c, fiber.StatusCreated, u, err)
}

func (h *Handlers) scimUserReplace(c *fiber.Ctx) error {
	id, err := scimID(c)
	if err != nil {
		return err
	}
	r, err := scimBody(c)
	if err != nil {
		return err
	}
	u, err := h.Directory.ReplaceUser(c.UserContext(), web.Actor(c), id, r)
	return h.oneUser(c, fiber.StatusOK, u, err)
}

func (h *Handlers) scimUserPatch(c *fiber.Ctx) error {
	id, err := scimID(c)
	if err != nil {
		return err
	}
	operations, err := scimOperations(c)
	if err != nil {
		return err
	}
	u, err := h.Directory.PatchUser(c.UserContext(), web.Actor(c), id, operations)
	return h.oneUser(c, fiber.StatusOK, u, err)
}

func (h *Handlers) scimUserDelete(c *fiber.Ctx) error {
	id, err := scimID(c)
	if err != nil {
		return err
	}
	if err := h.Directory.DeleteUser(c.UserContext(), web.Actor(c), id); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func (h *Handlers) scimGroupList(c *fiber.Ctx) error {
	q, err := readScimQuery(c)
	if err != nil {
		return err
	}
	page, err := h.Directory.Groups(c.UserContext(), web.Actor(c), q.of(), q.bare())
	if err != nil {
		return err
	}
	all := make([]map[string]any, len(page.Items))
	for i := range page.Items {
		all[i] = h.scimGroup(c, &page.Items[i], q.bare())
	}
	return scimList(c, page.Total, page.Start, all)
}

func (h *Handlers) oneGroup(c *fiber.Ctx, status int, g *control.ScimGroup, err error) error {
	if err != nil {
		return err
	}
	q, err := readScimQuery(c)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderLocation, h.scimLocation(c, "Groups", g.Row.ID))
	return scimAnswer(c, status, h.scimGroup(c, g, q.bare()))
}

func (h *Handlers) scimGroupGet(c *fiber.Ctx) error {
	id, err := scimID(c)
	if err != nil {
		return err
	}
	g, err := h.Directory.Group(c.UserContext(), web.Actor(c), id, false)
	return h.oneGroup(c, fiber.StatusOK, g, err)
}

func (h *Handlers) scimGroupCreate(c *fiber.Ctx) error {
	r, err := scimBody(c)
	if err != nil {
		return err
	}
	g, err := h.Directory.CreateGroup(c.UserContext(), web.Actor(c), r)
	return h.oneGroup(c, fiber.StatusCreated, g, err)
}

func (h *Handlers) scimGroupReplace(c *fiber.Ctx) error {
	id, err := scimID(c)
	if err != nil {
		return err
	}
	r, err := scimBody(c)
	if err != nil {
		return err
	}
	g, err := h.Directory.ReplaceGroup(c.UserContext(), web.Actor(c), id, r)
	return h.oneGroup(c, fiber.StatusOK, g, err)
}

func (h *Handlers) scimGroupPatch(c *fiber.Ctx) error {
	id, err := scimID(c)
	if err != nil {
		return err
	}
	operations, err := scimOperations(c)
	if err != nil {
		return err
	}
	g, err := h.Directory.PatchGroup(c.UserContext(), web.Actor(c), id, operations)
	return h.oneGroup(c, fiber.StatusOK, g, err)
}

func (h *Handlers) scimGroupDelete(c *fiber.Ctx) error {
	id, err := scimID(c)
	if err != nil {
		return err
	}
	if err := h.Directory.DeleteGroup(c.UserContext(), web.Actor(c), id); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}
