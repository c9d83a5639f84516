package portal

import (
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/control"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/views/i18n"
	"gatehouse/views/ui"
)

// form reads a form's fields and collects what is wrong with them, in the order in which it was found.
type form struct {
	c        *fiber.Ctx
	l        i18n.Locale
	problems []ui.Problem
}

func (h *Handlers) readForm(c *fiber.Ctx) *form { return &form{c: c, l: h.locale(c)} }

func (f *form) value(name string) string { return strings.TrimSpace(f.c.FormValue(name)) }

func (f *form) list(name string) []string {
	var out []string
	for _, v := range formList(f.c, name) {
		if v = strings.TrimSpace(v); v != "" {
			out = append(out, v)
		}
	}
	return out
}

// fail notes a field's problem; "" is the whole form.
func (f *form) fail(field, text string) {
	f.problems = append(f.problems, ui.Problem{FieldID: field, Text: text})
}

func (f *form) bad() bool { return len(f.problems) > 0 }

// problem is what is wrong with one field, "" for nothing.
func (f *form) problem(field string) string {
	for _, p := range f.problems {
		if p.FieldID == field {
			return p.Text
		}
	}
	return ""
}

// text is a field as it was sent, with its problem.
func (f *form) text(field string) ui.Text {
	return ui.Text{Value: f.value(field), Error: f.problem(field)}
}

// amount reads dollars; empty is null, which means no limit.
func (f *form) amount(name string) control.Opt[models.Nano] {
	text := f.value(name)
	if text == "" {
		return control.Null[models.Nano]()
	}
	n, err := models.ParseNano(strings.TrimPrefix(text, "$"))
	if err != nil || n < 0 {
		f.fail(name, f.l.ErrAmount())
		return control.Opt[models.Nano]{}
	}
	return control.Some(n)
}

// whole reads a whole number of at least 1; empty is null, which means no limit.
func (f *form) whole(name string) control.Opt[int64] {
	text := f.value(name)
	if text == "" {
		return control.Null[int64]()
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		f.fail(name, f.l.ErrWholeNumber())
		return control.Opt[int64]{}
	}
	return control.Some(n)
}

// optional reads a text; empty is null.
func (f *form) optional(name string) control.Opt[string] {
	if text := f.value(name); text != "" {
		return control.Some(text)
	}
	return control.Null[string]()
}

// refused notes a service's refusal and says whether it was one that the form can show; the field is the fault's where the
// form has it.
func (f *form) refused(err error, fields ...string) bool {
	no := fault.As(err)
	if no == nil {
		return false
	}
	switch no.Kind {
	case fault.Invalid, fault.Unprocessable, fault.Conflict, fault.Forbidden, fault.NotFound:
	case fault.Internal, fault.Unauthenticated, fault.TooLarge, fault.Exhausted, fault.Unavailable:
		return false
	}
	field := ""
	for _, name := range fields {
		if name == no.Param {
			field = name
		}
	}
	f.fail(field, say(f.l, no.Message))
	return true
}

// sentence is a service's message as people write: a capital first, a full stop last.
func sentence(text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return text
	}
	if first := text[0]; first >= 'a' && first <= 'z' && !strings.ContainsRune(strings.SplitN(text, " ", 2)[0], '_') {
		text = string(first-'a'+'A') + text[1:]
	}
	switch text[len(text)-1] {
	case '.', '!', '?', ':':
		return text
	}
	return text + "."
}

// changed keeps an amount that differs from what stands, so that only changed fields are sent.
func changed[T comparable](in control.Opt[T], stands *T) control.Opt[T] {
	if !in.Sent {
		return in
	}
	if in.Null && stands == nil || in.Has() && stands != nil && in.Value == *stands {
		return control.Opt[T]{}
	}
	return in
}

// changedList is changed for lists, in which order counts for nothing.
func changedList(in, stands []string) control.Opt[[]string] {
	if len(in) == len(stands) {
		have := map[string]int{}
		for _, s := range stands {
			have[s]++
		}
		same := true
		for _, s := range in {
			have[s]--
			same = same && have[s] >= 0
		}
		if same {
			return control.Opt[[]string]{}
		}
	}
	return control.Some(in)
}
