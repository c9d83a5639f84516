package views_test

import (
	"time"

	"github.com/a-h/templ"

	"gatehouse/views/i18n"
	"gatehouse/views/keys"
	"gatehouse/views/layout"
	"gatehouse/views/ui"
)

// The samples are one made-up company on 21 November 2026, the same as in the pictures that the pages are drawn from.

var sampleNow = time.Date(2026, 11, 21, 14, 42, 7, 0, time.UTC)

const usd = int64(1_000_000_000)

func berlin() *time.Location { return time.FixedZone("CET", 3600) }

func sampleLocale(l i18n.Lang) i18n.Locale {
	return i18n.Locale{Lang: l, Zone: berlin(), Now: sampleNow}
}

func sampleFrame(l i18n.Lang, path string) layout.Frame {
	return layout.Frame{
		T: l, Path: path, Org: "Acme Research", APIBase: "https://llm.acme.dev/v1", Version: "1.0", Zone: "Europe/Berlin",
		Assets: layout.Assets{CSS: "/ui/static/app.css", HTMX: "/ui/static/htmx.js", App: "/ui/static/app.js", Live: "/ui/static/live.js", Playground: "/ui/static/playground.js", Font: "/ui/static/fonts/geist.woff2", Icon: "/ui/static/favicon.svg"},
		User:   layout.User{Name: "Maya Okafor", Email: "maya@acme.dev", Role: layout.RoleAdmin},
		Nav:    layout.Nav{KeyCount: "12", Playground: true, Admin: true},
	}
}

// sample is one page or part as the tests and the preview render it.
type sample struct {
	name string
	path string
	part bool // a part: no html element around it
	open bool // the part belongs in the dialog over the key list
	make func(f layout.Frame, c i18n.Locale) templ.Component
}

func samples() []sample {
	var all []sample
	for _, list := range [][]sample{authSamples(), keySamples(), usageSamples(), peopleSamples(), adminSamples()} {
		all = append(all, list...)
	}
	return all
}

func ago(d time.Duration) time.Time { return sampleNow.Add(-d) }

func meter(l i18n.Lang, percent float64) *ui.Meter {
	return &ui.Meter{Percent: percent, Label: l.BudgetUsed(int64(percent + 0.5))}
}

func spend(l i18n.Lang, nano, budget int64) ui.Spend {
	if budget == 0 {
		return ui.Spend{Amount: l.Money(nano), Of: l.NoLimit()}
	}
	return ui.Spend{Amount: l.Money(nano), Of: l.OfBudget(l.MoneyShort(budget)), Meter: meter(l, float64(nano)/float64(budget)*100)}
}

func keyRow(c i18n.Locale, name, last4, tag, team, owner string, models []string, more int, nano, budget int64, used, expires time.Time, state keys.State) keys.Row {
	id := "0f3b" + last4
	days := make([]int64, 14)
	for i := range days {
		days[i] = int64((len(name)*7+i*13)%11) * nano / usd / 9
	}
	open := "/ui/keys/" + id
	row := keys.Row{
		ID: id, Name: name, Short: "sk-…" + last4, Tag: tag, Team: team, Owner: ui.Person{Name: owner, Service: owner == c.ServiceAccount()},
		Models: ui.Chips{Names: models, More: more, All: "claude-sonnet-4-5, gpt-5-mini"}, Spend: spend(c.Lang, nano, budget), Period: c.ThisMonth(),
		Days: days, LastUsed: c.Relative(used), Expires: c.Relative(expires), State: state, Select: true, Soon: state == keys.ExpiresSoon,
		Links: keys.Links{Open: open, Duplicate: "/ui/keys/new?from=" + id, Rotate: open + "/rotate", Delete: open + "/delete"},
	}
	if len(models) == 0 {
		row.Models = ui.Chips{Plain: c.AllTeamModels()}
	}
	if state == keys.Blocked {
		row.Links.Unblock = open + "/unblock"
	} else {
		row.Links.Block = open + "/block"
	}
	return row
}

