package models

// Counter is the running spend of one scope (see Scope... in scope.go). Its row is the authority for budgets.
type Counter struct {
	Scope       string `gorm:"primaryKey"`
	WindowStart Time   // start of the budget window that Spent belongs to; zero = no window
	ResetsAt    *Time  // nil = never
	Spent       Nano   // in this window
	Total       Nano   // since the scope exists
	LastUsedAt  *Time
}

// Spend is a finished call as it is handed to the store: its ledger row, and every scope it is charged to.
type Spend struct {
	Row    SpendRow
	Scopes []ScopeCharge
}

// ScopeCharge says which window of a scope a call belongs to: the one in which it was admitted.
type ScopeCharge struct {
	Scope       string
	WindowStart Time  // zero = the scope has no window
	ResetsAt    *Time // end of that window, when it has one
	Slice       int64 // slice of the budget that the call was admitted on; 0 = none
	Take        Nano  // of the cost, what that slice had: it moves from lent to spent
}

// SpendRow is one call in the ledger.
type SpendRow struct {
	ID           string `gorm:"primaryKey"` // call id, ULID
	CallType     string
	KeyID        string
	KeyHash      string
	UserID       string
	TeamID       string
	OrgID        string `gorm:"column:organization_id"`
	EndUser      string
	ModelGroup   string
	Model        string
	DeploymentID string
	Provider     string
	APIBase      string `gorm:"column:api_base"`
	Spend        Nano
	Saved        Nano
	PromptTokens int64
	OutputTokens int64
	CacheRead    int64
	CacheWrite   int64
	PromptSaved  Nano // by the provider's own prompt cache, net; below 0 when writing cost more than reading saved
	CacheHit     bool
	CacheKey     string // of the kept answer that a hit was given
	Unpriced     bool
	Estimated    bool // usage was counted here, not reported by the provider
	Overshoot    Nano
	Status       string // "success", "failure", "cancelled"
	HTTPStatus   int    `gorm:"column:http_status"`
	ErrorCode    string
	StartedAt    Time
	FirstByteAt  *Time
	EndedAt      Time
	IP           string `gorm:"column:ip"`
	SessionID    string
	Tags         Strings
	Metadata     JSON
	Lines        JSON // the bill, line by line
	PriceVersion string
	SettledBy    string // "" = the call itself; "replay", "sweeper"
}

// SpendBody is what was asked and answered in one call, each one JSON value or empty.
type SpendBody struct {
	ID        string `gorm:"primaryKey"` // call id
	StartedAt Time
	Request   JSON
	Answer    JSON
	Missing   string // why there is neither: WordsOptedOut; "" where there is something
}

// WordsOptedOut is SpendBody.Missing where the caller said no-log.
const WordsOptedOut = "opted_out"

// SaidMost is how much of a request and of an answer is kept, in bytes: of a larger one the beginning.
const SaidMost = 256 << 10

// DailySpend is the aggregate that usage pages read. Day is YYYY-MM-DD in the reporting zone.
type DailySpend struct {
	Day          string `gorm:"primaryKey"`
	KeyID        string `gorm:"primaryKey"`
	UserID       string `gorm:"primaryKey"`
	TeamID       string `gorm:"primaryKey"`
	OrgID        string `gorm:"primaryKey;column:organization_id"`
	EndUser      string `gorm:"primaryKey"`
	ModelGroup   string `gorm:"primaryKey"`
	Model        string `gorm:"primaryKey"`
	Provider     string `gorm:"primaryKey"`
	CallType     string `gorm:"primaryKey"`
	Spend        Nano
	Saved        Nano
	PromptTokens int64
	OutputTokens int64
	CacheRead    int64
	CacheWrite   int64
	PromptSaved  Nano
	CachedOutput int64 // output tokens served from the response cache
	Requests     int64
	Failed       int64
	CacheHits    int64
}

// DailyPlace names a row of the daily aggregates.
type DailyPlace struct{ Day, Key, User, Team, Org, EndUser, Group, Model, Provider, CallType string }

// Place is the row that d is.
func (d *DailySpend) Place() DailyPlace {
	return DailyPlace{d.Day, d.KeyID, d.UserID, d.TeamID, d.OrgID, d.EndUser, d.ModelGroup, d.Model, d.Provider, d.CallType}
}

// Add adds the sums of another row.
func (d *DailySpend) Add(n *DailySpend) {
	d.Spend = d.Spend.AddSat(n.Spend)
	d.Saved = d.Saved.AddSat(n.Saved)
	d.PromptSaved = d.PromptSaved.AddSat(n.PromptSaved)
	d.PromptTokens += n.PromptTokens
	d.OutputTokens += n.OutputTokens
	d.CacheRead += n.CacheRead
	d.CacheWrite += n.CacheWrite
	d.CachedOutput += n.CachedOutput
	d.Requests += n.Requests
	d.Failed += n.Failed
	d.CacheHits += n.CacheHits
}

// DailyTag is the aggregate by tag; a call with two tags is in two rows.
type DailyTag struct {
	Day      string `gorm:"primaryKey"`
	Tag      string `gorm:"primaryKey"`
	KeyID    string `gorm:"primaryKey"`
	UserID   string `gorm:"primaryKey"`
	TeamID   string `gorm:"primaryKey"`
	Model    string `gorm:"primaryKey"`
	Spend    Nano
	Tokens   int64
	Requests int64
	Failed   int64
}
