// Package network is the door to real networks: a declarative driver that is
// handed what each SIM should have, and makes it so.
//
// It knows profiles, not commands: no lifecycle, no tenants, no store.
package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// Driver makes one network match what is wanted, and reads it back. It is safe
// for concurrent use; no two calls at a time concern the same SIM.
type Driver interface {
	// Apply makes each profile so and returns one result per profile, in
	// order. It is idempotent: applying what is already there succeeds, and so
	// does removing what is not. It honours ctx and returns by its deadline;
	// what was not done by then gets an error that is not a Refusal.
	Apply(ctx context.Context, wanted []sim.Profile) []Result

	// Observe reads back what the network has of these subscribers, in the
	// order asked, one Actual each; one that the network does not know has
	// Present false.
	Observe(ctx context.Context, ids []ident.IMSI) ([]Actual, error)

	// Abilities tells what the driver can do with its network. It asks nobody.
	Abilities() Abilities

	// Inspect asks the network who it is, and how it is set up. An error says
	// that it does not answer, or does not let the driver in.
	Inspect(ctx context.Context) (Report, error)

	// Close releases what the driver holds.
	Close() error
}

// Lister is a driver that can also tell whom the network knows, so that
// subscribers nobody asked for are found.
type Lister interface {
	// List returns up to limit subscribers after the given IMSI, in ascending
	// order; fewer means that there are no more.
	List(ctx context.Context, after ident.IMSI, limit int) ([]Actual, error)
}

// Result is the network's answer to one profile: nil when it has it, a
// [Refusal] when it will never take it, any other error when trying again may
// help.
type Result error

// Actual is what a network has of one subscriber. What a network cannot tell
// is left out by Known.
type Actual struct {
	IMSI    ident.IMSI
	Present bool
	MSISDN  ident.MSISDN
	APN     string
	IP      netip.Addr
	Barred  sim.Services

	Known Fields // which of the fields above this network can read back
}

// Fields is a set of the fields of a profile.
type Fields uint8

// The fields. Presence is always known.
const (
	FieldMSISDN Fields = 1 << iota
	FieldAPN
	FieldIP
	FieldBarred
)

// Drift lists how a differs from what is wanted, as "field: has, wants"
// triples; empty when they agree. Keys cannot be read back anywhere and are
// not compared.
func (a *Actual) Drift(wanted *sim.Profile) []Difference {
	var out []Difference
	add := func(field, has, wants string) {
		if has != wants {
			out = append(out, Difference{Field: field, Has: has, Wants: wants})
		}
	}
	add("present", fmt.Sprint(a.Present), fmt.Sprint(wanted.Present))
	if len(out) > 0 || !wanted.Present {
		return out
	}
	if a.Known&FieldMSISDN != 0 {
		add("msisdn", string(a.MSISDN), string(wanted.MSISDN))
	}
	if a.Known&FieldAPN != 0 && wanted.APN != "" {
		add("apn", a.APN, wanted.APN)
	}
	if a.Known&FieldIP != 0 && wanted.IP.IsValid() {
		add("ip", a.IP.String(), wanted.IP.String())
	}
	if a.Known&FieldBarred != 0 {
		add("barred", a.Barred.String(), wanted.Barred.String())
	}
	return out
}

// Difference is one field in which the network differs from what is wanted.
type Difference struct{ Field, Has, Wants string }

// Refusal is a network's final no: trying again cannot help. Why is shown to
// the SIM's owner, so it holds no secret and no address.
type Refusal struct{ Why string }

// Error says why.
func (r *Refusal) Error() string { return "refused by the network: " + r.Why }

// Refused returns the refusal in err's chain, or nil.
func Refused(err error) *Refusal {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r
	}
	return nil
}
