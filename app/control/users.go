package control

import (
	"context"

	"gatehouse/app/access"
	"gatehouse/app/control/password"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// Users are the acts on people.
type Users struct {
	base
	keys        *Keys
	invitations *Invitations
}

// maxInfo is how many keys and teams /user/info lists.
const maxInfo = 100

// Info is a person with keys and teams; id "" is the caller, and for those who see all everything. Errors: NotFound,
// Forbidden.
func (u *Users) Info(ctx context.Context, who access.Actor, id string) (*UserInfo, error) {
	if id == "" && who.SeesAll() {
		return u.everything(ctx, who)
	}
	if id == "" {
		id = who.UserID
	}
	// Whose row it is decides alone, so nobody needs to look whether it exists.
	if err := access.Check(who, access.UserInfo, access.User(id, nil, nil)); err != nil {
		return nil, err
	}
	user, err := u.user(ctx, u.Store, id)
	if err != nil {
		return nil, err
	}
	view, err := u.userView(ctx, u.Store, user)
	if err != nil {
		return nil, err
	}
	keys, err := u.Store.KeysOfUsers(ctx, id)
	if err != nil {
		return nil, err
	}
	own := keys[:0]
	for i := range keys {
		if deref(keys[i].TeamID) != models.UISessionTeam {
			own = append(own, keys[i])
		}
	}
	out := &UserInfo{UserID: id, User: view, Truncated: len(own) > maxInfo}
	if out.Keys, err = u.keyViews(ctx, u.Store, own[:min(len(own), maxInfo)]); err != nil {
		return nil, err
	}
	out.Teams, err = u.teamViewsByID(ctx, u.Store, view.Teams)
	return out, err
}

// user loads a person; the master key's user exists without a row.
func (u *Users) user(ctx context.Context, st *store.Store, id string) (*models.User, error) {
	user, err := st.User(ctx, id)
	if absent(err) && id == models.DefaultUserID {
		return &models.User{ID: id, Role: models.RoleAdmin}, nil
	}
	if err != nil {
		return nil, notFound("user", id, err)
	}
	return user, nil
}

// everything is the first keys and teams of all, for admins who name nobody.
func (u *Users) everything(ctx context.Context, who access.Actor) (*UserInfo, error) {
	if err := access.Check(who, access.UserInfo, access.Target{}); err != nil {
		return nil, err
	}
	all := store.KeyFilter{Visible: store.Scope{All: true}}
	keys, total, err := u.keys.liveKeys(ctx, all, store.Page{Number: 1, Size: maxInfo, Desc: true})
	if err != nil {
		return nil, err
	}
	rows, teams, err := u.Store.ListTeams(ctx, store.TeamFilter{All: true}, store.Page{Number: 1, Size: maxInfo})
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	out := &UserInfo{UserID: who.UserID, Keys: keys, Truncated: total > maxInfo || teams > maxInfo}
	out.Teams, err = u.teamViewsByID(ctx, u.Store, ids)
	return out, err
}

// Card is the row alone; id "" is the caller. Errors: NotFound, also where the caller may not see the person.
func (u *Users) Card(ctx context.Context, who access.Actor, id string) (*UserView, error) {
	if err := u.gate(ctx, who, access.UserCard); err != nil {
		return nil, err
	}
	if id == "" {
		id = who.UserID
	}
	user, err := u.user(ctx, u.Store, id)
	if err != nil {
		return nil, err
	}
	view, err := u.userView(ctx, u.Store, user)
	if err != nil {
		return nil, err
	}
	return view, access.Check(who, access.UserCard, access.User(id, view.Teams, view.Orgs))
}

// Update changes a person, named by id or by email. Errors: NotFound, Forbidden, Invalid, Unprocessable, Conflict.
func (u *Users) Update(ctx context.Context, who access.Actor, in UserUpdate) (*UserView, error) {
	if err := u.gate(ctx, who, access.UserUpdate); err != nil {
		return nil, err
	}
	if in.ID == "" && in.Email.Or("") == "" {
		return nil, fault.Missing("user_id")
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	words := []string{in.Email.Or(""), in.Alias.Or("")}
	if row, err := u.named(ctx, u.Store, in.ID, in.Email.Or("")); err == nil {
		words = append(words, deref(row.Email), deref(row.Alias))
	}
	hash, err := u.hashNew(ctx, in.Password, words...)
	if err != nil {
		return nil, err
	}
	var view *UserView
	err = u.change(ctx, who, access.UserUpdate, in.ID, func(tx *store.Store) error {
		view, err = u.update(ctx, tx, who, in, hash)
		return err
	})
	if err != nil {
		return nil, err
	}
	if in.Spend.Has() {
		u.Ledger.Reset(models.ScopeUser(view.User.ID), in.Spend.Value)
	}
	return view, nil
}

// named loads a person by id, else by email.
func (u *Users) named(ctx context.Context, st *store.Store, id, email string) (*models.User, error) {
	if id != "" {
		return st.User(ctx, id)
	}
	return st.UserByEmail(ctx, email)
}

func (u *Users) update(ctx context.Context, tx *store.Store, who access.Actor, in UserUpdate, hash string) (*UserView, error) {
	user, err := u.named(ctx, tx, in.ID, in.Email.Or(""))
	if absent(err) && in.ID == "" {
		return nil, fault.Newf(fault.NotFound, "User with email %s not found", in.Email.Or("")).WithParam("user_email")
	}
	if err != nil {
		return nil, notFound("user", in.ID, err)
	}
	teams, orgs, err := places(ctx, tx, user.ID)
	if err != nil {
		return nil, err
	}
	target := access.User(user.ID, teams, orgs)
	if err := access.Check(who, access.UserUpdate, target); err != nil {
		return nil, err
	}
	f := in.UserFields
	if err := f.permit(access.FieldsOf(who, access.UserUpdate, target), user); err != nil {
		return nil, err
	}
	before := *user
	if f.Role.Has() && f.Role.Value != user.Role && user.MaxBudget == nil {
		f.internalBudget(&u.policy().LiteLLM)
	}
	f.apply(user)
	if hash != "" {
		user.PasswordHash = hash
	}
	u.stampChange(&user.Audit, who)
	if err := u.checkEmailFree(ctx, tx, user); err != nil {
		return nil, err
	}
	if err := tx.UpdateUser(ctx, user); err != nil {
		return nil, userClash(err, user)
	}
	if deref(before.BudgetDuration) != deref(user.BudgetDuration) {
		if err := u.reset(ctx, tx, models.ScopeUser(user.ID), user.BudgetDuration); err != nil {
			return nil, err
		}
	}
	if f.Spend.Has() {
		if err := u.setSpent(ctx, tx, models.ScopeUser(user.ID), f.Spend.Value); err != nil {
			return nil, err
		}
	}
	if err := u.endAccess(ctx, tx, who, &before, user); err != nil {
		return nil, err
	}
	if err := u.audit(ctx, tx, who, access.UserUpdate, user.ID, &before, user); err != nil {
		return nil, err
	}
	return u.userView(ctx, tx, user)
}

// endAccess ends the sessions and open invitations that a change makes wrong: a new password, another role, a block.
// The session from which a person changes their own row goes on.
func (b *base) endAccess(ctx context.Context, tx *store.Store, who access.Actor, before, after *models.User) error {
	password := before.PasswordHash != after.PasswordHash
	blocked := after.Blocked && !before.Blocked
	if password || blocked || deref(before.Email) != deref(after.Email) {
		if err := tx.RevokeCodes(ctx, after.ID); err != nil { // a link in the mailbox that was theirs, too
			return err
		}
	}
	if !password && !blocked && before.Role == after.Role {
		return nil
	}
	keep := ""
	if who.UserID == after.ID && !blocked {
		keep = who.SessionID
	}
	if _, err := tx.DeleteSessionsOfUser(ctx, after.ID, keep); err != nil {
		return err
	}
	if !password && !blocked {
		return nil
	}
	return tx.RevokeInvitations(ctx, after.ID, who.Name())
}

// BulkUpdate changes up to 500 people, each on their own, or everybody. Errors: Invalid for another number of lines.
func (u *Users) BulkUpdate(ctx context.Context, who access.Actor, in UserBulk) ([]UserOutcome, error) {
	if err := u.gate(ctx, who, access.UserBulkUpdate); err != nil {
		return nil, err
	}
	updates := in.Users
	if in.AllUsers {
		if in.Updates == nil {
			return nil, fault.Missing("user_updates")
		}
		all, err := u.everybody(ctx)
		if err != nil {
			return nil, err
		}
		updates = nil
		for _, id := range all {
			updates = append(updates, UserUpdate{ID: id, UserFields: in.Updates.UserFields})
		}
	} else if len(updates) < 1 || len(updates) > maxBulk {
		return nil, fault.BadField("users", "between 1 and %d users in one request", maxBulk)
	}
	out := make([]UserOutcome, len(updates))
	for i, one := range updates {
		out[i] = UserOutcome{UserID: one.ID, Email: one.Email.Or("")}
		out[i].View, out[i].Err = u.Update(ctx, who, one)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if v := out[i].View; v != nil {
			out[i].UserID, out[i].Email = v.User.ID, deref(v.User.Email)
		}
	}
	return out, nil
}

func (u *Users) everybody(ctx context.Context) ([]string, error) {
	var ids []string
	for number := 1; ; number++ {
		rows, total, err := u.Store.ListUsers(ctx, store.UserFilter{}, store.Page{Number: number, Size: store.MaxPage})
		if err != nil {
			return nil, err
		}
		for i := range rows {
			ids = append(ids, rows[i].ID)
		}
		if len(rows) == 0 || int64(len(ids)) >= total {
			return ids, nil
		}
	}
}

// Delete removes people with their own keys, invitations, sessions and memberships, all or none. It returns how many.
// Errors: NotFound when one of them is unknown.
func (u *Users) Delete(ctx context.Context, who access.Actor, ids []string) (int, error) {
	if err := u.gate(ctx, who, access.UserDelete); err != nil {
		return 0, err
	}
	if len(ids) == 0 {
		return 0, fault.Missing("user_ids")
	}
	var count int64
	err := u.change(ctx, who, access.UserDelete, "", func(tx *store.Store) error {
		rows := make([]*models.User, 0, len(ids))
		for _, id := range ids {
			user, err := tx.User(ctx, id)
			if err != nil {
				return notFound("user", id, err)
			}
			if err := access.Check(who, access.UserDelete, access.User(id, nil, nil)); err != nil {
				return err
			}
			rows = append(rows, user)
		}
		var err error
		count, err = u.remove(ctx, tx, who, rows)
		return err
	})
	return int(count), err
}

// remove deletes people with all that is theirs.
func (u *Users) remove(ctx context.Context, tx *store.Store, who access.Actor, rows []*models.User) (int64, error) {
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	keys, err := tx.KeysOfUsers(ctx, ids...)
	if err != nil {
		return 0, err
	}
	list := make([]*models.Key, len(keys))
	for i := range keys {
		list[i] = &keys[i]
	}
	if err := u.deleteRows(ctx, tx, who, list); err != nil {
		return 0, err
	}
	budgets, err := placeBudgets(ctx, tx, ids)
	if err != nil {
		return 0, err
	}
	count, err := tx.DeleteUsers(ctx, ids)
	if err != nil {
		return 0, err
	}
	if err := tx.DropOwnBudgets(ctx, budgets...); err != nil {
		return 0, err
	}
	for _, row := range rows {
		if err := u.audit(ctx, tx, who, access.UserDelete, row.ID, row, nil); err != nil {
			return 0, err
		}
	}
	return count, nil
}

// placeBudgets are the budget rows that people's places in teams and organizations have.
func placeBudgets(ctx context.Context, tx *store.Store, ids []string) (budgets []string, err error) {
	teams, err := tx.MembershipsOfUsers(ctx, ids...)
	if err != nil {
		return nil, err
	}
	for i := range teams {
		budgets = addPtr(budgets, teams[i].BudgetID)
	}
	orgs, err := tx.OrgMembershipsOfUsers(ctx, ids...)
	for i := range orgs {
		budgets = addPtr(budgets, orgs[i].BudgetID)
	}
	return budgets, err
}

// ChangePassword sets the caller's own password; old is what they have now. Their other sessions end. Errors:
// Unauthenticated for a wrong old password, Unprocessable for a new one that breaks the rules, Exhausted.
func (u *Users) ChangePassword(ctx context.Context, who access.Actor, old, next string) error {
	if who.UserID == "" || who.Master {
		return fault.New(fault.Forbidden, "This sign-in has no password of its own to change.").WithType("auth_error")
	}
	user, err := u.Store.User(ctx, who.UserID)
	if err != nil {
		return notFound("user", who.UserID, err)
	}
	h, err := u.hasher()
	if err != nil {
		return err
	}
	ok, _, err := h.Verify(ctx, old, user.PasswordHash)
	if err != nil {
		return err
	}
	if !ok {
		return fault.New(fault.Unauthenticated, "The current password is wrong.").WithType("auth_error").WithParam("old_password")
	}
	if err := password.Check(next, u.passwordMin(), deref(user.Email), deref(user.Alias)); err != nil {
		return err
	}
	_, err = u.Update(ctx, who, UserUpdate{ID: user.ID, UserFields: UserFields{Password: Some(next)}})
	return err
}
