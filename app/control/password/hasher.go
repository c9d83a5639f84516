package password

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/alexedwards/argon2id"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"

	"gatehouse/models/fault"
)

// Cost is what one hash costs.
type Cost struct {
	MemoryKiB uint32
	Time      uint32
}

// DefaultCost is about 160 ms on one core of the reference machine (reliability.md §5).
func DefaultCost() Cost { return Cost{MemoryKiB: 64 * 1024, Time: 3} }

// maxQueue is how many may wait for a slot before the next one is turned away.
const maxQueue = 64

// Hasher hashes and compares passwords, a few at a time, so that a storm of sign-ins cannot take all memory. Safe for
// concurrent use.
type Hasher struct {
	params argon2id.Params
	slots  chan struct{}
	queue  chan struct{}
	dummy  string
}

// NewHasher makes a hasher that runs at most slots hashes at once. Errors: no randomness.
func NewHasher(cost Cost, slots int) (*Hasher, error) {
	slots = max(slots, 1)
	h := &Hasher{
		params: argon2id.Params{Memory: cost.MemoryKiB, Iterations: cost.Time, Parallelism: 1, SaltLength: 16, KeyLength: 32},
		slots:  make(chan struct{}, slots), queue: make(chan struct{}, slots+maxQueue),
	}
	var err error
	if h.dummy, err = argon2id.CreateHash("nobody has this password", &h.params); err != nil {
		return nil, fmt.Errorf("make the dummy hash: %w", err)
	}
	return h, nil
}

// Hash gives the PHC string of a password. Errors: fault.Exhausted when too many wait, ctx's.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	hash, err := argon2id.CreateHash(normal(password), &h.params)
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return hash, nil
}

// Verify compares a password with a stored hash: argon2id, bcrypt, or what LiteLLM stores (unsalted SHA-256 hex and
// "scrypt:" values). stale says that the hash is weaker than what Hash makes, so the caller should store a new one. An
// empty or unreadable hash matches nothing and costs as much time as a real one. Errors: fault.Exhausted, ctx's.
func (h *Hasher) Verify(ctx context.Context, password, stored string) (ok, stale bool, err error) {
	if err := h.enter(ctx); err != nil {
		return false, false, err
	}
	defer h.leave()
	if strings.HasPrefix(stored, "$argon2id$") {
		ok, params, err := argon2id.CheckHash(normal(password), stored)
		if err != nil {
			return h.compareDummy(password), false, nil
		}
		weaker := params.Memory < h.params.Memory || params.Iterations < h.params.Iterations || params.KeyLength < h.params.KeyLength
		return ok, ok && weaker, nil
	}
	// Every other format is followed by the dummy, so that nobody can time which kind of hash an account has.
	ok = imported(password, stored)
	h.compareDummy(password)
	return ok, ok, nil
}

// compareDummy spends the time of one comparison; it is never a match.
func (h *Hasher) compareDummy(password string) bool {
	_, _ = argon2id.ComparePasswordAndHash(normal(password), h.dummy)
	return false
}

// imported compares with the formats of other programs.
func imported(password, stored string) bool {
	switch {
	case strings.HasPrefix(stored, "scrypt:"):
		return scryptMatches(password, strings.TrimPrefix(stored, "scrypt:"))
	case strings.HasPrefix(stored, "$2"):
		return bcrypt.CompareHashAndPassword([]byte(stored), []byte(password)) == nil
	case len(stored) == hex.EncodedLen(sha256.Size):
		want, err := hex.DecodeString(stored)
		if err != nil {
			return false
		}
		got := sha256.Sum256([]byte(password))
		return subtle.ConstantTimeCompare(got[:], want) == 1
	}
	return false
}

// scryptMatches reads "salt:key" or the two run together with a salt of 16 bytes, in hex or base64; N=16384, r=8, p=1.
func scryptMatches(password, text string) bool {
	var salt, key []byte
	if a, b, apart := strings.Cut(text, ":"); apart {
		salt, key = decode(a), decode(b)
	} else if all := decode(text); len(all) > 16 {
		salt, key = all[:16], all[16:]
	}
	if len(salt) < 8 || len(key) < 16 || len(key) > 128 {
		return false
	}
	got, err := scrypt.Key([]byte(password), salt, 16384, 8, 1, len(key))
	return err == nil && subtle.ConstantTimeCompare(got, key) == 1
}

func decode(s string) []byte {
	if b, err := hex.DecodeString(s); err == nil {
		return b
	}
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if b, err := enc.DecodeString(s); err == nil {
			return b
		}
	}
	return nil
}

func (h *Hasher) enter(ctx context.Context) error {
	select {
	case h.queue <- struct{}{}:
	default:
		f := fault.New(fault.Exhausted, "Too many sign-ins at once. Try again in a few seconds.").WithType("throttling_error")
		f.RetryAfter = 5 * time.Second
		return f
	}
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		<-h.queue
		return fmt.Errorf("wait for a free hash: %w", ctx.Err())
	}
}

func (h *Hasher) leave() { <-h.slots; <-h.queue }
