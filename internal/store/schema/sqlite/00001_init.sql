-- +goose Up
-- Times are microseconds since 1970, UTC; 0 is none. Identifiers are text; ''
-- is none. Amounts are millionths of the currency unit.

CREATE TABLE counter (
  name TEXT PRIMARY KEY,
  next INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
INSERT INTO counter (name, next) VALUES ('id', 1), ('package', 1000);

-- Facts about the database itself, such as the fingerprint of the sealing key.
CREATE TABLE setting (
  name  TEXT PRIMARY KEY,
  value BLOB NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE portfolio (
  no             INTEGER PRIMARY KEY,
  id             TEXT NOT NULL UNIQUE,
  parent         TEXT NOT NULL,
  path           TEXT NOT NULL UNIQUE,
  name           TEXT NOT NULL,
  currency       TEXT NOT NULL,
  billing_day    INTEGER NOT NULL,
  status         TEXT NOT NULL,
  allow_list     TEXT NOT NULL,
  overdue        INTEGER NOT NULL,
  no_activations INTEGER NOT NULL,
  created_at     INTEGER NOT NULL
) STRICT;

CREATE TABLE account (
  id           TEXT PRIMARY KEY,
  kind         TEXT NOT NULL,
  name         TEXT NOT NULL,
  portfolio_no INTEGER NOT NULL REFERENCES portfolio (no),
  roles        TEXT NOT NULL,
  hash         TEXT NOT NULL,
  disabled     INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL,
  created_at   INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE UNIQUE INDEX account_name ON account (kind, name);
CREATE INDEX account_portfolio ON account (portfolio_no, kind, name);

CREATE TABLE session (
  hash         BLOB PRIMARY KEY,
  account_id   TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  portfolio_no INTEGER NOT NULL REFERENCES portfolio (no),
  created_at   INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX session_account ON session (account_id);
CREATE INDEX session_expiry ON session (expires_at);

CREATE TABLE network (
  name            TEXT PRIMARY KEY,
  driver          TEXT NOT NULL,
  config          TEXT NOT NULL,
  sealed          BLOB NOT NULL,
  quarantine_days INTEGER NOT NULL,
  reconciled_at   INTEGER NOT NULL,
  created_at      INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE package (
  id                INTEGER PRIMARY KEY,
  name              TEXT NOT NULL,
  status            TEXT NOT NULL,
  currency          TEXT NOT NULL,
  price             INTEGER NOT NULL,
  billing_months    INTEGER NOT NULL,
  activation_price  INTEGER NOT NULL,
  termination_price INTEGER NOT NULL,
  contract_months   INTEGER NOT NULL,
  activation        TEXT NOT NULL,
  termination       TEXT NOT NULL,
  network           TEXT NOT NULL,
  mno               INTEGER NOT NULL,
  created_at        INTEGER NOT NULL
) STRICT;

CREATE TABLE package_portfolio (
  package_id   INTEGER NOT NULL REFERENCES package (id),
  portfolio_no INTEGER NOT NULL REFERENCES portfolio (no),
  suspended    INTEGER NOT NULL,
  status       TEXT NOT NULL,
  PRIMARY KEY (package_id, portfolio_no)
) WITHOUT ROWID, STRICT;
CREATE INDEX package_portfolio_portfolio ON package_portfolio (portfolio_no, package_id);

-- What a SIM is and how its owner labels it: changes seldom, many indexes.
CREATE TABLE sim (
  id           INTEGER PRIMARY KEY,
  iccid        TEXT NOT NULL,
  portfolio_no INTEGER NOT NULL DEFAULT 0,
  eid          TEXT NOT NULL DEFAULT '',
  number       TEXT NOT NULL DEFAULT '', -- '' when it is the ICCID
  imsi         TEXT NOT NULL DEFAULT '',
  msisdn       TEXT NOT NULL DEFAULT '',
  imei         TEXT NOT NULL DEFAULT '',
  ip           TEXT NOT NULL DEFAULT '',
  apn          TEXT NOT NULL DEFAULT '',
  name         TEXT NOT NULL DEFAULT '',
  name_folded  TEXT NOT NULL DEFAULT '', -- in lower case: what searches look at
  group_name   TEXT NOT NULL DEFAULT '',
  device       TEXT NOT NULL DEFAULT '',
  type         TEXT NOT NULL DEFAULT '',
  form         TEXT NOT NULL DEFAULT '',
  mno          INTEGER NOT NULL DEFAULT 0,
  spec         INTEGER NOT NULL DEFAULT 0,
  part         INTEGER NOT NULL DEFAULT 0,
  rsp          INTEGER NOT NULL DEFAULT 0,
  created_at   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX sim_iccid ON sim (iccid);
CREATE UNIQUE INDEX sim_imsi ON sim (imsi) WHERE imsi <> '';
CREATE UNIQUE INDEX sim_msisdn ON sim (msisdn) WHERE msisdn <> '';
CREATE INDEX sim_eid ON sim (eid) WHERE eid <> '';
CREATE INDEX sim_number ON sim (number) WHERE number <> '';
CREATE INDEX sim_imei ON sim (imei) WHERE imei <> '';
CREATE INDEX sim_by_iccid ON sim (portfolio_no, iccid);
CREATE INDEX sim_by_name ON sim (portfolio_no, name, iccid);
CREATE INDEX sim_by_imei ON sim (portfolio_no, imei, iccid);
CREATE INDEX sim_by_imsi ON sim (portfolio_no, imsi, iccid);
CREATE INDEX sim_by_ip ON sim (portfolio_no, ip, iccid);
CREATE INDEX sim_by_msisdn ON sim (portfolio_no, msisdn, iccid);
CREATE INDEX sim_group ON sim (portfolio_no, group_name, iccid) WHERE group_name <> '';
CREATE INDEX sim_mno ON sim (portfolio_no, mno, iccid) WHERE mno <> 0;
CREATE INDEX sim_spec ON sim (portfolio_no, spec, iccid) WHERE spec <> 0;
CREATE INDEX sim_part ON sim (portfolio_no, part, iccid) WHERE part <> 0;
CREATE INDEX sim_rsp ON sim (portfolio_no, rsp, iccid) WHERE rsp <> 0;

-- Where a SIM stands: changes often, few indexes.
CREATE TABLE sim_state (
  sim_id         INTEGER PRIMARY KEY,
  iccid          TEXT NOT NULL,
  portfolio_no   INTEGER NOT NULL DEFAULT 0,
  package_id     INTEGER NOT NULL DEFAULT 0,
  network        TEXT NOT NULL DEFAULT '',
  status         INTEGER NOT NULL DEFAULT 0,
  flags          INTEGER NOT NULL DEFAULT 0, -- suspensions wanted, and barred services above them
  wanted         INTEGER NOT NULL DEFAULT 0, -- state and phase
  settled        INTEGER NOT NULL DEFAULT 0, -- state, phase and suspensions
  generation     INTEGER NOT NULL DEFAULT 0,
  observed       INTEGER NOT NULL DEFAULT 0,
  since          INTEGER NOT NULL DEFAULT 0,
  by_actor       TEXT NOT NULL DEFAULT '',
  holds          TEXT NOT NULL DEFAULT '',
  failure        TEXT NOT NULL DEFAULT '',
  failed_at      INTEGER NOT NULL DEFAULT 0,
  ever           INTEGER NOT NULL DEFAULT 0,
  activated_at   INTEGER NOT NULL DEFAULT 0,
  terminated_at  INTEGER NOT NULL DEFAULT 0,
  contract_start INTEGER NOT NULL DEFAULT 0,
  contract_end   INTEGER NOT NULL DEFAULT 0,
  modified_at    INTEGER NOT NULL DEFAULT 0,
  version        INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX sim_state_cell ON sim_state (portfolio_no, package_id, status, flags, iccid);
CREATE INDEX sim_state_activated ON sim_state (portfolio_no, activated_at, iccid) WHERE activated_at <> 0;
CREATE INDEX sim_state_terminated ON sim_state (portfolio_no, terminated_at, iccid) WHERE terminated_at <> 0;
CREATE INDEX sim_state_quarantine ON sim_state (network, terminated_at) WHERE status = 8;

CREATE TABLE sim_secret (
  sim_id INTEGER PRIMARY KEY,
  sealed BLOB NOT NULL
) STRICT;

-- Blind tags of PIN and PUK codes: they can be looked up and not read. A row
-- has those of one code that came together, each an id and the tag: reading all
-- of them is quick, where an index of random keys is slow to fill.
CREATE TABLE sim_tag (
  code  TEXT NOT NULL,
  first INTEGER NOT NULL, -- id in the row
  tags  BLOB NOT NULL,
  PRIMARY KEY (code, first)
) STRICT;

-- Substring search. It holds which SIMs have which three characters and no text:
-- hits are looked at again in sim.
CREATE VIRTUAL TABLE sim_search USING fts5 (
  iccid, name, imei, imsi, ip, msisdn,
  content = '', contentless_delete = 1, tokenize = 'trigram case_sensitive 1', detail = none
);
INSERT INTO sim_search (sim_search, rank) VALUES ('automerge', 8); -- a batch is merged less often, a search as quick

-- How many SIMs stand in each cell, kept with every change, so that a total is
-- a sum over a few rows. Writers spread over slots.
CREATE TABLE sim_tally (
  portfolio_no INTEGER NOT NULL,
  package_id   INTEGER NOT NULL,
  status       INTEGER NOT NULL,
  flags        INTEGER NOT NULL,
  slot         INTEGER NOT NULL,
  n            INTEGER NOT NULL,
  PRIMARY KEY (portfolio_no, package_id, status, flags, slot)
) WITHOUT ROWID, STRICT;

CREATE TABLE sim_group_tally (
  portfolio_no INTEGER NOT NULL,
  group_name   TEXT NOT NULL,
  n            INTEGER NOT NULL,
  PRIMARY KEY (portfolio_no, group_name)
) WITHOUT ROWID, STRICT;

-- How many SIMs of a portfolio have ICCIDs with each prefix, at a few lengths:
-- the way from an offset to an ICCID without walking what lies before.
CREATE TABLE sim_rank (
  portfolio_no INTEGER NOT NULL,
  length       INTEGER NOT NULL,
  prefix       TEXT NOT NULL,
  n            INTEGER NOT NULL,
  PRIMARY KEY (portfolio_no, length, prefix)
) WITHOUT ROWID, STRICT;
CREATE INDEX sim_rank_prefix ON sim_rank (length, prefix, n);

-- One row per SIM whose network has still to hear of a change.
CREATE TABLE sync_queue (
  sim_id     INTEGER PRIMARY KEY,
  network    TEXT NOT NULL,
  generation INTEGER NOT NULL,
  due_at     INTEGER NOT NULL, -- while leased: when the lease ends
  lease      INTEGER NOT NULL, -- 0 when nobody works on it
  attempts   INTEGER NOT NULL,
  last_error TEXT NOT NULL
) STRICT;
CREATE INDEX sync_queue_due ON sync_queue (network, due_at);

CREATE TABLE operation (
  id           INTEGER PRIMARY KEY,
  sim_id       INTEGER NOT NULL,
  iccid        TEXT NOT NULL,
  portfolio_no INTEGER NOT NULL,
  verb         INTEGER NOT NULL,
  wanted       INTEGER NOT NULL, -- state, phase and suspensions
  reason       TEXT NOT NULL,
  actor        TEXT NOT NULL,
  via          TEXT NOT NULL,
  request      TEXT NOT NULL,
  requested_at INTEGER NOT NULL,
  generation   INTEGER NOT NULL,
  progress     INTEGER NOT NULL,
  attempts     INTEGER NOT NULL,
  last_error   TEXT NOT NULL,
  done_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX operation_sim ON operation (sim_id, id);
CREATE INDEX operation_portfolio ON operation (portfolio_no, id);
CREATE INDEX operation_open ON operation (portfolio_no, id) WHERE progress <= 2;

CREATE TABLE event (
  id           INTEGER PRIMARY KEY,
  at           INTEGER NOT NULL,
  kind         TEXT NOT NULL,
  portfolio_no INTEGER NOT NULL,
  sim_id       INTEGER NOT NULL,
  iccid        TEXT NOT NULL,
  seq          INTEGER NOT NULL,
  actor        TEXT NOT NULL,
  via          TEXT NOT NULL,
  request      TEXT NOT NULL,
  data         TEXT NOT NULL
) STRICT;
CREATE INDEX event_sim ON event (sim_id, id) WHERE sim_id <> 0;
CREATE INDEX event_portfolio ON event (portfolio_no, id);

-- Answers to requests that carried an idempotency key.
CREATE TABLE idempotency (
  principal  TEXT NOT NULL,
  key        TEXT NOT NULL,
  body_hash  BLOB NOT NULL,
  answer     BLOB NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (principal, key)
) WITHOUT ROWID, STRICT;
CREATE INDEX idempotency_expiry ON idempotency (expires_at);

CREATE TABLE sim_activity (
  sim_id        INTEGER PRIMARY KEY,
  lat           TEXT NOT NULL,
  lon           TEXT NOT NULL,
  located_at    INTEGER NOT NULL,
  lai           TEXT NOT NULL,
  ci            TEXT NOT NULL,
  cell_at       INTEGER NOT NULL,
  mcc           TEXT NOT NULL,
  mnc           TEXT NOT NULL,
  network_name  TEXT NOT NULL,
  rat           TEXT NOT NULL,
  attached_at   INTEGER NOT NULL,
  imei          TEXT NOT NULL,
  imei_at       INTEGER NOT NULL,
  imsi          TEXT NOT NULL,
  imsi_at       INTEGER NOT NULL,
  apn           TEXT NOT NULL,
  username      TEXT NOT NULL,
  ip            TEXT NOT NULL,
  session_start INTEGER NOT NULL,
  session_stop  INTEGER NOT NULL,
  session_bytes INTEGER NOT NULL,
  sms_out       INTEGER NOT NULL,
  sms_in        INTEGER NOT NULL,
  sms_receipt   INTEGER NOT NULL,
  voice_out     INTEGER NOT NULL,
  voice_in      INTEGER NOT NULL,
  ussd_out      INTEGER NOT NULL,
  ussd_in       INTEGER NOT NULL
) STRICT;

CREATE TABLE usage_month (
  sim_id   INTEGER NOT NULL,
  month    INTEGER NOT NULL, -- year * 12 + month - 1
  bytes    INTEGER NOT NULL,
  rounded  INTEGER NOT NULL,
  sms      INTEGER NOT NULL,
  ussd     INTEGER NOT NULL,
  voice    INTEGER NOT NULL,
  cost     INTEGER NOT NULL,
  data_at  INTEGER NOT NULL,
  sms_at   INTEGER NOT NULL,
  ussd_at  INTEGER NOT NULL,
  voice_at INTEGER NOT NULL,
  cost_at  INTEGER NOT NULL,
  PRIMARY KEY (sim_id, month)
) WITHOUT ROWID, STRICT;

CREATE TABLE rated_event (
  id          INTEGER PRIMARY KEY,
  sim_id      INTEGER NOT NULL,
  kind        TEXT NOT NULL,
  start_at    INTEGER NOT NULL,
  stop_at     INTEGER NOT NULL,
  description TEXT NOT NULL,
  quantity    INTEGER NOT NULL,
  price       INTEGER NOT NULL,
  mcc         TEXT NOT NULL,
  mnc         TEXT NOT NULL,
  package_id  INTEGER NOT NULL
) STRICT;
CREATE INDEX rated_event_start ON rated_event (sim_id, start_at, id);
