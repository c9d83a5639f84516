package store_test

import (
	"errors"
	"testing"
	"time"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/models/store"
)

const replicaTTL = time.Minute

// lend asks for an amount of a slice of 1,000.
func lend(scope string, id, serial int64, isNew bool, back, want models.Nano) models.SliceAsk {
	return models.SliceAsk{
		Scope: scope, Slice: id, Serial: serial, New: isNew, Return: back,
		Grant: func(v models.SliceView) models.Nano { return min(want, 1000-v.Spent-v.Sliced-v.Lost) },
	}
}

func slice(t *testing.T, s *store.Store, replica string, asks ...models.SliceAsk) []models.SliceGot {
	t.Helper()
	out, now, err := s.Slice(t.Context(), replica, asks)
	must(t, err)
	if now.IsZero() {
		t.Error("the database's clock is not told")
	}
	return out
}

func spent(id, scope string, cost models.Nano, sliceID int64, take models.Nano) models.Spend {
	return models.Spend{
		Row:    models.SpendRow{ID: id, Spend: cost, StartedAt: models.At(testkit.Epoch), EndedAt: models.At(testkit.Epoch), Status: "success"},
		Scopes: []models.ScopeCharge{{Scope: scope, Slice: sliceID, Take: take}},
	}
}

// onPostgres runs a test where there can be several replicas.
func onPostgres(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	t.Parallel()
	test(t, open(t, testkit.Postgres(t, migrated), store.Options{}))
}

func TestSlicesAreLentOnce(t *testing.T) {
	onPostgres(t, func(t *testing.T, s *store.Store) {
		_, _, err := s.Slice(t.Context(), "a", []models.SliceAsk{lend("key:k", 1, 1, true, 0, 10)})
		if !errors.Is(err, models.ErrGivenUp) {
			t.Fatalf("a replica that nobody knows was lent to: %v", err)
		}
		for i, name := range []string{"a", "b"} {
			b := got(s.Beat(t.Context(), name, replicaTTL))(t)
			same(t, "replicas", b.Live, int64(i+1))
			same(t, "heard of", b.Heard, int64(i+1))
			same(t, "lowest", b.Lowest, name == "a")
			same(t, "fresh", b.Fresh, true)
		}
		first := slice(t, s, "a", lend("key:k", 1, 1, true, 0, 700), lend("team:t", 2, 1, true, 0, 50))
		same(t, "a gets", first[0].Granted, 700)
		same(t, "of the team", first[1].Granted, 50)
		same(t, "b gets the rest", slice(t, s, "b", lend("key:k", 3, 1, true, 0, 700))[0].Granted, 300)
		same(t, "the same again", slice(t, s, "a", lend("key:k", 1, 1, true, 0, 700))[0].Granted, 700)
		same(t, "there is no more", slice(t, s, "a", lend("key:k", 1, 2, false, 0, 1))[0].Granted, 0)
		same(t, "another slice than the one there is", slice(t, s, "a", lend("key:k", 9, 2, false, 0, 1))[0].Void, true)

		back := slice(t, s, "a", lend("key:k", 1, 3, false, 200, 0))[0]
		same(t, "lent after a return", back.View.Sliced, 800)
		same(t, "a's of it", back.View.Mine, 500)

		// 60 of a's slice are spent, 10 beyond it.
		must(t, s.WriteSpend(t.Context(), []models.Spend{spent("c1", "key:k", 70, 1, 60)}))
		must(t, s.WriteSpend(t.Context(), []models.Spend{spent("c1", "key:k", 70, 1, 60)}))
		v := slice(t, s, "a", lend("key:k", 1, 4, false, 0, 0))[0].View
		same(t, "spent", v.Spent, 70)
		same(t, "lent", v.Sliced, 740)
		same(t, "a's", v.Mine, 440)

		must(t, s.Leave(t.Context(), "a"))
		v = slice(t, s, "b", lend("key:k", 3, 2, false, 0, 0))[0].View
		same(t, "lent when a has left", v.Sliced, 300)
		must(t, s.WriteSpend(t.Context(), []models.Spend{spent("c2", "key:k", 5, 1, 5)}))
		v = slice(t, s, "b", lend("key:k", 3, 3, false, 0, 0))[0].View
		same(t, "a slice that is gone gives nothing", v.Sliced, 300)
		same(t, "its call is spent", v.Spent, 75)
	})
}

