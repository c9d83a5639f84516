package portal_test

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"gatehouse/models"
)

func TestModelForm(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.as(admin)
	bad := b.post("/ui/deployments/new", url.Values{"model": {"no-provider"}, "api_base": {"ftp://x"}, "api_key": {"sk-upstream-secret"}, "input_cost_per_million": {"free"}})
	doc := bad.page(http.StatusUnprocessableEntity)
	if n := doc.Find(`[role="alert"] a`).Length(); n != 4 {
		t.Errorf("the summary names %d problems: %s", n, text(doc.Find(`[role="alert"]`)))
	}
	if strings.Contains(bad.body, "sk-upstream-secret") {
		t.Error("the form gives the secret back")
	}
	b.post("/ui/deployments/new", url.Values{
		"model_name": {"acme/fast"}, "model": {"openai/gpt-5"}, "api_base": {"https://llm.acme.example/v1"}, "api_key": {"sk-upstream-secret"},
		"input_cost_per_million": {"1.25"}, "output_cost_per_million": {"10"}, "access_groups": {"beta, fast"},
	}).leadsTo("/ui/models/acme/fast")
	rows, err := r.store.ListDeployments(t.Context())
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	row := rows[0]
	if row.ModelName != "acme/fast" || strings.Contains(string(row.Params), "sk-upstream") || row.Sealed == "" || !strings.Contains(string(row.Params), "1250000000e-15") ||
		!strings.Contains(string(row.Info), "beta") {
		t.Errorf("the row is %+v %s %s", row, row.Params, row.Info)
	}
	if res := b.post("/ui/deployments/d1", url.Values{"model_name": {"x"}, "model": {"a/b"}}); res.status != http.StatusBadRequest {
		t.Errorf("a model of config.yaml: %d", res.status)
	}
	if res := b.get("/ui/deployments/nope"); res.status != http.StatusNotFound {
		t.Errorf("an unknown deployment: %d", res.status)
	}
}

func TestModelsAreNotAddedWhereConfigAloneCounts(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(r *rig) { r.policy.General.StoreModelInDB = false })
	hasNot(t, r.as(admin).get("/ui/models").page(200), `a[href="/ui/deployments/new"]`)
}

func TestBudgets(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.as(admin)
	has(t, b.get("/ui/budgets").page(200), "No budgets yet.")
	bad := b.post("/ui/budgets/new", url.Values{"max_budget": {"-3"}, "rpm_limit": {"1.5"}}).page(http.StatusUnprocessableEntity)
	if n := bad.Find(`[role="alert"] a`).Length(); n != 3 {
		t.Errorf("the summary names %d problems", n)
	}
	again := b.post("/ui/budgets/new", url.Values{"max_budget": {"x"}}, "HX-Request", "true")
	if again.header.Get("HX-Retarget") != "#dialog" {
		t.Error("the form does not come back in the dialog")
	}
	b.post("/ui/budgets/new", url.Values{"budget_id": {"in/terns"}, "max_budget": {"25"}, "budget_duration": {"30d"}, "soft_budget": {"20"}}).leadsTo("/ui/budgets")
	has(t, b.get("/ui/budgets").page(200), "in/terns", "$25 per month", "warns at $20", "0 keys")
	edit := b.get("/ui/budgets/in%2Fterns").form(`main form[method="post"]`)
	edit.Set("max_budget", "")
	edit.Set("rpm_limit", "60")
	b.post("/ui/budgets/in%2Fterns", edit).leadsTo("/ui/budgets")
	row, err := r.store.Budget(t.Context(), "in/terns")
	if err != nil || row.MaxBudget != nil || *row.RPMLimit != 60 || *row.SoftBudget != 20*models.USD {
		t.Fatalf("now %+v, %v", row, err)
	}
	k := r.key(dev, "web", false)
	if err := r.store.SetKey(t.Context(), k.Key.ID, map[string]any{"budget_id": "in/terns"}); err != nil {
		t.Fatal(err)
	}
	has(t, b.post("/ui/budgets/in%2Fterns/delete", nil).page(http.StatusUnprocessableEntity), "is in use by 1 key, member or customer")
	if err := r.store.SetKey(t.Context(), k.Key.ID, map[string]any{"budget_id": nil}); err != nil {
		t.Fatal(err)
	}
	b.post("/ui/budgets/in%2Fterns/delete", nil).leadsTo("/ui/budgets")
}

