package reliability_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/testkit"
)

// TestClientGone closes the connection of a stream at its fifth piece of a hundred: the provider is told at once, the row
// holds what was produced, and the budget it held is free again.
func TestClientGone(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	pieces := make([]string, 100)
	for i := range pieces {
		pieces[i] = "another five words of text "
	}
	events := make(chan struct{})
	provider.Script(testkit.Reply{Usage: &testkit.Usage{Prompt: 11, Completion: 500}, Pieces: pieces, Each: events})
	g := startGateway(t, options{config: configFor(provider, "")})
	key := g.GenerateKey(t, map[string]any{"max_budget": 0.0002})

	conn := dial(t, g)
	body := `{"model":"gpt-4o","user":"call-1","stream":true,"max_tokens":90,"messages":[{"role":"user","content":"a story"}]}`
	conn.say(t, fmt.Sprintf("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", key.Secret, len(body), body))
	for range 6 { // the role, and five pieces
		events <- struct{}{}
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience)) //nolint:forbidigo // of a real connection
	for seen := 0; seen < 5; {
		line, err := conn.in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line, "another five words") {
			seen++
		}
	}
	left := time.Now() //nolint:forbidigo // a figure for the log
	_ = conn.Close()
	gone := provider.WaitGone(t, 1)[0]
	if gone.Sent > 10 {
		t.Errorf("the provider had sent %d events when it was told", gone.Sent)
	}
	settledBy(t, g, "call-1")
	got := byUser(rows(t, g.books(t)))["call-1"]
	if len(got) != 1 || got[0].status != "cancelled" || got[0].output < 20 || got[0].output > 60 || got[0].spend <= 0 {
		t.Errorf("rows %+v: want one, cancelled, with the output of five pieces", got)
	}
	sum := sumsAgree(t, g.books(t))
	t.Logf("upstream cancelled %s after the client had left; %d nano-USD booked", gone.At.Sub(left).Round(time.Millisecond), sum)

	// What was held is free: the key's budget takes another call.
	provider.Always(testkit.Reply{Usage: &usual})
	if o := call(g, key.Secret, 2); !o.complete {
		t.Errorf("the next call of the key: %d %s", o.status, o.body)
	}
}

// settledBy waits until the call of an end user is in the database.
func settledBy(t *testing.T, g *gateway, user string) {
	t.Helper()
	db := g.books(t)
	within(t, user+" is in the books", func() bool {
		return number(t, db, "SELECT count(*) FROM spend_records WHERE end_user = '"+user+"'") > 0
	})
}

// TestSlowReader streams to a client that reads nothing: it is cut, the provider with it, and there is one row.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	pieces := make([]string, 2000)
	for i := range pieces {
		pieces[i] = strings.Repeat("x", 32<<10)
	}
	provider.Script(testkit.Reply{Usage: &usual, Pieces: pieces})
	g := startGateway(t, options{config: configFor(provider, "")})
	key := g.GenerateKey(t, nil)
	conn := dial(t, g)
	if err := conn.Conn.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	body := `{"model":"gpt-4o","user":"call-1","stream":true,"messages":[{"role":"user","content":"a book"}]}`
	conn.say(t, fmt.Sprintf("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", key.Secret, len(body), body))
	asked := provider.WaitRequests(t, 1)[0]
	gone := provider.Departures
	within(t, "the provider is told that nobody reads", func() bool { return len(gone()) == 1 })
	settledBy(t, g, "call-1")
	got := byUser(rows(t, g.books(t)))["call-1"]
	if len(got) != 1 || got[0].status != "cancelled" || got[0].spend <= 0 {
		t.Errorf("rows %+v", got)
	}
	sumsAgree(t, g.books(t))
	t.Logf("a client that takes nothing was cut after %s", gone()[0].At.Sub(asked.At).Round(100*time.Millisecond))
}

// TestSlowSenders opens 2,000 connections that never finish their request, half of them in the head and half in the
// body. Others are served as if they were not there, and the slow ones are closed.
func TestSlowSenders(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	provider.Always(testkit.Reply{Usage: &usual})
	g := startGateway(t, options{config: configFor(provider, "")})
	keys := teamKeys(t, g, 1)
	before := measure(t, g, keys, 0, 100)

	slow := make([]*rawConn, 2000)
	for i := range slow {
		slow[i] = dialFrom(t, g, fmt.Sprintf("127.0.%d.%d", 1+i/250, 1+i%250))
		text := "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bea"
		if i%2 == 1 {
			text = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + keys[0] + "\r\nContent-Length: 100000\r\n\r\n{\"model\":"
		}
		slow[i].say(t, text)
	}
	opened := time.Now() //nolint:forbidigo // a figure for the log
	stop := make(chan struct{})
	var dribble sync.WaitGroup
	dribble.Go(func() { // a byte now and then, so that they do not just look dead
		for tick := time.NewTicker(time.Second); ; {
			select {
			case <-stop:
				tick.Stop()
				return
			case <-tick.C:
				for _, c := range slow {
					_, _ = io.WriteString(c, " ")
				}
			}
		}
	})
	during := measure(t, g, keys, 100, 100)
	t.Logf("a call alone:                       p50 %s, p99 %s, worst %s", before[0], before[1], before[2])
	t.Logf("beside 2,000 connections that dribble: p50 %s, p99 %s, worst %s", during[0], during[1], during[2])
	if during[2] > 5*time.Second {
		t.Errorf("a call took %s", during[2])
	}
	for i, c := range slow {
		_ = c.SetReadDeadline(opened.Add(patience))
		data, err := io.ReadAll(c.in)
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() { //nolint:errorlint // straight from the connection
			t.Fatalf("connection %d is still open after %s: %q", i, patience, data)
		}
	}
	close(stop)
	dribble.Wait()
	t.Logf("all were closed %s after they opened", time.Since(opened).Round(time.Second)) //nolint:forbidigo // a figure for the log
}

