package control_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/models"
	"gatehouse/models/fault"
)

// book writes one finished call.
func (e *env) book(id, key, user, team, group string, at time.Time, cost models.Nano, tags ...string) {
	e.t.Helper()
	row := models.SpendRow{
		ID: id, KeyID: key, UserID: user, TeamID: team, ModelGroup: group, Model: group + "-up", Provider: "openai", Spend: cost,
		PromptTokens: 10, OutputTokens: 5, Status: "success", StartedAt: models.At(at), EndedAt: models.At(at), Tags: tags,
	}
	scopes := []models.ScopeCharge{{Scope: models.ScopeKey(key)}}
	if team != "" {
		scopes = append(scopes, models.ScopeCharge{Scope: models.ScopeTeam(team)})
	}
	ok(e.t, e.store.WriteSpend(e.t.Context(), []models.Spend{{Row: row, Scopes: scopes}}))
}

func TestSpend(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		for _, id := range []string{"ana", "bo", "lead"} {
			e.user(id, models.RoleInternalUser)
		}
		e.team("core", "bo", "lead:admin")
		ka := e.key(e.as("ana"), `{"key_alias":"ka"}`)
		kb := e.key(e.as("bo"), `{"key_alias":"kb","team_id":"core"}`)
		day := e.clock.Now()
		e.book("c1", ka.Key.ID, "ana", "", "gpt-4", day, models.USD, "prod")
		e.book("c2", ka.Key.ID, "ana", "", "gpt-4o", day.AddDate(0, 0, -1), 2*models.USD)
		e.book("c3", kb.Key.ID, "bo", "core", "gpt-4", day, 4*models.USD, "prod")
		q := control.SpendQuery{StartDate: "2026-01-13", EndDate: "2026-01-15"}

		with := func(change func(*control.SpendQuery)) control.SpendQuery { c := q; change(&c); return c }
		for name, tc := range map[string]struct {
			who  access.Actor
			q    control.SpendQuery
			kind fault.Kind
			text string
		}{
			"another person's":       {e.as("ana"), with(func(q *control.SpendQuery) { q.UserID = "bo" }), fault.Forbidden, "Non-admin users can only view their own spend data."},
			"another team's":         {e.as("ana"), with(func(q *control.SpendQuery) { q.Teams = []string{"core"} }), fault.Forbidden, ""},
			"an organization's":      {e.as("ana"), with(func(q *control.SpendQuery) { q.Orgs = []string{"x"} }), fault.Forbidden, ""},
			"no dates":               {admin(), control.SpendQuery{}, fault.Invalid, "Please provide start_date and end_date"},
			"one date":               {admin(), control.SpendQuery{StartDate: "2026-01-01"}, fault.Invalid, "Please provide"},
			"not a date":             {admin(), control.SpendQuery{StartDate: "x", EndDate: "2026-01-01"}, fault.Invalid, "YYYY-MM-DD"},
			"backwards":              {admin(), control.SpendQuery{StartDate: "2026-01-02", EndDate: "2026-01-01"}, fault.Invalid, "before"},
			"for ever":               {admin(), control.SpendQuery{StartDate: "1000-01-02", EndDate: "2026-01-01"}, fault.Invalid, "at most"},
			"a page that is no page": {admin(), with(func(q *control.SpendQuery) { q.Page = -1 }), fault.Invalid, "page"},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := e.Spend.Activity(t.Context(), tc.who, control.ByUser, tc.q)
				refused(t, err, tc.kind, tc.text)
			})
		}
		total := func(who access.Actor) models.Nano {
			t.Helper()
			a, err := e.Spend.Activity(t.Context(), who, control.ByUser, q)
			ok(t, err)
			return a.Total.Spend
		}
		same(t, "admin", total(admin()), 7*models.USD)
		same(t, "own", total(e.as("ana")), 3*models.USD)
		same(t, "own in a team", total(e.as("bo")), 4*models.USD)
		same(t, "a team's admin", total(e.as("lead")), 4*models.USD)

		a, err := e.Spend.Activity(t.Context(), admin(), control.ByTeam, q)
		ok(t, err)
		same(t, "newest first", a.Days[0].Date+" "+a.Days[1].Date, "2026-01-15 2026-01-14")
		models4 := a.Days[0].Cuts[control.ByModelGroup]
		same(t, "by model", words(models4[0].Value, models4[0].Usage.Spend, len(models4[0].Keys)), "gpt-4 5.0 2")
		keys := a.Days[0].Cuts[control.ByKey]
		same(t, "keys by name and hash", keys[0].Label != "" && len(keys[0].Hash) == 64, true)
		same(t, "teams", len(a.Days[0].Cuts[control.ByTeam]), 2)
		a, err = e.Spend.Activity(t.Context(), admin(), control.ByTag, q)
		ok(t, err)
		same(t, "tags", a.Days[0].Cuts[control.ByTag][0].Usage.Spend, 5*models.USD)

		days, err := e.Spend.Days(t.Context(), e.as("ana"), q)
		ok(t, err)
		same(t, "days are filled", words(len(days), days[0].Usage.Spend, days[1].Usage.Spend, days[2].Usage.Spend), "3 0.0 2.0 1.0")
		logs, err := e.Spend.Summary(t.Context(), admin(), q)
		ok(t, err)
		same(t, "summary", words(logs[2].Spend, logs[2].Users["bo"], logs[2].Models["gpt-4"], logs[2].Keys[ka.Key.Hash]), "5.0 4.0 5.0 1.0")
		top, err := e.Spend.Top(t.Context(), admin(), control.ByKey, control.SpendQuery{Limit: ptr(1)})
		ok(t, err)
		same(t, "top", words(len(top), top[0].Label), "1 kb")
		_, err = e.Spend.Top(t.Context(), admin(), control.ByKey, control.SpendQuery{Limit: ptr(0)})
		refused(t, err, fault.Unprocessable, "limit")
		teams, err := e.Spend.Teams(t.Context(), admin(), q)
		ok(t, err)
		same(t, "teams", words(teams.Teams, teams.Days[2].Spend["Unassigned"]), "[core Unassigned] 1.0")
		series, err := e.Spend.ModelDays(t.Context(), admin(), q)
		ok(t, err)
		same(t, "series", words(series[0].Model, series[0].Total.Requests, len(series[0].Days)), "gpt-4 2 3")
		rep, err := e.Spend.Report(t.Context(), admin(), control.ByTeam, q)
		ok(t, err)
		same(t, "report", len(rep), 2)
		_, err = e.Spend.Report(t.Context(), admin(), "planet", q)
		refused(t, err, fault.Invalid, "planet")
		tags, err := e.Spend.Tags(t.Context(), e.as("ana"), control.SpendQuery{})
		ok(t, err)
		same(t, "own tags", tags[0].Spend, models.USD)

		page, err := e.Spend.Logs(t.Context(), e.as("ana"), control.SpendQuery{Size: 1})
		ok(t, err)
		same(t, "newest", words(page.Rows[0].ID, page.Total, page.Rows[0].KeyAlias), "c1 2 ka")
		page, err = e.Spend.Logs(t.Context(), e.as("ana"), control.SpendQuery{Size: 1, Cursor: page.Next})
		ok(t, err)
		same(t, "older", page.Rows[0].ID+page.Next, "c2")
		page, err = e.Spend.Logs(t.Context(), admin(), control.SpendQuery{StartDate: "2026-01-15", EndDate: "2026-01-15", MinSpend: ptr(2.0)})
		ok(t, err)
		same(t, "filtered", words(len(page.Rows), page.Rows[0].ID), "1 c3")
		_, err = e.Spend.Logs(t.Context(), e.as("ana"), control.SpendQuery{UserID: "bo"})
		refused(t, err, fault.Forbidden, "")
		page, err = e.Spend.Logs(t.Context(), e.as("ana"), control.SpendQuery{Key: kb.Key.Hash})
		ok(t, err)
		same(t, "another's key shows nothing", len(page.Rows), 0)
		_, err = e.Spend.Log(t.Context(), e.as("ana"), "c3")
		refused(t, err, fault.NotFound, "")
		one, err := e.Spend.Log(t.Context(), e.as("lead"), "c3")
		ok(t, err)
		same(t, "a team's admin reads it", one.UserEmail, "bo@example.org")

		people, err := e.Spend.Users(t.Context(), e.as("ana"), "")
		ok(t, err)
		same(t, "people", len(people), 1)
		mine, err := e.Spend.Keys(t.Context(), e.as("ana"))
		ok(t, err)
		same(t, "keys", len(mine), 1)
		ten := 10 * models.USD
		e.policy.LiteLLM.MaxBudget = &ten
		spent, most, err := e.Spend.Total(t.Context(), admin())
		ok(t, err)
		same(t, "total", words(spent, most), "7.0 10.0")

		refused(t, e.Spend.ResetAll(t.Context(), e.as("ana")), fault.Unauthenticated, "")
		e.user("pa", models.RoleAdmin)
		refused(t, e.Spend.ResetAll(t.Context(), e.as("pa")), fault.Unauthenticated, "Route=/global/spend/reset")
		ok(t, e.Spend.ResetAll(t.Context(), admin()))
		v, err := e.Keys.Info(t.Context(), admin(), ka.Key.Hash)
		ok(t, err)
		same(t, "after the reset", v.Spend, models.Nano(0))
		if _, told := e.ledger.set[models.ScopeTeam("core")]; !told {
			t.Error("the running process was not told")
		}
		spent, _, err = e.Spend.Total(t.Context(), admin())
		ok(t, err)
		same(t, "the ledger stays", spent, 7*models.USD)
	})
}

// words joins values with spaces.
func words(v ...any) string { return strings.TrimSpace(fmt.Sprintln(v...)) }

func ptr[T any](v T) *T { return &v }

func TestCost(t *testing.T) {
	e := lite(t)
	cost, err := e.Spend.Cost(t.Context(), admin(), parse[control.CostInput](t, `{"completion_response":{"model":"gpt-4","usage":{"prompt_tokens":10,"completion_tokens":2}}}`))
	ok(t, err)
	same(t, "cost", cost, models.Nano(10*30_000+2*60_000))
	for body, text := range map[string]string{
		`{}`:                             "must be provided",
		`{"model":"free","messages":[]}`: "No price is known",
		`{"completion_response":"what"}`: "cannot be read",
		`{"completion_response":{"model":"gpt-4","usage":{"prompt_tokens":-1}}}`: "cannot be negative",
	} {
		_, err := e.Spend.Cost(t.Context(), admin(), parse[control.CostInput](t, body))
		refused(t, err, fault.Invalid, text)
	}
}
