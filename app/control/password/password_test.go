package password

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"

	"gatehouse/models/fault"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		password string
		minimum  int
		want     string // part of the refusal; "" = accepted
	}{
		"empty":                        {"", 12, "at least 12"},
		"eleven":                       {"abcdefghij1", 12, "at least 12"},
		"counts code points":           {"пароль-密码-🔑", 12, "at least 12"},
		"too long":                     {strings.Repeat("x9", 129), 12, "at most 256"},
		"common, lower minimum":        {"password1", 8, "common"},
		"common in capitals":           {"PassWord1", 8, "common"},
		"common and long":              {"1q2w3e4r5t6y", 12, "common"},
		"the email":                    {"ana.lopez@example.org", 12, "your email"},
		"name of the email and digits": {"ana.lopez2026!", 12, "your email"},
		"the alias":                    {"Ana Lopez Prieto", 12, "your email"},
		"the service":                  {"gatehouse-gatehouse", 12, "name of this service"},
		"not text":                     {"abcdefghijklmn\xff", 12, "not valid"},
		"twelve":                       {"korrekt-pferd", 12, ""},
		"spaces at the ends":           {" Lead and trail 1! ", 12, ""},
		"long":                         {"Aa1!" + strings.Repeat("x", 200), 12, ""},
		"unicode":                      {"пароль-密码-🔑-ü!A1", 12, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := Check(tc.password, tc.minimum, "ana.lopez@example.org", "Ana Lopez Prieto", "")
			if tc.want == "" {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			f := fault.As(err)
			if f == nil || f.Kind != fault.Unprocessable || f.Param != "password" || !strings.Contains(f.Message, tc.want) {
				t.Fatalf("got %v, wanted a 422 with %q", err, tc.want)
			}
		})
	}
}

func TestCommonListIsLongEnough(t *testing.T) {
	t.Parallel()
	list, err := common()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 10_000 {
		t.Fatalf("%d values, wanted 10,000", len(list))
	}
}

func hasher(t *testing.T) *Hasher {
	t.Helper()
	h, err := NewHasher(Cost{MemoryKiB: 64, Time: 1}, 2)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestVerify(t *testing.T) {
	t.Parallel()
	h := hasher(t)
	const pw = "korrekt-pferd-batterie"
	own, err := h.Hash(t.Context(), pw)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := NewHasher(Cost{MemoryKiB: 32, Time: 1}, 1)
	if err != nil {
		t.Fatal(err)
	}
	weaker, err := weak.Hash(t.Context(), pw)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(pw))
	salt := []byte("0123456789abcdef")
	key, err := scrypt.Key([]byte(pw), salt, 16384, 8, 1, 32)
	if err != nil {
		t.Fatal(err)
	}
	crypted, err := bcrypt.GenerateFromPassword([]byte(pw), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		stored    string
		ok, stale bool
	}{
		"own":               {own, true, false},
		"weaker":            {weaker, true, true},
		"sha-256":           {hex.EncodeToString(sum[:]), true, true},
		"scrypt, joined":    {"scrypt:" + base64.StdEncoding.EncodeToString(append(salt, key...)), true, true},
		"scrypt, apart":     {"scrypt:" + hex.EncodeToString(salt) + ":" + hex.EncodeToString(key), true, true},
		"bcrypt":            {string(crypted), true, true},
		"none":              {"", false, false},
		"plain text":        {pw, false, false},
		"broken argon2id":   {"$argon2id$v=19$m=1", false, false},
		"scrypt, cut short": {"scrypt:" + hex.EncodeToString(salt) + ":00", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ok, stale, err := h.Verify(t.Context(), pw, tc.stored)
			if err != nil || ok != tc.ok || stale != tc.stale {
				t.Fatalf("got %v, %v, %v", ok, stale, err)
			}
			if ok, _, _ := h.Verify(t.Context(), pw+"x", tc.stored); ok {
				t.Fatal("another password matches")
			}
		})
	}
}

func TestNormalFormsAgree(t *testing.T) {
	t.Parallel()
	h := hasher(t)
	hash, err := h.Hash(t.Context(), "Stra\u00dfe-caf\u00e9-noir")
	if err != nil {
		t.Fatal(err)
	}
	if ok, _, err := h.Verify(t.Context(), "Stra\u00dfe-cafe\u0301-noir", hash); !ok || err != nil {
		t.Fatalf("a decomposed é is another password: %v %v", ok, err)
	}
}

func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	h := hasher(t)
	for range cap(h.queue) {
		h.queue <- struct{}{}
	}
	if _, err := h.Hash(t.Context(), "x"); !fault.Is(err, fault.Exhausted) || fault.As(err).RetryAfter <= 0 {
		t.Fatalf("got %v, wanted Exhausted with a time to wait", err)
	}
	for range cap(h.queue) {
		<-h.queue
	}
	for range cap(h.slots) {
		h.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Hash(ctx, "x"); err == nil || len(h.queue) != 0 {
		t.Fatalf("a caller who left still waits: %v, %d in the queue", err, len(h.queue))
	}
}
