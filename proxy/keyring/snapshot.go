// Package keyring knows who a key is. It keeps every key, team, user, budget and model of the configuration in memory,
// as a Snapshot that is never written once it is published, and a loader that replaces it as the configuration changes.
package keyring

import (
	"gatehouse/models"
)

// Snapshot is the configuration at one sequence number. A request takes one and reads it to its end, so that every
// check of a request agrees. Immutable, safe for concurrent use, and no method of it blocks.
type Snapshot struct {
	seq      int64
	count    int
	keys     [shardCount]*index // by hash of the secret
	ids      [shardCount]*index // the same grants by key id
	old      table[[32]byte, oldSecret]
	teams    table[string, Team]
	users    table[string, User]
	members  table[pair, Member]
	orgs     table[string, Org]
	budgets  table[string, budgetRow]
	clients  table[string, Customer]
	settings map[string]models.JSON
	catalog  *Catalog
	parts    parts
}

// parts are what the catalog is built from.
type parts struct {
	config  []*models.Deployment
	rows    map[string]*models.Deployment
	groups  map[string][]string
	aliases map[string]Alias
}

// Seq is the configuration sequence number this snapshot stands at; 0 before the first load.
func (s *Snapshot) Seq() int64 { return s.seq }

// Keys is the number of keys.
func (s *Snapshot) Keys() int { return s.count }

// Lookup finds the grant of a secret by its SHA-256, nil when there is none. The former secret of a rotated key finds
// its key until its grace ends; now is Unix µs. Expiry and blocks of the key itself are policy's to judge.
// It allocates nothing.
func (s *Snapshot) Lookup(hash *[32]byte, now int64) *Grant {
	shard, slot := spread(ofHash(hash))
	if g := s.keys[shard].byHash(hash, slot); g != nil {
		return g
	}
	if o := s.old.get(hash[0], *hash); o != nil && now < o.expiresAt {
		return s.Grant(o.keyID)
	}
	return nil
}

// Grant finds a key by its id, nil when there is none.
func (s *Snapshot) Grant(id string) *Grant {
	shard, slot := spread(ofID(id))
	return s.ids[shard].byID(id, slot)
}

// EachGrant calls fn for every key, in no order.
func (s *Snapshot) EachGrant(fn func(*Grant)) {
	for _, x := range s.keys {
		if x == nil {
			continue
		}
		for _, g := range x.slots {
			if g != nil {
				fn(g)
			}
		}
	}
}

// Team finds a team, nil when there is none.
func (s *Snapshot) Team(id string) *Team { return s.teams.get(textShard(id), id) }

// User finds a person, nil when there is none.
func (s *Snapshot) User(id string) *User { return s.users.get(textShard(id), id) }

// Member finds a person's place in a team, nil when there is none.
func (s *Snapshot) Member(team, user string) *Member {
	k := pair{team, user}
	return s.members.get(k.shard(), k)
}

// Org finds an organization, nil when there is none.
func (s *Snapshot) Org(id string) *Org { return s.orgs.get(textShard(id), id) }

// Customer finds an end user, nil when nobody made a row for them.
func (s *Snapshot) Customer(id string) *Customer { return s.clients.get(textShard(id), id) }

// Setting is a value changed in the portal, nil when config.yaml stands.
func (s *Snapshot) Setting(name string) models.JSON { return s.settings[name] }

// Catalog is every model served.
func (s *Snapshot) Catalog() *Catalog { return s.catalog }

// OrgID is the organization a key's calls count for: the key's own, else its team's; empty when there is none.
func (s *Snapshot) OrgID(g *Grant) string {
	if g.OrgID != "" || g.TeamID == "" {
		return g.OrgID
	}
	if t := s.Team(g.TeamID); t != nil {
		return t.OrgID
	}
	return ""
}

func (s *Snapshot) budget(id string) *Limits {
	if id == "" {
		return nil
	}
	if b := s.budgets.get(textShard(id), id); b != nil {
		return &b.limits
	}
	return nil
}

func limitsOf(l *Limits) Limits {
	if l == nil {
		return Limits{}
	}
	return *l
}

// KeyLimits are the key's limits with its budget row behind them and, until it ends, its temporary raise on top. A raise
// does nothing for a key without a budget. now is Unix µs.
func (s *Snapshot) KeyLimits(g *Grant, now int64) Limits {
	l := limitsOf(g.limits).over(s.budget(g.BudgetID))
	if m := g.more; m != nil && now < m.tempUntil && l.MaxBudget.Set {
		l.MaxBudget.N = int64(models.Nano(l.MaxBudget.N).AddSat(models.Nano(m.tempIncrease)))
	}
	return l
}

// TeamLimits are the team's own limits.
func (s *Snapshot) TeamLimits(t *Team) Limits { return limitsOf(t.limits) }

// UserLimits are the person's own limits; whether the budget applies to a call is policy's to say.
func (s *Snapshot) UserLimits(u *User) Limits { return limitsOf(u.limits) }

// MemberLimits are a person's limits inside a team: their own budget row, then the team's default for members. m may be
// nil: a key can name a person who is no member.
func (s *Snapshot) MemberLimits(t *Team, m *Member) Limits {
	var l Limits
	if m != nil {
		l = limitsOf(s.budget(m.BudgetID))
	}
	if t != nil {
		l = l.over(t.memberLimits)
	}
	return l
}

// OrgLimits are the limits of the organization's budget row.
func (s *Snapshot) OrgLimits(o *Org) Limits { return limitsOf(s.budget(o.BudgetID)) }

// CustomerLimits are the end user's limits with their budget row behind them. For an end user without any (c nil
// included), defaultBudget names the row that applies; empty = none.
func (s *Snapshot) CustomerLimits(c *Customer, defaultBudget string) Limits {
	if c == nil || c.BudgetID == "" && c.limits == nil {
		return limitsOf(s.budget(defaultBudget))
	}
	return limitsOf(c.limits).over(s.budget(c.BudgetID))
}
