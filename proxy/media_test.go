package proxy

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"mime"
	"mime/multipart"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/proxy/spend"
)

func mediaDeployments() []models.Deployment {
	priced := func(name string, prices map[string]any) models.Deployment {
		d := deployment(name, "openai", name+"-real")
		d.Prices = prices
		return d
	}
	n := func(s string) json.Number { return json.Number(s) }
	return []models.Deployment{
		priced("dall-e", map[string]any{"output_cost_per_image": n("0.04")}),
		priced("gpt-image", map[string]any{"input_cost_per_token": n("0.000005"), "output_cost_per_image_token": n("0.00004")}),
		priced("whisper", map[string]any{"input_cost_per_second": n("0.0001")}),
		priced("tts", map[string]any{"input_cost_per_character": n("0.000015")}),
		priced("rerank", map[string]any{"input_cost_per_query": n("0.002")}),
		priced("omni-moderation-latest", map[string]any{"input_cost_per_token": n("0"), "output_cost_per_token": n("0")}),
		deployment("claude", "anthropic", "claude-real"),
	}
}

// wav is a sound of so many seconds.
func wav(seconds int) []byte {
	const rate = 8000
	size := seconds * rate
	b := []byte("RIFF")
	b = binary.LittleEndian.AppendUint32(b, uint32(36+size)) //nolint:gosec // small
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = append(b, 1, 0, 1, 0)
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = append(b, 1, 0, 8, 0)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(size)) //nolint:gosec // small
	return append(b, make([]byte, size)...)
}

// upload makes a form: fields are "name=value"; the file comes last.
func upload(tb testing.TB, fileField string, file []byte, fields ...string) (contentType, body string) {
	tb.Helper()
	var b strings.Builder
	w := multipart.NewWriter(&b)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, "=")
		if err := w.WriteField(name, value); err != nil {
			tb.Fatal(err)
		}
	}
	part, err := w.CreateFormFile(fileField, "a.bin")
	if err == nil {
		_, err = part.Write(file)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		tb.Fatal(err)
	}
	return w.FormDataContentType(), b.String()
}

