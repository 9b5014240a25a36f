-- +goose Up
-- Times are microseconds since 1970, UTC; 0 is none. Identifiers are text; ''
-- is none. Amounts are millionths of the currency unit.

CREATE TABLE counter (
  name TEXT COLLATE "C" PRIMARY KEY,
  next BIGINT NOT NULL
);
INSERT INTO counter (name, next) VALUES ('package', 1000);
CREATE SEQUENCE id_sequence;
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- Facts about the database itself, such as the fingerprint of the sealing key.
CREATE TABLE setting (
  name  TEXT COLLATE "C" PRIMARY KEY,
  value BYTEA NOT NULL
);

CREATE TABLE portfolio (
  no             BIGINT PRIMARY KEY,
  id             TEXT COLLATE "C" NOT NULL UNIQUE,
  parent         TEXT COLLATE "C" NOT NULL,
  path           TEXT COLLATE "C" NOT NULL UNIQUE,
  name           TEXT COLLATE "C" NOT NULL,
  currency       TEXT COLLATE "C" NOT NULL,
  billing_day    SMALLINT NOT NULL,
  status         TEXT COLLATE "C" NOT NULL,
  allow_list     TEXT COLLATE "C" NOT NULL,
  overdue        BIGINT NOT NULL,
  no_activations SMALLINT NOT NULL,
  created_at     BIGINT NOT NULL
);

CREATE TABLE account (
  id           TEXT COLLATE "C" PRIMARY KEY,
  kind         TEXT COLLATE "C" NOT NULL,
  name         TEXT COLLATE "C" NOT NULL,
  portfolio_no BIGINT NOT NULL REFERENCES portfolio (no),
  roles        TEXT COLLATE "C" NOT NULL,
  hash         TEXT COLLATE "C" NOT NULL,
  disabled     SMALLINT NOT NULL,
  expires_at   BIGINT NOT NULL,
  created_at   BIGINT NOT NULL
);
CREATE UNIQUE INDEX account_name ON account (kind, name);
CREATE INDEX account_portfolio ON account (portfolio_no, kind, name);

CREATE TABLE session (
  hash         BYTEA PRIMARY KEY,
  account_id   TEXT COLLATE "C" NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  portfolio_no BIGINT NOT NULL REFERENCES portfolio (no),
  created_at   BIGINT NOT NULL,
  expires_at   BIGINT NOT NULL
);
CREATE INDEX session_account ON session (account_id);
CREATE INDEX session_expiry ON session (expires_at);

CREATE TABLE network (
  name            TEXT COLLATE "C" PRIMARY KEY,
  driver          TEXT COLLATE "C" NOT NULL,
  config          TEXT COLLATE "C" NOT NULL,
  sealed          BYTEA NOT NULL,
  quarantine_days BIGINT NOT NULL,
  reconciled_at   BIGINT NOT NULL,
  created_at      BIGINT NOT NULL
);

CREATE TABLE package (
  id                BIGINT PRIMARY KEY,
  name              TEXT COLLATE "C" NOT NULL,
  status            TEXT COLLATE "C" NOT NULL,
  currency          TEXT COLLATE "C" NOT NULL,
  price             BIGINT NOT NULL,
  billing_months    BIGINT NOT NULL,
  activation_price  BIGINT NOT NULL,
  termination_price BIGINT NOT NULL,
  contract_months   BIGINT NOT NULL,
  activation        TEXT COLLATE "C" NOT NULL,
  termination       TEXT COLLATE "C" NOT NULL,
  network           TEXT COLLATE "C" NOT NULL,
  mno               BIGINT NOT NULL,
  created_at        BIGINT NOT NULL
);

CREATE TABLE package_portfolio (
  package_id   BIGINT NOT NULL REFERENCES package (id),
  portfolio_no BIGINT NOT NULL REFERENCES portfolio (no),
  suspended    SMALLINT NOT NULL,
  status       TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (package_id, portfolio_no)
);
CREATE INDEX package_portfolio_portfolio ON package_portfolio (portfolio_no, package_id);

