package control

import (
	"encoding/json"
	"maps"
	"reflect"
	"time"

	"gatehouse/models"
	"gatehouse/models/duration"
	"gatehouse/models/fault"
)

// check refuses values that mean nothing: amounts and limits below zero, durations outside the grammar.
func (f *LimitFields) check() error {
	for _, money := range []struct {
		name  string
		value Opt[models.Nano]
	}{{"max_budget", f.MaxBudget}, {"soft_budget", f.SoftBudget}} {
		if money.value.Has() && money.value.Value < 0 {
			return fault.BadField(money.name, "%s cannot be negative. Received: %s", money.name, money.value.Value)
		}
	}
	for _, limit := range []struct {
		name  string
		value Opt[int64]
	}{{"tpm_limit", f.TPMLimit}, {"rpm_limit", f.RPMLimit}, {"max_parallel_requests", f.MaxParallel}} {
		if err := checkCount(limit.name, limit.value); err != nil {
			return err
		}
	}
	for _, limits := range []struct {
		name  string
		value Opt[map[string]int64]
	}{{"model_rpm_limit", f.ModelRPMLimit}, {"model_tpm_limit", f.ModelTPMLimit}} {
		for model, n := range limits.value.Value {
			if n < 0 {
				return fault.BadField(limits.name, "%s of %s cannot be negative. Received: %d", limits.name, model, n)
			}
		}
	}
	for model, b := range f.ModelMaxBudget.Value {
		if err := checkModelBudget(model, b); err != nil {
			return err
		}
	}
	_, err := readDuration("budget_duration", f.BudgetDuration)
	return err
}

func checkCount(name string, value Opt[int64]) error {
	if value.Has() && value.Value < 0 {
		return fault.BadField(name, "%s cannot be negative. Received: %d", name, value.Value)
	}
	return nil
}

func checkModelBudget(model string, b models.ModelBudget) error {
	if b.Limit < 0 || b.TPMLimit != nil && *b.TPMLimit < 0 || b.RPMLimit != nil && *b.RPMLimit < 0 {
		return fault.BadField("model_max_budget", "model_max_budget of %s cannot be negative", model)
	}
	if b.Duration == "" {
		return nil
	}
	if _, err := duration.Parse(b.Duration); err != nil {
		return fault.BadField("model_max_budget", "model_max_budget of %s: %v", model, err)
	}
	return nil
}

// readDuration parses an optional length of time; not sent, null, "" and "-1" are never.
func readDuration(name string, text Opt[string]) (duration.Duration, error) {
	if !text.Has() || text.Value == "" {
		return duration.Duration{}, nil
	}
	d, err := duration.Parse(text.Value)
	if err != nil {
		return duration.Duration{}, fault.BadField(name, "Invalid %s: %v", name, err)
	}
	return d, nil
}

// apply writes the sent fields; null clears. The caller has run check.
func (f *LimitFields) apply(l *models.Limits) {
	set(&l.MaxBudget, f.MaxBudget)
	set(&l.SoftBudget, f.SoftBudget)
	set(&l.TPMLimit, f.TPMLimit)
	set(&l.RPMLimit, f.RPMLimit)
	set(&l.MaxParallel, f.MaxParallel)
	if f.BudgetDuration.Sent {
		l.BudgetDuration = nil
		if d := f.BudgetDuration.Value; d != "" && d != "-1" {
			l.BudgetDuration = f.BudgetDuration.Ptr()
		}
	}
	if f.ModelMaxBudget.Sent {
		l.ModelMaxBudget = models.ModelBudgets(f.ModelMaxBudget.Value)
	}
	if f.ModelRPMLimit.Sent {
		l.ModelRPMLimit = f.ModelRPMLimit.Value
	}
	if f.ModelTPMLimit.Sent {
		l.ModelTPMLimit = f.ModelTPMLimit.Value
	}
}

// set writes a nullable column when its field was sent.
func set[T any](dst **T, f Opt[T]) {
	if f.Sent {
		*dst = f.Ptr()
	}
}

// setText is set for texts, where "" means null.
func setText(dst **string, f Opt[string]) {
	if f.Sent {
		*dst = nullable(f.Or(""))
	}
}

