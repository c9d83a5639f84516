package portal

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"
)

// sendCSV answers with a CSV file that is written while it is sent. rows calls row for each line; it must not touch the
// request, since the handler has ended by then. A failure cuts the answer off, so that no file looks whole that is not.
func (h *Handlers) sendCSV(c *fiber.Ctx, name string, head []string, rows func(ctx context.Context, row func(...string) error) error) error {
	c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="`+url.PathEscape(name)+`.csv"`)
	c.Set(fiber.HeaderCacheControl, "no-store")
	// A long file takes longer than a request may work otherwise; it ends with its reader.
	ctx, done := context.WithTimeout(context.WithoutCancel(c.UserContext()), exportLimit)
	log := h.opt.Log
	read, write := io.Pipe()
	go func() { // ends when the file is written, or when the server closes read because the client left
		defer done()
		err := writeCSV(write, head, func(row func(...string) error) error { return rows(ctx, row) })
		if err != nil && !errors.Is(err, io.ErrClosedPipe) {
			log.LogAttrs(ctx, slog.LevelError, "an export ended early", slog.Any("error", err))
		}
		_ = write.CloseWithError(err) // tells the reader; closing a pipe cannot fail
	}()
	begin := make([]byte, lengthKnown+1)
	n, err := io.ReadFull(read, begin)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF): // all of it: its length can be told
		return c.Send(begin[:n])
	case err != nil:
		return err
	}
	c.Context().SetBodyStream(&stream{io.MultiReader(bytes.NewReader(begin), read), read}, -1)
	return nil
}

const (
	// exportLimit is the longest that writing a file may take.
	exportLimit = 15 * time.Minute
	// lengthKnown is up to which size a file is written before it is sent, so that browsers know how much will come.
	lengthKnown = 256 << 10
)

// stream is what is left of a file; closing it ends the writing.
type stream struct {
	io.Reader
	io.Closer
}

func writeCSV(w io.Writer, head []string, rows func(row func(...string) error) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic in an export: %v", r)
		}
	}()
	out := csv.NewWriter(w)
	if err := out.Write(head); err != nil {
		return err
	}
	if err := rows(func(cells ...string) error {
		for i := range cells {
			cells[i] = safeCell(cells[i])
		}
		return out.Write(cells)
	}); err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

// safeCell keeps a spreadsheet from taking text for a formula.
func safeCell(text string) string {
	if text == "" {
		return text
	}
	switch text[0] {
	case '=', '+', '-', '@', '\t', '\r', '\n':
		return "'" + text
	}
	return text
}
