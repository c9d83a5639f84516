package app

import (
	"context"
	"time"

	"gatehouse/app/portal"
	"gatehouse/models"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/policy"
)

// explain tells what would become of a call of a key, by the data plane's own rules.
func (p *process) explain(ctx context.Context, key *models.Key, model string) (portal.Explanation, error) {
	grant, err := keyring.NewGrant(key)
	if err != nil {
		return portal.Explanation{}, err
	}
	a := p.plane.Explain(ctx, grant, model)
	switch {
	case a.Rule != nil:
		return portal.Explanation{By: refusalOf(a.Rule.Kind), Level: levelOf(a.Rule), ID: a.Rule.ID}, nil //nolint:nilerr // the refusal is the answer
	case a.Rate != nil:
		return portal.Explanation{ //nolint:nilerr // the refusal is the answer
			By: portal.ByLimit, Level: a.Rate.Level.String(), ID: a.Rate.ID, Model: a.Rate.Model, Kind: a.Rate.Kind.String(), Most: a.Rate.Limit,
		}, nil
	case a.Budget != nil:
		e := portal.Explanation{
			By: portal.ByBudget, Level: a.Budget.Level.String(), ID: a.Budget.ID, Model: a.Budget.Model, Limit: a.Budget.Limit, Spent: a.Budget.Spent,
		}
		if a.Budget.Level == keyring.LevelMember {
			e.ID = a.Budget.Of // a member's budget is on the team's page
		}
		if a.Budget.ResetsAt != 0 {
			e.ResetsAt = time.UnixMicro(a.Budget.ResetsAt)
		}
		return e, nil
	case a.Cooling:
		return portal.Explanation{By: portal.ByCooling}, nil
	}
	return portal.Explanation{}, nil
}

func refusalOf(k policy.Kind) portal.Refusal {
	switch k {
	case policy.KeyBlocked, policy.TeamBlocked, policy.UserBlocked, policy.CustomerBlocked:
		return portal.ByBlock
	case policy.KeyExpired:
		return portal.ByExpiry
	case policy.UnknownModel:
		return portal.ByUnknownModel
	case policy.TeamMissing, policy.OrgMissing:
		return portal.ByMissing
	case policy.ModelDenied, policy.NoDefault, policy.RouteDenied, policy.ParamMissing, policy.CacheDenied:
	}
	return portal.ByList
}

// levelOf is whose rule it is. A key's own block and end name no level.
func levelOf(r *policy.Refusal) string {
	switch r.Kind {
	case policy.TeamMissing, policy.TeamBlocked:
		return keyring.LevelTeam.String()
	case policy.UserBlocked, policy.NoDefault:
		return keyring.LevelUser.String()
	case policy.OrgMissing:
		return keyring.LevelOrg.String()
	case policy.KeyBlocked, policy.KeyExpired, policy.RouteDenied, policy.ModelDenied, policy.CustomerBlocked, policy.UnknownModel, policy.ParamMissing, policy.CacheDenied:
	}
	return r.Level.String()
}
