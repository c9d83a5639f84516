package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/oklog/ulid/v2"
	"gorm.io/gorm"

	"gatehouse/models"
	"gatehouse/models/fault"
)

// auditLock orders the appends of all replicas (PostgreSQL; SQLite has one writer anyway).
const auditLock int64 = 0x6175646974

// AppendAudit adds rows to the audit log, in the transaction of the change they tell of. It fills in ID and At when they
// are empty, and always Seq, PrevHash and RowHash: rows form one chain, in the order of their commits. In a Change they
// are written when its function has returned, and an error there undoes the change: appends of all replicas wait for
// each other until the commit, so this lock must be everybody's last.
func (s *Store) AppendAudit(ctx context.Context, rows ...*models.AuditRow) error {
	if s.inTx {
		*s.audit = append(*s.audit, rows...)
		return nil
	}
	_, err := s.Change(ctx, func(tx *Store) error { return tx.AppendAudit(ctx, rows...) })
	return err
}

// writeAudit appends what a transaction has collected.
func (s *Store) writeAudit(ctx context.Context) error {
	rows := *s.audit
	if len(rows) == 0 {
		return nil
	}
	db := s.write.WithContext(ctx)
	if s.postgres {
		if err := db.Exec("SELECT pg_advisory_xact_lock(?)", auditLock).Error; err != nil {
			return fail("lock the audit log", err)
		}
	}
	var last struct {
		Seq     int64
		RowHash string
	}
	if err := db.Raw("SELECT seq, row_hash FROM audit_log ORDER BY seq DESC LIMIT 1").Find(&last).Error; err != nil {
		return fail("read the audit log", err)
	}
	for _, row := range rows {
		if err := s.chain(row, last.Seq+1, last.RowHash); err != nil {
			return err
		}
		last.Seq, last.RowHash = row.Seq, row.RowHash
	}
	return fail("write the audit log", db.Create(rows).Error)
}

// chain makes a row ready to be stored at its place.
func (s *Store) chain(row *models.AuditRow, seq int64, prev string) (err error) {
	now := s.opt.Now()
	if row.At.IsZero() {
		row.At = models.At(now)
	}
	if row.ID == "" {
		id, err := ulid.New(ulid.Timestamp(now), rand.Reader)
		if err != nil {
			return fmt.Errorf("make an id: %w", err)
		}
		row.ID = id.String()
	}
	row.At = models.FromMicros(row.At.Micros())
	for _, text := range []*string{
		&row.ActorType, &row.ActorID, &row.ChangedBy, &row.Action, &row.ObjectType, &row.ObjectID, &row.IP, &row.RequestID, &row.Outcome,
	} {
		*text = clean(*text)
	}
	for _, values := range []*models.JSON{&row.Before, &row.After} {
		if len(*values) == 0 {
			*values = models.JSON("{}") // as it is stored, since the hash is of what is stored
		}
		*values = models.JSON(clean(string(*values)))
	}
	row.Seq, row.PrevHash = seq, prev
	row.RowHash, err = row.Sum()
	return err
}

// AuditFilter narrows the audit log; empty fields do not.
type AuditFilter struct {
	ActorID, Action, ObjectType, ObjectID, Outcome string
	From, To                                       models.Time // From <= at < To
	Search                                         string      // part of actor, action, object id, IP or request id
	Before                                         int64       // rows older than this Seq: the next page
	Size                                           int
}

