package api

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
)

func (h *Handlers) spendOps() []Op {
	days := "start_date={today}&end_date={today}"
	read := func(path, doc, example string) Op {
		return Op{Method: "GET", Path: path, Action: access.SpendRead, Tag: "spend", Doc: doc, Example: example}
	}
	activity := func(path, doc string, entity control.Dimension) Op {
		o := read(path, doc, days)
		o.Detail = true
		return op(o, h.dailyActivity(entity))
	}
	whole := read("/user/daily/activity/aggregated", "The same on one page.", days)
	logsUI := read("/spend/logs/ui", "A page of the ledger.", "start_date={today}%2000:00:00&end_date={today}%2023:59:59")
	logsUI.Aliases = []string{"/spend/logs/v2"}
	customers := read("/customer/daily/activity", "Usage by day and end user.", days)
	customers.Aliases, customers.Detail = []string{"/end_user/daily/activity"}, true
	return []Op{
		op(read("/spend/logs", "The ledger; with dates and summarize (the default) one line a day.", "limit=10"), h.spendLogs),
		op(logsUI, h.spendLogsUI),
		op(read("/spend/logs/ui/:request_id", "One call.", ""), h.spendLog),
		op(read("/spend/keys", "Keys by spend.", ""), h.spendKeys),
		op(read("/spend/users", "People by spend.", ""), h.spendUsers),
		op(read("/spend/tags", "Tags by spend.", ""), h.spendTags),
		op(Op{
			Method: "POST", Path: "/spend/calculate", Action: access.ModelRead, Tag: "spend", Doc: "What a call would cost.",
			Example: `{"model":"demo","messages":[{"role":"user","content":"hello"}]}`,
		}, h.spendCalculate),
		op(read("/global/spend", "All spend, and the budget over everything.", ""), h.globalSpend),
		op(read("/global/spend/logs", "Spend of the last 30 days, by day.", ""), h.globalSpendLogs),
		op(read("/global/spend/keys", "The keys with the most spend.", "limit=10"), h.globalSpendKeys),
		op(read("/global/spend/teams", "Spend by day and team.", ""), h.globalSpendTeams),
		op(read("/global/spend/models", "The models with the most spend.", "limit=10"), h.globalSpendModels),
		op(read("/global/spend/tags", "Tags by spend.", days), h.globalSpendTags),
		op(read("/global/spend/all_tag_names", "Every tag in use.", ""), h.globalTagNames),
		op(read("/global/spend/provider", "Spend by provider.", days), h.globalSpendProvider),
		op(Op{Method: "POST", Path: "/global/spend/end_users", Action: access.SpendRead, Tag: "spend", Doc: "End users by spend.", Example: `{}`}, h.globalSpendEndUsers),
		op(read("/global/all_end_users", "Every end user seen.", ""), h.globalEndUsers),
		op(read("/global/spend/report", "A report a day, by team, customer or key.", days+"&group_by=team"), h.globalReport),
		op(read("/global/activity", "Requests and tokens by day.", days), h.globalActivity),
		op(read("/global/activity/model", "The same by model.", days), h.globalActivityModel),
		op(read("/global/activity/cache_hits", "What the response cache answered.", days), h.globalCacheHits),
		op(Op{
			Method: "POST", Path: "/global/spend/reset", Action: access.SpendResetAll, Tag: "spend",
			Doc: "Set the spend of all keys and teams to zero; the ledger stays. Master key only.", Example: `{}`,
		}, h.globalReset),
		activity("/user/daily/activity", "Usage by day with its cuts.", control.ByUser),
		op(whole, h.dailyAggregated),
		activity("/team/daily/activity", "Usage by day and team.", control.ByTeam),
		activity("/tag/daily/activity", "Usage by day and tag.", control.ByTag),
		activity("/organization/daily/activity", "Usage by day and organization.", control.ByOrg),
		op(customers, h.dailyActivity(control.ByEndUser)),
	}
}

