package proxy

import (
	"slices"
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
		"transcription":            {of("audio_transcription", "m", "real", nil), testkit.Reply{Body: `{"text":""}`}, 200, "/v1/audio/transcriptions", "", "WAVEfmt"},
		"a mode without a call":    {of("realtime", "m", "real", nil), testkit.Reply{}, 0, "", "", ""},
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
				if ok || len(sent) != 0 || found.Message == "" {
					t.Errorf("checked: %+v, %d calls", found, len(sent))
				}
				return
			} else if len(sent) != 1 || sent[0].Path != tt.path || !strings.Contains(string(sent[0].Body), tt.sent) {
				t.Errorf("%d calls, the first to %s", len(sent), sent[0].Path)
			}
			if !ok || found.Status != tt.status || !strings.Contains(found.Message, tt.message) || strings.Contains(found.Message, upstream) {
				t.Errorf("found %+v", found)
			}
			if rec := r.book.wait(t, 1)[0]; rec.DeploymentID != "it" || !slices.Contains(rec.Tags, checkTag) {
				t.Errorf("record %+v", rec)
			}
		})
	}
}

// What fails on this side of the wire says nothing about the deployment.
func TestCheckThatCouldNotBeMade(t *testing.T) {
	t.Parallel()
	one := int64(1)
	d := deployment("m", "openai", "real")
	d.MaxParallel = &one
	r := newRig(t, setup{deployments: []models.Deployment{d}})
	gate := make(chan struct{})
	r.provider.Script(testkit.Reply{Before: gate})
	done := make(chan int)
	go func() { done <- r.chat("m", "").status }()
	r.provider.WaitRequests(t, 1)
	it := r.plane.Ring.Snapshot().Catalog().ByID(d.ID)
	if found, ok := r.plane.Check(it, time.Second); ok || found.Status != 429 || len(r.provider.Requests()) != 1 {
		t.Errorf("a deployment whose slots are taken: %v %+v", ok, found)
	}
	close(gate)
	if status := <-done; status != 200 {
		t.Errorf("the call itself: %d", status)
	}
	if found, ok := r.plane.Check(it, time.Second); !ok || found.Status != 200 {
		t.Errorf("afterwards: %v %+v", ok, found)
	}
}
