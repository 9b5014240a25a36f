-- +goose Up

-- The suspensions of an account itself: see tenant.Suspension. Those of a link of
-- a package stand in its column suspended, where 1 was the operator's all along.
ALTER TABLE account ADD COLUMN suspended INTEGER NOT NULL DEFAULT 0;
