package proxy

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/proxy/provider"
)

// unsupportedParams are a parameter that each provider does not take, with a value that asks for something; "" where every
// parameter of OpenAI's chat passes.
var unsupportedParams = map[string]string{
	"openai": "", "azure": "", "custom_openai": "", "litellm_proxy": "", "ollama": "", "ollama_chat": "", "huggingface": "", "fireworks_ai": "", "openrouter": "",
	"together_ai": "", "deepseek": "", "xai": "", "hosted_vllm": "",
	"mistral": `"logit_bias":{"1":2}`, "groq": `"n":2`, "perplexity": `"seed":7`,
	"anthropic": `"seed":7`, "gemini": `"logit_bias":{"1":2}`, "vertex_ai": `"logit_bias":{"1":2}`, "bedrock": `"n":2`, "cohere": `"n":2`,
}

// paramRig serves one provider of the conformance suite and answers well.
func paramRig(t *testing.T, name string, p party, cfg Config, change func(*models.Deployment)) *rig {
	t.Helper()
	d := deployment("m", name, p.model)
	d.APIBase = "${PROVIDER}" + p.base
	if p.set != nil {
		p.set(&d)
	}
	if d.Params == nil {
		d.Params = map[string]any{}
	}
	if change != nil {
		change(&d)
	}
	r := newRig(t, setup{config: cfg, settings: oneTry(), deployments: []models.Deployment{d}})
	var fixture struct {
		Answers map[string]*fixtureAnswer
	}
	loadJSON(t, p.file+".json", &fixture)
	r.provider.Always(fixture.Answers["text"].reply(t, p.wire, false))
	return r
}

// has says whether a member of that name is anywhere in a body.
func has(tb testing.TB, body []byte, name string) bool {
	tb.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		tb.Fatal(err)
	}
	var walk func(any) bool
	walk = func(v any) bool {
		switch v := v.(type) {
		case map[string]any:
			for k, inner := range v {
				if k == name || walk(inner) {
					return true
				}
			}
		case []any:
			return slices.ContainsFunc(v, walk)
		}
		return false
	}
	return walk(v)
}

// What is done about a parameter that the provider does not take: refused by name, dropped when the call, the deployment or the
// configuration says so, dropped by name, or passed when it is allowed.
func TestUnsupportedParameters(t *testing.T) {
	t.Parallel()
	for name, p := range parties() {
		param, known := unsupportedParams[name]
		if !known {
			t.Errorf("no line for %s", name)
		}
		if param == "" {
			continue
		}
		field := strings.Split(param, `"`)[1]
		deployed := func(key string, value any) func(*models.Deployment) {
			return func(d *models.Deployment) {
				d.Params = maps.Clone(d.Params)
				d.Params[key] = value
			}
		}
		for what, tt := range map[string]struct {
			more   string
			cfg    Config
			change func(*models.Deployment)
			status int
			sent   bool
		}{
			"refused":                {"", Config{}, nil, 400, false},
			"dropped by the call":    {`,"drop_params":true`, Config{}, nil, 200, false},
			"dropped by deployment":  {"", Config{}, deployed("drop_params", true), 200, false},
			"dropped by config":      {"", Config{DropParams: true}, nil, 200, false},
			"named by the call":      {`,"additional_drop_params":["` + field + `"]`, Config{}, nil, 200, false},
			"named by deployment":    {"", Config{}, deployed("additional_drop_params", []any{field}), 200, false},
			"allowed by the call":    {`,"allowed_openai_params":["` + field + `"]`, Config{}, nil, 200, true},
			"allowed by deployment":  {"", Config{}, deployed("allowed_openai_params", []any{field}), 200, true},
			"a value asking nothing": {"", Config{}, nil, 200, false},
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				t.Parallel()
				r := paramRig(t, name, p, tt.cfg, tt.change)
				param := param
				if what == "a value asking nothing" {
					param = map[string]string{"n": `"n":1`, "seed": `"seed":null`, "logit_bias": `"logit_bias":{}`}[field]
				}
				got := r.chat("m", param+tt.more)
				if got.status != tt.status {
					t.Fatalf("%d %s", got.status, got.body)
				}
				if tt.status == 400 {
					var e struct {
						Error struct{ Code, Param, Message string }
					}
					if err := json.Unmarshal([]byte(got.body), &e); err != nil || e.Error.Code != "unsupported_parameter" || e.Error.Param != field || !strings.Contains(e.Error.Message, field) {
						t.Errorf("%s", got.body)
					}
					if n := len(r.provider.Requests()); n != 0 {
						t.Errorf("%d calls went out", n)
					}
					return
				}
				if body := r.provider.Last(t).Body; has(t, body, field) != tt.sent {
					t.Errorf("sent %s", body)
				}
				told := ""
				if strings.HasPrefix(what, "dropped by") {
					told = field
				}
				if got := got.header.Get("X-Gatehouse-Dropped-Params"); got != told {
					t.Errorf("told of %q, want %q", got, told)
				}
			})
		}
	}
}

