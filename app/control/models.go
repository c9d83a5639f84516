package control

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// Models are the acts on models.
type Models struct{ base }

// Callable lists the models and groups that the caller may use: by their own lists, by those of the team, and by those of
// the key that the call came with.
func (m *Models) Callable(ctx context.Context, who access.Actor, teamID string) ([]ModelChoice, error) {
	if err := m.gate(ctx, who, access.ModelRead); err != nil {
		return nil, err
	}
	if who.Key == nil {
		return m.choices(ctx, who, teamID)
	}
	if teamID == "" {
		teamID = who.Key.TeamID
	}
	out, err := m.choices(ctx, who, teamID)
	list := keyList(who.Key)
	return slices.DeleteFunc(out, func(c ModelChoice) bool {
		return len(list) > 0 && !slices.Contains(list, c.Name) && !m.Models.Admits(list, c.Name, teamID)
	}), err
}

// keyList is the list of a key as far as it decides itself.
func keyList(via *access.Via) []string {
	if via.TeamID != "" && slices.Contains(via.Models, allTeamModels) {
		return nil
	}
	return via.Models
}

// sights are the ways in which a caller may come to call a model: one of them suffices, and in each every list must admit.
func (m *Models) sights(ctx context.Context, who access.Actor) ([][][]string, error) {
	team := func(id string) ([]string, error) {
		t, err := m.Store.Team(ctx, id)
		if absent(err) {
			return []string{noDefault}, nil
		}
		if err != nil {
			return nil, err
		}
		return t.Models, nil
	}
	var own []string
	if who.UserID != "" {
		user, err := m.Store.User(ctx, who.UserID)
		if err != nil && !absent(err) {
			return nil, err
		}
		if user != nil {
			own = user.Models
		}
	}
	if via := who.Key; via != nil {
		outer := own
		if via.TeamID != "" {
			var err error
			if outer, err = team(via.TeamID); err != nil {
				return nil, err
			}
		}
		return [][][]string{{keyList(via), outer}}, nil
	}
	all := [][][]string{{own}}
	for id := range who.Teams {
		list, err := team(id)
		if err != nil {
			return nil, err
		}
		all = append(all, [][]string{list})
	}
	return all, nil
}

// List is every deployment that the caller may see, by name; id "" is all. Errors: NotFound for an id that they may not see.
func (m *Models) List(ctx context.Context, who access.Actor, id string) ([]ModelView, error) {
	if err := m.gate(ctx, who, access.ModelRead); err != nil {
		return nil, err
	}
	var sights [][][]string
	if !who.SeesAll() {
		var err error
		if sights, err = m.sights(ctx, who); err != nil {
			return nil, err
		}
	}
	rows, err := m.Store.ListDeployments(ctx)
	if err != nil {
		return nil, err
	}
	stamps := map[string]models.Audit{}
	for i := range rows {
		stamps[rows[i].ID] = rows[i].Audit
	}
	out := []ModelView{}
	for _, d := range m.Models.Deployments() {
		if id != "" && d.ID != id || !who.SeesAll() && !m.sees(who, sights, d) {
			continue
		}
		v := viewDeployment(d)
		v.stamp(stamps[d.ID])
		if !who.SeesAll() {
			v.Params, v.Disabled = publicParams(v.Params), ""
		}
		out = append(out, v)
	}
	if id != "" && len(out) == 0 {
		return nil, fault.Newf(fault.NotFound, "Model id = %s not found on litellm proxy", id).WithParam("litellm_model_id")
	}
	slices.SortStableFunc(out, func(a, b ModelView) int { return strings.Compare(a.ModelName, b.ModelName) })
	return out, nil
}

func (m *Models) sees(who access.Actor, sights [][][]string, d *models.Deployment) bool {
	team := d.TeamID
	if team != "" && who.Teams[team] == "" && (who.Key == nil || who.Key.TeamID != team) {
		return false
	}
	return slices.ContainsFunc(sights, func(lists [][]string) bool {
		for _, list := range lists {
			if slices.Contains(list, noDefault) || len(list) > 0 && !slices.Contains(list, d.ModelName) && !m.Models.Admits(list, d.ModelName, team) {
				return false
			}
		}
		return true
	})
}

// publicParams is what people who are no admins see of litellm_params: what is called, and not where.
func publicParams(params map[string]any) map[string]any {
	out := map[string]any{}
	for _, name := range [...]string{"model", "custom_llm_provider", "rpm", "tpm", "tags"} {
		if v, has := params[name]; has {
			out[name] = v
		}
	}
	return out
}

func viewDeployment(d *models.Deployment) ModelView {
	info := maps.Clone(d.Info)
	if info == nil {
		info = map[string]any{}
	}
	info["id"], info["db_model"] = d.ID, !d.FromConfig
	if len(d.AccessGroups) > 0 {
		info["access_groups"] = d.AccessGroups
	}
	if d.Mode != "" {
		info["mode"] = d.Mode
	}
	for name, price := range d.Prices {
		if _, has := info[name]; !has {
			info[name] = price
		}
	}
	return ModelView{
		ID: d.ID, ModelName: d.ModelName, Provider: d.Provider, Model: d.Model, Params: maps.Clone(d.Params), Info: info,
		FromConfig: d.FromConfig, Disabled: d.Disabled, TeamID: d.TeamID,
	}
}

