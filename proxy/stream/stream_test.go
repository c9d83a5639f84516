package stream

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"gatehouse/internal/testkit/storm"
	"gatehouse/models"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/wire"
)

// parse feeds text to a parser in pieces of n bytes and returns "name|data" for each event.
func parse(tb testing.TB, text string, n int) []string {
	tb.Helper()
	var p Parser
	var got []string
	note := func(ev Event) { got = append(got, string(ev.Name)+"|"+string(ev.Data)) }
	for len(text) > 0 {
		room, err := p.Room()
		if err != nil {
			tb.Fatal(err)
		}
		k := copy(room[:min(n, len(room))], text)
		text = text[k:]
		p.Filled(k)
		for {
			ev, ok := p.Next()
			if !ok {
				break
			}
			note(ev)
		}
	}
	if ev, ok := p.Rest(); ok {
		note(ev)
	}
	return got
}

func TestParser(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		want []string
	}{
		"plain":            {"data: a\n\ndata: b\n\n", []string{"|a", "|b"}},
		"CRLF":             {"event: x\r\ndata: a\r\n\r\ndata: b\r\n\r\n", []string{"x|a", "|b"}},
		"no space":         {"event:x\ndata:a\n\n", []string{"x|a"}},
		"two spaces":       {"data:  a\n\n", []string{"| a"}},
		"lines":            {"data: {\ndata: \"a\":1\ndata: }\n\n", []string{"|{\n\"a\":1\n}"}},
		"comments":         {": hello\n\n: OPENROUTER PROCESSING\n\ndata: a\n: between\n\n", []string{"|a"}},
		"byte order mark":  {"\xef\xbb\xbfdata: a\n\n", []string{"|a"}},
		"other fields":     {"id: 1\nretry: 5\ndata: a\nwhatever\n\n", []string{"|a"}},
		"event without":    {"event: x\n\ndata: a\n\n", []string{"|a"}},
		"empty data":       {"data\n\ndata:\n\n", []string{"|", "|"}},
		"no blank at end":  {"data: a\n\ndata: b", []string{"|a", "|b"}},
		"CRLF, no blank":   {"data: a\r\n\r\ndata: b\r", []string{"|a", "|b"}},
		"many blank lines": {"\n\n\ndata: a\n\n\n\n", []string{"|a"}},
		"a long line":      {"data: " + strings.Repeat("x", 100_000) + "\n\n", []string{"|" + strings.Repeat("x", 100_000)}},
		"nothing":          {"", nil},
	}
	for name, tt := range tests {
		for _, n := range []int{1, 2, 7, 4096} {
			t.Run(fmt.Sprintf("%s by %d", name, n), func(t *testing.T) {
				t.Parallel()
				if n == 1 && len(tt.text) > 10_000 {
					n = 1000
				}
				if got := parse(t, tt.text, n); fmt.Sprint(got) != fmt.Sprint(tt.want) {
					t.Errorf("got %.200q, want %.200q", got, tt.want)
				}
			})
		}
	}
}

// FuzzParser holds the events to be the same however the bytes arrive, and to what a plain reading of the standard gives.
func FuzzParser(f *testing.F) {
	s := storm.New(f)
	s.Add("event: x\r\ndata: a\n\n: c\ndata: b\ndata:c\n\ndata", uint8(3))
	s.Add("\xef\xbb\xbfdata: a\n\n", uint8(1))
	s.Add("\xef\xbb", uint8(1))
	s.Fuzz(func(tb testing.TB, text string, n uint8) {
		whole := parse(tb, text, 1<<20)
		if got := parse(tb, text, int(n)+1); !slices.Equal(got, whole) {
			tb.Fatalf("%q by %d: %q, at once %q", text, n, got, whole)
		}
		if want := plainly(text); !slices.Equal(whole, want) {
			tb.Fatalf("%q: %q, want %q", text, whole, want)
		}
	})
}

// plainly reads events line by line.
func plainly(text string) []string {
	var out, data []string
	name, any := "", false
	end := func() {
		if any {
			out = append(out, name+"|"+strings.Join(data, "\n"))
		}
		name, data, any = "", nil, false
	}
	lines := strings.Split(strings.TrimPrefix(text, "\xef\xbb\xbf"), "\n")
	for i, line := range lines {
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			if i < len(lines)-1 {
				end()
			}
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "data":
			data, any = append(data, value), true
		case "event":
			name = value
		}
	}
	end()
	return out
}

