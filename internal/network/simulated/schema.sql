-- What holds for the whole network: one row.
CREATE TABLE network (
	id       INTEGER PRIMARY KEY CHECK (id = 1),
	salt     BLOB NOT NULL, -- of the key fingerprints
	settings TEXT NOT NULL  -- JSON
);

-- A subscriber that was removed keeps its row, for its history.
CREATE TABLE subscriber (
	imsi    TEXT PRIMARY KEY,
	present INTEGER NOT NULL,
	msisdn  TEXT NOT NULL,
	apn     TEXT NOT NULL,
	ip      TEXT NOT NULL,
	barred  INTEGER NOT NULL,
	keys    TEXT NOT NULL, -- salted fingerprint of K and OPc
	history TEXT NOT NULL  -- one line per change
) WITHOUT ROWID;

CREATE UNIQUE INDEX subscriber_msisdn ON subscriber (msisdn) WHERE msisdn <> '';
