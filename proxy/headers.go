package proxy

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"gatehouse/models"
	"gatehouse/proxy/limit"
	"gatehouse/proxy/provider"
)

// maxHeaders bounds what the plane adds to an answer's headers.
const maxHeaders = 4 << 10

// set puts a header unless its value is empty or could break the header block. name is in canonical form.
func (c *call) set(name, value string) {
	if value == "" || !plainText(value) || c.headerBytes+len(name)+len(value)+4 > maxHeaders {
		return
	}
	c.headerBytes += len(name) + len(value) + 4
	c.ctx.Response.Header.Add(name, value) // no name is put twice: looking for one would cost more than the rest
}

// setBytes is set for names and values that stand in a buffer.
func (c *call) setBytes(name, value []byte) {
	if len(value) == 0 || !plainText(value) || c.headerBytes+len(name)+len(value)+4 > maxHeaders {
		return
	}
	c.headerBytes += len(name) + len(value) + 4
	c.ctx.Response.Header.AddBytesKV(name, value)
}

// digitsBoth is both for a number that stands in a buffer.
func (c *call) digitsBoth(theirs, ours string, value []byte) {
	if c.headerBytes+len(theirs)+len(ours)+2*len(value)+8 > maxHeaders {
		return
	}
	c.headerBytes += len(theirs) + len(ours) + 2*len(value) + 8
	h := &c.ctx.Response.Header
	h.AddBytesV(theirs, value)
	h.AddBytesV(ours, value)
}

// both puts a header under LiteLLM's name and under ours.
func (c *call) both(theirs, ours, value string) {
	c.set(theirs, value)
	c.set(ours, value)
}

// commonHeaders are on every answer.
func (c *call) commonHeaders() {
	c.headerBytes = 0
	c.set("X-Litellm-Call-Id", or(c.clientID, c.id))
	c.set("X-Gatehouse-Call-Id", c.id)
	c.set("X-Request-Id", c.id)
	if c.wire == provider.Anthropic {
		c.set("Request-Id", c.id)
	}
	c.both("X-Litellm-Version", "X-Gatehouse-Version", c.cfg.Version)
	c.set("X-Content-Type-Options", "nosniff")
}

// attemptHeaders tell who answered and where the key stands in its rates.
func (c *call) attemptHeaders() {
	s := &c.sent
	if d := s.attempt.Deployment; d != nil {
		c.both("X-Litellm-Model-Id", "X-Gatehouse-Deployment-Id", d.ID)
	}
	c.both("X-Litellm-Model-Group", "X-Gatehouse-Model-Group", or(s.attempt.Group, c.group))
	if s.target != nil && (c.cfg.ShowUpstream || c.grant.Master) {
		c.both("X-Litellm-Model-Api-Base", "X-Gatehouse-Upstream", s.target.Shown)
	}
	if c.endUser != "" && c.snap != nil {
		c.both("X-Litellm-Model-Region", "X-Gatehouse-Model-Region", c.region())
	}
	if s.plan != nil {
		retries, fallbacks := s.plan.Counts()
		c.digitsBoth("X-Litellm-Attempted-Retries", "X-Gatehouse-Retries", strconv.AppendInt(c.digits[:0], int64(retries), 10))
		c.digitsBoth("X-Litellm-Attempted-Fallbacks", "X-Gatehouse-Fallbacks", strconv.AppendInt(c.digits[:0], int64(fallbacks), 10))
	}
	if s.cap > 0 {
		c.set("X-Gatehouse-Max-Tokens", strconv.FormatInt(s.cap, 10))
	}
	if len(s.dropped) > 0 {
		c.set("X-Gatehouse-Dropped-Params", strings.Join(s.dropped, ","))
	}
	c.rateHeaders()
}

// rateHeaders tell what is left of the rates that count this call.
func (c *call) rateHeaders() {
	rates := c.hold.slot.Rates()
	if len(rates) == 0 {
		return
	}
	for _, r := range rates {
		kind := kindWord(r.Kind)
		c.set("X-Ratelimit-"+limit.Word(r.Level)+"-Limit-"+kind, strconv.FormatInt(r.Limit, 10))
		c.set("X-Ratelimit-"+limit.Word(r.Level)+"-Remaining-"+kind, strconv.FormatInt(r.Remaining, 10))
		if r.Model != "" && r.Level.String() == "model_per_key" {
			c.set("X-Litellm-Key-Remaining-"+kind+"-"+headerModel(r.Model), strconv.FormatInt(r.Remaining, 10))
		}
	}
	for _, kind := range [...]limit.Kind{limit.Requests, limit.Tokens} {
		r, ok := c.hold.slot.Tightest(kind)
		if !ok {
			continue
		}
		c.tightest(kindWord(kind), r.Limit, r.Remaining, r.Reset)
	}
	own := c.snap.KeyLimits(c.grant, c.start.UnixMicro())
	if own.TPM.Set {
		c.both("X-Litellm-Key-Tpm-Limit", "X-Gatehouse-Key-Tpm-Limit", strconv.FormatInt(own.TPM.N, 10))
	}
	if own.RPM.Set {
		c.both("X-Litellm-Key-Rpm-Limit", "X-Gatehouse-Key-Rpm-Limit", strconv.FormatInt(own.RPM.N, 10))
	}
}

