package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"gatehouse/app/config"
	"gatehouse/models"
	"gatehouse/proxy/budget"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/policy"
)

// leaseMargin is how long before the others would take its slices a replica stops using them, by its own clock.
const leaseMargin = 5 * time.Second

// openBudgets learns what was spent, so that the first call is judged by the truth, and enters this process among those
// that share the database.
func (p *process) openBudgets(ctx, background context.Context, cfg *config.Config) error {
	shared := p.store.IsPostgres()
	ttl := cfg.Gatehouse.SliceTTL
	p.replicas = &replicas{store: p.store, id: p.ledger.Replica(), ttl: ttl, log: p.log, now: p.now}
	// What an earlier run had spent is in the books; what it had not, nobody needs any more.
	if err := p.store.Leave(ctx, p.replicas.id); err != nil {
		return fmt.Errorf("give back what an earlier run had of budgets: %w", err)
	}
	if err := p.replicas.beat(ctx); err != nil {
		return fmt.Errorf("enter the list of replicas: %w", err)
	}
	alerts := newAlerts(cfg, p.store, p.now, p.log)
	alerts.mail = p.mailBudget
	opt := budget.Options{
		Now: p.now, Zone: cfg.LiteLLM.Timezone, NoReset: cfg.General.NoBudgetReset, OnCross: alerts.crossed,
		NearPercent: int64(cfg.Mail.BudgetAlertAt * 100),
	}
	if shared {
		opt.Bank, opt.Replica = p.store, p.replicas.id
	}
	p.budget = budget.New(opt)
	if err := p.budget.Seed(ctx, p.store); err != nil {
		return err
	}
	p.writer.budget.Store(p.budget)
	p.goRun(background, "budget windows", func(ctx context.Context) error { return p.budget.Run(ctx, p.store) })
	p.goRun(background, "budget alerts", alerts.run)
	if !shared {
		return nil
	}
	p.store.OnBudgetNews(p.budget.News)
	p.replicas.heard = func(b models.Beat, sent time.Time) {
		p.budget.Clock(b.Now)
		p.budget.Lease(sent.Add(ttl-leaseMargin), b.Fresh)
	}
	if err := p.replicas.beat(ctx); err != nil {
		return fmt.Errorf("enter the list of replicas: %w", err)
	}
	p.goRun(background, "replicas", p.replicas.run)
	p.goRun(background, "slices of budgets", p.budget.Share)
	return nil
}

// closeBudgets leaves the list of replicas once everything is in the books.
func (p *process) closeBudgets() {
	if p.budget != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		if err := p.store.Leave(ctx, p.replicas.id); err != nil {
			p.log.Warn("slices of budgets were not given back; others wait until they expire", slog.Any("error", err))
		}
		cancel()
	}
	if p.redis != nil {
		_ = p.redis.Close() // nothing is on its way any more
	}
}

// capsOf are the figures of the configuration that belong to no row.
func capsOf(c *config.Config) policy.Caps {
	caps := policy.Caps{
		ProxyBudget: capOf((*int64)(c.LiteLLM.MaxBudget)), ProxyDuration: c.LiteLLM.BudgetDuration.String(),
		ProxyParallel: capOf(c.General.GlobalMaxParallel), CustomerBudget: capOf((*int64)(c.LiteLLM.MaxEndUserBudget)),
		CustomerBudgetID: c.LiteLLM.EndUserBudgetID, Mode: budget.ParseMode(string(c.Gatehouse.BudgetMode)),
	}
	for _, b := range c.LiteLLM.TagBudgets {
		if caps.Tags == nil {
			caps.Tags = make(map[string]policy.TagCap, len(c.LiteLLM.TagBudgets))
		}
		tag := policy.TagCap{Budget: capOf((*int64)(b.MaxBudget)), Soft: capOf((*int64)(b.SoftBudget))}
		if !b.BudgetDuration.IsNever() {
			tag.Duration = b.BudgetDuration.String()
		}
		caps.Tags[b.Tag] = tag
	}
	if caps.ProxyBudget.N <= 0 {
		caps.ProxyBudget = keyring.Cap{} // 0 is "none" over everything (contract/config.md §3)
	}
	if c.LiteLLM.BudgetDuration.IsNever() {
		caps.ProxyDuration = ""
	}
	return caps
}
