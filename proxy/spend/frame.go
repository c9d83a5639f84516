package spend

import (
	"encoding/binary"
	"hash/crc32"
)

// A segment file is a header and then frames: length of the payload, CRC-32C of the payload, payload. The first byte
// of a payload is its kind. Integers are little-endian.
const (
	frameHead  = 8
	maxPayload = 8 << 20

	kindAdmit    = 1 // body: AdmitRecord
	kindSettle   = 2 // body: number of the settle (8 bytes), Record
	kindAck      = 3 // body: highest settle number that the database has (8 bytes)
	kindProgress = 4 // body: call id, floor, usage so far
	lastKind     = kindProgress
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendFrame adds one frame; number goes in front of the body of a settle or an ack and is left out of others.
func appendFrame(b []byte, kind byte, number uint64, body []byte) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0, kind)
	if kind == kindSettle || kind == kindAck {
		b = binary.LittleEndian.AppendUint64(b, number)
	}
	b = append(b, body...)
	payload := b[start+frameHead:]
	binary.LittleEndian.PutUint32(b[start:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(b[start+4:], crc32.Checksum(payload, castagnoli))
	return b
}

// frame is one frame of a buffer, checked.
type frame struct {
	kind   byte
	number uint64
	body   []byte // view of the buffer
	size   int    // with its head
}

type frameState uint8

const (
	frameGood frameState = iota
	frameShort
	frameBad
)

// parseFrame reads the frame at the start of b. frameShort means that b ends before the frame does, if its length can
// be believed.
func parseFrame(b []byte) (frame, frameState) {
	if len(b) < frameHead {
		return frame{}, frameShort
	}
	n := int(binary.LittleEndian.Uint32(b))
	if n == 0 || n > maxPayload {
		return frame{}, frameBad
	}
	if len(b) < frameHead+n {
		return frame{}, frameShort
	}
	payload := b[frameHead : frameHead+n]
	if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(b[4:]) {
		return frame{}, frameBad
	}
	f := frame{kind: payload[0], body: payload[1:], size: frameHead + n}
	switch f.kind {
	case kindSettle, kindAck:
		if len(f.body) < 8 {
			return frame{}, frameBad
		}
		f.number = binary.LittleEndian.Uint64(f.body)
		f.body = f.body[8:]
	case kindAdmit, kindProgress:
	default:
		return frame{}, frameBad
	}
	return f, frameGood
}

const headerSize = 36

var magic = [8]byte{'G', 'H', 'S', 'P', 'E', 'N', 'D', '1'}

// header starts a segment. It repeats the counters, so that older segments can go.
type header struct {
	seq   uint64
	acked uint64 // highest settle number in the database when the segment was made
	next  uint64 // first settle number that may stand in this segment or later
}

func (h header) append(b []byte) []byte {
	start := len(b)
	b = append(b, magic[:]...)
	b = binary.LittleEndian.AppendUint64(b, h.seq)
	b = binary.LittleEndian.AppendUint64(b, h.acked)
	b = binary.LittleEndian.AppendUint64(b, h.next)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

func parseHeader(b []byte) (header, bool) {
	if len(b) < headerSize || [8]byte(b[:8]) != magic {
		return header{}, false
	}
	if crc32.Checksum(b[:headerSize-4], castagnoli) != binary.LittleEndian.Uint32(b[headerSize-4:]) {
		return header{}, false
	}
	return header{
		seq: binary.LittleEndian.Uint64(b[8:]), acked: binary.LittleEndian.Uint64(b[16:]), next: binary.LittleEndian.Uint64(b[24:]),
	}, true
}

// scan is what a segment's bytes hold.
type scan struct {
	header   header
	headerOK bool
	frames   []span // the good ones, in order
	good     int    // length of the part from the start that is good throughout
	later    bool   // good frames stand behind a bad place: no torn tail, the file is damaged
}

// span is where a good frame lies.
type span struct{ from, to int }

// scanSegment finds every good frame. Behind a bad place it looks for the next good one, byte by byte within a bounded
// amount of work. It accepts any input.
func scanSegment(b []byte) scan {
	var s scan
	s.header, s.headerOK = parseHeader(b)
	at := min(headerSize, len(b))
	work := 256 << 20 // bytes that the search may checksum
	whole := s.headerOK
	if whole {
		s.good = at
	}
	for at < len(b) {
		f, state := parseFrame(b[at:])
		if state == frameGood {
			s.frames = append(s.frames, span{at, at + f.size})
			s.later = s.later || !whole
			at += f.size
			if whole {
				s.good = at
			}
			continue
		}
		whole = false
		for at++; at < len(b); at++ {
			n, plausible := plausibleFrame(b[at:])
			if !plausible {
				continue
			}
			if work -= n; work < 0 {
				return s
			}
			if _, state := parseFrame(b[at:]); state == frameGood {
				break
			}
		}
	}
	return s
}

// plausibleFrame is a cheap test before a checksum: the length fits and the kind is known.
func plausibleFrame(b []byte) (int, bool) {
	if len(b) <= frameHead {
		return 0, false
	}
	n := int(binary.LittleEndian.Uint32(b))
	return n, n > 0 && n <= maxPayload && n <= len(b)-frameHead && b[frameHead] >= kindAdmit && b[frameHead] <= lastKind
}