func (c *call) tightest(kind string, most, left int64, reset time.Duration) {
	word := map[string]string{"requests": "Requests", "tokens": "Tokens"}[kind]
	if c.wire == provider.Anthropic {
		c.set("Anthropic-Ratelimit-"+word+"-Limit", strconv.FormatInt(most, 10))
		c.set("Anthropic-Ratelimit-"+word+"-Remaining", strconv.FormatInt(left, 10))
		c.set("Anthropic-Ratelimit-"+word+"-Reset", c.p.Now().Add(reset).UTC().Format(time.RFC3339))
	}
	c.set("X-Ratelimit-Limit-"+word, strconv.FormatInt(most, 10))
	c.set("X-Ratelimit-Remaining-"+word, strconv.FormatInt(left, 10))
	c.set("X-Ratelimit-Reset-"+word, reset.Round(time.Second).String())
}

func kindWord(k limit.Kind) string {
	if k == limit.Tokens {
		return "tokens"
	}
	return "requests"
}

// headerModel is a model's name as a part of a header's name.
func headerModel(model string) string {
	out := []byte(model)
	for i, b := range out {
		if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '.' || b == '_' || b == '-' {
			continue
		}
		out[i] = '-'
	}
	return string(out)
}

// limitHeaders tell which limit refused the call.
func (c *call) limitHeaders(r *limit.Refused) {
	h := &c.ctx.Response.Header
	h.Set("Rate_limit_type", r.Kind.String())
	h.Set("Reset_at", r.ResetsAt.UTC().Format(time.DateTime)+" UTC")
	if r.Kind != limit.Parallel {
		c.tightest(kindWord(r.Kind), r.Limit, r.Remaining, max(r.RetryAfter, time.Second))
	}
}

// costHeaders tell what the call cost and where the key's budget stands with it.
func (c *call) costHeaders(b bill) {
	c.digitsBoth("X-Litellm-Response-Cost", "X-Gatehouse-Cost", b.cost.AppendDecimal(c.digits[:0]))
	spent := c.p.Budget.State(c.grant.Scope()).Spent
	c.digitsBoth("X-Litellm-Key-Spend", "X-Gatehouse-Key-Spend", spent.AppendDecimal(c.digits[:0]))
	if own := c.snap.KeyLimits(c.grant, c.start.UnixMicro()); own.MaxBudget.Set {
		c.digitsBoth("X-Litellm-Key-Max-Budget", "X-Gatehouse-Key-Budget", models.Nano(own.MaxBudget.N).AppendDecimal(c.digits[:0]))
	}
	total, overhead := c.took()
	c.digitsBoth("X-Litellm-Response-Duration-Ms", "X-Gatehouse-Duration-Ms", appendMillis(c.digits[:0], total))
	c.digitsBoth("X-Litellm-Overhead-Duration-Ms", "X-Gatehouse-Overhead-Ms", appendMillis(c.digits[:0], overhead))
}

// providerHeaders pass the provider's headers on under a prefix, and its rates under their own names where no limit of
// ours has set them.
func (c *call) providerHeaders() {
	if c.sent.resp == nil {
		return
	}
	rates := len(c.hold.slot.Rates()) > 0
	c.sent.resp.Header.VisitAll(func(k, v []byte) {
		switch string(k) {
		case "Connection", "Transfer-Encoding", "Content-Length", "Content-Type", "Set-Cookie", "Keep-Alive", "Alt-Svc", "Strict-Transport-Security":
			return
		}
		if c.sent.shows(v) {
			return // it has our credential in it
		}
		c.s.name = append(append(c.s.name[:0], "Llm_provider-"...), k...)
		c.setBytes(c.s.name, v)
		if !rates && (bytes.HasPrefix(k, []byte("X-Ratelimit-")) || bytes.HasPrefix(k, []byte("Anthropic-Ratelimit-"))) {
			c.setBytes(k, v)
		}
	})
}

// appendMillis appends a duration in milliseconds, to the microsecond.
func appendMillis(dst []byte, d time.Duration) []byte {
	us := d.Microseconds()
	dst = strconv.AppendInt(dst, us/1000, 10)
	if us %= 1000; us > 0 {
		dst = append(dst, '.', byte('0'+us/100), byte('0'+us/10%10), byte('0'+us%10))
	}
	return dst
}
