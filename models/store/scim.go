package store

import (
	"context"

	"gatehouse/models"
)

// DirectoryFilter is what a directory asks for; empty fields do not narrow. Texts are whole values; names and addresses are
// compared without regard to case.
type DirectoryFilter struct {
	ID         string
	Name       string // of a person: the userName they were given; of one who was given none their email or id; of a team: its alias, else its id
	Email      string
	ExternalID string
	Active     *bool  // people: not blocked
	Member     string // teams that this person is in
}

// DirectoryUsers lists people by id, from an offset, and counts all that match.
func (s *Store) DirectoryUsers(ctx context.Context, f DirectoryFilter, offset, limit int) ([]models.User, int64, error) {
	w := new(where)
	w.eq("u.id", f.ID)
	w.eq("u.external_id", f.ExternalID)
	if f.Name != "" {
		w.add("(lower(u.scim_name) = lower(?) OR u.scim_name = '' AND (lower(u.email) = lower(?) OR u.id = ?))", f.Name, f.Name, f.Name)
	}
	if f.Email != "" {
		w.add("lower(u.email) = lower(?)", f.Email)
	}
	if f.Active != nil {
		w.add("u.blocked = ?", !*f.Active)
	}
	total, err := s.count(ctx, "users u", w)
	if err != nil || total == 0 || limit == 0 {
		return nil, total, err
	}
	var rows []models.User
	err = s.read.WithContext(ctx).Raw("SELECT u.* FROM users u"+w.sql()+" ORDER BY u.id LIMIT ? OFFSET ?", append(w.args, limit, offset)...).Find(&rows).Error
	return rows, total, fail("list people for a directory", err)
}

// DirectoryTeams lists teams by id, from an offset, and counts all that match.
func (s *Store) DirectoryTeams(ctx context.Context, f DirectoryFilter, offset, limit int) ([]models.Team, int64, error) {
	w := new(where)
	w.eq("t.id", f.ID)
	w.eq("t.external_id", f.ExternalID)
	if f.Name != "" {
		w.add("(lower(t.alias) = lower(?) OR t.alias IS NULL AND t.id = ?)", f.Name, f.Name)
	}
	if f.Member != "" {
		w.add("t.id IN (SELECT team_id FROM memberships WHERE user_id = ?)", f.Member)
	}
	total, err := s.count(ctx, "teams t", w)
	if err != nil || total == 0 || limit == 0 {
		return nil, total, err
	}
	var rows []models.Team
	err = s.read.WithContext(ctx).Raw("SELECT t.* FROM teams t"+w.sql()+" ORDER BY t.id LIMIT ? OFFSET ?", append(w.args, limit, offset)...).Find(&rows).Error
	return rows, total, fail("list teams for a directory", err)
}
