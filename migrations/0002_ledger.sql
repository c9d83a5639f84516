-- +goose Up
-- Everything that a call, a sign-in or a job writes. None of it moves config_seq.

-- What each scope (models/scope.go) has spent. key_id and user_id let lists join, and lists of keys walk an index by spend
-- and by last use; the others have no such index, since it costs something at every call.
CREATE TABLE counters (
  scope        TEXT PRIMARY KEY,
  window_start BIGINT NOT NULL DEFAULT 0,
  resets_at    BIGINT,
  spent        BIGINT NOT NULL DEFAULT 0,
  total        BIGINT NOT NULL DEFAULT 0,
  last_used_at BIGINT NOT NULL DEFAULT 0,
  key_id       TEXT GENERATED ALWAYS AS (CASE WHEN substr(scope, 1, 4) = 'key:' THEN substr(scope, 5) END) STORED,
  user_id      TEXT GENERATED ALWAYS AS (CASE WHEN substr(scope, 1, 5) = 'user:' THEN substr(scope, 6) END) STORED
);
CREATE INDEX counters_due ON counters (resets_at) WHERE resets_at IS NOT NULL;
CREATE INDEX counters_key ON counters (key_id) WHERE key_id IS NOT NULL;
CREATE INDEX counters_user ON counters (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX counters_key_spent ON counters (spent, key_id) WHERE key_id IS NOT NULL;
CREATE INDEX counters_key_used ON counters (last_used_at, key_id) WHERE key_id IS NOT NULL;

-- One finished call a row.
CREATE TABLE spend_records (
  id            TEXT PRIMARY KEY,
  call_type     TEXT NOT NULL DEFAULT '',
  key_id        TEXT NOT NULL DEFAULT '',
  key_hash      TEXT NOT NULL DEFAULT '',
  user_id       TEXT NOT NULL DEFAULT '',
  team_id       TEXT NOT NULL DEFAULT '',
  organization_id TEXT NOT NULL DEFAULT '',
  end_user      TEXT NOT NULL DEFAULT '',
  model_group   TEXT NOT NULL DEFAULT '',
  model         TEXT NOT NULL DEFAULT '',
  deployment_id TEXT NOT NULL DEFAULT '',
  provider      TEXT NOT NULL DEFAULT '',
  api_base      TEXT NOT NULL DEFAULT '',
  spend         BIGINT NOT NULL DEFAULT 0,
  saved         BIGINT NOT NULL DEFAULT 0,
  prompt_tokens BIGINT NOT NULL DEFAULT 0,
  output_tokens BIGINT NOT NULL DEFAULT 0,
  cache_read    BIGINT NOT NULL DEFAULT 0,
  cache_write   BIGINT NOT NULL DEFAULT 0,
  cache_hit     BOOLEAN NOT NULL DEFAULT FALSE,
  unpriced      BOOLEAN NOT NULL DEFAULT FALSE,
  estimated     BOOLEAN NOT NULL DEFAULT FALSE,
  overshoot     BIGINT NOT NULL DEFAULT 0,
  status        TEXT NOT NULL DEFAULT '',
  http_status   BIGINT NOT NULL DEFAULT 0,
  error_code    TEXT NOT NULL DEFAULT '',
  started_at    BIGINT NOT NULL DEFAULT 0,
  first_byte_at BIGINT,
  ended_at      BIGINT NOT NULL DEFAULT 0,
  ip            TEXT NOT NULL DEFAULT '',
  session_id    TEXT NOT NULL DEFAULT '',
  tags          TEXT NOT NULL DEFAULT '[]',
  metadata      TEXT NOT NULL DEFAULT '{}',
  lines         TEXT NOT NULL DEFAULT '{}',
  price_version TEXT NOT NULL DEFAULT '',
  settled_by    TEXT NOT NULL DEFAULT ''
);
CREATE INDEX spend_records_time ON spend_records (started_at, id);
CREATE INDEX spend_records_key ON spend_records (key_id, started_at);
CREATE INDEX spend_records_user ON spend_records (user_id, started_at);
CREATE INDEX spend_records_team ON spend_records (team_id, started_at);
CREATE INDEX spend_records_group ON spend_records (model_group, started_at);
CREATE INDEX spend_records_failed ON spend_records (started_at, id) WHERE status <> 'success';
CREATE INDEX spend_records_end_user ON spend_records (end_user, started_at) WHERE end_user <> '';
CREATE INDEX spend_records_session ON spend_records (session_id, started_at) WHERE session_id <> '';

-- Ids of calls that were booked without a row of their own (disable_spend_logs), so that a replay books none twice.
CREATE TABLE spend_seen (
  id TEXT PRIMARY KEY,
  at BIGINT NOT NULL
);
CREATE INDEX spend_seen_at ON spend_seen (at);

CREATE TABLE daily_spend (
  day             TEXT NOT NULL,
  key_id          TEXT NOT NULL,
  user_id         TEXT NOT NULL,
  team_id         TEXT NOT NULL,
  organization_id TEXT NOT NULL,
  end_user        TEXT NOT NULL,
  model_group     TEXT NOT NULL,
  model           TEXT NOT NULL,
  provider        TEXT NOT NULL,
  call_type       TEXT NOT NULL,
  spend           BIGINT NOT NULL DEFAULT 0,
  saved           BIGINT NOT NULL DEFAULT 0,
  prompt_tokens   BIGINT NOT NULL DEFAULT 0,
  output_tokens   BIGINT NOT NULL DEFAULT 0,
  cache_read      BIGINT NOT NULL DEFAULT 0,
  cache_write     BIGINT NOT NULL DEFAULT 0,
  cached_output   BIGINT NOT NULL DEFAULT 0,
  requests        BIGINT NOT NULL DEFAULT 0,
  failed          BIGINT NOT NULL DEFAULT 0,
  cache_hits      BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (day, key_id, user_id, team_id, organization_id, end_user, model_group, model, provider, call_type)
);
CREATE INDEX daily_spend_key ON daily_spend (key_id, day);
CREATE INDEX daily_spend_user ON daily_spend (user_id, day);
CREATE INDEX daily_spend_team ON daily_spend (team_id, day);

CREATE TABLE daily_tags (
  day      TEXT NOT NULL,
  tag      TEXT NOT NULL,
  key_id   TEXT NOT NULL,
  user_id  TEXT NOT NULL,
  team_id  TEXT NOT NULL,
  model    TEXT NOT NULL,
  spend    BIGINT NOT NULL DEFAULT 0,
  tokens   BIGINT NOT NULL DEFAULT 0,
  requests BIGINT NOT NULL DEFAULT 0,
  failed   BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (day, tag, key_id, user_id, team_id, model)
);
CREATE INDEX daily_tags_tag ON daily_tags (tag, day);

CREATE TABLE invitations (
  hash        TEXT PRIMARY KEY,
  prefix      TEXT NOT NULL DEFAULT '',
  user_id     TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  accepted_at BIGINT,
  revoked_at  BIGINT,
  expires_at  BIGINT NOT NULL,
  created_at  BIGINT NOT NULL DEFAULT 0,
  created_by  TEXT NOT NULL DEFAULT '',
  updated_at  BIGINT NOT NULL DEFAULT 0,
  updated_by  TEXT NOT NULL DEFAULT ''
);
CREATE INDEX invitations_user ON invitations (user_id, created_at);

-- user_id has no foreign key: a sign-in by UI_USERNAME has no user row.
CREATE TABLE sessions (
  hash         TEXT PRIMARY KEY,
  user_id      TEXT NOT NULL,
  role         TEXT NOT NULL DEFAULT '',
  method       TEXT NOT NULL DEFAULT '',
  ip           TEXT NOT NULL DEFAULT '',
  agent        TEXT NOT NULL DEFAULT '',
  flash        TEXT NOT NULL DEFAULT '',
  created_at   BIGINT NOT NULL,
  last_seen_at BIGINT NOT NULL,
  idle_ends    BIGINT NOT NULL,
  expires_at   BIGINT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE login_throttles (
  subject       TEXT PRIMARY KEY,
  failures      BIGINT NOT NULL DEFAULT 0,
  window_start  BIGINT NOT NULL DEFAULT 0,
  attempts      BIGINT NOT NULL DEFAULT 0,
  blocked_until BIGINT NOT NULL DEFAULT 0,
  updated_at    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX login_throttles_age ON login_throttles (updated_at);

-- Client networks from which an account has signed in before.
CREATE TABLE login_networks (
  user_id TEXT NOT NULL,
  network TEXT NOT NULL,
  seen_at BIGINT NOT NULL,
  PRIMARY KEY (user_id, network)
);

-- When an alert about a scope was last sent, so that replicas do not send it twice.
CREATE TABLE alerts_sent (
  scope   TEXT NOT NULL,
  kind    TEXT NOT NULL,
  sent_at BIGINT NOT NULL,
  PRIMARY KEY (scope, kind)
);

CREATE TABLE audit_log (
  id            TEXT PRIMARY KEY,
  seq           BIGINT NOT NULL,
  at            BIGINT NOT NULL,
  actor_type    TEXT NOT NULL DEFAULT '',
  actor_id      TEXT NOT NULL DEFAULT '',
  changed_by    TEXT NOT NULL DEFAULT '',
  action        TEXT NOT NULL DEFAULT '',
  object_type   TEXT NOT NULL DEFAULT '',
  object_id     TEXT NOT NULL DEFAULT '',
  before_values TEXT NOT NULL DEFAULT '{}',
  after_values  TEXT NOT NULL DEFAULT '{}',
  ip            TEXT NOT NULL DEFAULT '',
  request_id    TEXT NOT NULL DEFAULT '',
  outcome       TEXT NOT NULL DEFAULT '',
  prev_hash     TEXT NOT NULL DEFAULT '',
  row_hash      TEXT NOT NULL
);
CREATE UNIQUE INDEX audit_log_seq ON audit_log (seq);
CREATE INDEX audit_log_time ON audit_log (at, seq);
CREATE INDEX audit_log_object ON audit_log (object_type, object_id, seq);
CREATE INDEX audit_log_actor ON audit_log (actor_id, seq);
CREATE INDEX audit_log_action ON audit_log (action, seq);
