package session_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/control"
	"gatehouse/app/session"
	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

type env struct {
	t     *testing.T
	app   *fiber.App
	store *store.Store
	rows  *rows
	clock *testkit.Clock
}

// rows is the real table, which a test can take away.
type rows struct {
	*store.Store
	gone    bool
	touched int
}

func (r *rows) Session(ctx context.Context, hash string) (*models.Session, error) {
	if r.gone {
		return nil, fault.New(fault.Unavailable, "the database cannot be reached")
	}
	return r.Store.Session(ctx, hash)
}

func (r *rows) TouchSession(ctx context.Context, hash string, seen, idle models.Time) error {
	r.touched++
	return r.Store.TouchSession(ctx, hash, seen, idle)
}

func open(t *testing.T, secure bool) *env {
	t.Helper()
	t.Parallel()
	e := &env{t: t, clock: testkit.NewClock()}
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "s.db"), store.Options{Now: e.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	e.store, e.rows = s, &rows{Store: s}
	services := control.New(control.Deps{
		Store: s, Policy: func() *control.Policy { return &control.Policy{} }, Now: e.clock.Now, Log: slog.New(slog.DiscardHandler),
	})
	for id, role := range map[string]models.Role{"ana": models.RoleInternalUser, "pa": models.RoleAdmin} {
		if err := s.InsertUser(t.Context(), &models.User{ID: id, Role: role}); err != nil {
			t.Fatal(err)
		}
	}
	m := session.New(session.Options{
		Rows: e.rows, Identity: services.Identity, Audit: services.Audit, Secure: secure, Now: e.clock.Now,
		Lengths: func() session.Lengths {
			return session.Lengths{Absolute: 24 * time.Hour, Idle: 8 * time.Hour, IdleAdmin: time.Hour}
		},
		ClientIP:  func(*fiber.Ctx) string { return "192.0.2.7" },
		RequestID: func(*fiber.Ctx) string { return "req" },
	})
	e.app = fiber.New(fiber.Config{Immutable: true, DisableStartupMessage: true, ErrorHandler: func(c *fiber.Ctx, err error) error {
		switch f := fault.As(err); {
		case f == nil:
			return c.Status(500).SendString(err.Error())
		case f.Kind == fault.Unauthenticated:
			return c.SendStatus(401)
		case f.Kind == fault.Unavailable:
			return c.SendStatus(503)
		}
		return c.SendStatus(400)
	}})
	e.app.Post("/in/:user", func(c *fiber.Ctx) error {
		role := models.RoleInternalUser
		if c.Params("user") == "pa" || c.Params("user") == models.DefaultUserID {
			role = models.RoleAdmin
		}
		if err := m.Start(c, c.Params("user"), role, "password"); err != nil {
			return err
		}
		return m.Flash(c, "welcome")
	})
	e.app.Get("/me", func(c *fiber.Ctx) error {
		who, err := m.Actor(c)
		if err != nil {
			return err
		}
		flash, err := m.TakeFlash(c)
		if err != nil {
			return err
		}
		return c.SendString(strings.Join([]string{who.UserID, string(who.Role), who.IP, flash}, "|"))
	})
	e.app.Post("/out", m.End)
	return e
}

