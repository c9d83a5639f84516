// Package bench makes a large installation and measures the admin API on it (make bench-admin).
package bench

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Size says how much [Seed] makes.
type Size struct {
	Orgs, Teams, Users, Keys, Calls int
	Days                            int // the calls' days, the last of which is Until's
	Until                           time.Time
}

// Full is the size of issue and goal: 100,000 keys, 10,000 users and 5,000,000 calls in 60 days.
func Full() Size {
	return Size{Orgs: 20, Teams: 500, Users: 10_000, Keys: 100_000, Calls: 5_000_000, Days: 60, Until: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)}
}

// Secret is the secret of key n (from 1).
func Secret(n int) string { return fmt.Sprintf("sk-bench-%d", n) }

// Seed fills an empty, migrated PostgreSQL database. The same size gives the same rows, whatever the machine: every value is
// worked out from the row's number. Names:
//
//   - team-N, N from 1, in organization org-(N mod Orgs); its admin is user-N, and each person is in one team: user-N in
//     team-(N mod Teams)
//   - key-N (uuid-like) of user-(N mod Users); every third in the user's team; four in five have an alias
//   - every tenth key has calls, a few of them most; five models, one call in fifty has failed, one in ten has an end user
func Seed(ctx context.Context, db *pgx.Conn, size Size) error {
	indexes, err := dropIndexes(ctx, db, "spend_records", "daily_spend", "daily_tags")
	if err != nil {
		return err
	}
	values := strings.NewReplacer(
		"$ORGS", fmt.Sprint(size.Orgs), "$TEAMS", fmt.Sprint(size.Teams), "$USERS", fmt.Sprint(size.Users), "$KEYS", fmt.Sprint(size.Keys),
		"$CALLS", fmt.Sprint(size.Calls), "$DAYS", fmt.Sprint(size.Days), "$UNTIL", fmt.Sprint(size.Until.UnixMicro()),
	)
	for _, part := range strings.Split(seedSQL, ";\n") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		if _, err := db.Exec(ctx, values.Replace(part)); err != nil {
			return fmt.Errorf("%.60s…: %w", strings.TrimSpace(part), err)
		}
	}
	for _, index := range indexes {
		if _, err := db.Exec(ctx, index); err != nil {
			return fmt.Errorf("%s: %w", index, err)
		}
	}
	if _, err := db.Exec(ctx, "VACUUM ANALYZE"); err != nil { // as the server does by itself after a while
		return fmt.Errorf("vacuum: %w", err)
	}
	return nil
}

// dropIndexes takes the indexes of tables away, but for keys, and gives the statements that make them again: filling first is
// several times quicker.
func dropIndexes(ctx context.Context, db *pgx.Conn, tables ...string) ([]string, error) {
	rows, err := db.Query(ctx, `SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() AND tablename = ANY($1)
AND indexname NOT IN (SELECT conname FROM pg_constraint) ORDER BY indexname`, tables)
	if err != nil {
		return nil, fmt.Errorf("list indexes: %w", err)
	}
	type index struct{ Name, Def string }
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[index])
	if err != nil {
		return nil, fmt.Errorf("list indexes: %w", err)
	}
	var again []string
	for _, i := range found {
		if _, err := db.Exec(ctx, "DROP INDEX "+pgx.Identifier{i.Name}.Sanitize()); err != nil {
			return nil, fmt.Errorf("drop index %s: %w", i.Name, err)
		}
		again = append(again, i.Def)
	}
	return again, nil
}

