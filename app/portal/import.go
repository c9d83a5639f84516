package portal

import (
	"context"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/views/i18n"
	"gatehouse/views/ui"
	"gatehouse/views/users"
)

const (
	importBytes = 1 << 20
	importRows  = 500
)

// importRow is one line of an import.
type importRow struct {
	line        int
	email, role string
	teams       []string // ids
	teamText    string
	budget      control.Opt[models.Nano]
	problem     string
}

// importPage serves GET /ui/users/import.
func (h *Handlers) importPage(c *fiber.Ctx) error {
	return h.showImport(c, fiber.StatusOK, users.Import{})
}

func (h *Handlers) showImport(c *fiber.Ctx, status int, v users.Import) error {
	f, err := h.view(c)
	if err != nil {
		return err
	}
	if len(v.Preview) == 0 {
		if v.Recent, err = h.recentImports(c); err != nil {
			return err
		}
	}
	v.Action, v.Back, v.Template = h.url("/ui/users/import"), h.url("/ui/users"), h.url("/ui/users/import.csv")
	return web.RenderStatus(c, status, users.ImportPage(f, v), nil)
}

// recentImports are the person's imports of the last hour.
func (h *Handlers) recentImports(c *fiber.Ctx) (out []users.Recent, err error) {
	l := h.locale(c)
	list, err := h.Jobs.List(c.UserContext(), web.Actor(c), jobImport)
	for i := range list {
		out = append(out, users.Recent{
			Href: h.jobURL(list[i].ID, ""), Text: l.JobOf(list[i].Done-list[i].Failed, list[i].Total), At: l.Relative(list[i].StartedAt.Time),
		})
	}
	return out, err
}

// importTemplate serves GET /ui/users/import.csv.
func (h *Handlers) importTemplate(c *fiber.Ctx) error {
	return h.sendCSV(c, "users-template", []string{"email", "role", "teams", "budget"}, func(_ context.Context, row func(...string) error) error {
		return row("maya@example.com", "internal_user", "Checkout;Search", "25")
	})
}

// importUsers serves POST /ui/users/import: a preview first; confirmed, the valid rows are invited and the answer is the
// file with their links, which exist nowhere else.
func (h *Handlers) importUsers(c *fiber.Ctx) error {
	l := h.locale(c)
	text, problem := importText(c, l)
	if problem != "" {
		return h.showImport(c, fiber.StatusUnprocessableEntity, users.Import{CSV: ui.Text{Value: clipText(text), Error: problem}})
	}
	rows, problem := readImport(l, text)
	if problem != "" {
		return h.showImport(c, fiber.StatusUnprocessableEntity, users.Import{CSV: ui.Text{Value: text, Error: problem}})
	}
	if err := h.findTeams(c, l, rows); err != nil {
		return err
	}
	if c.FormValue("confirmed") == "true" {
		return h.runImport(c, rows)
	}
	v := users.Import{CSV: ui.Text{Value: text}}
	for _, r := range rows {
		if r.problem == "" {
			v.Valid++
		}
		v.Preview = append(v.Preview, users.ImportRow{Line: r.line, Email: r.email, Role: r.role, Teams: r.teamText, Error: r.problem})
	}
	return h.showImport(c, fiber.StatusOK, v)
}

func clipText(text string) string {
	if len(text) > importBytes {
		return ""
	}
	return text
}

// importText is what was pasted, or the file.
func importText(c *fiber.Ctx, l i18n.Locale) (text, problem string) {
	text = c.FormValue("csv")
	if file, err := c.FormFile("file"); err == nil && file.Size > 0 {
		if file.Size > importBytes {
			return "", l.ErrFileTooBig()
		}
		opened, err := file.Open()
		if err != nil {
			return "", l.ErrNoRows()
		}
		raw, err := io.ReadAll(io.LimitReader(opened, importBytes+1))
		if err = errors.Join(err, opened.Close()); err != nil {
			return "", l.ErrNoRows()
		}
		text = string(raw)
	}
	text = strings.TrimPrefix(text, "\uFEFF") // spreadsheets put a mark in front
	switch {
	case strings.TrimSpace(text) == "":
		return "", l.ErrNoRows()
	case len(text) > importBytes:
		return "", l.ErrFileTooBig()
	case !utf8.ValidString(text):
		return "", l.ErrNotUTF8()
	}
	return text, ""
}

// readImport reads the lines; a first line of headings is left out. problem is about the file as a whole.
func readImport(l i18n.Locale, text string) (rows []importRow, problem string) {
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = -1
	r.TrimLeadingSpace = true
	seen := map[string]bool{}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var broken *csv.ParseError
		if errors.As(err, &broken) {
			return nil, l.ErrRow(int64(broken.Line), "CSV", broken.Err.Error())
		}
		if err != nil {
			return nil, l.ErrNoRows()
		}
		line, _ := r.FieldPos(0)
		cell := func(i int) string {
			if i < len(record) {
				return strings.TrimSpace(record[i])
			}
			return ""
		}
		if len(rows) == 0 && strings.EqualFold(cell(0), "email") {
			continue
		}
		if len(rows) == importRows {
			return nil, l.ErrFileTooBig()
		}
		row := importRow{line: line, email: cell(0), role: cell(1), teamText: cell(2)}
		row.check(l, cell(3), seen)
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return nil, l.ErrNoRows()
	}
	return rows, ""
}

