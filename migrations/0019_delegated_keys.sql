-- +goose Up
-- Whether a key's secret was last given to somebody who is neither its owner nor a proxy admin, such as the admin of its team.
ALTER TABLE keys ADD COLUMN delegated BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE keys_archive ADD COLUMN delegated BOOLEAN NOT NULL DEFAULT FALSE;
