// Package totp makes and checks the codes of authenticator apps (RFC 6238: SHA-1, 6 digits, 30 seconds) and the recovery
// codes that stand in for them. It keeps nothing.
package totp

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"
)

const (
	period = 30
	// skew is how many steps a phone's clock may be off to either side.
	skew = 1
	// RecoveryCodes is how many a person gets.
	RecoveryCodes = 10
)

// NewSecret is 160 random bits, as apps take them: base32 without padding.
func NewSecret() (string, error) {
	b := make([]byte, 20)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	return encode(b), nil
}

func encode(b []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b)
}

// Link is the otpauth:// address that a QR code carries.
func Link(secret, account string) (string, error) {
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		return "", fmt.Errorf("read a setup key: %w", err)
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "Gatehouse", AccountName: account, Secret: raw, Period: period})
	if err != nil {
		return "", fmt.Errorf("make the address of a setup key: %w", err)
	}
	return key.URL(), nil
}

// Step is the time step of a code, if it is one of this secret's at now. Whoever accepts a code keeps its step, and takes
// none of that step or an earlier one again.
func Step(secret, code string, now time.Time) (step int64, ok bool) {
	if len(code) != 6 {
		return 0, false
	}
	at := now.Unix() / period
	for _, s := range []int64{at, at - skew, at + skew} {
		if s < 0 {
			continue
		}
		want, err := hotp.GenerateCodeCustom(secret, uint64(s), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			return s, true
		}
	}
	return 0, false
}

// Code is what an app shows at now.
func Code(secret string, now time.Time) (string, error) {
	code, err := totp.GenerateCode(secret, now)
	if err != nil {
		return "", fmt.Errorf("make a code: %w", err)
	}
	return code, nil
}

// NewRecovery is a set of recovery codes of 80 random bits each: "abcd-efgh-ijkl-mnop".
func NewRecovery() ([]string, error) {
	out := make([]string, RecoveryCodes)
	for i := range out {
		b := make([]byte, 10)
		if _, err := rand.Read(b); err != nil {
			return nil, fmt.Errorf("read randomness: %w", err)
		}
		text := strings.ToLower(encode(b))
		out[i] = text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]
	}
	return out, nil
}

// Clean is what somebody typed without the spaces and dashes that make it readable.
func Clean(typed string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '\t' || r == '\u00a0' {
			return -1
		}
		return r
	}, typed))
}
