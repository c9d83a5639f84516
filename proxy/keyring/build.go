package keyring

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strings"

	"gatehouse/models"
)

// build is the sink of one read: it makes the next snapshot out of the last one and what changed. Nothing it touches is
// shared with a published snapshot until the read has succeeded. Not safe for concurrent use.
type build struct {
	next   *Snapshot
	since  int64 // rows at or below this stamp are known: a read that brings one is older than what we have
	decode func(*models.DeploymentRow) (models.Deployment, error)
	pool   *pool
	errs   []error // rows left out
	stale  int     // rows older than what is known, left out

	ownKeys, ownIDs [shardCount]bool
	old             edit[[32]byte, oldSecret]
	teams           edit[string, Team]
	users           edit[string, User]
	members         edit[pair, Member]
	orgs            edit[string, Org]
	budgets         edit[string, budgetRow]
	clients         edit[string, Customer]
	ownSettings     bool
	ownRows         bool
	ownGroups       bool
	recatalog       bool
}

var _ models.ChangeSink = (*build)(nil)

func newBuild(from *Snapshot, decode func(*models.DeploymentRow) (models.Deployment, error)) *build {
	next := *from
	b := &build{next: &next, since: from.seq, decode: decode, pool: newPool()}
	b.old.t, b.teams.t, b.users.t, b.members.t = &next.old, &next.teams, &next.users, &next.members
	b.orgs.t, b.budgets.t, b.clients.t = &next.orgs, &next.budgets, &next.clients
	return b
}

// finish gives the snapshot at seq. The build is spent.
func (b *build) finish(seq int64) *Snapshot {
	b.next.seq = seq
	if b.recatalog || b.next.catalog == nil {
		b.next.catalog = b.next.parts.catalog()
	}
	return b.next
}

func (p *parts) catalog() *Catalog {
	all := make([]*models.Deployment, 0, len(p.config)+len(p.rows))
	taken := make(map[string]bool, len(p.config))
	for _, d := range p.config {
		all = append(all, d)
		taken[d.ID] = true
	}
	for _, d := range p.rows {
		if !taken[d.ID] { // config.yaml wins: it is what the operator sees first
			all = append(all, d)
		}
	}
	return NewCatalog(all, p.groups, p.aliases)
}

// known says whether a row is no newer than what the last read held.
func (b *build) known(seq int64) bool {
	if b.since > 0 && seq <= b.since {
		b.stale++
		return true
	}
	return false
}

func (b *build) keyShard(i int) *index {
	if !b.ownKeys[i] {
		b.ownKeys[i] = true
		b.next.keys[i] = b.next.keys[i].clone()
	}
	return b.next.keys[i]
}

func (b *build) idShard(i int) *index {
	if !b.ownIDs[i] {
		b.ownIDs[i] = true
		b.next.ids[i] = b.next.ids[i].clone()
	}
	return b.next.ids[i]
}

func (b *build) dropKey(g *Grant) {
	shard, _ := spread(grantHash(g))
	b.keyShard(shard).remove(g, grantHash)
	shard, _ = spread(grantID(g))
	b.idShard(shard).remove(g, grantID)
	b.next.count--
}

// Key takes a new or changed key.
func (b *build) Key(k *models.Key) {
	if b.known(k.Seq) {
		return
	}
	// Out with the old one first: a row that cannot be read must not leave yesterday's rights in force.
	if before := b.next.Grant(k.ID); before != nil {
		b.dropKey(before)
	}
	g, err := newGrant(b.pool, k)
	if err != nil {
		b.errs = append(b.errs, err)
		return
	}
	shard, slot := spread(grantHash(g))
	if twin := b.next.keys[shard].byHash(&g.hash, slot); twin != nil { // the hash has moved to another id
		b.dropKey(twin)
	}
	b.keyShard(shard).add(g, grantHash)
	shard, _ = spread(grantID(g))
	b.idShard(shard).add(g, grantID)
	b.next.count++
}

// OldSecret takes the former hash of a rotated key.
func (b *build) OldSecret(o *models.OldSecret) {
	if b.known(o.Seq) {
		return
	}
	hash, err := parseHash(o.Hash)
	if err != nil {
		b.errs = append(b.errs, fmt.Errorf("old secret of key %s: %w", o.KeyID, err))
		return
	}
	b.old.set(hash[0], hash, &oldSecret{keyID: b.pool.str(o.KeyID), expiresAt: o.ExpiresAt.Micros()})
}

func parseHash(text string) (hash [32]byte, err error) {
	if len(text) != 2*len(hash) {
		return hash, errors.New("not a SHA-256")
	}
	if _, err = hex.Decode(hash[:], []byte(text)); err != nil {
		return hash, errors.New("not a SHA-256")
	}
	return hash, nil
}

