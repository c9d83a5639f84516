package config

import (
	"encoding/json"
	"strings"
	"time"

	"gatehouse/models"
)

// ui reads the portal's settings.
func (l *loader) ui(general *section) {
	c := &l.c.UI
	c.Disabled = l.boolean(l.variable("DISABLE_ADMIN_UI"), may, false)
	c.Username = l.textOr(l.variable("UI_USERNAME"), must, "admin")
	c.Password = l.raw("UI_PASSWORD")
	c.AdminID = l.text(l.variable("PROXY_ADMIN_ID"), must)
	c.LogoPath = l.text(l.variable("UI_LOGO_PATH"), may)
	c.AccessMode = AccessMode(l.oneOf(general.ref("ui_access_mode"), must, string(AccessAll), string(AccessAll), string(AccessAdminOnly)))
	c.SessionLength = l.length(l.variable("LITELLM_UI_SESSION_DURATION"), day)
	if r := l.variable("PROXY_LOGOUT_URL"); !r.isNull() {
		text := l.text(r, must)
		if _, ok := webURL(text); ok {
			c.LogoutURL = text
		} else {
			l.warn(r.value, r.path, "must be an http or https URL; ignored")
		}
	}
}

// sso reads the three providers; a half-configured one is a fault now and not an error page later.
func (l *loader) sso(general *section) {
	c := &l.c.SSO
	general.accept("litellm_jwtauth")
	for _, domain := range splitList(l.raw("ALLOWED_EMAIL_DOMAINS").Reveal()) {
		c.AllowedDomains = append(c.AllowedDomains, strings.ToLower(strings.TrimPrefix(domain, "@")))
	}
	if id := l.text(l.variable("GOOGLE_CLIENT_ID"), must); id != "" {
		c.Google = &Google{ClientID: id, ClientSecret: l.required("GOOGLE_CLIENT_SECRET", "Google sign-in")}
	}
	if id := l.text(l.variable("MICROSOFT_CLIENT_ID"), must); id != "" {
		c.Microsoft = l.microsoft(id)
	}
	if id := l.text(l.variable("GENERIC_CLIENT_ID"), must); id != "" {
		c.Generic = l.generic(id)
	}
}

// required reads a variable that a configured provider cannot do without.
func (l *loader) required(name, what string) models.Secret {
	r := l.variable(name)
	if r.isNull() {
		l.faultAt(envFile, 0, name, "is required for %s and is not set", what)
	}
	return l.secret(r, must)
}

// endpoint reads an http(s) URL of a variable, "" when it is not set.
func (l *loader) endpoint(name string) string {
	r := l.variable(name)
	text := l.text(r, must)
	if text == "" {
		return ""
	}
	if _, ok := webURL(text); !ok {
		l.fault(r.value, r.path, "must be an http or https URL")
		return ""
	}
	return text
}

func (l *loader) microsoft(id string) *Microsoft {
	return &Microsoft{
		ClientID:              id,
		ClientSecret:          l.required("MICROSOFT_CLIENT_SECRET", "Microsoft sign-in"),
		Tenant:                l.required("MICROSOFT_TENANT", "Microsoft sign-in").Reveal(),
		ServicePrincipalID:    l.text(l.variable("MICROSOFT_SERVICE_PRINCIPAL_ID"), may),
		AuthorizationEndpoint: l.endpoint("MICROSOFT_AUTHORIZATION_ENDPOINT"),
		TokenEndpoint:         l.endpoint("MICROSOFT_TOKEN_ENDPOINT"),
		UserinfoEndpoint:      l.endpoint("MICROSOFT_USERINFO_ENDPOINT"),
		Claims: Claims{
			ID:          l.textOr(l.variable("MICROSOFT_USER_ID_ATTRIBUTE"), may, "id"),
			Email:       l.textOr(l.variable("MICROSOFT_USER_EMAIL_ATTRIBUTE"), may, "userPrincipalName"),
			DisplayName: l.textOr(l.variable("MICROSOFT_USER_DISPLAY_NAME_ATTRIBUTE"), may, "displayName"),
			FirstName:   l.textOr(l.variable("MICROSOFT_USER_FIRST_NAME_ATTRIBUTE"), may, "givenName"),
			LastName:    l.textOr(l.variable("MICROSOFT_USER_LAST_NAME_ATTRIBUTE"), may, "surname"),
		},
	}
}

