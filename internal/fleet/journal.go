package fleet

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// Journal keeps what networks report, durably, until it is counted.
type Journal interface {
	OpenJournal(ctx context.Context) error
	Rerule(ctx context.Context) error
	Shares() int
	Append(ctx context.Context, parts []usage.Part, at time.Time) error
	Backlog(ctx context.Context) (usage.Backlog, error)
	Backlogged(ctx context.Context, id int64) (bool, error)
	Counted(id int64)
}

// JournalWriter takes reports out of the journal, in the transaction that counts
// them.
type JournalWriter interface {
	TakeBatches(ctx context.Context, share, reports int, left time.Duration) ([]usage.Batch, error)
	SetAside(ctx context.Context, list []usage.SetAside) error
}

// Bounds of the journal. What one Fold takes holds up other writes on SQLite for
// some tens of milliseconds.
const (
	foldReports = 2000
	maxWaiting  = 20_000          // reports that were kept and not counted yet, of all shares
	maxBytes    = 16 << 20        // likewise
	roomTime    = 2 * time.Second // for there to be room, before nothing is kept
	leftTime    = 5 * time.Second // after which a batch of another node is an orphan's
	markPause   = 5 * time.Millisecond
)

// backlog is what this process has kept of a share and not seen counted.
type backlog struct {
	share   int
	folding sync.Mutex // one Fold at a time: sessions are counted in the order of their reports

	maxReports, maxBytes int64

	mu             sync.Mutex
	reports, bytes int64         // waiting
	under          int           // calls of Keep that are under way
	room           chan struct{} // closed when there is more room
}

func newBacklogs(shares int) []*backlog {
	out := make([]*backlog, shares)
	for i := range out {
		out[i] = &backlog{share: i, maxReports: maxWaiting / int64(shares), maxBytes: maxBytes / int64(shares), room: make(chan struct{})}
	}
	return out
}

