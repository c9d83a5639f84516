package replicas_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
)

// TestEveryLimitAtEveryScope is a limit for two requests, for the tokens of two, and for two at a time, at each scope that
// has such a limit, in memory and in Redis: two pass, the third is refused with the headers and words of that limit, calls
// outside of the scope are not, and slots come back.
func TestEveryLimitAtEveryScope(t *testing.T) {
	t.Parallel()
	for name, redis := range map[string]bool{"memory": false, "redis": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			provider := testkit.NewProvider(t)
			o := testkit.Options{Provider: provider, Config: config, Env: map[string]string{"LITELLM_RATE_LIMIT_WINDOW_SIZE": "600"}}
			if redis {
				o.Redis = testkit.Redis(t)
			}
			s := testkit.Start(t, o)
			for _, kind := range []limitKind{
				{"requests", "rpm_limit", 2, "Requests"}, {"tokens", "tpm_limit", 1900, "Tokens"}, {"max_parallel_requests", "max_parallel_requests", 2, ""},
			} {
				for _, tc := range limitScopes(t, s, kind) {
					t.Run(kind.word+"/"+tc.scope, func(t *testing.T) { tc.check(t, s, provider, kind) })
				}
			}
		})
	}
}

// limitKind is one kind of limit: its word in headers, its field, a figure for two calls, and its word in rate headers.
type limitKind struct {
	word, field string
	figure      int64
	header      string
}

// limitCase is one scope with a limit for two calls.
type limitCase struct {
	scope, key string
	id         string // of the scope, in the message
	also       string // another key that counts in the same scope
	free       string // a key that does not
	extra      object
	other      object // of a call by the same key that is not counted
}

func limitScopes(t *testing.T, s *testkit.Server, kind limitKind) []limitCase {
	t.Helper()
	plain := s.GenerateKey(t, nil).Secret
	limits := func(more object) object {
		more[kind.field] = kind.figure
		return more
	}
	key := s.GenerateKey(t, limits(object{})).Secret
	user, _ := s.NewUser(t, limits(object{"auto_create_key": false}))
	one, two := s.GenerateKey(t, object{"user_id": user}).Secret, s.GenerateKey(t, object{"user_id": user}).Secret
	team := s.NewTeam(t, limits(object{}))
	inTeam, alsoInTeam := s.GenerateKey(t, object{"team_id": team}).Secret, s.GenerateKey(t, object{"team_id": team}).Secret
	org, _ := s.Admin(t, http.MethodPost, "/organization/new", limits(object{"organization_alias": t.Name() + kind.word}))["organization_id"].(string)
	inOrg := s.GenerateKey(t, object{"team_id": s.NewTeam(t, object{"organization_id": org})}).Secret
	guest := "guest-" + kind.word
	s.Admin(t, http.MethodPost, "/customer/new", limits(object{"user_id": guest}))
	cases := []limitCase{
		{scope: "api_key", key: key, also: key, free: plain, id: "sk-..." + key[len(key)-4:]},
		{scope: "user", key: one, also: two, free: plain, id: user},
		{scope: "team", key: inTeam, also: alsoInTeam, free: plain, id: team},
		{scope: "organization", key: inOrg, also: inOrg, free: plain, id: org},
		{scope: "end_user", key: plain, also: key, id: guest, extra: object{"user": guest}, other: object{"user": "somebody-else"}},
	}
	if kind.field == "max_parallel_requests" {
		cases[4].also = plain
		return cases
	}
	cases[4].also = plain
	// A member's limit is the team's default for members; a model's is a map on a key or a team.
	wide := s.NewTeam(t, object{"team_member_" + kind.field: kind.figure})
	member, _ := s.NewUser(t, object{"auto_create_key": false})
	s.AddMember(t, wide, member, "user")
	mine := s.GenerateKey(t, object{"team_id": wide, "user_id": member}).Secret
	colleague := s.GenerateKey(t, object{"team_id": wide}).Secret
	perModel := "model_" + kind.field
	ofKey := s.GenerateKey(t, object{perModel: object{"gpt-4o": kind.figure}}).Secret
	modelTeam := s.NewTeam(t, object{perModel: object{"gpt-4o": kind.figure}})
	ofTeam, alsoOfTeam := s.GenerateKey(t, object{"team_id": modelTeam}).Secret, s.GenerateKey(t, object{"team_id": modelTeam}).Secret
	return append(cases,
		limitCase{scope: "team_member", key: mine, also: mine, free: colleague, id: member},
		limitCase{scope: "model_per_key", key: ofKey, also: ofKey, free: plain, id: "sk-..." + ofKey[len(ofKey)-4:] + " model=gpt-4o"},
		limitCase{scope: "model_per_team", key: ofTeam, also: alsoOfTeam, free: plain, id: modelTeam + " model=gpt-4o"})
}

