package proxy

import (
	"context"
	"net/http"

	"gatehouse/models/fault"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/policy"
)

// Tokens knows callers by the signed tokens of an identity provider (general_settings.enable_jwt_auth).
type Tokens interface {
	// Signed says whether a bearer is such a token, and not a key.
	Signed(secret []byte) bool
	// Bearer judges a token. One that it has judged before costs no query and no request elsewhere. Errors: Unauthenticated,
	// Forbidden, Unavailable.
	Bearer(ctx context.Context, s *keyring.Snapshot, token []byte) (*Bearer, error)
}

// Bearer is who a token stands for. Immutable and shared.
type Bearer struct {
	Grants  []*keyring.Grant // one for each team that the token names, in its order; at least one. The first that fits a call is used
	EndUser string           // the end user that the token vouches for; "" = it names none, and the request may
}

// token finds the grants of a signed token.
func (c *call) token(secret []byte) *failure {
	b, err := c.p.Tokens.Bearer(context.Background(), c.snap, secret)
	if err == nil {
		c.bearer, c.grant = b, b.Grants[0]
		c.snap = c.p.Ring.Snapshot() // a person or a team may have been made for the token
		return nil
	}
	f := fault.As(err)
	switch {
	case f == nil:
		return internalFailure(c.id, err)
	case f.Kind == fault.Unavailable:
		return fail(authDown, f.Message).after(f.RetryAfter).because(err)
	}
	out := fail(tokenRefused, f.Message).because(err)
	if f.Kind == fault.Forbidden {
		out.status, out.astatus, out.anthropic, out.code = http.StatusForbidden, http.StatusForbidden, "permission_error", "access_denied"
	}
	if f.Type != "" {
		out.kind = f.Type
	}
	return out
}

// judge asks the policy about the call's grant. A token that names several teams is judged by each of them in turn, and
// the first that may make this call makes it; the refusal is that of the first.
func (c *call) judge(asked policy.Call) (policy.Verdict, *policy.Refusal) {
	verdict, refused := policy.Check(c.snap, c.grant, asked)
	if refused == nil || c.bearer == nil {
		return verdict, refused
	}
	for _, g := range c.bearer.Grants {
		if other, no := policy.Check(c.snap, g, asked); no == nil {
			c.grant = g
			return other, nil
		}
	}
	return policy.Verdict{}, c.likeliest(asked, refused)
}

// likeliest is the refusal that helps most: one about the model rather than one about a route that the token was never
// meant for.
func (c *call) likeliest(asked policy.Call, first *policy.Refusal) *policy.Refusal {
	for _, g := range c.bearer.Grants {
		if _, no := policy.Check(c.snap, g, asked); no != nil && no.Kind == policy.ModelDenied {
			return no
		}
	}
	return first
}

// grants are those of the call's credential that may make it, for what is about no one model.
func (c *call) grants() []*keyring.Grant {
	if c.bearer == nil {
		return []*keyring.Grant{c.grant}
	}
	var out []*keyring.Grant
	for _, g := range c.bearer.Grants {
		if _, refused := policy.Check(c.snap, g, c.asks("")); refused == nil {
			out = append(out, g)
		}
	}
	return out
}
