-- +goose Up
-- The change feed of PostgreSQL: the first configuration row that a transaction touches takes the next number of
-- config_seq, and with it a row lock that lasts until the commit, so that numbers become visible in their own order.
-- +goose StatementBegin
CREATE FUNCTION gatehouse_next_seq() RETURNS BIGINT LANGUAGE plpgsql AS $$
DECLARE
  n BIGINT;
BEGIN
  -- Kept for the transaction only (and undone with a savepoint), so each transaction takes one number.
  n := NULLIF(current_setting('gatehouse.seq', true), '')::bigint;
  IF n IS NULL THEN
    UPDATE config_seq SET seq = seq + 1 RETURNING seq INTO n;
    PERFORM set_config('gatehouse.seq', n::text, true);
    PERFORM pg_notify('gatehouse_config', n::text);
  END IF;
  RETURN n;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION gatehouse_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.change_seq := gatehouse_next_seq();
  RETURN NEW;
END
$$;
-- +goose StatementEnd

-- Writes the tombstone of a deleted row; the arguments are the columns of its primary key.
-- +goose StatementBegin
CREATE FUNCTION gatehouse_bury() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  gone TEXT := to_jsonb(OLD) ->> TG_ARGV[0];
BEGIN
  IF TG_NARGS > 1 THEN
    gone := gone || E'\x1f' || (to_jsonb(OLD) ->> TG_ARGV[1]);
  END IF;
  INSERT INTO tombstones (table_name, row_id, change_seq) VALUES (TG_TABLE_NAME, gone, gatehouse_next_seq())
  ON CONFLICT (table_name, row_id) DO UPDATE SET change_seq = excluded.change_seq;
  RETURN NULL;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER keys_stamp BEFORE INSERT OR UPDATE ON keys FOR EACH ROW EXECUTE FUNCTION gatehouse_stamp();
CREATE TRIGGER keys_bury AFTER DELETE ON keys FOR EACH ROW EXECUTE FUNCTION gatehouse_bury('id');
CREATE TRIGGER old_secrets_stamp BEFORE INSERT OR UPDATE ON old_secrets FOR EACH ROW EXECUTE FUNCTION gatehouse_stamp();
CREATE TRIGGER old_secrets_bury AFTER DELETE ON old_secrets FOR EACH ROW EXECUTE FUNCTION gatehouse_bury('hash');
CREATE TRIGGER users_stamp BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION gatehouse_stamp();
CREATE TRIGGER users_bury AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION gatehouse_bury('id');
CREATE TRIGGER teams_stamp BEFORE INSERT OR UPDATE ON teams FOR EACH ROW EXECUTE FUNCTION gatehouse_stamp();
CREATE TRIGGER teams_bury AFTER DELETE ON teams FOR EACH ROW EXECUTE FUNCTION gatehouse_bury('id');
CREATE TRIGGER memberships_stamp BEFORE INSERT OR UPDATE ON memberships FOR EACH ROW EXECUTE FUNCTION gatehouse_stamp();
CREATE TRIGGER memberships_bury AFTER DELETE ON memberships FOR EACH ROW EXECUTE FUNCTION gatehouse_bury('team_id', 'user_id');
CREATE TRIGGER organizations_stamp BEFORE INSERT OR UPDATE ON organizations FOR EACH ROW EXECUTE FUNCTION gatehouse_stamp();
CREATE TRIGGER organizations_bury AFTER DELETE ON organizations FOR EACH ROW EXECUTE FUNCTION gatehouse_bury('id');
CREATE TRIGGER org_memberships_stamp BEFORE INSERT OR UPDATE ON org_memberships FOR EACH ROW EXECUTE FUNCTION gatehouse_stamp();
CREATE TRIGGER org_memberships_bury AFTER DELETE ON org_memberships FOR EACH ROW EXECUTE FUNCTION gatehouse_bury('organization_id', 'user_id');
CREATE TRIGGER budgets_stamp BEFORE INSERT OR UPDATE ON budgets FOR EACH ROW EXECUTE FUNCTION gatehouse_stamp();
CREATE TRIGGER budgets_bury AFTER DELETE ON budgets FOR EACH ROW EXECUTE FUNCTION gatehouse_bury('id');
CREATE TRIGGER customers_stamp BEFORE INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION gatehouse_stamp();
CREATE TRIGGER customers_bury AFTER DELETE ON customers FOR EACH ROW EXECUTE FUNCTION gatehouse_bury('id');
CREATE TRIGGER deployments_stamp BEFORE INSERT OR UPDATE ON deployments FOR EACH ROW EXECUTE FUNCTION gatehouse_stamp();
CREATE TRIGGER deployments_bury AFTER DELETE ON deployments FOR EACH ROW EXECUTE FUNCTION gatehouse_bury('id');
CREATE TRIGGER access_groups_stamp BEFORE INSERT OR UPDATE ON access_groups FOR EACH ROW EXECUTE FUNCTION gatehouse_stamp();
CREATE TRIGGER access_groups_bury AFTER DELETE ON access_groups FOR EACH ROW EXECUTE FUNCTION gatehouse_bury('name');
CREATE TRIGGER settings_stamp BEFORE INSERT OR UPDATE ON settings FOR EACH ROW EXECUTE FUNCTION gatehouse_stamp();
CREATE TRIGGER settings_bury AFTER DELETE ON settings FOR EACH ROW EXECUTE FUNCTION gatehouse_bury('name');

-- Every key, user and team has a counter from its first moment.
-- +goose StatementBegin
CREATE FUNCTION gatehouse_open_counter() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO counters (scope) VALUES (TG_ARGV[0] || NEW.id) ON CONFLICT (scope) DO NOTHING;
  RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER keys_counter AFTER INSERT ON keys FOR EACH ROW EXECUTE FUNCTION gatehouse_open_counter('key:');
CREATE TRIGGER users_counter AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION gatehouse_open_counter('user:');
CREATE TRIGGER teams_counter AFTER INSERT ON teams FOR EACH ROW EXECUTE FUNCTION gatehouse_open_counter('team:');

-- The audit log only grows. Retention says so for its own transaction (models/store/audit.go).
-- +goose StatementBegin
CREATE FUNCTION gatehouse_audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_setting('gatehouse.audit_retention', true) = 'on' THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'the audit log is insert-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER audit_log_guard BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION gatehouse_audit_guard();
CREATE TRIGGER audit_log_truncate BEFORE TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION gatehouse_audit_guard();
