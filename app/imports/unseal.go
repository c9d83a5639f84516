package imports

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/nacl/secretbox"
)

// unsealer opens what LiteLLM sealed: each text of litellm_params apart, as base64 of a NaCl secret box, nonce first, under
// the SHA-256 of LITELLM_SALT_KEY, or of the master key where that was not set.
type unsealer [][sha256.Size]byte

func newUnsealer(salts ...string) unsealer {
	var u unsealer
	for _, s := range salts {
		if s != "" {
			u = append(u, sha256.Sum256([]byte(s)))
		}
	}
	return u
}

const nonceSize = 24

var errSealed = errors.New("is sealed under another LITELLM_SALT_KEY: set the one that LiteLLM ran with")

// open gives the text behind a stored one. One that was never sealed is given back as it is.
func (u unsealer) open(text string) (string, error) {
	box, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		box, err = base64.URLEncoding.DecodeString(text)
	}
	if err != nil || len(box) < nonceSize+secretbox.Overhead {
		return text, nil //nolint:nilerr // not in the form of a sealed text, so it is not one
	}
	for _, key := range u {
		if plain, ok := secretbox.Open(nil, box[nonceSize:], (*[nonceSize]byte)(box), &key); ok {
			return string(plain), nil
		}
	}
	// Base64 of random bytes is not a model's name, an address or a reference, and too long for most keys of providers.
	return "", errSealed
}

// reference begins a text that names a variable of the environment. A stored model has the value itself: whoever may add
// models could read the gateway's environment otherwise.
const reference = "os.environ/"

// params opens every text of litellm_params and puts the variables of env in their places. Numbers stay as they are written.
// Errors name the parameter or the variable, never a value.
func (u unsealer) params(raw map[string]json.RawMessage, env func(name string) string) (map[string]any, error) {
	out := make(map[string]any, len(raw))
	for name, value := range raw {
		var v any
		dec := json.NewDecoder(bytes.NewReader(value))
		dec.UseNumber()
		if err := dec.Decode(&v); err != nil {
			return nil, fmt.Errorf("litellm_params.%s is not valid JSON", name)
		}
		if text, is := v.(string); is {
			plain, err := u.open(text)
			if err != nil {
				return nil, fmt.Errorf("litellm_params.%s %w", name, err)
			}
			if variable, is := strings.CutPrefix(plain, reference); is {
				if plain = env(variable); plain == "" {
					return nil, fmt.Errorf("litellm_params.%s is the variable %s, which is not set: set it for the import", name, variable)
				}
			}
			v = number(name, plain)
		}
		if v != nil {
			out[name] = v
		}
	}
	return out, nil
}

// number gives the parameters that LiteLLM keeps as texts, but reads as numbers, their type again.
func number(name, text string) any {
	switch {
	case strings.HasSuffix(name, "_cost") || strings.Contains(name, "cost_per_"):
	case name == "rpm", name == "tpm", name == "timeout", name == "stream_timeout", name == "max_retries", name == "weight", name == "max_parallel_requests":
	default:
		return text
	}
	var n json.Number
	if json.Unmarshal([]byte(text), &n) != nil {
		return text
	}
	return n
}
