-- +goose Up

-- What the SIMs that a portfolio has now used in each month, as their own
-- counters have it: kept with every change of those, and with every SIM that
-- moves. Writers spread over slots.
CREATE TABLE portfolio_month (
  portfolio_no INTEGER NOT NULL,
  month        INTEGER NOT NULL, -- year * 12 + month - 1
  slot         INTEGER NOT NULL,
  bytes        INTEGER NOT NULL,
  sms          INTEGER NOT NULL,
  cost         INTEGER NOT NULL,
  PRIMARY KEY (portfolio_no, month, slot)
) WITHOUT ROWID, STRICT;
INSERT INTO portfolio_month (portfolio_no, month, slot, bytes, sms, cost)
SELECT s.portfolio_no, m.month, 0, SUM(m.bytes), SUM(m.sms), SUM(m.cost) FROM usage_month m JOIN sim s ON s.id = m.sim_id
GROUP BY s.portfolio_no, m.month;

-- What portfolios want alerts about, by the kind of the alert.
CREATE TABLE alert_rule (
  portfolio_no INTEGER NOT NULL REFERENCES portfolio (no),
  kind         TEXT NOT NULL,
  value        INTEGER NOT NULL, -- per cent, messages, hours, or millionths of the currency unit; 0 where there is none
  seen         INTEGER NOT NULL, -- of NO_CONNECTION when SIMs were last looked at, of BALANCE_THRESHOLD the month that was told of
  created_at   INTEGER NOT NULL,
  PRIMARY KEY (portfolio_no, kind, value)
) WITHOUT ROWID, STRICT;
CREATE INDEX alert_rule_kind ON alert_rule (kind, portfolio_no, value);

-- Silences that have been told of: since when nothing was heard of the SIM.
CREATE TABLE sim_silence (
  sim_id INTEGER PRIMARY KEY,
  since  INTEGER NOT NULL
) STRICT;
