package store

import (
	"context"
	"strings"

	"gatehouse/models"
)

// KeyFilter narrows a list of keys; empty fields do not. Portal session keys are in no list.
type KeyFilter struct {
	Visible Scope

	UserID, TeamID, OrgID string
	Hash, Alias           string // exact
	BudgetID, CreatedBy   string
	AccessGroupID         string
	IDs                   []string
	Search                string // part of alias, "sk-...abcd", id, tag, or of the owner's id, email or alias
	Blocked               *bool
	Expired               *bool      // by Options.Now
	Personal              bool       // without a team
	Service               bool       // without a user
	Attention             *Attention // only keys that need it
}

// KeyRow is a key as lists show it, with what other tables say about it.
type KeyRow struct {
	models.Key `gorm:"embedded"`
	Spent      models.Nano // in the present window
	Total      models.Nano
	ResetsAt   *models.Time
	LastUsedAt models.Time // zero = never
	TeamAlias  *string
	OwnerEmail *string
	OwnerAlias *string
}

// ArchivedKeyRow is a deleted key as lists show it.
type ArchivedKeyRow struct {
	models.ArchivedKey `gorm:"embedded"`
	Spent              models.Nano
	Total              models.Nano
	LastUsedAt         models.Time
	TeamAlias          *string
	OwnerEmail         *string
	OwnerAlias         *string
}

// KeySorts are the names by which keys can be sorted; "" is created_at.
func keySorts() map[string]string {
	return map[string]string{
		"": "k.created_at", "created_at": "k.created_at", "updated_at": "k.updated_at", "token": "k.hash",
		"key_alias": "k.alias?", "max_budget": "k.max_budget?", "expires": "k.expires_at?",
		"spend": "c.spent", "last_used": "c.last_used_at",
	}
}

// ListKeys gives one page of live keys and the number of all that match: at most two statements, however many there are.
// Sort is one of created_at (default), updated_at, token, key_alias, max_budget, expires, spend, last_used. Errors:
// fault.Invalid for another.
func (s *Store) ListKeys(ctx context.Context, f KeyFilter, page Page) ([]KeyRow, int64, error) {
	order, err := page.order(keySorts(), "k.hash")
	if err != nil {
		return nil, 0, err
	}
	from := "keys k"
	if strings.HasPrefix(order, "c.") {
		// Every live key has a counter (a trigger sees to it), so the page can be walked along the counters' index.
		from = "counters c JOIN keys k ON k.id = c.key_id"
		order = strings.Replace(order, "k.hash", "c.key_id", 1)
	}
	w := s.keyConditions(f)
	limit, offset := page.limits()
	// A search looks at every key: it counts what it finds on the way instead of looking twice.
	matches := "0"
	var total int64
	if f.Search != "" {
		matches = "count(*) OVER ()"
	} else if total, err = s.count(ctx, "keys k", w); err != nil || total <= int64(offset) {
		return nil, total, err
	}
	// The page is cut first and joined after, so that the joins touch its rows only.
	query := "SELECT k.*, c.spent, c.total, c.resets_at, c.last_used_at, t.alias AS team_alias, u.email AS owner_email, u.alias AS owner_alias," +
		" p.matches FROM (SELECT k.id, " + matches + " AS matches FROM " + from + w.sql() + " ORDER BY " + order + " LIMIT ? OFFSET ?) p" +
		" JOIN keys k ON k.id = p.id LEFT JOIN counters c ON c.key_id = k.id" +
		" LEFT JOIN teams t ON t.id = k.team_id LEFT JOIN users u ON u.id = k.user_id ORDER BY " + order
	var counted []struct {
		KeyRow  `gorm:"embedded"`
		Matches int64
	}
	if err := s.read.WithContext(ctx).Raw(query, append(w.args, limit, offset)...).Find(&counted).Error; err != nil {
		return nil, 0, fail("list keys", err)
	}
	rows := make([]KeyRow, len(counted))
	for i := range counted {
		rows[i], total = counted[i].KeyRow, max(total, counted[i].Matches)
	}
	if len(rows) == 0 && offset > 0 { // past the end of what a search found
		total, err = s.count(ctx, "keys k", w)
	}
	return rows, total, err
}

// ListDeletedKeys gives one page of deleted keys, newest first (page.Sort is not heard), and how many there are.
func (s *Store) ListDeletedKeys(ctx context.Context, f KeyFilter, page Page) ([]ArchivedKeyRow, int64, error) {
	w := s.keyConditions(f)
	w.add("k.rotated = FALSE")
	total, err := s.count(ctx, "keys_archive k", w)
	if err != nil || total == 0 {
		return nil, total, err
	}
	limit, offset := page.limits()
	query := "SELECT k.*, COALESCE(c.spent, 0) AS spent, COALESCE(c.total, 0) AS total, COALESCE(c.last_used_at, 0) AS last_used_at," +
		" t.alias AS team_alias, u.email AS owner_email, u.alias AS owner_alias FROM keys_archive k" +
		" LEFT JOIN counters c ON c.key_id = k.id LEFT JOIN teams t ON t.id = k.team_id LEFT JOIN users u ON u.id = k.user_id" +
		w.sql() + " ORDER BY k.deleted_at DESC, k.id DESC LIMIT ? OFFSET ?"
	var rows []ArchivedKeyRow
	err = s.read.WithContext(ctx).Raw(query, append(w.args, limit, offset)...).Find(&rows).Error
	return rows, total, fail("list deleted keys", err)
}

