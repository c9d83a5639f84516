package testkit

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"maps"
	"math"
	"strconv"
	"strings"
)

// maker makes the good answers of one endpoint; stream is nil where the endpoint has none.
type maker struct {
	suffix string
	plain  func(Request, Reply) map[string]any
	stream func(Request, Reply) []event
}

// makerFor finds the endpoint by the end of the path, so that any base path works; longer suffixes stand first.
func makerFor(path string) (maker, bool) {
	for _, m := range []maker{
		{"/chat/completions", openaiChat, openaiChatStream},
		{"/completions", openaiText, openaiTextStream},
		{"/embeddings", openaiEmbeddings, nil},
		{"/responses", openaiResponse, openaiResponseStream},
		{"/messages/count_tokens", anthropicCount, nil},
		{"/messages", anthropicMessage, anthropicStream},
		{"/models", openaiModels, nil},
	} {
		if strings.HasSuffix(path, m.suffix) {
			return m, true
		}
	}
	return maker{}, false
}

// created is the creation time of all answers, so that they compare equal between runs.
const created = 1767225600

// text returns the whole completion and its pieces for a stream.
func (r Reply) text() (string, []string) {
	pieces := r.Pieces
	if pieces == nil {
		text := r.Text
		if text == "" && len(r.ToolCalls) == 0 {
			text = DefaultText
		}
		pieces = strings.SplitAfter(text, " ")
	}
	if r.Huge > 0 {
		pieces = append(pieces[:len(pieces):len(pieces)], strings.Repeat("x", r.Huge))
	}
	return strings.Join(pieces, ""), pieces
}

func (r Reply) finish() string {
	switch {
	case r.Finish != "":
		return r.Finish
	case len(r.ToolCalls) > 0:
		return "tool_calls"
	default:
		return "stop"
	}
}

func (u Usage) openai() map[string]any {
	return map[string]any{
		"prompt_tokens": u.Prompt, "completion_tokens": u.Completion, "total_tokens": u.Prompt + u.Completion,
		"prompt_tokens_details":     map[string]any{"cached_tokens": u.Cached},
		"completion_tokens_details": map[string]any{"reasoning_tokens": u.Reasoning},
	}
}

func openaiChat(request Request, reply Reply) map[string]any {
	text, _ := reply.text()
	message := map[string]any{"role": "assistant", "content": text, "refusal": nil}
	if len(reply.ToolCalls) > 0 {
		calls := make([]any, len(reply.ToolCalls))
		for i, call := range reply.ToolCalls {
			calls[i] = openaiToolCall(i, call.ID, call.Name, call.Arguments)
		}
		message["tool_calls"] = calls
		if text == "" {
			message["content"] = nil
		}
	}
	body := map[string]any{
		"id": "chatcmpl-" + strconv.Itoa(request.Number), "object": "chat.completion", "created": created, "model": request.Model,
		"system_fingerprint": "fp_fake",
		"choices":            []any{map[string]any{"index": 0, "message": message, "finish_reason": reply.finish(), "logprobs": nil}},
	}
	return withUsage(body, reply)
}

// withUsage adds the usage of a plain answer, unless it is to have none.
func withUsage(body map[string]any, reply Reply) map[string]any {
	if reply.UsageMode != UsageNone {
		body["usage"] = reply.usage().openai()
	}
	return body
}

func openaiToolCall(index int, id, name, arguments string) map[string]any {
	call := map[string]any{"index": index, "function": map[string]any{"arguments": arguments}}
	if id != "" {
		call["id"], call["type"] = id, "function"
		call["function"] = map[string]any{"name": name, "arguments": arguments}
	}
	return call
}

func openaiChatStream(request Request, reply Reply) []event {
	deltas := []map[string]any{{"role": "assistant", "content": ""}}
	if text, pieces := reply.text(); text != "" {
		for _, piece := range pieces {
			deltas = append(deltas, map[string]any{"content": piece})
		}
	}
	for i, call := range reply.ToolCalls {
		half := len(call.Arguments) / 2
		deltas = append(deltas,
			map[string]any{"tool_calls": []any{openaiToolCall(i, call.ID, call.Name, "")}},
			map[string]any{"tool_calls": []any{openaiToolCall(i, "", "", call.Arguments[:half])}},
			map[string]any{"tool_calls": []any{openaiToolCall(i, "", "", call.Arguments[half:])}})
	}
	deltas = append(deltas, map[string]any{})
	choices := make([]any, len(deltas))
	for i, delta := range deltas {
		choices[i] = map[string]any{"index": 0, "delta": delta, "finish_reason": nil, "logprobs": nil}
	}
	choices[len(choices)-1].(map[string]any)["finish_reason"] = reply.finish()
	return openaiStream(request, reply, "chatcmpl-", "chat.completion.chunk", choices)
}

