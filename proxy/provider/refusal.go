package provider

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"gatehouse/proxy/wire"
)

// Class groups upstream refusals by what the router does about them.
type Class uint8

// The classes.
const (
	Other         Class = iota
	BadRequest          // 400, 413, 422: the same everywhere
	Auth                // 401, 403: our credential
	NotFound            // 404
	RateLimit           // 429
	QuotaGone           // 429 that no waiting cures
	Slow                // 408 and our own deadline
	ServerError         // 5xx, 529, connection trouble
	ContextWindow       // the prompt is too long for this model
	ContentPolicy       // the provider's filter
)

// Refusal is a provider's error answer, brought to one form. Its texts are the provider's and must be masked before
// anyone sees them.
type Refusal struct {
	Status     int
	Message    string
	Type       string
	Code       string
	Param      string
	Class      Class
	RetryAfter time.Duration // 0 = not said
}

// Error is the provider's message; a Refusal travels as an error where an answer turns out to be one.
func (r *Refusal) Error() string { return r.Message }

// ParseHidden reads an error that came under a good status or inside a stream: its own code or type tells what kind it is.
func ParseHidden(body []byte) *Refusal {
	status := fasthttp.StatusBadGateway
	failure := body
	if inner := wire.Lookup(body, "error"); wire.IsObject(inner) {
		failure = inner
	}
	for _, name := range [...]string{"code", "status", "type", "http_code"} {
		raw := wire.Lookup(failure, name)
		if n, ok := wire.Int(raw); ok && n >= 400 && n < 600 {
			status = int(n)
			break
		}
		if s, ok := wire.String(raw); ok {
			if n := statusOf(s); n > 0 {
				status = n
				break
			}
		}
	}
	return ParseRefusal(status, body)
}

// statusOf is the HTTP status that an error's type or code stands for; 0 when it is not known.
func statusOf(word string) int {
	if n, err := strconv.Atoi(word); err == nil && n >= 400 && n < 600 {
		return n
	}
	switch word {
	// Anthropic Messages API, errors, 2025-06
	case "invalid_request_error":
		return fasthttp.StatusBadRequest
	case "authentication_error":
		return fasthttp.StatusUnauthorized
	case "permission_error":
		return fasthttp.StatusForbidden
	case "not_found_error":
		return fasthttp.StatusNotFound
	case "request_too_large":
		return fasthttp.StatusRequestEntityTooLarge
	case "rate_limit_error", "rate_limit_exceeded", "insufficient_quota":
		return fasthttp.StatusTooManyRequests
	case "timeout_error":
		return fasthttp.StatusGatewayTimeout
	case "api_error", "server_error":
		return fasthttp.StatusInternalServerError
	case "overloaded_error":
		return 529
	// google.rpc.Code
	case "INVALID_ARGUMENT", "FAILED_PRECONDITION":
		return fasthttp.StatusBadRequest
	case "UNAUTHENTICATED":
		return fasthttp.StatusUnauthorized
	case "PERMISSION_DENIED":
		return fasthttp.StatusForbidden
	case "NOT_FOUND":
		return fasthttp.StatusNotFound
	case "RESOURCE_EXHAUSTED":
		return fasthttp.StatusTooManyRequests
	case "UNAVAILABLE":
		return fasthttp.StatusServiceUnavailable
	case "DEADLINE_EXCEEDED":
		return fasthttp.StatusGatewayTimeout
	case "INTERNAL":
		return fasthttp.StatusInternalServerError
	// Bedrock Runtime, exceptions of ConverseStream
	case "throttlingException", "ThrottlingException", "ModelNotReadyException":
		return fasthttp.StatusTooManyRequests
	case "validationException", "ValidationException":
		return fasthttp.StatusBadRequest
	case "AccessDeniedException":
		return fasthttp.StatusForbidden
	case "ResourceNotFoundException":
		return fasthttp.StatusNotFound
	case "modelTimeoutException", "ModelTimeoutException":
		return fasthttp.StatusRequestTimeout
	case "modelStreamErrorException", "ModelErrorException":
		return fasthttp.StatusBadGateway
	case "internalServerException", "InternalServerException":
		return fasthttp.StatusInternalServerError
	case "serviceUnavailableException", "ServiceUnavailableException":
		return fasthttp.StatusServiceUnavailable
	case "content_filter", "content_policy_violation", "context_length_exceeded":
		return fasthttp.StatusBadRequest
	}
	return 0
}

// maxErrorBody is what is read of an error answer.
const maxErrorBody = 64 << 10

// ReadRefusal reads an error answer: its status, headers and body.
func ReadRefusal(resp *Response) *Refusal {
	body, err := resp.Body.ReadAll(nil, maxErrorBody)
	if err != nil && len(body) > maxErrorBody {
		body = body[:maxErrorBody]
	}
	r := ParseRefusal(resp.Status(), body)
	if wait := retryAfter(&resp.Header); wait > 0 {
		r.RetryAfter = wait
	}
	if v := resp.Header.Peek("X-Amzn-Errortype"); r.Type == "" && len(v) > 0 {
		kind, _, _ := strings.Cut(string(v), ":")
		r.Type = kind
	}
	return r
}

