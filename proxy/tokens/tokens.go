// Package tokens counts tokens on this machine: to book a call whose provider reported no usage, and to know before a
// call what its input will cost. Counts are estimates, exact for text to OpenAI's models.
package tokens

import (
	"strings"
	"sync"

	"github.com/tiktoken-go/tokenizer"
)

// family is how a model's text is counted: with which vocabulary, and what the count is multiplied by, in tenths.
type family struct {
	codec  func() tokenizer.Codec
	tenths int
}

// A vocabulary takes 25 ms and 9 MB, so each is loaded when it is first needed and then kept; it never changes. Most
// processes need none: providers report usage, and estimates count only near the end of a budget.
var (
	o200k  = sync.OnceValue(func() tokenizer.Codec { return load(tokenizer.O200kBase) })
	cl100k = sync.OnceValue(func() tokenizer.Codec { return load(tokenizer.Cl100kBase) })
	p50k   = sync.OnceValue(func() tokenizer.Codec { return load(tokenizer.P50kBase) })
	r50k   = sync.OnceValue(func() tokenizer.Codec { return load(tokenizer.R50kBase) })
)

// load gives nil for a vocabulary that the library lacks; counting then falls back on bytes.
func load(e tokenizer.Encoding) tokenizer.Codec {
	c, err := tokenizer.Get(e)
	if err != nil {
		return nil
	}
	return c
}

// familyOf knows OpenAI's names; everything else is counted with its newest vocabulary and a tenth on top.
func familyOf(model string) family {
	name := strings.ToLower(model)
	name = strings.TrimPrefix(name[strings.LastIndexByte(name, '/')+1:], "ft:")
	has := func(prefixes ...string) bool {
		for _, p := range prefixes {
			if strings.HasPrefix(name, p) {
				return true
			}
		}
		return false
	}
	switch {
	case has("gpt-4o", "gpt-4.", "gpt-4-5", "gpt-oss"):
		return family{o200k, 10}
	case has("gpt-4", "gpt-3.5", "gpt-35", "text-embedding-", "davinci-002", "babbage-002"):
		return family{cl100k, 10}
	case has("text-davinci-002", "text-davinci-003", "code-davinci", "code-cushman"):
		return family{p50k, 10}
	case has("text-davinci", "text-curie", "text-babbage", "text-ada", "davinci", "curie", "babbage", "ada", "gpt2"):
		return family{r50k, 10}
	case has("gpt-", "chatgpt-", "o1", "o3", "o4", "codex-"):
		return family{o200k, 10}
	}
	return family{o200k, 11}
}

func (f family) scale(n int) int {
	if f.tenths == 10 {
		return n
	}
	return (n*f.tenths + 9) / 10
}

// Count is the number of tokens of a text for a model, named with or without its provider. Text beyond the first MiB is
// taken to be like that before it. Safe for concurrent use.
func Count(model, text string) int {
	f := familyOf(model)
	return f.scale(f.sampled(text, 1<<20))
}

// Estimate is Count with bounded work: of a long text, a few pieces of 8 KiB in all are counted (about 2 ms), and the rest is
// taken to be like them.
func Estimate(model, text string) int {
	f := familyOf(model)
	return f.scale(f.sampled(text, 8<<10))
}

const pieces = 4

// sampled counts at most about limit bytes and scales the result to the whole text.
func (f family) sampled(text string, limit int) int {
	if len(text) <= limit {
		return f.plain(text)
	}
	size := limit / pieces
	counted, bytes := 0, 0
	for i := range pieces {
		from := boundary(text, i*(len(text)-size)/(pieces-1))
		to := boundary(text, min(from+size, len(text)))
		counted += f.plain(text[from:to])
		bytes += to - from
	}
	if bytes == 0 {
		return len(text)
	}
	return int(float64(counted) * float64(len(text)) / float64(bytes))
}

// boundary is the nearest place at or before i where a character starts.
func boundary(text string, i int) int {
	for i > 0 && i < len(text) && text[i]&0xC0 == 0x80 {
		i--
	}
	return i
}

// plain counts a text as it is. It goes through it in parts, so that no input makes the matching slow; the parts end
// where no token crosses, before a space between two words, if there is such a place.
func (f family) plain(text string) int {
	codec := f.codec()
	n := 0
	for len(text) > 0 {
		part := text[:cut(text)]
		text = text[len(part):]
		n += countPart(codec, part)
	}
	return n
}

func countPart(codec tokenizer.Codec, part string) int {
	if codec == nil {
		return len(part)/4 + 1
	}
	n, err := codec.Count(part)
	if err != nil {
		return len(part)/4 + 1
	}
	return n
}

const partSize = 8 << 10

func cut(text string) int {
	if len(text) <= partSize {
		return len(text)
	}
	for i := partSize; i > partSize/2; i-- {
		if text[i] == ' ' && word(text[i-1]) && word(text[i+1]) {
			return i
		}
	}
	return boundary(text, partSize)
}

func word(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
