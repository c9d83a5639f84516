package reliability_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatehouse/internal/testkit"
)

// bare takes away everything that testkit sets, as on a machine where Gatehouse was never configured.
func bare() map[string]string {
	return map[string]string{"LITELLM_MASTER_KEY": "-", "UI_USERNAME": "-", "UI_PASSWORD": "-"}
}

var shownKey = regexp.MustCompile(`sk-[A-Za-z0-9_-]{43}`)

// TestFirstStart is what a new operator does: start it on an empty folder, paste the line it prints.
func TestFirstStart(t *testing.T) {
	t.Parallel()
	g := newGateway(t, options{env: bare(), data: filepath.Join(t.TempDir(), "new")})
	began := time.Now() //nolint:forbidigo // a figure for the log
	g.start(t)
	within(t, "it prints the line to paste", func() bool { return strings.Contains(g.out.String(), "\ncurl ") })
	line := regexp.MustCompile(`(?m)^curl .*$`).FindString(g.out.String())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "sh", "-c", line).Output() //nolint:gosec // exactly what a person would paste
	took := time.Since(began)                                       //nolint:forbidigo // a figure for the log
	var answer struct {
		Usage struct {
			Prompt int64 `json:"prompt_tokens"`
			Output int64 `json:"completion_tokens"`
		} `json:"usage"`
	}
	if err != nil || json.Unmarshal(out, &answer) != nil || answer.Usage.Prompt == 0 || answer.Usage.Output == 0 {
		t.Fatalf("%s: %v %s", line, err, out)
	}
	t.Logf("from nothing to the answer of the pasted line: %s", took.Round(10*time.Millisecond))
	if took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
	key := shownKey.FindString(g.out.String())
	stored, err := os.ReadFile(filepath.Join(g.Data, "master.key"))
	if err != nil || strings.TrimSpace(string(stored)) != key {
		t.Errorf("the key printed is not the key kept: %v", err)
	}
	private(t, g.Data)
	g.MasterKey = key

	r := g.send(http.MethodPost, "/v1/chat/completions", key,
		`{"model":"demo","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hello"}]}`)
	if r.status != http.StatusOK || !bytes.Contains(r.body, []byte(`"prompt_tokens"`)) || !bytes.HasSuffix(bytes.TrimSpace(r.body), []byte("[DONE]")) {
		t.Errorf("demo, streamed: %d %s", r.status, r.body)
	}
	db := g.books(t)
	within(t, "both calls are in the books", func() bool { return number(t, db, "SELECT count(*) FROM spend_records") == 2 })
	if n := number(t, db, "SELECT count(*) FROM spend_records WHERE spend > 0 AND prompt_tokens > 0 AND output_tokens > 0 AND unpriced = 0"); n != 2 {
		t.Error("the demo's calls have no price")
	}

	g.stop(t)
	g.out.reset()
	g.start(t)
	within(t, "it is ready again", func() bool { return strings.Contains(g.out.String(), "msg=ready") })
	if shownKey.MatchString(g.out.String()) {
		t.Errorf("the second start prints a key:\n%s", g.out.String())
	}
	if status, _ := g.get("/key/info", key); status == http.StatusUnauthorized {
		t.Error("the second start has another master key")
	}
}

