package fleet

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// take counts one report.
func (m *metering) take(ctx context.Context, r *usage.Report) error {
	owner := m.owner(r)
	if owner == nil {
		m.count.Unknown++
		return nil
	}
	session, effect, err := m.session(ctx, owner, r)
	if err != nil {
		return err
	}
	if effect.Ignored {
		m.count.Ignored++
		return nil
	}
	m.count.Taken++
	m.changed[session] = true
	m.observe(owner, session, r)
	t := m.touch(owner)
	if len(r.IMEI) >= 14 && !owner.MayUse(r.IMEI) && r.Step != usage.Stop {
		t.wrong = r.IMEI
	}
	t.open = t.open || !session.Ended()
	t.more += effect.In + effect.Out
	if sameMonth(r.At, m.at) {
		t.monthAdd += effect.In + effect.Out
	}
	return nil
}

func (m *metering) touch(s *usage.Subscriber) *touch {
	t := m.touched[s.ID]
	if t == nil {
		t = &touch{sim: s}
		m.touched[s.ID] = t
	}
	return t
}

// session finds the session that a report belongs to, or begins one, and gives
// it the report. A key that now stands for another SIM is a new session. What was
// carried in another hour or country is settled first, as it was there.
func (m *metering) session(ctx context.Context, owner *usage.Subscriber, r *usage.Report) (*usage.Session, usage.Effect, error) {
	known := m.sessionOf(r)
	if known != nil && known.SIM != owner.ID && known.Key != r.Key {
		known = nil // another SIM's, which only has the same id
	}
	if known != nil && known.SIM == owner.ID {
		r.Key = known.Key
		hour := usage.HourOf(r.At)
		if hour != known.Hour || r.MCC != "" && r.MCC != known.Last.MCC {
			if err := m.settle(ctx, known); err != nil {
				return nil, usage.Effect{}, err
			}
			known.Hour = hour
		}
		if effect := known.Take(*r); !effect.Again {
			return known, effect, m.settleEnded(ctx, known)
		}
	}
	var next *usage.Session
	if known != nil {
		known.Lose()
		if err := m.settleEnded(ctx, known); err != nil {
			return nil, usage.Effect{}, err
		}
	} else if next = m.next(owner, r); next != nil && !next.Follows(r) {
		return nil, usage.Effect{Ignored: true}, nil
	}
	fresh, effect := m.begin(owner, r, next)
	return fresh, effect, m.settleEnded(ctx, fresh)
}

// settleEnded settles a session that has ended, once and for what may come late.
func (m *metering) settleEnded(ctx context.Context, s *usage.Session) error {
	if !s.Ended() {
		return nil
	}
	if s.Stored != s.Phase {
		m.changed[s], m.over[s] = true, true
	}
	return m.settle(ctx, s)
}

// settle moves what is pending of a session into the counters of the hour and
// the month that the network counted it in, and prices it.
func (m *metering) settle(ctx context.Context, s *usage.Session) error {
	in, out := s.Count()
	if in+out == 0 {
		return nil
	}
	m.changed[s] = true
	hour := usage.HourKey{SIM: s.SIM, Hour: s.Hour}
	h := m.hourly[hour]
	m.hourly[hour] = usage.Hour{In: h.In + in, Out: h.Out + out}
	month := m.month(monthOf(s.SIM, time.Unix(s.Hour*3600, 0).UTC()))
	month.In, month.Out, month.Bytes, month.DataAt = month.In+in, month.Out+out, month.Bytes+in+out, m.at
	return m.rate(ctx, s, month)
}

func monthOf(id int64, at time.Time) usage.MonthKey {
	return usage.MonthKey{SIM: id, Year: at.Year(), Month: int(at.Month())}
}

func (m *metering) month(k usage.MonthKey) *usage.Month {
	if m.monthly[k] == nil {
		m.monthly[k] = &usage.Month{Year: k.Year, Month: k.Month}
	}
	return m.monthly[k]
}

