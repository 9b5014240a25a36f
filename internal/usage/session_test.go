package usage_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/simurgh-iot/simurgh/internal/usage"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func report(step usage.Step, second, in, out int64) usage.Report {
	return usage.Report{Key: usage.Key{NAS: "pgw1", ID: "a1"}, Step: step, At: noon.Add(time.Duration(second) * time.Second), Seconds: second, In: in, Out: out}
}

// ledger adds up what reports bring, as the store does.
type ledger struct {
	session *usage.Session
	in, out int64
	opened  int
	ended   int
}

func (l *ledger) take(r usage.Report) usage.Effect {
	if l.session == nil {
		s, e := usage.New(1, r)
		l.session = &s
		l.add(e)
		return e
	}
	e := l.session.Take(r)
	l.add(e)
	if e.Again {
		s, e2 := usage.New(1, r)
		l.session = &s
		l.add(e2)
	}
	return e
}

func (l *ledger) add(e usage.Effect) {
	l.in, l.out = l.in+e.In, l.out+e.Out
	if e.Opened {
		l.opened++
	}
	if e.Ended {
		l.ended++
	}
}

// One session's reports, shuffled and repeated at will, count every byte once,
// and the session ends once.
func TestAnyOrderAnyNumberOfTimes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		reports := []usage.Report{report(usage.Start, 0, 0, 0)}
		var in, out, second int64
		for range rapid.IntRange(0, 6).Draw(t, "interims") {
			second += rapid.Int64Range(1, 600).Draw(t, "seconds")
			in += rapid.Int64Range(0, 1<<33).Draw(t, "in")
			out += rapid.Int64Range(0, 1<<33).Draw(t, "out")
			reports = append(reports, report(usage.Interim, second, in, out))
		}
		second += rapid.Int64Range(1, 600).Draw(t, "seconds")
		in += rapid.Int64Range(0, 1<<33).Draw(t, "in")
		reports = append(reports, report(usage.Stop, second, in, out))
		for range rapid.IntRange(0, 6).Draw(t, "repetitions") {
			reports = append(reports, rapid.SampledFrom(reports).Draw(t, "again"))
		}
		var l ledger
		for _, r := range rapid.Permutation(reports).Draw(t, "order") {
			l.take(r)
			if (l.session.Phase == usage.Closed) != (l.ended == 1) {
				t.Fatalf("phase %d after %d ends", l.session.Phase, l.ended)
			}
		}
		if l.in != in || l.out != out || l.opened != 1 || l.ended != 1 {
			t.Fatalf("counted %d in, %d out, %d opened, %d ended; want %d, %d, 1, 1", l.in, l.out, l.opened, l.ended, in, out)
		}
		if !l.session.StartedAt.Equal(noon) || !l.session.StoppedAt.Equal(noon.Add(time.Duration(second)*time.Second)) {
			t.Fatalf("from %s to %s", l.session.StartedAt, l.session.StoppedAt)
		}
	})
}

