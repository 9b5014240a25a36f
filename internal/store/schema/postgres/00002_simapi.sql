-- +goose Up

-- What is known of the person or the program behind an account.
CREATE TABLE account_detail (
  account_id TEXT COLLATE "C" PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
  email      TEXT COLLATE "C" NOT NULL,
  first_name TEXT COLLATE "C" NOT NULL,
  last_name  TEXT COLLATE "C" NOT NULL,
  mobile     TEXT COLLATE "C" NOT NULL,
  allow_list TEXT COLLATE "C" NOT NULL
);

-- Bearer tokens of programs.
CREATE TABLE token (
  hash       BYTEA PRIMARY KEY,
  id         BIGINT NOT NULL,
  account_id TEXT COLLATE "C" NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  from_addr  TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX token_account ON token (account_id, id);
CREATE INDEX token_expiry ON token (expires_at);

CREATE TABLE portfolio_title (
  portfolio_no BIGINT PRIMARY KEY REFERENCES portfolio (no),
  parent       TEXT COLLATE "C" NOT NULL,
  title        TEXT COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX portfolio_title_parent ON portfolio_title (parent, title);

-- Attributes of SIMs. Of those that are fields of the SIM there is at most a
-- mark here; see sim.Attributes.
CREATE TABLE sim_attribute (
  id          BIGINT PRIMARY KEY,
  sim_id      BIGINT NOT NULL REFERENCES sim (id),
  name        TEXT COLLATE "C" NOT NULL,
  value       TEXT COLLATE "C" NOT NULL,
  deleted     SMALLINT NOT NULL,
  modified_at BIGINT NOT NULL
);
CREATE INDEX sim_attribute_sim ON sim_attribute (sim_id, deleted, id);
CREATE UNIQUE INDEX sim_attribute_name ON sim_attribute (sim_id, name) WHERE deleted = 0;

-- Since when a SIM has been with its portfolio and on its package; without a
-- row, since it was taken into stock.
CREATE TABLE sim_assigned (
  sim_id       BIGINT PRIMARY KEY REFERENCES sim (id),
  portfolio_at BIGINT NOT NULL,
  package_at   BIGINT NOT NULL
);

CREATE TABLE package_item (
  id         BIGINT PRIMARY KEY,
  package_id BIGINT NOT NULL REFERENCES package (id),
  category   BIGINT NOT NULL,
  bundle     BIGINT NOT NULL,
  price      BIGINT NOT NULL,
  round_in   BIGINT NOT NULL,
  round_out  BIGINT NOT NULL,
  countries  TEXT COLLATE "C" NOT NULL,
  deleted    SMALLINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX package_item_package ON package_item (package_id, id);

CREATE TABLE collection (
  id           BIGINT PRIMARY KEY,
  portfolio_no BIGINT NOT NULL REFERENCES portfolio (no),
  name         TEXT COLLATE "C" NOT NULL,
  title        TEXT COLLATE "C" NOT NULL,
  criteria     TEXT COLLATE "C" NOT NULL,
  n            BIGINT NOT NULL,
  deleted      SMALLINT NOT NULL,
  created_at   BIGINT NOT NULL
);
CREATE UNIQUE INDEX collection_title ON collection (portfolio_no, title) WHERE deleted = 0;

CREATE TABLE collection_sim (
  collection_id BIGINT NOT NULL REFERENCES collection (id),
  iccid         TEXT COLLATE "C" NOT NULL,
  sim_id        BIGINT NOT NULL REFERENCES sim (id),
  PRIMARY KEY (collection_id, iccid)
);
CREATE INDEX collection_sim_sim ON collection_sim (sim_id);

-- Callers know the times of a SIM to the second.
DROP INDEX sim_state_activated;
DROP INDEX sim_state_terminated;
CREATE INDEX sim_state_activated ON sim_state (portfolio_no, (activated_at / 1000000), iccid) WHERE activated_at / 1000000 <> 0;
CREATE INDEX sim_state_terminated ON sim_state (portfolio_no, (terminated_at / 1000000), iccid) WHERE terminated_at / 1000000 <> 0;
