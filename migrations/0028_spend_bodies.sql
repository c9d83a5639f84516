-- +goose Up
-- What was asked and answered, where the operator keeps it (store_prompts_in_spend_logs). It goes when its row in the ledger goes.
CREATE TABLE spend_bodies (
  id         TEXT PRIMARY KEY,
  started_at BIGINT NOT NULL,
  request    TEXT NOT NULL DEFAULT '',
  answer     TEXT NOT NULL DEFAULT ''
);
CREATE INDEX spend_bodies_time ON spend_bodies (started_at);
