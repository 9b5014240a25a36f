-- +goose Up

-- Orders that were done before another one for the same session took their place:
-- see disconnect.
CREATE TABLE disconnect_past (
  session_id INTEGER NOT NULL,
  done_at    INTEGER NOT NULL,
  sim_id     INTEGER NOT NULL,
  reason     TEXT NOT NULL,
  asked_at   INTEGER NOT NULL,
  attempts   INTEGER NOT NULL,
  outcome    TEXT NOT NULL,
  PRIMARY KEY (session_id, done_at)
) WITHOUT ROWID, STRICT;
CREATE INDEX disconnect_past_sim ON disconnect_past (sim_id, session_id);
