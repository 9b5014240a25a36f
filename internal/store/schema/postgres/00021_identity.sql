-- +goose Up

-- What a SIM is stands beside where it stands, too, packed into one text: who
-- reads whole SIMs finds each in one place instead of two.
ALTER TABLE sim_state ADD COLUMN identity TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE sim_state SET identity = concat_ws(chr(31), eid, number, imsi, msisdn, imei, ip, apn, name, group_name, device,
  type, form, mno, spec, part, rsp, created_at) FROM sim WHERE id = sim_id;
CREATE UNIQUE INDEX sim_state_iccid ON sim_state (iccid);