// Team takes a new or changed team.
func (b *build) Team(t *models.Team) {
	if !b.known(t.Seq) {
		row := newTeam(b.pool, t)
		b.teams.set(textShard(row.ID), row.ID, row)
	}
}

// User takes a new or changed person.
func (b *build) User(u *models.User) {
	if !b.known(u.Seq) {
		row := newUser(b.pool, u)
		b.users.set(textShard(row.ID), row.ID, row)
	}
}

// Membership takes a person's place in a team.
func (b *build) Membership(m *models.Membership) {
	if !b.known(m.Seq) {
		row := newMember(b.pool, m)
		k := pair{row.TeamID, row.UserID}
		b.members.set(k.shard(), k, row)
	}
}

// Organization takes a new or changed organization.
func (b *build) Organization(o *models.Organization) {
	if !b.known(o.Seq) {
		row := newOrg(b.pool, o)
		b.orgs.set(textShard(row.ID), row.ID, row)
	}
}

// OrgMembership is of no use to a request: it decides who may administer, which the control plane reads for itself.
func (b *build) OrgMembership(*models.OrgMembership) {}

// Budget takes a budget row.
func (b *build) Budget(row *models.Budget) {
	if !b.known(row.Seq) {
		id := b.pool.str(row.ID)
		b.budgets.set(textShard(id), id, newBudget(b.pool, row))
	}
}

// Customer takes an end user.
func (b *build) Customer(c *models.Customer) {
	if !b.known(c.Seq) {
		row := newCustomer(b.pool, c)
		b.clients.set(textShard(row.ID), row.ID, row)
	}
}

// Deployment takes a model kept in the database. One that cannot be read serves nothing and is listed with the reason.
func (b *build) Deployment(row *models.DeploymentRow) {
	if b.known(row.Seq) {
		return
	}
	d, err := b.decode(row)
	if err != nil {
		b.errs = append(b.errs, fmt.Errorf("model %s: %w", row.ID, err))
		d = models.Deployment{ID: row.ID, ModelName: row.ModelName, TeamID: row.TeamID, Disabled: err.Error()}
	}
	d.Seq = row.Seq
	b.rows()[d.ID] = &d
}

func (b *build) rows() map[string]*models.Deployment {
	b.recatalog = true
	if !b.ownRows {
		b.ownRows = true
		b.next.parts.rows = cloned(b.next.parts.rows)
	}
	return b.next.parts.rows
}

// AccessGroup takes a named set of models.
func (b *build) AccessGroup(g *models.AccessGroup) {
	if !b.known(g.Seq) {
		b.groups()[b.pool.str(g.Name)] = b.pool.strs(g.Models)
	}
}

func (b *build) groups() map[string][]string {
	b.recatalog = true
	if !b.ownGroups {
		b.ownGroups = true
		b.next.parts.groups = cloned(b.next.parts.groups)
	}
	return b.next.parts.groups
}

// Setting takes a value changed in the portal.
func (b *build) Setting(s *models.Setting) {
	if !b.known(s.Seq) {
		b.settings()[s.Name] = append(models.JSON(nil), s.Value...)
	}
}

func (b *build) settings() map[string]models.JSON {
	if !b.ownSettings {
		b.ownSettings = true
		b.next.settings = cloned(b.next.settings)
	}
	return b.next.settings
}

func cloned[M ~map[K]V, K comparable, V any](m M) M {
	if m == nil {
		return M{}
	}
	return maps.Clone(m)
}

// Deleted takes a row that is gone. Deletions of a read come before its rows.
func (b *build) Deleted(tableName, id string) {
	switch tableName {
	case "keys":
		if g := b.next.Grant(id); g != nil {
			b.dropKey(g)
		}
	case "old_secrets":
		if hash, err := parseHash(id); err == nil {
			b.old.remove(hash[0], hash)
		}
	case "teams":
		b.teams.remove(textShard(id), id)
	case "users":
		b.users.remove(textShard(id), id)
	case "memberships":
		team, user, _ := strings.Cut(id, models.IDSep)
		k := pair{team, user}
		b.members.remove(k.shard(), k)
	case "organizations":
		b.orgs.remove(textShard(id), id)
	case "budgets":
		b.budgets.remove(textShard(id), id)
	case "customers":
		b.clients.remove(textShard(id), id)
	case "deployments":
		delete(b.rows(), id)
	case "access_groups":
		delete(b.groups(), id)
	case "settings":
		delete(b.settings(), id)
	}
}
