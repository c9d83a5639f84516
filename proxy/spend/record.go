// Package spend is the durable ledger of calls: a local journal that a call is written to before it is sent and before
// its end is reported, and a writer that carries settled calls to the database in order, for as long as that takes.
package spend

import (
	"context"
	"errors"
	"time"

	"gatehouse/models"
	"gatehouse/proxy/price"
)

// What a call came to; Record.Status.
const (
	StatusSuccess   = "success"
	StatusFailure   = "failure"
	StatusCancelled = "cancelled"
)

// Record.SettledBy of calls that their own process did not settle.
const (
	SettledByReplay  = "replay"
	SettledBySweeper = "sweeper"
)

// Record is one finished call. It holds owned values only: no slice or string of a request's buffers.
type Record struct {
	CallID   string // ULID, made here; the row's identity, so a record that arrives twice is one row
	CallType string // "completion", "embedding", …

	KeyID    string
	KeyHash  string
	KeyAlias string
	UserID   string
	TeamID   string
	OrgID    string
	EndUser  string
	Tags     []string

	ModelGroup   string // what the caller asked for
	Model        string // what the provider was asked for
	DeploymentID string
	Provider     string
	APIBase      string

	Usage         price.Usage
	Lines         []price.Line // the bill
	CostNano      models.Nano
	SavedNano     models.Nano // what a cache hit would have cost
	PromptSaved   models.Nano // what the provider's own prompt cache saved, net; may be below 0
	OvershootNano models.Nano // how far this call went beyond its hold and the budget

	CacheHit       bool
	Unpriced       bool // no price is known: the cost is 0 for want of one
	UsageEstimated bool // counted here, not reported by the provider
	CacheKey       string

	Status     string
	HTTPStatus int
	ErrorCode  string

	Start     time.Time
	FirstByte time.Time // zero: none came
	End       time.Time

	IP           string
	SessionID    string
	Metadata     []byte // one JSON value; anything else is left out
	SettledBy    string // "" = the call itself
	PriceVersion string

	// Charges are the counters to charge, each with the window of the call's admission.
	Charges []models.ScopeCharge
}

// AdmitRecord is a call that is about to be sent: who makes it and what it is charged if nothing more is heard of it.
type AdmitRecord struct {
	Record    Record      // all that is known at admission; Usage is the input that was counted
	EstNano   models.Nano // what the budget holds
	FloorNano models.Nano // what it is booked at when this process dies before it settles: the cost of its input
}

// Writer puts settled calls where they stay. A record whose CallID is there already changes nothing. The batch is in
// order, is all or nothing, and belongs to the ledger again when WriteSpend returns: keep no part of the slice. An
// error means "not now": the same batch comes again, for ever.
type Writer interface {
	WriteSpend(ctx context.Context, batch []Record) error
}

// HoldWriter is a Writer that also keeps the calls still open, so that another replica can settle them at their floor
// if this one does not come back. Writing a call twice changes nothing; WriteSpend removes it.
type HoldWriter interface {
	WriteHolds(ctx context.Context, replica string, open []AdmitRecord) error
}

// Reasons for which a call is not admitted or a record not durable yet; all mean 503 with retry-after.
var (
	// ErrJournal: the journal cannot be written, for example because its disk is full.
	ErrJournal = errors.New("spend journal cannot be written")
	// ErrBacklog: the database is so far behind that no more is taken on.
	ErrBacklog = errors.New("spend backlog is full")
	// ErrClosed: the ledger is shut or shutting down.
	ErrClosed = errors.New("spend ledger is closed")
)
