package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"gatehouse/models"
)

// onDriver runs fn in a transaction of SQLite whose ledger rows go to the driver without a way through database/sql, which
// for rows of 38 values costs as much as a third of writing them.
func (s *Store) onDriver(ctx context.Context, fn func(tx *Store) error) error {
	err := s.ledger.WithContext(ctx).Connection(func(db *gorm.DB) error {
		conn, _ := db.Statement.ConnPool.(*sql.Conn)
		return s.transact(ctx, db, func(tx *Store) error {
			tx.driver = conn
			return fn(tx)
		})
	})
	return fail("run a transaction", err)
}

// rowWriter fills the values of one row after the other. A value that stays what it was in the row before is left where it
// is: a text in an interface is an allocation, and most columns of most rows say the same.
type rowWriter struct {
	values []driver.NamedValue
	next   int
}

func newRowWriter(columns int) *rowWriter {
	w := &rowWriter{values: make([]driver.NamedValue, columns)}
	for i := range w.values {
		w.values[i].Ordinal = i + 1
	}
	return w
}

func (w *rowWriter) text(texts ...string) {
	for _, s := range texts {
		v := &w.values[w.next].Value
		if old, ok := (*v).(string); !ok || old != s {
			*v = s
		}
		w.next++
	}
}

func (w *rowWriter) number(numbers ...int64) {
	for _, n := range numbers {
		v := &w.values[w.next].Value
		if old, ok := (*v).(int64); !ok || old != n {
			*v = n
		}
		w.next++
	}
}

func (w *rowWriter) flag(flags ...bool) {
	for _, b := range flags {
		w.values[w.next].Value = b
		w.next++
	}
}

// call is ledgerValues, in the same order.
func (w *rowWriter) call(r *models.SpendRow) {
	w.next = 0
	w.text(r.ID, r.CallType, r.KeyID, r.KeyHash, r.UserID, r.TeamID, r.OrgID, r.EndUser, r.ModelGroup, r.Model, r.DeploymentID, r.Provider, r.APIBase)
	w.number(int64(r.Spend), int64(r.Saved), r.PromptTokens, r.OutputTokens, r.CacheRead, r.CacheWrite)
	w.flag(r.CacheHit, r.Unpriced, r.Estimated)
	w.number(int64(r.Overshoot))
	w.text(r.Status)
	w.number(int64(r.HTTPStatus))
	w.text(r.ErrorCode)
	w.number(r.StartedAt.Micros())
	if r.FirstByteAt == nil {
		w.values[w.next].Value = nil
		w.next++
	} else {
		w.number(r.FirstByteAt.Micros())
	}
	w.number(r.EndedAt.Micros())
	w.text(r.IP, r.SessionID, text(r.Tags), text(r.Metadata), text(r.Lines), r.PriceVersion, r.SettledBy)
	w.number(int64(r.PromptSaved))
	w.text(r.CacheKey)
}

// seen is the row of a call that leaves no more than its id.
func (w *rowWriter) seen(r *models.SpendRow) {
	w.next = 0
	w.text(r.ID)
	w.number(r.EndedAt.Micros())
	w.text("") // no replica settles for another
}

// insertOnDriver writes a row for each call and returns those that were not there before.
func (s *Store) insertOnDriver(db *gorm.DB, in insert, calls []*models.Spend) (fresh []*models.Spend, err error) {
	names, _ := in.parse()
	query := "INSERT INTO " + in.into + " (" + strings.Join(names, ", ") + ") VALUES (?" + strings.Repeat(",?", len(names)-1) + ") " + in.ending
	row := newRowWriter(len(names))
	fresh = make([]*models.Spend, 0, len(calls))
	write := func(ctx context.Context, conn any) (err error) {
		// A context that can end costs the driver a goroutine a row; between rows is soon enough.
		calm := context.WithoutCancel(ctx)
		preparer, ok := conn.(driver.ConnPrepareContext)
		if !ok {
			return fmt.Errorf("the driver %T prepares no statements", conn)
		}
		stmt, err := preparer.PrepareContext(calm, query)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stmt.Close()) }()
		exec, ok := stmt.(driver.StmtExecContext)
		if !ok {
			return fmt.Errorf("the driver's %T takes no context", stmt)
		}
		for _, c := range calls {
			if err := ctx.Err(); err != nil {
				return err
			}
			if s.opt.DisableSpendLogs {
				row.seen(&c.Row)
			} else {
				row.call(&c.Row)
			}
			result, err := exec.ExecContext(calm, row.values)
			if err != nil {
				return err
			}
			if n, err := result.RowsAffected(); err != nil {
				return err
			} else if n > 0 {
				fresh = append(fresh, c)
			}
		}
		return nil
	}
	err = s.traced(db, query, len(calls), func(ctx context.Context, _ gorm.ConnPool) error {
		return s.driver.Raw(func(conn any) error { return write(ctx, conn) })
	})
	return fresh, err
}