func TestSlicesEndWithTheirWindow(t *testing.T) {
	onPostgres(t, func(t *testing.T, s *store.Store) {
		got(s.Beat(t.Context(), "a", replicaTTL))(t)
		slice(t, s, "a", lend("key:k", 1, 1, true, 0, 100))
		must(t, s.WriteSpend(t.Context(), []models.Spend{spent("c1", "key:k", 40, 1, 40)}))
		ask := lend("key:k", 1, 2, false, 0, 10)
		end := models.At(testkit.Epoch.Add(time.Hour))
		ask.Roll = func(models.Time, models.Counter) (models.Time, *models.Time, bool) {
			return models.At(testkit.Epoch), &end, true
		}
		out := slice(t, s, "a", ask)[0]
		if !out.Void || out.View.Spent != 0 || out.View.Sliced != 0 || out.Window.Micros() != testkit.Epoch.UnixMicro() || out.ResetsAt == nil {
			t.Errorf("the old slice in the new window: %+v", out)
		}
		must(t, s.WriteSpend(t.Context(), []models.Spend{spent("c2", "key:k", 7, 1, 7)}))
		c := got(s.Counter(t.Context(), "key:k"))(t)
		same(t, "spent in the new window", c.Spent, 0)
		same(t, "in all", c.Total, 47)
	})
}

func TestTheDeadAreSettledFor(t *testing.T) {
	t.Parallel()
	for name, off := range map[string]bool{"with a ledger": false, "disable_spend_logs": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settledForTheDead(t, open(t, testkit.Postgres(t, migrated), store.Options{DisableSpendLogs: off}))
		})
	}
}

func settledForTheDead(t *testing.T, s *store.Store) {
	t.Helper()
	got(s.Beat(t.Context(), "a", time.Microsecond))(t)
	got(s.Beat(t.Context(), "b", replicaTTL))(t)
	slice(t, s, "a", lend("key:k", 1, 1, true, 0, 600))
	slice(t, s, "b", lend("key:k", 2, 1, true, 0, 100))
	held := spent("c1", "key:k", 30, 1, 0)
	held.Row.SettledBy = store.SettledBySweeper
	must(t, s.WriteHolds(t.Context(), "a", []models.Spend{held}))
	must(t, s.WriteHolds(t.Context(), "a", []models.Spend{held}))

	same(t, "somebody is dead", got(s.SweepReplicas(t.Context()))(t), true)
	same(t, "nobody else is", got(s.SweepReplicas(t.Context()))(t), false)
	v := slice(t, s, "b", lend("key:k", 2, 2, false, 0, 0))[0].View
	same(t, "booked at its floor", v.Spent, 30)
	same(t, "lent", v.Sliced, 100)
	same(t, "lost, and what was booked out of it may be more", v.Lost, 600)
	_, _, err := s.Slice(t.Context(), "a", []models.SliceAsk{lend("key:k", 1, 2, false, 0, 1)})
	if !errors.Is(err, models.ErrGivenUp) {
		t.Fatalf("the dead are lent to: %v", err)
	}

	// It was only away: it has its slice again, and says what the call came to.
	same(t, "fresh", got(s.Beat(t.Context(), "a", replicaTTL))(t).Fresh, true)
	must(t, s.WriteSpend(t.Context(), []models.Spend{spent("c1", "key:k", 50, 1, 50)}))
	must(t, s.WriteSpend(t.Context(), []models.Spend{spent("c1", "key:k", 50, 1, 50)}))
	v = slice(t, s, "a", lend("key:k", 1, 2, false, 0, 0))[0].View
	same(t, "booked as it was", v.Spent, 50)
	same(t, "nothing is lost", v.Lost, 0)
	same(t, "it has the rest", v.Mine, 550)
	same(t, "lent", v.Sliced, 650)
}

