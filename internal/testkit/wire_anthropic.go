package testkit

import (
	"encoding/json"
	"strconv"
)

// anthropicUsage is the same call in Anthropic's way of counting: input without what the cache read or wrote.
func (u Usage) anthropic() map[string]any {
	return map[string]any{
		"input_tokens": u.Prompt - u.Cached - u.CacheWrite, "output_tokens": u.Completion,
		"cache_read_input_tokens": u.Cached, "cache_creation_input_tokens": u.CacheWrite,
	}
}

// anthropicStop turns OpenAI's finish reason into Anthropic's.
func (r Reply) anthropicStop() string {
	switch r.finish() {
	case "stop":
		return "end_turn"
	case "length":
		return "max_tokens"
	case "tool_calls":
		return "tool_use"
	default:
		return r.finish()
	}
}

func anthropicMessage(request Request, reply Reply) map[string]any {
	content := []any{}
	if text, _ := reply.text(); text != "" {
		content = append(content, map[string]any{"type": "text", "text": text})
	}
	for _, call := range reply.ToolCalls {
		content = append(content, map[string]any{"type": "tool_use", "id": call.ID, "name": call.Name, "input": json.RawMessage(call.Arguments)})
	}
	body := map[string]any{
		"id": "msg_" + strconv.Itoa(request.Number), "type": "message", "role": "assistant", "model": request.Model,
		"content": content, "stop_reason": reply.anthropicStop(), "stop_sequence": nil,
	}
	if reply.UsageMode != UsageNone {
		body["usage"] = reply.usage().anthropic()
	}
	return body
}

// anthropicStream follows the order of the Anthropic Messages API: message_start with the input side of usage, the
// content blocks one after the other, message_delta with the output side, message_stop.
func anthropicStream(request Request, reply Reply) []event {
	start := anthropicMessage(request, reply)
	start["content"], start["stop_reason"] = []any{}, nil
	if usage, ok := start["usage"].(map[string]any); ok {
		usage["output_tokens"] = 1
	}
	bodies := []map[string]any{{"type": "message_start", "message": start}}
	index := 0
	if text, pieces := reply.text(); text != "" {
		deltas := make([]map[string]any, len(pieces))
		for i, piece := range pieces {
			deltas[i] = map[string]any{"type": "text_delta", "text": piece}
		}
		bodies = append(bodies, anthropicBlock(index, map[string]any{"type": "text", "text": ""}, deltas)...)
		index++
	}
	for _, call := range reply.ToolCalls {
		half := len(call.Arguments) / 2
		bodies = append(bodies, anthropicBlock(index,
			map[string]any{"type": "tool_use", "id": call.ID, "name": call.Name, "input": map[string]any{}},
			[]map[string]any{
				{"type": "input_json_delta", "partial_json": call.Arguments[:half]},
				{"type": "input_json_delta", "partial_json": call.Arguments[half:]},
			})...)
		index++
	}
	end := map[string]any{"type": "message_delta", "delta": map[string]any{"stop_reason": reply.anthropicStop(), "stop_sequence": nil}}
	if reply.UsageMode != UsageNone {
		end["usage"] = reply.usage().anthropic()
	}
	bodies = append(bodies, end, map[string]any{"type": "message_stop"})
	events := make([]event, len(bodies))
	for i, body := range bodies {
		events[i] = event{name: body["type"].(string), data: string(encode(body))}
	}
	return events
}

func anthropicBlock(index int, block map[string]any, deltas []map[string]any) []map[string]any {
	bodies := []map[string]any{{"type": "content_block_start", "index": index, "content_block": block}}
	for _, delta := range deltas {
		bodies = append(bodies, map[string]any{"type": "content_block_delta", "index": index, "delta": delta})
	}
	return append(bodies, map[string]any{"type": "content_block_stop", "index": index})
}

func anthropicCount(_ Request, reply Reply) map[string]any {
	return map[string]any{"input_tokens": reply.usage().Prompt}
}
