package e2e

import (
	"syscall"
	"testing"
	"time"
)

// Calls of ten thousand SIMs each leave room for the others: a small change
// waits for one of them, not for all.
func TestLargeCallsStarveNobody(t *testing.T) {
	t.Parallel()
	const large, each = 3, 10_000
	engines(t, func(t *testing.T, p platform) {
		p.furnish(t, large*each+1)
		n := p.serve(t)
		begun, over := time.Now(), make(chan struct{})
		go func() {
			defer close(over)
			drive(t, n.url, calls(large*each, each), large, func(call) {})
		}()
		small, longest := 0, time.Duration(0)
		c, err := signIn(n.url, labPortfolio)
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		for running := true; running; {
			asked := time.Now()
			label := map[string]string{"ICCID": string(iccidOf(large * each)), "friendlyName": asked.String()[:26]}
			if err := c.call("setSIMDetail", label, nil); err != nil {
				t.Error(err)
				break
			}
			small, longest = small+1, max(longest, time.Since(asked))
			select {
			case <-over:
				running = false
			default:
			}
		}
		<-over
		took := time.Since(begun)
		t.Logf("%d calls of %d SIMs took %s; of %d small changes meanwhile the slowest took %s", large, each, took, small, longest)
		if small < large || longest > took*6/10 {
			t.Errorf("of %d small changes one took %s of %s", small, longest, took)
		}
		a := p.open(t)
		until(t, "every SIM is on the network", func() bool { return waits(t, a) == 0 })
		if err := n.stop(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	})
}
