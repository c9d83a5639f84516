package api_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
)

// TestPage holds the page at / to what it promises: no outside host, no script needed, and small enough to read.
func TestPage(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, testkit.Options{Provider: testkit.NewProvider(t)})
	for _, path := range []string{"/", "/redoc"} {
		status, body := exchange(t, s, http.MethodGet, path, nil, "")
		page := string(body)
		if status != http.StatusOK || len(page) > 450_000 {
			t.Fatalf("%s: %d, %d bytes", path, status, len(page))
		}
		for _, link := range regexp.MustCompile(`(?:href|src|action|srcset|content)="([^"]*//[^"]*)"`).FindAllStringSubmatch(page, -1) {
			t.Errorf("%s names another host: %s", path, link[1])
		}
		if inline := regexp.MustCompile(`<script(?: [^>]*)?>[^<]|<style| on[a-z]+="`).FindString(page); inline != "" {
			t.Errorf("%s needs %q, which its policy forbids", path, inline)
		}
		if policy := sendWith(t, s, http.MethodGet, path, nil, "").Header.Get("Content-Security-Policy"); !strings.Contains(policy, "script-src 'self'") {
			t.Errorf("%s: policy %q", path, policy)
		}
		// Without scripts an operation is opened by <details>, and every link inside the page has its place.
		for _, want := range []string{"<details", "/key/generate", "/global/spend/report", "max_budget"} {
			if !strings.Contains(page, want) {
				t.Errorf("%s does not show %s", path, want)
			}
		}
		for _, to := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page, -1) {
			if !strings.Contains(page, `id="`+to[1]+`"`) {
				t.Errorf("%s: #%s leads nowhere", path, to[1])
			}
		}
	}
}
