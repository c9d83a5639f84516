package provider_test

import (
	"strings"
	"testing"

	"gatehouse/models"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/provider/anthropic"
	"gatehouse/proxy/provider/bedrock"
	"gatehouse/proxy/provider/cohere"
	"gatehouse/proxy/provider/gemini"
	"gatehouse/proxy/provider/openai"
	"gatehouse/proxy/wire"
)

// §5, the table of providers: where a chat goes, on which wire, with which header for the key. The variables that stand in for
// what a deployment does not say are tested in app/config.
func TestRowsProviders(t *testing.T) {
	t.Parallel()
	region := map[string]any{"aws_region_name": "eu-west-1"}
	place := func(location string) map[string]any {
		return map[string]any{"vertex_project": "p", "vertex_location": location}
	}
	for name, tt := range map[string]struct {
		p    provider.Provider
		d    models.Deployment
		op   provider.Op
		wire provider.Wire
		url  string
		head string
	}{
		"openai":                 {openai.New("openai"), models.Deployment{Organization: "org"}, provider.Chat, provider.OpenAI, "https://api.openai.com/v1/chat/completions", "Authorization: Bearer k\r\nOpenAI-Organization: org\r\n"},
		"azure, deployments":     {openai.New("azure"), models.Deployment{Model: "dep", APIBase: "https://x.openai.azure.com", APIVersion: "2025-01-01"}, provider.Chat, provider.OpenAI, "https://x.openai.azure.com/openai/deployments/dep/chat/completions?api-version=2025-01-01", "Api-Key: k\r\n"},
		"azure, v1":              {openai.New("azure"), models.Deployment{Model: "dep", APIBase: "https://x.openai.azure.com/openai/v1"}, provider.Chat, provider.OpenAI, "https://x.openai.azure.com/openai/v1/chat/completions", "Api-Key: k\r\n"},
		"anthropic":              {anthropic.New(), models.Deployment{}, provider.Messages, provider.Anthropic, "https://api.anthropic.com/v1/messages", "X-Api-Key: k\r\n"},
		"bedrock":                {bedrock.New(), models.Deployment{Model: "amazon.nova-lite-v1:0", Params: region}, provider.Converse, provider.BedrockConverse, "https://bedrock-runtime.eu-west-1.amazonaws.com/model/amazon.nova-lite-v1%3A0/converse", "Authorization: Bearer k\r\n"},
		"bedrock, stream":        {bedrock.New(), models.Deployment{Model: "converse/us.amazon.nova-lite-v1:0", Params: region}, provider.ConverseStream, provider.BedrockConverse, "https://bedrock-runtime.eu-west-1.amazonaws.com/model/us.amazon.nova-lite-v1%3A0/converse-stream", "Authorization: Bearer k\r\n"},
		"bedrock, the shortcut":  {openai.New("bedrock"), models.Deployment{Params: region}, provider.Chat, provider.OpenAI, "https://bedrock-runtime.eu-west-1.amazonaws.com/openai/v1/chat/completions", "Authorization: Bearer k\r\n"},
		"gemini":                 {gemini.New("gemini"), models.Deployment{Model: "gemini-2.5-flash"}, provider.Generate, provider.Gemini, "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent", "X-Goog-Api-Key: k\r\n"},
		"gemini, stream":         {gemini.New("gemini"), models.Deployment{Model: "gemini-2.5-flash"}, provider.StreamGenerate, provider.Gemini, "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", "X-Goog-Api-Key: k\r\n"},
		"gemini, the shortcut":   {openai.New("gemini"), models.Deployment{}, provider.Chat, provider.OpenAI, "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions", "Authorization: Bearer k\r\n"},
		"vertex_ai":              {gemini.New("vertex_ai"), models.Deployment{Model: "gemini-2.5-pro", Params: place("europe-west1")}, provider.Generate, provider.Gemini, "https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/europe-west1/publishers/google/models/gemini-2.5-pro:generateContent", ""},
		"vertex_ai, global":      {gemini.New("vertex_ai"), models.Deployment{Model: "gemini-2.5-pro", Params: place("global")}, provider.Generate, provider.Gemini, "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google/models/gemini-2.5-pro:generateContent", ""},
		"vertex_ai, Claude":      {gemini.New("vertex_ai"), models.Deployment{Model: "claude-sonnet-4-5", Params: place("us-east5")}, provider.Messages, provider.Anthropic, "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5/publishers/anthropic/models/claude-sonnet-4-5:rawPredict", ""},
		"ollama":                 {openai.New("ollama"), models.Deployment{}, provider.Chat, provider.OpenAI, "http://localhost:11434/v1/chat/completions", ""},
		"ollama_chat":            {openai.New("ollama_chat"), models.Deployment{}, provider.Chat, provider.OpenAI, "http://localhost:11434/v1/chat/completions", ""},
		"huggingface":            {openai.New("huggingface"), models.Deployment{}, provider.Chat, provider.OpenAI, "https://router.huggingface.co/v1/chat/completions", "Authorization: Bearer k\r\n"},
		"huggingface, own":       {openai.New("huggingface"), models.Deployment{APIBase: "http://tgi"}, provider.Chat, provider.OpenAI, "http://tgi/v1/chat/completions", ""},
		"fireworks_ai":           {openai.New("fireworks_ai"), models.Deployment{}, provider.Chat, provider.OpenAI, "https://api.fireworks.ai/inference/v1/chat/completions", "Authorization: Bearer k\r\n"},
		"mistral":                {openai.New("mistral"), models.Deployment{}, provider.Chat, provider.OpenAI, "https://api.mistral.ai/v1/chat/completions", "Authorization: Bearer k\r\n"},
		"openrouter":             {openai.New("openrouter"), models.Deployment{Params: map[string]any{"or_site_url": "https://s"}}, provider.Chat, provider.OpenAI, "https://openrouter.ai/api/v1/chat/completions", "Authorization: Bearer k\r\nHTTP-Referer: https://s\r\n"},
		"groq":                   {openai.New("groq"), models.Deployment{}, provider.Chat, provider.OpenAI, "https://api.groq.com/openai/v1/chat/completions", "Authorization: Bearer k\r\n"},
		"together_ai":            {openai.New("together_ai"), models.Deployment{}, provider.Chat, provider.OpenAI, "https://api.together.xyz/v1/chat/completions", "Authorization: Bearer k\r\n"},
		"deepseek":               {openai.New("deepseek"), models.Deployment{}, provider.Chat, provider.OpenAI, "https://api.deepseek.com/chat/completions", "Authorization: Bearer k\r\n"},
		"xai":                    {openai.New("xai"), models.Deployment{}, provider.Chat, provider.OpenAI, "https://api.x.ai/v1/chat/completions", "Authorization: Bearer k\r\n"},
		"cohere":                 {cohere.New(), models.Deployment{Model: "command-a"}, provider.CohereChat, provider.Cohere, "https://api.cohere.com/v2/chat", "Authorization: Bearer k\r\n"},
		"cohere, compatible":     {openai.New("cohere"), models.Deployment{}, provider.Chat, provider.OpenAI, "https://api.cohere.ai/compatibility/v1/chat/completions", "Authorization: Bearer k\r\n"},
		"perplexity":             {openai.New("perplexity"), models.Deployment{}, provider.Chat, provider.OpenAI, "https://api.perplexity.ai/chat/completions", "Authorization: Bearer k\r\n"},
		"hosted_vllm":            {openai.New("hosted_vllm"), models.Deployment{APIBase: "http://v:8000"}, provider.Chat, provider.OpenAI, "http://v:8000/v1/chat/completions", ""},
		"openai/* + api_base":    {openai.New("openai"), models.Deployment{APIBase: "http://h/path"}, provider.Chat, provider.OpenAI, "http://h/path/chat/completions", "Authorization: Bearer k\r\n"},
		"custom_openai":          {openai.New("custom_openai"), models.Deployment{APIBase: "http://h/v1"}, provider.Chat, provider.OpenAI, "http://h/v1/chat/completions", "Authorization: Bearer k\r\n"},
		"litellm_proxy":          {openai.New("litellm_proxy"), models.Deployment{APIBase: "http://h:4000"}, provider.Chat, provider.OpenAI, "http://h:4000/chat/completions", "Authorization: Bearer k\r\n"},
		"cohere, rerank":         {cohere.New(), models.Deployment{Model: "rerank-v3.5"}, provider.Rerank, provider.Cohere, "https://api.cohere.com/v2/rerank", "Authorization: Bearer k\r\n"},
		"cohere, embed":          {cohere.New(), models.Deployment{Model: "embed-v4"}, provider.Embed, provider.Cohere, "https://api.cohere.com/v2/embed", "Authorization: Bearer k\r\n"},
		"bedrock, Claude's wire": {bedrock.New(), models.Deployment{Model: "anthropic.claude-opus-4-1-20250805-v1:0", Params: region}, provider.Messages, provider.BedrockConverse, "https://bedrock-runtime.eu-west-1.amazonaws.com/model/anthropic.claude-opus-4-1-20250805-v1%3A0/invoke", "Authorization: Bearer k\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := tt.d
			if d.APIKey = models.NewSecret("k"); tt.head == "" {
				d.APIKey = models.Secret{}
			}
			target, err := tt.p.Ready(&d)
			if err != nil {
				t.Fatal(err)
			}
			target.Deployment, target.Provider = &d, tt.p
			path, err := tt.p.Path(target, nil, provider.PathOf{Op: tt.op, Model: d.Model})
			if err != nil {
				t.Fatal(err)
			}
			if url := target.Base.String() + string(path); url != tt.url || tt.p.Wire(target, d.Model) != tt.wire || !strings.HasPrefix(string(target.Head), tt.head+"Content-Type: ") {
				t.Errorf("%s on wire %d with %q", url, tt.p.Wire(target, d.Model), target.Head)
			}
		})
	}
}