// rate prices what a session has grown by, on top of what the SIM used before
// in the month of the item that prices it.
func (m *metering) rate(ctx context.Context, s *usage.Session, month *usage.Month) error {
	rate, err := m.price(ctx, s.Package, plan.DataItem, s.Last.MCC)
	if err != nil {
		return err
	}
	in, out := s.Bytes()
	rounded := max(rate.Round(in+out), s.Rounded) // abroad it may have been rounded further
	grown := rounded - s.Rounded
	if rate.Price != 0 {
		key := usage.ItemKey{MonthKey: usage.MonthKey{SIM: s.SIM, Year: month.Year, Month: month.Month}, Item: rate.Item}
		before, err := m.usedOf(ctx, key)
		if err != nil {
			return err
		}
		cost, err := rate.Cost(before, grown)
		if err != nil {
			return err
		}
		s.Cost, month.Cost, month.CostAt = s.Cost+cost, month.Cost+cost, m.at
		m.items[key] += grown
	}
	s.Rounded, month.Rounded = rounded, month.Rounded+grown
	return nil
}

// usedOf returns what a SIM has used of an item so far.
func (m *metering) usedOf(ctx context.Context, k usage.ItemKey) (int64, error) {
	stored, ok := m.before[k]
	if !ok {
		var err error
		if stored, err = m.tx.StoredItem(ctx, k); err != nil {
			return 0, err
		}
		m.before[k] = stored
	}
	return stored + m.items[k], nil
}

// save writes what was counted.
func (m *metering) save(ctx context.Context) error {
	sessions := keysOf(m.changed)
	slices.SortFunc(sessions, func(a, b *usage.Session) int { return cmp.Compare(a.ID, b.ID) })
	if err := m.tx.SaveSessions(ctx, sessions); err != nil {
		return err
	}
	if err := m.saveHeard(ctx); err != nil {
		return err
	}
	if err := m.tx.AddHours(ctx, m.hourly); err != nil {
		return err
	}
	if err := m.tx.AddItems(ctx, m.items); err != nil {
		return err
	}
	return m.tx.AddMonths(ctx, m.monthly)
}

// saveHeard keeps what sessions that have ended were the last to tell.
func (m *metering) saveHeard(ctx context.Context) error {
	if len(m.over) == 0 {
		return nil
	}
	heard, missing := map[int64]*usage.Activity{}, map[int64]bool{}
	for s := range m.over {
		if heard[s.SIM] = m.heard[s.SIM]; heard[s.SIM] == nil {
			missing[s.SIM] = true
		}
	}
	if len(missing) > 0 {
		stored, err := m.tx.StoredActivities(ctx, keysOf(missing))
		if err != nil {
			return err
		}
		for id := range missing {
			a := stored[id]
			heard[id] = &a
		}
	}
	ended := keysOf(m.over)
	slices.SortFunc(ended, func(a, b *usage.Session) int { return a.LastAt.Compare(b.LastAt) })
	for _, s := range ended {
		heard[s.SIM].Hear(s)
	}
	return m.tx.SaveActivities(ctx, heard)
}

// observe holds what a report says of place and device against what was known,
// and keeps it.
func (m *metering) observe(owner *usage.Subscriber, session *usage.Session, r *usage.Report) {
	a := m.heard[owner.ID]
	if a == nil {
		return // it says what the last one said
	}
	if !r.At.Before(a.AttachedAt) {
		if r.MCC != "" && a.MCC != "" && r.MCC != a.MCC {
			m.notice(owner.ID, usage.NewCountry, "network "+r.MCC+"-"+r.MNC+" after "+a.MCC)
		}
		if len(r.IMEI) >= 14 && len(a.IMEI) >= 14 && ident.IMEI(a.IMEI).TACSNR() != r.IMEI.TACSNR() {
			m.notice(owner.ID, usage.IMEIChanged, "device "+string(r.IMEI)+" after "+a.IMEI)
		}
	}
	a.Hear(session)
}

func (m *metering) notice(id int64, kind usage.AlertKind, detail string) {
	m.notices = append(m.notices, notice{id, kind, detail})
}
