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

-- Files of rows, and results of bulk jobs, which are put together when they are
-- read. Status: 0 nothing uploaded, 1 whole, 2 deleted.
CREATE TABLE file (
  id           INTEGER PRIMARY KEY,
  portfolio_no INTEGER NOT NULL,
  name         TEXT NOT NULL,
  status       INTEGER NOT NULL,
  job_id       INTEGER NOT NULL, -- of a result; 0 for an upload
  upload_id    INTEGER NOT NULL, -- the content; 0 for none
  head         TEXT NOT NULL,
  bytes        INTEGER NOT NULL,
  line_count   INTEGER NOT NULL,
  chunks       INTEGER NOT NULL,
  actor        TEXT NOT NULL,
  created_at   INTEGER NOT NULL,
  uploaded_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX file_portfolio ON file (portfolio_no, id);
CREATE INDEX file_job ON file (job_id) WHERE job_id <> 0;
CREATE INDEX file_upload ON file (upload_id) WHERE upload_id <> 0;

-- Contents in whole lines. What no file points to was cut off.
CREATE TABLE file_chunk (
  upload_id INTEGER NOT NULL,
  n         INTEGER NOT NULL,
  at        INTEGER NOT NULL,
  data      BLOB NOT NULL,
  PRIMARY KEY (upload_id, n)
) STRICT;
CREATE INDEX file_chunk_at ON file_chunk (at) WHERE n = 0;

CREATE TABLE bulk (
  job_id       INTEGER PRIMARY KEY REFERENCES job (id) ON DELETE CASCADE,
  type         TEXT NOT NULL,
  name         TEXT NOT NULL,
  dry_run      INTEGER NOT NULL,
  file_id      INTEGER NOT NULL,
  result_id    INTEGER NOT NULL,
  account_kind TEXT NOT NULL,
  account_name TEXT NOT NULL,
  via          TEXT NOT NULL
) STRICT;
CREATE INDEX bulk_file ON bulk (file_id);

-- The rows of a chunk that were not carried out.
CREATE TABLE bulk_failure (
  job_id INTEGER NOT NULL REFERENCES bulk (job_id) ON DELETE CASCADE,
  n      INTEGER NOT NULL,
  data   TEXT NOT NULL,
  PRIMARY KEY (job_id, n)
) STRICT, WITHOUT ROWID;
