package price

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
)

// Info is what a price list says about a model besides its price. Zero values are unknown.
type Info struct {
	MaxInputTokens  int64
	MaxOutputTokens int64
	Mode            string          // "chat", "embedding", …
	Supports        map[string]bool // "supports_vision", …; read only
}

func (i *Info) unknown() bool {
	return i.Mode == "" && i.MaxInputTokens == 0 && i.MaxOutputTokens == 0 && len(i.Supports) == 0
}

// File is a price file in the format of LiteLLM's model_prices_and_context_window.json. It never changes.
type File struct {
	Version  string
	Problems []string // entries left out, with the reason
	entries  map[string]fileEntry
}

type fileEntry struct {
	price    Price
	info     Info
	provider string
	name     string // as written
}

// maxFile bounds what a price file may hold; LiteLLM's own is below 2 MiB.
const maxFile = 64 << 20

// LoadLiteLLM reads a price file. An entry that cannot be read is left out and named in Problems; an error means that
// the file as a whole is no price file.
func LoadLiteLLM(r io.Reader) (*File, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read price file: %w", err)
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("price file is larger than %d MiB", maxFile>>20)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("price file is not a JSON object by model name: %w", err)
	}
	sum := sha256.Sum256(text)
	f := &File{Version: "file-" + hex.EncodeToString(sum[:6]), entries: make(map[string]fileEntry, len(raw))}
	for name, body := range raw {
		if name == "sample_spec" {
			continue
		}
		e, err := readEntry(body)
		if err != nil {
			f.Problems = append(f.Problems, fmt.Sprintf("%s: %v", name, err))
			continue
		}
		e.name = name
		if e.price.Known {
			e.price.Version = f.Version
		}
		f.entries[strings.ToLower(name)] = e
	}
	sort.Strings(f.Problems)
	if len(f.entries) == 0 {
		return nil, fmt.Errorf("price file names no model")
	}
	return f, nil
}

func readEntry(body []byte) (fileEntry, error) {
	var e fileEntry
	var m map[string]any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&m); err != nil || m == nil {
		return e, fmt.Errorf("a map is expected")
	}
	var err error
	if e.price, _, err = FromConfig(m); err != nil {
		return e, err
	}
	e.provider, _ = m["litellm_provider"].(string)
	e.info = InfoFrom(m)
	return e, nil
}

// InfoFrom reads limits, mode and supports_* out of model_info or an entry of a price file.
func InfoFrom(m map[string]any) Info {
	var i Info
	i.MaxInputTokens = count(m["max_input_tokens"])
	i.MaxOutputTokens = count(m["max_output_tokens"])
	if either := count(m["max_tokens"]); either > 0 {
		if i.MaxOutputTokens == 0 {
			i.MaxOutputTokens = either
		}
		if i.MaxInputTokens == 0 {
			i.MaxInputTokens = either
		}
	}
	i.Mode, _ = m["mode"].(string)
	for name, v := range m {
		if yes, ok := v.(bool); ok && strings.HasPrefix(name, "supports_") {
			if i.Supports == nil {
				i.Supports = map[string]bool{}
			}
			i.Supports[name] = yes
		}
	}
	return i
}

// count reads a number of tokens; anything else is 0, unknown.
func count(v any) int64 {
	r, err := amount(v)
	if err != nil || r == nil || !r.IsInt() || !r.Num().IsInt64() || r.Sign() < 0 {
		return 0
	}
	return r.Num().Int64()
}

// find tries the keys of proxy.md §7.3 for every spelling of the name.
func (f *File) find(provider, region, model string) (fileEntry, bool) {
	for _, n := range spellings(model) {
		if region != "" {
			if e, ok := f.entries[provider+"/"+region+"/"+n]; ok {
				return e, true
			}
		}
		if e, ok := f.entries[provider+"/"+n]; ok && provider != "" {
			return e, true
		}
		if e, ok := f.entries[n]; ok {
			return e, true
		}
	}
	return fileEntry{}, false
}

// models lists the priced names of a provider without its prefix.
func (f *File) models(provider string) []string {
	var out []string
	for _, e := range f.entries {
		if !e.price.Known {
			continue
		}
		if rest, ok := strings.CutPrefix(e.name, provider+"/"); ok {
			out = append(out, rest)
		} else if e.provider == provider && !strings.Contains(e.name, "/") {
			out = append(out, e.name)
		}
	}
	return out
}
