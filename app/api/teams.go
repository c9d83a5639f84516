package api

import (
	"bytes"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
)

func (h *Handlers) teamOps() []Op {
	return []Op{
		op(Op{
			Method: "POST", Path: "/team/new", Action: access.TeamNew, Tag: "teams", Doc: "Make a team.",
			Example: `{"team_alias":"checkout","models":["demo"],"max_budget":100}`,
		}, h.teamNew),
		op(Op{
			Method: "POST", Path: "/team/update", Action: access.TeamUpdate, Tag: "teams", Doc: "Change a team.", Detail: true,
			Example: `{"team_id":"{team}","max_budget":200}`,
		}, h.teamUpdate),
		op(Op{
			Method: "POST", Path: "/team/delete", Action: access.TeamDelete, Tag: "teams", Doc: "Delete teams with their keys, all or none.", Detail: true,
			Example: `{"team_ids":["{team}"]}`,
		}, h.teamDelete),
		op(Op{Method: "GET", Path: "/team/info", Action: access.TeamInfo, Tag: "teams", Doc: "A team with members and keys.", Example: "team_id={team}"}, h.teamInfo),
		op(Op{Method: "GET", Path: "/team/list", Action: access.TeamList, Tag: "teams", Doc: "Every team that the caller sees.", Detail: true}, h.teamList),
		op(Op{Method: "GET", Path: "/v2/team/list", Action: access.TeamList, Tag: "teams", Doc: "The same in pages.", Example: "page=1&page_size=10"}, h.teamPages),
		op(Op{
			Method: "POST", Path: "/team/block", Action: access.TeamBlock, Tag: "teams", Doc: "Stop every key of a team.", Detail: true,
			Example: `{"team_id":"{team}"}`,
		}, h.teamBlock),
		op(Op{
			Method: "POST", Path: "/team/unblock", Action: access.TeamUnblock, Tag: "teams", Doc: "Let them work again.", Detail: true,
			Example: `{"team_id":"{team}"}`,
		}, h.teamUnblock),
		op(Op{Method: "GET", Path: "/team/available", Action: access.TeamAvailable, Tag: "teams", Doc: "The teams that the caller may join.", Detail: true}, h.teamAvailable),
		op(Op{
			Method: "POST", Path: "/team/member_add", Action: access.MemberAdd, Tag: "teams", Doc: "Put people into a team; unknown ones are made.", Detail: true,
			Example: `{"team_id":"{team}","member":{"role":"user","user_email":"bo@example.org"},"max_budget_in_team":5}`,
		}, h.memberAdd),
		op(Op{
			Method: "POST", Path: "/team/bulk_member_add", Action: access.MemberBulkAdd, Tag: "teams", Doc: "Put up to 500 people into a team.", Detail: true,
			Example: `{"team_id":"{team}","members":[{"role":"user","user_email":"cy@example.org"}]}`,
		}, h.memberBulkAdd),
		op(Op{
			Method: "POST", Path: "/team/member_update", Action: access.MemberUpdate, Tag: "teams", Doc: "Change a person's place.", Detail: true,
			Example: `{"team_id":"{team}","user_email":"bo@example.org","max_budget_in_team":8}`,
		}, h.memberUpdate),
		op(Op{
			Method: "POST", Path: "/team/member_delete", Action: access.MemberDelete, Tag: "teams", Doc: "Take a person out of a team.", Detail: true,
			Example: `{"team_id":"{team}","user_email":"bo@example.org"}`,
		}, h.memberDelete),
		op(Op{
			Method: "GET", Path: "/team/permissions_list", Action: access.TeamPermissions, Tag: "teams", Doc: "What plain members may do with the team's keys.",
			Example: "team_id={team}",
		}, h.teamPermissions),
		op(Op{
			Method: "POST", Path: "/team/permissions_update", Action: access.TeamPermit, Tag: "teams", Doc: "Change that.",
			Example: `{"team_id":"{team}","team_member_permissions":["/key/info","/key/generate"]}`,
		}, h.teamPermit),
		op(Op{
			Method: "POST", Path: "/team/model/add", Action: access.TeamModels, Tag: "teams", Doc: "Add to a team's models.", Detail: true,
			Example: `{"team_id":"{team}","models":["gpt-4o"]}`,
		}, h.teamModelAdd),
		op(Op{
			Method: "POST", Path: "/team/model/delete", Action: access.TeamModels, Tag: "teams", Doc: "Take from a team's models.", Detail: true,
			Example: `{"team_id":"{team}","models":["gpt-4o"]}`,
		}, h.teamModelDelete),
		op(Op{Method: "GET", Path: "/team/filter/ui", Action: access.TeamFilter, Tag: "teams", Doc: "A short list for pickers.", Example: "team_alias=check"}, h.teamFilter),
		op(Op{
			Method: "POST", Path: "/team/:team_id/callback", Action: access.TeamCallback, Tag: "teams", Doc: "Keep a callback setting; it has no effect.",
			Example: `{"callback_name":"langfuse"}`,
		}, h.teamCallback),
		op(Op{
			Method: "POST", Path: "/team/:team_id/disable_logging", Action: access.TeamCallback, Tag: "teams", Doc: "Accepted; there is no callback to stop.",
			Example: `{}`,
		}, h.teamCallback),
	}
}

