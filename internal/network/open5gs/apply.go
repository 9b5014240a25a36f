package open5gs

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// Apply makes each profile so, a step of all of them at a time.
//
// The core does not keep numbers apart: two subscribers may have the same one,
// and a number that moves needs no order.
func (o *Core) Apply(ctx context.Context, wanted []sim.Profile) []network.Result {
	results := make([]network.Result, 0, len(wanted))
	for len(wanted) > 0 {
		k := distinct(wanted)
		changes := o.applyDistinct(ctx, wanted[:k])
		o.overtaken(ctx, changes)
		for _, c := range changes {
			results = append(results, c.err)
		}
		wanted = wanted[k:]
	}
	return results
}

// overtaken looks once more at those whose document has come meanwhile: by the
// database, which goes on with a write whose caller has left, or by a console.
func (o *Core) overtaken(ctx context.Context, changes []*change) {
	var wanted []sim.Profile
	var of []int
	for i, c := range changes {
		if errors.Is(c.err, errDuplicate) {
			wanted, of = append(wanted, *c.wanted), append(of, i)
		}
	}
	if len(wanted) == 0 {
		return
	}
	for i, again := range o.applyDistinct(ctx, wanted) {
		changes[of[i]] = again
	}
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

func (o *Core) applyDistinct(ctx context.Context, wanted []sim.Profile) []*change {
	changes := make([]*change, len(wanted))
	for i := range wanted {
		changes[i] = &change{wanted: &wanted[i]}
	}
	if err := o.look(ctx, changes); err != nil {
		for _, c := range changes {
			c.fail(err)
		}
		return changes
	}
	for _, c := range changes {
		if c.live() {
			c.plan(&o.config)
		}
	}
	o.recut(ctx, changes)
	o.write(ctx, changes)
	o.prove(ctx, changes)
	o.takeAway(ctx, changes)
	return changes
}

// look reads what is there, and brings back whom the core is to know again.
func (o *Core) look(ctx context.Context, changes []*change) error {
	ids := make([]ident.IMSI, 0, len(changes))
	for _, c := range changes {
		ids = append(ids, c.wanted.IMSI)
	}
	have, err := o.find(ctx, ids)
	if err != nil {
		return err
	}
	if o.pushes.Load() == pushesUnknown {
		_, _ = o.heard(ctx) // for its warning; who needs to know asks again
	}
	var missing []*change
	for _, c := range changes {
		c.has = have[c.wanted.IMSI]
		if c.has != nil && c.has.broken != nil {
			c.fail(c.has.broken)
		} else if c.has == nil && c.wanted.Present {
			missing = append(missing, c)
		}
	}
	return o.bringBack(ctx, missing)
}

// bringBack puts the documents that lie aside back in their place, as they
// were: barred, with their keys and their count.
func (o *Core) bringBack(ctx context.Context, missing []*change) error {
	if len(missing) == 0 {
		return nil
	}
	of := map[ident.IMSI]*change{}
	ids := make([]ident.IMSI, 0, len(missing))
	for _, c := range missing {
		of[c.wanted.IMSI] = c
		ids = append(ids, c.wanted.IMSI)
	}
	docs, err := o.store.aside(ctx, ids)
	if err != nil || len(docs) == 0 {
		return err
	}
	var writes []write
	var back []*change
	for _, d := range docs {
		s := decode(d)
		c := of[s.IMSI]
		c.has = s
		writes, back = append(writes, write{insert: d}), append(back, c)
	}
	var done []ident.IMSI
	for i, err := range o.store.write(ctx, writes) {
		if err != nil {
			back[i].fail(err)
			continue
		}
		done = append(done, back[i].wanted.IMSI)
	}
	return o.store.forget(ctx, done)
}

// write makes the changes, each in one write. The request to cancel a location
// is a change only where the field said otherwise before, so it is taken back
// as soon as it has been made, and before, where that was not come to.
func (o *Core) write(ctx context.Context, changes []*change) {
	reset := func(which func(*change) bool) {
		o.each(ctx, changes, func(c *change) *write {
			if c.has == nil || c.insert != nil || !which(c) {
				return nil
			}
			return &write{id: c.has.ID, set: bson.D{{Key: fieldCancel, Value: false}}}
		})
	}
	reset(func(c *change) bool { return c.has.Cancel })
	o.each(ctx, changes, func(c *change) *write {
		if c.insert != nil {
			return &write{insert: c.insert}
		}
		if len(c.set)+len(c.unset) == 0 {
			return nil
		}
		return &write{id: c.has.ID, set: c.set, unset: c.unset}
	})
	reset(func(c *change) bool { return c.cut })
}

// each makes the write of each live change that has one.
func (o *Core) each(ctx context.Context, changes []*change, what func(*change) *write) {
	var writes []write
	var of []*change
	for _, c := range changes {
		if !c.live() {
			continue
		}
		if w := what(c); w != nil {
			writes, of = append(writes, *w), append(of, c)
		}
	}
	if len(writes) == 0 {
		return
	}
	for i, err := range o.store.write(ctx, writes) {
		if err != nil {
			of[i].fail(err)
		}
	}
}

// takeAway removes the documents of those whom the core is not to know.
func (o *Core) takeAway(ctx context.Context, changes []*change) {
	var going []*change
	wait := false
	for _, c := range changes {
		if c.live() && c.remove {
			going = append(going, c)
			wait = wait || c.cut && c.has.attached()
		}
	}
	if len(going) == 0 {
		return
	}
	if err := o.settle(ctx, wait); err != nil {
		for _, c := range going {
			c.fail(err)
		}
		return
	}
	o.putAside(ctx, going)
	for _, c := range going {
		if c.live() {
			c.fail(o.takeOne(ctx, c))
		}
	}
}

// settle waits until the HSS has seen the cuts: it reads a document once more
// as it hears of its change, and of one that is gone by then it cancels
// nothing.
func (o *Core) settle(ctx context.Context, wait bool) error {
	if !wait {
		return nil
	}
	if heard, err := o.heard(ctx); err != nil || !heard {
		return err
	}
	timer := time.NewTimer(o.config.settle)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return unreachable(ctx.Err())
	}
}

