package openai

// vendor is one provider that speaks OpenAI's wire: where it is and what its wire does differently (proxy.md §5). Keys and
// bases from the environment are in the deployment already.
type vendor struct {
	display string   // in messages
	base    string   // default base URL; "" = the deployment must name one
	v1      bool     // a base without a path gets /v1
	noKey   bool     // works without a key
	header  string   // carries the key in place of Authorization
	refuses []string // parameters of chats that it answers with an error
	quirks  quirk
}

// quirk is a set of edits.
type quirk uint16

const (
	reasoningCap    quirk = 1 << iota // o-series and gpt-5 want max_completion_tokens
	mistralNames                      // max_tokens, random_seed, tool_choice "any", ids of nine letters; no stream_options, user
	inlines                           // Fireworks' document inlining, for models that see no pictures
	reasonersPlain                    // models that think refuse stop and penalties
	azurePaths                        // the model is in the path
	organization                      // OpenAI-Organization
	regionInHost                      // Bedrock: {region} in the base
	moneyUsage                        // usage.cost is what the call cost
	siteHeaders                       // HTTP-Referer and X-Title
	nativeResponses                   // offers the Responses API
	takesThinking                     // reasoning_content and thinking_blocks in messages
	takesMarks                        // cache_control in messages
	chatOnly                          // has no text completions
)

//nolint:gochecknoglobals // the table of providers, never written
var vendors = map[string]vendor{
	"openai":        {display: "OpenAI", base: "https://api.openai.com/v1", quirks: reasoningCap | organization | nativeResponses},
	"custom_openai": {display: "this provider", noKey: true, quirks: nativeResponses | takesThinking},
	"litellm_proxy": {display: "the proxy", noKey: true, quirks: nativeResponses | takesThinking | takesMarks},
	"azure":         {display: "Azure OpenAI", header: "Api-Key", quirks: azurePaths | reasoningCap | nativeResponses},
	// These offer OpenAI's wire beside their own, under a base that says so.
	"gemini":       {display: "Gemini", base: "https://generativelanguage.googleapis.com/v1beta/openai"},
	"bedrock":      {display: "Bedrock", base: "https://bedrock-runtime.{region}.amazonaws.com/openai/v1", quirks: regionInHost},
	"cohere":       {display: "Cohere", base: "https://api.cohere.ai/compatibility/v1"},
	"cohere_chat":  {display: "Cohere", base: "https://api.cohere.ai/compatibility/v1"},
	"ollama":       {display: "Ollama", base: "http://localhost:11434/v1", v1: true, noKey: true},
	"ollama_chat":  {display: "Ollama", base: "http://localhost:11434/v1", v1: true, noKey: true},
	"huggingface":  {display: "Hugging Face", base: "https://router.huggingface.co/v1", v1: true, noKey: true},
	"fireworks_ai": {display: "Fireworks", base: "https://api.fireworks.ai/inference/v1", quirks: inlines},
	"mistral":      {display: "Mistral", base: "https://api.mistral.ai/v1", quirks: mistralNames | chatOnly, refuses: []string{"logit_bias", "logprobs", "top_logprobs"}},
	"openrouter":   {display: "OpenRouter", base: "https://openrouter.ai/api/v1", quirks: moneyUsage | siteHeaders | nativeResponses | takesThinking | takesMarks},
	"groq":         {display: "Groq", base: "https://api.groq.com/openai/v1", quirks: nativeResponses | chatOnly, refuses: []string{"logprobs", "top_logprobs", "logit_bias", "n"}},
	"together_ai":  {display: "Together", base: "https://api.together.xyz/v1"},
	"deepseek":     {display: "DeepSeek", base: "https://api.deepseek.com"},
	"xai":          {display: "xAI", base: "https://api.x.ai/v1", quirks: nativeResponses | reasonersPlain},
	"perplexity":   {display: "Perplexity", base: "https://api.perplexity.ai", quirks: chatOnly, refuses: []string{"n", "logit_bias", "logprobs", "top_logprobs", "seed"}},
	"hosted_vllm":  {display: "vLLM", v1: true, noKey: true, quirks: nativeResponses | takesThinking},
}
