package models

import "errors"

// ErrGivenUp tells a replica that the others have given it up: it has to tell that it lives before it is lent more.
var ErrGivenUp = errors.New("this replica was given up by the others")

// Beat is what a replica learns when it tells that it lives.
type Beat struct {
	Now    Time  // the database's clock; zero where nobody else goes by it
	Live   int64 // replicas that may hold slices, this one too
	Heard  int64 // of those, replicas that were heard of in the last seconds: that serve
	Lowest bool  // this one has the lowest id of the latter
	Fresh  bool  // it was not on the list before
}

// SliceAsk is one operation of a replica on its slice of one scope. The store does it once for each serial.
type SliceAsk struct {
	Scope  string
	Slice  int64 // its id; chosen by the replica for a new one
	New    bool  // the replica has no slice: this makes one
	Serial int64 // of the operation in that slice, from 1
	Return Nano  // given back first

	// Roll gives the window that now is in, when that is not the one of the counter. It may be called again.
	Roll func(now Time, at Counter) (start Time, resetsAt *Time, rolled bool)
	// Grant decides what more to lend. It may be called again.
	Grant func(v SliceView) Nano
}

// SliceView is what a grant is decided by, with what was given back taken off.
type SliceView struct {
	Spent, Sliced, Lost Nano  // of the scope's window
	Mine                Nano  // of Sliced, this replica's
	Live                int64 // replicas
}

// SliceGot is what became of a SliceAsk.
type SliceGot struct {
	Scope    string
	Slice    int64
	Void     bool // the slice is gone, with its balance: a new window, or an operator's decision
	Granted  Nano
	Window   Time
	ResetsAt *Time
	View     SliceView // after the operation
}
