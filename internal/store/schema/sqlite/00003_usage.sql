-- +goose Up
-- What networks report of data sessions, messages and devices, and what the
-- owner and the operator have set for it.

ALTER TABLE sim_state ADD COLUMN data_limit INTEGER NOT NULL DEFAULT 0; -- megabytes per month; 0 for none
ALTER TABLE sim_state ADD COLUMN locked TEXT NOT NULL DEFAULT '';       -- the operator's lock: reason, actor, time
ALTER TABLE sim_state ADD COLUMN imei_lock TEXT NOT NULL DEFAULT '';

ALTER TABLE usage_month ADD COLUMN bytes_in INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_month ADD COLUMN bytes_out INTEGER NOT NULL DEFAULT 0;

CREATE TABLE usage_hour (
  sim_id    INTEGER NOT NULL,
  hour      INTEGER NOT NULL, -- since 1970, UTC
  bytes_in  INTEGER NOT NULL,
  bytes_out INTEGER NOT NULL,
  PRIMARY KEY (sim_id, hour)
) WITHOUT ROWID, STRICT;
CREATE INDEX usage_hour_age ON usage_hour (hour);

CREATE TABLE data_session (
  id          INTEGER PRIMARY KEY,
  sim_id      INTEGER NOT NULL,
  nas         TEXT NOT NULL,
  session_id  TEXT NOT NULL,
  charging_id INTEGER NOT NULL,
  phase       INTEGER NOT NULL,
  started_at  INTEGER NOT NULL,
  last_at     INTEGER NOT NULL,
  stopped_at  INTEGER NOT NULL,
  seconds     INTEGER NOT NULL,
  bytes_in    INTEGER NOT NULL,
  bytes_out   INTEGER NOT NULL,
  in_base     INTEGER NOT NULL,
  out_base    INTEGER NOT NULL,
  cause       INTEGER NOT NULL,
  imsi        TEXT NOT NULL,
  imei        TEXT NOT NULL,
  apn         TEXT NOT NULL,
  username    TEXT NOT NULL,
  ip          TEXT NOT NULL,
  rat         TEXT NOT NULL,
  mcc         TEXT NOT NULL,
  mnc         TEXT NOT NULL,
  lai         TEXT NOT NULL,
  ci          TEXT NOT NULL,
  coa         TEXT NOT NULL, -- where it can be cut: address and port; '' unknown
  class       BLOB NOT NULL,
  package_id  INTEGER NOT NULL,
  rounded     INTEGER NOT NULL,
  cost        INTEGER NOT NULL,
  hour        INTEGER NOT NULL, -- of what is pending: in_base + bytes_in - counted_in, and likewise out
  counted_in  INTEGER NOT NULL, -- of it, in usage_hour and usage_month
  counted_out INTEGER NOT NULL,
  said        INTEGER NOT NULL, -- fingerprint of the newest report
  ceiling     INTEGER NOT NULL, -- bytes up to which no rule needs to look, while the SIM's version is ruled
  ruled       INTEGER NOT NULL
) STRICT;
-- No index holds what changes with every report.
CREATE INDEX data_session_key ON data_session (nas, session_id, charging_id, id);
CREATE INDEX data_session_sim ON data_session (sim_id, started_at, id);
CREATE INDEX data_session_open ON data_session (nas, id) WHERE phase IN (1, 4);
CREATE INDEX data_session_live ON data_session (sim_id) WHERE phase IN (1, 4);
CREATE INDEX data_session_age ON data_session (stopped_at) WHERE phase IN (2, 3);

-- Everything that has a price: sessions as far as they are rated, and the rest.
CREATE VIEW rated AS
SELECT id, sim_id, kind, start_at, stop_at, description, quantity, price, mcc, mnc, package_id FROM rated_event
UNION ALL
SELECT id, sim_id, 'Data', started_at, CASE WHEN stopped_at = 0 THEN last_at ELSE stopped_at END, 'Data ' || apn, rounded, cost, mcc, mnc, package_id
FROM data_session WHERE rounded > 0;

CREATE TABLE sms (
  id        INTEGER PRIMARY KEY,
  sim_id    INTEGER NOT NULL,
  at        INTEGER NOT NULL,
  direction TEXT NOT NULL, -- MT to the device, MO from it
  peer      TEXT NOT NULL,
  text      TEXT NOT NULL,
  status    TEXT NOT NULL,
  status_at INTEGER NOT NULL,
  parts     INTEGER NOT NULL,
  reference TEXT NOT NULL, -- the network's name for it
  actor     TEXT NOT NULL
) STRICT;
CREATE INDEX sms_sim ON sms (sim_id, at, id);
CREATE INDEX sms_reference ON sms (reference) WHERE reference <> '';

CREATE TABLE alert (
  id           INTEGER PRIMARY KEY,
  portfolio_no INTEGER NOT NULL REFERENCES portfolio (no),
  sim_id       INTEGER NOT NULL,
  iccid        TEXT NOT NULL,
  at           INTEGER NOT NULL,
  kind         TEXT NOT NULL,
  detail       TEXT NOT NULL,
  is_read      INTEGER NOT NULL
) STRICT;
CREATE INDEX alert_portfolio ON alert (portfolio_no, id);
CREATE INDEX alert_sim ON alert (sim_id, id);
CREATE INDEX alert_unread ON alert (portfolio_no, id) WHERE is_read = 0;

-- Sessions that must be cut, and what became of it.
CREATE TABLE disconnect (
  session_id INTEGER PRIMARY KEY,
  sim_id     INTEGER NOT NULL,
  reason     TEXT NOT NULL,
  asked_at   INTEGER NOT NULL,
  due_at     INTEGER NOT NULL, -- while leased: when the lease ends
  lease      INTEGER NOT NULL,
  attempts   INTEGER NOT NULL,
  outcome    TEXT NOT NULL, -- '' while it has still to be done
  done_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX disconnect_due ON disconnect (due_at) WHERE outcome = '';
CREATE INDEX disconnect_sim ON disconnect (sim_id, session_id);

-- SIMs in their test period, oldest first.
CREATE INDEX sim_state_test ON sim_state (activated_at) WHERE (wanted & 48) = 16;
-- Provisioned, ready, not suspended.
CREATE INDEX sim_state_ready ON sim_state (activated_at) WHERE wanted = 36 AND (flags & 7) = 0;

-- Who may speak RADIUS to us.
CREATE TABLE nas (
  name       TEXT PRIMARY KEY,
  prefix     TEXT NOT NULL, -- its addresses
  coa_port   INTEGER NOT NULL,
  unsigned   INTEGER NOT NULL, -- 1 when it cannot send Message-Authenticator
  proxy      INTEGER NOT NULL, -- 1 when its sessions are cut at the addresses that they name
  sealed     BLOB NOT NULL, -- its secret
  created_at INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

-- Requests for access, and what they were answered. There are many: few columns,
-- and none but the first four in a row of one accept.
CREATE TABLE access (
  id      INTEGER PRIMARY KEY,
  sim_id  INTEGER NOT NULL,
  at      INTEGER NOT NULL,
  said    TEXT NOT NULL, -- by the gateway and by us: texts, parted by character 31
  refused INTEGER NOT NULL DEFAULT 0,
  more    INTEGER NOT NULL DEFAULT 0, -- how many answers more the row stands for: rejects for the same reason, for as long as a minute
  last_at INTEGER NOT NULL DEFAULT 0 -- the last of them; 0 for a row of one
) STRICT;
CREATE INDEX access_sim ON access (sim_id, at);
CREATE INDEX access_reject ON access (sim_id, at) WHERE refused = 1;
