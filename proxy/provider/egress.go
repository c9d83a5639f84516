package provider

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

// Direct dials any address: for deployments of config.yaml.
func Direct() Dialer { return &net.Dialer{Timeout: connectTimeout, KeepAlive: 15 * time.Second} }

// guarded judges the address that a name resolved to at the moment of connecting.
type guarded struct {
	dialer net.Dialer
	hosts  []string // reached whatever they resolve to
	open   net.Dialer
}

// Guarded dials public addresses and those of the allow list (CIDR or host name), for URLs that came in through the API:
// never loopback, private, link-local or metadata addresses (reliability.md §9).
func Guarded(allow []string) (Dialer, error) {
	g := &guarded{open: net.Dialer{Timeout: connectTimeout}}
	var v4, v6 []netip.Prefix
	for _, item := range allow {
		item = strings.TrimSpace(item)
		if p, err := netip.ParsePrefix(item); err == nil {
			if p.Addr().Is4() {
				v4 = append(v4, p)
			} else {
				v6 = append(v6, p)
			}
			continue
		}
		if a, err := netip.ParseAddr(item); err == nil {
			p, err := a.Prefix(a.BitLen())
			if err != nil {
				return nil, fmt.Errorf("egress_allow: %w", err)
			}
			if a.Is4() {
				v4 = append(v4, p)
			} else {
				v6 = append(v6, p)
			}
			continue
		}
		if item == "" || strings.ContainsAny(item, "/ :") {
			return nil, fmt.Errorf("egress_allow: %q is no CIDR, address or host name", item)
		}
		g.hosts = append(g.hosts, strings.ToLower(item))
	}
	guard := ssrf.New(ssrf.WithAnyPort(), ssrf.WithNetworks("tcp4", "tcp6"), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))
	g.dialer = net.Dialer{Timeout: connectTimeout, Control: func(network, address string, c syscall.RawConn) error {
		if err := guard.Safe(network, address, c); err != nil {
			return fmt.Errorf("refuse to connect: %w", err)
		}
		return nil
	}}
	return g, nil
}

// DialContext connects, or refuses the address.
func (g *guarded) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	d := &g.dialer
	if slices.Contains(g.hosts, strings.ToLower(host)) {
		d = &g.open
	}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	return conn, nil
}