func (r *importRow) check(l i18n.Locale, budget string, seen map[string]bool) {
	key := strings.ToLower(r.email)
	switch {
	case !plausibleEmail(r.email):
		r.problem = l.ErrRow(int64(r.line), l.Email(), l.ErrEmail())
	case seen[key]:
		r.problem = l.ErrRow(int64(r.line), l.Email(), l.ErrTwice())
	}
	seen[key] = true
	if r.role == "" {
		r.role = string(models.RoleInternalUser)
	}
	if !models.Role(r.role).Valid() && r.problem == "" {
		r.problem = l.ErrRow(int64(r.line), l.Role(), l.ErrNotARole(r.role))
	}
	if budget == "" {
		return
	}
	n, err := models.ParseNano(strings.TrimPrefix(budget, "$"))
	if (err != nil || n < 0) && r.problem == "" {
		r.problem = l.ErrRow(int64(r.line), l.Budget(), l.ErrAmount())
	}
	r.budget = control.Some(n)
}

// findTeams turns names of teams into ids.
func (h *Handlers) findTeams(c *fiber.Ctx, l i18n.Locale, rows []importRow) error {
	known := map[string]string{} // by name in lower case and by id
	for q := (control.TeamQuery{Page: 1, Size: 100}); ; q.Page++ {
		page, err := h.Teams.Search(c.UserContext(), web.Actor(c), "", q)
		if err != nil {
			return err
		}
		for i := range page.Items {
			t := &page.Items[i].Team
			known[strings.ToLower(teamName(t))], known[t.ID] = t.ID, t.ID
		}
		if len(page.Items) == 0 || q.Page*q.Size >= page.Total {
			break
		}
	}
	for i := range rows {
		r := &rows[i]
		for name := range strings.SplitSeq(r.teamText, ";") {
			if name = strings.TrimSpace(name); name == "" {
				continue
			}
			id := known[name]
			if id == "" {
				id = known[strings.ToLower(name)]
			}
			if id == "" && r.problem == "" {
				r.problem = l.ErrRow(int64(r.line), l.Teams(), l.ErrNoSuchTeam(name))
			}
			r.teams = append(r.teams, id)
		}
	}
	return nil
}

// runImport invites the valid rows one by one. A few are answered at once with their links; many are a job.
func (h *Handlers) runImport(c *fiber.Ctx, rows []importRow) error {
	actor := web.Actor(c)
	if err := access.Check(actor, access.UserNew, access.Target{}); err != nil {
		return err
	}
	l, host := h.locale(c), string(c.Context().Host())
	step := func(ctx context.Context, who access.Actor, i int) (models.JobLine, error) {
		return h.importOne(ctx, who, l, &rows[i], host)
	}
	head := []string{"email", "role", "link", "valid_until", "problem"}
	if len(rows) > atOnce {
		return h.startJob(c, control.JobWork{Kind: jobImport, Total: len(rows), Head: head, Step: step})
	}
	lines := make([]models.JobLine, 0, len(rows))
	sent := 0
	for i := range rows {
		line, err := step(c.UserContext(), actor, i)
		if err != nil {
			return err
		}
		if line.Problem == "" {
			sent++
		}
		lines = append(lines, line)
	}
	if err := h.sessions.Flash(c, l.ImportedUsers(int64(sent))); err != nil {
		return err
	}
	return h.sendCSV(c, "invitations-"+day(today(l)), head, lineRows(lines))
}

// importOne invites the person of one row.
func (h *Handlers) importOne(ctx context.Context, who access.Actor, l i18n.Locale, r *importRow, host string) (models.JobLine, error) {
	line := models.JobLine{Name: r.email, Problem: r.problem}
	link, until := "", ""
	if r.problem == "" {
		made, err := h.inviteRow(ctx, who, r)
		if err == nil {
			link, until = absolute(host, made.Link), made.Invitation.ExpiresAt.UTC().Format("2006-01-02 15:04 UTC")
		} else {
			var ours bool
			if line.Problem, ours = refusedLine(l, err); !ours {
				return line, err
			}
		}
	}
	line.Cells = []string{r.email, r.role, link, until, line.Problem}
	return line, nil
}

func (h *Handlers) inviteRow(ctx context.Context, who access.Actor, r *importRow) (*control.CreatedInvitation, error) {
	in := control.NewUser{SendEmail: control.Some(true), AutoCreateKey: control.Some(false)}
	in.Email, in.Role = control.Some(r.email), control.Some(models.Role(r.role))
	in.MaxBudget = r.budget
	if len(r.teams) > 0 {
		in.Teams = control.Some(places(r.teams))
	}
	made, err := h.Users.New(ctx, who, in)
	if err != nil {
		return nil, err
	}
	return made.Invitation, nil
}