// ahead is how far the count of a document that is put aside runs before the
// one it was read with, until it is replaced by the last state: nothing that
// was handed to a card meanwhile comes a second time, whatever happens in
// between. It is 1,024 vectors; cards accept jumps of 2^28.
const ahead = 32 << 10

// putAside keeps the documents of those who go, before they do.
func (o *Core) putAside(ctx context.Context, going []*change) {
	ids := make([]ident.IMSI, 0, len(going))
	of := map[ident.IMSI]*change{}
	for _, c := range going {
		if c.has.present() {
			ids = append(ids, c.wanted.IMSI)
			of[c.wanted.IMSI] = c
		}
	}
	if len(ids) == 0 {
		return
	}
	docs, err := o.store.find(ctx, ids)
	if err == nil {
		for i := range docs {
			docs[i] = countAhead(docs[i])
		}
		err = o.store.putAside(ctx, docs)
	}
	for _, c := range of {
		if err != nil {
			c.fail(err)
		}
	}
}

// takeOne removes a document and keeps its last state.
func (o *Core) takeOne(ctx context.Context, c *change) error {
	last, err := o.store.take(ctx, c.has.ID)
	if err != nil || last == nil || !c.has.present() {
		return err
	}
	return o.store.putAside(ctx, []bson.Raw{last})
}

// countAhead returns the document with its sequence number moved on. One that
// cannot be read so is returned as it is.
func countAhead(doc bson.Raw) bson.Raw {
	const mask = 1<<48 - 1
	var d bson.D
	if err := bson.Unmarshal(doc, &d); err != nil {
		return doc
	}
	security, _ := get(d, "security").(bson.D)
	sqn, ok := get(security, "sqn").(int64)
	if !ok {
		return doc
	}
	out, err := bson.Marshal(with(d, "security", with(security, "sqn", (sqn+ahead)&mask)))
	if err != nil {
		return doc
	}
	return out
}

// sessionOpen is what a caller hears of a subscriber that is barred and still
// connected.
func sessionOpen() error {
	return fault.New(fault.Unavailable, "network.session_open", "the network has barred the SIM, but a session that was open is not closed yet")
}
