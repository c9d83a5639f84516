package session

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/gorilla/sessions"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/models"
	"gatehouse/models/fault"
)

// Options are the rules of sessions.
type Options struct {
	Rows     Rows
	Identity interface {
		// Session is the actor of a session's row, with the role they have now.
		Session(ctx context.Context, s *models.Session) (access.Actor, error)
	}
	Secure    bool          // https by PROXY_BASE_URL: the __Host- cookie
	Length    time.Duration // absolute end after sign-in
	Idle      time.Duration // end without a request
	IdleAdmin time.Duration // the same for admin roles
	Now       func() time.Time
}

const (
	touchEvery   = time.Minute // last seen is written at most this often
	queryTimeout = 2 * time.Second
	agentLimit   = 200
)

// Sessions tells who is signed in. Safe for concurrent use.
type Sessions struct {
	opt   Options
	store *rowStore
	name  string
}

// New makes the sessions of one portal.
func New(opt Options) *Sessions {
	name := "gh_session"
	if opt.Secure {
		name = "__Host-gh_session"
	}
	return &Sessions{opt: opt, name: name, store: &rowStore{
		rows: opt.Rows, now: opt.Now, timeout: queryTimeout,
		cookie: sessions.Options{Path: "/", MaxAge: int(opt.Length.Seconds()), HttpOnly: true, Secure: opt.Secure, SameSite: http.SameSiteLaxMode},
	}}
}

// Start signs a person in: always under a new value, and whatever session the browser had before ends.
func (s *Sessions) Start(c *fiber.Ctx, who *control.SignedIn, ip string) error {
	r, old, err := s.get(c)
	if err != nil {
		return err
	}
	if !old.IsNew {
		if err := s.opt.Rows.DeleteSession(c.UserContext(), old.ID); err != nil && !fault.Is(err, fault.NotFound) {
			return unavailable(err)
		}
	}
	now := s.opt.Now()
	fresh := sessions.NewSession(s.store, s.name)
	options := s.store.cookie
	fresh.Options = &options
	agent := c.Get(fiber.HeaderUserAgent)
	if len(agent) > agentLimit {
		agent = agent[:agentLimit]
	}
	fresh.Values[rowKey] = &models.Session{
		UserID: who.UserID, Role: who.Role, Method: who.Method, IP: ip, Agent: strings.ToValidUTF8(agent, ""), CreatedAt: models.At(now),
		LastSeenAt: models.At(now), IdleEnds: models.At(now.Add(s.idle(who.Role))), ExpiresAt: models.At(now.Add(s.opt.Length)),
	}
	return s.save(c, r, fresh)
}

// Actor is who is signed in here, and their session's row; a nil row means nobody. Errors: fault.Unavailable.
func (s *Sessions) Actor(c *fiber.Ctx) (access.Actor, *models.Session, error) {
	_, session, err := s.get(c)
	if err != nil || session.IsNew {
		return access.Actor{}, nil, err
	}
	row, _ := session.Values[rowKey].(*models.Session)
	actor, err := s.opt.Identity.Session(c.UserContext(), row)
	if fault.Is(err, fault.Unauthenticated) {
		return access.Actor{}, nil, nil // gone or blocked since: signed out
	}
	if err != nil {
		return access.Actor{}, nil, err
	}
	actor.SessionID = row.Hash
	now := s.opt.Now()
	if now.Sub(row.LastSeenAt.Time) >= touchEvery {
		row.LastSeenAt, row.IdleEnds = models.At(now), models.At(now.Add(s.idle(actor.Role)))
		if err := s.opt.Rows.TouchSession(c.UserContext(), row.Hash, row.LastSeenAt, row.IdleEnds); err != nil {
			return access.Actor{}, nil, unavailable(err)
		}
	}
	return actor, row, nil
}

// End signs out: the row is deleted, the cookie cleared.
func (s *Sessions) End(c *fiber.Ctx) error {
	r, session, err := s.get(c)
	if err != nil {
		return err
	}
	session.Options.MaxAge = -1
	c.Set("Clear-Site-Data", `"cookies"`)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return s.save(c, r, session)
}

// Flash leaves a message for the next page of this session.
func (s *Sessions) Flash(c *fiber.Ctx, actor access.Actor, text string) error {
	if actor.SessionID == "" {
		return nil
	}
	return s.opt.Rows.SetFlash(c.UserContext(), actor.SessionID, text)
}

// TakeFlash is the message that the page before left, once.
func (s *Sessions) TakeFlash(c *fiber.Ctx, row *models.Session) (string, error) {
	if row == nil || row.Flash == "" {
		return "", nil
	}
	return s.opt.Rows.TakeFlash(c.UserContext(), row.Hash)
}

func (s *Sessions) idle(role models.Role) time.Duration {
	if role.IsAdmin() {
		return s.opt.IdleAdmin
	}
	return s.opt.Idle
}

func (s *Sessions) get(c *fiber.Ctx) (*http.Request, *sessions.Session, error) {
	r, err := adaptor.ConvertRequest(c, false)
	if err != nil {
		return nil, nil, fault.New(fault.Invalid, "the request could not be read").WithCause(err)
	}
	r = r.WithContext(c.UserContext())
	session, err := s.store.Get(r, s.name)
	return r, session, err
}

// save runs the net/http side of gorilla/sessions and copies its cookie to Fiber's answer.
func (s *Sessions) save(c *fiber.Ctx, r *http.Request, session *sessions.Session) error {
	w := headers{}
	if err := s.store.Save(r, w, session); err != nil {
		return fmt.Errorf("save session: %w", err)
	}
	for _, cookie := range w.Header().Values(fiber.HeaderSetCookie) {
		c.Response().Header.Add(fiber.HeaderSetCookie, cookie)
	}
	return nil
}

// headers is the part of http.ResponseWriter that setting a cookie needs.
type headers http.Header

func (h headers) Header() http.Header       { return http.Header(h) }
func (headers) Write(b []byte) (int, error) { return len(b), nil }
func (headers) WriteHeader(int)             {}
