package fleet

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// AccessReader finds subscribers and gateways.
type AccessReader interface {
	Subscribers(ctx context.Context, imsis []ident.IMSI, numbers []ident.MSISDN, at time.Time) (map[string]*usage.Subscriber, error)
	NASes(ctx context.Context) ([]usage.NAS, error)
	Accesses(ctx context.Context, simID int64, from, to time.Time, offset, n int) ([]usage.AccessRecord, int64, error)
	Rejects(ctx context.Context, ids []int64, since time.Time) ([]usage.AccessRecord, error)
	Authentications(ctx context.Context, simID int64, from, to time.Time, offset, n int) ([]usage.Authentication, int64, error)
	Sessions(ctx context.Context, ids []int64, from, to time.Time, offset, n int) ([]usage.Session, int64, error)
	LastEnded(ctx context.Context, simID int64) (s usage.Session, found bool, err error)
	Cuts(ctx context.Context, simID int64, n int) ([]usage.CutRecord, error)
	WaitingCuts(ctx context.Context, after int64, n int, now time.Time) (map[int64]netip.Addr, error)
	GatewayLinks(ctx context.Context, now time.Time) (map[string]string, error)
	OpenAfter(ctx context.Context, nas string, after usage.Mark, n int) ([]usage.Mark, error)
}

// AccessWriter stores gateways, and what they asked.
type AccessWriter interface {
	AddNAS(ctx context.Context, n usage.NAS) error
	RemoveNAS(ctx context.Context, name string) (bool, error)
	AddAccess(ctx context.Context, records []usage.AccessRecord) error
	DropUsage(ctx context.Context, before time.Time, n int) (int64, error)
	DropSessions(ctx context.Context, before time.Time, after int64, n int) (last int64, err error)
}

// Admitted is the answer to one question. Known is false for a subscriber that
// no SIM stands for; the verdict is then no.
type Admitted struct {
	usage.AccessRecord
	Known bool
	IMSI  ident.IMSI // of the SIM, however it was named
}

// Admit answers networks whether subscribers may have a data session: many
// questions at the price of one. The records of those that are known are to be
// handed to RecordAccess.
func (s *Service) Admit(ctx context.Context, asked []usage.Access) ([]Admitted, error) {
	now := s.now()
	imsis, numbers := make([]ident.IMSI, 0, len(asked)), []ident.MSISDN(nil)
	for i := range asked {
		if asked[i].IMSI != "" {
			imsis = append(imsis, asked[i].IMSI)
		} else if asked[i].MSISDN != "" {
			numbers = append(numbers, asked[i].MSISDN)
		}
	}
	found, err := s.store.Subscribers(ctx, imsis, numbers, now)
	if err != nil {
		return nil, err
	}
	out := make([]Admitted, len(asked))
	for i, a := range asked {
		if a.At.IsZero() {
			a.At = now
		}
		owner := found[string(a.IMSI)]
		if a.IMSI == "" {
			owner = found["+"+string(a.MSISDN)]
		}
		rec := usage.AccessRecord{Access: a, Verdict: usage.Verdict{Refusal: usage.UnknownSubscriber, Reason: "unknown subscriber"}}
		out[i] = Admitted{AccessRecord: rec}
		if owner != nil {
			out[i].SIM, out[i].Verdict = owner.ID, usage.Judge(&owner.SIM, usage.Month{Bytes: owner.Used}, a)
			out[i].Known, out[i].IMSI = true, owner.IMSI
		}
	}
	return out, nil
}

// RecordAccess keeps answered requests for the SIMs' timelines. Rejects for the
// same reason are folded, see [usage.Fold].
func (s *Service) RecordAccess(ctx context.Context, records []usage.AccessRecord) error {
	refused, since := map[int64]bool{}, s.now()
	for i := range records {
		if r := &records[i]; !r.Verdict.Accept {
			if refused[r.SIM] = true; r.Access.At.Before(since) {
				since = r.Access.At
			}
		}
	}
	return s.store.Write(ctx, func(tx Tx) error {
		var open []usage.AccessRecord
		if len(refused) > 0 {
			var err error
			if open, err = tx.Rejects(ctx, keysOf(refused), since.Add(-usage.FoldTime)); err != nil {
				return err
			}
		}
		return tx.AddAccess(ctx, usage.Fold(open, records))
	})
}

