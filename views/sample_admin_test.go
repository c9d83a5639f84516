package views_test

import (
	"time"

	"github.com/a-h/templ"

	"gatehouse/views/apiref"
	"gatehouse/views/audit"
	"gatehouse/views/budgets"
	"gatehouse/views/dev"
	"gatehouse/views/i18n"
	"gatehouse/views/keys"
	"gatehouse/views/layout"
	"gatehouse/views/logs"
	"gatehouse/views/models"
	"gatehouse/views/playground"
	"gatehouse/views/settings"
	"gatehouse/views/ui"
)

func plainRows(c i18n.Locale) []keys.Row {
	rows := keyRows(c)[:3]
	for i := range rows {
		rows[i].Select = false
	}
	return rows
}

func logDetail(c i18n.Locale) logs.Detail {
	l := c.Lang
	return logs.Detail{
		ID: "01JD8Z5T7MQK3", Back: "/ui/logs", Status: "429", At: c.Minute(ago(9 * time.Minute)), Error: "Rate limit exceeded.",
		Facts:    []ui.Fact{{Term: l.Model(), Text: "claude-sonnet-4-5", Mono: true}, {Term: l.APIKey(), Text: "checkout-assistant", Href: "/ui/keys/2"}, {Term: l.Cost(), Text: "$0.0083"}},
		Timeline: []logs.Moment{{Label: l.StepQueue(), At: "+2 ms", Share: 1}, {Label: l.StepRetry("azure-eu"), At: "+140 ms", Start: 5, Share: 20, Bad: true}, {Label: l.StepFirstToken(), At: "+420 ms", Start: 25, Share: 30}, {Label: l.StepEnd(), At: "+1.4 s", Start: 55, Share: 45}},
		Body:     &logs.Body{Request: "{\n  \"model\": \"claude-sonnet-4-5\"\n}", Answer: "{\n  \"id\": \"1\"\n}", Headers: []ui.Fact{{Term: "user-agent", Text: "openai-python/2.1"}}, Cut: l.BodyCut("256 KB"), Curl: "curl https://llm.acme.dev/v1/chat/completions -d '{}'"},
	}
}

func logList(c i18n.Locale) logs.List {
	l := c.Lang
	row := func(id string, d time.Duration, ok bool, status, model, cache string) logs.Row {
		return logs.Row{ID: id, Href: "/ui/logs?log=" + id, At: c.Second(ago(d)), OK: ok, Status: status, Model: model, Key: "checkout-assistant", KeyHref: "/ui/keys/2", In: "1,204", Out: "310", Cost: "$0.0083", Latency: l.Took(1420 * time.Millisecond), Cache: cache}
	}
	return logs.List{
		URL: "/ui/logs", Ranges: []ui.Option{{Value: "24h", Label: l.LastHours(24), Selected: true}, {Value: "7d", Label: l.LastDays(7)}}, Statuses: []ui.Option{{Value: "all", Label: l.All(), Selected: true}, {Value: "ok", Label: l.StatusOK()}, {Value: "failed", Label: l.StatusFailed()}},
		Models: []ui.Option{{Value: "", Label: l.ModelAll()}}, Keys: []ui.Option{{Value: "", Label: l.All()}}, Count: logs.Count{URL: "/ui/logs/count", Text: l.RequestCount(48210), New: l.NewRequests(3), Href: "/ui/logs"},
		Table: logs.Table{Pager: ui.Pager{List: "list", Summary: l.RequestCount(25), Next: "/ui/logs?before=9"}, Rows: []logs.Row{row("a1", 10*time.Second, true, "200", "claude-sonnet-4-5", ""), row("a2", time.Minute, true, "200", "gpt-5-mini", l.CacheHit()), row("a3", 9*time.Minute, false, "429", "claude-sonnet-4-5", ""), row("a4", 20*time.Hour, true, "200", "text-embedding-3-large", "")}},
	}
}

func auditList(c i18n.Locale) audit.List {
	l := c.Lang
	return audit.List{URL: "/ui/audit", Ranges: []ui.Option{{Value: "7d", Label: l.LastDays(7)}}, Targets: []ui.Option{{Value: "", Label: l.TargetAll()}}, Table: audit.Table{Export: "/ui/audit.csv", Pager: ui.Pager{List: "list", Next: "/ui/audit?before=1"}, Rows: []audit.Row{
		{Href: "/ui/audit?entry=1", At: c.Relative(ago(time.Hour)), Actor: ui.Person{Name: "Maya Okafor"}, Action: l.DidUpdate(), Kind: l.APIKey(), Target: "checkout-assistant", TargetHref: "/ui/keys/2", IP: "203.0.113.9"},
		{Href: "/ui/audit?entry=2", At: c.Relative(ago(30 * time.Hour)), Actor: ui.Person{Name: "budget-reset", Service: true}, Action: l.DidUpdate(), Kind: l.Team(), Target: "Platform", IP: "–"},
	}}}
}

