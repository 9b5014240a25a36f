package store

import (
	"encoding/json"
	"net/netip"
	"strconv"

	"github.com/simurgh-iot/simurgh/internal/sim"
)

// simSelect reads SIMs as packed rows, out of one table: where a SIM stands (t), with
// what it is, packed already; and whose it is (p). The sum keeps PostgreSQL from
// looking for SIMs by their portfolio: it would, on tables that it does not know yet,
// also where they are named.
var simSelect = packed("SELECT " + simIs + ", p.id, " + simStands + simFrom)

const (
	simIs     = "t.sim_id, t.iccid, t.identity"
	simStands = `t.package_id, t.network, t.flags, t.wanted, t.settled, t.generation, t.observed, t.since, t.by_actor, t.holds, t.failure, t.failed_at,
	t.ever, t.activated_at, t.terminated_at, t.contract_start, t.contract_end, t.modified_at, t.version, t.data_limit, t.locked, t.imei_lock`
	simFrom = "\nFROM sim_state t JOIN portfolio p ON p.no = t.portfolio_no + 0"
)

// simRow holds the columns that are not a field of the SIM as they stand.
type simRow struct {
	ip, holds, locked                                     string
	created, flags, wanted, settled, ever                 int64
	since, failed, activated, terminated, start, end, mod int64
}

// simScan reads rows as SIMs, each into the same places.
type simScan struct {
	sim  sim.SIM
	row  simRow
	dest []any
}

// newSIMScan returns a simScan of rows of simSelect, with more values behind them.
func newSIMScan(more ...any) *simScan {
	c := new(simScan)
	s, r := &c.sim, &c.row
	c.dest = append([]any{&s.ID, &s.ICCID, &s.EID, &s.Number, &s.IMSI, &s.MSISDN, &s.IMEI, &r.ip, &s.APN, &s.Name, &s.Group, &s.Device,
		&s.Type, &s.Form, &s.MNO, &s.Spec, &s.Part, &s.RSP, &r.created, &s.Portfolio, &s.Package, &s.Network, &r.flags, &r.wanted, &r.settled,
		&s.Generation, &s.Observed, &r.since, &s.By, &r.holds, &s.Failure, &r.failed, &r.ever, &r.activated, &r.terminated,
		&r.start, &r.end, &r.mod, &s.Version, &s.DataLimit, &r.locked, &s.IMEILock}, more...)
	return c
}

// read reads one row.
func (c *simScan) read(rows rowScanner, to *sim.SIM) error {
	c.sim = sim.SIM{}
	if err := rows.Scan(c.dest...); err != nil {
		return err
	}
	err := c.row.complete(&c.sim)
	*to = c.sim
	return err
}

// complete fills in the fields that no column is.
func (r *simRow) complete(s *sim.SIM) error {
	if s.Number == "" {
		s.Number = string(s.ICCID)
	}
	if r.ip != "" {
		ip, err := netip.ParseAddr(r.ip)
		if err != nil {
			return err
		}
		s.IP = ip
	}
	s.Wanted = unpack(r.wanted)
	s.Wanted.Suspended, s.Barred = unflag(r.flags)
	s.Settled = unpack(r.settled)
	s.EverActive, s.EverLive = r.ever&1 != 0, r.ever&2 != 0
	s.CreatedAt, s.ModifiedAt, s.Since, s.FailedAt = moment(r.created), moment(r.mod), moment(r.since), moment(r.failed)
	s.ActivatedAt, s.TerminatedAt = moment(r.activated), moment(r.terminated)
	s.ContractStart, s.ContractEnd = moment(r.start), moment(r.end)
	if err := readLock(r.locked, s); err != nil {
		return err
	}
	return unhold(r.holds, s)
}

// pack stores a condition in one integer.
func pack(c sim.Condition) int64 {
	return int64(c.State) | int64(c.Phase)<<4 | int64(c.Suspended)<<6
}

func unpack(n int64) sim.Condition {
	return sim.Condition{State: sim.State(n & 15), Phase: sim.Phase(n >> 4 & 3), Suspended: sim.Kinds(n >> 6 & 7)}
}

// flags are what lists filter by: suspensions wanted, and barred services.
func packFlags(held sim.Kinds, barred sim.Services) int64 { return int64(held) | int64(barred)<<3 }

func unflag(n int64) (sim.Kinds, sim.Services) { return sim.Kinds(n & 7), sim.Services(n >> 3 & 7) }

type holdJSON struct {
	Reason string `json:"r,omitempty"`
	Actor  string `json:"a,omitempty"`
	Since  int64  `json:"s,omitempty"`
}

