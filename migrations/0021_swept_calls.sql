-- +goose Up
-- With disable_spend_logs: what was booked for a call whose replica was gone, so that it can be taken out of the books
-- when that replica comes back and says what the call came to. Empty for all others.
ALTER TABLE spend_seen ADD COLUMN swept TEXT NOT NULL DEFAULT '';
