package simulated_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/network/drivertest"
	"github.com/simurgh-iot/simurgh/internal/network/simulated"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	drivertest.Run(t, func(t *testing.T) drivertest.Harness {
		path := newPath(t)
		n := open(t, path)
		return drivertest.Harness{
			Driver: n,
			Known:  network.FieldMSISDN | network.FieldAPN | network.FieldIP | network.FieldBarred,
			Bars:   []sim.Services{sim.Data, sim.Voice, sim.Data | sim.Messaging},
			Outage: func(t *testing.T, on bool) {
				set(t, n, func(s *simulated.Settings) {
					s.Outage = simulated.NoOutage
					if on {
						s.Outage = simulated.Down
					}
				})
			},
			Refuse: func(t *testing.T, imsi ident.IMSI) {
				set(t, n, func(s *simulated.Settings) { s.RefusedIMSIs = append(s.RefusedIMSIs, imsi) })
			},
			Restart: func(t *testing.T) network.Driver {
				if err := n.Close(); err != nil {
					t.Fatal(err)
				}
				n = open(t, path)
				return n
			},
		}
	})
}

func TestOpenMakesOnePrivateFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "odd name?a=b#c%41.db")
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			n, err := simulated.Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := n.Settings(t.Context()); err != nil {
				t.Error(err)
			}
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	// Of several that close at once none may be the last, which tidies up.
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}

	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 1 || files[0].Name() != filepath.Base(path) {
		t.Fatalf("the folder holds %v, %v; only the network is due", files, err)
	}
	info, err := files[0].Info()
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, %v; only its owner may read it", info.Mode(), err)
	}
}

func TestOpenRefusesWhatIsNoNetwork(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, bytes.Repeat([]byte("not a database\n"), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.db")
	db, err := sql.Open("sqlite", other)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE t (a)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		text:                             "not a database",
		other:                            "belongs to another program or version",
		filepath.Join(dir, "none", "db"): "no such file or directory",
	} {
		n, err := simulated.Open(path)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("Open(%s) = %v, %v; want %q", path, n, err, want)
		}
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	n := open(t, newPath(t))
	for range 2 {
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
	err := n.Apply(t.Context(), fleet(1))[0]
	if err == nil || network.Refused(err) != nil {
		t.Errorf("Apply after Close = %v; an error that may be retried is due", err)
	}
	if _, err := n.Observe(t.Context(), nil); err == nil {
		t.Error("Observe after Close succeeds")
	}
}

func TestOneSubscriberTwiceInABatch(t *testing.T) {
	t.Parallel()
	n := open(t, newPath(t))
	p := fleet(2)
	gone, back := p[0], p[0]
	gone.Present, back.MSISDN = false, p[1].MSISDN
	p[1].MSISDN = p[0].MSISDN
	mustApply(t, n, p[0], gone, p[1], back)
	if got := what(t, n, back.IMSI); got != "added+keys removed added+keys" {
		t.Errorf("history is %q", got)
	}
}

func TestNoIMSI(t *testing.T) {
	t.Parallel()
	n := open(t, newPath(t))
	p := fleet(1)
	p[0].IMSI = ""
	if r := network.Refused(n.Apply(t.Context(), p)[0]); r == nil || r.Why != "the SIM has no IMSI" {
		t.Errorf("a subscriber without IMSI: %v", r)
	}
	p[0].Present = false
	mustApply(t, n, p...)
}

// TestKeysAreNotKept reads every byte that the network has written.
func TestKeysAreNotKept(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	n := open(t, path)
	p := fleet(1)[0]
	mustApply(t, n, p)
	p.K[5]++
	mustApply(t, n, p)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []ident.Key{p.K, p.OPc} {
		if bytes.Contains(file, k[:]) || bytes.Contains(bytes.ToLower(file), []byte(k.Hex())) {
			t.Error("a key is in the file")
		}
	}
	if !bytes.Contains(file, []byte(p.IMSI)) {
		t.Error("the search itself is broken: the IMSI is not in the file either")
	}
}

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "network.db") }

func open(t testing.TB, path string, opts ...simulated.Option) *simulated.Network {
	t.Helper()
	n, err := simulated.Open(path, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func set(t testing.TB, n *simulated.Network, change func(*simulated.Settings)) {
	t.Helper()
	s, err := n.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	change(&s)
	if err := n.SetSettings(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

func mustApply(t testing.TB, n *simulated.Network, batch ...sim.Profile) {
	t.Helper()
	for i, err := range n.Apply(context.WithoutCancel(t.Context()), batch) {
		if err != nil {
			t.Fatalf("%s: %v", batch[i].IMSI, err)
		}
	}
}

// what writes the history of a subscriber as words.
func what(t testing.TB, n *simulated.Network, imsi ident.IMSI) string {
	t.Helper()
	changes, err := n.History(t.Context(), imsi)
	if err != nil {
		t.Fatal(err)
	}
	words := make([]string, len(changes))
	for i, c := range changes {
		words[i] = strings.Join(c.What, "+")
	}
	return strings.Join(words, " ")
}

// fleet returns subscribers with numbers and keys.
func fleet(size int) []sim.Profile {
	out := make([]sim.Profile, size)
	for i := range out {
		out[i] = sim.Profile{
			IMSI: ident.IMSI(fmt.Sprintf("00101%010d", i)), MSISDN: ident.MSISDN(fmt.Sprintf("88299%08d", i)),
			APN: "internet", Present: true, Generation: 1,
			K:   ident.Key([]byte(fmt.Sprintf("K of %011d", i))),
			OPc: ident.Key([]byte(fmt.Sprintf("O of %011d", i))),
		}
	}
	return out
}