// openaiStream puts choices into chunks, adds usage where it belongs and ends with [DONE].
func openaiStream(request Request, reply Reply, id, object string, choices []any) []event {
	var asked struct {
		StreamOptions struct {
			IncludeUsage bool `json:"include_usage"`
		} `json:"stream_options"`
	}
	_ = json.Unmarshal(request.Body, &asked) // a body that is not JSON asks for nothing
	report := reply.UsageMode != UsageNone && (asked.StreamOptions.IncludeUsage || reply.UsageMode != "")
	chunk := func(choices []any) map[string]any {
		body := map[string]any{
			"id": id + strconv.Itoa(request.Number), "object": object, "created": created, "model": request.Model, "choices": choices,
		}
		if report {
			body["usage"] = nil
		}
		return body
	}
	var events []event
	for i, choice := range choices {
		body := chunk([]any{choice})
		if i == len(choices)-1 && reply.UsageMode == UsageTwice {
			body["usage"] = reply.usage().openai()
		}
		events = append(events, event{data: string(encode(body))})
	}
	if report {
		body := chunk([]any{})
		body["usage"] = reply.usage().openai()
		events = append(events, event{data: string(encode(body))})
	}
	return append(events, event{data: "[DONE]"})
}

func openaiText(request Request, reply Reply) map[string]any {
	text, _ := reply.text()
	return withUsage(map[string]any{
		"id": "cmpl-" + strconv.Itoa(request.Number), "object": "text_completion", "created": created, "model": request.Model,
		"choices": []any{map[string]any{"index": 0, "text": text, "finish_reason": reply.finish(), "logprobs": nil}},
	}, reply)
}

func openaiTextStream(request Request, reply Reply) []event {
	_, pieces := reply.text()
	choices := make([]any, 0, len(pieces)+1)
	for _, piece := range pieces {
		choices = append(choices, map[string]any{"index": 0, "text": piece, "finish_reason": nil, "logprobs": nil})
	}
	choices = append(choices, map[string]any{"index": 0, "text": "", "finish_reason": reply.finish(), "logprobs": nil})
	return openaiStream(request, reply, "cmpl-", "text_completion", choices)
}

// openaiEmbeddings answers one short vector an input, as numbers or base64 as asked.
func openaiEmbeddings(request Request, reply Reply) map[string]any {
	var asked struct {
		Input      json.RawMessage `json:"input"`
		Format     string          `json:"encoding_format"`
		Dimensions int             `json:"dimensions"`
	}
	_ = json.Unmarshal(request.Body, &asked) // what is missing keeps its zero
	if asked.Dimensions == 0 {
		asked.Dimensions = 4
	}
	inputs := 1
	var list []json.RawMessage
	if json.Unmarshal(asked.Input, &list) == nil && len(list) > 0 && (list[0][0] == '"' || list[0][0] == '[') {
		inputs = len(list) // a list of numbers is one input of tokens
	}
	data := make([]any, inputs)
	for i := range data {
		vector := make([]float32, asked.Dimensions)
		for j := range vector {
			vector[j] = float32(i+1) / float32(j+1)
		}
		var embedding any = vector
		if asked.Format == "base64" {
			embedding = packFloats(vector)
		}
		data[i] = map[string]any{"object": "embedding", "index": i, "embedding": embedding}
	}
	body := map[string]any{"object": "list", "model": request.Model, "data": data}
	if reply.UsageMode != UsageNone {
		body["usage"] = map[string]any{"prompt_tokens": reply.usage().Prompt, "total_tokens": reply.usage().Prompt}
	}
	return body
}

