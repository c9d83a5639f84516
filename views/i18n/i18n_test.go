package i18n

import (
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
)

// Texts that are the same in both languages on purpose.
var same = map[string]bool{"AbilityJSON": true, "FromConfigFile": true, "AuditSentence": true, "ByWhom": true, "AmountPer": true, "OfBudget": true}

func hasChinese(s string) bool {
	for _, r := range s {
		if unicode.Is(unicode.Han, r) {
			return true
		}
	}
	return false
}

func TestEveryMessageIsTranslatedAndFillsItsValues(t *testing.T) {
	t.Parallel()
	words := reflect.TypeOf(EN)
	forms := map[string]bool{"Code": true, "Name": true, "Number": true, "Compact": true, "Money": true, "MoneyShort": true, "Percent": true, "Bytes": true, "List": true, "Join": true, "UpperFirst": true}
	for i := range words.NumMethod() {
		m := words.Method(i)
		if forms[m.Name] {
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			say := func(l Lang) string {
				in := []reflect.Value{reflect.ValueOf(l)}
				for k := 1; k < m.Type.NumIn(); k++ {
					switch m.Type.In(k).Kind() {
					case reflect.String:
						in = append(in, reflect.ValueOf("v"+string(rune('0'+k))))
					case reflect.Int64:
						in = append(in, reflect.ValueOf(int64(40+k)).Convert(m.Type.In(k)))
					default:
						in = append(in, reflect.ValueOf(40+k).Convert(m.Type.In(k)))
					}
				}
				return m.Func.Call(in)[0].String()
			}
			en, zh := say(EN), say(ZH)
			for _, s := range []string{en, zh} {
				if s == "" || strings.Contains(s, "%!") || strings.Contains(s, "%s") || strings.TrimSpace(s) != s {
					t.Errorf("bad text %q", s)
				}
			}
			if hasChinese(en) {
				t.Errorf("the English text is %q", en)
			}
			if !same[m.Name] && !hasChinese(zh) {
				t.Errorf("the Chinese text is %q", zh)
			}
			for k := 1; k < m.Type.NumIn(); k++ {
				if m.Type.In(k).Kind() != reflect.String {
					continue
				}
				v := "v" + string(rune('0'+k))
				if strings.Contains(en, v) != strings.Contains(zh, v) {
					t.Errorf("value %d is in one text only: %q, %q", k, en, zh)
				}
			}
			for _, bad := range []string{"please", "successfully", "!"} {
				if strings.Contains(strings.ToLower(en), bad) {
					t.Errorf("%q holds %q", en, bad)
				}
			}
		})
	}
}

