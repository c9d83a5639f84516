package spend

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"gatehouse/models"
	"gatehouse/proxy/price"
)

// Bodies are fields in a fixed order: varints, texts with their length in front. New fields go at the end of a body,
// where an older record simply ends; a field is never moved or taken out. recordVersion changes if that ever fails.
const recordVersion = 1

// What a record may hold. Longer texts are cut: a provider's error code or a caller's tag must not fill the disk.
const (
	maxText     = 4 << 10
	maxMetadata = 256 << 10
	maxList     = 256
	maxLines    = 64
)

var errBody = errors.New("journal record is malformed")

// The flags of a record, one bit each.
const (
	flagCacheHit = 1 << iota
	flagUnpriced
	flagEstimated
)

func appendRecord(b []byte, r *Record) []byte {
	b = append(b, recordVersion)
	for _, s := range [...]string{
		r.CallID, r.CallType, r.KeyID, r.KeyHash, r.KeyAlias, r.UserID, r.TeamID, r.OrgID, r.EndUser, r.ModelGroup, r.Model,
		r.DeploymentID, r.Provider, r.APIBase, r.CacheKey, r.Status, r.ErrorCode, r.IP, r.SessionID, r.SettledBy, r.PriceVersion,
	} {
		b = appendText(b, s)
	}
	b = appendList(b, r.Tags)
	b = appendCharges(b, r.Charges)
	b = appendUsage(b, &r.Usage)
	b = binary.AppendVarint(b, int64(r.CostNano))
	b = binary.AppendVarint(b, int64(r.SavedNano))
	b = binary.AppendVarint(b, int64(r.OvershootNano))
	var flags byte
	if r.CacheHit {
		flags |= flagCacheHit
	}
	if r.Unpriced {
		flags |= flagUnpriced
	}
	if r.UsageEstimated {
		flags |= flagEstimated
	}
	b = append(b, flags)
	b = binary.AppendVarint(b, int64(r.HTTPStatus))
	b = appendTime(b, r.Start)
	b = appendTime(b, r.FirstByte)
	b = appendTime(b, r.End)
	lines := r.Lines[:min(len(r.Lines), maxLines)]
	b = binary.AppendUvarint(b, uint64(len(lines)))
	for i := range lines {
		l := &lines[i]
		b = append(b, byte(l.Unit))
		b = binary.AppendVarint(b, l.Quantity)
		b = binary.AppendVarint(b, l.Rate)
		b = binary.AppendVarint(b, int64(l.Nano))
	}
	meta := cleanJSON(r.Metadata)
	b = binary.AppendUvarint(b, uint64(len(meta)))
	b = append(b, meta...)
	b = appendSlices(b, r.Charges)
	return binary.AppendVarint(b, int64(r.PromptSaved))
}

// appendSlices writes what each charge takes out of a slice of its budget; none where none does.
func appendSlices(b []byte, charges []models.ScopeCharge) []byte {
	charges = charges[:min(len(charges), maxList)]
	n := 0
	for i := range charges {
		if charges[i].Slice != 0 {
			n = i + 1
		}
	}
	b = binary.AppendUvarint(b, uint64(n))
	for i := range charges[:n] {
		b = binary.AppendVarint(b, charges[i].Slice)
		b = binary.AppendVarint(b, int64(charges[i].Take))
	}
	return b
}

// appendAdmit puts its own fields first: the record is open-ended.
func appendAdmit(b []byte, a *AdmitRecord) []byte {
	b = binary.AppendVarint(b, int64(a.EstNano))
	b = binary.AppendVarint(b, int64(a.FloorNano))
	return appendRecord(b, &a.Record)
}

func appendText(b []byte, s string) []byte {
	s = cleanText(s, maxText)
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// cleanText makes s what PostgreSQL accepts as text: valid UTF-8 without NUL, and not longer than limit bytes. One
// record that the database refuses for ever would hold up all that come after it.
func cleanText(s string, limit int) string {
	if len(s) > limit {
		cut := limit
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut]
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	return s
}

// cleanJSON is m when it is one JSON value that the database takes, else nothing. PostgreSQL refuses \u0000 in jsonb.
func cleanJSON(m []byte) []byte {
	if len(m) == 0 || len(m) > maxMetadata || !json.Valid(m) {
		return nil
	}
	if !utf8.Valid(m) {
		m = bytes.ToValidUTF8(m, []byte("\uFFFD"))
	}
	if bytes.Contains(m, []byte(`\u0000`)) {
		m = bytes.ReplaceAll(m, []byte(`\u0000`), []byte(`\ufffd`))
	}
	return m
}

func appendList(b []byte, list []string) []byte {
	list = list[:min(len(list), maxList)]
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = appendText(b, s)
	}
	return b
}

// appendUsage writes a bit per counter that is not 0, then those counters.
func appendUsage(b []byte, u *price.Usage) []byte {
	values := u.Values()
	var set uint64
	for i, v := range values {
		if v != 0 {
			set |= 1 << i
		}
	}
	b = binary.AppendUvarint(b, set)
	for _, v := range values {
		if v != 0 {
			b = binary.AppendVarint(b, v)
		}
	}
	return b
}

func appendTime(b []byte, t time.Time) []byte {
	return binary.AppendVarint(b, models.Time{Time: t}.Micros())
}

// appendCharges writes each scope with its window: start, then end (0 for none).
func appendCharges(b []byte, charges []models.ScopeCharge) []byte {
	n := min(len(charges), maxList)
	b = binary.AppendUvarint(b, uint64(n))
	for i := range charges[:n] {
		c := &charges[i]
		b = appendText(b, c.Scope)
		b = binary.AppendVarint(b, c.WindowStart.Micros())
		end := int64(0)
		if c.ResetsAt != nil {
			end = c.ResetsAt.Micros()
		}
		b = binary.AppendVarint(b, end)
	}
	return b
}

