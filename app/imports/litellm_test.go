package imports_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"golang.org/x/crypto/nacl/secretbox"

	"gatehouse/app/control"
	"gatehouse/app/imports"
	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

const salt = "sk-salt-of-litellm"

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func got[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		must(t, err)
		return v
	}
}

func same[T comparable](t *testing.T, what string, is, want T) {
	t.Helper()
	if is != want {
		t.Errorf("%s is %v, want %v", what, is, want)
	}
}

// sealed is a text as LiteLLM's encrypt_value_helper stores it.
func sealed(t *testing.T, text, salt string) string {
	t.Helper()
	key := sha256.Sum256([]byte(salt))
	var nonce [24]byte
	_, err := rand.Read(nonce[:])
	must(t, err)
	return base64.StdEncoding.EncodeToString(secretbox.Seal(nonce[:], []byte(text), &nonce, &key))
}

// theirs makes LiteLLM's database.
func theirs(t *testing.T) string {
	t.Helper()
	dsn := testkit.Postgres(t, nil)
	db := got(sql.Open("pgx", dsn))(t)
	defer func() { must(t, db.Close()) }()
	_, err := db.ExecContext(t.Context(), string(got(os.ReadFile("testdata/litellm.sql"))(t)))
	must(t, err)
	for id, params := range map[string]map[string]any{
		"m-sealed": {"model": sealed(t, "openai/gpt-4o", salt), "api_key": sealed(t, "sk-of-the-provider", salt), "rpm": 60, "input_cost_per_token": sealed(t, "0.000001", salt)},
		"m-plain":  {"model": "anthropic/claude-sonnet-4-5", "api_key": "os.environ/ANTHROPIC_API_KEY"},
		"m-unset":  {"model": "groq/llama", "api_key": sealed(t, "os.environ/GROQ_API_KEY", salt)},
		"m-lost":   {"model": sealed(t, "openai/gpt-4o", "another salt")},
	} {
		text := got(json.Marshal(params))(t)
		_, err := db.ExecContext(t.Context(), `INSERT INTO "LiteLLM_ProxyModelTable" (model_id, model_name, litellm_params, model_info, created_by, updated_by)
VALUES ($1, $1, $2, '{"mode": "chat"}', 'admin', 'admin')`, id, string(text))
		must(t, err)
	}
	return dsn
}

func open(t *testing.T, dsn string) *store.Store {
	t.Helper()
	s := got(store.Open(t.Context(), dsn, store.Options{}))(t)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func options(s *store.Store) imports.Options {
	return imports.Options{
		Store: s, Seal: func(place string, plain []byte) (string, error) { return place + "|" + string(plain), nil },
		Salts: []string{"", salt}, Env: func(name string) string { return map[string]string{"ANTHROPIC_API_KEY": "sk-ant"}[name] }, Zone: time.UTC, Now: func() time.Time { return time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC) },
	}
}

func run(t *testing.T, dsn string, o imports.Options) *imports.Report {
	t.Helper()
	src := got(imports.Open(t.Context(), dsn))(t)
	defer func() { must(t, src.Close()) }()
	return got(imports.LiteLLM(t.Context(), src, o))(t)
}