func (l *loader) generic(id string) *Generic {
	g := &Generic{
		ClientID:              id,
		ClientSecret:          l.required("GENERIC_CLIENT_SECRET", "generic sign-in"),
		AuthorizationEndpoint: l.endpoint("GENERIC_AUTHORIZATION_ENDPOINT"),
		TokenEndpoint:         l.endpoint("GENERIC_TOKEN_ENDPOINT"),
		UserinfoEndpoint:      l.endpoint("GENERIC_USERINFO_ENDPOINT"),
		Scopes:                strings.Fields(l.textOr(l.variable("GENERIC_SCOPE"), must, "openid email profile")),
		IncludeClientID:       l.boolean(l.variable("GENERIC_INCLUDE_CLIENT_ID"), may, false),
		Claims: Claims{
			ID:          l.textOr(l.variable("GENERIC_USER_ID_ATTRIBUTE"), must, "preferred_username"),
			Email:       l.textOr(l.variable("GENERIC_USER_EMAIL_ATTRIBUTE"), must, "email"),
			Role:        l.textOr(l.variable("GENERIC_USER_ROLE_ATTRIBUTE"), must, "role"),
			DisplayName: l.textOr(l.variable("GENERIC_USER_DISPLAY_NAME_ATTRIBUTE"), may, "sub"),
			FirstName:   l.textOr(l.variable("GENERIC_USER_FIRST_NAME_ATTRIBUTE"), may, "first_name"),
			LastName:    l.textOr(l.variable("GENERIC_USER_LAST_NAME_ATTRIBUTE"), may, "last_name"),
			Provider:    l.textOr(l.variable("GENERIC_USER_PROVIDER_ATTRIBUTE"), may, "provider"),
		},
		GroupClaim: l.text(l.variable("GENERIC_ROLE_MAPPINGS_GROUP_CLAIM"), may),
	}
	for _, name := range [...]string{"GENERIC_AUTHORIZATION_ENDPOINT", "GENERIC_TOKEN_ENDPOINT", "GENERIC_USERINFO_ENDPOINT"} {
		l.required(name, "generic sign-in")
	}
	l.roleMappings(g)
	return g
}

// roleMappings reads GENERIC_ROLE_MAPPINGS_ROLES, a JSON object of role to groups. It gives away roles, so one that cannot
// be read is a fault.
func (l *loader) roleMappings(g *Generic) {
	if r := l.variable("GENERIC_ROLE_MAPPINGS_ROLES"); !r.isNull() {
		mappings := map[string][]string{}
		if err := json.Unmarshal([]byte(r.text), &mappings); err != nil {
			l.fault(r.value, r.path, `must be JSON, as in {"proxy_admin": ["platform-team"]}`)
		}
		for role := range mappings {
			if !models.Role(role).Valid() {
				l.fault(r.value, r.path, "unknown role: one of %s", roleNames())
			}
		}
		g.RoleMappings = mappings
	}
	g.DefaultRole = l.role(l.variable("GENERIC_ROLE_MAPPINGS_DEFAULT_ROLE"))
}

