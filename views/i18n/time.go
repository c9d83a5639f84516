package i18n

import "time"

// Locale is a language with the clock that one answer is made for. Days, months and ranges are those of Zone, by which
// reports and budgets are cut; moments are shown in Own, which a person may choose.
type Locale struct {
	Lang
	Zone *time.Location // nil is UTC
	Own  *time.Location // nil is Zone
	Now  time.Time
}

// own is c with the person's zone in place of that of the reports.
func (c Locale) own() Locale {
	if c.Own != nil {
		c.Zone, c.Own = c.Own, nil
	}
	return c
}

// ClockZone names the zone that moments are shown in.
func (c Locale) ClockZone() string { return c.own().in(c.Now).Location().String() }

// Stamp is a moment ready to show: short text, and the exact time for <time datetime> and for hover or focus. The zero Stamp means
// "no such moment" and shows as a dash or as words that the page chooses.
type Stamp struct {
	Text string // "2 min ago", "14 Jan 2027"
	ISO  string // RFC 3339 in UTC
	Full string // "21 December 2026, 15:42 CET"
}

// IsZero tells that there is no such moment.
func (s Stamp) IsZero() bool { return s.ISO == "" }

func (c Locale) in(t time.Time) time.Time {
	if c.Zone == nil {
		return t.UTC()
	}
	return t.In(c.Zone)
}

// Date writes a day: "14 Jan 2027", "2027年1月14日".
func (c Locale) Date(t time.Time) string {
	return c.in(t).Format(c.pick("2 Jan 2006", "2006年1月2日"))
}

// LongDate writes a day in full: "21 December 2026".
func (c Locale) LongDate(t time.Time) string {
	return c.in(t).Format(c.pick("2 January 2006", "2006年1月2日"))
}

// Day writes a day without its year: "23 Oct", "10月23日".
func (c Locale) Day(t time.Time) string { return c.in(t).Format(c.pick("2 Jan", "1月2日")) }

// LongDay writes a day without its year, with its weekday: "Monday 9 November", "11月9日星期一".
func (c Locale) LongDay(t time.Time) string {
	t = c.in(t)
	if c.Lang == ZH {
		return t.Format("1月2日") + "星期" + string([]rune("日一二三四五六")[t.Weekday()])
	}
	return t.Format("Monday 2 January")
}

// Month writes a month: "November 2026", "2026年11月".
func (c Locale) Month(t time.Time) string {
	return c.in(t).Format(c.pick("January 2006", "2006年1月"))
}

// Clock writes a time of day: "15:42:07".
func (c Locale) Clock(t time.Time) string { return c.own().in(t).Format("15:04:05") }

// DateTime writes a moment to the minute: "21 December 2026, 15:42".
func (c Locale) DateTime(t time.Time) string {
	return c.own().in(t).Format(c.pick("2 January 2006, 15:04", "2006年1月2日 15:04"))
}

// Range writes a span of days: "23 Oct – 21 Nov".
func (c Locale) Range(from, to time.Time) string { return c.Day(from) + " – " + c.Day(to) }

func (c Locale) stamp(t time.Time, text string) Stamp {
	if t.IsZero() {
		return Stamp{}
	}
	return Stamp{Text: text, ISO: t.UTC().Format(time.RFC3339), Full: c.DateTime(t) + " " + c.own().in(t).Format("MST")}
}

// Calendar is a moment shown as its day.
func (c Locale) Calendar(t time.Time) Stamp { return c.stamp(t, c.own().Date(t)) }

// Minute is a moment shown to the minute.
func (c Locale) Minute(t time.Time) Stamp { return c.stamp(t, c.DateTime(t)) }

// Second is a moment of a log: the clock time, with the day in front when it is not today.
func (c Locale) Second(t time.Time) Stamp {
	c = c.own()
	if c.daysFromToday(t) == 0 {
		return c.stamp(t, c.Clock(t))
	}
	return c.stamp(t, c.Day(t)+" "+c.Clock(t))
}

// Relative is a moment shown by its distance, up to 7 days off either way, and as its day beyond that.
func (c Locale) Relative(t time.Time) Stamp {
	if t.IsZero() {
		return Stamp{}
	}
	return c.stamp(t, c.relative(t))
}

// daysFromToday counts calendar days in the zone: -1 is yesterday.
func (c Locale) daysFromToday(t time.Time) int {
	day := func(t time.Time) time.Time {
		y, m, d := c.in(t).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return int(day(t).Sub(day(c.Now)) / (24 * time.Hour))
}

func (c Locale) relative(t time.Time) string {
	c = c.own()
	gap := c.Now.Sub(t)
	days := c.daysFromToday(t)
	switch {
	case gap >= 0 && gap < time.Minute:
		return c.pick("just now", "刚刚")
	case gap >= 0 && gap < time.Hour:
		return c.fill("%s min ago", "%s 分钟前", c.Number(int64(gap/time.Minute)))
	case gap >= 0 && days == 0:
		return c.fill("%s h ago", "%s 小时前", c.Number(int64(gap/time.Hour)))
	case gap >= 0 && days == -1:
		return c.pick("yesterday", "昨天")
	case gap >= 0 && days >= -7:
		return c.fill("%s days ago", "%s 天前", c.Number(int64(-days)))
	case gap < 0 && gap > -time.Hour:
		return c.fill("in %s min", "%s 分钟后", c.Number(int64(-gap/time.Minute)+1))
	case gap < 0 && days == 0:
		return c.fill("in %s h", "%s 小时后", c.Number(int64(-gap/time.Hour)))
	case gap < 0 && days == 1:
		return c.pick("tomorrow", "明天")
	case gap < 0 && days <= 7:
		return c.fill("in %s days", "%s 天后", c.Number(int64(days)))
	}
	return c.Date(t)
}

// For writes a length of time in its largest whole unit: "7 days", "1 hour", "30 minutes".
func (l Lang) For(d time.Duration) string {
	switch {
	case d >= 24*time.Hour && d%(24*time.Hour) == 0:
		return l.Days(int64(d / (24 * time.Hour)))
	case d >= time.Hour && d%time.Hour == 0:
		return l.count(int64(d/time.Hour), "%s hour", "%s hours", "%s 小时")
	case d >= time.Minute:
		return l.Minutes(int64(d / time.Minute))
	}
	return l.count(int64(d/time.Second), "%s second", "%s seconds", "%s 秒")
}

// Minutes says how many minutes.
func (l Lang) Minutes(n int64) string { return l.count(n, "%s minute", "%s minutes", "%s 分钟") }

// Days says how many days.
func (l Lang) Days(n int64) string { return l.count(n, "%s day", "%s days", "%s 天") }
