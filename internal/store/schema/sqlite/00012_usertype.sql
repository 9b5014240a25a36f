-- +goose Up

-- The kind of person that a user is, of the dictionary userType; 0 for none of
-- a tree's own. Whoever has one has the roles that it names.
ALTER TABLE account ADD COLUMN type INTEGER NOT NULL DEFAULT 0;
CREATE INDEX account_type ON account (type) WHERE type <> 0;
ALTER TABLE dictionary ADD COLUMN role TEXT NOT NULL DEFAULT '';
