package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/models/store"
)

var everything = store.Scope{All: true}

// call is a finished call of a key, a user and a team that costs nano.
func call(id, key, user, team string, nano models.Nano, at time.Time) models.Spend {
	return models.Spend{
		Row: models.SpendRow{
			ID: id, KeyID: key, KeyHash: "hash-of-" + key, UserID: user, TeamID: team, ModelGroup: "gpt", Model: "gpt-4o", Provider: "openai",
			CallType: "acompletion", Spend: nano, Saved: 1, PromptSaved: 4, CacheKey: "0f0f", PromptTokens: 10, OutputTokens: 5, CacheRead: 3, CacheWrite: 2, Status: "success",
			StartedAt: models.At(at), FirstByteAt: models.AtPtr(at.Add(time.Millisecond)), EndedAt: models.At(at.Add(time.Second)),
			Tags: models.Strings{"prod"}, Metadata: models.JSON(`{"a":1.0}`), Lines: models.JSON(`[]`),
		},
		Scopes: []models.ScopeCharge{
			{Scope: models.ScopeProxy}, {Scope: models.ScopeKey(key)}, {Scope: models.ScopeUser(user)}, {Scope: models.ScopeTeam(team)},
		},
	}
}

func counter(t *testing.T, s *store.Store, scope string) models.Counter {
	t.Helper()
	return got(s.Counter(t.Context(), scope))(t)
}

func TestWriteSpendBooksEachCallOnce(t *testing.T) {
	for name, adjust := range map[string]func(*store.Options){
		"with the ledger":    func(*store.Options) {},
		"without the ledger": func(o *store.Options) { o.DisableSpendLogs = true },
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
				ctx := t.Context()
				var batch []models.Spend
				for i := range 300 { // more than one statement holds
					batch = append(batch, call(fmt.Sprintf("c%d", i), fmt.Sprintf("k%d", i%7), fmt.Sprintf("u%d", i%3), "t", 10, clock.Now()))
				}
				batch = append(batch, batch[0])
				must(t, s.WriteSpend(ctx, batch))
				must(t, s.WriteSpend(ctx, batch))                                                               // a replay
				must(t, s.WriteSpend(ctx, append(batch[5:9:9], call("new", "k0", "u0", "t", 10, clock.Now())))) // a batch that overlaps
				must(t, s.WriteSpend(ctx, []models.Spend{call("c3", "k3", "u0", "t", 999_999, clock.Now())}))   // the id decides
				must(t, s.WriteSpend(ctx, nil))
				same(t, "proxy", counter(t, s, models.ScopeProxy).Spent, 3010)
				same(t, "team", counter(t, s, models.ScopeTeam("t")).Total, 3010)
				var keys models.Nano
				for i := range 7 {
					keys += counter(t, s, models.ScopeKey(fmt.Sprintf("k%d", i))).Spent
				}
				same(t, "sum of the keys", keys, 3010)
				total := got(s.TotalSpend(ctx, store.ReportFilter{Visible: everything}))(t)
				same(t, "sum of the days", total, store.Metrics{
					Spend: 3010, Saved: 301, PromptSaved: 1204, PromptTokens: 3010, OutputTokens: 1505, CacheRead: 903, CacheWrite: 602, Requests: 301,
				})
				tags := got(s.TopTags(ctx, store.ReportFilter{Visible: everything}, nil, 10))(t)
				if len(tags) != 1 || tags[0] != (store.TagRow{Tag: "prod", Spend: 3010, Tokens: 4515, Requests: 301}) {
					t.Errorf("got %+v", tags)
				}
				var ledger models.Nano
				rows := 0
				must(t, s.EachSpend(ctx, store.SpendQuery{Visible: everything}, func(r *models.SpendRow) { ledger += r.Spend; rows++ }))
				if name == "with the ledger" {
					same(t, "sum of the ledger", ledger, 3010)
					same(t, "rows of the ledger", rows, 301)
				} else {
					same(t, "rows of the ledger", rows, 0)
				}
			}, adjust)
		})
	}
}

// The switch may be turned between a call and its replay.
func TestAReplayAcrossTheSwitchOfSpendLogs(t *testing.T) {
	t.Parallel()
	for name, dsn := range map[string]string{"sqlite": "sqlite:" + t.TempDir() + "/switch.db", "postgres": testkit.Postgres(t, migrated)} {
		t.Run(name, func(t *testing.T) {
			clock := testkit.NewClock()
			for i, off := range []bool{false, true, false, true} {
				s := open(t, dsn, store.Options{Now: clock.Now, DisableSpendLogs: off})
				must(t, s.WriteSpend(t.Context(), []models.Spend{
					call("first", "k", "u", "t", 10, clock.Now()), call(fmt.Sprintf("of-%d", i/2), "k", "u", "t", 1, clock.Now()),
				}))
				same(t, "proxy", counter(t, s, models.ScopeProxy).Spent, models.Nano(10+1+i/2))
				must(t, s.Close())
			}
		})
	}
}

