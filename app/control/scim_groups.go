package control

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"gatehouse/app/access"
	"gatehouse/app/scim"
	"gatehouse/models"
	"gatehouse/models/store"
)

// Groups lists teams; without members where bare is set. Errors: Unauthenticated, Invalid for a filter that is not
// understood.
func (d *Directory) Groups(ctx context.Context, who access.Actor, q ScimQuery, bare bool) (*ScimPage[ScimGroup], error) {
	if err := d.gate(ctx, who, access.ScimRead); err != nil {
		return nil, err
	}
	offset, limit := q.window()
	out := &ScimPage[ScimGroup]{Start: offset + 1}
	f, empty, err := directoryFilter(q.Filter, "displayName")
	if err != nil || empty {
		return out, err
	}
	rows, total, err := d.Store.DirectoryTeams(ctx, f, offset, limit)
	if err != nil {
		return nil, err
	}
	out.Total = int(total)
	out.Items, err = d.scimGroups(ctx, d.Store, rows, bare)
	return out, err
}

// Group is one team. Errors: NotFound.
func (d *Directory) Group(ctx context.Context, who access.Actor, id string, bare bool) (*ScimGroup, error) {
	if err := d.gate(ctx, who, access.ScimRead); err != nil {
		return nil, err
	}
	row, err := d.Store.Team(ctx, id)
	if err != nil {
		return nil, notFound("team", id, err)
	}
	return d.scimGroup(ctx, d.Store, row, bare)
}

func (d *Directory) scimGroup(ctx context.Context, st *store.Store, row *models.Team, bare bool) (*ScimGroup, error) {
	all, err := d.scimGroups(ctx, st, []models.Team{*row}, bare)
	if err != nil {
		return nil, err
	}
	return &all[0], nil
}

func (d *Directory) scimGroups(ctx context.Context, st *store.Store, rows []models.Team, bare bool) ([]ScimGroup, error) {
	out := make([]ScimGroup, len(rows))
	ids := make([]string, len(rows))
	at := map[string]int{}
	for i := range rows {
		ids[i], at[rows[i].ID] = rows[i].ID, i
		out[i] = ScimGroup{Row: rows[i], Name: teamName(&rows[i])}
	}
	if bare || len(rows) == 0 {
		return out, nil
	}
	members, err := st.MembersOfTeams(ctx, ids...)
	if err != nil {
		return nil, err
	}
	for i := range members {
		m := &members[i]
		if m.UserID == models.DefaultUserID { // the gateway's own, of whom no directory knows
			continue
		}
		name := deref(m.UserAlias)
		if name == "" {
			name = deref(m.UserEmail)
		}
		if name == "" {
			name = m.UserID
		}
		g := &out[at[m.TeamID]]
		g.Members = append(g.Members, ScimRef{m.UserID, name})
	}
	return out, nil
}

func teamName(row *models.Team) string {
	if alias := deref(row.Alias); alias != "" {
		return alias
	}
	return row.ID
}

