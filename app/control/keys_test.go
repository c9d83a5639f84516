package control_test

import (
	"strings"
	"testing"
	"time"

	"gatehouse/app/access"
	"gatehouse/app/config"
	"gatehouse/app/control"
	"gatehouse/app/hooks"
	"gatehouse/models"
	"gatehouse/models/duration"
	"gatehouse/models/fault"
)

func TestKeyCreateRefusals(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.user("ana", models.RoleInternalUser)
		e.user("bo", models.RoleInternalUser)
		e.user("vi", models.RoleInternalViewer)
		e.user("pv", models.RoleAdminViewer)
		e.team("core", "ana")
		e.team("strangers")
		taken := e.key(admin(), `{"key_alias":"taken","key":"sk-abcdefgh12345678"}`)
		service := e.key(admin(), `{}`)
		_, bare, err := e.Identity.Key(t.Context(), service.Secret.Reveal())
		ok(t, err)
		bareActor, err := e.Identity.Secret(t.Context(), service.Secret.Reveal())
		ok(t, err)
		same(t, "the key found", bare.ID, service.Key.ID)
		for name, tc := range map[string]struct {
			who  access.Actor
			body string
			kind fault.Kind
			text string
		}{
			"nobody":                   {access.Actor{}, `{}`, fault.Unauthenticated, "Only proxy admin"},
			"key without a user":       {bareActor, `{}`, fault.Unauthenticated, "Only proxy admin"},
			"internal viewer":          {e.as("vi"), `{}`, fault.Unauthenticated, "Only proxy admin"},
			"admin viewer":             {e.as("pv"), `{}`, fault.Forbidden, "role= proxy_admin_viewer"},
			"for somebody else":        {e.as("ana"), `{"user_id":"bo"}`, fault.Forbidden, "User can only create keys for themselves. Got user_id=bo, Your ID=ana"},
			"team of others":           {e.as("ana"), `{"team_id":"strangers"}`, fault.NotFound, "Team not found"},
			"team that is not there":   {e.as("ana"), `{"team_id":"ghost"}`, fault.NotFound, "Team not found"},
			"no such team, as admin":   {admin(), `{"team_id":"ghost"}`, fault.NotFound, "Team not found"},
			"spend":                    {e.as("ana"), `{"spend":1}`, fault.Forbidden, "spend"},
			"foreign organization":     {e.as("ana"), `{"organization_id":"acme"}`, fault.NotFound, "organization"},
			"alias taken":              {admin(), `{"key_alias":"taken"}`, fault.Invalid, "Key with alias 'taken' already exists. Unique key aliases across all keys are required."},
			"value taken":              {admin(), `{"key":"sk-abcdefgh12345678"}`, fault.Invalid, "already exists"},
			"value without sk-":        {admin(), `{"key":"abcdefgh12345678"}`, fault.Invalid, "must start with 'sk-'. Received: abcd****5678"},
			"short value":              {admin(), `{"key":"sk-abc"}`, fault.Invalid, "at least 16"},
			"uniform value":            {admin(), `{"key":"sk-aaaaaaaaaaaaaaaaaaaa"}`, fault.Invalid, "different characters"},
			"negative budget":          {admin(), `{"max_budget":-1}`, fault.Invalid, "max_budget cannot be negative"},
			"negative limit":           {admin(), `{"rpm_limit":-1}`, fault.Invalid, "rpm_limit cannot be negative"},
			"duration without unit":    {admin(), `{"duration":"5"}`, fault.Invalid, "unit missing"},
			"duration in years":        {admin(), `{"duration":"2y"}`, fault.Invalid, "unknown unit"},
			"no such budget":           {admin(), `{"budget_id":"ghost"}`, fault.Invalid, "Budget ghost does not exist"},
			"bad key type":             {admin(), `{"key_type":"root"}`, fault.Unprocessable, "key_type must be one of"},
			"half a temporary raise":   {admin(), `{"temp_budget_increase":5}`, fault.Invalid, "must be given together"},
			"service account, no team": {admin(), `{"metadata":{"service_account_id":"x"}}`, fault.Invalid, "team_id is required"},
			"model budget in the red":  {admin(), `{"model_max_budget":{"gpt-4":{"budget_limit":-1}}}`, fault.Invalid, "cannot be negative"},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := e.Keys.Create(t.Context(), tc.who, newKey(t, tc.body))
				refused(t, err, tc.kind, tc.text)
			})
		}
		page, err := e.Keys.List(t.Context(), admin(), control.KeyQuery{})
		ok(t, err)
		same(t, "keys after only refusals", page.Total, 2)
		same(t, "alias of the one that stands", *taken.Key.Alias, "taken")
	})
}

