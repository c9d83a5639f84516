package models

// AuditRow is one change or refused attempt, written in the transaction of the change itself. Rows are chained:
// PrevHash is the SHA-256 of the row before.
type AuditRow struct {
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
