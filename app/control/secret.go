package control

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"gatehouse/models"
	"gatehouse/models/fault"
)

// What a secret that the caller chose must have after "sk-": a short or uniform one could be guessed from its fast hash.
const (
	minChosenLength  = 16
	minChosenVariety = 8
)

// HashSecret is how a key's secret is stored: lowercase hex SHA-256 of the whole string. A fast hash is right only
// because a secret has at least 112 random bits.
func HashSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// makeSecret gives a new secret of n random bytes (at least 16).
func makeSecret(n int) (string, error) {
	if n < 16 {
		n = 32
	}
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	return "sk-" + base64.RawURLEncoding.EncodeToString(b), nil
}

// chosenSecret checks a secret that the caller brought.
func chosenSecret(secret string) error {
	rest, ok := strings.CutPrefix(secret, "sk-")
	if !ok {
		return fault.BadField("key", "Invalid key format. LiteLLM Virtual Key must start with 'sk-'. Received: %s", MaskSecret(secret))
	}
	if strings.ContainsFunc(rest, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fault.BadField("key", "Invalid key format. A key holds printable ASCII characters and no spaces.")
	}
	if len(rest) < minChosenLength {
		return fault.BadField("key", "Invalid key format. A key needs at least %d characters after 'sk-'.", minChosenLength)
	}
	seen := map[rune]struct{}{}
	for _, r := range rest {
		seen[r] = struct{}{}
	}
	if len(seen) < minChosenVariety {
		return fault.BadField("key", "Invalid key format. A key needs at least %d different characters after 'sk-'.", minChosenVariety)
	}
	return nil
}

// MaskSecret shows the first and last four characters of a long secret, and nothing of a short one.
func MaskSecret(secret string) string {
	if len(secret) < 12 {
		return "****"
	}
	return secret[:4] + "****" + secret[len(secret)-4:]
}

// keyName is what lists show of a secret.
func keyName(secret string, store bool) string {
	if !store {
		return ""
	}
	return "sk-..." + secret[len(secret)-4:]
}

// keyRef is how a request names a key: by hash or by id.
type keyRef struct{ hash, id string }

// parseRef reads a raw secret, a hash, or ByID.
func parseRef(ref string) (keyRef, error) {
	id, internal := strings.CutPrefix(ref, byID)
	switch {
	case strings.HasPrefix(ref, "sk-"):
		return keyRef{hash: HashSecret(ref)}, nil
	case internal:
		return keyRef{id: id}, nil
	case isHash(ref):
		return keyRef{hash: strings.ToLower(ref)}, nil
	}
	return keyRef{}, fault.BadField("key", "Invalid key format.")
}

func isHash(s string) bool {
	if len(s) != hex.EncodedLen(sha256.Size) {
		return false
	}
	_, err := hex.DecodeString(s)
	return err == nil
}

// HashRef turns a secret or a hash in a query into the hash; "" stays "".
func HashRef(ref string) (string, error) {
	if ref == "" {
		return "", nil
	}
	r, err := parseRef(ref)
	if err != nil {
		return "", err
	}
	return r.hash, nil
}

// deref is the text behind a nullable column.
func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// nullable is a column's value: nil for the empty text.
func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// nullTime is a time that a column keeps as nil when it is not set.
func nullTime(t models.Time) *models.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
