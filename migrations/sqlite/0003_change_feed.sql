-- +goose Up
-- The change feed of SQLite: row triggers, since it has no others. It has one process, so nobody needs a NOTIFY.
-- The triggers do not fire themselves (recursive_triggers is off); the WHEN clauses hold even if that were on.

-- +goose StatementBegin
CREATE TRIGGER keys_stamp_insert AFTER INSERT ON keys BEGIN
  UPDATE config_seq SET seq = seq + 1;
  UPDATE keys SET change_seq = (SELECT seq FROM config_seq) WHERE id = NEW.id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER keys_stamp_update AFTER UPDATE ON keys WHEN NEW.change_seq = OLD.change_seq BEGIN
  UPDATE config_seq SET seq = seq + 1;
  UPDATE keys SET change_seq = (SELECT seq FROM config_seq) WHERE id = NEW.id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER keys_bury AFTER DELETE ON keys BEGIN
  UPDATE config_seq SET seq = seq + 1;
  INSERT INTO tombstones (table_name, row_id, change_seq) VALUES ('keys', OLD.id, (SELECT seq FROM config_seq))
  ON CONFLICT (table_name, row_id) DO UPDATE SET change_seq = excluded.change_seq;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER old_secrets_stamp_insert AFTER INSERT ON old_secrets BEGIN
  UPDATE config_seq SET seq = seq + 1;
  UPDATE old_secrets SET change_seq = (SELECT seq FROM config_seq) WHERE hash = NEW.hash;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER old_secrets_stamp_update AFTER UPDATE ON old_secrets WHEN NEW.change_seq = OLD.change_seq BEGIN
  UPDATE config_seq SET seq = seq + 1;
  UPDATE old_secrets SET change_seq = (SELECT seq FROM config_seq) WHERE hash = NEW.hash;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER old_secrets_bury AFTER DELETE ON old_secrets BEGIN
  UPDATE config_seq SET seq = seq + 1;
  INSERT INTO tombstones (table_name, row_id, change_seq) VALUES ('old_secrets', OLD.hash, (SELECT seq FROM config_seq))
  ON CONFLICT (table_name, row_id) DO UPDATE SET change_seq = excluded.change_seq;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER users_stamp_insert AFTER INSERT ON users BEGIN
  UPDATE config_seq SET seq = seq + 1;
  UPDATE users SET change_seq = (SELECT seq FROM config_seq) WHERE id = NEW.id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER users_stamp_update AFTER UPDATE ON users WHEN NEW.change_seq = OLD.change_seq BEGIN
  UPDATE config_seq SET seq = seq + 1;
  UPDATE users SET change_seq = (SELECT seq FROM config_seq) WHERE id = NEW.id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER users_bury AFTER DELETE ON users BEGIN
  UPDATE config_seq SET seq = seq + 1;
  INSERT INTO tombstones (table_name, row_id, change_seq) VALUES ('users', OLD.id, (SELECT seq FROM config_seq))
  ON CONFLICT (table_name, row_id) DO UPDATE SET change_seq = excluded.change_seq;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER teams_stamp_insert AFTER INSERT ON teams BEGIN
  UPDATE config_seq SET seq = seq + 1;
  UPDATE teams SET change_seq = (SELECT seq FROM config_seq) WHERE id = NEW.id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER teams_stamp_update AFTER UPDATE ON teams WHEN NEW.change_seq = OLD.change_seq BEGIN
  UPDATE config_seq SET seq = seq + 1;
  UPDATE teams SET change_seq = (SELECT seq FROM config_seq) WHERE id = NEW.id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER teams_bury AFTER DELETE ON teams BEGIN
  UPDATE config_seq SET seq = seq + 1;
  INSERT INTO tombstones (table_name, row_id, change_seq) VALUES ('teams', OLD.id, (SELECT seq FROM config_seq))
  ON CONFLICT (table_name, row_id) DO UPDATE SET change_seq = excluded.change_seq;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER memberships_stamp_insert AFTER INSERT ON memberships BEGIN
  UPDATE config_seq SET seq = seq + 1;
  UPDATE memberships SET change_seq = (SELECT seq FROM config_seq) WHERE team_id = NEW.team_id AND user_id = NEW.user_id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER memberships_stamp_update AFTER UPDATE ON memberships WHEN NEW.change_seq = OLD.change_seq BEGIN
  UPDATE config_seq SET seq = seq + 1;
  UPDATE memberships SET change_seq = (SELECT seq FROM config_seq) WHERE team_id = NEW.team_id AND user_id = NEW.user_id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER memberships_bury AFTER DELETE ON memberships BEGIN
  UPDATE config_seq SET seq = seq + 1;
  INSERT INTO tombstones (table_name, row_id, change_seq) VALUES ('memberships', OLD.team_id || char(31) || OLD.user_id, (SELECT seq FROM config_seq))
  ON CONFLICT (table_name, row_id) DO UPDATE SET change_seq = excluded.change_seq;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER organizations_stamp_insert AFTER INSERT ON organizations BEGIN
  UPDATE config_seq SET seq = seq + 1;
  UPDATE organizations SET change_seq = (SELECT seq FROM config_seq) WHERE id = NEW.id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER organizations_stamp_update AFTER UPDATE ON organizations WHEN NEW.change_seq = OLD.change_seq BEGIN
  UPDATE config_seq SET seq = seq + 1;
  UPDATE organizations SET change_seq = (SELECT seq FROM config_seq) WHERE id = NEW.id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER organizations_bury AFTER DELETE ON organizations BEGIN
  UPDATE config_seq SET seq = seq + 1;
  INSERT INTO tombstones (table_name, row_id, change_seq) VALUES ('organizations', OLD.id, (SELECT seq FROM config_seq))
  ON CONFLICT (table_name, row_id) DO UPDATE SET change_seq = excluded.change_seq;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER org_memberships_stamp_insert AFTER INSERT ON org_memberships BEGIN
  UPDATE config_seq SET seq = seq + 1;
  UPDATE org_memberships SET change_seq = (SELECT seq FROM config_seq) WHERE organization_id = NEW.organization_id AND user_id = NEW.user_id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER org_memberships_stamp_update AFTER UPDATE ON org_memberships WHEN NEW.change_seq = OLD.change_seq BEGIN
  UPDATE config_seq SET seq = seq + 1;
  UPDATE org_memberships SET change_seq = (SELECT seq FROM config_seq) WHERE organization_id = NEW.organization_id AND user_id = NEW.user_id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER org_memberships_bury AFTER DELETE ON org_memberships BEGIN
  UPDATE config_seq SET seq = seq + 1;
  INSERT INTO tombstones (table_name, row_id, change_seq) VALUES ('org_memberships', OLD.organization_id || char(31) || OLD.user_id, (SELECT seq FROM config_seq))
  ON CONFLICT (table_name, row_id) DO UPDATE SET change_seq = excluded.change_seq;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER budgets_stamp_insert AFTER INSERT ON budgets BEGIN
  UPDATE config_seq SET seq = seq + 1;
  UPDATE budgets SET change_seq = (SELECT seq FROM config_seq) WHERE id = NEW.id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER budgets_stamp_update AFTER UPDATE ON budgets WHEN NEW.change_seq = OLD.change_seq BEGIN
  UPDATE config_seq SET seq = seq + 1;
  UPDATE budgets SET change_seq = (SELECT seq FROM config_seq) WHERE id = NEW.id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER budgets_bury AFTER DELETE ON budgets BEGIN
  UPDATE config_seq SET seq = seq + 1;
  INSERT INTO tombstones (table_name, row_id, change_seq) VALUES ('budgets', OLD.id, (SELECT seq FROM config_seq))
  ON CONFLICT (table_name, row_id) DO UPDATE SET change_seq = excluded.change_seq;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER customers_stamp_insert AFTER INSERT ON customers BEGIN
  UPDATE config_seq SET seq = seq + 1;
  UPDATE customers SET change_seq = (SELECT seq FROM config_seq) WHERE id = NEW.id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER customers_stamp_update AFTER UPDATE ON customers WHEN NEW.change_seq = OLD.change_seq BEGIN
  UPDATE config_seq SET seq = seq + 1;
  UPDATE customers SET change_seq = (SELECT seq FROM config_seq) WHERE id = NEW.id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER customers_bury AFTER DELETE ON customers BEGIN
  UPDATE config_seq SET seq = seq + 1;
  INSERT INTO tombstones (table_name, row_id, change_seq) VALUES ('customers', OLD.id, (SELECT seq FROM config_seq))
  ON CONFLICT (table_name, row_id) DO UPDATE SET change_seq = excluded.change_seq;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER deployments_stamp_insert AFTER INSERT ON deployments BEGIN
  UPDATE config_seq SET seq = seq + 1;
  UPDATE deployments SET change_seq = (SELECT seq FROM config_seq) WHERE id = NEW.id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER deployments_stamp_update AFTER UPDATE ON deployments WHEN NEW.change_seq = OLD.change_seq BEGIN
  UPDATE config_seq SET seq = seq + 1;
  UPDATE deployments SET change_seq = (SELECT seq FROM config_seq) WHERE id = NEW.id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER deployments_bury AFTER DELETE ON deployments BEGIN
  UPDATE config_seq SET seq = seq + 1;
  INSERT INTO tombstones (table_name, row_id, change_seq) VALUES ('deployments', OLD.id, (SELECT seq FROM config_seq))
  ON CONFLICT (table_name, row_id) DO UPDATE SET change_seq = excluded.change_seq;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER access_groups_stamp_insert AFTER INSERT ON access_groups BEGIN
  UPDATE config_seq SET seq = seq + 1;
  UPDATE access_groups SET change_seq = (SELECT seq FROM config_seq) WHERE name = NEW.name;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER access_groups_stamp_update AFTER UPDATE ON access_groups WHEN NEW.change_seq = OLD.change_seq BEGIN
  UPDATE config_seq SET seq = seq + 1;
  UPDATE access_groups SET change_seq = (SELECT seq FROM config_seq) WHERE name = NEW.name;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER access_groups_bury AFTER DELETE ON access_groups BEGIN
  UPDATE config_seq SET seq = seq + 1;
  INSERT INTO tombstones (table_name, row_id, change_seq) VALUES ('access_groups', OLD.name, (SELECT seq FROM config_seq))
  ON CONFLICT (table_name, row_id) DO UPDATE SET change_seq = excluded.change_seq;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER settings_stamp_insert AFTER INSERT ON settings BEGIN
  UPDATE config_seq SET seq = seq + 1;
  UPDATE settings SET change_seq = (SELECT seq FROM config_seq) WHERE name = NEW.name;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER settings_stamp_update AFTER UPDATE ON settings WHEN NEW.change_seq = OLD.change_seq BEGIN
  UPDATE config_seq SET seq = seq + 1;
  UPDATE settings SET change_seq = (SELECT seq FROM config_seq) WHERE name = NEW.name;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER settings_bury AFTER DELETE ON settings BEGIN
  UPDATE config_seq SET seq = seq + 1;
  INSERT INTO tombstones (table_name, row_id, change_seq) VALUES ('settings', OLD.name, (SELECT seq FROM config_seq))
  ON CONFLICT (table_name, row_id) DO UPDATE SET change_seq = excluded.change_seq;
END;
-- +goose StatementEnd

-- Every key, user and team has a counter from its first moment.
-- +goose StatementBegin
CREATE TRIGGER keys_counter AFTER INSERT ON keys BEGIN
  INSERT INTO counters (scope) VALUES ('key:' || NEW.id) ON CONFLICT (scope) DO NOTHING;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER users_counter AFTER INSERT ON users BEGIN
  INSERT INTO counters (scope) VALUES ('user:' || NEW.id) ON CONFLICT (scope) DO NOTHING;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER teams_counter AFTER INSERT ON teams BEGIN
  INSERT INTO counters (scope) VALUES ('team:' || NEW.id) ON CONFLICT (scope) DO NOTHING;
END;
-- +goose StatementEnd

-- The audit log only grows. Retention opens it for its own transaction by a row in here (models/store/audit.go).
CREATE TABLE audit_retention (
  id BIGINT PRIMARY KEY
);
-- +goose StatementBegin
CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log BEGIN
  SELECT RAISE(ABORT, 'the audit log is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log WHEN NOT EXISTS (SELECT 1 FROM audit_retention) BEGIN
  SELECT RAISE(ABORT, 'the audit log is insert-only');
END;
-- +goose StatementEnd
