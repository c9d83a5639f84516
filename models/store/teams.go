package store

import (
	"context"
	"slices"
	"strconv"

	"gorm.io/gorm"

	"gatehouse/models"
)

const noTeam = "no such team"

// Team loads one team by id. Errors: fault.NotFound.
func (s *Store) Team(ctx context.Context, id string) (*models.Team, error) {
	var team models.Team
	if err := s.read.WithContext(ctx).Take(&team, "id = ?", id).Error; err != nil {
		return nil, missing("load a team", noTeam, err)
	}
	return &team, nil
}

// TeamsByID loads teams by id, in no order; unknown ids are left out.
func (s *Store) TeamsByID(ctx context.Context, ids []string) ([]models.Team, error) {
	var teams []models.Team
	for part := range slices.Chunk(ids, maxIDs) {
		var some []models.Team
		if err := s.read.WithContext(ctx).Where("id IN ?", part).Find(&some).Error; err != nil {
			return nil, fail("load teams", err)
		}
		teams = append(teams, some...)
	}
	return teams, nil
}

// InsertTeam adds a team. Errors: fault.Conflict with Param "team_id".
func (s *Store) InsertTeam(ctx context.Context, team *models.Team) error {
	return s.mutate(ctx, "add a team", func(db *gorm.DB) error { return db.Create(team).Error })
}

// UpdateTeam writes every column of team but its id, creation and stamp. Errors: fault.NotFound.
func (s *Store) UpdateTeam(ctx context.Context, team *models.Team) error {
	return s.mutate(ctx, "update a team", func(db *gorm.DB) error {
		return changed(db.Select("*").Omit("id", "created_at", "created_by", "change_seq").
			Where("id = ?", team.ID).Updates(team), noTeam)
	})
}

// SetTeam writes the named columns of one team. Errors: fault.NotFound.
func (s *Store) SetTeam(ctx context.Context, id string, columns map[string]any) error {
	return s.mutate(ctx, "update a team", func(db *gorm.DB) error {
		return changed(db.Model(&models.Team{}).Where("id = ?", id).Updates(columns), noTeam)
	})
}

// DeleteTeams removes teams with their memberships and counters, those of members too, since a team id may be used
// again. Their keys are the caller's business (KeysOfTeams, DeleteKeys). It returns how many teams there were.
func (s *Store) DeleteTeams(ctx context.Context, ids []string) (count int64, err error) {
	err = s.mutate(ctx, "delete teams", func(db *gorm.DB) error {
		for _, id := range ids {
			members := "member:" + strconv.Itoa(len(id)) + ":" + id + "/" // as models.ScopeMember spells it
			if err := db.Exec("DELETE FROM counters WHERE scope = ? OR substr(scope, 1, CAST(? AS INTEGER)) = ?",
				models.ScopeTeam(id), len([]rune(members)), members).Error; err != nil {
				return err
			}
		}
		result := db.Exec("DELETE FROM teams WHERE id IN ?", ids) // memberships go with them (foreign key)
		count = result.RowsAffected
		return result.Error
	})
	return count, err
}

// TeamFilter narrows a list of teams; empty fields do not.
type TeamFilter struct {
	All       bool     // the caller may see every team; otherwise VisibleTo alone
	VisibleTo []string // ids of the teams the caller may see

	IDs      []string
	MemberID string // teams this user is in
	OrgID    string
	NoOrg    bool   // teams without an organization
	Alias    string // part of it
	Search   string // part of id or alias
	Blocked  *bool
}

// TeamRow is a team as lists show it.
type TeamRow struct {
	models.Team `gorm:"embedded"`
	Spent       models.Nano
	Total       models.Nano
	ResetsAt    *models.Time
	LastUsedAt  models.Time // zero = never
	MemberCount int64
	KeyCount    int64
}

// ListTeams gives one page of teams and the number of all that match, in two statements. Sort is one of created_at
// (default), team_id, team_alias, spend, max_budget, last_used. Errors: fault.Invalid for another.
func (s *Store) ListTeams(ctx context.Context, f TeamFilter, page Page) ([]TeamRow, int64, error) {
	order, err := page.order(map[string]string{
		"": "t.created_at", "created_at": "t.created_at", "team_id": "t.id", "team_alias": "t.alias?",
		"max_budget": "t.max_budget?", "spend": "c.spent", "last_used": "c.last_used_at",
	}, "t.id")
	if err != nil {
		return nil, 0, err
	}
	w := teamConditions(f)
	total, err := s.count(ctx, "teams t", w)
	if err != nil || total == 0 {
		return nil, total, err
	}
	limit, offset := page.limits()
	query := "SELECT t.*, c.spent, c.total, c.resets_at, c.last_used_at," +
		" (SELECT count(*) FROM memberships m WHERE m.team_id = t.id) AS member_count," +
		" (SELECT count(*) FROM keys k WHERE k.team_id = t.id) AS key_count" +
		" FROM (SELECT t.id FROM teams t JOIN counters c ON c.scope = 'team:' || t.id" + w.sql() +
		" ORDER BY " + order + " LIMIT ? OFFSET ?) p" +
		" JOIN teams t ON t.id = p.id JOIN counters c ON c.scope = 'team:' || t.id ORDER BY " + order
	var rows []TeamRow
	err = s.read.WithContext(ctx).Raw(query, append(w.args, limit, offset)...).Find(&rows).Error
	return rows, total, fail("list teams", err)
}

// TeamChoices gives the ids and aliases of teams by alias, at most limit of them.
func (s *Store) TeamChoices(ctx context.Context, f TeamFilter, limit int) ([]models.Team, error) {
	w := teamConditions(f)
	var teams []models.Team
	err := s.read.WithContext(ctx).Raw("SELECT t.id, t.alias FROM teams t"+w.sql()+" ORDER BY t.alias, t.id LIMIT ?", append(w.args, limit)...).Find(&teams).Error
	return teams, fail("list teams", err)
}

func teamConditions(f TeamFilter) *where {
	w := new(where)
	if !f.All {
		w.add("t.id IN ?", f.VisibleTo) // no id at all matches nothing
	}
	w.in("t.id", f.IDs)
	w.eq("t.organization_id", f.OrgID)
	w.like(f.Alias, "t.alias")
	w.like(f.Search, "t.id", "t.alias")
	if f.MemberID != "" {
		w.add("t.id IN (SELECT team_id FROM memberships WHERE user_id = ?)", f.MemberID)
	}
	if f.NoOrg {
		w.add("t.organization_id IS NULL")
	}
	if f.Blocked != nil {
		w.add("t.blocked = ?", *f.Blocked)
	}
	return w
}
