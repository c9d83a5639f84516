package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gatehouse/app/access"
	"gatehouse/app/scim"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// Directory is what a company's directory does by SCIM: it hands over people and groups, and takes them back. Its acts are
// those of whoever holds its key, so they stand in the audit log as any other; what they end, ends at once.
type Directory struct {
	base
	users *Users
	teams *Teams
}

// ScimUser is a person as a directory sees them.
type ScimUser struct {
	Row        models.User
	Attributes scim.Resource // without id, meta, groups and schemas
	Groups     []ScimRef
}

// ScimGroup is a team as a directory sees it.
type ScimGroup struct {
	Row     models.Team
	Name    string
	Members []ScimRef
}

// ScimRef names a person or a team.
type ScimRef struct{ ID, Name string }

// ScimPage is one page of a list.
type ScimPage[T any] struct {
	Items []T
	Total int
	Start int // of the first item, from 1
}

// ScimQuery is what a list is asked for. Count is nil for the usual size.
type ScimQuery struct {
	Filter string
	Start  int
	Count  *int
}

const (
	scimStandard = 100
	scimMost     = 500
	// maxScim bounds what is kept of a person besides what has a column.
	maxScim = 64 << 10
)

// scimWrong turns what a client did wrong into a fault; its type is SCIM's word for it.
func scimWrong(err error) error {
	var e *scim.Error
	if !errors.As(err, &e) {
		return err
	}
	if e.Kind == scim.Uniqueness {
		return fault.New(fault.Conflict, e.Detail).WithType(e.Kind)
	}
	return fault.New(fault.Invalid, e.Detail).WithType(e.Kind)
}

func badScim(kind, format string, args ...any) error {
	return scimWrong(&scim.Error{Kind: kind, Detail: fmt.Sprintf(format, args...)})
}

// window reads startIndex and count.
func (q ScimQuery) window() (offset, limit int) {
	offset, limit = max(q.Start, 1)-1, scimStandard
	if q.Count != nil {
		limit = min(max(*q.Count, 0), scimMost)
	}
	return min(offset, 1_000_000), limit
}

// directoryFilter reads a filter. empty says that nothing can match.
func directoryFilter(text, name string) (f store.DirectoryFilter, empty bool, err error) {
	if strings.TrimSpace(text) == "" {
		return f, false, nil
	}
	terms, err := scim.ParseFilter(text)
	if err != nil {
		return f, false, scimWrong(err)
	}
	for _, t := range terms {
		value := scim.Text(t.Value)
		to := map[string]*string{
			"id": &f.ID, "externalId": &f.ExternalID, name: &f.Name, "emails": &f.Email, "emails.value": &f.Email, "members": &f.Member, "members.value": &f.Member,
		}[t.Path.String()]
		if yes, ok := scim.Bool(t.Value); t.Path.String() == "active" && ok && name == "userName" {
			f.Active = &yes
			continue
		}
		if to == nil || name == "userName" && to == &f.Member || name != "userName" && to == &f.Email {
			return f, false, badScim(scim.InvalidFilter, "%s cannot be filtered by", t.Path.String())
		}
		if value == "" || *to != "" && *to != value {
			return f, true, nil
		}
		*to = value
	}
	return f, false, nil
}

// Gate refuses callers who may not do the action, before anything of their request is read. Errors: Unauthenticated,
// Forbidden.
func (d *Directory) Gate(ctx context.Context, who access.Actor, action access.Action) error {
	return d.gate(ctx, who, action)
}

// Users lists people. Errors: Unauthenticated, Invalid for a filter that is not understood.
func (d *Directory) Users(ctx context.Context, who access.Actor, q ScimQuery) (*ScimPage[ScimUser], error) {
	if err := d.gate(ctx, who, access.ScimRead); err != nil {
		return nil, err
	}
	offset, limit := q.window()
	out := &ScimPage[ScimUser]{Start: offset + 1}
	f, empty, err := directoryFilter(q.Filter, "userName")
	if err != nil || empty {
		return out, err
	}
	rows, total, err := d.Store.DirectoryUsers(ctx, f, offset, limit)
	if err != nil {
		return nil, err
	}
	out.Total = int(total)
	out.Items, err = d.scimUsers(ctx, d.Store, rows)
	return out, err
}

