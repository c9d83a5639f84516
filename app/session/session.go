package session

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/gorilla/sessions"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
)

// touchEvery bounds how often a session's last use is written.
const touchEvery = time.Minute

// Identity gives the actor of a session with the role and teams of this moment.
type Identity interface {
	Session(ctx context.Context, s *models.Session) (access.Actor, error)
}

// Auditor writes sign-outs to the audit log.
type Auditor interface {
	Note(ctx context.Context, who access.Actor, action, objectType, objectID, outcome string) error
}

// Lengths are how long sessions live; the configuration may change them while the process runs.
type Lengths struct {
	Absolute  time.Duration // LITELLM_UI_SESSION_DURATION
	Idle      time.Duration // gatehouse.session_idle
	IdleAdmin time.Duration // gatehouse.session_idle_admin, for admin roles
}

// idle is how long a session of this role may go unused.
func (l Lengths) idle(role models.Role) time.Duration {
	if role.IsAdmin() {
		return l.IdleAdmin
	}
	return l.Idle
}

// Options are what a Manager is made of; all are needed.
type Options struct {
	Rows      Rows
	Identity  Identity
	Audit     Auditor
	Lengths   func() Lengths
	Secure    bool // PROXY_BASE_URL is https
	Now       func() time.Time
	ClientIP  func(*fiber.Ctx) string
	RequestID func(*fiber.Ctx) string
}

// Manager is what the portal needs of sessions. Safe for concurrent use.
type Manager struct {
	opt   Options
	store *Store
	name  string
}

// New makes a Manager. On https the cookie's name makes browsers hold it to this host, this path and https.
func New(opt Options) *Manager {
	name := "gh_session"
	if opt.Secure {
		name = "__Host-gh_session"
	}
	return &Manager{
		opt: opt, name: name,
		store: &Store{rows: opt.Rows, now: opt.Now, options: sessions.Options{
			Path: "/", HttpOnly: true, Secure: opt.Secure, SameSite: http.SameSiteLaxMode,
		}},
	}
}

// CookieName is the cookie's name.
func (m *Manager) CookieName() string { return m.name }

// exchange is one request as net/http sees it, and the headers of its answer.
type exchange struct {
	r *http.Request
	w answer
}

// answer keeps the headers that gorilla/sessions sets; nothing else is written.
type answer struct{ header http.Header }

// Header is where gorilla/sessions puts cookies.
func (a answer) Header() http.Header { return a.header }

// Write drops a body: there is none.
func (a answer) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader drops a status: the handler has its own.
func (a answer) WriteHeader(int) {}

// moveTo puts the cookies into the real answer. Fiber's Append would join them with a cookie that is there already.
func (a answer) moveTo(c *fiber.Ctx) {
	for _, cookie := range a.header["Set-Cookie"] {
		c.Response().Header.Add(fiber.HeaderSetCookie, cookie)
	}
	a.header.Del("Set-Cookie")
}

const localExchange = "gatehouse.session"

// open converts the request once and gives its session.
func (m *Manager) open(c *fiber.Ctx) (*exchange, *sessions.Session, error) {
	x, ok := c.Locals(localExchange).(*exchange)
	if !ok {
		r, err := adaptor.ConvertRequest(c, true)
		if err != nil {
			return nil, nil, fault.New(fault.Invalid, "the request cannot be read").WithCause(err)
		}
		x = &exchange{r: r.WithContext(c.UserContext()), w: answer{header: http.Header{}}}
		c.Locals(localExchange, x)
	}
	session, err := m.store.Get(x.r, m.name)
	return x, session, err
}

// Start signs somebody in: a new value, a new row, and the session that the browser had before is deleted, so that nobody
// can plant a value beforehand. role is set for sign-ins that have no user row. Errors: fault.Unavailable.
func (m *Manager) Start(c *fiber.Ctx, userID string, role models.Role, method string) error {
	x, old, err := m.open(c)
	if err != nil {
		return err
	}
	if old.ID != "" {
		if err := m.opt.Rows.DeleteSession(c.UserContext(), old.ID); err != nil {
			return err
		}
	}
	now, lengths := m.opt.Now(), m.opt.Lengths()
	ends := now.Add(lengths.Absolute)
	row := &models.Session{
		UserID: userID, Method: method, IP: m.opt.ClientIP(c), Agent: clip(strings.Clone(c.Get(fiber.HeaderUserAgent))),
		CreatedAt: models.At(now), LastSeenAt: models.At(now), IdleEnds: models.At(earlier(now.Add(lengths.idle(role)), ends)), ExpiresAt: models.At(ends),
	}
	if userID == models.DefaultUserID {
		row.Role = role
	}
	fresh := sessions.NewSession(m.store, m.name)
	options := m.store.options
	fresh.Options, fresh.IsNew = &options, true
	fresh.Values[rowKey{}] = row
	if err := m.store.Save(x.r, x.w, fresh); err != nil {
		return err
	}
	// Whatever else this request asks, it asks of the new session.
	old.ID, old.IsNew, old.Values = fresh.ID, false, fresh.Values
	x.w.moveTo(c)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return nil
}

