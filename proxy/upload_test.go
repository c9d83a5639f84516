package proxy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/proxy/route"
)

// spooled counts the files below dir that this process holds open.
func spooled(tb testing.TB, dir string) int {
	tb.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		tb.Fatal(err)
	}
	n := 0
	for _, link := range links {
		if name, err := os.Readlink(link); err == nil && strings.HasPrefix(name, dir) {
			n++
		}
	}
	return n
}

// sentForm reads a form that a provider was sent: its files and fields.
func sentForm(tb testing.TB, sent testkit.Request) (files, fields map[string]string) {
	tb.Helper()
	_, params, err := mime.ParseMediaType(sent.Header.Get("Content-Type"))
	if err != nil {
		tb.Fatal(err)
	}
	form, err := multipart.NewReader(bytes.NewReader(sent.Body), params["boundary"]).ReadForm(64 << 20)
	if err != nil {
		tb.Fatal(err)
	}
	files, fields = map[string]string{}, map[string]string{}
	for name, list := range form.File {
		file, err := list[0].Open()
		if err != nil {
			tb.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := b.ReadFrom(file); err != nil {
			tb.Fatal(err)
		}
		files[name] = b.String()
	}
	for name, list := range form.Value {
		fields[name] = strings.Join(list, "|")
	}
	return files, fields
}

// A large form waits in a file: every attempt sends it whole, and nothing of it is left afterwards.
func TestLargeUploads(t *testing.T) {
	t.Parallel()
	sound := string(wav(300))
	kind, body := upload(t, "file", []byte(sound), "model=whisper", "language=en", "tags=[\"x\"]")
	for name, tt := range map[string]struct {
		path    string
		dir     bool // there is a place for files
		replies []testkit.Reply
		status  int
		tries   int
	}{
		"retried":              {"/v1/audio/transcriptions", true, []testkit.Reply{{Status: 500}, {Fault: testkit.FaultDrop}, {Body: `{"text":"hello"}`}}, 200, 3},
		"no place for files":   {"/v1/audio/transcriptions", false, []testkit.Reply{{Status: 500}, {Body: `{"text":"hello"}`}}, 200, 2},
		"a route passed on":    {"/openai_passthrough/v1/audio/transcriptions", true, []testkit.Reply{{Body: `{"text":"hello"}`}}, 200, 1},
		"the provider says no": {"/v1/audio/transcriptions", true, []testkit.Reply{{Status: 400}}, 400, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if !tt.dir {
				dir = filepath.Join(dir, "none")
			}
			again := deployment("whisper", "openai", "whisper-real")
			again.ID, again.Prices = "dep-again", map[string]any{"input_cost_per_second": json.Number("0.0001")}
			r := newRig(t, setup{
				deployments: append(mediaDeployments(), again), config: Config{UploadDir: dir}, settings: route.Settings{NumRetries: 2, NoCooldowns: true},
			})
			env := deployment("openai/*", "openai", "*")
			env.ID, env.APIBase = "env", r.provider.URL+"/v1"
			c := *r.plane.cfg.Load()
			c.PassDefaults = map[string]models.Deployment{"openai": env}
			r.plane.Configure(c)
			held := make(chan int, 8)
			replies := tt.replies
			r.provider.Choose(func(testkit.Request) *testkit.Reply {
				held <- spooled(t, dir)
				reply := replies[0]
				replies = replies[1:]
				return &reply
			})
			if got := r.send("POST", tt.path, plainKey, body, "Content-Type: "+kind); got.status != tt.status {
				t.Fatalf("%d %s", got.status, got.body)
			}
			sent := r.provider.Requests()
			if len(sent) != tt.tries {
				t.Fatalf("%d attempts", len(sent))
			}
			for i, s := range sent {
				files, fields := sentForm(t, s)
				if files["file"] != sound || fields["language"] != "en" || !strings.HasPrefix(fields["model"], "whisper") {
					t.Errorf("attempt %d: %v, %d bytes", i, fields, len(files["file"]))
				}
				if n := <-held; (n == 1) != tt.dir {
					t.Errorf("attempt %d: %d files are open", i, n)
				}
			}
			r.book.wait(t, 1)
			if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}

func TestLargeUploadRefusals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := newRig(t, setup{deployments: mediaDeployments(), config: Config{UploadDir: dir, MaxBody: 2 << 20}})
	kind, body := upload(t, "file", bytes.Repeat([]byte("x"), 3<<20), "model=whisper")
	_, fields := upload(t, "file", []byte("x"), "model=whisper", "prompt="+strings.Repeat("p", 1<<20))
	fields = strings.ReplaceAll(fields, boundaryOf(fields), boundaryOf(body))
	for name, tt := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"cut off":             {body[:3<<19], 400, "invalid_value"},
		"a field and no file": {strings.Replace(fields, `; filename="a.bin"`, "", 1), 400, "missing_required_parameter"},
	} {
		got := r.send("POST", "/v1/audio/transcriptions", plainKey, tt.body, "Content-Type: "+kind)
		if _, code, _ := got.failure(t); got.status != tt.status || code != tt.code {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	// What is over the limit is refused by its length, before it comes: the server has read 8 KB ahead, no more.
	conn := dial(t, r)
	if _, err := fmt.Fprintf(conn, "POST /v1/audio/transcriptions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", plainKey, kind, 3<<20, body[:8<<10]); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 413 || !strings.Contains(string(text), "request_too_large") {
		t.Errorf("over the limit: %d %s (%v)", resp.StatusCode, text, err)
	}
	if n := len(r.provider.Requests()); n != 0 {
		t.Errorf("%d refused calls reached the provider", n)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// A mark is found wherever it lies, over the borders of what is read at once too.
func TestFindInUpload(t *testing.T) {
	t.Parallel()
	const mark = "\r\n--boundary"
	for _, at := range []int{0, 1, 65535 - len(mark), 65535, 65536, 65536 + len(mark), 65536 + len(mark) - 1, 200_000} {
		for _, after := range []int{0, 1, 70_000} {
			t.Run(fmt.Sprint(at, " ", after), func(t *testing.T) {
				t.Parallel()
				text := strings.Repeat("\r", at) + mark + strings.Repeat("-", after)
				u := &formBytes{src: strings.NewReader(text), size: int64(len(text))}
				if got, err := u.find([]byte(mark), 0); err != nil || got != int64(at) {
					t.Errorf("found at %d (%v)", got, err)
				}
				if got, err := u.find([]byte(mark), int64(at)+1); err != nil || got != -1 {
					t.Errorf("found again at %d (%v)", got, err)
				}
			})
		}
	}
}
