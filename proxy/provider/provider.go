// Package provider knows how to reach a model at its provider: the transport, what a deployment turns into on the wire,
// and how refusals of all the providers read. Each provider's own ways are in a folder of its own.
package provider

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"gatehouse/models"
	"gatehouse/proxy/price"
	"gatehouse/proxy/wire"
)

// Op is what a call asks for.
type Op uint8

// The operations.
const (
	Chat Op = iota
	Completion
	Embedding
	Messages    // Anthropic's wire
	CountTokens // of Anthropic's wire
	Responses
	Generate       // Gemini's generateContent
	StreamGenerate // Gemini's streamGenerateContent
	Converse       // Bedrock's Converse
	ConverseStream
	ImageGeneration
	ImageEdit
	ImageVariation
	Transcription
	Translation
	Speech
	Moderation
	Rerank
	Compact      // of the Responses API
	InputTokens  // of the Responses API
	CountContent // Gemini's countTokens
	PassThrough  // a provider's own route, untranslated
	Embed        // embeddings on a provider's own wire
	CohereChat
	ops
)

// String is the call type of spend rows, in LiteLLM's words.
func (o Op) String() string {
	return [ops]string{
		"acompletion", "atext_completion", "aembedding", "anthropic_messages", "count_tokens", "aresponses", "agenerate_content",
		"agenerate_content_stream", "aconverse", "aconverse_stream", "aimage_generation", "aimage_edit", "aimage_variation", "atranscription",
		"atranslation", "aspeech", "amoderation", "arerank", "acompact_responses", "input_tokens", "count_tokens", "pass_through_endpoint", "aembedding",
		"achat",
	}[o]
}

// Textual says whether the answer is text that output tokens measure.
func (o Op) Textual() bool {
	return (o < ImageGeneration || o == Compact || o == PassThrough) && o != Embedding && o != CountTokens
}

// Wire is a family of JSON formats.
type Wire uint8

// The wires.
const (
	OpenAI Wire = iota
	Anthropic
	Gemini          // Google's generateContent
	BedrockConverse // AWS
	Cohere          // v2
)

// NamesModel says whether a body of this wire names its model; in the others the path does.
func (w Wire) NamesModel() bool { return w != Gemini && w != BedrockConverse }

// Provider is one provider's wire. Implementations keep no state and are safe for concurrent use.
type Provider interface {
	// Wire is what the provider speaks where this model is concerned.
	Wire(t *Target, model string) Wire
	// Ready compiles a deployment. The error says, fit for an operator, why it can never serve.
	Ready(d *models.Deployment) (*Target, error)
	// Path appends the request path of an operation, after the base; ErrNoSuchOp when it does not offer this on its own wire.
	Path(t *Target, dst []byte, c PathOf) ([]byte, error)
	// Edit makes a body of the provider's wire the one that this deployment takes: renamed and dropped parameters.
	// The model and the gateway's own fields are done already. Errors: *wire.BadField for an unsupported parameter.
	Edit(t *Target, body *wire.Request, e *Edits) error
}

// Counter is a provider that counts tokens for calls of its own wire; CountTokens is an operation of its paths.
type Counter interface {
	// Count makes the body that asks for the count of a call, out of the body of that call.
	Count(t *Target, c PathOf, body []byte) []byte
}

// PathOf is what a path may depend on.
type PathOf struct {
	Op     Op
	Model  string // at the provider
	Stream bool
}

// Edits is what Provider.Edit must know of a call.
type Edits struct {
	Op         Op
	Model      string // at the provider
	Stream     bool
	Beta       string   // the client's anthropic-beta header
	DropParams bool     // unsupported parameters are dropped and not refused
	Dropped    *Dropped // told of what is dropped; may be nil
	Foreign    bool     // the client speaks another wire: what it says about sampling is left out where it cannot be taken
	Allowed    []string // parameters that pass although the provider is not known to support them
}

// Unsupported drops a parameter, or refuses it when dropping is off.
func (e *Edits) Unsupported(body *wire.Request, i int, name, provider string) error {
	if slices.Contains(e.Allowed, name) {
		return nil
	}
	if e.DropParams {
		body.Drop(i)
		e.Dropped.Note(name)
		return nil
	}
	return &UnsupportedParam{Name: name, Provider: provider}
}

// Dropped collects the parameters of a call that asked for something and were left out, so that its client can be told.
type Dropped []string

// Note adds a name, once. It does nothing to nil.
func (d *Dropped) Note(name string) {
	if d != nil && !slices.Contains(*d, name) {
		*d = append(*d, name)
	}
}

// UnsupportedParam is a parameter that the provider does not take.
type UnsupportedParam struct{ Name, Provider string }

func (e *UnsupportedParam) Error() string {
	return fmt.Sprintf("%s does not support the parameter %s; set drop_params to leave it out", e.Provider, e.Name)
}

// ErrNoSuchOp says that the provider does not offer the operation.
var ErrNoSuchOp = errors.New("the provider of this model does not offer this operation")

