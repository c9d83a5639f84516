package duration

import "time"

// Next is the budget reset that follows from, by the calendar of loc (nil is UTC): always later than from, always the
// start of a calendar unit, so that everybody with "30d" resets on the 1st. The zero Time for never.
//
//	1d, 24h          next midnight
//	7d, 1w           next Monday 00:00
//	30d, 1mo         1st of next month 00:00
//	other Nd, Nw     today 00:00 + N days
//	Nh below 24      next hour that is a multiple of N counted from midnight, running on past midnight
//	Nm, Ns           next minute or second that is a multiple of N
//	other Nh         from + N hours, unless that is a number of whole days
//	Nmo              1st of the month N ahead
func (d Duration) Next(from time.Time, loc *time.Location) time.Time {
	if loc == nil {
		loc = time.UTC
	}
	local := from.In(loc)
	d = d.simplified()
	switch d.Unit {
	case Month:
		return midnight(local.Year(), local.Month()+time.Month(d.N), 1, loc)
	case Day:
		return nextDays(local, d.N)
	case Hour:
		if d.N > 24 {
			return local.Add(d.Std())
		}
		return nextHours(local, d.N)
	case Minute:
		return nextWithin(local, local.Minute(), d.N, time.Minute)
	case Second:
		return nextWithin(local, local.Second(), d.N, time.Second)
	case Never, Week: // simplified turns weeks into days
	}
	return time.Time{}
}

// NextAfter is the first reset later than now in the series that starts at scheduled. A reset is counted from
// the time it was due, so a late sweep does not drift, and windows missed meanwhile are skipped.
func (d Duration) NextAfter(scheduled, now time.Time, loc *time.Location) time.Time {
	if loc == nil {
		loc = time.UTC
	}
	next := d.Next(scheduled, loc)
	if d.IsNever() || next.After(now) {
		return next
	}
	s := d.simplified()
	switch {
	case s.Unit == Hour && s.N > 24:
		step := s.Std()
		return next.Add(now.Sub(next)/step*step + step).In(loc)
	case s.Unit == Day && !s.isCalendarDays():
		first, last := next.In(loc), now.In(loc)
		gap := int64(midnightUTC(last).Sub(midnightUTC(first))/(24*time.Hour)) / s.N * s.N
		at := midnight(first.Year(), first.Month(), first.Day()+int(gap), loc)
		for !at.After(now) {
			gap += s.N
			at = midnight(first.Year(), first.Month(), first.Day()+int(gap), loc)
		}
		return at
	case s.Unit == Month && s.N > 1:
		first, last := next.In(loc), now.In(loc)
		gap := int64((last.Year()-first.Year())*12+int(last.Month()-first.Month())) / s.N * s.N
		at := midnight(first.Year(), first.Month()+time.Month(gap), 1, loc)
		for !at.After(now) {
			gap += s.N
			at = midnight(first.Year(), first.Month()+time.Month(gap), 1, loc)
		}
		return at
	}
	return d.Next(now, loc) // bound to the calendar alone: the start of the series does not matter
}

// simplified writes d in the largest unit that divides it, so that "48h" is two days and "60m" one hour; 30 days are
// a month, which is how the table reads them.
func (d Duration) simplified() Duration {
	if d.Unit == Second && d.N%60 == 0 {
		d = Duration{N: d.N / 60, Unit: Minute}
	}
	if d.Unit == Minute && d.N%60 == 0 {
		d = Duration{N: d.N / 60, Unit: Hour}
	}
	if d.Unit == Hour && d.N%24 == 0 {
		d = Duration{N: d.N / 24, Unit: Day}
	}
	if d.Unit == Week {
		d = Duration{N: d.N * 7, Unit: Day}
	}
	if d.Unit == Day && d.N == 30 {
		d = Duration{N: 1, Unit: Month}
	}
	return d
}

func (d Duration) isCalendarDays() bool { return d.Unit == Day && (d.N == 1 || d.N == 7) }

func nextDays(local time.Time, n int64) time.Time {
	days := int(n)
	if n == 7 { // a Monday goes to the Monday after
		days = (8-int(local.Weekday()))%7 + 7*btoi(local.Weekday() == time.Monday)
	}
	y, m, day := local.Date()
	return midnight(y, m, day+days, local.Location())
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// nextHours finds the earliest instant after local whose hour, counted from local's midnight, is a multiple of n. The
// hour that is repeated when clocks go back counts both times; one that is skipped is the instant of the change.
func nextHours(local time.Time, n int64) time.Time {
	y, m, d := local.Date()
	k := int64(local.Hour()) / n
	var best time.Time
	for _, hour := range []int64{k * n, (k + 1) * n} {
		for _, at := range instants(y, m, d, int(hour), local.Location()) {
			if at.After(local) && (best.IsZero() || at.Before(best)) {
				best = at
			}
		}
	}
	return best
}

// nextWithin steps minutes inside the hour or seconds inside the minute, in elapsed time: clock changes are whole
// minutes, so they shift the field's zero and not its length. Above 60 the count starts at midnight.
func nextWithin(local time.Time, field int, n int64, unit time.Duration) time.Time {
	if n < 60 {
		zero := local.Add(-time.Duration(field) * unit).Add(-below(local, unit))
		return zero.Add(time.Duration(int64(field)/n*n+n) * unit)
	}
	y, m, d := local.Date()
	zero := midnight(y, m, d, local.Location())
	step := time.Duration(n) * unit
	return zero.Add(local.Sub(zero)/step*step + step)
}

// below is the part of local that is finer than unit (a minute or a second).
func below(local time.Time, unit time.Duration) time.Duration {
	rest := time.Duration(local.Nanosecond())
	if unit == time.Minute {
		rest += time.Duration(local.Second()) * time.Second
	}
	return rest
}

// midnight is the first instant of a local day: 00:00, or the end of the gap where clocks skip midnight.
func midnight(y int, m time.Month, d int, loc *time.Location) time.Time {
	return instants(y, m, d, 0, loc)[0]
}

// midnightUTC is t's local date as a UTC midnight, for counting days without clock changes.
func midnightUTC(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// instants are the moments at which the clocks of loc show that hour, earliest first: one, two when the hour is
// repeated, or the moment of the change when it is skipped. time.Date leaves open which of them it gives.
func instants(y int, m time.Month, d, hour int, loc *time.Location) []time.Time {
	wall := time.Date(y, m, d, hour, 0, 0, 0, time.UTC)
	_, before := wall.Add(-24 * time.Hour).In(loc).Zone()
	_, after := wall.Add(24 * time.Hour).In(loc).Zone()
	var out []time.Time
	for _, offset := range []int{before, after} {
		at := wall.Add(-time.Duration(offset) * time.Second).In(loc)
		if _, real := at.Zone(); real == offset {
			out = append(out, at)
		}
		if before == after {
			break
		}
	}
	switch {
	case len(out) == 2 && out[1].Before(out[0]):
		out[0], out[1] = out[1], out[0]
	case len(out) == 0:
		at := wall.Add(-time.Duration(before) * time.Second).In(loc)
		start, _ := at.ZoneBounds()
		if start.IsZero() {
			start = at
		}
		out = append(out, start.In(loc))
	}
	return out
}
