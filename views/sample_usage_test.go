package views_test

import (
	"time"

	"github.com/a-h/templ"

	"gatehouse/views/i18n"
	"gatehouse/views/layout"
	"gatehouse/views/overview"
	"gatehouse/views/ui"
	"gatehouse/views/usage"
)

func bigStats(l i18n.Lang) []ui.Stat {
	line := []float64{3, 6, 6.6, 2, 4, 3, 7, 5.2, 8, 6.1, 11, 8, 8.4, 9.6, 13, 11, 15, 14}
	return []ui.Stat{
		{Label: l.Spend(), Value: "$1,709.04", Delta: &ui.Delta{Text: "12.4%", Tone: ui.Bad}, Note: l.VersusBefore("$1,520.50"), Line: line},
		{Label: l.Requests(), Value: l.Compact(1_310_204), Full: l.Number(1_310_204), Delta: &ui.Delta{Text: "8.1%", Tone: ui.OK}, Note: l.FailedShare("0.62%"), Line: line},
		{Label: l.Tokens(), Value: l.Compact(894_000_000), Full: l.Number(894_000_000), Delta: &ui.Delta{Text: "9.7%", Tone: ui.OK}, Note: l.InAndOut("741M", "153M"), Line: line},
		{Label: l.CacheHitRate(), Value: "31.8%", Help: l.SavedResponseHelp(), Delta: &ui.Delta{Text: l.Points("4.2"), Tone: ui.OK, Down: true}, Note: l.SavedAmount("$365.73"), Line: line},
	}
}

func ranks() []ui.RankRow {
	return []ui.RankRow{
		{Name: "nightly-evals", Href: "/ui/keys/1", Note: "Platform", Share: 100, Part: "38.6%", Value: "$659.69"},
		{Name: "checkout-assistant", Href: "/ui/keys/2", Note: "Checkout", Share: 78.2, Part: "30.2%", Value: "$516.13"},
		{Name: "support-triage", Href: "/ui/keys/3", Note: "Support", Share: 24.4, Part: "9.4%", Value: "$160.65"},
		{Name: "pricing-bot-staging", Href: "/ui/keys/4", Note: "Checkout", Share: 13.2, Part: "5.1%", Value: "$87.16"},
		{Name: "summer-intern-demo", Href: "/ui/keys/5", Note: "Research", Share: 8.3, Part: "3.2%", Value: "$54.69"},
		{Name: "7 more keys", Share: 35, Part: "13.5%", Value: "$230.72", Rest: true},
	}
}

