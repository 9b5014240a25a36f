package fleettest

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// Names are the SIMs of a test by name. Their ICCIDs are Prefix, four digits of
// their place in the list, and the check digit.
type Names struct {
	Prefix string
	List   []string
}

// Place is the place of a name in the list.
func (n Names) Place(name string) int {
	i := slices.Index(n.List, name)
	if i < 0 {
		panic("there is no SIM " + name)
	}
	return i
}

// ICCID is that of a name.
func (n Names) ICCID(name string) ident.ICCID {
	return ident.ICCID(ident.WithLuhn(fmt.Sprintf("%s%04d", n.Prefix, n.Place(name))))
}

// IMSI is that of a name.
func (n Names) IMSI(name string) ident.IMSI {
	return ident.IMSI(fmt.Sprintf("23415000000%04d", n.Place(name)))
}

// Fill puts ICCIDs in place of <name>.
func (n Names) Fill(text string) string {
	for _, name := range n.List {
		text = strings.ReplaceAll(text, "<"+name+">", string(n.ICCID(name)))
	}
	return text
}

// Rows is a batch in memory.
type Rows struct{ List []fleet.BatchRow }

// Next implements [fleet.Source].
func (r *Rows) Next() (fleet.BatchRow, error) {
	if len(r.List) == 0 {
		return fleet.BatchRow{}, io.EOF
	}
	row := r.List[0]
	r.List = r.List[1:]
	return row, nil
}

// Import puts SIMs on stock.
func Import(f *fleet.Service, r fleet.Request, to fleet.Import, list []fleet.BatchRow) {
	n, err := f.Import(context.Background(), r, to, &Rows{list})
	if err != nil || n.Rejected > 0 {
		panic(fmt.Sprintf("%+v, %v", n, err))
	}
}

// Edit changes SIMs.
func Edit(f *fleet.Service, r fleet.Request, e fleet.Edit, list ...ident.ICCID) {
	done, err := f.Apply(context.Background(), r, list, func(fleet.Facts) (fleet.Edit, error) { return e, nil }, nil)
	if err != nil || done.Refused {
		panic(fmt.Sprintf("%+v: %+v, %v", e, done, err))
	}
}

// Settle has a network agree to everything that it has been told.
func Settle(f *fleet.Service, network string) {
	claims, err := f.Claim(context.Background(), network, 5000, time.Minute)
	check(err)
	answers := make([]sim.Answer, len(claims))
	for i, c := range claims {
		answers[i] = sim.Answer{Claim: c}
	}
	check(f.Answer(context.Background(), answers))
}
