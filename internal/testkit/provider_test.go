package testkit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"gatehouse/internal/testkit"
)

const chatPath, messagesPath = "/v1/chat/completions", "/v1/messages"

// call posts body and returns status, headers and everything read, with the error that ended the reading.
func call(t *testing.T, p *testkit.Provider, path, body string) (*http.Response, string, error) {
	t.Helper()
	resp, err := post(t.Context(), p.URL+path, body)
	if err != nil {
		return nil, "", err
	}
	data, err := io.ReadAll(resp.Body)
	return resp, string(data), errors.Join(err, resp.Body.Close())
}

func post(ctx context.Context, url, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer sk-upstream")
	return http.DefaultClient.Do(req)
}

func TestProviderGoodAnswers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, path, body string
		want             []string
	}{
		{"chat", chatPath, `{"model":"m"}`, []string{`"chat.completion"`, testkit.DefaultText, `"total_tokens":30`}},
		{"chat stream", chatPath, `{"model":"m","stream":true}`, []string{`"content":"Hello "`, `"finish_reason":"stop"`, "data: [DONE]\n\n"}},
		{"chat stream with usage", chatPath, `{"model":"m","stream":true,"stream_options":{"include_usage":true}}`, []string{`"choices":[]`, `"usage":null`, `"total_tokens":30`}},
		{"text", "/v1/completions", `{"model":"m"}`, []string{`"text_completion"`, testkit.DefaultText}},
		{"text stream", "/v1/completions", `{"model":"m","stream":true}`, []string{`"text":"Hello "`, "[DONE]"}},
		{"embeddings", "/v1/embeddings", `{"model":"m","input":["a","b"],"dimensions":2}`, []string{`[1,0.5]`, `[2,1]`}},
		{"embeddings of tokens", "/v1/embeddings", `{"model":"m","input":[1,2,3],"encoding_format":"base64","dimensions":1}`, []string{`"data":[{"embedding":"AACAPw==","index":0`}},
		{"responses", "/v1/responses", `{"model":"m"}`, []string{`"output_text"`, testkit.DefaultText}},
		{"responses stream", "/v1/responses", `{"model":"m","stream":true}`, []string{"event: response.completed\n", `"sequence_number":0`}},
		{"messages", messagesPath, `{"model":"m"}`, []string{`"end_turn"`, `"input_tokens":10`, `"output_tokens":20`}},
		{"messages stream", messagesPath, `{"model":"m","stream":true}`, []string{"event: message_start\n", `"text_delta"`, "event: message_stop\n"}},
		{"count tokens", "/v1/messages/count_tokens", `{"model":"m"}`, []string{`{"input_tokens":10}`}},
		{"models under any base", "/some/base/models", ``, []string{`"gpt-4o-mini"`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProvider(t)
			resp, body, err := call(t, p, test.path, test.body)
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("status %v, %v", resp, err)
			}
			for _, want := range test.want {
				if !strings.Contains(body, want) {
					t.Errorf("answer lacks %s:\n%s", want, body)
				}
			}
			p.WaitAnswered(t, 1)
		})
	}
}