// Authentications lists what became of requests for access of a SIM that the
// caller has read, newest first: its data sessions, and the rejects.
func (s *Service) Authentications(ctx context.Context, r Request, of *sim.SIM, from, to time.Time, offset, n int) ([]usage.Authentication, int64, error) {
	if err := r.Caller.Needs(tenant.ActivityGet); err != nil {
		return nil, 0, err
	}
	return s.store.Authentications(ctx, of.ID, from, to, offset, limit(n))
}

// Accesses lists the requests for access of a SIM, newest first.
func (s *Service) Accesses(ctx context.Context, r Request, iccid ident.ICCID, from, to time.Time, offset, n int) ([]usage.AccessRecord, int64, error) {
	if err := r.Caller.Needs(tenant.ActivityGet); err != nil {
		return nil, 0, err
	}
	got, err := s.SIM(ctx, r, iccid)
	if err != nil {
		return nil, 0, err
	}
	return s.store.Accesses(ctx, got.ID, from, to, offset, limit(n))
}

// DataSessions lists the data sessions of SIMs that began in a range, newest first,
// and how many there are. SIMs that are not the caller's are left out.
func (s *Service) DataSessions(ctx context.Context, r Request, iccids []ident.ICCID, from, to time.Time, offset, n int) ([]usage.Session, int64, error) {
	if err := r.Caller.Needs(tenant.ActivityGet); err != nil {
		return nil, 0, err
	}
	page, err := s.store.List(ctx, r.Caller.Sphere, sim.Query{ICCIDs: iccids, Limit: len(iccids)})
	if err != nil || len(page.SIMs) == 0 {
		return nil, 0, err
	}
	ids := make([]int64, len(page.SIMs))
	for i := range page.SIMs {
		ids[i] = page.SIMs[i].ID
	}
	return s.store.Sessions(ctx, ids, from, to, offset, limit(n))
}

// LastEnded returns the newest data session that has ended of a SIM that the caller has
// read; found is false when there is none.
func (s *Service) LastEnded(ctx context.Context, r Request, of *sim.SIM) (last usage.Session, found bool, err error) {
	if err := r.Caller.Needs(tenant.ActivityGet); err != nil {
		return last, false, err
	}
	return s.store.LastEnded(ctx, of.ID)
}

// AddNAS lets a gateway speak RADIUS to us. The secret is sealed.
func (s *Service) AddNAS(ctx context.Context, r Request, n usage.NAS) error {
	n.Created = s.now()
	if n.CoAPort == 0 {
		n.CoAPort = 3799
	}
	errs := []error{r.Caller.Needs(tenant.NetworkWrite)}
	if !networkName.MatchString(n.Name) {
		errs = append(errs, fault.InvalidField("name", "%q is not up to 63 lower-case letters, digits and hyphens", n.Name))
	}
	if !n.Prefix.IsValid() {
		errs = append(errs, fault.InvalidField("address", "is neither an address nor a network such as 192.0.2.0/24"))
	}
	if len(n.Secret) < 8 || len(n.Secret) > 128 {
		errs = append(errs, fault.InvalidField("secret", "has %d bytes; 8 to 128 are needed", len(n.Secret)))
	}
	if n.CoAPort < 1 || n.CoAPort > 65535 {
		errs = append(errs, fault.InvalidField("coaPort", "is %d; 1 to 65535 are allowed", n.CoAPort))
	}
	if err := fault.Join(errs...); err != nil {
		return err
	}
	n.Prefix, n.Sealed = n.Prefix.Masked(), s.vault.Seal("nas "+n.Name, n.Secret)
	return s.store.Write(ctx, func(tx Tx) error {
		if err := tx.AddNAS(ctx, n); err != nil {
			return taken(err, "nas", n.Name)
		}
		return tx.AddEvents(ctx, []event.Event{r.event(event.NASAdded, "", s.now(), event.Data{Subject: n.Name, To: n.Prefix.String()})})
	})
}

// RemoveNAS ends a gateway's right to speak to us.
func (s *Service) RemoveNAS(ctx context.Context, r Request, name string) error {
	if err := r.Caller.Needs(tenant.NetworkWrite); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx Tx) error {
		found, err := tx.RemoveNAS(ctx, name)
		if err == nil && !found {
			err = fault.Missing("nas", name)
		}
		if err != nil {
			return err
		}
		return tx.AddEvents(ctx, []event.Event{r.event(event.NASRemoved, "", s.now(), event.Data{Subject: name})})
	})
}

