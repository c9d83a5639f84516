package portal_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/config"
	"gatehouse/app/control"
	"gatehouse/app/control/password"
	"gatehouse/app/portal"
	"gatehouse/app/session"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/store"
)

// now is when every test takes place: a Saturday noon, away from day and month ends.
var now = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)

// The people of every rig.
const (
	admin  = "u-admin"
	viewer = "u-viewer" // sees everything
	dev    = "u-dev"    // member of the team
	lead   = "u-lead"   // its admin
	reader = "u-reader" // internal_user_viewer
	other  = "u-other"  // internal user in no team
	team   = "t-checkout"
)

type fakeRing struct{}

func (fakeRing) Await(context.Context, int64) {}

type fakeLedger struct{}

func (fakeLedger) Reset(string, models.Nano) {}

// fakeSealer marks what it was given, so that a test sees a secret that came through unsealed.
type fakeSealer struct{}

func (fakeSealer) Seal(_ string, plain []byte) (string, error) {
	return "sealed:" + fmt.Sprint(len(plain)), nil
}
func (fakeSealer) Open(string, string) ([]byte, error) { return []byte("{}"), nil }

// boundSealer opens what it sealed for the same place.
type boundSealer struct{}

func (boundSealer) Seal(place string, plain []byte) (string, error) {
	return place + "\n" + base64.StdEncoding.EncodeToString(plain), nil
}

func (boundSealer) Open(place, sealed string) ([]byte, error) {
	code, ok := strings.CutPrefix(sealed, place+"\n")
	if !ok {
		return nil, errors.New("sealed for another place")
	}
	return base64.StdEncoding.DecodeString(code)
}

// catalog admits by name; an empty list admits everything.
type catalog struct{ list []*models.Deployment }

func (c catalog) Names() []string {
	var out []string
	for _, d := range c.list {
		if !slices.Contains(out, d.ModelName) {
			out = append(out, d.ModelName)
		}
	}
	return out
}
func (catalog) TeamNames(string) []string { return nil }
func (catalog) Groups() []string          { return nil }
func (catalog) Admits(list []string, model, _ string) bool {
	return len(list) == 0 || slices.Contains(list, model)
}
func (c catalog) Deployments() []*models.Deployment { return c.list }
func (catalog) Cost(model string, in, out int64) (models.Nano, bool) {
	if model != "gpt-5-mini" {
		return 0, false
	}
	return models.Nano(in)*250 + models.Nano(out)*2000, true
}

type rig struct {
	t          *testing.T
	app        *fiber.App
	store      *store.Store
	services   *control.Services
	policy     control.Policy
	extra      portal.Extra
	catalog    catalog
	statements atomic.Int64
	log        bytes.Buffer
	dir        string // of the database
}

