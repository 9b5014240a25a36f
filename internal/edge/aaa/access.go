package aaa

import (
	"context"
	"net/netip"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/usage"
	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// admit answers an Access-Request that others may be gathered with.
func (s *Server) admit(ctx context.Context, r *radius.Request) *radius.Packet {
	asked, reply, result := s.question(r)
	if reply == nil {
		answer, err := s.access.ask(ctx, asked)
		reply, result = s.conclude(&answer, err)
		if err == nil && answer.Known {
			s.records.add([]usage.AccessRecord{answer.AccessRecord})
		}
	}
	s.Observer.Access(result, time.Since(r.Arrived))
	return reply
}

// admitTogether answers Access-Requests that have come together.
func (s *Server) admitTogether(ctx context.Context, requests []*radius.Request) []*radius.Packet {
	replies, results := make([]*radius.Packet, len(requests)), make([]string, len(requests))
	asked, of := make([]usage.Access, 0, len(requests)), make([]int, 0, len(requests))
	for i, r := range requests {
		if s.gateways.pretends(r) {
			s.Observer.Dropped(PortAuth, DropImpersonation)
			continue
		}
		var q usage.Access
		if q, replies[i], results[i] = s.question(r); replies[i] == nil {
			asked, of = append(asked, q), append(of, i)
		}
	}
	if len(asked) > 0 {
		answers, err := s.Fleet.Admit(ctx, asked)
		if err != nil {
			answers = make([]fleet.Admitted, len(asked))
		}
		records := make([]usage.AccessRecord, 0, len(answers))
		for n, i := range of {
			replies[i], results[i] = s.conclude(&answers[n], err)
			if answers[n].Known {
				records = append(records, answers[n].AccessRecord)
			}
		}
		s.records.add(records)
	}
	for i, r := range requests {
		if results[i] != "" {
			s.Observer.Access(results[i], time.Since(r.Arrived))
		}
	}
	return replies
}

// question translates a request, or answers one that nobody has to be asked of.
func (s *Server) question(r *radius.Request) (asked usage.Access, reply *radius.Packet, result string) {
	if radius.EAPMessage.Has(r.Packet) {
		return asked, s.reject("EAP is not spoken here"), RefusedEAP
	}
	if asked = s.asked(r); asked.IMSI == "" && asked.MSISDN == "" {
		return asked, s.reject("no subscriber is named"), string(usage.UnknownSubscriber)
	}
	return asked, nil, ""
}

// conclude makes a reply of what the use case answered.
func (s *Server) conclude(answer *fleet.Admitted, err error) (*radius.Packet, string) {
	if err != nil {
		return s.refused(err)
	}
	if !answer.Verdict.Accept {
		return s.reject(answer.Verdict.Reason), string(answer.Verdict.Refusal)
	}
	return s.accept(answer), Accepted
}

// asked translates the question.
func (s *Server) asked(r *radius.Request) usage.Access {
	a := usage.Access{At: s.Now(), IMEI: device(r.Packet), APN: apn(r.Packet), NAS: nasOf(r)}
	a.IMSI, a.MSISDN = subscriber(r.Packet)
	at := placeOf(r.Packet)
	a.RAT, a.MCC, a.MNC = at.rat, at.mcc, at.mnc
	return a
}

// refused says which failures a gateway hears of as a reject; silence makes it
// ask again, or ask another server.
func (s *Server) refused(err error) (*radius.Packet, string) {
	switch fault.KindOf(err) {
	case fault.Invalid, fault.NotFound, fault.Forbidden, fault.Unauthenticated, fault.Precondition, fault.Unimplemented:
		return s.reject(err.Error()), string(usage.UnknownSubscriber)
	case fault.Unavailable, fault.Internal, fault.Conflict, fault.Exhausted:
	}
	return nil, Unanswered
}

// reject says no, and why only where the operator wants gateways to know.
func (s *Server) reject(reason string) *radius.Packet {
	p := radius.New(radius.AccessReject)
	if s.Explain {
		radius.ReplyMessage.Add(p, reason[:min(len(reason), 253)])
	}
	return p
}

// accept says yes. The Class, which comes back with every report, tells the SIM
// also where the gateway knows its number alone, and that moves to another one.
func (s *Server) accept(answer *fleet.Admitted) *radius.Packet {
	p, v := radius.New(radius.AccessAccept), &answer.Verdict
	switch {
	case v.IP.Is4():
		radius.FramedIPAddress.Add(p, v.IP)
	case v.IP.Is6():
		addPrefix(p, v.IP)
	}
	radius.AcctInterimInterval.Add(p, uint32(v.Interim/time.Second))
	radius.Class.Add(p, []byte(classMark+string(answer.IMSI)))
	if s.SessionTimeout > 0 {
		radius.SessionTimeout.Add(p, uint32(s.SessionTimeout/time.Second))
	}
	return p
}

// addPrefix gives a device its /64, and the rest of the address as the
// identifier of its interface, if there is one (3GPP TS 29.061 section 16.4.4).
func addPrefix(p *radius.Packet, ip netip.Addr) {
	radius.FramedIPv6Prefix.Add(p, netip.PrefixFrom(ip, 64).Masked())
	raw := ip.As16()
	if [8]byte(raw[8:]) != [8]byte{} {
		radius.FramedInterfaceID.Add(p, raw[8:])
	}
}

// admitAll asks the use case.
func (s *Server) admitAll(ctx context.Context, batch []*question[usage.Access, fleet.Admitted]) {
	asked := make([]usage.Access, len(batch))
	for i, q := range batch {
		asked[i] = q.ask
	}
	answers, err := s.Fleet.Admit(ctx, asked)
	for i, q := range batch {
		if q.err = err; err == nil {
			q.answer = answers[i]
		}
	}
}
