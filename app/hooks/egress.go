package hooks

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

// Egress decides which addresses an outgoing call may reach. It judges the address that the name resolved to, at
// the moment of connecting, so that no name can change its meaning between check and use. Private, loopback and
// link-local addresses are refused unless gatehouse.egress_allow names them. Safe for concurrent use.
type Egress struct {
	hosts    map[string]bool // "name" for every port, or "name:port"
	prefixes []netip.Prefix
	guard    *ssrf.Guardian
	dialer   net.Dialer
}

// NewEgress reads allow: CIDR ranges, addresses, host names, each host with or without a port. Entries that are none of
// these are taken for host names and match nothing real.
func NewEgress(allow []string) *Egress {
	e := &Egress{hosts: map[string]bool{}, guard: ssrf.New(), dialer: net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}}
	for _, entry := range allow {
		if p, err := netip.ParsePrefix(entry); err == nil {
			e.prefixes = append(e.prefixes, p.Masked())
		} else if a, err := netip.ParseAddr(entry); err == nil {
			e.prefixes = append(e.prefixes, netip.PrefixFrom(a, a.BitLen()))
		} else {
			e.hosts[strings.ToLower(strings.TrimSuffix(entry, "."))] = true
		}
	}
	return e
}

// AllowsHost says whether egress_allow names the host itself, whatever it resolves to.
func (e *Egress) AllowsHost(host, port string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return e.hosts[host] || e.hosts[net.JoinHostPort(host, port)]
}

// DialContext connects where it may, for http.Transport. plain says that the connection will carry clear text, which
// is for allowed addresses only.
func (e *Egress) DialContext(ctx context.Context, network, address string, plain bool) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("egress: %w", err)
	}
	d := e.dialer
	if !e.AllowsHost(host, port) {
		d.Control = func(network, address string, c syscall.RawConn) error { return e.control(network, address, c, plain) }
	}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("egress: %w", err)
	}
	return conn, nil
}

func (e *Egress) control(network, address string, c syscall.RawConn, plain bool) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("unreadable address: %w", err)
	}
	for _, p := range e.prefixes {
		if p.Contains(to.Addr().WithZone("")) {
			return nil
		}
	}
	if plain {
		return errors.New("plain http is for addresses in gatehouse.egress_allow")
	}
	if err := e.guard.Safe(network, address, c); err != nil {
		return fmt.Errorf("address not in gatehouse.egress_allow: %w", err)
	}
	return nil
}
