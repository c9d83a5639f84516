package api

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
)

func (h *Handlers) modelOps() []Op {
	return []Op{
		op(Op{
			Method: "GET", Path: "/model/info", Aliases: []string{"/v1/model/info"}, Action: access.ModelRead, Tag: "models",
			Doc: "The deployments that the caller may see, without credentials.",
		}, h.modelInfo),
		op(Op{Method: "GET", Path: "/v2/model/info", Action: access.ModelRead, Tag: "models", Doc: "The same in pages.", Example: "page=1&size=50"}, h.modelPages),
		op(Op{Method: "GET", Path: "/model_group/info", Action: access.ModelRead, Tag: "models", Doc: "The same by public name."}, h.modelGroups),
		op(Op{
			Method: "POST", Path: "/model/new", Action: access.ModelWrite, Tag: "models", Doc: "Store a model; it serves calls at once on every replica.",
			Example: `{"model_name":"example-model","litellm_params":{"model":"openai/gpt-4o","api_key":"upstream-secret"},"model_info":{"access_groups":["beta"]}}`,
		}, h.modelNew),
		op(Op{
			Method: "POST", Path: "/model/update", Action: access.ModelWrite, Tag: "models", Doc: "Merge into a stored model.",
			Example: `{"model_info":{"id":"{model}"},"litellm_params":{"rpm":100}}`,
		}, h.modelUpdate),
		op(Op{
			Method: "PATCH", Path: "/model/:model_id/update", Action: access.ModelWrite, Tag: "models", Doc: "The same, with the id in the path.",
			Example: `{"litellm_params":{"rpm":90}}`,
		}, h.modelPatch),
		op(Op{Method: "POST", Path: "/model/delete", Action: access.ModelWrite, Tag: "models", Doc: "Remove a stored model.", Example: `{"id":"{model}"}`}, h.modelDelete),
		op(Op{
			Method: "POST", Path: "/access_group/new", Action: access.AccessGroupWrite, Tag: "models", Doc: "Name a set of models.",
			Example: `{"access_group":"small","model_names":["demo"]}`,
		}, h.groupNew),
		op(Op{Method: "GET", Path: "/access_group/list", Action: access.AccessGroupRead, Tag: "models", Doc: "The sets kept in the database."}, h.groupList),
		op(Op{Method: "GET", Path: "/access_group/:name/info", Action: access.AccessGroupRead, Tag: "models", Doc: "One set."}, h.groupInfo),
		op(Op{
			Method: "PUT", Path: "/access_group/:name/update", Action: access.AccessGroupWrite, Tag: "models", Doc: "Change a set.",
			Example: `{"model_names":["demo"]}`,
		}, h.groupUpdate),
		op(Op{Method: "DELETE", Path: "/access_group/:name/delete", Action: access.AccessGroupWrite, Tag: "models", Doc: "Remove a set.", Example: `{}`}, h.groupDelete),
	}
}

// modelRow is a deployment without credentials.
type modelRow struct {
	ModelName string         `json:"model_name"`
	Params    map[string]any `json:"litellm_params"`
	Info      map[string]any `json:"model_info"`
	ModelID   string         `json:"model_id"`
	auditRow
}

// known is what the price lists say of a model, with its own model_info over it.
func (h *Handlers) known(v *control.ModelView) map[string]any {
	info := map[string]any{}
	if h.Known != nil {
		info = h.Known(v)
	}
	maps.Copy(info, v.Info)
	return info
}

func modelOf(v *control.ModelView) modelRow {
	return modelRow{
		ModelName: v.ModelName, Params: v.Params, Info: v.Info, ModelID: v.ID,
		auditRow: auditRow{CreatedAt: v.CreatedAt, CreatedBy: v.CreatedBy, UpdatedAt: v.UpdatedAt, UpdatedBy: v.UpdatedBy},
	}
}

func oneModel(v *control.ModelView, err error) (modelRow, error) {
	if err != nil {
		return modelRow{}, err
	}
	return modelOf(v), nil
}

type modelQuery struct {
	ID     string `query:"litellm_model_id"`
	Name   string `query:"model"`
	Search string `query:"search"`
	Page   int    `query:"page"`
	Size   int    `query:"size"`
}

type modelsAnswer struct {
	Data []modelRow `json:"data"`
}

