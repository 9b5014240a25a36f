-- +goose Up

-- Which node a cut was handed to, because it has a connection of the gateway.
ALTER TABLE disconnect ADD COLUMN node TEXT COLLATE "C" NOT NULL DEFAULT '';

-- Which nodes have a connection over TLS of which gateway.
CREATE TABLE radsec_link (
  gateway    TEXT COLLATE "C" NOT NULL,
  node       TEXT COLLATE "C" NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (gateway, node)
);

-- The session is to go on and to be reported every so many seconds; 0 for an
-- order to end it.
ALTER TABLE disconnect ADD COLUMN interim BIGINT NOT NULL DEFAULT 0;

-- 1 when the gateway takes CoA-Requests.
ALTER TABLE nas ADD COLUMN coa SMALLINT NOT NULL DEFAULT 0;
