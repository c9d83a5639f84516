package app

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"gatehouse/app/config"
	"gatehouse/app/web"
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
// the key; the control plane's are read here, within their bound.
func newServer(p plane, control fasthttp.RequestHandler, rootPath string) *fasthttp.Server {
	calls := p.Handler()
	root := []byte(rootPath)
	return &fasthttp.Server{
		Handler: func(ctx *fasthttp.RequestCtx) {
			path := ctx.URI().PathOriginal()
			if len(root) > 0 {
				if len(path) < len(root) || string(path[:len(root)]) != rootPath {
					control(ctx)
					return
				}
				path = path[len(root):]
			}
			if p.Owns(ctx.Method(), path) {
				calls(ctx)
				return
			}
			if readBody(ctx) {
				control(ctx)
			}
		},
		Name:                          "gatehouse",
		NoDefaultServerHeader:         true,
		Concurrency:                   maxConnections,
		ReadBufferSize:                maxHeader,
		ReadTimeout:                   requestGrace,
		IdleTimeout:                   idleKeepAlive,
		StreamRequestBody:             true,
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

// readBody takes the body of a control plane request into memory. A body over the bound is refused before it is read to
// its end, and the connection is closed, since the rest of it would be taken for the next request.
func readBody(ctx *fasthttp.RequestCtx) bool {
	if n := ctx.Request.Header.ContentLength(); n > web.MaxBody {
		tooLarge(ctx)
		return false
	}
	stream := ctx.RequestBodyStream()
	if stream == nil {
		return true
	}
	body, err := io.ReadAll(io.LimitReader(stream, web.MaxBody+1))
	if err != nil {
		ctx.SetConnectionClose()
		ctx.SetStatusCode(fasthttp.StatusRequestTimeout)
		return false
	}
	if len(body) > web.MaxBody {
		tooLarge(ctx)
		return false
	}
	ctx.Request.SetBody(body)
	return true
}

func tooLarge(ctx *fasthttp.RequestCtx) {
	ctx.SetConnectionClose()
	ctx.SetStatusCode(fasthttp.StatusRequestEntityTooLarge)
	ctx.SetContentType("application/json")
	ctx.SetBodyString(`{"error":{"message":"the body is larger than 1 MiB","type":"bad_request_error","param":"None","code":"413"}}`)
}

// listen opens the port. The error names it, since "address already in use" is what people meet first.
func listen(ctx context.Context, s config.Server, now func() time.Time) (net.Listener, error) {
	addr := net.JoinHostPort(s.Host, fmt.Sprint(s.Port))
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return pacedListener{ln, now}, nil
}

// clientIP gives the caller's address: the peer, or behind a trusted proxy the right-most address of X-Forwarded-For that
// is not itself a trusted proxy.
func clientIP(cfg func() *config.Config) func(*fiber.Ctx) string {
	trusted := func(c *config.Config, ip netip.Addr) bool {
		for _, p := range c.Server.TrustedProxies {
			if p.Contains(ip.Unmap()) {
				return true
			}
		}
		return false
	}
	return func(ctx *fiber.Ctx) string {
		c := cfg()
		peer := ctx.Context().RemoteIP().String()
		ip, err := netip.ParseAddr(peer)
		if err != nil || !c.General.UseXForwardedFor || !trusted(c, ip) {
			return peer
		}
		hops := strings.Split(ctx.Get(fiber.HeaderXForwardedFor), ",")
		for i := len(hops) - 1; i >= 0; i-- {
			hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
			if err != nil {
				break
			}
			if !trusted(c, hop) {
				return hop.String()
			}
		}
		return peer
	}
}
