package testkit_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gatehouse/internal/testkit"
)

func TestServerServesKeysAndModels(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	server := testkit.Start(t, testkit.Options{Provider: provider})
	team := server.NewTeam(t, map[string]any{"team_alias": "testers"})
	user, own := server.NewUser(t, map[string]any{"user_email": "ana@example.org"})
	server.AddMember(t, team, user, "user")
	key := server.GenerateKey(t, map[string]any{"team_id": team, "user_id": user, "key_alias": "builder"})
	if !strings.HasPrefix(key.Secret, "sk-") || len(key.Hash) != 64 || !strings.HasPrefix(own, "sk-") {
		t.Fatalf("made %+v and %q", key, own)
	}
	if got := server.KeyInfo(t, key.Hash)["key_alias"]; got != "builder" {
		t.Errorf("alias %v", got)
	}
	if resp := server.Chat(t, key.Secret, "gpt-4o-mini"); resp.Status != http.StatusOK || !strings.Contains(string(resp.Body), testkit.DefaultText) {
		t.Errorf("chat: %d %s", resp.Status, resp.Body)
	}
	if resp := server.Chat(t, "sk-wrong-0123456789abcdef", "gpt-4o-mini"); resp.Status != http.StatusUnauthorized || resp.JSON()["error"] == nil {
		t.Errorf("chat with an unknown key: %d %s", resp.Status, resp.Body)
	}
	if got := len(provider.Requests()); got != 1 {
		t.Errorf("the provider was called %d times", got)
	}
}

func TestServerKeepsItsDataOverRestarts(t *testing.T) {
	t.Parallel()
	databases := map[string]func(t *testing.T) string{
		"SQLite":     func(*testing.T) string { return "" },
		"PostgreSQL": func(t *testing.T) string { t.Helper(); return testkit.Postgres(t, nil) },
	}
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testkit.Start(t, testkit.Options{
				Provider: testkit.NewProvider(t), Database: database(t),
				Config: testkit.DefaultConfig + "gatehouse: {drain_delay: 1s, drain_timeout: 5s}\n",
			})
			key := server.GenerateKey(t, nil).Secret
			server.Restart(t)
			if resp := server.Chat(t, key, "gpt-4o"); resp.Status != http.StatusOK {
				t.Errorf("after SIGTERM: %d %s", resp.Status, resp.Body)
			}
			server.Kill(t)
			server.Restart(t)
			if resp := server.Chat(t, key, "gpt-4o"); resp.Status != http.StatusOK {
				t.Errorf("after SIGKILL: %d %s", resp.Status, resp.Body)
			}
			if err := server.Process().Signal(syscall.Signal(0)); err != nil {
				t.Errorf("process: %v", err)
			}
			if strings.Contains(server.Log(), testkit.MasterKey) || strings.Contains(server.Log(), key) {
				t.Error("the log shows a secret")
			}
		})
	}
}

func TestServerWithAnotherDataFolder(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	server := testkit.Start(t, testkit.Options{Data: data})
	if server.Data != data {
		t.Errorf("data folder %q", server.Data)
	}
	if entries, err := os.ReadDir(data); err != nil || len(entries) == 0 {
		t.Errorf("data folder holds %v, %v", entries, err)
	}
}
