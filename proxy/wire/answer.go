package wire

import "bytes"

// Answer is a provider's JSON answer, or the data of one event of its stream, with the few members picked out that the
// gateway reads. It may be parsed again and keeps its memory; what it returns are views of the body.
type Answer struct {
	Object
	model, usage, choices, failure, tier, groq, kind int // 1 + index of the member; 0 = absent
}

// Parse reads body.
func (a *Answer) Parse(body []byte) error {
	a.model, a.usage, a.choices, a.failure, a.tier, a.groq, a.kind = 0, 0, 0, 0, 0, 0, 0
	if err := a.Object.Parse(body); err != nil {
		return err
	}
	for i := range a.Len() {
		switch string(a.Name(i)) {
		case "model":
			a.model = i + 1
		case "usage":
			a.usage = i + 1
		case "choices":
			a.choices = i + 1
		case "error":
			a.failure = i + 1
		case "service_tier":
			a.tier = i + 1
		case "x_groq":
			a.groq = i + 1
		case "type":
			a.kind = i + 1
		}
	}
	return nil
}

func (a *Answer) get(at int) []byte {
	if at == 0 {
		return nil
	}
	return a.Raw(at - 1)
}

// Model is the raw model name.
func (a *Answer) Model() []byte { return a.get(a.model) }

// Choices is the raw list of choices.
func (a *Answer) Choices() []byte { return a.get(a.choices) }

// Type is the raw type, of an event of Anthropic's or of the Responses API.
func (a *Answer) Type() []byte { return a.get(a.kind) }

// ServiceTier is the tier that the provider says it used, which decides the price; "" when it names none.
func (a *Answer) ServiceTier() string {
	raw := a.get(a.tier)
	if StringIs(raw, "default") { // by far the most common
		return "default"
	}
	s, _ := String(raw)
	return s
}

// Failure is the raw error member; nil when there is none or it is null.
func (a *Answer) Failure() []byte {
	if raw := a.get(a.failure); !Null(raw) {
		return raw
	}
	return nil
}

// HasUsage says whether there is a usage member, null or not.
func (a *Answer) HasUsage() bool { return a.usage > 0 }

// UsageRaw is the raw usage; nil when there is none or it is null.
func (a *Answer) UsageRaw() []byte {
	if raw := a.get(a.usage); !Null(raw) {
		return raw
	}
	return nil
}

// Usage reads the usage, or Groq's own copy of it.
func (a *Answer) Usage() Usage {
	if raw := a.UsageRaw(); raw != nil {
		return ReadUsage(raw)
	}
	if raw := a.get(a.groq); IsObject(raw) {
		return ReadUsage(Lookup(raw, "usage"))
	}
	return Usage{}
}

// lastUsage leaves out every usage but the last, which is the one that counts; a provider that sends two is not well.
func (a *Answer) lastUsage() {
	for i := range a.usage - 1 {
		if string(a.Name(i)) == "usage" {
			a.Drop(i)
		}
	}
}

// DropUsage leaves the usage out.
func (a *Answer) DropUsage() {
	if a.usage > 0 {
		a.lastUsage()
		a.Drop(a.usage - 1)
	}
}

// SetUsage replaces the usage or adds it.
func (a *Answer) SetUsage(raw []byte) {
	if a.usage > 0 {
		a.lastUsage()
		a.Replace(a.usage-1, raw)
		return
	}
	a.Add("usage", raw)
}

// SetModel puts another model name, given as a JSON string, where the answer names one.
func (a *Answer) SetModel(name []byte) {
	if a.model > 0 {
		a.Replace(a.model-1, name)
	}
}

// EmptyChoices says whether the list of choices is there and empty, as in a chunk that carries only usage.
func (a *Answer) EmptyChoices() bool {
	raw := a.Choices()
	return IsArray(raw) && space(raw, 1) == len(raw)-1
}

// SetChoices replaces the list of choices, where there is one.
func (a *Answer) SetChoices(raw []byte) {
	if a.choices > 0 {
		a.Replace(a.choices-1, raw)
	}
}

// RenameFinish brings finish reasons to other words, as word says ("": it stays). It returns the list of choices as it is
// then.
func (a *Answer) RenameFinish(word func(raw []byte) string) []byte {
	var foreign []byte
	a.EachDelta(func(d Delta) {
		if d.Finish != nil && word(d.Finish) != "" {
			foreign = d.Finish
		}
	})
	if foreign == nil {
		return a.Choices()
	}
	with := AppendString([]byte(`"finish_reason":`), word(foreign))
	compact := Compact(a.Choices())
	// A finish reason is a string of its own in the list of choices; content cannot hold one unescaped.
	choices := bytes.ReplaceAll(compact, append([]byte(`"finish_reason":`), foreign...), with)
	a.SetChoices(choices)
	return choices
}
