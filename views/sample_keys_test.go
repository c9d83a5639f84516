package views_test

import (
	"time"

	"github.com/a-h/templ"

	"gatehouse/views/i18n"
	"gatehouse/views/keys"
	"gatehouse/views/layout"
	"gatehouse/views/ui"
)

func keyTable(c i18n.Locale) keys.Table {
	l := c.Lang
	spendHead := sortLink(l.SpendThisMonth(), "spend", "")
	spendHead.Help = l.SpendColumnHelp()
	return keys.Table{
		Rows: keyRows(c), Name: sortLink(l.NameLabel(), "key_alias", ""), Team: sortLink(l.TeamAndOwner(), "team", ""), Spend: spendHead,
		LastUsed: sortLink(l.LastUsed(), "last_used", "descending"), Expires: sortLink(l.Expires(), "expires", ""), SortedBy: l.LastUsed(), Sort: "-last_used",
		Pager: pager(l), CreateURL: "/ui/keys/new", BulkURL: "/ui/keys/bulk", SelectAll: l.SelectAllMatching(12),
		Bulk: []ui.BulkAction{{Label: l.Block(), Value: "block"}, {Label: l.Extend(), Value: "extend"}, {Label: l.Delete(), Value: "delete", Danger: true}},
	}
}

func keyList(c i18n.Locale) keys.List {
	l := c.Lang
	return keys.List{
		URL: "/ui/keys", CreateURL: "/ui/keys/new", FindURL: "/ui/keys/find", BulkURL: "/ui/keys/bulk",
		Stats: []ui.Stat{
			{Label: l.SpendThisMonth(), Value: "$1,198.36", Note: l.OfTeamBudgets("$2,000.00")},
			{Label: l.ProjectedBy(c.Day(time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC))), Value: "$1,712", Note: l.AtThisPace()},
			{Label: l.Requests24h(), Value: "48,210", Note: l.FailedShare("0.6%")},
			{Label: l.NeedsAttention(), Value: l.KeyCount(3), Note: l.AttentionParts(1, 1, 1), Href: "/ui/keys?status=attention"},
		},
		Statuses: []ui.Option{{Value: "all", Label: l.All(), Note: "12", Selected: true}, {Value: "active", Label: l.StateActive(), Note: "9"}, {Value: "attention", Label: l.StateAttention(), Note: "3"}},
		Teams:    []ui.Option{{Value: "", Label: l.TeamAll(), Selected: true}, {Value: "t1", Label: "Checkout"}, {Value: "t2", Label: "Platform"}},
		Models:   []ui.Option{{Value: "", Label: l.All()}, {Value: "gpt-5-mini", Label: "gpt-5-mini"}},
		Tags:     []ui.Option{{Value: "", Label: l.All()}, {Value: "prod", Label: "prod"}},
		Table:    keyTable(c),
	}
}

func keyForm(c i18n.Locale, page bool) keys.Form {
	l := c.Lang
	in30 := sampleNow.AddDate(0, 0, 30)
	return keys.Form{
		Page: page, Action: "/ui/keys/new", Back: "/ui/keys", OptionsURL: "/ui/keys/new/options", Nonce: "n0nce",
		Name:   ui.Text{Value: "release-notes-writer"},
		Owners: []ui.Option{{Value: "me", Label: l.OwnerMe()}, {Value: "team", Label: l.OwnerTeam(), Selected: true}, {Value: "service", Label: l.OwnerService()}},
		Teams:  []ui.Option{{Value: "t1", Label: "Checkout", Selected: true}, {Value: "t2", Label: "Platform", Reason: l.TeamKeysOff("Platform")}},
		Options: keys.Options{
			Models: modelOptions(l, "claude-sonnet-4-5", "gpt-5-mini"), AllLabel: l.AllTeamModels(), AllText: l.AllowAllTeamModels(),
			Budget: ui.Text{Value: "50.00", Help: l.UpToByAdmin("$100")}, Periods: periods(l),
			Expires:   ui.Text{Help: c.DateTime(in30)},
			Durations: []ui.Option{{Value: "7d", Label: l.InDays(7), Note: c.DateTime(sampleNow.AddDate(0, 0, 7))}, {Value: "30d", Label: l.InDays(30), Note: c.DateTime(in30), Selected: true}, {Value: "custom", Label: l.OnADate()}},
			DateMin:   "2026-11-22", DateMax: "2027-02-19",
		},
	}
}

