package app

import (
	"slices"
	"strings"
	"testing"
)

// What a loader wrote into pages that it protected afterwards must stay: without it a dynamically linked program jumps to 0.
func TestOnlyCleanPagesAreGivenBack(t *testing.T) {
	t.Parallel()
	const smaps = `00400000-00500000 r-xp 00001000 fe:00 11 /bin/gatehouse
Rss:                 900 kB
Shared_Dirty:          0 kB
Private_Dirty:         0 kB
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd ex mr mw me
00500000-00600000 r--p 00101000 fe:00 11 /bin/gatehouse
Private_Dirty:        12 kB
Anonymous:            12 kB
Swap:                  0 kB
00600000-00700000 r--p 00201000 fe:00 11 /bin/gatehouse
Private_Dirty:         0 kB
Anonymous:             0 kB
Swap:                  8 kB
00700000-00800000 rw-p 00301000 fe:00 11 /bin/gatehouse
Private_Dirty:         0 kB
00800000-00900000 r-xp 00000000 fe:00 12 /lib/libc.so
Private_Dirty:         0 kB
00900000-00a00000 rw-p 00000000 00:00 0
Private_Dirty:         0 kB
00a00000-00b00000 r--p 00401000 fe:00 11 /bin/gatehouse
Private_Dirty:         0 kB
Anonymous:             0 kB
`
	got := cleanMappings(strings.NewReader(smaps), "/bin/gatehouse")
	if want := []mapping{{0x400000, 0x500000}, {0xa00000, 0xb00000}}; !slices.Equal(got, want) {
		t.Errorf("given back %x, want %x", got, want)
	}
}
