package keyring

import (
	"encoding/hex"
	"fmt"
	"strings"

	"gatehouse/models"
)

// scopePrefix is models.ScopeKey's, kept in front of the id so that a key's scope costs no allocation.
var scopePrefix = models.ScopeKey("")

// Grant is what one key may do, in the fewest bytes that a request needs. It is immutable and shared: never write to
// its slices and maps. Rows that several keys share (team, user, budget) are found through the Snapshot.
type Grant struct {
	hash [32]byte
	text string // scope prefix, id, masked name, alias

	TeamID, UserID, OrgID string
	BudgetID              string // budget row that fills the limits the key leaves open
	Models                *List  // nil = no restriction
	limits                *Limits
	more                  *more

	ExpiresAt int64 // Unix µs; 0 = never

	idLen, nameLen uint32
	Blocked        bool
	Master         bool // the master key: no check, limit or budget applies
	Foreign        bool // made by a custom_auth hook: its ids need not have rows here
}

// more is what few keys have.
type more struct {
	aliases          map[string]string
	routes           []string
	cacheControls    []string
	enforced         []string
	tags             []string
	mode             string
	tempIncrease     int64
	tempUntil        int64
	disableFallbacks bool
	routing          *Routing
}

var nothing = &more{} // never written

func (g *Grant) extra() *more {
	if g.more == nil {
		return nothing
	}
	return g.more
}

// NewGrant makes the grant of one key outside of any snapshot: for the keys that a custom_auth hook or a portal session
// stands for. It errs when the row's hash is not 64 hex characters.
func NewGrant(k *models.Key) (*Grant, error) { return newGrant(newPool(), k) }

// NewMaster makes the grant of the master key under the alias that stands for it in logs and spend rows.
func NewMaster(alias string) *Grant {
	id := "master"
	return &Grant{
		text: scopePrefix + id + alias, idLen: uint32(len(id)), //nolint:gosec // six
		UserID: models.DefaultUserID, Master: true,
	}
}

func newGrant(p *pool, k *models.Key) (*Grant, error) {
	g := &Grant{
		TeamID: p.ptr(k.TeamID), UserID: p.ptr(k.UserID), OrgID: p.ptr(k.OrgID), BudgetID: p.ptr(k.BudgetID),
		Models: p.list(k.Models, k.AccessGroupIDs), limits: p.limits(&k.Limits, 0),
		Blocked: k.Blocked != nil && *k.Blocked,
		idLen:   uint32(len(k.ID)), nameLen: uint32(len(k.Name)), //nolint:gosec // columns of a row
	}
	if n, err := hex.Decode(g.hash[:], []byte(k.Hash)); err != nil || n != len(g.hash) || len(k.Hash) != 2*len(g.hash) {
		return nil, fmt.Errorf("key %s has no SHA-256 for a hash", k.ID)
	}
	var text strings.Builder
	text.Grow(len(scopePrefix) + len(k.ID) + len(k.Name) + lenOf(k.Alias))
	text.WriteString(scopePrefix)
	text.WriteString(k.ID)
	text.WriteString(k.Name)
	if k.Alias != nil {
		text.WriteString(*k.Alias)
	}
	g.text = text.String()
	if k.ExpiresAt != nil {
		g.ExpiresAt = k.ExpiresAt.Micros()
	}
	meta := readMeta(p, k.Metadata)
	m := more{
		routes: p.strs(k.AllowedRoutes), cacheControls: p.strs(k.AllowedCacheControls), enforced: p.strs(k.EnforcedParams),
		tags: meta.tags, mode: meta.mode, disableFallbacks: meta.disableFallbacks,
		routing: readRouting(k.Extra),
	}
	if len(k.Aliases) > 0 {
		m.aliases = k.Aliases
	}
	if k.TempBudgetIncrease != nil && k.TempBudgetExpiresAt != nil {
		m.tempIncrease, m.tempUntil = int64(*k.TempBudgetIncrease), k.TempBudgetExpiresAt.Micros()
	}
	if m.aliases != nil || m.routes != nil || m.cacheControls != nil || m.enforced != nil || m.tags != nil ||
		m.mode != "" || m.tempUntil != 0 || m.disableFallbacks || m.routing != nil {
		g.more = &m
	}
	return g, nil
}

func lenOf(s *string) int {
	if s == nil {
		return 0
	}
	return len(*s)
}

// ID is the key's id, the same through every rotation.
func (g *Grant) ID() string { return g.text[len(scopePrefix) : len(scopePrefix)+int(g.idLen)] }

// Scope is the key's budget scope, models.ScopeKey of its id.
func (g *Grant) Scope() string { return g.text[:len(scopePrefix)+int(g.idLen)] }

// Name is the masked secret ("sk-...abcd"); empty where the operator keeps none.
func (g *Grant) Name() string {
	at := len(scopePrefix) + int(g.idLen)
	return g.text[at : at+int(g.nameLen)]
}

// Alias is the key's own name; empty when it has none.
func (g *Grant) Alias() string { return g.text[len(scopePrefix)+int(g.idLen)+int(g.nameLen):] }

// Label is how messages name the key: the masked secret, or the end of its hash. It tells nothing that opens a door.
func (g *Grant) Label() string {
	if name := g.Name(); name != "" {
		return name
	}
	return "…" + hex.EncodeToString(g.hash[30:])
}

// Hash is the SHA-256 of the secret.
func (g *Grant) Hash() [32]byte { return g.hash }

// HashHex is the hash as LiteLLM's "token", for spend rows.
func (g *Grant) HashHex() string {
	var text [2 * len(g.hash)]byte
	hex.Encode(text[:], g.hash[:])
	return string(text[:])
}

// Personal says whether the key belongs to no team, so that its user's own models and budget apply. The keys of portal
// sessions carry a team word that names no team.
func (g *Grant) Personal() bool { return g.TeamID == "" || g.TeamID == models.UISessionTeam }

// Expired says whether the key has run out at now (Unix µs).
func (g *Grant) Expired(now int64) bool { return g.ExpiresAt != 0 && now >= g.ExpiresAt }

// Aliases maps model names of the key's own; may be nil.
func (g *Grant) Aliases() map[string]string { return g.extra().aliases }

// AllowedRoutes narrows the routes; empty = no narrowing.
func (g *Grant) AllowedRoutes() []string { return g.extra().routes }

// CacheControls are the only cache controls a call may use; empty = all.
func (g *Grant) CacheControls() []string { return g.extra().cacheControls }

// EnforcedParams are body fields that each call must carry.
func (g *Grant) EnforcedParams() []string { return g.extra().enforced }

// Tags are the key's own spend tags (metadata.tags).
func (g *Grant) Tags() []string { return g.extra().tags }

// BudgetMode is metadata.budget_mode: "firm", "exact" or empty.
func (g *Grant) BudgetMode() string { return g.extra().mode }

// DisableFallbacks is metadata.disable_fallbacks.
func (g *Grant) DisableFallbacks() bool { return g.extra().disableFallbacks }

// Routing is the key's own router_settings; nil when it has none.
func (g *Grant) Routing() *Routing { return g.extra().routing }
