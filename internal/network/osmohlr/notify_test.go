package osmohlr_test

import (
	"strings"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// quiet is how long nothing must come for nothing to have been sent.
const quiet = 300 * time.Millisecond

// TestCutReachesTheServingNode is why cuts go through the VTY: what the control
// interface writes, the node that serves the subscriber does not hear.
func TestCutReachesTheServingNode(t *testing.T) {
	t.Parallel()
	h := startHLR(t)
	d := openHLR(t, h.config(nil, nil, ""), nil)
	sgsn := newNode(t, h, "SGSN-1", packetSwitched)
	p := fleet(1)[0]
	mustApply(t, d, p)
	sgsn.attach(p.IMSI)

	h.Control(t, "SET 1 subscriber.by-imsi-"+string(p.IMSI)+".ps-enabled 0")
	if m := sgsn.hear(quiet); m.kind != 0 {
		t.Fatalf("the control interface now tells the serving node: %#x; the VTY is needed no more", m.kind)
	}
	h.Control(t, "SET 1 subscriber.by-imsi-"+string(p.IMSI)+".ps-enabled 1")

	p.Barred = sim.AllServices
	mustApply(t, d, p)
	sgsn.mustHear(gsupDeleteData, p.IMSI)
	sgsn.say(gsupDeleteDataResult, p.IMSI)
	sgsn.say(gsupUpdateLocation, p.IMSI)
	for m := sgsn.hear(10 * time.Second); m.kind != gsupUpdateLocationError; m = sgsn.hear(10 * time.Second) {
		// Bars on both sides are told once for each.
		if m.kind != gsupDeleteData {
			t.Fatalf("a barred subscriber may come back: %#x", m.kind)
		}
	}

	p.Barred = 0
	mustApply(t, d, p)
	sgsn.attach(p.IMSI)
}

func TestRemovalReachesTheServingNodes(t *testing.T) {
	t.Parallel()
	h := startHLR(t)
	d := openHLR(t, h.config(nil, nil, ""), nil)
	sgsn, vlr := newNode(t, h, "SGSN-1", packetSwitched), newNode(t, h, "VLR-1", circuitSwitched)
	p := fleet(1)[0]
	mustApply(t, d, p)
	sgsn.attach(p.IMSI)
	vlr.attach(p.IMSI)

	p.Present = false
	mustApply(t, d, p)
	sgsn.mustHear(gsupDeleteData, p.IMSI)
	vlr.mustHear(gsupDeleteData, p.IMSI)
}

// TestNumberReachesTheServingNode changes the number of a subscriber that is
// attached: calls from it show the new one at once.
func TestNumberReachesTheServingNode(t *testing.T) {
	t.Parallel()
	h := startHLR(t)
	d := openHLR(t, h.config(nil, nil, ""), nil)
	vlr := newNode(t, h, "VLR-1", circuitSwitched)
	p := fleet(1)[0]
	mustApply(t, d, p)
	vlr.attach(p.IMSI)

	p.MSISDN = "88277000001"
	mustApply(t, d, p)
	m := vlr.mustHear(gsupInsertData, p.IMSI)
	if got := digits(m.ies[gsupMSISDN]); !strings.HasSuffix(got, string(p.MSISDN)) {
		t.Errorf("the serving node heard of the number %s", got)
	}
	mustHave(t, d, p)
}

// TestSequenceNumberSurvives applies the same keys again and again: the HLR
// must not start to count anew, as the card would take what comes for a replay.
func TestSequenceNumberSurvives(t *testing.T) {
	t.Parallel()
	h := startHLR(t)
	d := openHLR(t, h.config(nil, nil, ""), nil)
	sgsn := newNode(t, h, "SGSN-1", packetSwitched)
	p := fleet(1)[0]
	mustApply(t, d, p)
	sgsn.say(gsupSendAuthInfo, p.IMSI)
	sgsn.mustHear(gsupSendAuthInfoResult, p.IMSI)
	before := h.sequence(t, p.IMSI)
	if before == "0" {
		t.Fatal("the HLR has made vectors and counts from zero")
	}
	for _, barred := range []sim.Services{sim.AllServices, 0, sim.Data, 0} {
		p.Barred = barred
		mustApply(t, d, p)
	}
	if after := h.sequence(t, p.IMSI); after != before {
		t.Errorf("the sequence number went from %s to %s", before, after)
	}
	p.K[0]++
	mustApply(t, d, p)
	if after := h.sequence(t, p.IMSI); after != "0" {
		t.Errorf("new keys begin with sequence number %s", after)
	}
}

// sequence returns the sequence number that the HLR keeps.
func (h *hlr) sequence(t *testing.T, imsi ident.IMSI) string {
	t.Helper()
	all := h.Control(t, "GET 1 subscriber.by-imsi-"+string(imsi)+".info-all")
	_, rest, _ := strings.Cut(all, "aud3g.sqn\t")
	n, _, _ := strings.Cut(rest, "\n")
	return n
}
