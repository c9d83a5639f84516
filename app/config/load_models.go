package config

import (
	"fmt"
	"strings"

	"gatehouse/models"
)

// models reads model_list, or offers what the environment makes possible when there is no file.
func (l *loader) models(list ref) {
	if l.c.Path == "" {
		l.c.Models = fromEnvironment(l.getenv)
		return
	}
	if list.isNull() {
		return
	}
	if list.kind != kindList {
		l.mismatch(list, must, "a list of models")
		return
	}
	explicit, computed := map[string]bool{}, map[string]int{}
	for i, e := range list.list {
		path := fmt.Sprintf("model_list[%d]", i)
		if e.isNull() {
			l.warn(e, path, "is empty, ignored")
			continue
		}
		s := l.section(ref{e, path}, must)
		if s.v == nil {
			continue
		}
		d, info := l.deployment(s)
		switch own := d.ID != "" && !info.get("id").isNull(); {
		case own && explicit[d.ID]:
			id := info.get("id")
			l.fault(id, path+".model_info.id", "is the id of an earlier model too")
		case own:
			explicit[d.ID] = true
		default:
			first := d.ID
			computed[first]++
			if n := computed[first]; n > 1 {
				d.ID = d.Nth(n)
			}
		}
		l.c.Models = append(l.c.Models, d)
		if d.Model == "*" && d.ModelName == "*" && d.APIBase == "" {
			l.c.Models = append(l.c.Models, everyProvider(d, l.getenv)...)
		}
		s.done()
	}
}

func (l *loader) getenv(name string) string { return l.env[name] }

// deployment reads one entry; info is its model_info block, for the line numbers.
func (l *loader) deployment(s *section) (d models.Deployment, info *value) {
	name := l.text(s.ref("model_name"), must)
	given := s.ref("litellm_params")
	params := l.section(given, must)
	block := l.section(s.ref("model_info"), must)
	d, problems := models.ParseDeployment(name, params.v.plainMap(), block.v.plainMap())
	d.FromConfig = true
	for _, p := range problems {
		place := s.v.at(strings.Split(p.Path, ".")...)
		switch {
		case p.Path == "litellm_params.model" && place.missing != "": // said below, and it disables
		case p.Path == "litellm_params.model" && params.v == nil && !given.isNull(): // said above
		case p.Fatal:
			l.fault(place, join(s.path, p.Path), "%s", p.Message)
		default:
			l.warn(place, join(s.path, p.Path), "%s", p.Message)
		}
	}
	reasons := []string{}
	if d.Disabled != "" {
		reasons = append(reasons, d.Disabled)
	}
	if params.v != nil {
		for _, name := range params.v.names {
			e := params.v.items[name]
			for _, variable := range missingBelow(e) {
				reason := "environment variable " + variable + " is not set"
				l.warn(e, join(params.path, name), "%s; deployment of %q serves nothing", reason, d.ModelName)
				reasons = append(reasons, reason)
			}
		}
	}
	d.Disabled = strings.Join(reasons, "; ")
	FillFromEnv(&d, l.getenv)
	if d.Disabled == "" && !d.APIKey.IsSet() && d.MockResponse == "" && needsKey(d) {
		l.warn(params.v, join(params.path, "api_key"), "no credential for %q: neither here nor in %s", d.ModelName, strings.Join(envOf(d.Provider).keys, ", "))
	}
	return d, block.v
}
