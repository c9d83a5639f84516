package chat

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"

	"gatehouse/proxy/wire"
)

// EmbeddingRequest is an embeddings request in parts.
type EmbeddingRequest struct {
	Input      []string
	Dimensions []byte // raw; nil when not said
	Base64     bool   // encoding_format
	Rest       []Field
}

// ParseEmbedding takes an embeddings request apart. Token lists are refused: only OpenAI's models know OpenAI's tokens.
// Errors: *wire.BadField.
func ParseEmbedding(in *wire.Request) (*EmbeddingRequest, error) {
	r := new(EmbeddingRequest)
	for i := range in.Len() {
		name, raw := string(in.Name(i)), in.Raw(i)
		if in.Dropped(i) || wire.Null(raw) {
			continue
		}
		switch name {
		case "model", "user":
		case "dimensions":
			r.Dimensions = raw
		case "encoding_format":
			r.Base64 = wire.StringIs(raw, "base64")
		case "input":
			if s, ok := wire.String(raw); ok {
				r.Input = []string{s}
				continue
			}
			bad := !wire.IsArray(raw)
			wire.EachElement(raw, func(e []byte) {
				s, ok := wire.String(e)
				bad = bad || !ok
				r.Input = append(r.Input, s)
			})
			if bad {
				return nil, &wire.BadField{Field: "input", Message: "input must be text or a list of texts for this model"}
			}
		default:
			r.Rest = append(r.Rest, Field{name, raw})
		}
	}
	if len(r.Input) == 0 {
		return nil, &wire.BadField{Field: "input", Message: "input is empty"}
	}
	return r, nil
}

// Vectors is an embeddings answer to be: each vector is a raw JSON list of numbers.
type Vectors struct {
	Model  []byte // JSON string
	Values [][]byte
	Usage  wire.Usage
	Base64 bool
}

// Append appends the answer.
func (v *Vectors) Append(dst []byte) ([]byte, error) {
	items := make([][]byte, len(v.Values))
	for i, raw := range v.Values {
		if v.Base64 {
			var err error
			if raw, err = packed(raw); err != nil {
				return dst, err
			}
		}
		var o wire.Builder
		o.Text("object", "embedding")
		o.Int("index", int64(i))
		o.Raw("embedding", raw)
		items[i] = o.Bytes()
	}
	var out, usage wire.Builder
	out.Text("object", "list")
	out.Raw("data", wire.List(items))
	model := v.Model
	if model == nil {
		model = []byte(`""`)
	}
	out.Raw("model", model)
	if v.Usage.Seen {
		usage.Int("prompt_tokens", v.Usage.Input)
		usage.Int("total_tokens", v.Usage.Input)
		out.Raw("usage", usage.Bytes())
	}
	return append(dst, out.Bytes()...), nil
}

// packed is a vector as OpenAI packs it: 32-bit floats, little endian, in base64.
func packed(raw []byte) ([]byte, error) {
	var numbers []float32
	if err := json.Unmarshal(raw, &numbers); err != nil {
		return nil, ErrAnswer
	}
	b := make([]byte, 0, 4*len(numbers))
	for _, n := range numbers {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(n))
	}
	return wire.AppendString(nil, base64.StdEncoding.EncodeToString(b)), nil
}
