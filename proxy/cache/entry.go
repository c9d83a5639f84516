package cache

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gatehouse/models"
	"gatehouse/proxy/price"
	"gatehouse/proxy/provider"
)

// A kept answer in Redis: a byte for the version, the length of the head in four bytes, the head in JSON, the body.
const entryVersion = 1

const entryPrefix = 5

var errEntry = errors.New("a kept answer cannot be read")

// entryHead is everything of an entry but its body.
type entryHead struct {
	Op           provider.Op   `json:"op"`
	Stored       int64         `json:"stored"` // Unix microseconds
	TTL          time.Duration `json:"ttl"`
	DeploymentID string        `json:"deployment"`
	Provider     string        `json:"provider"`
	APIBase      string        `json:"api_base,omitempty"`
	Pattern      string        `json:"pattern"`
	Model        string        `json:"model"`
	Reply        string        `json:"reply,omitempty"`
	Tier         string        `json:"tier,omitempty"`
	Usage        price.Usage   `json:"usage"`
	Estimated    bool          `json:"estimated,omitempty"`
	Cost         *int64        `json:"cost,omitempty"` // nano-USD
}

func encode(e *Entry) ([]byte, error) {
	h := entryHead{
		Op: e.Op, Stored: e.Stored.UnixMicro(), TTL: e.TTL, DeploymentID: e.DeploymentID, Provider: e.Provider, APIBase: e.APIBase,
		Pattern: e.Pattern, Model: e.Model, Reply: e.Reply, Tier: e.Tier, Usage: e.Usage, Estimated: e.Estimated,
	}
	if e.Cost != nil {
		n := int64(*e.Cost)
		h.Cost = &n
	}
	head, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("write a kept answer: %w", err)
	}
	out := make([]byte, entryPrefix, entryPrefix+len(head)+len(e.Body))
	out[0] = entryVersion
	binary.BigEndian.PutUint32(out[1:], uint32(len(head)))
	return append(append(out, head...), e.Body...), nil
}

func decode(raw []byte) (*Entry, error) {
	if len(raw) < entryPrefix || raw[0] != entryVersion {
		return nil, errEntry
	}
	n := int(binary.BigEndian.Uint32(raw[1:]))
	if n > len(raw)-entryPrefix {
		return nil, errEntry
	}
	var h entryHead
	if err := json.Unmarshal(raw[entryPrefix:entryPrefix+n], &h); err != nil {
		return nil, fmt.Errorf("%w: %w", errEntry, err)
	}
	e := &Entry{
		Op: h.Op, Stored: time.UnixMicro(h.Stored).UTC(), TTL: h.TTL, Body: raw[entryPrefix+n:], DeploymentID: h.DeploymentID,
		Provider: h.Provider, APIBase: h.APIBase, Pattern: h.Pattern, Model: h.Model, Reply: h.Reply, Tier: h.Tier, Usage: h.Usage,
		Estimated: h.Estimated,
	}
	if h.Cost != nil {
		c := models.Nano(*h.Cost)
		e.Cost = &c
	}
	return e, nil
}
