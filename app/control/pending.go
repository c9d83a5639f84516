package control

import (
	"context"
	"errors"

	"gatehouse/app/access"
	"gatehouse/models"
)

var errPending = errors.New("not wired yet")

type base struct{ Deps }

// Keys are the acts on keys.
type Keys struct {
	base
	users *Users
}

// Create makes a key (/key/generate) under the creation policy. Errors: Invalid, Forbidden, NotFound, Conflict.
func (k *Keys) Create(ctx context.Context, who access.Actor, in NewKey) (*CreatedKey, error) {
	return nil, errPending
}

// CreateService makes a key of a team that belongs to nobody.
func (k *Keys) CreateService(ctx context.Context, who access.Actor, in NewKey) (*CreatedKey, error) {
	return nil, errPending
}

// Options is what a form for a new key offers; teamID is the chosen team, "" = a personal key.
func (k *Keys) Options(ctx context.Context, who access.Actor, teamID string) (*KeyOptions, error) {
	return nil, errPending
}

// Info loads one key; an empty ref is the key that the call came with.
func (k *Keys) Info(ctx context.Context, who access.Actor, ref string) (*KeyView, error) {
	return nil, errPending
}

// InfoMany loads several keys for admins.
func (k *Keys) InfoMany(ctx context.Context, who access.Actor, refs []string) ([]KeyView, error) {
	return nil, errPending
}

// List is one page of the keys that the caller sees.
func (k *Keys) List(ctx context.Context, who access.Actor, q KeyQuery) (Page[KeyView], error) {
	return Page[KeyView]{}, errPending
}

// Aliases is one page of the names of the keys that the caller sees.
func (k *Keys) Aliases(ctx context.Context, who access.Actor, q AliasQuery) (Page[string], error) {
	return Page[string]{}, errPending
}

// Update changes a key.
func (k *Keys) Update(ctx context.Context, who access.Actor, in KeyUpdate) (*KeyView, error) {
	return nil, errPending
}

// BulkUpdate changes up to 500 keys, each on its own.
func (k *Keys) BulkUpdate(ctx context.Context, who access.Actor, items []BulkKey) ([]BulkOutcome, error) {
	return nil, errPending
}

// Delete ends keys, all or none. It returns the refs as given.
func (k *Keys) Delete(ctx context.Context, who access.Actor, refs []string) ([]string, error) {
	return nil, errPending
}

// DeleteByAlias is Delete by name.
func (k *Keys) DeleteByAlias(ctx context.Context, who access.Actor, aliases []string) ([]string, error) {
	return nil, errPending
}

// Block stops a key until Unblock; reason may be empty and is shown to the owner.
func (k *Keys) Block(ctx context.Context, who access.Actor, ref, reason string) (*KeyView, error) {
	return nil, errPending
}

// Unblock lets a key work again.
func (k *Keys) Unblock(ctx context.Context, who access.Actor, ref string) (*KeyView, error) {
	return nil, errPending
}

// Rotate gives a key a new secret (/key/regenerate).
func (k *Keys) Rotate(ctx context.Context, who access.Actor, in RotateKey) (*CreatedKey, error) {
	return nil, errPending
}

// ResetSpend sets what a key has spent in its window.
func (k *Keys) ResetSpend(ctx context.Context, who access.Actor, ref string, to models.Nano) (*SpendReset, error) {
	return nil, errPending
}

// Health says that the caller's own key is good: authentication has refused it otherwise.
func (k *Keys) Health(ctx context.Context, who access.Actor) (*KeyView, error) {
	return nil, errPending
}

// Users are the acts on people.
type Users struct {
	base
	keys        *Keys
	login       *Login
	invitations *Invitations
}

// New makes a user and, unless told otherwise, one personal key.
func (u *Users) New(ctx context.Context, who access.Actor, in NewUser) (*CreatedUser, error) {
	return nil, errPending
}

// Info is a person with keys and teams; id "" is the caller, and for admins everything.
func (u *Users) Info(ctx context.Context, who access.Actor, id string) (*UserInfo, error) {
	return nil, errPending
}

// Card is the row alone; id "" is the caller.
func (u *Users) Card(ctx context.Context, who access.Actor, id string) (*UserView, error) {
	return nil, errPending
}

// Update changes a person, named by id or email.
func (u *Users) Update(ctx context.Context, who access.Actor, in UserUpdate) (*UserView, error) {
	return nil, errPending
}