// scimMembers are the people that a list of members names; groups in groups are left out.
func scimMembers(v any) []string {
	if list, ok := v.([]any); ok {
		v = slices.DeleteFunc(slices.Clone(list), func(one any) bool {
			o, ok := one.(map[string]any)
			return ok && strings.EqualFold(scim.Text(o["type"]), "Group")
		})
	}
	ids := scim.Values(v)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// CreateGroup makes a team as default_team_params say. Its id is the directory's own for the group, or the name, since
// that is what a sign-in's group claim holds. Errors: Conflict for one that is known already, Invalid.
func (d *Directory) CreateGroup(ctx context.Context, who access.Actor, r scim.Resource) (*ScimGroup, error) {
	if err := d.gate(ctx, who, access.ScimWrite); err != nil {
		return nil, err
	}
	name, external := cleanName(scim.Text(r["displayName"])), clipRunes(scim.Text(r["externalId"]))
	if name == "" {
		return nil, badScim(scim.InvalidValue, "displayName is required")
	}
	var out *ScimGroup
	err := d.change(ctx, who, access.ScimWrite, name, func(tx *store.Store) error {
		filters := []store.DirectoryFilter{{Name: name}}
		if external != "" {
			filters = append(filters, store.DirectoryFilter{ExternalID: external})
		}
		for _, f := range filters {
			known, total, err := tx.DirectoryTeams(ctx, f, 0, 1)
			if err != nil {
				return err
			}
			if total > 0 {
				return badScim(scim.Uniqueness, "the group is known already: it is the team %s", known[0].ID)
			}
		}
		id, err := d.freeTeamID(ctx, tx, external, name)
		if err != nil {
			return err
		}
		if err := d.makeTeam(ctx, tx, who, SSOGroup{ID: id, Name: name}); err != nil {
			return err
		}
		row, err := tx.Team(ctx, id)
		if err != nil {
			return err
		}
		row.ExternalID = external
		if err := tx.UpdateTeam(ctx, row); err != nil {
			return err
		}
		if err := d.setMembers(ctx, tx, who, row, scimMembers(r["members"]), nil, true); err != nil {
			return err
		}
		out, err = d.scimGroup(ctx, tx, row, false)
		return err
	})
	return out, err
}

func (d *Directory) freeTeamID(ctx context.Context, tx *store.Store, wanted ...string) (string, error) {
	for _, id := range wanted {
		if id == "" || id == models.UISessionTeam || checkID("team_id", id) != nil {
			continue
		}
		if _, err := tx.Team(ctx, id); absent(err) {
			return id, nil
		} else if err != nil {
			return "", err
		}
	}
	return uuid.NewString(), nil
}

// ReplaceGroup sets a team's name and members. Errors: NotFound, Invalid.
func (d *Directory) ReplaceGroup(ctx context.Context, who access.Actor, id string, r scim.Resource) (*ScimGroup, error) {
	return d.changeGroup(ctx, who, id, func(tx *store.Store, row *models.Team) error {
		if err := setGroup(row, r); err != nil {
			return err
		}
		return d.setMembers(ctx, tx, who, row, scimMembers(r["members"]), nil, true)
	})
}

func setGroup(row *models.Team, r scim.Resource) error {
	if v, said := r["displayName"]; said {
		name := cleanName(scim.Text(v))
		if name == "" {
			return badScim(scim.InvalidValue, "displayName must not be empty")
		}
		if name != teamName(row) {
			row.Alias = &name
		}
	}
	if v, said := r["externalId"]; said {
		row.ExternalID = clipRunes(scim.Text(v))
	}
	return nil
}

// PatchGroup changes a team's name and members. Errors: NotFound, Invalid.
func (d *Directory) PatchGroup(ctx context.Context, who access.Actor, id string, operations []scim.Operation) (*ScimGroup, error) {
	steps, err := scim.Steps(operations)
	if err != nil {
		return nil, scimWrong(err)
	}
	return d.changeGroup(ctx, who, id, func(tx *store.Store, row *models.Team) error {
		for _, s := range steps {
			var err error
			if s.Path.Attr == "members" {
				err = d.memberStep(ctx, tx, who, row, s)
			} else if s.Op != "remove" {
				err = setGroup(row, scim.Resource{s.Path.Attr: s.Value})
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// memberStep does one step of a patch to the members: add, remove by value or by members[value eq "id"], replace.
func (d *Directory) memberStep(ctx context.Context, tx *store.Store, who access.Actor, row *models.Team, s scim.Step) error {
	named := scimMembers(s.Value)
	for _, t := range s.Path.Filter {
		if t.Path.String() != "value" {
			return badScim(scim.InvalidPath, "members are named by their value")
		}
		named = append(named, scim.Text(t.Value))
	}
	switch {
	case s.Op == "add":
		return d.setMembers(ctx, tx, who, row, named, nil, false)
	case s.Op == "replace":
		return d.setMembers(ctx, tx, who, row, named, nil, true)
	case s.Value == nil && s.Path.Filter == nil: // remove without a word of whom: everybody
		return d.setMembers(ctx, tx, who, row, nil, nil, true)
	}
	return d.setMembers(ctx, tx, who, row, nil, named, false)
}

func (d *Directory) changeGroup(ctx context.Context, who access.Actor, id string, fn func(tx *store.Store, row *models.Team) error) (*ScimGroup, error) {
	if err := d.gate(ctx, who, access.ScimWrite); err != nil {
		return nil, err
	}
	var out *ScimGroup
	err := d.change(ctx, who, access.ScimWrite, id, func(tx *store.Store) error {
		row, err := tx.Team(ctx, id)
		if err != nil {
			return notFound("team", id, err)
		}
		before := *row
		if err := fn(tx, row); err != nil {
			return err
		}
		if deref(before.Alias) != deref(row.Alias) || before.ExternalID != row.ExternalID {
			d.stampChange(&row.Audit, who)
			if err := tx.UpdateTeam(ctx, row); err != nil {
				return err
			}
			if err := d.audit(ctx, tx, who, access.TeamUpdate, row.ID, &before, row); err != nil {
				return err
			}
		}
		out, err = d.scimGroup(ctx, tx, row, false)
		return err
	})
	return out, err
}

// setMembers puts people into a team as plain members and takes others out; those who leave lose the keys they held in it.
// With only set, in is the whole list. Errors: Invalid for people who do not exist.
func (d *Directory) setMembers(ctx context.Context, tx *store.Store, who access.Actor, row *models.Team, in, out []string, only bool) error {
	members, err := tx.MembersOfTeams(ctx, row.ID)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for i := range members {
		m := &members[i]
		there[m.UserID] = true
		if m.UserID == models.DefaultUserID || !slices.Contains(out, m.UserID) && (!only || slices.Contains(in, m.UserID)) {
			continue
		}
		if err := d.leave(ctx, tx, who, &m.Membership); err != nil {
			return err
		}
	}
	in = slices.DeleteFunc(slices.Clone(in), func(id string) bool { return there[id] })
	known := map[string]bool{}
	for chunk := range slices.Chunk(in, 500) {
		users, err := tx.UsersByID(ctx, chunk)
		if err != nil {
			return err
		}
		for i := range users {
			known[users[i].ID] = true
		}
	}
	for _, id := range in {
		if !known[id] {
			return badScim(scim.InvalidValue, "the member %.100q is not known", id)
		}
		if err := d.join(ctx, tx, who, row.ID, id, models.TeamMember, MemberLimits{}); err != nil {
			return err
		}
	}
	return nil
}

// DeleteGroup removes a team with its keys. Errors: NotFound.
func (d *Directory) DeleteGroup(ctx context.Context, who access.Actor, id string) error {
	if err := d.gate(ctx, who, access.ScimWrite); err != nil {
		return err
	}
	return d.change(ctx, who, access.ScimWrite, id, func(tx *store.Store) error {
		row, err := tx.Team(ctx, id)
		if err != nil {
			return notFound("team", id, err)
		}
		return d.teams.remove(ctx, tx, who, []*models.Team{row})
	})
}
