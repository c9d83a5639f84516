package store

import (
	"context"

	"gorm.io/gorm"

	"gatehouse/models"
	"gatehouse/models/fault"
)

const noJob = "no such job"

// InsertJob adds a job that runs. One of the same person that nobody has told about since stale counts as stopped. Errors:
// fault.Conflict when another one of theirs runs.
func (s *Store) InsertJob(ctx context.Context, job *models.Job, stale models.Time) error {
	return s.mutate(ctx, "add a job", func(db *gorm.DB) error {
		if err := db.Exec("UPDATE jobs SET state = ? WHERE user_id = ? AND state = ? AND updated_at < ?",
			models.JobStopped, job.UserID, models.JobRunning, stale).Error; err != nil {
			return err
		}
		var running int64
		if err := db.Raw("SELECT count(*) FROM jobs WHERE user_id = ? AND state = ?", job.UserID, models.JobRunning).Find(&running).Error; err != nil {
			return err
		}
		if running > 0 {
			return fault.New(fault.Conflict, "another job of this person runs")
		}
		return db.Create(job).Error
	})
}

// Job loads one job. Errors: fault.NotFound.
func (s *Store) Job(ctx context.Context, id string) (*models.Job, error) {
	var job models.Job
	if err := s.read.WithContext(ctx).Where("id = ?", id).Take(&job).Error; err != nil {
		return nil, missing("load a job", noJob, err)
	}
	return &job, nil
}

// JobsOf lists a person's jobs of one kind ("" for every kind), newest first, without their results.
func (s *Store) JobsOf(ctx context.Context, userID, kind string) ([]models.Job, error) {
	w := new(where)
	w.eq("user_id", userID)
	w.eq("kind", kind)
	var jobs []models.Job
	err := s.read.WithContext(ctx).Raw("SELECT id, user_id, kind, state, total, done, failed, cancel, started_at, updated_at FROM jobs"+
		w.sql()+" ORDER BY started_at DESC, id LIMIT 20", w.args...).Find(&jobs).Error
	return jobs, fail("list jobs", err)
}

// SaveJob writes how far a running job is; a result that is "" leaves the last one. cancel says that its person asked for its
// end. Errors: fault.NotFound when it does not run any more.
func (s *Store) SaveJob(ctx context.Context, job *models.Job) (cancel bool, err error) {
	var rows []struct{ Cancel bool }
	err = s.mutate(ctx, "save a job", func(db *gorm.DB) error {
		rows = nil
		return db.Raw("UPDATE jobs SET state = ?, done = ?, failed = ?, updated_at = ?, sealed = CASE WHEN CAST(? AS TEXT) = '' THEN sealed ELSE ? END"+
			" WHERE id = ? AND state = ? RETURNING cancel",
			job.State, job.Done, job.Failed, job.UpdatedAt, job.Sealed, job.Sealed, job.ID, models.JobRunning).Find(&rows).Error
	})
	if err == nil && len(rows) == 0 {
		return false, fault.New(fault.NotFound, noJob)
	}
	return len(rows) > 0 && rows[0].Cancel, err
}

// CancelJob asks a running job to end; one that has ended stays as it is.
func (s *Store) CancelJob(ctx context.Context, id string) error {
	return s.mutate(ctx, "cancel a job", func(db *gorm.DB) error {
		return db.Exec("UPDATE jobs SET cancel = ? WHERE id = ? AND state = ?", true, id, models.JobRunning).Error
	})
}

// PurgeJobs removes jobs that nothing was heard of since a time, and returns how many.
func (s *Store) PurgeJobs(ctx context.Context, before models.Time) (count int64, err error) {
	err = s.mutate(ctx, "purge jobs", func(db *gorm.DB) error {
		result := db.Exec("DELETE FROM jobs WHERE updated_at < ?", before)
		count = result.RowsAffected
		return result.Error
	})
	return count, err
}