func (h *Handlers) modelRows(c *fiber.Ctx, in modelQuery) ([]modelRow, error) {
	views, err := h.Models.List(c.UserContext(), web.Actor(c), in.ID)
	if err != nil {
		return nil, err
	}
	rows := make([]modelRow, 0, len(views))
	for i := range views {
		v := &views[i]
		if in.Name != "" && v.ModelName != in.Name || !strings.Contains(strings.ToLower(v.ModelName), strings.ToLower(in.Search)) {
			continue
		}
		row := modelOf(v)
		row.Info = h.known(v)
		rows = append(rows, row)
	}
	return rows, nil
}

func (h *Handlers) modelInfo(c *fiber.Ctx, in modelQuery) (modelsAnswer, error) {
	rows, err := h.modelRows(c, in)
	return modelsAnswer{Data: rows}, err
}

type modelPagesAnswer struct {
	Data       []modelRow `json:"data"`
	Total      int        `json:"total_count"`
	Page       int        `json:"current_page"`
	TotalPages int        `json:"total_pages"`
	Size       int        `json:"size"`
}

func (h *Handlers) modelPages(c *fiber.Ctx, in modelQuery) (modelPagesAnswer, error) {
	rows, err := h.modelRows(c, in)
	if err != nil {
		return modelPagesAnswer{}, err
	}
	slices.SortStableFunc(rows, func(a, b modelRow) int { return cmp.Compare(a.ModelName, b.ModelName) })
	page, size := max(in.Page, 1), min(max(in.Size, 0), 500)
	if size == 0 {
		size = 50
	}
	p := control.Page[modelRow]{Total: len(rows), Page: page, Size: size}
	from := min((page-1)*size, len(rows))
	return modelPagesAnswer{Data: rows[from:min(from+size, len(rows))], Total: p.Total, Page: page, TotalPages: p.Pages(), Size: size}, nil
}

// groupRow is a public model with what its deployments have in common.
type groupRow struct {
	Group         string   `json:"model_group"`
	Providers     []string `json:"providers"`
	AccessGroups  []string `json:"access_groups"`
	Mode          string   `json:"mode"`
	MaxInput      any      `json:"max_input_tokens"`
	MaxOutput     any      `json:"max_output_tokens"`
	InputCost     any      `json:"input_cost_per_token"`
	OutputCost    any      `json:"output_cost_per_token"`
	TPM           any      `json:"tpm"`
	RPM           any      `json:"rpm"`
	Vision        bool     `json:"supports_vision"`
	Functions     bool     `json:"supports_function_calling"`
	Parallel      bool     `json:"supports_parallel_function_calling"`
	OpenAIParams  []string `json:"supported_openai_params"`
	WebSearch     bool     `json:"supports_web_search"`
	Reasoning     bool     `json:"supports_reasoning"`
	ConfiguredIDs []string `json:"deployment_ids"`
}

type groupsAnswer struct {
	Data []groupRow `json:"data"`
}

// openAIParams are the request fields that every OpenAI-wire deployment takes.
var openAIParams = []string{
	"frequency_penalty", "logit_bias", "logprobs", "max_completion_tokens", "max_tokens", "n", "parallel_tool_calls", "presence_penalty",
	"reasoning_effort", "response_format", "seed", "stop", "stream", "stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user",
}

type groupQuery struct {
	Group string `query:"model_group"`
}

func (h *Handlers) modelGroups(c *fiber.Ctx, in groupQuery) (groupsAnswer, error) {
	groups, err := h.Models.Groups(c.UserContext(), web.Actor(c))
	if err != nil {
		return groupsAnswer{}, err
	}
	out := groupsAnswer{Data: []groupRow{}}
	for i := range groups {
		g := &groups[i]
		if in.Group != "" && g.Name != in.Group {
			continue
		}
		row := groupRow{Group: g.Name, Providers: orEmpty(g.Providers), AccessGroups: orEmpty(g.AccessGroups), Mode: g.Mode, OpenAIParams: openAIParams, ConfiguredIDs: []string{}}
		for _, d := range g.Deployments {
			row.ConfiguredIDs = append(row.ConfiguredIDs, d.ID)
			row.take(d.Params, h.known(&d))
		}
		out.Data = append(out.Data, row)
	}
	return out, nil
}

// take fills what the row does not know yet from one deployment.
func (r *groupRow) take(params, info map[string]any) {
	first := func(dst *any, name string) {
		if *dst == nil {
			*dst = info[name]
		}
		if *dst == nil {
			*dst = params[name]
		}
	}
	first(&r.MaxInput, "max_input_tokens")
	first(&r.MaxOutput, "max_output_tokens")
	first(&r.InputCost, "input_cost_per_token")
	first(&r.OutputCost, "output_cost_per_token")
	first(&r.TPM, "tpm")
	first(&r.RPM, "rpm")
	has := func(name string) bool { v, _ := info[name].(bool); return v }
	r.Vision = r.Vision || has("supports_vision")
	r.Functions = r.Functions || has("supports_function_calling")
	r.Parallel = r.Parallel || has("supports_parallel_function_calling")
	r.WebSearch = r.WebSearch || has("supports_web_search")
	r.Reasoning = r.Reasoning || has("supports_reasoning")
}

