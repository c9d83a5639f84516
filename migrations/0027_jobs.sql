-- +goose Up
-- Work on many rows that somebody started in the portal and need not wait for: how far it is, and, sealed, what became of
-- each row. Kept for an hour, so that any replica can show it.
CREATE TABLE jobs (
  id         TEXT PRIMARY KEY,
  user_id    TEXT NOT NULL,
  kind       TEXT NOT NULL,
  state      TEXT NOT NULL,
  total      BIGINT NOT NULL,
  done       BIGINT NOT NULL DEFAULT 0,
  failed     BIGINT NOT NULL DEFAULT 0,
  cancel     BOOLEAN NOT NULL DEFAULT FALSE,
  sealed     TEXT NOT NULL DEFAULT '',
  started_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
-- One at a time for each person, whichever replica they ask.
CREATE UNIQUE INDEX jobs_running ON jobs (user_id) WHERE state = 'running';
