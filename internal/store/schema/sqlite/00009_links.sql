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
