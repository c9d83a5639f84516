package app

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/config"
	"gatehouse/static"
)

const (
	logoMost  = 2 << 20 // bytes
	logoRoute = "/get_image"
)

// logo is the picture at UI_LOGO_PATH, a file or an address; our own mark where there is none, or none that can be shown.
type logo struct {
	kind string
	body []byte
	own  bool // the operator's
}

func (p *process) openLogo(cfg *config.Config) logo {
	path := cfg.UI.LogoPath
	if path != "" {
		body, err := readLogo(cfg, path)
		if err == nil {
			if kind := pictureKind(body); kind != "" {
				return logo{kind: kind, body: body, own: true}
			}
			err = errors.New("it is no PNG, JPEG, GIF, WebP or SVG")
		}
		p.log.Warn("the picture at UI_LOGO_PATH cannot be shown; Gatehouse's own stands", slog.Any("error", err))
	}
	a, _ := static.Lookup("favicon.svg")
	return logo{kind: a.ContentType, body: a.Plain}
}

func readLogo(cfg *config.Config, path string) ([]byte, error) {
	if strings.HasPrefix(path, "http://") || strings.HasPrefix(path, "https://") {
		return fetch(cfg.Server, path, logoMost)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	body, err := io.ReadAll(io.LimitReader(f, logoMost+1))
	if err == nil && len(body) > logoMost {
		err = errors.New("it is larger than 2 MiB")
	}
	return body, err
}

// pictureKind is the media type of a picture that browsers show, by its first bytes; "" for anything else.
func pictureKind(body []byte) string {
	kind, _, _ := strings.Cut(http.DetectContentType(body), ";")
	switch kind {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
		return kind
	}
	if head := strings.ToLower(string(body[:min(len(body), 1024)])); strings.Contains(head, "<svg") {
		return "image/svg+xml"
	}
	return ""
}

// register serves the picture to everybody: the sign-in page shows it. An SVG opened by itself runs nothing, by the
// policy that every answer carries.
func (l logo) register(app *fiber.App, prefix string) {
	app.Get(prefix+logoRoute, func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentType, l.kind)
		c.Set(fiber.HeaderCacheControl, "public, max-age=3600")
		return c.Send(l.body)
	})
}
