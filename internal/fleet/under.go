package fleet

import (
	"context"

	"github.com/simurgh-iot/simurgh/internal/usage"
)

// loadSessions reads the sessions that some of the reports may be of.
func (m *metering) loadSessions(ctx context.Context, reports []*usage.Report, which func(*usage.Report) bool) error {
	uses := map[usage.Use]bool{}
	for _, r := range reports {
		if which(r) {
			uses[usage.Use{Key: r.Key, At: r.At}] = true
		}
	}
	if len(uses) == 0 {
		return nil
	}
	found, err := m.tx.SessionsAt(ctx, keysOf(uses))
	for _, s := range found {
		m.recall(s)
	}
	return err
}

// recall remembers a session that is stored, and returns it: of one that was read
// before there is one copy.
func (m *metering) recall(s *usage.Session) *usage.Session {
	for _, known := range m.under[uncharged(s.Key)] {
		if known.ID == s.ID {
			return known
		}
	}
	m.remember(s)
	return s
}

func (m *metering) remember(s *usage.Session) {
	k := uncharged(s.Key)
	m.under[k] = append(m.under[k], s)
}

func uncharged(k usage.Key) usage.Key { return usage.Key{NAS: k.NAS, ID: k.ID} }

// sessionOf returns the session that a report is of; nil for none.
func (m *metering) sessionOf(r *usage.Report) *usage.Session {
	s, _ := m.fitting(r)
	return s
}

// fitting returns the session that a report fits best; of several, the one that
// began last.
func (m *metering) fitting(r *usage.Report) (of *usage.Session, best usage.Fit) {
	for _, s := range m.under[uncharged(r.Key)] {
		fit := s.Fits(r)
		if fit > best || fit != usage.FitsNot && fit == best && !s.StartedAt.Before(of.StartedAt) {
			of, best = s, fit
		}
	}
	return of, best
}

// told reports that the session of a report has been read: under the key of one that
// has ended another may have begun.
func (m *metering) told(r *usage.Report) bool {
	s, fit := m.fitting(r)
	return fit > usage.FitsSetBack && (!s.Ended() || !r.At.After(s.LastAt))
}

// next returns a session that a SIM began under the key of a report after that was
// written; nil for none.
func (m *metering) next(owner *usage.Subscriber, r *usage.Report) *usage.Session {
	for _, s := range m.under[uncharged(r.Key)] {
		if s.SIM == owner.ID && r.At.Before(s.StartedAt) && (s.Key == r.Key || s.Alike(r)) {
			return s
		}
	}
	return nil
}

// begin begins the session that a report is the first of. One that another has
// followed under its key is over.
func (m *metering) begin(owner *usage.Subscriber, r *usage.Report, next *usage.Session) (*usage.Session, usage.Effect) {
	s, effect := usage.New(owner.ID, *r)
	s.Package = owner.Package
	if next != nil && s.Lose() {
		effect.Ended = true
	}
	m.remember(&s)
	m.open[owner.ID], m.goesOn[&s] = append(m.open[owner.ID], &s), owner
	return &s, effect
}