-- What a SIM is and how its owner labels it: changes seldom, many indexes.
CREATE TABLE sim (
  id           BIGINT PRIMARY KEY,
  iccid        TEXT COLLATE "C" NOT NULL,
  portfolio_no BIGINT NOT NULL,
  eid          TEXT COLLATE "C" NOT NULL,
  number       TEXT COLLATE "C" NOT NULL, -- '' when it is the ICCID
  imsi         TEXT COLLATE "C" NOT NULL,
  msisdn       TEXT COLLATE "C" NOT NULL,
  imei         TEXT COLLATE "C" NOT NULL,
  ip           TEXT COLLATE "C" NOT NULL,
  apn          TEXT COLLATE "C" NOT NULL,
  name         TEXT COLLATE "C" NOT NULL,
  name_folded  TEXT COLLATE "C" NOT NULL, -- in lower case: what searches look at
  group_name   TEXT COLLATE "C" NOT NULL,
  device       TEXT COLLATE "C" NOT NULL,
  type         TEXT COLLATE "C" NOT NULL,
  form         TEXT COLLATE "C" NOT NULL,
  mno          BIGINT NOT NULL,
  spec         BIGINT NOT NULL,
  part         BIGINT NOT NULL,
  rsp          BIGINT NOT NULL,
  created_at   BIGINT NOT NULL
);
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
  sim_id         BIGINT PRIMARY KEY,
  iccid          TEXT COLLATE "C" NOT NULL,
  portfolio_no   BIGINT NOT NULL,
  package_id     BIGINT NOT NULL,
  network        TEXT COLLATE "C" NOT NULL,
  status         SMALLINT NOT NULL,
  flags          SMALLINT NOT NULL, -- suspensions wanted, and barred services above them
  wanted         SMALLINT NOT NULL, -- state and phase
  settled        SMALLINT NOT NULL, -- state, phase and suspensions
  generation     BIGINT NOT NULL,
  observed       BIGINT NOT NULL,
  since          BIGINT NOT NULL,
  by_actor       TEXT COLLATE "C" NOT NULL,
  holds          TEXT COLLATE "C" NOT NULL,
  failure        TEXT COLLATE "C" NOT NULL,
  failed_at      BIGINT NOT NULL,
  ever           SMALLINT NOT NULL,
  activated_at   BIGINT NOT NULL,
  terminated_at  BIGINT NOT NULL,
  contract_start BIGINT NOT NULL,
  contract_end   BIGINT NOT NULL,
  modified_at    BIGINT NOT NULL,
  version        BIGINT NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX sim_state_cell ON sim_state (portfolio_no, package_id, status, flags, iccid);
CREATE INDEX sim_state_activated ON sim_state (portfolio_no, activated_at, iccid) WHERE activated_at <> 0;
CREATE INDEX sim_state_terminated ON sim_state (portfolio_no, terminated_at, iccid) WHERE terminated_at <> 0;
CREATE INDEX sim_state_quarantine ON sim_state (network, terminated_at) WHERE status = 8;

CREATE TABLE sim_secret (
  sim_id BIGINT PRIMARY KEY,
  sealed BYTEA NOT NULL
);

-- Blind tags of PIN and PUK codes: they can be looked up and not read. A row
-- has those of one code that came together, each an id and the tag: reading all
-- of them is quick, where an index of random keys is slow to fill.
CREATE TABLE sim_tag (
  code  TEXT COLLATE "C" NOT NULL,
  first BIGINT NOT NULL, -- id in the row
  tags  BYTEA NOT NULL,
  PRIMARY KEY (code, first)
);

-- Substring search, by trigrams. Updates wait in a list of their own until
-- vacuum or a search folds them in. What is also looked up by its whole value is
-- indexed as an expression, so that the planner never takes this index for that.
CREATE INDEX sim_search ON sim USING gin (
  (iccid || '') gin_trgm_ops, name_folded gin_trgm_ops, (imei || '') gin_trgm_ops, (imsi || '') gin_trgm_ops, ip gin_trgm_ops,
  (msisdn || '') gin_trgm_ops
);

-- How many SIMs stand in each cell, kept with every change, so that a total is
-- a sum over a few rows. Writers spread over slots.
CREATE TABLE sim_tally (
  portfolio_no BIGINT NOT NULL,
  package_id   BIGINT NOT NULL,
  status       SMALLINT NOT NULL,
  flags        SMALLINT NOT NULL,
  slot         SMALLINT NOT NULL,
  n            BIGINT NOT NULL,
  PRIMARY KEY (portfolio_no, package_id, status, flags, slot)
);

CREATE TABLE sim_group_tally (
  portfolio_no BIGINT NOT NULL,
  group_name   TEXT COLLATE "C" NOT NULL,
  n            BIGINT NOT NULL,
  PRIMARY KEY (portfolio_no, group_name)
);

-- How many SIMs of a portfolio have ICCIDs with each prefix, at a few lengths:
-- the way from an offset to an ICCID without walking what lies before.
CREATE TABLE sim_rank (
  portfolio_no BIGINT NOT NULL,
  length       SMALLINT NOT NULL,
  prefix       TEXT COLLATE "C" NOT NULL,
  n            BIGINT NOT NULL,
  PRIMARY KEY (portfolio_no, length, prefix)
);
CREATE INDEX sim_rank_prefix ON sim_rank (length, prefix) INCLUDE (n);

-- One row per SIM whose network has still to hear of a change.
CREATE TABLE sync_queue (
  sim_id     BIGINT PRIMARY KEY,
  network    TEXT COLLATE "C" NOT NULL,
  generation BIGINT NOT NULL,
  due_at     BIGINT NOT NULL, -- while leased: when the lease ends
  lease      BIGINT NOT NULL, -- 0 when nobody works on it
  attempts   BIGINT NOT NULL,
  last_error TEXT COLLATE "C" NOT NULL
);
CREATE INDEX sync_queue_due ON sync_queue (network, due_at);