func count(r *imports.Report, noun string) imports.Count {
	for _, c := range r.Counts {
		if c.Noun == noun {
			return c
		}
	}
	return imports.Count{}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for name, dsn := range map[string]string{"no address": "mysql:geheim@x", "another's database": testkit.Postgres(t, nil), "nobody there": "postgres://u:geheim@127.0.0.1:1/db"} {
		src, err := imports.Open(t.Context(), dsn)
		if err == nil {
			t.Errorf("%s: opened", name)
			must(t, src.Close())
		} else if strings.Contains(err.Error(), "geheim") || fault.As(err) == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLiteLLM takes a database over into each of ours, twice.
func TestLiteLLM(t *testing.T) {
	t.Parallel()
	from := theirs(t)
	for name, dsn := range map[string]string{
		"sqlite": "sqlite:" + filepath.Join(t.TempDir(), "gatehouse.db"), "postgres": testkit.Postgres(t, nil), "the same database": from,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, dsn)
			same(t, "an import is awaited", got(s.AwaitsImport(t.Context()))(t), name == "the same database")
			dry := options(s)
			dry.DryRun = true
			same(t, "keys of a dry run", count(run(t, from, dry), "keys").Made, 3)
			if _, err := s.User(t.Context(), "ana"); !fault.Is(err, fault.NotFound) {
				t.Fatalf("a dry run left a user behind: %v", err)
			}
			r := run(t, from, options(s))
			for noun, want := range map[string]imports.Count{
				"budgets": {Read: 4, Made: 4}, "organizations": {Read: 1, Made: 1}, "users": {Read: 4, Made: 2, Left: 2}, "teams": {Read: 2, Made: 2},
				"places in organizations": {Read: 1, Made: 1}, "keys": {Read: 5, Made: 3, Left: 2}, "old secrets": {Read: 2, Made: 1, Left: 1},
				"customers": {Read: 1, Made: 1}, "models": {Read: 4, Made: 2, Left: 2},
			} {
				want.Noun = noun
				same(t, "the count of "+noun, count(r, noun), want)
			}
			for _, want := range []string{
				"budget odd: budget_duration:", "user eve: ANA@example.org is the address of user ana here", `user ben: "app_owner" is not a role here`,
				"team core: its member who@example.org is no user", `team gone: its organization "nowhere" does not exist`,
				`key ci: another key has this alias; it becomes "ci `, "a key is left out: what stands for it is not a SHA-256", `key odd: its budget "lost" does not exist`,
				"model m-lost (m-lost): litellm_params.model is sealed under another LITELLM_SALT_KEY", "model m-unset (m-unset): litellm_params.api_key is the variable GROQ_API_KEY, which is not set", "LiteLLM_Config has 1 rows that are not taken over",
			} {
				if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.HasPrefix(n, want) }) {
					t.Errorf("no note begins with %q; there are\n%s", want, strings.Join(r.Notes, "\n"))
				}
			}
			checkRows(t, s)
			same(t, "an import is awaited after it", got(s.AwaitsImport(t.Context()))(t), false)
			again := run(t, from, options(s))
			for _, c := range again.Counts {
				if c.Made != 0 {
					t.Errorf("a second run makes %d %s", c.Made, c.Noun)
				}
			}
			report := got(s.VerifyAudit(t.Context()))(t)
			same(t, "broken row of the audit log", report.BrokenAt, 0)
			same(t, "rows of the audit log", report.Rows, 2)
		})
	}
}

