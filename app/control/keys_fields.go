package control

import (
	"encoding/json"
	"regexp"
	"slices"
	"time"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
)

// check refuses field values that mean nothing, whoever sends them.
func (f *KeyFields) check() error {
	if err := f.LimitFields.check(); err != nil {
		return err
	}
	if _, err := readDuration("duration", f.Duration); err != nil {
		return err
	}
	if _, err := readDuration("rotation_interval", f.RotationInterval); err != nil {
		return err
	}
	if f.Spend.Has() && f.Spend.Value < 0 {
		return fault.BadField("spend", "spend cannot be negative. Received: %s", f.Spend.Value)
	}
	if f.TempBudgetIncrease.Has() != f.TempBudgetExpiry.Has() {
		return fault.BadField("temp_budget_increase", "temp_budget_increase and temp_budget_expiry must be given together")
	}
	if f.TempBudgetIncrease.Has() && f.TempBudgetIncrease.Value < 0 {
		return fault.BadField("temp_budget_increase", "temp_budget_increase cannot be negative. Received: %s", f.TempBudgetIncrease.Value)
	}
	for name, kind := range map[string]Opt[string]{"rpm_limit_type": f.RPMLimitType, "tpm_limit_type": f.TPMLimitType} {
		switch kind.Or("best_effort_throughput") {
		case "best_effort_throughput", "guaranteed_throughput":
		default:
			return oneOf(name, "best_effort_throughput", "guaranteed_throughput")
		}
	}
	if _, err := f.routes(); err != nil {
		return err
	}
	if err := checkID("user_id", f.UserID.Or("")); err != nil {
		return err
	}
	for _, name := range f.Models.Value {
		if name == "" {
			return fault.BadField("models", "a model name must not be empty")
		}
	}
	return nil
}

// oneOf is the 422 for a word that is none of a field's own.
func oneOf(name string, words ...string) error {
	msg := name + " must be one of " + quoteList(words)
	f := fault.New(fault.Unprocessable, msg).WithParam(name)
	f.Issues = []fault.Issue{{Type: "enum", Loc: []string{"body", name}, Msg: msg}}
	return f
}

// routes is allowed_routes, or what key_type stands for.
func (f *KeyFields) routes() (Opt[[]string], error) {
	if f.AllowedRoutes.Sent || !f.KeyType.Has() {
		return f.AllowedRoutes, nil
	}
	switch f.KeyType.Value {
	case "", "default":
		return f.AllowedRoutes, nil
	case "llm_api":
		return Some([]string{"llm_api_routes"}), nil
	case "management":
		return Some([]string{"management_routes"}), nil
	case "read_only":
		return Some([]string{"info_routes"}), nil
	}
	return Opt[[]string]{}, oneOf("key_type", "default", "llm_api", "management", "read_only")
}