func usagePage(c i18n.Locale, tab string) usage.Usage {
	l := c.Lang
	tabs := []ui.Tab{{Label: l.Overview(), Href: "/ui/usage"}, {Label: l.Models(), Href: "/ui/usage?tab=models"}, {Label: l.APIKeys(), Href: "/ui/usage?tab=keys"}, {Label: l.Teams(), Href: "/ui/usage?tab=teams"}, {Label: l.Users(), Href: "/ui/usage?tab=users"}, {Label: l.Tags(), Href: "/ui/usage?tab=tags"}, {Label: l.Caching(), Href: "/ui/usage?tab=caching"}}
	v := usage.Usage{
		URL: "/ui/usage", Lead: l.UsageLead(l.SecondsAgo(40)), Tab: tab, Tabs: tabs, Span: c.Range(sampleNow.AddDate(0, 0, -29), sampleNow),
		Ranges: []ui.Option{{Value: "today", Label: l.Today()}, {Value: "7d", Label: l.LastDays(7)}, {Value: "30d", Label: l.LastDays(30), Selected: true}, {Value: "90d", Label: l.LastDays(90)}, {Value: "month", Label: l.ThisMonthRange()}, {Value: "last_month", Label: l.LastMonth()}, {Value: "custom", Label: l.CustomRange()}},
		From:   ui.Text{Value: "2026-10-23"}, To: ui.Text{Value: "2026-11-21"},
		Teams: []ui.Option{{Value: "", Label: l.All()}, {Value: "t1", Label: "Checkout"}}, Models: []ui.Option{{Value: "", Label: l.All()}, {Value: "gpt-5-mini", Label: "gpt-5-mini"}},
	}
	data := chart(c, "spend")
	switch tab {
	case "":
		v.Tabs[0].Current = true
		v.Body = usage.Body{
			ExportURL: "/ui/usage.csv?range=30d", Stats: bigStats(l), Chart: &data, TopKeys: ranks(), KeysURL: "/ui/usage?tab=keys", Reset: l.ResetOn("1 December"), ZoneURL: "/ui/account",
			Measures: []ui.Option{{Value: "spend", Label: l.Spend(), Selected: true}, {Value: "requests", Label: l.Requests()}, {Value: "tokens", Label: l.Tokens()}},
			Bys:      []ui.Option{{Value: "model", Label: l.ByModel(), Selected: true}, {Value: "key", Label: l.ByKey()}},
			Budgets: []usage.Budget{
				{Name: "Platform", Href: "/ui/teams/1", Note: l.RunsOutIn(2), Spend: "$583.82", Of: l.OfBudget("$650"), Meter: *meter(l, 89.8)},
				{Name: "Checkout", Href: "/ui/teams/2", Spend: "$467.77", Of: l.OfBudget("$800"), Meter: *meter(l, 58)},
				{Name: "Support", Href: "/ui/teams/3", Spend: "$96.14", Of: l.OfBudget("$250"), Meter: *meter(l, 38)},
				{Name: "Search", Href: "/ui/teams/4", Spend: "$18.02", Of: l.OfBudget("$100"), Meter: *meter(l, 18)},
				{Name: "Research", Href: "/ui/teams/5", Spend: "$25.00", Of: l.OfBudget("$200"), Meter: *meter(l, 12.5)},
			},
		}
	case "models":
		v.Tabs[1].Current = true
		v.Body = usage.Body{ExportURL: "/ui/usage.csv", Stats: bigStats(l), Stale: usage.Stale(l, 6), Table: &usage.Table{First: l.Model(), Pager: tabPager(l, "usage"), Rows: []usage.Row{
			{Name: "claude-sonnet-4-5", Mono: true, Href: "/ui/models/claude-sonnet-4-5", Spend: "$779.97", Requests: "310,204", Failed: "0.4%", In: "201M", Out: "52M", Days: []int64{3, 4, 5, 6, 2, 1, 7, 8, 4, 4, 5, 6, 7, 8}},
			{Name: "gpt-5-mini", Mono: true, Note: "OpenAI", Spend: "$415.00", Requests: "702,113", Failed: "0.9%", In: "402M", Out: "80M", Days: []int64{3, 4, 5, 6, 2, 1, 7}},
		}}}
	case "caching":
		v.Tabs[6].Current = true
		data.ID, data.Pace = "saved", 0
		v.Body = usage.Body{Cache: &usage.Cache{
			Off: true, OffReason: l.CacheOff(), Chart: data,
			Response: []ui.Stat{{Label: l.Hits(), Value: "18,204"}, {Label: l.HitRate(), Value: "4.1%"}, {Label: l.Saved(), Value: "$91.20", Help: l.SavedResponseHelp()}},
			Prompt:   []ui.Stat{{Label: l.CachedTokens(), Value: "214M"}, {Label: l.CacheWritten(), Value: "9.1M"}, {Label: l.Saved(), Value: "$365.73", Help: l.SavedPromptHelp()}},
			Rows:     []usage.CacheRow{{Model: "claude-sonnet-4-5", Hits: "12,104", Rate: "5.1%", CachedIn: "180M", Saved: "$301.11"}},
		}}
	case "failed":
		v.Tabs[0].Current = true
		v.Tab, v.Body = "", usage.Body{Failure: &ui.Failure{Text: l.SomethingWrongShort(), Retry: "/ui/usage", RequestID: "01JD8Z5T7M"}}
	case "empty":
		v.Tabs[0].Current = true
		data.Series = nil
		v.Tab, v.Body = "", usage.Body{Stats: bigStats(l)[:3], Chart: &data, TopKeys: []ui.RankRow{}}
	}
	return v
}

