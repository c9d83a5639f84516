package sdk_test

import (
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

var weatherSchema = map[string]any{
	"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}, "required": []string{"city"}, "additionalProperties": false,
}

// What a model can do beside talking, on a deployment of either wire.
func TestOpenAIConversations(t *testing.T) {
	t.Parallel()
	server, provider := startModel(t, "")
	sdk := client(server, server.GenerateKey(t, nil).Secret)
	for _, model := range []string{"gpt-4o", "claude-sonnet-4-5"} {
		t.Run("tools there and back: "+model, func(t *testing.T) {
			params := chat(model)
			params.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
				Name: "weather", Description: openai.String("Tells the weather."), Parameters: weatherSchema,
			})}
			answer, err := sdk.Chat.Completions.New(t.Context(), params)
			if err != nil {
				t.Fatal(err)
			}
			calls := answer.Choices[0].Message.ToolCalls
			if len(calls) != 1 || calls[0].Function.Name != "weather" || strings.ReplaceAll(calls[0].Function.Arguments, " ", "") != `{"city":"Oslo"}` || answer.Choices[0].FinishReason != "tool_calls" {
				t.Fatalf("got %+v", answer.Choices[0])
			}
			params.Messages = append(params.Messages, answer.Choices[0].Message.ToParam(), openai.ToolMessage("7 degrees", calls[0].ID))
			text, _, err := drain(sdk.Chat.Completions.NewStreaming(t.Context(), params))
			if err != nil || text != weatherText {
				t.Errorf("got %q, %v", text, err)
			}
			if sent := provider.Last(t); !strings.Contains(string(sent.Body), "7 degrees") || !strings.Contains(string(sent.Body), calls[0].ID) {
				t.Errorf("the result did not arrive: %s", sent.Body)
			}
		})
		t.Run("an image: "+model, func(t *testing.T) {
			params := chat(model)
			params.Messages = []openai.ChatCompletionMessageParamUnion{openai.UserMessage([]openai.ChatCompletionContentPartUnionParam{
				openai.TextContentPart("What is this?"),
				openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: "data:image/png;base64," + redPixel}),
			})}
			answer, err := sdk.Chat.Completions.New(t.Context(), params)
			if err != nil || answer.Choices[0].Message.Content != imageText {
				t.Fatalf("got %+v, %v", answer, err)
			}
			if sent := provider.Last(t); !strings.Contains(string(sent.Body), redPixel) {
				t.Errorf("the image did not arrive: %s", sent.Body)
			}
		})
		t.Run("a schema: "+model, func(t *testing.T) {
			params := chat(model)
			params.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{
				Name: "weather", Strict: openai.Bool(true), Schema: weatherSchema,
			}}
			answer, err := sdk.Chat.Completions.New(t.Context(), params)
			if err != nil || answer.Choices[0].Message.Content != cityJSON {
				t.Errorf("got %+v, %v", answer, err)
			}
		})
		t.Run("responses: "+model, func(t *testing.T) {
			params := responses.ResponseNewParams{Model: model, Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("Hello")}}
			answer, err := sdk.Responses.New(t.Context(), params)
			if err != nil || answer.OutputText() == "" || !strings.HasPrefix(answer.ID, "resp_") || answer.Usage.TotalTokens != 30 {
				t.Fatalf("got %+v, %v", answer, err)
			}
			var text string
			var done bool
			stream := sdk.Responses.NewStreaming(t.Context(), params)
			for stream.Next() {
				switch event := stream.Current(); event.Type {
				case "response.output_text.delta":
					text += event.Delta
				case "response.completed":
					done = event.Response.Usage.TotalTokens == 30
				}
			}
			if stream.Err() != nil || text != answer.OutputText() || !done {
				t.Errorf("got %q, %v, done %v", text, stream.Err(), done)
			}
		})
	}
}
