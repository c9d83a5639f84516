// Package app is the control plane and the wiring: it builds configuration, database, services and both halves of the
// server, and takes them down in reverse order.
package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"gatehouse/app/config"
	"gatehouse/app/control"
	"gatehouse/app/hooks"
	"gatehouse/app/jwtauth"
	"gatehouse/app/mail"
	"gatehouse/app/seal"
	"gatehouse/app/sso"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
	"gatehouse/proxy"
	"gatehouse/proxy/budget"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/price"
	"gatehouse/proxy/route"
	"gatehouse/proxy/spend"
)

// Options are what main hands over.
type Options struct {
	Overrides config.Overrides
	Env       []string
	Version   string
	Out, Err  io.Writer
	Endpoints sso.Endpoints // where Google, Entra and Graph are; the zero value outside of tests
}

// CheckConfig prints what is wrong with the configuration and gives the exit status.
func CheckConfig(o config.Overrides, env []string, out io.Writer) int {
	_, report := config.Start(o, env)
	if err := report.Write(out); err != nil {
		return 1
	}
	if report.Err() != nil {
		return config.ExitConfig
	}
	return 0
}

// process is everything that runs. Fields are set once, in the order of build, and closed in reverse.
type process struct {
	opt    Options
	log    *slog.Logger
	now    func() time.Time
	cfg    atomic.Pointer[config.Config]
	policy atomic.Pointer[control.Policy]
	master models.Secret
	// created: the master key is new, and nobody has been told.
	created bool

	store    *store.Store
	sealer   *seal.Sealer
	hooks    *hooks.Hooks
	prices   *price.Table
	ring     *keyring.Ring
	ledger   *spend.Ledger
	budget   *budget.Ledger
	router   *route.Router
	plane    *proxy.Plane
	services *control.Services
	sso      atomic.Pointer[sso.Service]
	tokens   *jwtauth.Service
	health   *health
	metrics  *metrics // nil: off
	replicas *replicas
	writer   *ledgerWriter
	redis    *redis.Client // nil: none is configured
	answers  *keptAnswers  // nil: answers are not kept
	mail     *mail.Mailer

	background sync.WaitGroup
	stop       context.CancelFunc // ends the background
}

