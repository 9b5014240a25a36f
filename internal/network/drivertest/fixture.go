package drivertest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// promptly is how long a call may take to come back once its context has
// ended.
const promptly = 10 * time.Second

// fixture is one test: its harness and its subscribers.
type fixture struct {
	*testing.T
	Harness
	block int // tells the subscribers of this test from those of others
	made  int
}

// fleet returns n new subscribers that the network should have, with number,
// access point and keys.
func (f *fixture) fleet(n int) []sim.Profile {
	out := make([]sim.Profile, n)
	for i := range out {
		out[i] = f.subscriber()
	}
	return out
}

// most returns n, or as many as the network can have of it.
func (f *fixture) most(n int) int {
	if f.Most > 0 {
		return min(n, f.Most)
	}
	return n
}

func (f *fixture) subscriber() sim.Profile {
	f.made++
	serial := f.block*100_000 + f.made
	keys := sha256.Sum256(fmt.Append(nil, serial))
	return sim.Profile{
		SIM:        int64(serial),
		ICCID:      ident.ICCID(ident.WithLuhn(fmt.Sprintf("8999901%011d", serial))),
		IMSI:       ident.IMSI(fmt.Sprintf("00101%010d", serial)),
		MSISDN:     ident.MSISDN(fmt.Sprintf("88299%08d", serial)),
		APN:        f.APNs[0],
		Present:    true,
		K:          ident.Key(keys[:16]),
		OPc:        ident.Key(keys[16:]),
		Generation: 1,
		Wanted:     sim.Condition{State: sim.Provisioning, Phase: sim.Live},
	}
}

// apply applies the batch and checks what holds of every answer: one result
// per profile, no refusal without a reason, and no key in any text.
func (f *fixture) apply(ctx context.Context, batch ...sim.Profile) []network.Result {
	f.Helper()
	before := slices.Clone(batch)
	results := f.Driver.Apply(ctx, batch)
	if len(results) != len(batch) {
		f.Fatalf("Apply of %d profiles returned %d results", len(batch), len(results))
	}
	if !slices.Equal(before, batch) {
		f.Error("Apply changed the batch that it was given")
	}
	errs := make([]error, len(results))
	for i, err := range results {
		errs[i] = err
		if r := network.Refused(err); r != nil {
			f.checkWhy(r, batch[i].IMSI)
		}
	}
	f.checkText(batch, errs...)
	return results
}

// mustApply applies the batch, wants every profile of it accepted, and reads
// it back.
func (f *fixture) mustApply(batch ...sim.Profile) {
	f.Helper()
	for i, err := range f.apply(f.Context(), batch...) {
		if err != nil {
			f.Fatalf("profile %d of %d, %s: %v", i, len(batch), batch[i].IMSI, err)
		}
	}
	f.checkHas(batch...)
}

// observe reads the subscribers back and checks the shape of the answer.
func (f *fixture) observe(ids ...ident.IMSI) []network.Actual {
	f.Helper()
	got, err := f.Driver.Observe(f.Context(), ids)
	if err != nil {
		f.Fatalf("Observe: %v", err)
	}
	if len(got) != len(ids) {
		f.Fatalf("Observe of %d returned %d", len(ids), len(got))
	}
	for i := range got {
		if got[i].IMSI != ids[i] {
			f.Fatalf("Observe answered %d with %s; %s was asked", i, got[i].IMSI, ids[i])
		}
		if got[i].Present && got[i].Known != f.Known {
			f.Fatalf("%s: Known is %04b; the harness says %04b", ids[i], got[i].Known, f.Known)
		}
	}
	return got
}

// checkHas wants the network to have each profile as it says.
func (f *fixture) checkHas(batch ...sim.Profile) {
	f.Helper()
	for i, a := range f.observe(imsis(batch)...) {
		if d := a.Drift(&batch[i]); len(d) > 0 {
			f.Errorf("%s differs: %+v", a.IMSI, d)
		}
	}
}

// checkRetry wants errors that may be retried, or nil where the profile has
// been made so all the same.
func (f *fixture) checkRetry(batch []sim.Profile, results []network.Result) {
	f.Helper()
	var done []sim.Profile
	for i, err := range results {
		if err == nil {
			done = append(done, batch[i])
		} else if network.Refused(err) != nil {
			f.Errorf("%s was refused for good: %v", batch[i].IMSI, err)
		}
	}
	f.checkHas(done...)
}

// checkText wants no key of the batch in any of the errors, however it is
// written.
func (f *fixture) checkText(batch []sim.Profile, errs ...error) {
	f.Helper()
	texts := map[string]bool{}
	for _, err := range errs {
		if err != nil {
			texts[err.Error()] = true
		}
	}
	if len(texts) == 0 {
		return
	}
	secrets := secrets(batch)
	for text := range texts {
		folded := strings.ToLower(strings.NewReplacer(" ", "", ":", "", "-", "").Replace(text))
		for _, s := range secrets {
			if strings.Contains(folded, s.hex) || strings.Contains(text, s.decimal) || strings.Contains(text, s.base64) {
				f.Fatalf("an error holds a key of %s", s.imsi)
			}
		}
	}
}

// secret is a key in the forms in which it could slip out.
type secret struct {
	imsi                 ident.IMSI
	hex, decimal, base64 string
}

func secrets(batch []sim.Profile) []secret {
	var out []secret
	for i := range batch {
		for _, k := range []ident.Key{batch[i].K, batch[i].OPc} {
			if !k.IsZero() {
				out = append(out, secret{
					imsi: batch[i].IMSI, hex: k.Hex(), decimal: fmt.Sprint([16]byte(k)),
					base64: base64.RawStdEncoding.EncodeToString(k[:]),
				})
			}
		}
	}
	return out
}

// checkWhy wants a reason that can be shown to the SIM's owner.
func (f *fixture) checkWhy(r *network.Refusal, imsi ident.IMSI) {
	f.Helper()
	if strings.TrimSpace(r.Why) == "" {
		f.Errorf("%s was refused without a reason", imsi)
	}
	if strings.Contains(r.Why, "://") {
		f.Errorf("%s: the reason %q holds an address", imsi, r.Why)
	}
	for w := range strings.FieldsFuncSeq(r.Why, func(c rune) bool { return strings.ContainsRune(" ,;()[]\"'", c) }) {
		_, err := netip.ParseAddr(w)
		_, errPort := netip.ParseAddrPort(w)
		if err == nil || errPort == nil {
			f.Errorf("%s: the reason %q holds an address", imsi, r.Why)
		}
	}
}

// within runs call and fails the test when it does not come back promptly.
func (f *fixture) within(what string, call func()) {
	f.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		call()
	}()
	select {
	case <-done:
	case <-time.After(promptly):
		f.Fatalf("%s has not returned %v after its context ended", what, promptly)
	}
}

// need skips the test unless the harness can do what it is about.
func (f *fixture) need(can bool, what string) {
	f.Helper()
	if !can {
		f.Skipf("not run: %s", what)
	}
}

func imsis(batch []sim.Profile) []ident.IMSI {
	out := make([]ident.IMSI, len(batch))
	for i := range batch {
		out[i] = batch[i].IMSI
	}
	return out
}

// absent returns the batch with every subscriber to be removed.
func absent(batch []sim.Profile) []sim.Profile {
	out := slices.Clone(batch)
	for i := range out {
		out[i].Present, out[i].Barred = false, 0
		out[i].Generation++
		out[i].Wanted = sim.Condition{State: sim.Deprovisioning}
	}
	return out
}
