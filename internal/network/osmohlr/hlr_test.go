package osmohlr_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/network/osmohlr"
	"github.com/simurgh-iot/simurgh/internal/network/osmohlr/hlrtest"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// hlr is a real OsmoHLR, as a child of the test.
type hlr struct{ *hlrtest.HLR }

func startHLR(t testing.TB, options ...func(*hlrtest.HLR)) *hlr {
	t.Helper()
	return &hlr{hlrtest.Start(t, options...)}
}

// config returns the JSON of a Config that leads to h, or to the proxies in
// its stead.
func (h *hlr) config(ctrl, vty *proxy, more string) json.RawMessage {
	at := map[string]string{"address": h.Host}
	if ctrl != nil {
		at = map[string]string{"ctrl": ctrl.addr(), "vty": vty.addr()}
	}
	b, _ := json.Marshal(at)
	return json.RawMessage(string(b[:len(b)-1]) + more + "}")
}

func openHLR(t testing.TB, config json.RawMessage, log *slog.Logger) *osmohlr.HLR {
	t.Helper()
	d, err := osmohlr.Open(t.Context(), config, nil, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d.(*osmohlr.HLR)
}

// proxy stands between the driver and an interface of the HLR. It can stop
// answering, or break off.
type proxy struct {
	target   string
	listener net.Listener

	mu     sync.Mutex
	way    way
	change chan struct{} // closed when way does
	conns  map[net.Conn]bool
	after  int // break off once so many bytes came from the HLR; 0 for never
}

type way int

const (
	open way = iota
	silent
	down
)

func newProxy(t testing.TB, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{target: target, listener: l, change: make(chan struct{}), conns: map[net.Conn]bool{}}
	go p.serve()
	t.Cleanup(func() { _ = l.Close(); p.set(down) })
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

// set changes what the proxy does, for connections that are open too.
func (p *proxy) set(w way) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.way = w
	close(p.change)
	p.change = make(chan struct{})
	if w == down {
		p.breakOff()
	}
}

func (p *proxy) breakOff() {
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
}

// breakAfter breaks every connection off, once, after n more bytes of answers.
func (p *proxy) breakAfter(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.after = n
}

func (p *proxy) serve() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		up, err := net.Dial("tcp", p.target)
		p.mu.Lock()
		if err != nil || p.way == down {
			_ = c.Close()
			if up != nil {
				_ = up.Close()
			}
		} else {
			p.conns[c], p.conns[up] = true, true
			go p.pump(up, c, false)
			go p.pump(c, up, true)
		}
		p.mu.Unlock()
	}
}

func (p *proxy) pump(to, from net.Conn, answers bool) {
	defer func() { _ = to.Close(); _ = from.Close() }()
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		if err != nil || !p.pass(n, answers) {
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// pass waits until n bytes may go on; false means that they never may.
func (p *proxy) pass(n int, answers bool) bool {
	for {
		p.mu.Lock()
		w, change := p.way, p.change
		if answers && p.after > 0 {
			if p.after -= n; p.after <= 0 {
				p.after = 0
				p.breakOff()
				w = down
			}
		}
		p.mu.Unlock()
		if w == open {
			return true
		}
		if w == down {
			return false
		}
		<-change
		n = 0
	}
}

// waitFor polls until ok holds.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// fleet returns n subscribers of PLMN 001-02 with numbers and keys.
func fleet(n int) []sim.Profile {
	out := make([]sim.Profile, n)
	for i := range out {
		out[i] = sim.Profile{
			IMSI: ident.IMSI(fmt.Sprintf("00102%010d", i)), MSISDN: ident.MSISDN(fmt.Sprintf("88288%08d", i)), Present: true,
			K: ident.Key{1, byte(i >> 16), byte(i >> 8), byte(i)}, OPc: ident.Key{2, byte(i >> 16), byte(i >> 8), byte(i)},
		}
	}
	return out
}

func mustApply(t testing.TB, d network.Driver, batch ...sim.Profile) {
	t.Helper()
	for i, err := range d.Apply(t.Context(), batch) {
		if err != nil {
			t.Fatalf("%s: %v", batch[i].IMSI, err)
		}
	}
}

func mustHave(t testing.TB, d network.Driver, batch ...sim.Profile) {
	t.Helper()
	ids := make([]ident.IMSI, len(batch))
	for i := range batch {
		ids[i] = batch[i].IMSI
	}
	got, err := d.Observe(context.WithoutCancel(t.Context()), ids)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if diff := got[i].Drift(&batch[i]); len(diff) > 0 {
			t.Errorf("%s differs: %+v", ids[i], diff)
		}
	}
}
