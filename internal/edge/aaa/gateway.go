package aaa

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// gateways is the list of those that may speak to us, as it was read last. It
// is read again every few seconds, and soon after a packet came from an address
// that is not on it.
type gateways struct {
	fleet   Fleet
	log     *slog.Logger
	refresh time.Duration
	now     func() time.Time
	asked   chan struct{}
	trouble trouble

	read   time.Time // when the list was read last; run's
	list   atomic.Pointer[gatewayList]
	warned atomic.Int64 // when a stranger was logged last
}

// gatewayList finds a gateway by address, the longest prefix first, or by name.
type gatewayList struct {
	bits   []int // lengths in use, longest first; IPv6 and IPv4 apart
	prefix map[netip.Prefix]*usage.NAS
	name   map[string]*usage.NAS
}

const (
	strangerPause = time.Second      // between two readings because of strangers
	warnPause     = 10 * time.Second // between two strangers in the log
)

func newGateways(o *Options) *gateways {
	g := &gateways{fleet: o.Fleet, log: o.Log, refresh: o.Refresh, now: o.Now, asked: make(chan struct{}, 1),
		trouble: trouble{log: o.Log, what: "the list of gateways cannot be read; the last one stands"}}
	g.list.Store(newGatewayList(nil))
	return g
}

func newGatewayList(all []usage.NAS) *gatewayList {
	l := &gatewayList{prefix: make(map[netip.Prefix]*usage.NAS, len(all)), name: make(map[string]*usage.NAS, len(all))}
	for i := range all {
		n := &all[i]
		l.prefix[n.Prefix], l.name[n.Name] = n, n
		if !slices.Contains(l.bits, n.Prefix.Bits()) {
			l.bits = append(l.bits, n.Prefix.Bits())
		}
	}
	slices.Sort(l.bits)
	slices.Reverse(l.bits)
	return l
}

// at finds the gateway at an address; nil for none.
func (l *gatewayList) at(addr netip.Addr) *usage.NAS {
	addr = addr.Unmap().WithZone("")
	for _, bits := range l.bits {
		if bits > addr.BitLen() {
			continue
		}
		if p, err := addr.Prefix(bits); err == nil {
			if n := l.prefix[p]; n != nil {
				return n
			}
		}
	}
	return nil
}

// client finds the gateway that a packet comes from.
func (g *gateways) client(from netip.Addr) (radius.Client, bool) {
	n := g.list.Load().at(from)
	if n == nil {
		return radius.Client{}, false
	}
	return radius.Client{Name: n.Name, Secret: n.Secret, AllowUnsigned: n.Unsigned}, true
}

// stranger asks for another reading of the list, and says whose packets are
// dropped: most often a gateway that nobody has added yet.
func (g *gateways) stranger(from netip.Addr) {
	select {
	case g.asked <- struct{}{}:
	default:
	}
	now, last := g.now().UnixNano(), g.warned.Load()
	if now-last >= int64(warnPause) && g.warned.CompareAndSwap(last, now) {
		g.log.Warn("a packet from an unknown address is dropped; if it is a gateway, add it", "address", from)
	}
}

// pretends reports that a packet names another gateway on the list than the one
// that its secret or certificate proved, by its name in whatever case, or where it
// gives none by its address: its sessions are kept under that. Proxies may.
func (g *gateways) pretends(r *radius.Request) bool {
	list := g.list.Load()
	var named *usage.NAS
	if name, ok := radius.NASIdentifier.Get(r.Packet); ok {
		named = list.name[strings.ToLower(name)]
	} else if addr := nasAddress(r.Packet); addr.IsValid() {
		named = list.at(addr)
	}
	if named == nil || named.Name == r.Client.Name {
		return false
	}
	sender := list.name[r.Client.Name]
	return sender == nil || !sender.Proxy
}

// whereToCut returns where a session that a packet reports of can be cut: at
// who sent it, or, behind a proxy, at the gateway that it names. A proxy that
// speaks TLS relays orders for gateways that are not on the list.
func (g *gateways) whereToCut(r *radius.Request) netip.AddrPort {
	list := g.list.Load()
	n := list.name[r.Client.Name]
	if n == nil {
		return netip.AddrPort{}
	}
	if named := nasAddress(r.Packet); n.Proxy && named.IsValid() {
		if behind := list.at(named); behind != nil {
			return netip.AddrPortFrom(named, uint16(behind.CoAPort))
		}
		if !r.Secure {
			return netip.AddrPortFrom(named, uint16(n.CoAPort))
		}
	}
	// A certificate lets a gateway come from any address. Where that is not its
	// own it is of no use: what is on the list stands for it.
	if addr := r.Remote.Addr(); list.at(addr) == n {
		return netip.AddrPortFrom(addr, uint16(n.CoAPort))
	}
	if !n.Prefix.IsSingleIP() {
		return netip.AddrPortFrom(n.Prefix.Addr(), 0)
	}
	return netip.AddrPortFrom(n.Prefix.Addr(), uint16(n.CoAPort))
}

// load reads the list. A failure leaves the last one.
func (g *gateways) load(ctx context.Context) {
	g.read = time.Now()
	all, err := g.fleet.NASes(ctx, fleet.Request{Caller: tenant.Operator("radius"), Via: "radius"})
	if ctx.Err() != nil {
		return
	}
	g.trouble.met(err)
	if err == nil {
		g.list.Store(newGatewayList(all))
	}
}

// run reads the list again until ctx ends.
func (g *gateways) run(ctx context.Context) {
	tick := time.NewTicker(g.refresh)
	defer tick.Stop()
	for {
		asked := g.asked
		if time.Since(g.read) < strangerPause {
			asked = nil // it waits for the next look
		}
		look := time.NewTimer(strangerPause)
		select {
		case <-ctx.Done():
			look.Stop()
			return
		case <-look.C:
			continue
		case <-tick.C:
		case <-asked:
		}
		look.Stop()
		g.load(ctx)
	}
}
