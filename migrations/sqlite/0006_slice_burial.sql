-- +goose Up
-- A scope that is forgotten takes what was lent of it along.
-- +goose StatementBegin
CREATE TRIGGER counters_bury AFTER DELETE ON counters BEGIN
  DELETE FROM slices WHERE scope = OLD.scope;
END;
-- +goose StatementEnd
