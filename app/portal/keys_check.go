package portal

import (
	"context"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/views/i18n"
	"gatehouse/views/keys"
	"gatehouse/views/ui"
)

// keyCheck serves GET /ui/keys/:id/check?model=: would a call pass now, and if not, what refuses it.
func (h *Handlers) keyCheck(c *fiber.Ctx) error {
	v, err := h.keyOf(c)
	if err != nil {
		return h.keyGone(c, err)
	}
	if !web.IsPartial(c) {
		return h.showKey(c, v, "", fiber.StatusOK, nil)
	}
	check, err := h.accessCheck(c, h.locale(c), v)
	if err != nil {
		return err
	}
	part := keys.CheckPart(h.Frame(c), check)
	return web.Render(c, part, part)
}

// accessCheck is the question, with its answer once a model was chosen.
func (h *Handlers) accessCheck(c *fiber.Ctx, l i18n.Locale, v *control.KeyView) (keys.Check, error) {
	actor, model := web.Actor(c), c.Query("model")
	out := keys.Check{URL: h.keyURL(v.Key.ID, "/check")}
	groups, err := h.Models.Groups(c.UserContext(), actor)
	if err != nil {
		return out, err
	}
	found := false
	for _, g := range groups {
		out.Models = append(out.Models, ui.Option{Value: g.Name, Label: g.Name, Selected: g.Name == model})
		found = found || g.Name == model
	}
	if model == "" {
		return out, nil
	}
	if !found { // one that a refused call named
		out.Models = append(out.Models, ui.Option{Value: model, Label: model, Selected: true})
	}
	explain := extra(c).Explain
	if explain == nil {
		out.Result = &keys.CheckResult{Text: l.NotKnown()}
		return out, nil
	}
	answer, err := explain(c.UserContext(), &v.Key, model)
	if err != nil {
		return out, err
	}
	out.Result, err = h.explained(c.UserContext(), actor, l, v, model, answer)
	return out, err
}

// explained puts an answer into words, with a link to what decides where the person may see that.
func (h *Handlers) explained(ctx context.Context, actor access.Actor, l i18n.Locale, v *control.KeyView, model string, e Explanation) (*keys.CheckResult, error) {
	frame, err := h.Keys.Frame(ctx, actor, &v.Key)
	if err != nil {
		return nil, err
	}
	whose, list, r := l.ThisKey(), l.KeyModelList(), &keys.CheckResult{Href: h.keyURL(v.Key.ID, "?tab=settings"), Link: l.Settings()}
	switch e.Level {
	case "team", "model_per_team", "team_member":
		name := e.ID
		if frame.Team != nil && frame.Team.ID == e.ID {
			name = teamName(frame.Team)
		}
		whose, list = l.TheTeam(name), l.TeamModelList(name)
		if e.Level == "team_member" {
			whose = l.TheMemberIn(name)
		}
		r.Href, r.Link = "", name
		if access.May(actor, access.TeamInfo, access.Team(e.ID, nil)) {
			r.Href = h.teamURL(e.ID, "?tab=settings")
		}
	case "user":
		whose, list, r.Href, r.Link = l.TheOwner(), l.OwnerModelList(), "", ownerName(v)
		if actor.SeesAll() {
			r.Href = h.userURL(e.ID, "")
		}
	case "organization":
		whose, list, r.Href = l.TheOrganization(e.ID), l.OrgModelList(e.ID), ""
	case "proxy":
		whose, r.Href = l.TheGateway(), ""
		if actor.SeesAll() {
			r.Href = h.url("/ui/settings/general")
		}
	}
	switch e.By {
	case Passes:
		r.Allowed, r.Text, r.Href = true, l.MayCall(model), ""
	case ByCooling:
		r.Text, r.Href, r.Link = l.CheckCooling(model), h.modelURL(model), model
	case ByUnknownModel:
		r.Text, r.Href, r.Link = l.CheckNoModel(model), h.url("/ui/models"), l.Models()
	case ByList:
		r.Text = l.MayNotCall(model, list)
	case ByBlock:
		r.Text = l.CheckBlocked(whose)
	case ByExpiry:
		r.Text = l.CheckExpired()
	case ByMissing:
		r.Text, r.Href = l.CheckMissing(whose), ""
	case ByLimit:
		r.Text = l.CheckLimit(whose, limitWords(l, &e))
	case ByBudget:
		if e.Model != "" {
			whose = l.ForModel(whose, e.Model)
		}
		r.Text = l.CheckBudget(whose, l.Money(int64(e.Spent)), l.MoneyShort(int64(e.Limit)))
		if !e.ResetsAt.IsZero() {
			r.Text += " " + l.CheckResets(l.Minute(e.ResetsAt).Text)
		}
	}
	return r, nil
}

// limitWords is a limit as it is set: "120 requests per minute".
func limitWords(l i18n.Locale, e *Explanation) string {
	n := l.Number(e.Most)
	switch e.Kind {
	case "tokens":
		return l.NTokensPerMin(n)
	case "max_parallel_requests":
		return l.NParallel(n)
	}
	return l.NRequestsPerMin(n)
}
