package control_test

import (
	"fmt"
	"testing"
	"time"

	"gatehouse/app/control"
	"gatehouse/models"
)

// A list costs the same number of statements whether its page holds two rows or twenty.
func TestListsTakeAFixedNumberOfStatements(t *testing.T) {
	e := lite(t)
	ctx, now := t.Context(), e.clock.Now()
	const rows = 20
	for n := range rows {
		user, team := fmt.Sprintf("u%02d", n), fmt.Sprintf("t%02d", n)
		e.user(user, models.RoleInternalUser)
		e.team(team, user)
		k := e.key(admin(), fmt.Sprintf(`{"key_alias":"k%02d","user_id":%q,"team_id":%q,"model_max_budget":{"gpt-4":{"budget_limit":1,"time_period":"1d"}}}`, n, user, team))
		e.book(fmt.Sprintf("c%02d", n), k.Key.ID, user, team, fmt.Sprintf("m%02d", n), now, models.USD, fmt.Sprintf("tag%02d", n))
	}
	day := now.Format(time.DateOnly)
	spend := func(size int) control.SpendQuery {
		return control.SpendQuery{StartDate: day, EndDate: day, Size: size, Limit: &size}
	}
	for name, list := range map[string]func(size int) (int, error){
		"/key/list": func(size int) (int, error) {
			p, err := e.Keys.List(ctx, admin(), control.KeyQuery{Size: size, Expand: "user"})
			return len(p.Items), err
		},
		"/key/list of an admin of teams": func(size int) (int, error) {
			p, err := e.Keys.List(ctx, admin(), control.KeyQuery{Size: size, IncludeTeamKeys: true, SortBy: "spend"})
			return len(p.Items), err
		},
		"/key/aliases": func(size int) (int, error) {
			p, err := e.Keys.Aliases(ctx, admin(), control.AliasQuery{Size: size})
			return len(p.Items), err
		},
		"/user/list": func(size int) (int, error) {
			p, err := e.Users.List(ctx, admin(), control.UserQuery{Size: size})
			return len(p.Items), err
		},
		"/v2/team/list": func(size int) (int, error) {
			p, err := e.Teams.Pages(ctx, admin(), control.TeamQuery{Size: size})
			return len(p.Items), err
		},
		"/spend/logs": func(size int) (int, error) {
			p, err := e.Spend.Logs(ctx, admin(), spend(size))
			return len(p.Rows), err
		},
		"/global/spend/keys": func(size int) (int, error) {
			list, err := e.Spend.Top(ctx, admin(), control.ByKey, spend(size))
			return len(list), err
		},
		"/global/spend/teams": func(size int) (int, error) {
			list, err := e.Spend.Top(ctx, admin(), control.ByTeam, spend(size))
			return len(list), err
		},
	} {
		count := func(size int) int64 {
			before := e.statements.Load()
			got, err := list(size)
			ok(t, err)
			same(t, name+": rows", got, size)
			return e.statements.Load() - before
		}
		few, many := count(2), count(rows)
		if few != many || many > 12 {
			t.Errorf("%s: %d statements for 2 rows, %d for %d", name, few, many, rows)
		}
	}
	// A summary and a report by day, whatever they are about.
	for name, report := range map[string]func() error{
		"/spend/logs, summarized": func() error { _, err := e.Spend.Summary(ctx, admin(), spend(0)); return err },
		"/user/daily/activity":    func() error { _, err := e.Spend.Activity(ctx, admin(), control.ByUser, spend(10)); return err },
	} {
		before := e.statements.Load()
		ok(t, report())
		if n := e.statements.Load() - before; n > 20 {
			t.Errorf("%s: %d statements", name, n)
		}
	}
}
