-- +goose Up

-- The sites above portfolios; every tree has one more of its own.
CREATE TABLE portal (
  id           TEXT COLLATE "C" PRIMARY KEY,
  portfolio_no BIGINT NOT NULL REFERENCES portfolio (no), -- whose it is
  root         TEXT COLLATE "C" NOT NULL, -- of the tree
  name         TEXT COLLATE "C" NOT NULL,
  title        TEXT COLLATE "C" NOT NULL,
  status       TEXT COLLATE "C" NOT NULL,
  created_at   BIGINT NOT NULL
);
CREATE UNIQUE INDEX portal_title ON portal (root, title);

-- Which portfolios were put into which; those below them follow.
CREATE TABLE portfolio_portal (
  portfolio_no BIGINT PRIMARY KEY REFERENCES portfolio (no),
  portal       TEXT COLLATE "C" NOT NULL
);
