package sim

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// machine drives one lifecycle and remembers what the network was last shown.
type machine struct {
	t    interface{ Fatalf(string, ...any) }
	l    Lifecycle
	rule struct{ activation, review bool }
	now  time.Time
}

func newMachine(t interface{ Fatalf(string, ...any) }) *machine {
	return &machine{t: t, l: New(noon, "import"), now: noon}
}

func (m *machine) do(v Verb) error {
	m.now = m.now.Add(time.Second)
	c := Command{Verb: v, Actor: v.String(), Reason: "because", At: m.now,
		ManualActivation: m.rule.activation, ManualReview: m.rule.review}
	if v == Agreed || v == Refused {
		c.Generation, c.Shown = m.l.Generation, m.l.Wanted
	}
	return m.decide(c)
}

func (m *machine) decide(c Command) error {
	d, err := Decide(m.l, c)
	if err == nil {
		m.l = d.Next
	} else if !cmp.Equal(d.Next, m.l) {
		m.t.Fatalf("a refused %s changed the SIM", c.Verb)
	}
	m.check()
	return err
}

// check holds what is true of every lifecycle, whatever happened to it.
func (m *machine) check() {
	l := &m.l
	switch {
	case !slices.Contains(States(), l.Wanted.State):
		m.t.Fatalf("left the table: %v", l.Wanted)
	case !slices.Contains([]State{Available, Provisioned, Unprovisioned, Closed}, l.Settled.State):
		m.t.Fatalf("settled in an unstable state: %v", l.Settled)
	case l.Observed > l.Generation:
		m.t.Fatalf("observed %d of %d", l.Observed, l.Generation)
	case (l.Wanted.State == Provisioning || l.Wanted.State == Deprovisioning) && !l.Pending():
		m.t.Fatalf("%v, and nobody will answer: a dead end", l.Wanted)
	case (l.Wanted.Phase == NoPhase) != (l.Wanted.State == Available || l.Wanted.State == Unprovisioned || l.Wanted.State == Closed):
		m.t.Fatalf("phase out of step: %v", l.Wanted)
	}
	for _, k := range AllKinds() {
		inForce, gone := l.Wanted.Suspended.Has(k), !l.Pending() && !l.Settled.Suspended.Has(k)
		if known := l.Holds[k] != (Hold{}); (inForce && !known) || (gone && !inForce && known) {
			m.t.Fatalf("the reason of the %s suspension is out of step: %v %v", k, l.Wanted, l.Holds)
		}
	}
}

func (m *machine) must(verbs ...Verb) *machine {
	for _, v := range verbs {
		if err := m.do(v); err != nil {
			m.t.Fatalf("%v", err)
		}
	}
	return m
}

