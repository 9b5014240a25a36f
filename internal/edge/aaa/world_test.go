package aaa_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/simurgh-iot/simurgh/internal/edge/aaa"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/fleet/fleettest"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/store/pgtest"
	"github.com/simurgh-iot/simurgh/internal/store/sqlitetest"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
	"github.com/simurgh-iot/simurgh/internal/vault"
	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/simurgh-iot/simurgh/internal/store/pgtest.(*Cluster).launch.func2"))
}

const secret = "the-secret-of-pgw1"

var operator = fleet.Request{Caller: tenant.Operator("test"), Via: "cli"}

// world is a platform with a running edge: one gateway on loopback, and SIMs in
// service.
type world struct {
	t      testing.TB
	fleet  *fleet.Service
	db     *store.DB
	server *aaa.Server
	seen   *observed
	rope   chan struct{}
	folio  ident.PortfolioID
	pkg    int64
	stop   func() error
}

// setup changes how a world is made.
type setup struct {
	options  func(*aaa.Options)
	gateways []usage.NAS // instead of the one on loopback
	database string
}

// engines runs a test on both databases.
func engines(t *testing.T, test func(t *testing.T, s setup)) {
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); test(t, setup{}) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); test(t, setup{database: pgtest.URL(t)}) })
}

func newWorld(t testing.TB, s setup) *world {
	t.Helper()
	o := store.Options{URL: s.database}
	if s.database == "" {
		o.Dir = sqlitetest.Dir(t)
	}
	w := &world{t: t, seen: newObserved(), rope: make(chan struct{}, 1)}
	var err error
	w.db, err = store.Open(t.Context(), o)
	w.must(err)
	t.Cleanup(func() { _ = w.db.Close() })
	v, err := vault.New(bytes.Repeat([]byte{7}, 32))
	w.must(err)
	w.fleet = fleet.New(fleettest.Store{DB: w.db}, fleet.Options{Vault: fleettest.Keeper{Vault: v}, Cut: w.ring})
	w.furnish(s.gateways)
	w.serve(s.options)
	return w
}

func (w *world) ring() {
	select {
	case w.rope <- struct{}{}:
	default:
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) furnish(gateways []usage.NAS) {
	w.t.Helper()
	ctx := w.t.Context()
	w.must(w.fleet.AddNetwork(ctx, operator, plan.Network{Name: "lab", Driver: "simulated"}, nil))
	p, err := w.fleet.CreatePortfolio(ctx, operator, fleet.NewPortfolio{Name: "Operator", Currency: "EUR"})
	w.must(err)
	k, err := w.fleet.CreatePackage(ctx, operator, plan.Package{Name: "IoT", Network: "lab"}, []ident.PortfolioID{p.ID})
	w.must(err)
	w.folio, w.pkg = p.ID, k.ID
	if gateways == nil {
		gateways = []usage.NAS{{Name: "pgw1", Prefix: netip.MustParsePrefix("127.0.0.1/32")}}
	}
	for _, n := range gateways {
		n.Secret = []byte(secret)
		w.must(w.fleet.AddNAS(ctx, operator, n))
	}
}

// serve starts the edge.
func (w *world) serve(change func(*aaa.Options)) {
	w.t.Helper()
	o := aaa.Options{Fleet: w.fleet, Observer: w.seen, Auth: "127.0.0.1:0", Acct: "127.0.0.1:0", Woken: w.rope}
	if change != nil {
		change(&o)
	}
	var err error
	w.server, err = aaa.New(o)
	w.must(err)
	w.must(w.server.Listen(w.t.Context()))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	server := w.server // there may be another one later
	go func() { ended <- server.Run(ctx) }()
	stop := sync.OnceValue(func() error { cancel(); return <-ended })
	w.stop = stop
	w.t.Cleanup(func() {
		if err := stop(); err != nil {
			w.t.Error(err)
		}
	})
}

func imsi(n int) ident.IMSI   { return ident.IMSI(fmt.Sprintf("23415%010d", n)) }
func iccid(n int) ident.ICCID { return ident.ICCID(ident.WithLuhn(fmt.Sprintf("894453859900%06d", n))) }

// sim makes a SIM in service, and what change makes of it.
func (w *world) sim(n int, change func(*sim.SIM)) {
	w.t.Helper()
	s := sim.SIM{ICCID: iccid(n), IMSI: imsi(n), MSISDN: ident.MSISDN(fmt.Sprintf("4477%08d", n)), Package: w.pkg, Network: "lab", Version: 1}
	s.CreatedAt = time.Now().Add(-24 * time.Hour)
	s.ActivatedAt, s.ModifiedAt, s.Since = s.CreatedAt, s.CreatedAt, s.CreatedAt
	s.Wanted = sim.Condition{State: sim.Provisioned, Phase: sim.Live}
	s.Settled, s.EverActive, s.EverLive = s.Wanted, true, true
	if change != nil {
		change(&s)
	}
	w.must(w.db.WriteBulk(w.t.Context(), func(tx *store.Tx) error { return tx.Insert(w.t.Context(), w.folio, []sim.NewSIM{{SIM: &s}}) }))
}

// command gives a command to a SIM.
func (w *world) command(n int, v sim.Verb, reason string) {
	w.t.Helper()
	done, err := w.fleet.Apply(w.t.Context(), operator, []ident.ICCID{iccid(n)}, func(fleet.Facts) (fleet.Edit, error) {
		return fleet.Edit{Verb: v, Reason: reason}, nil
	}, nil)
	if err != nil || done.Refused {
		w.t.Fatalf("%s: %+v, %v", v, done, err)
	}
}

// counted waits until all that was answered is counted.
func (w *world) counted() {
	w.t.Helper()
	until(w.t, "the journal is empty", func() bool {
		b, err := w.fleet.Backlog(w.t.Context())
		w.must(err)
		return b.Reports == 0
	})
}

func (w *world) month(n int) usage.Month {
	w.t.Helper()
	w.counted()
	_, now, _, err := w.fleet.LastActivity(w.t.Context(), operator, iccid(n))
	w.must(err)
	return now
}

func (w *world) activity(n int) usage.Activity {
	w.t.Helper()
	w.counted()
	a, _, _, err := w.fleet.LastActivity(w.t.Context(), operator, iccid(n))
	w.must(err)
	return a
}

// sessions lists the sessions of a SIM, newest first.
func (w *world) sessions(n int) []usage.Session {
	w.t.Helper()
	w.counted()
	list, _, err := w.fleet.DataSessions(w.t.Context(), operator, []ident.ICCID{iccid(n)}, time.Now().AddDate(-1, 0, 0), time.Now().AddDate(0, 0, 1), 0, 100)
	w.must(err)
	return list
}

// addr is where a port listens.
func (w *world) addr(port string) netip.AddrPort {
	w.t.Helper()
	at, ok := w.server.Addr(port)
	if !ok {
		w.t.Fatalf("%s does not listen", port)
	}
	return at
}

// radclient has Debian's radclient send one request, signed as it is wanted
// today, and returns what it printed.
func (w *world) radclient(command, attributes string) string {
	w.t.Helper()
	out, err := w.try(command, attributes+", Message-Authenticator = 0x00")
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatal(err)
	}
	if !strings.Contains(out, "Received ") {
		w.t.Fatalf("%s: no answer\n%s", attributes, out)
	}
	return out
}

