package proxy

import (
	"bytes"
	"encoding/binary"
	"io"
	"regexp"
	"strconv"
)

// seconds reads a number of seconds, or of seconds in quotes, as milliseconds; 0 when it is none.
func seconds(raw []byte) int64 {
	v, err := strconv.ParseFloat(string(bytes.Trim(raw, `"`)), 64)
	if err != nil || !(v > 0) || v > 1e7 { // NaN is neither more nor less
		return 0
	}
	return int64(v*1000 + 0.5)
}

// bytesPerSecond is what compressed speech takes at the least that is usual, 32 kbit/s: a guess that errs on the long side.
const bytesPerSecond = 4000

// audioMillis is how long a sound lasts: exactly for WAV, by its size for everything else.
func audioMillis(file io.ReaderAt, size int64) (ms int64, guessed bool) {
	if ms := wavMillis(file, size); ms > 0 {
		return ms, false
	}
	return max(1, size*1000/bytesPerSecond), true
}

// wavMillis reads the length of a RIFF WAVE file; 0 when it is none.
func wavMillis(file io.ReaderAt, length int64) int64 {
	var b [20]byte
	read := func(n int, at int64) bool {
		got, _ := file.ReadAt(b[:n], at) // a short one tells enough
		return got == n
	}
	if !read(12, 0) || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return 0
	}
	rate := int64(0)
	for at := int64(12); read(8, at); {
		size, chunk := int64(binary.LittleEndian.Uint32(b[4:8])), at+8
		switch string(b[:4]) {
		case "fmt ":
			if !read(12, chunk) {
				return 0
			}
			rate = int64(binary.LittleEndian.Uint32(b[8:12]))
		case "data":
			if rate <= 0 {
				return 0
			}
			return min(size, length-chunk) * 1000 / rate
		}
		if size += size & 1; size > length-chunk {
			return 0
		}
		at = chunk + size
	}
	return 0
}

// stamp is a time of SubRip or WebVTT.
//
//nolint:gochecknoglobals // compiled once, never written
var stamp = regexp.MustCompile(`--> (?:(\d+):)?(\d{2}):(\d{2})[.,](\d{3})`)

// subtitleMillis is the last time that subtitles name; 0 when they name none.
func subtitleMillis(text []byte) int64 {
	all := stamp.FindAllSubmatch(text, -1)
	if len(all) == 0 {
		return 0
	}
	n := func(b []byte) int64 { v, _ := strconv.ParseInt(string(b), 10, 64); return min(v, 1e6) }
	t := all[len(all)-1]
	return min(((n(t[1])*60+n(t[2]))*60+n(t[3]))*1000+n(t[4]), 1e10)
}
