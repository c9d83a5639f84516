package config

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"gatehouse/models"
)

// gatehouse reads the block that only Gatehouse knows.
func (l *loader) gatehouse(s *section) {
	c := &l.c.Gatehouse
	c.SSOTeamSync = TeamSync(l.teamSync(s.ref("sso_team_sync")))
	for _, secret := range l.texts(s.ref("session_secret"), must) {
		c.SessionSecrets = append(c.SessionSecrets, models.NewSecret(secret))
	}
	c.PasswordMin = 12
	length := s.ref("password_min_length")
	if v := l.whole(length, must, 8); v != nil {
		if *v > 64 {
			l.fault(length.value, length.path, "must be 8 to 64")
		} else {
			c.PasswordMin = int(*v)
		}
	}
	c.InviteTTL = l.length(s.ref("invite_ttl"), 7*day)
	c.LoginRate = l.rate(s.ref("login_rate"), Rate{N: 10, Per: time.Minute})
	c.BudgetMode = BudgetMode(l.oneOf(s.ref("budget_mode"), must, string(BudgetFirm), string(BudgetFirm), string(BudgetExact)))
	c.MinOutput = l.wholeOr(s.ref("min_output"), must, 1, 16)
	c.AllowMock = l.boolean(s.ref("allow_mock"), must, false)
	c.BlockUnpriced = l.oneOf(s.ref("unknown_price"), must, "allow", "allow", "block") == "block"
	c.SliceTTL = l.length(s.ref("slice_ttl"), 90*time.Second)
	c.SnapshotMaxStale = l.length(s.ref("snapshot_max_stale"), 10*time.Minute)
	c.JournalSync = 20 * time.Millisecond
	if sync := s.ref("journal_sync"); !sync.isNull() {
		if sync.kind == kindText && strings.EqualFold(strings.TrimSpace(sync.text), "always") {
			c.JournalSync = 0
		} else {
			c.JournalSync = l.length(sync, c.JournalSync)
		}
	}
	c.DrainDelay = l.length(s.ref("drain_delay"), 5*time.Second)
	c.DrainTimeout = l.length(s.ref("drain_timeout"), 120*time.Second)
	c.SessionIdle = l.length(s.ref("session_idle"), 8*time.Hour)
	c.SessionIdleAdmin = l.length(s.ref("session_idle_admin"), time.Hour)
	c.RequireMFA = l.boolean(s.ref("require_mfa"), must, false)
	c.EgressAllow = l.egress(s.ref("egress_allow"))
	l.c.Server.TrustedProxies = l.networks(s.ref("trusted_proxies"))
	if !s.has("trusted_proxies") {
		l.c.Server.TrustedProxies = privateNetworks()
	}
	if c.SliceTTL < 10*time.Second {
		r := s.ref("slice_ttl")
		l.fault(r.value, r.path, "must be 10s or more: replicas report every 2 s")
	}
}

// teamSync reads add, full or off; YAML 1.1 makes a false of a bare off.
func (l *loader) teamSync(r ref) string {
	if !r.isNull() && r.kind == kindBool && !r.flag {
		return string(SyncOff)
	}
	return l.oneOf(r, must, string(SyncAdd), string(SyncAdd), string(SyncFull), string(SyncOff))
}

// privateNetworks are loopback and RFC 1918, with their IPv6 kin.
func privateNetworks() []netip.Prefix {
	var out []netip.Prefix
	for _, text := range [...]string{"127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"} {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

// rate reads "N/s", "N/min" or "N/h".
func (l *loader) rate(r ref, fallback Rate) Rate {
	if r.isNull() {
		return fallback
	}
	if r.kind == kindText {
		digits, unit, _ := strings.Cut(strings.TrimSpace(r.text), "/")
		n, err := strconv.Atoi(strings.TrimSpace(digits))
		per := map[string]time.Duration{"s": time.Second, "sec": time.Second, "min": time.Minute, "m": time.Minute, "h": time.Hour}[strings.TrimSpace(unit)]
		if err == nil && n > 0 && n <= 1e9 && per > 0 {
			return Rate{N: n, Per: per}
		}
	}
	l.fault(r.value, r.path, "must be a rate, as in 10/min, 2/s or 100/h")
	return fallback
}

// egress reads the private addresses that outgoing calls may reach: CIDR ranges and host names, with or without a port.
func (l *loader) egress(r ref) []string {
	var out []string
	for _, text := range l.texts(r, must) {
		if !egressEntry(text) {
			l.fault(r.value, r.path, "must hold CIDR ranges and host names, as in 10.0.0.0/8 or models.internal:8080")
			continue
		}
		out = append(out, text)
	}
	return out
}

func egressEntry(text string) bool {
	if _, ok := prefix(text); ok {
		return true
	}
	if strings.ContainsAny(text, "/@?# ") || strings.ContainsFunc(text, unicode.IsControl) {
		return false
	}
	u, err := url.Parse("http://" + text)
	return err == nil && u.Hostname() != "" && u.Host == text
}

const day = 24 * time.Hour
