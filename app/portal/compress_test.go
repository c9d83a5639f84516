package portal_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// Pages travel packed; the one answer with a secret does not, since its packed size would tell of it.
func TestPagesArePacked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.as(admin)
	req := httptest.NewRequest(http.MethodGet, "/ui/keys", nil)
	req.Header.Set("Accept-Encoding", "gzip, br")
	res := b.send(req)
	if res.header.Get("Content-Encoding") != "gzip" || !strings.Contains(res.header.Get("Vary"), "Accept-Encoding") {
		t.Fatalf("the page travels as %v", res.header)
	}
	packed, err := gzip.NewReader(strings.NewReader(res.body))
	if err != nil {
		t.Fatal(err)
	}
	if page, err := io.ReadAll(packed); err != nil || !strings.Contains(string(page), "</html>") {
		t.Errorf("unpacked: %v %s", err, clip(string(page)))
	}
	if res := b.get("/ui/keys"); res.header.Get("Content-Encoding") != "" {
		t.Error("a browser that takes no gzip gets it")
	}
	made := b.post("/ui/keys/new", url.Values{"key_alias": {"packed"}, "owner": {"me"}}, "Accept-Encoding", "gzip")
	if made.header.Get("Content-Encoding") != "" || !strings.Contains(made.body, `id="secret"`) {
		t.Errorf("the new key: %d %v", made.status, made.header)
	}
}
