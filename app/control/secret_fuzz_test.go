package control

import (
	"strings"
	"testing"
)

// FuzzKeyRef: whatever a request names a key by is one of three things, or refused; a secret and its hash name the same
// key, and no secret comes out again.
func FuzzKeyRef(f *testing.F) {
	for _, seed := range []string{
		"sk-0123456789abcdef0123", strings.Repeat("a", 64), strings.Repeat("A", 64), "sk-", "SK-abc", " sk-abc", "sk-#!%2f+/", "sk-\x00", "", "id:", "id:x",
		strings.Repeat("g", 64), strings.Repeat("a", 63), "sk-" + strings.Repeat("ü", 40), "Bearer sk-abc",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, ref string) {
		r, err := parseRef(ref)
		if err != nil {
			if strings.HasPrefix(ref, "sk-") || r != (keyRef{}) || len(ref) > 5 && strings.Contains(err.Error(), ref) {
				t.Fatalf("%q is refused with %+v, %v", ref, r, err)
			}
			return
		}
		if (r.hash == "") == (r.id == "") && ref != "id:" {
			t.Fatalf("%q names %+v", ref, r)
		}
		if r.hash == "" {
			return
		}
		if !isHash(r.hash) || r.hash != strings.ToLower(r.hash) {
			t.Fatalf("%q gives the hash %q", ref, r.hash)
		}
		again, err := parseRef(r.hash)
		if err != nil || again != r {
			t.Fatalf("%q and its hash name different keys", ref)
		}
		if strings.HasPrefix(ref, "sk-") && len(ref) > 7 && strings.Contains(r.hash, ref) {
			t.Fatalf("%q shows through", ref)
		}
	})
}