// nextReset is when a budget of this duration resets for the first time after now; nil for one that never does.
func nextReset(budgetDuration *string, now time.Time, zone *time.Location) (*models.Time, error) {
	if budgetDuration == nil || *budgetDuration == "" {
		return nil, nil
	}
	d, err := duration.Parse(*budgetDuration)
	if err != nil {
		return nil, fault.BadField("budget_duration", "Invalid budget_duration: %v", err)
	}
	next := d.Next(now, zone)
	if next.IsZero() {
		return nil, nil
	}
	return models.AtPtr(next), nil
}

// UnmarshalJSON reads {"gpt-4o": {"budget_limit": "0.01", "time_period": "1d"}}, the names max_budget and
// budget_duration for the same, and a bare number for each model.
func (m *ModelBudgets) UnmarshalJSON(b []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	out := make(ModelBudgets, len(raw))
	for model, text := range raw {
		one, err := readModelBudget(text)
		if err != nil {
			return fault.BadField("model_max_budget", "model_max_budget of %s: %v", model, err)
		}
		if plain, err := json.Marshal(one); err != nil || !sameText(plain, text) {
			one.Written = string(text)
		}
		out[model] = one
	}
	*m = out
	return nil
}

// sameText compares two JSON texts by value, so that the order of names does not count.
func sameText(a, b json.RawMessage) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

func readModelBudget(text json.RawMessage) (models.ModelBudget, error) {
	if len(text) > 0 && text[0] != '{' {
		var bare models.Nano
		err := json.Unmarshal(text, &bare)
		return models.ModelBudget{Limit: bare}, err
	}
	var long struct {
		Limit     *models.Nano `json:"budget_limit"`
		MaxBudget *models.Nano `json:"max_budget"`
		Period    string       `json:"time_period"`
		Duration  string       `json:"budget_duration"`
		TPMLimit  *int64       `json:"tpm_limit"`
		RPMLimit  *int64       `json:"rpm_limit"`
	}
	if err := json.Unmarshal(text, &long); err != nil {
		return models.ModelBudget{}, err
	}
	one := models.ModelBudget{Duration: long.Period, TPMLimit: long.TPMLimit, RPMLimit: long.RPMLimit}
	if one.Duration == "" {
		one.Duration = long.Duration
	}
	switch {
	case long.Limit != nil:
		one.Limit = *long.Limit
	case long.MaxBudget != nil:
		one.Limit = *long.MaxBudget
	default:
		return models.ModelBudget{}, fault.New(fault.Invalid, "budget_limit is missing")
	}
	return one, nil
}

// withTags puts tags into metadata.tags, the one place where they are kept. null or an empty list takes them out.
func withTags(metadata models.JSON, tags Opt[[]string]) (models.JSON, error) {
	if !tags.Sent {
		return metadata, nil
	}
	m, err := object(metadata)
	if err != nil {
		return nil, err
	}
	delete(m, "tags")
	if len(tags.Value) > 0 {
		text, err := json.Marshal(tags.Value)
		if err != nil {
			return nil, err
		}
		m["tags"] = text
	}
	return json.Marshal(m)
}

// keepTags carries metadata.tags over when new metadata came without the field: tags have a field of their own.
func keepTags(next, previous models.JSON) (models.JSON, error) {
	a, err := object(next)
	if err != nil {
		return nil, err
	}
	b, err := object(previous)
	if err != nil {
		return nil, err
	}
	if _, has := a["tags"]; has || b["tags"] == nil {
		return next, nil
	}
	a["tags"] = b["tags"]
	return json.Marshal(a)
}

// object reads a stored JSON object; empty is {}.
func object(j models.JSON) (map[string]json.RawMessage, error) {
	m := map[string]json.RawMessage{}
	if len(j) == 0 {
		return m, nil
	}
	if err := json.Unmarshal(j, &m); err != nil {
		return nil, fault.New(fault.Invalid, "metadata must be a JSON object").WithParam("metadata").WithCause(err)
	}
	if m == nil {
		m = map[string]json.RawMessage{}
	}
	return m, nil
}

// mergeExtra writes fields without effect into the row's Extra; null takes one out.
func mergeExtra(extra models.JSON, fields map[string]Opt[json.RawMessage]) (models.JSON, error) {
	m, err := object(extra)
	if err != nil {
		return nil, err
	}
	before := maps.Clone(m)
	for name, f := range fields {
		switch {
		case f.Has():
			m[name] = f.Value
		case f.Sent:
			delete(m, name)
		}
	}
	if maps.EqualFunc(before, m, func(a, b json.RawMessage) bool { return string(a) == string(b) }) {
		return extra, nil
	}
	return json.Marshal(m)
}