func TestAudit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	k := r.key(dev, "web", false)
	b := r.as(admin)
	b.post("/ui/keys/"+k.Key.ID+"/block", url.Values{"reason": {"leaked"}})
	doc := b.get("/ui/audit?target=key").page(200)
	has(t, doc, admin+"@acme.example", "blocked", "web", "203.0.113.9")
	entry := doc.Find(`#list tbody tr a[href*="entry="]`).First().AttrOr("href", "")
	drawer := b.part(entry).page(200)
	has(t, drawer, "blocked_reason", "leaked", "key.block", "Request ID")
	if drawer.Find("h1").Length() != 0 {
		t.Error("the drawer is not a part")
	}
	if n := b.get(entry).page(200).Find("template[data-open-drawer]").Length(); n != 1 {
		t.Error("the link does not open the drawer")
	}
	for _, path := range []string{"/ui/audit?entry=999999", "/ui/audit?entry=x"} {
		if res := b.get(path); res.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, res.status)
		}
	}
	first := b.get("/ui/audit?size=10").page(200)
	next := first.Find(`#list nav a[href*="before="]`).AttrOr("href", "")
	if next == "" || b.part(next).page(200).Find("#list tbody tr").Length() == 0 {
		t.Error("there is no second page")
	}
	has(t, b.get("/ui/audit?q=nothing-like-it").page(200), "No entries match.")
	if strings.Contains(b.get("/ui/audit?target=key").body, k.Key.Hash) {
		t.Error("the log shows a hash")
	}
	rows, err := csv.NewReader(strings.NewReader(b.get("/ui/audit.csv?target=key").body)).ReadAll()
	if err != nil || len(rows) != 3 || rows[1][4] != "key.block" {
		t.Fatalf("%d rows, %v: %q", len(rows), err, rows)
	}
	has(t, b.get("/ui/audit?q=audit.export").page(200), "exported")
}

func TestSettingsShowNoSecret(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, who := range []string{admin, viewer} {
		b := r.as(who)
		for _, section := range []string{"general", "sign-in", "mail", "keys", "logging", "alerts"} {
			res := b.get("/ui/settings/" + section)
			doc := res.page(200)
			hasNot(t, doc, "#section button[type=submit]")
			for _, secret := range []string{"mail-secret", "sk-master"} {
				if strings.Contains(res.body, secret) {
					t.Errorf("%s holds %q", section, secret)
				}
			}
		}
		has(t, b.get("/ui/settings/mail").page(200), "SMTP_PASSWORD", "set, not shown", "environment")
	}
	if res := r.as(admin).get("/ui/settings/nope"); res.status != http.StatusNotFound {
		t.Errorf("an unknown section: %d", res.status)
	}
	r.as(admin).get("/ui/settings").page(http.StatusFound)
}

func TestAPIReference(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(r *rig) { r.extra.OpenAPI = "/openapi.json" })
	k := r.key(dev, "web", true)
	r.key(lead, "not-mine", true)
	b := r.as(dev)
	res := b.get("/ui/api")
	doc := res.page(200)
	has(t, doc, "http://gw.example/v1", "GATEHOUSE_API_KEY", "budget_exceeded", "web")
	if doc.Find(`a[href="/openapi.json"]`).Length() != 1 {
		t.Error("no link to the document")
	}
	if strings.Contains(res.body, k.Secret.Reveal()) || strings.Contains(text(doc.Find("#key")), "not-mine") {
		t.Error("the page holds what it must not")
	}
	options := text(doc.Find("#model"))
	if !strings.Contains(options, "meta-llama/llama-3.3-70b") || strings.Contains(options, "claude") {
		t.Errorf("the models are %q", options)
	}
	part := b.part("/ui/api?key=" + k.Key.ID + "&model=meta-llama/llama-3.3-70b").page(200)
	has(t, part, "meta-llama/llama-3.3-70b")
	if part.Find("#example").Length() != 1 || part.Find("h1").Length() != 0 {
		t.Error("the example is not a part")
	}
}