func (e *env) do(method, path string, cookies ...*http.Cookie) *http.Response {
	e.t.Helper()
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("User-Agent", "test "+strings.Repeat("x", 400))
	for _, c := range cookies {
		r.AddCookie(c)
	}
	res, err := e.app.Test(r, -1)
	if err != nil {
		e.t.Fatal(err)
	}
	return res
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (e *env) signIn(user string, cookies ...*http.Cookie) *http.Cookie {
	e.t.Helper()
	res := e.do("POST", "/in/"+user, cookies...)
	if res.StatusCode != 200 || len(res.Cookies()) != 1 {
		e.t.Fatalf("sign-in: %d, cookies %v", res.StatusCode, res.Header["Set-Cookie"])
	}
	return res.Cookies()[0]
}

func (e *env) status(want int, cookies ...*http.Cookie) {
	e.t.Helper()
	if res := e.do("GET", "/me", cookies...); res.StatusCode != want {
		e.t.Fatalf("status %d, wanted %d", res.StatusCode, want)
	}
}

func TestNobody(t *testing.T) {
	e := open(t, false)
	e.status(401)
	for name, value := range map[string]string{
		"empty": "", "short": "abc", "made up": strings.Repeat("A", 43), "not base64": strings.Repeat("!", 43), "too long": strings.Repeat("A", 500),
	} {
		res := e.do("GET", "/me", &http.Cookie{Name: "gh_session", Value: value})
		if res.StatusCode != 401 || len(res.Cookies()) != 0 {
			t.Errorf("%s: status %d, cookies %v", name, res.StatusCode, res.Cookies())
		}
	}
}

func TestCookie(t *testing.T) {
	e := open(t, true)
	c := e.signIn("ana")
	if c.Name != "__Host-gh_session" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 86400 {
		t.Errorf("cookie %+v", c)
	}
	if len(c.Value) != 43 {
		t.Errorf("value of %d characters", len(c.Value))
	}
	list, err := e.store.SessionsOfUser(t.Context(), "ana")
	if err != nil || len(list) != 1 {
		t.Fatalf("rows %v, %v", list, err)
	}
	if row := list[0]; strings.Contains(row.Hash, c.Value) || len(row.Hash) != 64 || row.IP != "192.0.2.7" || len(row.Agent) != 300 {
		t.Errorf("row %+v", row)
	}
	if got := body(t, e.do("GET", "/me", c)); got != "ana|internal_user|192.0.2.7|welcome" {
		t.Errorf("first page: %s", got)
	}
	if got := body(t, e.do("GET", "/me", c)); got != "ana|internal_user|192.0.2.7|" {
		t.Errorf("a message is shown once; second page: %s", got)
	}
}

// TestFixation: a sign-in adopts no value that the browser had, and ends the session that it had.
func TestFixation(t *testing.T) {
	e := open(t, false)
	planted := &http.Cookie{Name: "gh_session", Value: strings.Repeat("B", 42) + "A"}
	first := e.signIn("ana", planted)
	if first.Value == planted.Value {
		t.Fatal("the planted value is in use")
	}
	e.status(401, planted)
	second := e.signIn("pa", first)
	e.status(401, first)
	if got := body(t, e.do("GET", "/me", second)); !strings.HasPrefix(got, "pa|proxy_admin|") {
		t.Fatalf("got %s", got)
	}
}

func TestEnd(t *testing.T) {
	e := open(t, false)
	c, other := e.signIn("ana"), e.signIn("ana")
	res := e.do("POST", "/out", c)
	if res.StatusCode != 200 || res.Header.Get("Clear-Site-Data") != `"cookies"` || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	if gone := res.Cookies(); len(gone) != 1 || gone[0].MaxAge >= 0 {
		t.Errorf("cookies %v", gone)
	}
	e.status(401, c)
	e.status(200, other)
	rows, _, err := e.store.ListAudit(t.Context(), store.AuditFilter{Size: 1})
	if err != nil || rows[0].Action != "session.sign_out" || rows[0].ActorID != "ana" {
		t.Errorf("audit %+v, %v", rows, err)
	}
	if res := e.do("POST", "/out"); res.StatusCode != 200 {
		t.Errorf("signing out twice: %d", res.StatusCode)
	}
}

func TestIdleAndAbsoluteEnds(t *testing.T) {
	e := open(t, false)
	user, pa := e.signIn("ana"), e.signIn("pa")
	e.clock.Advance(59 * time.Minute)
	e.status(200, user)
	e.status(200, pa)
	e.clock.Advance(61 * time.Minute)
	e.status(401, pa)
	e.status(200, user)
	for range 3 {
		e.clock.Advance(7 * time.Hour)
		e.status(200, user)
	}
	e.clock.Advance(2 * time.Hour) // 25 hours: used all the time, and over all the same
	e.status(401, user)
}

func TestLastUseIsWrittenOnceAMinute(t *testing.T) {
	e := open(t, false)
	c := e.signIn("ana")
	for range 5 {
		e.status(200, c)
	}
	if e.rows.touched != 0 {
		t.Fatalf("%d writes within a minute", e.rows.touched)
	}
	e.clock.Advance(time.Minute)
	e.status(200, c)
	e.status(200, c)
	if e.rows.touched != 1 {
		t.Fatalf("%d writes, wanted 1", e.rows.touched)
	}
}

// TestDatabaseAway: a session that cannot be proved is neither signed in nor out, and the cookie stays.
func TestDatabaseAway(t *testing.T) {
	e := open(t, false)
	c := e.signIn("ana")
	e.rows.gone = true
	res := e.do("GET", "/me", c)
	if res.StatusCode != 503 || len(res.Cookies()) != 0 {
		t.Fatalf("status %d, cookies %v", res.StatusCode, res.Cookies())
	}
	if res := e.do("POST", "/out", c); res.StatusCode != 503 || len(res.Cookies()) != 0 {
		t.Fatalf("signing out: %d, cookies %v", res.StatusCode, res.Cookies())
	}
	e.rows.gone = false
	e.status(200, c)
}

// TestRoleOfThisMoment: the cookie says nothing about rights.
func TestRoleOfThisMoment(t *testing.T) {
	e := open(t, false)
	c := e.signIn("ana")
	if err := e.store.SetUser(t.Context(), "ana", map[string]any{"role": models.RoleInternalViewer}); err != nil {
		t.Fatal(err)
	}
	if got := body(t, e.do("GET", "/me", c)); !strings.HasPrefix(got, "ana|internal_user_viewer|") {
		t.Fatalf("got %s", got)
	}
	if err := e.store.SetUser(t.Context(), "ana", map[string]any{"blocked": true}); err != nil {
		t.Fatal(err)
	}
	e.status(401, c)
}

func TestOperator(t *testing.T) {
	e := open(t, false)
	c := e.signIn(models.DefaultUserID)
	if got := body(t, e.do("GET", "/me", c)); !strings.HasPrefix(got, "default_user_id|proxy_admin|") {
		t.Fatalf("got %s", got)
	}
}

var (
	_ session.Identity = (*control.Identity)(nil)
	_ session.Auditor  = (*control.Audit)(nil)
)