func TestKeyCreate(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.user("ana", models.RoleInternalUser)
		before := e.ring.count()
		k := e.key(e.as("ana"), `{"key_alias":"ci","models":["gpt-4"],"max_budget":12.5,"budget_duration":"1d","duration":"30d","tpm_limit":10,
			"metadata":{"a":{"b":[1,"x",null]}},"tags":["prod"],"model_max_budget":{"gpt-4":{"budget_limit":"0.01","time_period":"1d"},"gpt-4o":2},"guardrails":["g"]}`)
		secret := k.Secret.Reveal()
		if !strings.HasPrefix(secret, "sk-") || len(secret) != 46 {
			t.Errorf("secret has %d characters", len(secret))
		}
		same(t, "stored hash", k.Key.Hash, control.HashSecret(secret))
		same(t, "name", k.Key.Name, "sk-..."+secret[len(secret)-4:])
		same(t, "owner", *k.Key.UserID, "ana")
		same(t, "expiry", k.Key.ExpiresAt.Time, e.clock.Now().Add(30*24*time.Hour))
		same(t, "budget", *k.Key.MaxBudget, 12*models.USD+models.USD/2)
		same(t, "reset", k.ResetsAt.Time, time.Date(2026, 1, 16, 0, 0, 0, 0, time.UTC))
		same(t, "model budget as a bare number", k.Key.ModelMaxBudget["gpt-4o"].Limit, 2*models.USD)
		same(t, "metadata", string(k.Key.Metadata), `{"a":{"b":[1,"x",null]},"tags":["prod"]}`)
		same(t, "extra", string(k.Key.Extra), `{"guardrails":["g"]}`)
		c, err := e.store.Counter(t.Context(), models.ScopeKeyModel(k.Key.ID, "gpt-4"))
		ok(t, err)
		if c.ResetsAt == nil {
			t.Error("a model's budget with a period has no reset")
		}
		if e.ring.count() != before+1 {
			t.Error("nobody waited until the key is served")
		}
		row := e.lastAudit()
		same(t, "audit", row.Action+" "+row.ObjectID+" "+row.ActorID+" "+row.Outcome, "key.create "+k.Key.ID+" ana done")
		if text := string(row.After); strings.Contains(text, secret) || strings.Contains(text, k.Key.Hash) || !strings.Contains(text, `"alias":"ci"`) {
			t.Errorf("audit row holds %s", text)
		}
		same(t, "what the rule was shown", e.rule.data["key_alias"], any("ci"))

		plain := e.key(admin(), `{}`)
		if plain.Key.UserID != nil || plain.Key.ExpiresAt != nil || plain.ResetsAt != nil || plain.Key.MaxBudget != nil {
			t.Errorf("a key of an empty body has %+v", plain.Key)
		}
		zero := e.key(admin(), `{"max_budget":0,"duration":null,"models":[]}`)
		same(t, "a budget of nothing is a budget", *zero.Key.MaxBudget, models.Nano(0))
		if null := e.key(admin(), `{"max_budget":""}`); null.Key.MaxBudget != nil {
			t.Error(`max_budget "" is null`)
		}
	})
}

func TestKeyNonceMakesOneKey(t *testing.T) {
	e := lite(t)
	e.user("ana", models.RoleInternalUser)
	in := control.NewKey{Nonce: "form-1", Via: "portal"}
	in.Alias = control.Some("one")
	_, err := e.Keys.Create(t.Context(), e.as("ana"), in)
	ok(t, err)
	in.Alias = control.Some("two")
	_, err = e.Keys.Create(t.Context(), e.as("ana"), in)
	refused(t, err, fault.Conflict, "already shown")
}

func TestKeyRule(t *testing.T) {
	e := lite(t)
	e.rule.deny = &hooks.Refusal{Message: "no team, no key"}
	_, err := e.Keys.Create(t.Context(), admin(), newKey(t, `{"models":["gpt-4"]}`))
	refused(t, err, fault.Forbidden, "no team, no key")
	same(t, "caller", e.rule.caller.UserID+"/"+string(e.rule.caller.UserRole)+"/"+e.rule.caller.Via, "default_user_id/proxy_admin/api")
	in := control.NewKey{Via: "portal"}
	in.Models = control.Some([]string{"gpt-4"})
	_, err = e.Keys.Create(t.Context(), admin(), in)
	refused(t, err, fault.Forbidden, "no team, no key")
	if _, has := e.rule.data["models"]; !has || len(e.rule.data) != 1 {
		t.Errorf("a form is shown to the rule as %v", e.rule.data)
	}
}

