package models

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

func paths(problems []Problem, fatal bool) []string {
	var out []string
	for _, p := range problems {
		if p.Fatal == fatal {
			out = append(out, p.Path)
		}
	}
	return out
}

func TestParseDeploymentRefuses(t *testing.T) {
	t.Parallel()
	good := func(extra map[string]any) map[string]any {
		m := map[string]any{"model": "openai/gpt-4o", "api_key": "k"}
		maps.Copy(m, extra)
		return m
	}
	for _, c := range []struct {
		name, model  string
		params, info map[string]any
		fatal        string
	}{
		{"no name", " ", good(nil), nil, "model_name"},
		{"no model", "m", map[string]any{}, nil, "litellm_params.model"},
		{"empty model", "m", map[string]any{"model": ""}, nil, "litellm_params.model"},
		{"model is a number", "m", map[string]any{"model": 4}, nil, "litellm_params.model"},
		{"provider without a model", "m", map[string]any{"model": "openai/"}, nil, "litellm_params.model"},
		{"negative rpm", "m", good(map[string]any{"rpm": -1}), nil, "litellm_params.rpm"},
		{"negative tpm", "m", good(map[string]any{"tpm": json.Number("-5")}), nil, "litellm_params.tpm"},
		{"fraction of a slot", "m", good(map[string]any{"max_parallel_requests": 1.5}), nil, "litellm_params.max_parallel_requests"},
		{"rpm is a word", "m", good(map[string]any{"rpm": "many"}), nil, "litellm_params.rpm"},
		{"weight is a word", "m", good(map[string]any{"weight": "heavy"}), nil, "litellm_params.weight"},
		{"negative price", "m", good(map[string]any{"input_cost_per_token": -0.1, "output_cost_per_token": 0}), nil, "litellm_params.input_cost_per_token"},
		{"negative price in info", "m", good(nil), map[string]any{"input_cost_per_token": 0, "output_cost_per_token": "-1e-5"}, "model_info.output_cost_per_token"},
		{"negative cache price", "m", good(map[string]any{"cache_read_input_token_cost": -1}), nil, "litellm_params.cache_read_input_token_cost"},
		{"price is a word", "m", good(map[string]any{"output_cost_per_token": "free"}), nil, "litellm_params.output_cost_per_token"},
		{"price without end", "m", good(map[string]any{"input_cost_per_token": "1e99999999"}), nil, "litellm_params.input_cost_per_token"},
		{"id is a list", "m", good(nil), map[string]any{"id": []any{"a"}}, "model_info.id"},
		{"reference to our environment", "m", map[string]any{"model": "openai/x", "api_key": "os.environ/LITELLM_MASTER_KEY"}, nil, "litellm_params.api_key"},
		{"reference in a header", "m", good(map[string]any{"extra_headers": map[string]any{"X-A": "os.environ/HOME"}}), nil, "litellm_params.extra_headers.X-A"},
		{"reference inside a list", "m", good(map[string]any{"stop": []any{"a", "os.environ/HOME"}}), nil, "litellm_params.stop[1]"},
	} {
		_, problems := ParseDeployment(c.model, c.params, c.info)
		if got := paths(problems, true); !slices.Equal(got, []string{c.fatal}) {
			t.Errorf("%s: fatal at %v, want %s", c.name, got, c.fatal)
		}
	}
}

func TestParseDeploymentDisables(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		model  string
		params map[string]any
		path   string
	}{
		{"unknown provider", "m", map[string]any{"model": "nowhere/llama"}, "litellm_params.model"},
		{"api_base is no URL", "m", map[string]any{"model": "openai/x", "api_base": "localhost:8000"}, "litellm_params.api_base"},
		{"api_base of another scheme", "m", map[string]any{"model": "openai/x", "api_base": "file:///etc/passwd"}, "litellm_params.api_base"},
		{"api_base with a password", "m", map[string]any{"model": "openai/x", "api_base": "https://u:p@host/v1"}, "litellm_params.api_base"},
		{"weight zero", "m", map[string]any{"model": "openai/x", "weight": 0}, "litellm_params.weight"},
		{"weight below zero", "m", map[string]any{"model": "openai/x", "weight": -2.5}, "litellm_params.weight"},
		{"a star that nothing fills", "m", map[string]any{"model": "openai/*"}, "litellm_params.model"},
	} {
		d, problems := ParseDeployment(c.model, c.params, nil)
		if d.Disabled == "" || !slices.Contains(paths(problems, false), c.path) || len(paths(problems, true)) != 0 {
			t.Errorf("%s: disabled %q, problems %v", c.name, d.Disabled, problems)
		}
	}
}