// Target is a deployment made ready: everything about its wire that does not change from call to call. It is never
// written after Ready.
type Target struct {
	Deployment *models.Deployment
	Provider   Provider
	ModelJSON  []byte // the provider's name for the model as a JSON string; of no use where it holds *
	Shown      string // Base as shown to people
	Base       Base
	Host       *Host  // set by the registry
	Head       []byte // header lines, each with CRLF: credentials, content type
	Defaults   []Param
	APIVersion string
	NoUsageOpt bool // the provider refuses stream_options
	// KeepThinking: the server takes the thinking of earlier turns in a chat's messages.
	KeepThinking bool
	// KeepMarks: the server knows cache_control in a chat's messages.
	KeepMarks  bool
	MoneyUsage bool // usage.cost of its answers is what the call cost
	DropParams bool
	Drop       []string // parameters that are always left out
	Allowed    []string
	Custom     price.Price    // the deployment's own price; not Known when it has none
	Credential Credential     // makes header lines that depend on the time or on the call; nil: Head has all
	heads      [2][ops][]byte // plain and streamed: request line and header lines, where no path depends on the model
}

// Speaks says whether the provider offers the operation on its own wire.
func (t *Target) Speaks(c PathOf) bool {
	if t.heads[side(c.Stream)][c.Op] != nil {
		return true
	}
	var room [256]byte
	_, err := t.Provider.Path(t, room[:0], c)
	return err == nil
}

// Param is a default parameter of a deployment: JSON.
type Param struct {
	Name  string
	Value []byte
}

// Base is where a provider is.
type Base struct {
	TLS   bool
	Addr  string // host:port, to connect to
	Name  string // as in the Host header
	Path  string // without a slash at the end
	Query string // sent with every request, without "?"
}

// ErrBase says that an api_base cannot be used.
var ErrBase = errors.New("api_base must be an http or https URL with a host")

// ParseBase reads an api_base. A slash at its end means nothing.
func ParseBase(text string) (Base, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" || (u.Scheme != "http" && u.Scheme != "https") {
		return Base{}, ErrBase // the parse error would show the whole URL, which may hold a secret
	}
	b := Base{TLS: u.Scheme == "https", Name: u.Host, Path: strings.TrimRight(u.EscapedPath(), "/"), Query: u.RawQuery}
	port := u.Port()
	if port == "" {
		port = map[bool]string{true: "443", false: "80"}[b.TLS]
	}
	b.Addr = net.JoinHostPort(u.Hostname(), port)
	if strings.ContainsAny(b.Name+b.Path+b.Query, " \r\n\t") {
		return Base{}, ErrBase
	}
	return b, nil
}

// String is the base as shown to people: no query.
func (b Base) String() string {
	scheme := "http://"
	if b.TLS {
		scheme = "https://"
	}
	return scheme + b.Name + b.Path
}

// AppendHeader appends a header line. Control characters in the value end in an error and not on the wire.
func AppendHeader(dst []byte, name, value string) ([]byte, error) {
	for i := range len(value) {
		if value[i] < ' ' && value[i] != '\t' || value[i] == 0x7f {
			return dst, fmt.Errorf("the value for the header %s has a control character", name)
		}
	}
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...), nil
}

// AppendHead appends the request line and the header lines for one operation on this target.
func (t *Target) AppendHead(dst []byte, c PathOf) ([]byte, error) {
	if h := t.heads[side(c.Stream)][c.Op]; h != nil {
		return append(dst, h...), nil
	}
	return t.buildHead(dst, c)
}

func side(stream bool) int {
	if stream {
		return 1
	}
	return 0
}

func (t *Target) buildHead(dst []byte, c PathOf) ([]byte, error) {
	return t.AppendRequest(dst, "POST", c, "")
}

// AppendRequest appends the request line, of any method, and the header lines for what lies below an operation's path:
// below is "" or begins with a slash, and may hold a query.
func (t *Target) AppendRequest(dst []byte, method string, c PathOf, below string) ([]byte, error) {
	dst = append(append(dst, method...), ' ')
	dst = append(dst, t.Base.Path...)
	start := len(dst)
	dst, err := t.Provider.Path(t, dst, c)
	if err != nil {
		return dst, err
	}
	if below != "" {
		path, query, _ := strings.Cut(string(dst[start:]), "?")
		further, more, _ := strings.Cut(below, "?")
		dst = append(append(dst[:start], path...), further...)
		if query += map[bool]string{true: "&"}[query != "" && more != ""] + more; query != "" {
			dst = append(append(dst, '?'), query...)
		}
	}
	if t.Base.Query != "" {
		sep := byte('?')
		if strings.IndexByte(string(dst), '?') >= 0 {
			sep = '&'
		}
		dst = append(append(dst, sep), t.Base.Query...)
	}
	dst = append(dst, " HTTP/1.1\r\n"...)
	return append(dst, t.Head...), nil
}

// prepare builds the heads that do not depend on the model.
func (t *Target) prepare() {
	for op := range ops {
		for _, stream := range [...]bool{false, true} {
			a, errA := t.buildHead(nil, PathOf{Op: op, Model: t.Deployment.Model, Stream: stream})
			b, errB := t.buildHead(nil, PathOf{Op: op, Model: t.Deployment.Model + "2", Stream: stream})
			if errA == nil && errB == nil && string(a) == string(b) {
				t.heads[side(stream)][op] = a
			}
		}
	}
}
