-- +goose Up
-- Why nothing was kept of what was said in a call, '' where something was: the exact reason, for the log.
ALTER TABLE spend_bodies ADD COLUMN missing TEXT NOT NULL DEFAULT '';
