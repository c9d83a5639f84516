package proxy

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"

	"gatehouse/models"
	"gatehouse/proxy/policy"
	"gatehouse/proxy/wire"
)

// Sealer makes texts that only it can open again: authenticated encryption.
type Sealer interface {
	Seal(plain []byte) (string, error)
	Open(sealed string) ([]byte, error)
}

// responseID is what the id of a response holds: who made it and where. The id that a client gets is sealed, so that it
// opens for its owner alone and leads back to the deployment that knows it (proxy.md §1).
type responseID struct {
	deployment string
	owner      string // id of the key
	model      string // as the policy knows it
	upstream   string // the provider's own id; "" when the provider keeps none
}

const responsePrefix = "resp_"

// sealID makes the id of a response of this call.
func (c *call) sealID(upstream string) string {
	d := c.sent.attempt.Deployment
	plain := strings.Join([]string{d.ID, c.grant.ID(), or(c.sent.attempt.Group, c.group), upstream}, "\x1f")
	sealed, err := c.p.Seal.Seal([]byte(plain))
	if err != nil {
		return responsePrefix + c.id // nobody can open it, which is what an id that cannot be sealed must be
	}
	return responsePrefix + strings.ReplaceAll(sealed, ":", ".")
}

var errForeignID = errors.New("the id is not one of ours")

// openID reads an id that sealID has made.
func (p *Plane) openID(id string) (responseID, error) {
	sealed, ok := strings.CutPrefix(id, responsePrefix)
	if !ok || len(id) > 4096 {
		return responseID{}, errForeignID
	}
	plain, err := p.Seal.Open(strings.ReplaceAll(sealed, ".", ":"))
	if err != nil {
		return responseID{}, errForeignID
	}
	parts := strings.Split(string(plain), "\x1f")
	if len(parts) != 4 {
		return responseID{}, errForeignID
	}
	return responseID{parts[0], parts[1], parts[2], parts[3]}, nil
}

// ownResponse opens an id for this caller: it must be theirs, and they must still be allowed its model.
func (c *call) ownResponse(id, field string) (responseID, *models.Deployment, *failure) {
	r, err := c.p.openID(id)
	if err != nil {
		return r, nil, fail(noResponse, "there is no response "+clip(id)).about(field)
	}
	if r.owner != c.grant.ID() && !c.grant.Master {
		return r, nil, fail(foreignResponse, "this response belongs to another key").about(field)
	}
	verdict, refused := policy.Model(c.snap, c.grant, r.model)
	if refused != nil {
		return r, nil, refusedByPolicy(refused)
	}
	for _, d := range verdict.Match.Deployments {
		if d.ID == r.deployment {
			return r, d, nil
		}
	}
	return r, nil, fail(noResponse, "the deployment that knows this response is gone").about(field)
}

// ownID puts sealed ids into a response object that a provider made.
func (c *call) ownID(r *wire.Answer) {
	if i := r.Find("id"); i >= 0 {
		if id, _ := wire.String(r.Raw(i)); id != "" || c.cache.hit != nil {
			if c.shownID == nil { // one stream tells its id many times
				c.shownID = wire.AppendString(nil, c.sealID(id))
			}
			r.Replace(i, c.shownID)
		}
	}
	if i := r.Find("previous_response_id"); i >= 0 && c.previous.upstream != "" {
		r.Replace(i, c.s.req.Raw(c.s.req.Find("previous_response_id")))
	}
}

// continues settles what earlier response the call goes on from: the call then stays with the deployment that knows it.
func (c *call) continues() *failure {
	i := -1
	if c.isResponses() {
		i = c.s.req.Find("previous_response_id")
	}
	if i < 0 || wire.Null(c.s.req.Raw(i)) {
		return nil
	}
	const field = "previous_response_id"
	id, ok := wire.String(c.s.req.Raw(i))
	if !ok {
		return fail(badField, field+" must be a string").about(field)
	}
	r, d, f := c.ownResponse(id, field)
	if f != nil {
		return f
	}
	if r.upstream == "" {
		return fail(unsupported, "the provider of this response keeps none: send the whole conversation as input").about(field)
	}
	for _, mine := range c.match.Deployments {
		if mine == d {
			c.previous = r
			c.match.Serve = max(c.match.Serve, len(c.match.Deployments))
			c.match.Deployments, c.noFallbacks = c.match.Deployments[:0:0], true
			c.match.Deployments = append(c.match.Deployments, d)
			return nil
		}
	}
	return fail(badField, "the earlier response was made by another model than "+c.asked).about(field)
}

// processSealer is the Sealer of a plane that was given none. Its key ends with the process.
type processSealer struct{ aead cipher.AEAD }

func newProcessSealer() Sealer {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails (Go 1.24)
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // 32 bytes are a key
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // AES has the block size that GCM wants
	}
	return processSealer{aead}
}

// Seal closes plain.
func (s processSealer) Seal(plain []byte) (string, error) {
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, plain, nil)), nil //nolint:gosec // this AEAD draws its own nonce
}

// Open opens what Seal made.
func (s processSealer) Open(sealed string) ([]byte, error) {
	box, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil {
		return nil, errForeignID
	}
	plain, err := s.aead.Open(nil, nil, box, nil)
	if err != nil {
		return nil, errForeignID
	}
	return plain, nil
}
