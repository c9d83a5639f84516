package route_test

import (
	"strings"
	"testing"
	"time"

	"gatehouse/models"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/route"
)

func tagged(tags ...string) func(*models.Deployment) {
	return func(d *models.Deployment) { d.Tags = tags }
}

// Tag routing as LiteLLM documents it: any tag is enough unless all are asked for; "default" takes the rest.
func TestTags(t *testing.T) {
	t.Parallel()
	free, paid := dep("free", "m", tagged("free", "eu")), dep("paid", "m", tagged("paid"))
	plain, rest := dep("plain", "m"), dep("rest", "m", tagged("default"))
	on := route.Settings{TagFiltering: true}
	all := route.Settings{TagFiltering: true, TagsMatchAll: true}
	for name, tc := range map[string]struct {
		set  route.Settings
		deps []*models.Deployment
		tags string
		want string // the ids that calls go to, sorted; "!": refused
	}{
		"off: tags choose nothing":               {route.Settings{}, []*models.Deployment{free, paid}, "paid", "free paid"},
		"a tag":                                  {on, []*models.Deployment{free, paid, plain}, "paid", "paid"},
		"any of several":                         {on, []*models.Deployment{free, paid, plain}, "paid eu", "free paid"},
		"all of several":                         {all, []*models.Deployment{free, paid}, "free eu", "free"},
		"all of several, none has them":          {all, []*models.Deployment{free, paid}, "free paid", "!"},
		"a tag that none has":                    {on, []*models.Deployment{free, plain}, "other", "!"},
		"a tag that none has, with a default":    {on, []*models.Deployment{free, rest}, "other", "rest"},
		"no tag":                                 {on, []*models.Deployment{free, paid, plain}, "", "free paid plain"},
		"no tag, with a default":                 {on, []*models.Deployment{free, rest, plain}, "", "rest"},
		"a tag that one has beside a default":    {on, []*models.Deployment{free, rest}, "free", "free"},
		"a deployment without tags is not meant": {on, []*models.Deployment{plain}, "free", "!"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(tc.set, tc.deps...)
			got := map[string]bool{}
			for range 60 {
				p := r.plan(t, "m", func(q *route.Request) { q.Tags = strings.Fields(tc.tags) })
				a, ok := p.Next(route.Outcome{})
				if !ok {
					var why *route.Unavailable
					if !asUnavailable(p.Err(), &why) || why.Reason != route.Untagged {
						t.Fatalf("refused by %v", p.Err())
					}
					got["!"] = true
					continue
				}
				got[a.Deployment.ID] = true
				p.End(route.Outcome{})
			}
			var ids []string
			for id := range got {
				ids = append(ids, id)
			}
			if ids = sorted(ids); strings.Join(ids, " ") != tc.want {
				t.Errorf("went to %q, want %q", ids, tc.want)
			}
		})
	}
}

// A pinned deployment was chosen by the caller: its tags do not matter.
func TestTagsAndPins(t *testing.T) {
	t.Parallel()
	r := newRig(route.Settings{TagFiltering: true, PreCallChecks: true}, dep("a", "m", tagged("x")), dep("b", "m"))
	p := r.plan(t, "b", func(q *route.Request) {
		q.Tags, q.Room = []string{"x"}, func(*models.Deployment) bool { return false }
	})
	if a, ok := p.Next(route.Outcome{}); !ok || a.Deployment.ID != "b" {
		t.Errorf("%+v %v", a, ok)
	}
}

// A prompt that is too long goes where it fits; when it fits nowhere, the chain of context windows is taken at once.
func TestPreCallChecks(t *testing.T) {
	t.Parallel()
	fits := func(ids string) func(*route.Request) {
		return func(q *route.Request) {
			q.Room = func(d *models.Deployment) bool { return strings.Contains(ids, d.ID) }
		}
	}
	chain := map[string][]route.Fallback{"m": {{Model: "n"}}}
	other := map[string][]route.Fallback{"m": {{Model: "o"}}}
	deps := []*models.Deployment{dep("a", "m"), dep("b", "m"), dep("c", "n"), dep("d", "o")}
	for name, tc := range map[string]struct {
		set  route.Settings
		fits string
		want string
	}{
		"off":                       {route.Settings{}, "", "a b"},
		"one fits":                  {route.Settings{PreCallChecks: true}, "b", "b"},
		"none fits":                 {route.Settings{PreCallChecks: true, Fallbacks: other}, "cd", ""},
		"none fits, a larger model": {route.Settings{PreCallChecks: true, ContextFallbacks: chain, Fallbacks: other}, "cd", "c"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(tc.set, deps...)
			p := r.plan(t, "m", fits(tc.fits))
			a, ok := p.Next(route.Outcome{})
			if !ok {
				var why *route.Unavailable
				if tc.want != "" || !asUnavailable(p.Err(), &why) || why.Reason != route.TooLong {
					t.Errorf("refused by %v", p.Err())
				}
				return
			}
			if !strings.Contains(tc.want, a.Deployment.ID) {
				t.Errorf("went to %s", a.Deployment.ID)
			}
		})
	}
}

// A fallback may be named by an alias, and an alias may stand for a name under a wildcard: the provider is asked for that name
// and not for the alias.
func TestFallbackByAnAliasOfAWildcard(t *testing.T) {
	t.Parallel()
	deps := []*models.Deployment{dep("a", "m"), dep("w", "openai/*", func(d *models.Deployment) { d.Model = "*" })}
	r := newRig(route.Settings{Fallbacks: map[string][]route.Fallback{"m": {{Model: "cheap"}}}})
	r.cat = keyring.NewCatalog(deps, nil, map[string]keyring.Alias{"cheap": {Model: "openai/gpt-small"}})
	var models, groups []string
	tries(r.plan(t, "m"), func(_ int, a route.Attempt) route.Outcome {
		models, groups = append(models, a.Model), append(groups, a.Group)
		return route.Outcome{Class: route.Server}
	})
	if got := strings.Join(models, " "); got != "up-a gpt-small" || groups[1] != "openai/gpt-small" {
		t.Errorf("asked for %q in %q", got, groups)
	}
}

// A health check that failed keeps a deployment out for as long as it holds, unless all are ill.
func TestHealthKeepsOut(t *testing.T) {
	t.Parallel()
	r := newRig(route.Settings{}, dep("a", "m"), dep("b", "m"))
	r.SetHealth("a", false, time.Minute)
	for range 20 {
		if got := r.one(t, "m", route.Outcome{}); got != "b" {
			t.Fatalf("went to %s", got)
		}
	}
	if got := r.one(t, "a", route.Outcome{}); got != "a" {
		t.Errorf("pinned: went to %q", got)
	}
	r.SetHealth("b", false, 2*time.Minute)
	both := map[string]bool{}
	for range 60 {
		both[r.one(t, "m", route.Outcome{})] = true
	}
	if len(both) != 2 {
		t.Errorf("with all ill, calls go to %v", both)
	}
	r.clock.Advance(time.Minute)
	if got := r.one(t, "m", route.Outcome{}); got != "a" {
		t.Errorf("after the check is stale: %s", got)
	}
	r.SetHealth("b", true, time.Minute)
	if r.Status("b").Sick {
		t.Error("still ill after a good check")
	}
}
