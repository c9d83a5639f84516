package hooks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// The limits of one run. A hook stands on the way of every call, so it is short or it is a refusal.
const (
	docsPage = "docs/hooks.md"
	maxSteps = 1_000_000
)

// Hooks holds the operator's rules as they are loaded now. It satisfies Auth and KeyRule, and is safe for concurrent use.
type Hooks struct{ now atomic.Pointer[loaded] }

type loaded struct {
	auth Auth
	key  KeyRule
}

// New loads both rules. Errors name the file or function that is missing.
func New(s Settings) (*Hooks, error) {
	h := &Hooks{}
	if err := h.Reload(s); err != nil {
		return nil, err
	}
	return h, nil
}

// Reload puts freshly read rules in the place of the old ones, both at once. On an error the old ones stay.
func (h *Hooks) Reload(s Settings) error {
	var next loaded
	if s.Auth != "" {
		r, err := open(s, s.Auth)
		if err != nil {
			return fmt.Errorf("custom_auth: %w", err)
		}
		next.auth = authRule{r}
	}
	if s.KeyGenerate != "" {
		r, err := open(s, s.KeyGenerate)
		if err != nil {
			return fmt.Errorf("custom_key_generate: %w", err)
		}
		next.key = keyRule{r}
	}
	h.now.Store(&next)
	return nil
}

// HasAuth says whether custom_auth replaces the key lookup.
func (h *Hooks) HasAuth() bool { return h.now.Load().auth != nil }

// HasKeyRule says whether custom_key_generate is asked before a key is made.
func (h *Hooks) HasKeyRule() bool { return h.now.Load().key != nil }

// Authenticate asks custom_auth. Without one it refuses: ask HasAuth first.
func (h *Hooks) Authenticate(ctx context.Context, req Request, apiKey string) (*Grant, error) {
	rule := h.now.Load().auth
	if rule == nil {
		return nil, errors.New("no custom_auth is configured")
	}
	return rule.Authenticate(ctx, req, apiKey)
}

// AllowKey asks custom_key_generate; without one every key is allowed.
func (h *Hooks) AllowKey(ctx context.Context, data map[string]any, caller Caller) error {
	rule := h.now.Load().key
	if rule == nil {
		return nil
	}
	return rule.AllowKey(ctx, data, caller)
}

// Check says what is wrong with a reference ("module.function" or a URL) without calling anything. The error names the
// file to write and the page that explains it.
func Check(s Settings, reference string) error {
	_, err := open(s, reference)
	return err
}

// runner calls one rule with named inputs and gives what it answered: a map, a bool, nil, ... as decoded JSON.
type runner interface {
	run(ctx context.Context, in []input) (any, error)
}

// input is one argument: its name on the wire, its value as plain Go, and the fields that are None when absent.
type input struct {
	name   string
	value  any
	fields []string
}

func open(s Settings, reference string) (runner, error) {
	if strings.Contains(reference, "://") {
		return openURL(s, reference)
	}
	module, function, ok := strings.Cut(reference, ".")
	if !ok || !identifier(module) || !identifier(function) {
		return nil, fmt.Errorf("must be module.function or an https URL; see %s", docsPage)
	}
	path := filepath.Join(s.Dir, module+".star")
	source, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		if _, e := os.Stat(filepath.Join(s.Dir, module+".py")); e == nil {
			return nil, fmt.Errorf("%s.py is Python, which Gatehouse does not run: write the same rule as %s.star beside config.yaml; see %s", module, module, docsPage)
		}
		return nil, fmt.Errorf("%s.star is not beside config.yaml: write it with a function %s; see %s", module, function, docsPage)
	}
	if err != nil {
		return nil, fmt.Errorf("%s.star cannot be read; see %s", module, docsPage)
	}
	return compile(module+".star", function, source)
}

func identifier(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if digit := r >= '0' && r <= '9'; !letter && (i == 0 || !digit) {
			return false
		}
	}
	return s != ""
}

type authRule struct{ r runner }

// Authenticate runs the rule and reads its answer strictly: a field that it misspelt would be a limit that it lacks.
func (a authRule) Authenticate(ctx context.Context, req Request, apiKey string) (*Grant, error) {
	answer, err := a.r.run(ctx, []input{
		{name: "request", value: requestMap(req), fields: nil},
		{name: "api_key", value: apiKey},
	})
	if err != nil {
		return nil, err
	}
	grant, err := readGrant(answer, apiKey)
	if err == nil && grant.Blocked {
		return nil, &Refusal{Message: "Key is blocked."}
	}
	return grant, err
}

func requestMap(r Request) map[string]any {
	headers, query := map[string]any{}, map[string]any{}
	for k, v := range r.Headers {
		headers[strings.ToLower(k)] = v
	}
	for k, v := range r.Query {
		query[k] = v
	}
	return map[string]any{"method": r.Method, "path": r.Path, "headers": headers, "query": query, "client_ip": r.ClientIP, "model": r.Model}
}

type keyRule struct{ r runner }

// keyFields are the fields of /key/generate: a rule may ask for any of them, and one that was not sent is None.
var keyFields = []string{
	"duration", "key_alias", "key", "team_id", "user_id", "organization_id", "budget_id", "models", "aliases", "config", "spend", "max_budget", "soft_budget",
	"budget_duration", "max_parallel_requests", "tpm_limit", "rpm_limit", "model_max_budget", "model_rpm_limit", "model_tpm_limit", "rpm_limit_type",
	"tpm_limit_type", "metadata", "tags", "permissions", "blocked", "allowed_routes", "key_type", "enforced_params", "allowed_cache_controls",
	"send_invite_email", "auto_rotate", "rotation_interval", "access_group_ids", "guardrails", "policies", "prompts", "object_permission",
}

// AllowKey runs the rule; its answer is {"decision": bool, "message": str}.
func (k keyRule) AllowKey(ctx context.Context, data map[string]any, caller Caller) error {
	answer, err := k.r.run(ctx, []input{
		{name: "data", value: data, fields: keyFields},
		{name: "caller", value: map[string]any{
			"user_id": caller.UserID, "user_role": string(caller.UserRole), "team_id": caller.TeamID, "key_alias": caller.KeyAlias, "via": caller.Via,
		}},
	})
	if err != nil {
		return err
	}
	return readDecision(answer)
}
