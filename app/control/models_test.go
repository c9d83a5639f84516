package control_test

import (
	"strings"
	"testing"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/models"
	"gatehouse/models/fault"
)

func model(t *testing.T, body string) control.ModelParams {
	t.Helper()
	return parse[control.ModelParams](t, body)
}

func TestModelNew(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.user("lead", models.RoleInternalUser)
		e.team("core", "lead:admin")
		const body = `{"model_name":"m","litellm_params":{"model":"openai/gpt-4o","api_key":"sk-upstream-secret","extra_headers":{"x-team":"hidden-too"},"rpm":5},"model_info":{"id":"m1"}}`
		_, err := e.Models.New(t.Context(), admin(), model(t, body))
		refused(t, err, fault.Internal, "Set `'STORE_MODEL_IN_DB='True'` in your env to enable this feature.")
		_, err = e.Models.New(t.Context(), e.as("lead"), model(t, body))
		refused(t, err, fault.Unauthenticated, "") // what is not theirs to do comes before what is switched off
		e.policy.General.StoreModelInDB = true
		e.models.deployments = []*models.Deployment{{ID: "cfg", ModelName: "gpt-4", FromConfig: true, Params: map[string]any{"model": "openai/gpt-4", "api_base": "https://up.example"}}}
		for name, tc := range map[string]struct {
			who  access.Actor
			body string
			kind fault.Kind
			text string
		}{
			"internal user":         {e.as("lead"), body, fault.Unauthenticated, ""},
			"another's team":        {e.as("lead"), `{"model_name":"m","litellm_params":{"model":"openai/x"},"model_info":{"team_id":"other"}}`, fault.Unauthenticated, ""},
			"team admin sets a URL": {e.as("lead"), `{"model_name":"m","litellm_params":{"model":"openai/x","api_base":"https://evil.example"},"model_info":{"team_id":"core"}}`, fault.Forbidden, "api_base"},
			"no name":               {admin(), `{"litellm_params":{"model":"openai/x"}}`, fault.Unprocessable, "model_name"},
			"no upstream model":     {admin(), `{"model_name":"m","litellm_params":{"rpm":1}}`, fault.Invalid, "litellm_params.model"},
			"an environment's name": {admin(), `{"model_name":"m","litellm_params":{"model":"openai/x","api_key":"os.environ/HOME"}}`, fault.Invalid, "os.environ"},
			"id of config.yaml":     {admin(), `{"model_name":"m","litellm_params":{"model":"openai/x"},"model_info":{"id":"cfg"}}`, fault.Invalid, "already exists"},
			"no such team":          {admin(), `{"model_name":"m","litellm_params":{"model":"openai/x"},"model_info":{"team_id":"ghost"}}`, fault.NotFound, "Team not found"},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := e.Models.New(t.Context(), tc.who, model(t, tc.body))
				refused(t, err, tc.kind, tc.text)
			})
		}
		v, err := e.Models.New(t.Context(), admin(), model(t, body))
		ok(t, err)
		row, err := e.store.Deployment(t.Context(), "m1")
		ok(t, err)
		for where, text := range map[string]string{"params": string(row.Params), "info": string(row.Info), "audit": string(e.lastAudit().After)} {
			if strings.Contains(text, "upstream-secret") || strings.Contains(text, "hidden-too") {
				t.Errorf("a credential is in %s: %s", where, text)
			}
		}
		if !strings.HasPrefix(row.Sealed, "sealed<deployments/sealed/m1>") || v.Params["api_key"] != nil {
			t.Errorf("sealed as %q, shown as %v", row.Sealed, v.Params)
		}
		plain, err := sealer{}.Open("deployments/sealed/m1", row.Sealed)
		ok(t, err)
		same(t, "what was sealed", string(plain), `{"api_key":"sk-upstream-secret","extra_headers.x-team":"hidden-too"}`)
		_, err = e.Models.New(t.Context(), admin(), model(t, body))
		refused(t, err, fault.Invalid, "already exists")
		_, err = e.Models.New(t.Context(), e.as("lead"), model(t, `{"model_name":"t","litellm_params":{"model":"openai/x","api_key":"k"},"model_info":{"team_id":"core","id":"t1"}}`))
		ok(t, err)

		_, err = e.Models.Update(t.Context(), admin(), parse[control.ModelUpdate](t, `{"model_info":{"id":"cfg"},"litellm_params":{"rpm":1}}`))
		refused(t, err, fault.Invalid, "Can't edit model. Model in config")
		_, err = e.Models.Delete(t.Context(), admin(), "ghost")
		refused(t, err, fault.Invalid, "Model with id=ghost not found in db")
		_, err = e.Models.Delete(t.Context(), e.as("lead"), "m1")
		refused(t, err, fault.Unauthenticated, "")
		_, err = e.Models.Update(t.Context(), e.as("lead"), parse[control.ModelUpdate](t, `{"model_info":{"id":"t1","team_id":"other"}}`))
		refused(t, err, fault.Unauthenticated, "")

		v, err = e.Models.Update(t.Context(), admin(), parse[control.ModelUpdate](t, `{"id":"m1","model_name":"n","litellm_params":{"rpm":null,"tpm":9}}`))
		ok(t, err)
		if _, has := v.Params["rpm"]; has || v.ModelName != "n" {
			t.Errorf("merged to %+v", v)
		}
		row, err = e.store.Deployment(t.Context(), "m1")
		ok(t, err)
		plain, err = sealer{}.Open("deployments/sealed/m1", row.Sealed)
		ok(t, err)
		if !strings.Contains(string(plain), "sk-upstream-secret") {
			t.Error("an update lost the credentials")
		}
		_, err = e.Models.Update(t.Context(), admin(), parse[control.ModelUpdate](t, `{"id":"m1","litellm_params":{"api_base":"https://elsewhere.example"}}`))
		ok(t, err)
		row, err = e.store.Deployment(t.Context(), "m1")
		ok(t, err)
		same(t, "credentials after the address moved", row.Sealed, "")
		_, err = e.Models.Delete(t.Context(), admin(), "m1")
		ok(t, err)
	})
}

