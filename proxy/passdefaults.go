package proxy

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"

	"gatehouse/models"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/provider/gemini"
)

// passDefaults are the deployments that provider routes use for models that nobody configured: the credentials of the
// environment. Vertex has one for each location that a path names.
type passDefaults struct {
	made  sync.Map // id -> *models.Deployment
	count atomic.Int64
}

// vertexPlace is the location in a Vertex path.
//
//nolint:gochecknoglobals // compiled once, never written
var vertexPlace = regexp.MustCompile(`/locations/([a-z0-9-]{2,32})/`)

// maxPlaces bounds the locations that callers can make us know.
const maxPlaces = 128

func (p *passDefaults) find(r *PassRoute, tail *tailOf, defaults map[string]models.Deployment) (*models.Deployment, *failure) {
	from, ok := defaults[r.Deployment.Provider]
	if !ok {
		return nil, fail(routeUnsupported, "no credential of "+r.Deployment.Provider+" is configured for "+r.Prefix)
	}
	id, place := r.Deployment.ID, ""
	if r.Deployment.Provider == gemini.Vertex {
		if m := vertexPlace.FindStringSubmatch(tail.path); m != nil {
			place = m[1]
			id += "-" + place
		}
	}
	if known, ok := p.made.Load(id); ok {
		if d, ok := known.(*models.Deployment); ok && sameCredential(d, &from) {
			return d, nil
		}
	} else if p.count.Load() >= maxPlaces {
		return nil, fail(noRoute, "there are too many locations in use")
	}
	d := from
	d.ID, d.ModelName, d.Model = id, r.Prefix, "*"
	if place != "" {
		d.Params = maps.Clone(from.Params)
		if d.Params == nil {
			d.Params = map[string]any{}
		}
		d.Params["vertex_location"] = place
	}
	if _, known := p.made.Swap(id, &d); !known {
		p.count.Add(1)
	}
	return &d, nil
}

// sameCredential says whether the environment still is what a deployment was made of.
func sameCredential(a, b *models.Deployment) bool {
	if a.APIKey.Reveal() != b.APIKey.Reveal() || a.APIBase != b.APIBase || len(a.Secrets) != len(b.Secrets) {
		return false
	}
	for name, s := range a.Secrets {
		if other := b.Secrets[name]; s.Reveal() != other.Reveal() {
			return false
		}
	}
	return true
}

// noKeyID is the id of the caller of routes that need no key.
const noKeyID = "no-key"

// newOpen is the caller of routes that need no key: one that may use no model and nothing but such a route.
func newOpen() (*keyring.Grant, error) {
	g, err := keyring.NewGrant(&models.Key{
		ID: noKeyID, Name: noKeyID, Hash: strings.Repeat("0", 64), Models: models.Strings{keyring.NoDefaultModels}, //nolint:gosec // no credential
	})
	if err != nil {
		return nil, fmt.Errorf("the caller without a key: %w", err)
	}
	return g, nil
}
