-- +goose Up
-- Indexes that keep lists quick at 100,000 keys.

-- Lists of keys sort by these either way round, rows without a value last (models/store/page.go).
CREATE INDEX keys_by_alias ON keys ((alias IS NULL), alias, hash);
CREATE INDEX keys_by_alias_desc ON keys ((alias IS NULL), alias DESC, hash DESC);
CREATE INDEX keys_by_budget ON keys ((max_budget IS NULL), max_budget, hash);
CREATE INDEX keys_by_budget_desc ON keys ((max_budget IS NULL), max_budget DESC, hash DESC);
CREATE INDEX keys_by_expiry ON keys ((expires_at IS NULL), expires_at, hash);
CREATE INDEX keys_by_expiry_desc ON keys ((expires_at IS NULL), expires_at DESC, hash DESC);

-- An entry in each index of the ledger is a large part of what a call costs: none for what a call does not have. Questions name
-- the condition too (models/store/page.go). Those by model walk the calls by time.
DROP INDEX spend_records_user;
DROP INDEX spend_records_team;
DROP INDEX spend_records_group;
CREATE INDEX spend_records_user ON spend_records (user_id, started_at) WHERE user_id <> '';
CREATE INDEX spend_records_team ON spend_records (team_id, started_at) WHERE team_id <> '';
