-- +goose Up

-- Subscribers are found where their state is.
ALTER TABLE sim_state ADD COLUMN imsi TEXT NOT NULL DEFAULT '';
UPDATE sim_state SET imsi = (SELECT imsi FROM sim WHERE id = sim_id);
DROP INDEX sim_imsi;
CREATE UNIQUE INDEX sim_state_imsi ON sim_state (imsi) WHERE imsi <> '';

-- What changes of a SIM takes away the ceilings of its open sessions (-1 is none):
-- reports need not look whether something has.
ALTER TABLE data_session DROP COLUMN ruled;
UPDATE data_session SET ceiling = -1 WHERE phase IN (1, 4);

-- Old sessions are found by their ids, which grow, and a gateway's open ones among
-- those of all SIMs.
DROP INDEX data_session_age;
DROP INDEX data_session_open;
