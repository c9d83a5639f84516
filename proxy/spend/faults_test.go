package spend

import (
	"errors"
	"os"
	"sync"
	"syscall"
)

// disk is where the journal of a test writes; it fails on demand.
type disk struct {
	mu       sync.Mutex
	full     bool // writes and new files fail
	partial  int  // this many bytes get through before a write fails
	room     int  // writes of so many bytes fit even so
	stuck    bool // truncation fails too
	badSync  int  // how many syncs fail
	syncs    int
	unsynced int // writes since the last sync
}

func (d *disk) set(f func(*disk)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(d)
}

func (d *disk) count(f func(*disk) int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return f(d)
}

func (d *disk) create(path string) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full {
		return nil, &os.PathError{Op: "open", Path: path, Err: syscall.ENOSPC}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &diskFile{d, f}, nil
}

type diskFile struct {
	d *disk
	f *os.File
}

func (f *diskFile) WriteAt(b []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.d.full && len(b) > f.d.room {
		n, _ := f.f.WriteAt(b[:min(len(b), f.d.partial)], off)
		return n, syscall.ENOSPC
	}
	f.d.unsynced++
	return f.f.WriteAt(b, off)
}

func (f *diskFile) Truncate(size int64) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.d.stuck {
		return syscall.EIO
	}
	return f.f.Truncate(size)
}

func (f *diskFile) Sync() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	f.d.syncs++
	if f.d.badSync > 0 {
		f.d.badSync--
		return errors.New("sync failed")
	}
	f.d.unsynced = 0
	return nil
}

func (f *diskFile) Close() error { return f.f.Close() }
