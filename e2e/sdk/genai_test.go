package sdk_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"google.golang.org/genai"

	"gatehouse/internal/testkit"
)

// geminiModel is a deployment of Gemini's, for what is passed through to it.
const geminiModel = `  - model_name: gemini-embed
    litellm_params: {model: gemini/gemini-embedding-001, api_base: "${PROVIDER}/v1beta", api_key: sk-google-upstream, input_cost_per_token: 0.000001, output_cost_per_token: 0}
`

func genaiClient(t *testing.T, base, key string) *genai.Client {
	t.Helper()
	c, err := genai.NewClient(t.Context(), &genai.ClientConfig{APIKey: key, Backend: genai.BackendGeminiAPI, HTTPOptions: genai.HTTPOptions{BaseURL: base}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Google's SDK talks to models of other makers as it does to Gemini.
func TestGoogleConversations(t *testing.T) {
	t.Parallel()
	server, provider := startModel(t, geminiModel)
	key := server.GenerateKey(t, nil).Secret
	sdk := genaiClient(t, server.URL, key)
	pixel, err := base64.StdEncoding.DecodeString(redPixel)
	if err != nil {
		t.Fatal(err)
	}
	for _, model := range []string{"gpt-4o", "claude-sonnet-4-5"} {
		t.Run("content: "+model, func(t *testing.T) {
			answer, err := sdk.Models.GenerateContent(t.Context(), model, genai.Text("Hello"), nil)
			if err != nil || answer.Text() != testkit.DefaultText || answer.UsageMetadata.TotalTokenCount != 30 || answer.Candidates[0].FinishReason != genai.FinishReasonStop {
				t.Errorf("got %+v, %v", answer, err)
			}
			if sent := provider.Last(t); strings.Contains(string(mustJSON(t, sent.Header))+sent.Query, key) {
				t.Errorf("our key left: %v %s", sent.Header, sent.Query)
			}
		})
		t.Run("a stream: "+model, func(t *testing.T) {
			var text strings.Builder
			for part, err := range sdk.Models.GenerateContentStream(t.Context(), model, genai.Text("Hello"), nil) {
				if err != nil {
					t.Fatal(err)
				}
				text.WriteString(part.Text())
			}
			if text.String() != testkit.DefaultText {
				t.Errorf("got %q", text.String())
			}
		})
		t.Run("tools there and back: "+model, func(t *testing.T) {
			config := &genai.GenerateContentConfig{Tools: []*genai.Tool{{FunctionDeclarations: []*genai.FunctionDeclaration{{
				Name: "weather", Parameters: &genai.Schema{Type: genai.TypeObject, Properties: map[string]*genai.Schema{"city": {Type: genai.TypeString}}},
			}}}}}
			asked := genai.Text("How is the weather in Oslo?")
			answer, err := sdk.Models.GenerateContent(t.Context(), model, asked, config)
			if err != nil {
				t.Fatal(err)
			}
			calls := answer.FunctionCalls()
			if len(calls) != 1 || calls[0].Name != "weather" || calls[0].Args["city"] != "Oslo" {
				t.Fatalf("got %+v", answer)
			}
			asked = append(asked, answer.Candidates[0].Content, genai.NewContentFromParts([]*genai.Part{
				{FunctionResponse: &genai.FunctionResponse{ID: calls[0].ID, Name: "weather", Response: map[string]any{"degrees": 7}}},
			}, genai.RoleUser))
			if answer, err = sdk.Models.GenerateContent(t.Context(), model, asked, config); err != nil || answer.Text() != weatherText {
				t.Errorf("got %+v, %v", answer, err)
			}
		})
		t.Run("an image: "+model, func(t *testing.T) {
			parts := []*genai.Part{genai.NewPartFromText("What is this?"), genai.NewPartFromBytes(pixel, "image/png")}
			answer, err := sdk.Models.GenerateContent(t.Context(), model, []*genai.Content{genai.NewContentFromParts(parts, genai.RoleUser)}, nil)
			if err != nil || answer.Text() != imageText {
				t.Errorf("got %+v, %v", answer, err)
			}
		})
		t.Run("a schema: "+model, func(t *testing.T) {
			answer, err := sdk.Models.GenerateContent(t.Context(), model, genai.Text("Weather?"), &genai.GenerateContentConfig{
				ResponseMIMEType: "application/json", ResponseJsonSchema: weatherSchema,
			})
			if err != nil || answer.Text() != cityJSON {
				t.Errorf("got %+v, %v", answer, err)
			}
		})
		t.Run("counting: "+model, func(t *testing.T) {
			count, err := sdk.Models.CountTokens(t.Context(), model, genai.Text("Hello there"), nil)
			if err != nil || count.TotalTokens <= 0 {
				t.Errorf("got %+v, %v", count, err)
			}
		})
	}
	t.Run("embeddings, at the provider's own route", func(t *testing.T) {
		provider.Script(testkit.Reply{})
		provider.Choose(func(testkit.Request) *testkit.Reply {
			return &testkit.Reply{Body: `{"embeddings":[{"values":[0.5,1]}]}`}
		})
		defer provider.Choose(compacted)
		answer, err := genaiClient(t, server.URL+"/gemini", key).Models.EmbedContent(t.Context(), "gemini-embed", genai.Text("Hello"), nil)
		if err != nil || len(answer.Embeddings) != 1 || answer.Embeddings[0].Values[1] != 1 {
			t.Fatalf("got %+v, %v", answer, err)
		}
		sent := provider.Last(t)
		if !strings.HasPrefix(sent.Path, "/v1beta/models/gemini-embedding-001:") || sent.Header.Get("X-Goog-Api-Key") != "sk-google-upstream" {
			t.Errorf("sent %s %v", sent.Path, sent.Header)
		}
	})
}

func TestGoogleErrors(t *testing.T) {
	t.Parallel()
	server, _ := startModel(t, "")
	key := server.GenerateKey(t, nil).Secret
	tests := []struct {
		name, key, model, say string
		code                  int
		status                string
	}{
		{"unknown key", "sk-unknown-0123456789abcdef", "gpt-4o", "Hello", 401, "UNAUTHENTICATED"},
		{"model not allowed", server.GenerateKey(t, map[string]any{"models": []string{"gpt-4o-mini"}}).Secret, "gpt-4o", "Hello", 403, "PERMISSION_DENIED"},
		{"unknown model", key, "gpt-9", "Hello", 404, "NOT_FOUND"},
		{"budget used up", server.GenerateKey(t, map[string]any{"max_budget": 0}).Secret, "gpt-4o", "Hello", 429, "RESOURCE_EXHAUSTED"},
		{"upstream 400", key, "gpt-4o", "fail 400", 400, "INVALID_ARGUMENT"},
		{"upstream 429", key, "gpt-4o", "fail 429", 429, "RESOURCE_EXHAUSTED"},
		{"upstream 503", key, "gpt-4o", "fail 503", 503, "UNAVAILABLE"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := genaiClient(t, server.URL, tt.key).Models.GenerateContent(t.Context(), tt.model, genai.Text(tt.say), nil)
			var got genai.APIError
			if !errors.As(err, &got) || got.Code != tt.code || got.Status != tt.status {
				t.Errorf("got %v, want %d %s", err, tt.code, tt.status)
			}
		})
	}
}