CREATE TABLE operation (
  id           BIGINT PRIMARY KEY,
  sim_id       BIGINT NOT NULL,
  iccid        TEXT COLLATE "C" NOT NULL,
  portfolio_no BIGINT NOT NULL,
  verb         SMALLINT NOT NULL,
  wanted       SMALLINT NOT NULL, -- state, phase and suspensions
  reason       TEXT COLLATE "C" NOT NULL,
  actor        TEXT COLLATE "C" NOT NULL,
  via          TEXT COLLATE "C" NOT NULL,
  request      TEXT COLLATE "C" NOT NULL,
  requested_at BIGINT NOT NULL,
  generation   BIGINT NOT NULL,
  progress     SMALLINT NOT NULL,
  attempts     BIGINT NOT NULL,
  last_error   TEXT COLLATE "C" NOT NULL,
  done_at      BIGINT NOT NULL
);
CREATE INDEX operation_sim ON operation (sim_id, id);
CREATE INDEX operation_portfolio ON operation (portfolio_no, id);
CREATE INDEX operation_open ON operation (portfolio_no, id) WHERE progress <= 2;

CREATE TABLE event (
  id           BIGINT PRIMARY KEY,
  at           BIGINT NOT NULL,
  kind         TEXT COLLATE "C" NOT NULL,
  portfolio_no BIGINT NOT NULL,
  sim_id       BIGINT NOT NULL,
  iccid        TEXT COLLATE "C" NOT NULL,
  seq          BIGINT NOT NULL,
  actor        TEXT COLLATE "C" NOT NULL,
  via          TEXT COLLATE "C" NOT NULL,
  request      TEXT COLLATE "C" NOT NULL,
  data         TEXT COLLATE "C" NOT NULL
);
CREATE INDEX event_sim ON event (sim_id, id) WHERE sim_id <> 0;
CREATE INDEX event_portfolio ON event (portfolio_no, id);

-- Answers to requests that carried an idempotency key.
CREATE TABLE idempotency (
  principal  TEXT COLLATE "C" NOT NULL,
  key        TEXT COLLATE "C" NOT NULL,
  body_hash  BYTEA NOT NULL,
  answer     BYTEA NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (principal, key)
);
CREATE INDEX idempotency_expiry ON idempotency (expires_at);

CREATE TABLE sim_activity (
  sim_id        BIGINT PRIMARY KEY,
  lat           TEXT COLLATE "C" NOT NULL,
  lon           TEXT COLLATE "C" NOT NULL,
  located_at    BIGINT NOT NULL,
  lai           TEXT COLLATE "C" NOT NULL,
  ci            TEXT COLLATE "C" NOT NULL,
  cell_at       BIGINT NOT NULL,
  mcc           TEXT COLLATE "C" NOT NULL,
  mnc           TEXT COLLATE "C" NOT NULL,
  network_name  TEXT COLLATE "C" NOT NULL,
  rat           TEXT COLLATE "C" NOT NULL,
  attached_at   BIGINT NOT NULL,
  imei          TEXT COLLATE "C" NOT NULL,
  imei_at       BIGINT NOT NULL,
  imsi          TEXT COLLATE "C" NOT NULL,
  imsi_at       BIGINT NOT NULL,
  apn           TEXT COLLATE "C" NOT NULL,
  username      TEXT COLLATE "C" NOT NULL,
  ip            TEXT COLLATE "C" NOT NULL,
  session_start BIGINT NOT NULL,
  session_stop  BIGINT NOT NULL,
  session_bytes BIGINT NOT NULL,
  sms_out       BIGINT NOT NULL,
  sms_in        BIGINT NOT NULL,
  sms_receipt   BIGINT NOT NULL,
  voice_out     BIGINT NOT NULL,
  voice_in      BIGINT NOT NULL,
  ussd_out      BIGINT NOT NULL,
  ussd_in       BIGINT NOT NULL
);

CREATE TABLE usage_month (
  sim_id   BIGINT NOT NULL,
  month    BIGINT NOT NULL, -- year * 12 + month - 1
  bytes    BIGINT NOT NULL,
  rounded  BIGINT NOT NULL,
  sms      BIGINT NOT NULL,
  ussd     BIGINT NOT NULL,
  voice    BIGINT NOT NULL,
  cost     BIGINT NOT NULL,
  data_at  BIGINT NOT NULL,
  sms_at   BIGINT NOT NULL,
  ussd_at  BIGINT NOT NULL,
  voice_at BIGINT NOT NULL,
  cost_at  BIGINT NOT NULL,
  PRIMARY KEY (sim_id, month)
);

CREATE TABLE rated_event (
  id          BIGINT PRIMARY KEY,
  sim_id      BIGINT NOT NULL,
  kind        TEXT COLLATE "C" NOT NULL,
  start_at    BIGINT NOT NULL,
  stop_at     BIGINT NOT NULL,
  description TEXT COLLATE "C" NOT NULL,
  quantity    BIGINT NOT NULL,
  price       BIGINT NOT NULL,
  mcc         TEXT COLLATE "C" NOT NULL,
  mnc         TEXT COLLATE "C" NOT NULL,
  package_id  BIGINT NOT NULL
);
CREATE INDEX rated_event_start ON rated_event (sim_id, start_at, id);
