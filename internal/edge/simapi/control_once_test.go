package simapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// slow is a network that says when it is asked, and answers when it is let.
type slow struct {
	asked chan struct{}
	let   chan error
	times atomic.Int64
	under atomic.Pointer[context.Context] // of the newest control
}

func newSlow() *slow { return &slow{asked: make(chan struct{}, 100), let: make(chan error, 100)} }

func (*slow) Can(context.Context, string, sim.Control) error { return nil }

func (s *slow) Control(ctx context.Context, _ string, _ sim.Profile, _ sim.Control, _ json.RawMessage) error {
	s.times.Add(1)
	s.under.Store(&ctx)
	s.asked <- struct{}{}
	select {
	case err := <-s.let:
		return err
	case <-ctx.Done():
		return fault.New(fault.Unavailable, fleet.NoAnswer, "the network does not answer")
	}
}

func (w *world) ping(key string) answer {
	w.t.Helper()
	return w.keyed(engineer, key, http.MethodPut, "/sim/<live>/pingRequest", `{"count":3}`)
}

// A network is asked while no transaction is open: others write meanwhile. Who
// comes with the same key is told that it is under way, and then the answer.
func TestAControlIsNoPartOfATransaction(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		n, none := newSlow(), error(nil)
		w.rewire(fleet.Options{Controls: n}, &none)
		first := make(chan answer, 1)
		go func() { first <- w.ping("k") }()
		<-n.asked
		w.call(engineer, http.MethodPatch, "/sim/<live2>", `{"customerSuspend":"yes"}`).has(t, `{"customerSuspend":"yes"}`)
		again := w.ping("k")
		again.fails(t, 503, 6004)
		if !strings.Contains(again.body, "under way") || again.header.Get("Retry-After") != "1" {
			t.Error(again.body, again.header)
		}
		w.keyed(engineer, "k", http.MethodPut, "/sim/<live>/pingRequest", `{"count":4}`).fails(t, 400, 6014)
		w.keyed(engineer, "k", http.MethodPatch, "/sim/<live3>", `{"customerSuspend":"yes"}`).fails(t, 400, 6014)
		n.let <- nil
		done := <-first
		done.has(t, `{"status":"queued"}`)
		if got := w.ping("k"); got.body != done.body || got.status != done.status {
			t.Errorf("first %s, then %s", done.body, got.body)
		}
		if n.times.Load() != 1 {
			t.Errorf("the network was asked %d times", n.times.Load())
		}
	})
}

// Many at once with one key are one request; those with keys of their own are
// not.
func TestControlsAtOnce(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		n, none := newSlow(), error(nil)
		w.rewire(fleet.Options{Controls: n}, &none)
		for range 100 {
			n.let <- nil
		}
		var wg sync.WaitGroup
		answers := make([]answer, 8)
		for i := range answers {
			wg.Go(func() {
				for answers[i] = w.ping("one"); answers[i].status == http.StatusServiceUnavailable; {
					answers[i] = w.ping("one")
				}
			})
		}
		wg.Wait()
		for _, a := range answers {
			if a.status != http.StatusOK || a.body != answers[0].body {
				t.Errorf("%d %s", a.status, a.body)
			}
		}
		if n.times.Load() != 1 {
			t.Errorf("the network was asked %d times", n.times.Load())
		}
		w.ping("another").has(t, `{"status":"queued"}`)
		w.call(engineer, http.MethodPut, "/sim/<live>/pingRequest", "").has(t, `{}`)
		if n.times.Load() != 3 {
			t.Errorf("the network was asked %d times", n.times.Load())
		}
	})
}

// A server that ends in the middle leaves a key that says that nobody knows.
func TestAControlThatNobodyEnded(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		n, none := newSlow(), error(nil)
		w.rewire(fleet.Options{Controls: n}, &none)
		gone := w.edge
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			r := w.request(engineer, http.MethodPut, "/sim/<live>/pingRequest", `{"count":3}`)
			r.Header.Set("Idempotency-Key", "k")
			defer func() { _ = recover() }()
			gone.ServeHTTP(deaf{}, r)
		}()
		<-n.asked
		// Another process on the same database, which knows nothing of the first.
		m := newSlow()
		w.rewire(fleet.Options{Controls: m}, &none)
		w.ping("k").fails(t, 503, 6004)
		w.clock.Pass(fleet.HoldLife)
		for range 2 {
			a := w.ping("k")
			a.fails(t, 400, 6046)
			if !strings.Contains(a.body, "was begun at 2026-03-04T12:00:00Z") || !strings.Contains(a.body, "whether it was done is not known") {
				t.Error(a.body)
			}
		}
		m.let <- nil
		w.ping("new").has(t, `{"status":"queued"}`)
		if m.times.Load() != 1 {
			t.Errorf("the network was asked %d times", m.times.Load())
		}
		// Should the first come back after all, its answer is the key's.
		n.let <- nil
		<-ended
		w.ping("k").has(t, `{"status":"queued"}`)
		if n.times.Load() != 1 || m.times.Load() != 1 {
			t.Errorf("the networks were asked %d and %d times", n.times.Load(), m.times.Load())
		}
	})
}

// deaf is a caller that has gone.
type deaf struct{}

func (deaf) Header() http.Header         { return http.Header{} }
func (deaf) Write(b []byte) (int, error) { return len(b), nil }
func (deaf) WriteHeader(int)             {}

// What a network refuses, or does not answer, is on record, and lets go of the
// key; so does what is refused before the network is asked. A caller who goes
// away stops nothing.
func TestAControlThatIsNotDone(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		n, none := newSlow(), error(nil)
		w.rewire(fleet.Options{Controls: n}, &none)
		n.let <- fault.New(fault.Unavailable, fleet.NoAnswer, "the network does not answer")
		a := w.ping("k")
		a.fails(t, 503, 6004)
		if !strings.Contains(a.body, "whether it was done is not known") || a.header.Get("Retry-After") != "30" {
			t.Error(a.body, a.header)
		}
		n.let <- fault.New(fault.Precondition, "network.refused", "the network refuses: no")
		w.ping("k").fails(t, 400, 6007)
		events := must(w.Fleet.Events(t.Context(), w.op, event.Query{ICCID: iccid("live"), Kinds: []event.Kind{event.SIMControlled, event.SIMNotControlled}, Limit: 10}))
		if len(events) != 4 || events[0].Kind != event.SIMNotControlled || events[0].Data.Reason != "the network refuses: no" {
			t.Errorf("%+v", events)
		}
		w.keyed(engineer, "s", http.MethodPut, "/sim/<suspended>/pingRequest", "").fails(t, 400, 16000)
		w.keyed(engineer, "s", http.MethodPut, "/sim/<suspended>/pingRequest", "").fails(t, 400, 16000)

		ctx, leave := context.WithCancel(t.Context())
		r := w.request(engineer, http.MethodPut, "/sim/<live>/pingRequest", `{"count":3}`).WithContext(ctx)
		r.Header.Set("Idempotency-Key", "k")
		ended := make(chan struct{})
		go func() { defer close(ended); w.edge.ServeHTTP(deaf{}, r) }()
		for range 3 {
			<-n.asked
		}
		leave()
		if err := (*n.under.Load()).Err(); err != nil {
			t.Errorf("the control ends with its caller: %v", err)
		}
		n.let <- nil
		<-ended
		w.ping("k").has(t, `{"status":"queued"}`)
		if n.times.Load() != 3 {
			t.Errorf("the network was asked %d times", n.times.Load())
		}
	})
}
