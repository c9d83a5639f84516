// Package seal keeps secrets unreadable in the database: provider keys, webhook secrets and the like are sealed with
// AES-256-GCM under a key derived from LITELLM_SALT_KEY (docs of the format: Seal).
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Purpose labels what a sealed value is for. Each has its own key, so that a value cannot be moved to another use.
type Purpose string

// The purposes in use. A new one is a new label, never another's.
const (
	ModelCredentials Purpose = "gatehouse/model-credentials"
	Settings         Purpose = "gatehouse/settings"
	LoginAttempt     Purpose = "gatehouse/login-attempt"
	ResponseID       Purpose = "gatehouse/response-id"
	MailContent      Purpose = "gatehouse/mail"
	SecondFactor     Purpose = "gatehouse/second-factor"
	JobResult        Purpose = "gatehouse/job-result"
)

const version = "v1"

// The ways in which a sealed value does not open.
var (
	// ErrUnknownKey: it was sealed under another salt.
	ErrUnknownKey = errors.New("sealed under a key that is not configured")
	// ErrInvalid: it is damaged, or belongs to another row or purpose.
	ErrInvalid = errors.New("sealed value is damaged or belongs elsewhere")
)

// Sealer seals under one salt and opens under that and older ones. It holds no mutable state: safe for concurrent use.
type Sealer struct {
	current salt
	known   map[string]salt // by key id
}

type salt struct {
	id     string
	secret []byte
}

// New makes a sealer from the current salt and older ones that may still be read, while a rotation runs. Salts are any
// text; an empty one is an error.
func New(current string, older ...string) (*Sealer, error) {
	s := &Sealer{known: map[string]salt{}}
	for i, text := range append([]string{current}, older...) {
		if text == "" {
			return nil, errors.New("a salt must not be empty")
		}
		k, err := newSalt(text)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			s.current = k
		}
		s.known[k.id] = k
	}
	return s, nil
}

// newSalt names the salt by a derived id: it tells which salt was used and nothing about it.
func newSalt(text string) (salt, error) {
	id, err := hkdf.Key(sha256.New, []byte(text), nil, "gatehouse/key-id", 4)
	if err != nil {
		return salt{}, fmt.Errorf("derive a key id: %w", err)
	}
	return salt{id: hex.EncodeToString(id), secret: []byte(text)}, nil
}

// KeyID is the id under which Seal seals now.
func (s *Sealer) KeyID() string { return s.current.id }

// AAD binds a value to its place, so that a sealed value copied to another row does not open there.
func AAD(table, column, rowID string) string {
	return fmt.Sprintf("%d:%s%d:%s%d:%s", len(table), table, len(column), column, len(rowID), rowID)
}

// Seal gives "v1:<key id>:<nonce and ciphertext, base64url>". aad is what Open must be given again; the key id is bound too.
func (s *Sealer) Seal(purpose Purpose, aad string, plaintext []byte) (string, error) {
	gcm, err := s.current.cipher(purpose)
	if err != nil {
		return "", err
	}
	nonce := make([]byte, gcm.NonceSize(), gcm.NonceSize()+len(plaintext)+gcm.Overhead())
	if _, err := rand.Read(nonce); err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	box := gcm.Seal(nonce, nonce, plaintext, bind(aad, s.current.id))
	return version + ":" + s.current.id + ":" + base64.RawURLEncoding.EncodeToString(box), nil
}

// Open gives the plaintext of what Seal made with the same purpose and aad. Errors: ErrUnknownKey, ErrInvalid.
func (s *Sealer) Open(purpose Purpose, aad, sealed string) ([]byte, error) {
	id, box, err := parse(sealed)
	if err != nil {
		return nil, err
	}
	k, ok := s.known[id]
	if !ok {
		return nil, fmt.Errorf("%w (key id %s)", ErrUnknownKey, id)
	}
	gcm, err := k.cipher(purpose)
	if err != nil {
		return nil, err
	}
	if len(box) < gcm.NonceSize() {
		return nil, ErrInvalid
	}
	plaintext, err := gcm.Open(nil, box[:gcm.NonceSize()], box[gcm.NonceSize():], bind(aad, id))
	if err != nil {
		return nil, ErrInvalid // the cipher's own error says no more
	}
	return plaintext, nil
}

// NeedsReseal says whether sealed is under another salt than the current one.
func (s *Sealer) NeedsReseal(sealed string) bool {
	id, _, err := parse(sealed)
	return err != nil || id != s.current.id
}

// Reseal opens a value and seals it under the current salt.
func (s *Sealer) Reseal(purpose Purpose, aad, sealed string) (string, error) {
	plaintext, err := s.Open(purpose, aad, sealed)
	if err != nil {
		return "", err
	}
	return s.Seal(purpose, aad, plaintext)
}

func parse(sealed string) (id string, box []byte, err error) {
	v, rest, ok := strings.Cut(sealed, ":")
	id, text, ok2 := strings.Cut(rest, ":")
	if !ok || !ok2 || v != version || len(id) != 8 || strings.Trim(id, "0123456789abcdef") != "" {
		return "", nil, ErrInvalid
	}
	// Strict: one value has one spelling.
	box, err = base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") { // which the decoder would skip
		return "", nil, ErrInvalid
	}
	return id, box, nil
}

func bind(aad, id string) []byte { return []byte(version + ":" + id + ":" + aad) }

func (k salt) cipher(purpose Purpose) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, k.secret, nil, string(purpose), 32)
	if err != nil {
		return nil, fmt.Errorf("derive a sealing key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return gcm, nil
}