// BulkUpdate changes up to 500 people, each on their own.
func (u *Users) BulkUpdate(ctx context.Context, who access.Actor, in UserBulk) ([]UserOutcome, error) {
	return nil, errPending
}

// Delete removes people with their own keys, invitations, sessions and memberships, all or none.
func (u *Users) Delete(ctx context.Context, who access.Actor, ids []string) (int, error) {
	return 0, errPending
}

// List is one page of people.
func (u *Users) List(ctx context.Context, who access.Actor, q UserQuery) (Page[UserView], error) {
	return Page[UserView]{}, errPending
}

// Filter is a short list for pickers: at most 50.
func (u *Users) Filter(ctx context.Context, who access.Actor, q UserQuery) ([]UserView, error) {
	return nil, errPending
}

// Roles lists the global roles, highest privilege first.
func (u *Users) Roles(ctx context.Context, who access.Actor) ([]RoleInfo, error) {
	return nil, errPending
}

// ChangePassword sets the caller's own password; old is what they have now. Other sessions of theirs end.
func (u *Users) ChangePassword(ctx context.Context, who access.Actor, old, new string) error {
	return errPending
}

// SignInSSO finds or makes the user that an identity provider vouched for (contract/admin-api.md §6).
func (u *Users) SignInSSO(ctx context.Context, who access.Actor, p SSOProfile) (*SignedIn, error) {
	return nil, errPending
}

// Teams are the acts on teams and their members.
type Teams struct{ base }

// New makes a team.
func (t *Teams) New(ctx context.Context, who access.Actor, in NewTeam) (*TeamView, error) {
	return nil, errPending
}

// Update changes a team.
func (t *Teams) Update(ctx context.Context, who access.Actor, in TeamUpdate) (*TeamView, error) {
	return nil, errPending
}

// Delete removes teams with their keys and memberships, all or none.
func (t *Teams) Delete(ctx context.Context, who access.Actor, ids []string) ([]string, error) {
	return nil, errPending
}

// Info is a team with its keys and members.
func (t *Teams) Info(ctx context.Context, who access.Actor, id string) (*TeamInfo, error) {
	return nil, errPending
}

// List is every team that the caller sees and the query selects.
func (t *Teams) List(ctx context.Context, who access.Actor, q TeamQuery) ([]TeamInfo, error) {
	return nil, errPending
}

// Pages is List in pages, without keys.
func (t *Teams) Pages(ctx context.Context, who access.Actor, q TeamQuery) (Page[TeamView], error) {
	return Page[TeamView]{}, errPending
}

// Filter is a short list for pickers: at most 50.
func (t *Teams) Filter(ctx context.Context, who access.Actor, q TeamQuery) ([]TeamView, error) {
	return nil, errPending
}

// Available lists the teams that the caller may join.
func (t *Teams) Available(ctx context.Context, who access.Actor) ([]TeamView, error) {
	return nil, errPending
}

// Block stops every key of a team.
func (t *Teams) Block(ctx context.Context, who access.Actor, id string) (*TeamView, error) {
	return nil, errPending
}

// Unblock lets them work again.
func (t *Teams) Unblock(ctx context.Context, who access.Actor, id string) (*TeamView, error) {
	return nil, errPending
}

// AddMembers puts people into a team; unknown ones are made as internal users.
func (t *Teams) AddMembers(ctx context.Context, who access.Actor, in AddMembers) (*MemberChange, error) {
	return nil, errPending
}

// BulkAddMembers is AddMembers for up to 500 people; those who are members already are left as they are.
func (t *Teams) BulkAddMembers(ctx context.Context, who access.Actor, in BulkAddMembers) (*MemberChange, error) {
	return nil, errPending
}

// UpdateMember changes a person's role, budget or limits in a team.
func (t *Teams) UpdateMember(ctx context.Context, who access.Actor, in UpdateMember) (*MemberView, error) {
	return nil, errPending
}

// RemoveMember takes a person out; their keys of the team stop at once.
func (t *Teams) RemoveMember(ctx context.Context, who access.Actor, in RemoveMember) (*TeamView, error) {
	return nil, errPending
}

// Permissions says what plain members may do with the team's keys.
func (t *Teams) Permissions(ctx context.Context, who access.Actor, id string) (*TeamPermissions, error) {
	return nil, errPending
}

// SetPermissions changes that.
func (t *Teams) SetPermissions(ctx context.Context, who access.Actor, id string, routes []string) (*TeamPermissions, error) {
	return nil, errPending
}

