package testkit

import (
	"encoding/json"
	"fmt"
	"time"
)

// Reply says how the fake [Provider] treats one request. The zero Reply is a good answer in the wire format of the path.
// It can be written as JSON, for tests that are not in Go; channels are left out there, durations are nanoseconds.
type Reply struct {
	Status int               `json:"status,omitempty"` // 0 is 200
	Header map[string]string `json:"header,omitempty"` // set beside the usual ones
	Body   string            `json:"body,omitempty"`   // sent as it is, in place of a made answer

	Text      string     `json:"text,omitempty"`       // the completion; [DefaultText] when empty
	Pieces    []string   `json:"pieces,omitempty"`     // the completion of a stream in these pieces; else Text word by word
	Huge      int        `json:"huge,omitempty"`       // adds a piece of so many bytes: one huge line in a stream
	ToolCalls []ToolCall `json:"tool_calls,omitempty"` // the model wants these tools; Text then comes first only when set
	Finish    string     `json:"finish,omitempty"`     // finish reason in OpenAI's words; "stop" or "tool_calls" when empty
	Usage     *Usage     `json:"usage,omitempty"`      // nil is [DefaultUsage]; any figures go, negative or absurd ones too
	UsageMode UsageMode  `json:"usage_mode,omitempty"`
	BadJSON   bool       `json:"bad_json,omitempty"` // the body, or the second event of a stream, is cut inside its JSON
	Framing   Framing    `json:"framing,omitzero"`   // how a stream's events are written

	Fault Fault `json:"fault,omitempty"`
	After int   `json:"after,omitempty"` // events of a stream sent before Fault strikes

	FirstByteAfter time.Duration   `json:"first_byte_after,omitempty"` // wait before the status line
	EventEvery     time.Duration   `json:"event_every,omitempty"`      // wait before each event of a stream
	Before         <-chan struct{} `json:"-"`                          // a receive (or close) lets the status line out
	Each           <-chan struct{} `json:"-"`                          // a receive (or close) lets one event of a stream out
}

// DefaultText is the completion of a Reply that names none: five words, so five pieces of a stream.
const DefaultText = "Hello from the fake provider."

// ToolCall is a call that the model asks for. Arguments is JSON text; a stream sends it in two pieces.
type ToolCall struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// Usage holds token counts the way OpenAI counts: Prompt includes Cached and CacheWrite, Completion includes Reasoning.
// The Anthropic wire gets the same call in Anthropic's way of counting.
type Usage struct {
	Prompt     int64 `json:"prompt"`
	Completion int64 `json:"completion"`
	Cached     int64 `json:"cached,omitempty"`
	CacheWrite int64 `json:"cache_write,omitempty"`
	Reasoning  int64 `json:"reasoning,omitempty"`
}

// DefaultUsage is what a Reply without Usage reports.
var DefaultUsage = Usage{Prompt: 10, Completion: 20}

// UsageMode is where and how often usage is reported.
type UsageMode string

// The zero mode does what the real wire does: OpenAI streams report usage only when asked by stream_options.
const (
	UsageNone   UsageMode = "none"   // never
	UsageAlways UsageMode = "always" // on streams too, asked or not
	UsageTwice  UsageMode = "twice"  // on the last content event and again at the end of a stream
)

// Fault is a way to fail that a status code cannot express.
type Fault string

// The faults. Those that need an answer under way strike after Reply.After events of a stream; a plain answer is cut in
// the middle of its body.
const (
	FaultDrop  Fault = "drop"  // close the connection before any byte
	FaultHang  Fault = "hang"  // nothing at all, until the client leaves
	FaultStall Fault = "stall" // headers and After events, then silence until the client leaves
	FaultCut   Fault = "cut"   // the connection closes with the body unfinished
	FaultReset Fault = "reset" // as FaultCut, by TCP reset
	FaultEnd   Fault = "end"   // the body ends in good order, but without finish reason and [DONE]
	FaultError Fault = "error" // an error event, then the end
)

// Framing varies how server-sent events are written, within what their standard allows.
type Framing struct {
	CRLF      bool `json:"crlf,omitempty"`       // lines end in CR LF
	Comments  bool `json:"comments,omitempty"`   // a comment line before each event
	MultiLine bool `json:"multi_line,omitempty"` // the JSON spreads over several data lines
	NoSpace   bool `json:"no_space,omitempty"`   // "data:{" in place of "data: {"
	BOM       bool `json:"bom,omitempty"`        // a byte order mark before the first event
}

// ErrorReply is a refusal in OpenAI's error shape.
func ErrorReply(status int, kind, code, message string) Reply {
	body, err := json.Marshal(map[string]any{"error": map[string]any{"message": message, "type": kind, "param": nil, "code": code}})
	if err != nil {
		panic(err) // strings always marshal
	}
	return Reply{Status: status, Body: string(body)}
}

// AnthropicErrorReply is a refusal in Anthropic's error shape.
func AnthropicErrorReply(status int, kind, message string) Reply {
	body, err := json.Marshal(map[string]any{"type": "error", "error": map[string]any{"type": kind, "message": message}})
	if err != nil {
		panic(err) // strings always marshal
	}
	return Reply{Status: status, Body: string(body)}
}

// RateLimited is the 429 of a provider that asks to wait.
func RateLimited(seconds int) Reply {
	reply := ErrorReply(429, "rate_limit_error", "rate_limit_exceeded", "Rate limit reached.")
	reply.Header = map[string]string{"Retry-After": fmt.Sprint(seconds)}
	return reply
}

func (r Reply) status() int {
	if r.Status == 0 {
		return 200
	}
	return r.Status
}

func (r Reply) usage() Usage {
	if r.Usage == nil {
		return DefaultUsage
	}
	return *r.Usage
}
