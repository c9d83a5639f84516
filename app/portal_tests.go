package app

import (
	"context"

	"gatehouse/app/access"
	"gatehouse/app/portal"
)

// settingTests are the "Test" buttons of the settings pages, as far as there is something to try.
func (p *process) settingTests() []portal.SettingTest {
	return []portal.SettingTest{
		{Section: "mail", ID: "mail", Ready: p.mail.Enabled, Run: p.testMail},
		{Section: "alerts", ID: "webhook", Ready: func() bool { return len(p.testHooks()) > 0 }, Run: p.testWebhooks},
	}
}

// testHooks are the addresses that alerts go to.
func (p *process) testHooks() []hook { return newAlerts(p.cfg.Load(), p.store, p.now, p.log).hooks }

// testWebhooks sends a harmless alert to every address. The error says what failed, without the address, which may hold a
// secret.
func (p *process) testWebhooks(ctx context.Context, _ access.Actor) error {
	a := newAlerts(p.cfg.Load(), p.store, p.now, p.log)
	defer a.http.CloseIdleConnections()
	for _, h := range a.hooks {
		if err := a.try(ctx, h); err != nil {
			return err
		}
	}
	return nil
}
