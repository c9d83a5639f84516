package anthropic

import (
	"encoding/json"
	"strings"
	"testing"
)

// readMessage puts a Messages stream together as the SDK does: its blocks in order, tools as "[id arguments]", and why it ended.
// It holds the stream to its form: one block open at a time, indexes that grow by one, a name for every event.
func readMessage(tb testing.TB, text string) (blocks []string, stop string) {
	tb.Helper()
	open := -1
	for frame := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		name, data, _ := strings.Cut(frame, "\ndata: ")
		var ev struct {
			Type  string
			Index int
			Block struct{ Type, ID, Text, Thinking string } `json:"content_block"`
			Delta struct {
				Type, Text, Thinking string
				Partial              string `json:"partial_json"`
				Stop                 string `json:"stop_reason"`
			}
		}
		if err := json.Unmarshal([]byte(data), &ev); err != nil || name != "event: "+ev.Type {
			tb.Fatalf("%q: %v", frame, err)
		}
		switch ev.Type {
		case "content_block_start":
			if open >= 0 || ev.Index != len(blocks) {
				tb.Fatalf("block %d begins while %d is open, after %d", ev.Index, open, len(blocks))
			}
			open = ev.Index
			blocks = append(blocks, ev.Block.Text+ev.Block.Thinking)
			if ev.Block.Type == "tool_use" {
				blocks[open] = "[" + ev.Block.ID + " "
			}
		case "content_block_delta":
			if ev.Index != open {
				tb.Fatalf("%s for %d while %d is open", ev.Delta.Type, ev.Index, open)
			}
			blocks[open] += ev.Delta.Text + ev.Delta.Thinking + ev.Delta.Partial
		case "content_block_stop":
			if ev.Index != open {
				tb.Fatalf("the end of %d while %d is open", ev.Index, open)
			}
			if b := blocks[open]; b[0] == '[' {
				if strings.HasSuffix(b, " ") {
					b += "{}"
				}
				blocks[open] = b + "]"
			}
			open = -1
		case "message_delta":
			stop = ev.Delta.Stop
		}
	}
	if open >= 0 {
		tb.Errorf("block %d is still open", open)
	}
	return blocks, stop
}
