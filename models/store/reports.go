package store

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"gatehouse/models"
	"gatehouse/models/fault"
)

// Dimension is what a report groups by.
type Dimension string

// The dimensions of the daily aggregates. ByModel is the upstream name, ByModelGroup the public one.
const (
	ByDay        Dimension = "day"
	ByKey        Dimension = "key"
	ByUser       Dimension = "user"
	ByTeam       Dimension = "team"
	ByOrg        Dimension = "organization"
	ByEndUser    Dimension = "end_user"
	ByModel      Dimension = "model"
	ByModelGroup Dimension = "model_group"
	ByProvider   Dimension = "provider"
	ByCallType   Dimension = "call_type"
)

// column gives the column of daily_spend, "" for a dimension that is none.
func (d Dimension) column() string {
	switch d {
	case ByDay:
		return "day"
	case ByKey:
		return "key_id"
	case ByUser:
		return "user_id"
	case ByTeam:
		return "team_id"
	case ByOrg:
		return "organization_id"
	case ByEndUser:
		return "end_user"
	case ByModel:
		return "model"
	case ByModelGroup:
		return "model_group"
	case ByProvider:
		return "provider"
	case ByCallType:
		return "call_type"
	}
	return ""
}

// ReportFilter narrows the daily aggregates; empty fields do not. Days are YYYY-MM-DD in the reporting zone, both inclusive.
type ReportFilter struct {
	Visible Scope

	From, To                                 string
	KeyIDs, UserIDs, TeamIDs, OrgIDs         []string
	EndUsers, Models, Providers, ModelGroups []string
}

// Metrics are sums over calls.
type Metrics struct {
	Spend        models.Nano
	Saved        models.Nano
	PromptSaved  models.Nano
	PromptTokens int64
	OutputTokens int64
	CacheRead    int64
	CacheWrite   int64
	CachedOutput int64
	Requests     int64
	Failed       int64
	CacheHits    int64
}

// ReportRow is the sum of one group; only the fields of the dimensions asked for are set.
type ReportRow struct {
	Day        string
	KeyID      string
	UserID     string
	TeamID     string
	OrgID      string `gorm:"column:organization_id"`
	EndUser    string
	Model      string
	ModelGroup string
	Provider   string
	CallType   string
	Metrics    `gorm:"embedded"`
}

const sums = `CAST(COALESCE(sum(spend), 0) AS BIGINT) AS spend, CAST(COALESCE(sum(saved), 0) AS BIGINT) AS saved,
  CAST(COALESCE(sum(prompt_saved), 0) AS BIGINT) AS prompt_saved,
  CAST(COALESCE(sum(prompt_tokens), 0) AS BIGINT) AS prompt_tokens, CAST(COALESCE(sum(output_tokens), 0) AS BIGINT) AS output_tokens,
  CAST(COALESCE(sum(cache_read), 0) AS BIGINT) AS cache_read, CAST(COALESCE(sum(cache_write), 0) AS BIGINT) AS cache_write,
  CAST(COALESCE(sum(cached_output), 0) AS BIGINT) AS cached_output, CAST(COALESCE(sum(requests), 0) AS BIGINT) AS requests,
  CAST(COALESCE(sum(failed), 0) AS BIGINT) AS failed, CAST(COALESCE(sum(cache_hits), 0) AS BIGINT) AS cache_hits`

// Report sums the daily aggregates by one or more dimensions, in the order of these: days and names ascending. It
// reads aggregates only, never the ledger. Errors: fault.Invalid for an unknown dimension or none.
func (s *Store) Report(ctx context.Context, f ReportFilter, by ...Dimension) ([]ReportRow, error) {
	columns, err := columnsOf(by)
	if err != nil {
		return nil, err
	}
	rows, whole, err := s.summed(ctx, f, by...)
	if err != nil {
		return nil, err
	}
	if !whole {
		return s.sum(ctx, f, columns, " ORDER BY "+columns)
	}
	slices.SortFunc(rows, compareGroups(by))
	return rows, nil
}

// TopSpend is Report over one dimension, largest spend first, at most limit rows.
func (s *Store) TopSpend(ctx context.Context, f ReportFilter, by Dimension, limit int) ([]ReportRow, error) {
	column, err := columnsOf([]Dimension{by})
	if err != nil {
		return nil, err
	}
	rows, whole, err := s.summed(ctx, f, by)
	if err != nil {
		return nil, err
	}
	if !whole {
		return s.sum(ctx, f, column, " ORDER BY sum(spend) DESC, "+column+" LIMIT "+strconv.Itoa(limit))
	}
	order := make([]int, len(rows)) // rows are large to move about
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := &rows[i], &rows[j]
		if a.Spend != b.Spend {
			return cmp.Compare(b.Spend, a.Spend)
		}
		return cmp.Compare(*a.field(by), *b.field(by))
	})
	top := make([]ReportRow, 0, min(limit, len(rows)))
	for _, i := range order[:cap(top)] {
		top = append(top, rows[i])
	}
	return top, nil
}