func TestModelSight(t *testing.T) {
	e := lite(t)
	e.user("ana", models.RoleInternalUser)
	e.user("bo", models.RoleInternalUser)
	e.team("core", "ana")
	_, err := e.Teams.Update(t.Context(), admin(), parse[control.TeamUpdate](t, `{"team_id":"core","models":["gpt-4o"]}`))
	ok(t, err)
	for _, id := range []string{"ana", "bo"} {
		_, err = e.Users.Update(t.Context(), admin(), parse[control.UserUpdate](t, `{"user_id":"`+id+`","models":["gpt-4"]}`))
		ok(t, err)
	}
	e.models.deployments = []*models.Deployment{
		{ID: "d1", ModelName: "gpt-4", Provider: "openai", FromConfig: true, Params: map[string]any{"model": "openai/gpt-4", "api_base": "https://inside.example"}, AccessGroups: []string{"beta-models"}},
		{ID: "d2", ModelName: "gpt-4o", Provider: "azure", FromConfig: true},
		{ID: "d3", ModelName: "gpt-4o", Provider: "openai"},
		{ID: "d4", ModelName: "gpt-3.5-turbo"},
		{ID: "d5", ModelName: "own", TeamID: "core"},
	}
	ids := func(who access.Actor) string {
		t.Helper()
		list, err := e.Models.List(t.Context(), who, "")
		ok(t, err)
		var out []string
		for _, v := range list {
			out = append(out, v.ID)
		}
		return strings.Join(out, " ")
	}
	same(t, "admin", ids(admin()), "d4 d1 d2 d3 d5")
	same(t, "person in a team", ids(e.as("ana")), "d1 d2 d3")
	same(t, "person", ids(e.as("bo")), "d1")
	k := e.key(e.as("ana"), `{"team_id":"core","models":["all-team-models"]}`)
	who, err := e.Identity.Secret(t.Context(), k.Secret.Reveal())
	ok(t, err)
	same(t, "team key", ids(who), "d2 d3")
	list, err := e.Models.List(t.Context(), e.as("bo"), "d1")
	ok(t, err)
	if _, told := list[0].Params["api_base"]; told {
		t.Error("a person learns where a model is")
	}
	_, err = e.Models.List(t.Context(), e.as("bo"), "d4")
	refused(t, err, fault.NotFound, "not found")
	groups, err := e.Models.Groups(t.Context(), admin())
	ok(t, err)
	same(t, "group", groups[2].Name+" "+strings.Join(groups[2].Providers, ","), "gpt-4o azure,openai")
	call, err := e.Models.Callable(t.Context(), e.as("bo"), "")
	ok(t, err)
	same(t, "callable", len(call), 1)
	call, err = e.Models.Callable(t.Context(), e.as("ana"), "core")
	ok(t, err)
	same(t, "callable in the team", call[0].Name+" "+call[0].Via, "gpt-4o team core")
	_, err = e.Models.Callable(t.Context(), e.as("bo"), "core")
	refused(t, err, fault.Forbidden, "")
	opts, err := e.Keys.Options(t.Context(), e.as("ana"), "core")
	ok(t, err)
	same(t, "teams offered", opts.Teams[0].ID, "core")
	same(t, "may", opts.Teams[0].May && opts.Personal, true)
}

func TestAccessGroups(t *testing.T) {
	e := lite(t)
	e.user("ana", models.RoleInternalUser)
	_, err := e.Models.SetAccessGroup(t.Context(), e.as("ana"), control.AccessGroupInput{Name: "g"}, true)
	refused(t, err, fault.Unauthenticated, "")
	_, err = e.Models.SetAccessGroup(t.Context(), admin(), control.AccessGroupInput{Name: "g"}, false)
	refused(t, err, fault.NotFound, "")
	_, err = e.Models.SetAccessGroup(t.Context(), admin(), control.AccessGroupInput{Name: "g", Models: []string{"gpt-4"}}, true)
	ok(t, err)
	_, err = e.Models.SetAccessGroup(t.Context(), admin(), control.AccessGroupInput{Name: "g"}, true)
	refused(t, err, fault.Conflict, "already exists")
	ok(t, e.Models.DeleteAccessGroup(t.Context(), admin(), "g"))
	refused(t, e.Models.DeleteAccessGroup(t.Context(), admin(), "g"), fault.NotFound, "")
}
