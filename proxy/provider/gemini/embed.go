package gemini

import (
	"gatehouse/proxy/provider/chat"
	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

// FromEmbedding serves OpenAI's embeddings by batchEmbedContents, or at Vertex by predict: one call's bridge.
type FromEmbedding struct {
	Vertex bool

	base64 bool
	model  string
}

// Request appends the body. Errors: *wire.BadField.
func (f *FromEmbedding) Request(dst []byte, in *wire.Request, model string) ([]byte, error) {
	r, err := chat.ParseEmbedding(in)
	if err != nil {
		return dst, err //nolint:wrapcheck // fit for the caller
	}
	f.base64, f.model = r.Base64, model
	var task, title []byte
	for _, p := range r.Rest {
		switch p.Name {
		case "task_type", "taskType", "input_type":
			task = p.Raw
		case "title":
			title = p.Raw
		}
	}
	items := make([][]byte, len(r.Input))
	for i, text := range r.Input {
		var o wire.Builder
		if f.Vertex {
			o.Text("content", text)
			o.Raw("task_type", task)
			o.Raw("title", title)
		} else {
			o.Text("model", "models/"+model)
			o.Raw("content", content("", [][]byte{textPart(text)}))
			o.Raw("taskType", task)
			o.Raw("title", title)
			o.Raw("outputDimensionality", r.Dimensions)
		}
		items[i] = o.Bytes()
	}
	var o wire.Builder
	if !f.Vertex {
		o.Raw("requests", wire.List(items))
		return append(dst, o.Bytes()...), nil
	}
	o.Raw("instances", wire.List(items))
	if r.Dimensions != nil {
		var p wire.Builder
		p.Raw("outputDimensionality", r.Dimensions)
		o.Raw("parameters", p.Bytes())
	}
	return append(dst, o.Bytes()...), nil
}

// Answer appends the embeddings.
func (f *FromEmbedding) Answer(dst, body []byte) ([]byte, wire.Usage, error) {
	v := chat.Vectors{Base64: f.base64, Model: wire.AppendString(nil, f.model)}
	keep := func(raw []byte) {
		if raw != nil {
			v.Values = append(v.Values, raw)
		}
	}
	wire.EachElement(wire.Lookup(body, "embeddings"), func(e []byte) { keep(wire.Lookup(e, "values")) })
	wire.EachElement(wire.Lookup(body, "predictions"), func(e []byte) {
		keep(wire.Lookup(e, "embeddings", "values"))
		if n, ok := wire.Count(wire.Lookup(e, "embeddings", "statistics", "token_count")); ok {
			v.Usage.Input = wire.AddCounts(v.Usage.Input, n)
			v.Usage.Seen = true
		}
	})
	if u := wire.ReadGeminiUsage(wire.Lookup(body, "usageMetadata")); u.Seen {
		v.Usage = u
	}
	if len(v.Values) == 0 {
		return dst, v.Usage, chat.ErrAnswer
	}
	out, err := v.Append(dst)
	return out, v.Usage, err //nolint:wrapcheck // the answer's own
}

// Filter changes nothing: embeddings are not streamed.
func (f *FromEmbedding) Filter(next stream.Filter) stream.Filter { return next }
