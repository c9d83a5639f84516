package sso

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// attempt is one sign-in on its way, kept in a sealed cookie of the browser that began it.
type attempt struct {
	State    string `json:"s"`
	Provider string `json:"p"`
	Next     string `json:"n,omitempty"`
	Debug    bool   `json:"d,omitempty"`
	Session  string `json:"x"` // the provider's own part: nonce, verifier, redirect address
	Ends     int64  `json:"e"` // Unix seconds
}

// place binds the sealed value to its one use.
const place = "cookie/sso/attempt"

func (s *Service) closeAttempt(a attempt) (string, error) {
	plain, err := json.Marshal(a)
	if err != nil {
		return "", fmt.Errorf("write the sign-in's state: %w", err)
	}
	sealed, err := s.opt.Sealer.Seal(place, plain)
	if err != nil {
		return "", fmt.Errorf("seal the sign-in's state: %w", err)
	}
	return sealed, nil
}

func (s *Service) openAttempt(cookie string) (*attempt, error) {
	if cookie == "" {
		return nil, refused("This browser has not started a sign-in, or its cookies are off. Start again.")
	}
	plain, err := s.opt.Sealer.Open(place, cookie)
	if err != nil {
		return nil, refused("This sign-in cannot be read. Start again.")
	}
	var a attempt
	if err := json.Unmarshal(plain, &a); err != nil || a.State == "" {
		return nil, refused("This sign-in cannot be read. Start again.")
	}
	return &a, nil
}

// randomText is 32 random bytes in base64url: a state, a nonce.
func randomText() (string, error) {
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// sameText compares in a time that does not depend on the values.
func sameText(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
