package api

import (
	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
)

func (h *Handlers) orgOps() []Op {
	return []Op{
		op(Op{
			Method: "POST", Path: "/organization/new", Action: access.OrgNew, Tag: "organizations", Doc: "Make an organization with its budget.",
			Example: `{"organization_alias":"acme","models":[],"max_budget":1000}`,
		}, h.orgNew),
		op(Op{
			Method: "PATCH", Path: "/organization/update", Action: access.OrgUpdate, Tag: "organizations", Doc: "Change an organization.",
			Example: `{"organization_id":"{organization}","max_budget":2000}`,
		}, h.orgUpdate),
		op(Op{
			Method: "POST", Path: "/organization/update", Action: access.OrgUpdate, Tag: "organizations", Doc: "The same as PATCH, for clients that send POST.",
			Example: `{"organization_id":"{organization}","max_budget":2000}`,
		}, h.orgUpdate),
		op(Op{
			Method: "DELETE", Path: "/organization/delete", Action: access.OrgDelete, Tag: "organizations", Doc: "Delete organizations, all or none.",
			Example: `{"organization_ids":["{organization}"]}`,
		}, h.orgDelete),
		op(Op{Method: "GET", Path: "/organization/list", Action: access.OrgList, Tag: "organizations", Doc: "Every organization that the caller sees."}, h.orgList),
		op(Op{
			Method: "GET", Path: "/organization/info", Action: access.OrgInfo, Tag: "organizations", Doc: "One organization.",
			Example: "organization_id={organization}",
		}, h.orgInfo),
		op(Op{
			Method: "POST", Path: "/organization/info", Action: access.OrgInfo, Tag: "organizations", Doc: "Several organizations (older form).",
			Example: `{"organizations":["{organization}"]}`,
		}, h.orgInfoMany),
		op(Op{
			Method: "POST", Path: "/organization/member_add", Action: access.OrgMember, Tag: "organizations", Doc: "Put people into an organization.",
			Example: `{"organization_id":"{organization}","member":{"role":"internal_user","user_email":"di@example.org"},"max_budget_in_organization":10}`,
		}, h.orgMemberAdd),
		op(Op{
			Method: "PATCH", Path: "/organization/member_update", Action: access.OrgMember, Tag: "organizations", Doc: "Change a person's place.",
			Example: `{"organization_id":"{organization}","user_email":"di@example.org","role":"org_admin"}`,
		}, h.orgMemberUpdate),
		op(Op{
			Method: "POST", Path: "/organization/member_update", Action: access.OrgMember, Tag: "organizations", Doc: "The same as PATCH, for clients that send POST.",
			Example: `{"organization_id":"{organization}","user_email":"di@example.org","role":"org_admin"}`,
		}, h.orgMemberUpdate),
		op(Op{
			Method: "DELETE", Path: "/organization/member_delete", Action: access.OrgMember, Tag: "organizations", Doc: "Take a person out.",
			Example: `{"organization_id":"{organization}","user_email":"di@example.org"}`,
		}, h.orgMemberDelete),
	}
}

// orgRow is an organization with its budget.
type orgRow struct {
	OrgID    string         `json:"organization_id"`
	Alias    *string        `json:"organization_alias"`
	BudgetID string         `json:"budget_id"`
	Models   models.Strings `json:"models"`
	Spend    models.Nano    `json:"spend"`
	Metadata models.JSON    `json:"metadata"`
	Budget   *budgetRow     `json:"litellm_budget_table"`
	Members  []orgMemberRow `json:"members"`
	Teams    []string       `json:"teams"`
	auditRow
}

type orgMemberRow struct {
	UserID   string      `json:"user_id"`
	OrgID    string      `json:"organization_id"`
	Email    *string     `json:"user_email"`
	Role     models.Role `json:"user_role"`
	BudgetID *string     `json:"budget_id"`
	Budget   *budgetRow  `json:"litellm_budget_table"`
}

func orgMemberOf(m *control.OrgMemberView) orgMemberRow {
	return orgMemberRow{UserID: m.UserID, OrgID: m.OrgID, Email: text(m.Email), Role: m.Role, BudgetID: m.BudgetID, Budget: budgetOf(m.Budget, nil)}
}

func orgOf(v *control.OrgView) orgRow {
	row := orgRow{
		OrgID: v.Org.ID, Alias: v.Org.Alias, BudgetID: v.Org.BudgetID, Models: v.Org.Models, Spend: v.Spend, Metadata: v.Org.Metadata,
		Budget: budgetOf(v.Budget, v.ResetsAt), Members: make([]orgMemberRow, len(v.Members)), Teams: orEmpty(v.Teams), auditRow: auditOf(v.Org.Audit),
	}
	for i := range v.Members {
		row.Members[i] = orgMemberOf(&v.Members[i])
	}
	return row
}

