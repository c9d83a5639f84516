package jwtauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"
)

const (
	// maxKeySet bounds what an address may send, and maxKeys how many keys of it count.
	maxKeySet = 1 << 20
	maxKeys   = 64
	// askAgain is how long nobody asks again after a token named a key that was not there, or after a failure: whoever
	// sends made-up key ids cannot make us ask more often.
	askAgain = 10 * time.Second
	// outage is how much longer than public_key_ttl known keys are believed while the provider cannot be asked.
	outage = time.Hour
	// leastRSA is the shortest RSA key that is believed, in bits.
	leastRSA = 2048
)

// errReach says that the keys could not be fetched.
var errReach = errors.New("the keys of the token's issuer cannot be reached")

// keySet is the signing keys of one address. Only the address that the operator configured is ever asked: what a token's
// header says about keys (jku, x5u, jwk) is not read.
type keySet struct {
	address string
	client  *http.Client
	ttl     time.Duration
	now     func() time.Time
	log     *slog.Logger
	changed func() // called after a fetch that brought other keys

	flight singleflight.Group
	known  atomic.Pointer[knownKeys]
	busy   atomic.Bool  // somebody renews old keys at this moment; others go on with them
	asked  atomic.Int64 // Unix ms of the last question
}

// knownKeys is what one fetch brought. Immutable.
type knownKeys struct {
	byID    map[string]*jose.JSONWebKey
	all     []*jose.JSONWebKey
	issuer  string // named by a discovery document
	fetched time.Time
	raw     string
}

// find gives the keys that a token with this key id may have been signed with: one, or all where it names none. None
// without an error is a key that the provider does not have. Errors: errReach.
func (k *keySet) find(ctx context.Context, id string) ([]*jose.JSONWebKey, *knownKeys, error) {
	known := k.known.Load()
	if known == nil {
		if err := k.fetch(ctx, false); err != nil {
			return nil, nil, err
		}
		known = k.known.Load()
	}
	switch age := k.now().Sub(known.fetched); {
	case age > k.ttl+outage:
		if err := k.fetch(ctx, false); err != nil {
			return nil, nil, err
		}
		known = k.known.Load()
	case age > k.ttl && k.busy.CompareAndSwap(false, true):
		err := k.fetch(ctx, true)
		k.busy.Store(false)
		if err != nil {
			k.log.LogAttrs(ctx, slog.LevelWarn, "the keys for signed tokens could not be renewed; the known ones hold on", slog.Any("error", err))
		}
		known = k.known.Load()
	}
	if id == "" {
		return known.all, known, nil
	}
	if key := known.byID[id]; key != nil {
		return []*jose.JSONWebKey{key}, known, nil
	}
	// A provider that changed its keys signs with one that is not known yet.
	if err := k.fetch(ctx, true); err != nil {
		return nil, known, nil //nolint:nilerr // as far as anybody knows the key does not exist
	}
	known = k.known.Load()
	if key := known.byID[id]; key != nil {
		return []*jose.JSONWebKey{key}, known, nil
	}
	return nil, known, nil
}

// fetch reads the keys again, at most once in askAgain; force says that something is known already, so that there is no
// harm in not asking.
func (k *keySet) fetch(ctx context.Context, force bool) error {
	last := k.asked.Load()
	if wait := k.now().UnixMilli() - last; last != 0 && wait >= 0 && wait < askAgain.Milliseconds() {
		if known := k.known.Load(); force || known != nil && k.now().Sub(known.fetched) <= k.ttl+outage {
			return nil
		}
		if wait < time.Second.Milliseconds() {
			return errReach
		}
	}
	_, err, _ := k.flight.Do("", func() (any, error) {
		k.asked.Store(k.now().UnixMilli())
		return nil, k.read(context.WithoutCancel(ctx))
	})
	return err
}

func (k *keySet) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	raw, err := k.get(ctx, k.address)
	if err != nil {
		return err
	}
	var doc struct {
		Keys   *json.RawMessage `json:"keys"`
		URI    string           `json:"jwks_uri"`
		Issuer string           `json:"issuer"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return fmt.Errorf("%w: %s sent no key set", errReach, k.address)
	}
	if doc.Keys == nil && doc.URI != "" { // a discovery document: the keys are where it says
		if raw, err = k.get(ctx, doc.URI); err != nil {
			return err
		}
	} else {
		doc.Issuer = ""
	}
	next, err := parseKeys(raw)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", errReach, k.address, err)
	}
	next.issuer, next.fetched, next.raw = doc.Issuer, k.now(), string(raw)
	before := k.known.Swap(next)
	if before != nil && before.raw != next.raw {
		k.changed()
	}
	return nil
}

// parseKeys keeps the public keys for signatures. Others in the set (shared secrets, keys for encryption, kinds that are
// not known here) are of no use to us, and no reason to refuse the rest.
func parseKeys(raw []byte) (*knownKeys, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, errors.New("that is no key set")
	}
	out := &knownKeys{byID: map[string]*jose.JSONWebKey{}}
	for _, one := range set.Keys {
		key := new(jose.JSONWebKey)
		if key.UnmarshalJSON(one) != nil || key.Use != "" && key.Use != "sig" || len(out.all) == maxKeys {
			continue
		}
		if !key.IsPublic() {
			public := key.Public()
			key = &public
		}
		switch public := key.Key.(type) {
		case *rsa.PublicKey:
			if public.N.BitLen() < leastRSA {
				continue
			}
		case *ecdsa.PublicKey, ed25519.PublicKey:
		default:
			continue
		}
		out.all = append(out.all, key)
		if key.KeyID != "" {
			out.byID[key.KeyID] = key
		}
	}
	if len(out.all) == 0 {
		return nil, errors.New("the set holds no public key for signatures")
	}
	return out, nil
}

func (k *keySet) get(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errReach, err)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := k.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errReach, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: %s answered %d", errReach, address, resp.StatusCode)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySet+1))
	if err != nil || len(raw) > maxKeySet {
		return nil, fmt.Errorf("%w: %s sent no key set of a sensible size", errReach, address)
	}
	return raw, nil
}
