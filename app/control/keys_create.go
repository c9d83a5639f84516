package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"gatehouse/app/access"
	"gatehouse/app/hooks"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// Create makes a key (/key/generate) under the creation policy of contract/admin-api.md §4.7. Errors: Invalid, Forbidden,
// NotFound for an unknown team, Unauthenticated for a role or a member that may not, Conflict for a repeated nonce.
func (k *Keys) Create(ctx context.Context, who access.Actor, in NewKey) (*CreatedKey, error) {
	action := access.KeyCreate
	if in.TeamID.Or("") != "" {
		action = access.KeyCreateTeam
	}
	return k.create(ctx, who, action, in)
}

// CreateService makes a key of a team that belongs to nobody. Errors: those of Create; Invalid without a team.
func (k *Keys) CreateService(ctx context.Context, who access.Actor, in NewKey) (*CreatedKey, error) {
	if in.TeamID.Or("") == "" {
		if err := k.gate(ctx, who, access.KeyCreateService); err != nil {
			return nil, err
		}
		return nil, fault.BadField("team_id", "team_id is required for service account keys. Please specify `team_id` in the request body.")
	}
	in.UserID = Opt[string]{}
	key, err := k.create(ctx, who, access.KeyCreateService, in)
	if f := fault.As(err); f != nil && f.Kind == fault.NotFound && f.Param == "team_id" {
		return nil, fault.BadField("team_id", "%s", f.Message) // here a wrong team is a wrong field
	}
	return key, err
}

// draft is a key on its way through the policy.
type draft struct {
	in            NewKey
	action        access.Action
	asked         NewKey // as sent, before defaults and bounds
	target        access.Target
	teamIsDefault bool
	clamped       []Clamp
	secret        string
}

func (k *Keys) create(ctx context.Context, who access.Actor, action access.Action, in NewKey) (*CreatedKey, error) {
	if err := k.gate(ctx, who, action); err != nil {
		return nil, err
	}
	d, err := k.prepare(ctx, who, action, in)
	if err != nil {
		k.noteRefusal(ctx, who, action, "", err)
		return nil, err
	}
	var made *CreatedKey
	err = k.change(ctx, who, action, "", func(tx *store.Store) error {
		key, err := k.insert(ctx, tx, who, d)
		if err != nil {
			return err
		}
		view, err := k.keyView(ctx, tx, key)
		if err != nil {
			return err
		}
		made = &CreatedKey{KeyView: *view, Secret: models.NewSecret(d.secret), Duration: d.in.Duration.Or(""), Clamped: d.clamped}
		return k.audit(ctx, tx, who, action, key.ID, nil, key)
	})
	if err != nil {
		return nil, err
	}
	if made.Spend > 0 {
		k.Ledger.Reset(models.ScopeKey(made.Key.ID), made.Spend)
	}
	if in.SendEmail.Or(false) && made.Owner != nil && made.Owner.Email != nil {
		k.Mailer.KeyCreated(ctx, KeyMail{To: *made.Owner.Email, Alias: deref(made.Key.Alias), Name: made.Key.Name, Secret: made.Secret})
	}
	return made, nil
}

