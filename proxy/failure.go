package proxy

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"gatehouse/models"
	"gatehouse/proxy/budget"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/limit"
	"gatehouse/proxy/policy"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/wire"
)

// reason is why a call has no answer of a model: one row of proxy.md §8.
type reason uint8

const (
	internal reason = iota
	noKey
	malformedKey
	unknownKey
	hookRefused
	tokenRefused
	ipDenied
	routeClosed
	badHead
	badJSON
	badField
	missingField
	unsupported
	clientCredentials
	tooLarge
	slowBody
	budgetUsed
	rateLimited
	unpriced
	contextTooLong
	contentPolicy
	noDeployment
	upstreamRate
	upstreamQuota
	upstreamAuth
	upstreamRefused // 400, 404, 409, 422: passed on as it is
	upstreamBroken  // an answer that cannot be read, or an error status of its own making
	upstreamDown    // no connection, or it broke
	upstreamStatus  // 5xx: passed on with its status
	timedOut
	authDown
	ledgerDown
	overloaded
	draining
	noRoute
	routeUnsupported
	badMethod
	modelRefused
	noResponse
	foreignResponse
	clientLeft
)

// row is how a reason reads on both wires.
type row struct {
	status    int
	kind      string // OpenAI's error.type
	code      string // OpenAI's error.code
	anthropic string // Anthropic's error.type; its status is that of the row unless also given
	astatus   int
	noRetry   bool // no waiting of seconds will cure it: x-should-retry: false
}

//nolint:gochecknoglobals // the table of proxy.md §8, never written
var rows = [...]row{
	internal:          {status: 500, kind: "internal_server_error", code: "internal_error", anthropic: "api_error"},
	noKey:             {status: 401, kind: "auth_error", code: "missing_api_key", anthropic: "authentication_error"},
	malformedKey:      {status: 401, kind: "auth_error", code: "invalid_api_key", anthropic: "authentication_error"},
	unknownKey:        {status: 401, kind: "token_not_found_in_db", code: "invalid_api_key", anthropic: "authentication_error"},
	hookRefused:       {status: 401, kind: "auth_error", code: "invalid_api_key", anthropic: "authentication_error"},
	tokenRefused:      {status: 401, kind: "auth_error", code: "invalid_token", anthropic: "authentication_error"},
	ipDenied:          {status: 403, kind: "auth_error", code: "ip_not_allowed", anthropic: "permission_error"},
	routeClosed:       {status: 403, kind: "auth_error", code: "route_not_allowed", anthropic: "permission_error", noRetry: true},
	badHead:           {status: 400, kind: "invalid_request_error", code: "invalid_request", anthropic: "invalid_request_error"},
	badJSON:           {status: 400, kind: "invalid_request_error", code: "invalid_json", anthropic: "invalid_request_error"},
	badField:          {status: 400, kind: "invalid_request_error", code: "invalid_value", anthropic: "invalid_request_error"},
	missingField:      {status: 400, kind: "invalid_request_error", code: "missing_required_parameter", anthropic: "invalid_request_error"},
	unsupported:       {status: 400, kind: "invalid_request_error", code: "unsupported_parameter", anthropic: "invalid_request_error"},
	clientCredentials: {status: 400, kind: "invalid_request_error", code: "unsupported_parameter", anthropic: "invalid_request_error"},
	tooLarge:          {status: 413, kind: "invalid_request_error", code: "request_too_large", anthropic: "request_too_large"},
	slowBody:          {status: 408, kind: "timeout_error", code: "timeout", anthropic: "timeout_error"},
	budgetUsed:        {status: 429, kind: "budget_exceeded", code: "budget_exceeded", anthropic: "rate_limit_error", noRetry: true},
	rateLimited:       {status: 429, kind: "rate_limit_error", code: "rate_limit_exceeded", anthropic: "rate_limit_error"},
	unpriced:          {status: 400, kind: "invalid_request_error", code: "model_has_no_price", anthropic: "invalid_request_error"},
	contextTooLong:    {status: 400, kind: "invalid_request_error", code: "context_length_exceeded", anthropic: "invalid_request_error"},
	contentPolicy:     {status: 400, kind: "invalid_request_error", code: "content_policy_violation", anthropic: "invalid_request_error"},
	noDeployment:      {status: 429, kind: "rate_limit_error", code: "no_deployments_available", anthropic: "overloaded_error", astatus: 529},
	upstreamRate:      {status: 429, kind: "rate_limit_error", code: "rate_limit_exceeded", anthropic: "rate_limit_error"},
	upstreamQuota:     {status: 429, kind: "insufficient_quota", code: "insufficient_quota", anthropic: "rate_limit_error", noRetry: true},
	upstreamAuth:      {status: 502, kind: "upstream_error", code: "upstream_auth_failed", anthropic: "api_error", noRetry: true},
	upstreamRefused:   {status: 400, kind: "invalid_request_error", code: "", anthropic: "invalid_request_error"},
	upstreamBroken:    {status: 502, kind: "upstream_error", code: "upstream_unavailable", anthropic: "api_error"},
	upstreamDown:      {status: 502, kind: "upstream_error", code: "upstream_unavailable", anthropic: "api_error"},
	upstreamStatus:    {status: 503, kind: "upstream_error", code: "upstream_unavailable", anthropic: "api_error"},
	timedOut:          {status: 408, kind: "timeout_error", code: "timeout", anthropic: "timeout_error"},
	authDown:          {status: 503, kind: "service_unavailable", code: "auth_backend_unavailable", anthropic: "api_error"},
	ledgerDown:        {status: 503, kind: "service_unavailable", code: "ledger_unavailable", anthropic: "api_error"},
	overloaded:        {status: 503, kind: "service_unavailable", code: "overloaded", anthropic: "overloaded_error", astatus: 529},
	draining:          {status: 503, kind: "service_unavailable", code: "shutting_down", anthropic: "overloaded_error", astatus: 529},
	noRoute:           {status: 404, kind: "invalid_request_error", code: "route_not_found", anthropic: "not_found_error", noRetry: true},
	routeUnsupported:  {status: 404, kind: "invalid_request_error", code: "route_not_supported", anthropic: "not_found_error", noRetry: true},
	badMethod:         {status: 405, kind: "invalid_request_error", code: "method_not_allowed", anthropic: "invalid_request_error", noRetry: true},
	modelRefused:      {status: 403, kind: "key_model_access_denied", code: "model_access_denied", anthropic: "permission_error"},
	noResponse:        {status: 404, kind: "invalid_request_error", code: "response_not_found", anthropic: "not_found_error", noRetry: true},
	foreignResponse:   {status: 403, kind: "auth_error", code: "response_not_yours", anthropic: "permission_error", noRetry: true},
	clientLeft:        {status: 499, kind: "client_closed_request", code: "client_closed_request", anthropic: "api_error", noRetry: true},
}

