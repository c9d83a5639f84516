package control

import (
	"context"
	"errors"

	"gatehouse/app/access"
	"gatehouse/models"
)

var errPending = errors.New("not wired yet")

// SignInSSO finds or makes the user that an identity provider vouched for (contract/admin-api.md §6).
func (u *Users) SignInSSO(ctx context.Context, who access.Actor, p SSOProfile) (*SignedIn, error) {
	return nil, errPending
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
