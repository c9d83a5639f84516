package store_test

import (
	"testing"
	"time"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

func TestJobs(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		ctx, begun := t.Context(), models.At(clock.Now())
		job := func(id, user string) *models.Job {
			now := models.At(clock.Now())
			return &models.Job{ID: id, UserID: user, Kind: "keys.block", State: models.JobRunning, Total: 3, StartedAt: now, UpdatedAt: now}
		}
		if _, err := s.Job(ctx, "none"); !fault.Is(err, fault.NotFound) {
			t.Errorf("one that is not there: %v", err)
		}
		one := job("one", "u")
		must(t, s.InsertJob(ctx, one, begun))
		if err := s.InsertJob(ctx, job("two", "u"), begun); !fault.Is(err, fault.Conflict) {
			t.Errorf("a second one: %v", err)
		}
		must(t, s.InsertJob(ctx, job("other", "v"), begun))
		one.Done, one.Sealed = 1, "closed"
		same(t, "cancelled", got(s.SaveJob(ctx, one))(t), false)
		must(t, s.CancelJob(ctx, "one"))
		one.Done, one.Sealed = 2, ""
		same(t, "cancelled", got(s.SaveJob(ctx, one))(t), true)
		have := got(s.Job(ctx, "one"))(t)
		same(t, "done", have.Done, int64(2))
		same(t, "result", have.Sealed, "closed")
		one.State = models.JobCancelled
		got(s.SaveJob(ctx, one))(t)
		if _, err := s.SaveJob(ctx, one); !fault.Is(err, fault.NotFound) {
			t.Errorf("one that has ended goes on: %v", err)
		}
		// What nobody tells about any more holds nobody up.
		must(t, s.InsertJob(ctx, job("two", "u"), begun))
		clock.Advance(time.Hour)
		must(t, s.InsertJob(ctx, job("three", "u"), models.At(clock.Now().Add(-time.Minute))))
		same(t, "state", got(s.Job(ctx, "two"))(t).State, models.JobStopped)
		list := got(s.JobsOf(ctx, "u", "keys.block"))(t)
		same(t, "jobs", len(list), 3)
		same(t, "newest", list[0].ID, "three")
		same(t, "of another kind", len(got(s.JobsOf(ctx, "u", "users.import"))(t)), 0)
		same(t, "purged", got(s.PurgeJobs(ctx, models.At(clock.Now())))(t), int64(3))
	})
}