var aliasFormat = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_\-/.@]{0,253}[A-Za-z0-9])$`)

func checkAlias(alias string, format bool) error {
	if err := checkName("key_alias", alias); err != nil {
		return err
	}
	if format && alias != "" && !aliasFormat.MatchString(alias) {
		return fault.BadField("key_alias", "key_alias must be 2-255 characters of A-Z a-z 0-9 _ - / . @, with a letter or digit at both ends")
	}
	return nil
}

// apply writes the sent fields to the row; null clears. What needs other rows (team, owner, spend, resets) is the
// caller's. The caller has run check.
func (f *KeyFields) apply(k *models.Key, now time.Time) error {
	setText(&k.Alias, f.Alias)
	setText(&k.UserID, f.UserID)
	setText(&k.TeamID, f.TeamID)
	setText(&k.OrgID, f.OrgID)
	setText(&k.BudgetID, f.BudgetID)
	if f.Duration.Sent {
		d, err := readDuration("duration", f.Duration)
		if err != nil {
			return err
		}
		k.ExpiresAt = nil
		if !d.IsNever() {
			k.ExpiresAt = models.AtPtr(d.Add(now))
		}
	}
	routes, err := f.routes()
	if err != nil {
		return err
	}
	setList(&k.Models, f.Models)
	setList(&k.AccessGroupIDs, f.AccessGroupIDs)
	setList(&k.AllowedRoutes, routes)
	setList(&k.EnforcedParams, f.EnforcedParams)
	setList(&k.AllowedCacheControls, f.AllowedCacheControls)
	if f.Aliases.Sent {
		k.Aliases = f.Aliases.Value
	}
	if f.Blocked.Sent {
		k.Blocked = f.Blocked.Ptr()
		if !f.Blocked.Or(false) {
			k.BlockedReason = ""
		}
	}
	f.LimitFields.apply(&k.Limits)
	set(&k.TempBudgetIncrease, f.TempBudgetIncrease)
	set(&k.TempBudgetExpiresAt, f.TempBudgetExpiry)
	setText(&k.RPMLimitType, f.RPMLimitType)
	setText(&k.TPMLimitType, f.TPMLimitType)
	setText(&k.RotationInterval, f.RotationInterval)
	if f.AutoRotate.Sent {
		k.AutoRotate = f.AutoRotate.Or(false)
	}
	if f.Permissions.Sent {
		k.Permissions = f.Permissions.Value
	}
	if f.Config.Sent {
		k.Config = f.Config.Value
	}
	if k.Metadata, err = mergeMetadata(k.Metadata, f.Metadata, f.Tags); err != nil {
		return err
	}
	k.Extra, err = mergeExtra(k.Extra, f.byName())
	return err
}

// mergeMetadata replaces metadata when it was sent, and tags when they were; tags survive new metadata without tags.
func mergeMetadata(stored models.JSON, metadata Opt[models.JSON], tags Opt[[]string]) (models.JSON, error) {
	next := stored
	if metadata.Sent {
		next = metadata.Value
		if metadata.Has() {
			var err error
			if next, err = keepTags(metadata.Value, stored); err != nil {
				return nil, err
			}
		}
	}
	return withTags(next, tags)
}

func setList(dst *models.Strings, f Opt[[]string]) {
	if f.Sent {
		*dst = slices.Clone(f.Value)
	}
}

func (f *StoredFields) byName() map[string]Opt[json.RawMessage] {
	return map[string]Opt[json.RawMessage]{
		"guardrails": f.Guardrails, "policies": f.Policies, "prompts": f.Prompts, "object_permission": f.ObjectPermission,
		"router_settings": f.RouterSettings, "agent_id": f.AgentID, "project_id": f.ProjectID,
		"allowed_passthrough_routes": f.PassthroughRoutes, "allowed_vector_store_indexes": f.VectorStoreIndexes,
		"disable_global_guardrails": f.NoGlobalGuardrails,
	}
}

// permit refuses the sent fields that the actor may not set, or may only tighten. A value equal to what stands is no change.
func (f *KeyFields) permit(may access.Fields, k *models.Key) error {
	for _, name := range sent(f) {
		freedom := may.Of(name)
		if freedom == access.Free {
			continue
		}
		same, lower := f.compare(name, k)
		if same || lower && freedom == access.LowerOnly {
			continue
		}
		return may.Refuse(name)
	}
	return nil
}

// compare says how a sent field stands to the row: equal, or a tighter limit.
func (f *KeyFields) compare(name string, k *models.Key) (same, lower bool) {
	switch name {
	case "user_id":
		return f.UserID.Or("") == deref(k.UserID), false
	case "organization_id":
		return f.OrgID.Or("") == deref(k.OrgID), false
	case "budget_id":
		return f.BudgetID.Or("") == deref(k.BudgetID), false
	case "blocked":
		return f.Blocked.Or(false) == (k.Blocked != nil && *k.Blocked), false
	case "rpm_limit_type":
		return f.RPMLimitType.Or("") == deref(k.RPMLimitType), false
	case "tpm_limit_type":
		return f.TPMLimitType.Or("") == deref(k.TPMLimitType), false
	case "spend":
		return !f.Spend.Has(), false
	case "temp_budget_increase":
		return !f.TempBudgetIncrease.Has() && k.TempBudgetIncrease == nil, false
	case "temp_budget_expiry":
		return !f.TempBudgetExpiry.Has() && k.TempBudgetExpiresAt == nil, false
	}
	return f.LimitFields.compare(name, &k.Limits)
}

func (f *LimitFields) compare(name string, l *models.Limits) (same, lower bool) {
	switch name {
	case "max_budget":
		return against(f.MaxBudget, l.MaxBudget)
	case "soft_budget":
		return against(f.SoftBudget, l.SoftBudget)
	case "tpm_limit":
		return against(f.TPMLimit, l.TPMLimit)
	case "rpm_limit":
		return against(f.RPMLimit, l.RPMLimit)
	case "max_parallel_requests":
		return against(f.MaxParallel, l.MaxParallel)
	case "budget_duration":
		return f.BudgetDuration.Or("") == deref(l.BudgetDuration), false
	case "model_max_budget":
		return sameJSON(f.ModelMaxBudget.Value, l.ModelMaxBudget), false
	case "model_rpm_limit":
		return mapsAgainst(f.ModelRPMLimit.Value, l.ModelRPMLimit)
	case "model_tpm_limit":
		return mapsAgainst(f.ModelTPMLimit.Value, l.ModelTPMLimit)
	}
	return false, false
}

// against compares a limit with the one that stands; nil is no limit, so anything is lower and null is never lower.
func against[T models.Nano | int64](f Opt[T], stands *T) (same, lower bool) {
	switch {
	case !f.Has():
		return stands == nil, false
	case stands == nil:
		return false, true
	}
	return f.Value == *stands, f.Value < *stands
}

// mapsAgainst is against for limits by model: every limit that stands must still be there, and none higher.
func mapsAgainst(next map[string]int64, stands models.IntMap) (same, lower bool) {
	for model, n := range stands {
		if v, has := next[model]; !has || v > n {
			return false, false
		}
	}
	return sameJSON(next, stands), true
}

// sameJSON compares two values by their wire form; nil and empty maps are the same.
func sameJSON(a, b any) bool {
	x, errA := json.Marshal(a)
	y, errB := json.Marshal(b)
	empty := func(t []byte) bool { return string(t) == "null" || string(t) == "{}" }
	return errA == nil && errB == nil && (string(x) == string(y) || empty(x) && empty(y))
}
