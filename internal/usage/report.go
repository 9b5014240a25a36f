package usage

import (
	"net/netip"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
)

// Step is what an accounting message says of its session.
type Step uint8

// The steps (RFC 2866 section 5.1).
const (
	Start Step = iota + 1
	Interim
	Stop
)

// Report is one accounting message of a network about one data session.
// Counters are absolute: since the session began. In is from the device, Out to
// it (RFC 2866 section 5.3).
type Report struct {
	Key     Key
	Step    Step
	At      time.Time // when the network wrote it, not when it arrived
	Seconds int64     // since the session began, as the network counts
	In, Out int64
	Cause   int // of a Stop, RFC 2866 section 5.10; 0 unknown

	IMSI   ident.IMSI
	MSISDN ident.MSISDN
	IMEI   ident.IMEI // as reported; empty when it was not
	APN    string
	User   string
	IP     netip.Addr
	RAT    string
	MCC    string // of the visited network
	MNC    string
	LAI    string         // location or tracking area, hexadecimal
	CI     string         // cell, hexadecimal
	Where  netip.AddrPort // where the session is to be cut: the NAS's CoA port
	Class  []byte
	Source netip.Addr // who sent it
}

// Total returns what r has counted in both directions.
func (r *Report) Total() int64 { return r.In + r.Out }

// began is when the session began, as far as the report tells.
func (r *Report) began() time.Time { return r.At.Add(-time.Duration(r.Seconds) * time.Second) }

// Said is a fingerprint of what r says of subscriber, device, place and
// address: everything but the time and the counters. Stored sessions carry it.
func (r *Report) Said() int64 {
	h := fingerprint(fnvOffset)
	for _, text := range [...]string{string(r.IMSI), string(r.MSISDN), string(r.IMEI), r.APN, r.User, r.RAT, r.MCC, r.MNC, r.LAI, r.CI} {
		for i := range len(text) {
			h.add(text[i])
		}
		h.add(0)
	}
	var b [64]byte
	ip, _ := r.IP.AppendText(b[:0]) // an address always has a text
	h.addAll(ip)
	where, _ := r.Where.AppendText(b[:0])
	h.addAll(where)
	h.addAll(r.Class)
	return int64(h)
}

// fingerprint is FNV-1a of 64 bits.
type fingerprint uint64

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func (h *fingerprint) add(b byte) { *h = (*h ^ fingerprint(b)) * fnvPrime }

func (h *fingerprint) addAll(list []byte) {
	for _, b := range list {
		h.add(b)
	}
	h.add(0)
}

// inherit takes over what an older report said and r does not.
func (r *Report) inherit(old *Report) {
	inherit(&r.IMSI, old.IMSI)
	inherit(&r.MSISDN, old.MSISDN)
	inherit(&r.IMEI, old.IMEI)
	inherit(&r.APN, old.APN)
	inherit(&r.User, old.User)
	inherit(&r.RAT, old.RAT)
	if r.MCC == "" {
		r.MCC, r.MNC = old.MCC, old.MNC
	}
	if r.LAI == "" && r.CI == "" {
		r.LAI, r.CI = old.LAI, old.CI
	}
	if !r.IP.IsValid() {
		r.IP = old.IP
	}
	if !r.Where.IsValid() {
		r.Where = old.Where
	}
	if len(r.Class) == 0 {
		r.Class = old.Class
	}
}

func inherit[T ~string](to *T, old T) {
	if *to == "" {
		*to = old
	}
}
