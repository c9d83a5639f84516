package control

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
)

const (
	// jobsAtOnce is how many jobs one process works on; a further one is refused.
	jobsAtOnce = 8
	// jobTells is how often a job says how far it is, jobKeeps how often it keeps what became of its rows so far.
	jobTells = 250 * time.Millisecond
	jobKeeps = 2 * time.Second
	// jobStep bounds one row; jobSilent is after how long nobody works on a job any more, since its process is gone.
	jobStep   = 20 * time.Second
	jobSilent = 45 * time.Second
	// JobsKept is how long a job can be looked at.
	JobsKept = time.Hour
)

// Jobs does work on many rows, which a person starts and need not wait for. Every row is an act of its own, in its own
// transaction and with its own line in the audit log, so a job that ends early leaves nothing half done: what it did stays
// done, and may be started again for the rest. The process that was asked does the work; any replica shows how far it is.
type Jobs struct {
	base
	identity *Identity

	mu      sync.Mutex
	running int
	over    bool
	ending  chan struct{} // closed when the process ends
	work    sync.WaitGroup
}

// JobWork is what a job does.
type JobWork struct {
	Kind  string   // "keys.block"
	Total int      // rows
	Head  []string // of the file with the result
	// Step does one row and tells what became of it; a refusal is a line with a problem. who is the person with the rights
	// that they have at that moment. An error ends the job.
	Step func(ctx context.Context, who access.Actor, i int) (models.JobLine, error)
}

func newJobs(b base, identity *Identity) *Jobs {
	return &Jobs{base: b, identity: identity, ending: make(chan struct{})}
}

// Run ends the jobs when ctx ends: each finishes its row, says what it did, and Run returns.
func (j *Jobs) Run(ctx context.Context) {
	<-ctx.Done()
	j.mu.Lock()
	if !j.over {
		j.over = true
		close(j.ending)
	}
	j.mu.Unlock()
	j.work.Wait()
}

// Start begins a job, which outlives ctx. Errors: Forbidden for who is no person; Conflict while another one of theirs runs;
// Exhausted while this process works on as many as it does at once; Unavailable while it ends.
func (j *Jobs) Start(ctx context.Context, who access.Actor, work JobWork) (*models.Job, error) {
	if who.UserID == "" || j.JobSealer == nil {
		return nil, fault.New(fault.Forbidden, "only people start jobs")
	}
	if err := j.enter(); err != nil {
		return nil, err
	}
	id, err := jobID()
	if err == nil {
		now := models.At(j.Now())
		job := &models.Job{
			ID: id, UserID: who.UserID, Kind: work.Kind, State: models.JobRunning, Total: int64(work.Total), StartedAt: now, UpdatedAt: now,
		}
		if err = j.Store.InsertJob(ctx, job, models.At(now.Add(-jobSilent))); err == nil {
			shown := *job
			go j.do(context.WithoutCancel(ctx), who, job, work)
			return &shown, nil
		}
	}
	j.leave()
	return nil, err
}

func (j *Jobs) enter() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.over:
		return fault.New(fault.Unavailable, "the server is shutting down")
	case j.running >= jobsAtOnce:
		return fault.New(fault.Exhausted, "Too much is being changed at once. Try again in a minute.")
	}
	j.running++
	j.work.Add(1)
	return nil
}

func (j *Jobs) leave() {
	j.mu.Lock()
	j.running--
	j.mu.Unlock()
	j.work.Done()
}

func jobID() (string, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}

// do works the rows off, tells how far it is, and says at last how it ended.
func (j *Jobs) do(ctx context.Context, who access.Actor, job *models.Job, work JobWork) {
	defer j.leave()
	result := models.JobResult{Head: work.Head}
	state, err := j.rows(ctx, who, job, work, &result)
	if err != nil {
		j.Log.LogAttrs(ctx, slog.LevelError, "a job stopped before its end", slog.String("job_id", job.ID), slog.String("kind", job.Kind), slog.Any("error", err))
	}
	job.State = state
	if _, err := j.save(ctx, job, &result); err != nil {
		j.Log.LogAttrs(ctx, slog.LevelError, "the end of a job was not kept", slog.String("job_id", job.ID), slog.Any("error", err))
	}
}