func newRig(t *testing.T, adjust ...func(*rig)) *rig {
	t.Helper()
	r := &rig{t: t}
	clock := func() time.Time { return now }
	r.dir = t.TempDir()
	path := filepath.Join(r.dir, "gatehouse.db")
	image, err := peopled()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, image, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), "sqlite:"+path, store.Options{
		Now: clock, OnStatement: func(context.Context, string) { r.statements.Add(1) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	hasher, err := password.NewHasher(password.Cost{MemoryKiB: 64, Time: 1}, 1)
	if err != nil {
		t.Fatal(err)
	}
	r.store = db
	r.policy = control.Policy{
		LiteLLM: config.LiteLLM{MaxUISessionBudget: models.USD}, General: config.General{StoreModelInDB: true},
		Gatehouse: config.Gatehouse{PasswordMin: 12, InviteTTL: 7 * 24 * time.Hour}, Keys: config.KeyMaterial{Bytes: 32, StoreName: true},
		MasterKey: models.NewSecret("sk-master-0123456789"),
	}
	r.extra = portal.Extra{Config: func() *config.Config {
		return &config.Config{General: r.policy.General, Gatehouse: r.policy.Gatehouse, Mail: config.Mail{Password: models.NewSecret("mail-secret")}}
	}}
	r.catalog.list = deployments()
	for _, f := range adjust {
		f(r)
	}
	log := slog.New(slog.NewTextHandler(&r.log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	r.services = control.New(control.Deps{
		Store: db, Ring: fakeRing{}, Ledger: fakeLedger{}, Sealer: fakeSealer{}, JobSealer: boundSealer{}, Models: r.catalog, Hasher: hasher,
		Policy: func() *control.Policy { return &r.policy }, Now: clock, Log: log,
	})
	ip := func(*fiber.Ctx) string { return "203.0.113.9" }
	sessions := session.New(session.Options{
		Rows: db, Identity: r.services.Identity, Audit: r.services.Audit, Now: clock, ClientIP: ip, RequestID: web.RequestID,
		Lengths: func() session.Lengths {
			return session.Lengths{Absolute: 24 * time.Hour, Idle: 8 * time.Hour, IdleAdmin: time.Hour}
		},
	})
	o := web.Options{Log: log, Now: clock, ClientIP: ip}
	pages := portal.New(portal.Options{
		Services: r.services, Sessions: sessions, Web: o, Policy: func() *control.Policy { return &r.policy }, Version: "test", Log: log, Now: clock,
		APIBase: func(*fiber.Ctx) string { return "http://gw.example/v1" }, Healthy: func() bool { return true }, LiveEvery: 5 * time.Millisecond,
	})
	o.ErrorPage = pages.ErrorPage
	r.app = web.New(o)
	r.app.Use(portal.Provide(r.extra))
	r.app.Post("/test/sign-in/:id", func(c *fiber.Ctx) error { return sessions.Start(c, c.Params("id"), "", "password") })
	pages.Register(r.app)
	return r
}

func deployments() []*models.Deployment {
	return []*models.Deployment{
		{
			ID: "d1", ModelName: "gpt-5-mini", Provider: "openai", Model: "gpt-5-mini", FromConfig: true, Mode: "chat",
			Info: map[string]any{"max_input_tokens": 400000, "supports_vision": true}, Params: map[string]any{"model": "openai/gpt-5-mini", "api_base": "https://user:pw@api.example/v1?token=x"},
		},
		{ID: "d2", ModelName: "meta-llama/llama-3.3-70b", Provider: "groq", Model: "llama-3.3-70b", FromConfig: true},
		{ID: "d3", ModelName: "claude", Provider: "anthropic", Model: "claude", FromConfig: true},
	}
}

// peopled is a database with the accounts and the team, which every rig begins with: made once, and then copied.
var peopled = sync.OnceValues(func() (image []byte, err error) {
	dir, err := os.MkdirTemp("", "portal")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "gatehouse.db")
	ctx, clock := context.Background(), func() time.Time { return now }
	db, err := store.Open(ctx, "sqlite:"+path, store.Options{Now: clock})
	if err != nil {
		return nil, err
	}
	services := control.New(control.Deps{
		Store: db, Ring: fakeRing{}, Ledger: fakeLedger{}, Sealer: fakeSealer{}, Models: catalog{list: deployments()}, Policy: func() *control.Policy { return &control.Policy{} },
		Now: clock, Log: slog.New(slog.DiscardHandler),
	})
	if err := errors.Join(people(ctx, services), db.Close()); err != nil { // closing moves the journal into the file
		return nil, err
	}
	return os.ReadFile(path)
})

// people makes the accounts and the team.
func people(ctx context.Context, services *control.Services) error {
	who := access.System("test")
	for id, role := range map[string]models.Role{
		admin: models.RoleAdmin, viewer: models.RoleAdminViewer, dev: models.RoleInternalUser, lead: models.RoleInternalUser,
		reader: models.RoleInternalViewer, other: models.RoleInternalUser,
	} {
		in := control.NewUser{ID: id, AutoCreateKey: control.Some(false)}
		in.Role, in.Email = control.Some(role), control.Some(id+"@acme.example")
		if _, err := services.Users.New(ctx, who, in); err != nil {
			return err
		}
	}
	in := control.NewTeam{ID: team, Members: []control.Member{{UserID: dev, Role: "user"}, {UserID: lead, Role: "admin"}, {UserID: reader, Role: "user"}}}
	in.Alias = control.Some("Checkout")
	in.Models = control.Some([]string{"gpt-5-mini", "meta-llama/llama-3.3-70b"})
	in.MaxBudget = control.Some(100 * models.USD)
	_, err := services.Teams.New(ctx, who, in)
	return err
}

// key makes a key of a person, in the team when inTeam.
func (r *rig) key(owner, alias string, inTeam bool, adjust ...func(*control.NewKey)) *control.CreatedKey {
	r.t.Helper()
	in := control.NewKey{}
	in.Alias = control.Some(alias)
	if owner != "" {
		in.UserID = control.Some(owner)
	}
	if inTeam {
		in.TeamID = control.Some(team)
	}
	for _, f := range adjust {
		f(&in)
	}
	made, err := r.services.Keys.Create(r.t.Context(), access.Master(), in)
	if err != nil {
		r.t.Fatal(err)
	}
	return made
}

// spend books calls of a key.
func (r *rig) spend(k *models.Key, id string, at time.Time, amount models.Nano, adjust ...func(*models.SpendRow)) {
	r.t.Helper()
	row := models.SpendRow{
		ID: id, CallType: "chat", KeyID: k.ID, KeyHash: k.Hash, ModelGroup: "gpt-5-mini", Model: "gpt-5-mini", Provider: "openai", Spend: amount, PromptTokens: 1000,
		OutputTokens: 100, Status: "success", HTTPStatus: 200, StartedAt: models.At(at), FirstByteAt: models.AtPtr(at.Add(400 * time.Millisecond)),
		EndedAt: models.At(at.Add(2 * time.Second)), Metadata: models.JSON("{}"), Lines: models.JSON("[]"),
	}
	if k.UserID != nil {
		row.UserID = *k.UserID
	}
	if k.TeamID != nil {
		row.TeamID = *k.TeamID
	}
	for _, f := range adjust {
		f(&row)
	}
	scopes := []models.ScopeCharge{{Scope: models.ScopeKey(k.ID)}}
	if row.UserID != "" {
		scopes = append(scopes, models.ScopeCharge{Scope: models.ScopeUser(row.UserID)})
	}
	if row.TeamID != "" {
		scopes = append(scopes, models.ScopeCharge{Scope: models.ScopeTeam(row.TeamID)})
	}
	if err := r.store.WriteSpend(r.t.Context(), []models.Spend{{Row: row, Scopes: scopes}}); err != nil {
		r.t.Fatal(err)
	}
}

// browser is somebody who is signed in; "" is nobody.
type browser struct {
	*rig
	cookie string
}

func (r *rig) as(id string) *browser {
	r.t.Helper()
	b := &browser{rig: r}
	if id == "" {
		return b
	}
	res := b.send(httptest.NewRequest(http.MethodPost, "/test/sign-in/"+id, nil))
	if res.status != http.StatusOK {
		r.t.Fatalf("sign in %s: %d %s", id, res.status, res.body)
	}
	for _, c := range (&http.Response{Header: res.header}).Cookies() {
		b.cookie = c.Name + "=" + c.Value
	}
	return b
}

type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

func (b *browser) send(req *http.Request) *answer {
	b.t.Helper()
	if b.cookie != "" {
		req.Header.Add("Cookie", b.cookie)
	}
	res, err := b.app.Test(req, -1)
	if err != nil {
		b.t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		b.t.Fatal(err)
	}
	return &answer{t: b.t, status: res.StatusCode, header: res.Header, body: string(body)}
}

func (b *browser) get(path string) *answer {
	b.t.Helper()
	return b.send(httptest.NewRequest(http.MethodGet, path, nil))
}

// part is get as HTMX asks for a part.
func (b *browser) part(path string) *answer {
	b.t.Helper()
	req := httptest.NewRequest(http.MethodGet, path, nil)
	req.Header.Set("HX-Request", "true")
	return b.send(req)
}

func (b *browser) post(path string, fields url.Values, headers ...string) *answer {
	b.t.Helper()
	req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(fields.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return b.send(req)
}

// page parses the answer as HTML, after checking its status.
func (a *answer) page(status int) *goquery.Document {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status %d, want %d: %s", a.status, status, clip(a.body))
	}
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(a.body))
	if err != nil {
		a.t.Fatal(err)
	}
	return doc
}

// leadsTo checks a 303 to a local path.
func (a *answer) leadsTo(path string) {
	a.t.Helper()
	if a.status != http.StatusSeeOther || a.header.Get("Location") != path {
		a.t.Fatalf("status %d to %q, want 303 to %q: %s", a.status, a.header.Get("Location"), path, clip(a.body))
	}
}

func clip(text string) string {
	if len(text) > 1500 {
		return text[:1500] + "…"
	}
	return text
}

// text is the words of a selection, spaces joined.
func text(s *goquery.Selection) string { return strings.Join(strings.Fields(s.Text()), " ") }

// has fails unless the page says all of these words.
func has(t *testing.T, doc *goquery.Document, words ...string) {
	t.Helper()
	said := text(doc.Find("body"))
	for _, w := range words {
		if !strings.Contains(said, w) {
			t.Errorf("the page does not say %q: %s", w, clip(said))
		}
	}
}

func hasNot(t *testing.T, doc *goquery.Document, selector string) {
	t.Helper()
	if n := doc.Find(selector).Length(); n != 0 {
		t.Errorf("the page has %d of %s", n, selector)
	}
}
