-- +goose Up

-- Which node a cut was handed to, because it has a connection of the gateway.
ALTER TABLE disconnect ADD COLUMN node TEXT NOT NULL DEFAULT '';

-- Which nodes have a connection over TLS of which gateway.
CREATE TABLE radsec_link (
  gateway    TEXT NOT NULL,
  node       TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (gateway, node)
) WITHOUT ROWID, STRICT;

-- The session is to go on and to be reported every so many seconds; 0 for an
-- order to end it.
ALTER TABLE disconnect ADD COLUMN interim INTEGER NOT NULL DEFAULT 0;

-- 1 when the gateway takes CoA-Requests.
ALTER TABLE nas ADD COLUMN coa INTEGER NOT NULL DEFAULT 0;
