package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/usage"
	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// steps are the counters that each session reports in turn; the last with its
// Stop.
var steps = []uint64{0, 1000, 2500, 4000}

// reporters report sessions as fast as they are answered, and repeat what is
// not, as gateways do.
type reporters struct {
	sender radius.Sender
	to     radius.Peer
	sims   int

	mu       sync.Mutex
	answered map[string]int64 // bytes that a response vouches for, by session
	of       map[string]int   // whose session it is
	packets  int
}

func (r *reporters) run(ctx context.Context, workers int) {
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				r.session(fmt.Sprintf("%d-%d", w, n), (w+n*workers)%r.sims)
			}
		})
	}
	all.Wait()
}

// session reports one session to its end, however often the server dies.
func (r *reporters) session(id string, n int) {
	begun := time.Now().Add(-time.Duration(len(steps)) * time.Second)
	for i, bytes := range steps {
		p := radius.New(radius.AccountingRequest)
		radius.AcctStatusType.Add(p, []radius.StatusType{radius.StatusStart, radius.StatusInterimUpdate, radius.StatusInterimUpdate, radius.StatusStop}[i])
		radius.AcctSessionID.Add(p, id)
		radius.IMSI.Add(p, string(imsiOf(n)))
		radius.NASIdentifier.Add(p, "pgw1")
		radius.EventTimestamp.Add(p, begun.Add(time.Duration(i)*time.Second))
		radius.AcctSessionTime.Add(p, uint32(i))
		radius.AddOctets(p, bytes, 0)
		for {
			if _, err := r.sender.Exchange(context.Background(), r.to, p); err == nil {
				break
			}
		}
		r.mu.Lock()
		r.answered[id], r.of[id] = int64(bytes), n
		r.packets++
		r.mu.Unlock()
	}
}

// vouched returns what has been answered so far.
func (r *reporters) vouched() (map[string]int64, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[string]int64, len(r.answered))
	for id, bytes := range r.answered {
		out[id] = bytes
	}
	return out, r.packets
}

// Every accounting message that a server answered before it was killed is
// counted, and exactly once, although gateways repeat what was not answered.
func TestKilledServersCountEveryAnsweredPacketOnce(t *testing.T) {
	t.Parallel()
	const kills, sims, workers = 5, 24, 32
	engines(t, func(t *testing.T, p platform) {
		p.furnish(t, sims)
		a := p.open(t)
		activate(t, a, sims)
		p.letIn(t, newGateway(t))
		n := p.serveRADIUS(t)
		r := &reporters{sims: sims, answered: map[string]int64{}, of: map[string]int{}}
		r.sender.Retry = radius.Retry{Initial: 100 * time.Millisecond, Sends: 3, Total: time.Second}
		r.to = radius.Peer{Addr: netip.MustParseAddrPort(n.acct), Secret: []byte(radiusSecret)}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		over := make(chan struct{})
		go func() { defer close(over); r.run(ctx, workers) }()
		for range kills {
			_, before := r.vouched()
			until(t, "reports are answered at full rate", func() bool { _, now := r.vouched(); return now > before+500 })
			time.Sleep(rand.N(100 * time.Millisecond))
			answered, _ := r.vouched()
			if err := n.stop(syscall.SIGKILL); err == nil {
				t.Error("the server was not killed")
			}
			n = p.serveRADIUS(t, "--radius-acct", n.acct)
			until(t, "all that was answered is counted", func() bool {
				stored, _ := sessionsOf(t, a, sims)
				for id, bytes := range answered {
					if stored[id] < bytes {
						return false
					}
				}
				return true
			})
		}
		stop()
		<-over
		r.prove(t, a)
		if err := n.stop(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		_ = r.sender.Close()
	})
}

// prove holds that all that was reported is there, once.
func (r *reporters) prove(t *testing.T, a *app.App) {
	t.Helper()
	counted(t, a)
	answered, packets := r.vouched()
	stored, count := sessionsOf(t, a, r.sims)
	whole := int64(steps[len(steps)-1])
	want := make([]int64, r.sims)
	for id := range answered {
		if want[r.of[id]] += whole; stored[id] != whole {
			t.Errorf("session %s: %d bytes are stored, want %d", id, stored[id], whole)
		}
	}
	if count != len(answered) {
		t.Errorf("%d sessions are stored, %d were reported", count, len(answered))
	}
	for n := range r.sims {
		_, now, last, err := a.Fleet.LastActivity(t.Context(), asOperator, iccidOf(n))
		if err != nil {
			t.Fatal(err)
		}
		if got := now.Bytes + last.Bytes; got != want[n] {
			t.Errorf("SIM %d: %d bytes are counted, want %d", n, got, want[n])
		}
	}
	if err := a.DB.Check(t.Context()); err != nil {
		t.Error(err)
	}
	t.Logf("%d packets of %d sessions", packets, len(answered))
}

// counted waits until nothing of what was answered waits to be counted.
func counted(t *testing.T, a *app.App) {
	t.Helper()
	until(t, "the journal is empty", func() bool {
		b, err := a.Fleet.Backlog(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return b.Reports == 0
	})
}

// activate brings SIMs of the lab into service.
func activate(t *testing.T, a *app.App, sims int) {
	t.Helper()
	var all []ident.ICCID
	for n := range sims {
		all = append(all, iccidOf(n))
	}
	done, err := a.Fleet.Apply(t.Context(), asOperator, all, func(fleet.Facts) (fleet.Edit, error) { return fleet.Edit{Verb: sim.ActivateLive}, nil }, nil)
	if err != nil || done.Refused {
		t.Fatalf("%+v, %v", done, err)
	}
}

// sessionsOf returns the bytes of each stored session, and how many there are.
func sessionsOf(t *testing.T, a *app.App, sims int) (map[string]int64, int) {
	t.Helper()
	bytes, count := map[string]int64{}, 0
	for n := range sims {
		for offset := 0; ; {
			var page []usage.Session
			page, total, err := a.Fleet.DataSessions(t.Context(), asOperator, []ident.ICCID{iccidOf(n)}, time.Now().AddDate(0, 0, -1), time.Now().AddDate(0, 0, 1), offset, 1000)
			if err != nil {
				t.Fatal(err)
			}
			for i := range page {
				bytes[page[i].Key.ID] += page[i].Total()
			}
			if offset += len(page); int64(offset) >= total || len(page) == 0 {
				count += offset
				break
			}
		}
	}
	return bytes, count
}