// private checks that nobody else can read what is in the data folder.
func private(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %o", filepath.Base(path), info.Mode().Perm())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFailedFirstStart meets what often goes wrong at the first start: the port is taken. Nothing may be lost by it.
func TestFailedFirstStart(t *testing.T) {
	t.Parallel()
	other, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	port := other.Addr().(*net.TCPAddr).Port
	g := newGateway(t, options{env: bare()})
	g.args[3] = strconv.Itoa(port)
	code, out := g.exitCode(t)
	if code != 1 || !strings.Contains(out, strconv.Itoa(port)) || !strings.Contains(out, "address already in use") {
		t.Errorf("exit %d: %s", code, out)
	}
	if _, err := os.Stat(filepath.Join(g.Data, "master.key")); !os.IsNotExist(err) {
		t.Error("a start that failed has made a master key that nobody has seen")
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	g.args[3], g.URL = strconv.Itoa(port), fmt.Sprintf("http://127.0.0.1:%d", port)
	g.start(t)
	within(t, "the next start prints the key", func() bool { return shownKey.MatchString(g.out.String()) })
}

// TestSpendToTheNano makes keys and calls as the documents show, plain and streamed, and finds the exact amount.
func TestSpendToTheNano(t *testing.T) {
	t.Parallel()
	for _, b := range backends() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			provider := testkit.NewProvider(t)
			g := startGateway(t, options{database: b.url(t), config: strings.Replace(configFor(provider, ""),
				"input_cost_per_token: 0.000001, output_cost_per_token: 0.000002", "input_cost_per_token: 0.00000123, output_cost_per_token: 0.000004567", 1)})
			key := g.GenerateKey(t, map[string]any{"models": []string{"gpt-4o"}})
			provider.Always(testkit.Reply{Usage: &testkit.Usage{Prompt: 1009, Completion: 211}})
			var want int64
			for i := range 4 { // plain, streamed, plain, streamed
				if o := call(g, key.Secret, i); !o.complete {
					t.Fatalf("%d %s", o.status, o.body)
				}
				want += 1009*1230 + 211*4567
				within(t, "spend is shown", func() bool { return nano(t, g.KeyInfo(t, key.Secret)["spend"]) == want })
			}
			if r := g.Chat(t, key.Secret, "other"); r.Status != http.StatusForbidden || !strings.Contains(string(r.Body), "key_model_access_denied") {
				t.Errorf("a model outside the list: %d %s", r.Status, r.Body)
			}
			g.Admin(t, http.MethodPost, "/key/block", map[string]any{"key": key.Secret})
			if o := call(g, key.Secret, 5); o.status != http.StatusUnauthorized {
				t.Errorf("blocked, the very next call: %d", o.status)
			}
			g.Admin(t, http.MethodPost, "/key/unblock", map[string]any{"key": key.Secret})
			if o := call(g, key.Secret, 6); !o.complete {
				t.Errorf("unblocked: %d %s", o.status, o.body)
			}
			within(t, "the sums are whole", func() bool { return number(t, g.books(t), "SELECT count(*) FROM spend_records WHERE spend > 0") == 5 })
			sumsAgree(t, g.books(t))
		})
	}
}

// TestProviderKeysFromTheEnvironment serves openai/* because a key is there, with no configuration at all.
func TestProviderKeysFromTheEnvironment(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	env := bare()
	env["OPENAI_API_KEY"], env["OPENAI_API_BASE"] = "sk-from-the-environment", provider.URL+"/v1"
	g := startGateway(t, options{env: env})
	within(t, "the key is printed", func() bool { return shownKey.MatchString(g.out.String()) })
	key := shownKey.FindString(g.out.String())
	r := g.send(http.MethodPost, "/v1/chat/completions", key, `{"model":"openai/gpt-4o-mini","messages":[{"role":"user","content":"hello"}]}`)
	if r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	last := provider.Last(t)
	if last.Model != "gpt-4o-mini" || last.Header.Get("Authorization") != "Bearer sk-from-the-environment" {
		t.Errorf("the provider was asked for %q with %q", last.Model, last.Header.Get("Authorization"))
	}
	if n := nano(t, spendOf(t, g, key)); n <= 0 {
		t.Error("a model of the built-in price table cost nothing")
	}
}

// spendOf waits for the newest row of /spend/logs and returns what it cost.
func spendOf(t *testing.T, g *gateway, master string) any {
	t.Helper()
	var logs []map[string]any
	within(t, "the call is in /spend/logs", func() bool {
		_, body := g.get("/spend/logs", master)
		return json.Unmarshal(body, &logs) == nil && len(logs) > 0
	})
	return logs[0]["spend"]
}

