package store

import (
	"context"
	"fmt"

	"gatehouse/models"
	"gatehouse/models/fault"
)

// CountCap is where counting calls stops: a list says "10,000 or more" instead of walking millions of rows.
const CountCap = 10_000

// SpendQuery narrows the ledger; empty fields do not.
type SpendQuery struct {
	Visible Scope

	From, To           models.Time // From <= started_at < To
	CallID             string
	KeyID, KeyHash     string
	KeyAlias           string // exact, of a live or deleted key
	UserID, TeamID     string
	OrgID, EndUser     string
	Model              string // public or upstream name
	Provider           string
	Status             string // "success", "failure", "cancelled"
	SessionID, Tag     string
	MinSpend, MaxSpend *models.Nano
	CacheHit           *bool
	Search             string // part of call id, end user, model or error code

	Page   Page    // numbered paging; Sort is startTime (default), endTime, spend, total_tokens
	After  *Cursor // keyset paging instead: rows older than this one, newest first
	Counts bool    // fill SpendPage.Total
}

// Cursor is a place in the ledger.
type Cursor struct {
	StartedAt models.Time
	ID        string
}

// SpendPage is one page of the ledger.
type SpendPage struct {
	Rows  []models.SpendRow
	More  bool  // there are rows after these
	Total int64 // of all that match, up to CountCap; only when asked for
}

// ListSpend gives one page of calls, newest first unless asked otherwise: one statement, two with Counts. Errors:
// fault.Invalid for an unknown sort.
func (s *Store) ListSpend(ctx context.Context, q SpendQuery) (SpendPage, error) {
	var page SpendPage
	w := spendConditions(q)
	if q.Counts {
		err := s.read.WithContext(ctx).Raw("SELECT count(*) FROM (SELECT 1 FROM spend_records"+w.sql()+fmt.Sprintf(" LIMIT %d) x", CountCap),
			w.args...).Find(&page.Total).Error
		if err != nil {
			return page, fail("count calls", err)
		}
		if page.Total == 0 {
			return page, nil
		}
	}
	if q.Page.Sort == "" {
		q.Page.Desc = true
	}
	order, err := q.Page.order(map[string]string{
		"": "started_at", "startTime": "started_at", "endTime": "ended_at", "spend": "spend", "total_tokens": "prompt_tokens + output_tokens",
	}, "id")
	if err != nil {
		return page, err
	}
	limit, offset := q.Page.limits()
	if q.After != nil {
		if q.Page.Sort != "" {
			return page, fault.BadField("sort_by", "paging by cursor goes by start time")
		}
		w.add("(started_at, id) < (?, ?)", q.After.StartedAt, q.After.ID)
		offset = 0
	}
	err = s.read.WithContext(ctx).Raw("SELECT * FROM spend_records"+w.sql()+" ORDER BY "+order+" LIMIT ? OFFSET ?",
		append(w.args, limit+1, offset)...).Find(&page.Rows).Error
	if err != nil {
		return page, fail("list calls", err)
	}
	if len(page.Rows) > limit {
		page.Rows, page.More = page.Rows[:limit], true
	}
	return page, nil
}

// EachSpend streams every call that matches, oldest first, for exports; paging fields are not heard.
func (s *Store) EachSpend(ctx context.Context, q SpendQuery, fn func(*models.SpendRow)) error {
	w := spendConditions(q)
	return fail("export calls", each(s.read.WithContext(ctx), fn, "SELECT * FROM spend_records"+w.sql()+" ORDER BY started_at, id", w.args...))
}

// SpendRecord loads one call that the scope may see. Errors: fault.NotFound.
func (s *Store) SpendRecord(ctx context.Context, visible Scope, id string) (*models.SpendRow, error) {
	page, err := s.ListSpend(ctx, SpendQuery{Visible: visible, CallID: id, Page: Page{Size: 1}})
	if err != nil {
		return nil, err
	}
	if len(page.Rows) == 0 {
		return nil, fault.New(fault.NotFound, "no such request")
	}
	return &page.Rows[0], nil
}

// PurgeSpend removes ledger rows that started before, at most limit of them, and the ids kept for calls without a row,
// and returns how many ledger rows went. Counters and daily sums stay. Call again until it returns less than limit.
func (s *Store) PurgeSpend(ctx context.Context, before models.Time, limit int) (int64, error) {
	db := s.ledger.WithContext(ctx)
	if err := db.Exec("DELETE FROM spend_seen WHERE at < ?", before).Error; err != nil {
		return 0, fail("purge the ledger", err)
	}
	if err := db.Exec("DELETE FROM spend_bodies WHERE id IN (SELECT id FROM spend_bodies WHERE started_at < ? ORDER BY started_at LIMIT ?)", before, limit).Error; err != nil {
		return 0, fail("purge what was said", err)
	}
	result := db.Exec("DELETE FROM spend_records WHERE id IN (SELECT id FROM spend_records WHERE started_at < ? ORDER BY started_at LIMIT ?)", before, limit)
	return result.RowsAffected, fail("purge the ledger", result.Error)
}

func spendConditions(q SpendQuery) *where {
	w := new(where)
	q.Visible.spend(w)
	if !q.From.IsZero() {
		w.add("started_at >= ?", q.From)
	}
	if !q.To.IsZero() {
		w.add("started_at < ?", q.To)
	}
	w.eq("id", q.CallID)
	w.eq("key_id", q.KeyID)
	w.eq("key_hash", q.KeyHash)
	if q.KeyAlias != "" {
		w.add("key_id IN (SELECT id FROM keys WHERE alias = ? UNION SELECT id FROM keys_archive WHERE alias = ?)", q.KeyAlias, q.KeyAlias)
	}
	w.set("user_id", q.UserID)
	w.set("team_id", q.TeamID)
	w.eq("organization_id", q.OrgID)
	w.set("end_user", q.EndUser)
	if q.Model != "" {
		w.add("(model_group = ? OR model = ?)", q.Model, q.Model)
	}
	w.eq("provider", q.Provider)
	w.eq("status", q.Status)
	if q.Status != "" && q.Status != "success" {
		w.add("status <> 'success'") // names the index over the few that are not
	}
	w.set("session_id", q.SessionID)
	if q.Tag != "" {
		tag, err := models.Strings{q.Tag}.Value()
		text, ok := tag.(string)
		if err != nil || !ok {
			w.add("1 = 0")
		} else { // the tag as it stands inside the JSON list, quotes included
			w.add(`tags LIKE ? ESCAPE '\'`, "%"+escapeLike(text[1:len(text)-1])+"%")
		}
	}
	if q.MinSpend != nil {
		w.add("spend >= ?", *q.MinSpend)
	}
	if q.MaxSpend != nil {
		w.add("spend <= ?", *q.MaxSpend)
	}
	if q.CacheHit != nil {
		w.add("cache_hit = ?", *q.CacheHit)
	}
	w.like(q.Search, "id", "end_user", "model_group", "model", "error_code")
	return w
}