func keyRows(c i18n.Locale) []keys.Row {
	day := 24 * time.Hour
	return []keys.Row{
		keyRow(c, "doc-search-embeddings", "pL44", "prod", "Search", "Jonas Weber", []string{"text-embedding-3-large"}, 0, 1802*usd/100, 100*usd, ago(20*time.Second), time.Date(2027, 3, 2, 12, 0, 0, 0, time.UTC), keys.Active),
		keyRow(c, "checkout-assistant", "7Qx2", "prod", "Checkout", "Maya Okafor", []string{"claude-sonnet-4-5"}, 4, 4128*usd/10, 600*usd, ago(2*time.Minute), time.Time{}, keys.Active),
		keyRow(c, "support-triage", "b81K", "prod", "Support", "Priya Nair", []string{"gpt-5-mini"}, 0, 9614*usd/100, 250*usd, ago(11*time.Minute), time.Date(2027, 1, 14, 12, 0, 0, 0, time.UTC), keys.Active),
		keyRow(c, "pricing-bot-staging", "uW5d", "staging", "Checkout", "Priya Nair", []string{"claude-sonnet-4-5"}, 1, 5497*usd/100, 150*usd, ago(time.Hour), time.Date(2027, 2, 1, 12, 0, 0, 0, time.UTC), keys.Active),
		keyRow(c, "nightly-evals", "Zt0c", "ci", "Platform", c.ServiceAccount(), nil, 0, 5834*usd/10, 600*usd, ago(6*time.Hour), time.Time{}, keys.NearLimit),
		keyRow(c, "maya-laptop", "n3Ra", "dev", c.Personal(), "Maya Okafor", []string{"gpt-5-mini"}, 1, 761*usd/100, 25*usd, ago(day), sampleNow.Add(3*day), keys.ExpiresSoon),
		keyRow(c, "litellm-migration-test", "0xE9", "dev", "Platform", "李伟", []string{"llama-3.3-70b"}, 0, 42*usd/100, 0, ago(3*day), time.Time{}, keys.Active),
		keyRow(c, "summer-intern-demo", "Fq7v", "dev", "Research", "Tomás Silva", []string{"gpt-5-mini"}, 0, 25*usd, 25*usd, ago(19*day), time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC), keys.Blocked),
	}
}

func modelOptions(l i18n.Lang, chosen ...string) []ui.Option {
	names := [][3]string{{"claude-sonnet-4-5", "$3.00", "$15.00"}, {"gpt-5-mini", "$0.25", "$2.00"}, {"gemini-2.5-pro", "$1.25", "$10.00"}, {"gemini-2.5-flash", "$0.30", "$2.50"}, {"llama-3.3-70b", "$0.59", "$0.79"}, {"text-embedding-3-large", "$0.13", "$0.00"}}
	var out []ui.Option
	for _, n := range names {
		o := ui.Option{Value: n[0], Label: n[0], Note: l.PriceInOut(n[1], n[2])}
		for _, c := range chosen {
			o.Selected = o.Selected || c == n[0]
		}
		out = append(out, o)
	}
	out[4].Reason = l.ErrModelNotInTeam("llama-3.3-70b", "Checkout")
	return out
}

func periods(l i18n.Lang) []ui.Option {
	return []ui.Option{{Value: "1d", Label: l.PerDay()}, {Value: "7d", Label: l.PerWeek()}, {Value: "30d", Label: l.PerMonth(), Selected: true}, {Value: "", Label: l.NoReset()}}
}

func pager(l i18n.Lang) ui.Pager {
	return ui.Pager{List: "list", Summary: l.PageSummary(1, 8, 12), Next: "/ui/keys?page=2", Size: 25, Sizes: []int{10, 25, 50, 100}, FormID: "filters", SizeName: "size"}
}

// tabPager is the pager of a list that has no filter form.
func tabPager(l i18n.Lang, part string) ui.Pager {
	return ui.Pager{List: part, Summary: l.PageSummary(1, 25, 40), Next: "?page=2"}
}

func sortLink(label, name, order string) ui.SortLink {
	return ui.SortLink{Label: label, Href: "?sort=" + name, Order: order, ID: "sort-" + name}
}

func chart(c i18n.Locale, id string) ui.ChartData {
	series := []struct {
		name   string
		colour int
		size   int64
	}{{"claude-sonnet-4-5", 1, 26}, {"gpt-5-mini", 2, 14}, {"gemini-2.5-pro", 3, 9}, {"llama-3.3-70b", 5, 5}, {c.Other(), 6, 3}}
	d := ui.ChartData{ID: id, Title: c.SpendPer(c.StepDay()), Pace: 6667 * usd / 100, PaceSay: c.PaceFor("$2,000"), First: c.DayHead(), Empty: c.NoUsage()}
	for i := range 30 {
		t := sampleNow.AddDate(0, 0, i-29)
		d.Days = append(d.Days, ui.ChartDay{Short: c.Day(t), Long: c.LongDay(t), Partial: i == 29})
	}
	for _, s := range series {
		values := make([]int64, 30)
		for i := range values {
			week := sampleNow.AddDate(0, 0, i-29).Weekday()
			f := int64(60 + (i*17+s.colour*29)%40 + i)
			if week == time.Saturday || week == time.Sunday {
				f /= 2
			}
			if i == 29 {
				f /= 3
			}
			values[i] = s.size * usd * f / 100
		}
		d.Series = append(d.Series, ui.ChartSeries{Name: s.name, Colour: s.colour, Values: values})
	}
	return d
}
