package sdk_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"testing"

	"gatehouse/internal/testkit"
)

// What every client's conversations are about: the same few questions in each client's own words.
const (
	weatherText = "It is 7 degrees in Oslo."
	imageText   = "A red square."
	cityJSON    = `{"city":"Oslo","degrees":7}`
	redPixel    = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)

// askedToFail is how a test asks the model for an error status: "fail 429".
var askedToFail = regexp.MustCompile(`fail (\d{3})`)

// model answers as a model would, from what the request holds, whichever of the two wires it is on: it calls the tool
// that it is offered, uses the result, sees an image, obeys a schema, or fails when it is told to.
func model(r testkit.Request) *testkit.Reply {
	has := func(parts ...string) bool {
		for _, p := range parts {
			if bytes.Contains(r.Body, []byte(p)) {
				return true
			}
		}
		return false
	}
	if m := askedToFail.FindSubmatch(r.Body); m != nil {
		status, _ := strconv.Atoi(string(m[1]))
		reply := testkit.ErrorReply(status, "invalid_request_error", "told_to_fail", "Told to fail.")
		if bytes.HasSuffix([]byte(r.Path), []byte("/messages")) {
			reply = testkit.AnthropicErrorReply(status, "invalid_request_error", "Told to fail.")
		}
		return &reply
	}
	switch {
	case has(`"role":"tool"`, `"tool_result"`, `"function_call_output"`):
		return &testkit.Reply{Text: weatherText}
	case has(`"tools":[{`):
		return &testkit.Reply{ToolCalls: []testkit.ToolCall{{ID: "call_weather1", Name: "weather", Arguments: `{"city":"Oslo"}`}}}
	case has(`"image_url"`, `"type":"image"`, `"input_image"`):
		return &testkit.Reply{Text: imageText}
	case has(`"json_schema"`):
		return &testkit.Reply{Text: cityJSON}
	}
	return nil
}

// compacted makes the brain see bodies without the white space that some SDKs put in.
func compacted(r testkit.Request) *testkit.Reply {
	var out bytes.Buffer
	if json.Compact(&out, r.Body) == nil {
		r.Body = out.Bytes()
	}
	return model(r)
}

// startModel is start with a provider that answers as model does.
func startModel(t *testing.T, more string) (*testkit.Server, *testkit.Provider) {
	t.Helper()
	provider := testkit.NewProvider(t)
	provider.Choose(compacted)
	return testkit.Start(t, testkit.Options{Config: testkit.DefaultConfig + more + settings, Provider: provider}), provider
}
