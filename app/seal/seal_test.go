package seal

import (
	"errors"
	"strings"
	"testing"
)

func newSealer(t *testing.T, salts ...string) *Sealer {
	t.Helper()
	s, err := New(salts[0], salts[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	s := newSealer(t, "salt one")
	aad := AAD("deployments", "sealed", "m-1")
	sealed, err := s.Seal(ModelCredentials, aad, []byte("sk-upstream"))
	if err != nil {
		t.Fatal(err)
	}
	flipped := sealed[:len(sealed)-6] + swap(sealed[len(sealed)-6]) + sealed[len(sealed)-5:]
	for _, c := range []struct {
		name    string
		sealer  *Sealer
		purpose Purpose
		aad     string
		sealed  string
		want    error
	}{
		{"another salt", newSealer(t, "salt two"), ModelCredentials, aad, sealed, ErrUnknownKey},
		{"another purpose", s, Settings, aad, sealed, ErrInvalid},
		{"another row", s, ModelCredentials, AAD("deployments", "sealed", "m-2"), sealed, ErrInvalid},
		{"row and column swapped", s, ModelCredentials, AAD("sealed", "deployments", "m-1"), sealed, ErrInvalid},
		{"one bit changed", s, ModelCredentials, aad, flipped, ErrInvalid},
		{"cut short", s, ModelCredentials, aad, sealed[:len(sealed)-4], ErrInvalid},
		{"no ciphertext", s, ModelCredentials, aad, "v1:" + s.KeyID() + ":", ErrInvalid},
		{"newline inside", s, ModelCredentials, aad, sealed[:20] + "\n" + sealed[20:], ErrInvalid},
		{"padding", s, ModelCredentials, aad, sealed + "=", ErrInvalid},
		{"other version", s, ModelCredentials, aad, "v2" + sealed[2:], ErrInvalid},
		{"plain text", s, ModelCredentials, aad, "sk-upstream", ErrInvalid},
		{"empty", s, ModelCredentials, aad, "", ErrInvalid},
		{"key id of nobody", s, ModelCredentials, aad, "v1:00000000:" + strings.SplitN(sealed, ":", 3)[2], ErrUnknownKey},
	} {
		if got, err := c.sealer.Open(c.purpose, c.aad, c.sealed); !errors.Is(err, c.want) || got != nil {
			t.Errorf("%s: got %q, %v; want %v", c.name, got, err, c.want)
		}
	}
	if _, err := New(""); err == nil {
		t.Error("an empty salt was accepted")
	}
	if _, err := New("a", ""); err == nil {
		t.Error("an empty older salt was accepted")
	}
}

func swap(b byte) string {
	if b == 'A' {
		return "B"
	}
	return "A"
}

func TestSealRoundTrip(t *testing.T) {
	t.Parallel()
	s := newSealer(t, "salt one")
	for _, text := range []string{"", "x", strings.Repeat("long ", 1000), "\x00\xff"} {
		first, err := s.Seal(Settings, "a", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		second, err := s.Seal(Settings, "a", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if first == second {
			t.Error("the same text sealed twice gives the same value: the nonce is not random")
		}
		if len(text) > 1 && strings.Contains(first, text) { // one letter may stand in any base64
			t.Error("the plaintext shows")
		}
		got, err := s.Open(Settings, "a", first)
		if err != nil || string(got) != text {
			t.Errorf("opened %q, %v; want %q", got, err, text)
		}
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	old := newSealer(t, "old salt")
	value, err := old.Seal(ModelCredentials, "row", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	both := newSealer(t, "new salt", "old salt")
	if !both.NeedsReseal(value) {
		t.Error("a value of the old salt needs no resealing")
	}
	if got, err := both.Open(ModelCredentials, "row", value); err != nil || string(got) != "secret" {
		t.Fatalf("the old salt is not read during a rotation: %q, %v", got, err)
	}
	stranger, err := newSealer(t, "third salt").Seal(ModelCredentials, "row", []byte("lost"))
	if err != nil {
		t.Fatal(err)
	}
	rows, invalid, err := both.ResealAll([]Row{
		{ID: "good", Purpose: ModelCredentials, AAD: "row", Sealed: value},
		{ID: "stranger", Purpose: ModelCredentials, AAD: "row", Sealed: stranger},
		{ID: "moved", Purpose: ModelCredentials, AAD: "elsewhere", Sealed: value},
	})
	if err != nil || len(rows) != 1 || len(invalid) != 2 {
		t.Fatalf("rows %d, invalid %v, %v", len(rows), invalid, err)
	}
	if invalid[0].ID != "stranger" || !errors.Is(invalid[0].Err, ErrUnknownKey) || invalid[1].ID != "moved" || !errors.Is(invalid[1].Err, ErrInvalid) {
		t.Errorf("invalid rows are not named: %v", invalid)
	}
	after := newSealer(t, "new salt")
	if got, err := after.Open(ModelCredentials, "row", rows[0].Sealed); err != nil || string(got) != "secret" || after.NeedsReseal(rows[0].Sealed) {
		t.Errorf("resealed value: %q, %v", got, err)
	}
	one, err := both.Reseal(ModelCredentials, "row", value)
	if err != nil || after.NeedsReseal(one) {
		t.Errorf("Reseal: %v", err)
	}
}

// TestFormat holds a value sealed once, so that a change of the format cannot pass unseen: rows outlive releases.
func TestFormat(t *testing.T) {
	t.Parallel()
	s := newSealer(t, "fixed salt")
	const kept = "v1:afb51e2b:lb5asvkho0gQXldj7zNRcFPNU_eqBGJ-PWXK1HOllOAkKWyncxfP"
	got, err := s.Open(ModelCredentials, AAD("deployments", "sealed", "m-1"), kept)
	if err != nil || string(got) != "kept secret" {
		t.Fatalf("a value of an earlier release does not open: %q, %v", got, err)
	}
}

func FuzzOpen(f *testing.F) {
	s, err := New("salt")
	if err != nil {
		f.Fatal(err)
	}
	good, err := s.Seal(Settings, "a", []byte("x"))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{good, "", "v1::", "v1:00000000:AAAA", "v1:" + s.KeyID() + ":AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sealed string) {
		if got, err := s.Open(Settings, "a", sealed); err == nil && sealed != good {
			t.Fatalf("forged: %q opens as %q", sealed, got)
		}
	})
}
