package keyring_test

import (
	"slices"
	"testing"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/proxy/keyring"
)

func dep(id, name string, more ...func(*models.Deployment)) *models.Deployment {
	d := &models.Deployment{ID: id, ModelName: name, Provider: "openai", Model: name}
	for _, fn := range more {
		fn(d)
	}
	return d
}

func ofTeam(team, public string) func(*models.Deployment) {
	return func(d *models.Deployment) { d.TeamID, d.TeamPublicName = team, public }
}

func TestResolve(t *testing.T) {
	t.Parallel()
	cat := keyring.NewCatalog([]*models.Deployment{
		dep("1", "gpt-4"), dep("2", "gpt-4"), dep("3", "openai/*"), dep("4", "openai/o1-*"), dep("5", "*"),
		dep("6", "off", func(d *models.Deployment) { d.Disabled = "no such provider" }),
		dep("7", "gpt-4", ofTeam("t", "")), dep("8", "internal-name", ofTeam("t", "our-gpt")), dep("9", "*", ofTeam("w", "")),
	}, nil, nil)
	for _, tc := range []struct {
		name, model, team string
		want              []string
		group             string
	}{
		{"another team's model falls to the wildcard", "our-gpt", "", []string{"5"}, "*"},
		{"another team's deployment id", "8", "", []string{"5"}, "*"},
		{"a disabled deployment serves nothing", "off", "", []string{"5"}, "*"},
		{"a wildcard is not pinned by its id", "3", "", []string{"5"}, "*"},
		{"exact name", "gpt-4", "", []string{"1", "2"}, "gpt-4"},
		{"deployment id", "2", "", []string{"2"}, "gpt-4"},
		{"most specific wildcard alone", "openai/o1-mini", "", []string{"4"}, "openai/o1-*"},
		{"wider wildcard", "openai/gpt-5", "", []string{"3"}, "openai/*"},
		{"widest", "anything", "", []string{"5"}, "*"},
		{"a team's own model comes first", "gpt-4", "t", []string{"7"}, "gpt-4"},
		{"by the team's public name", "our-gpt", "t", []string{"8"}, "our-gpt"},
		{"a shared exact name beats a team's wildcard", "gpt-4", "w", []string{"1", "2"}, "gpt-4"},
		{"a team's wildcard beats a shared one", "openai/gpt-5", "w", []string{"9"}, "*"},
	} {
		m, ok := cat.Resolve(tc.model, tc.team)
		var got []string
		for _, d := range m.Deployments {
			got = append(got, d.ID)
		}
		if !ok || !slices.Equal(got, tc.want) || m.Group != tc.group {
			t.Errorf("%s: %q in %q (%v), want %q in %q", tc.name, got, m.Group, ok, tc.want, tc.group)
		}
	}
	if _, ok := keyring.NewCatalog(nil, nil, nil).Resolve("gpt-4", ""); ok {
		t.Error("an empty catalog serves something")
	}
	if want := []string{"*", "gpt-4", "openai/*", "openai/o1-*"}; !slices.Equal(cat.Names(), want) {
		t.Errorf("names %q", cat.Names())
	}
	if want := []string{"gpt-4", "our-gpt"}; !slices.Equal(cat.TeamNames("t"), want) {
		t.Errorf("team's names %q", cat.TeamNames("t"))
	}
}

func TestConfigAndRows(t *testing.T) {
	t.Parallel()
	src := newFake()
	row := func(id, params string) {
		src.put("deployments", id, func(s models.ChangeSink, seq int64) {
			s.Deployment(&models.DeploymentRow{ID: id, ModelName: "row-" + id, Params: models.JSON(params), Seq: seq})
		})
	}
	row("good", `{"Provider":"openai","Model":"gpt"}`)
	row("bad", `{`)
	row("both", `{"Provider":"openai","Model":"gpt"}`)
	r := ring(t, src, testkit.NewClock())
	r.SetDeployments([]models.Deployment{{ID: "both", ModelName: "config-both", FromConfig: true}, {ID: "only", ModelName: "config-only"}})
	r.SetAliases(map[string]keyring.Alias{"a": {Model: "row-good", Hidden: true}})
	row("good", `{"Provider":"azure","Model":"gpt"}`)
	load(t, r)

	cat := r.Snapshot().Catalog()
	if d := cat.ByID("both"); d == nil || !d.FromConfig {
		t.Error("config.yaml does not win over the database")
	}
	if d := cat.ByID("good"); d == nil || d.Provider != "azure" {
		t.Error("a changed row is not served")
	}
	if cat.ByID("bad") != nil {
		t.Error("a row that cannot be opened serves")
	}
	if !slices.ContainsFunc(cat.Deployments(), func(d *models.Deployment) bool { return d.ID == "bad" && d.Disabled != "" }) {
		t.Error("a row that cannot be opened is not listed with its reason")
	}
	if a, ok := cat.Alias("a"); !ok || a.Model != "row-good" || !a.Hidden {
		t.Error("the alias is lost by a load")
	}
	r.SetDeployments(nil)
	if r.Snapshot().Catalog().ByID("only") != nil || r.Snapshot().Catalog().ByID("both") == nil {
		t.Error("a reload keeps what config.yaml dropped, or loses the row behind it")
	}
}
