// Package layout holds the frames around every page: the bare one (Document), the public one for people who are not signed in, and
// the app's, with its side bar, top bar, dialogs and notices.
package layout

import (
	"encoding/json"
	"strings"

	"gatehouse/views/i18n"
	"gatehouse/views/ui"
)

// Frame is what every page is told besides its own view model. The server fills it once per request.
type Frame struct {
	T       i18n.Lang
	Base    string // SERVER_ROOT_PATH without a slash at its end, "" when there is none
	Path    string // this page's path and query without Base, for the way back after a change of language or theme
	Theme   string // "light", "dark", or "" to follow the system
	Assets  Assets
	Product string // "" is Gatehouse
	Org     string // the organisation that runs this gateway, "" when not set
	APIBase string // what clients put as their base URL: "https://llm.acme.dev/v1"
	Version string
	Zone    string // reporting zone: "Europe/Berlin"
	// ClockZone is the zone that moments are shown in, where the person chose another one.
	ClockZone string
	User      User
	Nav       Nav
	Toasts    []ui.Toast // one-time messages of the session
	Notice    Notice     // a banner over every page, such as numbers that are late
	// SessionEnds is when the session ends, RFC 3339; "" shows no warning before it.
	SessionEnds string
	Shortcuts   bool     // single-key shortcuts are on for this person
	Reload      int      // seconds after which the page loads itself again where scripts are off; 0 = never
	Scripts     []string // further scripts of this page: Assets.Live, Assets.Playground
}

// Assets are addresses from static.URL, without Base.
type Assets struct {
	CSS, HTMX, App, Live, Playground, Font, Icon string

	Logo string // the operator's own, with its root path; "" = our mark
}

// User is who is signed in.
type User struct {
	Name     string
	Email    string
	Role     Role
	ViewOnly bool // shows the "View only" badge
}

// Role is a person's role in words of the interface.
type Role uint8

// The roles.
const (
	RoleUser   Role = iota // Internal user
	RoleViewer             // Internal viewer
	RoleAdmin
	RoleAdminViewer
	RoleTeamAdmin
)

// Name is the role's name on screen.
func (r Role) Name(t i18n.Lang) string {
	switch r {
	case RoleViewer:
		return t.RoleInternalViewer()
	case RoleAdmin:
		return t.RoleAdmin()
	case RoleAdminViewer:
		return t.RoleAdminViewer()
	case RoleTeamAdmin:
		return t.RoleTeamAdmin()
	default:
		return t.RoleInternalUser()
	}
}

// Nav says which entries the side bar has. What a person may not use is absent.
type Nav struct {
	KeyCount   string // "12"
	Teams      bool   // is in a team (not needed for Admin, whose group has it)
	Playground bool
	Admin      bool // the Administration group: Admin and Admin viewer
}

// Item names the page that is open, for the side bar.
type Item uint8

// The pages of the side bar.
const (
	ItemNone Item = iota
	ItemOverview
	ItemKeys
	ItemUsage
	ItemLogs
	ItemPlayground
	ItemModels
	ItemAPI
	ItemTeams
	ItemUsers
	ItemBudgets
	ItemCaching
	ItemAudit
	ItemSettings
	ItemAccount
)

// Notice is a banner; the zero value shows nothing.
type Notice struct {
	Tone ui.Tone
	Text string
	Href string
	Link string
}

// URL puts the root path before a local path: f.URL("/ui/keys").
func (f Frame) URL(path string) string { return f.Base + path }

func (f Frame) product() string {
	if f.Product == "" {
		return "Gatehouse"
	}
	return f.Product
}

// htmxConfig is the one place that tells HTMX what to do: no eval, no inline styles, no page kept in browser storage, and 422
// answers swapped in, since they carry the form with its errors.
func htmxConfig() string {
	config, err := json.Marshal(map[string]any{
		"allowEval":              false,
		"includeIndicatorStyles": false,
		"selfRequestsOnly":       true,
		"historyCacheSize":       0,
		"refreshOnHistoryMiss":   true,
		"attributesToSettle":     []string{"class", "width", "height"}, // not style: the policy refuses it as an attribute
		"responseHandling": []map[string]any{
			{"code": "204", "swap": false},
			{"code": "[23]..", "swap": true},
			{"code": "422", "swap": true},
			{"code": "...", "swap": false, "error": true},
		},
	})
	if err != nil {
		return "{}"
	}
	return string(config)
}

// displayBase shortens an address for the top bar.
func displayBase(url string) string { return strings.TrimSuffix(url, "/") }
