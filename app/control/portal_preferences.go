package control

import (
	"context"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// SetPreferences keeps how the portal looks to the caller. Everybody may choose that for themselves, whatever their role;
// it is no change of rights and not in the audit log. Errors: NotFound for a caller without an account.
func (u *Users) SetPreferences(ctx context.Context, who access.Actor, p models.Preferences) error {
	if who.UserID == "" || who.SessionID == "" {
		return fault.New(fault.NotFound, "no such user")
	}
	raw, err := p.JSON()
	if err != nil {
		return err
	}
	_, err = u.Store.Change(ctx, func(tx *store.Store) error {
		return tx.SetUser(ctx, who.UserID, map[string]any{"prefs": raw})
	})
	return err
}