func TestKeyGenerationSettings(t *testing.T) {
	e := lite(t)
	for id, role := range map[string]models.Role{"ana": models.RoleInternalUser, "lead": models.RoleInternalUser, "pa": models.RoleAdmin} {
		e.user(id, role)
	}
	e.team("core", "ana", "lead:admin")
	e.policy.LiteLLM.KeyGeneration = &config.KeyGenerationSettings{
		Team:     &config.TeamKeyRule{Roles: []models.TeamRole{models.TeamAdmin}, Required: []string{"tags"}},
		Personal: &config.PersonalKeyRule{Roles: []models.Role{models.RoleAdmin}},
	}
	create := func(who, body string) error {
		_, err := e.Keys.Create(t.Context(), e.as(who), newKey(t, body))
		return err
	}
	refused(t, create("ana", `{}`), fault.Invalid, "Personal key creation has been restricted by admin. Allowed roles=['proxy_admin']. Your role=internal_user")
	refused(t, create("ana", `{"team_id":"core","tags":["x"]}`), fault.Invalid, "Team member role user not in allowed_team_member_roles=['admin']")
	refused(t, create("lead", `{"team_id":"core"}`), fault.Invalid, "Required param tags not in data")
	refused(t, create("lead", `{"team_id":"core","tags":["x"],"user_id":"pa"}`), fault.Invalid, "User=pa not assigned to team=core")
	ok(t, create("lead", `{"team_id":"core","tags":["x"],"user_id":"ana"}`))
	ok(t, create("pa", `{}`))
	ok(t, create("pa", `{"team_id":"core"}`))
	_, err := e.Keys.Create(t.Context(), admin(), newKey(t, `{"team_id":"core"}`))
	ok(t, err)

	e.policy.LiteLLM.KeyGeneration = nil
	e.policy.General.DefaultTeamDisabled = true
	refused(t, create("ana", `{}`), fault.Invalid, "Personal keys are turned off")
	ok(t, create("ana", `{"team_id":"core"}`))
	e.policy.General.DefaultTeamDisabled = false

	_, err = e.Teams.SetPermissions(t.Context(), e.as("lead"), "core", []string{"/key/info"})
	ok(t, err)
	err = create("ana", `{"team_id":"core"}`)
	refused(t, err, fault.Unauthenticated, "Team member does not have permissions for endpoint: /key/generate")
	same(t, "type", fault.As(err).Type, "team_member_permission_error")
	ok(t, create("lead", `{"team_id":"core"}`))
}

func TestKeyDefaultsAndBounds(t *testing.T) {
	e := lite(t)
	e.team("core-infra")
	month := mustDuration(t, "30d")
	half := models.Nano(1_500_000_000)
	e.policy.LiteLLM.DefaultKey = config.DefaultKeyParams{
		Set: true, MaxBudget: &half, Models: []string{"gpt-4"}, Metadata: map[string]any{"setting": "default"}, TeamID: "core-infra",
		Fields: map[string]any{"max_budget": "1.5", "soft_budget": "1", "tags": []any{"t"}},
	}
	k := e.key(admin(), `{}`)
	same(t, "default budget", *k.Key.MaxBudget, half)
	same(t, "default models", strings.Join(k.Key.Models, ","), "gpt-4")
	same(t, "default team", *k.Key.TeamID, "core-infra")
	same(t, "default metadata and tags", string(k.Key.Metadata), `{"setting":"default","tags":["t"]}`)
	k = e.key(admin(), `{"max_budget":0,"models":["gpt-4o"],"metadata":{"own":1},"tags":["mine"]}`)
	same(t, "zero is a value", *k.Key.MaxBudget, models.Nano(0))
	same(t, "given models win", k.Key.Models[0], "gpt-4o")
	same(t, "given metadata wins", string(k.Key.Metadata), `{"own":1,"tags":["mine"]}`)

	e.policy.LiteLLM.DefaultKey = config.DefaultKeyParams{}
	hundred, thousand := 100*models.USD, int64(1000)
	e.policy.LiteLLM.UpperBound = &config.UpperBound{
		MaxBudget: &hundred, Duration: month, BudgetDuration: mustDuration(t, "10d"), TPMLimit: &thousand, RPMLimit: &thousand, MaxParallel: &thousand,
	}
	k = e.key(admin(), `{"max_budget":200,"duration":"9999h","tpm_limit":5,"budget_duration":"90d"}`)
	same(t, "clamped budget", *k.Key.MaxBudget, hundred)
	same(t, "clamped life", k.Key.ExpiresAt.Time, e.clock.Now().Add(30*24*time.Hour))
	same(t, "kept limit", *k.Key.TPMLimit, 5)
	same(t, "filled limit", *k.Key.RPMLimit, thousand)
	same(t, "clamped period", *k.Key.BudgetDuration, "10d")
	same(t, "clamps told", len(k.Clamped), 5)
	k = e.key(admin(), `{"duration":"2h"}`)
	same(t, "hours below days are kept", k.Key.ExpiresAt.Time, e.clock.Now().Add(2*time.Hour))
	v, err := e.Keys.Update(t.Context(), admin(), parse[control.KeyUpdate](t, `{"key":"`+k.Key.Hash+`","max_budget":100000,"duration":null}`))
	ok(t, err)
	same(t, "update is clamped", *v.Key.MaxBudget, hundred)
	same(t, "never is above every bound", v.Key.ExpiresAt.Time, e.clock.Now().Add(30*24*time.Hour))
	same(t, "what was not sent is not filled", *v.Key.RPMLimit, thousand)
	r, err := e.Keys.Rotate(t.Context(), admin(), parse[control.RotateKey](t, `{"key":"`+k.Key.Hash+`","max_budget":500}`))
	ok(t, err)
	same(t, "rotation is clamped", *r.Key.MaxBudget, hundred)
}