// packFloats is OpenAI's base64 form: little-endian 32-bit floats.
func packFloats(vector []float32) string {
	packed := make([]byte, 0, 4*len(vector))
	for _, v := range vector {
		packed = binary.LittleEndian.AppendUint32(packed, math.Float32bits(v))
	}
	return base64.StdEncoding.EncodeToString(packed)
}

func openaiModels(Request, Reply) map[string]any {
	var data []any
	for _, id := range []string{"claude-sonnet-4-5", "gpt-4o", "gpt-4o-mini", "text-embedding-3-small"} {
		data = append(data, map[string]any{"id": id, "object": "model", "created": created, "owned_by": "fake"})
	}
	return map[string]any{"object": "list", "data": data}
}

func openaiResponse(request Request, reply Reply) map[string]any {
	text, _ := reply.text()
	usage := reply.usage()
	output := []any{}
	if text != "" {
		output = append(output, map[string]any{
			"id": "msg_" + strconv.Itoa(request.Number), "type": "message", "role": "assistant", "status": "completed",
			"content": []any{map[string]any{"type": "output_text", "text": text, "annotations": []any{}}},
		})
	}
	for _, call := range reply.ToolCalls {
		output = append(output, map[string]any{
			"id": "fc_" + call.ID, "type": "function_call", "status": "completed", "call_id": call.ID, "name": call.Name, "arguments": call.Arguments,
		})
	}
	body := map[string]any{
		"id": "resp_" + strconv.Itoa(request.Number), "object": "response", "created_at": created, "status": "completed", "model": request.Model,
		"error": nil, "incomplete_details": nil, "output": output,
	}
	if reply.UsageMode != UsageNone {
		body["usage"] = map[string]any{
			"input_tokens": usage.Prompt, "output_tokens": usage.Completion, "total_tokens": usage.Prompt + usage.Completion,
			"input_tokens_details":  map[string]any{"cached_tokens": usage.Cached},
			"output_tokens_details": map[string]any{"reasoning_tokens": usage.Reasoning},
		}
	}
	return body
}

// openaiResponseStream sends every event that OpenAI documents for text and function calls (API reference, Responses,
// streaming events, 2026-08).
func openaiResponseStream(request Request, reply Reply) []event {
	whole := openaiResponse(request, reply)
	started := map[string]any{"id": whole["id"], "object": "response", "created_at": created, "status": "in_progress", "model": request.Model, "output": []any{}}
	_, pieces := reply.text()
	bodies := []map[string]any{{"type": "response.created", "response": started}, {"type": "response.in_progress", "response": started}}
	output, _ := whole["output"].([]any)
	for i, entry := range output {
		item, _ := entry.(map[string]any)
		about := func(kind string, more map[string]any) {
			more["type"], more["item_id"], more["output_index"] = kind, item["id"], i
			bodies = append(bodies, more)
		}
		open := maps.Clone(item)
		open["status"] = "in_progress"
		if item["type"] == "message" {
			open["content"] = []any{}
		} else {
			open["arguments"] = ""
		}
		bodies = append(bodies, map[string]any{"type": "response.output_item.added", "output_index": i, "item": open})
		if item["type"] == "message" {
			part := map[string]any{"type": "output_text", "text": "", "annotations": []any{}}
			about("response.content_part.added", map[string]any{"content_index": 0, "part": part})
			for _, piece := range pieces {
				about("response.output_text.delta", map[string]any{"content_index": 0, "delta": piece})
			}
			text, _ := reply.text()
			about("response.output_text.done", map[string]any{"content_index": 0, "text": text})
			about("response.content_part.done", map[string]any{"content_index": 0, "part": map[string]any{"type": "output_text", "text": text, "annotations": []any{}}})
		} else {
			about("response.function_call_arguments.delta", map[string]any{"delta": item["arguments"]})
			about("response.function_call_arguments.done", map[string]any{"arguments": item["arguments"], "name": item["name"]})
		}
		bodies = append(bodies, map[string]any{"type": "response.output_item.done", "output_index": i, "item": item})
	}
	bodies = append(bodies, map[string]any{"type": "response.completed", "response": whole})
	events := make([]event, len(bodies))
	for i, body := range bodies {
		body["sequence_number"] = i
		events[i] = event{name: body["type"].(string), data: string(encode(body))}
	}
	return events
}
