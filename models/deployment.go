package models

import "time"

// Deployment is one model at one provider; all deployments with the same ModelName are one model group.
// Config entries and database rows both become this.
type Deployment struct {
	ID           string // model_info.id, or a stable hash of the entry
	ModelName    string // public name; may hold * (wildcard route)
	Provider     string // "openai", "anthropic", ...
	Model        string // name at the provider, without the provider prefix; may hold *
	APIKey       Secret
	APIBase      string // empty = the provider's default
	APIVersion   string
	Organization string

	Timeout       time.Duration // whole call; 0 = the router's
	StreamTimeout time.Duration // first chunk; 0 = the router's
	MaxRetries    *int
	RPM, TPM      *int64
	MaxParallel   *int64
	Weight        *float64 // nil = not set
	Order         int
	CooldownTime  *time.Duration
	Tags          []string

	Defaults     map[string]any // other litellm_params, sent upstream as default request fields
	Prices       map[string]any // *_cost_per_* of litellm_params and model_info, as written
	MockResponse string         // answers locally when not empty

	AccessGroups   []string
	BaseModel      string
	Mode           string // "chat", "embedding", "completion", ...
	TeamID         string
	TeamPublicName string
	Info           map[string]any    // model_info as written
	Params         map[string]any    // litellm_params as written, secrets taken out
	Secrets        map[string]Secret // every other credential-like parameter (aws_secret_access_key, ...)
	FromConfig     bool
	Disabled       string // why it serves nothing; empty = it serves
	Seq            int64
}

// DeploymentRow is a model stored in the database by /model/new.
type DeploymentRow struct {
	ID        string `gorm:"primaryKey"`
	ModelName string
	Params    JSON   // litellm_params without secrets
	Sealed    string // the secrets of litellm_params as a JSON object, sealed (reliability.md §6)
	Info      JSON   // model_info
	TeamID    string
	Audit     `gorm:"embedded"`
	Seq       int64 `gorm:"column:change_seq;->"`
}

// TableName keeps "models" free of the word's other meanings.
func (DeploymentRow) TableName() string { return "deployments" }

// AccessGroup is a named set of models kept in the database (P2 of the contract).
type AccessGroup struct {
	Name   string `gorm:"primaryKey"`
	Models Strings
	Audit  `gorm:"embedded"`
	Seq    int64 `gorm:"column:change_seq;->"`
}

// Setting is one value changed in the portal that overlays config.yaml.
type Setting struct {
	Name  string `gorm:"primaryKey"`
	Value JSON
	Audit `gorm:"embedded"`
	Seq   int64 `gorm:"column:change_seq;->"`
}
