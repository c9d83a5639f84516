package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"gatehouse/app/config"
	"gatehouse/app/control"
	"gatehouse/models/fault"
	"gatehouse/proxy/cache"
)

// keptAnswers is the response cache of this process, with its settings as an administrator may see them. Where the
// configuration turns it on after the start, it stays off until the next one.
type keptAnswers struct {
	cache *cache.Cache
	cfg   func() *config.Config
	close func()
}

var _ control.AnswerCache = (*keptAnswers)(nil)

// openCache makes the cache, or nothing where the configuration wants none. A Redis that does not answer is told; calls go
// on without it until it does.
func (p *process) openCache(ctx context.Context, cfg *config.Config) error {
	c := &cfg.Cache
	if !c.On {
		return nil
	}
	a := &keptAnswers{cfg: p.cfg.Load}
	var store cache.Store
	if c.Type == "redis" {
		o, err := redisOptions(&c.Redis)
		if err != nil {
			return err
		}
		client := redis.NewClient(o)
		store = cache.NewRedis(client, c.Namespace)
		a.close = func() {
			if err := client.Close(); err != nil {
				p.log.Warn("the connections of the response cache did not close", slog.Any("error", err))
			}
		}
	} else {
		memory, err := cache.NewMemory(int64(c.MemoryMB) << 20)
		if err != nil {
			return err
		}
		store, a.close = memory, memory.Close
	}
	a.cache = cache.New(cache.Options{Store: store, Now: p.now, Log: p.log, MaxAnswer: c.MaxAnswerKB << 10})
	ping, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := store.Ping(ping); err != nil {
		p.log.WarnContext(ctx, "the Redis of the response cache does not answer; calls go on without a cache until it does", slog.Any("error", err))
	}
	p.answers = a
	return nil
}

// cacheRules are the settings as the data plane takes them.
func cacheRules(c *config.Cache) cache.Rules {
	return cache.Rules{
		On: c.On, TTL: c.TTL, Namespace: c.Namespace, DefaultOff: c.DefaultOff, CallTypes: c.CallTypes, Scope: cache.Scope(c.Scope),
		Deterministic: c.Deterministic,
	}
}

// answerCache is what the services look after; nil where there is none.
func (p *process) answerCache() control.AnswerCache {
	if p.answers == nil {
		return nil
	}
	return p.answers
}

func (a *keptAnswers) Kind() string { return a.cache.Store().Kind() }

func (a *keptAnswers) Params() map[string]any {
	c := &a.cfg().Cache
	ttl, mode, kinds := c.TTL, "default_on", c.CallTypes
	if ttl == 0 {
		ttl = cache.DefaultTTL
	}
	if c.DefaultOff {
		mode = "default_off"
	}
	if kinds == nil {
		kinds = []string{}
	}
	return map[string]any{
		"type": c.Type, "ttl": ttl.Seconds(), "namespace": c.Namespace, "mode": mode, "supported_call_types": kinds, "scope": c.Scope,
		"max_answer_bytes": a.cache.MaxAnswer(),
	}
}

func (a *keptAnswers) Ping(ctx context.Context) error { return a.cache.Store().Ping(ctx) }

func (a *keptAnswers) Delete(ctx context.Context, keys []string) (int, error) {
	var list []cache.Key
	for _, text := range keys {
		if k, ok := cache.ParseKey(text); ok {
			list = append(list, k)
		}
	}
	return a.cache.Store().Delete(ctx, list)
}

func (a *keptAnswers) Flush(ctx context.Context) error { return a.cache.Store().Flush(ctx) }

func (a *keptAnswers) Server(ctx context.Context) (info, clients string, err error) {
	r, ok := a.cache.Store().(*cache.Redis)
	if !ok {
		return "", "", fault.New(fault.Invalid, "The response cache is not in a Redis.")
	}
	return r.Info(ctx)
}

// state is what /health/readiness says of the cache; nil where there is none.
func (a *keptAnswers) state() *string {
	if a == nil {
		return nil
	}
	word := a.Kind()
	if a.cache.Down() {
		word = "down"
	}
	return &word
}
