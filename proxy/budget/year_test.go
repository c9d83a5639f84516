package budget_test

import (
	"testing"
	"time"

	"gatehouse/models"
	"gatehouse/proxy/budget"
)

// began tells when the window that holds t began, by the rules of contract/admin-api.md §4.5 written down once more; ok is
// false where the rule goes by an earlier reset and not by the calendar.
func began(length string, t time.Time) (at time.Time, ok bool) {
	y, m, d := t.Date()
	day := func(d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, t.Location()) }
	hour := func(starts ...int) time.Time {
		last := time.Date(y, m, d-1, starts[len(starts)-1], 0, 0, 0, t.Location())
		for _, h := range starts {
			if s := time.Date(y, m, d, h, 0, 0, 0, t.Location()); !s.After(t) {
				last = s
			}
		}
		return last
	}
	switch length {
	case "1d", "24h":
		return day(d), true
	case "7d", "1w":
		return day(d - (int(t.Weekday())+6)%7), true
	case "30d", "1mo":
		return day(1), true
	case "12h":
		return hour(0, 12), true
	case "8h":
		return hour(0, 8, 16), true
	case "5h":
		return hour(1, 5, 10, 15, 20), true // 25 o'clock is one
	case "30m", "30min":
		return time.Date(y, m, d, t.Hour(), t.Minute()/30*30, 0, 0, t.Location()), true
	}
	return t, false
}

// changes says whether the clocks of the zone are set within a day of t: an hour may be there twice or not at all then.
func changes(t time.Time) bool {
	_, before := t.Add(-36 * time.Hour).Zone()
	_, now := t.Zone()
	_, after := t.Add(36 * time.Hour).Zone()
	return before != now || now != after
}

// TestAYearOfResets goes through a year and a half of calls, and once a fortnight through days without any, for every
// kind of duration and for zones whose clocks change. The window is the one of the calendar, what was spent in it is what
// the calls in it cost, and the sweep comes to the same windows as the calls.
func TestAYearOfResets(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Chatham", "America/Santiago"} {
		for _, length := range []string{"1d", "24h", "7d", "1w", "30d", "1mo", "3mo", "3d", "2w", "48h", "30h", "12h", "8h", "5h", "30min"} {
			t.Run(zone+"/"+length, func(t *testing.T) {
				t.Parallel()
				where, err := time.LoadLocation(zone)
				if err != nil {
					t.Fatal(err)
				}
				walkYear(t, where, length)
			})
		}
	}
}

func walkYear(t *testing.T, zone *time.Location, length string) {
	t.Helper()
	now := time.Date(2026, 1, 7, 9, 41, 0, 0, zone)
	end := now.AddDate(1, 6, 0)
	step, most := 97*time.Minute, 5000
	if length == "30min" {
		step, end = 7*time.Minute, now.AddDate(0, 4, 0)
	}
	l := budget.New(budget.Options{Now: func() time.Time { return now }, Zone: zone})
	wants := []budget.Want{{Scope: "key:a", Cap: limit(usd(1000)), Duration: length}}
	// What a sweep would make of the same counter, looking only now and then.
	swept := models.Counter{Scope: "key:a"}
	if _, next, _ := budget.Roll(zone, length, 0, models.At(now), swept); next != nil {
		swept.ResetsAt = next
	}
	var start int64
	var spent models.Nano
	resets := 0
	for i := 0; now.Before(end); i++ {
		h, err := l.Reserve(wants, budget.Ask{Est: 1})
		if err != nil {
			t.Fatalf("%s: %v", now, err)
		}
		h.Settle(1)
		s := l.State("key:a")
		if s.WindowStart != start {
			resets, start, spent = resets+1, s.WindowStart, 0
			if at, calendar := began(length, now); calendar && !changes(now) && at.UnixMicro() != start {
				t.Fatalf("at %s the window began at %s, want %s", now, time.UnixMicro(start).In(zone), at)
			}
		}
		if spent++; s.Spent != spent {
			t.Fatalf("at %s: %d are spent, want %d", now, s.Spent, spent)
		}
		if s.ResetsAt <= now.UnixMicro() {
			t.Fatalf("at %s the next reset is %s", now, time.UnixMicro(s.ResetsAt).In(zone))
		}
		if at, calendar := began(length, time.UnixMicro(s.ResetsAt).In(zone)); calendar && !changes(now) && at.UnixMicro() != s.ResetsAt {
			t.Fatalf("at %s the next reset is %s, which begins no window", now, time.UnixMicro(s.ResetsAt).In(zone))
		}
		if i%11 == 0 {
			if from, next, rolled := budget.Roll(zone, length, 0, models.At(now), swept); rolled {
				swept.WindowStart, swept.ResetsAt = from, next
			}
			if got := swept.WindowStart.Micros(); resets > 0 && got != start {
				t.Fatalf("at %s the sweep is in the window of %s, calls in that of %s", now, swept.WindowStart, time.UnixMicro(start).In(zone))
			}
			if got := swept.ResetsAt.Micros(); got != s.ResetsAt {
				t.Fatalf("at %s the sweep resets at %s, calls at %s", now, swept.ResetsAt, time.UnixMicro(s.ResetsAt).In(zone))
			}
		}
		now = now.Add(step)
		if i%most == 0 || i%300 == 299 { // nobody calls for a while: windows that were missed are skipped
			now = now.AddDate(0, 0, 11)
		}
	}
	if resets == 0 {
		t.Error("no reset in a year")
	}
}