var resetAt = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$`)

func (tc *limitCase) check(t *testing.T, s *testkit.Server, provider *testkit.Provider, kind limitKind) {
	t.Helper()
	gate := make(chan struct{})
	open := func() {}
	reply := uses(1000)
	if kind.header == "" {
		reply.Before, open = gate, func() { close(gate) }
	}
	provider.Always(reply)
	ask := func(key string, extra object) answer {
		body := object{"max_tokens": 1000}
		for name, v := range extra {
			body[name] = v
		}
		return chat(t.Context(), client(t), s, key, body)
	}
	before := len(provider.Requests())
	first := make(chan answer, 2)
	for i, key := range []string{tc.key, tc.also} {
		go func() { first <- ask(key, tc.extra) }()
		provider.WaitRequests(t, before+i+1)
		if kind.header == "" {
			continue
		}
		a := <-first
		if a.status != http.StatusOK {
			t.Fatalf("call %d of a limit for two: %d %s", i+1, a.status, a.body)
		}
		most, left := a.header.Get("X-Ratelimit-"+tc.scope+"-Limit-"+kind.word), a.header.Get("X-Ratelimit-"+tc.scope+"-Remaining-"+kind.word)
		if rest, err := strconv.ParseInt(left, 10, 64); most != strconv.FormatInt(kind.figure, 10) || err != nil || rest < 0 || rest >= kind.figure {
			t.Errorf("headers of call %d: limit %q, remaining %q", i+1, most, left)
		}
		if a.header.Get("X-Ratelimit-Limit-"+kind.header) != most || a.header.Get("X-Ratelimit-Remaining-"+kind.header) != left {
			t.Errorf("the tightest scope of call %d: %v", i+1, a.header)
		}
	}
	a := ask(tc.key, tc.extra)
	tc.refusal(t, a, kind)
	if sent := len(provider.Requests()) - before; sent != 2 {
		t.Errorf("%d calls reached the provider, want 2", sent)
	}
	provider.Always(uses(1000))
	if tc.free != "" {
		if a := ask(tc.free, tc.extra); a.status != http.StatusOK {
			t.Errorf("a key outside of the scope: %d %s", a.status, a.body)
		}
	}
	if tc.other != nil {
		if a := ask(tc.key, tc.other); a.status != http.StatusOK {
			t.Errorf("a call outside of the scope: %d %s", a.status, a.body)
		}
	}
	if open(); kind.header != "" {
		return
	}
	for range 2 {
		if a := <-first; a.status != http.StatusOK {
			t.Errorf("a call in parallel: %d %s", a.status, a.body)
		}
	}
	until(t, "the slots are free again", func() bool { return ask(tc.key, tc.extra).status == http.StatusOK })
}

func (tc *limitCase) refusal(t *testing.T, a answer, kind limitKind) {
	t.Helper()
	var body struct {
		Error struct{ Message, Type, Code string }
	}
	if err := json.Unmarshal(a.body, &body); err != nil || a.status != http.StatusTooManyRequests {
		t.Fatalf("the third call: %d %s", a.status, a.body)
	}
	wait, err := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil || wait < 1 || wait > 600 || a.header.Get("Rate_limit_type") != kind.word || !resetAt.MatchString(a.header.Get("Reset_at")) {
		t.Errorf("headers: %v", a.header)
	}
	if a.header.Get("X-Should-Retry") == "false" {
		t.Error("a limit that ends by waiting says not to retry")
	}
	want := "Rate limit exceeded for " + tc.scope + ": " + tc.id + ". Limit type: " + kind.word + ". Current limit: " + strconv.FormatInt(kind.figure, 10) + ", Remaining: "
	if e := body.Error; e.Type != "rate_limit_error" || e.Code != "rate_limit_exceeded" || !strings.Contains(e.Message, want) ||
		!strings.Contains(e.Message, "Limit resets at: ") {
		t.Errorf("%s\nwant %q", a.body, want)
	}
}

// TestEveryLimitOfADeployment is the same for what a deployment may serve, with enforce_model_rate_limits: it is left out
// while it is full, and with no other in its group the call is refused. Three replicas with Redis share the limits. A
// minute is the clock's, so six calls are offered, of which two go through, or four when a minute ends among them.
func TestEveryLimitOfADeployment(t *testing.T) {
	t.Parallel()
	t.Run("alone", func(t *testing.T) {
		t.Parallel()
		deploymentLimits(t, func(o testkit.Options) []*testkit.Server { return []*testkit.Server{testkit.Start(t, o)} })
	})
	t.Run("three", func(t *testing.T) {
		t.Parallel()
		deploymentLimits(t, func(o testkit.Options) []*testkit.Server {
			o.Redis = testkit.Redis(t)
			return fleet(t, 3, o)
		})
	})
}

func deploymentLimits(t *testing.T, start func(testkit.Options) []*testkit.Server) {
	t.Helper()
	provider := testkit.NewProvider(t)
	models := "model_list:\n"
	limits := map[string]string{"rpm": "rpm: 2", "tpm": "tpm: 2500", "parallel": "max_parallel_requests: 2"}
	for name, limit := range limits {
		models += "  - model_name: " + name + "\n    litellm_params: {model: openai/gpt-4o, api_base: \"${PROVIDER}/v1\", api_key: sk-upstream, " + limit + "}\n"
	}
	all := start(testkit.Options{
		Provider: provider, Config: models + "router_settings: {num_retries: 0, optional_pre_call_checks: [enforce_model_rate_limits]}\n",
	})
	key := all[0].GenerateKey(t, nil).Secret
	waitKnown(t, all, key)
	for name := range limits {
		t.Run(name, func(t *testing.T) {
			parallel := name == "parallel"
			reply := uses(1000)
			gate := make(chan struct{})
			if reply.Before = gate; !parallel {
				close(gate)
			}
			provider.Always(reply)
			before := len(provider.Requests())
			asked := 0
			ask := func() answer {
				asked++ // a call waits for a slot for as long as it may
				return chat(t.Context(), client(t), all[asked%len(all)], key, object{"model": name, "max_tokens": 1000, "timeout": 0.3})
			}
			answers := make(chan answer, 6)
			for i := range 6 {
				if parallel && i < 2 {
					on := all[i%len(all)]
					go func() {
						answers <- chat(t.Context(), client(t), on, key, object{"model": name, "max_tokens": 1000})
					}()
					provider.WaitRequests(t, before+i+1)
				} else {
					answers <- ask()
				}
			}
			if parallel {
				close(gate)
			}
			served := 0
			for range 6 {
				a := <-answers
				if a.status == http.StatusOK {
					served++
					continue
				}
				wait, err := strconv.Atoi(a.header.Get("Retry-After"))
				if a.status != http.StatusTooManyRequests || !strings.Contains(string(a.body), "no_deployments_available") || err != nil || wait < 1 || wait > 60 {
					t.Errorf("a refusal: %d %v %s", a.status, a.header, a.body)
				}
			}
			if sent := len(provider.Requests()) - before; sent != served || served != 2 && (parallel || served > 4 || served < 2) {
				t.Errorf("%d calls were served, %d reached the provider", served, sent)
			}
			if parallel {
				until(t, "the deployment serves again", func() bool { return ask().status == http.StatusOK })
			}
		})
	}
}
