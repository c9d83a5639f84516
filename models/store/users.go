package store

import (
	"context"
	"slices"
	"strings"

	"gorm.io/gorm"

	"gatehouse/models"
)

const noUser = "no such user"

// User loads one user by id. Errors: fault.NotFound.
func (s *Store) User(ctx context.Context, id string) (*models.User, error) {
	return s.userWhere(ctx, "id = ?", id)
}

// UserByEmail loads one user by email, without regard to case. Errors: fault.NotFound.
func (s *Store) UserByEmail(ctx context.Context, email string) (*models.User, error) {
	return s.userWhere(ctx, "lower(email) = lower(?)", email)
}

// UserBySSO loads the user bound to a sign-in identity. Errors: fault.NotFound.
func (s *Store) UserBySSO(ctx context.Context, issuer, subject string) (*models.User, error) {
	return s.userWhere(ctx, "sso_issuer = ? AND sso_user_id = ?", issuer, subject)
}

func (s *Store) userWhere(ctx context.Context, condition string, args ...any) (*models.User, error) {
	var user models.User
	if err := s.read.WithContext(ctx).Where(condition, args...).Take(&user).Error; err != nil {
		return nil, missing("load a user", noUser, err)
	}
	return &user, nil
}

// UserBySubject loads the user bound to a provider's own id (sub). Errors: fault.NotFound, for an empty id too.
func (s *Store) UserBySubject(ctx context.Context, issuer, subject string) (*models.User, error) {
	return s.userWhere(ctx, "sso_subject <> '' AND sso_issuer = ? AND sso_subject = ?", issuer, subject)
}

// UsersByID loads users by id, in no order; unknown ids are left out.
func (s *Store) UsersByID(ctx context.Context, ids []string) ([]models.User, error) {
	var users []models.User
	for part := range slices.Chunk(ids, maxIDs) {
		var some []models.User
		if err := s.read.WithContext(ctx).Where("id IN ?", part).Find(&some).Error; err != nil {
			return nil, fail("load users", err)
		}
		users = append(users, some...)
	}
	return users, nil
}

// InsertUser adds a user. Errors: fault.Conflict with Param "user_id", "user_email" or "sso_user_id".
func (s *Store) InsertUser(ctx context.Context, user *models.User) error {
	return s.mutate(ctx, "add a user", func(db *gorm.DB) error { return db.Create(user).Error })
}

// UpdateUser writes every column of user but its id, creation and stamp. Errors: fault.NotFound, fault.Conflict.
func (s *Store) UpdateUser(ctx context.Context, user *models.User) error {
	return s.mutate(ctx, "update a user", func(db *gorm.DB) error {
		return changed(db.Select("*").Omit("id", "created_at", "created_by", "change_seq").
			Where("id = ?", user.ID).Updates(user), noUser)
	})
}

// SetUser writes the named columns of one user. Errors: fault.NotFound, fault.Conflict.
func (s *Store) SetUser(ctx context.Context, id string, columns map[string]any) error {
	return s.mutate(ctx, "update a user", func(db *gorm.DB) error {
		return changed(db.Model(&models.User{}).Where("id = ?", id).Updates(columns), noUser)
	})
}

// DeleteUsers removes users with their places in teams and organizations, invitations, sessions and counters. Their
// keys are the caller's business (KeysOfUsers, DeleteKeys). It returns how many users there were.
func (s *Store) DeleteUsers(ctx context.Context, ids []string) (count int64, err error) {
	err = s.mutate(ctx, "delete users", func(db *gorm.DB) error {
		for _, query := range []string{
			"DELETE FROM memberships WHERE user_id IN ?",
			"DELETE FROM org_memberships WHERE user_id IN ?",
			"DELETE FROM sessions WHERE user_id IN ?",
			"DELETE FROM login_networks WHERE user_id IN ?",
			"DELETE FROM one_time_codes WHERE user_id IN ?",
		} {
			if err := db.Exec(query, ids).Error; err != nil {
				return err
			}
		}
		scopes := make([]string, len(ids))
		for i, id := range ids {
			scopes[i] = models.ScopeUser(id)
		}
		if err := db.Exec("DELETE FROM counters WHERE scope IN ?", scopes).Error; err != nil {
			return err
		}
		result := db.Exec("DELETE FROM users WHERE id IN ?", ids) // invitations go with them (foreign key)
		count = result.RowsAffected
		return result.Error
	})
	return count, err
}