// ListAudit gives rows newest first, and whether there are older ones; pass the last row's Seq as Before to go on.
func (s *Store) ListAudit(ctx context.Context, f AuditFilter) (rows []models.AuditRow, more bool, err error) {
	w := new(where)
	w.eq("actor_id", f.ActorID)
	w.eq("action", f.Action)
	w.eq("object_type", f.ObjectType)
	w.eq("object_id", f.ObjectID)
	w.eq("outcome", f.Outcome)
	if !f.From.IsZero() {
		w.add("at >= ?", f.From)
	}
	if !f.To.IsZero() {
		w.add("at < ?", f.To)
	}
	if f.Before > 0 {
		w.add("seq < ?", f.Before)
	}
	w.like(f.Search, "actor_id", "changed_by", "action", "object_id", "ip", "request_id")
	size, _ := Page{Size: f.Size}.limits()
	err = s.read.WithContext(ctx).Raw("SELECT * FROM audit_log"+w.sql()+" ORDER BY seq DESC LIMIT ?", append(w.args, size+1)...).Find(&rows).Error
	if err != nil {
		return nil, false, fail("list the audit log", err)
	}
	if len(rows) > size {
		return rows[:size], true, nil
	}
	return rows, false, nil
}

// AuditRow loads one row by its id. Errors: fault.NotFound.
func (s *Store) AuditRow(ctx context.Context, id string) (*models.AuditRow, error) {
	var row models.AuditRow
	err := s.read.WithContext(ctx).Take(&row, "id = ?", id).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, fault.New(fault.NotFound, "no such audit row")
	}
	if err != nil {
		return nil, fail("load an audit row", err)
	}
	return &row, nil
}

// AuditReport is what walking the chain found.
type AuditReport struct {
	Rows     int64
	FirstSeq int64 // above 1 when retention has removed older rows
	LastSeq  int64
	LastHash string
	BrokenAt int64 // Seq of the first row that does not fit; 0 = the chain is whole
	Reason   string
}

// VerifyAudit walks the whole audit log and checks every hash and every link.
func (s *Store) VerifyAudit(ctx context.Context) (report AuditReport, err error) {
	err = s.snapshot(ctx, func(db *gorm.DB) (err error) {
		rows, err := db.Raw("SELECT * FROM audit_log ORDER BY seq").Rows()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		for rows.Next() {
			var row models.AuditRow
			if err := db.ScanRows(rows, &row); err != nil {
				return err
			}
			sum, err := row.Sum()
			if err != nil {
				return err
			}
			switch {
			case sum != row.RowHash:
				report.Reason = "the row was changed"
			case report.Rows > 0 && row.Seq != report.LastSeq+1:
				report.Reason = "rows before it are missing"
			case report.Rows > 0 && row.PrevHash != report.LastHash, row.Seq == 1 && row.PrevHash != "":
				report.Reason = "the row before it was exchanged"
			}
			if report.Reason != "" {
				report.BrokenAt = row.Seq
				return nil
			}
			if report.Rows == 0 {
				report.FirstSeq = row.Seq
			}
			report.Rows++
			report.LastSeq, report.LastHash = row.Seq, row.RowHash
		}
		return rows.Err()
	})
	return report, fail("verify the audit log", err)
}

// PurgeAudit removes rows older than before, the newest row of all excepted, since the chain goes on from it. It is the
// one way in which rows leave the log. It returns how many.
func (s *Store) PurgeAudit(ctx context.Context, before models.Time) (count int64, err error) {
	err = s.mutate(ctx, "purge the audit log", func(db *gorm.DB) error {
		open, shut := "INSERT INTO audit_retention (id) VALUES (1)", "DELETE FROM audit_retention"
		if s.postgres {
			open, shut = "SELECT set_config('gatehouse.audit_retention', 'on', true)", "SELECT set_config('gatehouse.audit_retention', '', true)"
		}
		if err := db.Exec(open).Error; err != nil {
			return err
		}
		// A run of whole links from the oldest on: a row with an early clock in the middle must not leave a hole.
		result := db.Exec(`DELETE FROM audit_log WHERE seq < COALESCE((SELECT min(seq) FROM audit_log WHERE at >= ?),
  (SELECT max(seq) FROM audit_log))`, before)
		count = result.RowsAffected
		if result.Error != nil {
			return result.Error
		}
		return db.Exec(shut).Error
	})
	return count, err
}