func FuzzOpenAIFilter(f *testing.F) {
	s := storm.New(f)
	s.Add(`{"id":"x","model":"m","choices":[{"index":0,"delta":{"content":"a"}}],"usage":null}`)
	s.Add(`{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}`)
	s.Add(`{"error":{"message":"x"}}`)
	s.Add("{\n\"choices\":[ ]}")
	s.Fuzz(func(tb testing.TB, data string) {
		for _, asked := range []bool{false, true} {
			filter := &OpenAI{Model: []byte(`"mine"`), Asked: asked}
			out, err := filter.Event(Event{Data: []byte(data)}, nil)
			if err != nil || len(out) == 0 {
				continue
			}
			text := string(out)
			if !strings.HasPrefix(text, "data: ") || !strings.HasSuffix(text, "\n\n") || strings.Contains(strings.TrimSuffix(text, "\n\n"), "\n") {
				tb.Fatalf("%q gave %q", data, text)
			}
		}
	})
}

// source gives a script of reads.
type source struct {
	reads []func() (string, error)
	by    []time.Time
}

func (s *source) Read(p []byte) (int, error) {
	if len(s.reads) == 0 {
		return 0, io.EOF
	}
	next := s.reads[0]
	s.reads = s.reads[1:]
	text, err := next()
	return copy(p, text), err
}

func (s *source) ReadBy(t time.Time) { s.by = append(s.by, t) }

func says(text string) func() (string, error) { return func() (string, error) { return text, nil } }

func fails(err error) func() (string, error) { return func() (string, error) { return "", err } }

