package app

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/app/config"
	"gatehouse/models"
	"gatehouse/proxy/price"
)

func TestPriceFindings(t *testing.T) {
	t.Parallel()
	deployments := []*models.Deployment{
		{ModelName: "listed", Provider: "openai", Model: "gpt-4o"},
		{ModelName: "own", Provider: "openai", Model: "house-model", Prices: map[string]any{"input_cost_per_token": 0.1, "output_cost_per_token": 0.1}},
		{ModelName: "free", Provider: "openai", Model: "house-model", Prices: map[string]any{"input_cost_per_token": 0, "output_cost_per_token": 0}},
		{ModelName: "any/*", Provider: "openai", Model: "*"},
		{ModelName: "azure", Provider: "azure", Model: "our-name-for-it", BaseModel: "gpt-4o"},
		{ModelName: "lost", Provider: "azure", Model: "our-name-for-it", BaseModel: "gpt-none"},
		{ModelName: "house", Provider: "openai", Model: "house-model"},
		{ModelName: "house", Provider: "openai", Model: "house-model"},
		{ModelName: "off", Provider: "openai", Model: "house-model", Disabled: "no credential"},
	}
	var got []string
	for _, f := range priceFindings(price.New(time.Now), deployments) {
		word, _, _ := strings.Cut(f.text, " ")
		got = append(got, f.model+": "+word+" "+f.value)
	}
	want := []string{"lost: model_info.base_model gpt-none", "lost: no our-name-for-it", "house: no house-model"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestUnknownDefaultBudgetIsTold(t *testing.T) {
	t.Parallel()
	r := newRig(t, rolesConfig)
	cfg := new(config.Config)
	var log bytes.Buffer
	tell := func(id string) string {
		log.Reset()
		cfg.LiteLLM.EndUserBudgetID = id
		if err := r.p.tellFindings(t.Context(), cfg, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
			t.Fatal(err)
		}
		return log.String()
	}
	if out := tell("nowhere"); !strings.Contains(out, "max_end_user_budget_id") || !strings.Contains(out, "nowhere") {
		t.Errorf("an unknown budget: %q", out)
	}
	r.admin("POST", "/budget/new", `{"budget_id":"tier","max_budget":1}`)
	if out := tell("tier"); strings.Contains(out, "max_end_user_budget_id") {
		t.Errorf("a budget that is there: %q", out)
	}
}
