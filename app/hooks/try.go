package hooks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"gatehouse/models"
)

// The rules that Try knows.
const (
	TryAuth        = "custom_auth"
	TryKeyGenerate = "custom_key_generate"
)

// Result is the outcome of one trial.
type Result struct {
	Allowed bool     `json:"allowed"`
	Message string   `json:"message,omitempty"` // why not
	Grant   any      `json:"grant,omitempty"`   // custom_auth: who the caller is, secrets hidden
	Printed []string `json:"printed,omitempty"` // what the function printed
}

// Try runs one rule on a sample, for `gatehouse hook test`. which is TryAuth or TryKeyGenerate. sample is JSON:
// {"request": {…}, "api_key": "…"} or {"data": {…}, "caller": {…}}. A refusal is a Result; an error means that the rule or the sample
// cannot be used, or that the rule failed, which callers meet as a refusal.
func Try(ctx context.Context, s Settings, which string, sample []byte) (Result, error) {
	reference := s.Auth
	if which == TryKeyGenerate {
		reference = s.KeyGenerate
	} else if which != TryAuth {
		return Result{}, fmt.Errorf("no rule of that name: one of %s, %s", TryAuth, TryKeyGenerate)
	}
	if reference == "" {
		return Result{}, fmt.Errorf("general_settings.%s is not set", which)
	}
	var in struct {
		Request Request        `json:"request"`
		APIKey  string         `json:"api_key"`
		Data    map[string]any `json:"data"`
		Caller  Caller         `json:"caller"`
	}
	d := json.NewDecoder(bytes.NewReader(sample))
	d.UseNumber()
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return Result{}, fmt.Errorf("the sample cannot be read: %w", err)
	}
	rule, err := open(s, reference)
	if err != nil {
		return Result{}, err
	}
	var out Result
	if sc, ok := rule.(*script); ok {
		sc.print = func(text string) { out.Printed = append(out.Printed, text) }
	}
	if which == TryAuth {
		var g *Grant
		if g, err = (authRule{rule}).Authenticate(ctx, in.Request, in.APIKey); err == nil {
			out.Grant = shown(g)
		}
	} else {
		if in.Data == nil {
			in.Data = map[string]any{}
		}
		err = keyRule{rule}.AllowKey(ctx, in.Data, in.Caller)
	}
	var no *Refusal
	switch {
	case err == nil:
		out.Allowed = true
	case errors.As(err, &no):
		out.Message = no.Message
	default:
		return out, err
	}
	return out, nil
}

// shown is a grant as it may be printed: the key itself is hidden.
func shown(g *Grant) any {
	c := *g
	if c.APIKey != "" {
		c.APIKey = models.NewSecret(c.APIKey).String()
	}
	return c
}
