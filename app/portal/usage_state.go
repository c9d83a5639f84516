package portal

import (
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/views/i18n"
	"gatehouse/views/ui"
	"gatehouse/views/usage"
)

// usageState is the usage page as the URL holds it.
type usageState struct {
	query   url.Values
	tab     string
	span    string // the range preset
	at      dates
	measure measure
	by      control.Dimension
	problem string // what is wrong with a custom range
}

func tabDimension(tab string) control.Dimension {
	switch tab {
	case "models":
		return control.ByModelGroup
	case "keys":
		return control.ByKey
	case "teams":
		return control.ByTeam
	case "users":
		return control.ByUser
	case "tags":
		return control.ByTag
	}
	return ""
}

func byDimension(text string) control.Dimension {
	switch text {
	case "key":
		return control.ByKey
	case "team":
		return control.ByTeam
	case "user":
		return control.ByUser
	case "tag":
		return control.ByTag
	}
	return control.ByModelGroup
}

// readUsage reads the page's state; an unknown word falls back to the usual one, a bad date is told.
func (h *Handlers) readUsage(c *fiber.Ctx) usageState {
	l := h.locale(c)
	s := usageState{query: queryOf(c), at: lastDays(l, 30)}
	s.tab, s.span = s.query.Get("tab"), s.query.Get("range")
	if s.tab != "caching" && tabDimension(s.tab) == "" {
		s.tab = ""
	}
	s.measure, s.by = readMeasure(s.query.Get("measure")), byDimension(s.query.Get("by"))
	now, month := today(l), monthStart(l)
	if s.span == "" && s.query.Get("from")+s.query.Get("to") != "" {
		s.span = "custom"
	}
	switch s.span {
	case "today":
		s.at = dates{from: now, to: now}
	case "7d":
		s.at = lastDays(l, 7)
	case "90d":
		s.at = lastDays(l, 90)
	case "month":
		s.at = dates{from: month, to: now}
	case "last_month":
		s.at = dates{from: month.AddDate(0, -1, 0), to: month.AddDate(0, 0, -1)}
	case "custom":
		s.custom(l)
	default:
		s.span = "30d"
	}
	s.drop()
	return s
}

// drop takes out the filters that the tab's sums know nothing of, so that no figure looks filtered that is not: tags are
// summed apart from models.
func (s *usageState) drop() {
	switch {
	case s.tab == "tags" || s.tab == "" && s.onlyTags():
		s.query.Del("model")
	case s.tab != "":
		s.query.Del("tag")
	case s.query.Get("model") != "" && s.by == control.ByTag:
		s.by = control.ByModelGroup
	}
	if s.tab == "" && s.onlyTags() {
		s.by = control.ByTag
	}
}

const longestRange = 1100

func (s *usageState) custom(l i18n.Locale) {
	zone := today(l).Location()
	from, errFrom := time.ParseInLocation(time.DateOnly, s.query.Get("from"), zone)
	to, errTo := time.ParseInLocation(time.DateOnly, s.query.Get("to"), zone)
	at := dates{from: from, to: to}
	switch {
	case errFrom != nil || errTo != nil:
		s.problem = l.ErrDate()
	case to.Before(from):
		s.problem = l.ErrRangeBackwards()
	case at.count() > longestRange:
		s.problem = l.ErrRangeLong(longestRange)
	default:
		s.at = at
		return
	}
	s.span = "30d"
}

// spendQuery is the state's filters in the services' words.
func (s *usageState) spendQuery(at dates) control.SpendQuery {
	q := at.query()
	q.TeamID, q.Model, q.UserID = s.query.Get("team_id"), s.query.Get("model"), s.query.Get("user_id")
	if key := s.query.Get("key"); key != "" {
		q.Key = control.ByID(key)
	}
	if tag := s.query.Get("tag"); tag != "" {
		q.Tags = []string{tag}
	}
	return q
}

// onlyTags says whether the tag filter is set: only the tag sums know of tags.
func (s *usageState) onlyTags() bool { return s.query.Get("tag") != "" }

