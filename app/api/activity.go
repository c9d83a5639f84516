package api

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
)

// metrics is what a set of calls used, in LiteLLM's names.
type metrics struct {
	Spend        models.Nano `json:"spend"`
	PromptTokens int64       `json:"prompt_tokens"`
	OutputTokens int64       `json:"completion_tokens"`
	CacheRead    int64       `json:"cache_read_input_tokens"`
	CacheWrite   int64       `json:"cache_creation_input_tokens"`
	TotalTokens  int64       `json:"total_tokens"`
	Successful   int64       `json:"successful_requests"`
	Failed       int64       `json:"failed_requests"`
	Requests     int64       `json:"api_requests"`
	CacheHits    int64       `json:"cache_hits"`
	Saved        models.Nano `json:"saved" doc:"What the calls that kept answers served would have cost."`
	PromptSaved  models.Nano `json:"prompt_cache_saved" doc:"What providers' own prompt caches saved, less what writing them cost extra."`
}

func metricsOf(u control.Usage) metrics {
	return metrics{
		Spend: u.Spend, PromptTokens: u.PromptTokens, OutputTokens: u.OutputTokens, CacheRead: u.CacheRead, CacheWrite: u.CacheWrite,
		TotalTokens: u.Tokens(), Successful: u.Requests - u.Failed, Failed: u.Failed, Requests: u.Requests, CacheHits: u.CacheHits, Saved: u.Saved, PromptSaved: u.PromptSaved,
	}
}

// cut is one value of a breakdown.
type cut struct {
	Metrics  metrics        `json:"metrics"`
	Metadata map[string]any `json:"metadata"`
	Keys     map[string]cut `json:"api_key_breakdown"`
}

// cutsOf names slices by value, or keys by their hash.
func cutsOf(slices []control.Slice, byKey bool) map[string]cut {
	out := make(map[string]cut, len(slices))
	for _, s := range slices {
		name, meta := s.Value, map[string]any{}
		if byKey {
			name = s.Hash
			meta = map[string]any{"key_alias": text(s.Label), "team_id": text(s.Team)}
		} else if s.Label != "" {
			meta["alias"] = s.Label
		}
		out[name] = cut{Metrics: metricsOf(s.Usage), Metadata: meta, Keys: cutsOf(s.Keys, true)}
	}
	return out
}

type breakdown struct {
	Models    map[string]cut `json:"models"`
	Groups    map[string]cut `json:"model_groups"`
	Providers map[string]cut `json:"providers"`
	Keys      map[string]cut `json:"api_keys"`
	Entities  map[string]cut `json:"entities"`
}

type activityDay struct {
	Date      string    `json:"date"`
	Metrics   metrics   `json:"metrics"`
	Breakdown breakdown `json:"breakdown"`
}

type activityTotals struct {
	Spend        models.Nano `json:"total_spend"`
	PromptTokens int64       `json:"total_prompt_tokens"`
	OutputTokens int64       `json:"total_completion_tokens"`
	Tokens       int64       `json:"total_tokens"`
	Requests     int64       `json:"total_api_requests"`
	Successful   int64       `json:"total_successful_requests"`
	Failed       int64       `json:"total_failed_requests"`
	CacheRead    int64       `json:"total_cache_read_input_tokens"`
	CacheWrite   int64       `json:"total_cache_creation_input_tokens"`
	Page         int         `json:"page"`
	Pages        int         `json:"total_pages"`
	More         bool        `json:"has_more"`
}

type activityAnswer struct {
	Results  []activityDay  `json:"results"`
	Metadata activityTotals `json:"metadata"`
}

func needDays(q control.SpendQuery) error {
	if q.StartDate == "" || q.EndDate == "" {
		return fault.BadField("start_date", "Please provide start_date and end_date")
	}
	return nil
}

// dailyActivity is the handler of one entity's report.
func (h *Handlers) dailyActivity(entity control.Dimension) func(*fiber.Ctx, control.SpendQuery) (activityAnswer, error) {
	return func(c *fiber.Ctx, q control.SpendQuery) (activityAnswer, error) {
		if err := needDays(q); err != nil {
			return activityAnswer{}, err
		}
		a, err := h.Spend.Activity(c.UserContext(), web.Actor(c), entity, q)
		if err != nil {
			return activityAnswer{}, err
		}
		return activityOf(a, entity), nil
	}
}

// dailyAggregated is the report on one page, however many days it has.
func (h *Handlers) dailyAggregated(c *fiber.Ctx, q control.SpendQuery) (activityAnswer, error) {
	q.Page, q.Size = 1, 1000
	return h.dailyActivity(control.ByUser)(c, q)
}

func activityOf(a *control.Activity, entity control.Dimension) activityAnswer {
	out := activityAnswer{Results: make([]activityDay, len(a.Days))}
	for i, d := range a.Days {
		out.Results[i] = activityDay{Date: d.Date, Metrics: metricsOf(d.Usage), Breakdown: breakdown{
			Models: cutsOf(d.Cuts[control.ByModel], false), Groups: cutsOf(d.Cuts[control.ByModelGroup], false),
			Providers: cutsOf(d.Cuts[control.ByProvider], false), Keys: cutsOf(d.Cuts[control.ByKey], true), Entities: cutsOf(d.Cuts[entity], false),
		}}
	}
	t := metricsOf(a.Total)
	out.Metadata = activityTotals{
		Spend: t.Spend, PromptTokens: t.PromptTokens, OutputTokens: t.OutputTokens, Tokens: t.TotalTokens, Requests: t.Requests, Successful: t.Successful,
		Failed: t.Failed, CacheRead: t.CacheRead, CacheWrite: t.CacheWrite, Page: a.Page, Pages: a.Pages, More: a.Page < a.Pages,
	}
	return out
}

