package portal

import (
	"encoding/json"
	"math/big"
	"net/url"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models/fault"
	modelviews "gatehouse/views/models"
	"gatehouse/views/ui"
)

func modelFields() []string {
	return []string{"model_name", "model", "api_base", "api_key", "input_cost_per_million", "output_cost_per_million", "access_groups"}
}

// modelForm serves GET /ui/deployments/new.
func (h *Handlers) modelForm(c *fiber.Ctx) error { return h.showModelForm(c, fiber.StatusOK, nil, nil) }

// deploymentForm serves GET /ui/deployments/:id.
func (h *Handlers) deploymentForm(c *fiber.Ctx) error {
	d, err := h.deploymentOf(c)
	if err != nil {
		return err
	}
	return h.showModelForm(c, fiber.StatusOK, d, nil)
}

// deploymentOf loads the deployment that the path names, if the person may change it.
func (h *Handlers) deploymentOf(c *fiber.Ctx) (*control.ModelView, error) {
	actor := web.Actor(c)
	found, err := h.Models.List(c.UserContext(), actor, pathID(c, "id"))
	if err != nil {
		return nil, err
	}
	d := &found[0]
	if err := access.Check(actor, access.ModelWrite, access.Target{ID: d.ID, Team: d.TeamID}); err != nil {
		return nil, err
	}
	if d.FromConfig {
		return nil, fault.New(fault.Invalid, h.lang(c).ConfigReadOnly())
	}
	return d, nil
}

// showModelForm draws the form; d is the deployment to change, nil for a new one.
func (h *Handlers) showModelForm(c *fiber.Ctx, status int, d *control.ModelView, sent *form) error {
	f, err := h.view(c)
	if err != nil {
		return err
	}
	l := h.locale(c)
	v := modelviews.Form{Page: !web.IsPartial(c), Action: h.url("/ui/deployments/new"), Back: h.url("/ui/models"), Key: ui.Text{Help: l.SecretNotSet()}}
	if d != nil {
		v.Edit, v.Action, v.Back = true, h.url("/ui/deployments/"+url.PathEscape(d.ID)), h.modelURL(d.ModelName)
		v.Name.Value, v.Model.Value, v.Base.Value = d.ModelName, textParam(d.Params["model"]), textParam(d.Params["api_base"])
		v.In.Value, v.Out.Value = perMillion(d.Params["input_cost_per_token"]), perMillion(d.Params["output_cost_per_token"])
		v.Groups.Value = strings.Join(listParam(d.Info["access_groups"]), ", ")
		v.Key.Help = l.KeyKept()
	}
	if sent != nil {
		help := v.Key.Help
		v.Problems = sent.problems
		v.Name, v.Model, v.Base, v.Groups = sent.text("model_name"), sent.text("model"), sent.text("api_base"), sent.text("access_groups")
		v.In, v.Out = sent.text("input_cost_per_million"), sent.text("output_cost_per_million")
		v.Key = ui.Text{Error: sent.problem("api_key"), Help: help} // a secret is never sent back
	}
	return web.RenderStatus(c, status, modelviews.FormPage(f, v), modelviews.FormPart(f, v))
}

func textParam(v any) string {
	s, _ := v.(string)
	return s
}

func listParam(v any) []string {
	switch list := v.(type) {
	case []string:
		return list
	case []any:
		var out []string
		for _, one := range list {
			out = append(out, textParam(one))
		}
		return out
	}
	return nil
}

const million = 1_000_000

// perMillion turns dollars a token, in whatever form they were written, into dollars a million tokens for the form.
func perMillion(v any) string {
	var text string
	switch n := v.(type) {
	case json.Number:
		text = n.String()
	case string:
		text = n
	case float64:
		text = strconv.FormatFloat(n, 'g', -1, 64)
	default:
		return ""
	}
	const longest = 40 // an exponent would be expanded in full
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		if e, err := strconv.Atoi(text[i+1:]); err != nil || e > longest || e < -longest {
			return ""
		}
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return ""
	}
	out := r.Mul(r, big.NewRat(million, 1)).FloatString(9)
	return strings.TrimSuffix(strings.TrimRight(out, "0"), ".")
}