// NASes lists the gateways, with their secrets opened; only Simurgh's own parts
// may ask.
func (s *Service) NASes(ctx context.Context, r Request) ([]usage.NAS, error) {
	if err := r.Caller.Needs(tenant.NetworkWrite); err != nil {
		return nil, err
	}
	list, err := s.store.NASes(ctx)
	for i := range list {
		if list[i].Secret, err = s.vault.Open("nas "+list[i].Name, list[i].Sealed); err != nil {
			return nil, err
		}
	}
	return list, err
}

// ParseNASAddress parses an address or a network in CIDR form.
func ParseNASAddress(text string) (netip.Prefix, error) {
	list, err := tenant.ParseAllowList(text)
	if err != nil || len(list) != 1 || strings.TrimSpace(text) == "" {
		return netip.Prefix{}, fault.InvalidField("address", "%q is neither an address nor a network such as 192.0.2.0/24", text)
	}
	return list[0], nil
}

// CloseNAS ends every session of a gateway that has restarted: it says so, or
// begins to count anew (Accounting-On and -Off, RFC 2866 section 5.1). A session
// that was heard of since then is another one. What was reported before is counted
// first.
func (s *Service) CloseNAS(ctx context.Context, nas string, at time.Time) (int, error) {
	if err := s.settled(ctx); err != nil {
		return 0, err
	}
	return s.walkOpen(ctx, nas, func(x usage.Mark) bool { return !x.LastAt.After(at) }, func(tx Tx, found []usage.Mark) (int, error) {
		m := newMetering(s, tx)
		return m.lose(ctx, found, at)
	})
}

// MarkStale marks the sessions that nothing was heard of since a time.
func (s *Service) MarkStale(ctx context.Context, since time.Time) (int, error) {
	quiet := func(x usage.Mark) bool { return x.Phase == usage.Open && !x.LastAt.After(since) }
	return s.walkOpen(ctx, "", quiet, func(tx Tx, found []usage.Mark) (int, error) {
		ids := make([]int64, len(found))
		for i := range found {
			ids[i] = found[i].ID
		}
		n, err := tx.Quiet(ctx, ids, since)
		return int(n), err
	})
}

// walkOpen changes those of the open sessions that are wanted, a page at a
// time, and counts them.
func (s *Service) walkOpen(ctx context.Context, nas string, want func(usage.Mark) bool, change func(Tx, []usage.Mark) (int, error)) (int, error) {
	total := 0
	for at := (usage.Mark{}); ; {
		page, err := s.store.OpenAfter(ctx, nas, at, maxPage)
		if err != nil || len(page) == 0 {
			return total, err
		}
		at = page[len(page)-1]
		found := slices.DeleteFunc(page, func(x usage.Mark) bool { return !want(x) })
		if len(found) == 0 {
			continue
		}
		changed := 0
		if err := s.store.WriteBulk(ctx, func(tx Tx) (err error) {
			changed, err = change(tx, found)
			return err
		}); err != nil {
			return total, err
		}
		total += changed
	}
}

// lose ends those of these sessions that were not heard of since a time.
func (m *metering) lose(ctx context.Context, found []usage.Mark, since time.Time) (int, error) {
	sims, wanted := map[int64]bool{}, map[int64]bool{}
	for _, x := range found {
		sims[x.SIM], wanted[x.ID] = true, true
	}
	// In the order in which metering locks: SIMs, then their sessions.
	if _, err := m.tx.MeteredIDs(ctx, keysOf(sims), m.at); err != nil {
		return 0, err
	}
	live, err := m.tx.LiveSessions(ctx, keysOf(sims))
	if err != nil {
		return 0, err
	}
	for i := range live {
		if s := &live[i]; wanted[s.ID] && !s.LastAt.After(since) && s.Lose() {
			if err := m.settleEnded(ctx, s); err != nil {
				return 0, err
			}
		}
	}
	return len(m.over), m.save(ctx)
}

// DropUsage removes usage that is older than a time, in small steps. The
// counters of months stay: invoices are made of them.
func (s *Service) DropUsage(ctx context.Context, before time.Time) error {
	for n := int64(maxPage); n == maxPage; {
		if err := s.store.Write(ctx, func(tx Tx) (err error) {
			n, err = tx.DropUsage(ctx, before, maxPage)
			return err
		}); err != nil {
			return err
		}
	}
	for last, more := int64(0), true; more; more = last > 0 {
		if err := s.store.Write(ctx, func(tx Tx) (err error) {
			last, err = tx.DropSessions(ctx, before, last, maxPage)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}