// §5, the last line of the table: error shapes to normalise.
func TestRowsErrorShapes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status  int
		body    string
		message string
		class   provider.Class
	}{
		"OpenAI family":                {429, `{"error":{"message":"slow","type":"t","param":null,"code":"rate_limit_exceeded"}}`, "slow", provider.RateLimit},
		"OpenAI family, no quota left": {429, `{"error":{"message":"pay","type":"insufficient_quota","code":"insufficient_quota"}}`, "pay", provider.QuotaGone},
		"Anthropic":                    {529, `{"type":"error","error":{"type":"overloaded_error","message":"busy"},"request_id":"r"}`, "busy", provider.ServerError},
		"Google":                       {429, `{"error":{"code":429,"message":"slow","status":"RESOURCE_EXHAUSTED","details":[]}}`, "slow", provider.RateLimit},
		"Google, inside a list":        {404, `[{"error":{"code":404,"message":"gone","status":"NOT_FOUND"}}]`, "gone", provider.NotFound},
		"Google, a bad key as 400":     {400, `{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}`, "API key not valid. Please pass a valid API key.", provider.Auth},
		"AWS":                          {400, `{"message":"Input is too long for requested model."}`, "Input is too long for requested model.", provider.ContextWindow},
		"Cohere":                       {422, `{"message":"bad"}`, "bad", provider.BadRequest},
		"FastAPI":                      {422, `{"detail":"wrong"}`, "wrong", provider.BadRequest},
		"Mistral, a list":              {422, `{"detail":[{"loc":["body","x"],"msg":"extra"}]}`, `[{"loc":["body","x"],"msg":"extra"}]`, provider.BadRequest},
		"Ollama, HF":                   {404, `{"error":"model not found"}`, "model not found", provider.NotFound},
		"vLLM, older":                  {400, `{"object":"error","message":"This model's maximum context length is 4096","type":"BadRequestError","code":400}`, "This model's maximum context length is 4096", provider.ContextWindow},
		"Azure's filter":               {400, `{"error":{"message":"no","code":"content_filter","innererror":{"code":"ResponsibleAIPolicyViolation"}}}`, "no", provider.ContentPolicy},
		"OpenRouter, no credit":        {402, `{"error":{"code":402,"message":"more credits"}}`, "more credits", provider.BadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if r := provider.ParseRefusal(tt.status, []byte(tt.body)); r.Message != tt.message || r.Class != tt.class || r.Status != tt.status {
				t.Errorf("%+v", r)
			}
		})
	}
}

