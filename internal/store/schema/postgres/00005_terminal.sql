-- +goose Up

-- What a program of the Terminal API may call on.
CREATE TABLE api_user (
  account_id TEXT COLLATE "C" PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
  features   SMALLINT NOT NULL
);

CREATE TABLE refresh_token (
  hash       BYTEA PRIMARY KEY,
  id         BIGINT NOT NULL,
  account_id TEXT COLLATE "C" NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at    BIGINT NOT NULL -- 0 before it is exchanged for the next one
);
CREATE INDEX refresh_token_account ON refresh_token (account_id, id);
CREATE INDEX refresh_token_expiry ON refresh_token (expires_at);

-- Profiles that the SIMs of an account, and of those below it, may download.
CREATE TABLE profile_offer (
  portfolio_no BIGINT NOT NULL REFERENCES portfolio (no),
  name         TEXT COLLATE "C" NOT NULL,
  created_at   BIGINT NOT NULL,
  PRIMARY KEY (portfolio_no, name)
);

-- Profiles that lie on eUICCs.
CREATE TABLE sim_profile (
  sim_id       BIGINT NOT NULL REFERENCES sim (id),
  name         TEXT COLLATE "C" NOT NULL,
  enabled      SMALLINT NOT NULL,
  installed_at BIGINT NOT NULL,
  PRIMARY KEY (sim_id, name)
);

-- What is to be done once with a SIM on its network, in the order of the ids:
-- a message carried, a profile changed, the SIM registered anew.
CREATE TABLE errand (
  id           BIGINT PRIMARY KEY,
  sim_id       BIGINT NOT NULL REFERENCES sim (id),
  network      TEXT COLLATE "C" NOT NULL,
  kind         TEXT COLLATE "C" NOT NULL,
  subject      TEXT COLLATE "C" NOT NULL, -- the text of a message, the name of a profile
  progress     SMALLINT NOT NULL,
  actor        TEXT COLLATE "C" NOT NULL,
  request      TEXT COLLATE "C" NOT NULL,
  requested_at BIGINT NOT NULL,
  due_at       BIGINT NOT NULL, -- while leased: when the lease ends
  lease        BIGINT NOT NULL,
  attempts     INTEGER NOT NULL,
  last_error   TEXT COLLATE "C" NOT NULL,
  reference    TEXT COLLATE "C" NOT NULL, -- the network's name for it
  done_at      BIGINT NOT NULL
);
CREATE INDEX errand_due ON errand (network, due_at) WHERE progress = 2;
CREATE INDEX errand_open ON errand (sim_id, id) WHERE progress = 2;
CREATE INDEX errand_sim ON errand (sim_id, kind, id);
CREATE INDEX errand_age ON errand (done_at) WHERE progress <> 2;
