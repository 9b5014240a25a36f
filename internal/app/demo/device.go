package demo

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"net/netip"
	"time"

	"github.com/simurgh-iot/simurgh/internal/edge/aaa"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// kind is what sort of thing a device is.
type kind struct {
	tac    string        // type of its modem, 8 digits
	rat    radius.RAT    // radio
	plmns  []radius.PLMN // networks that it meets on its way
	rate   int64         // bytes that it sends in a report, about
	report time.Duration // between two reports, about
}

var (
	pump    = kind{"35938006", radius.RATNBIoT, []radius.PLMN{"23415"}, 900, 20 * time.Second}
	trailer = kind{"35684510", radius.RATLTE, []radius.PLMN{"23415", "20801", "26201", "20404", "20601"}, 40_000, 12 * time.Second}
	bike    = kind{"86692104", radius.RATLTEM, []radius.PLMN{"23415", "23410"}, 6_000, 15 * time.Second}
)

// device is one of them, with the SIM that is in it.
type device struct {
	kind
	all   *Devices
	imsi  ident.IMSI
	tel   ident.MSISDN
	imei  string
	n     int
	place int // on its way
}

func newDevice(f *Devices, s *sim.SIM, k kind, n int) *device {
	return &device{kind: k, all: f, imsi: s.IMSI, tel: s.MSISDN, imei: ident.WithLuhn(fmt.Sprintf("%s%06d", k.tac, 4711+n)), n: n, place: n}
}

// live attaches again and again, and tells at first of days gone by.
func (d *device) live(ctx context.Context) {
	if !pause(ctx, 3*time.Second, nil) {
		return
	}
	if _, ok := d.attach(ctx); ok {
		d.past(ctx)
	}
	for ctx.Err() == nil {
		if ip, ok := d.attach(ctx); ok {
			d.session(ctx, ip)
		}
		pause(ctx, 20*time.Second, nil)
	}
}

// attach asks for a session.
func (d *device) attach(ctx context.Context) (netip.Addr, bool) {
	p := radius.New(radius.AccessRequest)
	d.describe(p)
	reply := d.all.send(ctx, aaa.PortAuth, p)
	if reply == nil || reply.Code != radius.AccessAccept {
		return netip.Addr{}, false
	}
	ip, ok := radius.FramedIPAddress.Get(reply)
	if !ok {
		ip = netip.AddrFrom4([4]byte{10, 64, byte(d.n >> 8), byte(d.n + 1)})
	}
	return ip, true
}

// describe says who and where the device is.
func (d *device) describe(p *radius.Packet) {
	plmn := d.plmns[d.place%len(d.plmns)]
	radius.UserName.Add(p, string(d.imsi))
	radius.IMSI.Add(p, string(d.imsi))
	radius.NASIdentifier.Add(p, gatewayName)
	radius.CalledStationID.Add(p, "iot.simurgh")
	if d.tel != "" {
		radius.CallingStationID.Add(p, string(d.tel))
	}
	radius.IMEISV.Add(p, d.imei[:14]+"07")
	radius.RATType.Add(p, d.rat)
	radius.SGSNMCCMNC.Add(p, plmn)
	radius.UserLocationInfo.Add(p, radius.Location{Type: radius.LocationTAIECGI, Area: plmn, AreaID: uint32(0x100 + d.place), Cell: plmn, CellID: uint64(0x10000 + 16*d.n + d.place%16)})
}

// talk is one data session as it goes on.
type talk struct {
	id      string
	ip      netip.Addr
	begun   time.Time
	in, out int64
}

func (t *talk) grow(d *device) {
	t.in += d.rate/2 + mathrand.Int64N(d.rate)
	t.out += d.rate/20 + mathrand.Int64N(d.rate/5+1)
}

func (d *device) message(t *talk, status radius.StatusType, at time.Time) *radius.Packet {
	p := radius.New(radius.AccountingRequest)
	radius.AcctStatusType.Add(p, status)
	radius.AcctSessionID.Add(p, t.id)
	d.describe(p)
	radius.FramedIPAddress.Add(p, t.ip)
	radius.EventTimestamp.Add(p, at)
	radius.AcctSessionTime.Add(p, uint32(at.Sub(t.begun)/time.Second))
	radius.AddOctets(p, uint64(t.in), uint64(t.out))
	return p
}

// session reports until it is ended, or about ten minutes long, and moves on
// the way.
func (d *device) session(ctx context.Context, ip netip.Addr) {
	t := &talk{id: sessionID(), ip: ip, begun: time.Now()}
	end := d.all.begin(t.id)
	defer d.all.end(t.id)
	d.all.account(ctx, d.message(t, radius.StatusStart, t.begun))
	for i := range 40 {
		if !pause(ctx, d.report, end) {
			break
		}
		if i%3 == 2 {
			d.place++
		}
		t.grow(d)
		d.all.account(ctx, d.message(t, radius.StatusInterimUpdate, time.Now()))
	}
	last := d.message(t, radius.StatusStop, time.Now())
	radius.AcctTerminateCause.Add(last, 1)
	d.all.account(ctx, last)
}

// past tells of sessions of the last weeks, so that there is a history from the
// first moment.
func (d *device) past(ctx context.Context) {
	for _, ago := range []time.Duration{30 * 24 * time.Hour, 15 * 24 * time.Hour, 7 * 24 * time.Hour, 2 * 24 * time.Hour, 26 * time.Hour, 5 * time.Hour} {
		begun := time.Now().Add(-ago - time.Duration(d.n)*time.Minute)
		t := &talk{id: fmt.Sprintf("past-%s-%d", d.imsi, begun.Unix()/86400), ip: netip.AddrFrom4([4]byte{10, 65, byte(d.n >> 8), byte(d.n + 1)}), begun: begun}
		for range 10 {
			t.grow(d)
		}
		d.place++
		last := d.message(t, radius.StatusStop, begun.Add(time.Duration(5+d.n%20)*time.Minute))
		radius.AcctTerminateCause.Add(last, 1)
		d.all.account(ctx, last)
	}
}
