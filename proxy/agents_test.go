package proxy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
	"gatehouse/proxy/spend"
)

// This file plays the traffic of a coding agent: a long loop of tool calls over a large prompt, with thinking that is signed, betas
// that nobody here knows, streams and whole answers in turn, and streams that the agent gives up. Every block is compared, each
// way, on a deployment that speaks Anthropic's wire and on one that speaks OpenAI's.

const agentTurns = 24

// block is what both wires must agree on.
type block struct {
	Kind, ID, Name, Text, Signature string
	Input                           string // canonical JSON
}

// script is the agent's conversation: what the model says in each turn, in Anthropic's blocks, and what the client answers.
type script struct {
	said    [agentTurns]string // content of the model's message
	replied [agentTurns]string // content of the client's message after it
	prompt  string             // of the first message
}

func newScript() *script {
	s := &script{prompt: fmt.Sprintf(`[{"type":"text","text":%q,"cache_control":{"type":"ephemeral"}},{"type":"text","text":"Fix it. \u00e9 \ud83d\ude00 \u2028"}]`,
		strings.Repeat("func main() { fmt.Println(\"<&>\\t\") }\n", 5300))} // over 200 KB of JSON
	for i := range agentTurns {
		var said, replied []string
		said = append(said, fmt.Sprintf(`{"type":"thinking","thinking":"Step %d:\n\tlook \"closer\".","signature":"c2lnbmF0dXJl%04d=="}`, i, i))
		if i%5 == 1 {
			said = append(said, fmt.Sprintf(`{"type":"redacted_thinking","data":"cmVkYWN0ZWQ%04d="}`, i))
		}
		if i%3 != 2 || i == agentTurns-1 {
			said = append(said, fmt.Sprintf(`{"type":"text","text":"Turn %d. <tag> & \u4f60\u597d"}`, i))
		}
		if i < agentTurns-1 {
			for k := range i%3 + 1 {
				id := fmt.Sprintf("toolu_%02d_%d", i, k)
				said = append(said, fmt.Sprintf(`{"type":"tool_use","id":%q,"name":"edit_file","input":{"path":"a/%d.go","n":%d.0,"big":12345678901234567890,"nested":{"list":[1,null,"x\ny"],"empty":{}}}}`, id, k, i))
				switch (i + k) % 4 {
				case 0:
					replied = append(replied, fmt.Sprintf(`{"type":"tool_result","tool_use_id":%q,"content":"ok %d\nline \"two\""}`, id, i))
				case 1:
					replied = append(replied, fmt.Sprintf(`{"type":"tool_result","tool_use_id":%q,"content":[{"type":"text","text":"part one"},{"type":"text","text":"part two"}]}`, id))
				case 2:
					replied = append(replied, fmt.Sprintf(`{"type":"tool_result","tool_use_id":%q,"is_error":true,"content":"no such file"}`, id))
				default:
					replied = append(replied, fmt.Sprintf(`{"type":"tool_result","tool_use_id":%q,"content":[{"type":"text","text":"seen"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0K%04d"}}]}`, id, i))
				}
			}
			if i%4 == 3 {
				replied = append(replied, `{"type":"text","text":"<system-reminder>Be quick.</system-reminder>"}`)
			}
		}
		s.said[i], s.replied[i] = "["+strings.Join(said, ",")+"]", "["+strings.Join(replied, ",")+"]"
	}
	return s
}

