package route

import (
	"slices"

	"gatehouse/models"
	"gatehouse/proxy/keyring"
)

// defaultTag marks deployments for calls that name no tag, or none that another deployment has (LiteLLM's word).
const defaultTag = "default"

// suited leaves the deployments that the call's tags choose and that its prompt fits into. A pinned deployment was chosen
// by the caller.
func (p *Plan) suited(fit []*models.Deployment, match keyring.Match) ([]*models.Deployment, Reason) {
	if match.Pinned || len(fit) == 0 {
		return fit, 0
	}
	if p.settings.TagFiltering {
		if fit = p.tagged(fit); len(fit) == 0 {
			return fit, Untagged
		}
	}
	if p.settings.PreCallChecks && p.req.Room != nil {
		if fit = slices.DeleteFunc(fit, func(d *models.Deployment) bool { return !p.req.Room(d) }); len(fit) == 0 {
			return fit, TooLong
		}
	}
	return fit, 0
}

// tagged are the deployments with a tag of the call (or all of them); else those for calls without one. A call that names
// no tag is served by any deployment when none is marked for such calls.
func (p *Plan) tagged(fit []*models.Deployment) []*models.Deployment {
	var chosen, plain []*models.Deployment
	for _, d := range fit {
		if slices.Contains(d.Tags, defaultTag) {
			plain = append(plain, d)
		}
		if len(p.req.Tags) > 0 && p.matches(d.Tags) {
			chosen = append(chosen, d)
		}
	}
	switch {
	case len(chosen) > 0:
		return chosen
	case len(plain) > 0 || len(p.req.Tags) > 0:
		return plain
	}
	return fit
}

func (p *Plan) matches(tags []string) bool {
	for _, tag := range p.req.Tags {
		if has := slices.Contains(tags, tag); has != p.settings.TagsMatchAll {
			return has
		}
	}
	return p.settings.TagsMatchAll
}