// seedSQL: a random-looking number of row n is n * 2654435761 mod 2^32 (Knuth's multiplicative hash).
const seedSQL = `
INSERT INTO budgets (id, max_budget, created_at) SELECT 'org-budget-' || n, 1000000000000000, $UNTIL - 9000000000000
FROM generate_series(1, $ORGS) n;
INSERT INTO organizations (id, alias, budget_id, created_at) SELECT 'org-' || n, 'Division ' || n, 'org-budget-' || n, $UNTIL - 9000000000000
FROM generate_series(1, $ORGS) n;
INSERT INTO teams (id, alias, organization_id, max_budget, budget_duration, created_at)
SELECT 'team-' || n, 'Team ' || substr(md5('t' || n), 1, 6), 'org-' || (1 + n % $ORGS), 50000000000000, '30d', $UNTIL - 9000000000000 + n
FROM generate_series(1, $TEAMS) n;
INSERT INTO users (id, email, alias, role, max_budget, budget_duration, created_at)
SELECT 'user-' || n, 'person' || n || '@' || (ARRAY['example.org', 'example.com', 'mail.example.net'])[1 + n % 3],
  CASE WHEN n % 4 > 0 THEN 'Person ' || substr(md5('u' || n), 1, 8) END, CASE WHEN n % 50 = 0 THEN 'internal_user_viewer' ELSE 'internal_user' END,
  CASE WHEN n % 2 = 0 THEN 100000000000 END, CASE WHEN n % 2 = 0 THEN '30d' END, $UNTIL - 8000000000000 + n * 1000000::bigint
FROM generate_series(1, $USERS) n;
INSERT INTO memberships (team_id, user_id, role, created_at)
SELECT 'team-' || (1 + (n - 1) % $TEAMS), 'user-' || n, CASE WHEN n <= $TEAMS THEN 'admin' ELSE 'user' END, $UNTIL - 8000000000000 + n * 1000000::bigint
FROM generate_series(1, $USERS) n;
INSERT INTO keys (id, hash, key_name, alias, user_id, team_id, models, max_budget, budget_duration, expires_at, metadata, blocked, created_at, created_by, updated_at)
SELECT overlay(overlay(overlay(overlay(md5('k' || n) placing '-' from 9 for 0) placing '-' from 14 for 0) placing '-' from 19 for 0) placing '-' from 24 for 0),
  encode(sha256(('sk-bench-' || n)::bytea), 'hex'), 'sk-...' || right('0000' || n, 4),
  CASE WHEN n % 5 > 0 THEN (ARRAY['billing', 'search', 'support', 'mobile', 'nightly'])[1 + n % 5] || '-' || substr(md5('a' || n), 1, 5) || '-' || n END,
  CASE WHEN n % 20 > 0 THEN 'user-' || (1 + (n - 1) % $USERS) END,
  CASE WHEN n % 3 = 0 OR n % 20 = 0 THEN 'team-' || (1 + (n - 1) % $USERS % $TEAMS) END,
  CASE WHEN n % 4 = 0 THEN '["gpt-4o","gpt-4o-mini"]' ELSE '[]' END,
  CASE WHEN n % 2 = 0 THEN (n % 1000) * 1000000000::bigint END, CASE WHEN n % 2 = 0 THEN '30d' END,
  CASE WHEN n % 7 = 0 THEN $UNTIL + (n % 900) * 86400000000::bigint END,
  CASE WHEN n % 10 = 0 THEN '{"tags":["env-' || n % 7 || '","squad-' || n % 300 || '"]}' ELSE '{}' END, n % 97 = 0,
  $UNTIL - 7000000000000 + n * 60000000::bigint, 'user-' || (1 + (n - 1) % $USERS), $UNTIL - 7000000000000 + n * 60000000::bigint
FROM generate_series(1, $KEYS) n;
INSERT INTO spend_records (id, call_type, key_id, key_hash, user_id, team_id, organization_id, end_user, model_group, model, deployment_id, provider, api_base,
  spend, prompt_tokens, output_tokens, status, http_status, error_code, started_at, first_byte_at, ended_at, ip, tags, metadata, lines, price_version)
SELECT '01JB' || lpad(n::text, 22, '0'), 'completion', k.id, k.hash, COALESCE(k.user_id, ''), COALESCE(k.team_id, ''), COALESCE(t.organization_id, ''),
  CASE WHEN h % 10 = 0 THEN 'customer-' || h % 5000 ELSE '' END, m.name, m.name, 'deployment-' || k.at % 5, CASE WHEN k.at % 5 < 3 THEN 'openai' ELSE 'anthropic' END,
  'https://provider.example/v1', CASE WHEN h % 50 = 7 THEN 0 ELSE 1000 * (1 + h % 9973) END, 20 + h % 4001, 10 + h % 997,
  CASE WHEN h % 50 = 7 THEN 'failure' ELSE 'success' END, CASE WHEN h % 50 = 7 THEN 502 ELSE 200 END, CASE WHEN h % 50 = 7 THEN 'upstream_error' ELSE '' END,
  c.at, c.at + 200000, c.at + 900000 + h % 1000003, '192.0.2.' || h % 250, CASE WHEN h % 20 = 3 THEN '["job-' || h % 40 || '"]' ELSE '[]' END, '{}',
  '[{"kind":"input","tokens":' || 20 + h % 4001 || '},{"kind":"output","tokens":' || 10 + h % 997 || '}]', '2026-11-01'
FROM (SELECT n, (n * 2654435761) % 4294967296 AS h, $UNTIL + 86400000000 - $DAYS * 86400000000 + ($DAYS * 86400000000 / $CALLS) * (n - 1) AS at
  FROM generate_series(1, $CALLS::bigint) n) c
JOIN (SELECT id, hash, user_id, team_id, (row_number() OVER (ORDER BY created_at) - 1) AS at FROM keys) k
  ON k.at = 10 * (floor(($KEYS / 10) * ((c.h::double precision / 4294967296) ^ 2))::bigint)
LEFT JOIN teams t ON t.id = k.team_id
JOIN (SELECT at - 1 AS at, name FROM unnest(ARRAY['gpt-4o', 'gpt-4o-mini', 'o4-mini', 'claude-sonnet-4-5', 'claude-haiku-4-5']) WITH ORDINALITY AS x (name, at)) m
  ON m.at = (k.at / 10) % 5;
INSERT INTO daily_spend (day, key_id, user_id, team_id, organization_id, end_user, model_group, model, provider, call_type, spend, prompt_tokens, output_tokens,
  requests, failed)
SELECT to_char(to_timestamp(started_at / 1000000) AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day, key_id, user_id, team_id, organization_id, end_user, model_group, model,
  provider, call_type, sum(spend), sum(prompt_tokens), sum(output_tokens), count(*), count(*) FILTER (WHERE status = 'failure')
FROM spend_records GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10;
INSERT INTO daily_tags (day, tag, key_id, user_id, team_id, model, spend, tokens, requests, failed)
SELECT to_char(to_timestamp(started_at / 1000000) AT TIME ZONE 'UTC', 'YYYY-MM-DD'), tags::json ->> 0, key_id, user_id, team_id, model_group, sum(spend),
  sum(prompt_tokens + output_tokens), count(*), count(*) FILTER (WHERE status = 'failure')
FROM spend_records WHERE tags <> '[]' GROUP BY 1, 2, 3, 4, 5, 6;
INSERT INTO counters (scope, spent, total, last_used_at)
SELECT 'key:' || key_id, sum(spend), sum(spend), max(ended_at) FROM spend_records GROUP BY 1
UNION ALL SELECT 'user:' || user_id, sum(spend), sum(spend), max(ended_at) FROM spend_records WHERE user_id <> '' GROUP BY 1
UNION ALL SELECT 'team:' || team_id, sum(spend), sum(spend), max(ended_at) FROM spend_records WHERE team_id <> '' GROUP BY 1
ON CONFLICT (scope) DO UPDATE SET spent = excluded.spent, total = excluded.total, last_used_at = excluded.last_used_at;
`