// clip bounds what an agent says of itself.
func clip(agent string) string {
	const most = 300
	if len(agent) > most {
		agent = agent[:most]
	}
	return strings.ToValidUTF8(agent, "")
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Actor is who is signed in, with the role they have now. Errors: fault.Unauthenticated when nobody is, fault.Unavailable
// when the database cannot say; the cookie is left alone then.
func (m *Manager) Actor(c *fiber.Ctx) (access.Actor, error) {
	_, session, err := m.open(c)
	if err != nil {
		return access.Actor{}, err
	}
	row := rowOf(session)
	if row == nil {
		return access.Actor{}, fault.New(fault.Unauthenticated, "Sign in to go on.").WithType("auth_error")
	}
	who, err := m.opt.Identity.Session(c.UserContext(), row)
	if err != nil {
		return access.Actor{}, err
	}
	if err := m.touch(c.UserContext(), row, who.Role); err != nil {
		return access.Actor{}, err
	}
	who.IP, who.RequestID = m.opt.ClientIP(c), m.opt.RequestID(c)
	return who, nil
}

// Still is a person of an open stream with the role that they have now, long after their request came in. Errors:
// fault.Unauthenticated when the session has ended or the person is blocked, fault.Unavailable.
func (m *Manager) Still(ctx context.Context, who access.Actor) (access.Actor, error) {
	row, err := m.opt.Rows.Session(ctx, who.SessionID)
	if fault.Is(err, fault.NotFound) {
		return access.Actor{}, fault.New(fault.Unauthenticated, "the session has ended")
	}
	if err != nil {
		return access.Actor{}, err
	}
	now, err := m.opt.Identity.Session(ctx, row)
	if err != nil {
		return access.Actor{}, err
	}
	now.IP, now.RequestID, now.Route = who.IP, who.RequestID, who.Route
	return now, nil
}

// touch notes the use of a session at most once a minute. A role that rose meanwhile gets the shorter idle time at once.
func (m *Manager) touch(ctx context.Context, row *models.Session, role models.Role) error {
	now := m.opt.Now()
	if now.Sub(row.LastSeenAt.Time) < touchEvery {
		return nil
	}
	idle := models.At(earlier(now.Add(m.opt.Lengths().idle(role)), row.ExpiresAt.Time))
	row.LastSeenAt, row.IdleEnds = models.At(now), idle
	return m.opt.Rows.TouchSession(ctx, row.Hash, row.LastSeenAt, idle)
}

// Ends says when the session of this request ends by itself, the zero time without one: for the warning before it does.
func (m *Manager) Ends(c *fiber.Ctx) time.Time {
	_, session, err := m.open(c)
	if err != nil || rowOf(session) == nil {
		return time.Time{}
	}
	row := rowOf(session)
	return earlier(row.IdleEnds.Time, row.ExpiresAt.Time)
}

// End signs out: the row is deleted, and the browser is told to forget every cookie of ours. Without a session it only
// clears the cookie. Call it on POST alone. Errors: fault.Unavailable.
func (m *Manager) End(c *fiber.Ctx) error {
	x, session, err := m.open(c)
	if err != nil {
		return err
	}
	row := rowOf(session)
	session.Options.MaxAge = -1
	if err := m.store.Save(x.r, x.w, session); err != nil {
		return err
	}
	x.w.moveTo(c)
	delete(session.Values, rowKey{})
	session.ID = ""
	c.Set("Clear-Site-Data", `"cookies"`)
	c.Set(fiber.HeaderCacheControl, "no-store")
	if row == nil {
		return nil
	}
	who := access.Actor{UserID: row.UserID, IP: m.opt.ClientIP(c), RequestID: m.opt.RequestID(c)}
	return m.opt.Audit.Note(c.UserContext(), who, "session.sign_out", "session", row.UserID, "done")
}

// Flash leaves a message for the next page of this session; without a session it is lost.
func (m *Manager) Flash(c *fiber.Ctx, message string) error {
	_, session, err := m.open(c)
	if err != nil || session.ID == "" {
		return err
	}
	return m.opt.Rows.SetFlash(c.UserContext(), session.ID, strings.Clone(message))
}

// TakeFlash gives the message that the page before left, and forgets it; "" when there is none. It asks the database only
// when the session's row says that there may be one.
func (m *Manager) TakeFlash(c *fiber.Ctx) (string, error) {
	_, session, err := m.open(c)
	if err != nil {
		return "", err
	}
	row := rowOf(session)
	if row == nil || row.Flash == "" {
		return "", nil
	}
	row.Flash = ""
	return m.opt.Rows.TakeFlash(c.UserContext(), session.ID)
}
