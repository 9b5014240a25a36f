package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// population is a world full of SIMs that have lived, and its model.
type population struct {
	*world
	*model
	rng    *rand.Rand
	iccids []ident.ICCID
	known  map[ident.ICCID]bool
}

// What SIMs are labelled with: all that a search, a pattern or a collation
// could trip over.
var (
	someNames = []string{"", "Alpha", "alpha", "ALPHA 2", "Älpha", "älpha", "50%_off", "50x_off", `a\b`, `quo"te`, "x' OR 1=1", "Ωmega", "ωMEGA",
		"名前 12", "名前", "a*b", "AND", "NEAR(a b)", "a", "Zz", "pump 7", "PUMP 77", "Straße", "İzmir", "ſharp", "{a}:", "-", "😀 8944"}
	someGroups = []string{"", "", "g", "G", "gé", `g"x`, "g%"}
	somePINs   = []string{"0000", "1234", "9999"}
)

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// populate inserts n SIMs and lets them live: commands and answers by the
// lifecycle's table, labels, and moves between portfolios.
func populate(w *world, n int) *population {
	w.t.Helper()
	seed := uint64(time.Now().UnixNano())
	w.t.Logf("population from seed %d", seed)
	p := &population{world: w, model: newModel(w.portfolios()), rng: rand.New(rand.NewPCG(seed, 1)), known: map[ident.ICCID]bool{}}
	for len(p.iccids) < n {
		p.bear(pick(p.rng, w.portfolios()), 1+p.rng.IntN(20))
	}
	for range n / 5 {
		p.live(1 + p.rng.IntN(40))
	}
	w.check()
	return p
}

// bear inserts n SIMs in one portfolio.
func (p *population) bear(in tenant.Portfolio, n int) {
	p.t.Helper()
	batch := make([]sim.NewSIM, n)
	for i := range batch {
		for batch[i] = p.newborn(); p.known[batch[i].SIM.ICCID]; batch[i] = p.newborn() {
		}
		p.known[batch[i].SIM.ICCID] = true
	}
	p.iccids = append(p.iccids, p.insert(in, batch)...)
	for _, s := range batch {
		stored := *s.SIM
		p.model.sims[s.SIM.ICCID], p.tags[s.SIM.ICCID] = &stored, s.Tags
	}
}

// newborn has an ICCID that shares a prefix of some length with others.
func (p *population) newborn() sim.NewSIM {
	p.made++
	r := p.rng
	number := fmt.Sprintf("%s%0*d", pick(r, []string{"8944", "8944538", "894453859900", "89860"}), 6+r.IntN(3), p.made*pick(r, []int{1, 97, 7919}))
	number += "0000000000"[:max(0, 14-len(number))]
	s := &sim.SIM{ICCID: ident.ICCID(number), Type: "UICC", Form: "4FF", CreatedAt: noon, ModifiedAt: noon,
		Lifecycle: sim.New(noon, "user:tester"), Name: pick(r, someNames), Group: pick(r, someGroups), Device: pick(r, []string{"", "tracker"}),
		MNO: r.Int64N(3), Spec: r.Int64N(3), Part: r.Int64N(4), RSP: r.Int64N(2), Package: pick(r, p.packages).ID, Network: pick(r, []string{"", "lab"}),
		IMEI: pick(r, []ident.IMEI{"", "490154203237518", "4901542032375186", "350000000000017"}),
		EID:  pick(r, []ident.EID{"", "89049032000000000000000000000017"}), APN: pick(r, []string{"", "iot"})}
	s.Number = pick(r, []string{string(s.ICCID), string(s.ICCID), "N-1", "N-2"})
	if r.IntN(4) > 0 {
		s.IMSI = ident.IMSI(fmt.Sprintf("23415%010d", p.made*13))
	}
	if r.IntN(3) > 0 {
		s.MSISDN = ident.MSISDN(fmt.Sprintf("44%08d", p.made*17))
	}
	switch r.IntN(4) {
	case 0:
		s.IP = netip.AddrFrom4([4]byte{10, 0, byte(r.IntN(3)), byte(r.IntN(30))})
	case 1:
		s.IP = netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", r.IntN(40)))
	}
	n := sim.NewSIM{SIM: s}
	for _, code := range []string{"pin1", "puk1", "pin2"}[:r.IntN(4)] {
		n.Tags = append(n.Tags, tag(code, pick(r, somePINs)))
	}
	return n
}

func tag(code, value string) sim.Tag {
	return sim.Tag{Code: code, Hash: []byte("tag of " + value + code + "!")[7:]}
}

// live changes n SIMs in one transaction.
func (p *population) live(n int) {
	p.t.Helper()
	var chosen []ident.ICCID
	for _, i := range p.rng.Perm(len(p.iccids))[:min(n, len(p.iccids))] {
		chosen = append(chosen, p.iccids[i])
	}
	seed := p.rng.Uint64()
	changed := map[ident.ICCID]*sim.SIM{}
	p.write(func(ctx context.Context, tx *store.Tx) error {
		r := rand.New(rand.NewPCG(seed, 2)) // a transaction may be run again
		clear(changed)
		before, err := tx.Lock(ctx, tenant.Everything(), chosen)
		if err != nil {
			return err
		}
		var changes []sim.Change
		for i := range before {
			if after, ok := p.step(r, &before[i]); ok {
				changes = append(changes, sim.Change{Before: &before[i], After: after})
				changed[after.ICCID] = after
			}
		}
		return tx.Save(ctx, changes)
	})
	for iccid, s := range changed {
		p.model.sims[iccid] = s
	}
}

// step is what one SIM does next.
func (p *population) step(r *rand.Rand, before *sim.SIM) (*sim.SIM, bool) {
	after := *before
	at := noon.Add(time.Duration(r.IntN(4))*time.Hour + time.Duration(r.IntN(3))*time.Microsecond)
	switch r.IntN(6) {
	case 0:
		after.Name, after.Group = pick(r, someNames), pick(r, someGroups)
	case 1:
		after.Portfolio, after.Package = pick(r, p.portfolios()).ID, pick(r, p.packages).ID
	case 2:
		after.Barred = sim.Services(r.IntN(8))
		after.IP = netip.AddrFrom4([4]byte{10, 1, 0, byte(r.IntN(9))})
	default:
		c := sim.Command{Verb: pick(r, sim.Verbs()), Actor: "user:tester", Reason: pick(r, []string{"", "unpaid, \"really\""}), At: at,
			ManualActivation: r.IntN(4) == 0, ManualReview: r.IntN(4) == 0, Generation: before.Generation, Shown: before.Wanted}
		if before.Pending() && r.IntN(3) > 0 {
			c.Verb = sim.Agreed
		}
		d, err := sim.Decide(before.Lifecycle, c)
		if err != nil || !d.Changed {
			return nil, false
		}
		after.Lifecycle = d.Next
	}
	after.ModifiedAt = at
	return &after, true
}
