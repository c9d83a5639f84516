package duration

import (
	"math"
	"testing"
	"time"
)

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "5", "0", "-5", "-1d", "+1d", "1.5d", "1 d", " 1d", "1d ", "d", "abc", "2y", "1M", "1D", "0d", "0s", "00mo", "30minutes", "1d1h", "1months",
		"1d\n", "１d", "99999999999999999999d", "103000d", "3500mo", "9223372036854775807s", "1e3s", "0x1d", "-", "--1", "-1mo", "never", "null",
	} {
		if d, err := Parse(text); err == nil {
			t.Errorf("%q was read as %v", text, d)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Duration{
		"-1": {}, "30s": {30, Second}, "45sec": {45, Second}, "30m": {30, Minute}, "30min": {30, Minute}, "5mins": {5, Minute}, "30h": {30, Hour},
		"24hr": {24, Hour}, "2hrs": {2, Hour}, "30d": {30, Day}, "1day": {1, Day}, "7days": {7, Day}, "1w": {1, Week}, "1mo": {1, Month}, "2month": {2, Month},
		"007d": {7, Day}, "102000d": {102000, Day},
	} {
		got, err := Parse(text)
		if err != nil || got != want {
			t.Errorf("Parse(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestSeconds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"-1": math.MaxInt64, "1s": 1, "30min": 1800, "24h": 86400, "1d": 86400, "1w": 604800, "30d": 2592000, "1mo": 31 * 86400,
	} {
		d, err := Parse(text)
		if err != nil || d.Seconds() != want {
			t.Errorf("%s: %d s, %v; want %d", text, d.Seconds(), err, want)
		}
	}
	if never := (Duration{}); never.Std() != math.MaxInt64 || never.String() != "" || never.Ptr() != nil || !never.IsNever() {
		t.Error("the zero Duration is not never")
	}
	if p := (Duration{30, Day}).Ptr(); p == nil || *p != "30d" {
		t.Error("Ptr does not give the text")
	}
}

func TestAdd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, text, want string }{
		{"2025-03-01T10:00:00.123456Z", "30min", "2025-03-01T10:30:00.123456Z"},
		{"2025-03-01T10:00:00Z", "30d", "2025-03-31T10:00:00Z"},
		{"2025-03-29T12:00:00+01:00", "1d", "2025-03-30T11:00:00Z"}, // 24 hours, though the clocks change that night
		{"2025-03-15T10:00:00Z", "1mo", "2025-04-15T10:00:00Z"},
		{"2025-01-31T10:00:00Z", "1mo", "2025-02-28T10:00:00Z"},
		{"2024-01-31T10:00:00Z", "1mo", "2024-02-29T10:00:00Z"},
		{"2025-12-31T23:59:59Z", "2mo", "2026-02-28T23:59:59Z"},
		{"2024-02-29T00:00:00Z", "12mo", "2025-02-28T00:00:00Z"},
		{"2025-10-31T00:00:00Z", "1mo", "2025-11-30T00:00:00Z"},
	} {
		d, err := Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Add(at(t, c.from)); !got.Equal(at(t, c.want)) {
			t.Errorf("%s + %s = %s; want %s", c.from, c.text, got.UTC().Format(time.RFC3339Nano), c.want)
		}
	}
	if !(Duration{}).Add(at(t, "2025-01-01T00:00:00Z")).IsZero() {
		t.Error("never has an end")
	}
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
