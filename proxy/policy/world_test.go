package policy_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"gatehouse/models"
	"gatehouse/proxy/keyring"
)

// world is a configuration written in a test.
type world struct {
	keys        []models.Key
	teams       []models.Team
	users       []models.User
	members     []models.Membership
	orgs        []models.Organization
	budgets     []models.Budget
	customers   []models.Customer
	groups      []models.AccessGroup
	deployments []models.Deployment
	aliases     map[string]keyring.Alias
}

func (w *world) Changes(_ context.Context, _ int64, s models.ChangeSink) (int64, error) {
	for i := range w.keys {
		sum := sha256.Sum256([]byte(w.keys[i].ID))
		w.keys[i].Hash, w.keys[i].Name = hex.EncodeToString(sum[:]), "sk-..."+w.keys[i].ID
		s.Key(&w.keys[i])
	}
	for i := range w.teams {
		s.Team(&w.teams[i])
	}
	for i := range w.users {
		s.User(&w.users[i])
	}
	for i := range w.members {
		s.Membership(&w.members[i])
	}
	for i := range w.orgs {
		s.Organization(&w.orgs[i])
	}
	for i := range w.budgets {
		s.Budget(&w.budgets[i])
	}
	for i := range w.customers {
		s.Customer(&w.customers[i])
	}
	for i := range w.groups {
		s.AccessGroup(&w.groups[i])
	}
	return 1, nil
}

func (w *world) Watch(ctx context.Context, _ int64) error { <-ctx.Done(); return ctx.Err() }

var noon = time.Date(2026, time.January, 15, 12, 0, 0, 0, time.UTC)

func (w *world) snapshot(tb testing.TB) *keyring.Snapshot {
	tb.Helper()
	r := keyring.New(keyring.Options{Source: w, Now: func() time.Time { return noon }})
	if err := r.Load(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	r.SetDeployments(w.deployments)
	r.SetAliases(w.aliases)
	return r.Snapshot()
}

func ptr[T any](v T) *T { return &v }

func deployment(name string, groups ...string) models.Deployment {
	return models.Deployment{ID: "id-" + name, ModelName: name, Provider: "openai", Model: name, AccessGroups: groups}
}

// seed is the configuration that most tests share: the walk-through of contract/admin-api.md §4.2 and §4.3.
func seed() *world {
	wild := deployment("openai/*", "default-models")
	wild.Model = "*"
	o1 := deployment("openai/o1-*", "restricted-models")
	o1.Model = "o1-*"
	return &world{
		deployments: []models.Deployment{
			deployment("gpt-4", "beta-models"), deployment("gpt-4o"), deployment("my-free-tier"), deployment("both"), deployment("x", "both"),
			wild, o1,
			{ID: "r", ModelName: "renamed", Provider: "openai", Model: "gpt-4o"},
			{ID: "t1", ModelName: "team-only", Provider: "openai", Model: "m", TeamID: "t-own"},
		},
		groups: []models.AccessGroup{{Name: "stored", Models: models.Strings{"gpt-4o", "openai/o1-*"}}},
		aliases: map[string]keyring.Alias{
			"global": {Model: "gpt-4"}, "hidden": {Model: "gpt-4", Hidden: true}, "nowhere": {Model: "gone"},
		},
		teams: []models.Team{
			{ID: "open"},
			{ID: "gpt4", Models: models.Strings{"gpt-4"}},
			{ID: "blocked", Blocked: true},
			{ID: "t-own"},
			{ID: "aliased", Models: models.Strings{"fast"}, ModelAliases: models.StringMap{"fast": "gpt-4o", "slow": "gpt-4"}},
			{ID: "in-org", OrgID: ptr("o-gpt4")},
		},
		users: []models.User{
			{ID: "u-4o", Models: models.Strings{"gpt-4o"}},
			{ID: "u-none", Models: models.Strings{"no-default-models"}},
			{ID: "u-blocked", Blocked: true},
			{ID: "u-free"},
			{ID: "admin", Role: models.RoleAdmin},
		},
		orgs:      []models.Organization{{ID: "o-gpt4", Models: models.Strings{"gpt-4"}}},
		customers: []models.Customer{{ID: "c-blocked", Blocked: true}, {ID: "c"}},
	}
}