func (h *Handlers) teamNew(c *fiber.Ctx, in control.NewTeam) (teamRow, error) {
	return oneTeam(h.Teams.New(c.UserContext(), web.Actor(c), in))
}

func oneTeam(v *control.TeamView, err error) (teamRow, error) {
	if err != nil {
		return teamRow{}, err
	}
	return teamOf(v), nil
}

type teamUpdateAnswer struct {
	TeamID string  `json:"team_id"`
	Data   teamRow `json:"data"`
}

func (h *Handlers) teamUpdate(c *fiber.Ctx, in control.TeamUpdate) (teamUpdateAnswer, error) {
	if in.ID == "" {
		return teamUpdateAnswer{}, fault.Missing("team_id")
	}
	v, err := h.Teams.Update(c.UserContext(), web.Actor(c), in)
	if err != nil {
		return teamUpdateAnswer{}, err
	}
	return teamUpdateAnswer{TeamID: in.ID, Data: teamOf(v)}, nil
}

type teamDelete struct {
	IDs []string `json:"team_ids" required:"true"`
}

type teamDeleteAnswer struct {
	Deleted []string `json:"deleted_teams"`
}

func (h *Handlers) teamDelete(c *fiber.Ctx, in teamDelete) (teamDeleteAnswer, error) {
	if len(in.IDs) == 0 {
		return teamDeleteAnswer{}, fault.Missing("team_ids")
	}
	ids, err := h.Teams.Delete(c.UserContext(), web.Actor(c), in.IDs)
	return teamDeleteAnswer{Deleted: ids}, err
}

type teamQueryRef struct {
	ID string `query:"team_id"`
}

type teamInfoAnswer struct {
	TeamID      string          `json:"team_id"`
	Info        teamRow         `json:"team_info"`
	Keys        []keyRow        `json:"keys"`
	Memberships []membershipRow `json:"team_memberships"`
}

func (h *Handlers) teamInfo(c *fiber.Ctx, in teamQueryRef) (teamInfoAnswer, error) {
	if in.ID == "" {
		return teamInfoAnswer{}, missingQuery("team_id")
	}
	v, err := h.Teams.Info(c.UserContext(), web.Actor(c), in.ID)
	if err != nil {
		return teamInfoAnswer{}, err
	}
	out := teamInfoAnswer{TeamID: in.ID, Info: teamOf(&v.TeamView), Keys: make([]keyRow, len(v.Keys)), Memberships: membershipsOf(v.Members)}
	for i := range v.Keys {
		out.Keys[i] = keyOf(&v.Keys[i])
	}
	return out, nil
}

// missingQuery is the 422 for a query parameter that must be there.
func missingQuery(name string) error {
	return &fault.Fault{
		Kind: fault.Unprocessable, Param: name, Message: "field required: " + name,
		Issues: []fault.Issue{{Type: "missing", Loc: []string{"query", name}, Msg: "Field required"}},
	}
}

// teamListRow is a team with its members' places and its keys.
type teamListRow struct {
	teamRow
	Memberships []membershipRow `json:"team_memberships"`
	Keys        []keyRow        `json:"keys"`
}

