package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/edge/aaa"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// gatewayName is the gateway of the simulated devices.
const gatewayName = "demo-gateway"

// How many SIMs have a device of each kind.
const (
	pumpDevices    = 24
	trailerDevices = 24
	bikeDevices    = 12
)

// Devices are simulated devices behind a gateway that speaks RADIUS with the
// server as any other does: they attach, report what they use, move from
// country to country, and obey orders to end their sessions.
type Devices struct {
	secret  []byte
	ports   map[string]netip.AddrPort
	sender  radius.Sender
	orders  net.PacketConn // where Disconnect-Requests come
	devices []*device

	mu   sync.Mutex
	open map[string]chan struct{} // by Acct-Session-Id; closed to end the session
}

// NewDevices sets the gateway up on a filled platform, with a secret of its own.
// Close it when it is not run.
func NewDevices(ctx context.Context, a *app.App) (*Devices, error) {
	conn, err := new(net.ListenConfig).ListenPacket(ctx, "udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &Devices{secret: []byte(rand.Text()), ports: map[string]netip.AddrPort{}, orders: conn, open: map[string]chan struct{}{}}
	r := fleet.Request{Caller: tenant.Operator("demo"), Via: "cli", ID: "demo"}
	if err := a.Fleet.RemoveNAS(ctx, r, gatewayName); err != nil && fault.KindOf(err) != fault.NotFound {
		return nil, errors.Join(err, f.Close())
	}
	nas := usage.NAS{Name: gatewayName, Prefix: netip.MustParsePrefix("127.0.0.1/32"), Secret: f.secret, CoAPort: conn.LocalAddr().(*net.UDPAddr).Port}
	if err := errors.Join(a.Fleet.AddNAS(ctx, r, nas), f.equip(ctx, a, r)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// equip puts devices into SIMs: some of each customer's that were in service,
// suspended or not.
func (f *Devices) equip(ctx context.Context, a *app.App, r fleet.Request) error {
	for _, of := range []struct {
		portfolio ident.PortfolioID
		count     int
		kind
	}{{Pumps, pumpDevices, pump}, {ColdChain, trailerDevices, trailer}, {Bikes, bikeDevices, bike}} {
		for status, count := range map[sim.Status]int{sim.StatusProvisioned: of.count, sim.StatusSuspended: 2} {
			page, err := a.Fleet.SIMs(ctx, r, sim.Query{Portfolio: of.portfolio, Statuses: []sim.Status{status}, Limit: count})
			if err != nil {
				return err
			}
			for i := range page.SIMs {
				f.devices = append(f.devices, newDevice(f, &page.SIMs[i], of.kind, len(f.devices)))
			}
		}
	}
	return nil
}

// Door has a server listen for the gateway, on free ports of this machine.
func (f *Devices) Door() app.RADIUS {
	return app.RADIUS{Auth: "127.0.0.1:0", Acct: "127.0.0.1:0", Ready: func(port string, at netip.AddrPort) { f.ports[port] = at }}
}

// Count returns how many there are.
func (f *Devices) Count() int { return len(f.devices) }

// Close ends the gateway.
func (f *Devices) Close() error { return errors.Join(f.orders.Close(), f.sender.Close()) }

// Run lets the devices live until ctx ends. The server must be ready.
func (f *Devices) Run(ctx context.Context) {
	var all sync.WaitGroup
	s := &radius.Server{Services: radius.DynamicAuthorization, Handler: f.obey,
		Clients: func(netip.Addr) (radius.Client, bool) {
			return radius.Client{Name: gatewayName, Secret: f.secret}, true
		}}
	all.Go(func() { _ = s.Serve(ctx, f.orders) }) // a demonstration goes on without it
	for _, d := range f.devices {
		all.Go(func() { d.live(ctx) })
	}
	all.Wait()
}

// obey ends the session that an order names.
func (f *Devices) obey(_ context.Context, r *radius.Request) *radius.Packet {
	id, _ := radius.AcctSessionID.Get(r.Packet)
	f.mu.Lock()
	end, known := f.open[id]
	delete(f.open, id)
	f.mu.Unlock()
	if !known {
		nak := radius.New(radius.DisconnectNAK)
		radius.ErrorCause.Add(nak, radius.CauseSessionNotFound)
		return nak
	}
	close(end)
	return radius.New(radius.DisconnectACK)
}

// begin notes an open session, and returns what an order to end it closes.
func (f *Devices) begin(id string) <-chan struct{} {
	end := make(chan struct{})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open[id] = end
	return end
}

func (f *Devices) end(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.open, id)
}

// send sends a request; nil when it is not answered.
func (f *Devices) send(ctx context.Context, port string, p *radius.Packet) *radius.Packet {
	reply, err := f.sender.Exchange(ctx, radius.Peer{Addr: f.ports[port], Secret: f.secret}, p)
	if err != nil {
		return nil
	}
	return reply
}

// account sends one accounting message.
func (f *Devices) account(ctx context.Context, p *radius.Packet) { f.send(ctx, aaa.PortAcct, p) }

// pause waits for about a time; false when ctx ends or end is closed first.
func pause(ctx context.Context, d time.Duration, end <-chan struct{}) bool {
	t := time.NewTimer(d/2 + mathrand.N(d))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-end:
		return false
	case <-t.C:
		return true
	}
}

func sessionID() string { return fmt.Sprintf("demo-%s", rand.Text()[:12]) }
