package proxy

import "testing"

func TestLengthsOfSound(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]int64{"1.5": 1500, `"2"`: 2000, "0": 0, "-1": 0, "NaN": 0, `"NaN"`: 0, "Inf": 0, "1e300": 0, "": 0, "x": 0} {
		if got := seconds([]byte(raw)); got != want {
			t.Errorf("%s s are %d ms, want %d", raw, got, want)
		}
	}
	for text, want := range map[string]int64{
		"00:00.000 --> 00:02.500\n": 2500, "00:00:01,000 --> 01:00:02,500\n\n": 3602500, "none": 0,
		"00:00:00,000 --> 18446744073709551615:00:05,000": 1e10, "00:00:00,000 --> 99999999:59:59,999": 1e10,
	} {
		if got := subtitleMillis([]byte(text)); got != want {
			t.Errorf("%q lasts %d ms, want %d", text, got, want)
		}
	}
}
