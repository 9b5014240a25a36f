package open5gs

import (
	"context"
	"testing"
)

// TestDocumentComesMeanwhile has a document come back between the look and the
// write, as it does when the database goes on with a write whose caller has
// left: it is looked at once more, and made so.
func TestDocumentComesMeanwhile(t *testing.T) {
	t.Parallel()
	c, e := openEPC(t, `,"settle":"0s"`)
	batch := fleet(3)
	mustApply(t, c, batch...)
	gone := fleet(3)
	remove(gone)
	mustApply(t, c, gone...)
	came := 0
	e.broken = func(w *write) error {
		if w.insert != nil {
			came++
			_, _ = e.subscribers.InsertOne(context.Background(), w.insert)
		}
		return nil
	}
	batch[1].MSISDN += "9"
	mustApply(t, c, batch...)
	if came != len(batch) {
		t.Errorf("%d documents came: nothing was tested", came)
	}
	mustHave(t, c, batch...)
}