// mustNameSelf is LiteLLM's wire: everybody but admins has to say that they mean their own teams.
func mustNameSelf(who access.Actor, in control.TeamQuery) error {
	if in.UserID != "" || who.SeesAll() {
		return nil
	}
	return access.Check(who, access.TeamList, access.Target{})
}

func (h *Handlers) teamList(c *fiber.Ctx, in control.TeamQuery) ([]teamListRow, error) {
	if err := mustNameSelf(web.Actor(c), in); err != nil {
		return nil, err
	}
	views, err := h.Teams.List(c.UserContext(), web.Actor(c), in)
	if err != nil {
		return nil, err
	}
	rows := make([]teamListRow, len(views))
	for i := range views {
		rows[i] = teamListRow{teamRow: teamOf(&views[i].TeamView), Memberships: membershipsOf(views[i].Members), Keys: keysWithToken(views[i].Keys)}
	}
	return rows, nil
}

type teamPagesAnswer struct {
	Teams []teamRow `json:"teams"`
	pageAnswer
}

func (h *Handlers) teamPages(c *fiber.Ctx, in control.TeamQuery) (teamPagesAnswer, error) {
	if err := mustNameSelf(web.Actor(c), in); err != nil {
		return teamPagesAnswer{}, err
	}
	page, err := h.Teams.Pages(c.UserContext(), web.Actor(c), in)
	if err != nil {
		return teamPagesAnswer{}, err
	}
	return teamPagesAnswer{Teams: teamsOf(page.Items), pageAnswer: pageOf(page)}, nil
}

func teamsOf(views []control.TeamView) []teamRow {
	rows := make([]teamRow, len(views))
	for i := range views {
		rows[i] = teamOf(&views[i])
	}
	return rows
}

type teamRef struct {
	ID string `json:"team_id" required:"true"`
}

func (h *Handlers) teamBlock(c *fiber.Ctx, in teamRef) (teamRow, error) {
	if in.ID == "" {
		return teamRow{}, fault.Missing("team_id")
	}
	return oneTeam(h.Teams.Block(c.UserContext(), web.Actor(c), in.ID))
}

func (h *Handlers) teamUnblock(c *fiber.Ctx, in teamRef) (teamRow, error) {
	if in.ID == "" {
		return teamRow{}, fault.Missing("team_id")
	}
	return oneTeam(h.Teams.Unblock(c.UserContext(), web.Actor(c), in.ID))
}

func (h *Handlers) teamAvailable(c *fiber.Ctx, _ none) ([]teamRow, error) {
	views, err := h.Teams.Available(c.UserContext(), web.Actor(c))
	if err != nil {
		return nil, err
	}
	return teamsOf(views), nil
}

// memberChange is the team with those whose place changed.
type memberChange struct {
	teamRow
	Users   []userRow       `json:"updated_users"`
	Updated []membershipRow `json:"updated_team_memberships"`
}

func changeOf(m *control.MemberChange, err error) (memberChange, error) {
	if err != nil {
		return memberChange{}, err
	}
	out := memberChange{teamRow: teamOf(&m.Team), Users: make([]userRow, len(m.Users)), Updated: membershipsOf(m.Members)}
	for i := range m.Users {
		out.Users[i] = userOf(&m.Users[i])
	}
	return out, nil
}

func (h *Handlers) memberAdd(c *fiber.Ctx, in control.AddMembers) (memberChange, error) {
	if in.TeamID == "" {
		return memberChange{}, fault.Missing("team_id")
	}
	if len(in.Members) == 0 {
		return memberChange{}, fault.Missing("member")
	}
	return changeOf(h.Teams.AddMembers(c.UserContext(), web.Actor(c), in))
}

func (h *Handlers) memberBulkAdd(c *fiber.Ctx, in control.BulkAddMembers) (memberChange, error) {
	if in.TeamID == "" {
		return memberChange{}, fault.Missing("team_id")
	}
	return changeOf(h.Teams.BulkAddMembers(c.UserContext(), web.Actor(c), in))
}

type memberUpdateAnswer struct {
	TeamID    string          `json:"team_id"`
	UserID    string          `json:"user_id"`
	Email     *string         `json:"user_email"`
	Role      models.TeamRole `json:"role"`
	MaxBudget *models.Nano    `json:"max_budget_in_team"`
	TPMLimit  *int64          `json:"tpm_limit"`
	RPMLimit  *int64          `json:"rpm_limit"`
}