// spendRow is one call, in LiteLLM's names.
type spendRow struct {
	RequestID    string         `json:"request_id"`
	CallType     string         `json:"call_type"`
	Key          string         `json:"api_key"`
	Spend        models.Nano    `json:"spend"`
	TotalTokens  int64          `json:"total_tokens"`
	PromptTokens int64          `json:"prompt_tokens"`
	OutputTokens int64          `json:"completion_tokens"`
	Start        models.Time    `json:"startTime"`
	End          models.Time    `json:"endTime"`
	FirstByte    *models.Time   `json:"completionStartTime"`
	Model        string         `json:"model"`
	ModelID      string         `json:"model_id"`
	ModelGroup   string         `json:"model_group"`
	Provider     string         `json:"custom_llm_provider"`
	APIBase      string         `json:"api_base"`
	User         string         `json:"user"`
	TeamID       *string        `json:"team_id"`
	OrgID        *string        `json:"organization_id"`
	EndUser      string         `json:"end_user"`
	Metadata     models.JSON    `json:"metadata"`
	Tags         models.Strings `json:"request_tags"`
	CacheHit     string         `json:"cache_hit"`
	CacheKey     string         `json:"cache_key"`
	IP           string         `json:"requester_ip_address"`
	SessionID    *string        `json:"session_id"`
	Status       string         `json:"status"`
	Saved        models.Nano    `json:"saved"`
	PromptSaved  models.Nano    `json:"prompt_cache_saved"`
	CacheRead    int64          `json:"cache_read_input_tokens"`
	CacheWrite   int64          `json:"cache_creation_input_tokens"`
	Unpriced     bool           `json:"unpriced"`
	Estimated    bool           `json:"usage_estimated"`
	Overshoot    models.Nano    `json:"budget_overshoot"`
	HTTPStatus   int            `json:"http_status"`
	ErrorCode    *string        `json:"error_code"`
	SettledBy    *string        `json:"settled_by"`
	Lines        costLines      `json:"cost_breakdown"`
	KeyAlias     *string        `json:"key_alias"`
	TeamAlias    *string        `json:"team_alias"`
	Messages     wordsJSON      `json:"messages" doc:"What was asked; {} unless store_prompts_in_spend_logs is on and one call is asked for."`
	Response     wordsJSON      `json:"response" doc:"What was answered, as messages."`
	Request      wordsJSON      `json:"proxy_server_request" doc:"All fields that held the prompt."`
}

// costLines is the bill as the ledger keeps it: one line for each kind of token, none for a call that was not priced.
type costLines models.JSON

// MarshalJSON writes [] for none.
func (l costLines) MarshalJSON() ([]byte, error) {
	if len(l) == 0 || l[0] != '[' {
		return []byte("[]"), nil
	}
	return l, nil
}

func (costLines) schema(*schemas) object {
	return object{"type": "array", "items": object{"type": "object", "additionalProperties": true}}
}

// wordsJSON is what was said, as it came: any JSON value, {} where nothing was kept.
type wordsJSON models.JSON

// MarshalJSON writes {} for nothing.
func (w wordsJSON) MarshalJSON() ([]byte, error) { return models.JSON(w).MarshalJSON() }

func (wordsJSON) schema(*schemas) object {
	return object{"type": []any{"object", "array", "string"}}
}

func spendOf(r *control.LogRow) spendRow {
	hit := "False" // LiteLLM keeps Python's word in a text column, and clients compare it
	if r.CacheHit {
		hit = "True"
	}
	return spendRow{
		RequestID: r.ID, CallType: r.CallType, Key: r.KeyHash, Spend: r.Spend, TotalTokens: r.PromptTokens + r.OutputTokens, PromptTokens: r.PromptTokens,
		OutputTokens: r.OutputTokens, Start: r.StartedAt, End: r.EndedAt, FirstByte: r.FirstByteAt, Model: r.Model, ModelID: r.DeploymentID,
		ModelGroup: r.ModelGroup, Provider: r.Provider, APIBase: r.APIBase, User: r.UserID, TeamID: text(r.TeamID), OrgID: text(r.OrgID),
		EndUser: r.EndUser, Metadata: r.Metadata, Tags: r.Tags, CacheHit: hit, CacheKey: r.CacheKey, PromptSaved: r.PromptSaved, IP: r.IP, SessionID: text(r.SessionID), Status: r.Status, Saved: r.Saved,
		CacheRead: r.CacheRead, CacheWrite: r.CacheWrite, Unpriced: r.Unpriced, Estimated: r.Estimated, Overshoot: r.Overshoot, HTTPStatus: r.HTTPStatus,
		ErrorCode: text(r.ErrorCode), SettledBy: text(r.SettledBy), Lines: costLines(r.Lines), KeyAlias: text(r.KeyAlias), TeamAlias: text(r.TeamAlias),
	}
}

func spendRows(rows []control.LogRow) []spendRow {
	out := make([]spendRow, len(rows))
	for i := range rows {
		out[i] = spendOf(&rows[i])
	}
	return out
}

type spendLogsQuery struct {
	control.SpendQuery
	Summarize *bool `query:"summarize"`
}

