// Package fault holds the error kinds of the whole program. A fault carries what a
// person may read; everything else is an internal error and is shown only as an id.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what went wrong in the program's own terms. The doors (app/web for the
// control plane, proxy/failure.go for the data plane) turn it into a status, each in one table.
type Kind uint8

// The kinds. Internal is the zero value, so that an unknown error is never mistaken for a milder one.
const (
	Internal        Kind = iota // a bug or a broken dependency: 500
	Invalid                     // bad input, names the field: 400
	Unprocessable               // well-formed input of the wrong shape: 422
	Unauthenticated             // no or bad credentials: 401
	Forbidden                   // known caller, not allowed: 403
	NotFound                    // absent, or not visible to the caller: 404
	Conflict                    // clashes with what exists: 409
	TooLarge                    // body over the cap: 413
	Exhausted                   // budget or rate used up: 429
	Unavailable                 // cannot decide or serve now: 503
)

// Fault is an error that people may read. Type and Param are wire words of contract/admin-api.md §3
// ("key_model_access_denied", "key_alias"); empty means the door's default for the kind.
type Fault struct {
	Kind       Kind
	Message    string
	Type       string
	Param      string
	Issues     []Issue       // Unprocessable: one per field
	RetryAfter time.Duration // Exhausted, Unavailable: 0 means not known
	cause      error
}

// Issue is one field error of a 422 answer; Loc is the path ("body", "user_ids").
type Issue struct {
	Type string
	Loc  []string
	Msg  string
}

// New makes a fault with a message for people.
func New(kind Kind, message string) *Fault { return &Fault{Kind: kind, Message: message} }

// Newf is New with formatting.
func Newf(kind Kind, format string, args ...any) *Fault {
	return &Fault{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Missing is the 422 fault for required body fields that were not sent.
func Missing(fields ...string) *Fault {
	f := &Fault{Kind: Unprocessable, Message: "a required field is missing"}
	for _, name := range fields {
		f.Issues = append(f.Issues, Issue{Type: "missing", Loc: []string{"body", name}, Msg: "Field required"})
	}
	if len(fields) > 0 {
		f.Param = fields[0]
		f.Message = "field required: " + fields[0]
	}
	return f
}

// BadField is the 400 fault that names the field at fault.
func BadField(param, format string, args ...any) *Fault {
	return &Fault{Kind: Invalid, Param: param, Message: fmt.Sprintf(format, args...)}
}

// WithType returns f with its wire type set.
func (f *Fault) WithType(t string) *Fault { f.Type = t; return f }

// WithParam returns f with the field it is about.
func (f *Fault) WithParam(p string) *Fault { f.Param = p; return f }

// WithCause returns f wrapping err, which reaches the log but never the caller.
func (f *Fault) WithCause(err error) *Fault { f.cause = err; return f }

// Error is the message, with the cause behind it for the log.
func (f *Fault) Error() string {
	if f.cause != nil {
		return f.Message + ": " + f.cause.Error()
	}
	return f.Message
}

// Unwrap gives the cause, if any.
func (f *Fault) Unwrap() error { return f.cause }

// As finds the fault in err's chain, or nil.
func As(err error) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return nil
}

// Is says whether err carries a fault of this kind.
func Is(err error, kind Kind) bool {
	f := As(err)
	return f != nil && f.Kind == kind
}