func mustDuration(t *testing.T, text string) duration.Duration {
	t.Helper()
	d, err := duration.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestKeyIsNeverWiderThanItsMaker(t *testing.T) {
	e := lite(t)
	e.user("ana", models.RoleInternalUser)
	_, err := e.Users.Update(t.Context(), admin(), parse[control.UserUpdate](t, `{"user_id":"ana","models":["gpt-4","gpt-3.5-turbo"]}`))
	ok(t, err)
	_, err = e.Keys.Create(t.Context(), e.as("ana"), newKey(t, `{"models":["gpt-4o"]}`))
	refused(t, err, fault.Forbidden, "gpt-4o is not open to you")
	narrow := e.key(admin(), `{"user_id":"ana","models":["gpt-4"],"max_budget":5,"duration":"1h","allowed_routes":["/key/generate","/key/update"]}`)
	who, err := e.Identity.Secret(t.Context(), narrow.Secret.Reveal())
	ok(t, err)
	_, err = e.Keys.Create(t.Context(), who, newKey(t, `{"models":["gpt-3.5-turbo"]}`))
	refused(t, err, fault.Forbidden, "the key you are using")
	_, err = e.Keys.Create(t.Context(), who, newKey(t, `{"allowed_routes":["llm_api_routes"]}`))
	refused(t, err, fault.Forbidden, "may not call llm_api_routes")
	k := e.key(who, `{"max_budget":100}`)
	same(t, "models", strings.Join(k.Key.Models, ","), "gpt-4")
	same(t, "routes", strings.Join(k.Key.AllowedRoutes, ","), "/key/generate,/key/update")
	same(t, "budget", *k.Key.MaxBudget, 5*models.USD)
	same(t, "life", k.Key.ExpiresAt.Time, e.clock.Now().Add(time.Hour))
	_, err = e.Keys.Update(t.Context(), who, parse[control.KeyUpdate](t, `{"key":"`+k.Key.Hash+`","allowed_routes":[]}`))
	refused(t, err, fault.Forbidden, "may not open all")
}

func TestKeyUpdate(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.user("ana", models.RoleInternalUser)
		e.user("bo", models.RoleInternalUser)
		e.team("core", "ana:admin", "bo")
		e.team("other", "bo:admin")
		own := e.key(e.as("ana"), `{"key_alias":"own","max_budget":5,"tpm_limit":100,"models":["gpt-4"],"metadata":{"keep":"me"},"tags":["t"]}`)
		led := e.key(e.as("bo"), `{"team_id":"core","key_alias":"led"}`)
		alien := e.key(e.as("bo"), `{}`)
		for name, tc := range map[string]struct {
			who  string
			key  *control.CreatedKey
			set  string
			kind fault.Kind
			text string
		}{
			"raise the budget":       {"ana", own, `"max_budget":6`, fault.Forbidden, "max_budget"},
			"drop the budget":        {"ana", own, `"max_budget":null`, fault.Forbidden, "max_budget"},
			"reset the spend":        {"ana", own, `"spend":0`, fault.Forbidden, "spend"},
			"raise a limit":          {"ana", own, `"tpm_limit":101`, fault.Forbidden, "tpm_limit"},
			"drop a limit":           {"ana", own, `"tpm_limit":null`, fault.Forbidden, "tpm_limit"},
			"temporary raise":        {"ana", own, `"temp_budget_increase":1,"temp_budget_expiry":"2026-02-01T00:00:00Z"`, fault.Forbidden, "temp_budget_increase"},
			"give the key away":      {"ana", own, `"user_id":"bo"`, fault.Forbidden, "user_id"},
			"link a budget":          {"ana", own, `"budget_id":"b"`, fault.Forbidden, "budget_id"},
			"unblock by update":      {"ana", own, `"blocked":true`, fault.Forbidden, "blocked"},
			"another's key":          {"ana", alien, `"key_alias":"x"`, fault.NotFound, "Key not found in database"},
			"take the alias":         {"ana", own, `"key_alias":"led"`, fault.Invalid, "already exists"},
			"into a foreign team":    {"ana", own, `"team_id":"other"`, fault.NotFound + 100, ""},
			"out of the team":        {"ana", led, `"team_id":null`, fault.Forbidden, "take a key out of its team"},
			"spend of a team key":    {"ana", led, `"spend":1`, fault.Forbidden, "spend"},
			"models beyond the team": {"bo", led, `"models":["gpt-4o"]`, fault.Forbidden, "team core"},
			"a bad list":             {"ana", own, `"models":[""]`, fault.Invalid, "must not be empty"},
		} {
			t.Run(name, func(t *testing.T) {
				if name == "models beyond the team" {
					_, err := e.Teams.Update(t.Context(), admin(), parse[control.TeamUpdate](t, `{"team_id":"core","models":["gpt-4"]}`))
					ok(t, err)
				}
				_, err := e.Keys.Update(t.Context(), e.as(tc.who), parse[control.KeyUpdate](t, `{"key":"`+tc.key.Key.Hash+`",`+tc.set+`}`))
				if tc.kind > 100 { // of two refusals either will do
					if !fault.Is(err, fault.Forbidden) && !fault.Is(err, fault.NotFound) {
						t.Fatalf("got %v", err)
					}
					return
				}
				refused(t, err, tc.kind, tc.text)
			})
		}
		v, err := e.Keys.Info(t.Context(), e.as("ana"), own.Key.Hash)
		ok(t, err)
		same(t, "budget after refusals", *v.Key.MaxBudget, 5*models.USD)

		v, err = e.Keys.Update(t.Context(), e.as("ana"), parse[control.KeyUpdate](t,
			`{"key":"`+own.Secret.Reveal()+`","max_budget":5,"tpm_limit":50,"key_alias":"new","metadata":{"y":2}}`))
		ok(t, err)
		same(t, "a tighter limit", *v.Key.TPMLimit, 50)
		same(t, "models stay", v.Key.Models[0], "gpt-4")
		same(t, "tags survive new metadata", string(v.Key.Metadata), `{"tags":["t"],"y":2}`)
		row := e.lastAudit()
		if was, is := string(row.Before), string(row.After); !strings.Contains(was, `"alias":"own"`) || !strings.Contains(is, `"alias":"new"`) || strings.Contains(is, "models") {
			t.Errorf("audit says %s -> %s", was, is)
		}
		v, err = e.Keys.Update(t.Context(), e.as("ana"), parse[control.KeyUpdate](t, `{"key":"`+led.Key.Hash+`","max_budget":9,"budget_duration":"1d"}`))
		ok(t, err)
		same(t, "a team's admin sets budgets of its keys", *v.Key.MaxBudget, 9*models.USD)
		if v.ResetsAt == nil {
			t.Error("a budget that got a period has no reset")
		}
		v, err = e.Keys.Update(t.Context(), admin(), parse[control.KeyUpdate](t, `{"key":"`+own.Key.Hash+`","spend":3,"max_budget":null,"duration":"1h"}`))
		ok(t, err)
		same(t, "spend set by an admin", v.Spend, 3*models.USD)
		same(t, "the running process was told", e.ledger.set[models.ScopeKey(own.Key.ID)], 3*models.USD)
		if v.Key.MaxBudget != nil {
			t.Error("null did not clear the budget")
		}
	})
}

