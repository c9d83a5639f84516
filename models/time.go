package models

import (
	"database/sql/driver"
	"fmt"
	"strconv"
	"time"
)

// Time is an instant in UTC, stored as BIGINT microseconds since 1970 so that both databases
// order, compare and subtract it the same way.
type Time struct{ time.Time }

// wireTime is contract/admin-api.md §1: RFC 3339, UTC, microseconds.
const wireTime = "2006-01-02T15:04:05.000000Z"

// At cuts t to what the database keeps.
func At(t time.Time) Time { return Time{t.UTC().Truncate(time.Microsecond)} }

// AtPtr is At for nullable columns.
func AtPtr(t time.Time) *Time { v := At(t); return &v }

// Micros is the stored form; the zero Time is 0.
func (t Time) Micros() int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// FromMicros is the inverse of Micros.
func FromMicros(us int64) Time {
	if us == 0 {
		return Time{}
	}
	return Time{time.UnixMicro(us).UTC()}
}

// Value stores microseconds.
func (t Time) Value() (driver.Value, error) { return t.Micros(), nil }

// Scan reads microseconds.
func (t *Time) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*t = Time{}
	case int64:
		*t = FromMicros(v)
	case []byte:
		return t.scanText(string(v))
	case string:
		return t.scanText(v)
	default:
		return fmt.Errorf("cannot read a time from %T", src)
	}
	return nil
}

func (t *Time) scanText(s string) error {
	us, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return fmt.Errorf("cannot read a time: %w", err)
	}
	*t = FromMicros(us)
	return nil
}

// GormDataType keeps GORM from guessing a native timestamp.
func (Time) GormDataType() string { return "bigint" }

// MarshalJSON writes RFC 3339 with microseconds; the zero Time is null.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return []byte(`"` + t.UTC().Format(wireTime) + `"`), nil
}

// UnmarshalJSON reads RFC 3339 or null.
func (t *Time) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*t = Time{}
		return nil
	}
	v, err := time.Parse(`"`+time.RFC3339Nano+`"`, string(b))
	if err != nil {
		return fmt.Errorf("a time must be RFC 3339: %w", err)
	}
	*t = At(v)
	return nil
}
