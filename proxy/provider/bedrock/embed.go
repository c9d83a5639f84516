package bedrock

import (
	"strings"

	"gatehouse/proxy/provider/chat"
	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

// FromEmbedding serves OpenAI's embeddings by the embedding models of Bedrock: Amazon's Titan, which takes one text a
// call, and Cohere's. One call's bridge.
type FromEmbedding struct {
	base64 bool
	cohere bool
}

// Request appends the InvokeModel body. Errors: *wire.BadField.
func (f *FromEmbedding) Request(dst []byte, in *wire.Request, model string) ([]byte, error) {
	r, err := chat.ParseEmbedding(in)
	if err != nil {
		return dst, err //nolint:wrapcheck // fit for the caller
	}
	f.base64, f.cohere = r.Base64, strings.Contains(model, "cohere.")
	var o wire.Builder
	if f.cohere {
		texts := make([][]byte, len(r.Input))
		for i, s := range r.Input {
			texts[i] = wire.AppendString(nil, s)
		}
		kind := []byte(`"search_document"`)
		for _, p := range r.Rest {
			if p.Name == "input_type" {
				kind = p.Raw
			}
		}
		o.Raw("texts", wire.List(texts))
		o.Raw("input_type", kind)
		o.Raw("output_dimension", r.Dimensions)
		return append(dst, o.Bytes()...), nil
	}
	if len(r.Input) > 1 {
		return dst, &wire.BadField{Field: "input", Message: "this model takes one text a call"}
	}
	o.Text("inputText", r.Input[0])
	o.Raw("dimensions", r.Dimensions)
	for _, p := range r.Rest {
		o.Raw(p.Name, p.Raw)
	}
	return append(dst, o.Bytes()...), nil
}

// Answer appends the embeddings for an answer of InvokeModel.
func (f *FromEmbedding) Answer(dst, body []byte) ([]byte, wire.Usage, error) {
	v := chat.Vectors{Base64: f.base64}
	keep := func(raw []byte) { v.Values = append(v.Values, raw) }
	if f.cohere {
		list := wire.Lookup(body, "embeddings")
		if wire.IsObject(list) {
			list = wire.Lookup(list, "float")
		}
		wire.EachElement(list, keep)
	} else if raw := wire.Lookup(body, "embedding"); raw != nil {
		keep(raw)
	}
	if len(v.Values) == 0 {
		return dst, v.Usage, chat.ErrAnswer
	}
	if n, ok := wire.Count(wire.Lookup(body, "inputTextTokenCount")); ok {
		v.Usage.Input, v.Usage.Seen = n, true
	}
	out, err := v.Append(dst)
	return out, v.Usage, err //nolint:wrapcheck // the answer's own
}

// Filter changes nothing: embeddings are not streamed.
func (f *FromEmbedding) Filter(next stream.Filter) stream.Filter { return next }