func badKeyForm(c i18n.Locale) keys.Form {
	v := keyForm(c, true)
	v.More = true
	v.Name = ui.Text{Error: c.ErrNameMissing()}
	v.Options.Budget.Error = c.ErrAmountTooHigh("$100.00")
	v.Options.ModelText.Error = c.ErrModelNotInTeam("gpt-5", "Checkout")
	v.Metadata = ui.Text{Value: "{\n  \"app\": \"ci\"\n  \"x\": 1\n}", Error: c.ErrJSONLine(3, c.JSONCommaMissing())}
	v.RPM = ui.Text{Value: "-1", Error: c.ErrWholeNumber()}
	v.Problems = []ui.Problem{{FieldID: "key_alias", Text: c.ErrNameMissing()}, {FieldID: "max_budget", Text: c.ErrAmountTooHigh("$100.00")}, {FieldID: "models", Text: c.ErrModelNotInTeam("gpt-5", "Checkout")}, {FieldID: "metadata", Text: c.ErrJSONLine(3, c.JSONCommaMissing())}}
	return v
}

func created(f layout.Frame, c i18n.Locale, page bool) keys.Created {
	return keys.Created{
		Page: page, Name: "release-notes-writer", Secret: "sk-Vd93kQ7mXw2LrT8bYc5HnPzJ4fAa6GtE", Shown: "sk-Vd93…6GtE",
		Facts:    []string{c.TeamNamed("Checkout"), c.ModelCount(2), c.AmountPer("$50.00", c.PerMonth()), c.ExpiresOnDay(c.LongDate(sampleNow.AddDate(0, 0, 30)))},
		Snippets: ui.Snippets(f.APIBase, "gpt-5-mini", "sk-Vd93…6GtE"), Playground: "/ui/playground?model=gpt-5-mini", Done: "/ui/keys",
	}
}

