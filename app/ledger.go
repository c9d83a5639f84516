package app

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"

	"gatehouse/models"
	"gatehouse/models/store"
	"gatehouse/proxy/budget"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/price"
	"gatehouse/proxy/spend"
)

// ledgerWriter puts settled calls into the database: the seam between the data plane's journal and the store.
type ledgerWriter struct {
	store         *store.Store
	snapshot      func() *keyring.Snapshot
	defaultBudget *string // budget row of end users who are met for the first time
	log           *slog.Logger

	budget atomic.Pointer[budget.Ledger] // nil while an earlier run's journal is being booked
	rows   []models.Spend                // the memory of WriteSpend
}

// keepRows is how many rows of memory stay between batches.
const keepRows = 4096

// WriteSpend commits a batch. A call whose id is there already changes nothing. One goroutine calls it, that of the journal.
func (w *ledgerWriter) WriteSpend(ctx context.Context, batch []spend.Record) error {
	rows := slices.Grow(w.rows[:0], len(batch))
	for i := range batch {
		rows = append(rows, spendOf(&batch[i]))
	}
	defer func() {
		clear(rows)
		if w.rows = rows[:0]; cap(rows) > keepRows {
			w.rows = nil
		}
	}()
	counters, err := w.store.BookSpend(ctx, rows)
	if err != nil {
		return err
	}
	if b := w.budget.Load(); b != nil {
		b.Booked(rows, counters)
	}
	w.meetCustomers(ctx, batch)
	return nil
}

// sharedWriter is the ledgerWriter of one replica among several: the others can settle for it if it does not come back.
type sharedWriter struct{ *ledgerWriter }

// WriteHolds notes calls that are under way, as they are booked if this replica dies and nothing more is heard of them.
func (w sharedWriter) WriteHolds(ctx context.Context, replica string, open []spend.AdmitRecord) error {
	rows := make([]models.Spend, len(open))
	for i := range open {
		r := open[i].Record
		r.CostNano, r.Status, r.ErrorCode = open[i].FloorNano, spend.StatusFailure, "process_ended"
		r.SettledBy, r.UsageEstimated = spend.SettledBySweeper, true
		if r.End.IsZero() {
			r.End = r.Start
		}
		rows[i] = spendOf(&r)
	}
	return w.store.WriteHolds(ctx, replica, rows)
}

// meetCustomers makes a row for every end user who was not known. It is no part of the batch: a call is booked
// whether or not its end user's row could be made, and the next call tries again.
func (w *ledgerWriter) meetCustomers(ctx context.Context, batch []spend.Record) {
	snap := w.snapshot()
	var unknown []string
	seen := map[string]bool{}
	for i := range batch {
		id := batch[i].EndUser
		if id != "" && !seen[id] && snap.Customer(id) == nil {
			seen[id] = true
			unknown = append(unknown, id)
		}
	}
	if len(unknown) == 0 {
		return
	}
	if err := w.store.EnsureCustomers(ctx, unknown, w.defaultBudget); err != nil {
		w.log.WarnContext(ctx, "end users could not be noted", slog.Int("count", len(unknown)), slog.Any("error", err))
	}
}

func spendOf(r *spend.Record) models.Spend {
	row := models.SpendRow{
		ID: r.CallID, CallType: r.CallType, KeyID: r.KeyID, KeyHash: r.KeyHash, UserID: r.UserID, TeamID: r.TeamID, OrgID: r.OrgID, EndUser: r.EndUser,
		ModelGroup: r.ModelGroup, Model: r.Model, DeploymentID: r.DeploymentID, Provider: r.Provider, APIBase: r.APIBase, Spend: r.CostNano, Saved: r.SavedNano,
		PromptTokens: r.Usage.InputTotal(), OutputTokens: r.Usage.OutputTotal(), CacheRead: r.Usage.InputCacheRead,
		CacheWrite: r.Usage.CacheWrite(), CacheHit: r.CacheHit, CacheKey: r.CacheKey, PromptSaved: r.PromptSaved, Unpriced: r.Unpriced, Estimated: r.UsageEstimated,
		Overshoot: r.OvershootNano, Status: r.Status, HTTPStatus: r.HTTPStatus, ErrorCode: r.ErrorCode, StartedAt: models.At(r.Start), EndedAt: models.At(r.End),
		IP: r.IP, SessionID: r.SessionID, Tags: r.Tags, Metadata: models.JSON(r.Metadata), Lines: models.JSON(price.AppendLines(nil, r.Lines)), PriceVersion: r.PriceVersion, SettledBy: r.SettledBy,
	}
	if r.CacheHit { // no provider read or wrote anything
		row.CacheRead, row.CacheWrite = 0, 0
	}
	if !r.FirstByte.IsZero() {
		row.FirstByteAt = models.AtPtr(r.FirstByte)
	}
	return models.Spend{Row: row, Scopes: r.Charges}
}