// try is radclient with the attributes as they are; it waits for one second.
func (w *world) try(command, attributes string) (string, error) {
	w.t.Helper()
	path, err := exec.LookPath("radclient")
	if err != nil {
		if os.Getenv("CI") != "" {
			w.t.Fatal("radclient is not installed (Debian package freeradius-utils)")
		}
		w.t.Skip("radclient is not installed (Debian package freeradius-utils)")
	}
	port, wait := aaa.PortAuth, "10"
	if command == "acct" {
		port = aaa.PortAcct
	}
	cmd := exec.CommandContext(w.t.Context(), path, "-x", "-r", "1", "-t", wait, w.addr(port).String(), command, secret)
	cmd.Stdin = strings.NewReader(attributes + "\n")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// send sends a request with our own client, whose wire package radclient has
// checked, and fails unless it is answered.
func (w *world) send(port string, p *radius.Packet) *radius.Packet {
	w.t.Helper()
	var sender radius.Sender
	defer func() { _ = sender.Close() }()
	reply, err := sender.Exchange(w.t.Context(), radius.Peer{Addr: w.addr(port), Secret: []byte(secret)}, p)
	w.must(err)
	return reply
}

func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in time", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// observed counts what the edge tells.
type observed struct {
	mu     sync.Mutex
	counts map[string]int
	since  time.Duration // of the last cut
}

func newObserved() *observed { return &observed{counts: map[string]int{}} }

func (o *observed) add(key string, n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counts[key] += n
}

func (o *observed) count(key string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.counts[key]
}

func (o *observed) Access(result string, _ time.Duration) { o.add("access "+result, 1) }
func (o *observed) Accounting(step, result string)        { o.add("accounting "+step+" "+result, 1) }
func (o *observed) Dropped(_, kind string)                { o.add("dropped "+kind, 1) }
func (o *observed) Unrecorded(n int)                      { o.add("unrecorded", n) }

func (o *observed) Kept(reports int, _ time.Duration, err error) {
	o.add("commits", 1)
	o.add("reports", reports)
	if err != nil {
		o.add("failed", 1)
	}
}

func (o *observed) Folded(done fleet.Folded, _ time.Duration, err error) {
	o.add("set aside", done.SetAside)
	o.add("taken", done.Taken)
	o.add("ignored", done.Ignored)
	o.add("unknown", done.Unknown)
	if err != nil {
		o.add("folds failed", 1)
	}
}

func (o *observed) Cut(outcome string, since time.Duration) {
	o.add("cut "+outcome, 1)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.since = since
}
