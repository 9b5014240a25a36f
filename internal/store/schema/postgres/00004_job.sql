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

-- Files of rows, and results of bulk jobs, which are put together when they are
-- read. Status: 0 nothing uploaded, 1 whole, 2 deleted.
CREATE TABLE file (
  id           BIGINT PRIMARY KEY,
  portfolio_no BIGINT NOT NULL,
  name         TEXT COLLATE "C" NOT NULL,
  status       SMALLINT NOT NULL,
  job_id       BIGINT NOT NULL, -- of a result; 0 for an upload
  upload_id    BIGINT NOT NULL, -- the content; 0 for none
  head         TEXT COLLATE "C" NOT NULL,
  bytes        BIGINT NOT NULL,
  line_count   BIGINT NOT NULL,
  chunks       BIGINT NOT NULL,
  actor        TEXT COLLATE "C" NOT NULL,
  created_at   BIGINT NOT NULL,
  uploaded_at  BIGINT NOT NULL
);
CREATE INDEX file_portfolio ON file (portfolio_no, id);
CREATE INDEX file_job ON file (job_id) WHERE job_id <> 0;
CREATE INDEX file_upload ON file (upload_id) WHERE upload_id <> 0;

-- Contents in whole lines. What no file points to was cut off.
CREATE TABLE file_chunk (
  upload_id BIGINT NOT NULL,
  n         BIGINT NOT NULL,
  at        BIGINT NOT NULL,
  data      BYTEA NOT NULL,
  PRIMARY KEY (upload_id, n)
);
CREATE INDEX file_chunk_at ON file_chunk (at) WHERE n = 0;

CREATE TABLE bulk (
  job_id       BIGINT PRIMARY KEY REFERENCES job (id) ON DELETE CASCADE,
  type         TEXT COLLATE "C" NOT NULL,
  name         TEXT COLLATE "C" NOT NULL,
  dry_run      SMALLINT NOT NULL,
  file_id      BIGINT NOT NULL,
  result_id    BIGINT NOT NULL,
  account_kind TEXT COLLATE "C" NOT NULL,
  account_name TEXT COLLATE "C" NOT NULL,
  via          TEXT COLLATE "C" NOT NULL
);
CREATE INDEX bulk_file ON bulk (file_id);

-- The rows of a chunk that were not carried out.
CREATE TABLE bulk_failure (
  job_id BIGINT NOT NULL REFERENCES bulk (job_id) ON DELETE CASCADE,
  n      BIGINT NOT NULL,
  data   TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (job_id, n)
);