// usageControls fills the tabs, the ranges and the filters.
func (h *Handlers) usageControls(c *fiber.Ctx, l i18n.Locale, s usageState, base string, v *usage.Usage) error {
	tab := func(name, label string) ui.Tab {
		return ui.Tab{Label: label, Href: link(base, s.query, "tab", name, "page", ""), Current: s.tab == name}
	}
	v.Tabs = []ui.Tab{tab("", l.Overview()), tab("models", l.Models()), tab("keys", l.APIKeys()), tab("teams", l.Teams()), tab("users", l.Users()), tab("tags", l.Tags()), tab("caching", l.Caching())}
	for _, o := range []struct{ value, label string }{
		{"today", l.Today()},
		{"7d", l.LastDays(7)},
		{"30d", l.LastDays(30)},
		{"90d", l.LastDays(90)},
		{"month", l.ThisMonthRange()},
		{"last_month", l.LastMonth()},
		{"custom", l.CustomRange()},
	} {
		v.Ranges = append(v.Ranges, ui.Option{Value: o.value, Label: o.label, Selected: o.value == s.span})
	}
	var err error
	if v.Teams, err = h.teamOptions(c, l, s.query.Get("team_id")); err != nil {
		return err
	}
	actor := web.Actor(c)
	top := s.at.query()
	most := topMost
	top.Limit = &most
	seen, err := h.Spend.Top(c.UserContext(), actor, control.ByModelGroup, top)
	if err != nil {
		return err
	}
	v.Models = filterOptions(l, control.ByModelGroup, seen, s.query.Get("model"))
	keys, err := h.Spend.Top(c.UserContext(), actor, control.ByKey, top)
	if err != nil {
		return err
	}
	v.Keys = filterOptions(l, control.ByKey, keys, s.query.Get("key"))
	if actor.SeesAll() {
		people, err := h.Spend.Top(c.UserContext(), actor, control.ByUser, top)
		if err != nil {
			return err
		}
		v.Users = filterOptions(l, control.ByUser, people, s.query.Get("user_id"))
	}
	tags, err := h.Spend.TagNames(c.UserContext(), actor)
	if err != nil {
		return err
	}
	var slice []control.Slice
	for _, name := range tags[:min(len(tags), topMost)] {
		slice = append(slice, control.Slice{Value: name, Label: name})
	}
	v.Tags = filterOptions(l, control.ByTag, slice, s.query.Get("tag"))
	for _, group := range []struct {
		name, label string
		options     []ui.Option
	}{{"team_id", l.Team(), v.Teams}, {"model", l.Model(), v.Models}, {"key", l.APIKey(), v.Keys}, {"user_id", l.User(), v.Users}, {"tag", l.Tag(), v.Tags}} {
		if chosen := s.query.Get(group.name); chosen != "" {
			v.Active++
			label := group.label + ": " + optionLabel(group.options, chosen)
			v.Chips = append(v.Chips, ui.FilterChip{Label: label, Clear: link(base, s.query, group.name, ""), Remove: l.Remove() + " " + label})
		}
	}
	return nil
}

// filterOptions turns values into choices, with "All" in front; a chosen value that is not among them joins them.
func filterOptions(l i18n.Locale, by control.Dimension, values []control.Slice, chosen string) []ui.Option {
	if len(values) == 0 && chosen == "" {
		return nil
	}
	out := []ui.Option{{Label: l.All(), Selected: chosen == ""}}
	found := chosen == ""
	for _, s := range values {
		if s.Value == "" {
			continue
		}
		found = found || s.Value == chosen
		out = append(out, ui.Option{Value: s.Value, Label: sliceName(l, by, s), Selected: s.Value == chosen})
	}
	if !found {
		out = append(out, ui.Option{Value: chosen, Label: chosen, Selected: true})
	}
	return out
}

func optionLabel(options []ui.Option, value string) string {
	for _, o := range options {
		if o.Value == value {
			return o.Label
		}
	}
	return value
}
