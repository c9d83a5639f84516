package models

// JobState is how far a job is.
type JobState string

// The states. A job that its process no longer tells about is read as stopped.
const (
	JobRunning   JobState = "running"
	JobDone      JobState = "done"
	JobCancelled JobState = "cancelled"
	JobStopped   JobState = "stopped" // before its end: the process went away, or something broke
)

// Job is work on many rows that a person started and need not wait for.
type Job struct {
	ID        string `gorm:"primaryKey"` // random: 128 bits
	UserID    string // whose it is; nobody else sees it
	Kind      string // "keys.block", "keys.extend", "keys.delete", "users.import"
	State     JobState
	Total     int64
	Done      int64 // rows that were looked at, refused ones too
	Failed    int64 // of them, refused
	Cancel    bool  // the person asked for its end
	Sealed    string
	StartedAt Time
	UpdatedAt Time
}

// TableName is the table of jobs.
func (Job) TableName() string { return "jobs" }

// JobResult is what became of a job's rows; in the database it is sealed, since it may hold invitation links.
type JobResult struct {
	Head  []string  `json:"head"` // of the file with the result; Cells follow it
	Lines []JobLine `json:"lines"`
}

// JobLine is what became of one row.
type JobLine struct {
	Name    string   `json:"name"`
	Problem string   `json:"problem,omitempty"` // why it was left alone, "" when it was done
	Cells   []string `json:"cells"`
}