// capNames are what each wire calls the output cap.
func capNames(w provider.Wire) []string {
	switch w {
	case provider.Gemini:
		return []string{"maxOutputTokens"}
	case provider.BedrockConverse:
		return []string{"maxTokens"}
	case provider.OpenAI, provider.Anthropic, provider.Cohere:
	}
	return []string{"max_tokens", "max_completion_tokens"}
}

// Whichever of its two names a cap comes under, it reaches the provider once and with its value, under a name that it takes; what a
// deployment says holds where the call says nothing.
func TestCapsAndDefaults(t *testing.T) {
	t.Parallel()
	const capOf = 77
	onlyCompletion := map[string]bool{"openai o3": true, "azure gpt-5": true}
	onlyMax := map[string]bool{"mistral": true, "anthropic": true, "cohere": true}
	all := parties()
	o3, gpt5 := all["openai"], all["azure"]
	o3.model, gpt5.model = "o3-mini", "gpt-5"
	all["openai o3"], all["azure gpt-5"] = o3, gpt5
	for at, p := range all {
		name, _, _ := strings.Cut(at, " ")
		for what, tt := range map[string]struct {
			more     string
			defaults map[string]any
			want     int
		}{
			"max_tokens":              {fmt.Sprintf(`"max_tokens":%d`, capOf), nil, capOf},
			"max_completion_tokens":   {fmt.Sprintf(`"max_completion_tokens":%d`, capOf), nil, capOf},
			"deployment's default":    {"", map[string]any{"max_tokens": capOf}, capOf},
			"the call's own, instead": {`"max_tokens":33`, map[string]any{"max_tokens": capOf}, 33},
		} {
			t.Run(at+", "+what, func(t *testing.T) {
				t.Parallel()
				r := paramRig(t, name, p, Config{}, func(d *models.Deployment) {
					if tt.defaults != nil {
						d.Defaults = tt.defaults
					}
				})
				if got := r.chat("m", tt.more); got.status != 200 {
					t.Fatalf("%d %s", got.status, got.body)
				}
				body := r.provider.Last(t).Body
				var found []string
				for _, cap := range capNames(p.wire) {
					if strings.Contains(string(body), fmt.Sprintf(`"%s":%d`, cap, tt.want)) {
						found = append(found, cap)
					}
				}
				if len(found) != 1 || onlyCompletion[at] && found[0] != "max_completion_tokens" || onlyMax[at] && found[0] != "max_tokens" {
					t.Errorf("the cap is in %q of %s", found, body)
				}
			})
		}
	}
}

// A deployment's other parameters are defaults of the body too; the gateway's own are none.
func TestDeploymentDefaults(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"openai", "anthropic", "gemini", "bedrock", "cohere", "mistral"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := paramRig(t, name, parties()[name], Config{}, func(d *models.Deployment) {
				d.Defaults = map[string]any{"temperature": 0.25, "drop_params": true, "num_retries": 3}
			})
			for more, want := range map[string]string{"": `"temperature":0.25`, `"temperature":0.5`: `"temperature":0.5`} {
				got := r.chat("m", more)
				body := string(r.provider.Last(t).Body)
				if got.status != 200 || strings.Count(body, "temperature") != 1 || !strings.Contains(body, want) || strings.Contains(body, "drop_params") || strings.Contains(body, "num_retries") {
					t.Errorf("%d, sent %s", got.status, body)
				}
			}
		})
	}
}

// Reasoning models of OpenAI refuse sampling parameters; nested ones are dropped by their path.
func TestParametersByModelAndPath(t *testing.T) {
	t.Parallel()
	p := parties()["openai"]
	p.model = "o3-mini"
	for _, param := range []string{`"temperature":0.2`, `"top_p":0.5`, `"presence_penalty":1`, `"frequency_penalty":1`, `"logprobs":true`, `"logit_bias":{"1":2}`} {
		field := strings.Split(param, `"`)[1]
		r := paramRig(t, "openai", p, Config{}, nil)
		if got := r.chat("m", param); got.status != 400 || !strings.Contains(got.body, `"param":"`+field+`"`) {
			t.Errorf("%s: %d %s", param, got.status, got.body)
		}
		if got := r.chat("m", param+`,"drop_params":true`); got.status != 200 || has(t, r.provider.Last(t).Body, field) {
			t.Errorf("%s dropped: %d, sent %s", param, got.status, r.provider.Last(t).Body)
		}
	}
	r := newRig(t, setup{})
	r.provider.Always(testkit.Reply{})
	r.chat("gpt-4o", `"x":{"keep":1,"drop":{"a":1,"b":2}},"additional_drop_params":["$.x.drop.a","top"],"top":1`)
	if body := string(r.provider.Last(t).Body); !strings.Contains(body, `"x":{"keep":1,"drop":{"b":2}}`) || strings.Contains(body, `"top"`) {
		t.Errorf("sent %s", body)
	}
}
