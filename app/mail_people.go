package app

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"gatehouse/app/control"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
	"gatehouse/proxy/budget"
)

const (
	expiryLead  = 3 * 24 * time.Hour // how long before a key ends its owner is told
	expiryLife  = 7 * 24 * time.Hour // keys made for less are meant to end
	expiryBatch = 200
	mailsKept   = 7 * 24 * time.Hour // what became of a mail
	adminsTold  = 20                 // of those who hear of budgets that belong to nobody
)

// tellExpiry mails the owners of keys that end soon, once for each end.
func (j *jobs) tellExpiry(ctx context.Context, held func() error) error {
	for j.mail.Enabled() {
		if err := held(); err != nil {
			return err
		}
		keys, err := j.store.ExpiringKeys(ctx, models.At(j.now().Add(expiryLead)), expiryLife, expiryBatch)
		if err != nil || len(keys) == 0 {
			return err
		}
		for i := range keys {
			if err := j.tellExpiryOf(ctx, &keys[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (j *jobs) tellExpiryOf(ctx context.Context, key *models.Key) error {
	to, _, err := concerned(ctx, j.store, models.ScopeKey(key.ID))
	if err != nil {
		return err
	}
	mine, err := j.store.ClaimExpiry(ctx, key)
	if err != nil || !mine {
		return err
	}
	for _, email := range to {
		j.mail.KeyExpiring(ctx, control.ExpiryMail{To: email, Alias: textOr(key.Alias, ""), Name: key.Name, Expires: key.ExpiresAt.Time})
	}
	return nil
}

// mailBudget tells those whom a budget concerns that a line of it was crossed.
func (p *process) mailBudget(ctx context.Context, c budget.Crossing) {
	cfg := p.cfg.Load()
	if !p.mail.Enabled() || !mailsAlerts(cfg) {
		return
	}
	kind := event(c.Kind)
	mine, err := p.store.ClaimAlert(ctx, c.Scope, strings.Join([]string{"mail", kind, strconv.FormatInt(int64(c.Limit), 10), strconv.FormatInt(c.WindowStart, 10)}, ":"), cfg.Mail.BudgetAlertTTL)
	if err == nil && !mine {
		return
	}
	to, name, err := concerned(ctx, p.store, c.Scope)
	if err != nil {
		p.log.WarnContext(ctx, "it cannot be told whom a budget concerns; no mail was written", slog.String("scope", c.Scope), slog.Any("error", err))
		return
	}
	level, _, _ := strings.Cut(c.Scope, ":")
	m := control.BudgetMail{Scope: level, Name: name, Spent: c.Spent, Limit: c.Cap}
	switch c.Kind {
	case budget.CrossSoft:
		m.Kind, m.Limit = control.BudgetSoft, c.Limit
	case budget.CrossFull:
		m.Kind = control.BudgetFull
	case budget.CrossNear:
		m.Kind, m.Percent = control.BudgetNear, int64(cfg.Mail.BudgetAlertAt*100+0.5)
	}
	for _, email := range to {
		m.To = email
		p.mail.Budget(ctx, m)
	}
}

// concerned are the addresses of those whom a scope is about, and its name for people: the owner of a key, the person, the
// admins of a team or an organization, and for what belongs to nobody the admins of the gateway. Blocked people are left out.
func concerned(ctx context.Context, s *store.Store, scope string) (emails []string, name string, err error) {
	kind, id, _ := strings.Cut(scope, ":")
	switch kind {
	case "key", "keymodel":
		id, model, _ := strings.Cut(id, "/")
		return ofKey(ctx, s, id, model)
	case "user":
		return ofPeople(ctx, s, id)
	case "member":
		team, user, _ := models.SplitMember(id)
		emails, name, err = ofPeople(ctx, s, user)
		if t, terr := s.Team(ctx, team); terr == nil {
			name = strings.TrimSpace(name + " (" + textOr(t.Alias, t.ID) + ")")
		}
		return emails, name, err
	case "team":
		return ofTeam(ctx, s, id)
	case "org":
		return ofOrg(ctx, s, id)
	}
	emails, err = gatewayAdmins(ctx, s)
	return emails, id, err
}

func ofKey(ctx context.Context, s *store.Store, id, model string) (emails []string, name string, err error) {
	key, err := s.Key(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return nil, id, nil
	}
	if err != nil {
		return nil, "", err
	}
	name = strings.TrimSpace(textOr(key.Alias, key.Name) + " " + model)
	switch {
	case key.UserID != nil:
		emails, _, err = ofPeople(ctx, s, *key.UserID)
	case key.TeamID != nil:
		emails, _, err = ofTeam(ctx, s, *key.TeamID)
	default:
		emails, err = gatewayAdmins(ctx, s)
	}
	return emails, name, err
}

func ofTeam(ctx context.Context, s *store.Store, id string) (emails []string, name string, err error) {
	team, err := s.Team(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return nil, id, nil
	}
	if err != nil {
		return nil, "", err
	}
	members, err := s.MembersOfTeams(ctx, id)
	if err != nil {
		return nil, "", err
	}
	var ids []string
	for i := range members {
		if members[i].Role == models.TeamAdmin {
			ids = append(ids, members[i].UserID)
		}
	}
	emails, _, err = ofPeople(ctx, s, ids...)
	if err == nil && len(emails) == 0 {
		emails, err = gatewayAdmins(ctx, s)
	}
	return emails, textOr(team.Alias, id), err
}

func ofOrg(ctx context.Context, s *store.Store, id string) (emails []string, name string, err error) {
	org, err := s.Organization(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return nil, id, nil
	}
	if err != nil {
		return nil, "", err
	}
	members, err := s.MembersOfOrganizations(ctx, id)
	if err != nil {
		return nil, "", err
	}
	var ids []string
	for i := range members {
		if members[i].Role == models.RoleOrgAdmin {
			ids = append(ids, members[i].UserID)
		}
	}
	emails, _, err = ofPeople(ctx, s, ids...)
	if err == nil && len(emails) == 0 {
		emails, err = gatewayAdmins(ctx, s)
	}
	return emails, textOr(org.Alias, id), err
}

// ofPeople are the addresses of these people, and what the last of them is called.
func ofPeople(ctx context.Context, s *store.Store, ids ...string) (emails []string, name string, err error) {
	if len(ids) == 0 {
		return nil, "", nil
	}
	users, err := s.UsersByID(ctx, ids)
	if err != nil {
		return nil, "", err
	}
	for i := range users {
		u := &users[i]
		name = textOr(u.Alias, textOr(u.Email, u.ID))
		if u.Email != nil && !u.Blocked {
			emails = append(emails, *u.Email)
		}
	}
	return emails, name, nil
}

func gatewayAdmins(ctx context.Context, s *store.Store) ([]string, error) {
	open := false
	rows, _, err := s.ListUsers(ctx, store.UserFilter{Role: models.RoleAdmin, Blocked: &open}, store.Page{Number: 1, Size: adminsTold})
	if err != nil {
		return nil, err
	}
	var emails []string
	for i := range rows {
		if e := rows[i].Email; e != nil {
			emails = append(emails, *e)
		}
	}
	return emails, nil
}

// textOr is what p says, or else when it says nothing.
func textOr(p *string, or string) string {
	if p == nil || *p == "" {
		return or
	}
	return *p
}
