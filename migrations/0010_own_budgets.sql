-- +goose Up
-- A budget row that was made for one member or organization goes with it; one that somebody made by name stays.
ALTER TABLE budgets ADD COLUMN own BOOLEAN NOT NULL DEFAULT FALSE;
