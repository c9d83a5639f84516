package config

import (
	"maps"
	"slices"

	"gatehouse/models"
)

// providerEnv are the variables that stand in for what a deployment does not say (contract/proxy.md §5).
type providerEnv struct {
	keys    []string
	bases   []string
	keyless bool              // serves without a credential
	needs   []string          // further variables without which the provider cannot be offered by itself
	secrets map[string]string // litellm_params name -> variable
	params  map[string]string
}

func envOf(provider string) providerEnv {
	switch provider {
	case "openai", "custom_openai":
		return providerEnv{keys: []string{"OPENAI_API_KEY"}, bases: []string{"OPENAI_BASE_URL", "OPENAI_API_BASE"}}
	case "azure":
		return providerEnv{
			keys: []string{"AZURE_API_KEY"}, bases: []string{"AZURE_API_BASE"}, needs: []string{"AZURE_API_BASE"},
			secrets: map[string]string{"azure_ad_token": "AZURE_AD_TOKEN", "client_secret": "AZURE_CLIENT_SECRET"},
			params:  map[string]string{"tenant_id": "AZURE_TENANT_ID", "client_id": "AZURE_CLIENT_ID"},
		}
	case "anthropic":
		return providerEnv{
			keys: []string{"ANTHROPIC_API_KEY"}, bases: []string{"ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"},
			secrets: map[string]string{"auth_token": "ANTHROPIC_AUTH_TOKEN"},
		}
	case "bedrock":
		return providerEnv{
			keys: []string{"AWS_BEARER_TOKEN_BEDROCK"}, keyless: true,
			secrets: map[string]string{"aws_access_key_id": "AWS_ACCESS_KEY_ID", "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY", "aws_session_token": "AWS_SESSION_TOKEN"},
			params:  map[string]string{"aws_region_name": "AWS_REGION_NAME", "aws_profile_name": "AWS_PROFILE_NAME"},
		}
	case "gemini":
		return providerEnv{keys: []string{"GEMINI_API_KEY", "GOOGLE_API_KEY"}}
	case "vertex_ai":
		return providerEnv{
			keyless: true, needs: []string{"GOOGLE_APPLICATION_CREDENTIALS", "VERTEXAI_PROJECT"},
			secrets: map[string]string{"vertex_credentials": "GOOGLE_APPLICATION_CREDENTIALS"},
			params:  map[string]string{"vertex_project": "VERTEXAI_PROJECT", "vertex_location": "VERTEXAI_LOCATION"},
		}
	case "ollama", "ollama_chat":
		return providerEnv{keys: []string{"OLLAMA_API_KEY"}, bases: []string{"OLLAMA_API_BASE"}, keyless: true, needs: []string{"OLLAMA_API_BASE"}}
	case "huggingface":
		return providerEnv{keys: []string{"HF_TOKEN", "HUGGINGFACE_API_KEY"}, bases: []string{"HF_API_BASE"}}
	case "fireworks_ai":
		return providerEnv{keys: []string{"FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY"}, bases: []string{"FIREWORKS_API_BASE"}}
	case "mistral":
		return providerEnv{keys: []string{"MISTRAL_API_KEY"}, bases: []string{"MISTRAL_API_BASE"}}
	case "openrouter":
		return providerEnv{
			keys: []string{"OPENROUTER_API_KEY"}, bases: []string{"OPENROUTER_API_BASE"},
			params: map[string]string{"or_site_url": "OR_SITE_URL", "or_app_name": "OR_APP_NAME"},
		}
	case "groq":
		return providerEnv{keys: []string{"GROQ_API_KEY"}}
	case "together_ai":
		return providerEnv{keys: []string{"TOGETHER_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHERAI_API_KEY", "TOGETHER_AI_TOKEN"}, bases: []string{"TOGETHER_AI_API_BASE"}}
	case "deepseek":
		return providerEnv{keys: []string{"DEEPSEEK_API_KEY"}, bases: []string{"DEEPSEEK_API_BASE"}}
	case "xai":
		return providerEnv{keys: []string{"XAI_API_KEY"}, bases: []string{"XAI_API_BASE"}}
	case "cohere", "cohere_chat":
		return providerEnv{keys: []string{"COHERE_API_KEY", "CO_API_KEY"}, bases: []string{"COHERE_API_BASE"}}
	case "perplexity":
		return providerEnv{keys: []string{"PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"}}
	case "hosted_vllm":
		return providerEnv{keys: []string{"HOSTED_VLLM_API_KEY"}, bases: []string{"HOSTED_VLLM_API_BASE"}, keyless: true, needs: []string{"HOSTED_VLLM_API_BASE"}}
	case "litellm_proxy":
		return providerEnv{keys: []string{"LITELLM_PROXY_API_KEY"}, bases: []string{"LITELLM_PROXY_API_BASE"}, needs: []string{"LITELLM_PROXY_API_BASE"}}
	}
	return providerEnv{keyless: true}
}

func first(getenv func(string) string, names []string) string {
	for _, n := range names {
		if v := getenv(n); v != "" {
			return v
		}
	}
	return ""
}

