package config

import (
	"math/big"
	"net/url"
	"strconv"
	"strings"
	"time"

	"gatehouse/models"
	"gatehouse/models/duration"
)

// weight says what a wrong type costs: a setting that guards something stops the start, any other falls back to its
// default with a warning.
type weight bool

const (
	must weight = true  // P0 of the contract
	may  weight = false // P1 and P2
)

// ref is a setting's value with its key path; the value may be nil.
type ref struct {
	*value
	path string
}

// section is a map of the file whose entries are asked for by name; done then warns of what nobody asked for.
type section struct {
	l     *loader
	path  string
	v     *value
	known map[string]bool
}

// section opens the map under r. Anything else than a map is a finding and reads as empty.
func (l *loader) section(r ref, w weight) *section {
	s := &section{l: l, path: r.path, known: map[string]bool{}}
	if r.isNull() {
		return s
	}
	if r.kind != kindMap {
		l.mismatch(r, w, "a map")
		return s
	}
	s.v = r.value
	return s
}

// ref marks name as known and gives its entry.
func (s *section) ref(name string) ref {
	s.known[name] = true
	r := ref{s.v.get(name), join(s.path, name)}
	s.l.read[r.path] = true
	return r
}

// has says whether the entry is there with a value.
func (s *section) has(name string) bool { return !s.v.get(name).isNull() }

// accept marks names that are read elsewhere or have no effect.
func (s *section) accept(names ...string) {
	for _, n := range names {
		s.known[n] = true
	}
}

// done warns of every entry that is neither known nor covered by a prefix ("langfuse_").
func (s *section) done(prefixes ...string) {
	if s.v == nil {
		return
	}
entries:
	for _, name := range s.v.names {
		if s.known[name] {
			continue
		}
		for _, p := range prefixes {
			if strings.HasPrefix(name, p) {
				continue entries
			}
		}
		message := "unknown setting, ignored"
		if near := nearest(name, s.known); near != "" {
			message += "; did you mean " + near + "?"
		}
		s.l.warn(s.v.items[name], join(s.path, name), "%s", message)
	}
}

// other is what the typed readers of s did not ask for, as decoded JSON.
func (s *section) other() map[string]any {
	out := map[string]any{}
	if s.v != nil {
		for _, name := range s.v.names {
			if !s.known[name] && !s.v.items[name].isNull() {
				out[name] = s.v.items[name].plain()
			}
		}
	}
	return out
}

// variable is an environment variable as a setting; empty counts as not set.
func (l *loader) variable(name string) ref {
	l.asked[name] = true
	text := l.env[name]
	if text == "" {
		return ref{nil, name}
	}
	return ref{&value{kind: kindText, text: text, file: envFile, hidden: true}, name}
}

// raw is a variable exactly as it stands: a password may begin or end with a blank.
func (l *loader) raw(name string) models.Secret {
	l.asked[name] = true
	return models.NewSecret(l.env[name])
}

// either is a unless it is empty, then b: yaml first, environment as the fallback.
func either(a, b ref) ref {
	if a.isNull() && !b.isNull() {
		return b
	}
	return a
}

func (l *loader) mismatch(r ref, w weight, want string) {
	if w == must {
		l.fault(r.value, r.path, "must be %s, not %s", want, r.describe())
	} else {
		l.warn(r.value, r.path, "must be %s, not %s; the default is used", want, r.describe())
	}
}

// describe names the kind of a value and never the value.
func (r ref) describe() string {
	if r.file == envFile {
		return "this text"
	}
	return r.kind.String()
}

func (l *loader) text(r ref, w weight) string {
	if r.isNull() {
		return ""
	}
	switch r.kind {
	case kindText:
		return strings.TrimSpace(r.text)
	case kindNumber: // an id of digits alone
		return r.text
	case kindNull, kindBool, kindList, kindMap:
	}
	l.mismatch(r, w, "text")
	return ""
}

func (l *loader) textOr(r ref, w weight, fallback string) string {
	if s := l.text(r, w); s != "" {
		return s
	}
	return fallback
}

func (l *loader) secret(r ref, w weight) models.Secret {
	if !r.isNull() && r.kind == kindNumber {
		return models.NewSecret(r.text)
	}
	return models.NewSecret(l.text(r, w))
}

func (l *loader) boolean(r ref, w weight, fallback bool) bool {
	if r.isNull() {
		return fallback
	}
	switch r.kind {
	case kindBool:
		return r.flag
	case kindText:
		switch strings.ToLower(strings.TrimSpace(r.text)) {
		case "true", "yes", "on", "1", "t", "y":
			return true
		case "false", "no", "off", "0", "f", "n":
			return false
		}
	case kindNumber:
		if r.text == "0" || r.text == "1" {
			return r.text == "1"
		}
	case kindNull, kindList, kindMap:
	}
	l.mismatch(r, w, "true or false")
	return fallback
}

