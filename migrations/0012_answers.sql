-- +goose Up
-- What the providers' own prompt caches saved, net of what writing them cost extra, and which kept answer a hit was given.
ALTER TABLE spend_records ADD COLUMN prompt_saved BIGINT NOT NULL DEFAULT 0;
ALTER TABLE spend_records ADD COLUMN cache_key TEXT NOT NULL DEFAULT '';
ALTER TABLE daily_spend ADD COLUMN prompt_saved BIGINT NOT NULL DEFAULT 0;
