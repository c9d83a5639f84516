package spend

import (
	"encoding/binary"
	"testing"
)

// journalBytes is a segment with n settled calls, and where each frame ends.
func journalBytes(n int) ([]byte, []int) {
	b := header{seq: 1, next: 1}.append(nil)
	var ends []int
	for i := 1; i <= n; i++ {
		r := settled(i)
		b = appendFrame(b, kindSettle, uint64(i), appendRecord(nil, &r))
		ends = append(ends, len(b))
	}
	return b, ends
}

func TestScanOfWholeSegment(t *testing.T) {
	t.Parallel()
	b, ends := journalBytes(5)
	s := scanSegment(b)
	if !s.headerOK || len(s.frames) != 5 || s.good != len(b) || s.later {
		t.Fatalf("%+v", s)
	}
	for i, f := range s.frames {
		if f.to != ends[i] {
			t.Errorf("frame %d ends at %d, want %d", i, f.to, ends[i])
		}
	}
}

// However the file is cut, every frame before the cut is found and the tail is called torn.
func TestScanOfCutSegment(t *testing.T) {
	t.Parallel()
	b, ends := journalBytes(5)
	for cut := range b {
		s := scanSegment(b[:cut])
		want := 0
		for _, e := range ends {
			if e <= cut {
				want++
			}
		}
		if len(s.frames) != want || s.later {
			t.Fatalf("cut at %d: %d frames, want %d; later %v", cut, len(s.frames), want, s.later)
		}
	}
}

// One wrong byte costs at most the frame that it is in.
func TestScanOfDamagedSegment(t *testing.T) {
	t.Parallel()
	b, ends := journalBytes(5)
	for at := range b {
		d := append([]byte(nil), b...)
		d[at] ^= 0x55
		s := scanSegment(d)
		want := 4
		if at < headerSize {
			want = 5
		}
		if len(s.frames) != want {
			t.Fatalf("byte %d: %d frames, want %d", at, len(s.frames), want)
		}
		if inLast := at >= ends[3]; s.later == inLast {
			t.Fatalf("byte %d: frames behind the damage %v", at, s.later)
		}
	}
}

// A file that grew before its data came to the disk ends in zeros; zeros are no frames.
func TestZerosAreNoFrames(t *testing.T) {
	t.Parallel()
	b, _ := journalBytes(2)
	s := scanSegment(append(b, make([]byte, 4096)...))
	if len(s.frames) != 2 || s.good != len(b) || s.later {
		t.Errorf("%+v", s)
	}
}

// Readers must survive anything. The corpus is kept in testdata/fuzz.
func FuzzSegment(f *testing.F) {
	b, ends := journalBytes(3)
	f.Add(b)
	f.Add(b[:ends[1]+5])
	f.Add(append(append([]byte(nil), b...), make([]byte, 64)...))
	f.Add([]byte{})
	f.Add(header{}.append(nil))
	a := admitted(1)
	b = appendFrame(b, kindAdmit, 0, appendAdmit(nil, &a))
	b = appendFrame(b, kindAck, 2, nil)
	b = appendFrame(b, kindProgress, 0, appendProgress(nil, "x", &progress{floor: 1}))
	f.Add(b)
	huge := append([]byte(nil), b...)
	binary.LittleEndian.PutUint32(huge[headerSize:], 1<<31)
	f.Add(huge)
	f.Fuzz(func(t *testing.T, b []byte) {
		s := scanSegment(b)
		if s.good > len(b) {
			t.Fatalf("%d good bytes of %d", s.good, len(b))
		}
		end := 0
		for _, at := range s.frames {
			if at.from < end || at.to > len(b) {
				t.Fatalf("frame %v overlaps or leaves the file", at)
			}
			end = at.to
			fr, state := parseFrame(b[at.from:at.to])
			if state != frameGood {
				t.Fatalf("frame %v is not good", at)
			}
			_, _ = decodeRecord(fr.body)
			_, _ = decodeAdmit(fr.body)
			_, _, _ = decodeProgress(fr.body)
		}
	})
}

// FuzzBody feeds the decoders without the checksum in the way.
func FuzzBody(f *testing.F) {
	r, a := settled(1), admitted(1)
	f.Add(appendRecord(nil, &r))
	f.Add(appendAdmit(nil, &a))
	f.Add(appendProgress(nil, "x", &progress{floor: 1}))
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := decodeRecord(b); err == nil {
			again, err := decodeRecord(appendRecord(nil, &r))
			if err != nil || again.CallID != cleanText(r.CallID, maxText) {
				t.Fatalf("read once, not twice: %v", err)
			}
		}
		_, _ = decodeAdmit(b)
		_, _, _ = decodeProgress(b)
	})
}