func TestProviderMisbehaves(t *testing.T) {
	t.Parallel()
	const plain, stream = `{"model":"m"}`, `{"model":"m","stream":true}`
	tests := []struct {
		name  string
		reply testkit.Reply
		body  string
		check func(t *testing.T, resp *http.Response, body string, err error)
	}{
		{"status with headers", testkit.RateLimited(7), plain, func(t *testing.T, resp *http.Response, body string, err error) {
			if err != nil || resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "7" || !strings.Contains(body, "rate_limit_exceeded") {
				t.Errorf("%v %s %v", resp, body, err)
			}
		}},
		{"200 with an error body", testkit.Reply{Body: `{"error":{}}`}, plain, func(t *testing.T, resp *http.Response, body string, err error) {
			if err != nil || resp.StatusCode != 200 || body != `{"error":{}}` {
				t.Errorf("%v %s %v", resp, body, err)
			}
		}},
		{"dropped before headers", testkit.Reply{Fault: testkit.FaultDrop}, plain, func(t *testing.T, _ *http.Response, _ string, err error) {
			if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("got %v, want a closed connection", err)
			}
		}},
		{"bad JSON", testkit.Reply{BadJSON: true}, plain, func(t *testing.T, _ *http.Response, body string, err error) {
			if err != nil || json.Valid([]byte(body)) || body == "" {
				t.Errorf("%q %v", body, err)
			}
		}},
		{"plain body cut", testkit.Reply{Fault: testkit.FaultCut}, plain, func(t *testing.T, _ *http.Response, _ string, err error) {
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("got %v, want an unexpected EOF", err)
			}
		}},
		{"stream cut", testkit.Reply{Fault: testkit.FaultCut, After: 2}, stream, func(t *testing.T, _ *http.Response, body string, err error) {
			if !errors.Is(err, io.ErrUnexpectedEOF) || strings.Count(body, "data: ") != 2 {
				t.Errorf("%q %v", body, err)
			}
		}},
		{"stream reset", testkit.Reply{Fault: testkit.FaultReset, After: 1}, stream, func(t *testing.T, _ *http.Response, _ string, err error) {
			if !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("got %v, want a reset", err)
			}
		}},
		{"stream ends without its end", testkit.Reply{Fault: testkit.FaultEnd, After: 3}, stream, func(t *testing.T, _ *http.Response, body string, err error) {
			if err != nil || strings.Contains(body, "[DONE]") || strings.Count(body, "data: ") != 3 {
				t.Errorf("%q %v", body, err)
			}
		}},
		{"error event", testkit.Reply{Fault: testkit.FaultError, After: 1}, stream, func(t *testing.T, _ *http.Response, body string, err error) {
			if err != nil || !strings.Contains(body, "overloaded") {
				t.Errorf("%q %v", body, err)
			}
		}},
		{"no usage", testkit.Reply{UsageMode: testkit.UsageNone}, plain, func(t *testing.T, _ *http.Response, body string, _ error) {
			if strings.Contains(body, "usage") {
				t.Error(body)
			}
		}},
		{"usage twice", testkit.Reply{UsageMode: testkit.UsageTwice}, stream, func(t *testing.T, _ *http.Response, body string, _ error) {
			if strings.Count(body, `"total_tokens":30`) != 2 {
				t.Error(body)
			}
		}},
		{"negative usage", testkit.Reply{Usage: &testkit.Usage{Prompt: -5, Completion: 1 << 60}}, plain, func(t *testing.T, _ *http.Response, body string, _ error) {
			if !strings.Contains(body, `"prompt_tokens":-5`) {
				t.Error(body)
			}
		}},
		{"huge line", testkit.Reply{Huge: 3 << 20}, stream, func(t *testing.T, _ *http.Response, body string, err error) {
			if err != nil || len(body) < 3<<20 {
				t.Errorf("%d bytes, %v", len(body), err)
			}
		}},
		{
			"odd framing",
			testkit.Reply{Framing: testkit.Framing{CRLF: true, Comments: true, MultiLine: true, NoSpace: true, BOM: true}},
			stream,
			func(t *testing.T, _ *http.Response, body string, _ error) {
				if !strings.HasPrefix(body, "\ufeff: keep-alive\r\ndata:{\r\ndata: ") || !strings.HasSuffix(body, "data:[DONE]\r\n\r\n") {
					t.Errorf("%q", body)
				}
			},
		},
		{
			"tool calls",
			testkit.Reply{ToolCalls: []testkit.ToolCall{{ID: "call_a", Name: "f", Arguments: `{"x":1}`}}},
			plain,
			func(t *testing.T, _ *http.Response, body string, _ error) {
				if !strings.Contains(body, `"finish_reason":"tool_calls"`) || !strings.Contains(body, `"content":null`) || !strings.Contains(body, `"arguments":"{\"x\":1}"`) {
					t.Error(body)
				}
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProvider(t)
			p.Script(test.reply)
			resp, body, err := call(t, p, chatPath, test.body)
			test.check(t, resp, body, err)
		})
	}
}