func keyDetail(c i18n.Locale, tab string) keys.Detail {
	l := c.Lang
	row := keyRows(c)[1]
	base := "/ui/keys/" + row.ID
	v := keys.Detail{
		ID: "5f0ce1b2c3d4e5f60718293a4b5c6d7e8f9001122334455667788990aabbccdd", Name: row.Name, Short: row.Short, State: row.State, Links: row.Links, Back: "/ui/keys",
		Tabs: []ui.Tab{{Label: l.Overview(), Href: base, Current: tab == ""}, {Label: l.Usage(), Href: base + "?tab=usage", Current: tab == "usage"}, {Label: l.Settings(), Href: base + "?tab=settings", Current: tab == "settings"}, {Label: l.Activity(), Href: base + "?tab=activity", Current: tab == "activity"}},
	}
	stats := []ui.Stat{{Label: l.SpendThisMonth(), Value: "$412.80", Note: l.OfBudget("$600") + " · " + l.Resets("1 Dec")}, {Label: l.Requests24h(), Value: "4,120", Note: l.FailedShare("0.2%")}, {Label: l.LastUsed(), Value: c.Relative(ago(2 * time.Minute)).Text}, {Label: l.Expires(), Value: l.Never()}}
	switch tab {
	case "":
		v.Overview = &keys.Overview{
			Stats: stats, Chart: chart(c, "key-spend"), LogsURL: "/ui/logs?key=x",
			Limits:   []ui.Fact{{Term: l.Budget(), Text: "$600 " + l.PerMonth(), Note: l.SetByKey()}, {Term: l.RequestsPerMin(), Text: "600", Note: l.SetByTeam("Checkout")}, {Term: l.TokensPerMin(), Text: l.NoLimitHint()}},
			Facts:    []ui.Fact{{Term: l.Models(), Chips: []string{"claude-sonnet-4-5", "gpt-5-mini", "gemini-2.5-pro"}}, {Term: l.Team(), Text: "Checkout", Href: "/ui/teams/t1"}, {Term: l.Owner(), Text: "Maya Okafor"}, {Term: l.CreatedBy(), Text: l.ByWhom(c.Date(ago(1000*time.Hour)), "Maya Okafor")}},
			Requests: []keys.Request{{At: c.Relative(ago(2 * time.Minute)), OK: true, Status: "200", Model: "claude-sonnet-4-5", Tokens: l.InAndOut("1,204", "310"), Cost: "$0.0083", Href: "/ui/logs?log=1"}, {At: c.Relative(ago(9 * time.Minute)), Status: "429", Model: "gpt-5-mini", Tokens: l.InAndOut("88", "0"), Cost: "$0.00", Href: "/ui/logs?log=2"}},
			Check:    keys.Check{URL: base + "/check", Models: []ui.Option{{Value: "gpt-5", Label: "gpt-5", Selected: true}}, Result: &keys.CheckResult{Text: l.MayNotCall("gpt-5", l.TeamModelList("Checkout")), Href: "/ui/teams/t1?tab=settings", Link: "Checkout"}},
		}
	case "usage":
		v.Usage = &keys.UsageTab{Range: []ui.Tab{{Label: l.LastDays(7), Href: base + "?tab=usage&range=7d"}, {Label: l.LastDays(30), Href: base + "?tab=usage&range=30d", Current: true}}, Stats: bigStats(l), Chart: chart(c, "key-usage"), Models: ranks(), Full: "/ui/usage?key=x"}
	case "settings":
		form := keyForm(c, true)
		form.Edit, form.Version, form.Options.Budget.Locked, form.Options.Budget.Value = true, "7", l.OnlyAdminsChange(), "$600 "+l.PerMonth()
		v.Settings = &form
	case "activity":
		v.Activity = &keys.Activity{Pager: tabPager(l, "tab"), Rows: []keys.Event{{At: c.Relative(ago(time.Hour)), Actor: ui.Person{Name: "Maya Okafor"}, What: l.DidUpdate(), Detail: "$400 → $600", Href: "/ui/audit?entry=1"}, {At: c.Relative(ago(999 * time.Hour)), Actor: ui.Person{Name: "Priya Nair"}, What: l.DidCreate()}}}
	}
	return v
}

