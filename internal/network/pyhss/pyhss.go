// Package pyhss drives a PyHSS 2.0, a subscriber server for 2G to 4G, through
// its REST interface.
//
// PyHSS answers every failure that it has no name for with "OK" and null, and
// what it has a name for with the statement that failed, keys and all. So
// nothing counts as missing unless the server can be seen to read, and none of
// its texts is passed on.
//
// A cut is two steps, in this order: what the device may do is taken away, and
// then its serving node is told to let go of it, with a cancellation of type 2.
// The one that PyHSS sends by itself is of type 1, which a node takes for a
// device that has moved on, so that the device itself hears nothing. PyHSS
// queues a cancellation and does not say what became of it. It can cancel
// nothing in 2G and 3G.
//
// PyHSS keeps keys and sequence numbers apart from subscribers. They stay when
// a subscriber goes: who comes back goes on where they were. It lets two
// subscribers have the same number, so that one that moves needs no order.
//
// It knows profiles and nothing of what they are for.
package pyhss

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
)

// HSS is one PyHSS. It implements [network.Driver] and [network.Lister].
type HSS struct {
	config Config
	api    *api
	log    *slog.Logger
	roll   roll

	making chan struct{} // held by who makes access points

	tried atomic.Pointer[trial] // the last one
}

var (
	_ network.Driver = (*HSS)(nil)
	_ network.Lister = (*HSS)(nil)
)

// Open returns the driver of the PyHSS that config describes; it does not
// connect yet. secret is its Provisioning-Key, where it is locked. A config
// that is wrong gives an Invalid fault, see [Check].
func Open(_ context.Context, config json.RawMessage, secret []byte, log *slog.Logger) (network.Driver, error) {
	c, err := parse(config)
	if err != nil {
		return nil, err
	}
	if err := checkSecret(secret); err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &HSS{config: c, api: newAPI(&c, string(secret)), log: log, making: make(chan struct{}, 1)}, nil
}

// Close releases the connections.
func (h *HSS) Close() error {
	h.api.client.CloseIdleConnections()
	h.roll.drop()
	return nil
}

// points reads the access points. That they can be read is also what tells a
// PyHSS that has lost its database from one that knows nobody: there is an
// answer even where there is none of them.
func (h *HSS) points(ctx context.Context) (points, error) {
	var out points
	if err := h.api.get(ctx, &out, "apn", "list?page=0&page_size=0"); err != nil {
		return nil, asFault(err)
	}
	return out, nil
}

// asFault turns a missing thing that cannot be missing into what a caller
// hears.
func asFault(err error) error {
	if errors.Is(err, errMissing) {
		return failed(errors.New("PyHSS cannot read its database"))
	}
	return err
}

// find returns the subscriber, or nil.
func (h *HSS) find(ctx context.Context, imsi ident.IMSI) (*subscriber, error) {
	var s subscriber
	err := h.api.get(ctx, &s, "subscriber", "imsi", string(imsi))
	if errors.Is(err, errMissing) {
		return nil, nil
	}
	return &s, err
}

// Observe reads the subscribers back, in the order asked.
func (h *HSS) Observe(ctx context.Context, ids []ident.IMSI) ([]network.Actual, error) {
	have := make([]*subscriber, len(ids))
	errs := h.each(ctx, len(ids), func(i int) (err error) {
		have[i], err = h.find(ctx, ids[i])
		return err
	})
	if err := firstOf(errs); err != nil {
		return nil, err
	}
	all, err := h.points(ctx) // after them: see there
	if err != nil {
		return nil, err
	}
	out := make([]network.Actual, len(ids))
	errs = h.each(ctx, len(ids), func(i int) error {
		s := have[i]
		if s == nil {
			out[i] = network.Actual{IMSI: ids[i]}
			return nil
		}
		apn, _ := s.access(all, &h.config)
		r, err := h.route(ctx, s.ID, apn)
		ip, _ := netip.ParseAddr(r.IP)
		out[i] = s.actual(all, &h.config, ip)
		return err
	})
	return out, firstOf(errs)
}

func firstOf(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// each calls do for 0 to n-1, several at a time, and returns what it says to
// each. When PyHSS does not answer one, the rest is not tried.
func (h *HSS) each(ctx context.Context, n int, do func(i int) error) []error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	errs := make([]error, n)
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(n, h.config.Parallel) {
		workers.Go(func() {
			for i := range next {
				if errs[i] = do(i); fault.CodeOf(errs[i]) == codeUnreachable {
					cancel(errs[i])
				}
			}
		})
	}
	tried := 0
	for ; tried < n && ctx.Err() == nil; tried++ {
		next <- tried
	}
	close(next)
	workers.Wait()
	for i := tried; i < n; i++ {
		errs[i] = unreachable(context.Cause(ctx))
	}
	return errs
}
