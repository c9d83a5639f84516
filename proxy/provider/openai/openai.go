// Package openai is every provider that speaks OpenAI's wire: a table of where they are and the edits that some of
// them need. The client's JSON passes through but for those.
package openai

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"gatehouse/models"
	"gatehouse/proxy/provider"
)

// Vendor is a provider of the table. It satisfies provider.Provider.
type Vendor struct {
	name string
	v    vendor
}

// New returns the provider of that name (the prefix of litellm_params.model); nil when the table has none.
func New(name string) *Vendor {
	v, ok := vendors[name]
	if !ok {
		return nil
	}
	return &Vendor{name, v}
}

// Names lists the providers of the table in order.
func Names() []string {
	names := make([]string, 0, len(vendors))
	for name := range vendors {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Wire is OpenAI's.
func (p *Vendor) Wire(*provider.Target, string) provider.Wire { return provider.OpenAI }

const defaultAzureVersion = "2024-10-21"

// Ready compiles a deployment.
func (p *Vendor) Ready(d *models.Deployment) (*provider.Target, error) {
	base, err := p.base(d)
	if err != nil {
		return nil, err
	}
	q := p.v.quirks
	t := &provider.Target{Base: base, MoneyUsage: q&moneyUsage != 0, NoUsageOpt: q&mistralNames != 0}
	if q&azurePaths != 0 {
		azure(t, d)
	}
	t.KeepThinking = q&takesThinking != 0 || p.name == "openai" && base.Name != "api.openai.com"
	t.KeepMarks = q&takesMarks != 0
	h, err := p.credential(d)
	if err != nil {
		return nil, err
	}
	if q&organization != 0 && d.Organization != "" {
		if h, err = provider.AppendHeader(h, "OpenAI-Organization", d.Organization); err != nil {
			return nil, fmt.Errorf("organization: %w", err)
		}
	}
	if q&siteHeaders != 0 {
		for header, param := range map[string]string{"HTTP-Referer": "or_site_url", "X-Title": "or_app_name"} {
			if v, ok := d.Params[param].(string); ok && v != "" {
				if h, err = provider.AppendHeader(h, header, v); err != nil {
					return nil, fmt.Errorf("%s: %w", param, err)
				}
			}
		}
	}
	t.Head = append(h, "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"...)
	return t, nil
}

// credential starts the header lines with the key.
func (p *Vendor) credential(d *models.Deployment) ([]byte, error) {
	header, value := "Authorization", "Bearer "
	switch key := d.APIKey.Reveal(); {
	case key != "" && p.v.header != "":
		header, value = p.v.header, key
	case key != "":
		value += key
	case p.v.quirks&azurePaths != 0 && d.Secrets["azure_ad_token"].IsSet():
		value += d.Secrets["azure_ad_token"].Reveal()
	case p.v.noKey || d.APIBase != "":
		return nil, nil
	default:
		return nil, errors.New("no api_key for " + p.v.display)
	}
	h, err := provider.AppendHeader(nil, header, value)
	if err != nil {
		return nil, fmt.Errorf("api_key: %w", err)
	}
	return h, nil
}

func (p *Vendor) base(d *models.Deployment) (provider.Base, error) {
	text := d.APIBase
	if text == "" {
		text = p.v.base
	}
	if text == "" {
		return provider.Base{}, errors.New("no api_base: " + p.v.display + " has no address of its own")
	}
	if p.v.quirks&regionInHost != 0 {
		region, _ := d.Params["aws_region_name"].(string)
		if region == "" {
			region = "us-west-2"
		}
		text = strings.ReplaceAll(text, "{region}", url.PathEscape(region))
	}
	b, err := provider.ParseBase(text)
	if err != nil {
		return b, err //nolint:wrapcheck // says it all
	}
	if p.v.v1 && b.Path == "" {
		b.Path = "/v1"
	}
	return b, nil
}

// azure settles the API version and whether the base is that of Azure's v1 API, which has no version and no model in
// its paths.
func azure(t *provider.Target, d *models.Deployment) {
	t.APIVersion = d.APIVersion
	if strings.HasSuffix(t.Base.Path, "/openai/v1") {
		t.APIVersion = ""
		return
	}
	if v, err := url.ParseQuery(t.Base.Query); err == nil && v.Get("api-version") != "" {
		t.APIVersion = v.Get("api-version")
		t.Base.Query = ""
	}
	if t.APIVersion == "" {
		t.APIVersion = defaultAzureVersion
	}
	t.Base.Path = strings.TrimSuffix(t.Base.Path, "/openai")
}

// Path appends the path of an operation.
func (p *Vendor) Path(t *provider.Target, dst []byte, c provider.PathOf) ([]byte, error) {
	var path string
	switch c.Op {
	case provider.Chat:
		path = "/chat/completions"
	case provider.Completion:
		if p.v.quirks&chatOnly != 0 {
			return dst, provider.ErrNoSuchOp
		}
		path = "/completions"
	case provider.Embedding:
		path = "/embeddings"
	case provider.Responses, provider.Compact, provider.InputTokens:
		if p.v.quirks&nativeResponses == 0 {
			return dst, provider.ErrNoSuchOp
		}
		path = map[provider.Op]string{
			provider.Responses: "/responses", provider.Compact: "/responses/compact", provider.InputTokens: "/responses/input_tokens",
		}[c.Op]
	default:
		if path = mediaPaths[c.Op]; path == "" {
			return dst, provider.ErrNoSuchOp
		}
	}
	if p.v.quirks&azurePaths == 0 || t.APIVersion == "" {
		return append(dst, path...), nil
	}
	if strings.HasPrefix(path, "/responses") {
		dst = append(dst, "/openai"...)
	} else {
		dst = append(dst, "/openai/deployments/"...)
		dst = append(dst, url.PathEscape(c.Model)...)
	}
	dst = append(dst, path...)
	dst = append(dst, "?api-version="...)
	return append(dst, url.QueryEscape(t.APIVersion)...), nil
}

// mediaPaths are the paths of what is not text: whether a server offers them, its answer tells.
//
//nolint:gochecknoglobals // a table
var mediaPaths = map[provider.Op]string{
	provider.ImageGeneration: "/images/generations", provider.ImageEdit: "/images/edits", provider.ImageVariation: "/images/variations",
	provider.Transcription: "/audio/transcriptions", provider.Translation: "/audio/translations", provider.Speech: "/audio/speech",
	provider.Moderation: "/moderations", provider.Rerank: "/rerank",
}
