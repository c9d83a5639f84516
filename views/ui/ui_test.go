package ui

import (
	"strings"
	"testing"

	"gatehouse/views/i18n"
)

func TestNiceAxisHoldsTheTopWithLittleRoomAbove(t *testing.T) {
	t.Parallel()
	type axis struct {
		step  int64
		steps int
	}
	for top, want := range map[int64]axis{
		1: {1, 3}, 4: {1, 4}, 5: {1, 5}, 93: {25, 4}, 100: {25, 4}, 101: {25, 5}, 11: {3, 4}, 400: {100, 4}, 1100: {250, 5}, 10_980_000_000: {2_500_000_000, 5},
	} {
		step, steps := niceAxis(top)
		if (axis{step, steps}) != want {
			t.Errorf("niceAxis(%d) = %d, %d, want %+v", top, step, steps, want)
		}
	}
	for top := int64(1); top < 1_000_000_000_000; top = top*3/2 + 1 {
		step, steps := niceAxis(top)
		if end := step * int64(steps); end < top || float64(end) > float64(top)*1.7+3 || len(tickClasses(steps)) != steps+1 {
			t.Errorf("niceAxis(%d) = %d, %d does not fit", top, step, steps)
		}
	}
}

func TestChartStacksToTheTotalsItPrints(t *testing.T) {
	t.Parallel()
	d := ChartData{Days: make([]ChartDay, 2), Series: []ChartSeries{{Name: "a", Colour: 1, Values: []int64{10e9, 30e9}}, {Name: "b", Colour: 6, Values: []int64{0, 10e9, 99}}}}
	c := d.layout(i18n.EN)
	if got := strings.Join(c.totals, " "); got != "$10.00 $40.00" {
		t.Errorf("totals %s", got)
	}
	if got := strings.Join(c.sums, " "); got != "$40.00 $10.00" {
		t.Errorf("sums %s: a value past the last day must not count", got)
	}
	if c.best != 1 || c.empty {
		t.Errorf("best %d, empty %v", c.best, c.empty)
	}
	// The axis ends at 40: the second day's parts fill 75 and 25 per cent, one on the other; a value of 0 draws nothing.
	if len(c.rects) != 3 || c.rects[1].y != "25.000%" || c.rects[1].height != "75.000%" || c.rects[2].y != "0.000%" || c.rects[2].height != "25.000%" {
		t.Errorf("rects %+v", c.rects)
	}
	if !(ChartData{Days: make([]ChartDay, 3)}).layout(i18n.EN).empty {
		t.Error("a chart without a value is not empty")
	}
}

func TestInitials(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"": "?", "Maya Okafor": "MO", "李伟": "李", "noor@acme.dev": "N", "li.wei@acme.dev": "LW", "budget-reset": "BR", "Ana María del Mar": "AM", " ": "?", "@": "?"} {
		if got := (Person{Name: name}).Initials(); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestPaintLosesNothing(t *testing.T) {
	t.Parallel()
	for _, s := range Snippets("https://x/v1", "m", "sk-1…2") {
		var b strings.Builder
		for _, p := range paint(s.Code) {
			b.WriteString(p.text)
		}
		if b.String() != s.Code {
			t.Errorf("%s: painted text differs", s.Label)
		}
	}
	for _, code := range []string{"", `"open`, "'", "é \"ü\" — 'x'"} {
		var b strings.Builder
		for _, p := range paint(code) {
			b.WriteString(p.text)
		}
		if b.String() != code {
			t.Errorf("%q became %q", code, b.String())
		}
	}
	parts := paint(`curl -H "a"`)
	if parts[0].kind != codeWord || parts[len(parts)-1].kind != codeString {
		t.Errorf("parts %+v", parts)
	}
}

func TestSnippetsHoldTheKeyOrTheVariable(t *testing.T) {
	t.Parallel()
	for i, s := range Snippets("https://x/v1", "m", "sk-1…2") {
		if !strings.Contains(s.Code, "sk-1…2") || !strings.Contains(s.Code, "https://x/v1") {
			t.Errorf("%s lacks the key or the address", s.Label)
		}
		if open := Snippets("https://x/v1", "m", "")[i]; strings.Contains(open.Code, "sk-1") || open.Label != s.Label {
			t.Errorf("%s without a key", open.Label)
		}
	}
}

func TestMeterNeverLeavesItsBox(t *testing.T) {
	t.Parallel()
	for in, want := range map[float64]string{-5: "0.0%", 68.8: "68.8%", 250: "100.0%"} {
		if got := pct(in); got != want {
			t.Errorf("pct(%v) = %s", in, got)
		}
	}
	for percent, want := range map[float64]string{79.9: "fill-accent", 80: "fill-chart-3", 100: "fill-bad"} {
		if got := (Meter{Percent: percent}).fill(); got != want {
			t.Errorf("%v per cent: %s", percent, got)
		}
	}
}
