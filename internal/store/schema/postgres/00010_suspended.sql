-- +goose Up

-- The suspensions of a portfolio: see tenant.Suspension.
ALTER TABLE portfolio ADD COLUMN suspended SMALLINT NOT NULL DEFAULT 0;
CREATE INDEX portfolio_suspended ON portfolio (path) WHERE suspended <> 0;
