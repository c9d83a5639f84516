package views_test

import (
	"bytes"
	"context"
	"reflect"
	"strings"
	"testing"

	"github.com/a-h/templ"

	"gatehouse/views/account"
	"gatehouse/views/apiref"
	"gatehouse/views/audit"
	"gatehouse/views/auth"
	"gatehouse/views/budgets"
	"gatehouse/views/i18n"
	"gatehouse/views/keys"
	"gatehouse/views/layout"
	"gatehouse/views/logs"
	"gatehouse/views/models"
	"gatehouse/views/overview"
	"gatehouse/views/playground"
	"gatehouse/views/settings"
	"gatehouse/views/teams"
	"gatehouse/views/ui"
	"gatehouse/views/usage"
	"gatehouse/views/users"
)

// hostile closes every quote and tag that it could stand in.
const hostile = `--></title></script>"'><img src=x onerror=alert(1)><script>alert(1)</script>`

// poison fills every text of a view model with hostile, and gives every list two entries.
func poison(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(hostile)
	case reflect.Bool:
		v.SetBool(depth%2 == 0)
	case reflect.Pointer:
		if depth < 8 {
			v.Set(reflect.New(v.Type().Elem()))
			poison(v.Elem(), depth+1)
		}
	case reflect.Slice:
		if depth < 8 {
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			for i := range v.Len() {
				poison(v.Index(i), depth+1)
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				poison(v.Field(i), depth+1)
			}
		}
	default: // numbers stay as they are, icons stay absent
	}
}

func poisoned[T any]() T {
	var v T
	poison(reflect.ValueOf(&v).Elem(), 0)
	return v
}

func TestHostileTextIsOnlyEverText(t *testing.T) {
	t.Parallel()
	f := sampleFrame(i18n.EN, "/ui/")
	f.Org, f.APIBase, f.Path, f.Zone, f.User.Name, f.User.Email, f.Version = hostile, hostile, hostile, hostile, hostile, hostile, hostile
	f.Toasts, f.Notice, f.SessionEnds, f.Theme = poisoned[[]ui.Toast](), poisoned[layout.Notice](), hostile, hostile
	cases := map[string]templ.Component{
		"sign in":       auth.SignInPage(f, poisoned[auth.SignIn]()),
		"code":          auth.CodePage(f, poisoned[auth.Code]()),
		"setup":         auth.SetupPage(f, poisoned[auth.Setup]()),
		"recovery":      auth.RecoveryPage(f, poisoned[auth.Recovery]()),
		"forgot":        auth.ForgotPage(f, poisoned[auth.Forgot]()),
		"onboarding":    auth.OnboardingPage(f, poisoned[auth.Onboarding]()),
		"welcome":       auth.WelcomePage(f, poisoned[auth.Welcome]()),
		"notice":        auth.NoticePage(f, poisoned[auth.Notice]()),
		"error":         auth.ErrorPage(f, poisoned[auth.Notice]()),
		"sso debug":     auth.SSODebugPage(f, poisoned[auth.SSODebug]()),
		"key list":      keys.Page(f, poisoned[keys.List]()),
		"create key":    keys.CreatePart(f, poisoned[keys.Form]()),
		"created key":   keys.CreatedPart(f, poisoned[keys.Created]()),
		"spent":         keys.SpentPart(f, poisoned[keys.Spent]()),
		"rotate":        keys.RotatePart(f, poisoned[keys.Rotate]()),
		"block":         keys.BlockPart(f, poisoned[keys.Block]()),
		"delete":        keys.DeletePart(f, poisoned[keys.Delete]()),
		"bulk":          keys.BulkPart(f, poisoned[keys.Bulk]()),
		"bulk result":   keys.BulkResultPart(f, poisoned[keys.BulkResult]()),
		"gone":          keys.GoneRow(f, hostile),
		"key":           keys.DetailPage(f, keys.Detail{Name: hostile, ID: hostile, Short: hostile, Reason: hostile, Tabs: poisoned[[]ui.Tab](), Links: poisoned[keys.Links](), Overview: ptr(poisoned[keys.Overview]())}),
		"key usage":     keys.DetailPage(f, keys.Detail{Usage: ptr(poisoned[keys.UsageTab]())}),
		"key settings":  keys.DetailPage(f, keys.Detail{Settings: ptr(poisoned[keys.Form]())}),
		"key activity":  keys.DetailPage(f, keys.Detail{Activity: ptr(poisoned[keys.Activity]())}),
		"overview":      overview.Page(f, poisoned[overview.Overview]()),
		"usage":         usage.Page(f, poisoned[usage.Usage]()),
		"teams":         teams.Page(f, poisoned[teams.List]()),
		"team members":  teams.DetailPage(f, teams.Detail{Name: hostile, ID: hostile, Members: ptr(poisoned[teams.Members]())}),
		"team keys":     teams.DetailPage(f, teams.Detail{Keys: ptr(poisoned[teams.Keys]())}),
		"team settings": teams.DetailPage(f, teams.Detail{Settings: ptr(poisoned[teams.Form]())}),
		"ask":           teams.AskPage(f, poisoned[ui.Ask]()),
		"users":         users.Page(f, poisoned[users.List]()),
		"user":          users.DetailPage(f, poisoned[users.Detail]()),
		"invite":        users.InvitePart(f, poisoned[users.Invite]()),
		"invited":       users.InvitedPart(f, poisoned[users.Invitation]()),
		"import":        users.ImportPage(f, poisoned[users.Import]()),
		"account":       account.Page(f, poisoned[account.Account]()),
		"models":        models.Page(f, poisoned[models.List]()),
		"model":         models.DetailPage(f, poisoned[models.Detail]()),
		"model form":    models.FormPart(f, poisoned[models.Form]()),
		"logs":          logs.Page(f, poisoned[logs.List]()),
		"log":           logs.DetailPage(f, poisoned[logs.Detail]()),
		"api":           apiref.Page(f, poisoned[apiref.Reference]()),
		"audit":         audit.Page(f, poisoned[audit.List]()),
		"budgets":       budgets.Page(f, poisoned[budgets.List]()),
		"budget form":   budgets.FormPart(f, poisoned[budgets.Form]()),
		"playground":    playground.Page(f, poisoned[playground.Playground]()),
		"settings":      settings.Page(f, poisoned[settings.Section]()),
		"search":        layout.Hits(poisoned[[]layout.Hit]()),
		"denied":        layout.Denied(f, layout.ItemKeys, hostile, hostile, hostile),
	}
	for name, page := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			if err := page.Render(context.Background(), &b); err != nil {
				t.Fatal(err)
			}
			html := b.String()
			if !strings.Contains(html, "alert(1)") {
				t.Fatal("the page shows none of its texts")
			}
			if strings.Contains(html, "<img") || strings.Contains(html, "<script>alert") {
				t.Fatal("a text became markup")
			}
			doc := parse(t, html, !strings.HasPrefix(strings.ToLower(html), "<!doctype"))
			if doc.Find("img,[onerror]").Length() > 0 {
				t.Fatal("a text became an element")
			}
		})
	}
}

func ptr[T any](v T) *T { return &v }
