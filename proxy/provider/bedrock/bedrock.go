// Package bedrock is AWS Bedrock: its Converse API as a wire of its own, Claude's own wire by InvokeModel, and embeddings
// (Amazon Bedrock Runtime API, 2023-09-30; proxy.md §5.2).
package bedrock

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"gatehouse/models"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/wire"
)

// Name is the provider's prefix.
const Name = "bedrock"

// claudeVersion is what Bedrock wants in a Messages body in place of the header.
const claudeVersion = `"bedrock-2023-05-31"`

// Provider is Bedrock. It satisfies provider.Provider and provider.Authorizer.
type Provider struct{}

// New returns the provider.
func New() Provider { return Provider{} }

// Wire is Converse.
func (Provider) Wire(*provider.Target, string) provider.Wire { return provider.BedrockConverse }

var regionName = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d$`)

// split takes LiteLLM's sub-prefixes and a region off a model's name.
func split(model string) (id, region string) {
	for {
		head, rest, ok := strings.Cut(model, "/")
		switch {
		case !ok || strings.HasPrefix(head, "arn:"):
			return model, region
		case head == "converse" || head == "converse_like" || head == "invoke":
		case regionName.MatchString(head):
			region = head
		default:
			return model, region
		}
		model = rest
	}
}

func regionOf(d *models.Deployment) (string, error) {
	if _, region := split(d.Model); region != "" {
		return region, nil
	}
	region, _ := d.Params["aws_region_name"].(string)
	if region == "" {
		region, _ = d.Params["region_name"].(string)
	}
	if parts := strings.Split(d.Model, ":"); region == "" && len(parts) > 3 && parts[0] == "arn" {
		region = parts[3]
	}
	switch {
	case region == "":
		return "", errors.New("no aws_region_name for Bedrock")
	case !regionName.MatchString(region):
		return "", errors.New("aws_region_name is no region's name")
	}
	return region, nil
}

// Ready compiles a deployment: with a bearer key, or with keys that each call is signed with.
func (Provider) Ready(d *models.Deployment) (*provider.Target, error) {
	region, err := regionOf(d)
	if err != nil {
		return nil, err
	}
	text := d.APIBase
	if text == "" {
		text, _ = d.Params["aws_bedrock_runtime_endpoint"].(string)
	}
	if text == "" {
		text = "https://bedrock-runtime." + region + ".amazonaws.com"
	}
	base, err := provider.ParseBase(text)
	if err != nil {
		return nil, err //nolint:wrapcheck // says it all
	}
	t := &provider.Target{Base: base}
	if key := bearer(d); key != "" {
		if t.Head, err = provider.AppendHeader(nil, "Authorization", "Bearer "+key); err != nil {
			return nil, fmt.Errorf("api_key: %w", err)
		}
	}
	t.Head = append(t.Head, "Content-Type: application/json\r\n"...)
	return t, nil
}

func bearer(d *models.Deployment) string {
	if key := d.APIKey.Reveal(); key != "" {
		return key
	}
	return d.Secrets["aws_bearer_token_bedrock"].Reveal()
}

// isClaude knows the models that take Anthropic's own wire by InvokeModel.
func isClaude(id string) bool { return strings.Contains(id, "anthropic.claude") }

// Path appends the path of an operation.
func (Provider) Path(_ *provider.Target, dst []byte, c provider.PathOf) ([]byte, error) {
	id, _ := split(c.Model)
	action := ""
	switch c.Op {
	case provider.Converse:
		action = "converse"
	case provider.ConverseStream:
		action = "converse-stream"
	case provider.Messages:
		if !isClaude(id) {
			return dst, provider.ErrNoSuchOp
		}
		if action = "invoke"; c.Stream {
			action = "invoke-with-response-stream"
		}
	case provider.Embed:
		action = "invoke"
	case provider.CountTokens:
		action = "count-tokens"
	default:
		return dst, provider.ErrNoSuchOp
	}
	dst = append(dst, "/model/"...)
	dst = append(dst, strings.ReplaceAll(url.PathEscape(id), ":", "%3A")...)
	dst = append(dst, '/')
	return append(dst, action...), nil
}

// Count makes the body of CountTokens, which takes a call of Converse or the bytes of one of InvokeModel (Amazon Bedrock
// Runtime API, CountTokens, 2025-08).
func (Provider) Count(_ *provider.Target, c provider.PathOf, body []byte) []byte {
	var inner, input, out wire.Builder
	if c.Op == provider.Messages {
		var o wire.Object
		if o.Parse(body) == nil && !o.Has("max_tokens") {
			o.Add("max_tokens", []byte("1")) // a call that is to be counted names none, and the model wants one
			body = o.Append(nil)
		}
		inner.Text("body", base64.StdEncoding.EncodeToString(body))
		input.Raw("invokeModel", inner.Bytes())
	} else {
		input.Raw("converse", wire.Only(body, "messages", "system", "toolConfig", "additionalModelRequestFields"))
	}
	out.Raw("input", input.Bytes())
	return out.Bytes()
}

// Edit makes a Messages body the one that InvokeModel takes; Converse bodies are made for it already.
func (Provider) Edit(_ *provider.Target, body *wire.Request, e *provider.Edits) error {
	if e.Op != provider.Messages {
		return nil
	}
	body.DropField(wire.Model)
	body.DropField(wire.Stream)
	if body.Find("anthropic_version") < 0 {
		body.Add("anthropic_version", []byte(claudeVersion))
	}
	if e.Beta != "" && body.Find("anthropic_beta") < 0 {
		var names [][]byte
		for name := range strings.SplitSeq(e.Beta, ",") {
			if name = strings.TrimSpace(name); name != "" {
				names = append(names, wire.AppendString(nil, name))
			}
		}
		body.Add("anthropic_beta", wire.List(names))
	}
	return nil
}
