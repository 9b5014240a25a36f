package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// The one account and the one user of the platforms that tests make.
const (
	labPortfolio = "10000000000000000000000000000000"
	labPackage   = "1000"
	labUser      = "ops@lab.example"
	labPassword  = "s3cretpw"
)

// engines are the two databases, each with a fresh platform.
func engines(t *testing.T, test func(t *testing.T, p platform)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, platform{data: t.TempDir()})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, platform{data: t.TempDir(), database: postgres(t)})
	})
}

func iccidOf(n int) ident.ICCID {
	return ident.ICCID(ident.WithLuhn(fmt.Sprintf("8944538599%08d", n)))
}

func imsiOf(n int) ident.IMSI { return ident.IMSI(fmt.Sprintf("2341500%08d", n)) }

// furnish makes the account, the package and the user, and imports SIMs.
func (p platform) furnish(t testing.TB, sims int) {
	t.Helper()
	p.run(t, nil, "portfolio", "create", "--name", "Lab", "--id", labPortfolio)
	p.run(t, nil, "package", "create", "--name", "M2M", "--id", labPackage, "--portfolio", labPortfolio)
	p.runWith(t, labPassword, nil, "user", "create", "--username", labUser, "--portfolio", labPortfolio, "--roles", "AEF", "--password-stdin")
	p.run(t, nil, "sims", "import", batchFile(t, sims), "--portfolio", labPortfolio, "--package", labPackage)
}

// batchFile writes a batch of SIMs with keys.
func batchFile(t testing.TB, sims int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "batch.csv")
	var b strings.Builder
	b.WriteString("iccid,imsi,msisdn,ki,opc,name\n")
	for n := range sims {
		fmt.Fprintf(&b, "%s,%s,4477%08d,%032x,%032x,Meter %d\n", iccidOf(n), imsiOf(n), n, n+1, n+2, n)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// call is one activateSIMs of some SIMs. Its key makes it safe to repeat: it is
// sent until it is answered.
type call struct {
	key  string
	sims []ident.ICCID
}

// calls cuts the SIMs into calls.
func calls(sims, each int) chan call {
	out := make(chan call, sims/each+1)
	for first := 0; first < sims; first += each {
		c := call{key: fmt.Sprintf("call-%d", first)}
		for n := first; n < min(first+each, sims); n++ {
			c.sims = append(c.sims, iccidOf(n))
		}
		out <- c
	}
	return out
}

// send sends one call, which the API must accept when it answers at all.
func (c *client) send(of call) error {
	type one struct{ ICCID ident.ICCID }
	body := struct {
		SIMs   []one  `json:"sims"`
		Tariff string `json:"tariffID"`
	}{Tariff: labPackage}
	for _, iccid := range of.sims {
		body.SIMs = append(body.SIMs, one{iccid})
	}
	var answer struct {
		Statuses map[ident.ICCID]struct{ Status string } `json:"simStatuses"`
	}
	if err := c.callWith("activateSIMs", of.key, body, &answer); err != nil {
		return err
	}
	for _, iccid := range of.sims {
		if s := answer.Statuses[iccid].Status; s != "AUTO" {
			return fmt.Errorf("%w: SIM %s was answered %q in %v", errWrong, iccid, s, answer.Statuses)
		}
	}
	return nil
}

var errWrong = errors.New("wrong answer")

// drive sends calls from several clients at once until none is left or the
// server is gone. Calls that were not answered go back. Every answer is told to
// answered.
func drive(t testing.TB, url string, todo chan call, clients int, answered func(call)) {
	t.Helper()
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			c, err := signIn(url, labPortfolio)
			defer c.close()
			for err == nil {
				select {
				case next := <-todo:
					if err = c.send(next); err != nil {
						todo <- next
						break
					}
					answered(next)
				default:
					return
				}
			}
			if errors.Is(err, errWrong) {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// open opens the platform in this process, to look at what is stored.
func (p platform) open(t testing.TB) *app.App {
	t.Helper()
	a, err := app.Open(context.Background(), app.Config{Data: p.data, Database: p.database})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

var asOperator = fleet.Request{Caller: tenant.Operator("test"), Via: "cli"}

// waits returns how many SIMs a network has still to hear of.
func waits(t testing.TB, a *app.App) int64 {
	t.Helper()
	depths, err := a.Fleet.QueueDepths(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	for _, d := range depths {
		n += d.Waiting
	}
	return n
}

// proveOnce holds that every SIM is on the network, by one operation and one
// change there.
func proveOnce(t *testing.T, a *app.App, sims int) {
	t.Helper()
	n, err := a.Network(t.Context(), app.FirstNetwork)
	if err != nil {
		t.Fatal(err)
	}
	net, err := a.Simulated(n)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = net.Close() }()
	for i := range sims {
		changes, err := net.History(t.Context(), imsiOf(i))
		if err != nil {
			t.Fatal(err)
		}
		if len(changes) != 1 {
			t.Errorf("the network changed %s %d times: %v", imsiOf(i), len(changes), changes)
		}
	}
	page, err := a.Fleet.SIMs(t.Context(), asOperator, sim.Query{Statuses: []sim.Status{sim.StatusProvisioned}, Count: true, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if page.Total != int64(sims) {
		t.Errorf("%d of %d SIMs are provisioned", page.Total, sims)
	}
	seen := map[ident.ICCID]int{}
	for q := (sim.OperationQuery{Limit: 1000}); ; {
		ops, err := a.Fleet.Operations(t.Context(), asOperator, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range ops {
			seen[o.ICCID]++
			if o.Progress != sim.OpDone || seen[o.ICCID] > 1 {
				t.Errorf("operation %d of SIM %s is %s, its number %d", o.ID, o.ICCID, o.Progress, seen[o.ICCID])
			}
			q.Before = o.ID
		}
		if len(ops) < q.Limit {
			break
		}
	}
	if len(seen) != sims {
		t.Errorf("%d of %d SIMs have an operation", len(seen), sims)
	}
	if err := a.DB.Check(t.Context()); err != nil {
		t.Error(err)
	}
}
