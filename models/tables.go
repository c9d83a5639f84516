package models

// The table names, in one place: the words of docs/glossary.md.

// TableName is the table of keys.
func (Key) TableName() string { return "keys" }

// TableName is the table of deleted and rotated keys.
func (ArchivedKey) TableName() string { return "keys_archive" }

// TableName is the table of rotated secrets in their grace period.
func (OldSecret) TableName() string { return "old_secrets" }

// TableName is the table of spend counters.
func (Counter) TableName() string { return "counters" }

// TableName is the ledger.
func (SpendRow) TableName() string { return "spend_records" }

// TableName is the table of kept prompts and answers.
func (SpendBody) TableName() string { return "spend_bodies" }

// TableName is the table of daily aggregates.
func (DailySpend) TableName() string { return "daily_spend" }

// TableName is the table of daily aggregates by tag.
func (DailyTag) TableName() string { return "daily_tags" }

// TableName is the audit log.
func (AuditRow) TableName() string { return "audit_log" }

// TableName is the table of people's places in organizations.
func (OrgMembership) TableName() string { return "org_memberships" }

// TableName is the table of failed sign-ins.
func (Throttle) TableName() string { return "login_throttles" }