// What the calls of a batch share is written once (SQLite): each row has what is its own all the same.
func TestTheRowsOfABatchKeepWhatIsTheirs(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		for _, batch := range []string{"first", "second"} { // the second shares other values
			var calls []models.Spend
			for i := range 40 {
				c := call(fmt.Sprintf("%s-%02d", batch, i), "key-of-"+batch, "u", "t", models.Nano(i), clock.Now())
				c.Row.CacheHit, c.Row.SessionID = i%2 == 0, batch
				if i == 3 {
					c.Row.FirstByteAt, c.Row.Tags, c.Row.Metadata = nil, nil, nil
				}
				calls = append(calls, c)
			}
			must(t, s.WriteSpend(t.Context(), calls))
			for i := range calls {
				r := &calls[i].Row
				back := got(s.SpendRecord(t.Context(), everything, r.ID))(t)
				if len(r.Metadata) == 0 {
					r.Metadata = models.JSON("{}")
				}
				same(t, r.ID, fmt.Sprintf("%+v %v", withoutPointers(*back), back.FirstByteAt), fmt.Sprintf("%+v %v", withoutPointers(*r), r.FirstByteAt))
			}
		}
	})
}

func TestTheRowComesBackAsItWasWritten(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		c := call("id", "k", "u", "t", 7, clock.Now())
		r := &c.Row
		r.OrgID, r.EndUser, r.DeploymentID, r.APIBase = "o", "e", "d", "https://x"
		r.CacheHit, r.Unpriced, r.Estimated, r.Overshoot = true, true, true, 3
		r.HTTPStatus, r.ErrorCode, r.IP, r.SessionID, r.PriceVersion, r.SettledBy = 200, "code", "10.0.0.1", "s", "v1", "replay"
		must(t, s.WriteSpend(t.Context(), []models.Spend{c}))
		back := got(s.SpendRecord(t.Context(), everything, "id"))(t)
		same(t, "row", fmt.Sprintf("%+v %v", withoutPointers(*back), back.FirstByteAt), fmt.Sprintf("%+v %v", withoutPointers(*r), r.FirstByteAt))
		same(t, "metadata", string(back.Metadata), `{"a":1.0}`)
	})
}

func withoutPointers(r models.SpendRow) models.SpendRow {
	r.FirstByteAt = nil
	return r
}

func TestChargesGoToTheirWindow(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		ctx := t.Context()
		may, june, july := models.At(clock.Now()), models.At(clock.Now().AddDate(0, 1, 0)), models.At(clock.Now().AddDate(0, 2, 0))
		charge := func(id string, nano models.Nano, window models.Time, resets *models.Time) models.Spend {
			c := call(id, "k", "u", "t", nano, clock.Now())
			c.Scopes = []models.ScopeCharge{{Scope: "key:k", WindowStart: window, ResetsAt: resets}}
			return c
		}
		check := func(what string, spent, total models.Nano, window models.Time, resets *models.Time) {
			t.Helper()
			c := counter(t, s, "key:k")
			same(t, what+": spent", c.Spent, spent)
			same(t, what+": total", c.Total, total)
			same(t, what+": window", c.WindowStart, window)
			same(t, what+": resets", fmt.Sprint(c.ResetsAt), fmt.Sprint(resets))
		}
		must(t, s.WriteSpend(ctx, []models.Spend{charge("1", 10, may, &june)}))
		check("a first call makes the counter", 10, 10, may, &june)
		must(t, s.WriteSpend(ctx, []models.Spend{charge("2", 5, may, &june)}))
		check("same window", 15, 15, may, &june)
		acted := got(s.RollWindow(ctx, "key:k", june, &july))(t)
		same(t, "the reset acted", acted, true)
		check("reset", 0, 15, june, &july)
		acted = got(s.RollWindow(ctx, "key:k", june, &july))(t)
		same(t, "a second reset to the same window acted", acted, false)
		must(t, s.WriteSpend(ctx, []models.Spend{charge("3", 100, may, &june)}))
		check("a call of the old window counts in the total only", 0, 115, june, &july)
		must(t, s.WriteSpend(ctx, []models.Spend{charge("4", 1, may, &june), charge("5", 2, june, &july), charge("6", 4, july, nil), charge("7", 8, july, nil)}))
		check("a batch that spans a reset nobody has made yet", 12, 130, july, nil)
		acted = got(s.RollWindow(ctx, "key:k", july, nil))(t)
		same(t, "the late reset acted", acted, false)
		check("so the new window keeps its charges", 12, 130, july, nil)
	})
}

