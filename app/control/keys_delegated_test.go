package control_test

import (
	"testing"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/models"
)

// The admin of a team may make and rotate its members' keys; that must not let them act as a member, least of all as a
// proxy admin whom they have taken into their team.
func TestKeyGivenToAnother(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.user("boss", models.RoleAdmin)
		e.user("lead", models.RoleInternalUser)
		e.team("core", "boss", "lead:admin")
		actor := func(secret *control.CreatedKey) access.Actor {
			who, err := e.Identity.Secret(t.Context(), secret.Secret.Reveal())
			ok(t, err)
			return who
		}
		rotated := func(who access.Actor, key *control.CreatedKey) *control.CreatedKey {
			made, err := e.Keys.Rotate(t.Context(), who, control.RotateKey{Key: control.ByID(key.Key.ID)})
			ok(t, err)
			return made
		}
		made := e.key(e.as("lead"), `{"team_id":"core","user_id":"boss"}`)
		same(t, "a key made by the team's admin acts for nobody", actor(made).UserID, "")
		same(t, "nor has it the owner's role", actor(made).IsAdmin(), false)
		same(t, "it is the owner's in the books", *made.Key.UserID, "boss")

		bosses := e.key(e.as("boss"), `{"team_id":"core","user_id":"boss"}`)
		same(t, "the owner's own", actor(bosses).IsAdmin(), true)
		taken := rotated(e.as("lead"), bosses)
		same(t, "rotated by the team's admin", actor(taken).IsAdmin(), false)
		same(t, "rotated back by the owner", actor(rotated(e.as("boss"), taken)).IsAdmin(), true)
		same(t, "made by a proxy admin", actor(e.key(admin(), `{"user_id":"lead"}`)).UserID, "lead")
		same(t, "made by oneself", actor(e.key(e.as("lead"), `{"team_id":"core"}`)).UserID, "lead")
	})
}
