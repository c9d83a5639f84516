package app

import (
	"gatehouse/app/config"
	"gatehouse/proxy"
)

// passThrough fills in the routes of general_settings.pass_through_endpoints, and the environment's credentials for the
// providers' own routes.
func passThrough(out *proxy.Config, c *config.Config) {
	out.PassDefaults = c.General.PassDefaults
	for i := range c.General.PassEndpoints {
		e := &c.General.PassEndpoints[i]
		out.PassRoutes = append(out.PassRoutes, proxy.PassRoute{
			Prefix: e.Path, Deployment: e.Deployment(proxy.PassProvider), Custom: true, Exact: !e.Subpath, Open: e.Open, Forward: e.Forward,
		})
	}
}

// clientSide fills in what callers may bring of their own.
func clientSide(out *proxy.Config, c *config.Config) {
	out.ClientCredentials, out.ForwardAuth = c.General.ClientCredentials, c.General.ForwardProviderAuth
	out.ForwardGroups, out.UserHeaders, out.NoAgentTags = c.LiteLLM.ForwardGroups, c.General.UserHeaders, c.LiteLLM.NoAgentTags
}
