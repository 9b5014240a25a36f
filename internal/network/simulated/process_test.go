package simulated_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/network/simulated"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// worker names the file that this process, started by a test, is to work on.
const worker = "SIMURGH_SIMULATED_WORKER"

func TestMain(m *testing.M) {
	if path := os.Getenv(worker); path != "" {
		if err := work(path, os.Stdin, os.Stdout); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// work adds the part of the fleet that each line of orders names, as from and
// to, and reports it when the network has taken it.
func work(path string, orders io.Reader, report io.Writer) error {
	n, err := simulated.Open(path)
	if err != nil {
		return err
	}
	all := fleet(20_000)
	for in := bufio.NewScanner(orders); in.Scan(); {
		var from, to int
		if _, err := fmt.Sscan(in.Text(), &from, &to); err != nil {
			return err
		}
		for ; from < to; from += 100 {
			for _, err := range n.Apply(context.Background(), all[from:from+100]) {
				if err != nil {
					return err
				}
			}
			if _, err := fmt.Fprintln(report, from+100); err != nil {
				return err
			}
		}
	}
	return n.Close()
}

// start starts a worker process; its orders go in, its reports come out.
func start(t *testing.T, path string) (cmd *exec.Cmd, orders io.WriteCloser, reports *bufio.Scanner) {
	t.Helper()
	cmd = exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), worker+"="+path)
	orders, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, orders, bufio.NewScanner(out)
}

// TestKilled kills a process in the middle of its work: what the network had
// accepted is there.
func TestKilled(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	cmd, orders, reports := start(t, path)
	if _, err := fmt.Fprintln(orders, 0, 20_000); err != nil {
		t.Fatal(err)
	}
	accepted := 0
	for reports.Scan() {
		if _, err := fmt.Sscan(reports.Text(), &accepted); err != nil {
			t.Fatal(err)
		}
		if accepted == 3000 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the worker was not killed")
	}
	if accepted < 3000 || accepted == 20_000 {
		t.Fatalf("killed after %d", accepted)
	}

	n := open(t, path)
	all := fleet(20_000)
	checkPresent(t, n, all[:accepted])
	mustApply(t, n, all...)
	for _, i := range []int{0, accepted - 1, accepted, 19_999} {
		if got := what(t, n, all[i].IMSI); got != "added+keys" {
			t.Errorf("subscriber %d: %q", i, got)
		}
	}
}

// TestSeveralProcesses has three work on one network while it changes its
// mind.
func TestSeveralProcesses(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	const workers, share = 2, 4000
	type process struct {
		cmd     *exec.Cmd
		orders  io.WriteCloser
		reports *bufio.Scanner
	}
	var all [workers]process
	for i := range all {
		p := &all[i]
		p.cmd, p.orders, p.reports = start(t, path)
		if _, err := fmt.Fprintln(p.orders, i*share, (i+1)*share); err != nil {
			t.Fatal(err)
		}
	}
	n := open(t, path)
	everyone := fleet(workers*share + share)
	mine := everyone[workers*share:]
	for i := 0; i < len(mine); i += 100 {
		mustApply(t, n, mine[i:i+100]...)
	}
	for _, p := range all {
		for range share / 100 {
			if p.reports.Scan(); strings.HasPrefix(p.reports.Text(), "failed") {
				t.Fatal(p.reports.Text())
			}
		}
	}
	checkPresent(t, n, everyone)

	set(t, n, func(s *simulated.Settings) { s.Outage = simulated.Down })
	for _, p := range all {
		if _, err := fmt.Fprintln(p.orders, 0, 100); err != nil {
			t.Fatal(err)
		}
		if p.reports.Scan(); p.reports.Text() != "failed: the network does not answer" {
			t.Errorf("a running process does not see the outage: %q", p.reports.Text())
		}
		if err := p.cmd.Wait(); err == nil {
			t.Error("the worker did not fail")
		}
	}
}

// TestAnotherProcessWrites has somebody else hold the file's lock for longer
// than a batch waits, and for longer than its context.
func TestAnotherProcessWrites(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	impatient, patient := open(t, path, simulated.WithBusyTimeout(10*time.Millisecond)), open(t, path, simulated.WithBusyTimeout(time.Hour))
	db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}

	p := fleet(1)
	checkBusy := func(ctx context.Context, n *simulated.Network, code string) {
		t.Helper()
		err := n.Apply(ctx, p)[0]
		if fault.KindOf(orUnavailable(err)) != fault.Unavailable || fault.CodeOf(err) != code || network.Refused(err) != nil {
			t.Errorf("Apply while another process writes = %v; want %s", err, code)
		}
	}
	checkBusy(t.Context(), impatient, "network.busy")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	checkBusy(ctx, patient, "network.unreachable")
	if a := observe(t, impatient, p)[0]; a.Present {
		t.Error("the subscriber is there")
	}

	done := make(chan error)
	go func() { done <- patient.Apply(t.Context(), p)[0] }()
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("Apply after the other process is done = %v", err)
	}
}

func checkPresent(t *testing.T, n *simulated.Network, batch []sim.Profile) {
	t.Helper()
	for i, a := range observe(t, n, batch) {
		if d := a.Drift(&batch[i]); len(d) > 0 {
			t.Fatalf("%s differs: %v", a.IMSI, d)
		}
	}
}
