package store

import (
	"context"
	"slices"
	"sync"

	"gatehouse/models"
)

// todayRows is up to how many daily sums of the present day are held in memory: about 400 bytes each.
const todayRows = 50_000

// presentDay holds the daily sums of the present day (and of later ones, by clocks that differ) on SQLite, whose one process books every call: a report then reads no
// row of it. It is loaded when a report first asks, and takes in what is booked from then on, after its commit.
type presentDay struct {
	mu      sync.Mutex
	booking int    // batches under way, whose commit a load may or may not see
	batches uint64 // that have begun
	day     string
	rows    []models.DailySpend
	at      map[models.DailyPlace]int // where each row is; nil: not loaded
	full    bool                      // the day has too many
}

// begin announces a batch; end takes in what it added, unless it failed: nobody knows then.
func (p *presentDay) begin() {
	p.mu.Lock()
	p.booking++
	p.batches++
	p.mu.Unlock()
}

func (p *presentDay) end(added []*models.DailySpend, failed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.booking--
	if failed {
		p.rows, p.at = nil, nil
	}
	if p.at == nil {
		return
	}
	for _, d := range added {
		if d.Day < p.day {
			continue
		}
		if i, ok := p.at[d.Place()]; ok {
			p.rows[i].Add(d)
		} else {
			p.at[d.Place()] = len(p.rows)
			p.rows = append(p.rows, *d)
		}
	}
	if len(p.rows) > todayRows {
		p.rows, p.at, p.full = nil, nil, true
	}
}

// sums groups the day's rows that f lets through; ok is false when they are not in memory.
func (p *presentDay) sums(day string, f ReportFilter, by []Dimension) (out []ReportRow, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.day != day || p.at == nil {
		return nil, false
	}
	known := map[string]int{}
	lets := func(list []string, value string) bool { return len(list) == 0 || slices.Contains(list, value) }
	for i := range p.rows {
		d := &p.rows[i]
		if f.To != "" && d.Day > f.To || !lets(f.Models, d.Model) || !lets(f.Providers, d.Provider) || !lets(f.ModelGroups, d.ModelGroup) {
			continue
		}
		var name string
		for i, dimension := range by {
			if i == 0 {
				name = valueOf(d, dimension)
			} else {
				name += "\x1f" + valueOf(d, dimension)
			}
		}
		n, ok := known[name]
		if !ok {
			n = len(out)
			known[name], out = n, append(out, groupOf(d, by))
		}
		out[n].take(d)
	}
	return out, true
}

// groupOf is the group that a daily sum belongs to, without any sum.
func groupOf(d *models.DailySpend, by []Dimension) (r ReportRow) {
	for _, dimension := range by {
		*r.field(dimension) = valueOf(d, dimension)
	}
	return r
}

// valueOf is a daily sum's value of a dimension.
func valueOf(d *models.DailySpend, by Dimension) string {
	switch by {
	case ByDay:
		return d.Day
	case ByKey:
		return d.KeyID
	case ByUser:
		return d.UserID
	case ByTeam:
		return d.TeamID
	case ByOrg:
		return d.OrgID
	case ByEndUser:
		return d.EndUser
	case ByModel:
		return d.Model
	case ByModelGroup:
		return d.ModelGroup
	case ByProvider:
		return d.Provider
	case ByCallType:
		return d.CallType
	}
	return ""
}

// take adds a daily sum.
func (m *Metrics) take(d *models.DailySpend) {
	m.Spend = m.Spend.AddSat(d.Spend)
	m.Saved = m.Saved.AddSat(d.Saved)
	m.PromptSaved = m.PromptSaved.AddSat(d.PromptSaved)
	m.PromptTokens += d.PromptTokens
	m.OutputTokens += d.OutputTokens
	m.CacheRead += d.CacheRead
	m.CacheWrite += d.CacheWrite
	m.CachedOutput += d.CachedOutput
	m.Requests += d.Requests
	m.Failed += d.Failed
	m.CacheHits += d.CacheHits
}

// todaySums is what a broad report finds in the present day.
func (s *Store) todaySums(ctx context.Context, day string, f ReportFilter, by []Dimension) ([]ReportRow, error) {
	if s.today != nil && (f.To == "" || f.To >= day) {
		if rows, ok := s.today.sums(day, f, by); ok {
			return rows, nil
		}
		if err := s.loadToday(ctx, day); err != nil {
			return nil, err
		}
		if rows, ok := s.today.sums(day, f, by); ok {
			return rows, nil
		}
	}
	columns, err := columnsOf(by)
	if err != nil {
		return nil, err
	}
	f.From = day
	return s.sum(ctx, f, columns, "")
}

// loadToday fills the day's rows, unless they are too many or a batch came between: the next report tries again.
func (s *Store) loadToday(ctx context.Context, day string) error {
	p := s.today
	p.mu.Lock()
	begun, quiet := p.batches, p.booking == 0 && (!p.full || p.day != day)
	p.mu.Unlock()
	if !quiet {
		return nil
	}
	var list []models.DailySpend
	if err := s.read.WithContext(ctx).Raw("SELECT * FROM daily_spend WHERE day >= ? LIMIT ?", day, todayRows+1).Find(&list).Error; err != nil {
		return fail("load the daily sums of today", err)
	}
	at := make(map[models.DailyPlace]int, len(list))
	for i := range list {
		at[list[i].Place()] = i
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.batches != begun || p.booking > 0 {
		return nil
	}
	if p.day, p.full = day, len(list) > todayRows; p.full {
		list, at = nil, nil
	}
	p.rows, p.at = list, at
	return nil
}
