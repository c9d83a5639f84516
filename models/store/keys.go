package store

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"gatehouse/models"
	"gatehouse/models/fault"
)

const noKey = "no such key"

// keyColumns are the columns that keys and keys_archive share, in the order of both INSERTs below.
const keyColumns = `id, hash, key_name, alias, user_id, team_id, organization_id, models, aliases, allowed_routes,
  access_group_ids, blocked, blocked_reason, delegated, expires_at, max_budget, soft_budget, budget_duration, tpm_limit, rpm_limit,
  max_parallel_requests, model_max_budget, model_rpm_limit, model_tpm_limit, budget_id, temp_budget_increase,
  temp_budget_expires_at, rpm_limit_type, tpm_limit_type, allowed_cache_controls, enforced_params, metadata, permissions,
  config, extra, auto_rotate, rotation_interval, created_at, created_by, updated_at, updated_by`

// Key loads one live key by id. Errors: fault.NotFound.
func (s *Store) Key(ctx context.Context, id string) (*models.Key, error) {
	var key models.Key
	if err := s.read.WithContext(ctx).Take(&key, "id = ?", id).Error; err != nil {
		return nil, missing("load a key", noKey, err)
	}
	return &key, nil
}

// KeyByHash loads one live key by the hash of its present secret. Errors: fault.NotFound.
func (s *Store) KeyByHash(ctx context.Context, hash string) (*models.Key, error) {
	var key models.Key
	if err := s.read.WithContext(ctx).Take(&key, "hash = ?", hash).Error; err != nil {
		return nil, missing("load a key by its hash", noKey, err)
	}
	return &key, nil
}

// KeyByAlias loads one live key by its alias. Errors: fault.NotFound.
func (s *Store) KeyByAlias(ctx context.Context, alias string) (*models.Key, error) {
	var key models.Key
	if err := s.read.WithContext(ctx).Take(&key, "alias = ?", alias).Error; err != nil {
		return nil, missing("load a key by its alias", noKey, err)
	}
	return &key, nil
}

// KeysByID loads live keys by id, in no order; unknown ids are left out.
func (s *Store) KeysByID(ctx context.Context, ids []string) ([]models.Key, error) {
	return s.keysWhere(ctx, "id IN ?", ids)
}

// KeysByHash loads live keys by hash, in no order; unknown hashes are left out.
func (s *Store) KeysByHash(ctx context.Context, hashes []string) ([]models.Key, error) {
	return s.keysWhere(ctx, "hash IN ?", hashes)
}

// KeysByAlias loads live keys by alias, in no order; unknown aliases are left out.
func (s *Store) KeysByAlias(ctx context.Context, aliases []string) ([]models.Key, error) {
	return s.keysWhere(ctx, "alias IN ?", aliases)
}

// KeysOfUsers loads every live key of these users, team keys and portal session keys too.
func (s *Store) KeysOfUsers(ctx context.Context, userIDs ...string) ([]models.Key, error) {
	return s.keysWhere(ctx, "user_id IN ?", userIDs)
}

// KeysOfTeams loads every live key of these teams.
func (s *Store) KeysOfTeams(ctx context.Context, teamIDs ...string) ([]models.Key, error) {
	return s.keysWhere(ctx, "team_id IN ?", teamIDs)
}

// KeysOfMember loads the live keys a user holds in one team.
func (s *Store) KeysOfMember(ctx context.Context, teamID, userID string) ([]models.Key, error) {
	return s.keysWhere(ctx, "team_id = ? AND user_id = ?", teamID, userID)
}

// CountKeysOf counts the live keys of each of these users, or of each of these teams; portal session keys are left out.
func (s *Store) CountKeysOf(ctx context.Context, by Dimension, ids []string) (map[string]int, error) {
	column, err := columnsOf([]Dimension{by})
	if err != nil {
		return nil, err
	}
	counts := make(map[string]int, len(ids))
	for part := range slices.Chunk(ids, maxIDs) {
		var rows []struct {
			ID string
			N  int
		}
		err := s.read.WithContext(ctx).Raw("SELECT "+column+" AS id, count(*) AS n FROM keys WHERE "+column+
			" IN ? AND (team_id IS NULL OR team_id <> ?) GROUP BY "+column, part, models.UISessionTeam).Find(&rows).Error
		if err != nil {
			return nil, fail("count keys", err)
		}
		for _, row := range rows {
			counts[row.ID] = row.N
		}
	}
	return counts, nil
}

