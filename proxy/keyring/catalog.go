package keyring

import (
	"cmp"
	"slices"

	"gatehouse/models"
	"gatehouse/proxy/policy/glob"
)

// Alias is a name that the operator gave to a model for everybody (router_settings.model_group_alias).
type Alias struct {
	Model  string
	Hidden bool // not listed
}

// Catalog is every model served, by all the names it has. Immutable and safe for concurrent use.
type Catalog struct {
	all     []*models.Deployment
	byID    map[string]*models.Deployment
	shared  nameIndex
	teams   map[string]*nameIndex
	rows    map[string]*List // access groups kept in the database: what each admits
	aliases map[string]Alias
	names   []string
	groups  []string
	capped  bool
}

// nameIndex finds deployments by public name.
type nameIndex struct {
	exact map[string][]*models.Deployment
	wild  []wildGroup // most specific first
}

type wildGroup struct {
	pattern     string
	deployments []*models.Deployment
}

// Match is what a model name resolves to.
type Match struct {
	Group       string // the public name the deployments share; for a wildcard, the pattern
	Wildcard    bool
	Pinned      bool // the caller named one deployment by its id
	Deployments []*models.Deployment
	Serve       int // how many deployments serve the group when Deployments are not all of them; else 0
}

// NewCatalog sorts deployments (those that serve; disabled ones are listed only), access groups kept in the database
// and proxy-wide aliases. It keeps the pointers and maps.
func NewCatalog(deployments []*models.Deployment, groups map[string][]string, aliases map[string]Alias) *Catalog {
	c := &Catalog{
		all: slices.Clone(deployments), byID: make(map[string]*models.Deployment, len(deployments)),
		teams: map[string]*nameIndex{}, rows: make(map[string]*List, len(groups)), aliases: aliases,
	}
	slices.SortStableFunc(c.all, func(a, b *models.Deployment) int {
		return cmp.Or(cmp.Compare(a.ModelName, b.ModelName), cmp.Compare(a.ID, b.ID))
	})
	for name, members := range groups {
		c.rows[name] = NewList(members, nil)
		c.groups = append(c.groups, name)
	}
	for _, d := range c.all {
		if d.Disabled != "" {
			continue
		}
		c.byID[d.ID] = d
		c.capped = c.capped || d.Params["max_budget"] != nil
		c.groups = append(c.groups, d.AccessGroups...)
		if d.TeamID == "" {
			c.shared.add(d.ModelName, d)
			c.names = append(c.names, d.ModelName)
			continue
		}
		team := c.teams[d.TeamID]
		if team == nil {
			team = &nameIndex{}
			c.teams[d.TeamID] = team
		}
		team.add(d.ModelName, d)
		if d.TeamPublicName != "" && d.TeamPublicName != d.ModelName {
			team.add(d.TeamPublicName, d)
		}
	}
	c.shared.sort()
	for _, t := range c.teams {
		t.sort()
	}
	slices.Sort(c.names)
	c.names = slices.Compact(c.names)
	slices.Sort(c.groups)
	c.groups = slices.Compact(c.groups)
	return c
}

func (x *nameIndex) add(name string, d *models.Deployment) {
	if !glob.Has(name) {
		if x.exact == nil {
			x.exact = map[string][]*models.Deployment{}
		}
		x.exact[name] = append(x.exact[name], d)
		return
	}
	for i := range x.wild {
		if x.wild[i].pattern == name {
			x.wild[i].deployments = append(x.wild[i].deployments, d)
			return
		}
	}
	x.wild = append(x.wild, wildGroup{name, []*models.Deployment{d}})
}

func (x *nameIndex) sort() {
	slices.SortFunc(x.wild, func(a, b wildGroup) int { return glob.Compare(a.pattern, b.pattern) })
}

func (x *nameIndex) wildcard(name string) (Match, bool) {
	for i := range x.wild {
		if glob.Match(x.wild[i].pattern, name) {
			return Match{Group: x.wild[i].pattern, Wildcard: true, Deployments: x.wild[i].deployments}, true
		}
	}
	return Match{}, false
}

// Resolve finds what serves name for a caller of this team (empty: no team): an exact name, else a deployment id, else
// the most specific wildcard alone; a team's own models come before shared ones of the same kind. No allocation but
// for a name that is an id.
func (c *Catalog) Resolve(name, team string) (Match, bool) {
	own := c.teams[team]
	if own != nil {
		if ds := own.exact[name]; ds != nil {
			return Match{Group: name, Deployments: ds}, true
		}
	}
	if ds := c.shared.exact[name]; ds != nil {
		return Match{Group: name, Deployments: ds}, true
	}
	if d := c.byID[name]; d != nil && (d.TeamID == "" || d.TeamID == team) && !glob.Has(d.ModelName) {
		group := c.shared.exact[d.ModelName]
		if d.TeamID != "" {
			group = own.exact[d.ModelName]
		}
		return Match{Group: d.ModelName, Pinned: true, Deployments: []*models.Deployment{d}, Serve: len(group)}, true
	}
	if own != nil {
		if m, ok := own.wildcard(name); ok {
			return m, true
		}
	}
	return c.shared.wildcard(name)
}

// GroupAdmits says whether an access group kept in the database holds the name, as itself or under a pattern. An unknown
// group admits nothing.
func (c *Catalog) GroupAdmits(group, name string) bool {
	list := c.rows[group]
	if list == nil {
		return false
	}
	if list.all || list.Names(name) {
		return true
	}
	for _, pattern := range list.globs {
		if glob.Match(pattern, name) {
			return true
		}
	}
	return false
}

// HasRowGroups says whether the database holds any access group: without one nobody needs to ask.
func (c *Catalog) HasRowGroups() bool { return len(c.rows) > 0 }

// Alias is the proxy-wide alias of that name.
func (c *Catalog) Alias(name string) (Alias, bool) {
	a, ok := c.aliases[name]
	return a, ok
}

// Aliases are all proxy-wide aliases; do not write to the map.
func (c *Catalog) Aliases() map[string]Alias { return c.aliases }

// ByID finds a deployment that serves.
func (c *Catalog) ByID(id string) *models.Deployment { return c.byID[id] }

// Capped says whether any deployment that serves has a budget of its own.
func (c *Catalog) Capped() bool { return c.capped }

// Deployments are all of them, disabled ones too, by name and id. Shared: read only.
func (c *Catalog) Deployments() []*models.Deployment { return c.all }

// Names are the public names that everybody may be given, wildcards as written, sorted. Shared: read only.
func (c *Catalog) Names() []string { return c.names }

// TeamNames are the public names of one team's own models, wildcards as written, sorted.
func (c *Catalog) TeamNames(team string) []string {
	own := c.teams[team]
	if own == nil {
		return nil
	}
	var names []string
	for name, ds := range own.exact {
		// A model with a public name of the team is listed under that one.
		if slices.ContainsFunc(ds, func(d *models.Deployment) bool { return d.TeamPublicName == "" || d.TeamPublicName == name }) {
			names = append(names, name)
		}
	}
	for _, w := range own.wild {
		names = append(names, w.pattern)
	}
	slices.Sort(names)
	return names
}

// Groups are the access groups of deployments and of the database, sorted. Shared: read only.
func (c *Catalog) Groups() []string { return c.groups }