// prepare runs the steps of the policy that need no transaction, in their order.
func (k *Keys) prepare(ctx context.Context, who access.Actor, action access.Action, in NewKey) (*draft, error) {
	p := k.policy()
	if in.Spend.Or(0) == 0 { // every key begins at nothing
		in.Spend = Opt[models.Nano]{}
	}
	d := &draft{in: in, asked: in, action: action}
	if err := d.in.check(); err != nil {
		return nil, err
	}
	if err := checkAlias(in.Alias.Or(""), p.Keys.AliasFormat); err != nil {
		return nil, err
	}
	if err := k.askRule(ctx, who, &in); err != nil {
		return nil, err
	}
	team := in.TeamID.Or("")
	if isServiceAccount(in.Metadata) && team == "" {
		return nil, fault.BadField("team_id", "team_id is required for service account keys. Please specify `team_id` in the request body.")
	}
	if action != access.KeyCreateService && !who.IsAdmin() && in.UserID.Or("") == "" {
		d.in.UserID = Some(who.UserID)
	}
	d.target = access.Target{Owner: d.in.UserID.Or(""), Team: team, Org: d.in.OrgID.Or("")}
	if err := access.Check(who, action, d.target); err != nil {
		return nil, err
	}
	if err := d.in.permit(access.FieldsOf(who, action, d.target), &models.Key{}); err != nil {
		return nil, err
	}
	if org := d.in.OrgID.Or(""); org != "" && !who.IsAdmin() && who.Orgs[org] == "" {
		return nil, access.NotFound("organization", org)
	}
	if err := checkGeneration(p.LiteLLM.KeyGeneration, who, team, sent(&in)); err != nil {
		return nil, err
	}
	if team == "" && p.General.DefaultTeamDisabled && !who.IsAdmin() {
		return nil, fault.BadField("team_id", "Personal keys are turned off by your admin. Make the key in a team.")
	}
	var err error
	if d.teamIsDefault, err = d.in.applyDefaults(p.LiteLLM.DefaultKey); err != nil {
		return nil, err
	}
	admits := func(list []string, model string) bool { return k.Models.Admits(list, model, d.in.TeamID.Or("")) }
	narrowed, err := d.in.narrowToMaker(who, admits, k.Now())
	if err != nil {
		return nil, err
	}
	bounded, err := d.in.applyBounds(p.LiteLLM.UpperBound, true)
	if err != nil {
		return nil, err
	}
	d.clamped = append(narrowed, bounded...)
	if err := d.in.check(); err != nil { // defaults and bounds come from config, which may be wrong too
		return nil, err
	}
	return d, d.chooseSecret(p.Keys.Bytes)
}

func (d *draft) chooseSecret(bytes int) (err error) {
	if d.secret = d.in.Secret; d.secret != "" {
		return chosenSecret(d.secret)
	}
	d.secret, err = makeSecret(bytes)
	return err
}

// askRule is step 1: the operator's own rule sees the body as it was sent.
func (k *Keys) askRule(ctx context.Context, who access.Actor, in *NewKey) error {
	if k.KeyRule == nil {
		return nil
	}
	data := map[string]any{}
	body := in.Body
	if len(body) == 0 {
		var err error
		if body, err = formBody(in); err != nil {
			return err
		}
	}
	if err := json.Unmarshal(body, &data); err != nil {
		return fault.New(fault.Invalid, "the body is not a JSON object").WithCause(err)
	}
	via := in.Via
	if via == "" {
		via = "api"
	}
	caller := hooks.Caller{UserID: who.UserID, UserRole: who.Role, TeamID: in.TeamID.Or(""), KeyAlias: in.Alias.Or(""), Via: via}
	err := k.KeyRule.AllowKey(ctx, data, caller)
	if err == nil {
		return nil
	}
	message := "This key was refused by a rule of your admin."
	var refusal *hooks.Refusal
	if errors.As(err, &refusal) && refusal.Message != "" {
		message = refusal.Message
	}
	return fault.New(fault.Forbidden, message).WithType("auth_error").WithCause(err)
}