func TestKeyMove(t *testing.T) {
	e := lite(t)
	e.user("ana", models.RoleInternalUser)
	e.team("core")
	_, err := e.Teams.Update(t.Context(), admin(), parse[control.TeamUpdate](t, `{"team_id":"core","models":["gpt-4"],"rpm_limit":10}`))
	ok(t, err)
	k := e.key(admin(), `{"user_id":"ana","models":["gpt-4o"],"rpm_limit":20}`)
	move := func(extra string) error {
		_, err := e.Keys.Update(t.Context(), admin(), parse[control.KeyUpdate](t, `{"key":"`+k.Key.Hash+`","team_id":"core"`+extra+`}`))
		return err
	}
	refused(t, move(""), fault.Forbidden, "gpt-4o is not open to team core")
	refused(t, move(`,"models":["gpt-4"]`), fault.Forbidden, "rpm_limit is above that of team core")
	refused(t, move(`,"models":["gpt-4"],"rpm_limit":5`), fault.Forbidden, "User=ana not assigned to team=core")
	_, err = e.Teams.AddMembers(t.Context(), admin(), control.AddMembers{TeamID: "core", Members: control.MemberList{{UserID: "ana"}}})
	ok(t, err)
	ok(t, move(`,"models":["gpt-4"],"rpm_limit":5`))
}

func TestKeyDelete(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.user("ana", models.RoleInternalUser)
		e.user("bo", models.RoleInternalUser)
		mine := e.key(e.as("ana"), `{"key_alias":"mine"}`)
		theirs := e.key(e.as("bo"), `{"key_alias":"theirs"}`)
		_, err := e.Keys.Delete(t.Context(), e.as("ana"), []string{mine.Key.Hash, theirs.Key.Hash})
		refused(t, err, fault.Forbidden, "not allowed")
		_, err = e.Keys.DeleteByAlias(t.Context(), e.as("ana"), []string{"theirs"})
		refused(t, err, fault.Forbidden, "not allowed")
		same(t, "a refusal is in the log", e.lastAudit().Outcome, "refused")
		_, err = e.Keys.Delete(t.Context(), admin(), []string{"sk-this-one-is-not-there"})
		refused(t, err, fault.NotFound, "No keys found")
		_, err = e.Keys.Delete(t.Context(), admin(), nil)
		refused(t, err, fault.Unprocessable, "keys")
		_, err = e.Keys.Delete(t.Context(), admin(), []string{"nonsense"})
		refused(t, err, fault.Invalid, "Invalid key format.")
		_, err = e.Keys.Info(t.Context(), e.as("ana"), mine.Key.Hash)
		ok(t, err)

		gone, err := e.Keys.Delete(t.Context(), e.as("ana"), []string{mine.Secret.Reveal()})
		ok(t, err)
		same(t, "as given", gone[0], mine.Secret.Reveal())
		_, err = e.Identity.Secret(t.Context(), mine.Secret.Reveal())
		refused(t, err, fault.Unauthenticated, "Invalid proxy server token passed")
		e.key(admin(), `{"key_alias":"mine"}`)
		page, err := e.Keys.List(t.Context(), admin(), control.KeyQuery{Status: "deleted"})
		ok(t, err)
		same(t, "archived", page.Total, 1)
		same(t, "by whom", page.Items[0].DeletedBy, "ana")
	})
}