// failure is an answer that is not a model's. It is an error, so that the stages can return it; the first one counts.
type failure struct {
	reason     reason
	status     int // as answered on the OpenAI wire
	kind       string
	code       string
	param      string
	message    string
	anthropic  string
	astatus    int
	noRetry    bool
	retryAfter time.Duration
	detail     []byte         // the budget object of a refusal, JSON
	limit      *limit.Refused // for headers
	close      bool           // the connection ends with this answer
	cause      error          // for the log
}

// Error is the message, with the cause behind it for the log.
func (f *failure) Error() string {
	if f.cause != nil {
		return f.message + ": " + f.cause.Error()
	}
	return f.message
}

// Unwrap gives the cause.
func (f *failure) Unwrap() error { return f.cause }

// fail makes the failure of a reason.
func fail(r reason, message string) *failure {
	t := &rows[r]
	f := &failure{
		reason: r, status: t.status, kind: t.kind, code: t.code, message: message, anthropic: t.anthropic, astatus: t.astatus,
		noRetry: t.noRetry,
	}
	if f.astatus == 0 {
		f.astatus = f.status
	}
	return f
}

func (f *failure) about(param string) *failure { f.param = param; return f }

func (f *failure) because(err error) *failure { f.cause = err; return f }

func (f *failure) after(d time.Duration) *failure { f.retryAfter = d; return f }

// internalFailure hides what went wrong behind the call's id.
func internalFailure(callID string, cause error) *failure {
	return fail(internal, "something went wrong; the call id is "+callID).because(cause)
}

