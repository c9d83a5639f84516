package spend

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"gatehouse/models"
	"gatehouse/proxy/price"
)

func drawRecord(t *rapid.T) Record {
	text := func(name string) string { return rapid.StringMatching(`[a-zA-Z0-9é漢:/_ -]{0,30}`).Draw(t, name) }
	when := func(name string) time.Time {
		if rapid.Bool().Draw(t, name+" zero") {
			return time.Time{}
		}
		return time.UnixMicro(rapid.Int64Range(1, 4e15).Draw(t, name)).UTC()
	}
	nano := func(name string) models.Nano { return models.Nano(rapid.Int64().Draw(t, name)) }
	list := func(name string) []string {
		l := rapid.SliceOfN(rapid.StringMatching(`[a-z:]{0,12}`), 0, 5).Draw(t, name)
		if len(l) == 0 {
			return nil
		}
		return l
	}
	r := Record{
		CallID: text("call"), CallType: text("type"), KeyID: text("key"), KeyHash: text("hash"), KeyAlias: text("alias"), UserID: text("user"),
		TeamID: text("team"), OrgID: text("org"), EndUser: text("end user"), Tags: list("tags"), ModelGroup: text("group"), Model: text("model"),
		DeploymentID: text("deployment"), Provider: text("provider"), APIBase: text("base"), CostNano: nano("cost"), SavedNano: nano("saved"), PromptSaved: -nano("prompt saved"),
		OvershootNano: nano("overshoot"), CacheHit: rapid.Bool().Draw(t, "hit"), Unpriced: rapid.Bool().Draw(t, "unpriced"),
		UsageEstimated: rapid.Bool().Draw(t, "estimated"), CacheKey: text("cache key"), Status: text("status"), HTTPStatus: rapid.Int().Draw(t, "http"),
		ErrorCode: text("error"), Start: when("start"), FirstByte: when("first"), End: when("end"), IP: text("ip"), SessionID: text("session"),
		SettledBy: text("by"), PriceVersion: text("version"), Charges: charges(t),
	}
	for i := range r.Usage.Values() {
		r.Usage.SetValue(i, rapid.OneOf(rapid.Just(int64(0)), rapid.Int64()).Draw(t, "usage"))
	}
	for range rapid.IntRange(0, 4).Draw(t, "lines") {
		r.Lines = append(r.Lines, price.Line{
			Unit: price.Unit(rapid.Byte().Draw(t, "unit")), Quantity: rapid.Int64().Draw(t, "n"), Rate: rapid.Int64().Draw(t, "rate"), Nano: nano("line"),
		})
	}
	if rapid.Bool().Draw(t, "meta") {
		r.Metadata, _ = json.Marshal(map[string]string{text("meta key"): text("meta value")})
	}
	return r
}

func charges(t *rapid.T) []models.ScopeCharge {
	var out []models.ScopeCharge
	for range rapid.IntRange(0, 4).Draw(t, "charges") {
		c := models.ScopeCharge{Scope: rapid.StringMatching(`[a-z]{1,9}:[a-z]{0,12}`).Draw(t, "scope"), WindowStart: models.FromMicros(rapid.Int64Range(0, 1<<50).Draw(t, "start"))}
		if end := rapid.Int64Range(0, 1<<50).Draw(t, "end"); end != 0 {
			at := models.FromMicros(end)
			c.ResetsAt = &at
		}
		if rapid.Bool().Draw(t, "lent") {
			c.Slice, c.Take = rapid.Int64Range(1, 1<<62).Draw(t, "slice"), models.Nano(rapid.Int64Range(0, 1<<50).Draw(t, "take"))
		}
		out = append(out, c)
	}
	return out
}

// older is the record as a version that knew no slices wrote it.
func older(r Record) Record {
	r.Charges = slices.Clone(r.Charges)
	for i := range r.Charges {
		r.Charges[i].Slice, r.Charges[i].Take = 0, 0
	}
	return r
}

func TestRecordsReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := drawRecord(t)
		body := appendRecord(nil, &want)
		got, err := decodeRecord(body)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v became %+v: %v", want, got, err)
		}
		a := AdmitRecord{want, models.Nano(rapid.Int64().Draw(t, "est")), models.Nano(rapid.Int64().Draw(t, "floor"))}
		again, err := decodeAdmit(appendAdmit(nil, &a))
		if err != nil || !reflect.DeepEqual(again, a) {
			t.Fatalf("%+v became %+v: %v", a, again, err)
		}
		// A body cut anywhere is refused, not half read.
		if cut := rapid.IntRange(0, len(body)-1).Draw(t, "cut"); cut < len(body) {
			// But for the ends that older versions wrote.
			unsaved, before := len(body)-len(binary.AppendVarint(nil, int64(want.PromptSaved))), want
			before.PromptSaved = 0
			known := cut == unsaved || cut == unsaved-len(appendSlices(nil, want.Charges))
			if cut < unsaved {
				before = older(before)
			}
			if got, err := decodeRecord(body[:cut]); err == nil && (!known || !reflect.DeepEqual(got, before)) {
				t.Fatalf("%d of %d bytes were read as a record", cut, len(body))
			}
		}
		// A newer version may add fields at the end.
		if longer, err := decodeRecord(append(body, 1, 2, 3)); err != nil || !reflect.DeepEqual(longer, want) {
			t.Fatalf("fields at the end: %v", err)
		}
	})
}

// One record that PostgreSQL refuses for ever would stop all that follow: nothing it refuses may get into the journal.
func TestRecordsAreCleaned(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   Record
		want Record
	}{
		"NUL":             {Record{Model: "a\x00b"}, Record{Model: "a\uFFFDb"}},
		"broken UTF-8":    {Record{EndUser: "a\xffb"}, Record{EndUser: "a\uFFFDb"}},
		"long text":       {Record{ErrorCode: strings.Repeat("é", 5000)}, Record{ErrorCode: strings.Repeat("é", maxText/2)}},
		"cut at a letter": {Record{ErrorCode: "x" + strings.Repeat("é", 5000)}, Record{ErrorCode: "x" + strings.Repeat("é", maxText/2-1)}},
		"tags":            {Record{Tags: []string{"\x00"}}, Record{Tags: []string{"\uFFFD"}}},
		"many tags":       {Record{Tags: make([]string, 1000)}, Record{Tags: make([]string, maxList)}},
		"many lines":      {Record{Lines: make([]price.Line, 1000)}, Record{Lines: make([]price.Line, maxLines)}},
		"no JSON":         {Record{Metadata: []byte(`{"a":`)}, Record{}},
		"NUL in JSON":     {Record{Metadata: []byte(`{"a":"\u0000"}`)}, Record{Metadata: []byte(`{"a":"\ufffd"}`)}},
		"bytes in JSON":   {Record{Metadata: []byte("{\"a\":\"\xff\"}")}, Record{Metadata: []byte("{\"a\":\"\uFFFD\"}")}},
		"huge JSON":       {Record{Metadata: []byte(`"` + strings.Repeat("x", maxMetadata) + `"`)}, Record{}},
		"all \xff JSON":   {Record{Metadata: []byte(`"` + strings.Repeat("\xff", maxMetadata-10) + `"`)}, Record{Metadata: []byte("\"\uFFFD\"")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := decodeRecord(appendRecord(nil, &c.in))
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %.200v, %v", got, err)
			}
			if !utf8.Valid(got.Metadata) {
				t.Error("metadata is not UTF-8")
			}
		})
	}
}

func TestProgressReadsBack(t *testing.T) {
	t.Parallel()
	p := progress{floor: 77, usage: price.Usage{InputUncached: 5, OutputText: 9}}
	id, got, err := decodeProgress(appendProgress(nil, "call", &p))
	if err != nil || id != "call" || got != p {
		t.Errorf("%q %+v %v", id, got, err)
	}
}

// What an older version wrote must stay readable: these bytes are frozen.
func TestRecordFormatIsFrozen(t *testing.T) {
	t.Parallel()
	r := settled(7)
	r.CacheHit, r.Metadata = true, []byte(`{"a":1}`)
	r.Lines = []price.Line{{Unit: price.Output, Quantity: 5, Rate: 2_000_000_000, Nano: 10_000}}
	const frozen = "\x01\x1a01JCALL0000000000000000007\ncompletion\x02k1\x045f0c\x00\x04u-17\x02t1\x00\x00\x05gpt-4\x06gpt-4o\x00\x06openai\x00\x00" +
		"\asuccess\x00\x00\x00\x00\x00\x02\x01a\x01b\x02\x06key:k1\n\x00\ateam:t1\x00\x00A\x0e\n\x0e\x00\x00\x01\x90\x03"
	got := appendRecord(nil, &r)
	if !bytes.HasPrefix(got, []byte(frozen)) {
		t.Errorf("the format changed: %q", got)
	}
}