// TestCheckConfig lists every fault at once, by line and path, and shows no secret.
func TestCheckConfig(t *testing.T) {
	t.Parallel()
	const faulty = `model_list:
  - model_name: a
    litellm_params: {model: openai/gpt-4o, api_key: sk-secret-of-the-provider, input_cost_per_token: cheap}
general_settings:
  master_key: [not, a, text]
  database_url: mysql://user:hunter2@db/x
router_settings:
  routing_strategy: by-feeling
gatehouse:
  drain_delay: soon
`
	g := newGateway(t, options{config: faulty, args: []string{"--check-config"}, env: bare()})
	code, out := g.exitCode(t)
	if code != 78 {
		t.Errorf("exit %d", code)
	}
	for _, want := range []string{":3:", "input_cost_per_token", "master_key", ":6:", "database_url", "routing_strategy", "drain_delay"} {
		if !strings.Contains(out, want) {
			t.Errorf("no word of %s", want)
		}
	}
	for _, secret := range []string{"sk-secret-of-the-provider", "hunter2"} {
		if strings.Contains(out, secret) {
			t.Errorf("%s is shown", secret)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
	g.args = g.args[:len(g.args)-1]
	if code, _ := g.exitCode(t); code != 78 {
		t.Errorf("a start with it: exit %d", code)
	}
	g.write(t, "model_list: []\n")
	g.args = append(g.args, "--check-config")
	if code, out := g.exitCode(t); code != 0 {
		t.Errorf("a good one: exit %d %s", code, out)
	}
}

// TestNewerSchema starts on a database that a newer version has migrated: it refuses and changes nothing.
func TestNewerSchema(t *testing.T) {
	t.Parallel()
	for _, b := range backends() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, options{database: b.url(t)})
			g.stop(t)
			db := g.books(t)
			if _, err := db.ExecContext(t.Context(), "INSERT INTO schema_version (version_id, is_applied) VALUES (99999, true)"); err != nil {
				t.Fatal(err)
			}
			code, out := g.exitCode(t)
			if code != 1 || !strings.Contains(out, "99999") || !strings.Contains(out, "newer") {
				t.Errorf("exit %d: %s", code, tail(out, 1000))
			}
		})
	}
}

// TestReload sends SIGHUP with a good and with a bad configuration while calls are under way.
func TestReload(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	provider.Always(testkit.Reply{Usage: &usual})
	g := startGateway(t, options{config: configFor(provider, "")})
	g.signal(t, syscall.SIGHUP) // the same again: nothing changes
	within(t, "it is read again", func() bool { return strings.Contains(g.out.String(), "was read again") })

	gate := make(chan struct{})
	provider.Script(testkit.Reply{Usage: &usual, Before: gate})
	var calls load
	calls.run(g, []string{g.MasterKey}, 0, 1)
	provider.WaitRequests(t, 1)
	renamed := strings.Replace(configFor(provider, ""), "model_name: gpt-4o", "model_name: renamed", 1)
	g.write(t, renamed)
	g.signal(t, syscall.SIGHUP)
	within(t, "the new model is served", func() bool { return g.Chat(t, g.MasterKey, "renamed").Status == http.StatusOK })
	if r := g.Chat(t, g.MasterKey, "gpt-4o"); r.Status != http.StatusNotFound {
		t.Errorf("the old model: %d %s", r.Status, r.Body)
	}
	close(gate)
	if o := calls.all()[0]; !o.complete {
		t.Errorf("the call that was under way: %d %s", o.status, o.body)
	}

	g.write(t, renamed+"nonsense: {[\n")
	g.signal(t, syscall.SIGHUP)
	within(t, "the bad one is reported", func() bool { return strings.Contains(g.out.String(), "the old one stands") })
	if r := g.Chat(t, g.MasterKey, "renamed"); r.Status != http.StatusOK {
		t.Errorf("after a bad configuration: %d %s", r.Status, r.Body)
	}
}
