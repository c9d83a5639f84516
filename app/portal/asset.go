package portal

import (
	"github.com/gofiber/fiber/v2"

	"gatehouse/static"
)

// asset serves /ui/static/*: built files, hashed ones cached for ever, in the best encoding that the browser takes.
func (h *Handlers) asset(c *fiber.Ctx) error {
	a, ok := static.Lookup(c.Params("*"))
	if !ok {
		return fiber.ErrNotFound
	}
	c.Set(fiber.HeaderContentType, a.ContentType)
	c.Set(fiber.HeaderCacheControl, a.CacheControl)
	c.Set(fiber.HeaderETag, a.ETag)
	c.Vary(fiber.HeaderAcceptEncoding)
	if c.Get(fiber.HeaderIfNoneMatch) == a.ETag {
		return c.SendStatus(fiber.StatusNotModified)
	}
	body, encoding := a.Body(c.Get(fiber.HeaderAcceptEncoding))
	if encoding != "" {
		c.Set(fiber.HeaderContentEncoding, encoding)
	}
	return c.Send(body)
}