func (h *Handlers) modelNew(c *fiber.Ctx, in control.ModelParams) (modelRow, error) {
	if in.ModelName == "" {
		return modelRow{}, fault.Missing("model_name")
	}
	if in.Params == nil {
		return modelRow{}, fault.Missing("litellm_params")
	}
	return oneModel(h.Models.New(c.UserContext(), web.Actor(c), in))
}

func (h *Handlers) modelUpdate(c *fiber.Ctx, in control.ModelUpdate) (modelRow, error) {
	return oneModel(h.Models.Update(c.UserContext(), web.Actor(c), in))
}

type modelPatch struct {
	Path string `path:"model_id"`
	control.ModelUpdate
}

func (h *Handlers) modelPatch(c *fiber.Ctx, in modelPatch) (modelRow, error) {
	in.ModelUpdate.ID = in.Path
	return h.modelUpdate(c, in.ModelUpdate)
}

type modelRef struct {
	ID string `json:"id" required:"true"`
}

type modelDeleted struct {
	Message string   `json:"message"`
	Model   modelRow `json:"model"`
}

func (h *Handlers) modelDelete(c *fiber.Ctx, in modelRef) (modelDeleted, error) {
	if in.ID == "" {
		return modelDeleted{}, fault.Missing("id")
	}
	row, err := oneModel(h.Models.Delete(c.UserContext(), web.Actor(c), in.ID))
	return modelDeleted{Message: "Model: " + in.ID + " deleted successfully", Model: row}, err
}

// accessGroupRow is a named set of models.
type accessGroupRow struct {
	Name   string         `json:"access_group"`
	Models models.Strings `json:"model_names"`
	auditRow
}

func oneGroup(g *models.AccessGroup, err error) (accessGroupRow, error) {
	if err != nil {
		return accessGroupRow{}, err
	}
	return accessGroupRow{Name: g.Name, Models: g.Models, auditRow: auditOf(g.Audit)}, nil
}

func (h *Handlers) groupNew(c *fiber.Ctx, in control.AccessGroupInput) (accessGroupRow, error) {
	if in.Name == "" {
		return accessGroupRow{}, fault.Missing("access_group")
	}
	return oneGroup(h.Models.SetAccessGroup(c.UserContext(), web.Actor(c), in, true))
}

type groupListAnswer struct {
	Groups []accessGroupRow `json:"access_groups"`
}

func (h *Handlers) groupList(c *fiber.Ctx, _ none) (groupListAnswer, error) {
	groups, err := h.Models.AccessGroups(c.UserContext(), web.Actor(c))
	if err != nil {
		return groupListAnswer{}, err
	}
	out := groupListAnswer{Groups: make([]accessGroupRow, len(groups))}
	for i := range groups {
		out.Groups[i], _ = oneGroup(&groups[i], nil)
	}
	return out, nil
}

func (h *Handlers) groupInfo(c *fiber.Ctx, in groupPath) (accessGroupRow, error) {
	groups, err := h.Models.AccessGroups(c.UserContext(), web.Actor(c))
	if err != nil {
		return accessGroupRow{}, err
	}
	i := slices.IndexFunc(groups, func(g models.AccessGroup) bool { return g.Name == in.Name })
	if i < 0 {
		return accessGroupRow{}, access.NotFound("access group", in.Name)
	}
	return oneGroup(&groups[i], nil)
}

type groupUpdate struct {
	Path string `path:"name"`
	control.AccessGroupInput
}

func (h *Handlers) groupUpdate(c *fiber.Ctx, in groupUpdate) (accessGroupRow, error) {
	in.Name = in.Path
	return oneGroup(h.Models.SetAccessGroup(c.UserContext(), web.Actor(c), in.AccessGroupInput, false))
}

type groupPath struct {
	Name string `path:"name"`
}

type groupDeleted struct {
	Name    string `json:"access_group"`
	Message string `json:"message"`
}

func (h *Handlers) groupDelete(c *fiber.Ctx, in groupPath) (groupDeleted, error) {
	err := h.Models.DeleteAccessGroup(c.UserContext(), web.Actor(c), in.Name)
	return groupDeleted{Name: in.Name, Message: "deleted"}, err
}