// spendLines are calls, or days when the caller asked for a summary.
type spendLines struct {
	rows []spendRow
	days []map[string]any
}

// MarshalJSON writes the list that is there.
func (l spendLines) MarshalJSON() ([]byte, error) {
	if l.days != nil {
		return json.Marshal(l.days)
	}
	return json.Marshal(l.rows)
}

func (spendLines) schema(g *schemas) object {
	day := object{
		"type": "object", "required": []any{"startTime", "spend", "users", "models"}, "additionalProperties": object{"type": "number"},
		"properties": object{
			"startTime": object{"type": "string", "format": "date"}, "spend": object{"type": "number"},
			"users":  g.answer(reflect.TypeFor[map[string]models.Nano]()),
			"models": g.answer(reflect.TypeFor[map[string]models.Nano]()),
		},
	}
	return object{
		"description": "calls; with dates and summarize one line a day, which also holds the spend of each key by its hash",
		"anyOf":       []any{g.answer(reflect.TypeFor[[]spendRow]()), object{"type": "array", "items": day}},
	}
}

func (h *Handlers) spendLogs(c *fiber.Ctx, in spendLogsQuery) (spendLines, error) {
	q := in.SpendQuery
	if q.StartDate != "" && q.EndDate != "" && (in.Summarize == nil || *in.Summarize) {
		days, err := h.Spend.Summary(c.UserContext(), web.Actor(c), q)
		if err != nil {
			return spendLines{}, err
		}
		out := make([]map[string]any, len(days))
		for i, d := range days {
			line := map[string]any{"startTime": d.Date, "spend": d.Spend, "users": d.Users, "models": d.Models}
			for hash, spend := range d.Keys {
				line[hash] = spend
			}
			out[i] = line
		}
		return spendLines{days: out}, nil
	}
	page, err := h.Spend.Logs(c.UserContext(), web.Actor(c), q)
	if err != nil {
		return spendLines{}, err
	}
	rows := spendRows(page.Rows)
	if q.RequestID != "" && len(rows) == 1 {
		err = h.addWords(c, &rows[0])
	}
	return spendLines{rows: rows}, err
}

type spendPage struct {
	Data []spendRow `json:"data"`
	pageAnswer
}

func (h *Handlers) spendLogsUI(c *fiber.Ctx, in control.SpendQuery) (spendPage, error) {
	if in.StartDate == "" || in.EndDate == "" {
		return spendPage{}, fault.BadField("start_date", "Please provide start_date and end_date")
	}
	page, err := h.Spend.Logs(c.UserContext(), web.Actor(c), in)
	if err != nil {
		return spendPage{}, err
	}
	p := control.Page[spendRow]{Total: page.Total, Page: page.Page, Size: page.Size}
	return spendPage{Data: spendRows(page.Rows), pageAnswer: pageOf(p)}, nil
}

type requestPath struct {
	ID string `path:"request_id"`
}

func (h *Handlers) spendLog(c *fiber.Ctx, in requestPath) (spendRow, error) {
	r, err := h.Spend.Log(c.UserContext(), web.Actor(c), in.ID)
	if err != nil {
		return spendRow{}, err
	}
	row := spendOf(r)
	return row, h.addWords(c, &row)
}

// addWords puts what was said into the row of one call.
func (h *Handlers) addWords(c *fiber.Ctx, row *spendRow) error {
	words, err := h.Spend.Words(c.UserContext(), web.Actor(c), row.RequestID)
	if err != nil {
		return err
	}
	row.Request, row.Response = wordsJSON(words.Request), wordsJSON(words.Answer)
	var fields map[string]json.RawMessage
	if json.Unmarshal(words.Request, &fields) != nil { // nothing, or one that was cut
		row.Messages = wordsJSON(words.Request)
	}
	for _, name := range [...]string{"messages", "input", "prompt", "contents"} {
		if raw := fields[name]; len(raw) > 0 {
			row.Messages = wordsJSON(raw)
			break
		}
	}
	return nil
}

func (h *Handlers) spendKeys(c *fiber.Ctx, _ none) ([]keyRow, error) {
	views, err := h.Spend.Keys(c.UserContext(), web.Actor(c))
	if err != nil {
		return nil, err
	}
	return keysWithToken(views), nil
}

func (h *Handlers) spendUsers(c *fiber.Ctx, in userRef) ([]userRow, error) {
	views, err := h.Spend.Users(c.UserContext(), web.Actor(c), in.ID)
	if err != nil {
		return nil, err
	}
	rows := make([]userRow, len(views))
	for i := range views {
		rows[i] = userOf(&views[i])
	}
	return rows, nil
}