func TestMoney(t *testing.T) {
	t.Parallel()
	for want, nano := range map[string]int64{
		"$0.00": 0, "$0.01": 10_000_000, "$0.0042": 4_213_000, "$0.000000001": 1, "$412.80": 412_800_000_000, "$1,198.36": 1_198_364_999_999,
		"$1,000,000.00": 1_000_000_000_000_000, "−$5.50": -5_500_000_000, "$0.0099": 9_999_999,
	} {
		if got := EN.Money(nano); got != want {
			t.Errorf("Money(%d) = %s, want %s", nano, got, want)
		}
	}
	if got := EN.MoneyShort(600_000_000_000); got != "$600" {
		t.Errorf("MoneyShort = %s", got)
	}
	for want, nano := range map[string]int64{"0.00": 0, "50.00": 50_000_000_000, "0.0042": 4_200_000, "12.345": 12_345_000_000, "-1.00": -1_000_000_000} {
		if got := MoneyInput(nano); got != want {
			t.Errorf("MoneyInput(%d) = %s, want %s", nano, got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want string }{
		{EN.Number(1204), "1,204"},
		{EN.Number(-1204567), "−1,204,567"},
		{EN.Number(999), "999"},
		{EN.Compact(48210), "48,210"},
		{EN.Compact(1_310_204), "1.31M"},
		{EN.Compact(894_000_000), "894M"},
		{EN.Compact(13_000_000_000), "13B"},
		{ZH.Compact(1_310_204), "131万"},
		{ZH.Compact(894_000_000), "8.94亿"},
		{EN.Percent(12.43), "12.4%"},
		{EN.Percent(0.62), "0.62%"},
		{EN.Percent(30), "30%"},
		{EN.Percent(0), "0%"},
		{EN.Percent(-4), "−4%"},
		{EN.Bytes(16 << 10), "16 KB"},
		{EN.Took(340 * time.Millisecond), "340 ms"},
		{EN.Took(1420 * time.Millisecond), "1.42 s"},
		{ZH.Took(125 * time.Second), "2 分 5 秒"},
		{EN.Days(1), "1 day"},
		{EN.Days(0), "0 days"},
		{EN.Days(21), "21 days"},
		{ZH.Days(1), "1 天"},
		{EN.For(24 * time.Hour), "1 day"},
		{EN.For(36 * time.Hour), "36 hours"},
		{EN.List([]string{"a", "b", "c"}), "a, b and c"},
		{ZH.List([]string{"a", "b", "c"}), "a、b和c"},
		{EN.List(nil), ""},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("CET", 3600)
	now := time.Date(2026, 11, 21, 14, 42, 7, 0, time.UTC)
	en, zh := Locale{Lang: EN, Zone: zone, Now: now}, Locale{Lang: ZH, Zone: zone, Now: now}
	for _, c := range []struct {
		at     time.Duration
		en, zh string
	}{
		{-20 * time.Second, "just now", "刚刚"},
		{-2 * time.Minute, "2 min ago", "2 分钟前"},
		{-time.Hour, "1 h ago", "1 小时前"},
		{-17 * time.Hour, "yesterday", "昨天"},
		{-72 * time.Hour, "3 days ago", "3 天前"},
		{-8 * 24 * time.Hour, "13 Nov 2026", "2026年11月13日"},
		{72 * time.Hour, "in 3 days", "3 天后"},
		{24 * time.Hour, "tomorrow", "明天"},
		{30 * time.Minute, "in 31 min", "31 分钟后"},
		{8 * 24 * time.Hour, "29 Nov 2026", "2026年11月29日"},
	} {
		if got := en.Relative(now.Add(c.at)).Text; got != c.en {
			t.Errorf("%v: %q, want %q", c.at, got, c.en)
		}
		if got := zh.Relative(now.Add(c.at)).Text; got != c.zh {
			t.Errorf("%v: %q, want %q", c.at, got, c.zh)
		}
	}
	s := en.Relative(now.Add(-2 * time.Minute))
	if s.ISO != "2026-11-21T14:40:07Z" || s.Full != "21 November 2026, 15:40 CET" {
		t.Errorf("stamp %+v", s)
	}
	if !en.Relative(time.Time{}).IsZero() || !en.Calendar(time.Time{}).IsZero() {
		t.Error("no moment is not zero")
	}
	if got := zh.LongDay(time.Date(2026, 11, 9, 12, 0, 0, 0, time.UTC)); got != "11月9日星期一" {
		t.Errorf("LongDay %q", got)
	}
	if got := en.Second(now).Text; got != "15:42:07" {
		t.Errorf("Second %q", got)
	}
	// A day is cut in the zone: 23:30 UTC is the next day in Berlin.
	if got := en.Date(time.Date(2026, 1, 13, 23, 30, 0, 0, time.UTC)); got != "14 Jan 2026" {
		t.Errorf("Date %q", got)
	}
}

func TestChoiceOfLanguage(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]Lang{
		"": EN, "fr": EN, "zh-CN,zh;q=0.9,en;q=0.8": ZH, "en-GB,zh;q=0.5": EN, "zh-Hans": ZH, "fr,zh;q=0.5": ZH, "???": EN,
	} {
		if got := Match(header, EN); got != want {
			t.Errorf("Match(%q) = %s", header, got.Code())
		}
	}
	if _, ok := Parse("fr"); ok {
		t.Error("Parse took a language that we do not have")
	}
	for _, l := range All() {
		if got, ok := Parse(l.Code()); !ok || got != l {
			t.Errorf("Parse(%q)", l.Code())
		}
	}
}
