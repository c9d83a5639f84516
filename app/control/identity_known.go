package control

import (
	"context"

	"gatehouse/app/access"
)

// Known is User for ids that somebody else vouches for (custom_auth): an id without a row is not an error but not known.
// Errors: those of User for a row that may not act.
func (i *Identity) Known(ctx context.Context, id string) (who access.Actor, known bool, err error) {
	if _, err := i.Store.User(ctx, id); absent(err) {
		return access.Actor{}, false, nil
	}
	who, err = i.User(ctx, id)
	return who, err == nil, err
}
