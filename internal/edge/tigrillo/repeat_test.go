package tigrillo_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// keyed asks with an idempotency key.
func (w *world) keyed(as, method, key, body string) answer {
	w.t.Helper()
	r := w.request(as, method, body)
	r.Header.Set("Idempotency-Key", key)
	return w.send(r)
}

// TestIdempotencyKey: every method that changes something gives the first
// answer again, and does nothing twice.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	for m, body := range map[string]string{
		"activateSIMs":  `{"sims":[{"ICCID":"<stock>"},{"ICCID":"<stock2>"}]}`,
		"suspendSIMs":   `{"sims":["<live>","<live2>"]}`,
		"unsuspendSIMs": `{"sims":["<suspended>"]}`,
		"terminateSIMs": `{"sims":["<live>"]}`,
		"setSIMState":   `{"ICCID":"<live>","state":"suspend"}`,
		"setSIMDetail":  `{"ICCID":"<live>","friendlyName":"x"}`,
	} {
		t.Run(m, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			before := w.snapshot()
			first := w.keyed(engineer, m, "key-1", body)
			changed := w.snapshot()
			if errorCode(first) != "" || changed == before {
				t.Fatalf("not done: %s", first.body)
			}
			if again := w.keyed(engineer, m, "key-1", body); again.body != first.body {
				t.Errorf("again: %s, not %s", again.body, first.body)
			}
			w.settle()
			if again := w.keyed(engineer, m, "key-1", body); again.body != first.body {
				t.Errorf("later: %s, not %s", again.body, first.body)
			}
			same(t, w.keyed(engineer, m, "key-1", body+" ").body, failed("E0005", "Invalid parameter - Idempotency-Key"))
			if other := w.keyed(engineer, m, "key-2", body); m != "setSIMDetail" && m != "activateSIMs" && other.body == first.body {
				t.Errorf("another key: %s", other.body)
			}
		})
	}
}

func TestIdempotencyKeysOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	same(t, w.keyed(engineer, "suspendSIMs", "k", `{"sims":["<child>"]}`).body, done)
	same(t, w.keyed(customer, "suspendSIMs", "k", `{"sims":["<child>"]}`).body, statuses("child", `"E0143:SIM cannot be suspended"`))
	_, below := w.login(engineer, password, string(folios["C"]), "")
	r := w.as(w.request("", "suspendSIMs", `{"sims":["<child>"]}`), below)
	r.Header.Set("Idempotency-Key", "k")
	same(t, w.send(r).body, failed("E0005", "Invalid parameter - Idempotency-Key"))
}

// TestRefusalsAreRepeatedToo: what stood in the way may have gone meanwhile; the
// answer to the same key stays.
func TestRefusalsAreRepeatedToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := statuses("provisioning", `"E0143:SIM cannot be suspended"`)
	same(t, w.keyed(engineer, "suspendSIMs", "k", `{"sims":["<provisioning>"]}`).body, want)
	w.settle()
	same(t, w.keyed(engineer, "suspendSIMs", "k", `{"sims":["<provisioning>"]}`).body, want)
	same(t, w.keyed(engineer, "suspendSIMs", "k2", `{"sims":["<provisioning>"]}`).body, done)
}

func TestKeysThatAreNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, key := range []string{strings.Repeat("k", 256), "ü", "a\tb"} {
		same(t, w.keyed(engineer, "suspendSIMs", key, `{"sims":["<live>"]}`).body, failed("E0005", "Invalid parameter - Idempotency-Key"))
	}
	same(t, w.keyed(engineer, "suspendSIMs", strings.Repeat("k", 255), `{"sims":["<live>"]}`).body, done)
}

func TestKeysLastADay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	same(t, w.keyed(engineer, "suspendSIMs", "k", `{"sims":["<live>"]}`).body, done)
	w.clock.Pass(25 * time.Hour)
	_, token := w.login(engineer, password, string(folios["A"]), "")
	r := w.as(w.request("", "suspendSIMs", `{"sims":["<live>"]}`), token)
	r.Header.Set("Idempotency-Key", "k")
	same(t, w.send(r).body, statuses("live", `"E0143:SIM cannot be suspended"`))
}

// TestTheSameKeyAtOnce: many callers with one key get one answer, of one doing.
func TestTheSameKeyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	version := w.sim("live").Version
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if a := w.keyed(engineer, "suspendSIMs", "k", `{"sims":["<live>"]}`); a.body != done {
				t.Error(a.body)
			}
		})
	}
	all.Wait()
	if got := w.sim("live").Version; got != version+1 {
		t.Errorf("it was done %d times", got-version)
	}
}

// TestOneKeyForManyThingsAtOnce: one of them is done, the others hear that the
// key is taken.
func TestOneKeyForManyThingsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	taken := failed("E0005", "Invalid parameter - Idempotency-Key")
	answers := make(chan string, 20)
	var all sync.WaitGroup
	for i := range cap(answers) {
		all.Go(func() {
			answers <- w.keyed(engineer, "setSIMDetail", "k", fmt.Sprintf(`{"ICCID":"<live>","friendlyName":"name %d"}`, i)).body
		})
	}
	all.Wait()
	close(answers)
	count := map[string]int{}
	for body := range answers {
		count[body]++
	}
	if count[done] != 1 || count[taken] != cap(answers)-1 {
		t.Errorf("%v", count)
	}
}

// TestWithoutAKeyOneWins: of many at once, one suspends; the others hear so.
func TestWithoutAKeyOneWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	answers := make(chan string, 20)
	var all sync.WaitGroup
	for range cap(answers) {
		all.Go(func() { answers <- w.call(engineer, "suspendSIMs", `{"sims":["<live>","<live2>"]}`).body })
	}
	all.Wait()
	close(answers)
	won := 0
	for body := range answers {
		if body == done {
			won++
		}
	}
	if won != 1 {
		t.Errorf("%d won", won)
	}
}
