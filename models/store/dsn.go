package store

import (
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
)

// ParsePostgres reads a PostgreSQL address as LiteLLM's users have it: written for Prisma, whose own parameters the server
// does not know and would refuse. schema becomes the search path and pgbouncer leaves prepared statements out; the sizes and
// waits of Prisma's pool have no meaning here. Errors do not repeat the address.
func ParsePostgres(dsn string) (*pgx.ConnConfig, error) {
	dsn, schema, bouncer := withoutPrisma(dsn)
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		// pgx masks the password in its own message, but the rest of the address need not be shown either.
		return nil, badAddress("the database address cannot be read")
	}
	if schema != "" {
		config.RuntimeParams["search_path"] = pgx.Identifier{schema}.Sanitize()
	}
	if bouncer {
		config.DefaultQueryExecMode = pgx.QueryExecModeExec
		config.StatementCacheCapacity, config.DescriptionCacheCapacity = 0, 0
	}
	return config, nil
}

// withoutPrisma takes Prisma's parameters out of an address. All else stays as it is written.
func withoutPrisma(dsn string) (rest, schema string, bouncer bool) {
	head, query, found := strings.Cut(dsn, "?")
	if !found {
		return dsn, "", false
	}
	var kept []string
	for pair := range strings.SplitSeq(query, "&") {
		name, raw, _ := strings.Cut(pair, "=")
		value, err := url.QueryUnescape(raw)
		if err != nil {
			value = raw
		}
		switch name {
		case "schema":
			schema = value
		case "pgbouncer":
			bouncer = value == "true"
		case "connection_limit", "pool_timeout", "socket_timeout", "statement_cache_size", "sslaccept", "sslidentity", "sslpassword", "":
		default:
			kept = append(kept, pair)
		}
	}
	if len(kept) > 0 {
		head += "?" + strings.Join(kept, "&")
	}
	return head, schema, bouncer
}