func (h *Handlers) memberUpdate(c *fiber.Ctx, in control.UpdateMember) (memberUpdateAnswer, error) {
	if in.TeamID == "" {
		return memberUpdateAnswer{}, fault.Missing("team_id")
	}
	m, err := h.Teams.UpdateMember(c.UserContext(), web.Actor(c), in)
	if err != nil {
		return memberUpdateAnswer{}, err
	}
	out := memberUpdateAnswer{TeamID: m.TeamID, UserID: m.UserID, Email: text(m.Email), Role: m.Role}
	if m.Budget != nil {
		out.MaxBudget, out.TPMLimit, out.RPMLimit = m.Budget.MaxBudget, m.Budget.TPMLimit, m.Budget.RPMLimit
	}
	return out, nil
}

func (h *Handlers) memberDelete(c *fiber.Ctx, in control.RemoveMember) (teamRow, error) {
	if in.TeamID == "" {
		return teamRow{}, fault.Missing("team_id")
	}
	return oneTeam(h.Teams.RemoveMember(c.UserContext(), web.Actor(c), in))
}

type permissionsAnswer struct {
	TeamID    string   `json:"team_id"`
	Granted   []string `json:"team_member_permissions"`
	Available []string `json:"all_available_permissions"`
}

func permissionsOf(p *control.TeamPermissions, err error) (permissionsAnswer, error) {
	if err != nil {
		return permissionsAnswer{}, err
	}
	return permissionsAnswer{TeamID: p.TeamID, Granted: orEmpty(p.Granted), Available: orEmpty(p.Available)}, nil
}

func (h *Handlers) teamPermissions(c *fiber.Ctx, in teamQueryRef) (permissionsAnswer, error) {
	if in.ID == "" {
		return permissionsAnswer{}, missingQuery("team_id")
	}
	return permissionsOf(h.Teams.Permissions(c.UserContext(), web.Actor(c), in.ID))
}

type permitInput struct {
	ID     string   `json:"team_id" required:"true"`
	Routes []string `json:"team_member_permissions" required:"true"`
}

func (h *Handlers) teamPermit(c *fiber.Ctx, in permitInput) (permissionsAnswer, error) {
	if in.ID == "" || in.Routes == nil {
		return permissionsAnswer{}, fault.Missing("team_id", "team_member_permissions")
	}
	return permissionsOf(h.Teams.SetPermissions(c.UserContext(), web.Actor(c), in.ID, in.Routes))
}

type teamModels struct {
	ID     string   `json:"team_id" required:"true"`
	Models []string `json:"models" required:"true"`
}

func (h *Handlers) teamModelAdd(c *fiber.Ctx, in teamModels) (teamRow, error) {
	if in.ID == "" {
		return teamRow{}, fault.Missing("team_id")
	}
	return oneTeam(h.Teams.AddModels(c.UserContext(), web.Actor(c), in.ID, in.Models))
}

func (h *Handlers) teamModelDelete(c *fiber.Ctx, in teamModels) (teamRow, error) {
	if in.ID == "" {
		return teamRow{}, fault.Missing("team_id")
	}
	return oneTeam(h.Teams.RemoveModels(c.UserContext(), web.Actor(c), in.ID, in.Models))
}

func (h *Handlers) teamFilter(c *fiber.Ctx, in control.TeamQuery) ([]teamRow, error) {
	views, err := h.Teams.Filter(c.UserContext(), web.Actor(c), in)
	if err != nil {
		return nil, err
	}
	return teamsOf(views), nil
}

// callbackSetting is whatever LiteLLM's callbacks take; it is kept as it came.
type callbackSetting struct {
	ID string `path:"team_id"`
}

func (callbackSetting) schema(*schemas) object {
	return object{"type": "object", "additionalProperties": true}
}

func (h *Handlers) teamCallback(c *fiber.Ctx, in callbackSetting) (teamRow, error) {
	setting := models.JSON(bytes.Clone(c.Body()))
	if len(setting) == 0 {
		setting = models.JSON("{}")
	}
	return oneTeam(h.Teams.SetCallback(c.UserContext(), web.Actor(c), in.ID, setting))
}