// hold stores why a SIM is suspended; empty when it is not.
func hold(s *sim.SIM) string {
	if s.Holds == (sim.Lifecycle{}).Holds {
		return ""
	}
	var out [len(s.Holds)]holdJSON
	for i, h := range s.Holds {
		out[i] = holdJSON{h.Reason, h.Actor, micros(h.Since)}
	}
	js, _ := json.Marshal(out) // texts and numbers always marshal
	return string(js)
}

func unhold(text string, s *sim.SIM) error {
	if text == "" {
		return nil
	}
	var in [len(s.Holds)]holdJSON
	if err := json.Unmarshal([]byte(text), &in); err != nil {
		return err
	}
	for i, h := range in {
		s.Holds[i] = sim.Hold{Reason: h.Reason, Actor: h.Actor, Since: moment(h.Since)}
	}
	return nil
}

var simTable = &table{name: "sim", defaults: true, columns: cols(`id, iccid text, portfolio_no, eid text, number text, imsi text, msisdn text,
	imei text, ip text, apn text, name text, name_folded text, group_name text, device text, type text, form text, mno, spec, part, rsp, created_at`)}

// lockText stores the operator's lock; empty when there is none.
func lockText(s *sim.SIM) string {
	if s.Lock == (sim.Hold{}) {
		return ""
	}
	js, _ := json.Marshal(holdJSON{s.Lock.Reason, s.Lock.Actor, micros(s.Lock.Since)})
	return string(js)
}

func readLock(text string, s *sim.SIM) error {
	if text == "" {
		return nil
	}
	var in holdJSON
	if err := json.Unmarshal([]byte(text), &in); err != nil {
		return err
	}
	s.Lock = sim.Hold{Reason: in.Reason, Actor: in.Actor, Since: moment(in.Since)}
	return nil
}

func identityRow(s *sim.SIM, portfolio int64) []any {
	return []any{s.ID, string(s.ICCID), portfolio, string(s.EID), number(s), string(s.IMSI), string(s.MSISDN), string(s.IMEI), s.Value(sim.ByIP),
		s.APN, s.Name, fold(s.Name), s.Group, s.Device, s.Type, s.Form, s.MNO, s.Spec, s.Part, s.RSP, micros(s.CreatedAt)}
}

// number is what is stored of a SIM's number; empty where that is its ICCID.
func number(s *sim.SIM) string {
	if s.Number == string(s.ICCID) {
		return ""
	}
	return s.Number
}

// identityOf packs what a SIM is, without its ids and its portfolio, in the order in
// which simScan reads it.
func identityOf(s *sim.SIM) string {
	b := make([]byte, 0, 192)
	for _, text := range [...]string{string(s.EID), number(s), string(s.IMSI), string(s.MSISDN), string(s.IMEI), s.Value(sim.ByIP), s.APN, s.Name, s.Group,
		s.Device, s.Type, s.Form} {
		b = append(append(b, text...), separator...)
	}
	for _, n := range [...]int64{s.MNO, s.Spec, s.Part, s.RSP, micros(s.CreatedAt)} {
		b = append(strconv.AppendInt(b, n, 10), separator...)
	}
	return string(b[:len(b)-len(separator)])
}

var stateTable = &table{name: "sim_state", defaults: true, columns: cols(`sim_id, iccid text, portfolio_no, package_id, network text, status, flags,
	wanted, settled, generation, observed, since, by_actor text, holds text, failure text, failed_at, ever, activated_at, terminated_at,
	contract_start, contract_end, modified_at, version, data_limit, locked text, imei_lock text, identity text, imsi text`), where: "sim_state.sim_id = :sim_id AND sim_state.version = :version - 1"}

func stateRow(s *sim.SIM, portfolio int64) []any {
	wanted := s.Wanted
	wanted.Suspended = 0 // in flags
	return []any{s.ID, string(s.ICCID), portfolio, s.Package, s.Network, int64(s.Status()), packFlags(s.Wanted.Suspended, s.Barred),
		pack(wanted), pack(s.Settled), s.Generation, s.Observed, micros(s.Since), s.By, hold(s), s.Failure, micros(s.FailedAt),
		flag(s.EverActive) | flag(s.EverLive)<<1, micros(s.ActivatedAt), micros(s.TerminatedAt), micros(s.ContractStart), micros(s.ContractEnd),
		micros(s.ModifiedAt), s.Version, s.DataLimit, lockText(s), string(s.IMEILock), identityOf(s), string(s.IMSI)}
}