func TestSequences(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		reports []usage.Report
		in, out int64
		opened  int
		ended   int
		phase   usage.Phase
	}{
		{"start, interim, stop", []usage.Report{report(usage.Start, 0, 0, 0), report(usage.Interim, 60, 10, 20), report(usage.Stop, 90, 15, 30)}, 15, 30, 1, 1, usage.Closed},
		{"stop without a start", []usage.Report{report(usage.Stop, 90, 15, 30)}, 15, 30, 1, 1, usage.Closed},
		{"interim before start", []usage.Report{report(usage.Interim, 60, 10, 20), report(usage.Start, 0, 0, 0)}, 10, 20, 1, 0, usage.Open},
		{"late interim after stop", []usage.Report{report(usage.Start, 0, 0, 0), report(usage.Stop, 90, 15, 30), report(usage.Interim, 60, 10, 20)}, 15, 30, 1, 1, usage.Closed},
		{"no bytes at all", []usage.Report{report(usage.Start, 0, 0, 0), report(usage.Stop, 5, 0, 0)}, 0, 0, 1, 1, usage.Closed},
		{"counters begin anew", []usage.Report{report(usage.Interim, 60, 1000, 1000), report(usage.Interim, 120, 10, 5)}, 1010, 1005, 1, 0, usage.Open},
		{"anew, and an older one again", []usage.Report{report(usage.Interim, 60, 1000, 1000), report(usage.Interim, 120, 10, 5), report(usage.Interim, 60, 1000, 1000)}, 1010, 1005, 1, 0, usage.Open},
		{"a stop without counters, and an older one again", []usage.Report{report(usage.Interim, 60, 1000, 1000), report(usage.Stop, 120, 0, 0), report(usage.Interim, 60, 1000, 1000)}, 1000, 1000, 1, 1, usage.Closed},
		{"past 32 bits without gigawords", []usage.Report{report(usage.Interim, 60, 4<<30-10, 3<<30), report(usage.Interim, 120, 20, 3<<30+7), report(usage.Stop, 180, 30, 3<<30+9)}, 4<<30 + 30, 3<<30 + 9, 1, 1, usage.Closed},
		{"past 32 bits in the other direction", []usage.Report{report(usage.Interim, 60, 0, 3<<30), report(usage.Interim, 120, 0, 5)}, 0, 4<<30 + 5, 1, 0, usage.Open},
		{"a stop without counters after much", []usage.Report{report(usage.Interim, 60, 0, 3<<30), report(usage.Stop, 120, 0, 0)}, 0, 3 << 30, 1, 1, usage.Closed},
		{"anew from much in both directions", []usage.Report{report(usage.Interim, 60, 3<<30, 3<<30), report(usage.Interim, 120, 1<<20, 5)}, 3<<30 + 1<<20, 3<<30 + 5, 1, 0, usage.Open},
		{"anew from much, and from little", []usage.Report{report(usage.Interim, 60, 3<<30, 1000), report(usage.Interim, 120, 1<<20, 5)}, 3<<30 + 1<<20, 1005, 1, 0, usage.Open},
		{"older, smaller: reordered", []usage.Report{report(usage.Interim, 120, 1000, 1000), report(usage.Interim, 60, 10, 5)}, 1000, 1000, 1, 0, usage.Open},
		{"an id used again, stop lost", []usage.Report{report(usage.Interim, 60, 100, 0), {Key: usage.Key{NAS: "pgw1", ID: "a1"}, Step: usage.Start, At: noon.Add(time.Hour)}}, 100, 0, 2, 1, usage.Open},
		{"an id used again after stop", []usage.Report{report(usage.Stop, 60, 100, 0), {Key: usage.Key{NAS: "pgw1", ID: "a1"}, Step: usage.Start, At: noon.Add(time.Hour)},
			{Key: usage.Key{NAS: "pgw1", ID: "a1"}, Step: usage.Stop, At: noon.Add(2 * time.Hour), Seconds: 3600, In: 7}}, 107, 0, 2, 2, usage.Closed},
		{"more than 4 GiB", []usage.Report{report(usage.Stop, 60, 5<<32+1, 1<<40)}, 5<<32 + 1, 1 << 40, 1, 1, usage.Closed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var l ledger
			for _, r := range c.reports {
				l.take(r)
			}
			if l.in != c.in || l.out != c.out || l.opened != c.opened || l.ended != c.ended || l.session.Phase != c.phase {
				t.Errorf("counted %d in, %d out, %d opened, %d ended, phase %d", l.in, l.out, l.opened, l.ended, l.session.Phase)
			}
		})
	}
}

func TestSilenceAndRestart(t *testing.T) {
	t.Parallel()
	s, _ := usage.New(1, report(usage.Interim, 60, 10, 0))
	s.Phase = usage.Stale
	if e := s.Take(report(usage.Interim, 4000, 50, 0)); e.In != 40 || s.Phase != usage.Open {
		t.Fatalf("a stale session that speaks: %+v, phase %d", e, s.Phase)
	}
	if !s.Lose() || s.Lose() || s.Phase != usage.Lost || !s.StoppedAt.Equal(noon.Add(4000*time.Second)) {
		t.Fatalf("lost: %+v", s)
	}
	if e := s.Take(report(usage.Stop, 5000, 60, 0)); e.In != 10 || e.Ended || s.Phase != usage.Lost {
		t.Errorf("the late stop of a lost session: %+v", e)
	}
}
