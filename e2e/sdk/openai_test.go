// Package sdk holds the official SDKs against the real binary: what a client sees when only its base URL changes.
package sdk_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/ssestream"

	"gatehouse/internal/testkit"
)

// config is one deployment a model, tried once, so that each call shows what one upstream answer becomes.
const config = testkit.DefaultConfig + settings

const settings = `
litellm_settings: {num_retries: 0}
router_settings: {num_retries: 0, disable_cooldowns: true}
`

// start runs one server with its provider for a whole test function; subtests run one after the other, since they script
// the provider.
func start(t *testing.T) (*testkit.Server, *testkit.Provider) {
	t.Helper()
	provider := testkit.NewProvider(t)
	return testkit.Start(t, testkit.Options{Config: config, Provider: provider}), provider
}

// client is the SDK as a user sets it up, but for retries, which would hide what the first answer was.
func client(s *testkit.Server, key string, opts ...option.RequestOption) openai.Client {
	base := []option.RequestOption{option.WithBaseURL(s.URL + "/v1"), option.WithAPIKey(key), option.WithMaxRetries(0)}
	return openai.NewClient(append(base, opts...)...)
}

func chat(model string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{Model: model, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Hello")}}
}

func TestOpenAIAnswers(t *testing.T) {
	t.Parallel()
	server, provider := start(t)
	key := server.GenerateKey(t, nil).Secret
	sdk := client(server, key)

	t.Run("chat", func(t *testing.T) {
		var raw *http.Response
		answer, err := sdk.Chat.Completions.New(t.Context(), chat("gpt-4o-mini"), option.WithResponseInto(&raw))
		if err != nil {
			t.Fatal(err)
		}
		if got := answer.Choices[0].Message.Content; got != testkit.DefaultText {
			t.Errorf("content %q", got)
		}
		if answer.Usage.TotalTokens != 30 {
			t.Errorf("usage %+v", answer.Usage)
		}
		if id := raw.Header.Get("X-Request-Id"); id == "" || id != raw.Header.Get("X-Litellm-Call-Id") || id != raw.Header.Get("X-Gatehouse-Call-Id") {
			t.Errorf("the call has no single id: %v", raw.Header)
		}
		if sent := provider.Last(t); strings.Contains(sent.Header.Get("Authorization"), key) || sent.Header.Get("Authorization") != "Bearer sk-upstream" {
			t.Errorf("upstream saw %q", sent.Header.Get("Authorization"))
		}
	})
	t.Run("chat stream", func(t *testing.T) {
		text, usage, err := drain(sdk.Chat.Completions.NewStreaming(t.Context(), chat("gpt-4o-mini")))
		if err != nil || text != testkit.DefaultText || usage != 0 {
			t.Errorf("got %q, usage %d, %v", text, usage, err)
		}
	})
	t.Run("chat stream with usage", func(t *testing.T) {
		params := chat("gpt-4o-mini")
		params.StreamOptions.IncludeUsage = openai.Bool(true)
		text, usage, err := drain(sdk.Chat.Completions.NewStreaming(t.Context(), params))
		if err != nil || text != testkit.DefaultText || usage != 30 {
			t.Errorf("got %q, usage %d, %v", text, usage, err)
		}
	})
	t.Run("chat stream on Anthropic's wire", func(t *testing.T) {
		text, _, err := drain(sdk.Chat.Completions.NewStreaming(t.Context(), chat("claude-sonnet-4-5")))
		if err != nil || text != testkit.DefaultText {
			t.Errorf("got %q, %v", text, err)
		}
	})
	t.Run("tool call", func(t *testing.T) {
		provider.Script(testkit.Reply{ToolCalls: []testkit.ToolCall{{ID: "call_a", Name: "weather", Arguments: `{"city":"Oslo"}`}}})
		stream := sdk.Chat.Completions.NewStreaming(t.Context(), chat("gpt-4o-mini"))
		var all openai.ChatCompletionAccumulator
		for stream.Next() {
			all.AddChunk(stream.Current())
		}
		if err := stream.Err(); err != nil {
			t.Fatal(err)
		}
		calls := all.Choices[0].Message.ToolCalls
		if len(calls) != 1 || calls[0].ID != "call_a" || calls[0].Function.Arguments != `{"city":"Oslo"}` || all.Choices[0].FinishReason != "tool_calls" {
			t.Errorf("got %+v", all.Choices[0])
		}
	})
	t.Run("embeddings", func(t *testing.T) {
		answer, err := sdk.Embeddings.New(t.Context(), openai.EmbeddingNewParams{
			Model: "text-embedding-3-small", Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"a", "b"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(answer.Data) != 2 || !slices.Equal(answer.Data[1].Embedding[:2], []float64{2, 1}) {
			t.Errorf("got %+v", answer.Data)
		}
	})
	t.Run("text completion", func(t *testing.T) {
		answer, err := sdk.Completions.New(t.Context(), openai.CompletionNewParams{
			Model: "gpt-4o-mini", Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("Hello")},
		})
		if err != nil || answer.Choices[0].Text != testkit.DefaultText {
			t.Errorf("got %+v, %v", answer, err)
		}
	})
	t.Run("models", func(t *testing.T) {
		own := client(server, server.GenerateKey(t, map[string]any{"models": []string{"gpt-4o"}}).Secret)
		var ids []string
		for pager := own.Models.ListAutoPaging(t.Context()); pager.Next(); {
			ids = append(ids, pager.Current().ID)
		}
		if !slices.Equal(ids, []string{"gpt-4o"}) {
			t.Errorf("a key for gpt-4o lists %v", ids)
		}
		if model, err := own.Models.Get(t.Context(), "gpt-4o"); err != nil || model.ID != "gpt-4o" {
			t.Errorf("got %+v, %v", model, err)
		}
		_, err := own.Models.Get(t.Context(), "gpt-4o-mini")
		refused(t, err, want{status: 404, kind: "invalid_request_error", code: "model_not_found"})
	})
}

// drain reads a chat stream to its end.
func drain(stream *ssestream.Stream[openai.ChatCompletionChunk]) (text string, usage int64, err error) {
	for stream.Next() {
		chunk := stream.Current()
		usage += chunk.Usage.TotalTokens
		for _, choice := range chunk.Choices {
			text += choice.Delta.Content
		}
	}
	return text, usage, errors.Join(stream.Err(), stream.Close())
}

// want is one row of the error table; an empty param is not compared.
type want struct {
	status            int
	kind, code, param string
}

// refusal is what of an error only some tests look at.
type refusal struct {
	message string
	header  http.Header
}

// refused asserts that err is the SDK's error with these fields and a request id.
func refused(t *testing.T, err error, w want) refusal {
	t.Helper()
	var got *openai.Error
	if !errors.As(err, &got) {
		t.Fatalf("got %v, want the SDK's error %+v", err, w)
	}
	if got.StatusCode != w.status || got.Type != w.kind || got.Code != w.code || w.param != "" && got.Param != w.param {
		t.Errorf("got %d %s / %s (%s): %s; want %+v", got.StatusCode, got.Type, got.Code, got.Param, got.Message, w)
	}
	if got.Message == "" {
		t.Error("the error says nothing")
	}
	if got.Response.Header.Get("X-Request-Id") == "" {
		t.Error("the error has no request id")
	}
	return refusal{got.Message, got.Response.Header}
}

func TestOpenAIRefusalsByKey(t *testing.T) {
	t.Parallel()
	server, provider := start(t)
	generate := func(t *testing.T, fields map[string]any) string {
		t.Helper()
		return server.GenerateKey(t, fields).Secret
	}
	tests := []struct {
		name  string
		key   func(t *testing.T) string
		model string
		want  want
		final bool // must not be retried
	}{
		{"no key", func(*testing.T) string { return "" }, "gpt-4o", want{401, "auth_error", "missing_api_key", ""}, true},
		{"malformed key", func(*testing.T) string { return "hello" }, "gpt-4o", want{401, "auth_error", "invalid_api_key", ""}, true},
		{"unknown key", func(*testing.T) string { return "sk-unknown-0123456789abcdef" }, "gpt-4o", want{401, "token_not_found_in_db", "invalid_api_key", ""}, true},
		{"deleted key", func(t *testing.T) string {
			t.Helper()
			key := generate(t, nil)
			server.Admin(t, http.MethodPost, "/key/delete", map[string]any{"keys": []string{key}})
			return key
		}, "gpt-4o", want{401, "token_not_found_in_db", "invalid_api_key", ""}, true},
		{"blocked key", func(t *testing.T) string {
			t.Helper()
			key := generate(t, nil)
			server.Admin(t, http.MethodPost, "/key/block", map[string]any{"key": key})
			return key
		}, "gpt-4o", want{401, "auth_error", "key_blocked", ""}, true},
		{"blocked team", func(t *testing.T) string {
			t.Helper()
			team := server.NewTeam(t, nil)
			key := generate(t, map[string]any{"team_id": team})
			server.Admin(t, http.MethodPost, "/team/block", map[string]any{"team_id": team})
			return key
		}, "gpt-4o", want{401, "auth_error", "key_blocked", ""}, true},
		{"route not allowed", func(t *testing.T) string {
			t.Helper()
			return generate(t, map[string]any{"allowed_routes": []string{"/v1/embeddings"}})
		}, "gpt-4o", want{403, "auth_error", "route_not_allowed", ""}, true},
		{"model not allowed to the key", func(t *testing.T) string {
			t.Helper()
			return generate(t, map[string]any{"models": []string{"gpt-4o-mini"}})
		}, "gpt-4o", want{403, "key_model_access_denied", "model_access_denied", "model"}, true},
		{"model not allowed to the team", func(t *testing.T) string {
			t.Helper()
			return generate(t, map[string]any{"team_id": server.NewTeam(t, map[string]any{"models": []string{"gpt-4o-mini"}})})
		}, "gpt-4o", want{403, "team_model_access_denied", "model_access_denied", "model"}, true},
		{"model not allowed to the user", func(t *testing.T) string {
			t.Helper()
			user, _ := server.NewUser(t, map[string]any{"models": []string{"gpt-4o-mini"}, "auto_create_key": false})
			return generate(t, map[string]any{"user_id": user})
		}, "gpt-4o", want{403, "user_model_access_denied", "model_access_denied", "model"}, true},
		{"unknown model", func(t *testing.T) string { t.Helper(); return generate(t, nil) }, "gpt-9", want{404, "invalid_request_error", "model_not_found", "model"}, true},
		{"budget used up", func(t *testing.T) string {
			t.Helper()
			return generate(t, map[string]any{"max_budget": 0})
		}, "gpt-4o", want{429, "budget_exceeded", "budget_exceeded", ""}, true},
		{"rate limit", func(t *testing.T) string {
			t.Helper()
			return generate(t, map[string]any{"rpm_limit": 0})
		}, "gpt-4o", want{429, "rate_limit_error", "rate_limit_exceeded", ""}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := len(provider.Requests())
			sdk := client(server, test.key(t))
			_, err := sdk.Chat.Completions.New(t.Context(), chat(test.model))
			got := refused(t, err, test.want)
			if test.final && test.want.status == http.StatusTooManyRequests && got.header.Get("X-Should-Retry") != "false" {
				t.Error("the SDK would try this again")
			}
			if !test.final && got.header.Get("Retry-After") == "" {
				t.Error("the answer does not say when to try again")
			}
			if len(provider.Requests()) != before {
				t.Error("a refused call reached the provider")
			}
		})
	}
}

func TestOpenAIUpstreamErrors(t *testing.T) {
	t.Parallel()
	server, provider := start(t)
	sdk := client(server, server.GenerateKey(t, nil).Secret)
	const invalid = "invalid_request_error"
	tests := []struct {
		name  string
		reply testkit.Reply
		want  want
	}{
		{"400 is passed on", testkit.ErrorReply(400, invalid, "bad_thing", "Bad thing."), want{400, invalid, "bad_thing", ""}},
		{"context too long", testkit.ErrorReply(400, invalid, "context_length_exceeded", "Too long."), want{400, invalid, "context_length_exceeded", ""}},
		{"content policy", testkit.ErrorReply(400, invalid, "content_policy_violation", "Not this."), want{400, invalid, "content_policy_violation", ""}},
		{"404 is passed on", testkit.ErrorReply(404, invalid, "gone", "Gone."), want{404, invalid, "gone", ""}},
		{"409 is passed on", testkit.ErrorReply(409, "conflict_error", "busy", "Busy."), want{409, "conflict_error", "busy", ""}},
		{"422 is passed on", testkit.ErrorReply(422, invalid, "odd", "Odd."), want{422, invalid, "odd", ""}},
		{"429 keeps its code", testkit.RateLimited(7), want{429, "rate_limit_error", "rate_limit_exceeded", ""}},
		{"our credential refused", testkit.ErrorReply(401, "auth_error", "invalid_api_key", "Bad key sk-upstream."), want{502, "upstream_error", "upstream_auth_failed", ""}},
		{"our credential forbidden", testkit.ErrorReply(403, "auth_error", "forbidden", "No."), want{502, "upstream_error", "upstream_auth_failed", ""}},
		{"500", testkit.Reply{Status: 500}, want{500, "upstream_error", "upstream_unavailable", ""}},
		{"503", testkit.Reply{Status: 503}, want{503, "upstream_error", "upstream_unavailable", ""}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			provider.Script(test.reply)
			_, err := sdk.Chat.Completions.New(t.Context(), chat("gpt-4o"))
			got := refused(t, err, test.want)
			if strings.Contains(got.message, "sk-upstream") {
				t.Errorf("the message shows our credential: %s", got.message)
			}
			if wait := test.reply.Header["Retry-After"]; got.header.Get("Retry-After") != wait && wait != "" {
				t.Errorf("Retry-After %q, want %q", got.header.Get("Retry-After"), wait)
			}
		})
	}
	t.Run("connection dropped", func(t *testing.T) {
		// A kept connection that ends before any byte may be an old one, so it may be tried once more on a new one.
		provider.Script(testkit.Reply{Fault: testkit.FaultDrop}, testkit.Reply{Fault: testkit.FaultDrop})
		_, err := sdk.Chat.Completions.New(t.Context(), chat("gpt-4o"))
		refused(t, err, want{502, "upstream_error", "upstream_unavailable", ""})
		provider.Reset()
	})
	t.Run("timeout", func(t *testing.T) {
		provider.Script(testkit.Reply{Fault: testkit.FaultHang})
		_, err := sdk.Chat.Completions.New(t.Context(), chat("gpt-4o"), option.WithJSONSet("timeout", 0.3))
		refused(t, err, want{408, "timeout_error", "timeout", ""})
		provider.WaitGone(t, 1)
	})
	t.Run("error before the first event of a stream", func(t *testing.T) {
		provider.Script(testkit.Reply{Status: 503})
		_, _, err := drain(sdk.Chat.Completions.NewStreaming(t.Context(), chat("gpt-4o")))
		refused(t, err, want{503, "upstream_error", "upstream_unavailable", ""})
	})
	t.Run("stream cut in the middle", func(t *testing.T) {
		provider.Script(testkit.Reply{Fault: testkit.FaultCut, After: 3})
		text, _, err := drain(sdk.Chat.Completions.NewStreaming(t.Context(), chat("gpt-4o")))
		if err == nil || !strings.Contains(err.Error(), "upstream") || text == "" {
			t.Errorf("got %q and %v, want what arrived and an error", text, err)
		}
	})
	t.Run("unknown path", func(t *testing.T) {
		err := sdk.Get(t.Context(), "no/such/route", nil, nil)
		refused(t, err, want{404, invalid, "route_not_found", ""})
	})
	t.Run("bad JSON", func(t *testing.T) {
		err := sdk.Post(t.Context(), "chat/completions", nil, nil, option.WithRequestBody("application/json", []byte(`{"model":`)))
		refused(t, err, want{400, invalid, "invalid_json", ""})
	})
	t.Run("missing field", func(t *testing.T) {
		err := sdk.Post(t.Context(), "chat/completions", nil, nil, option.WithRequestBody("application/json", []byte(`{"messages":[]}`)))
		refused(t, err, want{400, invalid, "missing_required_parameter", "model"})
	})
}

// A client that retries, as the SDK does by default, must give up at once where waiting cannot help.
func TestOpenAIDoesNotRetryABudget(t *testing.T) {
	t.Parallel()
	server, _ := start(t)
	key := server.GenerateKey(t, map[string]any{"max_budget": 0}).Secret
	calls := 0
	sdk := client(server, key, option.WithMaxRetries(5), option.WithMiddleware(func(r *http.Request, next option.MiddlewareNext) (*http.Response, error) {
		calls++
		return next(r)
	}))
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	_, err := sdk.Chat.Completions.New(ctx, chat("gpt-4o"))
	refused(t, err, want{429, "budget_exceeded", "budget_exceeded", ""})
	if calls != 1 {
		t.Errorf("the SDK called %d times", calls)
	}
}
