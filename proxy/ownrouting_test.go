package proxy

import (
	"net/http"
	"testing"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/proxy/route"
)

// Retries, time limits and chains: header, body, key, team, configuration (§4.4).
func TestRouterSettingsOfKeysAndTeams(t *testing.T) {
	t.Parallel()
	const keyKey, teamKey, bothKey, badKey, narrowKey = "sk-keyset-0123456789abcdef0", "sk-teamse-0123456789abcdef0", "sk-bothse-0123456789abcdef0", "sk-badset-0123456789abcdef0", "sk-narrow-0123456789abcdef0"
	own := models.JSON(`{"router_settings":{"num_retries":3,"fallbacks":[{"m":["x",{"model":"y","temperature":0.5}]}],"context_window_fallbacks":{"*":["y"]}}}`)
	team := "t"
	var deps []models.Deployment
	for _, name := range []string{"m", "x", "y", "z"} {
		deps = append(deps, deployment(name, "openai", name))
	}
	r := newRig(t, setup{
		deployments: deps,
		settings:    route.Settings{NumRetries: 1, NoCooldowns: true, Fallbacks: map[string][]route.Fallback{"m": {{Model: "z"}}}},
		rows: func(s models.ChangeSink) {
			s.Team(&models.Team{ID: team, Extra: models.JSON(`{"guardrails":[],"router_settings":{"num_retries":0,"timeout":0.2,"fallbacks":[{"m":[]}]}}`), Seq: 1})
			s.Key(keyRow(keyKey, func(k *models.Key) { k.Extra = own }))
			s.Key(keyRow(teamKey, func(k *models.Key) { k.TeamID = &team }))
			s.Key(keyRow(bothKey, func(k *models.Key) { k.TeamID, k.Extra = &team, own }))
			s.Key(keyRow(badKey, func(k *models.Key) {
				k.Extra = models.JSON(`{"router_settings":{"num_retries":"many","timeout":-1,"fallbacks":"x","context_window_fallbacks":[{"m":[3,{}]}]}}`)
			}))
			s.Key(keyRow(narrowKey, func(k *models.Key) { k.Extra, k.Models = own, models.Strings{"m", "y"} }))
		},
	})
	down := testkit.Reply{Status: 500, Header: map[string]string{"Retry-After-Ms": "1"}, Body: `{"error":{"message":"x"}}`}
	long := testkit.ErrorReply(400, "invalid_request_error", "context_length_exceeded", "x")
	for name, tt := range map[string]struct {
		key, more string
		header    string
		reply     testkit.Reply // of everything but z
		want      string        // who was asked, in order
		status    int
	}{
		"nothing of its own":              {plainKey, "", "", down, "mmz", 200},
		"the key's":                       {keyKey, "", "", down, "mmmmxxxxyyyy", 500},
		"the key's, for context windows":  {keyKey, "", "", long, "my", 400},
		"the team's":                      {teamKey, "", "", down, "m", 500},
		"the key's before the team's":     {bothKey, "", "", down, "mmmmxxxxyyyy", 500},
		"the call's before the key's":     {keyKey, `"num_retries":0,"fallbacks":["z"]`, "", down, "mz", 200},
		"a header before all":             {keyKey, `"num_retries":2,"fallbacks":[]`, "X-Litellm-Num-Retries: 1", down, "mm", 500},
		"settings that cannot be read":    {badKey, "", "", down, "mmz", 200},
		"a step that the key may not use": {narrowKey, `"num_retries":0`, "", down, "my", 500},
	} {
		r.provider.Reset()
		r.provider.Choose(func(q testkit.Request) *testkit.Reply {
			if q.Model == "z" {
				return nil
			}
			return &tt.reply
		})
		var header []string
		if tt.header != "" {
			header = append(header, tt.header)
		}
		got := r.send("POST", "/v1/chat/completions", tt.key, chatBody("m", tt.more), header...)
		asked := ""
		for _, q := range r.provider.Requests() {
			asked += q.Model
		}
		if asked != tt.want || got.status != tt.status {
			t.Errorf("%s: asked %s, want %s; %d %s", name, asked, tt.want, got.status, got.body)
		}
	}
	r.provider.Reset()
	r.provider.Always(testkit.Reply{Fault: testkit.FaultHang})
	if got := r.send("POST", "/v1/chat/completions", teamKey, chatBody("m", "")); got.status != http.StatusRequestTimeout {
		t.Errorf("the team's time limit: %d %s", got.status, got.body)
	}
}
