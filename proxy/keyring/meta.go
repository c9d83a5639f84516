package keyring

import (
	"bytes"
	"encoding/json"

	"gatehouse/models"
)

// meta is what the request path reads of a metadata column.
type meta struct {
	tags             []string
	mode             string
	disableFallbacks bool
}

var metaWords = [...][]byte{[]byte(`"tags"`), []byte(`"budget_mode"`), []byte(`"disable_fallbacks"`)} // never written

// readMeta takes the known fields out of free metadata. Fields of another shape than expected count as absent: the
// column is the caller's own, and a bad tag must not lock a key out.
func readMeta(p *pool, raw models.JSON) meta {
	var m meta
	known := false
	for _, word := range metaWords {
		known = known || bytes.Contains(raw, word)
	}
	if !known { // the metadata of nearly every key: not worth parsing a million times
		return m
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return m
	}
	var tags []string
	if json.Unmarshal(fields["tags"], &tags) == nil {
		m.tags = p.strs(tags)
	}
	var mode string
	if json.Unmarshal(fields["budget_mode"], &mode) == nil && (mode == "firm" || mode == "exact") {
		m.mode = p.str(mode)
	}
	var off bool
	if json.Unmarshal(fields["disable_fallbacks"], &off) == nil {
		m.disableFallbacks = off
	}
	return m
}
