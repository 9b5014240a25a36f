package simulated

import (
	"context"
	"database/sql"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
)

// takes reports whether c wants a number that its subscriber does not have.
func (c *change) takes() bool { return c.gets.msisdn != "" && c.gets.msisdn != c.has.msisdn }

// leaves reports whether c gives up a number.
func (c *change) leaves() bool { return c.has.msisdn != "" && c.gets.msisdn != c.has.msisdn }

// settleNumbers fails the changes whose number is not to be had.
func (n *Network) settleNumbers(ctx context.Context, tx *sql.Tx, changes []change) error {
	takers := firstTakers(changes)
	if len(takers) == 0 {
		return nil
	}
	holder, err := n.holdersOf(ctx, tx, takers)
	if err != nil || len(holder) == 0 {
		return err
	}
	by := make(map[ident.IMSI]*change, len(changes))
	for i := range changes {
		by[changes[i].imsi] = &changes[i]
	}
	settle(takers, holder, by)
	return nil
}

// firstTakers returns the live changes that take a number, and refuses those
// that want one that a change before them takes.
func firstTakers(changes []change) []*change {
	var takers []*change
	taken := map[ident.MSISDN]bool{}
	for i := range changes {
		c := &changes[i]
		switch {
		case !c.live() || !c.takes():
		case taken[c.gets.msisdn]:
			c.result = numberTaken(c.gets.msisdn)
		default:
			taken[c.gets.msisdn] = true
			takers = append(takers, c)
		}
	}
	return takers
}

func (n *Network) holdersOf(ctx context.Context, tx *sql.Tx, takers []*change) (map[ident.MSISDN]ident.IMSI, error) {
	numbers := make([]ident.MSISDN, len(takers))
	for i, c := range takers {
		numbers[i] = c.gets.msisdn
	}
	asked, err := array(numbers)
	if err != nil {
		return nil, err
	}
	rows, err := tx.StmtContext(ctx, n.holders).QueryContext(ctx, asked)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	holder := map[ident.MSISDN]ident.IMSI{}
	for rows.Next() {
		var number ident.MSISDN
		var imsi ident.IMSI
		if err := rows.Scan(&number, &imsi); err != nil {
			return nil, err
		}
		holder[number] = imsi
	}
	return holder, rows.Err()
}

// settle fails the takers whose number stays with its holder. One that fails
// keeps its own number, which may fail the next; hence until nothing moves.
func settle(takers []*change, holder map[ident.MSISDN]ident.IMSI, by map[ident.IMSI]*change) {
	for moved := true; moved; {
		moved = false
		for _, c := range takers {
			imsi, held := holder[c.gets.msisdn]
			if !held || !c.live() {
				continue
			}
			if h := by[imsi]; h == nil || !h.live() || !h.leaves() {
				c.result = stays(c.gets.msisdn, h)
				moved = true
			}
		}
	}
}

// stays says why a number is not to be had from h, which is nil for a
// subscriber outside the batch: it is worth another try only if h was to give
// it up and may yet.
func stays(number ident.MSISDN, h *change) error {
	if h != nil && h.leaves() && network.Refused(h.result) == nil {
		return fault.New(fault.Unavailable, "network.number_in_use", "the number %s is not free yet", number)
	}
	return numberTaken(number)
}

// numberTaken does not say by whom: that may be another owner's SIM.
func numberTaken(number ident.MSISDN) error {
	return &network.Refusal{Why: "the number " + string(number) + " belongs to another subscriber"}
}

// handedOver returns who must let go of a number before its taker is written.
func handedOver(changes []change) []ident.IMSI {
	taken := map[ident.MSISDN]bool{}
	for i := range changes {
		if c := &changes[i]; c.live() && c.takes() {
			taken[c.gets.msisdn] = true
		}
	}
	if len(taken) == 0 {
		return nil
	}
	var out []ident.IMSI
	for i := range changes {
		if c := &changes[i]; c.live() && c.leaves() && taken[c.has.msisdn] {
			out = append(out, c.imsi)
		}
	}
	return out
}