// User is one person. Errors: NotFound.
func (d *Directory) User(ctx context.Context, who access.Actor, id string) (*ScimUser, error) {
	if err := d.gate(ctx, who, access.ScimRead); err != nil {
		return nil, err
	}
	row, err := d.Store.User(ctx, id)
	if err != nil {
		return nil, notFound("user", id, err)
	}
	return d.scimUser(ctx, d.Store, row)
}

func (d *Directory) scimUser(ctx context.Context, st *store.Store, row *models.User) (*ScimUser, error) {
	all, err := d.scimUsers(ctx, st, []models.User{*row})
	if err != nil {
		return nil, err
	}
	return &all[0], nil
}

func (d *Directory) scimUsers(ctx context.Context, st *store.Store, rows []models.User) ([]ScimUser, error) {
	out := make([]ScimUser, len(rows))
	ids := make([]string, len(rows))
	at := map[string]int{}
	for i := range rows {
		ids[i], at[rows[i].ID] = rows[i].ID, i
		out[i] = ScimUser{Row: rows[i], Attributes: shownUser(&rows[i])}
	}
	if len(rows) == 0 {
		return out, nil
	}
	places, err := st.MembershipsOfUsers(ctx, ids...)
	if err != nil {
		return nil, err
	}
	for i := range places {
		u := &out[at[places[i].UserID]]
		name := deref(places[i].TeamAlias)
		if name == "" {
			name = places[i].TeamID
		}
		u.Groups = append(u.Groups, ScimRef{places[i].TeamID, name})
	}
	return out, nil
}

// keptUser is what the directory said last: the base of a patch.
func keptUser(row *models.User) scim.Resource {
	out := scim.Resource{}
	if len(row.Scim) > 0 {
		var kept map[string]any
		if json.Unmarshal(row.Scim, &kept) == nil {
			maps.Copy(out, kept)
		}
	}
	out["userName"] = scimName(row)
	if row.ExternalID != "" {
		out["externalId"] = row.ExternalID
	}
	if _, said := out["active"]; !said {
		out["active"] = true // a block by hand is not the directory's word
	}
	if alias := deref(row.Alias); alias != "" && (out["displayName"] != nil || out["name"] == nil) {
		out["displayName"] = alias
		if out["name"] == nil {
			out["name"] = map[string]any{"formatted": alias}
		}
	}
	switch email := deref(row.Email); {
	case email == "":
		delete(out, "emails")
	case !strings.EqualFold(primaryEmail(out), email):
		out["emails"] = []any{map[string]any{"value": email, "type": "work", "primary": true}}
	}
	return out
}

// shownUser is the same with what holds now.
func shownUser(row *models.User) scim.Resource {
	out := keptUser(row)
	out["active"] = !row.Blocked
	return out
}

// scimName is the userName: what the directory gave, else the email, else the id.
func scimName(row *models.User) string {
	switch {
	case row.ScimName != "":
		return row.ScimName
	case deref(row.Email) != "":
		return *row.Email
	}
	return row.ID
}

// primaryEmail is the address that counts: the one marked primary, else the work address, else the first.
func primaryEmail(r scim.Resource) string {
	var first, work string
	list, _ := r["emails"].([]any)
	for _, one := range list {
		o, ok := one.(map[string]any)
		if !ok {
			o = map[string]any{"value": one}
		}
		value := scim.Text(o["value"])
		if yes, _ := scim.Bool(o["primary"]); yes && value != "" {
			return value
		}
		if strings.EqualFold(scim.Text(o["type"]), "work") && work == "" {
			work = value
		}
		if first == "" {
			first = value
		}
	}
	if work != "" {
		return work
	}
	return first
}