func TestParseDeploymentWarns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		params, info map[string]any
		path         string
	}{
		{"only an input price", map[string]any{"input_cost_per_token": 1e-6}, nil, "litellm_params.input_cost_per_token"},
		{"only an output price", nil, map[string]any{"output_cost_per_token": 1e-6}, "model_info.output_cost_per_token"},
		{"timeout is a word", map[string]any{"timeout": "soon"}, nil, "litellm_params.timeout"},
		{"timeout zero", map[string]any{"stream_timeout": 0}, nil, "litellm_params.stream_timeout"},
		{"retries negative", map[string]any{"max_retries": -1}, nil, "litellm_params.max_retries"},
		{"version is a list", map[string]any{"api_version": []any{1}}, nil, "litellm_params.api_version"},
		{"cooldown negative", map[string]any{"cooldown_time": -1}, nil, "litellm_params.cooldown_time"},
		{"mode unknown", nil, map[string]any{"mode": "telepathy"}, "model_info.mode"},
		{"groups are a map", nil, map[string]any{"access_groups": map[string]any{}}, "model_info.access_groups"},
		{"a credential in the wrong place", nil, map[string]any{"api_key": "sk-upstream"}, "model_info.api_key"},
		{"mock is a map", map[string]any{"mock_response": map[string]any{}}, nil, "litellm_params.mock_response"},
	} {
		params := map[string]any{"model": "openai/x", "api_key": "k"}
		maps.Copy(params, c.params)
		d, problems := ParseDeployment("m", params, c.info)
		if got := paths(problems, false); !slices.Equal(got, []string{c.path}) || d.Disabled != "" || len(paths(problems, true)) != 0 {
			t.Errorf("%s: warned at %v, want %s; disabled %q", c.name, got, c.path, d.Disabled)
		}
	}
}

func TestSplitModel(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		model, provider, name string
		known                 bool
	}{
		{"openai/gpt-4o", "openai", "gpt-4o", true},
		{"gpt-4", "openai", "gpt-4", true},
		{"text-embedding-3-small", "openai", "text-embedding-3-small", true},
		{"claude-sonnet-4-5", "anthropic", "claude-sonnet-4-5", true},
		{"gemini-2.5-pro", "gemini", "gemini-2.5-pro", true},
		{"my-own-name", "openai", "my-own-name", true},
		{"fireworks_ai/accounts/fireworks/models/llama-v3-70b-instruct", "fireworks_ai", "accounts/fireworks/models/llama-v3-70b-instruct", true},
		{"huggingface/HuggingFaceH4/zephyr-7b-beta", "huggingface", "HuggingFaceH4/zephyr-7b-beta", true},
		{"bedrock/converse/anthropic.claude-3", "bedrock", "converse/anthropic.claude-3", true},
		{"openai/*", "openai", "*", true},
		{"*", "openai", "*", true},
		{"HuggingFaceH4/zephyr", "HuggingFaceH4", "zephyr", false},
	} {
		provider, name, known := SplitModel(c.model)
		if provider != c.provider || name != c.name || known != c.known {
			t.Errorf("%s: %s %s %v", c.model, provider, name, known)
		}
	}
	d, problems := ParseDeployment("m", map[string]any{"model": "openai/gpt-4o", "custom_llm_provider": "azure"}, nil)
	if d.Provider != "azure" || d.Model != "openai/gpt-4o" || len(problems) != 0 {
		t.Errorf("custom_llm_provider: %s %s %v", d.Provider, d.Model, problems)
	}
}