// TotalSpend sums everything that matches.
func (s *Store) TotalSpend(ctx context.Context, f ReportFilter) (Metrics, error) {
	var total Metrics
	days, whole, err := s.summed(ctx, f, ByDay)
	if err != nil {
		return total, err
	}
	if whole {
		for i := range days {
			total.add(days[i].Metrics)
		}
		return total, nil
	}
	w := reportConditions(f)
	err = s.read.WithContext(ctx).Raw("SELECT "+sums+" FROM daily_spend"+w.sql(), w.args...).Find(&total).Error
	return total, fail("report spend", err)
}

func columnsOf(by []Dimension) (string, error) {
	var columns []string
	for _, d := range by {
		column := d.column()
		if column == "" {
			return "", fault.BadField("group_by", "%q is nothing that spend can be grouped by", string(d))
		}
		columns = append(columns, column)
	}
	if len(columns) == 0 {
		return "", fault.BadField("group_by", "spend must be grouped by something")
	}
	return strings.Join(columns, ", "), nil
}

func reportConditions(f ReportFilter) *where {
	w := new(where)
	f.Visible.spend(w)
	if f.From != "" {
		w.add("day >= ?", f.From)
	}
	if f.To != "" {
		w.add("day <= ?", f.To)
	}
	w.in("key_id", f.KeyIDs)
	w.in("user_id", f.UserIDs)
	w.in("team_id", f.TeamIDs)
	w.in("organization_id", f.OrgIDs)
	w.in("end_user", f.EndUsers)
	w.in("model", f.Models)
	w.in("model_group", f.ModelGroups)
	w.in("provider", f.Providers)
	return w
}

// TagRow is the sum of one tag, over all days or of one.
type TagRow struct {
	Day      string // "" in sums over all days
	Tag      string
	Spend    models.Nano
	Tokens   int64
	Requests int64
	Failed   int64
}

const tagSums = `CAST(sum(spend) AS BIGINT) AS spend, CAST(sum(tokens) AS BIGINT) AS tokens,
  CAST(sum(requests) AS BIGINT) AS requests, CAST(sum(failed) AS BIGINT) AS failed`

// TopTags sums spend by tag, largest first, at most limit rows. Of f only Visible, days, KeyIDs, UserIDs and TeamIDs
// are heard. A call with two tags counts in both, so tags do not add up to the total.
func (s *Store) TopTags(ctx context.Context, f ReportFilter, tags []string, limit int) ([]TagRow, error) {
	w := tagConditions(f, tags)
	var rows []TagRow
	err := s.read.WithContext(ctx).Raw("SELECT tag, "+tagSums+" FROM daily_tags"+w.sql()+" GROUP BY tag ORDER BY sum(spend) DESC, tag LIMIT ?",
		append(w.args, limit)...).Find(&rows).Error
	return rows, fail("report tags", err)
}

// DailyTags sums spend by day and tag, with the filter of TopTags.
func (s *Store) DailyTags(ctx context.Context, f ReportFilter, tags []string) ([]TagRow, error) {
	w := tagConditions(f, tags)
	var rows []TagRow
	err := s.read.WithContext(ctx).Raw("SELECT day, tag, "+tagSums+" FROM daily_tags"+w.sql()+" GROUP BY day, tag ORDER BY day, tag", w.args...).Find(&rows).Error
	return rows, fail("report tags", err)
}

// TagNames lists the tags that were ever used.
func (s *Store) TagNames(ctx context.Context, visible Scope) ([]string, error) {
	w := tagConditions(ReportFilter{Visible: visible}, nil)
	var names []string
	err := s.read.WithContext(ctx).Raw("SELECT DISTINCT tag FROM daily_tags"+w.sql()+" ORDER BY tag", w.args...).Find(&names).Error
	return names, fail("list tags", err)
}

// EndUserNames lists the end users that were ever named in a call.
func (s *Store) EndUserNames(ctx context.Context, visible Scope) ([]string, error) {
	w := reportConditions(ReportFilter{Visible: visible})
	w.add("end_user <> ''")
	var names []string
	err := s.read.WithContext(ctx).Raw("SELECT DISTINCT end_user FROM daily_spend"+w.sql()+" ORDER BY end_user", w.args...).Find(&names).Error
	return names, fail("list end users", err)
}

func tagConditions(f ReportFilter, tags []string) *where {
	w := reportConditions(ReportFilter{
		Visible: f.Visible, From: f.From, To: f.To, KeyIDs: f.KeyIDs, UserIDs: f.UserIDs, TeamIDs: f.TeamIDs,
	})
	w.in("tag", tags)
	return w
}

// Sparklines gives the spend of each of these keys by day from a day on, in one statement however many keys there are.
// Days without spend are absent.
func (s *Store) Sparklines(ctx context.Context, keyIDs []string, from string) (map[string]map[string]models.Nano, error) {
	lines := make(map[string]map[string]models.Nano, len(keyIDs))
	if len(keyIDs) == 0 {
		return lines, nil
	}
	rows, err := s.Report(ctx, ReportFilter{Visible: Scope{All: true}, KeyIDs: keyIDs, From: from}, ByKey, ByDay)
	for _, row := range rows {
		if lines[row.KeyID] == nil {
			lines[row.KeyID] = map[string]models.Nano{}
		}
		lines[row.KeyID][row.Day] = row.Spend
	}
	return lines, err
}