func TestKeyBlock(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.user("ana", models.RoleInternalUser)
		e.user("lead", models.RoleInternalUser)
		e.team("core", "ana", "lead:admin")
		own := e.key(e.as("ana"), `{}`)
		team := e.key(e.as("ana"), `{"team_id":"core"}`)
		_, err := e.Keys.Block(t.Context(), e.as("ana"), own.Key.Hash, "")
		refused(t, err, fault.Forbidden, "may see this key")
		_, err = e.Keys.Block(t.Context(), e.as("lead"), own.Key.Hash, "")
		refused(t, err, fault.NotFound, "Key not found")
		_, err = e.Keys.Block(t.Context(), admin(), "sk-nobody-has-this-one", "")
		refused(t, err, fault.NotFound, "Key not found")
		v, err := e.Keys.Block(t.Context(), e.as("lead"), team.Key.Hash, "leaked")
		ok(t, err)
		same(t, "blocked", *v.Key.Blocked, true)
		same(t, "reason", v.Key.BlockedReason, "leaked")
		_, err = e.Identity.Secret(t.Context(), team.Secret.Reveal())
		refused(t, err, fault.Unauthenticated, "Key is blocked.")
		_, err = e.Keys.Unblock(t.Context(), e.as("ana"), team.Key.Hash)
		refused(t, err, fault.Forbidden, "")
		v, err = e.Keys.Unblock(t.Context(), e.as("lead"), team.Key.Hash)
		ok(t, err)
		same(t, "unblocked", *v.Key.Blocked, false)
	})
}

func TestKeyRotate(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.user("ana", models.RoleInternalUser)
		e.user("bo", models.RoleInternalUser)
		k := e.key(e.as("ana"), `{"key_alias":"app","models":["gpt-4"],"metadata":{"m":1},"model_max_budget":{"gpt-4":5}}`)
		_, _, err := e.store.SetSpent(t.Context(), models.ScopeKey(k.Key.ID), models.USD)
		ok(t, err)
		_, err = e.Keys.Rotate(t.Context(), e.as("bo"), control.RotateKey{Key: k.Key.Hash})
		refused(t, err, fault.Forbidden, "not allowed")
		_, err = e.Keys.Rotate(t.Context(), admin(), control.RotateKey{})
		refused(t, err, fault.Invalid, "No key was given")
		_, err = e.Keys.Rotate(t.Context(), e.as("ana"), parse[control.RotateKey](t, `{"key":"`+k.Key.Hash+`","max_budget":1000}`))
		refused(t, err, fault.Forbidden, "max_budget")
		_, err = e.Keys.Rotate(t.Context(), e.as("ana"), parse[control.RotateKey](t, `{"key":"`+k.Key.Hash+`","models":["gpt-4"]}`))
		ok(t, err)
		_, err = e.Keys.Rotate(t.Context(), e.as("ana"), parse[control.RotateKey](t, `{"key":"`+k.Key.Hash+`"}`))
		if err == nil {
			t.Fatal("the hash of the former secret named the key after a rotation without grace")
		}
		now, err := e.Keys.Info(t.Context(), e.as("ana"), control.ByID(k.Key.ID))
		ok(t, err)

		r, err := e.Keys.Rotate(t.Context(), e.as("ana"), parse[control.RotateKey](t, `{"key":"`+now.Key.Hash+`","grace_period":"1h"}`))
		ok(t, err)
		same(t, "same key", r.Key.ID, k.Key.ID)
		same(t, "alias", *r.Key.Alias, "app")
		same(t, "spend", r.Spend, models.USD)
		same(t, "model budget", r.Key.ModelMaxBudget["gpt-4"].Limit, 5*models.USD)
		same(t, "grace", r.GraceEnds.Time, e.clock.Now().Add(time.Hour))
		_, err = e.Identity.Secret(t.Context(), r.Secret.Reveal())
		ok(t, err)
		_, err = e.Identity.Secret(t.Context(), k.Secret.Reveal())
		refused(t, err, fault.Unauthenticated, "Invalid proxy server token")
		old, err := e.Keys.Info(t.Context(), e.as("ana"), now.Key.Hash)
		ok(t, err)
		same(t, "the former hash still names it", old.Key.ID, k.Key.ID)
		e.clock.Advance(2 * time.Hour)
		_, err = e.Keys.Info(t.Context(), e.as("ana"), now.Key.Hash)
		refused(t, err, fault.NotFound, "Key not found")
	})
}

func TestKeyResetSpend(t *testing.T) {
	e := lite(t)
	e.user("ana", models.RoleInternalUser)
	k := e.key(e.as("ana"), `{"max_budget":2}`)
	_, _, err := e.store.SetSpent(t.Context(), models.ScopeKey(k.Key.ID), 3*models.USD)
	ok(t, err)
	_, err = e.Keys.ResetSpend(t.Context(), e.as("ana"), k.Key.Hash, 0)
	refused(t, err, fault.Forbidden, "")
	for to, text := range map[models.Nano]string{-1: ">= 0", 4 * models.USD: "current spend", 5 * models.USD / 2: "max_budget"} {
		_, err = e.Keys.ResetSpend(t.Context(), admin(), k.Key.Hash, to)
		refused(t, err, fault.Invalid, text)
	}
	out, err := e.Keys.ResetSpend(t.Context(), admin(), k.Key.Hash, models.USD)
	ok(t, err)
	same(t, "before", out.PreviousSpend, 3*models.USD)
	same(t, "after", out.Spend, models.USD)
	same(t, "the running process was told", e.ledger.set[models.ScopeKey(k.Key.ID)], models.USD)
}