// formBody writes the sent fields of a form as the body that an API caller would have sent.
func formBody(in *NewKey) ([]byte, error) {
	text, err := json.Marshal(in.KeyFields)
	if err != nil {
		return nil, fmt.Errorf("encode the form: %w", err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("encode the form: %w", err)
	}
	names := sent(&in.KeyFields)
	maps.DeleteFunc(all, func(name string, _ json.RawMessage) bool { return !slices.Contains(names, name) })
	return json.Marshal(all)
}

func isServiceAccount(metadata Opt[models.JSON]) bool {
	if !metadata.Has() {
		return false
	}
	m, err := object(metadata.Value)
	return err == nil && m["service_account_id"] != nil
}

// insert runs the steps that need rows, and stores the key.
func (k *Keys) insert(ctx context.Context, tx *store.Store, who access.Actor, d *draft) (*models.Key, error) {
	p := k.policy()
	in := d.in
	var team *models.Team
	if id := in.TeamID.Or(""); id != "" {
		var err error
		if team, err = tx.Team(ctx, id); err != nil {
			return nil, notFound("team", id, err)
		}
		if err := k.checkTeamKey(ctx, tx, who, team, d); err != nil {
			return nil, err
		}
		if who.Teams[id] == models.TeamMember && !who.IsAdmin() && !d.asked.Duration.Has() && team.MemberKeyDuration != nil {
			in.Duration = Some(*team.MemberKeyDuration)
		}
	}
	if err := k.checkOwnerModels(ctx, tx, who, in.UserID.Or(""), team, d.asked.Models.Value); err != nil {
		return nil, err
	}
	if err := k.checkLinks(ctx, tx, &in.KeyFields); err != nil {
		return nil, err
	}
	key := &models.Key{ID: newKeyID(who, in.Nonce), Hash: HashSecret(d.secret), Name: keyName(d.secret, p.Keys.StoreName)}
	if err := in.apply(key, k.Now()); err != nil {
		return nil, err
	}
	key.Delegated = delegated(who, key)
	k.stampNew(&key.Audit, who)
	if err := k.checkTeamThroughput(ctx, tx, key, team); err != nil {
		return nil, err
	}
	// PostgreSQL ends a transaction at its first failed statement, so what can be asked before is.
	if err := k.checkAliasFree(ctx, tx, key); err != nil {
		return nil, err
	}
	if err := tx.InsertKey(ctx, key); err != nil {
		return nil, keyClash(err, key)
	}
	if err := k.keyResets(ctx, tx, key, nil); err != nil {
		return nil, err
	}
	if in.Spend.Has() && in.Spend.Value > 0 {
		return key, k.setSpent(ctx, tx, models.ScopeKey(key.ID), in.Spend.Value)
	}
	return key, nil
}

// delegated says whether the secret now made goes to somebody who could not act as the key's owner otherwise.
func delegated(who access.Actor, key *models.Key) bool {
	return key.UserID != nil && *key.UserID != who.UserID && !who.IsAdmin()
}

// OfForm is the key that a form with this nonce made. Errors: NotFound, those of Info.
func (k *Keys) OfForm(ctx context.Context, who access.Actor, nonce string) (*KeyView, error) {
	if nonce == "" {
		return nil, access.NotFound("key", "")
	}
	return k.Info(ctx, who, ByID(newKeyID(who, nonce)))
}

// newKeyID is random, or made from the nonce of a form so that its second POST finds the id taken.
func newKeyID(who access.Actor, nonce string) string {
	if nonce == "" {
		return uuid.NewString()
	}
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte("gatehouse key form\x1f"+who.UserID+"\x1f"+who.SessionID+"\x1f"+nonce)).String()
}

// keyClash gives unique violations the words of the contract.
func keyClash(err error, key *models.Key) error {
	err = clashText(err, "key_id", fault.Conflict, "This key was already shown. Rotate it if you lost it.")
	err = clashText(err, "key", fault.Invalid, "Key with this value already exists. Choose another, or leave it out to have one made.")
	return clashText(err, "key_alias", fault.Invalid, "Key with alias '%s' already exists. Unique key aliases across all keys are required.", deref(key.Alias))
}

func (k *Keys) checkAliasFree(ctx context.Context, tx *store.Store, key *models.Key) error {
	if key.Alias == nil {
		return nil
	}
	other, err := tx.KeyByAlias(ctx, *key.Alias)
	if absent(err) || err == nil && other.ID == key.ID {
		return nil
	}
	if err != nil {
		return err
	}
	return keyClash(fault.New(fault.Conflict, "taken").WithParam("key_alias"), key)
}

// checkTeamKey is the rest of step 2 and step 3: who may be the owner, and what plain members may do.
func (k *Keys) checkTeamKey(ctx context.Context, tx *store.Store, who access.Actor, team *models.Team, d *draft) error {
	if who.IsAdmin() || d.teamIsDefault {
		return nil
	}
	if owner := d.in.UserID.Or(""); owner != "" && owner != who.UserID {
		_, err := tx.Membership(ctx, team.ID, owner)
		if absent(err) {
			return fault.BadField("user_id", "User=%s not assigned to team=%s", owner, team.ID)
		}
		if err != nil {
			return err
		}
	}
	route := "/key/generate"
	if d.action == access.KeyCreateService {
		route = "/key/service-account/generate"
	}
	return memberPermitted(who, team, route)
}

