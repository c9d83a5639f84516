package portal

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/views/layout"
)

const (
	searchEach    = 5  // hits of a kind
	searchShort   = 2  // characters below which nothing is looked for
	searchLongest = 64 // and above which nothing is
)

// search serves GET /ui/search?q= for the palette: keys, teams, people and models that the person may see. What looks like
// the secret of a key is never looked for: it belongs into no address.
func (h *Handlers) search(c *fiber.Ctx) error {
	text := strings.TrimSpace(c.Query("q"))
	if n := len([]rune(text)); n < searchShort || n > searchLongest || strings.HasPrefix(text, "sk-") && n > 12 {
		return web.Render(c, layout.Hits(nil), nil)
	}
	var hits []layout.Hit
	for _, find := range []func(*fiber.Ctx, string) ([]layout.Hit, error){h.hitKeys, h.hitModels, h.hitTeams, h.hitPeople} {
		found, err := find(c, text)
		if err != nil {
			return err
		}
		hits = append(hits, found...)
	}
	return web.Render(c, layout.Hits(hits), nil)
}

func (h *Handlers) hitKeys(c *fiber.Ctx, text string) ([]layout.Hit, error) {
	list, err := h.Keys.List(c.UserContext(), web.Actor(c), control.KeyQuery{Page: 1, Size: searchEach, Search: text, All: true, SortBy: "last_used", SortOrder: "desc"})
	if err != nil {
		return nil, err
	}
	var hits []layout.Hit
	for i := range list.Items {
		k := &list.Items[i].Key
		hits = append(hits, layout.Hit{Kind: h.lang(c).APIKey(), Name: keyName(k), Note: k.Name, Href: h.keyURL(k.ID, "")})
	}
	return hits, nil
}

func (h *Handlers) hitModels(c *fiber.Ctx, text string) ([]layout.Hit, error) {
	groups, err := h.Models.Groups(c.UserContext(), web.Actor(c))
	if err != nil {
		return nil, err
	}
	var hits []layout.Hit
	for i := range groups {
		g := &groups[i]
		if len(hits) < searchEach && strings.Contains(strings.ToLower(g.Name), strings.ToLower(text)) {
			hits = append(hits, layout.Hit{Kind: h.lang(c).Model(), Name: g.Name, Note: strings.Join(g.Providers, ", "), Href: h.modelURL(g.Name)})
		}
	}
	return hits, nil
}

func (h *Handlers) hitTeams(c *fiber.Ctx, text string) ([]layout.Hit, error) {
	actor := web.Actor(c)
	if len(actor.Teams) == 0 && !actor.SeesAll() {
		return nil, nil
	}
	list, err := h.Teams.Search(c.UserContext(), actor, text, control.TeamQuery{Page: 1, Size: searchEach, SortBy: "team_alias", SortOrder: "asc"})
	if err != nil {
		return nil, err
	}
	var hits []layout.Hit
	for i := range list.Items {
		t := &list.Items[i].Team
		hits = append(hits, layout.Hit{Kind: h.lang(c).Team(), Name: teamName(t), Href: h.teamURL(t.ID, "")})
	}
	return hits, nil
}

func (h *Handlers) hitPeople(c *fiber.Ctx, text string) ([]layout.Hit, error) {
	actor := web.Actor(c)
	if may := actor.SeesAll() && access.Role(actor, access.UserList) == nil; !may {
		return nil, nil
	}
	list, err := h.Users.List(c.UserContext(), actor, control.UserQuery{Page: 1, Size: searchEach, Search: text})
	if err != nil {
		return nil, err
	}
	var hits []layout.Hit
	for i := range list.Items {
		u := &list.Items[i].User
		hits = append(hits, layout.Hit{Kind: h.lang(c).User(), Name: userName(u), Note: textOf(u.Email), Href: h.userURL(u.ID, "")})
	}
	return hits, nil
}
