-- +goose Up
-- Indexes that keep lists quick at 100,000 keys and millions of calls (docs/performance.md).

-- Lists of keys sort by these either way round, rows without a value last (models/store/page.go).
CREATE INDEX keys_by_alias ON keys ((alias IS NULL), alias, hash);
CREATE INDEX keys_by_alias_desc ON keys ((alias IS NULL), alias DESC, hash DESC);
CREATE INDEX keys_by_budget ON keys ((max_budget IS NULL), max_budget, hash);
CREATE INDEX keys_by_budget_desc ON keys ((max_budget IS NULL), max_budget DESC, hash DESC);
CREATE INDEX keys_by_expiry ON keys ((expires_at IS NULL), expires_at, hash);
CREATE INDEX keys_by_expiry_desc ON keys ((expires_at IS NULL), expires_at DESC, hash DESC);

-- Whatever lies before a late page is passed over in the index alone.
DROP INDEX keys_created;
CREATE INDEX keys_created ON keys (created_at, hash) INCLUDE (id, team_id);

-- The ledger by spend, and calls that cost at least or at most so much; what did not succeed, counted in the index alone.
CREATE INDEX spend_records_spend ON spend_records (spend, id) INCLUDE (started_at);
DROP INDEX spend_records_failed;
CREATE INDEX spend_records_failed ON spend_records (started_at, id) INCLUDE (status) WHERE status <> 'success';

-- Few names, many calls: these are small, and a name that is rare or unknown is not looked for among millions of calls.
CREATE INDEX spend_records_model ON spend_records (model);
CREATE INDEX spend_records_provider ON spend_records (provider);

-- Searches beyond ASCII ask for this by name; on SQLite the program supplies it.
CREATE FUNCTION gatehouse_fold(TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT lower($1)';
