-- +goose Up

-- Orders that were done before another one for the same session took their place:
-- see disconnect.
CREATE TABLE disconnect_past (
  session_id BIGINT NOT NULL,
  done_at    BIGINT NOT NULL,
  sim_id     BIGINT NOT NULL,
  reason     TEXT COLLATE "C" NOT NULL,
  asked_at   BIGINT NOT NULL,
  attempts   BIGINT NOT NULL,
  outcome    TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (session_id, done_at)
);
CREATE INDEX disconnect_past_sim ON disconnect_past (sim_id, session_id);