// KeysToRotate loads the live keys whose rotation is automatic; the caller knows which are due.
func (s *Store) KeysToRotate(ctx context.Context) ([]models.Key, error) {
	return s.keysWhere(ctx, "auto_rotate = ?", true)
}

func (s *Store) keysWhere(ctx context.Context, condition string, args ...any) ([]models.Key, error) {
	var keys []models.Key
	err := s.read.WithContext(ctx).Where(condition, args...).Order("created_at DESC, hash DESC").Find(&keys).Error
	return keys, fail("load keys", err)
}

// InsertKey adds a key. Errors: fault.Conflict with Param "key_alias" or "key" when the alias or the secret is taken
// (a rotated secret in its grace period counts), fault.Invalid when its budget does not exist.
func (s *Store) InsertKey(ctx context.Context, key *models.Key) error {
	return s.mutate(ctx, "add a key", func(db *gorm.DB) error {
		if err := secretIsNew(db, key.Hash); err != nil {
			return err
		}
		return db.Create(key).Error
	})
}

// secretIsNew refuses a hash that a rotated key still answers to; the unique index refuses the rest.
func secretIsNew(db *gorm.DB, hash string) error {
	var taken int64
	if err := db.Raw("SELECT count(*) FROM old_secrets WHERE hash = ?", hash).Find(&taken).Error; err != nil {
		return err
	}
	if taken > 0 {
		c := uniqueClash("keys_hash")
		return fault.New(fault.Conflict, c.message).WithParam(c.param)
	}
	return nil
}

// UpdateKey writes every column of key but its id, creation and stamp. Errors: fault.NotFound, and those of InsertKey.
func (s *Store) UpdateKey(ctx context.Context, key *models.Key) error {
	return s.mutate(ctx, "update a key", func(db *gorm.DB) error {
		return changed(db.Select("*").Omit("id", "created_at", "created_by", "change_seq").
			Where("id = ?", key.ID).Updates(key), noKey)
	})
}

// SetKey writes the named columns of one key. Errors: fault.NotFound, and those of InsertKey.
func (s *Store) SetKey(ctx context.Context, id string, columns map[string]any) error {
	return s.mutate(ctx, "update a key", func(db *gorm.DB) error {
		return changed(db.Model(&models.Key{}).Where("id = ?", id).Updates(columns), noKey)
	})
}

// changed turns "no row was there to change" into fault.NotFound.
func changed(result *gorm.DB, absent string) error {
	if result.Error == nil && result.RowsAffected == 0 {
		return fault.New(fault.NotFound, absent)
	}
	return result.Error
}

// DeleteKeys ends live keys for good: the rows move to the archive with who and when, their old secrets go with them,
// their counters stay for reports. It returns how many there were; unknown ids are left out.
func (s *Store) DeleteKeys(ctx context.Context, ids []string, by string) (count int64, err error) {
	err = s.mutate(ctx, "delete keys", func(db *gorm.DB) error {
		if err := s.archive(db, ids, by, false); err != nil {
			return err
		}
		result := db.Exec("DELETE FROM keys WHERE id IN ?", ids)
		count = result.RowsAffected
		return result.Error
	})
	return count, err
}

func (s *Store) archive(db *gorm.DB, ids []string, by string, rotated bool) error {
	return db.Exec("INSERT INTO keys_archive ("+keyColumns+", deleted_at, deleted_by, rotated) SELECT "+keyColumns+
		", CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS BOOLEAN) FROM keys WHERE id IN ?",
		models.At(s.opt.Now()).Micros(), by, rotated, ids).Error
}

// Rotation is a new secret for a key.
type Rotation struct {
	KeyID    string
	Hash     string // of the new secret
	Name     string // "sk-...abcd" of the new secret
	By       string
	OldUntil *models.Time // the old secret stays valid until then; nil = it ends at once

	Delegated bool // see models.Key
}

