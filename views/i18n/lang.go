// Package i18n holds every word the portal shows, in English and in simplified Chinese, and the forms of numbers, money and times.
// A message is a method of Lang that names both texts in one line, so a missing translation does not compile. Names, model IDs and
// codes are never translated.
package i18n

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// Lang is a language of the interface. The zero value is English.
type Lang uint8

// The languages.
const (
	EN Lang = iota
	ZH
)

// All lists the languages in the order of the language menu.
func All() []Lang { return []Lang{EN, ZH} }

// Code is the language tag for <html lang>, the language cookie and the account: "en" or "zh-CN".
func (l Lang) Code() string {
	if l == ZH {
		return "zh-CN"
	}
	return "en"
}

// Name is the language's own name for itself.
func (l Lang) Name() string {
	if l == ZH {
		return "简体中文"
	}
	return "English"
}

// Parse reads a stored choice ("en", "zh", "zh-CN"). An unknown or empty one is not ok.
func Parse(code string) (Lang, bool) {
	switch strings.ToLower(code) {
	case "en", "en-us", "en-gb":
		return EN, true
	case "zh", "zh-cn", "zh-hans", "zh-hans-cn":
		return ZH, true
	}
	return EN, false
}

// Match picks the language for an Accept-Language header; fallback is the answer when the header names none of ours.
func Match(acceptLanguage string, fallback Lang) Lang {
	tags, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil || len(tags) == 0 {
		return fallback
	}
	_, i, confidence := language.NewMatcher([]language.Tag{language.English, language.SimplifiedChinese}).Match(tags...)
	if confidence == language.No {
		return fallback
	}
	return Lang(i)
}

// pick is how every message is written: both texts, side by side.
func (l Lang) pick(en, zh string) string {
	if l == ZH {
		return zh
	}
	return en
}

// fill is pick for a message with values; both texts use the same values, by %[n]s where the order differs.
func (l Lang) fill(en, zh string, values ...any) string {
	return fmt.Sprintf(l.pick(en, zh), values...)
}

// count is a message about n things. Each text holds one %s for the number.
func (l Lang) count(n int64, one, other, zh string) string {
	text := zh
	if l == EN {
		text = other
		if plural.Cardinal.MatchPlural(language.English, int(n), 0, 0, 0, 0) == plural.One {
			text = one
		}
	}
	return fmt.Sprintf(text, l.Number(n))
}

// Or joins names of which one is enough: "Maya, Jonas or 李伟".
func Or(l Lang, names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], l.pick(", ", "、")) + l.pick(" or ", "或") + names[last]
}

// UpperFirst begins a line with a phrase of the catalogue: "This key", "Team Checkout".
func (l Lang) UpperFirst(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

// Join strings short notes together: "1 near limit, 2 blocked", "1 个接近上限，2 个已停用".
func (l Lang) Join(items []string) string { return strings.Join(items, l.pick(", ", "，")) }

// List joins names: "a, b and c", "a、b和c".
func (l Lang) List(items []string) string {
	switch len(items) {
	case 0:
		return ""
	case 1:
		return items[0]
	}
	head, last := items[:len(items)-1], items[len(items)-1]
	if l == ZH {
		return strings.Join(head, "、") + "和" + last
	}
	return strings.Join(head, ", ") + " and " + last
}

// lowerFirst lets a label stand inside an English sentence: "Base URL" -> "base URL", but "API keys" stays.
func (l Lang) lowerFirst(s string) string {
	if l == ZH || len(s) < 2 || s[1] < 'a' || s[1] > 'z' {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
