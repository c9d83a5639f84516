package testkit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisClaimTTL outlasts any test run.
const redisClaimTTL = time.Hour

// Redis returns the URL of an empty Redis database that belongs to this test alone until it ends. Channels are not part
// of a database: a test that publishes must put something of its own into the channel name.
//
// The server is the one GATEHOUSE_TEST_REDIS names, else one started for this process. Where neither is possible the
// test fails, unless GATEHOUSE_TEST_NO_SERVICES=1 asks to skip.
func Redis(tb testing.TB) string {
	tb.Helper()
	needServices(tb)
	address, err := redisServer.address()
	if err != nil {
		tb.Fatal(err)
	}
	options, err := redis.ParseURL(address)
	if err != nil {
		tb.Fatalf("GATEHOUSE_TEST_REDIS: %v", err)
	}
	ctx, cancel := patient()
	defer cancel()
	admin := redis.NewClient(options)
	number, err := claimRedis(ctx, admin)
	if err != nil {
		tb.Fatal(errors.Join(err, admin.Close()))
	}
	tb.Cleanup(func() {
		ctx, cancel := patient()
		defer cancel()
		if err := errors.Join(flushRedis(ctx, options, number), admin.Del(ctx, redisClaim(number)).Err(), admin.Close()); err != nil {
			tb.Error(err)
		}
	})
	if err := flushRedis(ctx, options, number); err != nil {
		tb.Fatal(err)
	}
	return fmt.Sprintf("%s/%d", address, number)
}

// claimRedis marks the first free database as taken. The marks live in database 0, so that processes which share a
// server do not share a database; they fade after an hour, in case a process dies without removing its own.
func claimRedis(ctx context.Context, admin *redis.Client) (int, error) {
	answer, err := admin.ConfigGet(ctx, "databases").Result()
	if err != nil {
		return 0, fmt.Errorf("ask Redis for its number of databases: %w", err)
	}
	count, err := strconv.Atoi(answer["databases"])
	if err != nil {
		return 0, fmt.Errorf("ask Redis for its number of databases: %w", err)
	}
	for number := 1; number < count; number++ {
		taken, err := admin.SetArgs(ctx, redisClaim(number), "taken", redis.SetArgs{Mode: "NX", TTL: redisClaimTTL}).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return 0, fmt.Errorf("claim a Redis database: %w", err)
		}
		if taken == "OK" {
			return number, nil
		}
	}
	return 0, fmt.Errorf("all %d databases of the test Redis are in use: start it with --databases 1024", count)
}

func redisClaim(number int) string { return "gatehouse-testkit:" + strconv.Itoa(number) }

// flushRedis empties one database. SELECT belongs to a connection, so each call makes its own client.
func flushRedis(ctx context.Context, options *redis.Options, number int) error {
	own := *options
	own.DB = number
	client := redis.NewClient(&own)
	if err := client.FlushDB(ctx).Err(); err != nil {
		return errors.Join(fmt.Errorf("empty Redis database %d: %w", number, err), client.Close())
	}
	return client.Close()
}