type activityPoint struct {
	Date     string `json:"date"` // "Mar 02": LiteLLM's label
	Requests int64  `json:"api_requests"`
	Tokens   int64  `json:"total_tokens"`
}

type activitySeries struct {
	Model    string          `json:"model,omitempty"`
	Daily    []activityPoint `json:"daily_data"`
	Requests int64           `json:"sum_api_requests"`
	Tokens   int64           `json:"sum_total_tokens"`
}

func seriesOf(days []control.DaySpend) activitySeries {
	out := activitySeries{Daily: make([]activityPoint, len(days))}
	for i, d := range days {
		label := d.Date
		if t, err := time.Parse(time.DateOnly, d.Date); err == nil {
			label = t.Format("Jan 02")
		}
		out.Daily[i] = activityPoint{Date: label, Requests: d.Usage.Requests, Tokens: d.Usage.Tokens()}
		out.Requests += d.Usage.Requests
		out.Tokens += d.Usage.Tokens()
	}
	return out
}

func (h *Handlers) globalActivity(c *fiber.Ctx, q control.SpendQuery) (activitySeries, error) {
	if err := needDays(q); err != nil {
		return activitySeries{}, err
	}
	days, err := h.Spend.Days(c.UserContext(), web.Actor(c), q)
	if err != nil {
		return activitySeries{}, err
	}
	return seriesOf(days), nil
}

func (h *Handlers) globalActivityModel(c *fiber.Ctx, q control.SpendQuery) ([]activitySeries, error) {
	if err := needDays(q); err != nil {
		return nil, err
	}
	series, err := h.Spend.ModelDays(c.UserContext(), web.Actor(c), q)
	if err != nil {
		return nil, err
	}
	out := make([]activitySeries, len(series))
	for i, s := range series {
		out[i] = seriesOf(s.Days)
		out[i].Model = s.Model
	}
	return out, nil
}

type cacheHits struct {
	Key       string `json:"api_key"`
	Model     string `json:"model"`
	CallType  string `json:"call_type"`
	Rows      int64  `json:"total_rows"`
	Hits      int64  `json:"cache_hit_true_rows"`
	Cached    int64  `json:"cached_completion_tokens"`
	Generated int64  `json:"generated_completion_tokens"`

	Saved models.Nano `json:"saved"`
}

func (h *Handlers) globalCacheHits(c *fiber.Ctx, q control.SpendQuery) ([]cacheHits, error) {
	if err := needDays(q); err != nil {
		return nil, err
	}
	rows, err := h.Spend.CacheHits(c.UserContext(), web.Actor(c), q)
	if err != nil {
		return nil, err
	}
	out := make([]cacheHits, len(rows))
	for i, r := range rows {
		u := r.Usage
		out[i] = cacheHits{
			Key: r.KeyHash, Model: r.Model, CallType: r.CallType, Rows: u.Requests, Hits: u.CacheHits, Cached: u.CachedOutput,
			Generated: u.OutputTokens - u.CachedOutput, Saved: u.Saved,
		}
	}
	return out, nil
}

type reportDay struct {
	Day     string        `json:"group_by_day"`
	Groups  []reportGroup `json:"teams,omitempty"`
	Users   []reportGroup `json:"customers,omitempty"`
	APIKeys []reportGroup `json:"api_keys,omitempty"`
}

type reportGroup struct {
	Name   string      `json:"name"`
	ID     string      `json:"id"`
	Spend  models.Nano `json:"total_spend"`
	Calls  int64       `json:"api_requests"`
	Tokens int64       `json:"total_tokens"`
}

func (h *Handlers) globalReport(c *fiber.Ctx, q control.SpendQuery) ([]reportDay, error) {
	if err := needDays(q); err != nil {
		return nil, err
	}
	by := control.ByTeam
	switch q.GroupBy {
	case "", "team":
	case "customer":
		by = control.ByEndUser
	case "api_key":
		by = control.ByKey
	default:
		return nil, fault.BadField("group_by", "group_by must be team, customer or api_key")
	}
	days, err := h.Spend.Report(c.UserContext(), web.Actor(c), by, q)
	if err != nil {
		return nil, err
	}
	out := make([]reportDay, len(days))
	for i, d := range days {
		groups := make([]reportGroup, len(d.Cuts[by]))
		for j, s := range d.Cuts[by] {
			id := s.Value
			if by == control.ByKey {
				id = s.Hash
			}
			groups[j] = reportGroup{Name: s.Label, ID: id, Spend: s.Usage.Spend, Calls: s.Usage.Requests, Tokens: s.Usage.Tokens()}
		}
		out[i] = reportDay{Day: d.Date}
		switch by {
		case control.ByEndUser:
			out[i].Users = groups
		case control.ByKey:
			out[i].APIKeys = groups
		default:
			out[i].Groups = groups
		}
	}
	return out, nil
}
