package policy_test

import (
	"testing"

	"gatehouse/proxy/policy"
)

func TestRouteAllowed(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		allowed []string
		path    string
		want    bool
	}{
		{"other path", []string{"/chat/completions"}, "/embeddings", false},
		{"prefix ends at a segment", []string{"/v1/chat"}, "/v1/chatter", false},
		{"dot segments fit nothing", []string{"/chat"}, "/chat/../key/generate", false},
		{"double slash fits nothing", []string{"llm_api_routes"}, "//chat/completions", false},
		{"group of models does not open management", []string{"llm_api_routes"}, "/key/generate", false},
		{"group of management does not open models", []string{"management_routes"}, "/v1/chat/completions", false},
		{"info group does not open writes", []string{"info_routes"}, "/key/generate", false},
		{"pattern is anchored", []string{"/audio/*"}, "/v1/x/audio/speech", false},
		{"empty entry opens nothing", []string{""}, "/chat/completions", false},
		{"slash is no wildcard", []string{"/"}, "/chat/completions", false},
		{"empty list", nil, "/key/generate", true},
		{"exact", []string{"/v1/chat/completions"}, "/v1/chat/completions", true},
		{"with /v1 in the call only", []string{"/chat/completions"}, "/v1/chat/completions", true},
		{"with /v1 in the list only", []string{"/v1/chat/completions"}, "/chat/completions", true},
		{"prefix of segments", []string{"/key"}, "/key/info", true},
		{"pattern", []string{"/anthropic/*"}, "/anthropic/v1/messages", true},
		{"star", []string{"*"}, "/anything", true},
		{"group of models", []string{"llm_api_routes"}, "/v1/messages", true},
		{"group of models, pass-through", []string{"llm_api_routes"}, "/openai/deployments/gpt-4/chat/completions", true},
		{"info group", []string{"info_routes"}, "/key/info", true},
		{"management group", []string{"management_routes"}, "/team/new", true},
		{"one of several", []string{"/x", "llm_api_routes"}, "/v1/embeddings", true},
	} {
		if got := policy.RouteAllowed(tc.allowed, tc.path); got != tc.want {
			t.Errorf("%s: RouteAllowed(%q, %q) = %v", tc.name, tc.allowed, tc.path, got)
		}
	}
}
