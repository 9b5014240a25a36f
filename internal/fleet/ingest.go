package fleet

import (
	"context"
	"strconv"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// UsageWriter stores what networks report.
type UsageWriter interface {
	Advance(ctx context.Context, reports []*usage.Report) ([]bool, error)
	Metered(ctx context.Context, imsis []ident.IMSI, numbers []ident.MSISDN, at time.Time) (map[string]*usage.Subscriber, error)
	MeteredIDs(ctx context.Context, ids []int64, at time.Time) (map[int64]*usage.Subscriber, error)
	LiveSessions(ctx context.Context, ids []int64) ([]usage.Session, error)
	SessionsAt(ctx context.Context, uses []usage.Use) ([]*usage.Session, error)
	Quiet(ctx context.Context, ids []int64, since time.Time) (int64, error)
	Reconsider(ctx context.Context, ids []int64) error
	SaveSessions(ctx context.Context, sessions []*usage.Session) error
	StoredActivities(ctx context.Context, ids []int64) (map[int64]usage.Activity, error)
	SaveActivities(ctx context.Context, activities map[int64]*usage.Activity) error
	StoredMonths(ctx context.Context, ids []int64, year, month int) (map[int64]usage.Month, error)
	AddMonths(ctx context.Context, months map[usage.MonthKey]*usage.Month) error
	UsedSince(ctx context.Context, simID int64, since time.Time) (bytes, sms int64, err error)
	AddHours(ctx context.Context, hours map[usage.HourKey]usage.Hour) error
	StoredItem(ctx context.Context, k usage.ItemKey) (rounded int64, err error)
	AddItems(ctx context.Context, items map[usage.ItemKey]int64) error
	AddAlerts(ctx context.Context, alerts []usage.Alert) error
	Cut(ctx context.Context, ids []int64, reason string, now time.Time) (int64, error)
	Adjust(ctx context.Context, ids []int64, reason string, interim time.Duration, now time.Time) (int64, error)
}

// Ingested counts what became of reports.
type Ingested struct {
	Taken   int // counted
	Ignored int // repetitions, or older than what is known
	Unknown int // of subscribers that no SIM stands for
}

// metering takes what networks report of data sessions, inside one transaction:
// it counts, rates and keeps the last that was heard, and applies the rules. The
// same reports again change nothing.
//
// What a session has carried stands in the session at once, and in the counters
// of hour and month, priced, once the hour is over or the session ends. Who
// reads the counters adds what is pending.
type metering struct {
	*known
	s  *Service
	tx Tx
	at time.Time

	sims   map[string]*usage.Subscriber         // by IMSI, by + and number, and by # and id
	goesOn map[*usage.Session]*usage.Subscriber // whose session goes on, for reports without an IMSI
	open   map[int64][]*usage.Session           // by SIM
	under  map[usage.Key][]*usage.Session       // by key without Charging-Id
	heard  map[int64]*usage.Activity            // with what open sessions tell
	before map[usage.ItemKey]int64              // as stored, where a price depends on it

	changed map[*usage.Session]bool
	over    map[*usage.Session]bool
	monthly map[usage.MonthKey]*usage.Month // what to add
	hourly  map[usage.HourKey]usage.Hour
	items   map[usage.ItemKey]int64
	touched map[int64]*touch
	notices []notice
	rules   *batch
	count   Ingested
}

// touch is what the rules look at, of one SIM.
type touch struct {
	sim      *usage.Subscriber
	more     int64 // bytes that are new
	monthAdd int64 // of them, in the month at hand
	smsAdd   int64
	wrong    ident.IMEI // a device that it may not be used in
	open     bool       // a session goes on
}

// notice is an alert in the making.
type notice struct {
	sim    int64
	kind   usage.AlertKind
	detail string
}

func newMetering(s *Service, tx Tx) *metering {
	m := &metering{s: s, tx: tx, at: s.now(), known: newKnown(tx, tenant.Everything()),
		goesOn: map[*usage.Session]*usage.Subscriber{}, open: map[int64][]*usage.Session{}, under: map[usage.Key][]*usage.Session{}, heard: map[int64]*usage.Activity{}, before: map[usage.ItemKey]int64{},
		changed: map[*usage.Session]bool{}, over: map[*usage.Session]bool{}, monthly: map[usage.MonthKey]*usage.Month{},
		hourly: map[usage.HourKey]usage.Hour{}, items: map[usage.ItemKey]int64{}, touched: map[int64]*touch{}}
	m.rules = &batch{r: ruleRequest(), known: m.known, tx: tx, at: m.at}
	return m
}

func (m *metering) run(ctx context.Context, reports []usage.Report) error {
	rest, err := m.advance(ctx, reports)
	if err != nil || len(rest) == 0 {
		return err
	}
	if err := m.load(ctx, rest); err != nil {
		return err
	}
	for _, r := range rest {
		if err := m.take(ctx, r); err != nil {
			return err
		}
	}
	if err := m.applyRules(ctx); err != nil {
		return err
	}
	m.allow()
	if err := m.save(ctx); err != nil {
		return err
	}
	return m.rules.write(ctx)
}

// advance lets the store take the reports that need nobody's judgement, and
// returns the others in order. Several reports of one session stay together.
func (m *metering) advance(ctx context.Context, reports []usage.Report) (rest []*usage.Report, err error) {
	times := make(map[usage.Key]int, len(reports))
	for i := range reports {
		times[reports[i].Key]++
	}
	var plain []*usage.Report
	for i := range reports {
		r := &reports[i]
		if r.Step == usage.Interim && r.IMSI != "" && times[r.Key] == 1 && r.In >= 0 && r.Out >= 0 && sameMonth(r.At, m.at) {
			plain = append(plain, r)
		} else {
			rest = append(rest, r)
		}
	}
	if len(plain) == 0 {
		return rest, nil
	}
	taken, err := m.tx.Advance(ctx, plain)
	for i, ok := range taken {
		if ok {
			m.count.Taken++
		} else {
			rest = append(rest, plain[i])
		}
	}
	return rest, err
}

func sameMonth(a, b time.Time) bool { return a.Year() == b.Year() && a.Month() == b.Month() }

// load reads, and locks, everything that the reports are about.
func (m *metering) load(ctx context.Context, reports []*usage.Report) (err error) {
	imsis, numbers := map[ident.IMSI]bool{}, map[ident.MSISDN]bool{}
	for _, r := range reports {
		if r.IMSI != "" {
			imsis[r.IMSI] = true
		} else if r.MSISDN != "" {
			numbers[r.MSISDN] = true
		}
	}
	if m.sims, err = m.tx.Metered(ctx, keysOf(imsis), keysOf(numbers), m.at); err != nil {
		return err
	}
	if err := m.loadNameless(ctx, reports); err != nil {
		return err
	}
	ids := map[int64]bool{}
	for _, s := range m.sims {
		ids[s.ID] = true
	}
	live, err := m.tx.LiveSessions(ctx, keysOf(ids))
	if err != nil {
		return err
	}
	for i := range live {
		s := m.recall(&live[i])
		m.open[s.SIM] = append(m.open[s.SIM], s)
	}
	m.addPending()
	if err := m.loadSessions(ctx, reports, func(r *usage.Report) bool { return m.owner(r) != nil && !m.told(r) }); err != nil {
		return err
	}
	return m.loadHeard(ctx, reports, live)
}

// loadNameless reads the sessions of reports without an IMSI, and the SIMs of those
// that go on: the number may have moved to another SIM since they began. Those are
// locked after their sessions; who does it the other way round at that moment makes
// one of the two run again.
func (m *metering) loadNameless(ctx context.Context, reports []*usage.Report) (err error) {
	if err := m.loadSessions(ctx, reports, func(r *usage.Report) bool { return r.IMSI == "" }); err != nil {
		return err
	}
	leaves, ids := map[*usage.Session]int64{}, map[int64]bool{}
	for _, r := range reports {
		s, owner := m.sessionOf(r), m.owner(r)
		if s != nil && s.GoesOn(r) && (owner == nil || owner.ID != s.SIM) {
			leaves[s], ids[s.SIM] = s.SIM, true
		}
	}
	if len(ids) == 0 {
		return nil
	}
	found, err := m.tx.MeteredIDs(ctx, keysOf(ids), m.at)
	for session, id := range leaves {
		if s := found[id]; s != nil {
			m.goesOn[session], m.sims["#"+strconv.FormatInt(id, 10)] = s, s
		}
	}
	return err
}

// addPending adds what open sessions have carried in the month at hand, and no
// counter holds yet, to what their SIMs used.
func (m *metering) addPending() {
	begun := usage.HourOf(time.Date(m.at.Year(), m.at.Month(), 1, 0, 0, 0, 0, time.UTC))
	for _, owner := range m.sims {
		if owner.DataLimit == 0 {
			continue
		}
		for _, s := range m.open[owner.ID] {
			if s.Hour >= begun {
				in, out := s.Pending()
				owner.Used += in + out
			}
		}
	}
}

// loadHeard reads what was last heard of the SIMs whose reports may have news.
func (m *metering) loadHeard(ctx context.Context, reports []*usage.Report, live []usage.Session) error {
	news := map[int64]bool{}
	for _, r := range reports {
		owner, known := m.owner(r), m.sessionOf(r)
		if owner != nil && (known == nil || r.Step != usage.Interim || known.Ended() || known.Said != r.Said()) {
			news[owner.ID] = true
		}
	}
	if len(news) == 0 {
		return nil
	}
	stored, err := m.tx.StoredActivities(ctx, keysOf(news))
	if err != nil {
		return err
	}
	for id := range news {
		a := stored[id]
		m.heard[id] = &a
	}
	for i := range live {
		if a := m.heard[live[i].SIM]; a != nil {
			a.Hear(&live[i])
		}
	}
	return nil
}

func keysOf[K comparable, V any](m map[K]V) []K {
	out := make([]K, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	return out
}

// owner returns the SIM that a report is of; nil for none.
func (m *metering) owner(r *usage.Report) *usage.Subscriber {
	if r.IMSI != "" {
		return m.sims[string(r.IMSI)]
	}
	if s := m.sessionOf(r); s != nil && m.goesOn[s] != nil && s.GoesOn(r) {
		return m.goesOn[s]
	}
	return m.sims["+"+string(r.MSISDN)]
}
