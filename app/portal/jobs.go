package portal

import (
	"context"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/views/i18n"
	"gatehouse/views/jobs"
	"gatehouse/views/layout"
	"gatehouse/views/ui"
)

const (
	// atOnce is up to how many rows the answer waits for; more become a job, which has a page of its own.
	atOnce = 50
	// failuresShown is how many refused rows a job's page lists; the file has them all.
	failuresShown = 100

	jobImport = "users.import"
	jobKeys   = "keys." // and the act
)

func (h *Handlers) jobURL(id, suffix string) string { return h.url("/ui/jobs/" + id + suffix) }

// startJob begins work and leads to its page; while another work of the person runs, to that one's.
func (h *Handlers) startJob(c *fiber.Ctx, work control.JobWork) error {
	ctx, actor := c.UserContext(), web.Actor(c)
	job, err := h.Jobs.Start(ctx, actor, work)
	if err == nil {
		return h.leadTo(c, h.jobURL(job.ID, ""))
	}
	if !fault.Is(err, fault.Conflict) {
		return err
	}
	running, listErr := h.Jobs.List(ctx, actor, "")
	if listErr != nil {
		return listErr
	}
	for i := range running {
		if running[i].State == models.JobRunning {
			return h.done(c, h.jobURL(running[i].ID, ""), h.lang(c).JobBusy())
		}
	}
	return err
}

// leadTo is done without a notice.
func (h *Handlers) leadTo(c *fiber.Ctx, to string) error {
	if c.Get("HX-Request") == "true" {
		c.Set("HX-Redirect", to)
		return c.SendStatus(fiber.StatusNoContent)
	}
	return c.Redirect(to, fiber.StatusSeeOther)
}

// jobPage serves GET /ui/jobs/:id: how far the work is, or how it ended.
func (h *Handlers) jobPage(c *fiber.Ctx) error {
	job, result, err := h.Jobs.Info(c.UserContext(), web.Actor(c), pathID(c, "id"))
	if err != nil {
		return err
	}
	v := h.jobView(c, job, &result)
	if web.IsPartial(c) {
		if !v.Running {
			c.Set("HX-Refresh", "true")
			return c.SendStatus(fiber.StatusNoContent)
		}
		part := jobs.ProgressPart(h.Frame(c), v)
		return web.Render(c, part, part)
	}
	f, err := h.frame(c)
	if err != nil {
		return err
	}
	if v.Running {
		f.Reload = 2
	}
	return web.Render(c, jobs.Page(f, v), nil)
}

func (h *Handlers) jobView(c *fiber.Ctx, job *models.Job, result *models.JobResult) jobs.Job {
	l := h.lang(c)
	v := jobs.Job{
		At: layout.ItemKeys, Back: h.url("/ui/keys"), BackLabel: l.APIKeys(), Running: job.State == models.JobRunning, Ending: job.Cancel,
		Done: job.Done, Total: job.Total, Failed: job.Failed, PollURL: h.jobURL(job.ID, ""), CancelURL: h.jobURL(job.ID, "/cancel"), Tone: ui.OK,
	}
	switch job.Kind {
	case jobImport:
		v.At, v.Back, v.BackLabel = layout.ItemUsers, h.url("/ui/users"), l.Users()
		v.Title, v.Note = l.JobInviting(job.Total), l.JobLinksText()
	case jobKeys + actBlock:
		v.Title = l.JobBlocking(job.Total)
	case jobKeys + actDelete:
		v.Title = l.JobDeleting(job.Total)
	default:
		v.Title = l.JobExtending(job.Total)
	}
	did := job.Done - job.Failed
	switch job.State {
	case models.JobRunning:
		return v
	case models.JobCancelled:
		v.Tone, v.Said = ui.Warn, l.JobCancelled(did, job.Total)
	case models.JobStopped:
		v.Tone, v.Said = ui.Bad, l.JobStopped(did, job.Total)
	case models.JobDone:
		if v.Said = l.JobDone(did, job.Total); job.Failed > 0 {
			v.Tone = ui.Warn
		}
	}
	if len(result.Lines) > 0 {
		v.ResultURL = h.jobURL(job.ID, "/result.csv")
	}
	for _, line := range result.Lines {
		if line.Problem != "" && len(v.Failures) < failuresShown {
			v.Failures = append(v.Failures, jobs.Failed{Name: line.Name, Reason: line.Problem})
		}
	}
	return v
}

// jobCancel serves POST /ui/jobs/:id/cancel.
func (h *Handlers) jobCancel(c *fiber.Ctx) error {
	id := pathID(c, "id")
	if err := h.Jobs.Cancel(c.UserContext(), web.Actor(c), id); err != nil {
		return err
	}
	return h.leadTo(c, h.jobURL(id, ""))
}

// jobResult serves GET /ui/jobs/:id/result.csv: what became of every row.
func (h *Handlers) jobResult(c *fiber.Ctx) error {
	job, result, err := h.Jobs.Info(c.UserContext(), web.Actor(c), pathID(c, "id"))
	if err != nil {
		return err
	}
	name := "keys-" + day(today(h.locale(c)))
	if job.Kind == jobImport {
		name = "invitations-" + day(today(h.locale(c)))
	}
	return h.sendCSV(c, name, result.Head, lineRows(result.Lines))
}

// lineRows writes the lines of a result.
func lineRows(lines []models.JobLine) func(context.Context, func(...string) error) error {
	return func(_ context.Context, row func(...string) error) error {
		for _, line := range lines {
			if err := row(line.Cells...); err != nil {
				return err
			}
		}
		return nil
	}
}

// refusedLine is what became of a row that a service refused; ours is false for an error that is nobody's refusal.
func refusedLine(l i18n.Locale, err error) (problem string, ours bool) {
	no := fault.As(err)
	if no == nil || no.Kind == fault.Internal || no.Kind == fault.Unavailable {
		return "", false
	}
	return say(l, no.Message), true
}
