package totp

import (
	"encoding/base32"
	"strings"
	"testing"
	"time"
)

// The codes of RFC 6238, appendix B, cut to six digits.
func TestVectors(t *testing.T) {
	t.Parallel()
	secret := base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))
	for at, code := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		if got, err := Code(secret, time.Unix(at, 0)); err != nil || got != code {
			t.Errorf("at %d: %q, %v, want %s", at, got, err, code)
		}
		if step, ok := Step(secret, code, time.Unix(at, 0)); !ok || step != at/30 {
			t.Errorf("at %d: step %d, %v", at, step, ok)
		}
	}
}

func TestStep(t *testing.T) {
	t.Parallel()
	secret, err := NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0) // the first second of a step
	code, err := Code(secret, now)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		code string
		at   time.Time
		ok   bool
	}{
		"now":                    {code, now, true},
		"end of the step":        {code, now.Add(29 * time.Second), true},
		"a phone that is slow":   {code, now.Add(59 * time.Second), true},
		"a phone that is fast":   {code, now.Add(-30 * time.Second), true},
		"too late":               {code, now.Add(60 * time.Second), false},
		"too early":              {code, now.Add(-31 * time.Second), false},
		"nothing":                {"", now, false},
		"another length":         {code + "0", now, false},
		"letters":                {"abcdef", now, false},
		"before there were any":  {code, time.Unix(0, 0), false},
		"not a number in digits": {"١٢٣٤٥٦", now, false},
	} {
		if _, ok := Step(secret, tc.code, tc.at); ok != tc.ok {
			t.Errorf("%s: %v", name, ok)
		}
	}
}

func TestLink(t *testing.T) {
	t.Parallel()
	link, err := Link("JBSWY3DPEHPK3PXP", "ana@acme.test")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"otpauth://totp/Gatehouse:ana@acme.test?", "secret=JBSWY3DPEHPK3PXP", "issuer=Gatehouse", "period=30", "digits=6"} {
		if !strings.Contains(link, part) {
			t.Errorf("%s has no %s", link, part)
		}
	}
}

func TestRecovery(t *testing.T) {
	t.Parallel()
	codes, err := NewRecovery()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range codes {
		if clean := Clean(" " + strings.ToUpper(c)); len(clean) != 16 || seen[clean] {
			t.Errorf("%q", c)
		} else {
			seen[clean] = true
		}
	}
	if len(seen) != RecoveryCodes {
		t.Errorf("%d codes", len(seen))
	}
}
