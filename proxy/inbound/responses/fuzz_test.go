package responses

import (
	"testing"
	"time"

	"gatehouse/internal/testkit/bridgetest"
	"gatehouse/proxy/stream"
)

func toChat() bridgetest.Bridge {
	return &ToChat{ID: "resp_1", CallID: "1", Now: func() time.Time { return time.Unix(7, 0) }, KeepThinking: true, customs: map[string]bool{"get_time": true}}
}

func FuzzToChatRequest(f *testing.F) {
	bridgetest.Requests(f, toChat,
		`{"model":"m","instructions":"Be short.","input":"hi"}`,
		`{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"hi"},{"type":"input_image","image_url":"data:image/png;base64,AA=="}]},`+
			`{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"x"},`+
			`{"type":"reasoning","summary":[{"type":"summary_text","text":"t"}]}],"tools":[{"type":"function","name":"f","parameters":{}}],`+
			`"text":{"format":{"type":"json_schema","name":"n","schema":{}}},"reasoning":{"effort":"low"},"max_output_tokens":5,"tool_choice":{"type":"function","name":"f"}}`)
}

func FuzzToChatAnswer(f *testing.F) {
	bridgetest.Answers(f, toChat, func() stream.Filter { return &stream.Responses{} }, bridgetest.Seeds(f, "../../testdata/conformance/openai.json")...)
}
