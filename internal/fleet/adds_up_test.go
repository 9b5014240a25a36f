package fleet_test

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// What gateways report adds up, whatever they name SIMs by, however often they
// repeat themselves, and whatever happens to SIMs meanwhile: each byte is of the
// SIM whose session carried it, and has the price of where it did.
func TestRandomUsageAddsUp(t *testing.T) { addsUp(t, false) }

// Nor does it matter in which order they come, within a country and for SIMs that
// every report names.
func TestRandomOrderAddsUp(t *testing.T) { addsUp(t, true) }

func addsUp(t *testing.T, shuffled bool) {
	onEngines(t, func(t *testing.T, o store.Options) {
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		m := &model{world: newWorldOn(t, o), shuffled: shuffled, rand: rand.New(rand.NewPCG(seed, 0)), bytes: map[ident.ICCID]int64{}, cost: map[ident.ICCID]int64{}}
		for _, i := range []plan.Item{
			{Package: m.auto.ID, Category: plan.DataItem, Price: 1_000_000, RoundOut: 1024},
			{Package: m.auto.ID, Category: plan.DataItem, Price: 10_000_000, RoundOut: 1024, Countries: []string{"262"}},
		} {
			got(m.CreateItem(t.Context(), m.op, i))(t)
		}
		for i := range 4 {
			m.sims = append(m.sims, m.live(i))
		}
		for range 400 {
			m.step()
		}
		m.finish()
		m.check()
		m.checkTotals(raw(t, o))
	})
}

// model is a world, and what must come out of what was reported in it.
type model struct {
	*world
	rand     *rand.Rand
	shuffled bool          // what waits is counted in any order
	sims     []ident.ICCID // in service
	stocked  int           // SIMs that have replaced others
	open     []*carried
	over     []usage.Key    // of sessions that have ended
	sent     []usage.Report // all there were
	waiting  []usage.Report // to be counted
	bytes    map[ident.ICCID]int64
	cost     map[ident.ICCID]int64
}

// most is what a session carries in one direction from report to report.
const most = 2 << 20

// carried is a session that goes on.
type carried struct {
	session
	of      ident.ICCID
	number  ident.MSISDN
	names   string // what its reports name the SIM by: imsi, number, or nothing but in the Start
	charges string // which of its reports have the Charging-Id: all, start, or later
	in, out int64
}

func (m *model) step() {
	switch n := m.rand.IntN(22); {
	case n < 4:
		m.begin()
	case n < 12:
		m.goOn(usage.Interim)
	case n < 14:
		m.goOn(usage.Stop)
	case n < 17 && len(m.sent) > 0:
		m.waiting = append(m.waiting, m.sent[m.rand.IntN(len(m.sent))])
	case n == 17:
		m.count()
		m.clock.Pass(time.Duration(m.rand.IntN(200)) * time.Minute)
	case n == 18:
		m.count()
		m.replace()
	case n == 19:
		m.count()
		m.command()
	case n == 20:
		m.restart()
	case n == 21 && !m.shuffled && len(m.open) > 0: // a gateway that begins to count anew
		if c := m.open[m.rand.IntN(len(m.open))]; max(c.in, c.out) > most { // or nobody could tell
			c.in, c.out = 0, 0
		}
	}
	if m.rand.IntN(4) == 0 {
		m.count()
	}
}

func (m *model) begin() {
	of := m.sims[m.rand.IntN(len(m.sims))]
	s := m.sim(of)
	c := &carried{session: *m.session(0, fmt.Sprint("s", len(m.sent))), of: of, number: s.MSISDN, names: []string{"imsi", "number", "nothing"}[m.rand.IntN(3)],
		charges: []string{"all", "start", "later"}[m.rand.IntN(3)]}
	if m.shuffled && c.names == "nothing" {
		c.names = "imsi"
	}
	c.imsi, c.key.NAS, c.key.Charging = s.IMSI, fmt.Sprint("pgw", m.rand.IntN(2)), int64(m.rand.IntN(2)*(1+len(m.sent)))
	if len(m.over) > 0 && m.rand.IntN(4) == 0 { // an id that was in use before
		m.count()
		c.key.NAS, c.key.ID = m.over[0].NAS, m.over[0].ID
		m.over = m.over[1:]
		m.clock.Pass(3 * time.Minute)
	}
	m.open = append(m.open, c)
	m.send(c, usage.Start)
}

// goOn reports of one session that it goes on, or ends.
func (m *model) goOn(step usage.Step) {
	if len(m.open) == 0 {
		return
	}
	i := m.rand.IntN(len(m.open))
	c := m.open[i]
	if !m.shuffled && m.rand.IntN(4) == 0 {
		c.mcc = []string{"234", "262"}[m.rand.IntN(2)]
	}
	in, out := m.rand.Int64N(most>>20+1)<<20, m.rand.Int64N(most>>20+1)<<20
	c.in, c.out = c.in+in, c.out+out
	m.bytes[c.of] += in + out
	m.cost[c.of] += (in + out) >> 20 * map[string]int64{"234": 1, "262": 10}[c.mcc]
	m.send(c, step)
	if step == usage.Stop {
		m.open = append(m.open[:i], m.open[i+1:]...)
		m.over = append(m.over, c.key)
	}
}

