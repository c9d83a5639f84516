package api

import (
	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
)

func (h *Handlers) userOps() []Op {
	return []Op{
		op(Op{
			Method: "POST", Path: "/user/new", Action: access.UserNew, Tag: "users", Doc: "Make a user and, unless auto_create_key is false, a key of theirs.",
			Example: `{"user_email":"ana@example.org","user_role":"internal_user"}`,
		}, h.userNew),
		op(Op{Method: "GET", Path: "/user/info", Action: access.UserInfo, Tag: "users", Doc: "One person with keys and teams.", Example: "user_id={user}"}, h.userInfo),
		op(Op{Method: "GET", Path: "/v2/user/info", Action: access.UserCard, Tag: "users", Doc: "One person, the row alone.", Example: "user_id={user}"}, h.userCard),
		op(Op{
			Method: "POST", Path: "/user/update", Action: access.UserUpdate, Tag: "users", Doc: "Change a person, by user_id or user_email.",
			Example: `{"user_id":"{user}","max_budget":20}`,
		}, h.userUpdate),
		op(Op{
			Method: "POST", Path: "/user/bulk_update", Action: access.UserBulkUpdate, Tag: "users", Doc: "Change up to 500 people.",
			Example: `{"users":[{"user_id":"{user}","max_budget":15}]}`,
		}, h.userBulkUpdate),
		op(Op{
			Method: "POST", Path: "/user/delete", Action: access.UserDelete, Tag: "users", Doc: "Delete people with their own keys, all or none.", Detail: true,
			Example: `{"user_ids":["{user}"]}`,
		}, h.userDelete),
		op(Op{
			Method: "GET", Path: "/user/list", Aliases: []string{"/user/get_users"}, Action: access.UserList, Tag: "users", Doc: "A page of people.",
			Detail: true, Example: "page=1&page_size=25",
		}, h.userList),
		op(Op{Method: "GET", Path: "/user/available_roles", Action: access.UserRoles, Tag: "users", Doc: "The global roles."}, h.userRoles),
		op(Op{Method: "GET", Path: "/user/filter/ui", Action: access.UserFilter, Tag: "users", Doc: "A short list for pickers.", Example: "user_email=ana"}, h.userFilter),
	}
}

// createdUser is the answer of /user/new: the person, and the automatic key.
type createdUser struct {
	userRow
	Key     *string      `json:"key"`
	KeyName *string      `json:"key_name"`
	Token   *string      `json:"token"`
	Expires *models.Time `json:"expires"`
}

func (h *Handlers) userNew(c *fiber.Ctx, in control.NewUser) (createdUser, error) {
	u, err := h.Users.New(c.UserContext(), web.Actor(c), in)
	if err != nil {
		return createdUser{}, err
	}
	out := createdUser{userRow: userOf(&u.User)}
	if u.Key != nil {
		out.Key, out.Token, out.Expires = text(u.Key.Secret.Reveal()), text(u.Key.KeyView.Key.Hash), u.Key.KeyView.Key.ExpiresAt
		out.KeyName = text(u.Key.KeyView.Key.Name)
	}
	return out, nil
}

type userRef struct {
	ID string `query:"user_id"`
}

type userInfoAnswer struct {
	UserID    *string   `json:"user_id"`
	Info      *userRow  `json:"user_info"`
	Keys      []keyRow  `json:"keys"`
	Teams     []teamRow `json:"teams"`
	Truncated bool      `json:"truncated,omitempty"`
}

func (h *Handlers) userInfo(c *fiber.Ctx, in userRef) (userInfoAnswer, error) {
	v, err := h.Users.Info(c.UserContext(), web.Actor(c), in.ID)
	if err != nil {
		return userInfoAnswer{}, err
	}
	out := userInfoAnswer{UserID: text(v.UserID), Keys: keysWithToken(v.Keys), Teams: make([]teamRow, len(v.Teams)), Truncated: v.Truncated}
	if v.User != nil {
		row := userOf(v.User)
		out.Info = &row
	}
	for i := range out.Keys {
		// LiteLLM's own word for personal keys, which clients compare with.
		out.Keys[i].TeamAlias = "None"
		if v.Keys[i].TeamAlias != "" {
			out.Keys[i].TeamAlias = v.Keys[i].TeamAlias
		}
	}
	for i := range v.Teams {
		out.Teams[i] = teamOf(&v.Teams[i])
	}
	return out, nil
}

