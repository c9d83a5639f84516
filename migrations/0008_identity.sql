-- +goose Up
-- Signing in through a provider, mail, second factors and SCIM. Both databases run this.

-- The id under which the provider itself knows a person (the sub claim); sso_user_id is the claim that names them here,
-- which an operator chooses and which a provider may give to somebody else one day. '' = the provider has told none.
ALTER TABLE users ADD COLUMN sso_subject TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX users_sso_subject ON users (sso_issuer, sso_subject) WHERE sso_subject <> '';
-- What a SCIM client calls a person or a group on its side.
ALTER TABLE users ADD COLUMN external_id TEXT NOT NULL DEFAULT '';
CREATE INDEX users_external ON users (external_id);
ALTER TABLE teams ADD COLUMN external_id TEXT NOT NULL DEFAULT '';
CREATE INDEX teams_external ON teams (external_id);

-- Secrets that work once, for one purpose: a password reset, a spent sign-in attempt. Only hashes.
CREATE TABLE one_time_codes (
  hash       TEXT PRIMARY KEY,
  purpose    TEXT NOT NULL,
  user_id    TEXT NOT NULL DEFAULT '',
  expires_at BIGINT NOT NULL,
  used_at    BIGINT,
  created_at BIGINT NOT NULL
);
CREATE INDEX one_time_codes_user ON one_time_codes (user_id, purpose);
CREATE INDEX one_time_codes_expiry ON one_time_codes (expires_at);

-- Second factors of people who sign in by password. The secret is sealed, recovery codes are hashes.
CREATE TABLE second_factors (
  user_id      TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  sealed       TEXT NOT NULL,
  recovery     TEXT NOT NULL DEFAULT '[]',
  last_step    BIGINT NOT NULL DEFAULT 0,
  created_at   BIGINT NOT NULL,
  confirmed_at BIGINT
);

-- Mail that waits to be sent, and for a while what became of it. What a mail says is sealed, since links in it are
-- secrets, and is removed once the mail is gone.
CREATE TABLE mails (
  id         TEXT PRIMARY KEY,
  kind       TEXT NOT NULL,
  sealed     TEXT NOT NULL DEFAULT '',
  attempts   BIGINT NOT NULL DEFAULT 0,
  next_at    BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  done_at    BIGINT,
  failed     BOOLEAN NOT NULL DEFAULT FALSE,
  last_error TEXT NOT NULL DEFAULT ''
);
CREATE INDEX mails_due ON mails (done_at, next_at);
