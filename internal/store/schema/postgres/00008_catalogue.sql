-- +goose Up

-- The attributes of everything but SIMs.
CREATE TABLE attribute (
  id          BIGINT PRIMARY KEY,
  kind        SMALLINT NOT NULL, -- of the holder: see tenant.HolderKind
  holder      TEXT COLLATE "C" NOT NULL, -- its id
  name        TEXT COLLATE "C" NOT NULL,
  value       TEXT COLLATE "C" NOT NULL,
  deleted     SMALLINT NOT NULL,
  modified_at BIGINT NOT NULL
);
CREATE INDEX attribute_holder ON attribute (kind, holder, deleted, id);
CREATE UNIQUE INDEX attribute_name ON attribute (kind, holder, name) WHERE deleted = 0;

-- The entries of dictionaries that are not built in, by the root of the tree
-- that they are for.
CREATE TABLE dictionary (
  id          BIGINT PRIMARY KEY,
  kind        TEXT COLLATE "C" NOT NULL, -- see tenant.Dictionary
  root        TEXT COLLATE "C" NOT NULL,
  name        TEXT COLLATE "C" NOT NULL,
  title       TEXT COLLATE "C" NOT NULL,
  status      TEXT COLLATE "C" NOT NULL,
  modified_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX dictionary_title ON dictionary (root, kind, title);

-- What portfolios are invoiced by; 0 for none.
CREATE TABLE portfolio_terms (
  portfolio_no     BIGINT PRIMARY KEY REFERENCES portfolio (no),
  business_code    BIGINT NOT NULL,
  tax_code         BIGINT NOT NULL,
  payment_method   BIGINT NOT NULL,
  invoicing_entity BIGINT NOT NULL
);

CREATE TABLE portfolio_address (
  id           TEXT COLLATE "C" PRIMARY KEY,
  portfolio_no BIGINT NOT NULL REFERENCES portfolio (no),
  type         BIGINT NOT NULL, -- of the dictionary addressType
  name         TEXT COLLATE "C" NOT NULL,
  line1        TEXT COLLATE "C" NOT NULL,
  line2        TEXT COLLATE "C" NOT NULL,
  city         TEXT COLLATE "C" NOT NULL,
  region       TEXT COLLATE "C" NOT NULL,
  post_code    TEXT COLLATE "C" NOT NULL,
  country      TEXT COLLATE "C" NOT NULL,
  email        TEXT COLLATE "C" NOT NULL,
  telephone    TEXT COLLATE "C" NOT NULL,
  status       TEXT COLLATE "C" NOT NULL,
  created_at   BIGINT NOT NULL
);
CREATE INDEX portfolio_address_portfolio ON portfolio_address (portfolio_no, created_at, id);