func TestAnOperatorReleasesWhatWasLost(t *testing.T) {
	onPostgres(t, func(t *testing.T, s *store.Store) {
		got(s.Beat(t.Context(), "a", time.Microsecond))(t)
		got(s.Beat(t.Context(), "b", replicaTTL))(t)
		slice(t, s, "a", lend("key:k", 1, 1, true, 0, 1000))
		got(s.SweepReplicas(t.Context()))(t)
		same(t, "all is lost", slice(t, s, "b", lend("key:k", 2, 1, true, 0, 10))[0].Granted, 0)
		_, _, err := s.SetSpent(t.Context(), "key:k", 0)
		must(t, err)
		same(t, "after a reset", slice(t, s, "b", lend("key:k", 2, 2, false, 0, 10))[0].Granted, 10)
		got(s.Beat(t.Context(), "a", replicaTTL))(t)
		same(t, "the old slice", slice(t, s, "a", lend("key:k", 1, 2, false, 0, 10))[0].Void, true)
	})
}

func TestWhatWasLostIsReleased(t *testing.T) {
	onPostgres(t, func(t *testing.T, s *store.Store) {
		got(s.Beat(t.Context(), "a", time.Microsecond))(t)
		got(s.Beat(t.Context(), "b", replicaTTL))(t)
		slice(t, s, "a", lend("key:k", 1, 1, true, 0, 990))
		slice(t, s, "b", lend("key:k", 2, 1, true, 0, 10))
		must(t, s.WriteSpend(t.Context(), []models.Spend{spent("c1", "key:k", 5, 2, 5)}))
		got(s.SweepReplicas(t.Context()))(t)
		freed := got(s.ReleaseLost(t.Context(), "key:k", "key:other"))(t)
		if len(freed) != 1 || freed["key:k"] != 990 {
			t.Errorf("released %v", freed)
		}
		same(t, "again", len(got(s.ReleaseLost(t.Context(), "key:k"))(t)), 0)
		v := slice(t, s, "b", lend("key:k", 2, 2, false, 0, 100))[0].View
		same(t, "spent stays", v.Spent, 5)
		same(t, "lost", v.Lost, 0)
		same(t, "lent", v.Sliced, 105)
		// It comes back after all: its slice is gone, and what it had spent is booked.
		got(s.Beat(t.Context(), "a", replicaTTL))(t)
		must(t, s.WriteSpend(t.Context(), []models.Spend{spent("c2", "key:k", 7, 1, 7)}))
		same(t, "the old slice", slice(t, s, "a", lend("key:k", 1, 2, false, 0, 10))[0].Void, true)
		v = slice(t, s, "b", lend("key:k", 2, 3, false, 0, 0))[0].View
		same(t, "spent", v.Spent, 12)
		same(t, "lent", v.Sliced, 105)
	})
}

// A team is deleted and made again under its id: what a replica had of the old one's budget is no part of the new one's.
func TestAForgottenScopeLendsNothing(t *testing.T) {
	onPostgres(t, func(t *testing.T, s *store.Store) {
		got(s.Beat(t.Context(), "a", replicaTTL))(t)
		slice(t, s, "a", lend("team:t", 1, 1, true, 0, 600))
		must(t, s.DeleteCounters(t.Context(), "team:t"))
		same(t, "the old slice", slice(t, s, "a", lend("team:t", 1, 2, false, 600, 0))[0].Void, true)
		must(t, s.EachCounter(t.Context(), func(c models.Counter) {
			if c.Scope == "team:t" {
				t.Error("asking for a scope that is gone has made it again")
			}
		}))
		v := slice(t, s, "a", lend("team:t", 2, 1, true, 0, 100))[0].View
		same(t, "lent of the new one", v.Sliced, 100)
	})
}
