package api_test

import (
	"strings"
	"testing"
	"time"

	"gatehouse/internal/testkit"
)

// TestAdminAPIPage sends every request of docs/admin-api.md and holds its answers to what the page says.
func TestAdminAPIPage(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	// The page asks the same thing again and again, and each time it is to be paid for.
	config := strings.Replace(documentConfig, "cache: true", "cache: false", 1)
	both(t, testkit.Options{Config: config + "gatehouse: {egress_allow: [127.0.0.1]}\n", Provider: provider}, func(t *testing.T, s *testkit.Server) {
		play(t, s, "../../docs/admin-api.md", map[string]string{"provider": provider.URL, "today": time.Now().UTC().Format(time.DateOnly)})
	})
}

// TestClients sends what well-known clients send, with what they read back (testdata/clients.md).
func TestClients(t *testing.T) {
	t.Parallel()
	both(t, testkit.Options{Config: documentConfig, Provider: testkit.NewProvider(t)}, func(t *testing.T, s *testkit.Server) {
		play(t, s, "testdata/clients.md", map[string]string{"master": s.MasterKey})
	})
}
