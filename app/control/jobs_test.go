package control_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/models"
	"gatehouse/models/fault"
)

// ended waits until a job has ended.
func (e *env) ended(who access.Actor, id string) (*models.Job, models.JobResult) {
	e.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		job, result, err := e.Jobs.Info(e.t.Context(), who, id)
		if err != nil {
			e.t.Fatal(err)
		}
		if job.State != models.JobRunning {
			return job, result
		}
		if time.Now().After(deadline) {
			e.t.Fatalf("the job is still at %d of %d", job.Done, job.Total)
		}
	}
}

func person(id string) access.Actor {
	return access.Actor{UserID: id, Role: models.RoleAdmin}
}

// gated is work whose rows wait to be let through.
func gated(rows int) (work control.JobWork, began chan int, pass chan error) {
	began, pass = make(chan int), make(chan error)
	return control.JobWork{Kind: "keys.block", Total: rows, Head: []string{"n"}, Step: func(_ context.Context, _ access.Actor, i int) (models.JobLine, error) {
		began <- i
		return models.JobLine{Name: "row", Cells: []string{"row"}}, <-pass
	}}, began, pass
}

func TestJobs(t *testing.T) {
	e := lite(t)
	ctx, me := t.Context(), person(models.DefaultUserID)
	for name, who := range map[string]access.Actor{"nobody": {}, "a job": access.System("x")} {
		if _, err := e.Jobs.Start(ctx, who, control.JobWork{Kind: "keys.block", Total: 1}); !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
	work, began, pass := gated(3)
	job, err := e.Jobs.Start(ctx, me, work)
	if err != nil {
		t.Fatal(err)
	}
	<-began
	for name, who := range map[string]access.Actor{"another person": person("u-2"), "nobody": {}} {
		if _, _, err := e.Jobs.Info(ctx, who, job.ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s sees the job: %v", name, err)
		}
		if err := e.Jobs.Cancel(ctx, who, job.ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s cancels the job: %v", name, err)
		}
		if list, err := e.Jobs.List(ctx, who, ""); err != nil || len(list) != 0 {
			t.Errorf("%s has %d jobs, %v", name, len(list), err)
		}
	}
	if _, err := e.Jobs.Start(ctx, me, work); !fault.Is(err, fault.Conflict) {
		t.Errorf("a second one beside it: %v", err)
	}
	pass <- nil
	for range 2 {
		<-began
		pass <- nil
	}
	done, result := e.ended(me, job.ID)
	if done.State != models.JobDone || done.Done != 3 || done.Failed != 0 || len(result.Lines) != 3 || result.Head[0] != "n" {
		t.Errorf("it ended as %+v with %+v", done, result)
	}
	if raw, err := e.store.Job(ctx, job.ID); err != nil || strings.Contains(raw.Sealed, `"row"`) {
		t.Errorf("the result lies open: %v", err)
	}
	e.clock.Advance(control.JobsKept + time.Minute)
	if _, _, err := e.Jobs.Info(ctx, me, job.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("after its time: %v", err)
	}
}

// How jobs end before their last row; what they did is told all the same.
func TestJobEndsEarly(t *testing.T) {
	e := lite(t)
	ctx, me := t.Context(), person(models.DefaultUserID)
	t.Run("cancelled", func(t *testing.T) {
		work, began, pass := gated(1000)
		job, err := e.Jobs.Start(ctx, me, work)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Jobs.Cancel(ctx, me, job.ID); err != nil {
			t.Fatal(err)
		}
		over := make(chan struct{})
		go func() {
			for {
				select {
				case <-began:
					time.Sleep(time.Millisecond) // as long as a row takes
					pass <- nil
				case <-over:
					return
				}
			}
		}()
		got, result := e.ended(me, job.ID)
		close(over)
		if got.State != models.JobCancelled || got.Done == 0 || got.Done == 1000 || int(got.Done) != len(result.Lines) {
			t.Errorf("it ended as %+v with %d lines", got, len(result.Lines))
		}
	})
	for name, c := range map[string]struct {
		step func() (models.JobLine, error)
	}{
		"an error": {func() (models.JobLine, error) { return models.JobLine{}, errors.New("no database") }},
		"a panic":  {func() (models.JobLine, error) { panic("at the row") }},
	} {
		t.Run(name, func(t *testing.T) {
			job, err := e.Jobs.Start(ctx, me, control.JobWork{Kind: "keys.block", Total: 3, Step: func(_ context.Context, _ access.Actor, i int) (models.JobLine, error) {
				if i == 1 {
					return c.step()
				}
				return models.JobLine{Name: "row", Problem: "refused"}, nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			if got, result := e.ended(me, job.ID); got.State != models.JobStopped || got.Done != 1 || got.Failed != 1 || len(result.Lines) != 1 {
				t.Errorf("it ended as %+v with %+v", got, result)
			}
		})
	}
	t.Run("its process is gone", func(t *testing.T) {
		now := models.At(e.clock.Now())
		row := &models.Job{ID: "left", UserID: me.UserID, Kind: "keys.block", State: models.JobRunning, Total: 9, Done: 4, StartedAt: now, UpdatedAt: now}
		if err := e.store.InsertJob(ctx, row, now); err != nil {
			t.Fatal(err)
		}
		if job, _, err := e.Jobs.Info(ctx, me, "left"); err != nil || job.State != models.JobRunning {
			t.Errorf("at first: %+v, %v", job, err)
		}
		e.clock.Advance(time.Minute)
		if job, _, err := e.Jobs.Info(ctx, me, "left"); err != nil || job.State != models.JobStopped || job.Done != 4 {
			t.Errorf("a minute later: %+v, %v", job, err)
		}
		job, err := e.Jobs.Start(ctx, me, control.JobWork{Kind: "keys.block"})
		if err != nil {
			t.Fatalf("it holds up the next: %v", err)
		}
		e.ended(me, job.ID)
	})
	t.Run("the process ends", func(t *testing.T) {
		work, began, pass := gated(3)
		job, err := e.Jobs.Start(ctx, me, work)
		if err != nil {
			t.Fatal(err)
		}
		<-began
		end, stop := context.WithCancel(ctx)
		stop()
		awaited := make(chan struct{})
		go func() { e.Jobs.Run(end); close(awaited) }()
		for { // refused from the moment on in which the end is known
			if _, err := e.Jobs.Start(ctx, person("u-9"), control.JobWork{}); fault.Is(err, fault.Unavailable) {
				break
			}
		}
		pass <- nil // the row under way is finished
		<-awaited
		if got, result := e.ended(me, job.ID); got.State != models.JobStopped || got.Done != 1 || len(result.Lines) != 1 {
			t.Errorf("it ended as %+v with %+v", got, result)
		}
	})
}
