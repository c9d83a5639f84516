package keyring

import (
	"gatehouse/models"
)

// Team is a team as a request needs it. Immutable; the same holds for every row below.
type Team struct {
	ID, Scope, Alias, OrgID string
	Models                  *List
	Aliases                 map[string]string
	Blocked                 bool
	Tags                    []string
	BudgetMode              string
	DisableFallbacks        bool
	Routing                 *Routing // router_settings; nil: none
	limits                  *Limits
	memberLimits            *Limits // defaults for members without a figure of their own
}

// User is a person as a request needs it.
type User struct {
	ID, Scope string
	Role      models.Role
	Blocked   bool
	Models    *List
	limits    *Limits
}

// Member is a person's place in a team.
type Member struct {
	TeamID, UserID, Scope string
	Role                  models.TeamRole
	BudgetID              string
}

// Org is an organization as a request needs it.
type Org struct {
	ID, Scope, Alias, BudgetID string
	Models                     *List
}

// Customer is a known end user.
type Customer struct {
	ID, Scope    string
	Blocked      bool
	BudgetID     string
	Region       string
	DefaultModel string
	limits       *Limits
}

type budgetRow struct {
	limits Limits
}

type oldSecret struct {
	keyID     string
	expiresAt int64
}

func newTeam(p *pool, t *models.Team) *Team {
	meta := readMeta(p, t.Metadata)
	team := &Team{
		ID: p.str(t.ID), Scope: models.ScopeTeam(t.ID), Alias: p.ptr(t.Alias), OrgID: p.ptr(t.OrgID),
		Models: p.list(t.Models, nil), Blocked: t.Blocked, limits: p.limits(&t.Limits, 0),
		Tags: meta.tags, BudgetMode: meta.mode, DisableFallbacks: meta.disableFallbacks, Routing: readRouting(t.Extra),
		memberLimits: p.limits(&models.Limits{
			MaxBudget: t.MemberBudget, BudgetDuration: t.MemberBudgetDuration, RPMLimit: t.MemberRPMLimit, TPMLimit: t.MemberTPMLimit,
		}, 0),
	}
	if len(t.ModelAliases) > 0 {
		team.Aliases = t.ModelAliases
	}
	return team
}

func newUser(p *pool, u *models.User) *User {
	return &User{
		ID: p.str(u.ID), Scope: models.ScopeUser(u.ID), Role: u.Role, Blocked: u.Blocked,
		Models: p.list(u.Models, nil), limits: p.limits(&u.Limits, 0),
	}
}

func newMember(p *pool, m *models.Membership) *Member {
	return &Member{
		TeamID: p.str(m.TeamID), UserID: p.str(m.UserID), Scope: models.ScopeMember(m.TeamID, m.UserID),
		Role: m.Role, BudgetID: p.ptr(m.BudgetID),
	}
}

func newOrg(p *pool, o *models.Organization) *Org {
	return &Org{
		ID: p.str(o.ID), Scope: models.ScopeOrg(o.ID), Alias: p.ptr(o.Alias), BudgetID: p.str(o.BudgetID),
		Models: p.list(o.Models, nil),
	}
}

func newCustomer(p *pool, c *models.Customer) *Customer {
	return &Customer{
		ID: p.str(c.ID), Scope: models.ScopeCustomer(c.ID), Blocked: c.Blocked, BudgetID: p.ptr(c.BudgetID),
		Region: p.ptr(c.Region), DefaultModel: p.ptr(c.DefaultModel), limits: p.limits(&c.Limits, 0),
	}
}

func newBudget(p *pool, b *models.Budget) *budgetRow {
	row := &budgetRow{}
	if l := p.limits(&b.Limits, micros(b.ResetAt)); l != nil {
		row.limits = *l
	}
	return row
}

func micros(t *models.Time) int64 {
	if t == nil {
		return 0
	}
	return t.Micros()
}
