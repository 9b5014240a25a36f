-- +goose Up

-- The sites above portfolios; every tree has one more of its own.
CREATE TABLE portal (
  id           TEXT PRIMARY KEY,
  portfolio_no INTEGER NOT NULL REFERENCES portfolio (no), -- whose it is
  root         TEXT NOT NULL, -- of the tree
  name         TEXT NOT NULL,
  title        TEXT NOT NULL,
  status       TEXT NOT NULL,
  created_at   INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE UNIQUE INDEX portal_title ON portal (root, title);

-- Which portfolios were put into which; those below them follow.
CREATE TABLE portfolio_portal (
  portfolio_no INTEGER PRIMARY KEY REFERENCES portfolio (no),
  portal       TEXT NOT NULL
) STRICT;