func (m *model) send(c *carried, step usage.Step) {
	m.clock.Pass(time.Duration(1+m.rand.IntN(30)) * time.Second)
	if step == usage.Start {
		c.begun = m.clock.Now()
	}
	r := c.report(step, c.in, c.out)
	r.MSISDN = c.number
	switch {
	case c.names == "number":
		r.IMSI = ""
	case c.names == "nothing" && step != usage.Start:
		r.IMSI, r.MSISDN = "", ""
	}
	if c.charges != "all" && (c.charges == "start") != (step == usage.Start) {
		r.Key.Charging = 0
	}
	m.sent, m.waiting = append(m.sent, r), append(m.waiting, r)
}

func (m *model) count() {
	if m.shuffled {
		m.rand.Shuffle(len(m.waiting), func(i, j int) { m.waiting[i], m.waiting[j] = m.waiting[j], m.waiting[i] })
	}
	m.ingest(m.waiting...)
	m.waiting = nil
}

// restart has a gateway say that it has begun anew: its sessions are over.
func (m *model) restart() {
	m.count()
	nas := fmt.Sprint("pgw", m.rand.IntN(2))
	m.clock.Pass(3 * time.Minute)
	got(m.CloseNAS(m.t.Context(), nas, m.clock.Now()))(m.t)
	m.open = slices.DeleteFunc(m.open, func(c *carried) bool {
		if c.key.NAS == nas {
			m.over = append(m.over, c.key)
		}
		return c.key.NAS == nas
	})
}

// replace has a SIM from stock replace another, with its number.
func (m *model) replace() {
	if m.stocked == 8 {
		return
	}
	i := m.rand.IntN(len(m.sims))
	m.network(nil)
	fresh := m.stock(m.a, m.auto, 100+m.stocked, 1)[0]
	got(m.SwapSIM(m.t.Context(), m.op, fleet.Swap{Old: m.sims[i], New: fresh}, func(*sim.SIM) error { return nil }))(m.t)
	m.network(nil)
	m.sims[i] = fresh
	m.stocked++
}

// command suspends or resumes a SIM, or gives it another data limit or account.
func (m *model) command() {
	of := m.sims[m.rand.IntN(len(m.sims))]
	switch m.rand.IntN(4) {
	case 0:
		to := []ident.PortfolioID{m.a.ID, m.b.ID}[m.rand.IntN(2)]
		got(m.Apply(m.t.Context(), m.op, []ident.ICCID{of}, func(fleet.Facts) (fleet.Edit, error) { return fleet.Edit{Portfolio: &to}, nil }, nil))(m.t)
	case 1:
		m.edit(of, func(s *sim.SIM) { s.DataLimit = int64(1_000_000 + m.rand.IntN(5)) })
	case 2:
		m.apply(m.op, sim.SuspendAdmin, of)
	default:
		m.apply(m.op, sim.ResumeAdmin, of)
	}
	m.network(nil)
}

func (m *model) finish() {
	for len(m.open) > 0 {
		m.goOn(usage.Stop)
	}
	m.count()
	m.ingest(m.sent...)
}

func (m *model) check() {
	m.t.Helper()
	all := append([]ident.ICCID{}, m.sims...)
	for of := range m.bytes {
		all = append(all, of)
	}
	for _, of := range all {
		s := m.sim(of)
		var used, cost int64
		for _, month := range []int{3, 4} {
			got := got(m.db.StoredMonths(m.t.Context(), []int64{s.ID}, 2026, month))(m.t)[s.ID]
			used, cost = used+got.Bytes, cost+int64(got.Cost)
		}
		if used != m.bytes[of] || cost != m.cost[of]*1_000_000 {
			m.t.Errorf("SIM %s used %d at %d, want %d at %d", of, used, cost, m.bytes[of], m.cost[of]*1_000_000)
		}
		if _, total, err := m.DataSessions(m.t.Context(), m.op, []ident.ICCID{of}, time.Time{}, m.clock.Now().Add(time.Hour), 0, 1); err != nil || m.bytes[of] > 0 && total == 0 {
			m.t.Errorf("SIM %s has %d sessions: %v", of, total, err)
		}
	}
}

// checkTotals holds the counters of hours, items and accounts against what all
// SIMs used.
func (m *model) checkTotals(db *sql.DB) {
	m.t.Helper()
	bytes, cost := int64(0), int64(0)
	for of := range m.bytes {
		bytes, cost = bytes+m.bytes[of], cost+m.cost[of]*1_000_000
	}
	for text, want := range map[string]int64{
		"SELECT CAST(SUM(bytes_in + bytes_out) AS BIGINT) FROM usage_hour": bytes,
		"SELECT CAST(SUM(rounded) AS BIGINT) FROM usage_item":              bytes,
		"SELECT CAST(SUM(bytes) AS BIGINT) FROM portfolio_month":           bytes,
		"SELECT CAST(SUM(cost) AS BIGINT) FROM portfolio_month":            cost,
		`SELECT count(*) FROM (SELECT s.portfolio_no, m.month, SUM(m.bytes) AS b, SUM(m.cost) AS c FROM usage_month m JOIN sim s ON s.id = m.sim_id GROUP BY 1, 2) x
			JOIN (SELECT portfolio_no, month, SUM(bytes) AS b, SUM(cost) AS c FROM portfolio_month GROUP BY 1, 2) y
			ON y.portfolio_no = x.portfolio_no AND y.month = x.month WHERE x.b <> y.b OR x.c <> y.c`: 0,
	} {
		var got int64
		if err := db.QueryRowContext(m.t.Context(), text).Scan(&got); err != nil || got != want {
			m.t.Errorf("%s: %d, want %d (%v)", text, got, want, err)
		}
	}
}
