package keyring

import (
	"bytes"
	"encoding/json"
	"math"
	"time"

	"gatehouse/models"
)

// Routing is what router_settings of a key or a team say about its calls. Immutable.
type Routing struct {
	Retries              *int          // num_retries
	Timeout, StreamFirst time.Duration // timeout, stream_timeout; 0 = not set
	// The chains, by model; "*" is any. An empty chain is none.
	Fallbacks, ContextFallbacks, PolicyFallbacks map[string][]Step
}

// Step is one step of a chain: a model or a deployment id, and fields to put into the call.
type Step struct {
	Model     string
	Overrides map[string]any
}

// readRouting takes router_settings out of the columns that are kept as they came; nil when there are none. What is of another
// shape than expected counts as absent: it must not lock a key out.
func readRouting(raw models.JSON) *Routing {
	if !bytes.Contains(raw, []byte(`"router_settings"`)) {
		return nil
	}
	var extra struct {
		Settings map[string]json.RawMessage `json:"router_settings"`
	}
	if json.Unmarshal(raw, &extra) != nil || len(extra.Settings) == 0 {
		return nil
	}
	s := extra.Settings
	r := &Routing{
		Timeout: span(s["timeout"]), StreamFirst: span(s["stream_timeout"]), Fallbacks: chains(s["fallbacks"]),
		ContextFallbacks: chains(s["context_window_fallbacks"]), PolicyFallbacks: chains(s["content_policy_fallbacks"]),
	}
	const mostRetries = 10 // as for a call
	var n *int
	if json.Unmarshal(s["num_retries"], &n) == nil && n != nil && *n >= 0 {
		*n = min(*n, mostRetries)
		r.Retries = n
	}
	return r
}

// span reads a number of seconds; 0 for anything else.
func span(raw json.RawMessage) time.Duration {
	var f float64
	if json.Unmarshal(raw, &f) != nil || f <= 0 || f > 1e6 || math.IsNaN(f) {
		return 0
	}
	return time.Duration(f * float64(time.Second))
}

// chains reads [{"model": ["other", {"model": "another", "temperature": 0}]}], or the bare object.
func chains(raw json.RawMessage) map[string][]Step {
	var list []map[string][]json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		var one map[string][]json.RawMessage
		if json.Unmarshal(raw, &one) != nil {
			return nil
		}
		list = []map[string][]json.RawMessage{one}
	}
	var out map[string][]Step
	for _, entry := range list {
		for model, steps := range entry {
			if out == nil {
				out = map[string][]Step{}
			}
			out[model] = append(out[model], readSteps(steps)...)
		}
	}
	return out
}

func readSteps(raw []json.RawMessage) []Step {
	var out []Step
	for _, r := range raw {
		var name string
		if json.Unmarshal(r, &name) == nil {
			if name != "" {
				out = append(out, Step{Model: name})
			}
			continue
		}
		var fields map[string]any
		d := json.NewDecoder(bytes.NewReader(r))
		d.UseNumber()
		if d.Decode(&fields) != nil {
			continue
		}
		if name, _ = fields["model"].(string); name != "" {
			delete(fields, "model")
			out = append(out, Step{Model: name, Overrides: fields})
		}
	}
	return out
}