func TestProviderTakesItsScriptInOrder(t *testing.T) {
	t.Parallel()
	p := testkit.NewProvider(t)
	p.Always(testkit.Reply{Text: "always"})
	p.Script(testkit.Reply{Text: "first"}, testkit.Reply{Status: 500})
	p.Choose(func(r testkit.Request) *testkit.Reply {
		if r.Model == "special" {
			return &testkit.Reply{Text: "chosen"}
		}
		return nil
	})
	for _, want := range []struct{ model, text string }{{"m", "first"}, {"special", "chosen"}, {"m", "The script says 500."}, {"m", "always"}} {
		if _, body, err := call(t, p, chatPath, `{"model":"`+want.model+`"}`); err != nil || !strings.Contains(body, want.text) {
			t.Errorf("got %s, %v; want %q", body, err, want.text)
		}
	}
}

func TestProviderRemembersRequests(t *testing.T) {
	t.Parallel()
	p := testkit.NewProvider(t)
	const body = `{ "model":"m", "temperature": 1.0, "unknown":12345678901234567890 }`
	if _, _, err := call(t, p, chatPath+"?beta=true", body); err != nil {
		t.Fatal(err)
	}
	got := p.Last(t)
	if got.Path != chatPath || got.Query != "beta=true" || got.Model != "m" || got.Stream || !bytes.Equal(got.Body, []byte(body)) ||
		got.Header.Get("Authorization") != "Bearer sk-upstream" {
		t.Errorf("remembered %+v", got)
	}
	p.WaitAnswered(t, 1)
}

func TestProviderNoticesAClientThatLeaves(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		reply testkit.Reply
		sent  int
	}{
		{"before any byte", testkit.Reply{Fault: testkit.FaultHang}, 0},
		{"while the stream stalls", testkit.Reply{Fault: testkit.FaultStall, After: 2}, 2},
		{"while an event waits", testkit.Reply{Each: make(chan struct{})}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProvider(t)
			p.Script(test.reply)
			ctx, leave := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() {
				resp, err := post(ctx, p.URL+chatPath, `{"model":"m","stream":true}`)
				if err == nil {
					_, err = io.Copy(io.Discard, resp.Body)
					err = errors.Join(err, resp.Body.Close())
				}
				done <- err
			}()
			p.WaitRequests(t, 1)
			leave()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Fatalf("the call ended with %v", err)
			}
			if gone := p.WaitGone(t, 1); gone[0].Request != 1 || gone[0].Sent > test.sent || gone[0].At.IsZero() {
				t.Errorf("recorded %+v", gone)
			}
			if p.Answered() != 0 {
				t.Error("an answer nobody took counts as answered")
			}
		})
	}
}

func TestProviderGatesReleaseEvents(t *testing.T) {
	t.Parallel()
	p := testkit.NewProvider(t)
	each := make(chan struct{})
	p.Script(testkit.Reply{Each: each})
	resp, err := post(t.Context(), p.URL+chatPath, `{"model":"m","stream":true}`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	}()
	each <- struct{}{}
	buf := make([]byte, 64<<10)
	n, err := resp.Body.Read(buf)
	if err != nil || strings.Count(string(buf[:n]), "data: ") != 1 {
		t.Fatalf("one receive let out %q, %v", buf[:n], err)
	}
	close(each)
	if rest, err := io.ReadAll(resp.Body); err != nil || !strings.HasSuffix(string(rest), "[DONE]\n\n") {
		t.Fatalf("closing the gate let out %q, %v", rest, err)
	}
}