func TestLastUseMovesForwardOnly(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		ctx := t.Context()
		late := clock.Now().Add(time.Hour)
		must(t, s.WriteSpend(ctx, []models.Spend{call("1", "k", "u", "t", 1, late)}))
		must(t, s.WriteSpend(ctx, []models.Spend{call("2", "k", "u", "t", 1, clock.Now())}))
		used := got(s.LastUsed(ctx, []string{"k", "never"}))(t)
		same(t, "keys with a last use", len(used), 1)
		same(t, "last use", used["k"], models.At(late.Add(time.Second)))
	})
}

func TestDaysAreCutInTheReportingZone(t *testing.T) {
	tokyo := time.FixedZone("east", 9*3600)
	on(t, func(t *testing.T, s *store.Store, _ *testkit.Clock) {
		ctx := t.Context()
		before := time.Date(2026, 1, 15, 14, 59, 59, 0, time.UTC) // 23:59:59 there
		must(t, s.WriteSpend(ctx, []models.Spend{
			call("1", "k", "u", "t", 1, before), call("2", "k", "u", "t", 2, before.Add(time.Second)),
		}))
		rows := got(s.Report(ctx, store.ReportFilter{Visible: everything}, store.ByDay))(t)
		if len(rows) != 2 || rows[0].Day != "2026-01-15" || rows[0].Spend != 1 || rows[1].Day != "2026-01-16" || rows[1].Spend != 2 {
			t.Errorf("got %+v", rows)
		}
	}, func(o *store.Options) { o.Zone = tokyo })
}

func TestWhatOutsidersSendCannotStopTheBooks(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		ctx := t.Context()
		for i, text := range hostile {
			c := call(fmt.Sprintf("id-%d-%s", i, text), "k", text, text, 1, clock.Now())
			c.Row.EndUser, c.Row.ModelGroup, c.Row.ErrorCode, c.Row.Tags = text, text, text, models.Strings{text, text}
			c.Row.Metadata = models.JSON(`{"x":"` + text + `"}`)
			c.Scopes = append(c.Scopes, models.ScopeCharge{Scope: models.ScopeCustomer(text)})
			must(t, s.WriteSpend(ctx, []models.Spend{c}))
			must(t, s.WriteSpend(ctx, []models.Spend{c}))
		}
		same(t, "proxy", counter(t, s, models.ScopeProxy).Spent, models.Nano(len(hostile)))
		total := got(s.TotalSpend(ctx, store.ReportFilter{Visible: everything}))(t)
		same(t, "requests", total.Requests, int64(len(hostile)))
	})
}

// Replicas that send overlapping batches at once neither deadlock for good nor book a call twice.
func TestConcurrentWritersAgree(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		ctx := t.Context()
		const writers, each = 4, 10
		var wait sync.WaitGroup
		for w := range writers {
			wait.Go(func() {
				for i := range each {
					var batch []models.Spend
					for j := range 12 {
						n := (w*5 + i*7 + j) % 60 // much overlap, other orders
						batch = append(batch, call(fmt.Sprintf("c%d", n), fmt.Sprintf("k%d", n%9), fmt.Sprintf("u%d", n%4), "t", 1, clock.Now()))
					}
					if err := s.WriteSpend(context.WithoutCancel(ctx), batch); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wait.Wait()
		rows := 0
		must(t, s.EachSpend(ctx, store.SpendQuery{Visible: everything}, func(*models.SpendRow) { rows++ }))
		same(t, "proxy", counter(t, s, models.ScopeProxy).Total, models.Nano(rows))
		total := got(s.TotalSpend(ctx, store.ReportFilter{Visible: everything}))(t)
		same(t, "sum of the days", total.Spend, models.Nano(rows))
	})
}

func TestPurgeSpendKeepsSumsAndCounters(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		ctx := t.Context()
		for i := range 5 {
			must(t, s.WriteSpend(ctx, []models.Spend{call(fmt.Sprint(i), "k", "u", "t", 1, clock.Now().Add(time.Duration(i)*time.Hour))}))
		}
		edge := models.At(clock.Now().Add(3 * time.Hour))
		same(t, "first purge", got(s.PurgeSpend(ctx, edge, 2))(t), 2)
		same(t, "second purge", got(s.PurgeSpend(ctx, edge, 2))(t), 1)
		page := got(s.ListSpend(ctx, store.SpendQuery{Visible: everything, Counts: true}))(t)
		same(t, "rows left", page.Total, 2)
		same(t, "total", counter(t, s, "key:k").Total, 5)
		same(t, "days", got(s.TotalSpend(ctx, store.ReportFilter{Visible: everything}))(t).Requests, 5)
	})
}
