package simulated

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// Apply makes each profile so. A batch is one transaction, so a context that
// ends before it is committed leaves the network as it was.
//
// No two subscribers have the same number: a profile that wants one that is
// taken is refused, unless its holder gives it up in the same batch, wherever
// in the batch that stands.
func (n *Network) Apply(ctx context.Context, wanted []sim.Profile) []network.Result {
	results := make([]network.Result, len(wanted))
	if len(wanted) == 0 {
		return results
	}
	if err := n.apply(ctx, wanted, results); err != nil {
		for i := range results {
			results[i] = err
		}
	}
	return results
}

func (n *Network) apply(ctx context.Context, wanted []sim.Profile, results []network.Result) error {
	rules, err := n.admit(ctx)
	if err != nil {
		return err
	}
	tx, err := n.write.BeginTx(ctx, nil)
	if err != nil {
		return unusable(ctx, err)
	}
	defer func() { _ = tx.Rollback() }()
	for len(wanted) > 0 {
		k := distinct(wanted)
		if err := n.applyDistinct(ctx, tx, rules, wanted[:k], results[:k]); err != nil {
			return unusable(ctx, err)
		}
		wanted, results = wanted[k:], results[k:]
	}
	if err := tx.Commit(); err != nil {
		return unusable(ctx, err)
	}
	return nil
}

// distinct returns how many profiles at the front concern different
// subscribers: one that comes twice is changed twice, in order.
func distinct(wanted []sim.Profile) int {
	seen := make(map[ident.IMSI]bool, len(wanted))
	for i := range wanted {
		if seen[wanted[i].IMSI] {
			return i
		}
		seen[wanted[i].IMSI] = true
	}
	return len(wanted)
}

// change is what one profile does to its subscriber.
type change struct {
	imsi      ident.IMSI
	has, gets subscriber
	does      deeds
	result    network.Result
	lost      bool // its answer will be
}

// live reports whether c will be written.
func (c *change) live() bool { return c.does != 0 && c.result == nil }

func (n *Network) applyDistinct(ctx context.Context, tx *sql.Tx, r *rules, wanted []sim.Profile, results []network.Result) error {
	ids := make([]ident.IMSI, len(wanted))
	for i := range wanted {
		ids[i] = wanted[i].IMSI
	}
	known, err := load(ctx, tx.StmtContext(ctx, n.load), ids)
	if err != nil {
		return err
	}
	changes := make([]change, len(wanted))
	for i := range wanted {
		changes[i] = n.judge(r, &wanted[i], known[wanted[i].IMSI])
	}
	if err := n.settleNumbers(ctx, tx, changes); err != nil {
		return err
	}
	if err := n.put(ctx, tx, changes); err != nil {
		return err
	}
	for i := range changes {
		results[i] = changes[i].result
		if changes[i].lost && results[i] == nil {
			results[i] = unreachable(nil)
		}
	}
	return nil
}

// judge says what p does to a subscriber that the network has as it says,
// were it alone on the network.
func (n *Network) judge(r *rules, p *sim.Profile, has subscriber) change {
	c := change{imsi: p.IMSI, has: has, gets: n.after(p, &has)}
	c.does = compare(&c.has, &c.gets)
	failed := r.FailureRate > 0 && n.random() < r.FailureRate
	c.lost = r.LostAnswers > 0 && n.random() < r.LostAnswers
	switch {
	case failed:
		c.result = unreachable(nil)
	case c.does == 0:
	case p.IMSI == "":
		c.result = &network.Refusal{Why: "the SIM has no IMSI"}
	case r.refuses(p.IMSI):
		c.result = &network.Refusal{Why: "subscriber " + string(p.IMSI) + " is not accepted"}
	default:
		c.gets.history = record(has.history, n.now(), p, c.does)
	}
	return c
}

// after returns the subscriber that p asks for, given what is there: keys that
// a profile does not bring stay as they are.
func (n *Network) after(p *sim.Profile, has *subscriber) subscriber {
	if !p.Present {
		return subscriber{history: has.history}
	}
	s := subscriber{present: true, msisdn: p.MSISDN, apn: p.APN, barred: p.Barred, keys: has.keys, history: has.history}
	if p.IP.IsValid() {
		s.ip = p.IP.String()
	}
	if !p.K.IsZero() || !p.OPc.IsZero() {
		s.keys = n.fingerprint(p.K, p.OPc)
	}
	return s
}

// fingerprint tells whether keys are the same, and no more: both are 128
// random bits, and the salt is the file's own.
func (n *Network) fingerprint(k, opc ident.Key) string {
	var b [64]byte
	copy(b[:32], n.salt)
	copy(b[32:48], k[:])
	copy(b[48:], opc[:])
	sum := sha256.Sum256(b[:])
	return hex.EncodeToString(sum[:8])
}

// put writes what is live. Numbers that change hands are let go first, as the
// index on them is checked row by row.
func (n *Network) put(ctx context.Context, tx *sql.Tx, changes []change) error {
	for _, imsi := range handedOver(changes) {
		if _, err := tx.StmtContext(ctx, n.release).ExecContext(ctx, string(imsi)); err != nil {
			return err
		}
	}
	var number, rest []any
	for i := range changes {
		switch c := &changes[i]; {
		case !c.live():
		case c.takes() || c.leaves():
			number = c.gets.values(number, c.imsi)
		default:
			rest = c.gets.values(rest, c.imsi)
		}
	}
	if err := n.saveNumber.write(ctx, tx, number); err != nil {
		return err
	}
	return n.saveRest.write(ctx, tx, rest)
}