func TestKeyList(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		for _, id := range []string{"ana", "bo", "lead"} {
			e.user(id, models.RoleInternalUser)
		}
		e.team("core", "ana", "bo", "lead:admin")
		e.key(e.as("ana"), `{"key_alias":"ana-1"}`)
		e.key(e.as("ana"), `{"key_alias":"ana-team","team_id":"core"}`)
		e.key(e.as("bo"), `{"key_alias":"bo-1"}`)
		e.key(e.as("bo"), `{"key_alias":"bo-team","team_id":"core"}`)
		_, err := e.Keys.CreateService(t.Context(), e.as("lead"), newKey(t, `{"key_alias":"svc","team_id":"core","user_id":"bo"}`))
		ok(t, err)
		list := func(who access.Actor, q control.KeyQuery) (string, error) {
			q.SortBy, q.SortOrder = "key_alias", "asc"
			page, err := e.Keys.List(t.Context(), who, q)
			var names []string
			for _, v := range page.Items {
				names = append(names, *v.Key.Alias)
			}
			return strings.Join(names, " "), err
		}
		for name, tc := range map[string]struct {
			who  access.Actor
			q    control.KeyQuery
			want string
			kind fault.Kind
		}{
			"another's":            {e.as("ana"), control.KeyQuery{UserID: "bo"}, "", fault.Forbidden},
			"a foreign team's":     {e.as("ana"), control.KeyQuery{TeamID: "other"}, "", fault.Forbidden},
			"an organization's":    {e.as("ana"), control.KeyQuery{OrgID: "acme"}, "", fault.Forbidden},
			"a bad status":         {admin(), control.KeyQuery{Status: "gone"}, "", fault.Invalid},
			"own by default":       {e.as("ana"), control.KeyQuery{}, "ana-1 ana-team", 0},
			"by another's alias":   {e.as("ana"), control.KeyQuery{Alias: "bo-1"}, "", 0},
			"with team keys":       {e.as("ana"), control.KeyQuery{IncludeTeamKeys: true}, "ana-1 ana-team svc", 0},
			"all one sees":         {e.as("ana"), control.KeyQuery{All: true}, "ana-1 ana-team svc", 0},
			"a team's own admin":   {e.as("lead"), control.KeyQuery{TeamID: "core"}, "ana-team bo-team svc", 0},
			"a member of the team": {e.as("ana"), control.KeyQuery{TeamID: "core"}, "ana-team svc", 0},
			"admin":                {admin(), control.KeyQuery{}, "ana-1 ana-team bo-1 bo-team svc", 0},
			"admin by user":        {admin(), control.KeyQuery{UserID: "bo"}, "bo-1 bo-team", 0},
			"search":               {admin(), control.KeyQuery{Search: "BO-"}, "bo-1 bo-team", 0},
		} {
			t.Run(name, func(t *testing.T) {
				got, err := list(tc.who, tc.q)
				if tc.kind != 0 {
					refused(t, err, tc.kind, "")
					return
				}
				ok(t, err)
				same(t, "keys", got, tc.want)
			})
		}
		page, err := e.Keys.List(t.Context(), admin(), control.KeyQuery{Page: 2, Size: 2})
		ok(t, err)
		same(t, "pages", page.Pages(), 3)
		same(t, "rows of the page", len(page.Items), 2)
		_, err = e.Keys.List(t.Context(), admin(), control.KeyQuery{SortBy: "password_hash"})
		refused(t, err, fault.Invalid, "Invalid sort_by")
		names, err := e.Keys.Aliases(t.Context(), e.as("ana"), control.AliasQuery{})
		ok(t, err)
		same(t, "aliases", strings.Join(names.Items, " "), "ana-1 ana-team svc")
	})
}

