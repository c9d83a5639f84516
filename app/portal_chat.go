package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/valyala/fasthttp"

	"gatehouse/app/portal"
	"gatehouse/models"
	"gatehouse/proxy"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/provider"
)

// chat makes the playground's calls through the data plane of this process, which judges, routes and books them as it does
// every call.
type chat struct{ plane *proxy.Plane }

// playground is the key that calls of people without a key are booked under. It has no secret and cannot be used from
// outside.
const playground = "playground"

// Chat serves one call. A client that leaves is noticed on the connection of the person's own request.
func (c *chat) Chat(_ context.Context, call portal.ChatCall) (*portal.ChatAnswer, error) {
	grant, err := grantOf(&call)
	if err != nil {
		return nil, err
	}
	var ctx fasthttp.RequestCtx
	var conn net.Conn = nobody{}
	if call.From != nil && call.From.Conn() != nil {
		conn = call.From.Conn()
	}
	ctx.Init2(conn, quiet{}, false)
	r := &ctx.Request
	r.Header.SetMethod(fasthttp.MethodPost)
	r.SetRequestURI("/v1/chat/completions")
	r.Header.SetHost("localhost")
	r.Header.SetContentType("application/json")
	r.SetBodyRaw(call.Body)
	r.Header.SetContentLength(len(call.Body))
	r.Header.Set("x-litellm-stream-cost", "true")
	if call.From != nil {
		for _, from := range call.From.Request.Header.PeekAll(fasthttp.HeaderXForwardedFor) {
			r.Header.AddBytesV(fasthttp.HeaderXForwardedFor, from)
		}
	}
	c.plane.ServeAs(&ctx, provider.Chat, proxy.Known{Grant: grant, Session: call.Scope, Cap: call.Cap}) //nolint:contextcheck // a call carries its own context
	answer := &portal.ChatAnswer{
		Status: ctx.Response.StatusCode(), ContentType: string(ctx.Response.Header.ContentType()),
		Cost: string(ctx.Response.Header.Peek("x-litellm-response-cost")),
	}
	if stream, ok := ctx.Response.BodyStream().(io.ReadCloser); ok {
		answer.Body = stream
	} else {
		answer.Body = io.NopCloser(strings.NewReader(string(ctx.Response.Body())))
	}
	return answer, nil
}

// grantOf is what the person may do: by the key they chose, or by their own rights.
func grantOf(call *portal.ChatCall) (*keyring.Grant, error) {
	key := call.Key
	if key == nil {
		sum := sha256.Sum256([]byte("gatehouse " + playground))
		alias, session := playground, models.UISessionTeam
		key = &models.Key{ID: playground, Hash: hex.EncodeToString(sum[:]), Alias: &alias, UserID: &call.Actor.UserID, TeamID: &session}
	}
	grant, err := keyring.NewGrant(key)
	if err != nil {
		return nil, fmt.Errorf("the grant of a playground call: %w", err)
	}
	return grant, nil
}

// nobody is the connection of a request that came over none.
type nobody struct{ net.Conn }

func (nobody) RemoteAddr() net.Addr { return &net.TCPAddr{} }
func (nobody) LocalAddr() net.Addr  { return &net.TCPAddr{} }
