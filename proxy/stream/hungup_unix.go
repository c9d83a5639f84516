//go:build unix

package stream

import "syscall"

// hungUp says whether the other side has ended the connection: its FIN or RST is the next thing to read.
func hungUp(fd uintptr) bool {
	var one [1]byte
	n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	switch {
	case n > 0:
		return false // the next request of a client in a hurry
	case n == 0 && err == nil:
		return true
	}
	return err != syscall.EAGAIN && err != syscall.EWOULDBLOCK && err != syscall.EINTR //nolint:errorlint // errno values
}