// UserFilter narrows a list of users; empty fields do not.
type UserFilter struct {
	IDs, SSOUserIDs []string
	Role            models.Role
	Email           string // part of it
	TeamIDs         []string
	OrgIDs          []string
	Search          string // part of id, email or alias
	Blocked         *bool
}

// UserRow is a user as lists show it.
type UserRow struct {
	models.User `gorm:"embedded"`
	Spent       models.Nano
	Total       models.Nano
	ResetsAt    *models.Time
	LastUsedAt  models.Time // zero = never
	KeyCount    int64       // live keys of theirs, portal session keys left out
	TeamCount   int64
}

// ListUsers gives one page of users and the number of all that match, in two statements. Sort is one of user_id
// (default), user_email, user_alias, user_role, created_at, spend, last_used. Errors: fault.Invalid for another.
func (s *Store) ListUsers(ctx context.Context, f UserFilter, page Page) ([]UserRow, int64, error) {
	order, err := page.order(map[string]string{
		"": "u.id", "user_id": "u.id", "user_email": "lower(u.email)?", "user_alias": "u.alias?", "user_role": "u.role",
		"created_at": "u.created_at", "spend": "c.spent", "last_used": "c.last_used_at",
	}, "u.id")
	if err != nil {
		return nil, 0, err
	}
	from := "users u"
	if strings.HasPrefix(order, "c.") {
		from += " JOIN counters c ON c.user_id = u.id" // every user has one (a trigger sees to it)
	}
	w := userConditions(f)
	total, err := s.count(ctx, "users u", w)
	if err != nil || total == 0 {
		return nil, total, err
	}
	limit, offset := page.limits()
	query := "SELECT u.*, c.spent, c.total, c.resets_at, c.last_used_at," +
		" (SELECT count(*) FROM keys k WHERE k.user_id = u.id AND (k.team_id IS NULL OR k.team_id <> ?)) AS key_count," +
		" (SELECT count(*) FROM memberships m WHERE m.user_id = u.id) AS team_count" +
		" FROM (SELECT u.id FROM " + from + w.sql() + " ORDER BY " + order + " LIMIT ? OFFSET ?) p" +
		" JOIN users u ON u.id = p.id JOIN counters c ON c.user_id = u.id ORDER BY " + order
	args := append([]any{models.UISessionTeam}, w.args...)
	var rows []UserRow
	err = s.read.WithContext(ctx).Raw(query, append(args, limit, offset)...).Find(&rows).Error
	return rows, total, fail("list users", err)
}

// CountUsers counts the users that match.
func (s *Store) CountUsers(ctx context.Context, f UserFilter) (int64, error) {
	return s.count(ctx, "users u", userConditions(f))
}

func userConditions(f UserFilter) *where {
	w := new(where)
	w.in("u.id", f.IDs)
	w.in("u.sso_user_id", f.SSOUserIDs)
	w.eq("u.role", string(f.Role))
	w.like(f.Email, "u.email")
	w.like(f.Search, "u.id", "u.email", "u.alias")
	if len(f.TeamIDs) > 0 {
		w.add("u.id IN (SELECT user_id FROM memberships WHERE team_id IN ?)", f.TeamIDs)
	}
	if len(f.OrgIDs) > 0 {
		w.add("u.id IN (SELECT user_id FROM org_memberships WHERE organization_id IN ?)", f.OrgIDs)
	}
	if f.Blocked != nil {
		w.add("u.blocked = ?", *f.Blocked)
	}
	return w
}
