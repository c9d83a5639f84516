package models

// DeploymentHealth is what the last background health check of a deployment found.
type DeploymentHealth struct {
	DeploymentID string `gorm:"primaryKey"`
	Healthy      bool
	Status       int    // HTTP status of the check's answer
	Reason       string // why it failed; "" when it did not
	CheckedAt    Time
}

// TableName is that of the migration.
func (DeploymentHealth) TableName() string { return "deployment_health" }

// Transient says whether a failure may be gone by itself: too many calls at once, or too slow an answer.
func (h *DeploymentHealth) Transient() bool { return h.Status == 429 || h.Status == 408 }
