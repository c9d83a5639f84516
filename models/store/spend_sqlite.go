package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
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
	values  []driver.NamedValue
	varies  []bool // whether the column is not the same in all rows, as far as they were compared
	compare bool   // note what varies, change nothing
	next    int
	tags    models.Strings // whose text is tagText
	tagText string
}

func newRowWriter(columns int) *rowWriter {
	w := &rowWriter{values: make([]driver.NamedValue, columns), varies: make([]bool, columns)}
	for i := range w.values {
		w.values[i].Ordinal = i + 1
	}
	return w
}

// put sets a value that is another than in the row before.
func (w *rowWriter) put(value driver.Value) { w.values[w.next].Value = value }

// differs says whether the value is to be put, which is another than in the row before if other.
func (w *rowWriter) differs(other bool) bool {
	if w.compare {
		w.varies[w.next] = w.varies[w.next] || other
		return false
	}
	return other
}

func (w *rowWriter) text(texts ...string) {
	for _, s := range texts {
		if old, ok := w.values[w.next].Value.(string); w.differs(!ok || old != s) {
			w.put(s)
		}
		w.next++
	}
}

func (w *rowWriter) json(texts ...models.JSON) {
	for _, j := range texts {
		if old, ok := w.values[w.next].Value.(string); w.differs(!ok || old != string(j) && (len(j) > 0 || old != "{}")) {
			w.put(text(j))
		}
		w.next++
	}
}

func (w *rowWriter) number(numbers ...int64) {
	for _, n := range numbers {
		if old, ok := w.values[w.next].Value.(int64); w.differs(!ok || old != n) {
			w.put(n)
		}
		w.next++
	}
}

// moment is a time that may be missing.
func (w *rowWriter) moment(at *models.Time) {
	if at != nil {
		w.number(at.Micros())
		return
	}
	if w.differs(w.values[w.next].Value != nil) {
		w.put(nil)
	}
	w.next++
}

func (w *rowWriter) flag(flags ...bool) {
	for _, b := range flags {
		if old, ok := w.values[w.next].Value.(bool); w.differs(!ok || old != b) {
			w.put(b)
		}
		w.next++
	}
}

// list spells a list that is spelled like the one before only once.
func (w *rowWriter) list(tags models.Strings) {
	if w.tagText == "" || !slices.Equal(tags, w.tags) {
		w.tags, w.tagText = tags, text(tags)
	}
	w.text(w.tagText)
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
	w.moment(r.FirstByteAt)
	w.number(r.EndedAt.Micros())
	w.text(r.IP, r.SessionID)
	w.list(r.Tags)
	w.json(r.Metadata, r.Lines)
	w.text(r.PriceVersion, r.SettledBy)
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

// manyCalls is how many rows make it worth while to write down once what they share.
const manyCalls = 16

// sharedRow is the one row of a table of the connection, which holds the values that all calls of a batch share.
const sharedRow = "temp.ledger_shared"

// insertOnDriver writes a row for each call and returns those that were not there before. What all calls of a batch share
// comes out of a row of its own: the driver looks each parameter of a statement up among all, and copies it.
func (s *Store) insertOnDriver(db *gorm.DB, in insert, calls []*models.Spend) (fresh []*models.Spend, err error) {
	if len(calls) == 0 {
		return nil, nil
	}
	names, _ := in.parse()
	row := newRowWriter(len(names))
	fill := row.call
	if s.opt.DisableSpendLogs {
		fill = row.seen
	}
	fill(&calls[0].Row)
	row.compare = len(calls) >= manyCalls && !s.opt.DisableSpendLogs
	for i := 1; i < len(calls) && row.compare; i++ {
		fill(&calls[i].Row)
	}
	query, args := in.sharing(names, row)
	fresh = make([]*models.Spend, 0, len(calls))
	write := func(ctx context.Context, conn any) error {
		// A context that can end costs the driver a goroutine a row; between rows is soon enough.
		calm := context.WithoutCancel(ctx)
		if row.compare {
			if err := share(calm, conn, names, row.values); err != nil {
				return err
			}
			row.compare = false
		}
		return prepared(calm, conn, query, func(exec func([]driver.NamedValue) (int64, error)) error {
			for _, c := range calls {
				if err := ctx.Err(); err != nil {
					return err
				}
				fill(&c.Row)
				for i, at := range args.from {
					args.values[i].Value = row.values[at].Value
				}
				if n, err := exec(args.values); err != nil {
					return err
				} else if n > 0 {
					fresh = append(fresh, c)
				}
			}
			return nil
		})
	}
	err = s.traced(db, query, len(calls), func(ctx context.Context, _ gorm.ConnPool) error {
		return s.driver.Raw(func(conn any) error { return write(ctx, conn) })
	})
	return fresh, err
}

// picked are the parameters of a statement: which columns of a row they are.
type picked struct {
	from   []int
	values []driver.NamedValue
}

// sharing is the statement that takes the columns which vary as parameters, and all others from the shared row.
func (in insert) sharing(names []string, row *rowWriter) (query string, args picked) {
	places := make([]string, len(names))
	for i, name := range names {
		if row.compare && !row.varies[i] {
			places[i] = "s." + name
			continue
		}
		places[i] = "?"
		args.from = append(args.from, i)
		args.values = append(args.values, driver.NamedValue{Ordinal: len(args.from)})
	}
	source := " "
	if row.compare {
		source = " FROM " + sharedRow + " AS s WHERE TRUE " // without WHERE, ON would be read as a part of a join
	}
	return "INSERT OR ROLLBACK INTO " + in.into + " (" + strings.Join(names, ", ") + ") SELECT " + strings.Join(places, ", ") + source + in.ending, args
}

// share puts a row into the table of shared values.
func share(ctx context.Context, conn any, names []string, values []driver.NamedValue) error {
	none := func(exec func([]driver.NamedValue) (int64, error)) error { _, err := exec(nil); return err }
	columns := strings.Join(names, ", ")
	if err := prepared(ctx, conn, "CREATE TEMP TABLE IF NOT EXISTS "+strings.TrimPrefix(sharedRow, "temp.")+" ("+columns+")", none); err != nil {
		return err
	}
	if err := prepared(ctx, conn, "DELETE FROM "+sharedRow, none); err != nil {
		return err
	}
	query := "INSERT INTO " + sharedRow + " (" + columns + ") VALUES (?" + strings.Repeat(",?", len(names)-1) + ")"
	return prepared(ctx, conn, query, func(exec func([]driver.NamedValue) (int64, error)) error {
		_, err := exec(values)
		return err
	})
}

// prepared runs fn with a statement of the driver; exec gives the number of rows it changed.
func prepared(ctx context.Context, conn any, query string, fn func(exec func([]driver.NamedValue) (int64, error)) error) (err error) {
	preparer, ok := conn.(driver.ConnPrepareContext)
	if !ok {
		return fmt.Errorf("the driver %T prepares no statements", conn)
	}
	stmt, err := preparer.PrepareContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	exec, ok := stmt.(driver.StmtExecContext)
	if !ok {
		return fmt.Errorf("the driver's %T takes no context", stmt)
	}
	return fn(func(values []driver.NamedValue) (int64, error) {
		result, err := exec.ExecContext(ctx, values)
		if err != nil {
			return 0, err
		}
		return result.RowsAffected()
	})
}