// decoder reads a body; after a mistake everything is zero and ok is false. The texts it gives share one string.
type decoder struct {
	s  string
	ok bool
}

func decode(body []byte) decoder { return decoder{string(body), true} }

func (d *decoder) fail() { d.s, d.ok = "", false }

func (d *decoder) byte() byte {
	if len(d.s) == 0 {
		d.fail()
		return 0
	}
	c := d.s[0]
	d.s = d.s[1:]
	return c
}

func (d *decoder) uint() uint64 {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		c := d.byte()
		if !d.ok {
			return 0
		}
		if shift == 63 && c > 1 {
			break
		}
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
	d.fail()
	return 0
}

func (d *decoder) int() int64 {
	v := d.uint()
	return int64(v>>1) ^ -int64(v&1)
}

// size is a length or a count, never above limit.
func (d *decoder) size(limit int) int {
	v := d.uint()
	if v > uint64(limit) {
		d.fail()
		return 0
	}
	return int(v)
}

func (d *decoder) take(n int) string {
	if n > len(d.s) {
		d.fail()
		return ""
	}
	s := d.s[:n]
	d.s = d.s[n:]
	return s
}

// maxTextRead leaves room for replacement characters that cleaning put in.
const maxTextRead = 4 * maxText

func (d *decoder) text() string { return d.take(d.size(maxTextRead)) }

func (d *decoder) list() []string {
	n := d.size(maxList)
	if n == 0 {
		return nil
	}
	out := make([]string, 0, n)
	for range n {
		out = append(out, d.text())
	}
	return out
}

func (d *decoder) charges() []models.ScopeCharge {
	n := d.size(maxList)
	if n == 0 {
		return nil
	}
	out := make([]models.ScopeCharge, 0, n)
	for range n {
		c := models.ScopeCharge{Scope: d.text(), WindowStart: models.FromMicros(d.int())}
		if end := d.int(); end != 0 {
			at := models.FromMicros(end)
			c.ResetsAt = &at
		}
		out = append(out, c)
	}
	return out
}

func (d *decoder) usage() price.Usage {
	var u price.Usage
	set := d.uint()
	for i := 0; i < 64 && d.ok; i++ {
		if set&(1<<i) != 0 {
			u.SetValue(i, d.int())
		}
	}
	return u
}

func (d *decoder) time() time.Time { return models.FromMicros(d.int()).Time }

func (d *decoder) record(r *Record) {
	if d.byte() != recordVersion {
		d.fail()
		return
	}
	for _, s := range [...]*string{
		&r.CallID, &r.CallType, &r.KeyID, &r.KeyHash, &r.KeyAlias, &r.UserID, &r.TeamID, &r.OrgID, &r.EndUser, &r.ModelGroup, &r.Model,
		&r.DeploymentID, &r.Provider, &r.APIBase, &r.CacheKey, &r.Status, &r.ErrorCode, &r.IP, &r.SessionID, &r.SettledBy, &r.PriceVersion,
	} {
		*s = d.text()
	}
	r.Tags = d.list()
	r.Charges = d.charges()
	r.Usage = d.usage()
	r.CostNano = models.Nano(d.int())
	r.SavedNano = models.Nano(d.int())
	r.OvershootNano = models.Nano(d.int())
	flags := d.byte()
	r.CacheHit = flags&flagCacheHit != 0
	r.Unpriced = flags&flagUnpriced != 0
	r.UsageEstimated = flags&flagEstimated != 0
	r.HTTPStatus = int(d.int())
	r.Start, r.FirstByte, r.End = d.time(), d.time(), d.time()
	if n := d.size(maxLines); n > 0 {
		r.Lines = make([]price.Line, 0, n)
		for range n {
			r.Lines = append(r.Lines, price.Line{
				Unit: price.Unit(d.byte()), Quantity: d.int(), Rate: d.int(), Nano: models.Nano(d.int()),
			})
		}
	}
	if meta := d.take(d.size(4 * maxMetadata)); meta != "" {
		r.Metadata = []byte(meta)
	}
	if d.s == "" {
		return // of a version that knew no slices
	}
	for i := range min(d.size(maxList), len(r.Charges)) {
		r.Charges[i].Slice, r.Charges[i].Take = d.int(), models.Nano(d.int())
	}
	if d.s == "" {
		return // of a version that did not know what prompt caches save
	}
	r.PromptSaved = models.Nano(d.int())
}

func decodeRecord(body []byte) (Record, error) {
	var r Record
	d := decode(body)
	d.record(&r)
	if !d.ok {
		return Record{}, errBody
	}
	return r, nil
}

func decodeAdmit(body []byte) (AdmitRecord, error) {
	var a AdmitRecord
	d := decode(body)
	a.EstNano = models.Nano(d.int())
	a.FloorNano = models.Nano(d.int())
	d.record(&a.Record)
	if !d.ok {
		return AdmitRecord{}, errBody
	}
	return a, nil
}

// progress is the running cost of an open call.
type progress struct {
	floor models.Nano
	usage price.Usage
}

func appendProgress(b []byte, callID string, p *progress) []byte {
	b = appendText(b, callID)
	b = binary.AppendVarint(b, int64(p.floor))
	return appendUsage(b, &p.usage)
}

func decodeProgress(body []byte) (string, progress, error) {
	d := decode(body)
	id := d.text()
	p := progress{floor: models.Nano(d.int()), usage: d.usage()}
	if !d.ok {
		return "", progress{}, errBody
	}
	return id, p, nil
}