func TestWalks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name               string
		activation, review bool
		verbs              []Verb
		want               string
		pending            bool
	}{
		{"activate", false, false, []Verb{ActivateLive, Agreed}, "provisioned/live", false},
		{"activate, not yet answered", false, false, []Verb{ActivateLive}, "provisioning/live", true},
		{"test, ready, live", false, false, []Verb{ActivateTest, Agreed, ActivateReady, ActivateLive, Agreed}, "provisioned/live", false},
		{"manual activation waits", true, false, []Verb{ActivateLive}, "awaitingApproval/live", false},
		{"manual activation approved", true, false, []Verb{ActivateLive, Approved, Agreed}, "provisioned/live", false},
		{"manual activation rejected", true, false, []Verb{ActivateLive, Rejected}, "available", false},
		{"manual activation withdrawn", true, false, []Verb{ActivateLive, Terminate}, "available", false},
		{"refused activation returns", false, false, []Verb{ActivateLive, Refused}, "available", false},
		{"refused reactivation returns", false, false, []Verb{ActivateLive, Agreed, Terminate, Agreed, ActivateLive, Refused}, "unprovisioned", false},
		{"refused suspension returns", false, false, []Verb{ActivateLive, Agreed, SuspendCustomer, Refused}, "provisioned/live", false},
		{"refused termination returns", false, false, []Verb{ActivateLive, Agreed, Terminate, Refused}, "provisioned/live", false},
		{"suspend at once", false, false, []Verb{ActivateLive, SuspendCustomer, Agreed}, "provisioned/live suspended by customer", false},
		{"suspend, resume at once", false, false, []Verb{ActivateLive, Agreed, SuspendCustomer, ResumeCustomer, Agreed}, "provisioned/live", false},
		{"two suspensions, one lifted", false, false, []Verb{ActivateLive, Agreed, SuspendCustomer, SuspendAdmin, ResumeCustomer, Agreed}, "provisioned/live suspended by admin", false},
		{"terminate", false, false, []Verb{ActivateLive, Agreed, Terminate, Agreed}, "unprovisioned", false},
		{"terminate, back to stock", false, false, []Verb{ActivateLive, Agreed, Terminate, Agreed, Returned}, "available", false},
		{"terminate before the answer", false, false, []Verb{ActivateLive, Terminate, Agreed}, "unprovisioned", false},
		{"review waits, still on the network", false, true, []Verb{ActivateLive, Agreed, Terminate}, "awaitingReview/live", false},
		{"review approved", false, true, []Verb{ActivateLive, Agreed, Terminate, Approved, Agreed}, "unprovisioned", false},
		{"review rejected", false, true, []Verb{ActivateLive, Agreed, Terminate, Rejected}, "provisioned/live", false},
		{"review undone by activate", false, true, []Verb{ActivateLive, Agreed, Terminate, ActivateLive, Agreed}, "provisioned/live", false},
		{"review outlives a refused suspension", false, true, []Verb{ActivateLive, Agreed, Terminate, SuspendCustomer, Refused}, "awaitingReview/live", false},
		{"termination undone by activate", false, false, []Verb{ActivateLive, Agreed, Terminate, ActivateLive, Agreed}, "provisioned/live", false},
		{"undone termination refused", false, false, []Verb{ActivateLive, Agreed, Terminate, ActivateLive, Refused}, "provisioned/live", false},
		{"suspended in stock comes up suspended", false, false, []Verb{SuspendAdmin, ActivateLive, Agreed}, "provisioned/live suspended by admin", false},
		{"refused in stock keeps its suspension", false, false, []Verb{SuspendAdmin, ActivateLive, Refused}, "available suspended by admin", false},
		{"suspended while waiting, rejected", true, false, []Verb{ActivateLive, SuspendAdmin, Rejected}, "available suspended by admin", false},
		{"termination lifts the customer's, not the operator's", false, false, []Verb{ActivateLive, Agreed, SuspendCustomer, SuspendAdmin, Agreed, Terminate, Agreed}, "unprovisioned suspended by admin", false},
		{"closed in stock", false, false, []Verb{Close}, "closed", false},
		{"closed when live", false, false, []Verb{ActivateLive, Agreed, Close}, "closed", true},
		{"closed, and the network refuses", false, false, []Verb{ActivateLive, Agreed, Close, Refused}, "closed", false},
		{"closed while waiting", true, false, []Verb{ActivateLive, Close}, "closed", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			m.rule.activation, m.rule.review = c.activation, c.review
			m.must(c.verbs...)
			if got := m.l.Wanted.String(); got != c.want || m.l.Pending() != c.pending {
				t.Errorf("ends %s, pending %v; want %s, pending %v", got, m.l.Pending(), c.want, c.pending)
			}
		})
	}
}

func TestRefusalsExplain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		verbs []Verb
		last  Verb
		want  string
	}{
		{"closed", []Verb{Close}, ActivateLive, "cannot activate: the SIM was closed by close since 2026-03-04T12:00:01Z; nothing lifts this: closed is final"},
		{"held by the operator", []Verb{ActivateLive, Agreed, SuspendAdmin}, ResumeCustomer,
			"cannot resumeCustomer: the suspension is of kind admin (because) by suspendAdmin since 2026-03-04T12:00:03Z; only the operator lifts it"},
		{"held by a rule", []Verb{ActivateLive, Agreed, SuspendSystem}, ResumeCustomer,
			"cannot resumeCustomer: the suspension is of kind system (because) by suspendSystem since 2026-03-04T12:00:03Z; it lifts at the start of the next billing cycle"},
		{"in stock", nil, Terminate, "cannot terminate: the SIM is in stock and not active by import since 2026-03-04T12:00:00Z; activate it first"},
		{"live before", []Verb{ActivateLive, Agreed, Terminate, Agreed}, ActivateTest,
			"cannot activateTest: the SIM has been live before by agreed since 2026-03-04T12:00:04Z; test and ready come only before the first live period: activate it live"},
		{"phase passed", []Verb{ActivateLive, Agreed}, ActivateReady, "cannot activateReady: the SIM is already live by agreed since 2026-03-04T12:00:02Z; phases only move forward"},
		{"nothing waits", nil, Approved, "cannot approved: nothing about the SIM waits for a decision by import since 2026-03-04T12:00:00Z; it has been decided or withdrawn already"},
		{"still active", []Verb{ActivateLive, Agreed}, Returned, "cannot returned: the SIM is provisioned by agreed since 2026-03-04T12:00:02Z; terminate it first"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := newMachine(t).must(c.verbs...).do(c.last)
			var r *Refusal
			if !errors.As(err, &r) || r.Error() != c.want {
				t.Fatalf("got  %v\nwant %s", err, c.want)
			}
			if fault.KindOf(err) != fault.Precondition || fault.CodeOf(err) != "sim."+r.Code {
				t.Errorf("kind %v, code %q", fault.KindOf(err), fault.CodeOf(err))
			}
		})
	}
}

