package openai

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gatehouse/models"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/wire"
)

func TestEveryProviderOfTheWire(t *testing.T) {
	t.Parallel()
	elsewhere := []string{"anthropic", "vertex_ai"}
	for _, name := range models.Providers() {
		if known := New(name) != nil; known == slices.Contains(elsewhere, name) {
			t.Errorf("provider %s is in the table: %v", name, known)
		}
	}
	if New("nobody") != nil {
		t.Error("an unknown provider was found")
	}
	for _, name := range Names() {
		if !models.KnownProvider(name) {
			t.Errorf("%s is in the table and no prefix", name)
		}
	}
}

func ready(tb testing.TB, d models.Deployment) (*provider.Target, string) {
	tb.Helper()
	v := New(d.Provider)
	target, err := v.Ready(&d)
	if err != nil {
		tb.Fatal(err)
	}
	target.Deployment = &d
	path, err := v.Path(target, nil, provider.PathOf{Op: provider.Chat, Model: d.Model})
	if err != nil {
		tb.Fatal(err)
	}
	return target, target.Base.String() + string(path)
}

func TestWhereCallsGo(t *testing.T) {
	t.Parallel()
	key := models.NewSecret("k")
	tests := map[string]struct {
		d    models.Deployment
		url  string
		head string
	}{
		"openai":               {models.Deployment{Provider: "openai", APIKey: key, Organization: "org"}, "https://api.openai.com/v1/chat/completions", "Authorization: Bearer k\r\nOpenAI-Organization: org\r\n"},
		"a base with slash":    {models.Deployment{Provider: "openai", APIKey: key, APIBase: "http://h:1/"}, "http://h:1/chat/completions", "Authorization: Bearer k\r\n"},
		"a base with /v1/":     {models.Deployment{Provider: "openai", APIKey: key, APIBase: "http://h:1/v1/"}, "http://h:1/v1/chat/completions", "Authorization: Bearer k\r\n"},
		"own server, no key":   {models.Deployment{Provider: "openai", APIBase: "http://h/v1"}, "http://h/v1/chat/completions", ""},
		"azure":                {models.Deployment{Provider: "azure", Model: "my gpt", APIKey: key, APIBase: "https://x.openai.azure.com/", APIVersion: "2025-01-01"}, "https://x.openai.azure.com/openai/deployments/my%20gpt/chat/completions?api-version=2025-01-01", "Api-Key: k\r\n"},
		"azure, no version":    {models.Deployment{Provider: "azure", Model: "m", APIKey: key, APIBase: "https://x"}, "https://x/openai/deployments/m/chat/completions?api-version=" + defaultAzureVersion, "Api-Key: k\r\n"},
		"azure, version in it": {models.Deployment{Provider: "azure", Model: "m", APIKey: key, APIBase: "https://x/?api-version=v9"}, "https://x/openai/deployments/m/chat/completions?api-version=v9", "Api-Key: k\r\n"},
		"azure v1":             {models.Deployment{Provider: "azure", Model: "m", APIKey: key, APIBase: "https://x/openai/v1/"}, "https://x/openai/v1/chat/completions", "Api-Key: k\r\n"},
		"azure, Entra":         {models.Deployment{Provider: "azure", Model: "m", APIBase: "https://x", Secrets: map[string]models.Secret{"azure_ad_token": models.NewSecret("t")}}, "https://x/openai/deployments/m/chat/completions?api-version=" + defaultAzureVersion, "Authorization: Bearer t\r\n"},
		"bedrock":              {models.Deployment{Provider: "bedrock", APIKey: key, Params: map[string]any{"aws_region_name": "eu-west-1"}}, "https://bedrock-runtime.eu-west-1.amazonaws.com/openai/v1/chat/completions", "Authorization: Bearer k\r\n"},
		"gemini":               {models.Deployment{Provider: "gemini", APIKey: key}, "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions", "Authorization: Bearer k\r\n"},
		"ollama":               {models.Deployment{Provider: "ollama"}, "http://localhost:11434/v1/chat/completions", ""},
		"ollama elsewhere":     {models.Deployment{Provider: "ollama_chat", APIBase: "http://h:11434"}, "http://h:11434/v1/chat/completions", ""},
		"hugging face, own":    {models.Deployment{Provider: "huggingface", APIBase: "http://tgi"}, "http://tgi/v1/chat/completions", ""},
		"vLLM":                 {models.Deployment{Provider: "hosted_vllm", APIBase: "http://h:8000/v1"}, "http://h:8000/v1/chat/completions", ""},
		"perplexity":           {models.Deployment{Provider: "perplexity", APIKey: key}, "https://api.perplexity.ai/chat/completions", "Authorization: Bearer k\r\n"},
		"openrouter":           {models.Deployment{Provider: "openrouter", APIKey: key, Params: map[string]any{"or_app_name": "App"}}, "https://openrouter.ai/api/v1/chat/completions", "Authorization: Bearer k\r\nX-Title: App\r\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target, url := ready(t, tt.d)
			if url != tt.url || !strings.HasPrefix(string(target.Head), tt.head+"Content-Type: ") {
				t.Errorf("%s with %q", url, target.Head)
			}
		})
	}
}

