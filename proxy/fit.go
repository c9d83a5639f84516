package proxy

import (
	"strings"

	"gatehouse/models"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/route"
)

// region is the only region that the end user's calls may go to (allowed_model_region), "" for anywhere.
func (c *call) region() string {
	if customer := c.snap.Customer(c.endUser); c.endUser != "" && customer != nil {
		return customer.Region
	}
	return ""
}

// fits says which deployments can serve the call at all; nil: all of them (route.Request.Fit). A region is kept to strictly: a deployment
// of which nobody knows where it is is not in it.
func (c *call) fits() func(*models.Deployment) bool {
	region, kind, capped := c.region(), c.kind(), c.capped() && c.only == nil
	if region == "" && kind == "" && !capped {
		return nil
	}
	return func(d *models.Deployment) bool {
		if capped {
			if _, over := c.overspent(d); over {
				return false
			}
		}
		if mode := modeOf(d); kind != "" && mode != "" && mode != kind {
			return false
		}
		return region == "" || regionOf(d) == region
	}
}

// regionOf is the region of a deployment in the words of allowed_model_region, as far as its parameters tell.
func regionOf(d *models.Deployment) string {
	for _, name := range [...]string{"region_name", "aws_region_name", "vertex_location"} {
		text, _ := d.Params[name].(string)
		switch text = strings.ToLower(text); {
		case text == "":
		case strings.HasPrefix(text, "eu"):
			return "eu"
		case strings.HasPrefix(text, "us"):
			return "us"
		default:
			return text
		}
	}
	return ""
}

// kind is what the call asks for, in the words of modeOf, where the deployments of its model are of several kinds; else "". One
// kind alone is taken at its word: a mode may be missing or wrong, and the provider knows better.
func (c *call) kind() string {
	all := c.match.Deployments
	for i := 1; i < len(all); i++ {
		if modeOf(all[i]) != modeOf(all[0]) {
			return kindOf(c.op)
		}
	}
	return ""
}

// modeOf is what a deployment says that it serves; "" when it says nothing.
func modeOf(d *models.Deployment) string {
	mode, _ := d.Info["mode"].(string)
	switch mode {
	case "completion", "responses":
		return "chat"
	case "image_edit":
		return "image_generation"
	}
	return mode
}

func kindOf(op provider.Op) string {
	switch op { //nolint:exhaustive // pass-through calls are of no kind that is known
	case provider.Embedding, provider.Embed:
		return "embedding"
	case provider.ImageGeneration, provider.ImageEdit, provider.ImageVariation:
		return "image_generation"
	case provider.Transcription, provider.Translation:
		return "audio_transcription"
	case provider.Speech:
		return "audio_speech"
	case provider.Moderation:
		return "moderation"
	case provider.Rerank:
		return "rerank"
	}
	if op.Textual() {
		return "chat"
	}
	return ""
}

// unfit is the answer when no deployment can serve the call.
func (c *call) unfit(none *route.Unavailable) *failure {
	if c.capped() {
		for _, d := range c.match.Deployments {
			if text, over := c.overspent(d); over {
				f := fail(noDeployment, "No deployments available - crossed budget: "+text)
				f.noRetry = true
				return f
			}
		}
	}
	if region := c.region(); region != "" {
		return fail(modelRefused, "No deployment of "+none.Group+" is in the region "+region+", which is the only one for this end user.").about("model")
	}
	return fail(unsupported, "No deployment of "+none.Group+" serves calls of this kind.").about("model")
}
