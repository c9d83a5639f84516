-- +goose Up
-- Counts the times that a day which was over got another call, so that what was summed of such days may be kept in memory.
CREATE TABLE late_days (
  id      BIGINT PRIMARY KEY CHECK (id = 1),
  version BIGINT NOT NULL
);
INSERT INTO late_days (id, version) VALUES (1, 0);
