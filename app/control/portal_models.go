package control

import (
	"context"
	"slices"

	"gatehouse/app/access"
	"gatehouse/models"
)

// Price is what a model costs by a million tokens.
type Price struct {
	In, Out models.Nano
	Known   bool
}

// Prices gives the prices of models by public name, without asking the database: the prices that calls are charged by.
func (m *Models) Prices(ctx context.Context, who access.Actor, names []string) (map[string]Price, error) {
	if err := m.gate(ctx, who, access.ModelRead); err != nil {
		return nil, err
	}
	// A small call stays below every tier of prices that begins at some length.
	const sample, million = 1_000, 1_000_000
	out := make(map[string]Price, len(names))
	for _, name := range names {
		in, known := m.Models.Cost(name, sample, 0)
		if !known {
			continue
		}
		both, _ := m.Models.Cost(name, sample, sample)
		out[name] = Price{In: in * (million / sample), Out: (both - in) * (million / sample), Known: true}
	}
	return out, nil
}

// Way is how somebody comes to call a model.
type Way struct {
	Own   bool     // by their own list, which is empty for everything
	Named bool     // their own list is not empty
	Teams []string // names of teams that admit it
}

// Ways says of each of these models how the caller comes to call it, in two queries.
func (m *Models) Ways(ctx context.Context, who access.Actor, names []string) (map[string]Way, error) {
	if err := m.gate(ctx, who, access.ModelRead); err != nil {
		return nil, err
	}
	var own []string
	user, err := m.Store.User(ctx, who.UserID)
	if err != nil && !absent(err) {
		return nil, err
	}
	if user != nil {
		own = user.Models
	}
	ids := make([]string, 0, len(who.Teams))
	for id := range who.Teams {
		ids = append(ids, id)
	}
	var teams []models.Team
	if len(ids) > 0 {
		if teams, err = m.Store.TeamsByID(ctx, ids); err != nil {
			return nil, err
		}
	}
	admits := func(list []string, name, team string) bool {
		if slices.Contains(list, noDefault) {
			return false
		}
		return len(list) == 0 || slices.Contains(list, name) || m.Models.Admits(list, name, team)
	}
	out := make(map[string]Way, len(names))
	for _, name := range names {
		w := Way{Own: admits(own, name, ""), Named: len(own) > 0}
		for i := range teams {
			if admits(teams[i].Models, name, teams[i].ID) {
				w.Teams = append(w.Teams, teamLabel(&teams[i]))
			}
		}
		slices.Sort(w.Teams)
		out[name] = w
	}
	return out, nil
}

func teamLabel(t *models.Team) string {
	if name := deref(t.Alias); name != "" {
		return name
	}
	return t.ID
}

// OfKey lists the models and groups that the caller's choices and the key's own list both let through. Errors: Forbidden,
// NotFound.
func (m *Models) OfKey(ctx context.Context, who access.Actor, key *models.Key) ([]ModelChoice, error) {
	if err := access.Check(who, access.KeyInfo, access.Key(key)); err != nil {
		return nil, err
	}
	team := deref(key.TeamID)
	out, err := m.choices(ctx, who, team)
	list := keyList(&access.Via{TeamID: team, Models: key.Models})
	return slices.DeleteFunc(out, func(c ModelChoice) bool {
		return len(list) > 0 && !slices.Contains(list, c.Name) && !m.Models.Admits(list, c.Name, team)
	}), err
}
