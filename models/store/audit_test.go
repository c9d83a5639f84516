package store_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/models/store"
)

func TestTheAuditChain(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		ctx := t.Context()
		report := got(s.VerifyAudit(ctx))(t)
		same(t, "empty", report, store.AuditReport{})
		var wait sync.WaitGroup
		for i := range 12 { // with changes of configuration around them, in either order
			wait.Go(func() {
				_, err := s.Change(ctx, func(tx *store.Store) error {
					row := &models.AuditRow{ActorID: fmt.Sprint(i), Action: "team.new", ObjectType: "team", After: models.JSON(`{"a": 1.0}`)}
					team := &models.Team{ID: fmt.Sprint(i)}
					if i%2 == 0 {
						return errors.Join(tx.AppendAudit(ctx, row), tx.InsertTeam(ctx, team))
					}
					return errors.Join(tx.InsertTeam(ctx, team), tx.AppendAudit(ctx, row, &models.AuditRow{ActorID: "second"}))
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		for i, text := range hostile {
			clock.Advance(time.Minute)
			must(t, s.AppendAudit(ctx, &models.AuditRow{ActorID: text, ObjectID: text, IP: text, ChangedBy: text, Action: fmt.Sprintf("hostile %d", i), Before: models.JSON(`{"t":"` + text + `"}`)}))
		}
		want := int64(18 + len(hostile))
		report = got(s.VerifyAudit(ctx))(t)
		if report.Rows != want || report.FirstSeq != 1 || report.LastSeq != want || report.BrokenAt != 0 {
			t.Errorf("got %+v", report)
		}
		_, err := s.Change(ctx, func(tx *store.Store) error {
			return errors.Join(tx.AppendAudit(ctx, &models.AuditRow{Action: "never"}), errors.New("boom"))
		})
		if err == nil {
			t.Fatal("no error")
		}
		same(t, "rows after a change that failed", got(s.VerifyAudit(ctx))(t).Rows, want)

		rows, more, err := s.ListAudit(ctx, store.AuditFilter{Size: 2})
		must(t, err)
		if !more || len(rows) != 2 || rows[0].Seq != want || rows[0].PrevHash != rows[1].RowHash {
			t.Errorf("got %v, %d rows", more, len(rows))
		}
		rows, _, err = s.ListAudit(ctx, store.AuditFilter{Size: 2, Before: rows[1].Seq})
		must(t, err)
		same(t, "next page", rows[0].Seq, want-2)
		rows, more, err = s.ListAudit(ctx, store.AuditFilter{ActorID: "second", ObjectType: ""})
		must(t, err)
		same(t, "by actor", fmt.Sprint(len(rows), more), "6 false")
		rows, _, err = s.ListAudit(ctx, store.AuditFilter{Search: "HOSTILE 1", From: models.At(clock.Now().Add(-time.Minute)), To: models.At(clock.Now())})
		must(t, err)
		same(t, "by time and text", len(rows), 1)

		// Retention takes the oldest, never the newest, and leaves a chain.
		same(t, "purged", got(s.PurgeAudit(ctx, models.At(testkit.Epoch.Add(time.Second))))(t), 18)
		report = got(s.VerifyAudit(ctx))(t)
		if report.FirstSeq != 19 || report.LastSeq != want || report.BrokenAt != 0 {
			t.Errorf("got %+v", report)
		}
		_, err = s.PurgeAudit(ctx, models.At(clock.Now().AddDate(1, 0, 0)))
		must(t, err)
		must(t, s.AppendAudit(ctx, &models.AuditRow{Action: "after"}))
		report = got(s.VerifyAudit(ctx))(t)
		if report.Rows != 2 || report.LastSeq != want+1 || report.BrokenAt != 0 {
			t.Errorf("got %+v", report)
		}
	})
}

func TestTheAuditLogIsInsertOnlyAndTellsOfTampering(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		dsn    string
		refuse []string
		unlock []string
	}{
		"sqlite": {
			"sqlite:" + filepath.Join(t.TempDir(), "a.db"),
			nil,
			[]string{"DROP TRIGGER audit_log_no_update", "DROP TRIGGER audit_log_no_delete"},
		},
		"postgres": {
			testkit.Postgres(t, migrated),
			[]string{"TRUNCATE audit_log"},
			[]string{"ALTER TABLE audit_log DISABLE TRIGGER USER"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, tc.dsn, store.Options{})
			db := raw(t, tc.dsn)
			for range 5 {
				must(t, s.AppendAudit(t.Context(), &models.AuditRow{Action: "key.new", After: models.JSON(`{"alias":"a"}`)}))
			}
			for _, query := range append(tc.refuse, "UPDATE audit_log SET action = 'x'", "DELETE FROM audit_log", "DELETE FROM audit_log WHERE seq = 5") {
				if _, err := db.ExecContext(t.Context(), query); err == nil {
					t.Errorf("%s was let through", query)
				}
			}
			for _, query := range tc.unlock {
				exec(t, db, query)
			}
			broken := func(what string, at int64, query string) {
				t.Helper()
				exec(t, db, query)
				report := got(s.VerifyAudit(t.Context()))(t)
				if report.BrokenAt != at || report.Reason == "" {
					t.Errorf("%s: got %+v, want broken at %d", what, report, at)
				}
			}
			broken("a row that is missing", 5, "DELETE FROM audit_log WHERE seq = 4")
			broken("a row that was changed", 3, "UPDATE audit_log SET after_values = '{}' WHERE seq = 3")
			broken("the first row with another before it", 1, "UPDATE audit_log SET prev_hash = 'x' WHERE seq = 1")
		})
	}
}
