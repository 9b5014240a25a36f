package osmohlr_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/network/osmohlr"
	"github.com/simurgh-iot/simurgh/internal/network/osmohlr/hlrtest"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

const briefly = `,"timeout":"200ms"`

// TestHang has each interface stop answering, with a context that never ends:
// a call gives up by itself, and the next one finds the way again.
func TestHang(t *testing.T) {
	t.Parallel()
	for _, side := range []string{"ctrl", "vty"} {
		t.Run(side, func(t *testing.T) {
			t.Parallel()
			h := startHLR(t)
			proxies := map[string]*proxy{"ctrl": newProxy(t, h.Addr(hlrtest.CTRLPort)), "vty": newProxy(t, h.Addr(hlrtest.VTYPort))}
			d := openHLR(t, h.config(proxies["ctrl"], proxies["vty"], briefly), nil)
			batch := fleet(100)
			mustApply(t, d, batch...)
			bar(batch)
			proxies[side].set(silent)
			begun := time.Now()
			for i, err := range d.Apply(context.WithoutCancel(t.Context()), batch) {
				if fault.KindOf(orNone(err)) != fault.Unavailable || network.Refused(err) != nil {
					t.Fatalf("profile %d: %v", i, err)
				}
			}
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("it took %v to give up", took)
			}
			proxies[side].set(open)
			applyInTheEnd(t, d, batch)
		})
	}
}

// TestBreakInMidBatch breaks connections off at many points of a batch. What
// counts as done must be there, and the rest is no refusal.
func TestBreakInMidBatch(t *testing.T) {
	t.Parallel()
	h := startHLR(t)
	ctrl, vty := newProxy(t, h.Addr(hlrtest.CTRLPort)), newProxy(t, h.Addr(hlrtest.VTYPort))
	d := openHLR(t, h.config(ctrl, vty, ""), nil)
	for n := 100; n < 60_000; n *= 2 {
		for _, p := range []*proxy{ctrl, vty} {
			batch := fleet(100)
			for _, change := range []func([]sim.Profile){func([]sim.Profile) {}, renumber, bar, remove} {
				change(batch)
				p.breakAfter(n)
				results := d.Apply(t.Context(), batch)
				p.breakAfter(0)
				checkBroken(t, d, batch, results)
			}
			applyInTheEnd(t, d, batch)
		}
	}
}

func checkBroken(t *testing.T, d network.Driver, batch []sim.Profile, results []network.Result) {
	t.Helper()
	var done []sim.Profile
	for i, err := range results {
		if err == nil {
			done = append(done, batch[i])
		} else if network.Refused(err) != nil || fault.KindOf(err) != fault.Unavailable {
			t.Fatalf("profile %d: %v", i, err)
		}
	}
	waitFor(t, "the way to be open again", func() bool {
		_, err := d.Observe(t.Context(), []ident.IMSI{batch[0].IMSI})
		return err == nil
	})
	mustHave(t, d, done...)
}

// applyInTheEnd wants the batch to go through, at the first try or a later one.
func applyInTheEnd(t *testing.T, d network.Driver, batch []sim.Profile) {
	t.Helper()
	waitFor(t, "the batch to go through", func() bool {
		return !slices.ContainsFunc(d.Apply(t.Context(), batch), func(err network.Result) bool { return err != nil })
	})
	mustHave(t, d, batch...)
}

// TestKilledInMidBatch kills the HLR while it works and starts it again: it
// keeps what it said it has, and the batch goes through.
func TestKilledInMidBatch(t *testing.T) {
	t.Parallel()
	h := startHLR(t)
	d := openHLR(t, h.config(nil, nil, ""), nil)
	batch := fleet(3000)
	results := make(chan []network.Result)
	go func() { results <- d.Apply(t.Context(), batch) }()
	waitFor(t, "the HLR to have begun", func() bool {
		return strings.HasPrefix(h.Control(t, "GET 1 subscriber.by-imsi-"+string(batch[50].IMSI)+".info"), "GET_REPLY")
	})
	h.Restart(t)
	failed := 0
	var done []sim.Profile
	for i, err := range <-results {
		if err != nil {
			failed++
		} else {
			done = append(done, batch[i])
		}
	}
	if failed == 0 {
		t.Error("the HLR was killed too late to matter")
	}
	mustHave(t, d, done...)
	mustApply(t, d, batch...)
	mustHave(t, d, batch...)
}

func TestClosed(t *testing.T) {
	t.Parallel()
	h := startHLR(t)
	d := openHLR(t, h.config(nil, nil, ""), nil)
	p := fleet(1)
	mustApply(t, d, p...)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.Apply(t.Context(), p)[0]; fault.KindOf(orNone(err)) != fault.Unavailable {
		t.Errorf("Apply after Close: %v", err)
	}
	if _, err := d.Observe(t.Context(), []ident.IMSI{p[0].IMSI}); fault.KindOf(orNone(err)) != fault.Unavailable {
		t.Errorf("Observe after Close: %v", err)
	}
	if _, err := d.List(t.Context(), "", 1); fault.KindOf(orNone(err)) != fault.Unavailable {
		t.Errorf("List after Close: %v", err)
	}
}

