package sdk_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"

	"gatehouse/internal/testkit"
)

func anthropicClient(s *testkit.Server, key string, opts ...option.RequestOption) anthropic.Client {
	base := []option.RequestOption{option.WithBaseURL(s.URL), option.WithAPIKey(key), option.WithMaxRetries(0)}
	return anthropic.NewClient(append(base, opts...)...)
}

func message(model string, blocks ...anthropic.ContentBlockParamUnion) anthropic.MessageNewParams {
	if len(blocks) == 0 {
		blocks = []anthropic.ContentBlockParamUnion{anthropic.NewTextBlock("Hello")}
	}
	return anthropic.MessageNewParams{Model: anthropic.Model(model), MaxTokens: 100, Messages: []anthropic.MessageParam{anthropic.NewUserMessage(blocks...)}}
}

func textOf(m *anthropic.Message) string {
	var b strings.Builder
	for _, block := range m.Content {
		b.WriteString(block.Text)
	}
	return b.String()
}

// Every conversation, on a deployment that speaks Anthropic's wire and on one that does not.
func TestAnthropicConversations(t *testing.T) {
	t.Parallel()
	server, provider := startModel(t, "")
	key := server.GenerateKey(t, nil).Secret
	sdk := anthropicClient(server, key)
	for _, model := range []string{"claude-sonnet-4-5", "gpt-4o"} {
		t.Run("a message: "+model, func(t *testing.T) {
			var raw *http.Response
			answer, err := sdk.Messages.New(t.Context(), message(model), option.WithResponseInto(&raw))
			if err != nil {
				t.Fatal(err)
			}
			if textOf(answer) != testkit.DefaultText || answer.StopReason != "end_turn" || answer.Usage.InputTokens != 10 || answer.Usage.OutputTokens != 20 || string(answer.Model) != model {
				t.Errorf("got %+v", answer)
			}
			if id := raw.Header.Get("Request-Id"); id == "" || id != raw.Header.Get("X-Litellm-Call-Id") {
				t.Errorf("the call has no single id: %v", raw.Header)
			}
			if sent := provider.Last(t); strings.Contains(string(mustJSON(t, sent.Header)), key) {
				t.Errorf("our key left: %v", sent.Header)
			}
		})
		t.Run("a stream: "+model, func(t *testing.T) {
			stream := sdk.Messages.NewStreaming(t.Context(), message(model))
			var whole anthropic.Message
			for stream.Next() {
				if err := whole.Accumulate(stream.Current()); err != nil {
					t.Fatal(err)
				}
			}
			if stream.Err() != nil || textOf(&whole) != testkit.DefaultText || whole.Usage.OutputTokens != 20 {
				t.Errorf("got %+v, %v", whole, stream.Err())
			}
		})
		t.Run("tools there and back: "+model, func(t *testing.T) {
			params := message(model)
			params.Tools = []anthropic.ToolUnionParam{{OfTool: &anthropic.ToolParam{
				Name: "weather", InputSchema: anthropic.ToolInputSchemaParam{Properties: weatherSchema["properties"], Required: []string{"city"}},
			}}}
			stream := sdk.Messages.NewStreaming(t.Context(), params)
			var whole anthropic.Message
			for stream.Next() {
				if err := whole.Accumulate(stream.Current()); err != nil {
					t.Fatal(err)
				}
			}
			if stream.Err() != nil || whole.StopReason != "tool_use" || len(whole.Content) != 1 || whole.Content[0].Name != "weather" || string(whole.Content[0].Input) != `{"city":"Oslo"}` {
				t.Fatalf("got %+v, %v", whole, stream.Err())
			}
			params.Messages = append(params.Messages, whole.ToParam(), anthropic.NewUserMessage(anthropic.NewToolResultBlock(whole.Content[0].ID, "7 degrees", false)))
			answer, err := sdk.Messages.New(t.Context(), params)
			if err != nil || textOf(answer) != weatherText {
				t.Errorf("got %+v, %v", answer, err)
			}
		})
		t.Run("an image: "+model, func(t *testing.T) {
			answer, err := sdk.Messages.New(t.Context(), message(model, anthropic.NewTextBlock("What is this?"), anthropic.NewImageBlockBase64("image/png", redPixel)))
			if err != nil || textOf(answer) != imageText {
				t.Errorf("got %+v, %v", answer, err)
			}
		})
		t.Run("a schema: "+model, func(t *testing.T) {
			params := message(model)
			answer, err := sdk.Messages.New(t.Context(), params, option.WithJSONSet("output_config", map[string]any{
				"format": map[string]any{"type": "json_schema", "schema": weatherSchema},
			}))
			if err != nil || textOf(answer) != cityJSON {
				t.Errorf("got %+v, %v", answer, err)
			}
		})
		t.Run("counting: "+model, func(t *testing.T) {
			count, err := sdk.Messages.CountTokens(t.Context(), anthropic.MessageCountTokensParams{Model: anthropic.Model(model), Messages: message(model).Messages})
			if err != nil || count.InputTokens <= 0 {
				t.Errorf("got %+v, %v", count, err)
			}
		})
	}
	t.Run("models", func(t *testing.T) {
		own := anthropicClient(server, server.GenerateKey(t, map[string]any{"models": []string{"gpt-4o"}}).Secret)
		var ids []string
		pager := own.Models.ListAutoPaging(t.Context(), anthropic.ModelListParams{})
		for pager.Next() {
			ids = append(ids, pager.Current().ID)
		}
		if pager.Err() != nil || !slices.Equal(ids, []string{"gpt-4o"}) {
			t.Errorf("got %v, %v", ids, pager.Err())
		}
	})
	t.Run("a bearer token", func(t *testing.T) {
		own := anthropic.NewClient(option.WithBaseURL(server.URL), option.WithAuthToken(key), option.WithMaxRetries(0))
		if answer, err := own.Messages.New(t.Context(), message("gpt-4o")); err != nil || textOf(answer) != testkit.DefaultText {
			t.Errorf("got %+v, %v", answer, err)
		}
	})
}

