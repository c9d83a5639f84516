package api

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/gofiber/fiber/v2"

	"gatehouse/models/fault"
)

type bound struct {
	Key    string   `path:"key"`
	User   string   `query:"user_id"`
	Page   int      `query:"page"`
	Full   bool     `query:"full"`
	Teams  []string `query:"team_ids"`
	Min    *float64 `query:"min"`
	Hidden string
}

func bindOnce(t *testing.T, path string) (bound, error) {
	t.Helper()
	var got bound
	var bindErr error
	app := fiber.New(fiber.Config{CaseSensitive: true, StrictRouting: true, Immutable: true})
	app.Get("/key/:key/info", func(c *fiber.Ctx) error {
		if bindErr = bindPath(c, &got); bindErr == nil {
			bindErr = bindQuery(c, &got)
		}
		return nil
	})
	res, err := app.Test(httptest.NewRequest(http.MethodGet, path, nil), -1)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return got, bindErr
}

func TestBindRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		query string
		kind  fault.Kind
		param string
	}{
		"words for a page": {"page=two", fault.Unprocessable, "page"},
		"a huge page":      {"page=99999999999999999999", fault.Unprocessable, "page"},
		"a vague truth":    {"full=maybe", fault.Unprocessable, "full"},
		"NaN":              {"min=NaN", fault.Unprocessable, "min"},
		"infinity":         {"min=Inf", fault.Unprocessable, "min"},
		"a bad escape":     {"user_id=%zz", fault.Invalid, ""},
		"a NUL":            {"user_id=%00", fault.Invalid, "user_id"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := bindOnce(t, "/key/k/info?"+c.query)
			if f := fault.As(err); f == nil || f.Kind != c.kind || f.Param != c.param {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func TestBindReads(t *testing.T) {
	t.Parallel()
	got, err := bindOnce(t, "/key/"+url.PathEscape("a/b#c+d%e")+"/info?user_id=ana+work%2Btest%20x&page=3&full=yes&team_ids=a,%20b&team_ids=c&Hidden=x")
	if err != nil {
		t.Fatal(err)
	}
	if got.Key != "a/b#c+d%e" || got.User != "ana+work+test x" || got.Page != 3 || !got.Full || len(got.Teams) != 3 || got.Hidden != "" {
		t.Fatalf("got %+v", got)
	}
}

func TestRegisterRefusesARouteWithoutAnAction(t *testing.T) {
	t.Parallel()
	for name, ops := range map[string][]Op{
		"no action": {op(Op{Method: "GET", Path: "/x"}, func(*fiber.Ctx, none) (string, error) { return "", nil })},
		"twice": {
			op(Op{Method: "GET", Path: "/x", Public: true}, func(*fiber.Ctx, none) (string, error) { return "", nil }),
			op(Op{Method: "GET", Path: "/x", Public: true}, func(*fiber.Ctx, none) (string, error) { return "", nil }),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Fatal("it was registered")
				}
			}()
			Register(fiber.New(), "", nil, ops)
		})
	}
}
