package proxy

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"gatehouse/proxy/price"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/tokens"
	"gatehouse/proxy/wire"
)

// mediaRoutes are images, audio, moderation and rerank.
func (p *Plane) mediaRoutes(root fiber.Router) {
	ops := []struct {
		path string
		op   provider.Op
	}{
		{"/images/generations", provider.ImageGeneration},
		{"/images/edits", provider.ImageEdit},
		{"/images/variations", provider.ImageVariation},
		{"/audio/transcriptions", provider.Transcription},
		{"/audio/translations", provider.Translation},
		{"/audio/speech", provider.Speech},
		{"/moderations", provider.Moderation},
		{"/rerank", provider.Rerank},
	}
	for _, o := range ops {
		for _, v := range [...]string{"", "/v1", "/v2"} {
			if v == "/v2" && o.op != provider.Rerank {
				continue
			}
			root.Post(v+o.path, p.call(o.op))
			if v != "/v2" {
				root.Post(v+"/openai/deployments/+"+o.path, p.call(o.op))
			}
		}
	}
}

// media is what decides the cost of a call whose answer is no text.
type media struct {
	size, quality string
	images        int64
	millis        int64 // of the audio sent
	characters    int64
	units         int64 // searches
	prompt        int64 // tokens of the text sent
	guessed       bool  // the length of the audio is a guess
}

func isImage(op provider.Op) bool {
	return op == provider.ImageGeneration || op == provider.ImageEdit || op == provider.ImageVariation
}

func isAudioIn(op provider.Op) bool {
	return op == provider.Transcription || op == provider.Translation
}

// isMedia says whether a call is one of this file.
func isMedia(op provider.Op) bool { return op >= provider.ImageGeneration && op <= provider.Rerank }

// defaultModeration is what moderates when neither the call nor the configuration names a model.
const defaultModeration = "omni-moderation-latest"

// docsPerUnit is how many documents one search of a reranker covers (Cohere, Rerank API v2).
const docsPerUnit = 100

// readMedia checks what a call of this kind needs and what its cost follows from.
func (c *call) readMedia() *failure {
	req, m := &c.s.req, &c.media
	text := func(name string) string {
		s := ""
		if i := req.Find(name); i >= 0 {
			s, _ = wire.String(req.Raw(i))
		}
		return s
	}
	need := ""
	switch {
	case c.op == provider.ImageGeneration, c.op == provider.ImageEdit:
		need = "prompt"
		fallthrough
	case isImage(c.op):
		m.size, m.quality, m.images = text("size"), text("quality"), c.n
		m.prompt = int64(tokens.Count(c.asked, text("prompt")))
	case isAudioIn(c.op):
		var file *io.SectionReader
		if c.form != nil {
			file = c.form.file("file")
		}
		if file == nil {
			return fail(missingField, "the field file is missing: audio is sent as a form").about("file")
		}
		m.millis, m.guessed = audioMillis(file, file.Size())
	case c.op == provider.Speech:
		need = "input"
		m.characters = int64(utf8.RuneCountInString(text("input")))
		m.prompt = int64(tokens.Count(c.asked, text("input")))
	case c.op == provider.Moderation:
		need = "input"
		m.prompt = int64(len(c.s.body)/bytesPerToken + 1)
	case c.op == provider.Rerank:
		need = "query"
		n := int64(0)
		if i := req.Find("documents"); i >= 0 {
			wire.EachElement(req.Raw(i), func([]byte) { n++ })
		}
		if n == 0 {
			return fail(missingField, "the field documents is missing").about("documents")
		}
		m.units = (n + docsPerUnit - 1) / docsPerUnit
		m.prompt = int64(len(c.s.body)/bytesPerToken + 1)
	}
	if need != "" {
		if i := req.Find(need); i < 0 || wire.Null(req.Raw(i)) {
			return fail(missingField, "the field "+need+" is missing").about(need)
		}
	}
	c.inTok = m.prompt
	if c.op == provider.Speech {
		c.stream = false // its answer is bytes; events pass as they come
		return nil
	}
	stream, err := req.Flag(wire.Stream)
	if err != nil {
		return refusedByBody(err)
	}
	c.stream = stream && (isImage(c.op) || isAudioIn(c.op))
	return nil
}

// What a kind of media comes to in tokens, where a provider prices tokens and has not reported any yet.
const (
	audioTokensPerSecond  = 17 // gpt-4o-transcribe: 0.006 USD a minute at 6 USD a million
	speechTokensPerChar   = 2  // gpt-4o-mini-tts: about 21 tokens a second, 15 characters a second
	imageTokensLow        = 272
	imageTokensMedium     = 1056
	imageTokensHigh       = 4160
	imageInputTokens      = 765 // a picture sent along, 1024 x 1024
	transcriptPerSecond   = 4
	largestFactorOfASize  = 3 // 1536x1024 against 1024x1024, in halves
	ordinaryFactorOfASize = 2
)

