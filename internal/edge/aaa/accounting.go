package aaa

import (
	"context"
	"net/netip"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/usage"
	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// account answers an Accounting-Request once what it says is durable.
func (s *Server) account(ctx context.Context, r *radius.Request) *radius.Packet {
	m := s.message(r)
	var err error
	switch {
	case m.counts:
		_, err = s.accounts.ask(ctx, m.report)
	case restarts(r.Packet):
		err = s.closeNAS(ctx, r)
	}
	return s.answered(&m, err)
}

// accountTogether answers Accounting-Requests that have come together, but for
// those that [restarts] is about.
func (s *Server) accountTogether(ctx context.Context, requests []*radius.Request) []*radius.Packet {
	replies, messages := make([]*radius.Packet, len(requests)), make([]message, len(requests))
	reports := make([]usage.Report, 0, len(requests))
	for i, r := range requests {
		if s.gateways.pretends(r) {
			s.Observer.Dropped(PortAcct, DropImpersonation)
			continue
		}
		if messages[i] = s.message(r); messages[i].counts {
			reports = append(reports, messages[i].report)
		}
	}
	var err error
	if len(reports) > 0 {
		err = s.keep(ctx, reports)
	}
	for i := range messages {
		if m := &messages[i]; m.counts {
			replies[i] = s.answered(m, err)
		} else if m.step != "" {
			replies[i] = s.answered(m, nil)
		}
	}
	return replies
}

// restarts reports that a gateway says that it begins or ends its work: its
// sessions are over once all is counted that it has said before.
func restarts(p *radius.Packet) bool {
	status, _ := radius.AcctStatusType.Get(p)
	return status == radius.StatusAccountingOn || status == radius.StatusAccountingOff
}

// message is what an Accounting-Request says (RFC 2866 section 5.1).
type message struct {
	step   string // as metrics name it
	counts bool   // it has a report that counts
	result string // when nothing fails
	report usage.Report
}

func (s *Server) message(r *radius.Request) message {
	status, _ := radius.AcctStatusType.Get(r.Packet)
	switch status {
	case radius.StatusStart:
		return s.reported(r, StepStart, usage.Start)
	case radius.StatusInterimUpdate:
		return s.reported(r, StepInterim, usage.Interim)
	case radius.StatusStop:
		return s.reported(r, StepStop, usage.Stop)
	case radius.StatusAccountingOn:
		return message{step: StepOn, result: Answered}
	case radius.StatusAccountingOff:
		return message{step: StepOff, result: Answered}
	case radius.StatusFailed:
	}
	return message{step: StepOther, result: Answered}
}

func (s *Server) reported(r *radius.Request, name string, step usage.Step) message {
	m := message{step: name, result: Answered}
	if m.report, m.counts = s.report(r, step); !m.counts {
		m.result = Incomplete
	}
	return m
}

// answered is the answer to a message; none when what it says is not durable.
func (s *Server) answered(m *message, err error) *radius.Packet {
	if err != nil {
		s.Observer.Accounting(m.step, Unanswered)
		return nil
	}
	s.Observer.Accounting(m.step, m.result)
	return radius.New(radius.AccountingResponse)
}

// mostBytes is more than any session carries, and little enough that sums of it
// do not overflow.
const mostBytes = 1 << 53

// report translates a packet; false when it names no session, or counters that
// no session can have.
func (s *Server) report(r *radius.Request, step usage.Step) (usage.Report, bool) {
	p := r.Packet
	id, ok := radius.AcctSessionID.Get(p)
	in, _ := radius.InputOctets(p)
	out, _ := radius.OutputOctets(p)
	if !ok || in > mostBytes || out > mostBytes {
		return usage.Report{}, false
	}
	seconds, _ := radius.AcctSessionTime.Get(p)
	charging, _ := radius.ChargingID.Get(p)
	cause, _ := radius.AcctTerminateCause.Get(p)
	rep := usage.Report{Key: usage.Key{NAS: nasOf(r), ID: id, Charging: int64(charging)}, Step: step, At: s.writtenAt(p),
		Seconds: int64(seconds), In: int64(in), Out: int64(out), Cause: int(cause), IMEI: device(p), APN: apn(p),
		Where: s.gateways.whereToCut(r), Source: r.Remote.Addr()}
	rep.IMSI, rep.MSISDN = subscriber(p)
	rep.User, _ = radius.UserName.Get(p)
	rep.Class, _ = radius.Class.Get(p)
	rep.IP = addressOf(p)
	at := placeOf(p)
	rep.MCC, rep.MNC, rep.LAI, rep.CI, rep.RAT = at.mcc, at.mnc, at.lai, at.ci, at.rat
	return rep, true
}

// addressOf reads the address of the device: IPv4, or else IPv6, or else the
// prefix.
func addressOf(p *radius.Packet) netip.Addr {
	if ip, ok := radius.FramedIPAddress.Get(p); ok {
		return ip
	}
	if ip, ok := radius.FramedIPv6Address.Get(p); ok {
		return ip
	}
	prefix, _ := radius.FramedIPv6Prefix.Get(p)
	return prefix.Addr()
}

// ahead is by how much the clock of a gateway may be fast.
const ahead = 10 * time.Minute

// writtenAt is when the gateway wrote a report. A clock that is far off is not
// believed: the usage would land in a month that is billed, or yet to come.
func (s *Server) writtenAt(p *radius.Packet) time.Time {
	now := s.Now()
	if at, ok := radius.EventTimestamp.Get(p); ok && at.After(now.Add(-s.Past)) && at.Before(now.Add(ahead)) {
		return at
	}
	delay, _ := radius.AcctDelayTime.Get(p)
	return now.Add(-min(time.Duration(delay)*time.Second, s.Past))
}

// nasOf names the gateway as its sessions are kept: by its identifier, or its
// address, or whence the packet came.
func nasOf(r *radius.Request) string {
	if name, ok := radius.NASIdentifier.Get(r.Packet); ok {
		return name
	}
	if addr := nasAddress(r.Packet); addr.IsValid() {
		return addr.String()
	}
	return r.Remote.Addr().String()
}

func nasAddress(p *radius.Packet) netip.Addr {
	if addr, ok := radius.NASIPAddress.Get(p); ok {
		return addr
	}
	addr, _ := radius.NASIPv6Address.Get(p)
	return addr
}

func (s *Server) closeNAS(ctx context.Context, r *radius.Request) error {
	nas := nasOf(r)
	n, err := s.Fleet.CloseNAS(ctx, nas, s.writtenAt(r.Packet))
	s.trouble.met(err)
	if err == nil && n > 0 {
		s.Log.Info("a gateway has restarted; its sessions are over", "gateway", nas, "sessions", n)
	}
	return err
}

// keepAll keeps the reports of those who asked together.
func (s *Server) keepAll(ctx context.Context, batch []*question[usage.Report, struct{}]) {
	reports := make([]usage.Report, len(batch))
	for i, q := range batch {
		reports[i] = q.ask
	}
	err := s.keep(ctx, reports)
	for _, q := range batch {
		q.err = err
	}
}

// keep makes reports durable together, and has them counted.
func (s *Server) keep(ctx context.Context, reports []usage.Report) error {
	begun := time.Now()
	err := s.Fleet.Keep(ctx, reports)
	s.Observer.Kept(len(reports), time.Since(begun), err)
	s.trouble.met(err)
	s.folders.wake()
	return err
}

var _ Fleet = (*fleet.Service)(nil)