// ParseRefusal brings an error body to one form. It knows the shapes of OpenAI's family, Anthropic, Google (in a list
// too), AWS and Cohere ({"message"}), FastAPI ({"detail"}) and Ollama ({"error":"text"}).
func ParseRefusal(status int, body []byte) *Refusal {
	r := &Refusal{Status: status}
	body = bytes.TrimSpace(body)
	if wire.IsArray(body) {
		wire.EachElement(body, func(e []byte) {
			if r.Message == "" {
				r.read(e)
			}
		})
	} else {
		r.read(body)
	}
	if r.Message == "" && !wire.IsObject(body) {
		r.Message = plain(body)
	}
	if r.Message == "" {
		r.Message = "the provider answered " + strconv.Itoa(status)
	}
	r.Class = r.classify()
	return r
}

// plain is a text body fit to be shown; markup is not.
func plain(body []byte) string {
	if len(body) == 0 || body[0] == '<' || wire.Text(body) != nil {
		return ""
	}
	return string(body[:min(len(body), 2000)])
}

func (r *Refusal) read(body []byte) {
	var o wire.Object
	if o.Parse(body) != nil {
		return
	}
	text := func(name string) string {
		if i := o.Find(name); i >= 0 {
			return scalar(o.Raw(i))
		}
		return ""
	}
	if i := o.Find("error"); i >= 0 {
		if raw := o.Raw(i); wire.IsObject(raw) {
			r.read(raw)
		} else {
			r.Message = scalar(raw)
		}
		if r.Message != "" {
			return
		}
	}
	r.Message = text("message")
	if i := o.Find("detail"); i >= 0 && r.Message == "" {
		if raw := o.Raw(i); wire.IsArray(raw) || wire.IsObject(raw) {
			r.Message = string(raw[:min(len(raw), 2000)])
		} else {
			r.Message = scalar(raw)
		}
	}
	r.Type, r.Code, r.Param = text("type"), text("code"), text("param")
	if status := text("status"); r.Type == "" && status != "" { // Google: "status":"RESOURCE_EXHAUSTED","code":429
		r.Type, r.Code = status, ""
	}
	if i := o.Find("details"); i >= 0 {
		wire.EachElement(o.Raw(i), func(e []byte) { // google.rpc.RetryInfo
			delay, _ := wire.String(wire.Lookup(e, "retryDelay"))
			if d, err := time.ParseDuration(delay); err == nil && d > 0 && d < 1e7*time.Second {
				r.RetryAfter = d
			}
		})
	}
	if i := o.Find("innererror"); i >= 0 {
		if inner, _ := wire.String(wire.Lookup(o.Raw(i), "code")); inner == "ResponsibleAIPolicyViolation" {
			r.Code = "content_filter"
		}
	}
}

// scalar is a string, or a number as it is written; anything else is "".
func scalar(raw []byte) string {
	if s, ok := wire.String(raw); ok {
		return s
	}
	if wire.Null(raw) || wire.IsObject(raw) || wire.IsArray(raw) {
		return ""
	}
	return string(raw)
}

func (r *Refusal) classify() Class {
	switch r.Status {
	case fasthttp.StatusUnauthorized, fasthttp.StatusForbidden:
		return Auth
	case fasthttp.StatusNotFound:
		return NotFound
	case fasthttp.StatusRequestTimeout, fasthttp.StatusGatewayTimeout:
		return Slow
	case fasthttp.StatusTooManyRequests:
		if r.Code == "insufficient_quota" || r.Type == "insufficient_quota" {
			return QuotaGone
		}
		return RateLimit
	case fasthttp.StatusBadRequest, fasthttp.StatusRequestEntityTooLarge, fasthttp.StatusUnprocessableEntity:
		return r.classifyBad()
	}
	switch {
	case r.Status >= fasthttp.StatusInternalServerError:
		return ServerError
	case r.Status >= fasthttp.StatusBadRequest:
		return BadRequest
	}
	return Other
}

// contextTexts are how providers say that a prompt is too long (proxy.md §4.5).
var contextTexts = []string{ //nolint:gochecknoglobals // a table
	"prompt is too long", "exceeds the maximum number of tokens", "input is too long", "too many tokens", "maximum context length",
	"context_length_exceeded", "context window",
}

func (r *Refusal) classifyBad() Class {
	switch r.Code {
	case "context_length_exceeded":
		return ContextWindow
	case "content_policy_violation", "content_filter":
		return ContentPolicy
	}
	message := strings.ToLower(r.Message)
	for _, text := range contextTexts {
		if strings.Contains(message, text) {
			return ContextWindow
		}
	}
	if strings.Contains(message, "api key not valid") { // Google answers a bad key with 400
		return Auth
	}
	return BadRequest
}

// retryAfter reads how long the provider asks to wait: seconds, or milliseconds in retry-after-ms.
func retryAfter(h *fasthttp.ResponseHeader) time.Duration {
	if v := h.Peek("Retry-After-Ms"); len(v) > 0 {
		if ms, err := strconv.ParseFloat(string(v), 64); err == nil && ms > 0 && ms < 1e9 {
			return time.Duration(ms * float64(time.Millisecond))
		}
	}
	if v := h.Peek("Retry-After"); len(v) > 0 {
		if s, err := strconv.ParseFloat(string(v), 64); err == nil && s > 0 && s < 1e7 {
			return time.Duration(s * float64(time.Second))
		}
	}
	return 0
}
