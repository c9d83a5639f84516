package openai

import (
	"bytes"
	"strings"

	"gatehouse/proxy/provider"
	"gatehouse/proxy/wire"
)

// Edit applies the provider's quirks to a body.
func (p *Vendor) Edit(t *provider.Target, body *wire.Request, e *provider.Edits) error {
	if e.Op != provider.Chat && e.Op != provider.Completion {
		return nil
	}
	q := p.v.quirks
	if q&reasoningCap != 0 && e.Op == provider.Chat {
		if wantsCompletionCap(e.Model, t.Deployment.BaseModel) && body.Has(wire.MaxTokens) && !body.Present(wire.MaxCompletionTokens) {
			body.RenameField(wire.MaxTokens, wire.MaxCompletionTokens.Name())
		}
		if err := p.reasoner(t, body, e); err != nil {
			return err
		}
		if e.Foreign {
			effort(t, body, e)
		}
	}
	if q&mistralNames != 0 {
		p.mistral(body)
	}
	if q&inlines != 0 && !seesImages(t, e.Model) {
		inline(body)
	}
	return p.refuse(body, e)
}

// refuse looks for parameters that the provider is known to refuse.
func (p *Vendor) refuse(body *wire.Request, e *provider.Edits) error {
	refused := p.v.refuses
	if p.v.quirks&reasonersPlain != 0 && strings.HasPrefix(e.Model, "grok-") && !strings.HasPrefix(e.Model, "grok-2") && !strings.Contains(e.Model, "non-reasoning") {
		refused = append(refused[:len(refused):len(refused)], "stop", "presence_penalty", "frequency_penalty")
	}
	for _, name := range refused {
		i := body.Find(name)
		if i < 0 || body.Dropped(i) {
			continue
		}
		if asksNothing(name, body.Raw(i)) {
			body.Drop(i)
			continue
		}
		if err := e.Unsupported(body, i, name, p.v.display); err != nil {
			return err //nolint:wrapcheck // the text is for the caller as it is
		}
	}
	return nil
}

// asksNothing knows the values that change nothing.
func asksNothing(name string, raw []byte) bool {
	if wire.Null(raw) {
		return true
	}
	n, whole := wire.Int(raw)
	switch name {
	case "n", "temperature", "top_p":
		return whole && n == 1
	case "presence_penalty", "frequency_penalty":
		return whole && n == 0
	case "logprobs", "store":
		return bytes.Equal(raw, []byte("false"))
	case "logit_bias":
		return bytes.Equal(raw, []byte("{}"))
	}
	return false
}

// reasoner refuses what OpenAI's models that always think do not take: the o-series and gpt-5. From 5.1 on it depends on
// the effort, which is OpenAI's to judge.
func (p *Vendor) reasoner(t *provider.Target, body *wire.Request, e *provider.Edits) error {
	if !alwaysThinks(e.Model) && !alwaysThinks(t.Deployment.BaseModel) {
		return nil
	}
	for _, name := range [...]string{"temperature", "top_p", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias"} {
		i := body.Find(name)
		if i < 0 || body.Dropped(i) || asksNothing(name, body.Raw(i)) {
			continue
		}
		if e.Foreign && (name == "temperature" || name == "top_p") {
			body.Drop(i)
			e.Dropped.Note(name)
			continue
		}
		if err := e.Unsupported(body, i, name, e.Model); err != nil {
			return err //nolint:wrapcheck // as above
		}
	}
	return nil
}

// effort makes the effort that an agent of another wire asks of every model one that this model takes.
func effort(t *provider.Target, body *wire.Request, e *provider.Edits) {
	i := body.Find("reasoning_effort")
	if i < 0 || body.Dropped(i) {
		return
	}
	model, base := e.Model, t.Deployment.BaseModel
	switch {
	case plain(model) || plain(base):
		body.Drop(i)
		e.Dropped.Note("reasoning_effort")
	case (series(bare(model)) || series(bare(base))) && wire.StringIs(body.Raw(i), "minimal"):
		body.Replace(i, []byte(`"low"`)) // the o-series has no less
	case wantsCompletionCap(model, base) && !wire.StringIs(body.Raw(i), "none"):
		for _, name := range [...]string{"temperature", "top_p"} { // from gpt-5.1 on they go with no effort alone
			if at := body.Find(name); at >= 0 && !body.Dropped(at) && !asksNothing(name, body.Raw(at)) {
				body.Drop(at)
				e.Dropped.Note(name)
			}
		}
	}
}

// plain knows OpenAI's models that do not think, and refuse to be told how much.
func plain(model string) bool {
	name := bare(model)
	return strings.HasPrefix(name, "gpt-4") || strings.HasPrefix(name, "gpt-3.5") || strings.HasPrefix(name, "chatgpt-")
}

// bare is a model's name without what stands before its last slash.
func bare(model string) string { return model[strings.LastIndexByte(model, '/')+1:] }

// series says whether name is of OpenAI's o-series.
func series(name string) bool {
	return len(name) >= 2 && name[0] == 'o' && name[1] >= '1' && name[1] <= '9' && (len(name) == 2 || name[2] == '-')
}

func alwaysThinks(model string) bool {
	name := bare(model)
	if series(name) {
		return true
	}
	rest, ok := strings.CutPrefix(name, "gpt-5")
	return ok && (rest == "" || rest[0] == '-') && !strings.HasPrefix(rest, "-chat")
}

// wantsCompletionCap knows the models that refuse max_tokens: the o-series and gpt-5 and later.
func wantsCompletionCap(model, base string) bool {
	for _, name := range []string{bare(model), bare(base)} {
		if series(name) {
			return true
		}
		if rest, ok := strings.CutPrefix(name, "gpt-"); ok && rest != "" && rest[0] >= '5' && rest[0] <= '9' {
			return true
		}
	}
	return false
}

// mistral knows other names for three parameters, and ids of tool calls in one form only.
func (p *Vendor) mistral(body *wire.Request) {
	for i := range body.Len() {
		if body.Dropped(i) {
			continue
		}
		switch string(body.Name(i)) {
		case "max_completion_tokens":
			if body.Present(wire.MaxTokens) {
				body.Drop(i)
			} else {
				body.Rename(i, "max_tokens")
			}
		case "seed":
			body.Rename(i, "random_seed")
		case "tool_choice":
			if string(body.Raw(i)) == `"required"` {
				body.Replace(i, []byte(`"any"`))
			}
		case "stream_options", "user":
			body.Drop(i) // what they ask for is done here: usage always comes, the end user is ours to know
		case "messages":
			if raw := shortIDs(body.Raw(i)); raw != nil {
				body.Replace(i, raw)
			}
		}
	}
}

// Finish brings a finish reason that only one provider knows to OpenAI's word; "" means that it stays.
func Finish(raw []byte) string {
	switch string(raw) {
	case `"model_length"`, `"insufficient_system_resource"`: // Mistral, DeepSeek
		return "length"
	case `"eos"`: // Together
		return "stop"
	}
	return ""
}
