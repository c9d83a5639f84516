-- +goose Up
-- Indexes that keep lists quick at 100,000 keys and millions of calls.

-- Lists of keys sort by these either way round, rows without a value last (models/store/page.go).
CREATE INDEX keys_by_alias ON keys ((alias IS NULL), alias, hash);
CREATE INDEX keys_by_alias_desc ON keys ((alias IS NULL), alias DESC, hash DESC);
CREATE INDEX keys_by_budget ON keys ((max_budget IS NULL), max_budget, hash);
CREATE INDEX keys_by_budget_desc ON keys ((max_budget IS NULL), max_budget DESC, hash DESC);
CREATE INDEX keys_by_expiry ON keys ((expires_at IS NULL), expires_at, hash);
CREATE INDEX keys_by_expiry_desc ON keys ((expires_at IS NULL), expires_at DESC, hash DESC);

-- The ledger by spend, and calls that cost at least or at most so much.
CREATE INDEX spend_records_spend ON spend_records (spend, id);
