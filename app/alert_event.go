package app

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"gatehouse/models"
	"gatehouse/models/store"
	"gatehouse/proxy/budget"
)

// alertEvent is a budget alert as LiteLLM's webhooks have it, with more names: who the budget belongs to is told by ids
// and names, never by a secret. Money is US dollars.
type alertEvent struct {
	Event      string       `json:"event"`
	EventGroup string       `json:"event_group"`
	Message    string       `json:"event_message"`
	Spend      json.Number  `json:"spend"`
	MaxBudget  *json.Number `json:"max_budget"`
	SoftBudget *json.Number `json:"soft_budget"`
	Token      *string      `json:"token"` // the key's hash
	KeyAlias   *string      `json:"key_alias"`
	UserID     *string      `json:"user_id"`
	UserEmail  *string      `json:"user_email"`
	TeamID     *string      `json:"team_id"`
	TeamAlias  *string      `json:"team_alias"`
	OrgID      *string      `json:"organization_id"`
	CustomerID *string      `json:"customer_id"`
	Model      *string      `json:"model"` // of a budget of one model
	Tag        *string      `json:"tag"`
	Scope      string       `json:"scope"`
	At         models.Time  `json:"at"`
	// What LiteLLM's readers may look for and nobody works out here.
	ProjectedSpend *json.Number `json:"projected_spend"`
	ProjectedDate  *string      `json:"projected_exceeded_date"`
}

// describe makes the event of a line that was crossed. What the database cannot tell is left out: the alert goes anyway.
func (a *alerts) describe(ctx context.Context, c budget.Crossing) alertEvent {
	e := alertEvent{
		Event: event(c.Kind), EventGroup: c.Level.String(), Scope: c.Scope, At: models.At(a.now()), Spend: json.Number(c.Spent.String()),
	}
	amount := func(n models.Nano) *json.Number { v := json.Number(n.String()); return &v }
	if c.Cap > 0 || c.Kind != budget.CrossSoft {
		e.MaxBudget = amount(c.Cap)
	}
	if c.Kind == budget.CrossSoft {
		e.SoftBudget = amount(c.Limit)
	}
	name := e.name(ctx, a.store)
	what := fmt.Sprintf("%s of %s USD spent", c.Spent, c.Limit)
	switch c.Kind {
	case budget.CrossSoft:
		what = "soft budget crossed, " + what
	case budget.CrossFull:
		what = "budget crossed, " + what
	case budget.CrossNear:
		what = fmt.Sprintf("%s of %s USD spent", c.Spent, c.Cap)
	}
	e.Message = fmt.Sprintf("Budget of %s: %s", name, what)
	return e
}

// name fills who the scope is about and returns it in words.
func (e *alertEvent) name(ctx context.Context, s *store.Store) string {
	kind, id, _ := strings.Cut(e.Scope, ":")
	switch kind {
	case "key", "keymodel":
		id, model, _ := strings.Cut(id, "/")
		name := "key " + e.ofKey(ctx, s, id)
		if kind == "keymodel" {
			e.Model = &model
			name += " for " + model
		}
		return name
	case "user":
		return "user " + e.ofUser(ctx, s, id)
	case "team":
		return "team " + e.ofTeam(ctx, s, id)
	case "member":
		team, user, _ := models.SplitMember(id)
		return e.ofUser(ctx, s, user) + " in team " + e.ofTeam(ctx, s, team)
	case "org":
		e.OrgID = &id
		if org, err := s.Organization(ctx, id); err == nil {
			return "organization " + textOr(org.Alias, id)
		}
		return "organization " + id
	case "customer":
		e.CustomerID = &id
		return "end user " + id
	case "tag":
		e.Tag = &id
		return "tag " + id
	case models.ScopeProxy:
		return "the whole proxy"
	}
	return e.Scope
}

func (e *alertEvent) ofKey(ctx context.Context, s *store.Store, id string) string {
	key, err := s.Key(ctx, id)
	if err != nil {
		return id
	}
	e.Token, e.KeyAlias = &key.Hash, key.Alias
	if key.UserID != nil {
		e.ofUser(ctx, s, *key.UserID)
	}
	if key.TeamID != nil {
		e.ofTeam(ctx, s, *key.TeamID)
	}
	return textOr(key.Alias, key.Name)
}

func (e *alertEvent) ofUser(ctx context.Context, s *store.Store, id string) string {
	e.UserID = &id
	users, err := s.UsersByID(ctx, []string{id})
	if err != nil || len(users) == 0 {
		return id
	}
	e.UserEmail = users[0].Email
	return textOr(users[0].Alias, textOr(users[0].Email, id))
}

func (e *alertEvent) ofTeam(ctx context.Context, s *store.Store, id string) string {
	e.TeamID = &id
	team, err := s.Team(ctx, id)
	if err != nil {
		return id
	}
	e.TeamAlias = team.Alias
	return textOr(team.Alias, id)
}
