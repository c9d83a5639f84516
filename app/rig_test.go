package app

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/config"
)

const rigMaster = "sk-rig-master-0123456789abcdef"

// rig is the whole program without a listener: requests go straight to the control plane's app.
type rig struct {
	t   *testing.T
	p   *process
	app *fiber.App
}

// newRig builds the program on SQLite with a config file.
func newRig(t *testing.T, yaml string) *rig {
	t.Helper()
	return newRigWith(t, yaml, Options{})
}

// newRigWith is newRig with further environment variables and endpoints.
func newRigWith(t *testing.T, yaml string, opt Options) *rig {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	o := config.Overrides{ConfigPath: path, DataDir: dir}
	env := append([]string{"LITELLM_MASTER_KEY=" + rigMaster, "UI_USERNAME=admin", "UI_PASSWORD=password-of-the-rig"}, opt.Env...)
	cfg, report := config.Start(o, env)
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	opt.Overrides, opt.Env, opt.Version, opt.Out, opt.Err = o, env, "test", io.Discard, io.Discard
	p := &process{opt: opt, log: slog.New(slog.DiscardHandler), now: time.Now}
	p.cfg.Store(cfg)
	if err := p.masterKey(cfg); err != nil {
		t.Fatal(err)
	}
	background, stop := context.WithCancel(context.Background())
	p.stop = stop
	t.Cleanup(p.close)
	if err := p.build(t.Context(), background, cfg); err != nil {
		t.Fatal(err)
	}
	app, err := p.controlApp(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t: t, p: p, app: app}
}

// answer is a response read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) json() map[string]any {
	var m map[string]any
	_ = json.Unmarshal([]byte(a.body), &m) // nil for anything but an object
	return m
}

// do sends one request. headers are name, value, name, value.
func (r *rig) do(method, path, body string, headers ...string) answer {
	r.t.Helper()
	req := httptest.NewRequestWithContext(r.t.Context(), method, path, strings.NewReader(body))
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := r.app.Test(req, -1)
	if err != nil {
		r.t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		r.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(text)}
}

// admin sends a request with the master key that must pass, and returns its object.
func (r *rig) admin(method, path, body string) map[string]any {
	r.t.Helper()
	a := r.do(method, path, body, "Authorization", "Bearer "+rigMaster)
	if a.status != http.StatusOK {
		r.t.Fatalf("%s %s %s: %d %s", method, path, body, a.status, a.body)
	}
	return a.json()
}
