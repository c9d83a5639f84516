package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"gatehouse/app/config"
)

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// serve answers on ln until ctx ends, then drains: readiness turns red, calls under way finish, and only then the rest
// closes.
func (p *process) serve(ctx context.Context, cfg *config.Config, ln *pacedListener) error {
	controlApp, err := p.controlApp(cfg)
	if err != nil {
		return err
	}
	server := newServer(p.plane, controlApp.Handler(), cfg.Server.RootPath, p.health.draining.Load)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	p.announce(cfg)
	select {
	case err := <-failed:
		return fmt.Errorf("%w: %w", errServer, err)
	case <-ctx.Done():
	}
	p.drain(server, ln, cfg)
	return nil
}

// closing is how long answers that are complete may take to reach their clients at the end.
const closing = 5 * time.Second

// drain is reliability.md §15: new calls are refused, open ones end by themselves or are cut at the limit. A second signal
// skips the waiting.
func (p *process) drain(server *fasthttp.Server, ln *pacedListener, cfg *config.Config) {
	p.log.Info("shutting down", slog.Int64("calls_in_flight", p.plane.InFlight()))
	p.health.draining.Store(true)
	again := make(chan os.Signal, 1)
	signal.Notify(again, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(again)
	ctx, cancel := context.WithTimeout(context.Background(), cfg.Gatehouse.DrainTimeout)
	defer cancel()
	go func() {
		select {
		case <-again:
			cancel()
		case <-ctx.Done():
		}
	}()
	if p.store.IsPostgres() { // other replicas may serve: whoever balances between them needs the time to look away
		select {
		case <-time.After(cfg.Gatehouse.DrainDelay):
		case <-ctx.Done():
		}
	}
	p.plane.Drain(ctx)
	// Connections that only wait for a request end with the process; answers on their way do not.
	last, stop := context.WithTimeout(context.Background(), closing)
	defer stop()
	go func() {
		for ln.busy.Load() > 0 && last.Err() == nil {
			time.Sleep(5 * time.Millisecond)
		}
		stop()
	}()
	if err := server.ShutdownWithContext(last); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		p.log.Warn("some connections were cut", slog.Any("error", err))
	}
}

// announce says where the portal is; at the very first start also the master key and a call that works as pasted.
func (p *process) announce(cfg *config.Config) {
	base := cfg.Server.BaseURL
	if base == "" {
		host := cfg.Server.Host
		if host == "" || host == "0.0.0.0" || host == "::" {
			host = "localhost"
		}
		base = fmt.Sprintf("http://%s:%d%s", host, cfg.Server.Port, cfg.Server.RootPath)
	}
	for _, s := range cfg.Sources {
		p.log.Info("setting", slog.String("name", s.Setting), slog.String("from", s.From))
	}
	p.log.Info("ready", slog.String("address", base), slog.String("version", p.opt.Version), slog.Int("models", len(p.ring.Snapshot().Catalog().Deployments())))
	if !p.created {
		return
	}
	p.created = false
	model := "demo"
	if names := p.ring.Snapshot().Catalog().Names(); len(names) > 0 && !contains(names, model) {
		model = strings.ReplaceAll(names[0], "*", "name")
	}
	key := p.master.Reveal()
	_, _ = fmt.Fprintf(p.opt.Out, `
Gatehouse is ready.

  Portal      %[1]s/ui/   (name: %[4]s, password: the master key)
  Master key  %[2]s
              kept in %[5]s; it is not shown again

  Try it:

curl -s %[1]s/v1/chat/completions -H "Authorization: Bearer %[2]s" -H "Content-Type: application/json" -d '{"model":"%[3]s","messages":[{"role":"user","content":"hello"}]}'

`, base, key, model, cfg.UI.Username, masterKeyFile(cfg))
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