// AddModels adds to a team's model list.
func (t *Teams) AddModels(ctx context.Context, who access.Actor, id string, names []string) (*TeamView, error) {
	return nil, errPending
}

// RemoveModels takes from a team's model list.
func (t *Teams) RemoveModels(ctx context.Context, who access.Actor, id string, names []string) (*TeamView, error) {
	return nil, errPending
}

// SetCallback keeps a callback setting without effect.
func (t *Teams) SetCallback(ctx context.Context, who access.Actor, id string, setting models.JSON) (*TeamView, error) {
	return nil, errPending
}

// Orgs are the acts on organizations.
type Orgs struct{ base }

// New makes an organization.
func (o *Orgs) New(ctx context.Context, who access.Actor, in NewOrg) (*OrgView, error) {
	return nil, errPending
}

// Update changes an organization.
func (o *Orgs) Update(ctx context.Context, who access.Actor, in OrgUpdate) (*OrgView, error) {
	return nil, errPending
}

// Delete removes organizations, all or none. Errors: Conflict while teams or keys are in one.
func (o *Orgs) Delete(ctx context.Context, who access.Actor, ids []string) ([]OrgView, error) {
	return nil, errPending
}

// Info loads one organization.
func (o *Orgs) Info(ctx context.Context, who access.Actor, id string) (*OrgView, error) {
	return nil, errPending
}

// List is every organization that the caller sees.
func (o *Orgs) List(ctx context.Context, who access.Actor) ([]OrgView, error) { return nil, errPending }

// AddMembers puts people into an organization.
func (o *Orgs) AddMembers(ctx context.Context, who access.Actor, in OrgMember) (*OrgView, []UserView, error) {
	return nil, nil, errPending
}

// UpdateMember changes a person's place.
func (o *Orgs) UpdateMember(ctx context.Context, who access.Actor, in OrgMember) (*OrgMemberView, error) {
	return nil, errPending
}

// RemoveMember takes a person out.
func (o *Orgs) RemoveMember(ctx context.Context, who access.Actor, in OrgMember) error {
	return errPending
}

// Budgets are the acts on budget rows.
type Budgets struct{ base }

// New makes a budget row.
func (b *Budgets) New(ctx context.Context, who access.Actor, in BudgetFields) (*BudgetView, error) {
	return nil, errPending
}

// Update changes a budget row; the reset moves when the duration changes.
func (b *Budgets) Update(ctx context.Context, who access.Actor, in BudgetFields) (*BudgetView, error) {
	return nil, errPending
}

// Info loads budget rows by id; an empty list is Invalid.
func (b *Budgets) Info(ctx context.Context, who access.Actor, ids []string) ([]BudgetView, error) {
	return nil, errPending
}

// List is every budget row.
func (b *Budgets) List(ctx context.Context, who access.Actor) ([]BudgetView, error) {
	return nil, errPending
}

// Delete removes a budget row. Errors: Conflict while something is linked to it.
func (b *Budgets) Delete(ctx context.Context, who access.Actor, id string) (*BudgetView, error) {
	return nil, errPending
}

// Customers are the acts on end users.
type Customers struct{ base }

// New makes an end user.
func (c *Customers) New(ctx context.Context, who access.Actor, in CustomerFields) (*CustomerView, error) {
	return nil, errPending
}

// Update changes an end user.
func (c *Customers) Update(ctx context.Context, who access.Actor, in CustomerFields) (*CustomerView, error) {
	return nil, errPending
}

// Info loads one end user.
func (c *Customers) Info(ctx context.Context, who access.Actor, id string) (*CustomerView, error) {
	return nil, errPending
}

// List is every end user, at most 1000.
func (c *Customers) List(ctx context.Context, who access.Actor) ([]CustomerView, error) {
	return nil, errPending
}

// Delete removes end users, all or none.
func (c *Customers) Delete(ctx context.Context, who access.Actor, ids []string) (int, error) {
	return 0, errPending
}

// Block stops or admits end users; unknown ones are made when blocking.
func (c *Customers) Block(ctx context.Context, who access.Actor, ids []string, blocked bool) ([]CustomerView, error) {
	return nil, errPending
}

// Invitations are the acts on invitation links.
type Invitations struct {
	base
	login *Login
}

// New makes a link for a person and revokes their older ones.
func (i *Invitations) New(ctx context.Context, who access.Actor, userID string) (*CreatedInvitation, error) {
	return nil, errPending
}