// mail reads SMTP_* and the wording.
func (l *loader) mail() {
	c := &l.c.Mail
	c.Host = l.text(l.variable("SMTP_HOST"), must)
	c.Enabled = c.Host != ""
	port := l.variable("SMTP_PORT")
	c.Port = l.wholeOr(port, must, 1, 587)
	if c.Port > 65535 {
		l.fault(port.value, port.path, "must be a port, 1 to 65535")
	}
	c.Username = l.text(l.variable("SMTP_USERNAME"), must)
	c.Password = l.raw("SMTP_PASSWORD")
	c.Sender = l.text(l.variable("SMTP_SENDER_EMAIL"), must)
	c.TLS = l.boolean(l.variable("SMTP_TLS"), must, true)
	c.Implicit = c.Port == 465
	c.ResendKey = l.raw("RESEND_API_KEY")
	c.SendGridKey = l.raw("SENDGRID_API_KEY")
	c.SendGridSender = l.text(l.variable("SENDGRID_SENDER_EMAIL"), may)
	c.LogoURL = l.text(either(l.variable("EMAIL_LOGO_URL"), l.variable("SMTP_SENDER_LOGO")), may)
	c.SupportContact = l.text(l.variable("EMAIL_SUPPORT_CONTACT"), may)
	c.Signature = l.text(l.variable("EMAIL_SIGNATURE"), may)
	c.SubjectInvitation = l.text(l.variable("EMAIL_SUBJECT_INVITATION"), may)
	c.SubjectKeyCreated = l.text(l.variable("EMAIL_SUBJECT_KEY_CREATED"), may)
	c.SubjectKeyRotated = l.text(l.variable("EMAIL_SUBJECT_KEY_ROTATED"), may)
	c.IncludeKey = l.boolean(l.variable("EMAIL_INCLUDE_API_KEY"), may, false)
	c.TestAddress = l.text(l.variable("TEST_EMAIL_ADDRESS"), may)
	c.BudgetAlertAt = 0.8
	if share := l.variable("EMAIL_BUDGET_ALERT_MAX_SPEND_ALERT_PERCENTAGE"); !share.isNull() {
		n, ok := share.number()
		if ok {
			c.BudgetAlertAt, _ = n.Float64()
		}
		if !ok || c.BudgetAlertAt < 0 || c.BudgetAlertAt > 1 {
			l.fault(share.value, share.path, "must be a number from 0 to 1")
		}
	}
	c.BudgetAlertTTL = l.seconds(l.variable("EMAIL_BUDGET_ALERT_TTL"), may, true, day)
	for _, v := range [...]struct {
		name string
		key  models.Secret
	}{{"RESEND_API_KEY", c.ResendKey}, {"SENDGRID_API_KEY", c.SendGridKey}} {
		if v.key.IsSet() && !c.Enabled {
			l.warnAt(envFile, 0, v.name, "has no effect: mail goes by SMTP alone, which this service offers too; set SMTP_HOST, SMTP_USERNAME and SMTP_PASSWORD")
		}
	}
	if c.Enabled || l.c.Alerts.MailCallback {
		for _, v := range [...]struct{ name, text string }{{"SMTP_HOST", c.Host}, {"SMTP_SENDER_EMAIL", c.Sender}} {
			if v.text == "" {
				l.warnAt(envFile, 0, v.name, "is not set: no mail is sent, though mail is switched on")
			}
		}
	}
}

// alerts reads who is told about budgets.
func (l *loader) alerts(s, litellm *section) {
	c := &l.c.Alerts
	kinds := s.ref("alerting")
	for _, kind := range l.texts(kinds, may) {
		switch kind {
		case "slack", "email", "webhook":
			c.Kinds = append(c.Kinds, kind)
		default:
			l.warn(kinds.value, kinds.path, "knows slack, email and webhook; others are ignored")
		}
	}
	c.Types = l.texts(s.ref("alert_types"), may)
	if r := s.ref("alerting_threshold"); l.seconds(r, may, true, 0) > 0 {
		l.warn(r.value, r.path, "has no effect: nobody is told of slow calls; /metrics and the portal's usage page show them")
	}
	c.SlackURL = l.raw("SLACK_WEBHOOK_URL")
	c.WebhookURL = l.raw("WEBHOOK_URL")
	if urls := l.section(s.ref("alert_to_webhook_url"), may); urls.v != nil {
		c.URLByType = map[string][]models.Secret{}
		for _, name := range urls.v.names {
			for _, text := range l.texts(urls.ref(name), may) {
				c.URLByType[name] = append(c.URLByType[name], models.NewSecret(text))
			}
		}
	}
	s.accept("alerting_args")
	litellm.accept("alerting")
}

// keys reads how keys are made.
func (l *loader) keys(litellm, general *section) {
	c := &l.c.Keys
	c.Bytes = l.wholeOr(l.variable("LENGTH_OF_LITELLM_GENERATED_KEY"), must, 16, 32)
	if c.Bytes > 256 {
		c.Bytes = 256
	}
	c.StoreName = !l.boolean(l.variable("DISABLE_KEY_NAME"), may, false)
	c.Salt = l.raw("LITELLM_SALT_KEY")
	if r := l.variable("LITELLM_KEY_ROTATION_ENABLED"); l.boolean(r, may, false) {
		l.warn(r.value, r.path, "has no effect: no key is rotated by itself, since nobody would know its new secret; use /key/regenerate")
	}
	l.seconds(l.variable("LITELLM_KEY_ROTATION_CHECK_INTERVAL_SECONDS"), may, true, day)
	c.RotateGrace = l.duration(l.variable("LITELLM_KEY_ROTATION_GRACE_PERIOD"))
	c.RateWindow = l.seconds(l.variable("LITELLM_RATE_LIMIT_WINDOW_SIZE"), must, true, time.Minute)
	c.AliasFormat = l.boolean(litellm.ref("enable_key_alias_format_validation"), may, false)
	general.accept("disable_master_key_return")
}
