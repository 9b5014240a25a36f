package aaa_test

import (
	"context"
	"net/netip"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/simurgh-iot/simurgh/internal/edge/aaa"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/usage"
	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// strict is a fleet that takes everything, and fails the test for what a
// database could not store or a sum could not hold.
type strict struct{ t *testing.T }

func (s strict) text(all ...string) {
	for _, text := range all {
		if !utf8.ValidString(text) || len(text) > 253 {
			s.t.Errorf("%q cannot be stored", text)
		}
	}
}

func (s strict) Admit(_ context.Context, asked []usage.Access) ([]fleet.Admitted, error) {
	out := make([]fleet.Admitted, len(asked))
	for i, a := range asked {
		s.text(string(a.IMSI), string(a.MSISDN), string(a.IMEI), a.APN, a.RAT, a.MCC, a.MNC, a.NAS)
		if a.NAS == "" || a.IMSI == "" && a.MSISDN == "" {
			s.t.Errorf("asked of nobody: %+v", a)
		}
		out[i] = fleet.Admitted{AccessRecord: usage.AccessRecord{Access: a, Verdict: usage.Verdict{Accept: true, Interim: time.Minute}}, Known: true}
	}
	return out, nil
}

func (s strict) Keep(_ context.Context, reports []usage.Report) error {
	for _, r := range reports {
		s.text(r.Key.NAS, r.Key.ID, string(r.IMSI), string(r.MSISDN), string(r.IMEI), r.APN, r.User, r.RAT, r.MCC, r.MNC, r.LAI, r.CI)
		far := r.At.After(time.Now().Add(time.Hour)) || r.At.Before(time.Now().AddDate(0, -2, 0))
		if r.Key.ID == "" || r.Key.NAS == "" || r.In < 0 || r.Out < 0 || r.In > 1<<53 || r.Out > 1<<53 || r.Seconds < 0 || far {
			s.t.Errorf("a report that no session can have: %+v", r)
		}
		session, _ := usage.New(1, r)
		session.Take(r)
		if in, out := session.Bytes(); in != r.In || out != r.Out {
			s.t.Errorf("the same report twice counts %d and %d of %d and %d", in, out, r.In, r.Out)
		}
	}
	return nil
}

func (strict) Shares() int                                          { return 1 }
func (strict) FoldShare(context.Context, int) (fleet.Folded, error) { return fleet.Folded{}, nil }

func (strict) RecordAccess(context.Context, []usage.AccessRecord) error { return nil }

func (s strict) CloseNAS(_ context.Context, nas string, _ time.Time) (int, error) {
	if nas == "" {
		s.t.Error("every gateway is closed")
	}
	return 0, nil
}

func (strict) ClaimCuts(context.Context, string, int, time.Duration) ([]usage.Cut, error) {
	return nil, nil
}
func (strict) GatewayLinks(context.Context) (map[string]string, error)          { return nil, nil }
func (strict) SaveLinks(context.Context, string, []string, time.Duration) error { return nil }
func (strict) HurryCuts(context.Context, netip.Prefix) (int64, error)           { return 0, nil }
func (strict) CutDone(context.Context, []usage.CutAnswer) error                 { return nil }

func (strict) NASes(context.Context, fleet.Request) ([]usage.NAS, error) {
	return []usage.NAS{{Name: "pgw1", Prefix: netip.MustParsePrefix("127.0.0.0/8"), Secret: []byte(secret), CoAPort: 3799, Proxy: true}}, nil
}

// Whatever a gateway writes into a packet, nothing panics, what reaches the use
// cases can be stored, and every answer can be sent.
func FuzzHandler(f *testing.F) {
	seed := func(p *radius.Packet) {
		raw, err := p.AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(p.Code), raw[radius.MinPacket:])
	}
	full := message(0, "a1", radius.StatusInterimUpdate, 5<<32)
	radius.UserName.Add(full, "0234150000000000@wlan.mnc015.mcc234.3gppnetwork.org")
	radius.Class.Add(full, []byte("simurgh1:234150000000000"))
	radius.CallingStationID.Add(full, "447700900000")
	radius.CalledStationID.Add(full, "internet.mnc015.mcc234.gprs")
	radius.IMEISV.Add(full, "49015420323751")
	radius.SGSNMCCMNC.Add(full, "26201")
	radius.RATType.Add(full, radius.RATLTE)
	radius.EventTimestamp.Add(full, time.Now())
	radius.AcctDelayTime.Add(full, 1<<31)
	radius.FramedIPv6Prefix.Add(full, netip.MustParsePrefix("2001:db8::/64"))
	radius.NASIPAddress.Add(full, netip.MustParseAddr("10.0.0.1"))
	radius.UserLocationInfo.Add(full, radius.Location{Type: radius.LocationTAIECGI, Area: "23415", AreaID: 0x1a2b, Cell: "23415", CellID: 0x33f001})
	seed(full)
	ask := full.Clone()
	ask.Code = radius.AccessRequest
	seed(ask)
	off := radius.New(radius.AccountingRequest)
	radius.AcctStatusType.Add(off, radius.StatusAccountingOff)
	seed(off)
	f.Fuzz(func(t *testing.T, code byte, attributes []byte) {
		raw := append([]byte{code, 7, 0, 0}, make([]byte, radius.MinPacket-4)...)
		raw = append(raw, attributes...)
		raw[2], raw[3] = byte(len(raw)>>8), byte(len(raw))
		p, err := radius.Parse(raw)
		if err != nil || p.Code != radius.AccessRequest && p.Code != radius.AccountingRequest {
			return // the server drops it
		}
		s, err := aaa.New(aaa.Options{Fleet: strict{t}, Auth: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		s.Start(ctx)
		reply := s.Handle(ctx, &radius.Request{Packet: p, Remote: netip.MustParseAddrPort("127.0.0.1:4000"), Client: radius.Client{Name: "pgw1", Secret: []byte(secret)}})
		if reply == nil {
			t.Fatal("no answer")
		}
		if _, err := reply.AppendReply(nil, p, []byte(secret)); err != nil {
			t.Error(err)
		}
	})
}
