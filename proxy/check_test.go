package proxy

import (
	"strings"
	"testing"
	"time"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/proxy/route"
)

func TestCheckOfADeployment(t *testing.T) {
	t.Parallel()
	const patience = 5 * time.Second
	of := func(mode, name, model string, info map[string]any) models.Deployment {
		d := deployment(name, "openai", model)
		d.Mode, d.Info = mode, info
		return d
	}
	for name, tt := range map[string]struct {
		d       models.Deployment
		reply   testkit.Reply
		status  int
		path    string // "": nothing is sent
		message string
		sent    string // in the body
	}{
		"chat":                     {of("chat", "m", "real", nil), testkit.Reply{}, 200, "/v1/chat/completions", "", `"content":"test from litellm"`},
		"chat, its own cap":        {of("chat", "m", "real", map[string]any{"health_check_max_tokens": 16}), testkit.Reply{}, 200, "/v1/chat/completions", "", `"max_tokens":16`},
		"completion":               {of("completion", "m", "real", nil), testkit.Reply{}, 200, "/v1/completions", "", `"max_tokens":5`},
		"embedding":                {of("embedding", "m", "real", nil), testkit.Reply{}, 200, "/v1/embeddings", "", `"input":["test from litellm"]`},
		"responses":                {of("responses", "m", "real", nil), testkit.Reply{}, 200, "/v1/responses", "", `"input":"test from litellm"`},
		"a file would be needed":   {of("audio_transcription", "m", "real", nil), testkit.Reply{}, 0, "", "", ""},
		"a pattern":                {of("chat", "openai/*", "*", nil), testkit.Reply{}, 0, "", "", ""},
		"a pattern with a model":   {of("chat", "openai/*", "*", map[string]any{"health_check_model": "openai/gpt-small"}), testkit.Reply{}, 200, "/v1/chat/completions", "", `"model":"gpt-small"`},
		"a bad key":                {of("chat", "m", "real", nil), testkit.ErrorReply(401, "", "", "no "+upstream), 502, "/v1/chat/completions", "credential", ""},
		"busy: one attempt only":   {of("chat", "m", "real", nil), testkit.ErrorReply(429, "", "", "busy"), 429, "/v1/chat/completions", "busy", ""},
		"one that does not answer": {of("chat", "m", "real", nil), testkit.Reply{Fault: testkit.FaultDrop}, 502, "/v1/chat/completions", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.d.ID = "it"
			other := deployment("other", "openai", "other")
			r := newRig(t, setup{
				config: Config{CompletionModel: "other"}, deployments: []models.Deployment{tt.d, other},
				settings: route.Settings{NumRetries: 2, DefaultFallbacks: []string{"other"}},
			})
			r.provider.Always(tt.reply)
			d := r.plane.Ring.Snapshot().Catalog().ByID("it")
			found, ok := r.plane.Check(d, patience)
			if sent := r.provider.Requests(); tt.path == "" {
				if ok || len(sent) != 0 {
					t.Errorf("checked: %+v, %d calls", found, len(sent))
				}
				return
			} else if len(sent) != 1 || sent[0].Path != tt.path || !strings.Contains(string(sent[0].Body), tt.sent) {
				t.Errorf("%d calls, %+v", len(sent), sent)
			}
			if !ok || found.Status != tt.status || !strings.Contains(found.Message, tt.message) || strings.Contains(found.Message, upstream) {
				t.Errorf("found %+v", found)
			}
			if rec := r.book.wait(t, 1)[0]; rec.DeploymentID != "it" {
				t.Errorf("record %+v", rec)
			}
		})
	}
}