func TestMedia(t *testing.T) {
	t.Parallel()
	sound := wav(30)
	form := func(fileField string, file []byte, fields ...string) func(testing.TB) (string, string) {
		return func(tb testing.TB) (string, string) { tb.Helper(); return upload(tb, fileField, file, fields...) }
	}
	plain := func(body string) func(testing.TB) (string, string) {
		return func(testing.TB) (string, string) { return "application/json", body }
	}
	tests := []struct {
		name, path, callType string
		send                 func(testing.TB) (string, string)
		reply                testkit.Reply
		upstreamPath         string
		cost                 models.Nano
		estimated            bool
	}{
		{
			"images by the piece", "/v1/images/generations", "aimage_generation", plain(`{"model":"dall-e","prompt":"a cat","n":2,"tags":["x"]}`),
			testkit.Reply{Body: `{"created":1,"data":[{"url":"u"},{"url":"v"}]}`},
			"/v1/images/generations", 80_000_000, false,
		},
		{
			"images by token", "/openai/deployments/gpt-image/images/generations", "aimage_generation", plain(`{"prompt":"a cat"}`),
			testkit.Reply{Body: `{"created":1,"data":[{"b64_json":"AA"}],"usage":{"input_tokens":10,"output_tokens":100,"total_tokens":110}}`},
			"/v1/images/generations", 10*5000 + 100*40000, false,
		},
		{
			"an edit", "/v1/images/edits", "aimage_edit", form("image", []byte("\x89PNG\r\n--x\r\n"), "model=dall-e", "prompt=a dog", "n=1", "user=u1"),
			testkit.Reply{Body: `{"created":1,"data":[{"b64_json":"AA"}]}`},
			"/v1/images/edits", 40_000_000, false,
		},
		{
			"a transcript, length of the file", "/v1/audio/transcriptions", "atranscription", form("file", sound, "model=whisper"),
			testkit.Reply{Body: `{"text":"hello"}`},
			"/v1/audio/transcriptions", 30 * 100_000, false,
		},
		{
			"a transcript, length from the answer", "/audio/transcriptions", "atranscription", form("file", []byte("ID3 mp3"), "model=whisper", "litellm_metadata={\"a\":1}"),
			testkit.Reply{Body: `{"text":"hello","usage":{"type":"duration","seconds":12}}`},
			"/v1/audio/transcriptions", 12 * 100_000, false,
		},
		{
			"a transcript as subtitles", "/v1/audio/translations", "atranslation", form("file", []byte("ID3 mp3"), "model=whisper", "response_format=srt"),
			testkit.Reply{Body: "1\n00:00:00,000 --> 00:00:07,500\nhello\n", Header: map[string]string{"Content-Type": "text/plain"}},
			"/v1/audio/translations", 750_000, true,
		},
		{
			"speech", "/v1/audio/speech", "aspeech", plain(`{"model":"tts","input":"Grüße!","voice":"alloy"}`),
			testkit.Reply{Body: "\x00\x01ID3 sound \xff", Header: map[string]string{"Content-Type": "audio/mpeg"}},
			"/v1/audio/speech", 6 * 15_000, false,
		},
		{
			"moderation without a model", "/v1/moderations", "amoderation", plain(`{"input":"hm"}`),
			testkit.Reply{Body: `{"id":"modr-1","model":"omni-moderation-latest-real","results":[{"flagged":false}]}`},
			"/v1/moderations", 0, false,
		},
		{
			"rerank", "/v2/rerank", "arerank", plain(`{"model":"rerank","query":"q","documents":["a","b"],"top_n":1}`),
			testkit.Reply{Body: `{"id":"r","results":[{"index":1,"relevance_score":0.9}],"meta":{"billed_units":{"search_units":3}}}`},
			"/v1/rerank", 3 * 2_000_000, false,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, setup{deployments: mediaDeployments()})
			r.provider.Script(tt.reply)
			contentType, body := tt.send(t)
			got := r.send("POST", tt.path, plainKey, body, "Content-Type: "+contentType)
			if got.status != 200 || !strings.Contains(got.body, strings.TrimSuffix(tt.reply.Body, `"omni-moderation-latest-real","results":[{"flagged":false}]}`)) {
				t.Fatalf("%d %q", got.status, got.body)
			}
			sent := r.provider.Last(t)
			if sent.Path != tt.upstreamPath || sent.Header.Get("Authorization") != "Bearer "+upstream {
				t.Errorf("sent to %s with %v", sent.Path, sent.Header)
			}
			sentAsGiven(t, sent, contentType)
			rec := r.book.wait(t, 1)[0]
			if rec.CostNano != tt.cost || rec.CallType != tt.callType || rec.Status != spend.StatusSuccess || rec.UsageEstimated != tt.estimated || rec.Unpriced {
				t.Errorf("record %+v, want %d", rec, tt.cost)
			}
		})
	}
}

