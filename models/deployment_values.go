package models

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// IsCredentialName says whether a parameter's name tells that its value is a secret. It goes by the words of
// the name and not by a list of providers, so that a provider yet unknown leaks nothing.
func IsCredentialName(name string) bool {
	words := nameWords(name)
	if len(words) == 0 {
		return false
	}
	last := words[len(words)-1]
	joined := strings.Join(words, "_")
	switch {
	case strings.Contains(joined, "cost_per"), strings.HasSuffix(joined, "prompt_cache_key"), strings.HasSuffix(joined, "credential_name"),
		joined == "eos_token", joined == "bos_token", joined == "pad_token", joined == "stop_token":
		return false
	case last == "key", last == "keys", last == "token", last == "auth", last == "cookie", last == "signature":
		return true
	case strings.Contains(joined, "api_key"), strings.Contains(joined, "access_key"), strings.Contains(joined, "private_key"):
		return true
	}
	for _, w := range words {
		switch w {
		case "secret", "secrets", "password", "passwd", "pwd", "passphrase", "credential", "credentials", "authorization", "bearer", "apikey", "jwt":
			return true
		}
	}
	return false
}

// nameWords splits snake_case, kebab-case and camelCase into lower-case words.
func nameWords(name string) []string {
	var b strings.Builder
	lower := false
	for _, r := range name {
		upper := r >= 'A' && r <= 'Z'
		if upper && lower {
			b.WriteByte('_')
		}
		lower = r >= 'a' && r <= 'z' || r >= '0' && r <= '9'
		b.WriteRune(r)
	}
	return strings.FieldsFunc(strings.ToLower(b.String()), func(r rune) bool { return r == '_' || r == '-' || r == '.' || r == ' ' })
}

func (p *deploymentParser) text(name string) string {
	switch v := p.params[name].(type) {
	case nil:
		return ""
	case string:
		return strings.TrimSpace(v)
	default:
		p.warn("litellm_params."+name, "must be text; ignored")
		return ""
	}
}

func (p *deploymentParser) seconds(name string) time.Duration {
	v := p.params[name]
	if v == nil {
		return 0
	}
	text, ok := numberText(v)
	f, err := strconv.ParseFloat(text, 64)
	if !ok || err != nil || f <= 0 || f > 1e8 {
		p.warn("litellm_params."+name, "must be a number of seconds above zero; the default is used")
		return 0
	}
	return time.Duration(f * float64(time.Second))
}

// whole reads an integer of zero or more. A bad one is fatal where limits depend on it, else a warning.
func (p *deploymentParser) whole(name string, fatal bool) (int64, bool) {
	v := p.params[name]
	if v == nil {
		return 0, false
	}
	text, ok := numberText(v)
	r, valid := new(big.Rat).SetString(text)
	if ok && valid && r.IsInt() && r.Sign() >= 0 && r.Num().IsInt64() {
		return r.Num().Int64(), true
	}
	if fatal {
		p.fatal("litellm_params."+name, "must be a whole number, 0 or more")
	} else {
		p.warn("litellm_params."+name, "must be a whole number, 0 or more; ignored")
	}
	return 0, false
}

func (p *deploymentParser) list(path string, v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		if v == "" {
			return nil
		}
		return []string{v}
	case []string:
		return slices.DeleteFunc(slices.Clone(v), func(s string) bool { return s == "" })
	case []any:
		var out []string
		for _, e := range v {
			s, ok := e.(string)
			if !ok && e != nil {
				p.warn(path, "every entry must be text; others are left out")
			}
			if s != "" {
				out = append(out, s)
			}
		}
		return out
	}
	p.warn(path, "must be a list; ignored")
	return nil
}

// numberText is a number as JSON text. Text that is a number counts: PyYAML reads 1e-5 as text.
func numberText(v any) (string, bool) {
	var text string
	switch v := v.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = strings.TrimSpace(v)
	case int:
		return strconv.Itoa(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		text = strconv.FormatFloat(v, 'g', -1, 64)
	}
	// The length bound keeps big.Rat from expanding an absurd exponent.
	_, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	if text == "" || len(text) > 40 || len(exponent) > 4 || !json.Valid([]byte(text)) || strings.ContainsAny(text, `"{}[]tfn`) {
		return "", false
	}
	return text, true
}

func copyValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = copyValue(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = copyValue(e)
		}
		return out
	}
	return v
}

func sortedNames(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

func deploymentHash(modelName string, params, info map[string]any, nth string) string {
	// Marshal sorts map keys, so equal entries give equal bytes; what cannot be marshalled was refused before.
	b, err := json.Marshal([]any{modelName, params, info, nth})
	if err != nil {
		b = []byte(modelName + "\x00" + nth)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