// body is the request of a turn.
func (s *script) body(model string, turn int, stream bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"model":%q,"max_tokens":32000,"stream":%v,"temperature":1.0,"system":[{"type":"text","text":"You are an agent."},{"type":"text","text":"Rules.","cache_control":{"type":"ephemeral","ttl":"1h"}}],`, model, stream)
	b.WriteString(`"metadata":{"user_id":"user_0123_account__session_4567"},"thinking":{"type":"enabled","budget_tokens":31999},` +
		`"tools":[{"name":"edit_file","description":"Edits a file.","input_schema":{"type":"object","properties":{"path":{"type":"string"}},"additionalProperties":false}}],"messages":[`)
	fmt.Fprintf(&b, `{"role":"user","content":%s}`, s.prompt)
	for i := range turn {
		fmt.Fprintf(&b, `,{"role":"assistant","content":%s},{"role":"user","content":%s}`, s.said[i], s.replied[i])
	}
	b.WriteString(`]}`)
	return b.String()
}

// blocksOf reads Anthropic's blocks.
func blocksOf(tb testing.TB, content []byte) []block {
	tb.Helper()
	var raw []struct {
		Type, ID, Name, Text, Thinking, Signature, Data string
		ToolUseID                                       string `json:"tool_use_id"`
		Input, Content                                  json.RawMessage
		Source                                          struct{ Data string }
	}
	if err := json.Unmarshal(content, &raw); err != nil {
		tb.Fatalf("%s: %v", content, err)
	}
	var out []block
	for _, r := range raw {
		b := block{Kind: r.Type, ID: r.ID, Name: r.Name, Text: r.Text + r.Thinking + r.Data + r.Source.Data, Signature: r.Signature}
		if r.Type == "tool_use" {
			b.Input = compactJSON(tb, r.Input)
		}
		if r.Type != "tool_result" {
			out = append(out, b)
			continue
		}
		b.ID = r.ToolUseID
		if json.Unmarshal(r.Content, &b.Text) == nil {
			out = append(out, b)
			continue
		}
		var texts []string
		var shown []block
		for _, part := range blocksOf(tb, r.Content) {
			if part.Kind == "text" {
				texts = append(texts, part.Text)
			} else {
				shown = append(shown, part)
			}
		}
		b.Text = strings.Join(texts, "\n")
		out = append(append(out, b), shown...)
	}
	return out
}

// chatBlocks reads the messages of a chat request as blocks, a list for each turn of the conversation after the system prompt.
func chatBlocks(tb testing.TB, body []byte) (turns [][]block) {
	tb.Helper()
	var req struct {
		Messages []struct {
			Role     string
			Content  json.RawMessage
			CallID   string            `json:"tool_call_id"`
			Thinking []json.RawMessage `json:"thinking_blocks"`
			Calls    []struct {
				ID       string
				Function struct{ Name, Arguments string }
			} `json:"tool_calls"`
		}
	}
	if err := json.Unmarshal(body, &req); err != nil {
		tb.Fatal(err)
	}
	last := ""
	for _, m := range req.Messages {
		role := map[string]string{"tool": "user"}[m.Role]
		if role == "" {
			role = m.Role
		}
		if role == "system" {
			continue
		}
		if role != last {
			turns, last = append(turns, nil), role
		}
		now := &turns[len(turns)-1]
		for _, raw := range m.Thinking {
			*now = append(*now, blocksOf(tb, []byte("["+string(raw)+"]"))...)
		}
		var text string
		switch {
		case m.Role == "tool":
			if err := json.Unmarshal(m.Content, &text); err != nil {
				tb.Fatal(err)
			}
			*now = append(*now, block{Kind: "tool_result", ID: m.CallID, Text: text})
		case json.Unmarshal(m.Content, &text) == nil:
			if text != "" {
				*now = append(*now, block{Kind: "text", Text: text})
			}
		default:
			var parts []struct {
				Type, Text string
				ImageURL   struct{ URL string } `json:"image_url"`
			}
			if err := json.Unmarshal(m.Content, &parts); err != nil {
				tb.Fatalf("%s: %v", m.Content, err)
			}
			for _, p := range parts {
				if p.Type == "image_url" {
					*now = append(*now, block{Kind: "image", Text: strings.TrimPrefix(p.ImageURL.URL, "data:image/png;base64,")})
				} else {
					*now = append(*now, block{Kind: p.Type, Text: p.Text})
				}
			}
		}
		for _, call := range m.Calls {
			*now = append(*now, block{Kind: "tool_use", ID: call.ID, Name: call.Function.Name, Input: compactJSON(tb, []byte(call.Function.Arguments))})
		}
	}
	return turns
}

// sameBlocks compares two lists. On OpenAI's wire what a tool shows stands after all the results of its turn.
func sameBlocks(tb testing.TB, at string, got, want []block) {
	tb.Helper()
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		tb.Errorf("%s:\ngot  %.2000q\nwant %.2000q", at, got, want)
	}
}

func resultsFirst(in []block) (out []block) {
	for _, results := range []bool{true, false} {
		for _, b := range in {
			if (b.Kind == "tool_result") == results {
				out = append(out, b)
			}
		}
	}
	return out
}

// anthropicReply is a turn in Anthropic's wire, whole or as events.
func (s *script) anthropicReply(tb testing.TB, turn int, stream bool) testkit.Reply {
	tb.Helper()
	stop := map[bool]string{true: "end_turn", false: "tool_use"}[turn == agentTurns-1]
	const usage = `{"input_tokens":12,"cache_creation_input_tokens":5,"cache_read_input_tokens":40000,"output_tokens":%d,"service_tier":"standard","something_new":{"a":1.50}}`
	if !stream {
		return testkit.Reply{Body: fmt.Sprintf(`{"id":"msg_%d","type":"message","role":"assistant","model":"claude-real","content":%s,"stop_reason":%q,"stop_sequence":null,"container":null,"usage":`+usage+`}`, turn, s.said[turn], stop, 20)}
	}
	var out strings.Builder
	event := func(name, rest string) { fmt.Fprintf(&out, "event: %s\ndata: {\"type\":%q%s}\n\n", name, name, rest) }
	event("message_start", fmt.Sprintf(`,"message":{"id":"msg_%d","type":"message","role":"assistant","model":"claude-real","content":[],"stop_reason":null,"stop_sequence":null,"usage":`+usage+`}`, turn, 1))
	event("ping", "")
	var blocks []map[string]json.RawMessage
	if err := json.Unmarshal([]byte(s.said[turn]), &blocks); err != nil {
		tb.Fatal(err)
	}
	for i, b := range blocks {
		delta := func(kind, member string, value []byte) {
			event("content_block_delta", fmt.Sprintf(`,"index":%d,"delta":{"type":%q,%q:%s}`, i, kind, member, value))
		}
		start := func(format string, args ...any) {
			event("content_block_start", fmt.Sprintf(`,"index":%d,"content_block":`+format, append([]any{i}, args...)...))
		}
		switch string(b["type"]) {
		case `"thinking"`:
			start(`{"type":"thinking","thinking":"","signature":""}`)
			delta("thinking_delta", "thinking", b["thinking"])
			delta("signature_delta", "signature", b["signature"])
		case `"redacted_thinking"`:
			start(`{"type":"redacted_thinking","data":%s}`, b["data"])
		case `"text"`:
			start(`{"type":"text","text":""}`)
			delta("text_delta", "text", b["text"])
			event("content_block_delta_of_tomorrow", `,"index":0,"what":[1.0]`)
		default:
			start(`{"type":"tool_use","id":%s,"name":%s,"input":{}}`, b["id"], b["name"])
			half := len(b["input"]) / 2
			for _, piece := range []string{string(b["input"][:half]), string(b["input"][half:])} {
				delta("input_json_delta", "partial_json", mustJSON(piece))
			}
		}
		event("content_block_stop", fmt.Sprintf(`,"index":%d`, i))
	}
	event("message_delta", fmt.Sprintf(`,"delta":{"stop_reason":%q,"stop_sequence":null},"usage":`+usage, stop, 20))
	event("message_stop", "")
	return testkit.Reply{Body: out.String(), Header: map[string]string{"Content-Type": "text/event-stream"}}
}

// openaiReply is the same turn in OpenAI's wire. The thinking comes as thinking_blocks, as servers that pass Claude's on give it.
func (s *script) openaiReply(tb testing.TB, turn int, stream bool) testkit.Reply {
	tb.Helper()
	var text string
	var thinking, calls []string
	for _, b := range blocksOf(tb, []byte(s.said[turn])) {
		switch b.Kind {
		case "text":
			text = b.Text
		case "tool_use":
			calls = append(calls, fmt.Sprintf(`{"index":%d,"id":%q,"type":"function","function":{"name":%q,"arguments":%s}}`, len(calls), b.ID, b.Name, mustJSON(b.Input)))
		}
	}
	var raw []json.RawMessage
	if err := json.Unmarshal([]byte(s.said[turn]), &raw); err != nil {
		tb.Fatal(err)
	}
	for _, r := range raw {
		if bytes.Contains(r[:40], []byte("thinking")) {
			thinking = append(thinking, string(r))
		}
	}
	finish := map[bool]string{true: "stop", false: "tool_calls"}[turn == agentTurns-1]
	const usage = `{"prompt_tokens":40017,"completion_tokens":20,"total_tokens":40037,"prompt_tokens_details":{"cached_tokens":40000}}`
	list := func(items []string) string { return "[" + strings.Join(items, ",") + "]" }
	if !stream {
		return testkit.Reply{Body: fmt.Sprintf(`{"id":"c","object":"chat.completion","created":1,"model":"gpt-4o-real","choices":[{"index":0,"message":{"role":"assistant","content":%s,"thinking_blocks":%s,"tool_calls":%s},"finish_reason":%q}],"usage":%s}`,
			mustJSON(text), list(thinking), list(calls), finish, usage)}
	}
	var out strings.Builder
	chunk := func(delta, finish string) {
		fmt.Fprintf(&out, "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-4o-real\",\"choices\":[{\"index\":0,\"delta\":%s,\"finish_reason\":%s}]}\n\n", delta, finish)
	}
	chunk(`{"role":"assistant","content":""}`, "null")
	for _, b := range thinking {
		chunk(`{"thinking_blocks":[`+b+`]}`, "null")
	}
	for _, word := range strings.SplitAfter(text, " ") {
		if word != "" {
			chunk(fmt.Sprintf(`{"content":%s}`, mustJSON(word)), "null")
		}
	}
	for _, b := range blocksOf(tb, []byte(s.said[turn])) {
		if b.Kind != "tool_use" {
			continue
		}
		var index int
		for i, call := range calls {
			if strings.Contains(call, b.ID) {
				index = i
			}
		}
		chunk(fmt.Sprintf(`{"tool_calls":[{"index":%d,"id":%q,"type":"function","function":{"name":%q,"arguments":""}}]}`, index, b.ID, b.Name), "null")
		for _, piece := range []string{b.Input[:9], b.Input[9:]} {
			chunk(fmt.Sprintf(`{"tool_calls":[{"index":%d,"function":{"arguments":%s}}]}`, index, mustJSON(piece)), "null")
		}
	}
	chunk("{}", `"`+finish+`"`)
	fmt.Fprintf(&out, "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-4o-real\",\"choices\":[],\"usage\":%s}\n\ndata: [DONE]\n\n", usage)
	return testkit.Reply{Body: out.String(), Header: map[string]string{"Content-Type": "text/event-stream"}}
}

// assembled puts a streamed message together as the SDK does.
func assembled(tb testing.TB, a answer) (blocks []block, stop string) {
	tb.Helper()
	for _, data := range a.events() {
		var ev struct {
			Type         string
			Index        int
			ContentBlock json.RawMessage `json:"content_block"`
			Delta        struct {
				Type, Text, Thinking, Signature string
				PartialJSON                     string `json:"partial_json"`
				StopReason                      string `json:"stop_reason"`
			}
		}
		if err := json.Unmarshal([]byte(data), &ev); err != nil {
			tb.Fatalf("%s: %v", data, err)
		}
		switch ev.Type {
		case "content_block_start":
			if ev.Index != len(blocks) {
				tb.Fatalf("block %d comes after %d", ev.Index, len(blocks))
			}
			blocks = append(blocks, blocksOf(tb, []byte("["+string(ev.ContentBlock)+"]"))...)
			blocks[ev.Index].Input = ""
		case "content_block_delta":
			b := &blocks[ev.Index]
			b.Text += ev.Delta.Text + ev.Delta.Thinking
			b.Signature += ev.Delta.Signature
			b.Input += ev.Delta.PartialJSON
		case "message_delta":
			stop = ev.Delta.StopReason
		}
	}
	for i := range blocks {
		if blocks[i].Kind == "tool_use" {
			blocks[i].Input = compactJSON(tb, []byte(blocks[i].Input))
		}
	}
	return blocks, stop
}

func TestAgentTraffic(t *testing.T) {
	t.Parallel()
	s := newScript()
	for _, model := range []string{"claude", "gpt-4o"} {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, setup{settings: oneTry()})
			calls := 0
			for turn := range agentTurns {
				stream := turn%3 != 1
				if turn%7 == 2 {
					r.leaveStream(s.body(model, turn, true))
					calls++
					if rec := r.book.wait(t, calls)[calls-1]; rec.Status != spend.StatusCancelled || rec.CostNano == 0 {
						t.Errorf("a stream that was left: %+v", rec)
					}
				}
				reply := s.anthropicReply(t, turn, stream)
				if model != "claude" {
					reply = s.openaiReply(t, turn, stream)
				}
				r.provider.Script(reply)
				body := s.body(model, turn, stream)
				got := r.send("POST", "/v1/messages?beta=true", plainKey, body, "Anthropic-Version: 2023-06-01", "Anthropic-Beta: claude-code-20250219,of-tomorrow-2030-01-01")
				calls++
				if got.status != 200 {
					t.Fatalf("turn %d: %d %s", turn, got.status, got.body)
				}
				sent := r.provider.Last(t)
				if model == "claude" {
					checkAnthropicSent(t, turn, sent, body)
					want := strings.ReplaceAll(reply.Body, `"model":"claude-real"`, `"model":"claude"`)
					if got.body != want {
						t.Errorf("turn %d, to the client:\ngot  %.3000s\nwant %.3000s", turn, got.body, want)
					}
				} else {
					s.checkChatSent(t, turn, sent)
				}
				s.checkAnswered(t, turn, stream, got)
				rec := r.book.wait(t, calls)[calls-1]
				if rec.Status != spend.StatusSuccess || rec.Usage.OutputTotal() != 20 || rec.Usage.InputCacheRead != 40_000 || rec.UsageEstimated {
					t.Errorf("turn %d: record %+v", turn, rec)
				}
			}
		})
	}
}

// checkAnthropicSent holds what reaches a provider of the client's own wire to what the client sent, byte by byte.
func checkAnthropicSent(t *testing.T, turn int, sent testkit.Request, body string) {
	t.Helper()
	if want := strings.Replace(body, `"model":"claude"`, `"model":"claude-real"`, 1); string(sent.Body) != want {
		t.Errorf("turn %d: the body was changed: %d bytes, want %d", turn, len(sent.Body), len(want))
	}
	if sent.Header.Get("Anthropic-Beta") != "claude-code-20250219,of-tomorrow-2030-01-01" || sent.Header.Get("Anthropic-Version") != "2023-06-01" ||
		sent.Header.Get("X-Api-Key") != upstream || sent.Header.Get("Authorization") != "" {
		t.Errorf("turn %d: sent %v", turn, sent.Header)
	}
}

// checkChatSent holds the chat request of a turn to the conversation so far, block by block.
func (s *script) checkChatSent(t *testing.T, turn int, sent testkit.Request) {
	t.Helper()
	turns := chatBlocks(t, sent.Body)
	if len(turns) != 2*turn+1 {
		t.Fatalf("turn %d: %d messages, want %d", turn, len(turns), 2*turn+1)
	}
	sameBlocks(t, "the prompt", turns[0], blocksOf(t, []byte(s.prompt)))
	for i := range turn {
		sameBlocks(t, fmt.Sprintf("turn %d, what the model said in %d", turn, i), turns[2*i+1], blocksOf(t, []byte(s.said[i])))
		sameBlocks(t, fmt.Sprintf("turn %d, what it was told in %d", turn, i), turns[2*i+2], resultsFirst(blocksOf(t, []byte(s.replied[i]))))
	}
	if sent.Header.Get("Anthropic-Beta") != "" || sent.Header.Get("Authorization") != "Bearer "+upstream {
		t.Errorf("turn %d: sent %v", turn, sent.Header)
	}
}

// checkAnswered holds what the client got to what the model said, block by block.
func (s *script) checkAnswered(t *testing.T, turn int, stream bool, got answer) {
	t.Helper()
	var blocks []block
	var stop string
	if stream {
		blocks, stop = assembled(t, got)
	} else {
		var message struct {
			Content    json.RawMessage
			StopReason string `json:"stop_reason"`
		}
		if err := json.Unmarshal([]byte(got.body), &message); err != nil {
			t.Fatal(err)
		}
		blocks, stop = blocksOf(t, message.Content), message.StopReason
	}
	sameBlocks(t, fmt.Sprintf("turn %d, stream %v, to the client", turn, stream), blocks, blocksOf(t, []byte(s.said[turn])))
	if want := map[bool]string{true: "end_turn", false: "tool_use"}[turn == agentTurns-1]; stop != want {
		t.Errorf("turn %d: stopped for %s, want %s", turn, stop, want)
	}
}

// leaveStream sends a turn and leaves in the middle of its answer, which the provider must notice.
func (r *rig) leaveStream(body string) {
	r.tb.Helper()
	gone := len(r.provider.Departures())
	r.provider.Script(testkit.Reply{Fault: testkit.FaultStall, After: 4})
	conn := dial(r.tb, r)
	if _, err := fmt.Fprintf(conn, "POST /v1/messages?beta=true HTTP/1.1\r\nHost: x\r\nX-Api-Key: %s\r\nContent-Length: %d\r\n\r\n%s", plainKey, len(body), body); err != nil {
		r.tb.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		r.tb.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 40)); err != nil {
		r.tb.Fatal(err)
	}
	_ = conn.Close() // closing the body would read it to its end
	r.provider.WaitGone(r.tb, gone+1)
}
