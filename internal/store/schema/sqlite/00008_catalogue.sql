-- +goose Up

-- The attributes of everything but SIMs.
CREATE TABLE attribute (
  id          INTEGER PRIMARY KEY,
  kind        INTEGER NOT NULL, -- of the holder: see tenant.HolderKind
  holder      TEXT NOT NULL, -- its id
  name        TEXT NOT NULL,
  value       TEXT NOT NULL,
  deleted     INTEGER NOT NULL,
  modified_at INTEGER NOT NULL
) STRICT;
CREATE INDEX attribute_holder ON attribute (kind, holder, deleted, id);
CREATE UNIQUE INDEX attribute_name ON attribute (kind, holder, name) WHERE deleted = 0;

-- The entries of dictionaries that are not built in, by the root of the tree
-- that they are for.
CREATE TABLE dictionary (
  id          INTEGER PRIMARY KEY,
  kind        TEXT NOT NULL, -- see tenant.Dictionary
  root        TEXT NOT NULL,
  name        TEXT NOT NULL,
  title       TEXT NOT NULL,
  status      TEXT NOT NULL,
  modified_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX dictionary_title ON dictionary (root, kind, title);

-- What portfolios are invoiced by; 0 for none.
CREATE TABLE portfolio_terms (
  portfolio_no     INTEGER PRIMARY KEY REFERENCES portfolio (no),
  business_code    INTEGER NOT NULL,
  tax_code         INTEGER NOT NULL,
  payment_method   INTEGER NOT NULL,
  invoicing_entity INTEGER NOT NULL
) STRICT;

CREATE TABLE portfolio_address (
  id           TEXT PRIMARY KEY,
  portfolio_no INTEGER NOT NULL REFERENCES portfolio (no),
  type         INTEGER NOT NULL, -- of the dictionary addressType
  name         TEXT NOT NULL,
  line1        TEXT NOT NULL,
  line2        TEXT NOT NULL,
  city         TEXT NOT NULL,
  region       TEXT NOT NULL,
  post_code    TEXT NOT NULL,
  country      TEXT NOT NULL,
  email        TEXT NOT NULL,
  telephone    TEXT NOT NULL,
  status       TEXT NOT NULL,
  created_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX portfolio_address_portfolio ON portfolio_address (portfolio_no, created_at, id);
