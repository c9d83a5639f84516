package hooks

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDocumentedExamples compiles the Starlark of docs/hooks.md and asks it what the page says it does.
func TestDocumentedExamples(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "hooks.md"))
	if err != nil {
		t.Fatal(err)
	}
	var source string
	for _, block := range strings.Split(string(page), "```python\n")[1:] {
		if code, _, _ := strings.Cut(block, "```"); strings.HasPrefix(code, "def ") {
			source += code + "\n"
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "rules.star"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	h := newHooks(t, Settings{Dir: dir, Auth: "rules.user_api_key_auth", KeyGenerate: "rules.custom_generate_key_fn"})
	if _, err := h.Authenticate(t.Context(), Request{}, "sk-other"); err == nil {
		t.Error("a foreign key passes")
	}
	if _, err := h.Authenticate(t.Context(), Request{}, "sk-my-master-key"); err != nil {
		t.Error(err)
	}
	if err := h.AllowKey(t.Context(), map[string]any{"team_id": "other"}, Caller{}); err == nil {
		t.Error("a foreign team makes a key")
	}
	if err := h.AllowKey(t.Context(), map[string]any{"team_id": "litellm-core-infra@gmail.com"}, Caller{}); err != nil {
		t.Error(err)
	}
}