// Groups is List by public name.
func (m *Models) Groups(ctx context.Context, who access.Actor) ([]ModelGroup, error) {
	views, err := m.List(ctx, who, "")
	if err != nil {
		return nil, err
	}
	byID := map[string]*models.Deployment{}
	for _, d := range m.Models.Deployments() {
		byID[d.ID] = d
	}
	out := []ModelGroup{}
	for _, v := range views { // sorted by name, so equal names are neighbours
		if len(out) == 0 || out[len(out)-1].Name != v.ModelName {
			out = append(out, ModelGroup{Name: v.ModelName})
		}
		g := &out[len(out)-1]
		g.Deployments = append(g.Deployments, v)
		if !slices.Contains(g.Providers, v.Provider) {
			g.Providers = append(g.Providers, v.Provider)
		}
		d := byID[v.ID]
		if d == nil {
			continue
		}
		if g.Mode == "" {
			g.Mode = d.Mode
		}
		for _, name := range d.AccessGroups {
			if !slices.Contains(g.AccessGroups, name) {
				g.AccessGroups = append(g.AccessGroups, name)
			}
		}
	}
	return out, nil
}

// decode reads litellm_params or model_info; numbers keep their text.
func decode(raw map[string]json.RawMessage) (map[string]any, error) {
	out := make(map[string]any, len(raw))
	for name, text := range raw {
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber()
		var v any
		if err := dec.Decode(&v); err != nil {
			return nil, fault.BadField(name, "%s is not valid JSON", name)
		}
		out[name] = v
	}
	return out, nil
}

// storable refuses writes while models are kept in config.yaml alone; asked after Check, so that nobody without the right learns it.
func (m *Models) storable() error {
	if m.policy().General.StoreModelInDB {
		return nil
	}
	return fault.New(fault.Internal, "Set `'STORE_MODEL_IN_DB='True'` in your env to enable this feature.")
}

// urlParams are where credentials are sent to: for admins alone to say.
func urlParams() []string {
	return []string{"api_base", "base_url", "azure_ad_token_url", "aws_bedrock_runtime_endpoint", "vertex_endpoint", "proxy", "http_proxy", "https_proxy"}
}

func refuseURLs(who access.Actor, params map[string]json.RawMessage) error {
	if who.IsAdmin() {
		return nil
	}
	for _, name := range urlParams() {
		if _, has := params[name]; has {
			return fault.Newf(fault.Forbidden, "Only proxy admins may set %s.", name).WithType("auth_error").WithParam(name)
		}
	}
	return nil
}

// sealRow parses an entry and fills a row with it: credentials sealed, all else as text.
func (m *Models) sealRow(row *models.DeploymentRow, params, info map[string]any) error {
	return SealDeployment(m.Sealer.Seal, row, params, info)
}

// SealDeployment parses an entry and fills a row with it, its credentials closed by seal, which is told the place that they
// are bound to. Errors: fault.Invalid for an entry that cannot stand.
func SealDeployment(seal func(place string, plain []byte) (string, error), row *models.DeploymentRow, params, info map[string]any) error {
	d, problems := models.ParseDeployment(row.ModelName, params, info)
	for _, p := range problems {
		if p.Fatal {
			return fault.BadField(p.Path, "%s: %s", p.Path, p.Message)
		}
	}
	secrets := map[string]string{}
	if d.APIKey.IsSet() {
		secrets["api_key"] = d.APIKey.Reveal()
	}
	for path, s := range d.Secrets {
		secrets[path] = s.Reveal()
	}
	var err error
	if row.Params, err = json.Marshal(d.Params); err != nil {
		return fmt.Errorf("encode litellm_params: %w", err)
	}
	if row.Info, err = json.Marshal(d.Info); err != nil {
		return fmt.Errorf("encode model_info: %w", err)
	}
	row.TeamID, row.Sealed = d.TeamID, ""
	if len(secrets) == 0 {
		return nil
	}
	plain, err := json.Marshal(secrets)
	if err != nil {
		return fmt.Errorf("encode the credentials: %w", err)
	}
	row.Sealed, err = seal(sealPlace(row.ID), plain)
	return err
}

// sealPlace binds sealed credentials to their row.
func sealPlace(id string) string { return "deployments/sealed/" + id }

func (m *Models) rowView(row *models.DeploymentRow) (*ModelView, error) {
	params, info := map[string]any{}, map[string]any{}
	if err := json.Unmarshal(row.Params, &params); err != nil {
		return nil, fmt.Errorf("decode litellm_params of model %s: %w", row.ID, err)
	}
	if err := json.Unmarshal(row.Info, &info); err != nil {
		return nil, fmt.Errorf("decode model_info of model %s: %w", row.ID, err)
	}
	info["id"] = row.ID
	d, _ := models.ParseDeployment(row.ModelName, params, info)
	d.ID, d.FromConfig = row.ID, false
	v := viewDeployment(&d)
	v.stamp(row.Audit)
	return &v, nil
}

