-- +goose Up

-- Which portfolios are suspended, and how: see tenant.Suspension. They have a
-- table of their own, as it is looked through for whoever calls, and is small.
CREATE TABLE portfolio_suspension (
  portfolio_no BIGINT PRIMARY KEY REFERENCES portfolio (no),
  path         TEXT COLLATE "C" NOT NULL, -- the portfolio's
  suspended    SMALLINT NOT NULL
);
INSERT INTO portfolio_suspension (portfolio_no, path, suspended) SELECT no, path, suspended FROM portfolio WHERE suspended <> 0;
DROP INDEX portfolio_suspended;
ALTER TABLE portfolio DROP COLUMN suspended;
