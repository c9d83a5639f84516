package portal

import (
	"context"
	"io"
	"time"

	"github.com/a-h/templ"
)

const (
	hourLength = time.Hour
	dayLength  = 24 * time.Hour
)

// both renders several parts one after another: a part with its out-of-band swaps.
type both []templ.Component

// Render writes the parts in order.
func (b both) Render(ctx context.Context, w io.Writer) error {
	for _, part := range b {
		if err := part.Render(ctx, w); err != nil {
			return err
		}
	}
	return nil
}
