package osmohlr

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// Observe reads the subscribers back, in the order asked.
func (h *HLR) Observe(ctx context.Context, ids []ident.IMSI) ([]network.Actual, error) {
	requests := make([]request, len(ids))
	for i, imsi := range ids {
		requests[i] = get(by(imsi, "info"))
	}
	out := make([]network.Actual, len(ids))
	for i, a := range h.ctrl.ask(ctx, requests) {
		var s info
		if a.err == nil {
			s = parseInfo(a.value)
		} else if !missing(a.err) {
			return nil, asFault(a.err)
		}
		out[i] = s.actual(ids[i])
	}
	return out, nil
}

// List returns up to limit of the subscribers after the given IMSI, in
// ascending order. The HLR only lists all of them at once, and is busy with
// nothing else meanwhile: the first page of a walk reads the whole list, and
// the later ones are cut from that.
func (h *HLR) List(ctx context.Context, after ident.IMSI, limit int) ([]network.Actual, error) {
	rows, err := h.roll.rows(ctx, after == "", h.readRoll)
	if err != nil {
		return nil, err
	}
	at, found := slices.BinarySearchFunc(rows, pack(string(after)), func(r row, imsi digits) int {
		return bytes.Compare(r.imsi[:], imsi[:])
	})
	if found {
		at++
	}
	page := rows[at:min(at+max(limit, 0), len(rows))]
	out := make([]network.Actual, len(page))
	for i, r := range page {
		out[i] = network.Actual{
			IMSI: ident.IMSI(r.imsi.String()), Present: true,
			MSISDN: ident.MSISDN(r.msisdn.String()), Barred: r.barred, Known: known,
		}
	}
	if len(page) < limit {
		h.roll.drop()
	}
	return out, nil
}

// readRoll reads the list of all subscribers, in ascending order.
func (h *HLR) readRoll(ctx context.Context) ([]row, error) {
	var rows []row
	shown := 0
	var complaint string
	err := h.vty.session(ctx, func(s *session) error {
		return s.command("show subscribers all", func(line string) {
			if r, ok := parseRow(line); ok {
				rows = append(rows, r)
			} else if n, ok := strings.CutPrefix(line, " Subscribers Shown: "); ok {
				shown, _ = strconv.Atoi(n)
			} else if strings.HasPrefix(line, "%") && !strings.Contains(line, "No matching subscriber") {
				complaint = line
			}
		})
	})
	switch {
	case err != nil:
		return nil, err
	case complaint != "":
		return nil, failed(&denied{complaint})
	case shown != len(rows):
		return nil, failed(&denied{"it shows " + strconv.Itoa(shown) + " subscribers, of which " + strconv.Itoa(len(rows)) + " can be read"})
	}
	slices.SortFunc(rows, func(a, b row) int { return bytes.Compare(a.imsi[:], b.imsi[:]) })
	return rows, nil
}

// digits are up to 15 of them, padded with zero bytes so that they sort as
// text does. A network has many, and these need no memory of their own.
type digits [15]byte

func pack(s string) (d digits) {
	copy(d[:], s)
	return d
}

func (d digits) String() string { return string(bytes.TrimRight(d[:], "\x00")) }

// row is a subscriber of the list.
type row struct {
	imsi, msisdn digits
	barred       sim.Services
}

// parseRow reads a line of the list: number, MSISDN, IMSI, IMEI, access modes.
// ok is false for those that frame it.
func parseRow(line string) (r row, ok bool) {
	f := strings.Fields(line)
	if len(f) < 4 {
		return r, false
	}
	if _, err := strconv.ParseUint(f[0], 10, 64); err != nil {
		return r, false
	}
	r.imsi = pack(f[2])
	if f[1] != noNumber {
		r.msisdn = pack(f[1])
	}
	modes := f[len(f)-1] // the IMEI where there are none
	if modes != "CS" && modes != "PS" && modes != "CSPS" {
		modes = ""
	}
	r.barred = barred(strings.HasPrefix(modes, "CS"), strings.HasSuffix(modes, "PS"))
	return r, true
}

// rollAge is for how long a list serves a walk.
const rollAge = time.Minute

// roll is the list that a walk is cut from. It is let go when the walk is
// over, or has been left.
type roll struct {
	mu    sync.Mutex
	held  []row
	has   bool
	timer *time.Timer
}

// rows returns the list, read anew where there is none or where anew says so.
func (r *roll) rows(ctx context.Context, anew bool, read func(context.Context) ([]row, error)) ([]row, error) {
	r.mu.Lock()
	rows, has := r.held, r.has
	r.mu.Unlock()
	if has && !anew {
		return rows, nil
	}
	rows, err := read(ctx)
	if err != nil {
		return nil, err
	}
	r.drop()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held, r.has = rows, true
	r.timer = time.AfterFunc(rollAge, r.drop)
	return rows, nil
}

func (r *roll) drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.timer != nil {
		r.timer.Stop()
	}
	r.held, r.has = nil, false
}
