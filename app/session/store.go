// Package session keeps people signed in to the portal: gorilla/sessions over our own table, behind a few methods that
// speak Fiber. The cookie carries 32 random bytes and nothing else; the row is in the database, by their hash, so that
// signing out is real and an admin can end anybody's session.
package session

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/sessions"

	"gatehouse/models"
	"gatehouse/models/fault"
)

// valueBytes is how much randomness a cookie holds.
const valueBytes = 32

// Rows is the table of sessions. Errors: fault.NotFound for a session that has ended, fault.Unavailable when the database
// cannot say: such a session is neither signed in nor out.
type Rows interface {
	Session(ctx context.Context, hash string) (*models.Session, error)
	InsertSession(ctx context.Context, s *models.Session) error
	TouchSession(ctx context.Context, hash string, seen, idleEnds models.Time) error
	DeleteSession(ctx context.Context, hash string) error
	SetFlash(ctx context.Context, hash, flash string) error
	TakeFlash(ctx context.Context, hash string) (string, error)
}

// rowKey is where a gorilla session holds its row.
type rowKey struct{}

// Store is a sessions.Store on Rows. It holds no state of a request, so it is safe for concurrent use.
type Store struct {
	rows    Rows
	now     func() time.Time
	options sessions.Options // template of the cookie; copied, never changed
}

var _ sessions.Store = (*Store)(nil)

// Get gives the request's session, loading it once a request.
func (s *Store) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(s, name)
}

// New gives the session of the request's cookie, or an empty new one when there is none, or none that we issued and
// still know. A value that came from outside is never adopted. Errors: fault.Unavailable; the session is then empty, and
// must not be taken for "signed out".
func (s *Store) New(r *http.Request, name string) (*sessions.Session, error) {
	session := sessions.NewSession(s, name)
	options := s.options
	session.Options, session.IsNew = &options, true
	cookie, err := r.Cookie(name)
	if err != nil {
		return session, nil //nolint:nilerr // no cookie is no error
	}
	hash, ok := hashValue(cookie.Value)
	if !ok {
		return session, nil
	}
	row, err := s.rows.Session(r.Context(), hash)
	if fault.Is(err, fault.NotFound) {
		return session, nil
	}
	if err != nil {
		return session, err
	}
	session.ID, session.IsNew = hash, false
	session.Values[rowKey{}] = row
	return session, nil
}

// Save stores a new session under a new value and sets its cookie, or, with Options.MaxAge below 0, deletes the session
// and its cookie. A known session is not written: its times are touched apart.
func (s *Store) Save(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	if session.Options.MaxAge < 0 {
		if session.ID != "" {
			if err := s.rows.DeleteSession(r.Context(), session.ID); err != nil {
				return err
			}
		}
		http.SetCookie(w, sessions.NewCookie(session.Name(), "", session.Options))
		return nil
	}
	row := rowOf(session)
	if !session.IsNew || row == nil {
		return nil
	}
	value, hash, err := newValue()
	if err != nil {
		return err
	}
	row.Hash = hash
	if err := s.rows.InsertSession(r.Context(), row); err != nil {
		return err
	}
	session.ID, session.IsNew = hash, false
	session.Options.MaxAge = int(row.ExpiresAt.Sub(s.now()) / time.Second)
	http.SetCookie(w, sessions.NewCookie(session.Name(), value, session.Options))
	return nil
}

func rowOf(session *sessions.Session) *models.Session {
	row, _ := session.Values[rowKey{}].(*models.Session)
	return row
}

func newValue() (value, hash string, err error) {
	b := make([]byte, valueBytes)
	if _, err := rand.Read(b); err != nil {
		return "", "", fmt.Errorf("read randomness: %w", err)
	}
	value = base64.RawURLEncoding.EncodeToString(b)
	hash, _ = hashValue(value)
	return value, hash, nil
}

// hashValue is the row's key for a cookie's value; ok is false for texts that cannot be one of ours.
func hashValue(value string) (hash string, ok bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(value)
	if err != nil || len(b) != valueBytes {
		return "", false
	}
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:]), true
}
