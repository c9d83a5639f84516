-- +goose Up
-- How replicas share budgets (docs/adr/0001-budget-slices.md). Only PostgreSQL has more than one replica; SQLite has the
-- tables so that the schema is one. Money is BIGINT nano-USD, times are BIGINT microseconds of the database's clock.

-- What a scope has lent out of its present window, and what the owners of slices took with them when they died.
ALTER TABLE counters ADD COLUMN sliced BIGINT NOT NULL DEFAULT 0;
ALTER TABLE counters ADD COLUMN lost BIGINT NOT NULL DEFAULT 0;

-- The processes that serve from this database. One that has not been seen for its ttl is dead.
CREATE TABLE replicas (
  id         TEXT PRIMARY KEY,
  seen_at    BIGINT NOT NULL,
  ttl        BIGINT NOT NULL,
  started_at BIGINT NOT NULL
);

-- What one replica may still spend of a scope's window. serial is the last operation of the owner that was done here and
-- granted what that gave, so that an operation may be sent twice.
CREATE TABLE slices (
  scope        TEXT NOT NULL,
  replica      TEXT NOT NULL,
  id           BIGINT NOT NULL UNIQUE,
  window_start BIGINT NOT NULL,
  balance      BIGINT NOT NULL DEFAULT 0,
  lost         BIGINT NOT NULL DEFAULT 0,
  serial       BIGINT NOT NULL DEFAULT 0,
  granted      BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (scope, replica)
);
CREATE INDEX slices_replica ON slices (replica);

-- Calls that are under way for longer than a moment: what the others book if their replica does not come back.
CREATE TABLE open_holds (
  call_id TEXT PRIMARY KEY,
  replica TEXT NOT NULL,
  at      BIGINT NOT NULL,
  record  TEXT NOT NULL
);
CREATE INDEX open_holds_replica ON open_holds (replica);
