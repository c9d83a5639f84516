package api

import (
	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
)

func (h *Handlers) auditOps() []Op {
	return []Op{
		op(Op{Method: "GET", Path: "/audit", Action: access.AuditRead, Tag: "audit", Doc: "Who changed what, newest first. next is the cursor of the page after.",
			Example: "page_size=20"}, h.auditList),
	}
}

// auditEntry is one change or refused attempt.
type auditEntry struct {
	ID         string      `json:"id"`
	At         models.Time `json:"updated_at"`
	ActorType  string      `json:"actor_type"`
	Actor      string      `json:"changed_by"`
	ChangedBy  *string     `json:"litellm_changed_by"`
	Action     string      `json:"action"`
	ObjectType string      `json:"object_type"`
	ObjectID   string      `json:"object_id"`
	Before     models.JSON `json:"before_value"`
	After      models.JSON `json:"updated_values"`
	IP         string      `json:"ip"`
	RequestID  string      `json:"request_id"`
	Outcome    string      `json:"outcome"`
}

type auditAnswer struct {
	Logs []auditEntry `json:"audit_logs"`
	Next *string      `json:"next"`
}

func (h *Handlers) auditList(c *fiber.Ctx, in control.AuditQuery) (auditAnswer, error) {
	page, err := h.Audit.List(c.UserContext(), web.Actor(c), in)
	if err != nil {
		return auditAnswer{}, err
	}
	out := auditAnswer{Logs: make([]auditEntry, len(page.Rows)), Next: text(page.Next)}
	for i, r := range page.Rows {
		out.Logs[i] = auditEntry{
			ID: r.ID, At: r.At, ActorType: r.ActorType, Actor: r.ActorID, ChangedBy: text(r.ChangedBy), Action: r.Action, ObjectType: r.ObjectType,
			ObjectID: r.ObjectID, Before: r.Before, After: r.After, IP: r.IP, RequestID: r.RequestID, Outcome: r.Outcome,
		}
	}
	return out, nil
}
