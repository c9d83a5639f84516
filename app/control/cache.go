package control

import (
	"context"
	"strings"
	"time"

	"gatehouse/app/access"
	"gatehouse/models/fault"
)

// AnswerCache is the response cache of the data plane.
type AnswerCache interface {
	// Kind is where answers are kept: "local" or "redis".
	Kind() string
	// Params are the settings as they stand, without credentials.
	Params() map[string]any
	Ping(ctx context.Context) error
	// Delete forgets the answers of these keys, which calls show in x-gatehouse-cache-key, and says how many there were.
	// Texts that are no such key are passed over.
	Delete(ctx context.Context, keys []string) (int, error)
	Flush(ctx context.Context) error
	// Server is what a Redis says of itself, and the list of its clients. Errors: fault.Invalid for a cache without one.
	Server(ctx context.Context) (info, clients string, err error)
}

// Cache looks after the response cache.
type Cache struct{ base }

// cacheWait bounds what an administrator waits for a store that does not answer.
const cacheWait = 5 * time.Second

// open is the cache, for who may do the action. Errors: fault.Unavailable where there is none.
func (c *Cache) open(ctx context.Context, who access.Actor, action access.Action) (AnswerCache, error) {
	if err := c.gate(ctx, who, action); err != nil {
		return nil, err
	}
	if c.Answers == nil {
		return nil, fault.New(fault.Unavailable, "The response cache is not on.").WithType(cacheError)
	}
	return c.Answers, nil
}

const cacheError = "cache_ping_error"

func silent(err error) error {
	return fault.New(fault.Unavailable, "The response cache does not answer.").WithType(cacheError).WithCause(err)
}

// CacheState is a cache that answers.
type CacheState struct {
	Kind   string
	Params map[string]any
}

// Ping says whether the cache answers. Errors: fault.Unavailable where it does not or there is none.
func (c *Cache) Ping(ctx context.Context, who access.Actor) (*CacheState, error) {
	cache, err := c.open(ctx, who, access.CachePing)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, cacheWait)
	defer cancel()
	if err := cache.Ping(ctx); err != nil {
		return nil, silent(err)
	}
	return &CacheState{Kind: cache.Kind(), Params: cache.Params()}, nil
}

// Delete forgets answers by their keys and says how many there were. Errors: fault.Invalid without keys.
func (c *Cache) Delete(ctx context.Context, who access.Actor, keys []string) (int, error) {
	cache, err := c.open(ctx, who, access.CacheWrite)
	if err != nil {
		return 0, err
	}
	if len(keys) == 0 {
		return 0, fault.Missing("keys")
	}
	ctx, cancel := context.WithTimeout(ctx, cacheWait)
	defer cancel()
	n, err := cache.Delete(ctx, keys)
	if err != nil {
		return 0, silent(err)
	}
	return n, c.note(ctx, who, strings.Join(keys[:min(len(keys), 3)], " "))
}

// Flush forgets every answer.
func (c *Cache) Flush(ctx context.Context, who access.Actor) error {
	cache, err := c.open(ctx, who, access.CacheWrite)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 6*cacheWait)
	defer cancel()
	if err := cache.Flush(ctx); err != nil {
		return silent(err)
	}
	return c.note(ctx, who, "all")
}

// note leaves a row in the audit log: what was forgotten cannot be seen any more.
func (c *Cache) note(ctx context.Context, who access.Actor, what string) error {
	row := c.auditRow(who, string(access.CacheWrite), what)
	return c.Store.AppendAudit(ctx, row)
}

// Server is what the Redis of the cache says of itself: its text and the list of its clients. Errors: fault.Invalid for a
// cache without one.
func (c *Cache) Server(ctx context.Context, who access.Actor) (info, clients string, err error) {
	cache, err := c.open(ctx, who, access.CacheWrite)
	if err != nil {
		return "", "", err
	}
	ctx, cancel := context.WithTimeout(ctx, cacheWait)
	defer cancel()
	info, clients, err = cache.Server(ctx)
	if err != nil && !fault.Is(err, fault.Invalid) {
		return "", "", silent(err)
	}
	return info, clients, err
}