func (h *Handlers) userCard(c *fiber.Ctx, in userRef) (userRow, error) {
	v, err := h.Users.Card(c.UserContext(), web.Actor(c), in.ID)
	if err != nil {
		return userRow{}, err
	}
	return userOf(v), nil
}

type userUpdateAnswer struct {
	UserID string  `json:"user_id"`
	Data   userRow `json:"data"`
}

func (h *Handlers) userUpdate(c *fiber.Ctx, in control.UserUpdate) (userUpdateAnswer, error) {
	if in.ID == "" && !in.Email.Has() {
		return userUpdateAnswer{}, fault.Missing("user_id")
	}
	v, err := h.Users.Update(c.UserContext(), web.Actor(c), in)
	if err != nil {
		return userUpdateAnswer{}, err
	}
	return userUpdateAnswer{UserID: v.User.ID, Data: userOf(v)}, nil
}

type userBulkAnswer struct {
	Results []userBulkResult `json:"results"`
	Total   int              `json:"total_requested"`
	Done    int              `json:"successful_updates"`
	Failed  int              `json:"failed_updates"`
}

type userBulkResult struct {
	UserID  string   `json:"user_id"`
	Email   *string  `json:"user_email"`
	Success bool     `json:"success"`
	Error   *string  `json:"error"`
	Updated *userRow `json:"updated_user"`
}

func (h *Handlers) userBulkUpdate(c *fiber.Ctx, in control.UserBulk) (userBulkAnswer, error) {
	outcomes, err := h.Users.BulkUpdate(c.UserContext(), web.Actor(c), in)
	if err != nil {
		return userBulkAnswer{}, err
	}
	out := userBulkAnswer{Results: make([]userBulkResult, len(outcomes)), Total: len(outcomes)}
	for i, o := range outcomes {
		r := userBulkResult{UserID: o.UserID, Email: text(o.Email), Success: o.Err == nil}
		if o.Err != nil {
			out.Failed++
			r.Error = text(reason(o.Err))
		} else {
			out.Done++
			row := userOf(o.View)
			r.Updated = &row
		}
		out.Results[i] = r
	}
	return out, nil
}

type userDelete struct {
	IDs []string `json:"user_ids" required:"true"`
}

func (h *Handlers) userDelete(c *fiber.Ctx, in userDelete) (int, error) {
	if len(in.IDs) == 0 {
		return 0, fault.Missing("user_ids")
	}
	return h.Users.Delete(c.UserContext(), web.Actor(c), in.IDs)
}

type userListAnswer struct {
	Users []userRow `json:"users"`
	pageAnswer
}

func (h *Handlers) userList(c *fiber.Ctx, in control.UserQuery) (userListAnswer, error) {
	page, err := h.Users.List(c.UserContext(), web.Actor(c), in)
	if err != nil {
		return userListAnswer{}, err
	}
	out := userListAnswer{Users: make([]userRow, len(page.Items)), pageAnswer: pageOf(page)}
	for i := range page.Items {
		out.Users[i] = userOf(&page.Items[i])
		out.Users[i].KeyCount = &page.Items[i].KeyCount
	}
	return out, nil
}

func (h *Handlers) userRoles(c *fiber.Ctx, _ none) (map[models.Role]control.RoleInfo, error) {
	roles, err := h.Users.Roles(c.UserContext(), web.Actor(c))
	if err != nil {
		return nil, err
	}
	out := make(map[models.Role]control.RoleInfo, len(roles))
	for _, r := range roles {
		out[r.Role] = r
	}
	return out, nil
}

type userBrief struct {
	UserID string      `json:"user_id"`
	Email  *string     `json:"user_email"`
	Alias  *string     `json:"user_alias"`
	Role   models.Role `json:"user_role"`
}

type userFilterQuery struct {
	control.UserQuery
	ID string `query:"user_id"`
}

func (h *Handlers) userFilter(c *fiber.Ctx, in userFilterQuery) ([]userBrief, error) {
	if in.ID != "" {
		in.UserQuery.Search = in.ID
	}
	views, err := h.Users.Filter(c.UserContext(), web.Actor(c), in.UserQuery)
	if err != nil {
		return nil, err
	}
	out := make([]userBrief, len(views))
	for i, v := range views {
		out[i] = userBrief{UserID: v.User.ID, Email: v.User.Email, Alias: v.User.Alias, Role: v.User.Role}
	}
	return out, nil
}
