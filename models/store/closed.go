package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"gorm.io/gorm"

	"gatehouse/models"
)

const (
	// closedRows is how many sums of days that are over are kept in memory, of all reports together: about 300 bytes each.
	closedRows = 40_000
	// closedMost is how many groups one report may have to be kept.
	closedMost = closedRows / 2
	// lateMargin is how far the clocks of replicas may differ: so long before midnight a day already counts as over for who
	// writes, and everybody hears of it.
	lateMargin = 10 * time.Minute
)

// closedDays keeps what reports found in days that are over. Such a day changes only by a call that is booked late, and
// then late_days says so; whoever reads asks for that first, so that no replica shows an old sum.
type closedDays struct {
	mu      sync.Mutex
	version int64
	rows    int
	kept    map[string][]ReportRow
}

func (c *closedDays) get(version int64, key string) ([]ReportRow, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.version != version {
		return nil, false
	}
	rows, ok := c.kept[key]
	return rows, ok
}

// put keeps rows, which nobody may change from then on; nil: they are too many.
func (c *closedDays) put(version int64, key string, rows []ReportRow) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if version < c.version {
		return
	}
	if version > c.version || c.rows+len(rows) >= closedRows || len(c.kept) >= 1000 || c.kept == nil {
		c.version, c.rows, c.kept = version, 0, map[string][]ReportRow{}
	}
	if old, ok := c.kept[key]; ok {
		c.rows -= len(old)
	}
	c.rows += len(rows)
	c.kept[key] = rows
}

// noteLate tells everybody that days which are over have changed. It is the last statement of a transaction, so that its
// row is locked for as short as can be.
func (s *Store) noteLate(db *gorm.DB, booked []*models.Spend) error {
	day := s.Day(models.At(s.opt.Now().Add(lateMargin)))
	spelled := s.days()
	if !slices.ContainsFunc(booked, func(c *models.Spend) bool { return spelled(c.Row.StartedAt) < day }) {
		return nil
	}
	return db.Exec("UPDATE late_days SET version = version + 1 WHERE id = 1").Error
}

// broad says whether a report reads whole days, so that it is worth keeping what it found in them.
func (f ReportFilter) broad() bool {
	return f.Visible.All && len(f.KeyIDs)+len(f.UserIDs)+len(f.TeamIDs)+len(f.OrgIDs)+len(f.EndUsers) == 0
}

// summed groups the daily aggregates by columns, in no order. What a broad report finds in days that are over is kept; whole is
// false where that is not so, or has too many groups: nothing was read then.
func (s *Store) summed(ctx context.Context, f ReportFilter, by ...Dimension) (rows []ReportRow, whole bool, err error) {
	today := s.Day(models.At(s.opt.Now()))
	if s.inTx || !f.broad() || f.From != "" && f.From >= today {
		return nil, false, nil
	}
	over := f
	if over.To == "" || over.To >= today {
		over.To = s.Day(models.At(s.opt.Now().AddDate(0, 0, -1)))
	}
	columns, err := columnsOf(by)
	if err != nil {
		return nil, false, err
	}
	closed, err := s.closedSums(ctx, over, columns)
	if err != nil || closed == nil {
		return nil, false, err
	}
	if f.To != "" && f.To < today {
		return slices.Clone(closed), true, nil
	}
	open, err := s.todaySums(ctx, today, f, by)
	if err != nil {
		return nil, false, err
	}
	return merged(closed, open, by), true, nil
}

// closedSums is what a report finds in days that are over; nil: too many groups. Nobody may change it.
func (s *Store) closedSums(ctx context.Context, f ReportFilter, columns string) ([]ReportRow, error) {
	var version int64 // asked for before the sums, so that these are never older than it says
	if err := s.read.WithContext(ctx).Raw("SELECT version FROM late_days").Find(&version).Error; err != nil {
		return nil, fail("report spend", err)
	}
	key := fmt.Sprintf("%s|%s|%s|%q|%q|%q", columns, f.From, f.To, f.Models, f.Providers, f.ModelGroups)
	rows, ok := s.closed.get(version, key)
	if ok {
		return rows, nil
	}
	rows, err := s.sum(ctx, f, columns, fmt.Sprintf(" LIMIT %d", closedMost+1))
	if err != nil {
		return nil, err
	}
	if len(rows) > closedMost {
		rows = nil
	} else if rows == nil {
		rows = []ReportRow{}
	}
	s.closed.put(version, key, rows)
	return rows, nil
}

func (s *Store) sum(ctx context.Context, f ReportFilter, columns, ending string) ([]ReportRow, error) {
	w := reportConditions(f)
	var rows []ReportRow
	err := s.read.WithContext(ctx).Raw("SELECT "+columns+", "+sums+" FROM daily_spend"+w.sql()+" GROUP BY "+columns+ending, w.args...).Find(&rows).Error
	return rows, fail("report spend", err)
}

// merged adds the groups of b to those of a, neither of which it changes.
func merged(a, b []ReportRow, by []Dimension) []ReportRow {
	out := append(make([]ReportRow, 0, len(a)+len(b)), a...)
	at := make(map[string]int, len(a))
	for i := range a {
		at[a[i].group(by)] = i
	}
	for i := range b {
		if n, ok := at[b[i].group(by)]; ok {
			out[n].add(b[i].Metrics)
		} else {
			out = append(out, b[i])
		}
	}
	return out
}

// group names a row's group.
func (r *ReportRow) group(by []Dimension) string {
	name := *r.field(by[0])
	for _, d := range by[1:] {
		name += "\x1f" + *r.field(d)
	}
	return name
}

func (m *Metrics) add(n Metrics) {
	m.Spend = m.Spend.AddSat(n.Spend)
	m.Saved = m.Saved.AddSat(n.Saved)
	m.PromptSaved = m.PromptSaved.AddSat(n.PromptSaved)
	m.PromptTokens += n.PromptTokens
	m.OutputTokens += n.OutputTokens
	m.CacheRead += n.CacheRead
	m.CacheWrite += n.CacheWrite
	m.CachedOutput += n.CachedOutput
	m.Requests += n.Requests
	m.Failed += n.Failed
	m.CacheHits += n.CacheHits
}

// compareGroups orders rows by the dimensions of a report.
func compareGroups(by []Dimension) func(a, b ReportRow) int {
	return func(a, b ReportRow) int {
		for _, d := range by {
			if c := cmp.Compare(*a.field(d), *b.field(d)); c != 0 {
				return c
			}
		}
		return 0
	}
}

// field is where a row holds its value of a dimension.
func (r *ReportRow) field(d Dimension) *string {
	switch d {
	case ByKey:
		return &r.KeyID
	case ByUser:
		return &r.UserID
	case ByTeam:
		return &r.TeamID
	case ByOrg:
		return &r.OrgID
	case ByEndUser:
		return &r.EndUser
	case ByModel:
		return &r.Model
	case ByModelGroup:
		return &r.ModelGroup
	case ByProvider:
		return &r.Provider
	case ByCallType:
		return &r.CallType
	case ByDay:
	}
	return &r.Day
}
