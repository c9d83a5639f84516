package portal

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"

	"github.com/gofiber/fiber/v2"
)

// sendCSV answers with a CSV file that is written while it is sent. rows calls row for each line; it must not touch the
// request, since the handler has ended by then. A failure cuts the answer off, so that no file looks whole that is not.
func (h *Handlers) sendCSV(c *fiber.Ctx, name string, head []string, rows func(ctx context.Context, row func(...string) error) error) error {
	c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="`+url.PathEscape(name)+`.csv"`)
	c.Set(fiber.HeaderCacheControl, "no-store")
	ctx, log := c.UserContext(), h.opt.Log
	read, write := io.Pipe()
	go func() { // ends when the file is written, or when the server closes read because the client left
		err := writeCSV(write, head, func(row func(...string) error) error { return rows(ctx, row) })
		if err != nil && !errors.Is(err, io.ErrClosedPipe) {
			log.LogAttrs(ctx, slog.LevelError, "an export ended early", slog.Any("error", err))
		}
		_ = write.CloseWithError(err) // tells the reader; closing a pipe cannot fail
	}()
	c.Context().SetBodyStream(read, -1)
	return nil
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