// RotateKey gives a key a new secret: same id, so spend, alias, budgets and windows stay. The former state goes to the
// archive. All of it or nothing. Without OldUntil, secrets of earlier rotations end too. Errors: fault.NotFound,
// fault.Conflict with Param "key".
func (s *Store) RotateKey(ctx context.Context, r Rotation) error {
	return s.mutate(ctx, "rotate a key", func(db *gorm.DB) error {
		var key models.Key
		if err := db.Take(&key, "id = ?", r.KeyID).Error; err != nil {
			return missing("load a key", noKey, err)
		}
		if err := secretIsNew(db, r.Hash); err != nil {
			return err
		}
		if err := s.archive(db, []string{r.KeyID}, r.By, true); err != nil {
			return err
		}
		if r.OldUntil == nil {
			if err := db.Exec("DELETE FROM old_secrets WHERE key_id = ?", r.KeyID).Error; err != nil {
				return err
			}
		}
		// The hash is compared too: of two rotations at once, the second must not put back what the first ended.
		err := changed(db.Model(&models.Key{}).Where("id = ? AND hash = ?", r.KeyID, key.Hash).Updates(map[string]any{
			"hash": r.Hash, "key_name": r.Name, "delegated": r.Delegated, "updated_at": models.At(s.opt.Now()), "updated_by": r.By,
		}), noKey)
		if err != nil || r.OldUntil == nil {
			return err
		}
		return db.Create(&models.OldSecret{Hash: key.Hash, KeyID: r.KeyID, ExpiresAt: *r.OldUntil}).Error
	})
}

// OldSecrets lists the former secrets of a key that still stand in the table, expired or not.
func (s *Store) OldSecrets(ctx context.Context, keyID string) ([]models.OldSecret, error) {
	var old []models.OldSecret
	err := s.read.WithContext(ctx).Where("key_id = ?", keyID).Order("expires_at").Find(&old).Error
	return old, fail("load old secrets", err)
}

// DeleteOldSecrets ends the grace period of every former secret of a key.
func (s *Store) DeleteOldSecrets(ctx context.Context, keyID string) error {
	return s.mutate(ctx, "delete old secrets", func(db *gorm.DB) error {
		return db.Exec("DELETE FROM old_secrets WHERE key_id = ?", keyID).Error
	})
}

// PurgeOldSecrets removes former secrets whose grace period is over, and returns how many.
func (s *Store) PurgeOldSecrets(ctx context.Context) (count int64, err error) {
	err = s.mutate(ctx, "purge old secrets", func(db *gorm.DB) error {
		result := db.Exec("DELETE FROM old_secrets WHERE expires_at <= ?", models.At(s.opt.Now()).Micros())
		count = result.RowsAffected
		return result.Error
	})
	return count, err
}

// ArchivedKeys finds what became of keys that are no longer live, newest first, by hash or by id.
func (s *Store) ArchivedKeys(ctx context.Context, idsOrHashes []string) ([]models.ArchivedKey, error) {
	var keys []models.ArchivedKey
	err := s.read.WithContext(ctx).Where("id IN ? OR hash IN ?", idsOrHashes, idsOrHashes).
		Order("deleted_at DESC").Find(&keys).Error
	return keys, fail("load archived keys", err)
}

// KeyName is what reports show for a key id, live or gone.
type KeyName struct {
	ID      string
	Hash    string
	Name    string `gorm:"column:key_name"`
	Alias   *string
	UserID  *string
	TeamID  *string
	Deleted bool
}

// KeyNames gives the names of keys by id, of deleted keys too; unknown ids are absent from the map.
func (s *Store) KeyNames(ctx context.Context, ids []string) (map[string]KeyName, error) {
	names := make(map[string]KeyName, len(ids))
	for part := range slices.Chunk(ids, maxIDs) {
		if err := s.keyNames(ctx, part, names); err != nil {
			return nil, err
		}
	}
	return names, nil
}

func (s *Store) keyNames(ctx context.Context, ids []string, names map[string]KeyName) error {
	var rows []KeyName
	err := s.read.WithContext(ctx).Raw(`SELECT id, hash, key_name, alias, user_id, team_id, FALSE AS deleted FROM keys WHERE id IN ?
UNION ALL
SELECT id, hash, key_name, alias, user_id, team_id, TRUE AS deleted FROM keys_archive WHERE id IN ? AND rotated = FALSE`, ids, ids).Find(&rows).Error
	for _, row := range rows {
		names[row.ID] = row
	}
	return fail("load key names", err)
}