// refusedByPolicy turns a verdict into an answer: its words are those of both contracts already.
func refusedByPolicy(r *policy.Refusal) *failure {
	f := &failure{status: r.Status(), kind: r.Type(), code: r.Code(), param: r.Field(), message: r.Message()}
	f.astatus = f.status
	switch f.status {
	case http.StatusUnauthorized:
		f.anthropic = "authentication_error"
		if r.Kind == policy.KeyBlocked || r.Kind == policy.TeamBlocked || r.Kind == policy.UserBlocked || r.Kind == policy.CustomerBlocked {
			f.anthropic, f.astatus = "permission_error", http.StatusForbidden
		}
	case http.StatusForbidden:
		f.anthropic = "permission_error"
	case http.StatusNotFound:
		f.anthropic = "not_found_error"
	default:
		f.anthropic = "invalid_request_error"
	}
	return f
}

// refusedByBody turns what is wrong with a body into an answer.
func refusedByBody(err error) *failure {
	var bad *wire.BadField
	if errors.As(err, &bad) {
		return fail(badField, bad.Message).about(bad.Field)
	}
	var param *provider.UnsupportedParam
	if errors.As(err, &param) {
		return fail(unsupported, param.Error()).about(param.Name)
	}
	return fail(badJSON, err.Error())
}

// refusedByLimit turns a used-up rate into an answer.
func refusedByLimit(r *limit.Refused) *failure {
	f := fail(rateLimited, r.Error()).after(max(r.RetryAfter, time.Second))
	f.limit = r
	f.noRetry = r.Limit <= 0 // the next window lets nothing through either
	return f
}

// refusedByBudget turns a used-up budget into an answer that tells the figures.
func refusedByBudget(e *budget.Exhausted) *failure {
	f := fail(budgetUsed, e.Error())
	b := append([]byte(nil), `{"level":`...)
	b = wire.AppendString(b, e.Level.String())
	if e.Level != keyring.LevelProxy {
		b = append(b, `,"id":`...)
		b = wire.AppendString(b, e.ID)
	}
	b = append(b, `,"limit":`...)
	b = e.Limit.AppendDecimal(b)
	b = append(b, `,"spent":`...)
	b = e.Spent.AppendDecimal(b)
	b = append(b, `,"reserved":`...)
	b = e.Held.AppendDecimal(b)
	b = append(b, `,"resets_at":`...)
	if e.ResetsAt == 0 {
		b = append(b, "null"...)
	} else {
		b = wire.AppendString(b, models.FromMicros(e.ResetsAt).UTC().Format(time.RFC3339))
	}
	f.detail = append(b, '}')
	return f
}