// CountKeys counts the live keys that match.
func (s *Store) CountKeys(ctx context.Context, f KeyFilter) (int64, error) {
	return s.count(ctx, "keys k", s.keyConditions(f))
}

// KeyAliases gives one page of the aliases in use, in order, and their number. search is part of an alias.
func (s *Store) KeyAliases(ctx context.Context, f KeyFilter, search string, page Page) ([]string, int64, error) {
	w := s.keyConditions(f)
	w.add("k.alias IS NOT NULL")
	w.like(search, "k.alias")
	limit, offset := page.limits()
	var total int64
	query := "SELECT k.alias, 0 AS matches FROM keys k" + w.sql() + " ORDER BY k.alias LIMIT ? OFFSET ?"
	if search != "" { // looks at every alias, once
		query = "WITH found AS MATERIALIZED (SELECT k.alias FROM keys k" + w.sql() + ")" +
			" SELECT alias, (SELECT count(*) FROM found) AS matches FROM found ORDER BY alias LIMIT ? OFFSET ?"
	} else {
		var err error
		if total, err = s.count(ctx, "keys k", w); err != nil || total <= int64(offset) {
			return nil, total, err
		}
	}
	var rows []struct {
		Alias   string
		Matches int64
	}
	err := s.read.WithContext(ctx).Raw(query, append(w.args, limit, offset)...).Find(&rows).Error
	if err != nil {
		return nil, 0, fail("list key aliases", err)
	}
	aliases := make([]string, len(rows))
	for i, row := range rows {
		aliases[i], total = row.Alias, max(total, row.Matches)
	}
	if len(rows) == 0 && offset > 0 {
		total, err = s.count(ctx, "keys k", w)
	}
	return aliases, total, err
}

func (s *Store) keyConditions(f KeyFilter) *where {
	w := new(where)
	f.Visible.keys(w, "k")
	w.add("(k.team_id IS NULL OR k.team_id <> ?)", models.UISessionTeam)
	w.eq("k.user_id", f.UserID)
	w.eq("k.team_id", f.TeamID)
	w.eq("k.organization_id", f.OrgID)
	w.eq("k.hash", f.Hash)
	w.eq("k.alias", f.Alias)
	w.eq("k.budget_id", f.BudgetID)
	w.eq("k.created_by", f.CreatedBy)
	w.in("k.id", f.IDs)
	if f.AccessGroupID != "" {
		w.like(`"`+f.AccessGroupID+`"`, "k.access_group_ids")
	}
	if f.Search != "" {
		var any where
		for _, column := range []string{"k.alias", "k.key_name", "k.id", "k.user_id"} {
			any.add(lowered(f.Search, column)+` LIKE ? ESCAPE '\'`, contains(f.Search))
		}
		any.add(`(k.metadata LIKE '%"tags"%' AND `+lowered(f.Search, "k.metadata")+` LIKE ? ESCAPE '\')`, contains(f.Search))
		any.add("k.user_id IN (SELECT id FROM users WHERE "+lowered(f.Search, "email")+` LIKE ? ESCAPE '\' OR `+
			lowered(f.Search, "alias")+` LIKE ? ESCAPE '\')`, contains(f.Search), contains(f.Search))
		any.add("k.hash = ?", f.Search) // what the API calls the key's id
		w.either(any)
	}
	if f.Blocked != nil {
		w.add("COALESCE(k.blocked, FALSE) = ?", *f.Blocked)
	}
	if f.Expired != nil {
		now := models.At(s.opt.Now()).Micros()
		if *f.Expired {
			w.add("k.expires_at <= ?", now)
		} else {
			w.add("(k.expires_at IS NULL OR k.expires_at > ?)", now)
		}
	}
	if f.Attention != nil {
		ranked, args := f.Attention.ranked()
		w.add("k.id IN (SELECT p.id FROM ("+ranked+") p WHERE p.rank_of < 9)", args...)
	}
	if f.Personal {
		w.add("k.team_id IS NULL")
	}
	if f.Service {
		w.add("k.user_id IS NULL")
	}
	return w
}

// count counts the rows of a FROM clause under conditions.
func (s *Store) count(ctx context.Context, from string, w *where) (int64, error) {
	var total int64
	err := s.read.WithContext(ctx).Raw("SELECT count(*) FROM "+from+w.sql(), w.args...).Find(&total).Error
	return total, fail("count rows", err)
}
