package app

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
)

// TestSessionsOnTwoReplicas: a session made at one replica is one at the other, and whatever ends it there ends it here at
// the next click.
func TestSessionsOnTwoReplicas(t *testing.T) {
	dsn := testkit.Postgres(t, nil)
	const yaml = "gatehouse: {login_rate: 10000/min}\n"
	p := newIDP(t)
	here := newRigWith(t, yaml, Options{Env: p.genericEnv("DATABASE_URL=" + dsn)})
	there := newRigWith(t, yaml, Options{Env: p.genericEnv("DATABASE_URL=" + dsn)})
	for i, end := range []struct {
		name string
		do   func(id string, other *browser)
	}{
		{"block", func(id string, _ *browser) {
			there.admin("POST", "/user/update", `{"user_id":"`+id+`","blocked":true}`)
		}},
		{"role", func(id string, _ *browser) {
			there.admin("POST", "/user/update", `{"user_id":"`+id+`","user_role":"internal_user"}`)
		}},
		{"password", func(id string, _ *browser) {
			there.admin("POST", "/user/update", `{"user_id":"`+id+`","password":"another horse battery 8"}`)
		}},
		{"delete", func(id string, _ *browser) { there.admin("POST", "/user/delete", `{"user_ids":["`+id+`"]}`) }},
		{"all others", func(_ string, other *browser) {
			if a := other.post("/ui/account/sessions/end", url.Values{}); a.status != http.StatusSeeOther {
				t.Errorf("ending the others: %d %.200s", a.status, a.body)
			}
		}},
		{"one of the list", func(_ string, other *browser) {
			paths := regexp.MustCompile(`/ui/account/sessions/[0-9a-f]+/end`).FindAllString(other.get("/ui/account").body, -1)
			if len(paths) == 0 {
				t.Fatal("the account lists no other session")
			}
			for _, path := range paths {
				other.post(path, url.Values{})
			}
		}},
		{"sign-out", func(_ string, other *browser) { other.post("/logout", url.Values{}) }},
	} {
		t.Run(end.name, func(t *testing.T) {
			id := fmt.Sprintf("u%d", i)
			p.as(person(id))
			signIn := func(r *rig) *browser {
				b := r.browser()
				if a := b.through(); a.status != http.StatusSeeOther {
					t.Fatalf("signing in: %d %.300s", a.status, a.body)
				}
				return b
			}
			b := signIn(here)
			same := there.browser()
			for name, value := range b.cookies {
				same.cookies[name] = value
			}
			if !b.signedIn() || !same.signedIn() {
				t.Fatal("not signed in on both")
			}
			other := same
			if !strings.Contains(end.name, "sign-out") {
				other = signIn(there)
			}
			end.do(id, other)
			if b.signedIn() || same.signedIn() {
				t.Error("the session goes on")
			}
		})
	}
}
