package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"gatehouse/app/config"
	"gatehouse/app/web"
	"gatehouse/proxy"
)

const (
	maxConnections = 20_000
	maxHeader      = 32 << 10
	idleKeepAlive  = 75 * time.Second
)

// plane is the data plane as the server sees it.
type plane interface {
	// Owns says whether the data plane serves this path.
	Owns(method, path []byte) bool
	Handler() fasthttp.RequestHandler
}

// newServer puts both halves behind one listener. Bodies are streamed, so that the data plane reads none before it knows
// the key; the control plane's are read here, within their bound. While draining says so, the control plane takes no more
// requests but those for its health; the data plane sees to that itself.
func newServer(p plane, control fasthttp.RequestHandler, rootPath string, draining func() bool) *fasthttp.Server {
	calls := p.Handler()
	manage := func(ctx *fasthttp.RequestCtx, path []byte) {
		switch err := proxy.CheckHead(&ctx.Request.Header); {
		case err != nil:
			refuse(ctx, fasthttp.StatusBadRequest, "bad_request_error", err.Error())
		case draining() && !bytes.HasPrefix(path, []byte("/health")):
			ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, "1")
			refuse(ctx, fasthttp.StatusServiceUnavailable, "service_unavailable", "Gatehouse is shutting down")
		case readBody(ctx):
			control(ctx)
		}
	}
	return &fasthttp.Server{
		Handler: func(ctx *fasthttp.RequestCtx) {
			path := ctx.URI().PathOriginal()
			below, inside := bytes.CutPrefix(path, []byte(rootPath))
			if inside && p.Owns(ctx.Method(), below) {
				calls(ctx)
			} else {
				manage(ctx, below)
			}
			leaveUnread(ctx)
		},
		ConnState: func(c net.Conn, state fasthttp.ConnState) {
			if pc, ok := c.(*pacedConn); ok && state != fasthttp.StateActive {
				pc.use(false)
			}
		},
		ErrorHandler:                  unreadable,
		Name:                          "gatehouse",
		NoDefaultServerHeader:         true,
		Concurrency:                   maxConnections,
		ReadBufferSize:                maxHeader,
		ReadTimeout:                   requestGrace,
		IdleTimeout:                   idleKeepAlive,
		StreamRequestBody:             true,
		MaxRequestBodySize:            math.MaxInt, // no limit with streams, but over it more is read before a handler runs
		DisablePreParseMultipartForm:  true,
		NoDefaultContentType:          true,
		CloseOnShutdown:               true,
		Logger:                        quiet{},
		DisableHeaderNamesNormalizing: false,
	}
}

// quiet drops fasthttp's own lines: they repeat what a client sent.
type quiet struct{}

func (quiet) Printf(string, ...any) {}

// unreadable answers what could not be read as a request.
func unreadable(ctx *fasthttp.RequestCtx, err error) {
	var small *fasthttp.ErrSmallBuffer
	var network net.Error
	switch {
	case errors.As(err, &small):
		refuse(ctx, fasthttp.StatusRequestHeaderFieldsTooLarge, "bad_request_error", "the header is larger than 32 KiB")
	case errors.As(err, &network) && network.Timeout():
		refuse(ctx, fasthttp.StatusRequestTimeout, "bad_request_error", "the request did not arrive in time")
	default:
		refuse(ctx, fasthttp.StatusBadRequest, "bad_request_error", "the request is not valid HTTP")
	}
	lingering(ctx)
}

// lingering lets the client read its answer although it may still be sending.
func lingering(ctx *fasthttp.RequestCtx) {
	if c, ok := ctx.Conn().(*pacedConn); ok {
		c.linger = true
	}
}

// prefetched is how much of a body fasthttp has read before a handler runs.
const prefetched = 8 << 10

// leaveUnread sees to a request whose body nobody has read to its end: what is left of it on the connection would be
// taken for the next request. The connection closes, after a while in which the client can read why.
func leaveUnread(ctx *fasthttp.RequestCtx) {
	n := ctx.Request.Header.ContentLength()
	if !ctx.Request.IsBodyStream() || n >= 0 && n <= prefetched {
		return
	}
	ctx.SetConnectionClose()
	lingering(ctx)
}

// readBody takes the body of a control plane request into memory. A body over the bound is refused before it is read to
// its end, and the connection is closed, since the rest of it would be taken for the next request.
func readBody(ctx *fasthttp.RequestCtx) bool {
	// Fiber unpacks a packed body wherever it is looked at, to whatever size: 200 KiB become 200 MiB in memory.
	for _, packing := range ctx.Request.Header.PeekAll(fasthttp.HeaderContentEncoding) {
		if len(packing) > 0 && !bytes.EqualFold(packing, []byte("identity")) {
			refuse(ctx, fasthttp.StatusUnsupportedMediaType, "bad_request_error", "send the body as it is, without Content-Encoding")
			return false
		}
	}
	if n := ctx.Request.Header.ContentLength(); n > web.MaxBody {
		refuse(ctx, fasthttp.StatusRequestEntityTooLarge, "bad_request_error", tooLarge)
		return false
	}
	stream := ctx.RequestBodyStream()
	if stream == nil {
		return true
	}
	body, err := io.ReadAll(io.LimitReader(stream, web.MaxBody+1))
	if err != nil {
		refuse(ctx, fasthttp.StatusRequestTimeout, "bad_request_error", "the request body did not arrive in time")
		return false
	}
	if len(body) > web.MaxBody {
		refuse(ctx, fasthttp.StatusRequestEntityTooLarge, "bad_request_error", tooLarge)
		return false
	}
	ctx.Request.SetBody(body)
	return true
}

const tooLarge = "the body is larger than 1 MiB"

// refuse answers before the control plane's app has seen the request, and closes the connection. The text is our own.
func refuse(ctx *fasthttp.RequestCtx, status int, kind, message string) {
	ctx.SetConnectionClose()
	ctx.SetStatusCode(status)
	ctx.SetContentType("application/json")
	ctx.SetBodyString(fmt.Sprintf(`{"error":{"message":%q,"type":%q,"param":"None","code":"%d"}}`, message, kind, status))
}

// listen opens the port. The error names it, since "address already in use" is what people meet first.
func listen(ctx context.Context, s config.Server, now func() time.Time) (*pacedListener, error) {
	addr := net.JoinHostPort(s.Host, fmt.Sprint(s.Port))
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return &pacedListener{Listener: ln, now: now}, nil
}

// clientIP gives the caller's address: the peer, or behind a trusted proxy the right-most address of X-Forwarded-For that
// is not itself a trusted proxy.
func clientIP(cfg func() *config.Config) func(*fiber.Ctx) string {
	return func(ctx *fiber.Ctx) string {
		c := cfg()
		peer := ctx.Context().RemoteIP().String()
		ip, err := netip.ParseAddr(peer)
		if err != nil || !c.General.UseXForwardedFor || !trustedProxy(c, ip) {
			return peer
		}
		hops := strings.Split(ctx.Get(fiber.HeaderXForwardedFor), ",")
		for i := len(hops) - 1; i >= 0; i-- {
			hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
			if err != nil {
				break
			}
			if !trustedProxy(c, hop) {
				return hop.String()
			}
		}
		return peer
	}
}

// trustedProxy says whether what this peer forwards counts.
func trustedProxy(c *config.Config, peer netip.Addr) bool {
	for _, p := range c.Server.TrustedProxies {
		if p.Contains(peer.Unmap()) {
			return true
		}
	}
	return false
}
