package proxy

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/valyala/fasthttp"

	"gatehouse/internal/testkit/bridgetest"
	"gatehouse/internal/testkit/storm"
	geminiin "gatehouse/proxy/inbound/gemini"
	"gatehouse/proxy/inbound/responses"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/provider/anthropic"
	"gatehouse/proxy/provider/bedrock"
	"gatehouse/proxy/provider/chat"
	"gatehouse/proxy/provider/cohere"
	"gatehouse/proxy/provider/gemini"
	"gatehouse/proxy/provider/openai"
	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

// The wires that have no way to each other but over chat completions.
//
//nolint:gochecknoglobals // tables
var (
	chainClients   = []string{"anthropic", "gemini", "responses"}
	chainProviders = []string{"anthropic", "gemini", "bedrock", "cohere"}
)

// chained makes the bridge from one of chainClients to one of chainProviders, and the client's own filter.
func chained(which uint8) (make func() bridgetest.Bridge, next func() stream.Filter) {
	now := func() time.Time { return time.Unix(7, 0) }
	client, far := int(which)%len(chainClients), int(which)/len(chainClients)%len(chainProviders)
	policy := chat.Policy{Provider: "P", Drop: which >= 128}
	make = func() bridgetest.Bridge {
		c := new(chain)
		switch chainClients[client] {
		case "anthropic":
			c.in = &anthropic.ToChat{ID: "1", KeepThinking: true, KeepMarks: true}
		case "gemini":
			c.in = &geminiin.ToChat{ID: "1", Model: "m", Stream: true, KeepThinking: true}
		default:
			c.in = &responses.ToChat{ID: "resp_1", CallID: "1", Now: now, KeepThinking: true}
		}
		switch chainProviders[far] {
		case "anthropic":
			c.out = &anthropic.FromChat{ID: "1", Now: now, DropParams: policy.Drop}
		case "gemini":
			c.out = &gemini.FromChat{ID: "1", Now: now, Policy: policy}
		case "bedrock":
			c.out = &bedrock.FromChat{ID: "1", Now: now, Policy: policy}
		default:
			c.out = &cohere.FromChat{ID: "1", Now: now, Policy: policy, Stream: true}
		}
		return c
	}
	next = func() stream.Filter {
		switch chainClients[client] {
		case "anthropic":
			return new(stream.Anthropic)
		case "gemini":
			return new(stream.Gemini)
		}
		return new(stream.Responses)
	}
	return make, next
}

// FuzzChainAnswer takes a provider's answer over chat completions to a client of a third wire.
func FuzzChainAnswer(f *testing.F) {
	s := storm.New(f)
	for i, name := range chainProviders {
		for k, text := range bridgetest.Seeds(f, "testdata/conformance/"+name+".json") {
			s.Add(uint8(i*len(chainClients)+k%len(chainClients)), []byte(text))
		}
	}
	s.Fuzz(func(tb testing.TB, which uint8, text []byte) {
		make, next := chained(which)
		bridgetest.Answer(tb, make, next, text)
	})
}

// FuzzChainRequest takes a client's request over chat completions to a provider of a third wire.
func FuzzChainRequest(f *testing.F) {
	s := storm.New(f)
	for i, name := range chainClients[:2] {
		for k, text := range bridgetest.Bodies(f, "testdata/conformance/requests/"+name+".json") {
			s.Add(uint8(i+len(chainClients)*(k%len(chainProviders))), []byte(text))
		}
	}
	s.Add(uint8(2), []byte(`{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"hi"}]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"x"}],"tools":[{"type":"function","name":"f","parameters":{}}]}`))
	s.Fuzz(func(tb testing.TB, which uint8, body []byte) {
		make, _ := chained(which)
		bridgetest.Request(tb, make, body)
	})
}

