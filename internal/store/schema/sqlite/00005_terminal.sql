-- +goose Up

-- What a program of the Terminal API may call on.
CREATE TABLE api_user (
  account_id TEXT PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
  features   INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE refresh_token (
  hash       BLOB PRIMARY KEY,
  id         INTEGER NOT NULL,
  account_id TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at    INTEGER NOT NULL -- 0 before it is exchanged for the next one
) WITHOUT ROWID, STRICT;
CREATE INDEX refresh_token_account ON refresh_token (account_id, id);
CREATE INDEX refresh_token_expiry ON refresh_token (expires_at);

-- Profiles that the SIMs of an account, and of those below it, may download.
CREATE TABLE profile_offer (
  portfolio_no INTEGER NOT NULL REFERENCES portfolio (no),
  name         TEXT NOT NULL,
  created_at   INTEGER NOT NULL,
  PRIMARY KEY (portfolio_no, name)
) WITHOUT ROWID, STRICT;

-- Profiles that lie on eUICCs.
CREATE TABLE sim_profile (
  sim_id       INTEGER NOT NULL REFERENCES sim (id),
  name         TEXT NOT NULL,
  enabled      INTEGER NOT NULL,
  installed_at INTEGER NOT NULL,
  PRIMARY KEY (sim_id, name)
) WITHOUT ROWID, STRICT;

-- What is to be done once with a SIM on its network, in the order of the ids:
-- a message carried, a profile changed, the SIM registered anew.
CREATE TABLE errand (
  id           INTEGER PRIMARY KEY,
  sim_id       INTEGER NOT NULL REFERENCES sim (id),
  network      TEXT NOT NULL,
  kind         TEXT NOT NULL,
  subject      TEXT NOT NULL, -- the text of a message, the name of a profile
  progress     INTEGER NOT NULL,
  actor        TEXT NOT NULL,
  request      TEXT NOT NULL,
  requested_at INTEGER NOT NULL,
  due_at       INTEGER NOT NULL, -- while leased: when the lease ends
  lease        INTEGER NOT NULL,
  attempts     INTEGER NOT NULL,
  last_error   TEXT NOT NULL,
  reference    TEXT NOT NULL, -- the network's name for it
  done_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX errand_due ON errand (network, due_at) WHERE progress = 2;
CREATE INDEX errand_open ON errand (sim_id, id) WHERE progress = 2;
CREATE INDEX errand_sim ON errand (sim_id, kind, id);
CREATE INDEX errand_age ON errand (done_at) WHERE progress <> 2;