// TestClosedWhileItWaits closes the driver while the HLR does not answer.
func TestClosedWhileItWaits(t *testing.T) {
	t.Parallel()
	h := startHLR(t)
	ctrl, vty := newProxy(t, h.Addr(hlrtest.CTRLPort)), newProxy(t, h.Addr(hlrtest.VTYPort))
	d := openHLR(t, h.config(ctrl, vty, `,"timeout":"1m"`), nil)
	mustApply(t, d, fleet(1)...)
	ctrl.set(silent)
	vty.set(silent)
	answers := make(chan error, 2)
	go func() { answers <- d.Apply(t.Context(), fleet(1))[0] }()
	go func() { _, err := d.List(t.Context(), "", 1); answers <- err }()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := <-answers; fault.KindOf(orNone(err)) != fault.Unavailable {
			t.Errorf("a call that waited: %v", err)
		}
	}
}

// TestAnswersInAnyOrder stands in for the control interface: it sends what
// nobody asked for, answers in pieces, and from the last to the first.
func TestAnswersInAnyOrder(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	ids := []ident.IMSI{"001020000000001", "001020000000002", "001020000000003"}
	asked := make(chan string, len(ids))
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		var out []byte
		r := bufio.NewReader(conn)
		for i := range ids {
			line, err := hlrtest.ReadFrame(r)
			if err != nil {
				return
			}
			asked <- line
			f := strings.Fields(line)
			reply := hlrtest.Frame(fmt.Sprintf("GET_REPLY %s %s \nid\t1\nimsi\t%s\nmsisdn\t88%d\nnam_cs\t1\nnam_ps\t1", f[1], f[2], ids[i], 2000+i))
			out = append(reply, out...)
		}
		noise := append(hlrtest.Frame("TRAP 0 subscriber.news 1"), 0, 1, ipaCCM, ccmPing)
		noise = append(append(noise, hlrtest.Frame("GET_REPLY 4711 nobody asked")...), hlrtest.Frame("ERROR err what")...)
		for _, b := range append(noise, out...) {
			if _, err := conn.Write([]byte{b}); err != nil {
				return
			}
		}
		_, _ = io.Copy(io.Discard, conn)
	}()
	d := openHLR(t, []byte(`{"ctrl":"`+l.Addr().String()+`"}`), nil)
	got, err := d.Observe(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range got {
		if want := ident.MSISDN(fmt.Sprint(88, 2000+i)); strings.ReplaceAll(string(want), " ", "") != string(a.MSISDN) || !a.Present {
			t.Errorf("answer %d: %+v", i, a)
		}
		if line, want := <-asked, fmt.Sprintf("GET %d subscriber.by-imsi-%s.info", i+1, ids[i]); line != want {
			t.Errorf("request %d: %q, want %q", i, line, want)
		}
	}
}

func TestPassword(t *testing.T) {
	t.Parallel()
	const password = "simurgh-test"
	h := startHLR(t, func(h *hlrtest.HLR) {
		h.Top = "password " + password + "\nenable password " + password
		h.Extra, h.VTY = "", " login"
	})
	for _, c := range []struct {
		secret string
		right  bool
	}{{password, true}, {"", false}, {"wrong-word", false}} {
		d, err := osmohlr.Open(t.Context(), h.config(nil, nil, ""), []byte(c.secret), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = d.(network.Lister).List(t.Context(), "", 10)
		if (err == nil) != c.right {
			t.Errorf("with the secret %q: %v", c.secret, err)
		}
		if err != nil && (c.secret != "" && strings.Contains(err.Error(), c.secret) || fault.KindOf(err) != fault.Unavailable) {
			t.Errorf("with the secret %q: %v", c.secret, err)
		}
		_ = d.Close()
	}
}

func TestInspect(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		extra string
		want  string
	}{{"", ""}, {" subscriber-create-on-demand no-msisdn cs+ps", "made anew when its device attaches"}} {
		h := startHLR(t, func(h *hlrtest.HLR) { h.Extra = c.extra })
		got, err := openHLR(t, h.config(nil, nil, ""), nil).Inspect(t.Context())
		if err != nil || (c.want == "") != (len(got.Conditions) == 0) || !strings.Contains(strings.Join(got.Conditions, "\n"), c.want) {
			t.Errorf("Inspect = %q, %v; want %q", got, err, c.want)
		}
		if !strings.HasPrefix(got.Software, "OsmoHLR 1.") {
			t.Errorf("it is %q", got.Software)
		}
	}
}
