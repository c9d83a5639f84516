-- +goose Up
-- What a SCIM client says of a person. Both databases run this.

ALTER TABLE users ADD COLUMN scim_name TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN scim TEXT NOT NULL DEFAULT '{}';
CREATE UNIQUE INDEX users_scim_name ON users (lower(scim_name)) WHERE scim_name <> '';
