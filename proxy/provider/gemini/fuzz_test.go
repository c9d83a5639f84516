package gemini

import (
	"testing"
	"time"

	"gatehouse/internal/testkit/bridgetest"
	"gatehouse/proxy/stream"
)

func fromChat() bridgetest.Bridge {
	return &FromChat{ID: "1", Now: func() time.Time { return time.Unix(7, 0) }}
}

func FuzzFromChatRequest(f *testing.F) {
	bridgetest.Requests(f, fromChat, bridgetest.Bodies(f, "../../testdata/conformance/requests/openai.json")...)
}

func FuzzFromChatAnswer(f *testing.F) {
	bridgetest.Answers(f, fromChat, func() stream.Filter { return &stream.OpenAI{Asked: true} }, bridgetest.Seeds(f, "../../testdata/conformance/gemini.json")...)
}

func FuzzFromEmbedding(f *testing.F) {
	bridgetest.Answers(f, func() bridgetest.Bridge { return &FromEmbedding{} }, func() stream.Filter { return &stream.Plain{} }, bridgetest.Seeds(f, "../../testdata/conformance/gemini.json")...)
}
