package cohere

import (
	"gatehouse/proxy/provider/chat"
	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

// FromEmbedding serves OpenAI's embeddings by Cohere's embed: one call's bridge.
type FromEmbedding struct{ base64 bool }

// Request appends the body. Errors: *wire.BadField.
func (f *FromEmbedding) Request(dst []byte, in *wire.Request, _ string) ([]byte, error) {
	r, err := chat.ParseEmbedding(in)
	if err != nil {
		return dst, err //nolint:wrapcheck // fit for the caller
	}
	f.base64 = r.Base64
	texts := make([][]byte, len(r.Input))
	for i, s := range r.Input {
		texts[i] = wire.AppendString(nil, s)
	}
	var o wire.Builder
	o.Raw("texts", wire.List(texts))
	kind := []byte(`"search_document"`)
	for _, p := range r.Rest {
		switch p.Name {
		case "input_type":
			kind = p.Raw
		case "embedding_types":
		default:
			o.Raw(p.Name, p.Raw)
		}
	}
	o.Raw("input_type", kind)
	o.Raw("embedding_types", []byte(`["float"]`))
	o.Raw("output_dimension", r.Dimensions)
	return append(dst, o.Bytes()...), nil
}

// Answer appends the embeddings.
func (f *FromEmbedding) Answer(dst, body []byte) ([]byte, wire.Usage, error) {
	v := chat.Vectors{Base64: f.base64}
	list := wire.Lookup(body, "embeddings")
	if wire.IsObject(list) {
		list = wire.Lookup(list, "float")
	}
	wire.EachElement(list, func(raw []byte) { v.Values = append(v.Values, raw) })
	if len(v.Values) == 0 {
		return dst, v.Usage, chat.ErrAnswer
	}
	v.Usage = ReadUsage(wire.Lookup(body, "meta"))
	out, err := v.Append(dst)
	return out, v.Usage, err //nolint:wrapcheck // the answer's own
}

// Filter changes nothing: embeddings are not streamed.
func (f *FromEmbedding) Filter(next stream.Filter) stream.Filter { return next }
