package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/models"
)

// TestDocumented holds docs/configuration.md to what is read: every setting and every variable stands there.
func TestDocumented(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	l := newLoader("config.yaml", []string{"GOOGLE_CLIENT_ID=a", "MICROSOFT_CLIENT_ID=a", "GENERIC_CLIENT_ID=a"})
	l.run(nil)
	for name := range l.asked {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("variable %s is read and not documented", name)
		}
	}
	for _, provider := range models.Providers() {
		env := envOf(provider)
		names := append(append(append([]string{}, env.keys...), env.bases...), env.needs...)
		for _, v := range env.secrets {
			names = append(names, v)
		}
		for _, v := range env.params {
			names = append(names, v)
		}
		for _, name := range names {
			if !strings.Contains(page, "`"+name+"`") {
				t.Errorf("variable %s of %s is not documented", name, provider)
			}
		}
	}
	for path := range l.read {
		name := path[strings.LastIndex(path, ".")+1:]
		if !strings.Contains(page, name) {
			t.Errorf("setting %s is read and not documented", path)
		}
	}
	if len(l.asked) < 80 || len(l.read) < 100 {
		t.Errorf("only %d variables and %d settings were seen", len(l.asked), len(l.read))
	}
}