// Every state meets every verb, and no row of the table is dead.
func TestTableIsTotalAndHasNoDeadRows(t *testing.T) {
	t.Parallel()
	used := map[*Rule]bool{}
	for _, s := range States() {
		for _, v := range Verbs() {
			open := true
			for i := range table {
				r := &table[i]
				if !slices.Contains(r.in, s) || !slices.Contains(r.on, v) || !open {
					continue
				}
				used[r] = true
				open = r.when != always
			}
			if open {
				t.Errorf("%s on %s may fall through the table", v, s)
			}
		}
	}
	for i := range table {
		if !used[&table[i]] {
			t.Errorf("row %d can never fit", i+1)
		}
	}
}

// The documentation prints one column for the verbs of a group.
func TestVerbsOfAGroupShareTheirRows(t *testing.T) {
	t.Parallel()
	for _, group := range [][]Verb{activate, suspend, resume} {
		for i := range table {
			n := 0
			for _, v := range group {
				if slices.Contains(table[i].on, v) {
					n++
				}
			}
			if n != 0 && n != len(group) {
				t.Errorf("row %d has %d of %v", i+1, n, group)
			}
		}
	}
}

func anyVerb(t *rapid.T) Verb { return rapid.SampledFrom(Verbs()).Draw(t, "verb") }

func TestNoCommandLeavesTheTable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine(t)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			m.rule.activation, m.rule.review = rapid.Bool().Draw(t, "manual"), rapid.Bool().Draw(t, "review")
			before := m.l
			v := anyVerb(t)
			err := m.do(v)
			if err != nil && fault.CodeOf(err) == "sim."+string(reasonNoRule) {
				t.Fatalf("%s on %s has no rule", v, before.Wanted)
			}
			if before.Wanted.State == Closed && m.l.Wanted.State != Closed {
				t.Fatalf("%s reopened a closed SIM", v)
			}
			othersUntouched(t, v, before, m.l)
			if (v == Agreed || v == Refused) && m.l.Pending() {
				t.Fatalf("pending after the network has answered: %v", m.l)
			}
		}
	})
}

// othersUntouched holds that only its own verb lifts a suspension. Termination
// ends the customer's, and a refused change takes back the one it brought.
func othersUntouched(t *rapid.T, v Verb, before, after Lifecycle) {
	for _, k := range AllKinds() {
		lifted := before.Wanted.Suspended.Has(k) && !after.Wanted.Suspended.Has(k)
		byEnd := k == Customer && after.Wanted.State == Unprovisioned
		if lifted && v != Resume(k) && v != Refused && !byEnd {
			t.Fatalf("%s lifted the %s suspension", v, k)
		}
	}
}

// In any order, and however often the network answers in between, the SIM ends
// where the last command of each sort wants it.
func TestCommandsCoalesce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine(t).must(ActivateLive)
		suspended := false
		var shown []Command // what the network was shown and has not answered
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			v := rapid.SampledFrom([]Verb{ActivateLive, SuspendCustomer, ResumeCustomer}).Draw(t, "verb")
			m.must(v)
			if v != ActivateLive {
				suspended = v == SuspendCustomer
			}
			if rapid.Bool().Draw(t, "claimed") {
				shown = append(shown, Command{Verb: Agreed, Generation: m.l.Generation, Shown: m.l.Wanted, At: m.now})
			}
			for len(shown) > 0 && rapid.Bool().Draw(t, "answered") {
				if err := m.decide(shown[0]); err != nil {
					t.Fatal(err)
				}
				shown = shown[1:]
			}
		}
		m.must(Agreed)
		if m.l.Pending() || m.l.Wanted.State != Provisioned || m.l.Wanted.Suspended.Has(Customer) != suspended {
			t.Fatalf("ends %s, pending %v; want suspended %v", m.l.Wanted, m.l.Pending(), suspended)
		}
	})
}

