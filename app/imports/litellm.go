package imports

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// Options say into what is imported.
type Options struct {
	Store *store.Store
	Seal  func(place string, plain []byte) (string, error) // closes the credentials of models
	Salts []string                                         // what LiteLLM may have sealed models with: LITELLM_SALT_KEY, the master key
	Env   func(name string) string                         // the variables that models name (os.environ/NAME)
	Zone  *time.Location                                   // of calendar resets
	Now   func() time.Time

	DryRun bool // do all but keep nothing
}

// Count is what became of the rows of one noun.
type Count struct {
	Noun string `json:"noun"`
	Read int    `json:"read"`
	Made int    `json:"made"`
	Had  int    `json:"had"`  // here already: an import may be run again
	Left int    `json:"left"` // not taken over; a note says why, but for the keys of LiteLLM's own UI sessions
}

// Report is what an import did.
type Report struct {
	Counts []Count  `json:"counts"`
	Notes  []string `json:"notes"` // "user anna: …", in the order in which they were met
}

// errDryRun undoes the transaction of an import that was only to be tried.
var errDryRun = errors.New("dry run")

// LiteLLM takes everything over in one transaction: all of it or nothing. Rows that are here already stay as they are, with
// what they have spent. Errors: those of the two databases; a row that cannot be taken over is a note and no error.
func LiteLLM(ctx context.Context, src *Source, o Options) (*Report, error) {
	var report *Report
	_, err := o.Store.Change(ctx, func(tx *store.Store) error {
		if err := tx.Serialize(ctx); err != nil {
			return err
		}
		w := &writer{Options: o, src: src, tx: tx, report: &Report{}, budgets: map[string]*models.Budget{}}
		report = w.report
		for _, step := range []func(context.Context) error{
			w.takeBudgets, w.takeOrganizations, w.takeUsers, w.takeTeams, w.takeOrgMembers, w.takeKeys, w.takeOldSecrets, w.takeCustomers, w.takeModels, w.leave,
		} {
			if err := step(ctx); err != nil {
				return err
			}
		}
		if o.DryRun {
			return errDryRun
		}
		return w.audit(ctx)
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return nil, err
	}
	return report, nil
}

// writer is one run of an import.
type writer struct {
	Options
	src    *Source
	tx     *store.Store
	report *Report

	budgets map[string]*models.Budget // every budget that rows may name
}

func (w *writer) note(format string, args ...any) {
	w.report.Notes = append(w.report.Notes, fmt.Sprintf(format, args...))
}

// count starts the tally of a noun. What it points to moves when the next one starts.
func (w *writer) count(noun string) *Count {
	w.report.Counts = append(w.report.Counts, Count{Noun: noun})
	return &w.report.Counts[len(w.report.Counts)-1]
}

// took books one row: had when it was here before.
func (c *Count) took(had bool) {
	if had {
		c.Had++
	} else {
		c.Made++
	}
}

// found tells a row that is here from one that is not.
func found(err error) (bool, error) {
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil, err
}

// stamp is a row's history. LiteLLM does not always know it.
func (w *writer) stamp(s stampRow) models.Audit {
	now := models.At(w.Now())
	a := models.Audit{CreatedAt: now, CreatedBy: "import", UpdatedAt: now, UpdatedBy: "import"}
	if s.CreatedAt != nil {
		a.CreatedAt = *s.CreatedAt
	}
	if s.CreatedBy != nil {
		a.CreatedBy = *s.CreatedBy
	}
	return a
}

// leave names what an operator has there and will miss here.
func (w *writer) leave(ctx context.Context) error {
	for _, t := range leftTables() {
		n, err := w.src.count(ctx, t[0])
		if err != nil {
			return err
		}
		if n > 0 {
			w.note("%s has %d rows that are not taken over: %s", t[0], n, t[1])
		}
	}
	return nil
}

func (w *writer) audit(ctx context.Context) error {
	after, err := json.Marshal(map[string]any{"counts": w.report.Counts})
	if err != nil {
		return fmt.Errorf("encode the audit row: %w", err)
	}
	return w.tx.AppendAudit(ctx, &models.AuditRow{
		At: models.At(w.Now()), ActorType: "system", ActorID: "gatehouse import", Action: "import.litellm", ObjectType: "import",
		ObjectID: "litellm", After: after, Outcome: "done",
	})
}