func TestKeyInfo(t *testing.T) {
	e := lite(t)
	e.user("ana", models.RoleInternalUser)
	e.user("bo", models.RoleInternalUser)
	e.user("pv", models.RoleAdminViewer)
	own, loose := e.key(e.as("ana"), `{}`), e.key(admin(), `{}`)
	for name, tc := range map[string]struct {
		who  access.Actor
		ref  string
		kind fault.Kind
	}{
		"another's": {e.as("bo"), own.Key.Hash, fault.Forbidden}, "unknown": {admin(), control.HashSecret("x"), fault.NotFound},
		"malformed": {admin(), "what", fault.Invalid}, "nothing named by the master key": {admin(), "", fault.Unprocessable},
		"own": {e.as("ana"), own.Secret.Reveal(), 0}, "viewer": {e.as("pv"), own.Key.Hash, 0}, "by id": {admin(), control.ByID(own.Key.ID), 0},
		"hash in capitals": {admin(), strings.ToUpper(own.Key.Hash), 0},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := e.Keys.Info(t.Context(), tc.who, tc.ref)
			if tc.kind == 0 {
				ok(t, err)
				return
			}
			refused(t, err, tc.kind, "")
		})
	}
	who, err := e.Identity.Secret(t.Context(), loose.Secret.Reveal())
	ok(t, err)
	v, err := e.Keys.Info(t.Context(), who, "")
	ok(t, err)
	same(t, "itself", v.Key.ID, loose.Key.ID)
	_, err = e.Keys.Info(t.Context(), who, own.Key.Hash)
	refused(t, err, fault.Forbidden, "")
	_, err = e.Keys.InfoMany(t.Context(), e.as("ana"), []string{own.Key.Hash})
	refused(t, err, fault.Unauthenticated, "")
	many, err := e.Keys.InfoMany(t.Context(), admin(), nil)
	ok(t, err)
	same(t, "nothing named is nothing", len(many), 0)
	many, err = e.Keys.InfoMany(t.Context(), admin(), []string{own.Key.Hash, loose.Secret.Reveal(), control.HashSecret("ghost")})
	ok(t, err)
	same(t, "known ones", len(many), 2)
}

func TestKeyBulkAndThroughput(t *testing.T) {
	e := lite(t)
	e.team("core")
	_, err := e.Teams.Update(t.Context(), admin(), parse[control.TeamUpdate](t, `{"team_id":"core","rpm_limit":100}`))
	ok(t, err)
	a := e.key(admin(), `{"team_id":"core","rpm_limit":60,"rpm_limit_type":"guaranteed_throughput"}`)
	_, err = e.Keys.Create(t.Context(), admin(), newKey(t, `{"team_id":"core","rpm_limit":60,"rpm_limit_type":"guaranteed_throughput"}`))
	refused(t, err, fault.Invalid, "Allocated rpm limit=60 + Key rpm limit=60 is greater than team rpm limit=100")
	e.key(admin(), `{"team_id":"core","rpm_limit":60}`)
	_, err = e.Keys.BulkUpdate(t.Context(), admin(), nil)
	refused(t, err, fault.Invalid, "between 1 and 500")
	out, err := e.Keys.BulkUpdate(t.Context(), admin(), parse[[]control.BulkKey](t, `[{"key":"`+a.Key.Hash+`","max_budget":4,"tags":["x"]},{"key":"sk-not-here-at-all-1"}]`))
	ok(t, err)
	same(t, "done", *out[0].View.Key.MaxBudget, 4*models.USD)
	refused(t, out[1].Err, fault.NotFound, "")
}

// TestBlockSurvivesUpdate: an update that runs beside a block must not write the row back as it read it.
func TestBlockSurvivesUpdate(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.user("ana", models.RoleInternalUser)
		k := e.key(e.as("ana"), `{}`)
		who := e.as("ana")
		const rounds = 20
		errs := make(chan error, rounds)
		for i := range rounds {
			go func() {
				in := control.KeyUpdate{Key: k.Key.Hash}
				in.Alias = control.Some(strings.Repeat("a", i+1))
				_, err := e.Keys.Update(t.Context(), who, in)
				errs <- err
			}()
		}
		_, err := e.Keys.Block(t.Context(), admin(), k.Key.Hash, "now")
		ok(t, err)
		for range rounds {
			ok(t, <-errs)
		}
		v, err := e.Keys.Info(t.Context(), admin(), k.Key.Hash)
		ok(t, err)
		if v.Key.Blocked == nil || !*v.Key.Blocked {
			t.Fatal("an update took the block away")
		}
		report, err := e.store.VerifyAudit(t.Context())
		ok(t, err)
		same(t, "the chain of the audit log", report.BrokenAt, 0)
	})
}

// TestLinkedBudget: a key that goes by a budget row resets with the row.
func TestLinkedBudget(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		_, err := e.Budgets.New(t.Context(), admin(), parse[control.BudgetFields](t, `{"budget_id":"free","max_budget":1,"budget_duration":"1d"}`))
		ok(t, err)
		k := e.key(admin(), `{"budget_id":"free"}`)
		same(t, "reset", k.ResetsAt.Time, time.Date(2026, 1, 16, 0, 0, 0, 0, time.UTC))
		_, err = e.Budgets.Update(t.Context(), admin(), parse[control.BudgetFields](t, `{"budget_id":"free","budget_duration":"1mo"}`))
		ok(t, err)
		c, err := e.store.Counter(t.Context(), models.ScopeKey(k.Key.ID))
		ok(t, err)
		same(t, "reset after the row changed", c.ResetsAt.Time, time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC))
		_, err = e.Budgets.Delete(t.Context(), admin(), "free")
		refused(t, err, fault.Conflict, "in use by 1")
		_, err = e.Keys.Delete(t.Context(), admin(), []string{k.Key.Hash})
		ok(t, err)
		_, err = e.Budgets.Delete(t.Context(), admin(), "free")
		ok(t, err)
	})
}