type tagRow struct {
	Tag   string      `json:"individual_request_tag"`
	Calls int64       `json:"log_count"`
	Spend models.Nano `json:"total_spend"`
}

func (h *Handlers) spendTags(c *fiber.Ctx, in control.SpendQuery) ([]tagRow, error) {
	tags, err := h.Spend.Tags(c.UserContext(), web.Actor(c), in)
	if err != nil {
		return nil, err
	}
	rows := make([]tagRow, len(tags))
	for i, t := range tags {
		rows[i] = tagRow(t)
	}
	return rows, nil
}

type costAnswer struct {
	Cost models.Nano `json:"cost"`
}

func (h *Handlers) spendCalculate(c *fiber.Ctx, in control.CostInput) (costAnswer, error) {
	cost, err := h.Spend.Cost(c.UserContext(), web.Actor(c), in)
	return costAnswer{Cost: cost}, err
}

type globalSpendAnswer struct {
	Spend     models.Nano  `json:"spend"`
	MaxBudget *models.Nano `json:"max_budget"`
}

func (h *Handlers) globalSpend(c *fiber.Ctx, _ none) (globalSpendAnswer, error) {
	spent, limit, err := h.Spend.Total(c.UserContext(), web.Actor(c))
	return globalSpendAnswer{Spend: spent, MaxBudget: limit}, err
}

type daySpend struct {
	Date  string      `json:"date"`
	Spend models.Nano `json:"spend"`
}

// lastMonth fills in the 30 days up to today where a query names no days.
func (h *Handlers) lastMonth(q *control.SpendQuery) {
	if q.StartDate == "" && q.EndDate == "" {
		today := h.Now().In(h.Zone())
		q.StartDate, q.EndDate = today.AddDate(0, 0, -29).Format(time.DateOnly), today.Format(time.DateOnly)
	}
}

func (h *Handlers) globalSpendLogs(c *fiber.Ctx, in control.SpendQuery) ([]daySpend, error) {
	h.lastMonth(&in)
	days, err := h.Spend.Days(c.UserContext(), web.Actor(c), in)
	if err != nil {
		return nil, err
	}
	out := make([]daySpend, len(days))
	for i, d := range days {
		out[i] = daySpend{Date: d.Date, Spend: d.Usage.Spend}
	}
	return out, nil
}

type keySpend struct {
	Key   string      `json:"api_key"`
	Alias *string     `json:"key_alias"`
	Name  *string     `json:"key_name"`
	Total models.Nano `json:"total_spend"`
}

// top is a bounded cut; a limit below 1 is a 422.
func (h *Handlers) top(c *fiber.Ctx, by control.Dimension, q control.SpendQuery) ([]control.Slice, error) {
	if q.Limit != nil && *q.Limit < 1 {
		return nil, &fault.Fault{
			Kind: fault.Unprocessable, Param: "limit", Message: "limit must be at least 1",
			Issues: []fault.Issue{{Type: "greater_than_equal", Loc: []string{"query", "limit"}, Msg: "Input should be greater than or equal to 1"}},
		}
	}
	h.lastMonth(&q)
	return h.Spend.Top(c.UserContext(), web.Actor(c), by, q)
}

func (h *Handlers) globalSpendKeys(c *fiber.Ctx, in control.SpendQuery) ([]keySpend, error) {
	slices, err := h.top(c, control.ByKey, in)
	if err != nil {
		return nil, err
	}
	out := make([]keySpend, len(slices))
	for i, s := range slices {
		out[i] = keySpend{Key: s.Hash, Alias: text(s.Label), Total: s.Usage.Spend}
	}
	return out, nil
}

type teamTotal struct {
	TeamID string      `json:"team_id"`
	Total  models.Nano `json:"total_spend"`
}

type globalTeamsAnswer struct {
	Daily  []map[string]any `json:"daily_spend"`
	Teams  []string         `json:"teams"`
	Totals []teamTotal      `json:"total_spend_per_team"`
}