// reserve waits until there is room.
func (b *backlog) reserve(ctx context.Context, reports, bytes int64) error {
	late := time.NewTimer(roomTime)
	defer late.Stop()
	for {
		b.mu.Lock()
		if b.reports == 0 || b.reports+reports <= b.maxReports && b.bytes+bytes <= b.maxBytes {
			b.reports, b.bytes, b.under = b.reports+reports, b.bytes+bytes, b.under+1
			b.mu.Unlock()
			return nil
		}
		room := b.room
		b.mu.Unlock()
		select {
		case <-room:
		case <-late.C:
			return fault.New(fault.Exhausted, "usage.backlog", "too many reports wait to be counted; try again")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// kept says that what was reserved is durable, or else that it needs no room.
func (b *backlog) kept(reports, bytes int64, err error) {
	b.mu.Lock()
	b.under--
	b.mu.Unlock()
	if err != nil {
		b.release(reports, bytes)
	}
}

// durable returns what must be in the journal; nothing while that is not known.
func (b *backlog) durable() (reports, bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.under > 0 {
		return 0, 0
	}
	return b.reports, b.bytes
}

// release makes room for what was counted, or not kept after all.
func (b *backlog) release(reports, bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reports, b.bytes = max(b.reports-reports, 0), max(b.bytes-bytes, 0)
	close(b.room)
	b.room = make(chan struct{})
}

// Keep makes reports durable, in their order with those of other calls that have
// returned; only then may the network be answered. They are counted by Fold. While
// too many wait to be counted it waits, and then fails with kind Exhausted.
func (s *Service) Keep(ctx context.Context, reports []usage.Report) error {
	parts := sharedOut(reports, len(s.waiting))
	for i, p := range parts {
		if err := s.waiting[p.Share].reserve(ctx, int64(p.Reports), int64(len(p.Body))); err != nil {
			s.kept(parts[:i], err)
			return err
		}
	}
	err := s.store.Append(ctx, parts, s.now())
	s.kept(parts, err)
	return err
}

func (s *Service) kept(parts []usage.Part, err error) {
	for _, p := range parts {
		s.waiting[p.Share].kept(int64(p.Reports), int64(len(p.Body)), err)
	}
}

// sharedOut tells who is to count which reports, of n.
func sharedOut(reports []usage.Report, n int) []usage.Part {
	if n == 1 {
		return []usage.Part{{Reports: len(reports), Body: usage.EncodeReports(reports)}}
	}
	of := make([][]usage.Report, n)
	for i := range reports {
		share := reports[i].Share(n)
		of[share] = append(of[share], reports[i])
	}
	parts := make([]usage.Part, 0, n)
	for share, list := range of {
		if len(list) > 0 {
			parts = append(parts, usage.Part{Share: share, Reports: len(list), Body: usage.EncodeReports(list)})
		}
	}
	return parts
}

// Folded is what one Fold did.
type Folded struct {
	Ingested
	Reports  int  // that were taken out of the journal
	SetAside int  // of them, those that cannot be counted
	More     bool // there may be more
}

func (f *Folded) add(g Folded) {
	f.Taken, f.Ignored, f.Unknown = f.Taken+g.Taken, f.Ignored+g.Ignored, f.Unknown+g.Unknown
	f.Reports, f.SetAside, f.More = f.Reports+g.Reports, f.SetAside+g.SetAside, f.More || g.More
}

// Shares is how many can call FoldShare at once, each with a number below it.
func (s *Service) Shares() int { return len(s.waiting) }

// Fold is FoldShare of one share after the other.
func (s *Service) Fold(ctx context.Context) (Folded, error) {
	var all Folded
	for share := range s.waiting {
		f, err := s.FoldShare(ctx, share)
		all.add(f)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// FoldShare counts the oldest of what was kept of a share (see metering), and takes
// it out of the journal in the same transaction: whatever happens, each report is
// counted once. It takes what other nodes have left behind, too. Reports that cannot
// be counted are set aside, and hold up no others.
func (s *Service) FoldShare(ctx context.Context, share int) (Folded, error) {
	waiting := s.waiting[share]
	waiting.folding.Lock()
	defer waiting.folding.Unlock()
	if err := errors.Join(s.store.OpenJournal(ctx), s.store.Rerule(ctx)); err != nil {
		return Folded{}, err
	}
	f := fold{s: s, share: share}
	reports, bytes := waiting.durable()
	err := f.run(ctx, foldReports)
	if err != nil && spoilt(ctx, err) {
		err = f.apart(ctx)
	}
	if err != nil {
		return Folded{}, err
	}
	if f.last == 0 {
		waiting.release(reports, bytes) // others have counted it
		return Folded{}, nil
	}
	s.store.Counted(f.last)
	waiting.release(int64(f.done.Reports), f.bytes)
	if f.m != nil {
		s.after(f.m.rules)
	}
	return f.done, nil
}

// FoldAll counts all that was kept.
func (s *Service) FoldAll(ctx context.Context) (reports int, err error) {
	for {
		f, err := s.Fold(ctx)
		reports += f.Reports
		if err != nil || !f.More {
			return reports, err
		}
	}
}

// Backlog tells what waits to be counted, of all nodes.
func (s *Service) Backlog(ctx context.Context) (usage.Backlog, error) { return s.store.Backlog(ctx) }

// settled waits until all is counted that was kept before it was called, by
// whichever node.
func (s *Service) settled(ctx context.Context) error {
	if err := s.store.OpenJournal(ctx); err != nil {
		return err
	}
	b, err := s.store.Backlog(ctx)
	if err != nil || b.Reports == 0 {
		return err
	}
	for {
		f, err := s.Fold(ctx)
		if err != nil {
			return err
		}
		there, err := s.store.Backlogged(ctx, b.Newest)
		if err != nil || !there {
			return err
		}
		if f.Reports > 0 {
			continue
		}
		select {
		case <-time.After(markPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// fold is one Fold.
type fold struct {
	s     *Service
	share int
	m     *metering
	done  Folded
	bytes int64
	last  int64 // batch
}

// take takes batches, and reads their reports; those that cannot be read are set
// aside.
func (f *fold) take(ctx context.Context, tx Tx, n int) ([]usage.Report, error) {
	f.m, f.done, f.bytes, f.last = nil, Folded{}, 0, 0
	batches, err := tx.TakeBatches(ctx, f.share, n, leftTime)
	if err != nil || len(batches) == 0 {
		return nil, err
	}
	reports := make([]usage.Report, 0, n)
	var bad []usage.SetAside
	for _, b := range batches {
		list, err := usage.DecodeReports(b.Body)
		if err != nil {
			bad = append(bad, usage.SetAside{At: f.s.now(), Why: err.Error(), Body: b.Body})
		}
		reports = append(reports, list...)
		f.bytes += int64(len(b.Body))
	}
	f.last = batches[len(batches)-1].ID
	f.done.Reports, f.done.SetAside, f.done.More = len(reports)+len(bad), len(bad), len(reports)+len(bad) >= n
	if len(bad) == 0 {
		return reports, nil
	}
	return reports, tx.SetAside(ctx, bad)
}

// run counts up to about n reports in one transaction.
func (f *fold) run(ctx context.Context, n int) error {
	return f.s.store.WriteAgain(ctx, func(tx Tx) error {
		reports, err := f.take(ctx, tx, n)
		if err != nil || len(reports) == 0 {
			return err
		}
		return f.count(ctx, tx, reports)
	})
}

func (f *fold) count(ctx context.Context, tx Tx, reports []usage.Report) error {
	f.m = newMetering(f.s, tx)
	err := f.m.run(ctx, reports)
	f.done.Ingested = f.m.count
	return err
}

// spoilt reports that an error comes of what was to be counted.
func spoilt(ctx context.Context, err error) bool {
	if ctx.Err() != nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	kind := fault.KindOf(err)
	return kind != fault.Unavailable && kind != fault.Exhausted
}

var errTried = errors.New("it was a trial")

// apart counts the oldest batch without those of its reports that cannot be
// counted, which are set aside.
func (f *fold) apart(ctx context.Context) error {
	var reports []usage.Report
	err := f.s.store.WriteAgain(ctx, func(tx Tx) (err error) {
		if reports, err = f.take(ctx, tx, 1); err != nil {
			return err
		}
		return errTried
	})
	batch := f.last
	if !errors.Is(err, errTried) || batch == 0 {
		return err
	}
	bad := map[int]error{}
	if err := f.try(ctx, reports, 0, bad); err != nil {
		return err
	}
	err = f.without(ctx, batch, bad)
	if err != nil && spoilt(ctx, err) { // each is good, but all are not
		for i := range reports {
			bad[i] = err
		}
		err = f.without(ctx, batch, bad)
	}
	return err
}

// try finds the reports that cannot be counted, in halves. Nothing of it stays.
func (f *fold) try(ctx context.Context, reports []usage.Report, from int, bad map[int]error) error {
	if len(reports) == 0 {
		return nil
	}
	err := f.s.store.WriteAgain(ctx, func(tx Tx) error {
		if err := newMetering(f.s, tx).run(ctx, reports); err != nil {
			return err
		}
		return errTried
	})
	switch {
	case errors.Is(err, errTried):
		return nil
	case !spoilt(ctx, err):
		return err
	case len(reports) == 1:
		bad[from] = err
		return nil
	}
	half := len(reports) / 2
	if err := f.try(ctx, reports[:half], from, bad); err != nil {
		return err
	}
	return f.try(ctx, reports[half:], from+half, bad)
}

// without counts a batch but for some of its reports, which it sets aside. When
// it is not there any more nothing happens.
func (f *fold) without(ctx context.Context, batch int64, bad map[int]error) error {
	return f.s.store.WriteAgain(ctx, func(tx Tx) error {
		reports, err := f.take(ctx, tx, 1)
		if err != nil {
			return err
		}
		if f.last != batch {
			return fault.New(fault.Unavailable, "usage.backlog", "another node counts it")
		}
		good, aside := make([]usage.Report, 0, len(reports)), []usage.SetAside(nil)
		for i := range reports {
			if err := bad[i]; err != nil {
				aside = append(aside, usage.SetAside{At: f.s.now(), Why: err.Error(), Body: usage.EncodeReports(reports[i : i+1])})
			} else {
				good = append(good, reports[i])
			}
		}
		f.done.SetAside, f.done.More = f.done.SetAside+len(aside), true
		if err := tx.SetAside(ctx, aside); err != nil {
			return err
		}
		return f.count(ctx, tx, good)
	})
}
