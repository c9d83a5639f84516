package app

import (
	"net/netip"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/models/fault"
)

// allowedAddress keeps callers from elsewhere out of the control plane (general_settings.allowed_ips), as the data plane
// does for calls to models. Probes come from the machines that run the process, so they are left alone.
func (p *process) allowedAddress(ip func(*fiber.Ctx) string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		cfg := p.cfg.Load()
		if len(cfg.General.AllowedIPs) == 0 || strings.HasPrefix(c.Path(), cfg.Server.RootPath+"/health/live") || c.Path() == cfg.Server.RootPath+"/health/readiness" {
			return c.Next()
		}
		addr, err := netip.ParseAddr(ip(c))
		if err == nil {
			for _, allowed := range cfg.General.AllowedIPs {
				if allowed.Contains(addr.Unmap()) {
					return c.Next()
				}
			}
		}
		return fault.New(fault.Forbidden, "this address may not call Gatehouse").WithType("auth_error")
	}
}