func checkRows(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	key := got(s.KeyByHash(ctx, control.HashSecret("sk-one-0123456789abcdef")))(t)
	same(t, "owner", *key.UserID, "ana")
	same(t, "budget", *key.MaxBudget, 2_500_000_000)
	same(t, "tokens a minute", *key.TPMLimit, 1000)
	same(t, "calls a minute of one model", key.ModelRPMLimit["gpt-4o"], 3)
	same(t, "one model's budget", key.ModelMaxBudget["gpt-4o"].Limit, models.USD)
	same(t, "the raise", *key.TempBudgetIncrease, 5*models.USD)
	same(t, "metadata", string(key.Metadata), `{"owner":"ops"}`)
	same(t, "alias of a model", key.Aliases["quick"], "gpt-4o")
	same(t, "made at", key.CreatedAt.Format(time.DateTime), "2024-05-01 10:00:00")
	same(t, "key of a former secret", got(s.KeyByOldSecret(ctx, control.HashSecret("sk-before-0123456789abcdef")))(t).ID, key.ID)
	blocked := got(s.KeyByHash(ctx, control.HashSecret("sk-two-0123456789abcdef")))(t)
	same(t, "blocked", *blocked.Blocked, true)
	same(t, "linked budget", *blocked.BudgetID, "free-tier")

	user := got(s.User(ctx, "ana"))(t)
	same(t, "email", *user.Email, "Ana@Example.org")
	same(t, "password", user.PasswordHash, "b8e1c3f0c0d5f9a0")
	same(t, "sso id", *user.SSOUserID, "oidc|1")
	same(t, "role", user.Role, models.RoleInternalUser)
	same(t, "role that nobody knows", got(s.User(ctx, "ben"))(t).Role, models.RoleInternalViewer)

	team := got(s.Team(ctx, "core"))(t)
	same(t, "member budget", *team.MemberBudget, 10*models.USD)
	same(t, "alias", team.ModelAliases["fast"], "gpt-4o")
	same(t, "metadata of the team", string(team.Metadata), `{"tags":["core"]}`)
	same(t, "blocked team", got(s.Team(ctx, "gone"))(t).Blocked, true)
	same(t, "role in the team", got(s.Membership(ctx, "core", "ana"))(t).Role, models.TeamAdmin)
	same(t, "member's budget", *got(s.Membership(ctx, "core", "ana"))(t).BudgetID, "member-10")
	same(t, "place that only the user's row has", got(s.Membership(ctx, "core", "ben"))(t).Role, models.TeamMember)
	same(t, "role in the organization", got(s.OrgMembership(ctx, "acme", "ana"))(t).Role, models.RoleOrgAdmin)
	same(t, "customer", got(s.Customer(ctx, "shopper"))(t).Blocked, true)

	for scope, want := range map[string]models.Nano{
		models.ScopeKey(key.ID): 1_500_000_000, models.ScopeUser("ana"): 3_250_000_000, models.ScopeTeam("core"): 20_000_000_001,
		models.ScopeMember("core", "ana"): 4_500_000_000, models.ScopeOrg("acme"): 12_500_000_000, models.ScopeCustomer("shopper"): 125_000_000,
	} {
		same(t, "spent by "+scope, got(s.Counter(ctx, scope))(t).Spent, want)
	}
	for scope, want := range map[string]string{
		models.ScopeKey(key.ID): "2031-01-01", models.ScopeTeam("core"): "2031-01-01", models.ScopeMember("core", "ana"): "2026-06-01", models.ScopeCustomer("shopper"): "2026-05-02",
	} {
		c := got(s.Counter(ctx, scope))(t)
		if c.ResetsAt == nil {
			t.Errorf("%s never resets", scope)
			continue
		}
		same(t, "reset of "+scope, c.ResetsAt.Format(time.DateOnly), want)
	}

	same(t, "credentials that were a variable", got(s.Deployment(ctx, "m-plain"))(t).Sealed, `deployments/sealed/m-plain|{"api_key":"sk-ant"}`)
	m := got(s.Deployment(ctx, "m-sealed"))(t)
	same(t, "credentials", m.Sealed, `deployments/sealed/m-sealed|{"api_key":"sk-of-the-provider"}`)
	if text := string(m.Params); !strings.Contains(text, `"model":"openai/gpt-4o"`) || !strings.Contains(text, `"rpm":60`) || strings.Contains(text, "sk-of-the") {
		t.Errorf("params are %s", text)
	}
	if _, err := s.Deployment(ctx, "m-lost"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a model whose parameters cannot be read is here: %v", err)
	}
}

// TestLiteLLMKeepsNothingOfAHalf: an import that breaks off leaves no row.
func TestLiteLLMKeepsNothingOfAHalf(t *testing.T) {
	t.Parallel()
	from := theirs(t)
	s := open(t, "sqlite:"+filepath.Join(t.TempDir(), "gatehouse.db"))
	src := got(imports.Open(t.Context(), from))(t)
	defer func() { must(t, src.Close()) }()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := options(s)
	o.Seal = func(string, []byte) (string, error) { cancel(); return "", errors.New("no more") }
	if _, err := imports.LiteLLM(ctx, src, o); err == nil {
		t.Fatal("it ends well")
	}
	if rows := got(s.ListBudgets(t.Context()))(t); len(rows) != 0 {
		t.Errorf("%d budgets are left behind", len(rows))
	}
}
