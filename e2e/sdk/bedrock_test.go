package sdk_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream/eventstreamapi"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/document"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"
	"github.com/openai/openai-go/v3"

	"gatehouse/internal/testkit"
)

const bedrockModel = `  - model_name: nova
    litellm_params: {model: bedrock/amazon.nova-lite-v1:0, api_base: "${PROVIDER}", aws_region_name: us-east-1, aws_access_key_id: AKIAUPSTREAM, aws_secret_access_key: upstream-secret, input_cost_per_token: 0.000001, output_cost_per_token: 0.000002}
  - model_name: titan-embed
    litellm_params: {model: bedrock/amazon.titan-embed-text-v2:0, api_base: "${PROVIDER}", aws_region_name: us-east-1, aws_access_key_id: AKIAUPSTREAM, aws_secret_access_key: upstream-secret, input_cost_per_token: 0.000001, output_cost_per_token: 0}
    model_info: {mode: embedding}
  - model_name: cohere-embed
    litellm_params: {model: bedrock/cohere.embed-english-v3, api_base: "${PROVIDER}", aws_region_name: us-east-1, aws_access_key_id: AKIAUPSTREAM, aws_secret_access_key: upstream-secret, input_cost_per_token: 0.000001, output_cost_per_token: 0}
    model_info: {mode: embedding}
`