// Info loads an invitation by the id that the link carries.
func (i *Invitations) Info(ctx context.Context, who access.Actor, id string) (*InvitationView, error) {
	return nil, errPending
}

// Update marks an invitation as accepted, or as not.
func (i *Invitations) Update(ctx context.Context, who access.Actor, in UpdateInvitation) (*InvitationView, error) {
	return nil, errPending
}

// Delete removes an invitation.
func (i *Invitations) Delete(ctx context.Context, who access.Actor, id string) (*InvitationView, error) {
	return nil, errPending
}

// Open says what a link is good for. who carries only the network. Errors: Exhausted after too many tries.
func (i *Invitations) Open(ctx context.Context, who access.Actor, id string) (*OpenInvitation, error) {
	return nil, errPending
}

// Claim sets the password and uses the link up. Errors: Unauthenticated for a link that is not open, Unprocessable for a
// password that breaks the rules (the link stays open), Exhausted.
func (i *Invitations) Claim(ctx context.Context, who access.Actor, in ClaimInvitation) (*UserView, error) {
	return nil, errPending
}

// Login checks passwords.
type Login struct{ base }

func newLogin(b base) *Login { return &Login{base: b} }

// Password checks a name and a password; who carries only the network. Errors: Unauthenticated with one text for every
// cause, Exhausted with RetryAfter, Forbidden for people whom ui_access_mode keeps out.
func (l *Login) Password(ctx context.Context, who access.Actor, in LoginInput) (*SignedIn, error) {
	return nil, errPending
}

// Try counts one try of kind ("onboarding", "sso", "master") from the caller's network. Errors: Exhausted.
func (l *Login) Try(ctx context.Context, who access.Actor, kind string) error { return errPending }

// Identity turns credentials that were proved into an Actor.
type Identity struct{ base }

// Key is the actor of a virtual key's secret. Errors: Unauthenticated with the texts of contract/admin-api.md §3.2 for an
// unknown, blocked or expired key, a blocked team or person.
func (i *Identity) Key(ctx context.Context, secret string) (access.Actor, *models.Key, error) {
	return access.Actor{}, nil, errPending
}

// Secret is the actor of a bearer secret: the master key, or a virtual key.
func (i *Identity) Secret(ctx context.Context, secret string) (access.Actor, error) {
	return access.Actor{}, errPending
}

// User is the actor of a signed-in person, with the role they have now. Errors: Unauthenticated for one who is gone or blocked.
func (i *Identity) User(ctx context.Context, id string) (access.Actor, error) {
	return access.Actor{}, errPending
}

// Session is the actor of a portal session.
func (i *Identity) Session(ctx context.Context, s *models.Session) (access.Actor, error) {
	return access.Actor{}, errPending
}

// Sessions are the acts on signed-in browsers.
type Sessions struct{ base }

// List is the sessions of a person; userID "" is the caller.
func (s *Sessions) List(ctx context.Context, who access.Actor, userID string) ([]SessionView, error) {
	return nil, errPending
}

// End ends one session by its short id.
func (s *Sessions) End(ctx context.Context, who access.Actor, userID, id string) error {
	return errPending
}

// EndAll ends every session of a person; for the caller all but the present one.
func (s *Sessions) EndAll(ctx context.Context, who access.Actor, userID string) error {
	return errPending
}

// Models are the acts on models.
type Models struct{ base }

// Callable lists the model names that the caller may use, for /v1/models and pickers; teamID narrows to a team's keys.
func (m *Models) Callable(ctx context.Context, who access.Actor, teamID string) ([]ModelChoice, error) {
	return nil, errPending
}

// List is every deployment that the caller may see; id "" is all. Errors: NotFound for an unknown id.
func (m *Models) List(ctx context.Context, who access.Actor, id string) ([]ModelView, error) {
	return nil, errPending
}

// Groups is List by public name.
func (m *Models) Groups(ctx context.Context, who access.Actor) ([]ModelGroup, error) {
	return nil, errPending
}

// New stores a model.
func (m *Models) New(ctx context.Context, who access.Actor, in ModelParams) (*ModelView, error) {
	return nil, errPending
}

// Update merges into a stored model.
func (m *Models) Update(ctx context.Context, who access.Actor, in ModelUpdate) (*ModelView, error) {
	return nil, errPending
}

