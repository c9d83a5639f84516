package models

import (
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
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

// UnmarshalJSON reads what ParseTime reads, or null; without a zone it is UTC, and a date alone is its first moment.
func (t *Time) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*t = Time{}
		return nil
	}
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	v, err := ParseTime(text)
	if err != nil {
		return err
	}
	*t = At(v.Instant)
	return nil
}

// ParsedTime is a time as somebody wrote it.
type ParsedTime struct {
	Instant time.Time // a time without a zone is taken as UTC
	Day     string    // the date as it was written, YYYY-MM-DD
	Whole   bool      // nothing but the date was given
}

// ParseTime reads a date, or a date and a time as RFC 3339 or Python's isoformat write it: between the two stands a T, a
// space, or the + that a query string has for a space; seconds, their fraction and the zone may be left out.
func ParseTime(text string) (ParsedTime, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return ParsedTime{Instant: day, Day: text, Whole: true}, nil
	}
	const date = len(time.DateOnly)
	if len(text) > date && (text[date] == ' ' || text[date] == '+' || text[date] == 'T' || text[date] == 't') {
		day, clock := text[:date], text[date+1:]
		if zone := strings.LastIndexByte(clock, ' '); zone > 0 { // the + of a zone, decoded
			clock = clock[:zone] + "+" + clock[zone+1:]
		}
		for _, layout := range []string{"15:04:05Z07:00", "15:04:05", "15:04Z07:00", "15:04"} { // fractions are read by themselves
			if at, err := time.Parse(time.DateOnly+"T"+layout, day+"T"+clock); err == nil {
				return ParsedTime{Instant: at.UTC(), Day: day}, nil
			}
		}
	}
	return ParsedTime{}, errors.New("a time must be written YYYY-MM-DD, YYYY-MM-DD HH:MM:SS or as RFC 3339")
}
