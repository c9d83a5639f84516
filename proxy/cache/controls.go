package cache

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"gatehouse/proxy/wire"
)

// Controls are what one call says about the cache.
type Controls struct {
	TTL       time.Duration // how long to keep the answer; HasTTL says whether the call says so
	HasTTL    bool
	MaxAge    time.Duration // no older answer is taken; HasMaxAge says whether the call says so
	HasMaxAge bool
	NoCache   bool // no answer is taken
	NoStore   bool // the answer is not kept
	Use       bool // the call asks for the cache where it must be asked for
	Namespace string
}

const (
	maxNamespace = 256
	maxSeconds   = 10 * 365 * 24 * 3600
)

// Parse reads the field `cache` of a body. allowed is asked about every control that the call uses; its error is
// returned. Errors of its own: *wire.BadField.
func (c *Controls) Parse(raw []byte, allowed func(control string) error) error {
	if wire.Null(raw) {
		return nil
	}
	var room [8]wire.Member
	members, _, _, err := wire.Members(raw, room[:0])
	if !wire.IsObject(raw) || err != nil {
		return &wire.BadField{Field: "cache", Message: "cache must be an object"}
	}
	for _, m := range members {
		name, v := string(m.Name(raw)), raw[m.Val:m.End]
		if wire.Null(v) {
			continue
		}
		if name == "s-max-age" { // LiteLLM's older spelling
			name = "s-maxage"
		}
		var ok bool
		switch name {
		case "ttl":
			c.TTL, c.HasTTL = seconds(v)
			ok = c.HasTTL
		case "s-maxage":
			c.MaxAge, c.HasMaxAge = seconds(v)
			ok = c.HasMaxAge
		case "no-cache":
			c.NoCache, ok = wire.Bool(v)
		case "no-store":
			c.NoStore, ok = wire.Bool(v)
		case "use-cache":
			c.Use, ok = wire.Bool(v)
		case "namespace":
			c.Namespace, ok = wire.String(v)
			ok = ok && len(c.Namespace) <= maxNamespace
		default:
			continue // of another gateway: it changes nothing here
		}
		if !ok {
			return &wire.BadField{Field: "cache." + name, Message: fmt.Sprintf("cache.%s is %s", name, wanted(name))}
		}
		if err := allowed(name); err != nil {
			return err
		}
	}
	return nil
}

func wanted(name string) string {
	switch name {
	case "ttl", "s-maxage":
		return "a number of seconds from 0"
	case "namespace":
		return "a text of at most " + strconv.Itoa(maxNamespace) + " bytes"
	}
	return "true or false"
}

// seconds reads a number of seconds, also one in quotes.
func seconds(raw []byte) (time.Duration, bool) {
	text := string(raw)
	if s, ok := wire.String(raw); ok {
		text = s
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0 && v <= maxSeconds) {
		return 0, false
	}
	return time.Duration(v * float64(time.Second)), true
}

// Header reads a Cache-Control header. Controls that the key may not use are left out, since clients send this header
// without being told to.
func (c *Controls) Header(value []byte, allowed func(control string) error) {
	for part := range strings.SplitSeq(string(value), ",") {
		name, arg, _ := strings.Cut(strings.ToLower(strings.TrimSpace(part)), "=")
		if name == "max-age" {
			name = "s-maxage"
		}
		switch name {
		case "no-cache", "no-store", "s-maxage":
		default:
			continue
		}
		if allowed(name) != nil {
			continue
		}
		switch name {
		case "no-cache":
			c.NoCache = true
		case "no-store":
			c.NoStore = true
		case "s-maxage":
			if age, ok := seconds([]byte(strings.Trim(arg, `"`))); ok && (!c.HasMaxAge || age < c.MaxAge) {
				c.MaxAge, c.HasMaxAge = age, true
			}
		}
	}
}
