package config

import (
	"strings"
	"testing"
)

// What cannot be served is left out with a warning, and never takes a path of Gatehouse's own.
func TestPassEndpoints(t *testing.T) {
	t.Parallel()
	bad := []struct{ name, entry, says string }{
		{"no path", `{target: "https://x"}`, "path must be"},
		{"a relative path", `{path: x, target: "https://x"}`, "path must be"},
		{"a pattern", `{path: "/x/*", target: "https://x"}`, "path must be"},
		{"everything", `{path: /, target: "https://x"}`, "path must be"},
		{"the portal", `{path: /ui, target: "https://x"}`, "path belongs to Gatehouse"},
		{"below the admin API", `{path: /key/generate, target: "https://x"}`, "path belongs to Gatehouse"},
		{"no target", `{path: /x}`, "target must be"},
		{"a file", `{path: /x, target: "file:///etc/passwd"}`, "target must be"},
		{"a user in the target", `{path: /x, target: "https://a:b@x"}`, "target must be"},
	}
	for _, tt := range bad {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, report := load(t, oneModel+"general_settings:\n  pass_through_endpoints: ["+tt.entry+"]\n")
			if len(c.General.PassEndpoints) != 0 || len(report.Warnings) == 0 || !strings.Contains(report.Warnings[0].Message, tt.says) {
				t.Errorf("%+v, %v", c.General.PassEndpoints, report.Warnings)
			}
		})
	}
	c, report := load(t, oneModel+`general_settings:
  pass_through_endpoints:
    - {path: /a/, target: "https://a.example/v1", headers: {Authorization: bearer os.environ/PASS_KEY, X-Whole: os.environ/PASS_KEY}, cost_per_request: 0.005, forward_headers: true}
    - {path: /b, target: "https://b.example", include_subpath: true, auth: false}
    - {path: /b, target: "https://c.example"}
`, "PASS_KEY=canary")
	if len(report.Faults) != 0 || len(report.Warnings) != 2 || len(c.General.PassEndpoints) != 2 {
		t.Fatalf("%v %v, %d routes", report.Faults, report.Warnings, len(c.General.PassEndpoints))
	}
	a, b := c.General.PassEndpoints[0], c.General.PassEndpoints[1]
	if a.Path != "/a" || a.Open || a.Subpath || !a.Forward || a.Headers["Authorization"].Reveal() != "bearer canary" || a.Headers["X-Whole"].Reveal() != "canary" {
		t.Errorf("a: %+v", a)
	}
	if d := a.Deployment("p"); d.Prices["cost_per_request"] != "0.005" || d.ExtraHeaders()["X-Whole"].Reveal() != "canary" || !d.FromConfig {
		t.Errorf("deployment %+v", d)
	}
	if !b.Open || !b.Subpath || b.Forward {
		t.Errorf("b: %+v", b)
	}
}

// The environment's credentials serve the providers' own routes, whatever the file lists.
func TestPassDefaults(t *testing.T) {
	t.Parallel()
	c, _ := load(t, oneModel, "ANTHROPIC_API_KEY=sk-ant", "AZURE_API_KEY=half-of-it")
	got := c.General.PassDefaults
	if len(got) != 1 || got["anthropic"].APIKey.Reveal() != "sk-ant" || !got["anthropic"].FromConfig {
		t.Errorf("%+v", got)
	}
}
