package duration

import (
	"testing"
	"time"
	_ "time/tzdata" // so that the zones are there on every machine
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// TestNext holds every row of the contract's table, and the clock changes that break naive arithmetic.
func TestNext(t *testing.T) {
	t.Parallel()
	const utc, ny, london, saoPaulo, havana, lordHowe, apia, kathmandu = "UTC", "America/New_York", "Europe/London", "America/Sao_Paulo", "America/Havana", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu"
	for _, c := range []struct{ name, zone, text, from, want string }{
		{"day", utc, "1d", "2025-03-02T10:00:00Z", "2025-03-03T00:00:00Z"},
		{"day at midnight", utc, "1d", "2025-03-02T00:00:00Z", "2025-03-03T00:00:00Z"},
		{"day just before midnight", utc, "1d", "2025-03-02T23:59:59.999999Z", "2025-03-03T00:00:00Z"},
		{"24h is a day", utc, "24h", "2025-03-02T10:00:00Z", "2025-03-03T00:00:00Z"},
		{"1440m is a day", utc, "1440m", "2025-03-02T10:00:00Z", "2025-03-03T00:00:00Z"},
		{"week from a Sunday", utc, "7d", "2025-03-02T10:00:00Z", "2025-03-03T00:00:00Z"},
		{"week from a Monday", utc, "7d", "2025-03-03T00:00:00Z", "2025-03-10T00:00:00Z"},
		{"week from a Tuesday", utc, "1w", "2025-03-04T08:00:00Z", "2025-03-10T00:00:00Z"},
		{"168h is a week", utc, "168h", "2025-03-04T08:00:00Z", "2025-03-10T00:00:00Z"},
		{"30d is the 1st", utc, "30d", "2025-03-02T10:00:00Z", "2025-04-01T00:00:00Z"},
		{"30d on the 1st", utc, "30d", "2025-04-01T00:00:00Z", "2025-05-01T00:00:00Z"},
		{"1mo is the 1st", utc, "1mo", "2025-01-31T10:00:00Z", "2025-02-01T00:00:00Z"},
		{"1mo in December", utc, "1mo", "2025-12-31T23:00:00Z", "2026-01-01T00:00:00Z"},
		{"720h is the 1st", utc, "720h", "2025-03-02T10:00:00Z", "2025-04-01T00:00:00Z"},
		{"10d", utc, "10d", "2025-03-02T10:00:00Z", "2025-03-12T00:00:00Z"},
		{"2d", utc, "2d", "2025-02-28T23:00:00Z", "2025-03-02T00:00:00Z"},
		{"2w", utc, "2w", "2025-03-02T10:00:00Z", "2025-03-16T00:00:00Z"},
		{"48h is two days", utc, "48h", "2025-03-02T10:00:00Z", "2025-03-04T00:00:00Z"},
		{"1h", utc, "1h", "2025-03-02T10:20:00Z", "2025-03-02T11:00:00Z"},
		{"60m is an hour", utc, "60m", "2025-03-02T10:20:00Z", "2025-03-02T11:00:00Z"},
		{"6h", utc, "6h", "2025-03-02T10:20:00Z", "2025-03-02T12:00:00Z"},
		{"6h at its hour", utc, "6h", "2025-03-02T12:00:00Z", "2025-03-02T18:00:00Z"},
		{"12h past noon", utc, "12h", "2025-03-02T12:30:00Z", "2025-03-03T00:00:00Z"},
		{"5h runs past midnight", utc, "5h", "2025-03-02T22:10:00Z", "2025-03-03T01:00:00Z"},
		{"5h from there", utc, "5h", "2025-03-03T01:00:00Z", "2025-03-03T05:00:00Z"},
		{"23h", utc, "23h", "2025-03-02T23:30:00Z", "2025-03-03T22:00:00Z"},
		{"30h is elapsed", utc, "30h", "2025-03-02T22:10:05Z", "2025-03-04T04:10:05Z"},
		{"30m", utc, "30m", "2025-03-02T10:20:30Z", "2025-03-02T10:30:00Z"},
		{"30min at its minute", utc, "30min", "2025-03-02T10:30:00Z", "2025-03-02T11:00:00Z"},
		{"7m over the hour", utc, "7m", "2025-03-02T10:57:00Z", "2025-03-02T11:03:00Z"},
		{"15m before midnight", utc, "15m", "2025-03-02T23:50:00Z", "2025-03-03T00:00:00Z"},
		{"90m from midnight", utc, "90m", "2025-03-02T10:10:00Z", "2025-03-02T10:30:00Z"},
		{"10s", utc, "10s", "2025-03-02T10:00:03.5Z", "2025-03-02T10:00:10Z"},
		{"10s at its second", utc, "10s", "2025-03-02T10:00:10Z", "2025-03-02T10:00:20Z"},
		{"60s is a minute", utc, "60s", "2025-03-02T10:00:03Z", "2025-03-02T10:01:00Z"},
		{"90s from midnight", utc, "90s", "2025-03-02T00:02:00Z", "2025-03-02T00:03:00Z"},
		{"3mo", utc, "3mo", "2025-03-02T10:00:00Z", "2025-06-01T00:00:00Z"},
		{"12mo", utc, "12mo", "2025-03-02T10:00:00Z", "2026-03-01T00:00:00Z"},

		{"zone decides the day", ny, "1d", "2025-03-02T03:00:00Z", "2025-03-02T05:00:00Z"},
		{"zone decides the month", kathmandu, "1mo", "2025-03-31T19:00:00Z", "2025-04-30T18:15:00Z"},
		{"spring forward: a day of 23 hours", ny, "1d", "2025-03-09T06:00:00Z", "2025-03-10T04:00:00Z"},
		{"autumn back: a day of 25 hours", ny, "1d", "2025-11-02T05:00:00Z", "2025-11-03T05:00:00Z"},
		{"spring forward: 2h lands in the gap", ny, "2h", "2025-03-09T06:30:00Z", "2025-03-09T07:00:00Z"},
		{"spring forward: 1h", ny, "1h", "2025-03-09T06:30:00Z", "2025-03-09T07:00:00Z"},
		{"spring forward: 4h", ny, "4h", "2025-03-09T06:30:00Z", "2025-03-09T08:00:00Z"},
		{"autumn back: the hour comes twice", ny, "1h", "2025-11-02T05:30:00Z", "2025-11-02T06:00:00Z"},
		{"autumn back: and then goes on", ny, "1h", "2025-11-02T06:30:00Z", "2025-11-02T07:00:00Z"},
		{"autumn back: 30m stays 30 minutes", ny, "30m", "2025-11-02T05:45:00Z", "2025-11-02T06:00:00Z"},
		{"autumn back in London", london, "6h", "2025-10-26T00:30:00Z", "2025-10-26T06:00:00Z"},
		{"midnight is skipped", saoPaulo, "1d", "2018-11-03T20:00:00Z", "2018-11-04T03:00:00Z"},
		{"midnight is skipped on the 1st day of the series", saoPaulo, "2d", "2018-11-02T20:00:00Z", "2018-11-04T03:00:00Z"},
		{"midnight comes twice: the first counts", havana, "1d", "2018-11-03T20:00:00Z", "2018-11-04T04:00:00Z"},
		{"midnight comes twice: between the two", havana, "1d", "2018-11-04T04:30:00Z", "2018-11-05T05:00:00Z"},
		{"a half-hour change", lordHowe, "1d", "2025-10-04T14:00:00Z", "2025-10-05T13:00:00Z"},
		{"a day that never was", apia, "1d", "2011-12-29T20:00:00Z", "2011-12-30T10:00:00Z"},
	} {
		d, err := Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		got := d.Next(at(t, c.from), zone(t, c.zone))
		if !got.Equal(at(t, c.want)) {
			t.Errorf("%s: %s after %s in %s is %s; want %s", c.name, c.text, c.from, c.zone, got.UTC().Format(time.RFC3339Nano), c.want)
		}
	}
	if !(Duration{}).Next(at(t, "2025-03-02T10:00:00Z"), nil).IsZero() {
		t.Error("never resets")
	}
	if got := (Duration{1, Day}).Next(at(t, "2025-03-02T10:00:00+09:00"), nil); !got.Equal(at(t, "2025-03-03T00:00:00Z")) {
		t.Errorf("no zone is not UTC: %s", got)
	}
}

func TestNextAfter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, scheduled, now, want string }{
		{"on time", "1d", "2025-03-03T00:00:00Z", "2025-03-03T00:00:00Z", "2025-03-04T00:00:00Z"},
		{"a late sweep does not drift", "10d", "2025-03-12T00:00:00Z", "2025-03-12T09:55:00Z", "2025-03-22T00:00:00Z"},
		{"a sweep a day late does not drift", "10d", "2025-03-12T00:00:00Z", "2025-03-13T09:55:00Z", "2025-03-22T00:00:00Z"},
		{"missed windows are skipped", "10d", "2025-03-12T00:00:00Z", "2025-04-13T00:00:00Z", "2025-04-21T00:00:00Z"},
		{"exactly at a window", "10d", "2025-03-12T00:00:00Z", "2025-03-22T00:00:00Z", "2025-04-01T00:00:00Z"},
		{"missed days", "1d", "2025-03-12T00:00:00Z", "2025-05-01T07:00:00Z", "2025-05-02T00:00:00Z"},
		{"30h keeps its phase", "30h", "2025-03-04T04:10:05Z", "2025-03-08T00:00:00Z", "2025-03-09T04:10:05Z"},
		{"months keep their phase", "3mo", "2025-03-01T00:00:00Z", "2025-10-05T00:00:00Z", "2025-12-01T00:00:00Z"},
		{"seconds after a year", "1s", "2024-03-01T00:00:00Z", "2025-03-01T00:00:00.5Z", "2025-03-01T00:00:01Z"},
		{"weeks", "2w", "2025-03-16T00:00:00Z", "2025-04-01T00:00:00Z", "2025-04-13T00:00:00Z"},
	} {
		d, err := Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.NextAfter(at(t, c.scheduled), at(t, c.now), time.UTC); !got.Equal(at(t, c.want)) {
			t.Errorf("%s: %s, want %s", c.name, got.UTC().Format(time.RFC3339Nano), c.want)
		}
	}
	if !(Duration{}).NextAfter(at(t, "2025-03-02T10:00:00Z"), at(t, "2025-03-02T10:00:00Z"), nil).IsZero() {
		t.Error("never resets")
	}
}

