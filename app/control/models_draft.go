package control

import (
	"context"
	"encoding/json"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
)

// draftID is the id of a deployment that is tried and not kept.
const draftID = "test_connection"

// Draft reads a model entry as New does and keeps nothing; mode, where it is not empty, is in place of model_info's. It is for
// admins: what it names is called, with what it brings. Errors: Invalid for a bad entry, Forbidden, Unauthenticated.
func (m *Models) Draft(ctx context.Context, who access.Actor, mode string, rawParams, rawInfo map[string]json.RawMessage) (*models.Deployment, error) {
	if err := m.gate(ctx, who, access.HealthTest); err != nil {
		return nil, err
	}
	if err := access.Check(who, access.HealthTest, access.Target{}); err != nil {
		return nil, err
	}
	if len(rawParams) == 0 {
		return nil, fault.Missing("litellm_params")
	}
	params, info, err := decodeBoth(rawParams, rawInfo)
	if err != nil {
		return nil, err
	}
	if mode != "" {
		info["mode"] = mode
	}
	info["id"] = draftID
	name := textOf(params["model"])
	d, problems := models.ParseDeployment(name, params, info)
	for _, p := range problems {
		if p.Fatal {
			return nil, fault.BadField(p.Path, "%s: %s", p.Path, p.Message)
		}
	}
	return &d, nil
}