func settingsSection(l i18n.Lang) settings.Section {
	return settings.Section{
		Title: l.SectionMail(), Lead: l.SettingsLead(), Action: "/ui/settings/mail", Version: "1", Tabs: []ui.Tab{{Label: l.SectionGeneral(), Href: "/ui/settings/general"}, {Label: l.SectionMail(), Href: "/ui/settings/mail", Current: true}},
		Groups: []settings.Group{{Title: "SMTP", Settings: []settings.Setting{
			{Name: "smtp_host", Label: "Host", Text: ui.Text{Value: "mail.acme.dev"}, Source: settings.FromEnvironment, Where: "SMTP_HOST"},
			{Name: "smtp_port", Label: "Port", Kind: settings.KindNumber, Text: ui.Text{Value: "587"}, Source: settings.FromHere},
			{Name: "smtp_password", Label: "Password", Kind: settings.KindSecret, Text: ui.Text{Help: l.SecretSet("7Qx2")}, Source: settings.FromHere},
			{Name: "smtp_tls", Label: "TLS", Kind: settings.KindBool, Checked: true, Source: settings.FromDefault},
			{Name: "alert_budget", Label: l.Budget(), Kind: settings.KindMoney, Text: ui.Text{Error: l.ErrAmount()}, Source: settings.FromHere},
			{Name: "recipients", Label: "Recipients", Kind: settings.KindLines, Source: settings.FromConfig, Where: "general_settings.alerting"},
			{Name: "mode", Label: "Mode", Kind: settings.KindChoice, Options: []ui.Option{{Value: "a", Label: "A"}}, Source: settings.FromHere},
		}}}, Tests: []settings.Test{{ID: "mail", Label: l.SendTestMail(), URL: "/ui/settings/mail/test", Result: &settings.Result{OK: true, Text: l.TestDone()}}},
	}
}