// Each failure has the status, the type and the request id that the SDK makes its error of.
func TestAnthropicErrors(t *testing.T) {
	t.Parallel()
	server, _ := startModel(t, "")
	key := server.GenerateKey(t, nil).Secret
	tests := []struct {
		name, key, model, say string
		status                int
		kind                  string
	}{
		{"unknown key", "sk-unknown-0123456789abcdef", "claude-sonnet-4-5", "Hello", 401, "authentication_error"},
		{"model not allowed", server.GenerateKey(t, map[string]any{"models": []string{"gpt-4o-mini"}}).Secret, "gpt-4o", "Hello", 403, "permission_error"},
		{"unknown model", key, "gpt-9", "Hello", 404, "not_found_error"},
		{"budget used up", server.GenerateKey(t, map[string]any{"max_budget": 0}).Secret, "gpt-4o", "Hello", 429, "rate_limit_error"},
		{"400 of Anthropic's wire", key, "claude-sonnet-4-5", "fail 400", 400, "invalid_request_error"},
		{"429 of Anthropic's wire", key, "claude-sonnet-4-5", "fail 429", 429, "rate_limit_error"},
		{"529 of Anthropic's wire", key, "claude-sonnet-4-5", "fail 529", 529, "overloaded_error"},
		{"our credential refused", key, "claude-sonnet-4-5", "fail 401", 502, "api_error"},
		{"400 of OpenAI's wire", key, "gpt-4o", "fail 400", 400, "invalid_request_error"},
		{"429 of OpenAI's wire", key, "gpt-4o", "fail 429", 429, "rate_limit_error"},
		{"500 of OpenAI's wire", key, "gpt-4o", "fail 500", 500, "api_error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sdk := anthropicClient(server, tt.key)
			_, err := sdk.Messages.New(t.Context(), message(tt.model, anthropic.NewTextBlock(tt.say)))
			var got *anthropic.Error
			if !errors.As(err, &got) {
				t.Fatalf("got %v", err)
			}
			var body struct{ Error struct{ Type string } }
			if json.Unmarshal([]byte(got.RawJSON()), &body) != nil || got.StatusCode != tt.status || body.Error.Type != tt.kind || got.RequestID == "" {
				t.Errorf("got %d (%s): %s", got.StatusCode, got.RequestID, got.RawJSON())
			}
		})
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
