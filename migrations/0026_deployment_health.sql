-- +goose Up
-- What the last background health check of each deployment found. One replica checks, all of them read.
CREATE TABLE deployment_health (
  deployment_id TEXT PRIMARY KEY,
  healthy       BOOLEAN NOT NULL,
  status        BIGINT NOT NULL,
  reason        TEXT NOT NULL,
  checked_at    BIGINT NOT NULL
);
