package portal

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/config"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/duration"
	"gatehouse/models/fault"
	"gatehouse/views/i18n"
	"gatehouse/views/settings"
	"gatehouse/views/ui"
)

// settingsPage serves GET /ui/settings/:section: what is set, and where.
func (h *Handlers) settingsPage(c *fiber.Ctx) error {
	l := h.locale(c)
	s := &settingList{l: l}
	name := c.Params("section")
	v := settings.Section{Lead: l.SettingsElsewhere()}
	sections := []struct {
		name, title string
		fill        func(*settingList, *config.Config)
	}{
		{"general", l.SectionGeneral(), generalSettings},
		{"sign-in", l.SectionSignIn(), signInSettings},
		{"mail", l.SectionMail(), mailSettings},
		{"keys", l.SectionKeys(), keySettings},
		{"logging", l.SectionLogging(), loggingSettings},
		{"alerts", l.SectionAlerts(), alertSettings},
	}
	for _, one := range sections {
		v.Tabs = append(v.Tabs, ui.Tab{Label: one.title, Href: h.url("/ui/settings/" + one.name), Current: one.name == name})
		if one.name == name {
			v.Title = one.title
			one.fill(s, h.config(c))
		}
	}
	if v.Title == "" {
		return fault.New(fault.NotFound, l.NotFoundText())
	}
	v.Groups, v.Tests = s.groups, h.tests(c, name)
	f, err := h.view(c)
	if err != nil {
		return err
	}
	return web.Render(c, settings.Page(f, v), settings.SectionPart(f, v))
}

// settingsHome sends /ui/settings to its first section.
func (h *Handlers) settingsHome(c *fiber.Ctx) error {
	return c.Redirect(h.url("/ui/settings/general"), fiber.StatusFound)
}

// config is the running configuration, as far as it is known here.
func (h *Handlers) config(c *fiber.Ctx) *config.Config {
	if get := extra(c).Config; get != nil {
		return get()
	}
	p := h.opt.Policy()
	return &config.Config{
		LiteLLM: p.LiteLLM, General: p.General, Gatehouse: p.Gatehouse, UI: p.UI, Keys: p.Keys, SSO: p.SSO,
		Server: config.Server{BaseURL: p.BaseURL, RootPath: p.RootPath},
	}
}

// settingList collects settings. Nothing can be changed here, so every value is text with its source.
type settingList struct {
	l      i18n.Locale
	groups []settings.Group
}

func (s *settingList) group(title string) {
	s.groups = append(s.groups, settings.Group{Title: title})
}

// env adds a value that an environment variable sets, file one of config.yaml. A value that is not set shows what stands
// instead, and that it is the default.
func (s *settingList) env(label, where string, value any, standard any) {
	s.add(label, where, value, standard, settings.FromEnvironment)
}

func (s *settingList) file(label, where string, value any, standard any) {
	s.add(label, where, value, standard, settings.FromConfig)
}

func (s *settingList) add(label, where string, value, standard any, source settings.Source) {
	text := settingText(s.l, value)
	if text == settingText(s.l, standard) {
		source = settings.FromDefault
	}
	locked := "" // the page says where another source's value is changed
	if source == settings.FromDefault {
		locked = s.l.SetItIn(where)
	}
	g := &s.groups[len(s.groups)-1]
	g.Settings = append(g.Settings, settings.Setting{
		Name: strings.ReplaceAll(strings.ToLower(where), ".", "_"), Label: label, Text: ui.Text{Value: text, Locked: locked}, Source: source, Where: where,
	})
}