// TestAmbiguousRequests sends what two servers could read differently, on both halves of the server.
func TestAmbiguousRequests(t *testing.T) {
	t.Parallel()
	g := startGateway(t, options{})
	for _, path := range []string{"/v1/chat/completions", "/key/generate", "/ui/login"} {
		for name, head := range map[string]string{
			"two lengths":             "Host: x\r\nContent-Length: 2\r\nContent-Length: 40\r\n",
			"the same length twice":   "Host: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n",
			"two hosts":               "Host: x\r\nHost: y\r\nContent-Length: 2\r\n",
			"length and chunks":       "Host: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n",
			"chunks and length":       "Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n",
			"another encoding":        "Host: x\r\nTransfer-Encoding: gzip, chunked\r\n",
			"two keys":                "Host: x\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\nContent-Length: 2\r\n",
			"a folded line":           "Host: x\r\nX-A: b\r\n Content-Length: 40\r\nContent-Length: 2\r\n",
			"a space before a colon":  "Host: x\r\nContent-Length : 2\r\n",
			"a hundred and one lines": "Host: x\r\n" + strings.Repeat("X-A: b\r\n", 101) + "Content-Length: 2\r\n",
		} {
			t.Run(path+" "+name, func(t *testing.T) {
				t.Parallel()
				conn := dial(t, g)
				conn.say(t, "POST "+path+" HTTP/1.1\r\n"+head+"\r\n{}GET /health/liveliness HTTP/1.1\r\nHost: x\r\n\r\n")
				resp, body := conn.answer(t)
				if resp.StatusCode != http.StatusBadRequest {
					t.Errorf("status %d %s", resp.StatusCode, body)
				}
				conn.ended(t)
			})
		}
	}
	t.Run("a head that never ends", func(t *testing.T) {
		t.Parallel()
		conn := dial(t, g)
		conn.say(t, "GET / HTTP/1.1\r\nHost: x\r\nX-A: "+strings.Repeat("a", 40<<10))
		resp, _ := conn.answer(t)
		if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("status %d", resp.StatusCode)
		}
	})
}

// TestBodiesWithoutAKey sends large bodies without a key, with a wrong one, and with a good one over the limit: the
// answer comes before the body is read, and the client can read it although it is still sending.
func TestBodiesWithoutAKey(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	g := startGateway(t, options{config: configFor(provider, "")})
	key := g.GenerateKey(t, nil).Secret
	const mib = 1 << 20
	for name, c := range map[string]struct {
		path, key string
		size      int
		status    int
	}{
		"10 MB, no key":                {"/v1/chat/completions", "", 10 * mib, 401},
		"200 MB, no key":               {"/v1/chat/completions", "", 200 * mib, 401},
		"200 MB, a wrong key":          {"/v1/chat/completions", "sk-not-a-key-of-anyone-here", 200 * mib, 401},
		"200 MB, a good key":           {"/v1/chat/completions", key, 200 * mib, 413},
		"10 MB, unknown route":         {"/v1/nothing", "", 10 * mib, 404},
		"10 MB, control plane":         {"/key/generate", testkit.MasterKey, 10 * mib, 413},
		"10 MB, control plane, no key": {"/key/generate", "", 10 * mib, 413},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, g)
			auth := ""
			if c.key != "" {
				auth = "Authorization: Bearer " + c.key + "\r\n"
			}
			conn.say(t, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s", c.path, auth, c.size, strings.Repeat("x", 8<<10)))
			resp, body := conn.answer(t) // 8 KiB have been sent by now, and no more
			if resp.StatusCode != c.status || !resp.Close {
				t.Errorf("status %d, closes %v: %s", resp.StatusCode, resp.Close, body)
			}
		})
	}
	t.Run("a client that sends all of it first", func(t *testing.T) {
		conn := dial(t, g)
		conn.say(t, fmt.Sprintf("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", 10*mib))
		conn.say(t, strings.Repeat("x", 10*mib))
		if resp, body := conn.answer(t); resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("status %d %s", resp.StatusCode, body)
		}
		conn.ended(t)
	})
	if n := len(provider.Requests()); n != 0 {
		t.Errorf("%d calls went upstream", n)
	}
}
