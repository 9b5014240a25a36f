package simulated

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// Change is one time that the network really changed a subscriber, or did
// something with it. Applying what is already there is none.
type Change struct {
	Number     int       // 1 for the subscriber's first, then without gaps
	At         time.Time // to the millisecond
	Generation int64     // of the profile that made it
	Barred     sim.Services
	What       []string // "added" (with "keys" if it brought any), "removed", the fields that changed, or a control
}

// KeptChanges is how many changes the network remembers per subscriber: the
// first and the last ones.
const KeptChanges = 20

// History returns the remembered changes of a subscriber, oldest first; none
// for one that the network never knew. It is a look at the simulation and not
// a call to the network: latency and outages do not concern it.
func (n *Network) History(ctx context.Context, imsi ident.IMSI) ([]Change, error) {
	var text string
	err := n.history.QueryRowContext(ctx, string(imsi)).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, unusable(ctx, err)
	}
	var out []Change
	for line := range strings.Lines(text) {
		c, err := parseChange(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, fmt.Errorf("history of %s: %w", imsi, err)
		}
		out = append(out, c)
	}
	return out, nil
}

// deeds is what a change does: a set.
type deeds uint16

const (
	added deeds = 1 << iota
	removed
	newMSISDN
	newAPN
	newIP
	newBarred
	newKeys
	controlled // the first of the controls; the others follow in their order
)

var deedNames = append([]string{"added", "removed", "msisdn", "apn", "ip", "barred", "keys"}, controlNames()...)

func controlNames() []string {
	var out []string
	for _, c := range sim.Controls() {
		out = append(out, c.String())
	}
	return out
}

// compare says what leads from has to gets; 0 when they are the same.
func compare(has, gets *subscriber) deeds {
	var d deeds
	add := func(deed deeds, differs bool) {
		if differs {
			d |= deed
		}
	}
	if !gets.present {
		add(removed, has.present)
		return d
	}
	add(newKeys, has.keys != gets.keys)
	if !has.present {
		return d | added
	}
	add(newMSISDN, has.msisdn != gets.msisdn)
	add(newAPN, has.apn != gets.apn)
	add(newIP, has.ip != gets.ip)
	add(newBarred, has.barred != gets.barred)
	return d
}

// A history is text, one line per change, in the subscriber's own row: number,
// milliseconds since 1970, generation, barred services, deeds. A table of its
// own would double what a change costs.

// record returns history with one more change, and without the second oldest
// where that is one too many.
func record(history string, at time.Time, p *sim.Profile, does deeds) string {
	b := make([]byte, 0, len(history)+64)
	lines := strings.Count(history, "\n")
	number := int64(1)
	if lines > 0 {
		last := history[strings.LastIndexByte(history[:len(history)-1], '\n')+1:]
		digits, _, _ := strings.Cut(last, " ")
		previous, _ := strconv.ParseInt(digits, 10, 64) // written below
		number = previous + 1
	}
	if lines >= KeptChanges {
		first, rest, _ := strings.Cut(history, "\n")
		_, rest, _ = strings.Cut(rest, "\n")
		b = append(append(b, first...), '\n')
		history = rest
	}
	b = append(b, history...)
	for _, v := range [...]int64{number, at.UnixMilli(), p.Generation, int64(p.Barred)} {
		b = append(strconv.AppendInt(b, v, 10), ' ')
	}
	b = strconv.AppendInt(b, int64(does), 10)
	return string(append(b, '\n'))
}

func parseChange(line string) (Change, error) {
	var v [5]int64
	words := strings.Split(line, " ")
	if len(words) != len(v) {
		return Change{}, fmt.Errorf("line %q has %d words", line, len(words))
	}
	for i, w := range words {
		var err error
		if v[i], err = strconv.ParseInt(w, 10, 64); err != nil {
			return Change{}, err
		}
	}
	c := Change{Number: int(v[0]), At: time.UnixMilli(v[1]), Generation: v[2], Barred: sim.Services(v[3])}
	for i, name := range deedNames {
		if deeds(v[4])&(1<<i) != 0 {
			c.What = append(c.What, name)
		}
	}
	return c, nil
}
