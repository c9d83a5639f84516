package proxy

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"mime/multipart"
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
	Message string // why it does not, or why it was not asked
}

// checkText is what a deployment is asked in a health check (LiteLLM's words), and checkTokens how much it may say.
const (
	checkText   = "test from litellm"
	checkTokens = 5
)

// checkTag marks the records of health checks (LiteLLM's name for them).
const checkTag = "litellm-internal-health-check"

// Check makes one live call to a deployment, whatever the router thinks of it: no retry, no fallback, no cache. It costs what a call
// costs and is booked so: as the master's, who has no budget, under a tag of its own. ok is false where nothing was learnt: the
// deployment cannot be checked, or this gateway could not send the call.
func (p *Plane) Check(d *models.Deployment, limit time.Duration) (found Checked, ok bool) {
	return p.try(d, nil, limit)
}

// Try is Check of a deployment that is not in the catalog. The error is why it could never serve.
func (p *Plane) Try(d *models.Deployment, limit time.Duration) (found Checked, ok bool, err error) {
	target, err := p.targets.Fresh(d)
	if err != nil {
		return Checked{}, false, err //nolint:wrapcheck // says it all
	}
	found, ok = p.try(d, target, limit)
	return found, ok, nil
}

func (p *Plane) try(d *models.Deployment, target *provider.Target, limit time.Duration) (found Checked, ok bool) {
	asked := d.ModelName
	if d.IsWildcard() {
		name, _ := d.Info["health_check_model"].(string)
		if _, tail, cut := strings.Cut(name, "/"); cut {
			name = tail
		}
		asked = glob.Fill(d.ModelName, []string{name})
		if name == "" || glob.Has(asked) {
			return Checked{Message: "its name is a pattern, and model_info.health_check_model names no model to ask for"}, false
		}
	}
	ask, ok := checkCall(d)
	if !ok {
		return Checked{Message: "a deployment of mode " + d.Mode + " is not checked"}, false
	}
	var req fasthttp.Request
	req.Header.SetMethod(fasthttp.MethodPost)
	req.Header.SetContentType(ask.media)
	req.Header.SetHost("localhost")
	req.Header.Set("X-Gatehouse-Num-Retries", "0")
	req.Header.Set("X-Gatehouse-Timeout", strconv.FormatFloat(limit.Seconds(), 'f', 3, 64))
	req.SetBody(ask.body)
	req.Header.SetContentLength(len(ask.body))
	var ctx fasthttp.RequestCtx
	ctx.Init(&req, nil, nil)
	ours := p.check(&ctx, ask.op, d, target, asked)
	found.Status = ctx.Response.StatusCode()
	if found.Status != fasthttp.StatusOK {
		var e struct {
			Error struct{ Message string }
		}
		if json.Unmarshal(ctx.Response.Body(), &e) == nil {
			found.Message = e.Error.Message
		}
	}
	return found, !ours
}

// check takes the call through the plane; ours says that it failed here, before anybody was asked.
func (p *Plane) check(ctx *fasthttp.RequestCtx, op provider.Op, d *models.Deployment, target *provider.Target, asked string) (ours bool) {
	c := p.begin(ctx, op)
	defer c.release()
	defer c.recovered()
	c.grant, c.only, c.trial = p.master, d, target
	f := c.walk(asked)
	if f == nil {
		return false
	}
	c.refuse(f)
	switch f.reason { //nolint:exhaustive // what says something about this gateway and nothing about the deployment
	case noDeployment, draining, overloaded, ledgerDown, authDown:
		return true
	}
	return false
}

// asking is the call that fits a deployment.
type asking struct {
	op    provider.Op
	body  []byte
	media string
}

// checkCall is the call that fits a deployment's mode; ok is false for a mode that has none.
func checkCall(d *models.Deployment) (ask asking, ok bool) {
	body := map[string]any{"cache": map[string]any{"no-cache": true, "no-store": true}}
	tokens := any(checkTokens)
	if n, ok := d.Info["health_check_max_tokens"]; ok {
		tokens = n
	}
	switch d.Mode {
	case "", "chat":
		ask.op = provider.Chat
		body["messages"], body["max_tokens"] = []any{map[string]any{"role": "user", "content": checkText}}, tokens
	case "completion":
		ask.op = provider.Completion
		body["prompt"], body["max_tokens"] = checkText, tokens
	case "embedding":
		ask.op = provider.Embedding
		body["input"] = []string{checkText}
	case "responses":
		ask.op = provider.Responses
		body["input"] = checkText
	case "moderation":
		ask.op = provider.Moderation
		body["input"] = checkText
	case "rerank":
		ask.op = provider.Rerank
		body["query"], body["documents"] = checkText, []string{checkText}
	case "image_generation":
		ask.op = provider.ImageGeneration
		body["prompt"] = checkText
	case "audio_speech":
		ask.op = provider.Speech
		body["input"], body["voice"] = checkText, "alloy"
	case "audio_transcription":
		ask.op = provider.Transcription
		ask.body, ask.media = silentForm()
		return ask, true
	default:
		return ask, false
	}
	raw, err := json.Marshal(body)
	ask.body, ask.media = raw, "application/json"
	return ask, err == nil
}

// silentForm is a form with half a second of silence: OpenAI refuses less than a tenth.
func silentForm() (body []byte, media string) {
	const (
		rate     = 8000 // samples a second, two bytes each
		size     = rate / 2 * 2
		header   = 36
		pcm      = 1
		boundary = "gatehouse-health-check"
	)
	le := binary.LittleEndian
	wav := append([]byte("RIFF"), le.AppendUint32(nil, header+size)...)
	wav = le.AppendUint32(append(wav, "WAVEfmt "...), 16)
	wav = le.AppendUint16(le.AppendUint16(wav, pcm), 1)
	wav = le.AppendUint32(le.AppendUint32(wav, rate), rate*2)
	wav = le.AppendUint16(le.AppendUint16(wav, 2), 16)
	wav = le.AppendUint32(append(wav, "data"...), size)
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	// None of these can fail: they write to memory, and the boundary is a good one.
	_ = w.SetBoundary(boundary)
	file, _ := w.CreateFormFile("file", "silence.wav")
	_, _ = file.Write(append(wav, make([]byte, size)...))
	_ = w.Close()
	return out.Bytes(), w.FormDataContentType()
}

// checked is what the name of a call that checks a deployment stands for: that deployment and nothing else.
func (c *call) checked() {
	c.group, c.noFallbacks = c.asked, true
	c.match = keyring.Match{Group: c.only.ModelName, Pinned: true, Wildcard: c.only.IsWildcard(), Deployments: []*models.Deployment{c.only}}
}