// Run serves until ctx ends, then drains and returns nil. An error means that it could not start, or that what it serves
// from broke.
func Run(ctx context.Context, opt Options) error {
	cfg, report := config.Start(opt.Overrides, opt.Env)
	log, lines := newLogger(cfg.Log, opt.Err)
	defer lines.Close()
	for _, w := range report.Warnings {
		log.Warn("configuration", slog.String("finding", w.String()))
	}
	if err := report.Err(); err != nil {
		return err
	}
	p := &process{opt: opt, log: log, now: time.Now}
	p.cfg.Store(cfg)
	for name, value := range cfg.Exports {
		if err := os.Setenv(name, value.Reveal()); err != nil {
			return fmt.Errorf("environment_variables.%s: %w", name, err)
		}
	}
	ln, err := listen(ctx, cfg.Server, p.now)
	if err != nil {
		return err
	}
	defer func() { _ = ln.Close() }() // the server has closed it, unless something failed before
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	if err := p.masterKey(cfg); err != nil {
		return err
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	p.stop = stop
	defer stop()
	defer p.close()
	if err := p.build(ctx, background, cfg); err != nil {
		p.handOver(cfg)
		return err
	}
	p.goRun(background, "reload", func(ctx context.Context) error { p.watchReload(ctx, hup); return nil })
	p.goRun(background, "memory", func(ctx context.Context) error { giveBack(ctx); return nil })
	return p.serve(ctx, cfg, ln)
}

// masterKey takes the configured master key, or the one kept in the data folder, which is made at the first start.
func (p *process) masterKey(cfg *config.Config) error {
	p.master = cfg.General.MasterKey
	if !p.master.IsSet() {
		var err error
		if p.master, p.created, err = config.EnsureMasterKey(cfg.Server.DataDir); err != nil {
			return err
		}
	}
	policy := control.PolicyOf(cfg, p.master)
	p.policy.Store(&policy)
	return nil
}

// handOver tells a new master key although the start has failed: the next one will not know that nobody has seen it.
func (p *process) handOver(cfg *config.Config) {
	if p.created {
		_, _ = fmt.Fprintf(p.opt.Out, "Master key  %s\n            kept in %s; it is not shown again\n", p.master.Reveal(), masterKeyFile(cfg))
	}
}

func masterKeyFile(cfg *config.Config) string {
	return filepath.Join(cfg.Server.DataDir, config.MasterKeyFile)
}

// build puts the parts together, each on those before it.
func (p *process) build(ctx, background context.Context, cfg *config.Config) error {
	if err := os.MkdirAll(cfg.Server.DataDir, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	salt := cfg.Keys.Salt
	if !salt.IsSet() {
		salt = p.master
	}
	var err error
	if p.sealer, err = seal.New(salt.Reveal()); err != nil {
		return err
	}
	if p.hooks, err = hooks.New(cfg.Hooks); err != nil {
		return err
	}
	if p.store, err = p.openStore(ctx, cfg); err != nil {
		return err
	}
	if waits, err := p.store.AwaitsImport(ctx); err != nil {
		return err
	} else if waits {
		p.log.Warn("this database has LiteLLM's keys, which are not known here yet: run `gatehouse import litellm`")
	}
	if err := p.openMail(cfg); err != nil {
		return err
	}
	if p.prices, err = p.loadPrices(cfg); err != nil {
		return err
	}
	p.ring = keyring.New(keyring.Options{Source: p.store, Decode: deploymentDecoder(p.sealer), Now: p.now, Log: p.log})
	p.ring.SetDeployments(cfg.Models)
	p.ring.SetAliases(aliasesOf(cfg.Router.Aliases))
	if err := p.ring.Load(ctx); err != nil {
		return err
	}
	if err := p.openLedger(ctx, cfg); err != nil {
		return err
	}
	if err := p.openBudgets(ctx, background, cfg); err != nil {
		return err
	}
	settings, err := routeSettings(cfg.Router)
	if err != nil {
		return err
	}
	if err := p.buildPlane(background, cfg, settings); err != nil {
		return err
	}
	p.services = control.New(control.Deps{
		Store: p.store, Ring: p.ring, Ledger: p.budget, Explain: p, KeyRule: keyRule(p.hooks), Sealer: modelSealer{p.sealer}, FactorSealer: factorSealer{p.sealer}, JobSealer: jobSealer{p.sealer},
		Models: catalog{ring: p.ring, prices: p.prices}, Answers: p.answerCache(), Mailer: p.mail, Policy: p.policy.Load, Now: p.now, Log: p.log,
	})
	if err := p.openTokens(cfg); err != nil {
		return err
	}
	p.health = &health{
		store: p.store, ring: p.ring, ledger: p.ledger, maxStale: cfg.Gatehouse.SnapshotMaxStale, version: p.opt.Version, level: cfg.Log.Level,
		now: p.now, kept: p.answers, checks: p.healthChecks(background),
	}
	p.goRun(background, "configuration feed", p.ring.Run)
	p.goRun(background, "health probe", func(ctx context.Context) error { p.health.run(ctx); return nil })
	if p.metrics != nil {
		p.goRun(background, "metrics", func(ctx context.Context) error { p.metrics.run(ctx); return nil })
	}
	p.goRun(background, "mail", p.mail.Run)
	p.goRun(background, "findings", func(ctx context.Context) error { return p.tellFindings(ctx, cfg, p.log) })
	p.goRun(background, "jobs of people", func(ctx context.Context) error { p.services.Jobs.Run(ctx); return nil })
	j := &jobs{store: p.store, ring: p.ring, cfg: p.cfg.Load, mail: p.mail, now: p.now, log: p.log}
	p.store.ShowWindows(j.current)
	p.goRun(background, "jobs", func(ctx context.Context) error { j.run(ctx); return nil })
	return nil
}

// goRun starts a part that works until the background ends. A panic in it is logged and does not take the process down.
func (p *process) goRun(ctx context.Context, name string, run func(context.Context) error) {
	p.background.Go(func() {
		defer func() {
			if r := recover(); r != nil {
				p.log.Error("a background part stopped", slog.String("part", name), slog.Any("panic", r), slog.String("stack", string(debug.Stack())))
			}
		}()
		if err := run(ctx); err != nil && ctx.Err() == nil {
			p.log.Error("a background part stopped", slog.String("part", name), slog.Any("error", err))
		}
	})
}

// openStore opens the database. One that cannot be reached is tried again for as long as the configuration says.
func (p *process) openStore(ctx context.Context, cfg *config.Config) (*store.Store, error) {
	dsn := databaseAddress(cfg)
	opt := store.Options{
		Now: p.now, Log: p.log, Zone: cfg.LiteLLM.Timezone, MaxOpen: cfg.General.PoolLimit, DisableSpendLogs: cfg.General.NoSpendLogs,
		NoMigration: cfg.General.NoMigration,
	}
	if os.Getenv(logStatements) == "1" {
		opt.OnStatement = func(ctx context.Context, query string) {
			p.log.LogAttrs(ctx, slog.LevelInfo, "statement", slog.String("sql", query))
		}
	}
	deadline := p.now().Add(cfg.General.DBTimeout)
	for {
		s, err := store.Open(ctx, dsn, opt)
		if err == nil || !fault.Is(err, fault.Unavailable) || p.now().After(deadline) || ctx.Err() != nil {
			return s, err
		}
		p.log.Warn("the database cannot be reached yet", slog.Any("error", err))
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func (p *process) loadPrices(cfg *config.Config) (*price.Table, error) {
	path := cfg.Prices.Map
	if path == "" || cfg.Prices.Local {
		return price.New(p.now), nil
	}
	if strings.HasPrefix(path, "http://") || strings.HasPrefix(path, "https://") {
		return p.fetchPrices(cfg), nil
	}
	f, err := os.Open(path)
	if err != nil {
		p.log.Warn("the price file cannot be read; the built-in prices stand", slog.Any("error", err))
		return price.New(p.now), nil
	}
	defer func() { _ = f.Close() }()
	file, err := price.LoadLiteLLM(f)
	if err != nil {
		return nil, fmt.Errorf("price file %s: %w", path, err)
	}
	return price.New(p.now, file), nil
}

// openLedger replays what an earlier run left, then learns what was spent, so that the first call is judged by the truth.
func (p *process) openLedger(ctx context.Context, cfg *config.Config) error {
	var defaultBudget *string
	if id := cfg.LiteLLM.EndUserBudgetID; id != "" {
		defaultBudget = &id
	}
	p.writer = &ledgerWriter{store: p.store, snapshot: p.ring.Snapshot, defaultBudget: defaultBudget, log: p.log}
	var writer spend.Writer = p.writer
	if p.store.IsPostgres() {
		writer = sharedWriter{p.writer}
	}
	var err error
	p.ledger, err = spend.Open(filepath.Join(cfg.Server.DataDir, "journal"), writer, spend.Options{
		Now: p.now, Logger: p.log, SyncAlways: cfg.Gatehouse.JournalSync == 0, SyncEvery: cfg.Gatehouse.JournalSync,
	})
	if err != nil {
		return err
	}
	if r := p.ledger.Recovery(); r.Unwritten+r.Floored > 0 || len(r.SetAside) > 0 {
		p.log.Info("the journal of an earlier run is being booked", slog.Int("settled", r.Unwritten), slog.Int("cut_off", r.Floored), slog.Any("damaged", r.SetAside))
	}
	wait, cancel := context.WithTimeout(ctx, cfg.General.DBTimeout)
	defer cancel()
	if err := p.ledger.Replayed(wait); err != nil {
		return fmt.Errorf("book the journal of an earlier run: %w", err)
	}
	return nil
}

func (p *process) buildPlane(background context.Context, cfg *config.Config, settings route.Settings) error {
	limits, err := p.limiter(background, cfg)
	if err != nil {
		return err
	}
	opt := route.Options{Now: p.now, Rand: rand.Float64}
	if p.redis != nil {
		opt.Shared = limits
	}
	cooldowns := p.shareCooldowns()
	if cooldowns != nil {
		opt.Told = cooldowns.tell
	}
	p.router = route.New(opt, settings)
	cooldowns.start(p, p.router, background)
	d := proxy.Deps{
		Config: p.planeConfig(cfg), Ring: p.ring, Router: p.router, Limits: limits, Budget: p.budget,
		Outputs: new(budget.Outputs), Ledger: p.ledger, Prices: p.prices, Log: p.log, Now: p.now, Seal: responseSealer{p.sealer},
	}
	if !cfg.Server.SSLVerify {
		d.TLS = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // SSL_VERIFY=false is the operator's word
	}
	if p.hooks.HasAuth() {
		d.Auth = hookAuth{p.hooks}
	}
	p.tokens = jwtauth.New()
	d.Tokens = p.tokens
	p.countCalls(cfg, &d)
	p.keepWords(background, &d)
	if err := p.openCache(background, cfg); err != nil {
		return err
	}
	if p.answers != nil {
		d.Cache = p.answers.cache
	}
	p.plane, err = proxy.New(d)
	return err
}

// close takes everything down in reverse order. What the database did not take stays in the journal.
func (p *process) close() {
	p.stop()
	p.background.Wait()
	if p.ledger != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		if err := p.ledger.Close(ctx); err != nil {
			p.log.Warn("some calls stay in the journal until the next start", slog.Any("error", err))
		}
		cancel()
	}
	p.closeBudgets()
	if p.answers != nil {
		p.answers.close()
	}
	if p.store != nil {
		if err := p.store.Close(); err != nil {
			p.log.Warn("the database did not close", slog.Any("error", err))
		}
	}
	p.log.Info("stopped")
}

// watchReload reads the configuration again on SIGHUP. A bad one is logged and the old one stays.
func (p *process) watchReload(ctx context.Context, hup <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
			if err := p.reload(); err != nil {
				p.log.Error("the new configuration was not taken; the old one stands", slog.Any("error", err))
				continue
			}
			p.log.Info("the configuration was read again")
		}
	}
}

func (p *process) reload() error {
	cfg, report := config.Start(p.opt.Overrides, p.opt.Env)
	if err := report.Err(); err != nil {
		return err
	}
	settings, err := routeSettings(cfg.Router)
	if err != nil {
		return err
	}
	if err := p.hooks.Reload(cfg.Hooks); err != nil {
		return err
	}
	p.cfg.Store(cfg)
	policy := control.PolicyOf(cfg, p.master)
	p.policy.Store(&policy)
	if err := p.openSSO(cfg); err != nil {
		return err
	}
	if err := p.openTokens(cfg); err != nil {
		return err
	}
	p.ring.SetDeployments(cfg.Models)
	p.ring.SetAliases(aliasesOf(cfg.Router.Aliases))
	p.router.SetSettings(settings)
	p.plane.Configure(p.planeConfig(cfg))
	return nil
}

// errServer wraps what ended the server by itself.
var errServer = errors.New("the server stopped")
