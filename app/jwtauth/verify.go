package jwtauth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gatehouse/models/fault"
)

// maxToken bounds a token; headers end at 32 KiB anyway.
const maxToken = 24 << 10

// early is how far a clock that signs may be ahead of ours.
const early = time.Minute

// algorithms are those whose keys cannot be made by whoever verifies: never none, never a shared secret.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
}

// looksSigned says whether a bearer has the shape of a signed token: three parts, of which the first two are JSON objects.
func looksSigned(secret []byte) bool {
	return len(secret) > 20 && bytes.HasPrefix(secret, []byte("ey")) && bytes.Count(secret, []byte{'.'}) == 2
}

// proved is what a token's signature stands for.
type proved struct {
	claims map[string]any
	issuer string
	ends   time.Time
}

// unproved is a token that is none. The text says what is wrong in words that help its owner, and nothing about keys.
func unproved(format string, args ...any) *fault.Fault {
	return fault.Newf(fault.Unauthenticated, "Authentication Error, "+format, args...).WithType("auth_error")
}

// verify checks signature, algorithm, issuer, audience and times. Errors: Unauthenticated, Unavailable while the keys
// cannot be had.
func (s *state) verify(ctx context.Context, token string) (*proved, error) {
	if len(token) > maxToken {
		return nil, unproved("the token is longer than 24 KiB")
	}
	signed, err := jose.ParseSignedCompact(token, algorithms())
	if err != nil || len(signed.Signatures) != 1 {
		return nil, unproved("the token cannot be read, or is signed in a way that is not accepted").WithCause(err)
	}
	header := signed.Signatures[0].Protected
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); typ != "" && !strings.EqualFold(typ, "JWT") && !strings.EqualFold(typ, "at+jwt") &&
		!strings.EqualFold(typ, "application/at+jwt") {
		return nil, unproved("this kind of token (typ) does not open the gateway")
	}
	payload, issuer, err := s.signature(ctx, signed, header)
	if err != nil {
		return nil, err
	}
	out := &proved{}
	if out.claims, err = object(payload); err != nil {
		return nil, unproved("the token holds no claims").WithCause(err)
	}
	if err := s.check(out, issuer); err != nil {
		return nil, err
	}
	return out, nil
}

// signature finds the key of a token and gives what it signs, and the issuer that the key set belongs to, if that is known.
func (s *state) signature(ctx context.Context, signed *jose.JSONWebSignature, header jose.Header) ([]byte, string, error) {
	var down error
	for _, set := range s.sets {
		keys, known, err := set.find(ctx, header.KeyID)
		if err != nil {
			down = err
			continue
		}
		for _, key := range keys {
			if key.Algorithm != "" && key.Algorithm != header.Algorithm {
				continue
			}
			if payload, err := signed.Verify(key); err == nil {
				return payload, known.issuer, nil
			}
		}
	}
	if down != nil {
		s.opt.Log.LogAttrs(ctx, slog.LevelError, "a signed token could not be judged", slog.Any("error", down))
		f := fault.New(fault.Unavailable, "Service unavailable: cannot verify token").WithType("no_db_connection").WithCause(down)
		f.RetryAfter = time.Second
		return nil, "", f
	}
	return nil, "", unproved("the token is not signed by a key of its issuer")
}

// check compares issuer, audience and times. A token without an end is refused: nobody could ever take it back.
func (s *state) check(p *proved, setIssuer string) error {
	p.issuer, _ = p.claims["iss"].(string)
	issuers := s.cfg.Issuers
	if len(issuers) == 0 && setIssuer != "" {
		issuers = []string{setIssuer}
	}
	if len(issuers) > 0 && !slices.Contains(issuers, p.issuer) {
		return unproved("the token's issuer (iss) is not accepted")
	}
	if len(s.cfg.Audiences) > 0 && !slices.ContainsFunc(texts(p.claims["aud"]), func(aud string) bool { return slices.Contains(s.cfg.Audiences, aud) }) {
		return unproved("the token was made for another audience (aud)")
	}
	now := s.opt.Now()
	ends, ok := moment(p.claims["exp"])
	if !ok {
		return unproved("the token has no end (exp)")
	}
	if !now.Before(ends) {
		return unproved("the token has expired").WithType("expired_key")
	}
	for _, name := range []string{"nbf", "iat"} {
		if p.claims[name] == nil {
			continue
		}
		if from, ok := moment(p.claims[name]); !ok || now.Add(early).Before(from) {
			return unproved("the token is not valid yet (%s)", name)
		}
	}
	p.ends = ends
	return nil
}

// texts are the strings of a claim that is one or a list of them; nothing is split.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, one := range v {
			if s, ok := one.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

// moment reads a NumericDate; the years are bounded so that no arithmetic overflows.
func moment(v any) (time.Time, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return time.Time{}, false
	}
	f, err := n.Float64()
	if err != nil || f < 0 || f > 1e11 {
		return time.Time{}, false
	}
	return time.Unix(int64(f), 0), true
}

// object reads claims with numbers as they were written, since an id may be one. A claim that is there twice could be read
// in two ways, so such a token is none.
func object(raw []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string)
		if seen[name] {
			return nil, errors.New("a claim is there twice")
		}
		seen[name] = true
		var skip json.RawMessage
		if err := d.Decode(&skip); err != nil {
			return nil, err
		}
	}
	d = json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return nil, err
	}
	return m, nil
}
