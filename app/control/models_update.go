package control

import (
	"context"
	"encoding/json"
	"fmt"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// Update merges into a stored model; null takes a parameter out. A changed base URL drops the stored credentials that did
// not come with it: a key goes only where it was meant to go. Errors: Invalid for an unknown id or one of config.yaml.
func (m *Models) Update(ctx context.Context, who access.Actor, in ModelUpdate) (*ModelView, error) {
	if err := m.gate(ctx, who, access.ModelWrite); err != nil {
		return nil, err
	}
	params, info, err := decodeBoth(in.Params, in.Info)
	if err != nil {
		return nil, err
	}
	if in.ID == "" {
		in.ID = textOf(info["id"])
	}
	if in.ID == "" {
		return nil, fault.Missing("model_info.id")
	}
	if err := refuseURLs(who, in.Params); err != nil {
		return nil, err
	}
	var out *ModelView
	err = m.change(ctx, who, access.ModelWrite, in.ID, func(tx *store.Store) error {
		row, err := m.stored(ctx, tx, who, in.ID)
		if err != nil {
			return err
		}
		if err := m.storable(); err != nil {
			return err
		}
		before := *row
		if err := m.merge(row, in, params, info); err != nil {
			return err
		}
		// The team may have changed with it: the target must be within reach too.
		if err := access.Check(who, access.ModelWrite, access.Target{ID: row.ID, Team: row.TeamID}); err != nil {
			return err
		}
		if err := m.checkTeam(ctx, tx, row.TeamID); err != nil {
			return err
		}
		m.stampChange(&row.Audit, who)
		if err := tx.UpdateDeployment(ctx, row); err != nil {
			return err
		}
		if out, err = m.rowView(row); err != nil {
			return err
		}
		return m.audit(ctx, tx, who, access.ModelWrite, row.ID, &before, row)
	})
	return out, err
}

// merge puts sent parameters over the stored ones, credentials included, and seals the result again.
func (m *Models) merge(row *models.DeploymentRow, in ModelUpdate, params, info map[string]any) error {
	all, allInfo := map[string]any{}, map[string]any{}
	if err := json.Unmarshal(row.Params, &all); err != nil {
		return fmt.Errorf("decode litellm_params of model %s: %w", row.ID, err)
	}
	if err := json.Unmarshal(row.Info, &allInfo); err != nil {
		return fmt.Errorf("decode model_info of model %s: %w", row.ID, err)
	}
	if row.Sealed != "" && !movesAway(all, params) {
		plain, err := m.Sealer.Open(sealPlace(row.ID), row.Sealed)
		if err != nil {
			return fault.New(fault.Conflict, "The stored credentials of this model cannot be opened with this LITELLM_SALT_KEY. Delete the model and store it again.").WithCause(err)
		}
		if err := json.Unmarshal(plain, &all); err != nil {
			return fmt.Errorf("decode the credentials of model %s: %w", row.ID, err)
		}
	}
	overlay(all, params)
	overlay(allInfo, info)
	allInfo["id"] = row.ID
	if err := checkName("model_name", in.ModelName.Or("")); err != nil {
		return err
	}
	if in.ModelName.Or("") != "" {
		row.ModelName = in.ModelName.Value
	}
	return m.sealRow(row, all, allInfo)
}

// movesAway says whether an update changes where the model's calls go.
func movesAway(stored, params map[string]any) bool {
	for _, name := range urlParams() {
		if v, has := params[name]; has && fmt.Sprint(v) != fmt.Sprint(stored[name]) {
			return true
		}
	}
	return false
}

func overlay(dst, src map[string]any) {
	for name, v := range src {
		if v == nil {
			delete(dst, name)
			continue
		}
		dst[name] = v
	}
}

// Delete removes a stored model. Errors: Invalid for an unknown id or one of config.yaml.
func (m *Models) Delete(ctx context.Context, who access.Actor, id string) (*ModelView, error) {
	if err := m.gate(ctx, who, access.ModelWrite); err != nil {
		return nil, err
	}
	if id == "" {
		return nil, fault.Missing("id")
	}
	var out *ModelView
	err := m.change(ctx, who, access.ModelWrite, id, func(tx *store.Store) error {
		row, err := m.stored(ctx, tx, who, id)
		if err != nil {
			return err
		}
		if err := tx.DeleteDeployment(ctx, id); err != nil {
			return err
		}
		if out, err = m.rowView(row); err != nil {
			return err
		}
		return m.audit(ctx, tx, who, access.ModelWrite, id, row, nil)
	})
	return out, err
}

// AccessGroups lists the groups kept in the database.
func (m *Models) AccessGroups(ctx context.Context, who access.Actor) ([]models.AccessGroup, error) {
	if err := m.gate(ctx, who, access.AccessGroupRead); err != nil {
		return nil, err
	}
	return m.Store.AccessGroups(ctx)
}

// SetAccessGroup makes or changes a group; create refuses an existing one. Errors: Conflict, NotFound, Invalid.
func (m *Models) SetAccessGroup(ctx context.Context, who access.Actor, in AccessGroupInput, create bool) (*models.AccessGroup, error) {
	if err := m.gate(ctx, who, access.AccessGroupWrite); err != nil {
		return nil, err
	}
	if in.Name == "" {
		return nil, fault.Missing("access_group")
	}
	if err := checkID("access_group", in.Name); err != nil {
		return nil, err
	}
	var out *models.AccessGroup
	err := m.change(ctx, who, access.AccessGroupWrite, in.Name, func(tx *store.Store) error {
		row, err := tx.AccessGroup(ctx, in.Name)
		if err != nil && !absent(err) {
			return err
		}
		switch {
		case create && row != nil:
			return fault.Newf(fault.Conflict, "Access group '%s' already exists", in.Name).WithParam("access_group")
		case !create && row == nil:
			return fault.Newf(fault.NotFound, "Access group '%s' not found", in.Name).WithParam("access_group")
		}
		if create {
			out = &models.AccessGroup{Name: in.Name, Models: in.Models}
			m.stampNew(&out.Audit, who)
			if err := tx.InsertAccessGroup(ctx, out); err != nil {
				return err
			}
			return m.audit(ctx, tx, who, access.AccessGroupWrite, in.Name, nil, out)
		}
		before := *row
		row.Models = in.Models
		m.stampChange(&row.Audit, who)
		out = row
		if err := tx.UpdateAccessGroup(ctx, row); err != nil {
			return err
		}
		return m.audit(ctx, tx, who, access.AccessGroupWrite, in.Name, &before, row)
	})
	return out, err
}

// DeleteAccessGroup removes a group; lists that name it admit nothing by it from then on. Errors: NotFound.
func (m *Models) DeleteAccessGroup(ctx context.Context, who access.Actor, name string) error {
	if err := m.gate(ctx, who, access.AccessGroupWrite); err != nil {
		return err
	}
	return m.change(ctx, who, access.AccessGroupWrite, name, func(tx *store.Store) error {
		row, err := tx.AccessGroup(ctx, name)
		if absent(err) {
			return fault.Newf(fault.NotFound, "Access group '%s' not found", name).WithParam("access_group")
		}
		if err != nil {
			return err
		}
		if err := tx.DeleteAccessGroup(ctx, name); err != nil {
			return err
		}
		return m.audit(ctx, tx, who, access.AccessGroupWrite, name, row, nil)
	})
}
