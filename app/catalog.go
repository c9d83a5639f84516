package app

import (
	"encoding/json"
	"os"

	"gatehouse/app/config"
	"gatehouse/app/seal"
	"gatehouse/models"
	"gatehouse/models/store"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/policy"
	"gatehouse/proxy/price"
)

// catalog tells the services which models exist and what lists admit, by the code that the data plane asks.
type catalog struct {
	ring   *keyring.Ring
	prices *price.Table
}

func (c catalog) Names() []string                   { return c.ring.Snapshot().Catalog().Names() }
func (c catalog) Groups() []string                  { return c.ring.Snapshot().Catalog().Groups() }
func (c catalog) Deployments() []*models.Deployment { return c.ring.Snapshot().Catalog().Deployments() }

func (c catalog) Admits(list []string, model, team string) bool {
	return policy.Admits(c.ring.Snapshot().Catalog(), list, model, team)
}

// TeamNames lists the public names of a team's own models.
func (c catalog) TeamNames(team string) []string { return c.ring.Snapshot().Catalog().TeamNames(team) }

// Cost prices a call of a public model at its first deployment with a known price.
func (c catalog) Cost(model string, promptTokens, outputTokens int64) (models.Nano, bool) {
	match, ok := c.ring.Snapshot().Catalog().Resolve(model, "")
	if !ok {
		return 0, false
	}
	for _, d := range match.Deployments {
		// The price was checked when the entry was read; one that cannot be read is no price.
		custom, _, _ := price.FromConfig(d.Prices)
		p, known := c.prices.Resolve(price.Query{Custom: custom, BaseModel: d.BaseModel, Provider: d.Provider, Model: d.Model})
		if known {
			cost, _ := p.Cost(price.Usage{InputUncached: promptTokens, OutputText: outputTokens}, "")
			return cost, true
		}
	}
	return 0, false
}

// deploymentDecoder makes a deployment of a stored row, opening its sealed secrets.
func deploymentDecoder(sealer *seal.Sealer) func(*models.DeploymentRow) (models.Deployment, error) {
	return func(row *models.DeploymentRow) (models.Deployment, error) {
		return decodeDeployment(sealer, row)
	}
}

func decodeDeployment(sealer *seal.Sealer, row *models.DeploymentRow) (models.Deployment, error) {
	params, info := map[string]any{}, map[string]any{}
	if err := json.Unmarshal(orObject(row.Params), &params); err != nil {
		return models.Deployment{}, err
	}
	if err := json.Unmarshal(orObject(row.Info), &info); err != nil {
		return models.Deployment{}, err
	}
	disabled := ""
	if row.Sealed != "" {
		plain, err := sealer.Open(seal.ModelCredentials, "deployments/sealed/"+row.ID, row.Sealed)
		if err != nil {
			disabled = "its credentials cannot be opened with this LITELLM_SALT_KEY"
		} else if err := json.Unmarshal(plain, &params); err != nil {
			return models.Deployment{}, err
		}
	}
	info["id"] = row.ID
	d, _ := models.ParseDeployment(row.ModelName, params, info)
	config.FillFromEnv(&d, os.Getenv)
	d.ID, d.Seq, d.FromConfig = row.ID, row.Seq, false
	if disabled != "" {
		d.Disabled = disabled
	}
	return d, nil
}

func orObject(j models.JSON) []byte {
	if len(j) == 0 {
		return []byte("{}")
	}
	return j
}

var _ keyring.Source = (*store.Store)(nil)