// sentAsGiven checks what went upstream: the provider's name for the model, no field of the gateway, and a whole file.
func sentAsGiven(t *testing.T, sent testkit.Request, contentType string) {
	t.Helper()
	for _, private := range []string{"tags", "litellm_metadata", plainKey} {
		if strings.Contains(string(sent.Body), private) {
			t.Errorf("%s reaches the provider: %.300q", private, sent.Body)
		}
	}
	kind, params, err := mime.ParseMediaType(sent.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(contentType, kind) {
		t.Errorf("sent as %s, came as %s", kind, contentType)
	}
	if kind == "application/json" {
		if !strings.Contains(string(sent.Body), `-real"`) {
			t.Errorf("sent %s", sent.Body)
		}
		return
	}
	parsed, err := multipart.NewReader(strings.NewReader(string(sent.Body)), params["boundary"]).ReadForm(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	if m := parsed.Value["model"]; len(m) != 1 || !strings.HasSuffix(m[0], "-real") || len(parsed.File) != 1 {
		t.Errorf("sent %v, %d files", parsed.Value, len(parsed.File))
	}
}

func TestMediaRefusals(t *testing.T) {
	t.Parallel()
	narrow := keyRow(otherKey, func(k *models.Key) { k.Models = models.Strings{"tts"}; k.MaxBudget = budgetOf(30_000_000) })
	r := newRig(t, setup{deployments: mediaDeployments(), rows: func(s models.ChangeSink) { s.Key(narrow) }})
	kind, twice := upload(t, "file", wav(1), "model=whisper", "model=dall-e")
	_, noFile := upload(t, "other", wav(1), "model=whisper")
	tests := []struct {
		name, path, key, kind, body string
		status                      int
		code                        string
	}{
		{"no access", "/v1/images/generations", otherKey, "application/json", `{"model":"dall-e","prompt":"x"}`, 403, "model_access_denied"},
		{"two models", "/v1/audio/transcriptions", plainKey, kind, twice, 400, "invalid_value"},
		{"no file", "/v1/audio/transcriptions", plainKey, strings.Replace(kind, "x", "x", 1), strings.ReplaceAll(noFile, boundaryOf(noFile), boundaryOf(twice)), 400, "missing_required_parameter"},
		{"broken form", "/v1/audio/transcriptions", plainKey, kind, twice[:200], 400, "invalid_value"},
		{"no prompt", "/v1/images/generations", plainKey, "application/json", `{"model":"dall-e"}`, 400, "missing_required_parameter"},
		{"no documents", "/rerank", plainKey, "application/json", `{"model":"rerank","query":"q"}`, 400, "missing_required_parameter"},
		{"a provider without it", "/v1/audio/speech", plainKey, "application/json", `{"model":"claude","input":"x"}`, 400, "unsupported_parameter"},
		{"unknown model", "/v1/audio/speech", plainKey, "application/json", `{"model":"gone","input":"x"}`, 404, "model_not_found"},
	}
	for _, tt := range tests {
		got := r.send("POST", tt.path, tt.key, tt.body, "Content-Type: "+tt.kind)
		if _, code, _ := got.failure(t); got.status != tt.status || code != tt.code {
			t.Errorf("%s: %d %s", tt.name, got.status, got.body)
		}
	}
	if n := len(r.provider.Requests()); n != 0 {
		t.Errorf("%d refused calls reached the provider", n)
	}
	// A budget of 0.03 USD takes 2,000 characters at 0.000015; the first call uses it up.
	r.provider.Always(testkit.Reply{Body: "sound", Header: map[string]string{"Content-Type": "audio/mpeg"}})
	say := fmt.Sprintf(`{"model":"tts","input":%q,"voice":"a"}`, strings.Repeat("x", 2000))
	if got := r.send("POST", "/v1/audio/speech", otherKey, say); got.status != 200 || got.body != "sound" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := r.send("POST", "/v1/audio/speech", otherKey, say); got.status != 429 {
		t.Errorf("a used-up budget: %d %s", got.status, got.body)
	}
}

func boundaryOf(body string) string {
	line, _, _ := strings.Cut(body, "\r\n")
	return strings.TrimPrefix(line, "--")
}

func budgetOf(n models.Nano) *models.Nano { return &n }

func TestMediaThatAClientLeaves(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{deployments: mediaDeployments(), settings: oneTry()})
	r.provider.Script(testkit.Reply{Body: strings.Repeat("x", 100_000), Header: map[string]string{"Content-Type": "audio/mpeg"}, Fault: testkit.FaultCut})
	got := r.send("POST", "/v1/audio/speech", plainKey, `{"model":"tts","input":"hello","voice":"a"}`)
	if got.status != 200 || !strings.Contains(got.body, "<") {
		t.Errorf("an answer that breaks off looks whole: %d, %d bytes", got.status, len(got.body))
	}
	if rec := r.book.wait(t, 1)[0]; rec.Status != spend.StatusFailure || rec.CostNano != 5*15_000 {
		t.Errorf("record %+v", rec)
	}
}
