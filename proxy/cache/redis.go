package cache

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Redis keeps entries where every replica finds them.
type Redis struct {
	client redis.UniversalClient
	prefix string
}

// NewRedis makes a store in the server of client, under a namespace that may be empty. It does not connect. The client
// must make no retries of its own, and its deadlines must reach the socket (limit.TuneRedis).
func NewRedis(client redis.UniversalClient, namespace string) *Redis {
	prefix := "gatehouse:cache:"
	if namespace != "" {
		prefix += namespace + ":"
	}
	return &Redis{client: client, prefix: prefix}
}

func (r *Redis) name(k Key) string { return r.prefix + k.String() }

// Get gives the entry of a key; nil when there is none. What cannot be read counts as none: another version wrote it.
func (r *Redis) Get(ctx context.Context, k Key) (*Entry, error) {
	raw, err := r.client.Get(ctx, r.name(k)).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil //nolint:nilnil // there is none
	}
	if err != nil {
		return nil, fmt.Errorf("ask redis for an answer: %w", err)
	}
	e, _ := decode(raw)
	return e, nil
}

// Put keeps an entry.
func (r *Redis) Put(ctx context.Context, k Key, e *Entry) error {
	raw, err := encode(e)
	if err != nil {
		return err
	}
	if err := r.client.Set(ctx, r.name(k), raw, e.TTL).Err(); err != nil {
		return fmt.Errorf("put an answer into redis: %w", err)
	}
	return nil
}

// Delete forgets keys.
func (r *Redis) Delete(ctx context.Context, keys []Key) (int, error) {
	if len(keys) == 0 {
		return 0, nil
	}
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = r.name(k)
	}
	n, err := r.client.Del(ctx, names...).Result()
	if err != nil {
		return 0, fmt.Errorf("delete answers in redis: %w", err)
	}
	return int(n), nil
}

// flushStep is how many keys are looked at and deleted at a time.
const flushStep = 500

// Flush forgets what stands under our prefix, and nothing else that the server may hold.
func (r *Redis) Flush(ctx context.Context) error {
	var cursor uint64
	for {
		names, next, err := r.client.Scan(ctx, cursor, escapeGlob(r.prefix)+"*", flushStep).Result()
		if err == nil && len(names) > 0 {
			err = r.client.Unlink(ctx, names...).Err()
		}
		if err != nil {
			return fmt.Errorf("flush the answers in redis: %w", err)
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// escapeGlob makes a text match itself alone.
func escapeGlob(s string) string {
	out := make([]byte, 0, len(s))
	for i := range len(s) {
		switch s[i] {
		case '*', '?', '[', ']', '\\':
			out = append(out, '\\')
		}
		out = append(out, s[i])
	}
	return string(out)
}

// Ping says whether the server answers.
func (r *Redis) Ping(ctx context.Context) error {
	if err := r.client.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("ping redis: %w", err)
	}
	return nil
}

// Info is what the server says of itself: its text, and the list of its clients.
func (r *Redis) Info(ctx context.Context) (info, clients string, err error) {
	if info, err = r.client.Info(ctx).Result(); err == nil {
		clients, err = r.client.ClientList(ctx).Result()
	}
	if err != nil {
		return "", "", fmt.Errorf("ask redis about itself: %w", err)
	}
	return info, clients, nil
}

// Kind is "redis".
func (r *Redis) Kind() string { return "redis" }

// Near is false: a look is a trip to the server.
func (r *Redis) Near() bool { return false }
