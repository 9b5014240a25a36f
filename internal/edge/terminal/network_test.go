package terminal_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network/simulated"
	"github.com/simurgh-iot/simurgh/internal/sim"
	netsync "github.com/simurgh-iot/simurgh/internal/sync"
)

// staffed mans the network "lab" of a world, whose SIMs it is told of first, with
// workers that stop with the test.
func (w *world) staffed(workers int) *simulated.Network {
	w.t.Helper()
	n, err := w.Network(w.t.Context(), "lab")
	if err != nil {
		w.t.Fatal(err)
	}
	net, err := w.Simulated(n)
	if err != nil {
		w.t.Fatal(err)
	}
	page := must(w.Fleet.SIMs(w.t.Context(), w.op, sim.Query{Network: "lab", Statuses: []sim.Status{sim.StatusProvisioned, sim.StatusSuspended}}))
	for i := range page.SIMs {
		if err := net.Apply(w.t.Context(), []sim.Profile{page.SIMs[i].Profile()})[0]; err != nil {
			w.t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	quick := netsync.Settings{Batch: 2, Idle: 2 * time.Millisecond, Backoff: time.Millisecond, Longest: 2 * time.Millisecond}
	for range workers {
		tell := &netsync.Worker{Network: "lab", Driver: net, Fleet: w.Fleet, Settings: quick, Now: w.clock.Now}
		do := &netsync.Runner{Network: "lab", Driver: net, Fleet: w.Fleet, Settings: quick, Now: w.clock.Now}
		all.Go(func() { _ = tell.Run(ctx) })
		all.Go(func() { _ = do.Run(ctx) })
	}
	w.t.Cleanup(func() {
		stop()
		all.Wait()
		_ = net.Close()
	})
	return net
}

// calm waits until nothing of a SIM is pending.
func (w *world) calm(t interface{ Fatalf(string, ...any) }, iccid ident.ICCID) sim.SIM {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		s := must(w.Fleet.SIM(context.Background(), w.op, iccid))
		if !s.Pending() {
			return s
		}
		w.clock.Pass(time.Second) // what failed is tried again
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("%s is pending for ever", iccid)
	panic("unreachable")
}

// Suspend, followed at once by resume, leaves the SIM live, always: on a network
// that takes its time, loses answers and fails, over HTTP, from several clients
// whose calls meet in any order, as long as a resume is the last.
func TestSuspendThenResumeIsLive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	net := w.staffed(2)
	names := []string{"live", "live2", "esim"}
	rapid.Check(t, func(t *rapid.T) {
		settings := simulated.Settings{
			Latency:     time.Duration(rapid.IntRange(0, 3000).Draw(t, "latency")) * time.Microsecond,
			Jitter:      time.Duration(rapid.IntRange(0, 5000).Draw(t, "jitter")) * time.Microsecond,
			FailureRate: rapid.Float64Range(0, 0.4).Draw(t, "failures"),
			LostAnswers: rapid.Float64Range(0, 0.4).Draw(t, "lost"),
		}
		check(net.SetSettings(context.Background(), settings))
		stops := []string{"suspend", "deactivate"}
		starts := []string{"resume", "activate"}
		rounds := rapid.IntRange(1, 4).Draw(t, "rounds")
		pauses := rapid.SliceOfN(rapid.IntRange(0, 4000), rounds*2, rounds*2).Draw(t, "pauses")
		together := rapid.Bool().Draw(t, "several at once")
		choices := rapid.SliceOfN(rapid.IntRange(0, 1), rounds*2, rounds*2).Draw(t, "commands")
		var all sync.WaitGroup
		one := func(selector string) {
			for i := range rounds {
				for j, command := range []string{stops[choices[2*i]], starts[choices[2*i+1]]} {
					r := request(http.MethodPut, fill("/v1/"+command+"?"+selector), "", "")
					if a := w.send(authorized(w, r)); a.status != http.StatusAccepted {
						t.Errorf("%s: %d %s", command, a.status, a.body)
					}
					time.Sleep(time.Duration(pauses[2*i+j]) * time.Microsecond)
				}
			}
		}
		if together {
			one("iccid=<live>,<live2>,<esim>")
		} else {
			for _, name := range names {
				all.Go(func() { one("iccid=<" + name + ">") })
			}
			all.Wait()
		}
		for _, name := range names {
			s := w.calm(t, iccid(name))
			if s.Station() != sim.InService || s.Settled != (sim.Condition{State: sim.Provisioned, Phase: sim.Live}) {
				t.Fatalf("%s ends %s, the network has %s", name, s.Wanted, s.Settled)
			}
			has := must(net.Observe(context.Background(), []ident.IMSI{s.IMSI}))[0]
			if !has.Present || has.Barred != 0 {
				t.Fatalf("%s: the network has %+v", name, has)
			}
		}
	})
}

// What is done once with a SIM reaches its network once, in order, whatever fails
// meanwhile.
func TestErrandsAreDoneOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	net := w.staffed(2)
	check(net.SetSettings(t.Context(), simulated.Settings{Jitter: 3 * time.Millisecond, FailureRate: 0.3, LostAnswers: 0.3}))
	w.put("/activate?iccid=<stock>").ok(t, 202)
	var want []string
	for i := range 20 {
		text := fmt.Sprintf("message %d", i)
		want = append(want, text)
		w.put(fmt.Sprintf("/sendSms?iccid=<stock>,<live>&sms=message%%20%d", i)).ok(t, 202)
	}
	w.put("/esim_profile?eid=<EID>&profile=Europe&action=download").ok(t, 202)
	w.put("/esim_profile?eid=<EID>&profile=Asia&action=download_and_enable").ok(t, 202)
	w.put("/esim_profile?eid=<EID>&profile=Europe&action=enable").ok(t, 202)
	w.put("/esim_profile?eid=<EID>&profile=Asia&action=delete").ok(t, 202)
	for end := time.Now().Add(time.Minute); ; {
		s, m := w.look("esim"), w.look("stock")
		if fmt.Sprint(s.Profiles) == "[Europe]" && s.Active != nil && *s.Active == "Europe" && m.SMS == 20 && w.look("live").SMS == 20 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%+v %+v", s, m)
		}
		w.clock.Pass(time.Second)
		time.Sleep(time.Millisecond)
	}
	for _, name := range []string{"stock", "live"} {
		done := must(net.Errands(t.Context(), imsi(name)))
		var got []string
		for _, d := range done {
			got = append(got, d.Text)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s was sent %v", name, got)
		}
	}
}

// Clients that ask for tokens at once share one pair, and nobody is cut off.
func TestTokensAtOnce(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		u, password, err := w.Fleet.CreateAPIUser(t.Context(), w.op, fleet.NewAPIUser{Portfolio: folios["A"]})
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		seen := map[string]int{}
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
				pair, _, err := w.Fleet.IssueAPITokens(context.Background(), fleet.Request{Via: "terminal"}, fleet.ClientLogin{ID: u.Username(), Secret: password})
				mu.Lock()
				defer mu.Unlock()
				if seen[pair.Access]++; err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if len(seen) != 1 {
			t.Errorf("%d tokens", len(seen))
		}
	})
}
