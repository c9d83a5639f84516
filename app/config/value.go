package config

import (
	"encoding/json"
	"math/big"
	"regexp"
	"strings"
)

// kind is what PyYAML would make of a node; LiteLLM reads its files with it.
type kind uint8

const (
	kindNull kind = iota
	kindBool
	kindNumber
	kindText
	kindList
	kindMap
)

func (k kind) String() string {
	return [...]string{"empty", "a true/false value", "a number", "text", "a list", "a map"}[k]
}

// value is one node of the file with its place. A nil *value reads as null everywhere.
type value struct {
	kind kind
	text string // of a scalar as written; of a number as JSON wants it
	flag bool
	file string
	line int

	list  []*value
	names []string // of a map, in order
	items map[string]*value

	missing string // the variable that os.environ/ named and the environment lacks; kind is then null
	hidden  bool   // came from the environment: never repeated in a message
}

func (v *value) isNull() bool { return v == nil || v.kind == kindNull }

// get is the entry of a map, nil when v is no map or has no such entry.
func (v *value) get(name string) *value {
	if v == nil || v.kind != kindMap {
		return nil
	}
	return v.items[name]
}

// plain turns v into what decoding JSON with UseNumber would give. Numbers that JSON cannot write (.inf) become text.
func (v *value) plain() any {
	if v == nil {
		return nil
	}
	switch v.kind {
	case kindNull:
		return nil
	case kindBool:
		return v.flag
	case kindNumber:
		if json.Valid([]byte(v.text)) {
			return json.Number(v.text)
		}
		return v.text
	case kindText:
		return v.text
	case kindList:
		out := make([]any, len(v.list))
		for i, e := range v.list {
			out[i] = e.plain()
		}
		return out
	case kindMap:
		return v.plainMap()
	}
	return nil
}

func (v *value) plainMap() map[string]any {
	if v == nil || v.kind != kindMap {
		return nil
	}
	out := make(map[string]any, len(v.items))
	for name, e := range v.items {
		out[name] = e.plain()
	}
	return out
}

// at finds a node by a path of map names, for its line.
func (v *value) at(path ...string) *value {
	for _, name := range path {
		next := v.get(name)
		if next == nil {
			return v
		}
		v = next
	}
	return v
}

// The implicit types of YAML 1.1 as PyYAML's SafeLoader resolves plain scalars. 1e-5 is no float there, since its
// pattern wants a dot; numeric keys accept such text all the same.
var (
	yamlInt   = regexp.MustCompile(`^[-+]?(0b[0-1_]+|0x[0-9a-fA-F_]+|0[0-7_]+|0|[1-9][0-9_]*)$`)
	yamlFloat = regexp.MustCompile(`^([-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+][0-9]+)?|[-+]?\.[0-9][0-9_]*([eE][-+][0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)
	yamlSixty = regexp.MustCompile(`^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?$`)
)

// resolve types a plain scalar.
func (v *value) resolve() {
	switch v.text {
	case "", "~", "null", "Null", "NULL":
		v.kind, v.text = kindNull, ""
		return
	case "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		v.kind, v.flag = kindBool, true
		return
	case "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		v.kind = kindBool
		return
	}
	v.kind = kindText
	switch {
	case yamlInt.MatchString(v.text):
		if text, ok := integerText(v.text); ok {
			v.kind, v.text = kindNumber, text
		}
	case yamlSixty.MatchString(v.text):
		if text, ok := sexagesimalText(v.text); ok {
			v.kind, v.text = kindNumber, text
		}
	case yamlFloat.MatchString(v.text):
		v.kind, v.text = kindNumber, floatText(v.text)
	}
}

func integerText(text string) (string, bool) {
	if len(text) > 64 {
		return "", false
	}
	digits := strings.ReplaceAll(strings.TrimPrefix(text, "+"), "_", "")
	unsigned := strings.TrimPrefix(digits, "-")
	base := 10
	switch {
	case strings.HasPrefix(unsigned, "0b"), strings.HasPrefix(unsigned, "0x"):
		base = 0 // big.Int reads these prefixes
	case len(unsigned) > 1 && unsigned[0] == '0':
		base = 8
	}
	n, ok := new(big.Int).SetString(digits, base)
	if !ok {
		return "", false
	}
	return n.String(), true
}

// sexagesimalText is YAML 1.1's base-60 notation: 1:30 is 90.
func sexagesimalText(text string) (string, bool) {
	if len(text) > 64 {
		return "", false
	}
	body, negative := strings.CutPrefix(strings.TrimPrefix(strings.ReplaceAll(text, "_", ""), "+"), "-")
	total := new(big.Rat)
	for _, part := range strings.Split(body, ":") {
		r, ok := new(big.Rat).SetString(part)
		if !ok {
			return "", false
		}
		total.Mul(total, big.NewRat(60, 1)).Add(total, r)
	}
	if negative {
		total.Neg(total)
	}
	if total.IsInt() {
		return total.Num().String(), true
	}
	return strings.TrimRight(total.FloatString(9), "0"), true
}

// floatText makes a float of YAML readable as JSON: "1." and ".5" and "+1.0" are not; .inf stays as it is.
func floatText(text string) string {
	text = strings.TrimPrefix(strings.ReplaceAll(text, "_", ""), "+")
	if strings.ContainsAny(text, "iInNaA") {
		return text
	}
	sign := ""
	if rest, ok := strings.CutPrefix(text, "-"); ok {
		sign, text = "-", rest
	}
	mantissa, exponent := text, ""
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa, exponent = text[:i], text[i:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	whole = strings.TrimLeft(whole, "0")
	if whole == "" {
		whole = "0"
	}
	if fraction == "" {
		fraction = "0"
	}
	return sign + whole + "." + fraction + exponent
}
