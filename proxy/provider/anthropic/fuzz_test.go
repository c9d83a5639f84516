package anthropic

import (
	"testing"

	"gatehouse/internal/testkit/bridgetest"
	"gatehouse/proxy/stream"
)

const (
	fixtures = "../../testdata/conformance/anthropic.json"
	openai   = "../../testdata/conformance/openai.json"
	bodies   = "../../testdata/conformance/requests/"
)

func FuzzFromChatRequest(f *testing.F) {
	bridgetest.Requests(f, func() bridgetest.Bridge { return fromChat() }, bridgetest.Bodies(f, bodies+"openai.json")...)
}

func FuzzFromChatAnswer(f *testing.F) {
	bridgetest.Answers(f, func() bridgetest.Bridge { return fromChat() }, func() stream.Filter { return &stream.OpenAI{Asked: true} }, bridgetest.Seeds(f, fixtures)...)
}

func FuzzToChatRequest(f *testing.F) {
	bridgetest.Requests(f, func() bridgetest.Bridge { return &ToChat{ID: "1"} }, bridgetest.Bodies(f, bodies+"anthropic.json")...)
}

func FuzzToChatAnswer(f *testing.F) {
	bridgetest.Answers(f, func() bridgetest.Bridge { return &ToChat{ID: "1"} }, func() stream.Filter { return &stream.Anthropic{} }, bridgetest.Seeds(f, openai)...)
}