// §5, the column of quirks, where one shows in usage.
func TestRowsUsageQuirks(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		body                           string
		in, out, read, write, thinking int64
		cost                           models.Nano
	}{
		"openai: cached_tokens, cache_write_tokens":             {`{"usage":{"prompt_tokens":1300,"completion_tokens":50,"prompt_tokens_details":{"cached_tokens":1000,"cache_write_tokens":200},"completion_tokens_details":{"reasoning_tokens":20}}}`, 1300, 50, 1000, 200, 20, 0},
		"groq: x_groq.usage":                                    {`{"x_groq":{"usage":{"prompt_tokens":5,"completion_tokens":6}}}`, 5, 6, 0, 0, 0, 0},
		"deepseek: prompt_cache_hit_tokens":                     {`{"usage":{"prompt_tokens":10,"completion_tokens":6,"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":6}}`, 10, 6, 4, 0, 0, 0},
		"openrouter: usage.cost":                                {`{"usage":{"prompt_tokens":10,"completion_tokens":6,"cost":0.0015}}`, 10, 6, 0, 0, 0, 1_500_000},
		"xai: reasoning outside completion_tokens":              {`{"usage":{"prompt_tokens":10,"completion_tokens":6,"total_tokens":116,"completion_tokens_details":{"reasoning_tokens":100}}}`, 10, 106, 0, 0, 100, 0},
		"perplexity: cumulative usage, extras besides":          {`{"usage":{"prompt_tokens":10,"completion_tokens":6,"search_context_size":"low","num_search_queries":2}}`, 10, 6, 0, 0, 0, 0},
		"hosted_vllm and ollama: usage may be absent, and null": {`{"usage":null}`, 0, 0, 0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var a wire.Answer
			if err := a.Parse([]byte(tt.body)); err != nil {
				t.Fatal(err)
			}
			u := a.Usage()
			c := u.Canonical()
			if c.InputTotal() != tt.in || c.OutputTotal() != tt.out || c.InputCacheRead != tt.read || c.CacheWrite() != tt.write || c.OutputReasoning != tt.thinking || u.Cost != tt.cost {
				t.Errorf("%+v, %+v", u, c)
			}
		})
	}
}
