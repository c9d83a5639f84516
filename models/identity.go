package models

// OneTimeCode is a secret that works once: a link to set a new password, the state of a finished sign-in. Only its hash
// is stored.
type OneTimeCode struct {
	Hash      string `gorm:"primaryKey"` // SHA-256 hex
	Purpose   string // "password_reset", "sso_state"
	UserID    string
	ExpiresAt Time
	UsedAt    *Time
	CreatedAt Time
}

// SecondFactor is a person's authenticator app. Not confirmed: set up, but no code of it was ever entered.
type SecondFactor struct {
	UserID      string  `gorm:"primaryKey"`
	Sealed      string  // the shared secret, sealed
	Recovery    Strings // SHA-256 hex of the recovery codes that are left
	LastStep    int64   // the 30 s step of the last code that was accepted: no code works twice
	CreatedAt   Time
	ConfirmedAt *Time
}

// Mail is one mail that waits, or what became of it.
type Mail struct {
	ID        string `gorm:"primaryKey"` // ULID
	Kind      string // "invitation", "key_created", …
	Sealed    string // recipient and content, sealed; "" once it is done
	Attempts  int64
	NextAt    Time // not before; while it is being sent, when another process may try
	CreatedAt Time
	DoneAt    *Time // sent, or given up
	Failed    bool  // given up
	LastError string
}

// TableName is the table of one-time codes.
func (OneTimeCode) TableName() string { return "one_time_codes" }

// TableName is the table of second factors.
func (SecondFactor) TableName() string { return "second_factors" }

// TableName is the queue of mails.
func (Mail) TableName() string { return "mails" }
