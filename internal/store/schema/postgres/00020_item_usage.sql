-- +goose Up

-- What a SIM used in a month of an item of a package that has a price, rounded as
-- the item says: each item has a bundle of its own.
CREATE TABLE usage_item (
  sim_id  BIGINT NOT NULL,
  month   BIGINT NOT NULL, -- year * 12 + month - 1
  item_id BIGINT NOT NULL,
  rounded BIGINT NOT NULL,
  PRIMARY KEY (sim_id, month, item_id)
);
CREATE INDEX usage_item_month ON usage_item (month);
ALTER TABLE usage_item SET (fillfactor = 80);

-- So far all use of a month counted for whichever item: it stays with the one for
-- all countries.
INSERT INTO usage_item (sim_id, month, item_id, rounded)
SELECT m.sim_id, m.month, i.id, m.rounded FROM usage_month m JOIN sim_state t ON t.sim_id = m.sim_id
JOIN package_item i ON i.package_id = t.package_id AND i.category = 105 AND i.countries = '' AND i.deleted = 0 AND i.price <> 0
WHERE m.rounded > 0 AND m.month >= (SELECT MAX(month) FROM usage_month) - 1;