// FillFromEnv gives d what it does not say itself from its provider's variables: credential, base URL and the like. A
// deployment that is not of config.yaml and names its own base URL gets no credential: it could name a stranger's.
func FillFromEnv(d *models.Deployment, getenv func(string) string) {
	env := envOf(d.Provider)
	credentials := d.FromConfig || d.APIBase == ""
	if d.APIBase == "" {
		d.APIBase = first(getenv, env.bases)
	}
	if d.Provider == "azure" && d.APIVersion == "" {
		d.APIVersion = getenv("AZURE_API_VERSION")
	}
	if d.Provider == "openai" && d.Organization == "" && credentials {
		d.Organization = getenv("OPENAI_ORGANIZATION")
	}
	params := maps.Clone(d.Params)
	if params == nil {
		params = map[string]any{}
	}
	for name, variable := range env.params {
		if v := getenv(variable); v != "" && params[name] == nil {
			params[name] = v
		}
	}
	if d.Provider == "bedrock" && params["aws_region_name"] == nil {
		if region := first(getenv, []string{"AWS_REGION", "AWS_DEFAULT_REGION"}); region != "" {
			params["aws_region_name"] = region
		}
	}
	d.Params = params
	if !credentials || d.APIKey.IsSet() {
		return
	}
	secrets := maps.Clone(d.Secrets)
	if secrets == nil {
		secrets = map[string]models.Secret{}
	}
	own := len(secrets) > 0 // half of one account and half of another make no credential
	if key := first(getenv, env.keys); key != "" && (!own || d.Provider != "bedrock") {
		d.APIKey = models.NewSecret(key)
	}
	for name, variable := range env.secrets {
		if v := getenv(variable); v != "" && !own {
			secrets[name] = models.NewSecret(v)
		}
	}
	d.Secrets = secrets
}

// needsKey says whether d cannot work without a credential.
func needsKey(d models.Deployment) bool {
	ownServer := d.Provider == "huggingface" && d.APIBase != ""
	return !envOf(d.Provider).keyless && !ownServer && len(d.Secrets) == 0
}

// offered says whether the environment holds all that a provider needs.
func offered(provider string, getenv func(string) string) bool {
	env := envOf(provider)
	for _, n := range env.needs {
		if getenv(n) == "" {
			return false
		}
	}
	switch provider {
	case "bedrock":
		region := first(getenv, []string{"AWS_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION"}) != ""
		return region && (getenv("AWS_BEARER_TOKEN_BEDROCK") != "" || getenv("AWS_ACCESS_KEY_ID") != "" && getenv("AWS_SECRET_ACCESS_KEY") != "")
	case "azure":
		return getenv("AZURE_API_KEY") != "" || getenv("AZURE_AD_TOKEN") != ""
	case "anthropic":
		return getenv("ANTHROPIC_API_KEY") != "" || getenv("ANTHROPIC_AUTH_TOKEN") != ""
	case "ollama_chat", "cohere_chat", "custom_openai": // other names of providers that are offered already
		return false
	}
	return env.keyless || first(getenv, env.keys) != ""
}

// fromEnvironment is the model list of a start without a file: provider/* for every provider whose variables are set,
// and a demo model that answers here, with a price, so that keys, budgets and pages can be tried at once.
func fromEnvironment(getenv func(string) string) []models.Deployment {
	return append(providersOf(getenv), entry("demo", map[string]any{
		"model":                 "openai/demo",
		"mock_response":         "Hello from Gatehouse. This answer is made here, without a provider: add a config.yaml or a provider's key to reach a real model.",
		"input_cost_per_token":  "0.000001",
		"output_cost_per_token": "0.000002",
	}, getenv))
}

// providersOf is provider/* for every provider whose variables are set.
func providersOf(getenv func(string) string) []models.Deployment {
	var out []models.Deployment
	for _, provider := range models.Providers() {
		if offered(provider, getenv) {
			out = append(out, entry(provider+"/*", map[string]any{"model": provider + "/*"}, getenv))
		}
	}
	return out
}

// inferModels adds provider/* to the models of the file, for every provider whose variables are set and that the file has
// not under that name.
func (l *loader) inferModels() {
	for _, d := range providersOf(l.getenv) {
		if !slices.ContainsFunc(l.c.Models, func(have models.Deployment) bool { return have.ModelName == d.ModelName }) {
			l.c.Models = append(l.c.Models, d)
		}
	}
}

// entry builds a deployment that no file names; its parameters are ours, so there are no problems to report.
func entry(name string, params map[string]any, getenv func(string) string) models.Deployment {
	d, _ := models.ParseDeployment(name, params, nil)
	d.FromConfig = true
	if d.MockResponse == "" {
		FillFromEnv(&d, getenv)
	}
	return d
}

// everyProvider serves model_name "*" with model "*": names with a provider's prefix go to that provider.
func everyProvider(d models.Deployment, getenv func(string) string) []models.Deployment {
	var out []models.Deployment
	for _, provider := range models.Providers() {
		if provider == d.Provider || !offered(provider, getenv) {
			continue
		}
		more := entry(provider+"/*", map[string]any{"model": provider + "/*"}, getenv)
		more.AccessGroups, more.Info, more.Prices, more.Mode = d.AccessGroups, d.Info, d.Prices, d.Mode
		out = append(out, more)
	}
	return out
}
