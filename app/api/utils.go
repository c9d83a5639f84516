package api

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
)

// utilOps are what clients ask before they make a call.
func (h *Handlers) utilOps() []Op {
	return []Op{
		op(Op{
			Method: "POST", Path: "/utils/token_counter", Action: access.ModelRead, Tag: "models",
			Doc:     "How many input tokens a prompt, messages or contents are for a model; no provider is asked.",
			Example: `{"model":"demo","messages":[{"role":"user","content":"hello"}]}`,
		}, h.countTokens),
		op(Op{
			Method: "GET", Path: "/utils/supported_openai_params", Action: access.ModelRead, Tag: "models",
			Doc: "The fields of OpenAI's chat that a model is sent.", Example: "model=demo",
		}, h.supportedParams),
	}
}

type tokenInput struct {
	Model    string          `json:"model"`
	Prompt   json.RawMessage `json:"prompt" doc:"A text or a list of texts."`
	Messages json.RawMessage `json:"messages"`
	Contents json.RawMessage `json:"contents" doc:"In Google's form."`
}

type tokenAnswer struct {
	Total     int    `json:"total_tokens"`
	Asked     string `json:"request_model"`
	Used      string `json:"model_used"`
	Tokenizer string `json:"tokenizer_type"`
}

func (h *Handlers) countTokens(c *fiber.Ctx, in tokenInput) (tokenAnswer, error) {
	if in.Model == "" {
		return tokenAnswer{}, fault.Missing("model")
	}
	body := map[string]json.RawMessage{}
	for name, value := range map[string]json.RawMessage{"prompt": in.Prompt, "messages": in.Messages, "contents": in.Contents} {
		if len(value) > 0 && string(value) != "null" {
			body[name] = value
		}
	}
	if len(body) == 0 {
		return tokenAnswer{}, fault.BadField("messages", "prompt, messages or contents must be given")
	}
	text, err := json.Marshal(body)
	if err != nil {
		return tokenAnswer{}, err
	}
	used, err := h.upstreamModel(c, in.Model)
	if err != nil {
		return tokenAnswer{}, err
	}
	return tokenAnswer{Total: h.CountTokens(used, text), Asked: in.Model, Used: used, Tokenizer: "gatehouse"}, nil
}

// upstreamModel is what the provider calls a model, for callers who may see it; else the name without a provider.
func (h *Handlers) upstreamModel(c *fiber.Ctx, name string) (string, error) {
	groups, err := h.Models.Groups(c.UserContext(), web.Actor(c))
	if err != nil {
		return "", err
	}
	for i := range groups {
		if g := &groups[i]; g.Name == name && len(g.Deployments) > 0 && !strings.Contains(g.Deployments[0].Model, "*") {
			return g.Deployments[0].Model, nil
		}
	}
	_, bare, _ := models.SplitModel(name)
	return cmp.Or(bare, name), nil
}

type paramsQuery struct {
	Model string `query:"model"`
}

type paramsAnswer struct {
	Params []string `json:"supported_openai_params"`
}

func (h *Handlers) supportedParams(_ *fiber.Ctx, in paramsQuery) (paramsAnswer, error) {
	if in.Model == "" {
		return paramsAnswer{}, fault.Missing("model")
	}
	return paramsAnswer{Params: slices.Clone(openAIParams)}, nil
}
