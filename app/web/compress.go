package web

import (
	"bytes"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// compressLeast is the size under which a page is sent as it is.
const compressLeast = 1400

// compressPage packs the HTML of a GET for browsers that take gzip. Secrets are only ever in the answer to a POST, which is
// left alone: beside text that somebody else chose, its packed size would tell of the secret.
func compressPage(c *fiber.Ctx) {
	res := c.Response()
	if c.Method() != fiber.MethodGet || res.IsBodyStream() || !bytes.HasPrefix(res.Header.ContentType(), []byte("text/html")) {
		return
	}
	c.Vary(fiber.HeaderAcceptEncoding)
	body := res.Body()
	if len(body) < compressLeast || len(res.Header.Peek(fiber.HeaderContentEncoding)) > 0 || !c.Request().Header.HasAcceptEncoding("gzip") {
		return
	}
	res.SetBodyRaw(fasthttp.AppendGzipBytesLevel(nil, body, fasthttp.CompressDefaultCompression))
	c.Set(fiber.HeaderContentEncoding, "gzip")
}
