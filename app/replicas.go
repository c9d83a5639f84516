package app

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"gatehouse/app/config"
	"gatehouse/models"
	"gatehouse/models/store"
	"gatehouse/proxy/limit"
)

const (
	beatEvery = 2 * time.Second
	beatLimit = 2 * time.Second
)

// replicas tells the database that this process lives, and knows how many others do.
type replicas struct {
	store *store.Store
	id    string
	ttl   time.Duration
	log   *slog.Logger
	heard func(b models.Beat, sent time.Time) // may be nil; sent is when the beat was, by this process' clock
	now   func() time.Time

	serving atomic.Int64
	lowest  atomic.Bool
}

// beat tells once.
func (r *replicas) beat(ctx context.Context) error {
	sent := r.now()
	ctx, cancel := context.WithTimeout(ctx, beatLimit)
	defer cancel()
	b, err := r.store.Beat(ctx, r.id, r.ttl)
	if err != nil {
		return err
	}
	if was := r.serving.Swap(b.Heard); was != b.Heard {
		r.log.InfoContext(ctx, "replicas that serve", slog.Int64("count", b.Heard))
	}
	r.lowest.Store(b.Lowest)
	if r.heard != nil {
		r.heard(b, sent)
	}
	return nil
}

// run tells until ctx ends.
func (r *replicas) run(ctx context.Context) error {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			if err := r.beat(ctx); err != nil && ctx.Err() == nil {
				r.log.WarnContext(ctx, "the database does not hear that this replica lives", slog.Any("error", err))
				continue
			}
			r.sweep(ctx)
		}
	}
}

// sweep settles for replicas that are gone.
func (r *replicas) sweep(ctx context.Context) {
	for ctx.Err() == nil {
		more, err := r.store.SweepReplicas(ctx)
		if err != nil && ctx.Err() == nil {
			r.log.WarnContext(ctx, "a dead replica will be settled for later", slog.Any("error", err))
		}
		if err != nil || !more {
			return
		}
	}
}

// share is what limits are split by: as of the last beat that the database heard.
func (r *replicas) share() (count int64, lowest bool) {
	return max(1, r.serving.Load()), r.lowest.Load()
}

// limiter is Redis where there is one, else this process' memory.
func (p *process) limiter(background context.Context, cfg *config.Config) (limit.Limiter, error) {
	if !cfg.Redis.Configured {
		return limit.NewMemory(p.now, cfg.Keys.RateWindow, p.replicas.share), nil
	}
	o, err := redisOptions(&cfg.Redis)
	if err != nil {
		return nil, err
	}
	p.redis = redis.NewClient(o)
	l := limit.NewRedis(limit.RedisOptions{
		Client: p.redis, Now: p.now, Window: cfg.Keys.RateWindow, Name: p.ledger.Replica(), Share: p.replicas.share, Log: p.log,
	})
	p.goRun(background, "leases of calls in parallel", l.Run)
	p.goRun(background, "presence at redis", l.RunBeats)
	return l, nil
}

// redisOptions is the configured server as the client wants it.
func redisOptions(c *config.Redis) (*redis.Options, error) {
	o := &redis.Options{Addr: net.JoinHostPort(c.Host, strconv.Itoa(c.Port)), Password: c.Password.Reveal(), DB: c.DB}
	if c.URL.IsSet() {
		parsed, err := redis.ParseURL(c.URL.Reveal())
		if err != nil {
			return nil, errRedisAddress
		}
		o = parsed
		if c.DB != 0 {
			o.DB = c.DB
		}
	}
	if c.TLS && o.TLSConfig == nil {
		o.TLSConfig = &tls.Config{ServerName: c.Host, MinVersion: tls.VersionTLS12}
	}
	limit.TuneRedis(o)
	return o, nil
}

// errRedisAddress hides its cause, which holds the password.
var errRedisAddress = errors.New("the address of Redis cannot be read")
