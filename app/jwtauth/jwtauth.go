// Package jwtauth knows callers by the signed tokens of an identity provider (general_settings.enable_jwt_auth,
// litellm_jwtauth), for calls to models and for the admin API alike. A token is verified once; until it ends, or the
// provider's keys change, it is known by its hash. Who the person and the teams are at this moment is the snapshot's and
// the policy's to say, on every call: a block here holds at once, however long a token lives.
package jwtauth

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"gatehouse/app/config"
	"gatehouse/app/control"
	"gatehouse/models/fault"
	"gatehouse/proxy"
	"gatehouse/proxy/keyring"
)

// People finds or makes the row of somebody that a token names. Errors: NotFound where there is none and none may be made.
type People interface {
	FromToken(ctx context.Context, p control.TokenProfile) (userID string, err error)
}

// Options are what a Service is made of; all are needed.
type Options struct {
	Client *http.Client // reaches the provider; follows no redirects
	People People
	Now    func() time.Time
	Log    *slog.Logger
}

// Service judges signed tokens. It is safe for concurrent use. Until Configure is called, and while the configuration
// does not switch tokens on, it knows none.
type Service struct {
	state atomic.Pointer[state]
}

// state is the service under one configuration.
type state struct {
	opt   Options
	cfg   config.JWTAuth
	sets  []*keySet
	seen  *seen
	names *names
}

// New makes a service that knows no token yet.
func New() *Service { return &Service{} }

// Configure replaces the configuration and forgets what was verified under the old one.
func (s *Service) Configure(cfg config.JWTAuth, opt Options) {
	if !cfg.Enabled || len(cfg.KeyURLs) == 0 {
		s.state.Store(nil)
		return
	}
	st := &state{opt: opt, cfg: cfg, seen: newSeen(), names: newNames()}
	for _, address := range cfg.KeyURLs {
		st.sets = append(st.sets, &keySet{address: address, client: opt.Client, ttl: cfg.KeyTTL, now: opt.Now, log: opt.Log, changed: st.seen.forget})
	}
	s.state.Store(st)
}

// Signed says whether a bearer is a token rather than a key.
func (s *Service) Signed(secret []byte) bool { return s.state.Load() != nil && looksSigned(secret) }

// Bearer is Caller in the data plane's form.
func (s *Service) Bearer(ctx context.Context, snap *keyring.Snapshot, token []byte) (*proxy.Bearer, error) {
	c, err := s.Caller(ctx, snap, token)
	if err != nil {
		return nil, err
	}
	return &c.bearer, nil
}

// Caller judges a token. One that was seen before costs a hash and a look-up. Errors: Unauthenticated, Forbidden for a
// token that is good but opens nothing here, Unavailable.
func (s *Service) Caller(ctx context.Context, snap *keyring.Snapshot, token []byte) (*Caller, error) {
	st := s.state.Load()
	if st == nil {
		return nil, unproved("signed tokens are not accepted")
	}
	sum := sha256.Sum256(token)
	if c := st.seen.get(&sum); c != nil && st.holds(c, snap) {
		return c, nil
	}
	generation := st.seen.generation()
	p, err := st.verify(ctx, string(token))
	if err != nil {
		return nil, err
	}
	c, err := st.read(ctx, snap, p)
	if err != nil {
		return nil, err
	}
	st.seen.put(&sum, c, generation)
	return c, nil
}

// holds says whether what a token was read as still is what it would be read as.
func (s *state) holds(c *Caller, snap *keyring.Snapshot) bool {
	now := s.opt.Now()
	if !now.Before(c.ends) || now.Sub(c.proved) > s.cfg.KeyTTL {
		return false // at its end, or its key may have been withdrawn since
	}
	if c.person && snap.User(c.UserID) == nil {
		return false // deleted since
	}
	return !c.teamsMissing || c.seq == snap.Seq()
}

// person finds who the token's user id or email is here. People whose row is in the snapshot cost nothing; others are
// asked for in the database, and made where the operator allows that.
func (s *state) person(ctx context.Context, snap *keyring.Snapshot, in control.TokenProfile) (string, error) {
	sync := in.Sync != nil
	if in.UserID != "" && !sync {
		if snap.User(in.UserID) != nil {
			return in.UserID, nil
		}
		if id := s.names.get(in.Issuer, in.UserID); id != "" && snap.User(id) != nil {
			return id, nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	id, err := s.opt.People.FromToken(ctx, in)
	if fault.Is(err, fault.NotFound) {
		name := in.UserID
		if name == "" {
			name = in.Email
		}
		return "", unproved("User doesn't exist in db. 'user_id'=%s. Create user via `/user/new` call.", name)
	}
	if err != nil {
		return "", err
	}
	if in.UserID != "" && id != in.UserID {
		s.names.put(in.Issuer, in.UserID, id)
	}
	return id, nil
}

var _ proxy.Tokens = (*Service)(nil)