// modelParams reads the form. stands is the deployment that is changed: empty fields then take a parameter out.
func (f *form) modelParams(stands *control.ModelView) (params, info map[string]json.RawMessage) {
	params, info = map[string]json.RawMessage{}, map[string]json.RawMessage{}
	put := func(to map[string]json.RawMessage, name string, v any) {
		if text, err := json.Marshal(v); err == nil {
			to[name] = text
		}
	}
	model := f.value("model")
	if provider, name, ok := strings.Cut(model, "/"); !ok || provider == "" || name == "" {
		f.fail("model", f.l.ProviderModelHelp())
	}
	put(params, "model", model)
	switch base := f.value("api_base"); {
	case base != "":
		if u, err := url.Parse(base); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			f.fail("api_base", f.l.ErrAddress())
		}
		put(params, "api_base", base)
	case stands != nil && textParam(stands.Params["api_base"]) != "":
		put(params, "api_base", nil)
	}
	if key := f.c.FormValue("api_key"); key != "" {
		put(params, "api_key", key)
	}
	for _, side := range []string{"input", "output"} {
		name := side + "_cost_per_token"
		switch price := f.amount(side + "_cost_per_million"); {
		case price.Has(): // nano-dollars a million tokens are 1e-15 dollars a token
			params[name] = json.RawMessage(strconv.FormatInt(int64(price.Value), 10) + "e-15")
		case price.Null && stands != nil && stands.Params[name] != nil:
			put(params, name, nil)
		}
	}
	var groups []string
	for g := range strings.SplitSeq(f.value("access_groups"), ",") {
		if g = strings.TrimSpace(g); g != "" {
			groups = append(groups, g)
		}
	}
	if len(groups) > 0 || stands != nil && len(listParam(stands.Info["access_groups"])) > 0 {
		put(info, "access_groups", append([]string{}, groups...))
	}
	return params, info
}

// modelCreate serves POST /ui/deployments/new.
func (h *Handlers) modelCreate(c *fiber.Ctx) error {
	f := h.readForm(c)
	name := f.value("model_name")
	if name == "" {
		f.fail("model_name", f.l.ErrModelName())
	}
	params, info := f.modelParams(nil)
	if !f.bad() {
		made, err := h.Models.New(c.UserContext(), web.Actor(c), control.ModelParams{ModelName: name, Params: params, Info: info})
		if err == nil {
			return h.done(c, h.modelURL(made.ModelName), f.l.ToastSaved())
		}
		if !f.refused(err, modelFields()...) {
			return err
		}
	}
	return h.showModelForm(c, fiber.StatusUnprocessableEntity, nil, f)
}

// deploymentUpdate serves POST /ui/deployments/:id.
func (h *Handlers) deploymentUpdate(c *fiber.Ctx) error {
	d, err := h.deploymentOf(c)
	if err != nil {
		return err
	}
	f := h.readForm(c)
	in := control.ModelUpdate{ID: d.ID}
	switch name := f.value("model_name"); name {
	case "":
		f.fail("model_name", f.l.ErrModelName())
	case d.ModelName:
	default:
		in.ModelName = control.Some(name)
	}
	in.Params, in.Info = f.modelParams(d)
	if !f.bad() {
		saved, err := h.Models.Update(c.UserContext(), web.Actor(c), in)
		if err == nil {
			return h.done(c, h.modelURL(saved.ModelName), f.l.ToastSaved())
		}
		if !f.refused(err, modelFields()...) {
			return err
		}
	}
	return h.showModelForm(c, fiber.StatusUnprocessableEntity, d, f)
}

// deploymentDeleteForm serves GET /ui/deployments/:id/delete.
func (h *Handlers) deploymentDeleteForm(c *fiber.Ctx) error {
	d, err := h.deploymentOf(c)
	if err != nil {
		return err
	}
	f, err := h.view(c)
	if err != nil {
		return err
	}
	v := ui.Ask{
		Page: !web.IsPartial(c), Title: f.T.DeleteTitle(d.ModelName), Text: f.T.DeleteDeploymentText(), Action: h.url("/ui/deployments/" + url.PathEscape(d.ID) + "/delete"),
		Back: h.modelURL(d.ModelName), Button: f.T.DeleteDeployment(), Busy: f.T.Deleting(),
	}
	return web.Render(c, modelviews.AskPage(f, v), ui.Question(f.T, v))
}

// deploymentDelete serves POST /ui/deployments/:id/delete.
func (h *Handlers) deploymentDelete(c *fiber.Ctx) error {
	d, err := h.Models.Delete(c.UserContext(), web.Actor(c), pathID(c, "id"))
	if err != nil {
		return err
	}
	return h.done(c, h.url("/ui/models"), h.lang(c).ToastDeleted(d.ModelName))
}
