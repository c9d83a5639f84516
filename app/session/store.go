// Package session is who is signed in: gorilla/sessions over our own table, behind four methods for the portal. The cookie
// carries 32 random bytes and nothing else; the database keeps their SHA-256, so signing out, or an admin ending a session,
// is real on every replica (reliability.md §3).
package session

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"github.com/gorilla/sessions"

	"gatehouse/models"
	"gatehouse/models/fault"
)

// Rows is the table of sessions. A session that is not there is fault.NotFound.
type Rows interface {
	InsertSession(ctx context.Context, s *models.Session) error
	Session(ctx context.Context, hash string) (*models.Session, error)
	TouchSession(ctx context.Context, hash string, seen, idleEnds models.Time) error
	DeleteSession(ctx context.Context, hash string) error
	SetFlash(ctx context.Context, hash, flash string) error
	TakeFlash(ctx context.Context, hash string) (string, error)
}

const (
	valueBytes = 32
	rowKey     = "row" // sessions.Session.Values: the *models.Session
)

// rowStore is a sessions.Store whose sessions are rows. A value that it did not issue is never adopted.
type rowStore struct {
	rows    Rows
	cookie  sessions.Options
	now     func() time.Time
	timeout time.Duration
}

// Get is the session of this request, read once.
func (s *rowStore) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(s, name)
}

// New reads the session that the cookie names, or makes an empty one that is not stored yet. Errors: fault.Unavailable when
// the database cannot tell, which is neither "signed in" nor "signed out".
func (s *rowStore) New(r *http.Request, name string) (*sessions.Session, error) {
	session := sessions.NewSession(s, name)
	options := s.cookie
	session.Options = &options
	session.IsNew = true
	hash := hashOf(r, name)
	if hash == "" {
		return session, nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.timeout)
	defer cancel()
	row, err := s.rows.Session(ctx, hash)
	if fault.Is(err, fault.NotFound) {
		return session, nil
	}
	if err != nil {
		return session, unavailable(err)
	}
	now := s.now()
	if !row.ExpiresAt.After(now) || !row.IdleEnds.After(now) {
		return session, nil
	}
	session.ID, session.IsNew = hash, false
	session.Values[rowKey] = row
	return session, nil
}

// Save stores a new session under a fresh value and sets the cookie; with Options.MaxAge below 0 it deletes the row and the
// cookie instead.
func (s *rowStore) Save(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	if session.Options.MaxAge < 0 {
		if session.ID != "" {
			if err := s.rows.DeleteSession(r.Context(), session.ID); err != nil && !fault.Is(err, fault.NotFound) {
				return unavailable(err)
			}
		}
		http.SetCookie(w, sessions.NewCookie(session.Name(), "", session.Options))
		return nil
	}
	row, ok := session.Values[rowKey].(*models.Session)
	if !ok {
		return errors.New("a session without a row cannot be saved")
	}
	var raw [valueBytes]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return err
	}
	value := base64.RawURLEncoding.EncodeToString(raw[:])
	row.Hash = sum(value)
	if err := s.rows.InsertSession(r.Context(), row); err != nil {
		return unavailable(err)
	}
	session.ID, session.IsNew = row.Hash, false
	http.SetCookie(w, sessions.NewCookie(session.Name(), value, session.Options))
	return nil
}

// hashOf is the hash of the request's cookie, "" when there is none of the right form.
func hashOf(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	raw, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || len(raw) != valueBytes {
		return ""
	}
	return sum(c.Value)
}

func sum(value string) string {
	h := sha256.Sum256([]byte(value))
	return hex.EncodeToString(h[:])
}

func unavailable(err error) error {
	return fault.New(fault.Unavailable, "sessions cannot be read right now; try again in a moment").WithCause(err)
}
