package models

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// AuditRow is one change or refused attempt, written in the transaction of the change itself. Rows are chained:
// PrevHash is the SHA-256 of the row before.
type AuditRow struct {
	Seq        int64  // place in the chain, from 1, without gaps; the store sets it, with PrevHash and RowHash
	ID         string `gorm:"primaryKey"` // ULID
	At         Time
	ActorType  string // "user", "key", "master", "system"
	ActorID    string
	ChangedBy  string // litellm-changed-by, as claimed
	Action     string
	ObjectType string // "key", "user", "team", ...
	ObjectID   string
	Before     JSON   `gorm:"column:before_values"`
	After      JSON   `gorm:"column:after_values"`
	IP         string `gorm:"column:ip"`
	RequestID  string
	Outcome    string // "done", "refused"
	PrevHash   string
	RowHash    string
}

// Sum is the SHA-256 (lowercase hex) of everything in the row but RowHash itself.
func (a *AuditRow) Sum() (string, error) {
	// A JSON array: no two different rows can be spelled alike, whatever their texts hold.
	text, err := json.Marshal([]any{
		a.PrevHash, a.Seq, a.ID, a.At.Micros(), a.ActorType, a.ActorID, a.ChangedBy, a.Action, a.ObjectType, a.ObjectID,
		string(a.Before), string(a.After), a.IP, a.RequestID, a.Outcome,
	})
	if err != nil {
		return "", fmt.Errorf("hash an audit row: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}