// memberPermitted is step 3: a plain member needs the route in the team's list; nil is every key route.
func memberPermitted(who access.Actor, team *models.Team, route string) error {
	if who.IsAdmin() || who.Teams[team.ID] != models.TeamMember || team.MemberPermissions == nil || slices.Contains(*team.MemberPermissions, route) {
		return nil
	}
	return fault.Newf(fault.Unauthenticated, "Team member does not have permissions for endpoint: %s. You only have access to the following endpoints: %s for team %s.",
		route, quoteList(*team.MemberPermissions), team.ID).WithType("team_member_permission_error")
}

// checkOwnerModels refuses models that the owner could not call anyway. Admins may set what they like: the lists of team
// and user are read live at each call.
func (k *Keys) checkOwnerModels(ctx context.Context, tx *store.Store, who access.Actor, owner string, team *models.Team, asked []string) error {
	if who.IsAdmin() || len(asked) == 0 {
		return nil
	}
	outer, whose, teamID := []string(nil), "you", ""
	if team != nil {
		outer, whose, teamID = team.Models, "team "+team.ID, team.ID
	} else if owner != "" {
		user, err := tx.User(ctx, owner)
		if err != nil && !absent(err) {
			return err
		}
		if user != nil {
			outer = user.Models
		}
	}
	admits := func(list []string, model string) bool { return k.Models.Admits(list, model, teamID) }
	if name := firstOutside(asked, outer, admits); name != "" {
		return modelBeyond(name, whose)
	}
	return nil
}

// checkLinks refuses a budget row or an organization that does not exist.
func (b *base) checkLinks(ctx context.Context, tx *store.Store, f *KeyFields) error {
	if id := f.BudgetID.Or(""); id != "" {
		if _, err := tx.Budget(ctx, id); err != nil {
			if absent(err) {
				return fault.BadField("budget_id", "Budget %s does not exist", id)
			}
			return err
		}
	}
	if id := f.OrgID.Or(""); id != "" {
		if _, err := tx.Organization(ctx, id); err != nil {
			if absent(err) {
				return fault.BadField("organization_id", "Organization %s does not exist", id)
			}
			return err
		}
	}
	return nil
}

func (k *Keys) checkTeamThroughput(ctx context.Context, tx *store.Store, key *models.Key, team *models.Team) error {
	const guaranteed = "guaranteed_throughput"
	if team == nil || deref(key.RPMLimitType) != guaranteed && deref(key.TPMLimitType) != guaranteed {
		return nil
	}
	others, err := tx.KeysOfTeams(ctx, team.ID)
	if err != nil {
		return err
	}
	return checkThroughput(key, team, others)
}

// keyResets sets the resets of a key and of its budgets by model, where they differ from before (nil: a new key).
func (b *base) keyResets(ctx context.Context, tx *store.Store, key, before *models.Key) error {
	if before == nil || deref(before.BudgetDuration) != deref(key.BudgetDuration) || deref(before.BudgetID) != deref(key.BudgetID) {
		if err := b.linkedReset(ctx, tx, models.ScopeKey(key.ID), key.BudgetDuration, key.BudgetID); err != nil {
			return err
		}
	}
	for model, m := range key.ModelMaxBudget {
		if before != nil && before.ModelMaxBudget[model].Duration == m.Duration {
			continue
		}
		if err := b.reset(ctx, tx, models.ScopeKeyModel(key.ID, model), nullable(m.Duration)); err != nil {
			return err
		}
	}
	return nil
}

// linkedReset sets a reset by the object's own duration, else by that of its budget row.
func (b *base) linkedReset(ctx context.Context, tx *store.Store, scope string, own, budgetID *string) error {
	if own != nil || budgetID == nil {
		return b.reset(ctx, tx, scope, own)
	}
	row, err := tx.Budget(ctx, *budgetID)
	if err != nil {
		return fmt.Errorf("load the linked budget: %w", err)
	}
	return b.resetByRow(ctx, tx, scope, row)
}

// resetByRow sets a scope's reset as a budget row says: at the fixed time while it lies ahead, else by the calendar.
func (b *base) resetByRow(ctx context.Context, tx *store.Store, scope string, row *models.Budget) error {
	if row.ResetAt != nil && row.ResetAt.After(b.Now()) {
		return tx.SetReset(ctx, scope, row.ResetAt)
	}
	return b.reset(ctx, tx, scope, row.BudgetDuration)
}