func overviewPage(c i18n.Locale, admin bool) overview.Overview {
	l := c.Lang
	v := overview.Overview{
		CreateURL: "/ui/keys/new", KeysURL: "/ui/keys", UsageURL: "/ui/usage", Chart: chart(c, "month"),
		Tiles: overview.Tiles{URL: "/ui/tiles", Stats: []ui.Stat{{Label: l.YourSpendThisMonth(), Value: "$428.02"}, {Label: l.BudgetLeft(), Value: "$171.98", Note: l.Resets("1 Dec")}, {Label: l.Requests24h(), Value: "48,210"}, {Label: l.FailedRequests(), Value: "0.62%"}}},
		Attention: []overview.Attention{
			{Tone: ui.Warn, Name: "nightly-evals", Href: "/ui/keys/1", Text: l.AttnBudgetShare("97%", "$600"), Action: l.RaiseBudget(), URL: "/ui/keys/1?tab=settings"},
			{Tone: ui.Warn, Name: "maya-laptop", Href: "/ui/keys/2", Text: l.AttnExpires(c.Relative(sampleNow.Add(72 * time.Hour)).Text), Action: l.Extend(), URL: "/ui/keys/2?tab=settings"},
			{Tone: ui.Bad, Name: "summer-intern-demo", Href: "/ui/keys/3", Text: l.AttnBlocked(), Action: l.Review(), URL: "/ui/keys/3"},
		},
	}
	for _, r := range keyRows(c)[:5] {
		v.Keys = append(v.Keys, overview.Key{Name: r.Name, Short: r.Short, Href: r.Links.Open, Spend: r.Spend, LastUsed: r.LastUsed, Badge: r.State.Badge(l)})
	}
	if admin {
		v.Admin = &overview.Admin{Teams: ranks()[:4], TeamsURL: "/ui/usage?tab=teams", LogsURL: "/ui/logs?status=failed", Errors: []overview.ProviderErrors{{Name: "Anthropic", Text: "1.2%", Last: "429 rate_limit_error", At: c.Relative(ago(3 * time.Minute))}}, Setup: []overview.Step{{Text: l.SetupModels(), Href: "/ui/models", Done: true}, {Text: l.SetupInvite(), Href: "/ui/users/invite"}, {Text: l.SetupSSO(), Href: "/ui/settings/sign-in"}}}
	}
	return v
}

func usageSamples() []sample {
	page := func(tab string) func(f layout.Frame, c i18n.Locale) templ.Component {
		return func(f layout.Frame, c i18n.Locale) templ.Component { return usage.Page(f, usagePage(c, tab)) }
	}
	return []sample{
		{name: "overview", path: "/ui/", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return overview.Page(f, overviewPage(c, true))
		}},
		{name: "overview-user", path: "/ui/", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			f.User.Role, f.User.ViewOnly, f.Nav.Admin, f.Nav.Teams, f.Nav.Playground = layout.RoleViewer, true, false, true, false
			f.Toasts = []ui.Toast{{Tone: ui.OK, Text: c.ToastSaved()}, {Tone: ui.Bad, Text: c.SomethingWrongShort()}}
			v := overviewPage(c, false)
			v.CreateURL, v.Attention, v.Keys = "", nil, nil
			return overview.Page(f, v)
		}},
		{name: "overview-tiles", part: true, make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return overview.TilesPart(f, overviewPage(c, false).Tiles)
		}},
		{name: "usage", path: "/ui/usage", make: page("")},
		{name: "usage-models", path: "/ui/usage?tab=models", make: page("models")},
		{name: "usage-caching", path: "/ui/usage?tab=caching", make: page("caching")},
		{name: "usage-failed", path: "/ui/usage", make: page("failed")},
		{name: "usage-empty", path: "/ui/usage", make: page("empty")},
	}
}
