package app

import (
	"context"
	"encoding/json"
	"log/slog"

	"gatehouse/models"
	"gatehouse/models/store"
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
}

// WriteSpend commits a batch. A call whose id is there already changes nothing.
func (w *ledgerWriter) WriteSpend(ctx context.Context, batch []spend.Record) error {
	rows := make([]models.Spend, len(batch))
	for i := range batch {
		rows[i] = spendOf(&batch[i])
	}
	if err := w.store.WriteSpend(ctx, rows); err != nil {
		return err
	}
	w.meetCustomers(ctx, batch)
	return nil
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
		CacheWrite: r.Usage.CacheWrite(), CacheHit: r.CacheHit, Unpriced: r.Unpriced, Estimated: r.UsageEstimated,
		Overshoot: r.OvershootNano, Status: r.Status, HTTPStatus: r.HTTPStatus, ErrorCode: r.ErrorCode, StartedAt: models.At(r.Start), EndedAt: models.At(r.End),
		IP: r.IP, SessionID: r.SessionID, Tags: r.Tags, Metadata: models.JSON(r.Metadata), Lines: lines(r.Lines), PriceVersion: r.PriceVersion, SettledBy: r.SettledBy,
	}
	if !r.FirstByte.IsZero() {
		row.FirstByteAt = models.AtPtr(r.FirstByte)
	}
	return models.Spend{Row: row, Scopes: r.Charges}
}

// lines is the bill as the row keeps it.
func lines(bill []price.Line) models.JSON {
	if len(bill) == 0 {
		return nil
	}
	b, err := json.Marshal(bill)
	if err != nil {
		return nil // lines hold numbers and names only; without them the sum still stands
	}
	return b
}