// number reads a number, or text that is one ("1e-5", a quoted figure).
func (r ref) number() (*big.Rat, bool) {
	if r.kind != kindNumber && r.kind != kindText {
		return nil, false
	}
	text := strings.TrimSpace(r.text)
	_, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	if len(text) > 64 || len(exponent) > 4 || strings.ContainsAny(text, "/_xXpPbBoO") {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

// whole reads an integer of at least least; nil when it is absent. Out of range is a fault where bounded says so, for
// the settings whose contract says "fatal" whatever their priority.
func (l *loader) whole(r ref, w weight, least int64) *int64 {
	if r.isNull() {
		return nil
	}
	n, ok := r.number()
	if !ok || !n.IsInt() || !n.Num().IsInt64() {
		l.mismatch(r, w, "a whole number")
		return nil
	}
	v := n.Num().Int64()
	if v < least {
		l.fault(r.value, r.path, "must be %d or more", least)
		return nil
	}
	return &v
}

func (l *loader) wholeOr(r ref, w weight, least int64, fallback int) int {
	if v := l.whole(r, w, least); v != nil {
		return int(min(*v, 1<<31-1))
	}
	return fallback
}

// seconds reads a number of seconds. When positive is set, zero and less are a fault.
func (l *loader) seconds(r ref, w weight, positive bool, fallback time.Duration) time.Duration {
	if r.isNull() {
		return fallback
	}
	n, ok := r.number()
	if !ok {
		l.mismatch(r, w, "a number of seconds")
		return fallback
	}
	f, _ := n.Float64()
	switch {
	case f < 0, positive && f == 0:
		l.fault(r.value, r.path, "must be above zero seconds")
		return fallback
	case f > 1e9:
		l.fault(r.value, r.path, "is too many seconds")
		return fallback
	}
	return time.Duration(f * float64(time.Second))
}

// money reads dollars; nil when absent. Negative amounts are always a fault.
func (l *loader) money(r ref, w weight) *models.Nano {
	if r.isNull() {
		return nil
	}
	if n, ok := r.number(); ok {
		v, err := models.ParseNano(strings.TrimSpace(r.text))
		switch {
		case n.Sign() < 0:
			l.fault(r.value, r.path, "must not be negative")
			return nil
		case err == nil:
			return &v
		}
	}
	l.mismatch(r, w, "an amount of USD")
	return nil
}

// duration reads the shared grammar; never when absent. Anything wrong is a fault: a period that nobody meant would
// let a budget start again too soon or a key live for ever.
func (l *loader) duration(r ref) duration.Duration {
	if r.isNull() {
		return duration.Duration{}
	}
	switch r.kind {
	case kindNumber:
		if r.text == "-1" {
			return duration.Duration{}
		}
		l.fault(r.value, r.path, `unit missing: write "30d" for 30 days, "30m" for 30 minutes`)
		return duration.Duration{}
	case kindText:
		d, err := duration.Parse(strings.TrimSpace(r.text))
		if err != nil {
			l.fault(r.value, r.path, "%s", err)
		}
		return d
	case kindNull, kindBool, kindList, kindMap:
	}
	l.mismatch(r, must, "a duration such as 30d")
	return duration.Duration{}
}

// length reads a duration that is used as a fixed time: the shared grammar, and milliseconds.
func (l *loader) length(r ref, fallback time.Duration) time.Duration {
	if r.isNull() {
		return fallback
	}
	if r.kind == kindText {
		if digits, ok := strings.CutSuffix(strings.TrimSpace(r.text), "ms"); ok {
			if n, err := strconv.Atoi(digits); err == nil && n > 0 && n < 1e9 {
				return time.Duration(n) * time.Millisecond
			}
		}
	}
	d := l.duration(r)
	if d.IsNever() {
		return fallback
	}
	return d.Std()
}

// texts reads a list of texts; a single text counts as a list of one. nil when absent, empty but not nil for [].
func (l *loader) texts(r ref, w weight) []string {
	if r.isNull() {
		return nil
	}
	if r.kind == kindText {
		if r.file == envFile {
			return splitList(r.text)
		}
		return []string{r.text}
	}
	if r.kind != kindList {
		l.mismatch(r, w, "a list")
		return nil
	}
	out := make([]string, 0, len(r.list))
	for i, e := range r.list {
		item := ref{e, r.path + "[" + strconv.Itoa(i) + "]"}
		if e.isNull() {
			continue
		}
		if s := l.text(item, w); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// splitList divides a variable's comma-separated list, without blanks.
func splitList(text string) []string {
	var out []string
	for _, part := range strings.Split(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// oneOf reads one of a few words. A wrong one is a fault when w is must.
func (l *loader) oneOf(r ref, w weight, fallback string, words ...string) string {
	s := l.text(r, w)
	if s == "" {
		return fallback
	}
	for _, word := range words {
		if strings.EqualFold(s, word) {
			return word
		}
	}
	if w == must {
		l.fault(r.value, r.path, "must be one of %s", strings.Join(words, ", "))
	} else {
		l.warn(r.value, r.path, "must be one of %s; %s is used", strings.Join(words, ", "), fallback)
	}
	return fallback
}

// webURL reads an http(s) URL, without a trailing slash; "" and false when it is no such URL.
func webURL(text string) (string, bool) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return "", false
	}
	return strings.TrimRight(text, "/"), true
}
