// Package ui holds the components that two pages or more use. They take text ready to show and classes of the theme; each works without
// scripts, and static/src makes some of them quicker.
package ui

import (
	"math"
	"strconv"

	"gatehouse/views/i18n"
)

// Measure is what the figures of a chart count.
type Measure uint8

// The measures.
const (
	MeasureMoney  Measure = iota // nano-USD
	MeasureNumber                // requests, tokens
)

// ChartData is a stacked bar chart as a handler knows it: plain figures, no geometry.
type ChartData struct {
	ID      string // unique on the page
	Title   string // "Spend per day"
	Measure Measure
	Days    []ChartDay
	Series  []ChartSeries // the largest first, "Other" last
	Pace    int64         // a level to hold, the same unit as the values; 0 for none
	PaceSay string        // "Pace for the $2,000 monthly budget"
	First   string        // heading of the table's first column: "Day"
	Empty   string        // said instead of a chart when every value is 0
}

// ChartDay is one bar's place on the axis.
type ChartDay struct {
	Short   string // under the axis: "23 Oct"
	Long    string // in the hover card and the table: "Monday 9 November"
	Partial bool   // the day is not over: drawn lighter
}

// ChartSeries is one part of every bar. Values has one figure a day.
type ChartSeries struct {
	Name   string
	Colour int // 1 to 6; 6 is "Other"
	Values []int64
}

type chartTick struct {
	text   string
	bottom string // a class
	y      string // per cent from the top
}

type chartRect struct {
	x, y, width, height string
	colour              int
	partial             bool
}

// chart is the geometry of a ChartData.
type chart struct {
	ticks  []chartTick
	rects  []chartRect
	slots  []string // x of each day's hover area
	slot   string   // width of it
	pace   string   // y of the pace line, "" for none
	totals []string // per day
	sums   []string // per series
	every  int      // a label under the axis stands at each every-th day
	best   int      // the highest day
	empty  bool
}

func (d ChartData) format(l i18n.Lang, v int64) string {
	if d.Measure == MeasureMoney {
		return l.Money(v)
	}
	return l.Number(v)
}

// formatAxis is a label of an axis whose steps are step apart: with cents on each or on none.
func (d ChartData) formatAxis(l i18n.Lang, v, step int64) string {
	const dollar, cent = 1_000_000_000, 10_000_000
	if d.Measure == MeasureMoney {
		if v > 0 && step%dollar != 0 && step%cent == 0 {
			return l.Money(v)
		}
		return l.MoneyShort(v)
	}
	return l.Compact(v)
}

// niceAxis divides an axis that reaches top into 3, 4 or 5 steps of 1, 2, 2.5 or 5 times a power of ten: the division that leaves
// the least room above top.
func niceAxis(top int64) (step int64, steps int) {
	if top <= 4 {
		return 1, int(max(top, 3))
	}
	step, steps = math.MaxInt64/8, 4
	for _, n := range []int{4, 5, 3} {
		raw := float64(top) / float64(n)
		unit := math.Pow(10, math.Floor(math.Log10(raw)))
		for _, m := range []float64{1, 2, 2.5, 5, 10} {
			if one := int64(math.Ceil(m * unit)); float64(one) >= raw {
				if one*int64(n) < step*int64(steps) {
					step, steps = one, n
				}
				break
			}
		}
	}
	return step, steps
}

// tickClasses say where the labels of an axis of 3, 4 or 5 steps stand.
func tickClasses(steps int) []string {
	switch steps {
	case 3:
		return []string{"bottom-0", "bottom-1/3", "bottom-2/3", "bottom-full"}
	case 4:
		return []string{"bottom-0", "bottom-1/4", "bottom-1/2", "bottom-3/4", "bottom-full"}
	}
	return []string{"bottom-0", "bottom-[20%]", "bottom-[40%]", "bottom-[60%]", "bottom-[80%]", "bottom-full"}
}

func percent(f float64) string { return strconv.FormatFloat(f, 'f', 3, 64) + "%" }

// layout computes where everything goes.
func (d ChartData) layout(l i18n.Lang) chart {
	c := chart{every: max(1, (len(d.Days)+5)/6)}
	totals := make([]int64, len(d.Days))
	for _, s := range d.Series {
		var sum int64
		for i, v := range s.Values {
			if i < len(totals) {
				totals[i] += v
				sum += v
			}
		}
		c.sums = append(c.sums, d.format(l, sum))
	}
	var top int64
	for i, v := range totals {
		c.totals = append(c.totals, d.format(l, v))
		if v > top {
			top, c.best = v, i
		}
	}
	if top == 0 {
		c.empty = true
		return c
	}
	step, steps := niceAxis(max(top, d.Pace))
	axis := float64(step * int64(steps))
	for i, class := range tickClasses(steps) {
		c.ticks = append(c.ticks, chartTick{text: d.formatAxis(l, step*int64(i), step), bottom: class, y: percent(100 - 100*float64(i)/float64(steps))})
	}
	if d.Pace > 0 {
		c.pace = percent(100 - float64(d.Pace)/axis*100)
	}
	slot := 100 / float64(len(d.Days))
	c.slot = percent(slot)
	for i := range d.Days {
		c.slots = append(c.slots, percent(slot*float64(i)))
		level := 0.0
		for _, s := range d.Series {
			if i >= len(s.Values) || s.Values[i] <= 0 {
				continue
			}
			h := float64(s.Values[i]) / axis * 100
			c.rects = append(c.rects, chartRect{
				x: percent(slot * (float64(i) + 0.18)), width: percent(slot * 0.64),
				y: percent(100 - level - h), height: percent(h), colour: s.Colour, partial: d.Days[i].Partial,
			})
			level += h
		}
	}
	return c
}

// chartFill is the class that paints a part, chartDot that of its sign in the legend.
func chartFill(colour int) string {
	switch colour {
	case 1:
		return "fill-chart-1"
	case 2:
		return "fill-chart-2"
	case 3:
		return "fill-chart-3"
	case 4:
		return "fill-chart-4"
	case 5:
		return "fill-chart-5"
	}
	return "fill-chart-6"
}

func chartDot(colour int) string {
	switch colour {
	case 1:
		return "bg-chart-1"
	case 2:
		return "bg-chart-2"
	case 3:
		return "bg-chart-3"
	case 4:
		return "bg-chart-4"
	case 5:
		return "bg-chart-5"
	}
	return "bg-chart-6"
}