// foreseen is what a media call is expected to use: both in the units that it is sold by and in tokens.
func (c *call) foreseen() price.Usage {
	m := &c.media
	u := price.Usage{InputUncached: m.prompt, Requests: 1}
	switch {
	case isImage(c.op):
		each := int64(imageTokensHigh)
		switch m.quality {
		case "low":
			each = imageTokensLow
		case "medium", "standard":
			each = imageTokensMedium
		}
		factor := int64(largestFactorOfASize)
		if m.size == "1024x1024" || m.size == "512x512" || m.size == "256x256" {
			factor = ordinaryFactorOfASize
		}
		u.Images, u.OutputImage = m.images, m.images*each*factor/2
		if c.op != provider.ImageGeneration {
			u.InputImage = imageInputTokens
		}
	case isAudioIn(c.op):
		u.AudioMillis = m.millis
		u.InputAudio = m.millis * audioTokensPerSecond / 1000
		u.OutputText = m.millis*transcriptPerSecond/1000 + 1
	case c.op == provider.Speech:
		u.Characters = m.characters
		u.OutputAudio = m.characters * speechTokensPerChar
	case c.op == provider.Rerank:
		u.SearchUnits = m.units
	}
	return u
}

// fit leaves of a media call's usage what its price is for: the tokens, or the images, seconds, characters and searches.
// Without that a price list that has both would bill a call twice. reported says that the provider counted tokens.
func (c *call) fit(u *price.Usage, p *price.Price, reported bool) (estimated bool) {
	if !isMedia(c.op) {
		return false
	}
	units := map[provider.Op]price.Unit{
		provider.ImageGeneration: price.Image, provider.ImageEdit: price.Image, provider.ImageVariation: price.Image,
		provider.Transcription: price.AudioSecond, provider.Translation: price.AudioSecond, provider.Speech: price.Character,
		provider.Rerank: price.SearchUnit,
	}
	unit, sold := units[c.op]
	unitRate, byUnit := p.Rate(unit)
	byUnit = byUnit && sold && unitRate > 0
	byToken := false
	for _, t := range [...]price.Unit{price.Input, price.Output, price.InputAudio, price.OutputAudio, price.OutputImage, price.InputImage} {
		rate, ok := p.Rate(t)
		byToken = byToken || ok && rate > 0
	}
	if byUnit && (!byToken || !reported) {
		u.InputUncached, u.InputAudio, u.InputImage, u.OutputText, u.OutputAudio, u.OutputImage = 0, 0, 0, 0, 0, 0
		return c.media.guessed && isAudioIn(c.op)
	}
	if byToken {
		u.Images, u.AudioMillis, u.Characters, u.SearchUnits = 0, 0, 0, 0
		return !reported
	}
	return false
}

// mediaUsage is what a media call used: what the provider reported, and where it reports nothing what was asked for.
func (c *call) mediaUsage(e *ending) price.Usage {
	if !e.whole && !e.usage.Seen {
		if !e.floor {
			return price.Usage{}
		}
		u := c.foreseen()
		u.OutputText, u.OutputAudio, u.OutputImage, u.Images = 0, 0, 0, 0
		return u
	}
	u := c.foreseen()
	if e.usage.Seen && !e.usage.Bad {
		seen := e.usage.Canonical()
		if isImage(c.op) && seen.OutputImage == 0 {
			seen.OutputImage, seen.OutputText = seen.OutputText, 0
		}
		if c.op == provider.Speech && seen.OutputAudio == 0 {
			seen.OutputAudio, seen.OutputText = seen.OutputText, 0
		}
		if isAudioIn(c.op) && seen.InputAudio == 0 {
			seen.InputAudio, seen.InputUncached = seen.InputUncached, 0
		}
		seen.Images, seen.AudioMillis, seen.Characters, seen.SearchUnits = u.Images, u.AudioMillis, u.Characters, u.SearchUnits
		u = seen
	}
	if e.images > 0 {
		u.Images = e.images
	}
	if e.millis > 0 {
		u.AudioMillis = e.millis
	}
	if e.units > 0 {
		u.SearchUnits = e.units
	}
	u.Clamp(absurd)
	return u
}

// measure reads from an answer of a media call what it delivered.
func (c *call) measure(a *wire.Answer, e *ending) {
	switch {
	case isImage(c.op):
		if i := a.Find("data"); i >= 0 {
			wire.EachElement(a.Raw(i), func([]byte) { e.images++ })
		}
	case isAudioIn(c.op):
		if ms := seconds(wire.Lookup(a.UsageRaw(), "seconds")); ms > 0 {
			e.millis, c.media.guessed = ms, false
		} else if i := a.Find("duration"); i >= 0 {
			if ms := seconds(a.Raw(i)); ms > 0 {
				e.millis, c.media.guessed = ms, false
			}
		}
	case c.op == provider.Rerank:
		if i := a.Find("meta"); i >= 0 {
			if n, ok := wire.Count(wire.Lookup(a.Raw(i), "billed_units", "search_units")); ok && n > 0 {
				e.units = n
			}
		}
	}
}

// mediaHead makes the header lines those of a form or of bytes.
func (c *call) mediaHead(head []byte) []byte {
	if c.form != nil {
		head = bytes.Replace(head, []byte("Content-Type: application/json\r\n"), []byte("Content-Type: multipart/form-data; boundary="+quoted(c.form.boundary)+"\r\n"), 1)
	}
	return bytes.Replace(head, []byte("Accept: application/json, text/event-stream\r\n"), []byte("Accept: */*\r\n"), 1)
}

// quoted is a boundary as a header parameter: in quotes where it holds more than a token may.
func quoted(boundary string) string {
	if strings.ContainsAny(boundary, "()<>@,;:\\\"/[]?= \t") {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(boundary) + `"`
	}
	return boundary
}