// settingText writes a value for people; a secret says only that it is set.
func settingText(l i18n.Locale, value any) string {
	switch v := value.(type) {
	case nil:
		return l.NotSet()
	case models.Secret:
		if v.IsSet() {
			return l.IsSet()
		}
		return l.NotSet()
	case string:
		if v == "" {
			return l.NotSet()
		}
		return v
	case bool:
		if v {
			return l.Yes()
		}
		return l.No()
	case int:
		return l.Number(int64(v))
	case int64:
		return l.Number(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case models.Nano:
		return l.Money(int64(v))
	case time.Duration:
		if v == 0 {
			return l.NotSet()
		}
		return l.For(v)
	case duration.Duration:
		if v.IsNever() {
			return l.Never()
		}
		return v.String()
	case []string:
		if len(v) == 0 {
			return l.NotSet()
		}
		return strings.Join(v, ", ")
	case config.Rate:
		return fmt.Sprintf("%d / %s", v.N, l.For(v.Per))
	}
	if r := reflect.ValueOf(value); r.Kind() == reflect.Pointer {
		if r.IsNil() {
			return l.NotSet()
		}
		return settingText(l, r.Elem().Interface())
	}
	return fmt.Sprint(value)
}

func generalSettings(s *settingList, c *config.Config) {
	l := s.l
	s.group(l.SectionGeneral())
	s.env(l.SettingBaseURL(), "PROXY_BASE_URL", c.Server.BaseURL, "")
	s.env(l.SettingRootPath(), "SERVER_ROOT_PATH", c.Server.RootPath, "")
	zone := "UTC"
	if c.LiteLLM.Timezone != nil {
		zone = c.LiteLLM.Timezone.String()
	}
	s.file(l.SettingZone(), "litellm_settings.timezone", zone, "UTC")
	s.file(l.SettingGlobalBudget(), "litellm_settings.max_budget", c.LiteLLM.MaxBudget, nil)
	s.file(l.SettingModelsInDB(), "general_settings.store_model_in_db", c.General.StoreModelInDB, false)
	s.file(l.SettingConfigPath(), "--config", c.Path, "")
}

func signInSettings(s *settingList, c *config.Config) {
	l := s.l
	s.group(l.Password())
	s.env(l.SettingOperator(), "UI_USERNAME", c.UI.Username, "admin")
	s.env(l.SettingOperatorPassword(), "UI_PASSWORD", c.UI.Password, models.Secret{})
	s.file(l.SettingPasswordLength(), "gatehouse.password_min_length", c.Gatehouse.PasswordMin, 12)
	s.file(l.SettingLoginRate(), "gatehouse.login_rate", c.Gatehouse.LoginRate, config.Rate{N: 10, Per: time.Minute})
	s.group(l.Sessions())
	s.env(l.SettingSession(), "LITELLM_UI_SESSION_DURATION", c.UI.SessionLength, dayLength)
	s.file(l.SettingIdle(), "gatehouse.session_idle", c.Gatehouse.SessionIdle, 8*hourLength)
	s.file(l.SettingIdleAdmin(), "gatehouse.session_idle_admin", c.Gatehouse.SessionIdleAdmin, hourLength)
	s.file(l.SettingInvite(), "gatehouse.invite_ttl", c.Gatehouse.InviteTTL, 7*dayLength)
	s.file(l.SettingAccess(), "general_settings.ui_access_mode", string(c.UI.AccessMode), string(config.AccessAll))
	s.group(l.SingleSignOn())
	provider := ""
	switch {
	case c.SSO.Google != nil:
		provider = "Google"
	case c.SSO.Microsoft != nil:
		provider = "Microsoft"
	case c.SSO.Generic != nil:
		provider = "OpenID Connect"
	}
	s.env(l.Provider(), "GOOGLE_CLIENT_ID, MICROSOFT_CLIENT_ID, GENERIC_CLIENT_ID", provider, "")
	s.env(l.SettingDomains(), "ALLOWED_EMAIL_DOMAINS", c.SSO.AllowedDomains, nil)
	s.file(l.SettingTeamSync(), "gatehouse.sso_team_sync", string(c.Gatehouse.SSOTeamSync), string(config.SyncAdd))
}

func mailSettings(s *settingList, c *config.Config) {
	l := s.l
	s.group(l.SectionMail())
	s.env(l.SettingMailHost(), "SMTP_HOST", c.Mail.Host, "")
	s.env(l.SettingMailPort(), "SMTP_PORT", c.Mail.Port, 587)
	s.env(l.SettingMailUser(), "SMTP_USERNAME", c.Mail.Username, "")
	s.env(l.SettingMailPassword(), "SMTP_PASSWORD", c.Mail.Password, models.Secret{})
	s.env(l.SettingMailSender(), "SMTP_SENDER_EMAIL", c.Mail.Sender, "")
	s.env(l.SettingMailKey(), "EMAIL_INCLUDE_API_KEY", c.Mail.IncludeKey, false)
}

func keySettings(s *settingList, c *config.Config) {
	l := s.l
	s.group(l.SettingDefaults())
	d := c.LiteLLM.DefaultKey
	const defaults = "litellm_settings.default_key_generate_params."
	s.file(l.Budget(), defaults+"max_budget", d.MaxBudget, nil)
	s.file(l.BudgetPeriod(), defaults+"budget_duration", d.BudgetDuration, duration.Duration{})
	s.file(l.Expires(), defaults+"duration", d.Duration, duration.Duration{})
	s.file(l.Models(), defaults+"models", d.Models, nil)
	s.group(l.SettingBounds())
	var b config.UpperBound
	if c.LiteLLM.UpperBound != nil {
		b = *c.LiteLLM.UpperBound
	}
	const bounds = "litellm_settings.upperbound_key_generate_params."
	s.file(l.Budget(), bounds+"max_budget", b.MaxBudget, nil)
	s.file(l.Expires(), bounds+"duration", b.Duration, duration.Duration{})
	s.file(l.RequestsPerMin(), bounds+"rpm_limit", b.RPMLimit, nil)
	s.file(l.TokensPerMin(), bounds+"tpm_limit", b.TPMLimit, nil)
	s.file(l.Parallel(), bounds+"max_parallel_requests", b.MaxParallel, nil)
	s.group(l.SettingWhoMakes())
	s.file(l.SettingNoPersonal(), "general_settings.default_team_disabled", c.General.DefaultTeamDisabled, false)
	var personal, team []string
	if g := c.LiteLLM.KeyGeneration; g != nil {
		if g.Personal != nil {
			for _, r := range g.Personal.Roles {
				personal = append(personal, string(r))
			}
		}
		if g.Team != nil {
			for _, r := range g.Team.Roles {
				team = append(team, string(r))
			}
		}
	}
	s.file(l.SettingPersonalRoles(), "litellm_settings.key_generation_settings.personal_key_generation", personal, nil)
	s.file(l.SettingTeamRoles(), "litellm_settings.key_generation_settings.team_key_generation", team, nil)
	s.file(l.SettingPlayground(), "litellm_settings.max_ui_session_budget", c.LiteLLM.MaxUISessionBudget, models.USD)
}

func loggingSettings(s *settingList, c *config.Config) {
	l := s.l
	s.group(l.SectionLogging())
	s.file(l.SettingRequestLogs(), "general_settings.disable_spend_logs", !c.General.NoSpendLogs, true)
	s.file(l.SettingStorePrompts(), "general_settings.store_prompts_in_spend_logs", c.General.StorePrompts, false)
	s.file(l.SettingRetention(), "general_settings.maximum_spend_logs_retention_period", c.General.SpendRetention, duration.Duration{})
	s.env(l.SettingLogLevel(), "LITELLM_LOG", c.Log.Level, "info")
	s.env(l.SettingJSONLogs(), "JSON_LOGS", c.Log.JSON, false)
	s.group(l.ResponseCache())
	s.file(l.ResponseCache(), "litellm_settings.cache", c.Cache.On, false)
	s.file(l.SettingCacheScope(), "litellm_settings.cache_params", c.Cache.Scope, "")
}

func alertSettings(s *settingList, c *config.Config) {
	l := s.l
	s.group(l.SectionAlerts())
	s.file(l.SettingAlertKinds(), "general_settings.alerting", c.Alerts.Kinds, nil)
	s.file(l.SettingAlertTypes(), "general_settings.alert_types", c.Alerts.Types, nil)
	s.env("Slack", "SLACK_WEBHOOK_URL", c.Alerts.SlackURL, models.Secret{})
	s.env("Webhook", "WEBHOOK_URL", c.Alerts.WebhookURL, models.Secret{})
	s.env(l.SettingBudgetAlert(), "EMAIL_BUDGET_ALERT_MAX_SPEND_ALERT_PERCENTAGE", c.Mail.BudgetAlertAt, 0.8)
}
