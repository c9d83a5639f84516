// Package icon draws the interface's icons as inline SVG: Lucide's, one function each, in icons_gen.go, and the product's own
// mark. Icons are decoration (aria-hidden): the control around them carries the name.
package icon

import (
	"context"
	"io"

	"github.com/a-h/templ"
)

// Func is the shape of every icon: it takes the classes of the svg element, such as "size-4".
type Func func(class string) templ.Component

// draw wraps the shapes of an icon in the svg element that all of them share. Class and shapes come from this program's own
// literals, never from input, so they are written as they are.
func draw(class, shapes string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, `<svg class="shrink-0 `+templ.EscapeString(class)+`" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">`+shapes+`</svg>`)
		return err
	})
}

// Mark is the product's sign: a gate in an arch.
func Mark(class string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, `<svg class="shrink-0 `+templ.EscapeString(class)+`" viewBox="0 0 28 28" aria-hidden="true"><rect width="28" height="28" rx="7" class="fill-ink"/><path d="M7.5 21.5V13a6.5 6.5 0 0 1 13 0v8.5" fill="none" class="stroke-ink-on" stroke-width="2" stroke-linecap="round"/><path d="M14 21.5v-8.2M10.9 21.5v-5.6M17.1 21.5v-5.6" fill="none" class="stroke-ink-on" stroke-width="1.5" stroke-linecap="round" opacity=".75"/><circle cx="14" cy="11.2" r="1.4" class="fill-ink-on"/></svg>`)
		return err
	})
}

// Windows is the four-pane sign on the button that signs in with Microsoft.
func Windows(class string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, `<svg class="shrink-0 `+templ.EscapeString(class)+`" viewBox="0 0 16 16" aria-hidden="true"><path d="M0 0h7.5v7.5H0zM8.5 0H16v7.5H8.5zM0 8.5h7.5V16H0zM8.5 8.5H16V16H8.5z" class="fill-fg-2"/></svg>`)
		return err
	})
}
