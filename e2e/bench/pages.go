package bench

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// SeedPages fills an empty, migrated database of either kind with what ui.md measures list pages by: 10,000 keys of 1,000
// people and 100 teams, 1,000,000 daily sums over 60 days up to until (every key, every day), and 100,000 calls of the last 30
// days. Every value is worked out from the row's number.
func SeedPages(ctx context.Context, db *sql.DB, until time.Time) error {
	var days []string
	for back := range 60 {
		days = append(days, fmt.Sprintf("('%s', %d)", until.AddDate(0, 0, -back).Format(time.DateOnly), back))
	}
	values := strings.NewReplacer("$NOW", fmt.Sprint(until.UnixMicro()), "$DAYS", strings.Join(days, ", "))
	for _, part := range strings.Split(pagesSQL, ";\n") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		if _, err := db.ExecContext(ctx, values.Replace(part)); err != nil {
			return fmt.Errorf("%.60s…: %w", part, err)
		}
	}
	return nil
}

const pagesSQL = `
WITH RECURSIVE s(n) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM s WHERE n < 100)
INSERT INTO teams (id, alias, max_budget, budget_duration, created_at) SELECT 'team-' || n, 'Team ' || n, n * 1000000000000, '30d', $NOW - 9000000000000 + n FROM s;
WITH RECURSIVE s(n) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM s WHERE n < 1000)
INSERT INTO users (id, email, alias, role, created_at)
SELECT 'user-' || n, 'person' || n || '@example.org', CASE WHEN n % 4 > 0 THEN 'Person ' || n END, 'internal_user', $NOW - 8000000000000 + n FROM s;
WITH RECURSIVE s(n) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM s WHERE n < 1000)
INSERT INTO memberships (team_id, user_id, role, created_at)
SELECT 'team-' || (1 + n % 100), 'user-' || n, CASE WHEN n <= 100 THEN 'admin' ELSE 'user' END, $NOW - 8000000000000 FROM s;
WITH RECURSIVE s(n) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM s WHERE n < 10000)
INSERT INTO keys (id, hash, key_name, alias, user_id, team_id, models, max_budget, budget_duration, expires_at, metadata, blocked, created_at, updated_at)
SELECT 'key-' || n, 'hash-' || n, 'sk-...' || (1000 + n % 9000), CASE WHEN n % 5 > 0 THEN 'app-' || (n % 37) || '-' || n END, 'user-' || (1 + n % 1000),
  CASE WHEN n % 3 = 0 THEN 'team-' || (1 + n % 100) END, CASE WHEN n % 4 = 0 THEN '["gpt-4o","gpt-4o-mini"]' ELSE '[]' END,
  CASE WHEN n % 2 = 0 THEN (n % 1000) * 1000000000 END, CASE WHEN n % 2 = 0 THEN '30d' END, CASE WHEN n % 7 = 0 THEN $NOW + (n % 900) * 86400000000 END,
  CASE WHEN n % 10 = 0 THEN '{"tags":["squad-' || (n % 30) || '"]}' ELSE '{}' END, n % 97 = 0, $NOW - 7000000000000 + n * 60000000, $NOW - 7000000000000 + n * 60000000
FROM s;
WITH RECURSIVE s(n) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM s WHERE n < 16667), d(day, back) AS (VALUES $DAYS)
INSERT INTO daily_spend (day, key_id, user_id, team_id, organization_id, end_user, model_group, model, provider, call_type, spend, prompt_tokens, output_tokens, requests, failed)
SELECT d.day, k.id, k.user_id, COALESCE(k.team_id, ''), '', '', m.name, m.name, 'openai', 'completion', 1000000 * (1 + (n * 7 + d.back) % 997), 1000 + n % 4001, 100 + n % 997, 1 + n % 50,
  CASE WHEN n % 50 = 7 THEN 1 ELSE 0 END
FROM d, s JOIN keys k ON k.id = 'key-' || (1 + n % 10000) JOIN (SELECT 0 AS at, 'gpt-4o' AS name UNION ALL SELECT 1, 'gpt-4o-mini') m ON m.at = CASE WHEN n > 10000 THEN 1 ELSE 0 END;
WITH RECURSIVE s(n) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM s WHERE n < 100000)
INSERT INTO spend_records (id, call_type, key_id, key_hash, user_id, team_id, model_group, model, provider, spend, prompt_tokens, output_tokens, status, http_status, started_at,
  first_byte_at, ended_at)
SELECT '01JB' || (1000000 + n), 'completion', k.id, k.hash, k.user_id, COALESCE(k.team_id, ''), 'gpt-4o', 'gpt-4o', 'openai', 1000 * (1 + n % 9973), 20 + n % 4001, 10 + n % 997,
  CASE WHEN n % 50 = 7 THEN 'failure' ELSE 'success' END, CASE WHEN n % 50 = 7 THEN 502 ELSE 200 END, $NOW - n * 25000000, $NOW - n * 25000000 + 200000, $NOW - n * 25000000 + 900000
FROM s JOIN keys k ON k.id = 'key-' || (1 + n % 10000);
WITH sums AS (SELECT key_id, sum(spend) AS spent FROM daily_spend GROUP BY key_id)
UPDATE counters SET spent = (SELECT spent FROM sums s WHERE s.key_id = counters.key_id) / 60, total = (SELECT spent FROM sums s WHERE s.key_id = counters.key_id),
  last_used_at = $NOW - length(scope) * 1000000 - (SELECT spent FROM sums s WHERE s.key_id = counters.key_id) % 86400000000
WHERE key_id IS NOT NULL;
ANALYZE;
`
