package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"gatehouse/proxy/provider"
)

// formBytes is the body of a form: in memory when it is small, else in a file that nobody else can open, so that many large
// ones at once cost disk and not memory, and a retry can send them again.
type formBytes struct {
	src  io.ReaderAt
	size int64
	file *os.File // nil: in memory
}

// heldForm is the largest form that is kept in memory.
const heldForm = 1 << 20

// errSpool says that a large form could not be written down.
var errSpool = errors.New("no room for the upload")

// takeUpload reads the body of a form.
func (c *call) takeUpload() (*formBytes, error) {
	n := c.ctx.Request.Header.ContentLength()
	if n > c.cfg.MaxBody {
		return nil, errTooLarge
	}
	src := c.ctx.RequestBodyStream()
	if src == nil || n >= 0 && n <= heldForm {
		return c.heldUpload()
	}
	file, err := os.CreateTemp(c.cfg.UploadDir, "gatehouse-upload-*")
	if err != nil {
		if c.p.warned.due("upload", c.start) {
			c.p.Log.Warn("uploads are held in memory: no file can be made for them", slog.String("reason", err.Error()))
		}
		return c.heldUpload()
	}
	// Where the system allows it the file loses its name at once: whatever becomes of this process, nothing is left behind.
	_ = os.Remove(file.Name())
	u := &formBytes{src: file, file: file}
	if u.size, err = spool(file, src, int64(c.cfg.MaxBody)); err != nil {
		u.close()
		return nil, err
	}
	c.ctx.Request.ResetBody() // read to its end: the connection stands at the next request
	return u, nil
}

// heldUpload reads the body into memory. It is the call's from then on and no scratch any more.
func (c *call) heldUpload() (*formBytes, error) {
	body, err := readBody(c.ctx, nil, c.cfg.MaxBody)
	if err != nil {
		return nil, err
	}
	return &formBytes{src: bytes.NewReader(body), size: int64(len(body))}, nil
}

// spool copies a body into a file. Errors: errTooLarge, errSlow, one that is errSpool.
func spool(file io.Writer, src io.Reader, limit int64) (size int64, err error) {
	var buf [64 << 10]byte
	for {
		n, err := src.Read(buf[:])
		if size += int64(n); size > limit {
			return size, errTooLarge
		}
		if n > 0 {
			if _, err := file.Write(buf[:n]); err != nil {
				return size, fmt.Errorf("%w: %w", errSpool, err)
			}
		}
		if errors.Is(err, io.EOF) {
			return size, nil
		}
		if err != nil {
			return size, errSlow
		}
	}
}

// section is a stretch of it.
func (u *formBytes) section(from, to int64) provider.Section {
	return provider.Section{From: u.src, Off: from, Size: to - from}
}

// text is a stretch of it, read.
func (u *formBytes) text(from, to int64) ([]byte, error) {
	b := make([]byte, to-from)
	if _, err := u.src.ReadAt(b, from); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %w", errSpool, err)
	}
	return b, nil
}

// find is where mark is found next, from an offset on; -1 when it is not.
func (u *formBytes) find(mark []byte, from int64) (int64, error) {
	buf := make([]byte, min(u.size-from, 64<<10)+int64(len(mark)))
	for at := from; at < u.size; {
		n, err := u.src.ReadAt(buf[:min(int64(len(buf)), u.size-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return -1, fmt.Errorf("%w: %w", errSpool, err)
		}
		if i := bytes.Index(buf[:n], mark); i >= 0 {
			return at + int64(i), nil
		}
		if n < len(buf) {
			break
		}
		at += int64(n - len(mark) + 1)
	}
	return -1, nil
}

// close gives up the file, if there is one.
func (u *formBytes) close() {
	if u == nil || u.file == nil {
		return
	}
	_ = u.file.Close()
	_ = os.Remove(u.file.Name()) // where it still has its name
}

// refusedUpload turns a form that did not come into an answer.
func refusedUpload(err error) *failure {
	if errors.Is(err, errSpool) {
		f := fail(overloaded, "there is no room for the upload now").because(err)
		f.close = true
		return f
	}
	return refusedRead(err)
}
