package proxy

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"strconv"
)

// seconds reads a number of seconds, or of seconds in quotes, as milliseconds; 0 when it is none.
func seconds(raw []byte) int64 {
	v, err := strconv.ParseFloat(string(bytes.Trim(raw, `"`)), 64)
	if err != nil || v <= 0 || v > 1e7 {
		return 0
	}
	return int64(v*1000 + 0.5)
}

// bytesPerSecond is what compressed speech takes at the least that is usual, 32 kbit/s: a guess that errs on the long side.
const bytesPerSecond = 4000

// audioMillis is how long a sound lasts: exactly for WAV, by its size for everything else.
func audioMillis(file []byte) (ms int64, guessed bool) {
	if ms := wavMillis(file); ms > 0 {
		return ms, false
	}
	return max(1, int64(len(file))*1000/bytesPerSecond), true
}

// wavMillis reads the length of a RIFF WAVE file; 0 when it is none.
func wavMillis(b []byte) int64 {
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return 0
	}
	rate := int64(0)
	for b = b[12:]; len(b) >= 8; {
		size := int64(binary.LittleEndian.Uint32(b[4:8]))
		chunk := b[8:]
		switch string(b[:4]) {
		case "fmt ":
			if len(chunk) < 12 {
				return 0
			}
			rate = int64(binary.LittleEndian.Uint32(chunk[8:12]))
		case "data":
			if rate <= 0 {
				return 0
			}
			return min(size, int64(len(chunk))) * 1000 / rate
		}
		if size += size & 1; size > int64(len(chunk)) {
			return 0
		}
		b = chunk[size:]
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
	n := func(b []byte) int64 { v, _ := strconv.ParseInt(string(b), 10, 64); return v }
	t := all[len(all)-1]
	return min(((n(t[1])*60+n(t[2]))*60+n(t[3]))*1000+n(t[4]), 1e10)
}