// FuzzSniffer reads the usage of answers that pass by untouched: the same however the bytes arrive.
func FuzzSniffer(f *testing.F) {
	s := storm.New(f)
	kinds := []string{"text/event-stream", bedrock.ContentType, "application/json; charset=utf-8", "audio/mpeg"}
	for _, name := range []string{"openai", "anthropic", "gemini", "bedrock", "cohere"} {
		for _, text := range bridgetest.Seeds(f, "testdata/conformance/"+name+".json") {
			lines := strings.Split(text, "\n")
			if len(lines) == 1 {
				s.Add(uint8(2), uint8(9), []byte(text))
				continue
			}
			s.Add(uint8(0), uint8(9), []byte("data: "+strings.Join(lines, "\n\ndata: ")+"\n\n"))
			s.Add(uint8(1), uint8(9), []byte(text))
		}
	}
	header := new(fasthttp.ResponseHeader)
	s.Fuzz(func(tb testing.TB, kind, n uint8, text []byte) {
		if kind%4 == 1 && kind < 128 {
			text = framed(tb, text)
		}
		sniff := func(step int) ending {
			sniffer := newSniffer(kinds[kind%4])
			for part := range slices.Chunk(text, step) {
				sniffer.Write(part)
			}
			return sniffer.ending(header)
		}
		whole, got := sniff(1<<20), sniff(int(n)+1)
		if got.usage != whole.usage || got.tier != whole.tier || got.reply != whole.reply || !bytes.Equal(got.text, whole.text) || got.scale != whole.scale {
			tb.Fatalf("%q by %d: %+v, at once %+v", text, int(n)+1, got, whole)
		}
		bridgetest.Usage(tb, whole.usage)
		if len(whole.text) > 64<<10+4*len(text) {
			tb.Fatalf("%d bytes gave %d of text", len(text), len(whole.text))
		}
	})
}

// framed makes a message of AWS's event stream of each line: "name|payload", or a chunk of InvokeModel.
func framed(tb testing.TB, text []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	encoder := eventstream.NewEncoder()
	for line := range bytes.Lines(text) {
		name, payload, ok := strings.Cut(strings.TrimSuffix(string(line), "\n"), "|")
		if !ok || len(name) > 99 {
			name, payload = "chunk", `{"bytes":"`+base64.StdEncoding.EncodeToString(line)+`"}`
		}
		m := eventstream.Message{Payload: []byte(payload)}
		m.Headers.Set(":message-type", eventstream.StringValue("event"))
		m.Headers.Set(":event-type", eventstream.StringValue(name))
		if err := encoder.Encode(&out, m); err != nil {
			tb.Fatal(err)
		}
	}
	return out.Bytes()
}

// FuzzAnswer reads a whole answer that needs no translation: what it is billed for, and what the client gets of it.
func FuzzAnswer(f *testing.F) {
	s := storm.New(f)
	operations := []provider.Op{
		provider.Chat, provider.Completion, provider.Messages, provider.Responses, provider.Generate, provider.Embedding, provider.ImageGeneration,
		provider.Transcription, provider.Speech, provider.Moderation, provider.Rerank,
	}
	for i, name := range []string{"openai", "openai", "anthropic", "openai", "gemini", "cohere"} {
		for _, text := range bridgetest.Seeds(f, "testdata/conformance/"+name+".json") {
			if !strings.Contains(text, "\n") {
				s.Add(uint8(i), []byte(text))
			}
		}
	}
	s.Add(uint8(6), []byte(`{"created":1,"data":[{"b64_json":"AA=="},{"url":"u"}],"usage":{"input_tokens":3,"output_tokens":4,"input_tokens_details":{"image_tokens":1}}}`))
	s.Add(uint8(7), []byte(`{"text":"a","duration":"12.5","usage":{"type":"duration","seconds":3}}`))
	s.Add(uint8(10), []byte(`{"results":[],"meta":{"billed_units":{"search_units":2}}}`))
	s.Fuzz(func(tb testing.TB, which uint8, body []byte) {
		c := &call{work: work{op: operations[int(which)%len(operations)], s: &scratch{body: []byte(`{"messages":[{"role":"user","content":"hi"}]}`)}, n: 1}}
		c.sent.model = "gpt-4o"
		a := &c.s.answer
		if a.Parse(body) != nil {
			return
		}
		e := ending{whole: which < 200, usage: a.Usage(), tier: a.ServiceTier()}
		if which&64 != 0 {
			e.usage = anyUsage(body)
		}
		bridgetest.Usage(tb, e.usage)
		e.text = outputText(a)
		if len(e.text) > len(body)+1024 {
			tb.Fatalf("%d bytes hold %d of text", len(body), len(e.text))
		}
		used, _ := c.usageOf(&e)
		if isMedia(c.op) {
			c.measure(a, &e)
			used = c.mediaUsage(&e)
		}
		for i, n := range used.Values() {
			if n < 0 || n > absurd {
				tb.Fatalf("%q uses %d of %d: %+v", body, n, i, used)
			}
		}
		a.RenameFinish(openai.Finish)
		a.SetModel([]byte(`"mine"`))
		if !e.usage.Seen {
			a.SetUsage(stream.AppendUsage(nil, used.InputTotal(), used.OutputTotal()))
		}
		if out := a.Append(nil); json.Valid(body) && !json.Valid(out) {
			tb.Fatalf("%q became %q", body, out)
		}
		if out, failed := shownResponse(body, "resp_a", "resp_b"); failed == nil && json.Valid(body) && !json.Valid(out) {
			tb.Fatalf("%q became %q", body, out)
		}
	})
}

