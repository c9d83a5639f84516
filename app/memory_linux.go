package app

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// dropProgramPages unmaps the pages of our own file. The system maps a file of 60 MB nearly whole while a process starts,
// and counts it as the process's memory; the pages that are used come back from the page cache at their next use. Whatever
// fails here fails without harm.
func dropProgramPages() {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	smaps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer func() { _ = smaps.Close() }()
	for _, m := range cleanMappings(smaps, exe) {
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, uintptr(m.from), uintptr(m.to-m.from), syscall.MADV_DONTNEED)
	}
}

// mapping is a range of addresses.
type mapping struct{ from, to uint64 }

// cleanMappings finds the mappings of file in a /proc/<pid>/smaps that hold just what the file holds. One that cannot be
// written is not enough: the loader of a dynamically linked program fills its tables of addresses first and protects them
// then, and what it wrote is nowhere but in those pages.
func cleanMappings(smaps io.Reader, file string) []mapping {
	var out []mapping
	var at mapping
	clean, open := false, false
	end := func() {
		if open && clean {
			out = append(out, at)
		}
		open = false
	}
	for lines := bufio.NewScanner(smaps); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 {
			continue
		}
		if name, of := strings.CutSuffix(fields[0], ":"); of { // Private_Dirty:        0 kB
			switch name {
			case "Shared_Dirty", "Private_Dirty", "Anonymous", "Swap":
				clean = clean && len(fields) > 1 && fields[1] == "0"
			}
			continue
		}
		end() // 00400000-01d75000 r-xp 00003000 fe:00 1234 /usr/bin/gatehouse
		if len(fields) < 6 || fields[5] != file || strings.Contains(fields[1], "w") {
			continue
		}
		low, high, _ := strings.Cut(fields[0], "-")
		from, errFrom := strconv.ParseUint(low, 16, 64)
		to, errTo := strconv.ParseUint(high, 16, 64)
		at, clean, open = mapping{from, to}, true, errFrom == nil && errTo == nil && to > from
	}
	end()
	return out
}
