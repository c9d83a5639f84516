package models

// User is a person (or a script's owner) who signs in, owns keys and has a personal budget.
type User struct {
	ID           string  `gorm:"primaryKey"`
	Email        *string // kept as given, unique without regard to case
	Alias        *string
	Role         Role
	PasswordHash string  // PHC string; empty = cannot sign in by password
	SSOUserID    *string `gorm:"column:sso_user_id"`
	SSOIssuer    string  `gorm:"column:sso_issuer"`
	SSOSubject   string  `gorm:"column:sso_subject"` // the provider's own id (sub); "" = it told none
	ExternalID   string  // what a SCIM client calls this person
	ScimName     string  // the userName that a SCIM client gave them; "" = none did
	Scim         JSON    // what it says of them besides, given back as it came
	Blocked      bool

	Models   Strings
	Limits   `gorm:"embedded"`
	Metadata JSON
	Prefs    JSON // language, time zone, theme of the portal

	Audit `gorm:"embedded"`
	Seq   int64 `gorm:"column:change_seq;->"`
}

// Membership is a person's place in a team: the one table from which both the team's and the user's lists are derived.
type Membership struct {
	TeamID   string `gorm:"primaryKey"`
	UserID   string `gorm:"primaryKey"`
	Role     TeamRole
	BudgetID *string // the member's own budget row; nil falls back to the team's default
	Audit    `gorm:"embedded"`
	Seq      int64 `gorm:"column:change_seq;->"`
}

// Invitation is a single-use link to set a first password. Only the hash of its id is stored.
type Invitation struct {
	Hash       string `gorm:"primaryKey"` // SHA-256 hex of the id
	Prefix     string // first 8 characters of the id, for lists
	UserID     string
	AcceptedAt *Time
	RevokedAt  *Time
	ExpiresAt  Time
	Audit      `gorm:"embedded"`
}

// Session is a signed-in browser. Only the hash of the cookie's value is stored.
type Session struct {
	Hash       string `gorm:"primaryKey"`
	UserID     string
	Role       Role   // set for sign-ins by UI_USERNAME, which have no user row
	Method     string // "password", "master", "sso"
	IP         string
	Agent      string
	Flash      string // a message for the next page, shown once
	CreatedAt  Time
	LastSeenAt Time
	IdleEnds   Time
	ExpiresAt  Time
}

// Throttle counts failed sign-ins of one subject (an account, a client network): reliability.md §5.
type Throttle struct {
	Subject      string `gorm:"primaryKey"`
	Failures     int64  // in a row, since the last success
	WindowStart  Time   // start of the minute that Attempts counts
	Attempts     int64
	BlockedUntil Time
	UpdatedAt    Time
}
