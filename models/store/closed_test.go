package store_test

import (
	"context"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/models/store"
)

// What is kept of days that are over is what is in them, on every replica, whatever is booked late; and it is read once.
func TestDaysThatAreOverAreSummedOnce(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]string{"sqlite": "sqlite:" + filepath.Join(t.TempDir(), "gatehouse.db"), "postgres": testkit.Postgres(t, migrated)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, clock := t.Context(), testkit.NewClock()
			var scans atomic.Int64
			opt := store.Options{Now: clock.Now, OnStatement: func(_ context.Context, query string) {
				if strings.Contains(query, "FROM daily_spend") && strings.Contains(query, "LIMIT") {
					scans.Add(1)
				}
			}}
			s := open(t, address, opt)
			replica := s
			if name == "postgres" { // SQLite has one process
				replica = open(t, address, opt)
			}
			day := func(back int) time.Time { return clock.Now().AddDate(0, 0, -back) }
			book := func(by *store.Store, id, key string, nano models.Nano, at time.Time) {
				t.Helper()
				must(t, by.WriteSpend(ctx, []models.Spend{call(id, key, "u", "t", nano, at)}))
			}
			all := store.ReportFilter{Visible: store.Scope{All: true}, From: day(30).Format(time.DateOnly), To: day(0).Format(time.DateOnly)}
			check := func(what string, total models.Nano, days int, top string, most models.Nano) {
				t.Helper()
				for name, at := range map[string]*store.Store{"here": s, "on the replica": replica} {
					same(t, what+" in all, "+name, got(at.TotalSpend(ctx, all))(t).Spend, total)
					rows := got(at.Report(ctx, all, store.ByDay))(t)
					same(t, what+" days, "+name, len(rows), days)
					for i := 1; i < len(rows); i++ {
						if rows[i].Day <= rows[i-1].Day {
							t.Errorf("%s: %s after %s", what, rows[i].Day, rows[i-1].Day)
						}
					}
					keys := got(at.TopSpend(ctx, all, store.ByKey, 1))(t)
					if len(keys) != 1 || keys[0].KeyID != top || keys[0].Spend != most {
						t.Errorf("%s, %s: the first key is %+v", what, name, keys)
					}
				}
			}
			book(s, "a", "k1", 10, day(2))
			book(s, "b", "k2", 30, day(1))
			book(s, "c", "k1", 5, day(0))
			check("at first", 45, 3, "k2", 30)
			before := scans.Load()
			book(s, "d", "k1", 16, day(0))
			check("after a call of today", 61, 3, "k1", 31)
			same(t, "scans of days that are over", scans.Load()-before, 0)
			book(replica, "e", "k2", 100, day(1))
			check("after a late one", 161, 3, "k2", 130)
			book(replica, "f", "k3", 1000, day(9))
			check("after a very late one", 1161, 4, "k3", 1000)
			over := all
			over.To = day(1).Format(time.DateOnly)
			same(t, "without today", got(s.TotalSpend(ctx, over))(t).Spend, 1140)
			clock.Advance(24 * time.Hour) // today is over now, and in what is kept
			book(s, "g", "k1", 1, clock.Now())
			all.To = clock.Now().Format(time.DateOnly)
			check("the day after", 1162, 5, "k3", 1000)
		})
	}
}