// Delete removes a stored model.
func (m *Models) Delete(ctx context.Context, who access.Actor, id string) (*ModelView, error) {
	return nil, errPending
}

// AccessGroups lists the groups kept in the database.
func (m *Models) AccessGroups(ctx context.Context, who access.Actor) ([]models.AccessGroup, error) {
	return nil, errPending
}

// SetAccessGroup makes or changes a group; create refuses an existing one.
func (m *Models) SetAccessGroup(ctx context.Context, who access.Actor, in AccessGroupInput, create bool) (*models.AccessGroup, error) {
	return nil, errPending
}

// DeleteAccessGroup removes a group.
func (m *Models) DeleteAccessGroup(ctx context.Context, who access.Actor, name string) error {
	return errPending
}

// Spend reports what was spent. Every report covers what the caller may see and no more.
type Spend struct{ base }

// Activity is usage by day with cuts (/user, /team, /organization, /customer, /tag daily activity); entity says which.
func (s *Spend) Activity(ctx context.Context, who access.Actor, entity Dimension, q SpendQuery) (*Activity, error) {
	return nil, errPending
}

// Days is usage by day, zero-filled, oldest first.
func (s *Spend) Days(ctx context.Context, who access.Actor, q SpendQuery) ([]DaySpend, error) {
	return nil, errPending
}

// Top is usage cut by one dimension, highest spend first; q.Limit bounds it.
func (s *Spend) Top(ctx context.Context, who access.Actor, by Dimension, q SpendQuery) ([]Slice, error) {
	return nil, errPending
}

// Report is Top for each day (/global/spend/report).
func (s *Spend) Report(ctx context.Context, who access.Actor, by Dimension, q SpendQuery) ([]Day, error) {
	return nil, errPending
}

// Summary is /spend/logs with summarize.
func (s *Spend) Summary(ctx context.Context, who access.Actor, q SpendQuery) ([]DayLog, error) {
	return nil, errPending
}

// Logs is a page of the ledger, newest first; at most 1000 rows a page.
func (s *Spend) Logs(ctx context.Context, who access.Actor, q SpendQuery) (*LogPage, error) {
	return nil, errPending
}

// Log is one call.
func (s *Spend) Log(ctx context.Context, who access.Actor, id string) (*LogRow, error) {
	return nil, errPending
}

// Keys is the keys by spend (/spend/keys).
func (s *Spend) Keys(ctx context.Context, who access.Actor) ([]KeyView, error) {
	return nil, errPending
}

// Users is the people by spend (/spend/users).
func (s *Spend) Users(ctx context.Context, who access.Actor, userID string) ([]UserView, error) {
	return nil, errPending
}

// Tags is the tags by spend.
func (s *Spend) Tags(ctx context.Context, who access.Actor, q SpendQuery) ([]TagSpend, error) {
	return nil, errPending
}

// Teams is /global/spend/teams.
func (s *Spend) Teams(ctx context.Context, who access.Actor, q SpendQuery) (*TeamSpend, error) {
	return nil, errPending
}

// ModelDays is /global/activity/model: the ten models with the most tokens.
func (s *Spend) ModelDays(ctx context.Context, who access.Actor, q SpendQuery) ([]ModelSeries, error) {
	return nil, errPending
}

// Total is /global/spend: what the caller sees spent, and the proxy's budget.
func (s *Spend) Total(ctx context.Context, who access.Actor) (spent models.Nano, max *models.Nano, err error) {
	return 0, nil, errPending
}

// Cost says what a call would cost.
func (s *Spend) Cost(ctx context.Context, who access.Actor, in CostInput) (models.Nano, error) {
	return 0, errPending
}

// ResetAll sets the spend of all keys and teams to zero; logs stay.
func (s *Spend) ResetAll(ctx context.Context, who access.Actor) error { return errPending }

// Audit reads the audit log.
type Audit struct{ base }

// List is a page of the log.
func (a *Audit) List(ctx context.Context, who access.Actor, q AuditQuery) (*AuditPage, error) {
	return nil, errPending
}

// OfKey is the rows of one key, for those who may see the key.
func (a *Audit) OfKey(ctx context.Context, who access.Actor, ref string, q AuditQuery) (*AuditPage, error) {
	return nil, errPending
}

// Note writes a row for something that is no change of a row: a sign-in, a sign-out, an export, a refused act.
func (a *Audit) Note(ctx context.Context, who access.Actor, action, objectType, objectID, outcome string) error {
	return errPending
}