// FuzzDuration holds what no table can: a length that parses survives its own text, and a reset is always later, in every zone.
func FuzzDuration(f *testing.F) {
	for _, seed := range []string{"1d", "30d", "1mo", "24h", "5h", "30min", "7d", "90s", "720h", "-1", "0d", "", "2y", "60m", "1w", "13mo", "30h", "102000d"} {
		f.Add(seed, int64(1_741_500_000_000_000), 1)
	}
	zones := []string{"UTC", "America/New_York", "America/Sao_Paulo", "America/Havana", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "Asia/Gaza"}
	f.Fuzz(func(t *testing.T, text string, micros int64, z int) {
		d, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(d.String()); !d.IsNever() && (err != nil || again != d) {
			t.Fatalf("%q became %v, then %v, %v", text, d, again, err)
		}
		if d.IsNever() {
			return
		}
		if d.Seconds() <= 0 || d.Std() <= 0 {
			t.Fatalf("%q has a length of %d s", text, d.Seconds())
		}
		const year9000 = 221_845_392_000_000_000
		from := time.UnixMicro(micros % year9000).UTC()
		loc, err := time.LoadLocation(zones[int(uint(z)%uint(len(zones)))])
		if err != nil {
			t.Fatal(err)
		}
		next := d.Next(from, loc)
		if !next.After(from) {
			t.Fatalf("%s after %s in %s is %s", text, from, loc, next)
		}
		if later := d.NextAfter(from, next, loc); !later.After(next) {
			t.Fatalf("%s: the reset after %s is %s", text, next, later)
		}
		if !d.Add(from).After(from) {
			t.Fatalf("%s added to %s goes back", text, from)
		}
	})
}
