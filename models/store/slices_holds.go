package store

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/gob"
	"fmt"
	"log/slog"
	"slices"

	"gorm.io/gorm"

	"gatehouse/models"
)

// SettledBySweeper marks a row that another replica booked for a call whose own replica was gone.
const SettledBySweeper = "sweeper"

// WriteHolds keeps calls that are under way, each as the row that is booked if its replica does not come back. A call that
// is there already stays as it is.
func (s *Store) WriteHolds(ctx context.Context, replica string, open []models.Spend) error {
	if !s.postgres || len(open) == 0 {
		return nil
	}
	rows := make([][]any, 0, len(open))
	for i := range open {
		text, err := packSpend(&open[i])
		if err != nil {
			return err
		}
		rows = append(rows, []any{open[i].Row.ID, replica, open[i].Row.StartedAt.Micros(), text})
	}
	return fail("note open calls", s.insertRows(s.ledger.WithContext(ctx), insert{
		into: "open_holds", columns: "call_id text, replica text, at bigint, record text", ending: "ON CONFLICT (call_id) DO NOTHING",
	}, rows, nil))
}

func packSpend(c *models.Spend) (string, error) {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(c); err != nil {
		return "", fmt.Errorf("pack an open call: %w", err)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes()), nil
}

func unpackSpend(text string) (c models.Spend, err error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err == nil {
		err = gob.NewDecoder(bytes.NewReader(raw)).Decode(&c)
	}
	if err != nil {
		return c, fmt.Errorf("unpack an open call: %w", err)
	}
	return c, nil
}

// closeHolds forgets that these calls were open.
func (s *Store) closeHolds(db *gorm.DB, calls []*models.Spend) error {
	ids := make([]string, len(calls))
	for i := range calls {
		ids[i] = calls[i].Row.ID
	}
	condition, list := s.anyOf("call_id", ids)
	return db.Exec("DELETE FROM open_holds WHERE "+condition, list).Error
}

// correct takes rows out of the books that others had made for calls of this batch, so that what the call's own replica
// says is booked in their place; it returns those calls. fresh are the calls of the batch that were new.
func (s *Store) correct(db *gorm.DB, calls, fresh []*models.Spend) ([]*models.Spend, error) {
	isNew := make(map[string]bool, len(fresh))
	for _, c := range fresh {
		isNew[c.Row.ID] = true
	}
	var ids []string
	for _, c := range calls {
		if r := &c.Row; !isNew[r.ID] && r.SettledBy != SettledBySweeper {
			ids = append(ids, r.ID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	old, err := s.unbook(db, ids)
	if err != nil || len(old) == 0 {
		return nil, err
	}
	var out, again []*models.Spend
	for i := range old {
		at := slices.IndexFunc(calls, func(c *models.Spend) bool { return c.Row.ID == old[i].ID })
		again = append(again, calls[at])
		o := old[i]
		o.PromptSaved = -o.PromptSaved
		o.Spend, o.Saved, o.PromptTokens, o.OutputTokens, o.CacheRead, o.CacheWrite = -o.Spend, -o.Saved, -o.PromptTokens, -o.OutputTokens, -o.CacheRead, -o.CacheWrite
		out = append(out, &models.Spend{Row: o, Scopes: calls[at].Scopes})
	}
	if _, err := s.chargeScopes(db, out); err != nil {
		return nil, err
	}
	if err := s.addDaily(db, out, -1); err != nil {
		return nil, err
	}
	return s.insertCalls(db, again)
}

// unbook deletes what others had booked for these calls, from both tables of ids, and returns it.
func (s *Store) unbook(db *gorm.DB, ids []string) (old []models.SpendRow, err error) {
	condition, list := s.anyOf("id", ids)
	err = db.Raw("DELETE FROM spend_records WHERE "+condition+" AND settled_by = ? RETURNING *", list, SettledBySweeper).Find(&old).Error
	if err != nil {
		return nil, err
	}
	var swept []string
	if err := db.Raw("DELETE FROM spend_seen WHERE "+condition+" AND swept <> '' RETURNING swept", list).Find(&swept).Error; err != nil {
		return nil, err
	}
	for _, text := range swept {
		c, err := unpackSpend(text)
		if err != nil {
			return nil, err
		}
		old = append(old, c.Row)
	}
	return old, nil
}

// sweptCall is what spend_seen keeps of a call that was booked for a dead replica, as much as it takes to take it out of
// the books again; "" for any other.
func sweptCall(c *models.Spend) (string, error) {
	if c.Row.SettledBy != SettledBySweeper {
		return "", nil
	}
	kept := *c
	kept.Row.IP, kept.Row.SessionID, kept.Row.Metadata, kept.Row.Lines = "", "", nil, nil
	return packSpend(&kept)
}

// SweepReplicas settles for one replica that has not been seen for its ttl: its open calls are booked at their floor, and
// what is left of its slices counts as lost until it comes back, the window ends or an operator resets the scope. more
// says that there was one. Errors: fault.Unavailable.
func (s *Store) SweepReplicas(ctx context.Context) (more bool, err error) {
	if !s.postgres {
		return false, nil
	}
	err = s.transact(ctx, s.bank, func(tx *Store) error {
		more = false
		db := tx.bank.WithContext(ctx)
		var dead []string
		err := db.Raw("SELECT id FROM replicas WHERE seen_at + ttl <= " + dbMicros + " ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED").Find(&dead).Error
		if err != nil || len(dead) == 0 {
			return err
		}
		more = true
		var texts []string
		if err := db.Raw("SELECT record FROM open_holds WHERE replica = ? ORDER BY call_id", dead[0]).Find(&texts).Error; err != nil {
			return err
		}
		if err := lockScopesOf(db, dead[0]); err != nil {
			return err
		}
		if err := db.Exec(`WITH gone AS (UPDATE slices SET lost = 1 WHERE replica = ? AND lost = 0 RETURNING scope, window_start, balance)
UPDATE counters AS c SET sliced = c.sliced - g.balance, lost = c.lost + g.balance FROM gone AS g
WHERE c.scope = g.scope AND c.window_start = g.window_start`, dead[0]).Error; err != nil {
			return err
		}
		calls := make([]models.Spend, 0, len(texts))
		for _, text := range texts {
			c, err := unpackSpend(text)
			if err != nil {
				s.opt.Log.ErrorContext(ctx, "an open call of a dead replica cannot be read", slog.Any("error", err))
				continue
			}
			calls = append(calls, c)
		}
		for batch := range slices.Chunk(distinct(calls), 256) {
			if _, err := tx.book(db, batch); err != nil {
				return err
			}
		}
		if err := db.Exec("DELETE FROM open_holds WHERE replica = ?", dead[0]).Error; err != nil {
			return err
		}
		if err := db.Exec("DELETE FROM replicas WHERE id = ?", dead[0]).Error; err != nil {
			return err
		}
		s.opt.Log.WarnContext(ctx, "a replica is gone; its open calls are booked", slog.String("replica", dead[0]), slog.Int("calls", len(calls)))
		return nil
	})
	return more, fail("settle for a dead replica", err)
}
