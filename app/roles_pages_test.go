package app

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"gatehouse/app/access"
	"gatehouse/app/portal"
	"gatehouse/models"
)

// Every page for every role: nobody gets in without a session, a role that may never do what the page is for is told so,
// and no page breaks on an object that is not there.
func TestPageRoles(t *testing.T) {
	t.Parallel()
	r := newRig(t, rolesConfig)
	r.p.health.draining.Store(true) // a live tail then ends after what it has
	people := map[models.Role]string{models.RoleAdmin: models.DefaultUserID}
	for _, role := range []models.Role{models.RoleAdminViewer, models.RoleInternalUser, models.RoleInternalViewer} {
		people[role] = text(r.admin("POST", "/user/new", fmt.Sprintf(`{"user_role":%q,"auto_create_key":false}`, role))["user_id"])
	}
	for name, action := range new(portal.Handlers).Actions() {
		method, path, _ := strings.Cut(name, " ")
		for strings.Contains(path, ":") {
			i := strings.IndexByte(path, ':')
			end := strings.IndexByte(path[i:]+"/", '/') + i
			path = path[:i] + "nothing" + path[min(end, len(path)):]
		}
		t.Run(name, func(t *testing.T) {
			r.t = t
			a := r.do(method, path, "")
			if action == "" {
				if a.status >= 500 || a.status == http.StatusUnauthorized && path != "/login" && !strings.HasPrefix(path, "/login/") && !strings.HasSuffix(path, "/callback") {
					t.Errorf("a visitor gets %d", a.status)
				}
				return
			}
			if a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), "/login") {
				t.Errorf("a visitor gets %d %s", a.status, a.header.Get("Location"))
			}
			for role, id := range people {
				a := r.do(method, path, "", "Cookie", r.signIn(role, id), "Accept", "text/html")
				may := access.Role(access.Actor{UserID: id, Role: role}, action) == nil
				switch {
				case !may && a.status != http.StatusForbidden:
					t.Errorf("%s may not %s, but gets %d", role, action, a.status)
				case may && (a.status >= 500 || a.status == http.StatusUnauthorized || strings.HasPrefix(a.header.Get("Location"), "/login")):
					t.Errorf("%s may %s, but gets %d %s", role, action, a.status, a.header.Get("Location"))
				}
			}
		})
	}
}

// signIn makes a session and gives the cookie that names it.
func (r *rig) signIn(role models.Role, user string) string {
	r.t.Helper()
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	value := base64.RawURLEncoding.EncodeToString(random)
	sum := sha256.Sum256([]byte(value))
	now := models.At(r.p.now())
	row := &models.Session{
		Hash: hex.EncodeToString(sum[:]), UserID: user, Method: "password", CreatedAt: now, LastSeenAt: now,
		IdleEnds: models.At(now.Add(time.Hour)), ExpiresAt: models.At(now.Add(time.Hour)),
	}
	if user == models.DefaultUserID {
		row.Role = role
	}
	if err := r.p.store.InsertSession(r.t.Context(), row); err != nil {
		r.t.Fatal(err)
	}
	return "gh_session=" + value
}
