-- +goose Up

-- The queue of what is done in the background; see internal/job. States: 1
-- setup, 2 waiting, 3 running, 4 paused, 5 done, 6 failed, 7 cancelled.
CREATE TABLE job (
  id           BIGINT PRIMARY KEY,
  kind         TEXT COLLATE "C" NOT NULL,
  key          TEXT COLLATE "C" NOT NULL,
  portfolio_no BIGINT NOT NULL,
  state        SMALLINT NOT NULL,
  place        BIGINT NOT NULL,
  payload      TEXT COLLATE "C" NOT NULL,
  cursor       TEXT COLLATE "C" NOT NULL,
  done         BIGINT NOT NULL,
  failed       BIGINT NOT NULL,
  total        BIGINT NOT NULL,
  attempts     BIGINT NOT NULL,
  last_error   TEXT COLLATE "C" NOT NULL,
  due_at       BIGINT NOT NULL,
  lease        BIGINT NOT NULL,
  created_at   BIGINT NOT NULL,
  started_at   BIGINT NOT NULL,
  ended_at     BIGINT NOT NULL
);
CREATE INDEX job_line ON job (kind, due_at, place) WHERE state IN (2, 3);
CREATE INDEX job_key ON job (kind, key, place) WHERE state IN (2, 3) AND key <> '';
CREATE UNIQUE INDEX job_running ON job (kind, key) WHERE state = 3 AND key <> '';
CREATE INDEX job_portfolio ON job (portfolio_no, id);
CREATE INDEX job_ended ON job (kind, ended_at) WHERE state IN (5, 6, 7);
