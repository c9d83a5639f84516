package openai

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"gatehouse/proxy/provider"
	"gatehouse/proxy/wire"
)

// eachChanged is a list with some of its elements replaced; nil when change changed none.
func eachChanged(raw []byte, change func(element []byte) []byte) []byte {
	var items [][]byte
	changed := false
	wire.EachElement(raw, func(e []byte) {
		if with := change(e); with != nil {
			e, changed = with, true
		}
		items = append(items, e)
	})
	if !changed {
		return nil
	}
	return wire.List(items)
}

// changed is an object with one member's value replaced by what change makes of it; nil when that is nothing.
func changed(raw []byte, name string, change func(value []byte) []byte) []byte {
	var o wire.Object
	if o.Parse(raw) != nil {
		return nil
	}
	i := o.Find(name)
	if i < 0 {
		return nil
	}
	with := change(o.Raw(i))
	if with == nil {
		return nil
	}
	o.Replace(i, with)
	return o.Append(nil)
}

// shortIDs gives tool calls ids of nine letters and digits, the only form that Mistral takes: what came from another
// provider is hashed, the same way where it is answered. nil: nothing had to change.
func shortIDs(messages []byte) []byte {
	id := func(raw []byte) []byte {
		s, ok := wire.String(raw)
		if !ok || mistralID(s) {
			return nil
		}
		sum := sha256.Sum256([]byte(s))
		return wire.AppendString(nil, hex.EncodeToString(sum[:])[:9])
	}
	return eachChanged(messages, func(m []byte) []byte {
		if with := changed(m, "tool_call_id", id); with != nil {
			return with
		}
		return changed(m, "tool_calls", func(calls []byte) []byte {
			return eachChanged(calls, func(call []byte) []byte { return changed(call, "id", id) })
		})
	})
}

func mistralID(s string) bool {
	if len(s) != 9 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// seesImages says whether a model of Fireworks looks at pictures itself: the deployment says so, or the name does.
func seesImages(t *provider.Target, model string) bool {
	if off, _ := t.Deployment.Params["disable_add_transform_inline_image_block"].(bool); off {
		return true // nothing is to be added, whatever the model sees
	}
	if sees, ok := t.Deployment.Info["supports_vision"].(bool); ok {
		return sees
	}
	name := strings.ToLower(model)
	for _, part := range [...]string{"vision", "-vl", "llama4", "llama-4", "pixtral", "gemma-3", "gemma3", "phi-3-v"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// inlineMark asks Fireworks to put what a document or picture says into the prompt (Fireworks, document inlining, 2025).
const inlineMark = "#transform=inline"

// inline marks the pictures and documents of a body; files become what Fireworks knows.
func inline(body *wire.Request) {
	i := body.Find("messages")
	if i < 0 || body.Dropped(i) {
		return
	}
	mark := func(raw []byte) []byte {
		url, ok := wire.String(raw)
		if !ok || strings.Contains(url, "#transform=") {
			return nil
		}
		return wire.AppendString(nil, url+inlineMark)
	}
	raw := eachChanged(body.Raw(i), func(m []byte) []byte {
		return changed(m, "content", func(content []byte) []byte {
			return eachChanged(content, func(part []byte) []byte {
				if data := wire.Lookup(part, "file", "file_data"); data != nil {
					var url, o wire.Builder
					url.Raw("url", mark(data))
					o.Text("type", "image_url")
					o.Raw("image_url", url.Bytes())
					return o.Bytes()
				}
				return changed(part, "image_url", func(value []byte) []byte {
					if wire.IsObject(value) {
						return changed(value, "url", mark)
					}
					return mark(value)
				})
			})
		})
	})
	if raw != nil {
		body.Replace(i, raw)
	}
}
