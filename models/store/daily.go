package store

import (
	"cmp"
	"slices"

	"gorm.io/gorm"

	"gatehouse/models"
)

// Words of SpendRow.Status that the aggregates know.
const statusFailure = "failure"

// Day is the day of an instant in the reporting zone, as the aggregates spell it: YYYY-MM-DD.
func (s *Store) Day(at models.Time) string { return at.In(s.opt.Zone).Format("2006-01-02") }

// days is Day for many instants near each other: a day is spelled once for each quarter of an hour, which no zone cuts.
func (s *Store) days() func(models.Time) string {
	const quarter = 15 * 60
	var known int64 = -1
	var day string
	return func(at models.Time) string {
		if q := at.Unix() / quarter; q != known || q <= 0 {
			known, day = q, s.Day(at)
		}
		return day
	}
}

// addDaily adds booked calls to the aggregates that usage pages read. A call belongs to the day on which it started. sign
// is 1, or -1 for calls whose amounts are negative already and that are taken out.
func (s *Store) addDaily(db *gorm.DB, calls []*models.Spend, sign int64) error {
	days := map[models.DailyPlace]*models.DailySpend{}
	type tagPlace struct{ day, tag, key, user, team, model string }
	tags := map[tagPlace]*models.DailyTag{}
	var last models.DailyPlace // calls of one key often come in a row
	var sum *models.DailySpend
	day := s.days()
	for i := range calls {
		r := &calls[i].Row
		at := models.DailyPlace{
			Day: day(r.StartedAt), Key: r.KeyID, User: r.UserID, Team: r.TeamID, Org: r.OrgID, EndUser: r.EndUser, Group: r.ModelGroup, Model: r.Model,
			Provider: r.Provider, CallType: r.CallType,
		}
		if sum == nil || at != last {
			if last, sum = at, days[at]; sum == nil {
				sum = &models.DailySpend{
					Day: at.Day, KeyID: r.KeyID, UserID: r.UserID, TeamID: r.TeamID, OrgID: r.OrgID, EndUser: r.EndUser,
					ModelGroup: r.ModelGroup, Model: r.Model, Provider: r.Provider, CallType: r.CallType,
				}
				days[at] = sum
			}
		}
		addCall(sum, r, sign)
		for j, tag := range r.Tags {
			if slices.Contains(r.Tags[:j], tag) { // a tag given twice is one tag
				continue
			}
			at := tagPlace{last.Day, tag, r.KeyID, r.UserID, r.TeamID, r.ModelGroup}
			sum := tags[at]
			if sum == nil {
				sum = &models.DailyTag{Day: last.Day, Tag: tag, KeyID: r.KeyID, UserID: r.UserID, TeamID: r.TeamID, Model: r.ModelGroup}
				tags[at] = sum
			}
			sum.Spend = sum.Spend.AddSat(r.Spend)
			sum.Tokens += r.PromptTokens + r.OutputTokens
			sum.Requests += sign
			sum.Failed += sign * one(r.Status == statusFailure)
		}
	}
	rows := make([][]any, 0, len(days))
	for _, d := range days {
		if s.added != nil {
			*s.added = append(*s.added, d)
		}
		rows = append(rows, []any{
			d.Day, d.KeyID, d.UserID, d.TeamID, d.OrgID, d.EndUser, d.ModelGroup, d.Model, d.Provider, d.CallType,
			int64(d.Spend), int64(d.Saved), d.PromptTokens, d.OutputTokens, d.CacheRead, d.CacheWrite, d.CachedOutput,
			d.Requests, d.Failed, d.CacheHits, int64(d.PromptSaved),
		})
	}
	sortRows(rows, 10)
	if err := s.insertRows(db, insert{
		into: "daily_spend",
		columns: `day text, key_id text, user_id text, team_id text, organization_id text, end_user text, model_group text, model text,
  provider text, call_type text, spend bigint, saved bigint, prompt_tokens bigint, output_tokens bigint, cache_read bigint,
  cache_write bigint, cached_output bigint, requests bigint, failed bigint, cache_hits bigint, prompt_saved bigint`,
		ending: `ON CONFLICT (day, key_id, user_id, team_id, organization_id, end_user, model_group, model, provider, call_type) DO UPDATE SET
  spend = daily_spend.spend + excluded.spend, saved = daily_spend.saved + excluded.saved,
  prompt_tokens = daily_spend.prompt_tokens + excluded.prompt_tokens, output_tokens = daily_spend.output_tokens + excluded.output_tokens,
  cache_read = daily_spend.cache_read + excluded.cache_read, cache_write = daily_spend.cache_write + excluded.cache_write,
  cached_output = daily_spend.cached_output + excluded.cached_output, requests = daily_spend.requests + excluded.requests,
  failed = daily_spend.failed + excluded.failed, cache_hits = daily_spend.cache_hits + excluded.cache_hits,
  prompt_saved = daily_spend.prompt_saved + excluded.prompt_saved`,
	}, rows, nil); err != nil {
		return err
	}
	rows = make([][]any, 0, len(tags))
	for _, t := range tags {
		rows = append(rows, []any{t.Day, t.Tag, t.KeyID, t.UserID, t.TeamID, t.Model, int64(t.Spend), t.Tokens, t.Requests, t.Failed})
	}
	sortRows(rows, 6)
	return s.insertRows(db, insert{
		into: "daily_tags",
		columns: `day text, tag text, key_id text, user_id text, team_id text, model text, spend bigint, tokens bigint, requests bigint,
  failed bigint`,
		ending: `ON CONFLICT (day, tag, key_id, user_id, team_id, model) DO UPDATE SET
  spend = daily_tags.spend + excluded.spend, tokens = daily_tags.tokens + excluded.tokens,
  requests = daily_tags.requests + excluded.requests, failed = daily_tags.failed + excluded.failed`,
	}, rows, nil)
}

func addCall(d *models.DailySpend, r *models.SpendRow, sign int64) {
	d.Spend = d.Spend.AddSat(r.Spend)
	d.Saved = d.Saved.AddSat(r.Saved)
	d.PromptSaved = d.PromptSaved.AddSat(r.PromptSaved)
	d.PromptTokens += r.PromptTokens
	d.OutputTokens += r.OutputTokens
	d.CacheRead += r.CacheRead
	d.CacheWrite += r.CacheWrite
	d.Requests += sign
	d.Failed += sign * one(r.Status == statusFailure)
	if r.CacheHit {
		d.CacheHits += sign
		d.CachedOutput += r.OutputTokens
	}
}

func one(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

// sortRows orders rows by their first n columns, which are texts: two writers then meet shared rows in the same order
// and cannot deadlock.
func sortRows(rows [][]any, n int) {
	slices.SortFunc(rows, func(a, b []any) int {
		for i := range n {
			x, _ := a[i].(string)
			y, _ := b[i].(string)
			if c := cmp.Compare(x, y); c != 0 {
				return c
			}
		}
		return 0
	})
}