func adminSamples() []sample {
	return []sample{
		{name: "models", path: "/ui/models", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			l := c.Lang
			return models.Page(f, models.List{URL: "/ui/models", AddURL: "/ui/deployments/new", Providers: []ui.Option{{Value: "", Label: l.ProviderAll()}}, Abilities: []ui.Option{{Value: "", Label: l.AbilityAll()}}, Table: models.Table{Health: true, Rows: []models.Row{
				{Name: "claude-sonnet-4-5", Href: "/ui/models/claude-sonnet-4-5", Providers: []string{"Anthropic", "Bedrock"}, Context: "200K", In: "$3.00", Out: "$15.00", Abilities: []string{l.AbilityVision(), l.AbilityTools()}, Access: l.AccessViaTeam("Checkout"), Health: ui.Badge{Tone: ui.OK, Text: l.Healthy()}},
				{Name: "meta-llama/llama-3.3-70b", Href: "/ui/models/meta-llama/llama-3.3-70b", Providers: []string{"Groq"}, Context: "128K", In: l.NotKnown(), Out: l.NotKnown(), Access: l.AccessEveryKey(), Health: ui.Badge{Tone: ui.Bad, Text: l.Unhealthy()}},
			}}})
		}},
		{name: "model", path: "/ui/models/claude-sonnet-4-5", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			l := c.Lang
			d := chart(c, "model-usage")
			return models.DetailPage(f, models.Detail{
				Name: "claude-sonnet-4-5", Back: "/ui/models", APIURL: "/ui/api?model=claude-sonnet-4-5", Playground: "/ui/playground?model=claude-sonnet-4-5", Abilities: []string{l.AbilityVision()}, Facts: []ui.Fact{{Term: l.Context(), Text: "200K"}, {Term: l.PriceIn(), Text: "$3.00"}}, Chart: &d, Groups: []string{"default-models"},
				Deployments: []models.Deployment{{ID: "d1", Model: "anthropic/claude-sonnet-4-5", Provider: "Anthropic", Where: "api.anthropic.com", Source: l.ConfigReadOnly(), Health: ui.Badge{Tone: ui.OK, Text: l.Healthy()}}, {ID: "d2", Model: "bedrock/claude", Provider: "Bedrock", Where: "eu-central-1", Source: l.StoredHere(), Health: ui.Badge{Tone: ui.Warn, Text: l.CoolingDown()}, Last: l.CoolsFor(l.For(time.Minute)), EditURL: "/ui/deployments/d2", DeleteURL: "/ui/deployments/d2/delete"}},
			})
		}},
		{name: "model-add", part: true, open: true, make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return models.FormPart(f, models.Form{Action: "/ui/deployments/new", Back: "/ui/models", Key: ui.Text{Help: c.SecretNotSet()}})
		}},
		{name: "logs", path: "/ui/logs", make: func(f layout.Frame, c i18n.Locale) templ.Component { return logs.Page(f, logList(c)) }},
		{name: "logs-drawer", path: "/ui/logs?log=a3", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			v, d := logList(c), logDetail(c)
			v.Drawer = &d
			return logs.Page(f, v)
		}},
		{name: "log-page", path: "/ui/logs/a3", make: func(f layout.Frame, c i18n.Locale) templ.Component { return logs.DetailPage(f, logDetail(c)) }},
		{name: "log-drawer-part", part: true, make: func(f layout.Frame, c i18n.Locale) templ.Component {
			v := logDetail(c)
			v.Body, v.BodyURL = nil, "/ui/logs/a3/body"
			return logs.DrawerPart(f, v)
		}},
		{name: "api", path: "/ui/api", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			l := c.Lang
			return apiref.Page(f, apiref.Reference{
				URL: "/ui/api", Base: f.APIBase, OpenAPI: "/openapi.json", Keys: []ui.Option{{Value: "1", Label: "checkout-assistant"}}, Models: []ui.Option{{Value: "gpt-5-mini", Label: "gpt-5-mini"}}, Snippets: ui.Snippets(f.APIBase, "gpt-5-mini", ""),
				Endpoints: []apiref.Endpoint{{Method: "POST", Path: "/v1/chat/completions", Text: l.RefChat()}, {Method: "GET", Path: "/v1/models", Text: l.RefModels()}},
				Errors:    []apiref.Error{{Status: "401", Code: "token_not_found_in_db", Text: l.RefErr401()}, {Status: "429", Code: "budget_exceeded", Text: l.RefErr429Budget()}},
			})
		}},
		{name: "audit", path: "/ui/audit", make: func(f layout.Frame, c i18n.Locale) templ.Component { return audit.Page(f, auditList(c)) }},
		{name: "audit-drawer", path: "/ui/audit?entry=1", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			v := auditList(c)
			v.Drawer = &audit.Entry{Title: c.AuditSentence("Maya Okafor", c.DidUpdate(), "checkout-assistant"), ID: "01JD9", Back: "/ui/audit", Facts: []ui.Fact{{Term: c.IPAddress(), Text: "203.0.113.9", Mono: true}}, Changes: []ui.Change{{Field: "max_budget", Before: "400", After: "600"}, {Field: "api_key", Before: "•••", After: "•••"}}}
			return audit.Page(f, v)
		}},
		{name: "budgets", path: "/ui/budgets", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			l := c.Lang
			return budgets.Page(f, budgets.List{CreateURL: "/ui/budgets/new", Table: budgets.Table{Pager: tabPager(l, "list"), Rows: []budgets.Row{{ID: "interns", Amount: l.AmountPer("$25", l.PerMonth()), Soft: l.WarnsAt("$20"), RPM: "60", TPM: "100,000", Reset: c.LongDate(sampleNow.AddDate(0, 0, 10)), Used: l.KeyCount(12), EditURL: "/ui/budgets/interns", DeleteURL: "/ui/budgets/interns/delete"}}}})
		}},
		{name: "budget-create", part: true, open: true, make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return budgets.FormPart(f, budgets.Form{Action: "/ui/budgets/new", Back: "/ui/budgets", Periods: periods(c.Lang)})
		}},
		{name: "playground", path: "/ui/playground", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			f.Scripts = []string{f.Assets.Playground}
			return playground.Page(f, playground.Playground{Action: "/ui/playground", StreamURL: "/ui/playground/stream", APIURL: "/ui/api", Session: c.ChargedToSession("$1.00"), Keys: []ui.Option{{Value: "1", Label: "checkout-assistant"}}, Models: []ui.Option{{Value: "gpt-5-mini", Label: "gpt-5-mini"}}, Turns: []playground.Turn{{Own: true, Text: "Hello"}, {Text: "Hi there", Note: "31 tokens"}}})
		}},
		{name: "settings", path: "/ui/settings/mail", make: func(f layout.Frame, c i18n.Locale) templ.Component { return settings.Page(f, settingsSection(c.Lang)) }},
		{name: "components", path: "/ui/dev/components", make: func(f layout.Frame, _ i18n.Locale) templ.Component { return dev.Components(f) }},
		{name: "no-permission", path: "/ui/audit", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return layout.Denied(f, layout.ItemAudit, c.AuditLog(), c.NeedsRole(c.RoleAdmin()), c.WhoHasRole("Maya Okafor"))
		}},
	}
}
