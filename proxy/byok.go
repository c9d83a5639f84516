package proxy

import (
	"bytes"
	"regexp"
	"strings"

	"gatehouse/models"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/route"
	"gatehouse/proxy/wire"
)

// theirs is what a call brings of its own to reach the provider with (proxy.md §3): refused unless the operator allows it,
// for every call (allow_client_side_credentials) or for a deployment (configurable_clientside_auth_params).
type theirs struct {
	key, base, version string
	headers            bool // forward_llm_provider_auth_headers: the provider's own header carries their credential
}

func (t *theirs) given() bool { return t.key != "" || t.base != "" || t.version != "" }

// readTheirs reads the fields; permitTheirs decides once the deployments are known.
func (c *call) readTheirs() *failure {
	req := &c.s.req
	for _, f := range [...]struct {
		field wire.Field
		to    *string
	}{{wire.APIKey, &c.theirs.key}, {wire.APIBase, &c.theirs.base}, {wire.BaseURL, &c.theirs.base}, {wire.APIVersion, &c.theirs.version}} {
		if !req.Has(f.field) {
			continue
		}
		text, err := req.Text(f.field)
		if err != nil {
			return refusedByBody(err)
		}
		if *f.to != "" && *f.to != text {
			return fail(badField, "api_base and base_url differ").about(f.field.Name())
		}
		if *f.to = text; text == "" || len(text) > maxMetadata {
			return fail(badField, f.field.Name()+" must be a text that is not empty").about(f.field.Name())
		}
	}
	return nil
}

// permitTheirs refuses what is not allowed at every deployment that may serve the call. An address of their own needs a
// credential of their own: ours goes nowhere but where the operator sends it.
func (c *call) permitTheirs() *failure {
	if !c.theirs.given() {
		return nil
	}
	for _, f := range [...]struct{ name, value string }{{"api_key", c.theirs.key}, {"api_base", c.theirs.base}, {"api_version", c.theirs.version}} {
		if f.value == "" || c.cfg.ClientCredentials {
			continue
		}
		for _, d := range c.match.Deployments {
			if !configurable(d, f.name, f.value) {
				return fail(clientCredentials, "the field "+f.name+" is not allowed: the gateway has its own credentials").about(f.name)
			}
		}
	}
	if c.theirs.base != "" && c.theirs.key == "" {
		return fail(clientCredentials, "an api_base needs an api_key with it: the gateway's own credential is not sent there").about("api_base")
	}
	c.noFallbacks = true // another group's deployments were not asked
	return nil
}

// configurable says whether a deployment's configurable_clientside_auth_params names a field: as text, or as an object
// whose value is a pattern for what may stand there.
func configurable(d *models.Deployment, field, value string) bool {
	list, _ := d.Params["configurable_clientside_auth_params"].([]any)
	for _, item := range list {
		switch v := item.(type) {
		case string:
			if v == field || v == "base_url" && field == "api_base" {
				return true
			}
		case map[string]any:
			pattern, ok := v[field].(string)
			if !ok {
				continue
			}
			re, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
			if err == nil && re.MatchString(value) {
				return true
			}
		}
	}
	return false
}

// theirTarget is a deployment with the call's own address and credential. It is dialled as one made through the API is:
// private addresses are for those whom the operator lets.
func (c *call) theirTarget(d *models.Deployment) (*provider.Target, error) {
	own := *d
	if c.theirs.base != "" {
		own.APIBase, own.FromConfig = c.theirs.base, false
	}
	if c.theirs.key != "" {
		own.APIKey, own.Secrets = models.NewSecret(c.theirs.key), nil
	}
	own.APIVersion = or(c.theirs.version, own.APIVersion)
	t, err := c.p.targets.Fresh(&own)
	if err != nil {
		return nil, err //nolint:wrapcheck // says it all
	}
	t.Deployment = d // whose price and name it keeps
	return t, nil
}

// target makes a deployment ready for this call.
func (c *call) target(d *models.Deployment) (*provider.Target, error) {
	if c.theirs.given() {
		return c.theirTarget(d)
	}
	return c.ready(d)
}

// ready makes a deployment ready with its own credential.
func (c *call) ready(d *models.Deployment) (*provider.Target, error) {
	if c.trial != nil && d == c.only {
		return c.trial, nil
	}
	return c.p.targets.Target(d) //nolint:wrapcheck // says it all
}

// credentialHeaders are where providers take their keys, but for Authorization, which is never forwarded.
var credentialHeaders = [...]string{"X-Api-Key", "X-Goog-Api-Key", "Api-Key"} //nolint:gochecknoglobals // a table, never written

// bring puts the client's own credential in place of the deployment's, where it stands in the header that the provider
// reads and our key stands elsewhere (forward_llm_provider_auth_headers).
func (c *call) bring(head, extra []byte) (newHead, newExtra []byte) {
	if !c.cfg.ForwardAuth || c.head.ours == nil && c.head.custom == nil {
		return head, extra
	}
	secret := string(c.presented())
	for _, name := range credentialHeaders {
		value := c.ctx.Request.Header.Peek(name)
		start := headerLine(head, name)
		if len(value) == 0 || start < 0 || holds(string(value), secret) {
			continue
		}
		line, err := provider.AppendHeader(nil, name, string(value))
		if err != nil {
			continue
		}
		end := start + bytes.Index(head[start:], []byte("\r\n")) + len("\r\n")
		head = append(head[:start], head[end:]...)
		extra = append(extra, line...)
		c.theirs.headers = true
	}
	return head, extra
}

// headerLine is where a header's line begins, -1 where there is none.
func headerLine(head []byte, name string) int {
	at := 0
	for line := range bytes.SplitAfterSeq(head, []byte("\r\n")) {
		if key, _, ok := bytes.Cut(line, []byte{':'}); ok && strings.EqualFold(string(key), name) {
			return at
		}
		at += len(line)
	}
	return -1
}

// blameless keeps a deployment out of trouble for a credential that was not ours: the failure is the caller's.
func (c *call) blameless(out route.Outcome) route.Outcome {
	if !c.theirs.given() && !c.theirs.headers {
		return out
	}
	switch out.Class {
	case route.Auth, route.Forbidden, route.RateLimit, route.Quota, route.NotFound, route.Connection, route.Timeout, route.Server:
		out.Class = route.BadRequest
	default:
	}
	return out
}
