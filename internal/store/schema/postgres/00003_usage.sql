-- +goose Up
-- What networks report of data sessions, messages and devices, and what the
-- owner and the operator have set for it.

ALTER TABLE sim_state ADD COLUMN data_limit BIGINT NOT NULL DEFAULT 0; -- megabytes per month; 0 for none
ALTER TABLE sim_state ADD COLUMN locked TEXT COLLATE "C" NOT NULL DEFAULT '';       -- the operator's lock: reason, actor, time
ALTER TABLE sim_state ADD COLUMN imei_lock TEXT COLLATE "C" NOT NULL DEFAULT '';

ALTER TABLE usage_month ADD COLUMN bytes_in BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage_month ADD COLUMN bytes_out BIGINT NOT NULL DEFAULT 0;

CREATE TABLE usage_hour (
  sim_id    BIGINT NOT NULL,
  hour      BIGINT NOT NULL, -- since 1970, UTC
  bytes_in  BIGINT NOT NULL,
  bytes_out BIGINT NOT NULL,
  PRIMARY KEY (sim_id, hour)
);
CREATE INDEX usage_hour_age ON usage_hour (hour);

CREATE TABLE data_session (
  id          BIGINT PRIMARY KEY,
  sim_id      BIGINT NOT NULL,
  nas         TEXT COLLATE "C" NOT NULL,
  session_id  TEXT COLLATE "C" NOT NULL,
  charging_id BIGINT NOT NULL,
  phase       SMALLINT NOT NULL,
  started_at  BIGINT NOT NULL,
  last_at     BIGINT NOT NULL,
  stopped_at  BIGINT NOT NULL,
  seconds     BIGINT NOT NULL,
  bytes_in    BIGINT NOT NULL,
  bytes_out   BIGINT NOT NULL,
  in_base     BIGINT NOT NULL,
  out_base    BIGINT NOT NULL,
  cause       SMALLINT NOT NULL,
  imsi        TEXT COLLATE "C" NOT NULL,
  imei        TEXT COLLATE "C" NOT NULL,
  apn         TEXT COLLATE "C" NOT NULL,
  username    TEXT COLLATE "C" NOT NULL,
  ip          TEXT COLLATE "C" NOT NULL,
  rat         TEXT COLLATE "C" NOT NULL,
  mcc         TEXT COLLATE "C" NOT NULL,
  mnc         TEXT COLLATE "C" NOT NULL,
  lai         TEXT COLLATE "C" NOT NULL,
  ci          TEXT COLLATE "C" NOT NULL,
  coa         TEXT COLLATE "C" NOT NULL, -- where it can be cut: address and port; '' unknown
  class       BYTEA NOT NULL,
  package_id  BIGINT NOT NULL,
  rounded     BIGINT NOT NULL,
  cost        BIGINT NOT NULL,
  hour        BIGINT NOT NULL, -- of what is pending: in_base + bytes_in - counted_in, and likewise out
  counted_in  BIGINT NOT NULL, -- of it, in usage_hour and usage_month
  counted_out BIGINT NOT NULL,
  said        BIGINT NOT NULL, -- fingerprint of the newest report
  ceiling     BIGINT NOT NULL, -- bytes up to which no rule needs to look, while the SIM's version is ruled
  ruled       BIGINT NOT NULL
);
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
  id        BIGINT PRIMARY KEY,
  sim_id    BIGINT NOT NULL,
  at        BIGINT NOT NULL,
  direction TEXT COLLATE "C" NOT NULL, -- MT to the device, MO from it
  peer      TEXT COLLATE "C" NOT NULL,
  text      TEXT COLLATE "C" NOT NULL,
  status    TEXT COLLATE "C" NOT NULL,
  status_at BIGINT NOT NULL,
  parts     SMALLINT NOT NULL,
  reference TEXT COLLATE "C" NOT NULL, -- the network's name for it
  actor     TEXT COLLATE "C" NOT NULL
);
CREATE INDEX sms_sim ON sms (sim_id, at, id);
CREATE INDEX sms_reference ON sms (reference) WHERE reference <> '';

CREATE TABLE alert (
  id           BIGINT PRIMARY KEY,
  portfolio_no BIGINT NOT NULL REFERENCES portfolio (no),
  sim_id       BIGINT NOT NULL,
  iccid        TEXT COLLATE "C" NOT NULL,
  at           BIGINT NOT NULL,
  kind         TEXT COLLATE "C" NOT NULL,
  detail       TEXT COLLATE "C" NOT NULL,
  is_read      SMALLINT NOT NULL
);
CREATE INDEX alert_portfolio ON alert (portfolio_no, id);
CREATE INDEX alert_sim ON alert (sim_id, id);
CREATE INDEX alert_unread ON alert (portfolio_no, id) WHERE is_read = 0;

-- Sessions that must be cut, and what became of it.
CREATE TABLE disconnect (
  session_id BIGINT PRIMARY KEY,
  sim_id     BIGINT NOT NULL,
  reason     TEXT COLLATE "C" NOT NULL,
  asked_at   BIGINT NOT NULL,
  due_at     BIGINT NOT NULL, -- while leased: when the lease ends
  lease      BIGINT NOT NULL,
  attempts   BIGINT NOT NULL,
  outcome    TEXT COLLATE "C" NOT NULL, -- '' while it has still to be done
  done_at    BIGINT NOT NULL
);
CREATE INDEX disconnect_due ON disconnect (due_at) WHERE outcome = '';
CREATE INDEX disconnect_sim ON disconnect (sim_id, session_id);

-- SIMs in their test period, oldest first.
CREATE INDEX sim_state_test ON sim_state (activated_at) WHERE (wanted & 48) = 16;
-- Provisioned, ready, not suspended.
CREATE INDEX sim_state_ready ON sim_state (activated_at) WHERE wanted = 36 AND (flags & 7) = 0;

-- Who may speak RADIUS to us.
CREATE TABLE nas (
  name       TEXT COLLATE "C" PRIMARY KEY,
  prefix     TEXT COLLATE "C" NOT NULL, -- its addresses
  coa_port   BIGINT NOT NULL,
  unsigned   SMALLINT NOT NULL, -- 1 when it cannot send Message-Authenticator
  proxy      SMALLINT NOT NULL, -- 1 when its sessions are cut at the addresses that they name
  sealed     BYTEA NOT NULL, -- its secret
  created_at BIGINT NOT NULL
);

-- Requests for access, and what they were answered. There are many: few columns,
-- and none but the first four in a row of one accept.
CREATE TABLE access (
  id      BIGINT PRIMARY KEY,
  sim_id  BIGINT NOT NULL,
  at      BIGINT NOT NULL,
  said    TEXT COLLATE "C" NOT NULL, -- by the gateway and by us: texts, parted by character 31
  refused SMALLINT NOT NULL DEFAULT 0,
  more    BIGINT NOT NULL DEFAULT 0, -- how many answers more the row stands for: rejects for the same reason, for as long as a minute
  last_at BIGINT NOT NULL DEFAULT 0 -- the last of them; 0 for a row of one
);
CREATE INDEX access_sim ON access (sim_id, at);
CREATE INDEX access_reject ON access (sim_id, at) WHERE refused = 1;

-- Room for what is updated in place.
ALTER TABLE data_session SET (fillfactor = 70);
ALTER TABLE usage_hour SET (fillfactor = 80);
ALTER TABLE usage_month SET (fillfactor = 70);
ALTER TABLE sim_activity SET (fillfactor = 70);
