package openai

import (
	"encoding/json"
	"testing"

	"gatehouse/internal/testkit/bridgetest"
	"gatehouse/internal/testkit/storm"
	"gatehouse/models"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/wire"
)

// FuzzEdit edits a body for each provider that wants one of its own: it stays JSON.
func FuzzEdit(f *testing.F) {
	s := storm.New(f)
	deployments := []models.Deployment{
		{Provider: "openai", Model: "gpt-5"},
		{Provider: "mistral", Model: "mistral-large"},
		{Provider: "fireworks_ai", Model: "llama-v3"},
		{Provider: "xai", Model: "grok-4"},
		{Provider: "groq", Model: "llama"},
		{Provider: "perplexity", Model: "sonar"},
	}
	var targets []*provider.Target
	var vendors []*Vendor
	for _, d := range deployments {
		d.APIKey = models.NewSecret("k")
		target, _ := ready(f, d)
		targets, vendors = append(targets, target), append(vendors, New(d.Provider))
	}
	for i, name := range []string{"openai", "mistral", "fireworks_ai", "openai", "groq", "perplexity"} {
		for _, body := range bridgetest.Bodies(f, "../../testdata/conformance/requests/"+name+".json") {
			s.Add(uint8(i), []byte(body))
		}
	}
	s.Fuzz(func(tb testing.TB, which uint8, body []byte) {
		var r wire.Request
		if r.Parse(body) != nil {
			return
		}
		target := targets[int(which)%len(targets)]
		err := vendors[int(which)%len(targets)].Edit(target, &r, &provider.Edits{Op: provider.Chat, Model: target.Deployment.Model, DropParams: which&64 != 0})
		if err != nil {
			if err.Error() == "" {
				tb.Fatalf("%q is refused without a word", body)
			}
			return
		}
		out := r.Append(nil)
		if json.Valid(body) && !json.Valid(out) {
			tb.Fatalf("%q became %q", body, out)
		}
		if len(out) > 4096+16*len(body) {
			tb.Fatalf("%d bytes became %d", len(body), len(out))
		}
	})
}