func keySamples() []sample {
	detail := func(tab string) func(f layout.Frame, c i18n.Locale) templ.Component {
		return func(f layout.Frame, c i18n.Locale) templ.Component { return keys.DetailPage(f, keyDetail(c, tab)) }
	}
	return []sample{
		{name: "keys", path: "/ui/keys", make: func(f layout.Frame, c i18n.Locale) templ.Component { return keys.Page(f, keyList(c)) }},
		{name: "keys-part", part: true, make: func(f layout.Frame, c i18n.Locale) templ.Component {
			v := keyTable(c)
			v.Counts = keyList(c).Statuses
			return keys.ListPart(f, v)
		}},
		{name: "keys-empty", path: "/ui/keys", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			v := keyList(c)
			v.Stats, v.Table = nil, keys.Table{CreateURL: "/ui/keys/new", Sort: "-last_used"}
			return keys.Page(f, v)
		}},
		{name: "keys-none-match", path: "/ui/keys", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			v := keyList(c)
			v.Chips = []ui.FilterChip{{Label: c.Team() + ": Checkout", Clear: "/ui/keys", Remove: c.Remove() + " Checkout"}}
			v.Table = keys.Table{Filtered: true, ClearURL: "/ui/keys"}
			return keys.Page(f, v)
		}},
		{name: "keys-failed", path: "/ui/keys", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			v := keyList(c)
			v.Table = keys.Table{Failure: &ui.Failure{Text: c.SomethingWrongShort(), Retry: "/ui/keys", RequestID: "01JD8Z5T7M"}}
			return keys.Page(f, v)
		}},
		{name: "key-create-page", path: "/ui/keys/new", make: func(f layout.Frame, c i18n.Locale) templ.Component { return keys.CreatePage(f, keyForm(c, true)) }},
		{name: "key-create-errors", path: "/ui/keys/new", make: func(f layout.Frame, c i18n.Locale) templ.Component { return keys.CreatePage(f, badKeyForm(c)) }},
		{name: "key-create", part: true, open: true, make: func(f layout.Frame, c i18n.Locale) templ.Component { return keys.CreatePart(f, keyForm(c, false)) }},
		{name: "key-options", part: true, make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return keys.OptionsPart(f, keyForm(c, false).Options)
		}},
		{name: "key-created", part: true, open: true, make: func(f layout.Frame, c i18n.Locale) templ.Component { return keys.CreatedPart(f, created(f, c, false)) }},
		{name: "key-created-page", path: "/ui/keys/new", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			v := created(f, c, true)
			v.Clamped, v.OldWorks = []string{c.BudgetLowered("$100.00")}, c.OldKeyWorksUntil(c.DateTime(sampleNow.Add(24*time.Hour)))
			return keys.CreatedPage(f, v)
		}},
		{name: "key-spent-page", path: "/ui/keys/new", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return keys.SpentPage(f, keys.Spent{Page: true, Rotate: "/ui/keys/x/rotate", Back: "/ui/keys"})
		}},
		{name: "key-rotate", part: true, open: true, make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return keys.RotatePart(f, keys.Rotate{Name: "checkout-assistant", Action: "/ui/keys/x/rotate", Back: "/ui/keys", Nonce: "n", Graces: []ui.Option{{Value: "0s", Label: c.GraceNow()}, {Value: "1h", Label: c.For(time.Hour)}, {Value: "24h", Label: c.For(24 * time.Hour), Selected: true}, {Value: "7d", Label: c.Days(7)}}})
		}},
		{name: "key-block", part: true, open: true, make: func(f layout.Frame, _ i18n.Locale) templ.Component {
			return keys.BlockPart(f, keys.Block{Name: "checkout-assistant", Action: "/ui/keys/x/block", Back: "/ui/keys", Swap: "#key-x"})
		}},
		{name: "key-delete", part: true, open: true, make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return keys.DeletePart(f, keys.Delete{Name: "checkout-assistant", Action: "/ui/keys/x/delete", Back: "/ui/keys", Swap: "#key-x", Used: c.UsedTimes24h(1204), MustType: true})
		}},
		{name: "key-delete-page", path: "/ui/keys/x/delete", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return keys.DeletePage(f, keys.Delete{Page: true, Name: "summer-intern-demo", Action: "/ui/keys/x/delete", Back: "/ui/keys", Used: c.NotUsedFor(60)})
		}},
		{name: "key-bulk-page", path: "/ui/keys/bulk", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return keys.BulkPage(f, keys.Bulk{Page: true, Title: c.BulkExtendTitle(3), Action: "/ui/keys/bulk", Back: "/ui/keys", Button: c.Extend(), Hidden: []ui.Option{{Label: "keys", Value: "x"}}, Durations: []ui.Option{{Value: "30d", Label: c.InDays(30)}}})
		}},
		{name: "key-bulk-result", part: true, open: true, make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return keys.BulkResultPart(f, keys.BulkResult{Title: c.BulkDone(2, 3), Back: "/ui/keys", Failures: []keys.Failed{{Name: "nightly-evals", Reason: c.Forbidden("Maya Okafor")}}})
		}},
		{name: "key", path: "/ui/keys/x", make: detail("")},
		{name: "key-usage", path: "/ui/keys/x?tab=usage", make: detail("usage")},
		{name: "key-settings", path: "/ui/keys/x?tab=settings", make: detail("settings")},
		{name: "key-activity", path: "/ui/keys/x?tab=activity", make: detail("activity")},
		{name: "key-row", part: true, make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return templ.Join(keys.TableRow(f, keyRows(c)[7]), ui.ToastSwap(f.T, ui.Toast{Text: c.ToastBlocked("summer-intern-demo"), Action: c.Undo(), URL: "/ui/keys/x/unblock", Target: "#key-x"}))
		}},
		{name: "key-gone", part: true, make: func(f layout.Frame, _ i18n.Locale) templ.Component {
			return templ.Join(keys.GoneRow(f, "x"), keys.CountSwap("11"))
		}},
	}
}
