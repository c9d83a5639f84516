package chat

import (
	"slices"

	"gatehouse/proxy/provider"
	"gatehouse/proxy/wire"
)

// Policy is what a call wants done about parameters that its provider does not take.
type Policy struct {
	Provider string // in messages
	Drop     bool
	Allowed  []string
	Dropped  *provider.Dropped // told of what is dropped; may be nil
}

// harmless are values that ask for what every provider does anyway.
func harmless(name string, raw []byte) bool {
	switch name {
	case "n":
		n, ok := wire.Int(raw)
		return ok && n == 1
	case "logprobs":
		return string(raw) == "false"
	case "presence_penalty", "frequency_penalty":
		n, ok := wire.Int(raw)
		return ok && n == 0
	case "logit_bias":
		return string(wire.Compact(raw)) == "{}"
	}
	return false
}

// Unsupported refuses a parameter, unless it is absent, asks for nothing, is allowed, or is to be dropped.
func (p Policy) Unsupported(name string, raw []byte) error {
	if wire.Null(raw) || slices.Contains(p.Allowed, name) || harmless(name, raw) {
		return nil
	}
	if p.Drop {
		p.Dropped.Note(name)
		return nil
	}
	return &provider.UnsupportedParam{Name: name, Provider: p.Provider}
}

// Budget is the thinking budget for reasoning_effort, in tokens (LiteLLM's figures); 0 when the word has none.
func Budget(effort string) int64 {
	switch effort {
	case "minimal":
		return 512
	case "low":
		return 1024
	case "medium":
		return 2048
	case "high", "xhigh", "max":
		return 4096
	}
	return 0
}

// LeastBudget is the smallest thinking budget that Claude takes.
const LeastBudget = 1024

// ClaudeBudget is the thinking budget for reasoning_effort below an output cap, out of which thinking comes; 0 = none. A
// cap is a promise and is never raised.
func ClaudeBudget(effort string, limit []byte) int64 {
	budget := Budget(effort)
	if budget == 0 {
		return 0
	}
	budget = max(budget, LeastBudget)
	if n, ok := wire.Int(limit); ok && n <= budget {
		if budget = n - 1; budget < LeastBudget {
			return 0
		}
	}
	return budget
}

// Settle judges the parameters of a request that its provider has no word for: the first one that is neither allowed nor to be
// dropped is refused, and those that are allowed join the rest, which is sent as it is.
func (p Policy) Settle(r *Request, fields ...Field) error {
	for _, f := range fields {
		if err := p.Unsupported(f.Name, f.Raw); err != nil {
			return err
		}
		if !wire.Null(f.Raw) && slices.Contains(p.Allowed, f.Name) {
			r.Rest = append(r.Rest, f)
		}
	}
	return nil
}
