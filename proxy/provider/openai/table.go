package openai

// vendor is one provider that speaks OpenAI's wire: where it is, which environment variables hold its key and base, and
// what its wire does differently (proxy.md §5).
type vendor struct {
	base     string   // default base URL; "" = api_base or the environment must name one
	keys     []string // environment variables for the key, first set one wins
	bases    []string // environment variables for the base
	v1       bool     // a base without a path gets /v1
	noKey    bool     // works without a key
	header   string   // carries the key in place of Authorization
	extra    []envHeader
	quirks   quirk
	display  string
	moneyOut bool // usage.cost is what the call cost
}

// envHeader is a request header whose value comes from the environment.
type envHeader struct{ header, env string }

// quirk is a set of edits.
type quirk uint16

const (
	reasoningCap quirk = 1 << iota // o-series and gpt-5 want max_completion_tokens
	mistralNames                   // max_tokens, random_seed, tool_choice "any"; no stream_options, user, logit_bias
	noLogprobs                     // and no n above 1
	azurePaths                     // the model is in the path
	organization                   // OpenAI-Organization
	regionInHost                   // Bedrock: {region} in the base
)

//nolint:gochecknoglobals // the table of providers
var vendors = map[string]vendor{
	"openai": {
		display: "OpenAI", base: "https://api.openai.com/v1", keys: []string{"OPENAI_API_KEY"},
		bases: []string{"OPENAI_BASE_URL", "OPENAI_API_BASE"}, quirks: reasoningCap | organization,
	},
	"custom_openai":          {display: "this provider", keys: []string{"OPENAI_API_KEY"}, noKey: true},
	"openai_like":            {display: "this provider", keys: []string{"OPENAI_LIKE_API_KEY"}, bases: []string{"OPENAI_LIKE_API_BASE"}, noKey: true},
	"text-completion-openai": {display: "OpenAI", base: "https://api.openai.com/v1", keys: []string{"OPENAI_API_KEY"}, bases: []string{"OPENAI_BASE_URL", "OPENAI_API_BASE"}, quirks: organization},
	"litellm_proxy":          {display: "the proxy", keys: []string{"LITELLM_PROXY_API_KEY"}, bases: []string{"LITELLM_PROXY_API_BASE"}, noKey: true},
	"azure": {
		display: "Azure OpenAI", keys: []string{"AZURE_API_KEY"}, bases: []string{"AZURE_API_BASE"}, header: "Api-Key",
		quirks: azurePaths | reasoningCap,
	},
	"azure_ai": {display: "Azure AI", keys: []string{"AZURE_AI_API_KEY"}, bases: []string{"AZURE_AI_API_BASE"}, header: "Api-Key"},
	"gemini": {
		display: "Gemini", base: "https://generativelanguage.googleapis.com/v1beta/openai", keys: []string{"GEMINI_API_KEY", "GOOGLE_API_KEY"},
	},
	"bedrock": {
		display: "Bedrock", base: "https://bedrock-runtime.{region}.amazonaws.com/openai/v1", keys: []string{"AWS_BEARER_TOKEN_BEDROCK"},
		quirks: regionInHost,
	},
	"ollama":      {display: "Ollama", base: "http://localhost:11434/v1", keys: []string{"OLLAMA_API_KEY"}, bases: []string{"OLLAMA_API_BASE"}, v1: true, noKey: true},
	"ollama_chat": {display: "Ollama", base: "http://localhost:11434/v1", keys: []string{"OLLAMA_API_KEY"}, bases: []string{"OLLAMA_API_BASE"}, v1: true, noKey: true},
	"huggingface": {
		display: "Hugging Face", base: "https://router.huggingface.co/v1", keys: []string{"HF_TOKEN", "HUGGINGFACE_API_KEY"},
		bases: []string{"HF_API_BASE"}, v1: true, noKey: true,
	},
	"fireworks_ai": {
		display: "Fireworks", base: "https://api.fireworks.ai/inference/v1", keys: []string{"FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY"},
		bases: []string{"FIREWORKS_API_BASE"},
	},
	"mistral": {
		display: "Mistral", base: "https://api.mistral.ai/v1", keys: []string{"MISTRAL_API_KEY"}, bases: []string{"MISTRAL_API_BASE"},
		quirks: mistralNames,
	},
	"openrouter": {
		display: "OpenRouter", base: "https://openrouter.ai/api/v1", keys: []string{"OPENROUTER_API_KEY"}, bases: []string{"OPENROUTER_API_BASE"},
		extra: []envHeader{{"HTTP-Referer", "OR_SITE_URL"}, {"X-Title", "OR_APP_NAME"}}, moneyOut: true,
	},
	"groq": {display: "Groq", base: "https://api.groq.com/openai/v1", keys: []string{"GROQ_API_KEY"}, bases: []string{"GROQ_API_BASE"}, quirks: noLogprobs},
	"together_ai": {
		display: "Together", base: "https://api.together.xyz/v1",
		keys:  []string{"TOGETHER_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHERAI_API_KEY", "TOGETHER_AI_TOKEN"},
		bases: []string{"TOGETHER_AI_API_BASE"},
	},
	"deepseek":     {display: "DeepSeek", base: "https://api.deepseek.com", keys: []string{"DEEPSEEK_API_KEY"}, bases: []string{"DEEPSEEK_API_BASE"}},
	"xai":          {display: "xAI", base: "https://api.x.ai/v1", keys: []string{"XAI_API_KEY"}, bases: []string{"XAI_API_BASE"}},
	"cohere":       {display: "Cohere", base: "https://api.cohere.ai/compatibility/v1", keys: []string{"COHERE_API_KEY", "CO_API_KEY"}, bases: []string{"COHERE_API_BASE"}},
	"cohere_chat":  {display: "Cohere", base: "https://api.cohere.ai/compatibility/v1", keys: []string{"COHERE_API_KEY", "CO_API_KEY"}, bases: []string{"COHERE_API_BASE"}},
	"perplexity":   {display: "Perplexity", base: "https://api.perplexity.ai", keys: []string{"PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"}},
	"hosted_vllm":  {display: "vLLM", keys: []string{"HOSTED_VLLM_API_KEY"}, bases: []string{"HOSTED_VLLM_API_BASE"}, v1: true, noKey: true},
	"vllm":         {display: "vLLM", keys: []string{"HOSTED_VLLM_API_KEY"}, bases: []string{"HOSTED_VLLM_API_BASE"}, v1: true, noKey: true},
	"deepinfra":    {display: "DeepInfra", base: "https://api.deepinfra.com/v1/openai", keys: []string{"DEEPINFRA_API_KEY"}, bases: []string{"DEEPINFRA_API_BASE"}},
	"cerebras":     {display: "Cerebras", base: "https://api.cerebras.ai/v1", keys: []string{"CEREBRAS_API_KEY"}, bases: []string{"CEREBRAS_API_BASE"}},
	"sambanova":    {display: "SambaNova", base: "https://api.sambanova.ai/v1", keys: []string{"SAMBANOVA_API_KEY"}, bases: []string{"SAMBANOVA_API_BASE"}},
	"nvidia_nim":   {display: "NVIDIA NIM", base: "https://integrate.api.nvidia.com/v1", keys: []string{"NVIDIA_NIM_API_KEY"}, bases: []string{"NVIDIA_NIM_API_BASE"}},
	"lm_studio":    {display: "LM Studio", keys: []string{"LM_STUDIO_API_KEY"}, bases: []string{"LM_STUDIO_API_BASE"}, noKey: true},
	"moonshot":     {display: "Moonshot", base: "https://api.moonshot.ai/v1", keys: []string{"MOONSHOT_API_KEY"}, bases: []string{"MOONSHOT_API_BASE"}},
	"dashscope":    {display: "DashScope", base: "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", keys: []string{"DASHSCOPE_API_KEY"}, bases: []string{"DASHSCOPE_API_BASE"}},
	"xinference":   {display: "Xinference", base: "http://127.0.0.1:9997/v1", keys: []string{"XINFERENCE_API_KEY"}, bases: []string{"XINFERENCE_API_BASE"}, noKey: true},
	"llamafile":    {display: "llamafile", base: "http://127.0.0.1:8080/v1", bases: []string{"LLAMAFILE_API_BASE"}, noKey: true},
	"github":       {display: "GitHub Models", base: "https://models.inference.ai.azure.com", keys: []string{"GITHUB_API_KEY"}},
	"anyscale":     {display: "Anyscale", base: "https://api.endpoints.anyscale.com/v1", keys: []string{"ANYSCALE_API_KEY"}},
	"novita":       {display: "Novita", base: "https://api.novita.ai/v3/openai", keys: []string{"NOVITA_API_KEY"}},
	"featherless":  {display: "Featherless", base: "https://api.featherless.ai/v1", keys: []string{"FEATHERLESS_API_KEY"}},
	"baseten":      {display: "Baseten", base: "https://inference.baseten.co/v1", keys: []string{"BASETEN_API_KEY"}},
	"inference_ai": {display: "Inference", base: "https://api.inference.net/v1", keys: []string{"INFERENCE_API_KEY"}},
}
