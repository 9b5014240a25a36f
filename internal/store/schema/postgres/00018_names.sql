-- +goose Up

-- Names in their order whatever the case of their letters, as they are searched:
-- those that begin with a text lie side by side.
DROP INDEX sim_by_name;
CREATE INDEX sim_by_name_folded ON sim (portfolio_no, name_folded, iccid);
