package usage

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// Access is a network's question whether a subscriber may have a data session.
type Access struct {
	At     time.Time
	IMSI   ident.IMSI
	MSISDN ident.MSISDN
	IMEI   ident.IMEI
	APN    string
	RAT    string
	MCC    string
	MNC    string
	NAS    string
}

// Subscriber is what answers to networks depend on: of the SIM its identifiers,
// address, APN, package, limits, lock and where it stands, the rest being zero;
// and, where it has a data limit, what it used in the month at hand.
type Subscriber struct {
	sim.SIM
	Used    int64
	AlertAt int64 // per cent of the limit that raises an alert; 0 where its account has no rule
}

// Verdict is the answer. Reason says why not, for the SIM's timeline; a network
// is told no more than no.
type Verdict struct {
	Accept  bool
	Refusal Refusal // empty when it accepts
	Reason  string
	IP      netip.Addr    // static address; zero for one of the network's choice
	Interim time.Duration // how often the network is to report
}

// Refusal says in one word why a subscriber is not let in. Metrics carry it:
// append only.
type Refusal string

// The refusals.
const (
	UnknownSubscriber Refusal = "unknown"
	NotInService      Refusal = "state"
	IsSuspended       Refusal = "suspended"
	DataBarred        Refusal = "barred"
	OverLimit         Refusal = "limit"
	WrongDevice       Refusal = "device"
	WrongAPN          Refusal = "apn"
)

// Refusals lists every refusal.
func Refusals() []Refusal {
	return []Refusal{UnknownSubscriber, NotInService, IsSuspended, DataBarred, OverLimit, WrongDevice, WrongAPN}
}

// How often networks report: seldom far from a limit, often near it, so that a
// session overshoots by little.
const (
	calmInterim  = 5 * time.Minute
	tightInterim = time.Minute
	tightFrom    = 80 // per cent of a data limit
)

// Megabyte is the unit of data limits.
const Megabyte = 1 << 20

// Judge decides on what is wanted of the SIM: a suspension holds from the
// moment that it is set. month is what the SIM used in the month at hand.
func Judge(s *sim.SIM, month Month, a Access) Verdict {
	if why, reason := refuse(s, month, a); why != "" {
		return Verdict{Refusal: why, Reason: reason}
	}
	return Verdict{Accept: true, IP: s.IP, Interim: InterimOf(s.DataLimit, month.Bytes)}
}

// InterimOf is how often a network is to report of a SIM with a data limit in
// megabytes, 0 for none, that has used so many bytes of it.
func InterimOf(limit, used int64) time.Duration {
	if limit > 0 && used >= TightAt(limit) {
		return tightInterim
	}
	return calmInterim
}

// TightAt is from how many bytes on a network is to report often.
func TightAt(limit int64) int64 { return limit * Megabyte / 100 * tightFrom }

func refuse(s *sim.SIM, month Month, a Access) (Refusal, string) {
	state := s.Wanted.State
	switch {
	case state != sim.Provisioned && state != sim.AwaitingReview:
		return NotInService, "the SIM is " + s.Status().String()
	case s.Wanted.Suspended != 0:
		return IsSuspended, suspended(s)
	case s.Barred.Has(sim.Data):
		return DataBarred, "data is barred"
	case s.DataLimit > 0 && month.Bytes >= s.DataLimit*Megabyte:
		return OverLimit, fmt.Sprintf("the data limit of %d MB is reached", s.DataLimit)
	case s.IMEILock != "" && a.IMEI == "":
		return WrongDevice, "the SIM is bound to a device, and the network does not say which it is in"
	case !s.MayUse(a.IMEI):
		return WrongDevice, fmt.Sprintf("the SIM is bound to device %s, and is in %s", s.IMEILock, a.IMEI)
	case s.APN != "" && a.APN != "" && !strings.EqualFold(s.APN, networkID(a.APN)):
		return WrongAPN, fmt.Sprintf("the APN is %q; the SIM's is %q", a.APN, s.APN)
	}
	return "", ""
}

func suspended(s *sim.SIM) string {
	for _, k := range sim.AllKinds() {
		if s.Wanted.Suspended.Has(k) {
			why := "suspended (" + k.String() + ")"
			if r := s.Holds[k].Reason; r != "" {
				why += ": " + r
			}
			return why
		}
	}
	return ""
}

// networkID drops the operator identifier of an APN (3GPP TS 23.003 section
// 9.1.2): internet.mnc015.mcc234.gprs is internet.
func networkID(apn string) string {
	parts := strings.Split(apn, ".")
	if n := len(parts); n > 3 && strings.EqualFold(parts[n-1], "gprs") && strings.HasPrefix(strings.ToLower(parts[n-3]), "mnc") {
		return strings.Join(parts[:n-3], ".")
	}
	return apn
}

// AccessRecord is one question and its answer, as the timeline keeps it. Rejects
// by one gateway for the same reason that follow one another are one record; it
// tells of the first of them.
type AccessRecord struct {
	ID      int64
	SIM     int64
	Access  Access
	Verdict Verdict
	Times   int64     // how many it stands for; 0 is 1
	LastAt  time.Time // the last of them; zero for a record of one
}

// FoldTime is how far apart the rejects of one record may be, so that a device
// that does not give up fills no disk: it gets a record a minute for each gateway
// and each of the [Refusals], whatever APN or device it claims.
const FoldTime = time.Minute

// Fold puts rejects into the records that they belong to. Open are stored
// records that may take some; the result holds those that did, with the Times
// that they are to have more, and the new ones.
func Fold(open, fresh []AccessRecord) []AccessRecord {
	type key struct {
		sim int64
		nas string
		why Refusal
	}
	out, at := make([]AccessRecord, 0, len(open)+len(fresh)), map[key]int{}
	for _, r := range open {
		r.Times = 0
		at[key{r.SIM, r.Access.NAS, r.Verdict.Refusal}] = len(out)
		out = append(out, r)
	}
	for _, r := range fresh {
		r.Times = max(r.Times, 1)
		k := key{r.SIM, r.Access.NAS, r.Verdict.Refusal}
		if i, there := at[k]; there && !r.Verdict.Accept && r.Access.At.Sub(out[i].Access.At).Abs() < FoldTime {
			out[i].Times += r.Times
			out[i].LastAt = latest(out[i].LastAt, r.LastAt, r.Access.At)
			continue
		}
		if !r.Verdict.Accept {
			at[k] = len(out)
		}
		out = append(out, r)
	}
	return slices.DeleteFunc(out, func(r AccessRecord) bool { return r.Times == 0 })
}

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

// Authentication is what became of one request for access, or of several: a data
// session, or a reject. One of the two is nil.
type Authentication struct {
	Session *Session
	Reject  *AccessRecord
}

// NAS is a gateway that may speak RADIUS to us.
type NAS struct {
	Name     string
	Prefix   netip.Prefix // its addresses
	CoAPort  int          // where it takes Disconnect and CoA; 3799
	Unsigned bool         // it cannot send Message-Authenticator
	Proxy    bool         // it speaks for others, whose sessions are cut at the addresses that they name
	CoA      bool         // it takes CoA-Requests, too
	Secret   []byte       // opened; empty in lists
	Sealed   []byte
	Created  time.Time
}
