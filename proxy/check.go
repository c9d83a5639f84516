package proxy

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"gatehouse/models"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/policy/glob"
	"gatehouse/proxy/provider"
)

// Checked is what a health check of one deployment found.
type Checked struct {
	Status  int    // of the answer: 200 when the deployment serves
	Message string // why it does not
}

// checkText is what a deployment is asked in a health check (LiteLLM's words), and checkTokens how much it may say.
const (
	checkText   = "test from litellm"
	checkTokens = 5
)

// Check makes one live call to a deployment, whatever the router thinks of it: no retry, no fallback, no cache. It is booked as the
// master's, since it costs what a call costs. ok is false for a deployment that cannot be checked: it needs a file, or its
// name is a pattern and model_info.health_check_model names no model.
func (p *Plane) Check(d *models.Deployment, limit time.Duration) (found Checked, ok bool) {
	op, body := checkCall(d)
	asked := d.ModelName
	if d.IsWildcard() {
		name, _ := d.Info["health_check_model"].(string)
		if _, tail, cut := strings.Cut(name, "/"); cut {
			name = tail
		}
		asked = glob.Fill(d.ModelName, []string{name})
		if name == "" || glob.Has(asked) {
			return Checked{}, false
		}
	}
	if body == nil {
		return Checked{}, false
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return Checked{Status: fasthttp.StatusInternalServerError, Message: err.Error()}, true
	}
	var req fasthttp.Request
	req.Header.SetMethod(fasthttp.MethodPost)
	req.Header.SetContentType("application/json")
	req.Header.SetHost("localhost")
	req.Header.Set("X-Gatehouse-Num-Retries", "0")
	req.Header.Set("X-Gatehouse-Timeout", strconv.FormatFloat(limit.Seconds(), 'f', 3, 64))
	req.SetBody(raw)
	req.Header.SetContentLength(len(raw))
	var ctx fasthttp.RequestCtx
	ctx.Init(&req, nil, nil)
	p.check(&ctx, op, d, asked)
	found.Status = ctx.Response.StatusCode()
	if found.Status != fasthttp.StatusOK {
		var e struct {
			Error struct{ Message string }
		}
		if json.Unmarshal(ctx.Response.Body(), &e) == nil {
			found.Message = e.Error.Message
		}
	}
	return found, true
}

func (p *Plane) check(ctx *fasthttp.RequestCtx, op provider.Op, d *models.Deployment, asked string) {
	c := p.begin(ctx, op)
	defer c.release()
	defer c.recovered()
	c.grant, c.only = p.master, d
	if f := c.walk(asked); f != nil {
		c.refuse(f)
	}
}

// checkCall is the call that fits a deployment's mode; nil where it would need a file.
func checkCall(d *models.Deployment) (provider.Op, map[string]any) {
	body := map[string]any{"disable_fallbacks": true, "cache": map[string]any{"no-cache": true, "no-store": true}}
	tokens := any(checkTokens)
	if n, ok := d.Info["health_check_max_tokens"]; ok {
		tokens = n
	}
	switch d.Mode {
	case "", "chat":
		body["messages"], body["max_tokens"] = []any{map[string]any{"role": "user", "content": checkText}}, tokens
		return provider.Chat, body
	case "completion":
		body["prompt"], body["max_tokens"] = checkText, tokens
		return provider.Completion, body
	case "embedding":
		body["input"] = []string{checkText}
		return provider.Embedding, body
	case "responses":
		body["input"] = checkText
		return provider.Responses, body
	case "moderation":
		body["input"] = checkText
		return provider.Moderation, body
	case "rerank":
		body["query"], body["documents"] = checkText, []string{checkText}
		return provider.Rerank, body
	case "image_generation":
		body["prompt"] = checkText
		return provider.ImageGeneration, body
	case "audio_speech":
		body["input"], body["voice"] = checkText, "alloy"
		return provider.Speech, body
	}
	return provider.Chat, nil
}

// checked is what the name of a call that checks a deployment stands for: that deployment and nothing else.
func (c *call) checked() {
	c.group = c.asked
	c.match = keyring.Match{Group: c.only.ModelName, Pinned: true, Wildcard: c.only.IsWildcard(), Deployments: []*models.Deployment{c.only}}
}