func TestRepeatedAndLateAnswersChangeNothing(t *testing.T) {
	t.Parallel()
	m := newMachine(t).must(ActivateLive)
	first := Command{Verb: Agreed, Generation: 1, Shown: m.l.Wanted, At: noon.Add(time.Minute)}
	m.must(SuspendCustomer)
	if err := m.decide(first); err != nil || !m.l.Pending() {
		t.Fatalf("an answer to an older change ended the newer: %v", err)
	}
	if got := m.l.Settled.String(); got != "provisioned/live" {
		t.Fatalf("settled %s", got)
	}
	m.must(Refused)
	if got := m.l.Wanted.String(); got != "provisioned/live" {
		t.Fatalf("refused suspension ends %s", got)
	}
	before := m.l
	for _, late := range []Command{first, {Verb: Refused, Generation: 1, Reason: "late"}, {Verb: Refused, Generation: 2, Reason: "again"}} {
		if err := m.decide(late); err != nil || !cmp.Equal(before, m.l) {
			t.Fatalf("a late %s changed the SIM: %s", late.Verb, cmp.Diff(before, m.l))
		}
	}
}

func TestDates(t *testing.T) {
	t.Parallel()
	m := newMachine(t).must(ActivateTest, Agreed)
	if !m.l.ContractStart.IsZero() || m.l.ActivatedAt.IsZero() || m.l.EverLive || !m.l.EverActive {
		t.Fatalf("after test: %+v", m.l)
	}
	activated := m.l.ActivatedAt
	m.must(ActivateLive, Agreed)
	contract := m.l.ContractStart
	if contract.IsZero() || !m.l.EverLive || !m.l.ActivatedAt.Equal(activated) {
		t.Fatalf("after live: %+v", m.l)
	}
	m.must(Terminate, Agreed)
	if m.l.TerminatedAt.IsZero() {
		t.Fatal("no termination time")
	}
	m.must(ActivateLive, Agreed)
	if !m.l.ContractStart.Equal(contract) || m.l.ActivatedAt.Equal(activated) {
		t.Fatalf("a later activation must refresh ActivatedAt and keep the contract: %+v", m.l)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	var allowed []string
	for _, o := range Options(newMachine(t).must(ActivateLive, Agreed, SuspendAdmin, Agreed).l, Command{At: noon}) {
		if o.Refusal == nil && !o.NoOp {
			allowed = append(allowed, o.Verb.String())
		}
	}
	if got, want := strings.Join(allowed, " "), "suspendSystem suspendCustomer resumeAdmin terminate close"; got != want {
		t.Errorf("options %q, want %q", got, want)
	}
}

func TestNamesRoundTrip(t *testing.T) {
	t.Parallel()
	for _, s := range Statuses() {
		if got, ok := ParseStatus(s.String()); !ok || got != s {
			t.Errorf("ParseStatus(%q) = %v, %v", s, got, ok)
		}
	}
	if _, ok := ParseStatus("nonsense"); ok {
		t.Error("ParseStatus took nonsense")
	}
	for _, p := range []Phase{Test, Ready, Live} {
		if Activate(p).phase() != p {
			t.Errorf("Activate(%s) = %s", p, Activate(p))
		}
	}
	for _, k := range AllKinds() {
		if Suspend(k).kind() != k || Resume(k).kind() != k {
			t.Errorf("kind %s", k)
		}
	}
}

// docs/lifecycle.md holds the tables, each between two marks, written from the
// code. Run with SIMURGH_UPDATE=1 to write them.
func TestDocumentationIsTheTable(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "docs", "lifecycle.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	doc := string(text)
	for name, is := range map[string]string{"table": Markdown(), "orders": OrdersMarkdown()} {
		begin, end := "<!-- "+name+": begin -->\n", "<!-- "+name+": end -->"
		head, rest, ok1 := strings.Cut(doc, begin)
		old, tail, ok2 := strings.Cut(rest, end)
		if !ok1 || !ok2 {
			t.Fatalf("docs/lifecycle.md has lost its marks of %s", name)
		}
		doc = head + begin + is + end + tail
		if diff := cmp.Diff(is, old); diff != "" && os.Getenv("SIMURGH_UPDATE") == "" {
			t.Errorf("docs/lifecycle.md is out of step (-%s +docs); SIMURGH_UPDATE=1 go test ./internal/sim writes it:\n%s", name, diff)
		}
	}
	if os.Getenv("SIMURGH_UPDATE") != "" {
		if err := os.WriteFile(path, []byte(doc), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
