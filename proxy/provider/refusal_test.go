package provider

import (
	"testing"
	"time"

	"gatehouse/internal/testkit/storm"
)

func TestParseRefusal(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		status int
		body   string
		want   Refusal
	}{
		"openai":       {429, `{"error":{"message":"m","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}`, Refusal{Message: "m", Type: "rate_limit_error", Code: "rate_limit_exceeded", Class: RateLimit}},
		"quota":        {429, `{"error":{"message":"m","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}`, Refusal{Message: "m", Type: "insufficient_quota", Code: "insufficient_quota", Class: QuotaGone}},
		"anthropic":    {529, `{"type":"error","error":{"type":"overloaded_error","message":"m"},"request_id":"r"}`, Refusal{Message: "m", Type: "overloaded_error", Class: ServerError}},
		"google":       {429, `{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[]}}`, Refusal{Message: "m", Type: "RESOURCE_EXHAUSTED", Class: RateLimit}},
		"google list":  {400, `[{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}]`, Refusal{Message: "m", Type: "INVALID_ARGUMENT", Class: BadRequest}},
		"google key":   {400, `{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT"}}`, Refusal{Message: "API key not valid.", Type: "INVALID_ARGUMENT", Class: Auth}},
		"aws":          {400, `{"message":"Input is too long for requested model."}`, Refusal{Message: "Input is too long for requested model.", Class: ContextWindow}},
		"fastapi":      {422, `{"detail":"m"}`, Refusal{Message: "m", Class: BadRequest}},
		"fastapi list": {422, `{"detail":[{"msg":"m"}]}`, Refusal{Message: `[{"msg":"m"}]`, Class: BadRequest}},
		"ollama":       {404, `{"error":"model 'x' not found"}`, Refusal{Message: "model 'x' not found", Class: NotFound}},
		"old vllm":     {400, `{"object":"error","message":"m","type":"BadRequestError","param":null,"code":400}`, Refusal{Message: "m", Type: "BadRequestError", Code: "400", Class: BadRequest}},
		"azure filter": {400, `{"error":{"message":"m","type":null,"param":"prompt","code":"content_filter","innererror":{"code":"ResponsibleAIPolicyViolation"}}}`, Refusal{Message: "m", Param: "prompt", Code: "content_filter", Class: ContentPolicy}},
		"context":      {400, `{"error":{"message":"m","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}`, Refusal{Message: "m", Type: "invalid_request_error", Param: "messages", Code: "context_length_exceeded", Class: ContextWindow}},
		"text":         {503, "upstream connect error", Refusal{Message: "upstream connect error", Class: ServerError}},
		"markup":       {502, "<html>x</html>", Refusal{Message: "the provider answered 502", Class: ServerError}},
		"nothing":      {401, "", Refusal{Message: "the provider answered 401", Class: Auth}},
		"empty object": {408, "{}", Refusal{Message: "the provider answered 408", Class: Slow}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.want.Status = tt.status
			if got := ParseRefusal(tt.status, []byte(tt.body)); *got != tt.want {
				t.Errorf("got %+v, want %+v", *got, tt.want)
			}
		})
	}
}

func FuzzParseRefusal(f *testing.F) {
	s := storm.New(f)
	s.Add(400, []byte(`{"error":{"message":"m","innererror":{"code":1}}}`))
	s.Add(429, []byte(`[{"error":"x"}]`))
	s.Add(429, []byte(`{"error":{"status":"RESOURCE_EXHAUSTED","code":429,"message":"m","details":[{"retryDelay":"3s"}]}}`))
	s.Fuzz(func(tb testing.TB, status int, body []byte) {
		for _, r := range []*Refusal{ParseRefusal(status, body), ParseHidden(body)} {
			if r.Message == "" || len(r.Message) > len(body)+100 || r.RetryAfter < 0 || r.RetryAfter > 1e7*time.Second || r.Class > ContentPolicy {
				tb.Errorf("%q is refused with %+v", body, r)
			}
		}
		if hidden := ParseHidden(body); hidden.Status < 400 || hidden.Status > 599 || hidden.Class == Other {
			tb.Errorf("%q under a good status is %+v", body, hidden)
		}
	})
}
