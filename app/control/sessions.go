package control

import (
	"context"

	"gatehouse/app/access"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// Sessions are the acts on signed-in browsers.
type Sessions struct{ base }

// shortID is how much of a session's hash names it: enough to tell sessions of one person apart, useless to a thief.
const shortID = 16

// List is the sessions of a person, last used first; userID "" is the caller. Errors: NotFound for somebody else's.
func (s *Sessions) List(ctx context.Context, who access.Actor, userID string) ([]SessionView, error) {
	if userID == "" {
		userID = who.UserID
	}
	if err := access.Check(who, access.SessionRead, access.User(userID, nil, nil)); err != nil {
		return nil, err
	}
	rows, err := s.Store.SessionsOfUser(ctx, userID)
	if err != nil {
		return nil, err
	}
	out := make([]SessionView, len(rows))
	for i := range rows {
		out[i] = SessionView{ID: rows[i].Hash[:shortID], Session: rows[i], Current: rows[i].Hash == who.SessionID}
		out[i].Session.Hash = ""
	}
	return out, nil
}

// End ends one session by its short id. Errors: NotFound.
func (s *Sessions) End(ctx context.Context, who access.Actor, userID, id string) error {
	if userID == "" {
		userID = who.UserID
	}
	if err := access.Check(who, access.SessionEnd, access.User(userID, nil, nil)); err != nil {
		return err
	}
	return s.change(ctx, who, access.SessionEnd, userID, func(tx *store.Store) error {
		rows, err := tx.SessionsOfUser(ctx, userID)
		if err != nil {
			return err
		}
		for i := range rows {
			if rows[i].Hash[:shortID] != id {
				continue
			}
			if err := tx.DeleteSession(ctx, rows[i].Hash); err != nil {
				return err
			}
			return s.audit(ctx, tx, who, access.SessionEnd, userID, map[string]any{"session": id}, nil)
		}
		return fault.New(fault.NotFound, "This session has ended already.")
	})
}

// EndAll ends every session of a person; for the caller all but the present one.
func (s *Sessions) EndAll(ctx context.Context, who access.Actor, userID string) error {
	if userID == "" {
		userID = who.UserID
	}
	if err := access.Check(who, access.SessionEnd, access.User(userID, nil, nil)); err != nil {
		return err
	}
	keep := ""
	if userID == who.UserID {
		keep = who.SessionID
	}
	return s.change(ctx, who, access.SessionEnd, userID, func(tx *store.Store) error {
		count, err := tx.DeleteSessionsOfUser(ctx, userID, keep)
		if err != nil {
			return err
		}
		return s.audit(ctx, tx, who, access.SessionEnd, userID, map[string]any{"sessions": count}, nil)
	})
}
