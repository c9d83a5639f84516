package gemini

import (
	"testing"

	"gatehouse/internal/testkit/bridgetest"
	"gatehouse/proxy/stream"
)

func toChat() bridgetest.Bridge {
	return &ToChat{ID: "1", Model: "m", Stream: true, KeepThinking: true}
}

func FuzzToChatRequest(f *testing.F) {
	bridgetest.Requests(f, toChat, bridgetest.Bodies(f, "../../testdata/conformance/requests/gemini.json")...)
}

func FuzzToChatAnswer(f *testing.F) {
	bridgetest.Answers(f, toChat, func() stream.Filter { return &stream.Gemini{} }, bridgetest.Seeds(f, "../../testdata/conformance/openai.json")...)
}
