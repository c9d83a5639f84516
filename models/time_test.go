package models_test

import (
	"encoding/json"
	"testing"
	"time"

	"gatehouse/models"
)

func TestParseTime(t *testing.T) {
	for _, text := range []string{
		"", "today", "2026", "2026-11", "2026-13-01", "2026-02-30", "14.11.2026", "2026-11-14 ", "2026-11-14T", "2026-11-14 25:00:00", "2026-11-14 1:2:3",
		"2026-11-14 00:00:00 UTC", "2026-11-14_00:00:00", "20261114", "2026-11-14T00:00:00+25:00", "2026-11-14 00:00:00; DROP TABLE keys",
	} {
		if v, err := models.ParseTime(text); err == nil {
			t.Errorf("%q is read as %v", text, v)
		}
	}
	for text, want := range map[string]string{
		"2026-11-14":                       "2026-11-14T00:00:00Z",
		"2026-11-14 10:20:30":              "2026-11-14T10:20:30Z",
		"2026-11-14+10:20:30":              "2026-11-14T10:20:30Z",
		"2026-11-14T10:20:30":              "2026-11-14T10:20:30Z",
		"2026-11-14 10:20":                 "2026-11-14T10:20:00Z",
		"2026-11-14T10:20:30.25":           "2026-11-14T10:20:30.25Z",
		"2026-11-14T10:20:30Z":             "2026-11-14T10:20:30Z",
		"2026-11-14T10:20:30.123456Z":      "2026-11-14T10:20:30.123456Z",
		"2026-11-14T10:20:30+02:00":        "2026-11-14T08:20:30Z",
		"2026-11-14+10:20:30+02:00":        "2026-11-14T08:20:30Z",
		"2026-11-14 10:20:30 02:00":        "2026-11-14T08:20:30Z",
		"2026-11-14 10:20:30.000000-05:00": "2026-11-14T15:20:30Z",
	} {
		v, err := models.ParseTime(text)
		if got := v.Instant.Format(time.RFC3339Nano); err != nil || got != want || v.Day != "2026-11-14" || v.Whole != (text == "2026-11-14") {
			t.Errorf("%q: got %s, %q, %v, %v", text, got, v.Day, v.Whole, err)
		}
		var at models.Time
		if err := json.Unmarshal([]byte(`"`+text+`"`), &at); err != nil || at != models.At(v.Instant) {
			t.Errorf("%q in JSON: %v, %v", text, at, err)
		}
	}
	for _, bad := range []string{`5`, `true`, `"never"`, `{}`} {
		if err := json.Unmarshal([]byte(bad), new(models.Time)); err == nil {
			t.Errorf("%s is a time", bad)
		}
	}
}