// converse answers Converse and ConverseStream as AWS documents them (Amazon Bedrock API reference, Converse, 2026-10).
func converse(r testkit.Request) *testkit.Reply {
	if m := askedToFail.FindSubmatch(r.Body); m != nil {
		return &testkit.Reply{Status: 400, Header: map[string]string{"X-Amzn-Errortype": "ValidationException"}, Body: `{"message":"Told to fail."}`}
	}
	switch { // InvokeModel, embeddings (Amazon Titan Text Embeddings V2, Cohere Embed v3)
	case strings.Contains(r.Path, "titan-embed"):
		return &testkit.Reply{Header: map[string]string{"X-Amzn-Bedrock-Input-Token-Count": "3"}, Body: `{"embedding":[0.5,1],"inputTextTokenCount":3,"embeddingsByType":{"float":[0.5,1]}}`}
	case strings.Contains(r.Path, "cohere.embed"):
		return &testkit.Reply{Body: `{"id":"e","embeddings":[[0.5,1],[0.25,2]],"texts":["a","b"],"response_type":"embeddings_floats"}`}
	}
	text, stop := testkit.DefaultText, "end_turn"
	block := `{"text":"` + text + `"}`
	switch {
	case bytes.Contains(r.Body, []byte(`"toolResult"`)):
		text, block = weatherText, `{"text":"`+weatherText+`"}`
	case bytes.Contains(r.Body, []byte(`"toolChoice":{"tool":{"name":"answer"}}`)):
		block, stop = `{"toolUse":{"toolUseId":"tooluse_2","name":"answer","input":`+cityJSON+`}}`, "tool_use"
	case bytes.Contains(r.Body, []byte(`"toolConfig"`)):
		block, stop = `{"toolUse":{"toolUseId":"tooluse_1","name":"weather","input":{"city":"Oslo"}}}`, "tool_use"
	case bytes.Contains(r.Body, []byte(`"image"`)):
		block = `{"text":"` + imageText + `"}`
	}
	if !strings.HasSuffix(r.Path, "/converse-stream") {
		return &testkit.Reply{
			Header: map[string]string{"Content-Type": "application/json"},
			Body:   `{"output":{"message":{"role":"assistant","content":[` + block + `]}},"stopReason":"` + stop + `","usage":{"inputTokens":10,"outputTokens":20,"totalTokens":30},"metrics":{"latencyMs":5}}`,
		}
	}
	var out bytes.Buffer
	encoder := eventstream.NewEncoder()
	event := func(name, payload string) {
		m := eventstream.Message{Payload: []byte(payload)}
		m.Headers.Set(eventstreamapi.MessageTypeHeader, eventstream.StringValue(eventstreamapi.EventMessageType))
		m.Headers.Set(eventstreamapi.EventTypeHeader, eventstream.StringValue(name))
		m.Headers.Set(eventstreamapi.ContentTypeHeader, eventstream.StringValue("application/json"))
		_ = encoder.Encode(&out, m) // a buffer takes everything
	}
	event("messageStart", `{"role":"assistant"}`)
	for word := range strings.SplitAfterSeq(text, " ") {
		event("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":"`+word+`"}}`)
	}
	event("contentBlockStop", `{"contentBlockIndex":0}`)
	event("messageStop", `{"stopReason":"end_turn"}`)
	event("metadata", `{"usage":{"inputTokens":10,"outputTokens":20,"totalTokens":30},"metrics":{"latencyMs":5}}`)
	return &testkit.Reply{Header: map[string]string{"Content-Type": "application/vnd.amazon.eventstream"}, Body: out.String()}
}

// bedrockClient is AWS's SDK as its users set it up: the key of Gatehouse stands in for the access key id.
func bedrockClient(s *testkit.Server, key string) *bedrockruntime.Client {
	return bedrockruntime.New(bedrockruntime.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(s.URL + "/bedrock"), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(key, "any-secret", ""),
	})
}

func bedrockUser(blocks ...types.ContentBlock) []types.Message {
	return []types.Message{{Role: types.ConversationRoleUser, Content: blocks}}
}

func bedrockText(t *testing.T, out *bedrockruntime.ConverseOutput) string {
	t.Helper()
	message, ok := out.Output.(*types.ConverseOutputMemberMessage)
	if !ok || len(message.Value.Content) == 0 {
		t.Fatalf("got %+v", out)
	}
	block, _ := message.Value.Content[0].(*types.ContentBlockMemberText)
	if block == nil {
		t.Fatalf("got %+v", message.Value.Content[0])
	}
	return block.Value
}

// AWS's SDK at /bedrock: its signature is checked by nobody, Gatehouse signs again with the deployment's credential.
func TestBedrockConversations(t *testing.T) {
	t.Parallel()
	server, provider := startModel(t, bedrockModel)
	provider.Choose(converse)
	key := server.GenerateKey(t, nil).Secret
	sdk := bedrockClient(server, key)
	hello := &types.ContentBlockMemberText{Value: "Hello"}

	t.Run("a message", func(t *testing.T) {
		out, err := sdk.Converse(t.Context(), &bedrockruntime.ConverseInput{ModelId: aws.String("nova"), Messages: bedrockUser(hello)})
		if err != nil {
			t.Fatal(err)
		}
		if bedrockText(t, out) != testkit.DefaultText || *out.Usage.TotalTokens != 30 {
			t.Errorf("got %+v", out)
		}
		sent := provider.Last(t)
		signed := sent.Header.Get("Authorization")
		if sent.Path != "/model/amazon.nova-lite-v1:0/converse" || !strings.HasPrefix(signed, "AWS4-HMAC-SHA256 Credential=AKIAUPSTREAM/") || !strings.Contains(signed, "/us-east-1/bedrock/") {
			t.Errorf("sent %s, %s", sent.Path, signed)
		}
		if strings.Contains(string(mustJSON(t, sent.Header)), key) {
			t.Errorf("our key left: %v", sent.Header)
		}
	})
	t.Run("a stream", func(t *testing.T) {
		out, err := sdk.ConverseStream(t.Context(), &bedrockruntime.ConverseStreamInput{ModelId: aws.String("nova"), Messages: bedrockUser(hello)})
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		var tokens int32
		for event := range out.GetStream().Events() {
			switch e := event.(type) {
			case *types.ConverseStreamOutputMemberContentBlockDelta:
				if d, ok := e.Value.Delta.(*types.ContentBlockDeltaMemberText); ok {
					text.WriteString(d.Value)
				}
			case *types.ConverseStreamOutputMemberMetadata:
				tokens = *e.Value.Usage.TotalTokens
			}
		}
		if err := out.GetStream().Err(); err != nil || text.String() != testkit.DefaultText || tokens != 30 {
			t.Errorf("got %q, %d, %v", text.String(), tokens, err)
		}
	})
	t.Run("tools there and back", func(t *testing.T) {
		in := &bedrockruntime.ConverseInput{ModelId: aws.String("nova"), Messages: bedrockUser(hello), ToolConfig: &types.ToolConfiguration{
			Tools: []types.Tool{&types.ToolMemberToolSpec{Value: types.ToolSpecification{
				Name: aws.String("weather"), InputSchema: &types.ToolInputSchemaMemberJson{Value: document.NewLazyDocument(weatherSchema)},
			}}},
		}}
		out, err := sdk.Converse(t.Context(), in)
		if err != nil || out.StopReason != types.StopReasonToolUse {
			t.Fatalf("got %+v, %v", out, err)
		}
		said, _ := out.Output.(*types.ConverseOutputMemberMessage)
		in.Messages = append(in.Messages, said.Value, bedrockUser(&types.ContentBlockMemberToolResult{Value: types.ToolResultBlock{
			ToolUseId: aws.String("tooluse_1"), Content: []types.ToolResultContentBlock{&types.ToolResultContentBlockMemberText{Value: "7 degrees"}},
		}})[0])
		if out, err = sdk.Converse(t.Context(), in); err != nil || bedrockText(t, out) != weatherText {
			t.Errorf("got %+v, %v", out, err)
		}
	})
	t.Run("an image", func(t *testing.T) {
		image := &types.ContentBlockMemberImage{Value: types.ImageBlock{Format: types.ImageFormatPng, Source: &types.ImageSourceMemberBytes{Value: []byte(redPixel)}}}
		out, err := sdk.Converse(t.Context(), &bedrockruntime.ConverseInput{ModelId: aws.String("nova"), Messages: bedrockUser(hello, image)})
		if err != nil || bedrockText(t, out) != imageText {
			t.Errorf("got %+v, %v", out, err)
		}
	})
	t.Run("a schema, by a tool that must be called", func(t *testing.T) {
		out, err := sdk.Converse(t.Context(), &bedrockruntime.ConverseInput{
			ModelId: aws.String("nova"), Messages: bedrockUser(hello), ToolConfig: &types.ToolConfiguration{
				Tools: []types.Tool{&types.ToolMemberToolSpec{Value: types.ToolSpecification{
					Name: aws.String("answer"), InputSchema: &types.ToolInputSchemaMemberJson{Value: document.NewLazyDocument(weatherSchema)},
				}}},
				ToolChoice: &types.ToolChoiceMemberTool{Value: types.SpecificToolChoice{Name: aws.String("answer")}},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		said, _ := out.Output.(*types.ConverseOutputMemberMessage)
		use, ok := said.Value.Content[0].(*types.ContentBlockMemberToolUse)
		if !ok {
			t.Fatalf("got %+v", said.Value.Content[0])
		}
		var got struct {
			City    string `document:"city"`
			Degrees int    `document:"degrees"`
		}
		if err := use.Value.Input.UnmarshalSmithyDocument(&got); err != nil || got.City != "Oslo" || got.Degrees != 7 {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("embeddings", func(t *testing.T) {
		for model, tt := range map[string]struct{ body, path, want string }{
			"titan-embed":  {`{"inputText":"Hello","dimensions":256}`, "/model/amazon.titan-embed-text-v2:0/invoke", `"embedding":[0.5,1]`},
			"cohere-embed": {`{"texts":["a","b"],"input_type":"search_document"}`, "/model/cohere.embed-english-v3/invoke", `"embeddings":[[0.5,1],[0.25,2]]`},
		} {
			out, err := sdk.InvokeModel(t.Context(), &bedrockruntime.InvokeModelInput{ModelId: aws.String(model), ContentType: aws.String("application/json"), Body: []byte(tt.body)})
			if err != nil || !strings.Contains(string(out.Body), tt.want) {
				t.Fatalf("%s: %+v, %v", model, out, err)
			}
			if sent := provider.Last(t); sent.Path != tt.path || string(sent.Body) != tt.body {
				t.Errorf("%s: sent %s %s", model, sent.Path, sent.Body)
			}
		}
	})
	t.Run("embeddings of Bedrock's models for OpenAI's SDK", func(t *testing.T) {
		for model, input := range map[string][]string{"titan-embed": {"a"}, "cohere-embed": {"a", "b"}} {
			own := client(server, key)
			answer, err := own.Embeddings.New(t.Context(), openai.EmbeddingNewParams{Model: model, Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: input}})
			if err != nil || len(answer.Data) != len(input) || answer.Data[0].Embedding[1] != 1 {
				t.Errorf("%s: %+v, %v", model, answer, err)
			}
		}
	})
	t.Run("every call is booked", func(t *testing.T) {
		// Three calls with a tool, three without: 10 tokens in and 20 out each, at 1 and 2 USD a million; Titan counts 3 tokens a
		// call, twice; Cohere does not say, so its two calls cost a token or two each by estimate.
		want := 6*(10*0.000001+20*0.000002) + 2*3*0.000001
		spent, tick := 0.0, time.NewTicker(20*time.Millisecond)
		defer tick.Stop()
		for end := time.Now().Add(testkit.Patience); spent < want*0.999 && time.Now().Before(end); <-tick.C {
			spent, _ = server.KeyInfo(t, key)["spend"].(float64)
		}
		if spent < want*0.999 || spent > want+20*0.000001 {
			t.Errorf("spent %v, want %v", spent, want)
		}
	})
	refusals := []struct {
		name, key, model, say string
		status                int
		code                  string
	}{
		{"unknown key", "sk-unknown-0123456789abcdef", "nova", "Hello", 401, "UnrecognizedClientException"},
		{"model not allowed", server.GenerateKey(t, map[string]any{"models": []string{"gpt-4o"}}).Secret, "nova", "Hello", 403, "AccessDeniedException"},
		{"budget used up", server.GenerateKey(t, map[string]any{"max_budget": 0}).Secret, "nova", "Hello", 429, "ThrottlingException"},
		{"no credential for other models", key, "anthropic.claude-x", "Hello", 404, "ResourceNotFoundException"},
		{"upstream 400", key, "nova", "fail 400", 400, "ValidationException"},
	}
	for _, tt := range refusals {
		t.Run(tt.name, func(t *testing.T) {
			_, err := bedrockClient(server, tt.key).Converse(t.Context(), &bedrockruntime.ConverseInput{
				ModelId: aws.String(tt.model), Messages: bedrockUser(&types.ContentBlockMemberText{Value: tt.say}),
			})
			var api smithy.APIError
			if !errors.As(err, &api) || api.ErrorCode() != tt.code || !strings.Contains(err.Error(), "StatusCode: "+map[int]string{401: "401", 403: "403", 404: "404", 429: "429", 400: "400"}[tt.status]) {
				t.Errorf("got %v, want %d %s", err, tt.status, tt.code)
			}
		})
	}
}