func TestDeploymentsThatCannotServe(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]models.Deployment{
		"no key":            {Provider: "openai"},
		"no base":           {Provider: "custom_openai"},
		"azure needs one":   {Provider: "azure", APIKey: models.NewSecret("k")},
		"base is no URL":    {Provider: "openai", APIKey: models.NewSecret("k"), APIBase: "localhost:80"},
		"key breaks a line": {Provider: "openai", APIKey: models.NewSecret("k\r\nX: y")},
	} {
		if _, err := New(d.Provider).Ready(&d); err == nil {
			t.Errorf("%s: ready", name)
		} else if strings.Contains(err.Error(), "X: y") {
			t.Errorf("%s: the key is in the error", name)
		}
	}
}

func TestEdits(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		provider, model string
		body, want      string
		drop            bool
	}{
		"o-series cap":           {"openai", "o3-mini", `{"max_tokens":5}`, `{"max_completion_tokens":5}`, false},
		"gpt-5 cap":              {"azure", "gpt-5.1", `{"max_tokens":5,"n":1}`, `{"n":1,"max_completion_tokens":5}`, false},
		"both caps stay":         {"openai", "gpt-5", `{"max_tokens":5,"max_completion_tokens":6}`, `{"max_tokens":5,"max_completion_tokens":6}`, false},
		"gpt-4o is left alone":   {"openai", "gpt-4o", `{"max_tokens":5}`, `{"max_tokens":5}`, false},
		"others are left alone":  {"deepseek", "o3", `{"max_tokens":5}`, `{"max_tokens":5}`, false},
		"mistral names":          {"mistral", "m", `{"max_completion_tokens":5,"seed":7,"tool_choice":"required","user":"u","stream_options":{},"x":1.0}`, `{"tool_choice":"any","x":1.0,"max_tokens":5,"random_seed":7}`, false},
		"mistral, auto stays":    {"mistral", "m", `{"tool_choice":"auto"}`, `{"tool_choice":"auto"}`, false},
		"mistral drops a bias":   {"mistral", "m", `{"logit_bias":{},"a":1}`, `{"a":1}`, true},
		"groq drops":             {"groq", "m", `{"logprobs":true,"top_logprobs":2,"n":2,"a":1}`, `{"a":1}`, true},
		"groq, one choice stays": {"groq", "m", `{"logprobs":false,"n":1,"a":1}`, `{"a":1}`, false},
		"o-series sampling":      {"openai", "o3", `{"temperature":1,"top_p":0.5,"presence_penalty":0,"logit_bias":{"1":1}}`, `{"temperature":1,"presence_penalty":0}`, true},
		"gpt-5 sampling":         {"openai", "gpt-5-mini-2025-08-07", `{"temperature":0.2,"a":1}`, `{"a":1}`, true},
		"gpt-5.1 judges itself":  {"openai", "gpt-5.1", `{"temperature":0.2}`, `{"temperature":0.2}`, false},
		"gpt-5-chat is no such":  {"openai", "gpt-5-chat-latest", `{"temperature":0.2}`, `{"temperature":0.2}`, false},
		"grok that thinks":       {"xai", "grok-4", `{"stop":["x"],"presence_penalty":1,"a":1}`, `{"a":1}`, true},
		"grok that does not":     {"xai", "grok-2-1212", `{"stop":["x"]}`, `{"stop":["x"]}`, false},
		"perplexity":             {"perplexity", "sonar", `{"n":2,"seed":1,"a":1}`, `{"a":1}`, true},
		"inline":                 {"fireworks_ai", "accounts/fireworks/models/llama-v3p1-8b-instruct", `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":"http://a/b.png"},{"type":"image_url","image_url":{"url":"http://a/c.pdf#transform=inline"}}]},{"role":"user","content":"x"}]}`, `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":"http://a/b.png#transform=inline"},{"type":"image_url","image_url":{"url":"http://a/c.pdf#transform=inline"}}]},{"role":"user","content":"x"}]}`, false},
		"no inline, it sees":     {"fireworks_ai", "accounts/fireworks/models/qwen2p5-vl-32b-instruct", `{"messages":[{"content":[{"type":"image_url","image_url":{"url":"http://a"}}]}]}`, `{"messages":[{"content":[{"type":"image_url","image_url":{"url":"http://a"}}]}]}`, false},
		"mistral ids":            {"mistral", "m", `{"messages":[{"role":"assistant","tool_calls":[{"id":"call_1","type":"function"},{"id":"abcdefgh1"}]},{"role":"tool","tool_call_id":"call_1"},{"role":"tool","tool_call_id":"abcdefgh1"}]}`, `{"messages":[{"role":"assistant","tool_calls":[{"id":"74196fe72","type":"function"},{"id":"abcdefgh1"}]},{"role":"tool","tool_call_id":"74196fe72"},{"role":"tool","tool_call_id":"abcdefgh1"}]}`, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var r wire.Request
			if err := r.Parse([]byte(tt.body)); err != nil {
				t.Fatal(err)
			}
			target := &provider.Target{Deployment: &models.Deployment{}}
			err := New(tt.provider).Edit(target, &r, &provider.Edits{Op: provider.Chat, Model: tt.model, DropParams: tt.drop})
			if err != nil {
				t.Fatal(err)
			}
			if got := string(r.Append(nil)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	for what, tt := range map[string][3]string{ // what an agent of another wire asks of every model
		"an effort, a model that thinks":   {"gpt-5", `{"reasoning_effort":"minimal","temperature":0.2,"top_p":0.5}`, `{"reasoning_effort":"minimal"}`},
		"an effort, a model that does not": {"gpt-4o", `{"reasoning_effort":"high","temperature":0.2}`, `{"temperature":0.2}`},
		"an effort and sampling":           {"gpt-5.2", `{"reasoning_effort":"high","temperature":0.2}`, `{"reasoning_effort":"high"}`},
		"sampling and no effort":           {"gpt-5.2", `{"reasoning_effort":"none","temperature":0.2}`, `{"reasoning_effort":"none","temperature":0.2}`},
		"an effort that the o-series lack": {"o3", `{"reasoning_effort":"minimal"}`, `{"reasoning_effort":"low"}`},
	} {
		var r wire.Request
		if err := r.Parse([]byte(tt[1])); err != nil {
			t.Fatal(err)
		}
		err := New("openai").Edit(&provider.Target{Deployment: &models.Deployment{}}, &r, &provider.Edits{Op: provider.Chat, Model: tt[0], Foreign: true})
		if got := string(r.Append(nil)); err != nil || got != tt[2] {
			t.Errorf("%s: %s (%v), want %s", what, got, err, tt[2])
		}
	}
	for name, body := range map[string]string{"mistral": `{"logit_bias":{"1":1}}`, "groq": `{"n":3}`} {
		var r wire.Request
		if err := r.Parse([]byte(body)); err != nil {
			t.Fatal(err)
		}
		var param *provider.UnsupportedParam
		if err := New(name).Edit(&provider.Target{Deployment: &models.Deployment{}}, &r, &provider.Edits{Op: provider.Chat}); !errors.As(err, &param) {
			t.Errorf("%s: %v", name, err)
		}
		allowed := &provider.Edits{Op: provider.Chat, Allowed: []string{"n", "logit_bias"}}
		if err := New(name).Edit(&provider.Target{Deployment: &models.Deployment{}}, &r, allowed); err != nil {
			t.Errorf("%s, allowed: %v", name, err)
		}
	}
}