// CreateUser makes a person: a viewer, unless default_internal_user_params say otherwise. Errors: Conflict for one who is
// known already, Invalid.
func (d *Directory) CreateUser(ctx context.Context, who access.Actor, r scim.Resource) (*ScimUser, error) {
	if err := d.gate(ctx, who, access.ScimWrite); err != nil {
		return nil, err
	}
	var out *ScimUser
	err := d.change(ctx, who, access.ScimWrite, scim.Text(r["userName"]), func(tx *store.Store) error {
		row, err := d.insertPerson(ctx, tx, who, r)
		if err != nil {
			return err
		}
		if err := d.setUser(ctx, tx, who, row, r); err != nil {
			return err
		}
		out, err = d.scimUser(ctx, tx, row)
		return err
	})
	return out, err
}

func (d *Directory) insertPerson(ctx context.Context, tx *store.Store, who access.Actor, r scim.Resource) (*models.User, error) {
	name := scim.Text(r["userName"])
	if name == "" {
		return nil, badScim(scim.InvalidValue, "userName is required")
	}
	known, total, err := tx.DirectoryUsers(ctx, store.DirectoryFilter{Name: name}, 0, 1)
	if err != nil {
		return nil, err
	}
	if total > 0 {
		return nil, badScim(scim.Uniqueness, "userName is taken: it is that of the user %s", known[0].ID)
	}
	l := &d.policy().LiteLLM
	in := NewUser{ID: name}
	if checkID("user_id", name) != nil || name == models.DefaultUserID {
		in.ID = ""
	} else if _, err := tx.User(ctx, name); !absent(err) {
		if err != nil {
			return nil, err
		}
		in.ID = ""
	}
	role := models.RoleInternalViewer
	if l.DefaultUser.Role != "" {
		role = l.DefaultUser.Role
	}
	in.Role = Some(role)
	in.Metadata = Some(models.JSON(`{"auth_provider":"scim"}`))
	in.defaults(l)
	if !role.IsAdmin() {
		for _, t := range l.DefaultUser.Teams {
			if _, err := tx.Team(ctx, t.TeamID); err == nil {
				in.Teams.Value = append(in.Teams.Value, TeamPlace{TeamID: t.TeamID, MaxBudget: optPtr(t.MaxBudget), Role: string(t.Role)})
			}
		}
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	return d.insertUser(ctx, tx, who, &in, "")
}

// ReplaceUser sets every attribute of a person; those that are not named are gone, but "active" stays. Errors: NotFound,
// Conflict, Invalid.
func (d *Directory) ReplaceUser(ctx context.Context, who access.Actor, id string, r scim.Resource) (*ScimUser, error) {
	return d.changeUser(ctx, who, id, func(kept scim.Resource) (scim.Resource, error) {
		if _, said := r["active"]; !said {
			r["active"] = kept["active"]
		}
		return r, nil
	})
}

// PatchUser changes some attributes of a person. Errors: NotFound, Conflict, Invalid.
func (d *Directory) PatchUser(ctx context.Context, who access.Actor, id string, operations []scim.Operation) (*ScimUser, error) {
	steps, err := scim.Steps(operations)
	if err != nil {
		return nil, scimWrong(err)
	}
	return d.changeUser(ctx, who, id, func(kept scim.Resource) (scim.Resource, error) {
		for _, s := range steps {
			if s.Path.Attr == "id" || s.Path.Attr == "groups" || s.Path.Attr == "meta" || s.Path.Attr == "schemas" {
				continue // read-only here: groups have their own resource
			}
			if err := kept.Apply(s); err != nil {
				return nil, scimWrong(err)
			}
		}
		return kept, nil
	})
}

func (d *Directory) changeUser(ctx context.Context, who access.Actor, id string, fn func(kept scim.Resource) (scim.Resource, error)) (*ScimUser, error) {
	if err := d.gate(ctx, who, access.ScimWrite); err != nil {
		return nil, err
	}
	var out *ScimUser
	err := d.change(ctx, who, access.ScimWrite, id, func(tx *store.Store) error {
		row, err := tx.User(ctx, id)
		if err != nil {
			return notFound("user", id, err)
		}
		r, err := fn(keptUser(row))
		if err != nil {
			return err
		}
		if err := d.setUser(ctx, tx, who, row, r); err != nil {
			return err
		}
		out, err = d.scimUser(ctx, tx, row)
		return err
	})
	return out, err
}

// setUser writes a resource into the row. Roles, budgets and passwords are not the directory's.
func (d *Directory) setUser(ctx context.Context, tx *store.Store, who access.Actor, row *models.User, r scim.Resource) error {
	before := *row
	name := scim.Text(r["userName"])
	if name == "" {
		return badScim(scim.InvalidValue, "userName is required")
	}
	if len(name) > 255 || checkName("userName", name) != nil {
		return badScim(scim.InvalidValue, "userName may have at most 255 characters, and no control characters")
	}
	if !strings.EqualFold(name, scimName(row)) || row.ScimName == "" {
		known, _, err := tx.DirectoryUsers(ctx, store.DirectoryFilter{Name: name}, 0, 2)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(known, func(u models.User) bool { return u.ID != row.ID }) {
			return badScim(scim.Uniqueness, "userName is taken")
		}
	}
	row.ScimName, row.ExternalID = name, clipRunes(scim.Text(r["externalId"]))
	email := primaryEmail(r)
	if email == "" && checkEmail(name) == nil {
		email = name
	}
	row.Email = nil
	if email != "" {
		if checkEmail(email) != nil {
			return badScim(scim.InvalidValue, "this does not look like an email address")
		}
		row.Email = &email
	}
	if err := d.checkEmailFree(ctx, tx, row); err != nil {
		if fault.Is(err, fault.Conflict) {
			return badScim(scim.Uniqueness, "another person has this email")
		}
		return err
	}
	if alias := cleanName(personName(r)); alias != "" {
		row.Alias = &alias
	}
	active, err := d.setActive(row, r)
	if err != nil {
		return err
	}
	kept := maps.Clone(r)
	for _, own := range []string{"id", "schemas", "meta", "groups", "password", "userName", "externalId"} {
		delete(kept, own)
	}
	kept["active"] = active
	if row.Scim, err = json.Marshal(kept); err != nil {
		return fmt.Errorf("keep what the directory says: %w", err)
	}
	if len(row.Scim) > maxScim {
		return badScim(scim.InvalidValue, "the resource is larger than 64 KiB")
	}
	d.stampChange(&row.Audit, who)
	if err := tx.UpdateUser(ctx, row); err != nil {
		return userClash(err, row)
	}
	if err := d.endAccess(ctx, tx, who, &before, row); err != nil {
		return err
	}
	return d.audit(ctx, tx, who, access.UserUpdate, row.ID, &before, row)
}

// setActive blocks a person whom the directory deactivates, and lets in again only whom it had deactivated itself: a
// block by an admin is not undone by a directory that says "active" every time.
func (d *Directory) setActive(row *models.User, r scim.Resource) (bool, error) {
	was, _ := scim.Bool(keptUser(row)["active"])
	if r["active"] == nil {
		return was, nil
	}
	active, ok := scim.Bool(r["active"])
	if !ok {
		return false, badScim(scim.InvalidValue, "active must be true or false")
	}
	switch {
	case !active:
		row.Blocked = true
	case !was:
		row.Blocked = false
	}
	return active, nil
}

// personName is what a person is called.
func personName(r scim.Resource) string {
	if name := scim.Text(r["displayName"]); name != "" {
		return name
	}
	parts, _ := r["name"].(map[string]any)
	if name := scim.Text(parts["formatted"]); name != "" {
		return name
	}
	return strings.TrimSpace(scim.Text(parts["givenName"]) + " " + scim.Text(parts["familyName"]))
}

// DeleteUser removes a person with their own keys, sessions and places. Errors: NotFound.
func (d *Directory) DeleteUser(ctx context.Context, who access.Actor, id string) error {
	if err := d.gate(ctx, who, access.ScimWrite); err != nil {
		return err
	}
	return d.change(ctx, who, access.ScimWrite, id, func(tx *store.Store) error {
		row, err := tx.User(ctx, id)
		if err != nil {
			return notFound("user", id, err)
		}
		_, err = d.users.remove(ctx, tx, who, []*models.User{row})
		return err
	})
}