// stamp says who made and changed the row; LiteLLM's clients look for it in model_info, and models of config.yaml have none.
func (v *ModelView) stamp(a models.Audit) {
	v.CreatedAt, v.CreatedBy, v.UpdatedAt, v.UpdatedBy = a.CreatedAt, a.CreatedBy, a.UpdatedAt, a.UpdatedBy
	if v.FromConfig {
		return
	}
	v.Info["created_at"], v.Info["created_by"], v.Info["updated_at"], v.Info["updated_by"] = a.CreatedAt, a.CreatedBy, a.UpdatedAt, a.UpdatedBy
}

// New stores a model. Errors: Internal while models are kept in config.yaml alone, Invalid for a bad entry or an id that
// is taken, Forbidden, Unauthenticated.
func (m *Models) New(ctx context.Context, who access.Actor, in ModelParams) (*ModelView, error) {
	if err := m.gate(ctx, who, access.ModelWrite); err != nil {
		return nil, err
	}
	if in.ModelName == "" || len(in.Params) == 0 {
		return nil, missing(map[string]bool{"model_name": in.ModelName == "", "litellm_params": len(in.Params) == 0})
	}
	if err := checkName("model_name", in.ModelName); err != nil {
		return nil, err
	}
	if err := refuseURLs(who, in.Params); err != nil {
		return nil, err
	}
	params, info, err := decodeBoth(in.Params, in.Info)
	if err != nil {
		return nil, err
	}
	row := &models.DeploymentRow{ID: textOf(info["id"]), ModelName: in.ModelName}
	if err := checkID("model_info.id", row.ID); err != nil {
		return nil, err
	}
	if row.ID == "" {
		row.ID = uuid.NewString()
	}
	info["id"] = row.ID
	if err := m.sealRow(row, params, info); err != nil {
		return nil, err
	}
	var out *ModelView
	err = m.change(ctx, who, access.ModelWrite, row.ID, func(tx *store.Store) error {
		if err := access.Check(who, access.ModelWrite, access.Target{ID: row.ID, Team: row.TeamID}); err != nil {
			return err
		}
		if err := m.storable(); err != nil {
			return err
		}
		if err := m.checkTeam(ctx, tx, row.TeamID); err != nil {
			return err
		}
		if m.configured(row.ID) != nil {
			return fault.BadField("model_info.id", "Model with id=%s already exists", row.ID)
		}
		if _, err := tx.Deployment(ctx, row.ID); !absent(err) {
			if err != nil {
				return err
			}
			return fault.BadField("model_info.id", "Model with id=%s already exists", row.ID)
		}
		m.stampNew(&row.Audit, who)
		if err := tx.InsertDeployment(ctx, row); err != nil {
			return err
		}
		var err error
		if out, err = m.rowView(row); err != nil {
			return err
		}
		return m.audit(ctx, tx, who, access.ModelWrite, row.ID, nil, row)
	})
	return out, err
}

func (m *Models) checkTeam(ctx context.Context, tx *store.Store, id string) error {
	if id == "" {
		return nil
	}
	_, err := tx.Team(ctx, id)
	return notFound("team", id, err)
}

// numeric says whether LiteLLM reads this parameter as a number when it comes as text, as command lines send all.
func numeric(name string) bool {
	switch name {
	case "rpm", "tpm", "max_retries", "max_parallel_requests", "timeout", "stream_timeout", "weight":
		return true
	}
	return strings.Contains(name, "cost_per_")
}

// numberText is a number as JSON writes it.
var numberText = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

func textOf(v any) string {
	s, _ := v.(string)
	return s
}

func decodeBoth(rawParams, rawInfo map[string]json.RawMessage) (params, info map[string]any, err error) {
	if params, err = decode(rawParams); err != nil {
		return nil, nil, err
	}
	for name, v := range params {
		if text, ok := v.(string); ok && numeric(name) && numberText.MatchString(text) {
			params[name] = json.Number(text)
		}
	}
	info, err = decode(rawInfo)
	return params, info, err
}

// configured finds a model of config.yaml, nil when there is none of that id.
func (m *Models) configured(id string) *models.Deployment {
	for _, d := range m.Models.Deployments() {
		if d.ID == id && d.FromConfig {
			return d
		}
	}
	return nil
}

// stored loads a model of the database and asks whether the actor may change it.
func (m *Models) stored(ctx context.Context, tx *store.Store, who access.Actor, id string) (*models.DeploymentRow, error) {
	row, err := tx.Deployment(ctx, id)
	if absent(err) {
		if m.configured(id) != nil {
			return nil, fault.BadField("id", "Can't edit model. Model in config. Store model in db via `/model/new` to edit.")
		}
		return nil, fault.BadField("id", "Model with id=%s not found in db", id)
	}
	if err != nil {
		return nil, err
	}
	return row, access.Check(who, access.ModelWrite, access.Target{ID: row.ID, Team: row.TeamID})
}
