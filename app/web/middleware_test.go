package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/models/fault"
)

func testApp(t *testing.T, base string) *fiber.App {
	t.Helper()
	clock := func() time.Time { return time.Unix(1_700_000_000, 0) }
	app := New(Options{Log: slog.New(slog.DiscardHandler), Now: clock, BaseURL: base})
	app.Post("/write", func(c *fiber.Ctx) error { return c.SendString("done") })
	app.Get("/panic", func(*fiber.Ctx) error { panic("sk-secret-in-a-panic") })
	app.Get("/broken", func(*fiber.Ctx) error { return errors.New("dial tcp: password=hunter2") })
	app.Get("/gone", func(c *fiber.Ctx) error {
		WithDetail(c)
		return fault.New(fault.NotFound, "no such thing").WithParam("thing_id")
	})
	return app
}

func do(t *testing.T, app *fiber.App, r *http.Request) (*http.Response, string) {
	t.Helper()
	res, err := app.Test(r, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// The matrix of reliability.md §4: which writes another site's page can cause.
func TestCrossSiteWrites(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		site, origin, host string
		want               int
	}{
		"a form on another site":          {"cross-site", "https://evil.example", "gw.example", 403},
		"a sibling site":                  {"same-site", "https://app.example", "gw.example", 403},
		"an old browser, other origin":    {"", "https://evil.example", "gw.example", 403},
		"an opaque origin":                {"", "null", "gw.example", 403},
		"own page":                        {"same-origin", "https://gw.example", "gw.example", 200},
		"typed in":                        {"none", "", "gw.example", 200},
		"an old browser, own origin":      {"", "https://gw.example", "gw.example", 200},
		"a script without browser":        {"", "", "gw.example", 200},
		"the public address behind a hop": {"cross-site", "https://public.example", "inner:4000", 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, content := range []string{"application/json", "application/x-www-form-urlencoded", "text/plain"} {
				r := httptest.NewRequest(http.MethodPost, "http://"+c.host+"/write", strings.NewReader("{}"))
				r.Header.Set("Content-Type", content)
				if c.site != "" {
					r.Header.Set("Sec-Fetch-Site", c.site)
				}
				if c.origin != "" {
					r.Header.Set("Origin", c.origin)
				}
				res, _ := do(t, testApp(t, "https://public.example"), r)
				if res.StatusCode != c.want {
					t.Errorf("%s: got %d, want %d", content, res.StatusCode, c.want)
				}
			}
		})
	}
}

func TestErrorsTellNothingInternal(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/panic", "/broken"} {
		res, body := do(t, testApp(t, ""), httptest.NewRequest(http.MethodGet, path, nil))
		if res.StatusCode != http.StatusInternalServerError {
			t.Errorf("%s: got %d", path, res.StatusCode)
		}
		for _, leak := range []string{"sk-secret", "hunter2", "goroutine", ".go:"} {
			if strings.Contains(body, leak) {
				t.Errorf("%s leaks %q: %s", path, leak, body)
			}
		}
		if id := res.Header.Get("x-request-id"); id == "" || !strings.Contains(body, id) {
			t.Errorf("%s does not name its request id: %s", path, body)
		}
	}
}

func TestErrorBody(t *testing.T) {
	t.Parallel()
	res, body := do(t, testApp(t, ""), httptest.NewRequest(http.MethodGet, "/gone", nil))
	var got struct {
		Error  map[string]string `json:"error"`
		Detail map[string]string `json:"detail"`
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 404 || got.Error["code"] != "404" || got.Error["param"] != "thing_id" || got.Error["type"] != "not_found_error" ||
		got.Detail["error"] != "no such thing" {
		t.Fatalf("got %d %s", res.StatusCode, body)
	}
}

func TestPathsAreExact(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/WRITE", "/write/", "//write", "/write%2f"} {
		r := httptest.NewRequest(http.MethodPost, path, nil)
		if res, _ := do(t, testApp(t, ""), r); res.StatusCode == 200 {
			t.Errorf("%s reaches the route", path)
		}
	}
}

func TestGuardedContext(t *testing.T) {
	t.Parallel()
	o := Options{Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Unix(1_700_000_000, 0) }}
	hung, ended := context.WithCancel(context.Background())
	finished := 0
	o.Guard = func(parent context.Context) (context.Context, func()) {
		return hung, func() { finished++ }
	}
	app := New(o)
	app.Get("/waits", func(c *fiber.Ctx) error {
		ended() // the database is found to be away while the handler waits for it
		<-c.UserContext().Done()
		return c.UserContext().Err()
	})
	app.Get("/streams", func(c *fiber.Ctx) error {
		c.Context().SetBodyStream(strings.NewReader("rows"), -1)
		return nil
	})
	resp, err := app.Test(httptest.NewRequest(http.MethodGet, "/waits", nil), -1)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || finished != 1 {
		t.Errorf("status %d, retry after %q, ended %d times", resp.StatusCode, resp.Header.Get("Retry-After"), finished)
	}
	resp, err = app.Test(httptest.NewRequest(http.MethodGet, "/streams", nil), -1)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if finished != 1 {
		t.Error("the context of an answer that is still being written was ended")
	}
}
