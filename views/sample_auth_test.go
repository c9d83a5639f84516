package views_test

import (
	"github.com/a-h/templ"

	"gatehouse/views/auth"
	"gatehouse/views/i18n"
	"gatehouse/views/layout"
	"gatehouse/views/ui"
)

func signIn(f layout.Frame, c i18n.Locale) auth.SignIn {
	return auth.SignIn{
		Providers: []auth.Provider{{Name: "Microsoft", Href: "/sso/login?provider=microsoft", Microsoft: true}, {Name: "Okta", Href: "/sso/login?provider=okta"}},
		Password:  true, Action: "/login", Next: "/ui/", Username: ui.Text{Value: "maya@acme.dev"}, Forgot: "/ui/forgot", Days: 7,
		Gateway: auth.Gateway{Known: true, Healthy: true, Text: c.GatewayLine(34, "99.98%"), APIBase: f.APIBase},
	}
}

func authSamples() []sample {
	return []sample{
		{name: "login", path: "/login", make: func(f layout.Frame, c i18n.Locale) templ.Component { return auth.SignInPage(f, signIn(f, c)) }},
		{name: "login-error", path: "/login", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			v := signIn(f, c)
			v.Providers, v.Error = nil, c.ErrSignIn()
			return auth.SignInPage(f, v)
		}},
		{name: "login-code", path: "/login/code", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return auth.CodePage(f, auth.Code{Action: "/login/code", Next: "/ui/", Code: ui.Text{Error: c.ErrCode()}})
		}},
		{name: "login-setup", path: "/login/factor", make: func(f layout.Frame, _ i18n.Locale) templ.Component {
			return auth.SetupPage(f, auth.Setup{Action: "/login/factor", Factor: ui.FactorSetup{Secret: "JBSWY3DPEHPK3PXP", QR: ui.QRCode{Path: "M0 0h7v1h-7z", Size: 21}}, Back: "/login"})
		}},
		{name: "login-recovery", path: "/login/factor", make: func(f layout.Frame, _ i18n.Locale) templ.Component {
			return auth.RecoveryPage(f, auth.Recovery{Codes: []string{"abcd-efgh-ijkl-mnop", "qrst-uvwx-yz23-4567"}, Next: "/ui/"})
		}},
		{name: "forgot", path: "/ui/forgot", make: func(f layout.Frame, _ i18n.Locale) templ.Component {
			return auth.ForgotPage(f, auth.Forgot{Action: "/ui/forgot", Back: "/login"})
		}},
		{name: "forgot-sent", path: "/ui/forgot", make: func(f layout.Frame, _ i18n.Locale) templ.Component {
			return auth.ForgotPage(f, auth.Forgot{Back: "/login", Sent: true})
		}},
		{name: "onboarding", path: "/ui/onboarding", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return auth.OnboardingPage(f, auth.Onboarding{Action: "/ui/onboarding", Link: "a2f0918f", Email: "noor@acme.dev", Org: f.Org, Min: 12})
		}},
		{name: "onboarding-error", path: "/ui/onboarding", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return auth.OnboardingPage(f, auth.Onboarding{Action: "/ui/onboarding", Link: "a2f0918f", Email: "noor@acme.dev", Org: f.Org, Min: 12, Reset: true, Password: ui.Text{Error: c.ErrPasswordShort(12)}, Repeat: ui.Text{Error: c.ErrPasswordDiffers()}, Problems: []ui.Problem{{FieldID: "password", Text: c.ErrPasswordShort(12)}, {FieldID: "password_repeat", Text: c.ErrPasswordDiffers()}}})
		}},
		{name: "link-used", path: "/ui/onboarding", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return auth.NoticePage(f, auth.Notice{Tone: ui.Warn, Title: c.LinkUsedTitle(), Text: c.LinkUsed(c.LongDate(sampleNow)), Action: c.SignIn(), Href: "/login"})
		}},
		{name: "welcome-key", path: "/ui/onboarding/next", make: func(f layout.Frame, _ i18n.Locale) templ.Component {
			return auth.WelcomePage(f, auth.Welcome{Step: 2, CreateURL: "/ui/keys/new?onboarding=true", Done: "/ui/"})
		}},
		{name: "welcome-request", path: "/ui/onboarding/next", make: func(f layout.Frame, _ i18n.Locale) templ.Component {
			return auth.WelcomePage(f, auth.Welcome{Step: 3, Snippets: ui.Snippets(f.APIBase, "gpt-5-mini", ""), PollURL: "/ui/onboarding/wait", Done: "/ui/"})
		}},
		{name: "error", path: "/ui/nope", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return auth.ErrorPage(f, auth.Notice{Tone: ui.Bad, Title: c.ErrorTitle(), Text: c.ErrorText(), RequestID: "01JD8Z5T7M", Action: c.GoToOverview(), Href: "/ui/"})
		}},
		{name: "sso-debug", path: "/sso/debug/callback", make: func(f layout.Frame, _ i18n.Locale) templ.Component {
			return auth.SSODebugPage(f, auth.SSODebug{Provider: "Okta", Claims: []ui.Fact{{Term: "email", Text: "maya@acme.dev"}, {Term: "groups", Chips: []string{"platform", "checkout"}}}, Raw: "{\n  \"email\": \"maya@acme.dev\"\n}"})
		}},
	}
}