func oneOrg(v *control.OrgView, err error) (orgRow, error) {
	if err != nil {
		return orgRow{}, err
	}
	return orgOf(v), nil
}

func (h *Handlers) orgNew(c *fiber.Ctx, in control.NewOrg) (orgRow, error) {
	return oneOrg(h.Orgs.New(c.UserContext(), web.Actor(c), in))
}

func (h *Handlers) orgUpdate(c *fiber.Ctx, in control.OrgUpdate) (orgRow, error) {
	if in.ID == "" {
		return orgRow{}, fault.Missing("organization_id")
	}
	return oneOrg(h.Orgs.Update(c.UserContext(), web.Actor(c), in))
}

type orgDelete struct {
	IDs []string `json:"organization_ids" required:"true"`
}

func orgsOf(views []control.OrgView, err error) ([]orgRow, error) {
	if err != nil {
		return nil, err
	}
	rows := make([]orgRow, len(views))
	for i := range views {
		rows[i] = orgOf(&views[i])
	}
	return rows, nil
}

func (h *Handlers) orgDelete(c *fiber.Ctx, in orgDelete) ([]orgRow, error) {
	if len(in.IDs) == 0 {
		return nil, fault.Missing("organization_ids")
	}
	return orgsOf(h.Orgs.Delete(c.UserContext(), web.Actor(c), in.IDs))
}

func (h *Handlers) orgList(c *fiber.Ctx, _ none) ([]orgRow, error) {
	return orgsOf(h.Orgs.List(c.UserContext(), web.Actor(c)))
}

type orgRef struct {
	ID string `query:"organization_id"`
}

func (h *Handlers) orgInfo(c *fiber.Ctx, in orgRef) (orgRow, error) {
	if in.ID == "" {
		return orgRow{}, missingQuery("organization_id")
	}
	return oneOrg(h.Orgs.Info(c.UserContext(), web.Actor(c), in.ID))
}

type orgRefs struct {
	IDs []string `json:"organizations" required:"true"`
}

func (h *Handlers) orgInfoMany(c *fiber.Ctx, in orgRefs) ([]orgRow, error) {
	if len(in.IDs) == 0 {
		return nil, fault.Missing("organizations")
	}
	rows := make([]orgRow, 0, len(in.IDs))
	for _, id := range in.IDs {
		row, err := oneOrg(h.Orgs.Info(c.UserContext(), web.Actor(c), id))
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

type orgMembersAnswer struct {
	OrgID   string         `json:"organization_id"`
	Users   []userRow      `json:"updated_users"`
	Members []orgMemberRow `json:"updated_organization_memberships"`
}

func (h *Handlers) orgMemberAdd(c *fiber.Ctx, in control.OrgMember) (orgMembersAnswer, error) {
	if in.OrgID == "" {
		return orgMembersAnswer{}, fault.Missing("organization_id")
	}
	org, users, err := h.Orgs.AddMembers(c.UserContext(), web.Actor(c), in)
	if err != nil {
		return orgMembersAnswer{}, err
	}
	out := orgMembersAnswer{OrgID: in.OrgID, Users: make([]userRow, len(users)), Members: []orgMemberRow{}}
	added := map[string]bool{}
	for i := range users {
		out.Users[i] = userOf(&users[i])
		added[users[i].User.ID] = true
	}
	for i := range org.Members {
		if added[org.Members[i].UserID] {
			out.Members = append(out.Members, orgMemberOf(&org.Members[i]))
		}
	}
	return out, nil
}

func (h *Handlers) orgMemberUpdate(c *fiber.Ctx, in control.OrgMember) (orgMemberRow, error) {
	m, err := h.Orgs.UpdateMember(c.UserContext(), web.Actor(c), in)
	if err != nil {
		return orgMemberRow{}, err
	}
	return orgMemberOf(m), nil
}

type orgMemberGone struct {
	OrgID  string  `json:"organization_id"`
	UserID *string `json:"user_id"`
	Email  *string `json:"user_email"`
}

func (h *Handlers) orgMemberDelete(c *fiber.Ctx, in control.OrgMember) (orgMemberGone, error) {
	err := h.Orgs.RemoveMember(c.UserContext(), web.Actor(c), in)
	return orgMemberGone{OrgID: in.OrgID, UserID: text(in.UserID), Email: text(in.Email)}, err
}
