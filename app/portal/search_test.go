package portal_test

import (
	"net/url"
	"slices"
	"testing"

	"gatehouse/models"
)

// The palette finds what the person may see, and nothing by a secret.
func TestSearch(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(r *rig) {
		r.catalog.list = append(r.catalog.list, &models.Deployment{ID: "d4", ModelName: "house-model", Provider: "openai", Model: "x", TeamID: team})
	})
	mine, foreign := r.key(dev, "alpha-web", true), r.key(other, "alpha-other", false)
	found := func(who, text string) []string {
		t.Helper()
		doc := r.as(who).part("/ui/search?q=" + url.QueryEscape(text)).page(200)
		var out []string
		for _, n := range doc.Find("[role=option]").Nodes {
			out = append(out, doc.FindNodes(n).AttrOr("data-href", ""))
		}
		return out
	}
	own, others := "/ui/keys/"+mine.Key.ID, "/ui/keys/"+foreign.Key.ID
	if got := found(dev, "ALPHA"); !slices.Equal(got, []string{own}) {
		t.Errorf("a member finds %v", got)
	}
	if got := found(admin, "alpha"); !slices.Contains(got, own) || !slices.Contains(got, others) {
		t.Errorf("an admin finds %v", got)
	}
	for name, c := range map[string]struct {
		who, text, href string
		want            bool
	}{
		"a team of one's own":     {dev, "check", "/ui/teams/" + team, true},
		"a foreign team":          {other, "check", "/ui/teams/" + team, false},
		"people, to admins":       {viewer, "u-dev", "/ui/users/" + dev, true},
		"people, to others":       {dev, "u-lead", "/ui/users/" + lead, false},
		"a model":                 {dev, "llama", "/ui/models/meta-llama/llama-3.3-70b", true},
		"a model of one's team":   {dev, "house", "/ui/models/house-model", true},
		"a model of other teams":  {other, "house", "/ui/models/house-model", false},
		"one character":           {dev, "a", own, false},
		"the end of a key":        {dev, mine.Secret.Reveal()[len(mine.Secret.Reveal())-4:], own, true},
		"the key's id":            {dev, mine.Key.Hash, own, true},
		"a secret":                {dev, mine.Secret.Reveal(), own, false},
		"a foreign key by its id": {dev, foreign.Key.Hash, others, false},
	} {
		if got := found(c.who, c.text); slices.Contains(got, c.href) != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