func TestParseDeployment(t *testing.T) {
	t.Parallel()
	params := map[string]any{
		"model": "azure/gpt-4o-eu", "api_key": "sk-upstream", "api_base": " https://eu.example.com/ ", "api_version": "2024-06-01", "organization": "org-1",
		"timeout": json.Number("30.5"), "stream_timeout": "5", "max_retries": 3, "rpm": "60", "tpm": 1000.0, "max_parallel_requests": json.Number("7"), "weight": 2,
		"order": 1, "cooldown_time": 0, "tags": []any{"eu", ""}, "temperature": json.Number("0.20"), "seed": nil,
		"azure_ad_token": "ad-secret", "aws_region_name": "eu-central-1", "drop_params": true,
		"extra_headers": map[string]any{"X-Team": "blue", "Authorization": "Bearer hidden"},
		"extra_body":    map[string]any{"chat_template": "x"}, "input_cost_per_token": "1e-5", "vertex_credentials": map[string]any{"private_key": "pem"},
	}
	info := map[string]any{
		"id": "eu-1", "access_groups": "beta-models", "base_model": "azure/gpt-4o", "mode": "chat", "team_id": "t-1", "team_public_model_name": "gpt",
		"output_cost_per_token": json.Number("0.00003"), "input_cost_per_token": json.Number("9"), "max_tokens": 4096, "description": "EU",
	}
	d, problems := ParseDeployment("gpt-4o", params, info)
	if len(problems) != 0 || d.Disabled != "" {
		t.Fatalf("problems %v, disabled %q", problems, d.Disabled)
	}
	check := func(what string, ok bool) {
		t.Helper()
		if !ok {
			t.Errorf("%s: %+v", what, d)
		}
	}
	check("names", d.ModelName == "gpt-4o" && d.Provider == "azure" && d.Model == "gpt-4o-eu" && d.ID == "eu-1")
	check("upstream", d.APIBase == "https://eu.example.com/" && d.APIVersion == "2024-06-01" && d.Organization == "org-1" && d.APIKey.Reveal() == "sk-upstream")
	check("times", d.Timeout == 30500*time.Millisecond && d.StreamTimeout == 5*time.Second && *d.CooldownTime == 0 && *d.MaxRetries == 3)
	check("limits", *d.RPM == 60 && *d.TPM == 1000 && *d.MaxParallel == 7 && *d.Weight == 2 && d.Order == 1)
	check("lists", slices.Equal(d.Tags, []string{"eu"}) && slices.Equal(d.AccessGroups, []string{"beta-models"}))
	check("info", d.BaseModel == "azure/gpt-4o" && d.Mode == "chat" && d.TeamID == "t-1" && d.TeamPublicName == "gpt" && d.Info["description"] == "EU")
	check("litellm_params beat model_info for prices", d.Prices["input_cost_per_token"] == json.Number("1e-5") && d.Prices["output_cost_per_token"] == json.Number("0.00003"))
	check("defaults keep their form", len(d.Defaults) == 2 && d.Defaults["temperature"] == json.Number("0.20") && d.Defaults["chat_template"] == "x")
	check("secrets", d.Secrets["azure_ad_token"].Reveal() == "ad-secret" && d.Secrets["vertex_credentials"].Reveal() == `{"private_key":"pem"}`)
	headers := d.ExtraHeaders()
	check("headers are secrets", len(headers) == 2 && headers["Authorization"].Reveal() == "Bearer hidden" && headers["X-Team"].Reveal() == "blue")
	shown, err := json.Marshal([]any{d.Params, d.Info, d.Defaults, d.Prices})
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"sk-upstream", "ad-secret", "hidden", "pem"} {
		if strings.Contains(string(shown), secret) {
			t.Errorf("%q shows in %s", secret, shown)
		}
	}
	if params["api_key"] != "sk-upstream" {
		t.Error("the caller's map was changed")
	}
}

// TestPasswordInAddress: an address with a password serves nothing and is not shown, in whichever form it comes.
func TestPasswordInAddress(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"api_base", "base_url"} {
		for _, address := range []string{"https://user:hidden@up.example/v1", "https://hidden@up.example", "https://user:hi%dden@up.example", "user:hidden@up.example"} {
			d, problems := ParseDeployment("m", map[string]any{"model": "openai/x", name: address}, nil)
			shown, err := json.Marshal([]any{d.Params, d.Info, d.Defaults, d.Disabled, fmt.Sprint(problems)})
			if err != nil || d.Disabled == "" || strings.Contains(string(shown), "hi") && strings.Contains(string(shown), "dden") {
				t.Errorf("%s: %v, disabled %q, shown %s", address, err, d.Disabled, shown)
			}
		}
	}
}