// FuzzForm takes a multipart body apart and puts it together for a provider: every part but the model's arrives as it was.
func FuzzForm(f *testing.F) {
	s := storm.New(f)
	s.Add("b", []byte("--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\nRIFF\r\n--b--\r\n"))
	s.Add("x y", []byte("preamble\r\n--x y\r\ncontent-disposition:form-data;name=n\r\n\r\n2\r\n--x y\r\nContent-Disposition: form-data; name=\"image[]\"; filename=\"\"\r\n\r\n\r\n--x y--"))
	s.Fuzz(func(tb testing.TB, boundary string, body []byte) {
		held := func(b []byte) *formBytes { return &formBytes{src: bytes.NewReader(b), size: int64(len(b))} }
		form, err := readForm(boundary, held(body))
		if err != nil {
			return
		}
		if !json.Valid(form.json) {
			tb.Fatalf("%q has the fields %q", body, form.json)
		}
		parts, size := form.body("m", func(string) bool { return false })
		var sent []byte
		for _, p := range parts {
			if p.From != nil {
				p.Bytes = body[p.Off : p.Off+p.Size]
			}
			sent = append(sent, p.Bytes...)
		}
		if len(sent) != size {
			tb.Fatalf("%q: %d bytes are announced, %d sent", body, size, len(sent))
		}
		again, err := readForm(boundary, held(sent))
		if err != nil {
			tb.Fatalf("%q became %q: %v", body, sent, err)
		}
		want := []string{"model\x00false\x00m"}
		for _, p := range form.parts {
			if p.name != "model" {
				want = append(want, fmt.Sprintf("%s\x00%v\x00%s", p.name, p.file, body[p.value:p.to]))
			}
		}
		var got []string
		for _, p := range again.parts {
			got = append(got, fmt.Sprintf("%s\x00%v\x00%s", p.name, p.file, sent[p.value:p.to]))
		}
		if !slices.Equal(want, got) {
			tb.Fatalf("%q became %q", body, sent)
		}
	})
}

// FuzzText reads what a provider says in words: no secret stays in it, and no time in it is before nothing.
func FuzzText(f *testing.F) {
	s := storm.New(f)
	s.Add("Incorrect API key provided: sk-abcdef******. You can find it at https://u:p@h.example/?key=abc&x=1", uint8(12))
	s.Add("WEBVTT\n\n00:00.000 --> 00:02.500\nhi\n\n1\n00:00:02,500 --> 123:00:05,000\nho\n", uint8(0))
	s.Add("RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\x04\x00\x00\x00abcd", uint8(3))
	s.Fuzz(func(tb testing.TB, text string, at uint8) {
		const key, own = "sk-0123456789abcdef", "hunter22-and-more"
		cut := min(int(at), len(text))
		got := Mask(text[:cut]+" "+key+" "+own+" "+text[cut:], own)
		if strings.Contains(got, "0123456789abcdef") || strings.Contains(got, own) || !utf8.ValidString(got) || utf8.RuneCountInString(got) > maxMessage {
			tb.Fatalf("%q is shown as %q", text, got)
		}
		if ms := subtitleMillis([]byte(text)); ms < 0 || ms > 1e10 {
			tb.Fatalf("%q lasts %d ms", text, ms)
		}
		if ms, _ := audioMillis(strings.NewReader(text), int64(len(text))); ms <= 0 {
			tb.Fatalf("%q lasts %d ms", text, ms)
		}
		if ms := seconds([]byte(text)); ms < 0 || ms > 1e11 {
			tb.Fatalf("%q is %d ms", text, ms)
		}
		var o wire.Builder
		o.Text("message", got)
		if raw := o.Bytes(); !json.Valid(raw) {
			tb.Fatalf("%q became %q", text, raw)
		}
	})
}
