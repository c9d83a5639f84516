-- +goose Up
-- A scope that is forgotten takes what was lent of it along, and the replicas hear of it: else one that still had a slice
-- could spend it in the name of a new owner of the same id.
-- +goose StatementBegin
CREATE FUNCTION gatehouse_bury_slices() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM slices WHERE scope = OLD.scope;
  IF FOUND THEN
    PERFORM pg_notify('gatehouse_budget', 'set ' || OLD.scope);
  END IF;
  RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER counters_bury AFTER DELETE ON counters FOR EACH ROW EXECUTE FUNCTION gatehouse_bury_slices();