func (h *Handlers) globalSpendTeams(c *fiber.Ctx, in control.SpendQuery) (globalTeamsAnswer, error) {
	h.lastMonth(&in)
	t, err := h.Spend.Teams(c.UserContext(), web.Actor(c), in)
	if err != nil {
		return globalTeamsAnswer{}, err
	}
	out := globalTeamsAnswer{Daily: make([]map[string]any, len(t.Days)), Teams: orEmpty(t.Teams), Totals: make([]teamTotal, len(t.Totals))}
	for i, d := range t.Days {
		line := map[string]any{"date": d.Date}
		for team, spend := range d.Spend {
			line[team] = spend
		}
		out.Daily[i] = line
	}
	for i, s := range t.Totals {
		out.Totals[i] = teamTotal{TeamID: s.Label, Total: s.Usage.Spend}
	}
	return out, nil
}

type modelSpend struct {
	Model string      `json:"model"`
	Total models.Nano `json:"total_spend"`
}

func (h *Handlers) globalSpendModels(c *fiber.Ctx, in control.SpendQuery) ([]modelSpend, error) {
	slices, err := h.top(c, control.ByModel, in)
	if err != nil {
		return nil, err
	}
	out := make([]modelSpend, len(slices))
	for i, s := range slices {
		out[i] = modelSpend{Model: s.Value, Total: s.Usage.Spend}
	}
	return out, nil
}

type tagSpend struct {
	Tag   string      `json:"name"`
	Spend models.Nano `json:"spend"`
	Calls int64       `json:"log_count"`
}

type tagsAnswer struct {
	Tags []tagSpend `json:"spend_per_tag"`
}

func (h *Handlers) globalSpendTags(c *fiber.Ctx, in control.SpendQuery) (tagsAnswer, error) {
	tags, err := h.Spend.Tags(c.UserContext(), web.Actor(c), in)
	if err != nil {
		return tagsAnswer{}, err
	}
	out := tagsAnswer{Tags: make([]tagSpend, len(tags))}
	for i, t := range tags {
		out.Tags[i] = tagSpend{Tag: t.Tag, Spend: t.Spend, Calls: t.Calls}
	}
	return out, nil
}

type tagNames struct {
	Names []string `json:"tag_names"`
}

func (h *Handlers) globalTagNames(c *fiber.Ctx, in control.SpendQuery) (tagNames, error) {
	tags, err := h.Spend.Tags(c.UserContext(), web.Actor(c), in)
	out := tagNames{Names: make([]string, len(tags))}
	for i, t := range tags {
		out.Names[i] = t.Tag
	}
	return out, err
}

type providerSpend struct {
	Provider string      `json:"provider"`
	Spend    models.Nano `json:"spend"`
}

func (h *Handlers) globalSpendProvider(c *fiber.Ctx, in control.SpendQuery) ([]providerSpend, error) {
	slices, err := h.top(c, control.ByProvider, in)
	if err != nil {
		return nil, err
	}
	out := make([]providerSpend, len(slices))
	for i, s := range slices {
		out[i] = providerSpend{Provider: s.Value, Spend: s.Usage.Spend}
	}
	return out, nil
}

type endUsersInput struct {
	Key   string `json:"api_key"`
	Start string `json:"startTime"`
	End   string `json:"endTime"`
}

type endUserSpend struct {
	EndUser string      `json:"end_user"`
	Calls   int64       `json:"total_count"`
	Total   models.Nano `json:"total_spend"`
}

func (h *Handlers) globalSpendEndUsers(c *fiber.Ctx, in endUsersInput) ([]endUserSpend, error) {
	slices, err := h.top(c, control.ByEndUser, control.SpendQuery{Key: in.Key, StartDate: in.Start, EndDate: in.End})
	if err != nil {
		return nil, err
	}
	out := []endUserSpend{}
	for _, s := range slices {
		if s.Value != "" {
			out = append(out, endUserSpend{EndUser: s.Value, Calls: s.Usage.Requests, Total: s.Usage.Spend})
		}
	}
	return out, nil
}

type endUserName struct {
	EndUser string `json:"end_user"`
}

func (h *Handlers) globalEndUsers(c *fiber.Ctx, in control.SpendQuery) ([]endUserName, error) {
	slices, err := h.top(c, control.ByEndUser, in)
	if err != nil {
		return nil, err
	}
	out := []endUserName{}
	for _, s := range slices {
		if s.Value != "" {
			out = append(out, endUserName{EndUser: s.Value})
		}
	}
	return out, nil
}

type spendReset struct {
	Message string `json:"message"`
	Status  string `json:"status"`
}

func (h *Handlers) globalReset(c *fiber.Ctx, _ none) (spendReset, error) {
	err := h.Spend.ResetAll(c.UserContext(), web.Actor(c))
	return spendReset{Message: "Spend for all API Keys and Teams reset successfully", Status: "success"}, err
}