func (j *Jobs) rows(ctx context.Context, who access.Actor, job *models.Job, work JobWork, result *models.JobResult) (state models.JobState, err error) {
	defer func() {
		if r := recover(); r != nil {
			state, err = models.JobStopped, fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	tell, keep := time.NewTicker(jobTells), time.NewTicker(jobKeeps)
	defer tell.Stop()
	defer keep.Stop()
	for i := range work.Total {
		select {
		case <-j.ending:
			return models.JobStopped, nil
		case <-tell.C:
			var kept *models.JobResult
			select {
			case <-keep.C:
				kept = result
			default:
			}
			cancelled, err := j.save(ctx, job, kept)
			if err != nil {
				return models.JobStopped, err
			}
			if cancelled {
				return models.JobCancelled, nil
			}
			if who, err = j.again(ctx, who); err != nil {
				return models.JobStopped, err
			}
		default:
		}
		line, err := step(ctx, who, work, i)
		if err != nil {
			return models.JobStopped, err
		}
		result.Lines = append(result.Lines, line)
		if job.Done++; line.Problem != "" {
			job.Failed++
		}
	}
	return models.JobDone, nil
}

func step(ctx context.Context, who access.Actor, work JobWork, i int) (models.JobLine, error) {
	ctx, done := context.WithTimeout(ctx, jobStep)
	defer done()
	return work.Step(ctx, who, i)
}

// again is the person with the rights that they have now; one who is gone or blocked has none.
func (j *Jobs) again(ctx context.Context, who access.Actor) (access.Actor, error) {
	if who.UserID == models.DefaultUserID {
		return who, nil // a sign-in without a row: nothing to look up
	}
	now, err := j.identity.User(ctx, who.UserID)
	if err != nil {
		return who, err
	}
	now.SessionID, now.IP, now.RequestID, now.Route, now.Prefs.Language = who.SessionID, who.IP, who.RequestID, who.Route, who.Prefs.Language
	return now, nil
}

func jobPlace(id string) string { return "jobs/sealed/" + id }

// save writes how far the job is, and what became of its rows unless result is nil.
func (j *Jobs) save(ctx context.Context, job *models.Job, result *models.JobResult) (cancelled bool, err error) {
	job.UpdatedAt, job.Sealed = models.At(j.Now()), ""
	if result != nil {
		plain, err := json.Marshal(result)
		if err != nil {
			return false, fmt.Errorf("write the result of a job: %w", err)
		}
		if job.Sealed, err = j.JobSealer.Seal(jobPlace(job.ID), plain); err != nil {
			return false, err
		}
	}
	return j.Store.SaveJob(ctx, job)
}

// own loads a job of the caller's. Errors: NotFound, for those of others too.
func (j *Jobs) own(ctx context.Context, who access.Actor, id string) (*models.Job, error) {
	job, err := j.Store.Job(ctx, id)
	if err == nil && (who.UserID == "" || job.UserID != who.UserID || j.Now().Sub(job.UpdatedAt.Time) > JobsKept) {
		err = fault.New(fault.NotFound, "no such job")
	}
	if err != nil {
		return nil, notFound("job", id, err)
	}
	j.settle(job)
	return job, nil
}

// settle reads a job that nobody tells about any more as stopped.
func (j *Jobs) settle(job *models.Job) {
	if job.State == models.JobRunning && j.Now().Sub(job.UpdatedAt.Time) > jobSilent {
		job.State = models.JobStopped
	}
}

// Info is a job of the caller's and what is kept of its result. Errors: NotFound, for jobs of others too.
func (j *Jobs) Info(ctx context.Context, who access.Actor, id string) (*models.Job, models.JobResult, error) {
	var result models.JobResult
	job, err := j.own(ctx, who, id)
	if err != nil || job.Sealed == "" {
		return job, result, err
	}
	plain, err := j.JobSealer.Open(jobPlace(job.ID), job.Sealed)
	if err == nil {
		err = json.Unmarshal(plain, &result)
	}
	if err != nil {
		return nil, result, fmt.Errorf("read the result of job %s: %w", job.ID, err)
	}
	return job, result, nil
}

// List is the caller's jobs of a kind that are still kept ("" for every kind), newest first.
func (j *Jobs) List(ctx context.Context, who access.Actor, kind string) ([]models.Job, error) {
	if who.UserID == "" {
		return nil, nil
	}
	all, err := j.Store.JobsOf(ctx, who.UserID, kind)
	out := all[:0]
	for i := range all {
		if j.Now().Sub(all[i].UpdatedAt.Time) <= JobsKept {
			j.settle(&all[i])
			out = append(out, all[i])
		}
	}
	return out, err
}

// Cancel asks a job of the caller's to end after the row that it is at. Errors: NotFound, for jobs of others too.
func (j *Jobs) Cancel(ctx context.Context, who access.Actor, id string) error {
	job, err := j.own(ctx, who, id)
	if err != nil {
		return err
	}
	return j.Store.CancelJob(ctx, job.ID)
}
