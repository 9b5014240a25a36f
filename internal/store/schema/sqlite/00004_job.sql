-- +goose Up

-- The queue of what is done in the background; see internal/job. States: 1
-- setup, 2 waiting, 3 running, 4 paused, 5 done, 6 failed, 7 cancelled.
CREATE TABLE job (
  id           INTEGER PRIMARY KEY,
  kind         TEXT NOT NULL,
  key          TEXT NOT NULL,
  portfolio_no INTEGER NOT NULL,
  state        INTEGER NOT NULL,
  place        INTEGER NOT NULL,
  payload      TEXT NOT NULL,
  cursor       TEXT NOT NULL,
  done         INTEGER NOT NULL,
  failed       INTEGER NOT NULL,
  total        INTEGER NOT NULL,
  attempts     INTEGER NOT NULL,
  last_error   TEXT NOT NULL,
  due_at       INTEGER NOT NULL,
  lease        INTEGER NOT NULL,
  created_at   INTEGER NOT NULL,
  started_at   INTEGER NOT NULL,
  ended_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX job_line ON job (kind, due_at, place) WHERE state IN (2, 3);
CREATE INDEX job_key ON job (kind, key, place) WHERE state IN (2, 3) AND key <> '';
CREATE UNIQUE INDEX job_running ON job (kind, key) WHERE state = 3 AND key <> '';
CREATE INDEX job_portfolio ON job (portfolio_no, id);
CREATE INDEX job_ended ON job (kind, ended_at) WHERE state IN (5, 6, 7);
