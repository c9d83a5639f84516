package api

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
)

func (h *Handlers) invitationOps() []Op {
	return []Op{
		op(Op{
			Method: "POST", Path: "/invitation/new", Action: access.InvitationNew, Tag: "invitations", Doc: "Make a link by which a person sets a password.",
			Detail: true, Example: `{"user_id":"{user}"}`,
		}, h.invitationNew),
		op(Op{
			Method: "GET", Path: "/invitation/info", Action: access.InvitationRead, Tag: "invitations", Doc: "One invitation.", Detail: true,
			Example: "invitation_id={invitation}",
		}, h.invitationInfo),
		op(Op{
			Method: "POST", Path: "/invitation/update", Action: access.InvitationWrite, Tag: "invitations", Doc: "Mark an invitation as accepted or not.",
			Detail: true, Example: `{"invitation_id":"{invitation}","is_accepted":false}`,
		}, h.invitationUpdate),
		op(Op{
			Method: "POST", Path: "/invitation/delete", Action: access.InvitationWrite, Tag: "invitations", Doc: "Delete an invitation.", Detail: true,
			Example: `{"invitation_id":"{invitation}"}`,
		}, h.invitationDelete),
		op(Op{
			Method: "GET", Path: "/onboarding/get_token", Public: true, Tag: "invitations", Doc: "What a link is good for. Reading it changes nothing.",
			Detail: true, Example: "invite_link={invitation}",
		}, h.onboardingToken),
		op(Op{
			Method: "POST", Path: "/onboarding/claim_token", Public: true, Tag: "invitations", Detail: true,
			Doc:     "Set the password and use the link up. Authorization: Bearer is the token of /onboarding/get_token.",
			Example: `{"invitation_link":"{invitation}","user_id":"{user}","password":"{password}"}`,
		}, h.onboardingClaim),
	}
}

// invitationRow is an invitation; id is whole only in the answer to whoever named or made it.
type invitationRow struct {
	ID         string       `json:"id"`
	UserID     string       `json:"user_id"`
	Accepted   bool         `json:"is_accepted"`
	AcceptedAt *models.Time `json:"accepted_at"`
	ExpiresAt  models.Time  `json:"expires_at"`
	auditRow
	Link string `json:"invitation_link,omitempty"`
}

func invitationOf(v *control.InvitationView) invitationRow {
	i := &v.Invitation
	return invitationRow{
		ID: v.ID, UserID: i.UserID, Accepted: i.AcceptedAt != nil, AcceptedAt: i.AcceptedAt, ExpiresAt: i.ExpiresAt, auditRow: auditOf(i.Audit),
	}
}

func oneInvitation(v *control.InvitationView, err error) (invitationRow, error) {
	if err != nil {
		return invitationRow{}, err
	}
	return invitationOf(v), nil
}

type invitationNew struct {
	UserID string `json:"user_id" required:"true"`
}

func (h *Handlers) invitationNew(c *fiber.Ctx, in invitationNew) (invitationRow, error) {
	if in.UserID == "" {
		return invitationRow{}, fault.Missing("user_id")
	}
	v, err := h.Invitations.New(c.UserContext(), web.Actor(c), in.UserID)
	if err != nil {
		return invitationRow{}, err
	}
	row := invitationOf(&v.InvitationView)
	row.Link = h.absolute(c, v.Link)
	return row, nil
}

type invitationQuery struct {
	ID string `query:"invitation_id"`
}

func (h *Handlers) invitationInfo(c *fiber.Ctx, in invitationQuery) (invitationRow, error) {
	if in.ID == "" {
		return invitationRow{}, missingQuery("invitation_id")
	}
	return oneInvitation(h.Invitations.Info(c.UserContext(), web.Actor(c), in.ID))
}

func (h *Handlers) invitationUpdate(c *fiber.Ctx, in control.UpdateInvitation) (invitationRow, error) {
	if in.ID == "" {
		return invitationRow{}, fault.Missing("invitation_id")
	}
	return oneInvitation(h.Invitations.Update(c.UserContext(), web.Actor(c), in))
}

type invitationRef struct {
	ID string `json:"invitation_id" required:"true"`
}

func (h *Handlers) invitationDelete(c *fiber.Ctx, in invitationRef) (invitationRow, error) {
	if in.ID == "" {
		return invitationRow{}, fault.Missing("invitation_id")
	}
	return oneInvitation(h.Invitations.Delete(c.UserContext(), web.Actor(c), in.ID))
}

type onboardingQuery struct {
	Link string `query:"invite_link"`
}

type onboardingToken struct {
	LoginURL string  `json:"login_url"`
	Token    string  `json:"token"`
	Email    *string `json:"user_email"`
	UserID   string  `json:"user_id"`
}

func (h *Handlers) onboardingToken(c *fiber.Ctx, in onboardingQuery) (onboardingToken, error) {
	if in.Link == "" {
		return onboardingToken{}, missingQuery("invite_link")
	}
	o, err := h.Invitations.Open(c.UserContext(), web.Actor(c), in.Link)
	if err != nil {
		return onboardingToken{}, err
	}
	refuse := func(text string) (onboardingToken, error) {
		return onboardingToken{}, fault.New(fault.Unauthenticated, text)
	}
	switch o.State {
	case control.InvitationUsed:
		return refuse("Invitation link has already been used.")
	case control.InvitationExpired:
		return refuse("Invitation link has expired.")
	case control.InvitationOpen:
		return onboardingToken{LoginURL: h.absolute(c, h.Invitations.Link(in.Link)), Token: o.Token, Email: text(o.Email), UserID: o.UserID}, nil
	case control.InvitationUnknown:
	}
	return refuse("Invitation link does not exist in db.")
}

func (h *Handlers) onboardingClaim(c *fiber.Ctx, in control.ClaimInvitation) (userRow, error) {
	if in.ID == "" {
		return userRow{}, fault.Missing("invitation_link")
	}
	if in.Password == "" {
		return userRow{}, fault.Missing("password")
	}
	in.Token = strings.TrimPrefix(c.Get(fiber.HeaderAuthorization), "Bearer ")
	if in.Token == "" {
		return userRow{}, fault.New(fault.Unauthenticated, "Authentication Error, No api key passed in. Send the token of /onboarding/get_token as Authorization: Bearer.")
	}
	v, err := h.Invitations.Claim(c.UserContext(), web.Actor(c), in)
	if err != nil {
		return userRow{}, err
	}
	return userOf(v), nil
}
