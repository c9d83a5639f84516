package api

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
)

func (h *Handlers) auditOps() []Op {
	return []Op{
		op(Op{
			Method: "GET", Path: "/audit", Action: access.AuditRead, Tag: "audit", Doc: "Who changed what, newest first. next is the cursor of the page after.",
			Example: "page_size=20&start_date={today}&end_date={today}",
		}, h.auditList),
		op(Op{Method: "GET", Path: "/audit/:id", Action: access.AuditRead, Tag: "audit", Doc: "One of them."}, h.auditInfo),
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

type auditQuery struct {
	control.AuditQuery
	Start string `query:"start_date"`
	End   string `query:"end_date"`
}

func (h *Handlers) auditList(c *fiber.Ctx, in auditQuery) (auditAnswer, error) {
	q := in.AuditQuery
	for _, day := range []struct {
		name, text string
		to         *time.Time
		after      int
	}{{"start_date", in.Start, &q.From, 0}, {"end_date", in.End, &q.To, 1}} {
		if day.text == "" {
			continue
		}
		at, err := models.ParseTime(day.text)
		if err != nil {
			return auditAnswer{}, fault.BadField(day.name, "%s: %v", day.name, err)
		}
		*day.to = at.Instant
		if at.Whole {
			y, m, d := at.Instant.Date()
			*day.to = time.Date(y, m, d+day.after, 0, 0, 0, 0, h.Zone())
		}
	}
	page, err := h.Audit.List(c.UserContext(), web.Actor(c), q)
	if err != nil {
		return auditAnswer{}, err
	}
	out := auditAnswer{Logs: make([]auditEntry, len(page.Rows)), Next: text(page.Next)}
	for i := range page.Rows {
		out.Logs[i] = auditEntryOf(&page.Rows[i])
	}
	return out, nil
}

func auditEntryOf(r *models.AuditRow) auditEntry {
	return auditEntry{
		ID: r.ID, At: r.At, ActorType: r.ActorType, Actor: r.ActorID, ChangedBy: text(r.ChangedBy), Action: r.Action, ObjectType: r.ObjectType,
		ObjectID: r.ObjectID, Before: r.Before, After: r.After, IP: r.IP, RequestID: r.RequestID, Outcome: r.Outcome,
	}
}

type auditPath struct {
	ID string `path:"id"`
}

func (h *Handlers) auditInfo(c *fiber.Ctx, in auditPath) (auditEntry, error) {
	row, err := h.Audit.Info(c.UserContext(), web.Actor(c), in.ID)
	if err != nil {
		return auditEntry{}, err
	}
	return auditEntryOf(row), nil
}