const (
	role   = `data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}` + "\n\n"
	hello  = `data: {"choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}` + "\n\n"
	finish = `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n"
	usage  = `data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}` + "\n\n"
	done   = "data: [DONE]\n\n"
)

type outcome struct {
	ends  []End
	text  string
	err   error
	prime error
}

// relay runs a stream to its end over a script.
func relay(tb testing.TB, flight *provider.Flight, clock func() time.Time, reads ...func() (string, error)) outcome {
	tb.Helper()
	var out outcome
	r := NewRelay(Options{
		Source: &source{reads: reads}, Flight: flight, Filter: &OpenAI{}, Now: clock, Heartbeat: 5 * time.Second, Idle: time.Minute,
		Finish: func(end End, _ error) { out.ends = append(out.ends, end) },
		Frame:  func(end End) []byte { return fmt.Appendf(nil, "<%d>", end) },
		Closed: func() {},
	})
	if out.prime = r.Prime(clock().Add(time.Minute)); out.prime != nil {
		return out
	}
	text, err := io.ReadAll(iotest.OneByteReader(r))
	out.text, out.err = string(text), err
	if err := r.Close(); err != nil {
		tb.Error(err)
	}
	if err := r.Close(); err != nil {
		tb.Error(err)
	}
	return out
}

func TestRelayEnds(t *testing.T) {
	t.Parallel()
	timeout := fails(&net.OpError{Op: "read", Err: timeoutError{}})
	tests := map[string]struct {
		reads []func() (string, error)
		end   End
		text  string
		prime error
	}{
		"whole":                        {[]func() (string, error){says(role + hello), says(finish + usage + done)}, Complete, role + hello + finish + done, nil},
		"no [DONE], but a reason":      {[]func() (string, error){says(role + hello + finish)}, Complete, role + hello + finish + done, nil},
		"last event without its blank": {[]func() (string, error){says(hello + finish + "data: [DONE]")}, Complete, hello + finish + done, nil},
		"cut":                          {[]func() (string, error){says(hello), fails(io.ErrUnexpectedEOF)}, Truncated, hello + "<3>", nil},
		"ended without a reason":       {[]func() (string, error){says(hello), fails(io.EOF)}, Truncated, hello + "<3>", nil},
		"error in the middle":          {[]func() (string, error){says(hello + `data: {"error":{"message":"x"}}` + "\n\n")}, Failed, hello + "<2>", nil},
		"rubbish in the middle":        {[]func() (string, error){says(hello + "data: {\n\n")}, Malformed, hello + "<4>", nil},
		"error first":                  {[]func() (string, error){says(role + `data: {"error":{"message":"x"}}` + "\n\n")}, Open, "", ErrFailed},
		"rubbish first":                {[]func() (string, error){says("data: <html>\n\n")}, Open, "", ErrMalformed},
		"nothing":                      {nil, Open, "", ErrEmpty},
		"role and then nothing":        {[]func() (string, error){says(role)}, Open, "", ErrEmpty},
		"too slow":                     {[]func() (string, error){says(role), timeout}, Open, "", ErrSlow},
		"nothing but [DONE]":           {[]func() (string, error){says(done)}, Complete, done, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := relay(t, new(provider.Flight), time.Now, tt.reads...)
			if !errors.Is(got.prime, tt.prime) || (tt.prime == nil) != (got.prime == nil) {
				t.Fatalf("Prime: %v, want %v", got.prime, tt.prime)
			}
			if tt.prime != nil {
				if len(got.ends) != 0 {
					t.Errorf("settled %v although the attempt failed", got.ends)
				}
				return
			}
			if !slices.Equal(got.ends, []End{tt.end}) || got.text != tt.text || got.err != nil {
				t.Errorf("ends %v, %q, %v; want %v, %q", got.ends, got.text, got.err, tt.end, tt.text)
			}
		})
	}
}

type timeoutError struct{}

func (timeoutError) Error() string   { return "timeout" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

func TestRelayHeartbeatsAndGivesUp(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	clock := func() time.Time { return now }
	wait := func(d time.Duration) func() (string, error) {
		return func() (string, error) { now = now.Add(d); return "", timeoutError{} }
	}
	got := relay(t, new(provider.Flight), clock, says(hello), wait(5*time.Second), wait(5*time.Second), says(hello),
		wait(30*time.Second), wait(31*time.Second))
	if want := hello + ": hb\n\n: hb\n\n" + hello + ": hb\n\n<5>"; got.text != want || !slices.Equal(got.ends, []End{Idle}) {
		t.Errorf("%q, %v", got.text, got.ends)
	}
}

func TestRelayKeepsTheClientAliveWhileTheProviderComments(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	comment := func() (string, error) { now = now.Add(4 * time.Second); return ": PROCESSING\n\n", nil }
	got := relay(t, new(provider.Flight), func() time.Time { return now }, says(hello), comment, comment, comment, says(finish+done))
	if want := hello + ": hb\n\n" + finish + done; got.text != want {
		t.Errorf("%q", got.text)
	}
}

func TestRelayOfAFlightThatWasEnded(t *testing.T) {
	t.Parallel()
	for cause, want := range map[provider.Cause]End{provider.ClientGone: ClientGone, provider.Shutdown: Shutdown} {
		flight := new(provider.Flight)
		got := relay(t, flight, time.Now, says(hello), func() (string, error) { flight.Cancel(cause); return "", timeoutError{} })
		frame := fmt.Sprintf("<%d>", want)
		if want == ClientGone {
			frame = ""
		}
		if !slices.Equal(got.ends, []End{want}) || got.text != hello+frame {
			t.Errorf("cause %d: %v %q", cause, got.ends, got.text)
		}
	}
}

// A server that cannot write closes the body before its end: that is how a client's leaving shows at the latest.
func TestRelayClosedEarly(t *testing.T) {
	t.Parallel()
	var ends []End
	closed := 0
	flight := new(provider.Flight)
	r := NewRelay(Options{
		Source: &source{reads: []func() (string, error){says(hello), says(hello)}}, Flight: flight, Filter: &OpenAI{}, Now: time.Now,
		Heartbeat: time.Second, Idle: time.Second, Finish: func(end End, _ error) { ends = append(ends, end) },
		Frame: func(End) []byte { return nil }, Closed: func() { closed++ },
	})
	if err := r.Prime(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(ends, []End{ClientGone}) || closed != 1 || flight.Cause() != provider.ClientGone {
		t.Errorf("ends %v, closed %d times, cause %d", ends, closed, flight.Cause())
	}
}

func TestRelaySurvivesAPanic(t *testing.T) {
	t.Parallel()
	got := relay(t, new(provider.Flight), time.Now, says(hello), func() (string, error) { panic("boom") })
	if !slices.Equal(got.ends, []End{Panic}) || !errors.Is(got.err, io.ErrUnexpectedEOF) {
		t.Errorf("%v, %v", got.ends, got.err)
	}
}

func TestUsageWithCost(t *testing.T) {
	t.Parallel()
	cost := models.Nano(2_100_000)
	f := &OpenAI{Asked: true, Cost: func(wire.Usage) *models.Nano { return &cost }}
	var out []byte
	var err error
	for _, data := range []string{`{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}`, "[DONE]"} {
		if out, err = f.Event(Event{Data: []byte(data)}, out); err != nil {
			t.Fatal(err)
		}
	}
	if want := `data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1,"cost":0.0021}}` + "\n\n" + done; string(out) != want {
		t.Errorf("%s", out)
	}
}

func TestForeignFinishReason(t *testing.T) {
	t.Parallel()
	f := &OpenAI{Finish: func(raw []byte) string {
		if string(raw) == `"eos"` {
			return "stop"
		}
		return ""
	}}
	out, err := f.Event(Event{Data: []byte(`{"choices":[{"index":0,"delta":{"content":"\"finish_reason\":\"eos\""},"finish_reason":"eos"}]}`)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := `data: {"choices":[{"index":0,"delta":{"content":"\"finish_reason\":\"eos\""},"finish_reason":"stop"}]}` + "\n\n"; string(out) != want {
		t.Errorf("%s", out)
	}
}

type hung struct{ left, stop chan struct{} }

func (h *hung) Left() { close(h.left) }
func (h *hung) Stop() { close(h.stop) }

// A name that would end its line cannot put lines of a provider's making into a client's stream.
func TestEventNamesStayOnTheirLine(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]string{"": `x\r\ndata: {}`, "y\rdata: {}": "x", "\r": "x"} {
		for _, filter := range []Filter{new(Anthropic), new(Responses), new(Plain)} {
			out, err := filter.Event(Event{Name: []byte(name), Data: []byte(`{"type":"` + kind + `"}`)}, nil)
			if err != nil || strings.ContainsRune(string(out), '\r') || strings.Count(string(out), "\n") > 3 || strings.Count(string(out), "\ndata: ") > 1 {
				t.Errorf("%T made %q of %q, %q: %v", filter, out, name, kind, err)
			}
		}
	}
}

func TestWatcher(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	pair := func() (client, server net.Conn) {
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if server, err = l.Accept(); err != nil {
			t.Fatal(err)
		}
		return client, server
	}
	w := NewWatcher(time.Millisecond)
	leaving, staying, hasty := new(Watch), new(Watch), new(Watch)
	a, sa := pair()
	b, sb := pair()
	c, sc := pair()
	gone, stay, more := &hung{make(chan struct{}), make(chan struct{})}, &hung{make(chan struct{}), make(chan struct{})}, &hung{make(chan struct{}), make(chan struct{})}
	w.Add(leaving, sa, gone)
	w.Add(staying, sb, stay)
	w.Add(hasty, sc, more)
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\n"); err != nil { // the next request is no hang-up
		t.Fatal(err)
	}
	_ = a.Close()
	<-gone.left
	select {
	case <-stay.left:
		t.Error("a client that stayed was taken for gone")
	case <-more.left:
		t.Error("a client in a hurry was taken for gone")
	default:
	}
	w.Remove(leaving)
	w.StopAll()
	<-stay.stop
	<-more.stop
	select {
	case <-gone.stop:
		t.Error("a call that was removed heard of the stop")
	default:
	}
	w.Remove(staying)
	w.Remove(hasty)
	w.Remove(hasty)
	if w.Open() != 0 {
		t.Errorf("%d calls are watched", w.Open())
	}
	_, _, _, _ = b, sa, sb, sc
}

// FuzzShape holds the short way of chunks to the long one: every chunk comes out the same, whatever came before it.
func FuzzShape(f *testing.F) {
	s := storm.New(f)
	s.Add(`" word"`, `"\u0022}]"`, uint8(0))
	s.Add(`"stop"`, `""`, uint8(1))
	s.Add(`"a","role":"b"`, `"a"`, uint8(2))
	s.Add(`"id"`, `"m"`, uint8(3))
	templates := []string{
		`{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":%s},"logprobs":null,"finish_reason":null}],"usage":null}`,
		`{"choices":[{"index":0,"text":%s,"finish_reason":null}],"id":"c"}`,
		`{"choices":[{"delta":{"content":"x"}},{"index":1,"delta":{"content":%s}}]}`,
		`{"model":%s,"choices":[{"index":0,"delta":{"content":%[1]s}}]}`,
		`{"choices":[{"index":0,"delta":{"reasoning_content":%s}}]}`,
		`{"choices":[{"index":0,"delta":{"content":%s},"finish_reason":"stop"}]}`,
	}
	s.Fuzz(func(tb testing.TB, a, b string, n uint8) {
		learning := &OpenAI{Model: []byte(`"mine"`), Asked: n&64 != 0}
		for i, text := range []string{a, b, a, `"x"`, b} {
			data := fmt.Sprintf(templates[(int(n)+i/3)%len(templates)], text)
			fresh := &OpenAI{Model: []byte(`"mine"`), Asked: n&64 != 0}
			want, wantErr := fresh.Event(Event{Data: []byte(data)}, nil)
			got, err := learning.Event(Event{Data: []byte(data)}, nil)
			if string(got) != string(want) || (err == nil) != (wantErr == nil) {
				tb.Fatalf("chunk %q: got %q (%v), want %q (%v)", data, got, err, want, wantErr)
			}
			if err != nil || learning.State().Failure != nil {
				return
			}
		}
	})
}

func BenchmarkOpenAIEvent(b *testing.B) {
	ev := Event{Data: []byte(`{"id":"chatcmpl-0001","object":"chat.completion.chunk","created":1760000000,"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_44add55e8a","choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}],"usage":null}`)}
	f := &OpenAI{Model: []byte(`"gpt-4o-mini"`)}
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if out, err = f.Event(ev, out[:0]); err != nil {
			b.Fatal(err)
		}
	}
}