// TestSecretsComeBack: what was sealed in the database under its dotted path is a secret again, and no request field.
func TestSecretsComeBack(t *testing.T) {
	t.Parallel()
	first, _ := ParseDeployment("m", map[string]any{"model": "openai/x", "extra_headers": map[string]any{"X-Team": "blue"}, "extra_body": map[string]any{"password": "pw"}}, nil)
	stored := maps.Clone(first.Params)
	for name, secret := range first.Secrets {
		stored[name] = secret.Reveal()
	}
	again, problems := ParseDeployment("m", stored, nil)
	if len(problems) != 0 || len(again.Secrets) != 2 || again.ExtraHeaders()["X-Team"].Reveal() != "blue" || len(again.Defaults) != 0 {
		t.Errorf("%v %v %v", problems, again.Defaults, again.Params)
	}
}

func TestDeploymentID(t *testing.T) {
	t.Parallel()
	base := map[string]any{"model": "openai/gpt-4o", "api_key": "one", "temperature": 1}
	id := func(name string, change map[string]any) Deployment {
		m := maps.Clone(base)
		maps.Copy(m, change)
		d, _ := ParseDeployment(name, m, nil)
		return d
	}
	first := id("m", nil)
	if len(first.ID) != 64 || first.ID != id("m", nil).ID {
		t.Errorf("the id is not stable: %s", first.ID)
	}
	if first.ID != id("m", map[string]any{"api_key": "two"}).ID {
		t.Error("a changed key changes the id, so its history is lost")
	}
	if first.ID == id("n", nil).ID || first.ID == id("m", map[string]any{"api_base": "https://a.example"}).ID || first.ID == id("m", map[string]any{"temperature": 2}).ID {
		t.Error("different deployments share an id")
	}
	if first.Nth(2) == first.ID || first.Nth(2) == first.Nth(3) || first.Nth(2) != id("m", nil).Nth(2) {
		t.Error("equal entries cannot be told apart")
	}
	if numeric, _ := ParseDeployment("m", base, map[string]any{"id": json.Number("17")}); numeric.ID != "17" {
		t.Errorf("a number as id: %q", numeric.ID)
	}
}

func TestIsCredentialName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"api_key", "apiKey", "aws_access_key_id", "aws_secret_access_key", "aws_session_token", "azure_ad_token", "client_secret", "azure_password",
		"vertex_credentials", "watsonx_apikey", "Authorization", "hf_token", "private_key", "aws_bearer_token_bedrock", "newprovider_api_key_v2", "x-api-key", "jwt",
		"langfuse_secret", "oci_key", "sap_passphrase", "auth",
	} {
		if !IsCredentialName(name) {
			t.Errorf("%s is taken for harmless", name)
		}
	}
	for _, name := range []string{
		"model", "max_tokens", "input_cost_per_token", "output_cost_per_reasoning_token", "cache_read_input_token_cost", "prompt_cache_key", "tpm", "temperature",
		"api_base", "stop_token_ids", "custom_tokenizer", "supports_vision", "eos_token", "litellm_credential_name", "top_k", "monkey", "keyword", "", "_",
	} {
		if IsCredentialName(name) {
			t.Errorf("%s is taken for a secret", name)
		}
	}
}

func FuzzParseDeployment(f *testing.F) {
	f.Add("m", `{"model":"openai/x","api_key":"k","rpm":1e3}`, `{"access_groups":["a"]}`)
	f.Add("", `{"model":[1,{"token":null}],"weight":"NaN","input_cost_per_token":"1e9999"}`, `{"id":{}}`)
	f.Fuzz(func(t *testing.T, name, params, info string) {
		var p, i map[string]any
		if json.Unmarshal([]byte(params), &p) != nil || json.Unmarshal([]byte(info), &i) != nil {
			return
		}
		if d, problems := ParseDeployment(name, p, i); d.ID == "" && len(paths(problems, true)) == 0 {
			t.Fatal("a deployment without an id")
		}
	})
}