// refusedUpstream turns a provider's refusal into an answer. secrets are what its text must not show.
func refusedUpstream(r *provider.Refusal, secrets ...string) *failure {
	message := Mask(r.Message, secrets...)
	code, kind := Mask(r.Code, secrets...), Mask(r.Type, secrets...)
	var f *failure
	switch r.Class {
	case provider.RateLimit:
		f = fail(upstreamRate, message).after(r.RetryAfter)
		f.kind, f.code = or(kind, f.kind), or(code, f.code)
	case provider.QuotaGone:
		f = fail(upstreamQuota, message).after(r.RetryAfter)
	case provider.Auth:
		return fail(upstreamAuth, "the provider refused the credential of this model's deployment").because(errors.New(message))
	case provider.ContextWindow:
		f = fail(contextTooLong, message).about(or(r.Param, "messages"))
	case provider.ContentPolicy:
		f = fail(contentPolicy, message).about(r.Param)
		f.code = or(code, f.code)
	case provider.Slow:
		f = fail(timedOut, message)
	case provider.ServerError:
		f = fail(upstreamStatus, message).after(r.RetryAfter)
		if f.status, f.astatus = r.Status, r.Status; r.Status == 529 {
			f.status, f.anthropic = http.StatusServiceUnavailable, "overloaded_error" // a status that OpenAI's wire does not have
		}
	case provider.BadRequest, provider.NotFound, provider.Other:
		f = fail(upstreamRefused, message).about(r.Param)
		if r.Status < http.StatusBadRequest { // an error body under a good status
			f = fail(upstreamBroken, message)
			break
		}
		f.status, f.astatus = r.Status, r.Status
		f.kind, f.code = or(kind, f.kind), code
		f.anthropic = anthropicKind(r.Status)
	}
	return f
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// anthropicKind is Anthropic's error type for a status.
func anthropicKind(status int) string {
	switch status {
	case http.StatusNotFound:
		return "not_found_error"
	case http.StatusRequestEntityTooLarge:
		return "request_too_large"
	case http.StatusTooManyRequests:
		return "rate_limit_error"
	}
	if status >= http.StatusInternalServerError {
		return "api_error"
	}
	return "invalid_request_error"
}

// failedUpstream turns an exchange without an answer into one.
func failedUpstream(e *provider.Failure) *failure {
	switch e.Kind {
	case provider.Timeout:
		return fail(timedOut, "the provider did not answer in time").because(e)
	case provider.Malformed:
		return fail(upstreamBroken, "the provider sent an answer that cannot be read").because(e)
	case provider.Cancelled:
		return fail(clientLeft, "the client closed the connection").because(e)
	case provider.Connect:
		return fail(upstreamDown, "the provider cannot be reached").because(e)
	case provider.Lost:
	}
	return fail(upstreamDown, "the connection to the provider broke").because(e)
}

// appendJSON appends the error body for a wire.
func (f *failure) appendJSON(dst []byte, w provider.Wire, callID string) []byte {
	if w == provider.Gemini {
		return f.appendGoogle(dst)
	}
	if w == provider.BedrockConverse {
		var o wire.Builder
		o.Text("message", f.message)
		o.Text("__type", f.awsError())
		return append(dst, o.Bytes()...)
	}
	if w == provider.Anthropic {
		dst = append(dst, `{"type":"error","error":{"type":`...)
		dst = wire.AppendString(dst, f.anthropic)
		dst = append(dst, `,"message":`...)
		dst = wire.AppendString(dst, f.message)
		dst = append(dst, `},"request_id":`...)
		dst = wire.AppendString(dst, callID)
		return append(dst, '}')
	}
	dst = append(dst, `{"error":{"message":`...)
	dst = wire.AppendString(dst, f.message)
	dst = append(dst, `,"type":`...)
	dst = wire.AppendString(dst, f.kind)
	dst = append(dst, `,"param":`...)
	dst = appendNullable(dst, f.param)
	dst = append(dst, `,"code":`...)
	dst = appendNullable(dst, f.code)
	dst = append(dst, '}')
	if f.detail != nil {
		dst = append(dst, `,"budget":`...)
		dst = append(dst, f.detail...)
	}
	return append(dst, '}')
}

func appendNullable(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "null"...)
	}
	return wire.AppendString(dst, s)
}

// statusOn is the HTTP status on a wire.
func (f *failure) statusOn(w provider.Wire) int {
	if w == provider.Anthropic {
		return f.astatus
	}
	return f.status
}

// frame is the error as an event of a stream that has begun.
func (f *failure) frame(dst []byte, w provider.Wire, callID string) []byte {
	if w == provider.Anthropic {
		dst = append(dst, "event: error\n"...)
	}
	dst = append(dst, "data: "...)
	dst = f.appendJSON(dst, w, callID)
	return append(dst, "\n\n"...)
}

// responseFrame is the error event of the Responses API. The SDKs throw for the error inside it.
func (f *failure) responseFrame(dst []byte, seq int) []byte {
	var o wire.Builder
	o.Text("type", "error")
	o.Raw("code", appendNullable(nil, f.code))
	o.Text("message", f.message)
	o.Raw("param", appendNullable(nil, f.param))
	o.Int("sequence_number", int64(seq))
	o.Raw("error", wire.Lookup(f.appendJSON(nil, provider.OpenAI, ""), "error"))
	dst = append(dst, "event: error\ndata: "...)
	return append(append(dst, o.Bytes()...), "\n\n"...)
}

// retrySeconds is a wait as the retry-after header gives it: whole seconds, at least one, never hours.
func retrySeconds(d time.Duration) string {
	const most = 10 * time.Minute
	return strconv.FormatInt(max(1, int64((min(d, most)+time.Second-1)/time.Second)), 10)
}

// awsError is AWS's name for a failure.
func (f *failure) awsError() string {
	switch {
	case f.status == http.StatusUnauthorized:
		return "UnrecognizedClientException"
	case f.status == http.StatusForbidden:
		return "AccessDeniedException"
	case f.status == http.StatusNotFound:
		return "ResourceNotFoundException"
	case f.status == http.StatusTooManyRequests:
		return "ThrottlingException"
	case f.status == http.StatusRequestTimeout:
		return "ModelTimeoutException"
	case f.status < http.StatusInternalServerError:
		return "ValidationException"
	case f.status == http.StatusServiceUnavailable:
		return "ServiceUnavailableException"
	}
	return "InternalServerException"
}
