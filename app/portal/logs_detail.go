package portal

import (
	"bytes"
	"encoding/json"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/views/i18n"
	"gatehouse/views/logs"
	"gatehouse/views/ui"
)

// logRow loads one call that the person may see.
func (h *Handlers) logRow(c *fiber.Ctx, id string) (*control.LogRow, error) {
	r, err := h.Spend.Log(c.UserContext(), web.Actor(c), id)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, h.lang(c).LogGone()).WithCause(err)
	}
	return r, err
}

// logDetail is what the drawer shows of one request; what was kept of its text is loaded when it opens.
func (h *Handlers) logDetail(c *fiber.Ctx, id string) (*logs.Detail, error) {
	r, err := h.logRow(c, id)
	if err != nil {
		return nil, err
	}
	l := h.locale(c)
	out := &logs.Detail{
		ID: r.ID, Back: link(h.url("/ui/logs"), queryOf(c), "log", ""), OK: r.Status == statusSuccess, Status: statusText(l, &r.SpendRow),
		At: l.Minute(r.StartedAt.Time), Facts: h.logFacts(l, r), Timeline: timeline(l, &r.SpendRow), BodyURL: h.url("/ui/logs/" + url.PathEscape(r.ID) + "/body"),
	}
	if r.Status != statusSuccess && r.ErrorCode != "" {
		out.Error = failureWords(r.HTTPStatus, r.ErrorCode)
		if r.KeyAlias != "" && r.ModelGroup != "" && r.DeploymentID == "" { // refused here, before any provider was asked
			out.CheckURL = h.keyURL(r.KeyID, "/check?model="+url.QueryEscape(r.ModelGroup)+"#check")
		}
	}
	return out, nil
}

func (h *Handlers) logFacts(l i18n.Locale, r *control.LogRow) []ui.Fact {
	facts := []ui.Fact{{Term: l.Model(), Text: orDash(r.ModelGroup), Mono: true}}
	if r.Provider != "" {
		facts = append(facts, ui.Fact{Term: l.Provider(), Text: r.Provider + " · " + r.Model})
	}
	key := ui.Fact{Term: l.APIKey(), Text: orDash(r.KeyAlias)}
	if r.KeyAlias != "" {
		key.Href = h.keyURL(r.KeyID, "")
	} else if r.KeyID != "" {
		key.Text, key.Mono = r.KeyID, true
	}
	facts = append(facts, key)
	add := func(term, text string) {
		if text != "" {
			facts = append(facts, ui.Fact{Term: term, Text: text})
		}
	}
	team := r.TeamAlias
	if team == "" {
		team = r.TeamID
	}
	add(l.Team(), team)
	who := r.UserEmail
	if who == "" {
		who = r.UserID
	}
	add(l.User(), who)
	add(l.EndUser(), r.EndUser)
	tokens := ui.Fact{Term: l.Tokens(), Text: l.InAndOut(l.Number(r.PromptTokens), l.Number(r.OutputTokens))}
	if r.Estimated {
		tokens.Note = l.CountedHere()
	}
	cost := ui.Fact{Term: l.Cost(), Text: l.Money(int64(r.Spend))}
	switch {
	case r.Unpriced:
		cost.Note = l.PriceUnknown()
	case r.Saved > 0:
		cost.Note = l.SavedAmount(l.Money(int64(r.Saved)))
	}
	facts = append(facts, tokens, cost, ui.Fact{Term: l.Latency(), Text: l.Took(r.EndedAt.Sub(r.StartedAt.Time))})
	add(l.Cache(), cacheText(l, &r.SpendRow))
	add(l.IPAddress(), r.IP)
	add(l.SessionLabel(), r.SessionID)
	if len(r.Tags) > 0 {
		facts = append(facts, ui.Fact{Term: l.Tags(), Chips: r.Tags})
	}
	return facts
}

// timeline is where a request's time went: up to its first byte, and from there to its end.
func timeline(l i18n.Locale, r *models.SpendRow) []logs.Moment {
	whole := r.EndedAt.Sub(r.StartedAt.Time)
	if whole <= 0 {
		return nil
	}
	share := func(d time.Duration) float64 { return float64(d) * 100 / float64(whole) }
	var out []logs.Moment
	var first time.Duration
	if r.FirstByteAt != nil {
		if first = r.FirstByteAt.Sub(r.StartedAt.Time); first > 0 && first < whole {
			out = append(out, logs.Moment{Label: l.StepFirstToken(), At: "+" + l.Took(first), Share: share(first)})
		} else {
			first = 0
		}
	}
	return append(out, logs.Moment{Label: l.StepEnd(), At: "+" + l.Took(whole), Start: share(first), Share: share(whole - first), Bad: r.Status == statusFailure})
}

// logBody serves GET /ui/logs/:id/body: what was kept of a request and its answer, or why nothing was.
func (h *Handlers) logBody(c *fiber.Ctx) error {
	id := pathID(c, "id")
	r, err := h.logRow(c, id)
	if err != nil {
		return err
	}
	f, err := h.view(c)
	if err != nil {
		return err
	}
	l := h.locale(c)
	body := logs.Body{Metadata: indent(r.Metadata), Missing: l.NoBodyOff()}
	words, err := h.Spend.Words(c.UserContext(), web.Actor(c), id)
	if err != nil {
		return err
	}
	body.Request, body.Answer = indent(words.Request), indent(words.Answer)
	if max(len(words.Request), len(words.Answer)) >= models.SaidMost {
		body.Cut = l.BodyCut(l.Number(models.SaidMost>>10) + " KB")
	}
	switch {
	case body.Request != "" || body.Answer != "":
		body.Missing, body.Curl = "", curlOf(h.opt.APIBase(c), &r.SpendRow, words.Request)
	case words.Missing == models.WordsOptedOut:
		body.Missing = l.NoBodyOptOut()
	case r.Status == statusFailure:
		body.Missing = l.NoBodyFailed()
	case h.opt.Policy().General.StorePrompts:
		body.Missing = l.NoBodyUnknown()
	}
	if web.IsPartial(c) {
		part := logs.BodyPart(f, body)
		return web.Render(c, part, part)
	}
	d, err := h.logDetail(c, id)
	if err != nil {
		return err
	}
	d.Body, d.BodyURL, d.Back = &body, "", h.url("/ui/logs?log="+url.QueryEscape(id))
	return web.Render(c, logs.DetailPage(f, *d), nil)
}

// indent writes JSON for people; an empty object is nothing.
func indent(text models.JSON) string {
	if len(text) == 0 || string(text) == "{}" || string(text) == "null" {
		return ""
	}
	var out bytes.Buffer
	if json.Indent(&out, text, "", "  ") != nil {
		return ""
	}
	return out.String()
}
