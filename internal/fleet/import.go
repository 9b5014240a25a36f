package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// BatchRow is one SIM of a batch file.
type BatchRow struct {
	Line    int
	SIM     sim.SIM // what the file says of it
	Secrets sim.Secrets
}

// RowRejected is a row that cannot be taken. From a Source, reading goes on
// after it.
type RowRejected struct {
	Line   int
	Fields []fault.Field
}

// Error names the line and every fault.
func (r *RowRejected) Error() string {
	return (&fault.Error{Message: fmt.Sprintf("line %d", r.Line), Fields: r.Fields}).Error()
}

// Source delivers the rows of a batch: io.EOF at the end, a *RowRejected for a
// bad row; any other error ends it.
type Source interface {
	Next() (BatchRow, error)
}

// Import says where the SIMs of a batch go.
type Import struct {
	Portfolio ident.PortfolioID
	Package   int64
	Network   string // the package's when empty
	File      string // its name, for the audit trail
	DryRun    bool   // check everything, store nothing

	Rejected func(RowRejected) // is told of every row that was not taken; may be nil
	Progress func(Imported)    // is told after every chunk; may be nil
}

// Imported counts the rows of a batch.
type Imported struct {
	Rows      int `json:"rows"`
	Imported  int `json:"imported"`
	Unchanged int `json:"unchanged"` // there already, and the same
	Rejected  int `json:"rejected"`
}

// importChunk is how many SIMs one transaction takes: large enough to be fast,
// small enough that others get their turn.
const importChunk = 2000

// Import takes the SIMs of a batch into stock. A bad row stops no other. The
// same batch again changes nothing.
func (s *Service) Import(ctx context.Context, r Request, in Import, from Source) (Imported, error) {
	im := &importing{s: s, r: &r, in: in}
	if err := im.prepare(ctx); err != nil {
		return Imported{}, err
	}
	chunks, ended := make(chan []sourceRow, 1), make(chan error, 1)
	reading, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		defer close(chunks)
		ended <- im.read(reading, from, chunks)
	}()
	// What was read before the source broke is stored; a store that breaks
	// stops the reader.
	var err error
	for chunk := range chunks {
		if err == nil {
			if err = im.store(ctx, chunk); err != nil {
				stop()
			}
		}
	}
	if broken := <-ended; err == nil {
		err = broken
	}
	return im.count, err
}

// importing is one Import under way. The reader's goroutine parses and seals,
// the other stores.
type importing struct {
	s     *Service
	r     *Request
	in    Import
	pkg   *plan.Package
	count Imported
	seen  *seen // identifiers of a dry run, which stores none
}

type sourceRow struct {
	line     int
	new      sim.NewSIM
	secrets  sim.Secrets
	rejected *RowRejected
}

// prepare checks where the SIMs are to go.
func (im *importing) prepare(ctx context.Context) error {
	if err := im.r.Caller.Needs(tenant.SIMImport); err != nil {
		return err
	}
	p, err := im.fits(ctx, im.s.store)
	if err != nil {
		return err
	}
	im.pkg = &p
	if im.in.Network == "" {
		im.in.Network = p.Network
	}
	if p.Network != "" && im.in.Network != p.Network {
		return fault.InvalidField("network", "is %q, but package %d is for network %q", im.in.Network, p.ID, p.Network)
	}
	if im.in.DryRun {
		im.seen = newSeen()
	}
	return im.networkKnown(ctx)
}

// fits returns the package, if SIMs of the portfolio may be put on it.
func (im *importing) fits(ctx context.Context, from Reader) (plan.Package, error) {
	folio, err := from.Portfolio(ctx, im.r.Caller.Sphere, im.in.Portfolio)
	if err != nil {
		return plan.Package{}, err
	}
	p, err := from.Package(ctx, im.r.Caller.Sphere, im.in.Package)
	if err != nil {
		return p, err
	}
	link, found, err := from.Link(ctx, p.ID, folio.ID)
	if err != nil {
		return p, err
	}
	var offered *plan.Link
	if found {
		offered = &link
	}
	return p, plan.Fits(&p, offered, &folio, 0)
}

func (im *importing) networkKnown(ctx context.Context) error {
	networks, err := im.s.store.Networks(ctx)
	if err != nil || im.in.Network == "" {
		return err
	}
	for _, n := range networks {
		if n.Name == im.in.Network {
			return nil
		}
	}
	return im.noNetwork(fault.Missing("network", im.in.Network))
}

// noNetwork says of a network that is not there, or no more, what to do.
func (im *importing) noNetwork(err error) error {
	if fault.KindOf(err) == fault.NotFound {
		return fault.InvalidField("network", "%q is not a network; add it first", im.in.Network)
	}
	return err
}

// read parses and seals, and hands over chunks.
func (im *importing) read(ctx context.Context, from Source, chunks chan<- []sourceRow) error {
	chunk := make([]sourceRow, 0, importChunk)
	flush := func() error {
		select {
		case chunks <- chunk:
			chunk = make([]sourceRow, 0, importChunk)
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for {
		row, err := from.Next()
		var bad *RowRejected
		switch {
		case errors.Is(err, io.EOF):
			return flush()
		case errors.As(err, &bad):
			chunk = append(chunk, sourceRow{line: bad.Line, rejected: bad})
		case err != nil:
			return errors.Join(flush(), err)
		default:
			chunk = append(chunk, im.prepareRow(row))
		}
		if len(chunk) == importChunk {
			if err := flush(); err != nil {
				return err
			}
		}
	}
}

func (im *importing) prepareRow(row BatchRow) sourceRow {
	out := sourceRow{line: row.Line, secrets: row.Secrets}
	if m := row.SIM.MNO; m != 0 && im.pkg.MNO != 0 && m != im.pkg.MNO {
		out.rejected = reject(row.Line, "mno_id", "is %d, but package %d is for operator %d", m, im.pkg.ID, im.pkg.MNO)
		return out
	}
	s := row.SIM
	s.Package, s.Network, s.Portfolio = im.pkg.ID, im.in.Network, im.in.Portfolio
	if s.MNO == 0 {
		s.MNO = im.pkg.MNO
	}
	s.Lifecycle = sim.New(im.s.now(), im.r.Caller.Actor())
	s.CreatedAt, s.ModifiedAt = s.Since, s.Since
	out.new = sim.NewSIM{SIM: &s, Sealed: im.s.vault.SealSecrets(s.ICCID, row.Secrets), Tags: im.s.vault.Tags(row.Secrets)}
	return out
}

func reject(line int, field, format string, args ...any) *RowRejected {
	return &RowRejected{Line: line, Fields: []fault.Field{{Name: field, Reason: fmt.Sprintf(format, args...)}}}
}

// store takes one chunk: all rows at once when none is taken, else row by row.
func (im *importing) store(ctx context.Context, rows []sourceRow) error {
	var fresh []sim.NewSIM
	for _, r := range rows {
		if r.rejected == nil {
			fresh = append(fresh, r.new)
		}
	}
	err := error(fault.New(fault.Conflict, "", "look at each row"))
	if !im.in.DryRun && len(fresh) > 0 {
		err = im.s.store.WriteBulk(ctx, func(tx Tx) error { return im.insert(ctx, tx, fresh) })
	}
	unchanged := 0
	if len(fresh) > 0 && err != nil && fault.KindOf(err) == fault.Conflict {
		fresh, unchanged, err = im.sift(ctx, rows)
	} else if len(fresh) == 0 {
		err = nil
	}
	if err != nil {
		return err
	}
	im.tally(rows, len(fresh), unchanged)
	return nil
}

func (im *importing) insert(ctx context.Context, tx Tx, fresh []sim.NewSIM) error {
	if len(fresh) == 0 {
		return nil
	}
	if im.in.Network != "" {
		if err := tx.HoldNetwork(ctx, im.in.Network); err != nil {
			return im.noNetwork(err)
		}
	}
	if err := tx.HoldPackage(ctx, im.pkg.ID); err != nil {
		return err
	}
	if _, err := im.fits(ctx, tx); err != nil { // any more
		return err
	}
	if err := tx.Insert(ctx, im.in.Portfolio, fresh); err != nil {
		return err
	}
	first, last := fresh[0].SIM.ICCID, fresh[len(fresh)-1].SIM.ICCID
	return tx.AddEvents(ctx, []event.Event{im.r.event(event.SIMImported, im.in.Portfolio, im.s.now(), event.Data{
		Subject: im.in.File, To: "package " + strconv.FormatInt(im.pkg.ID, 10),
		Reason: fmt.Sprintf("%d SIMs from %s to %s", len(fresh), first, last)})})
}

func (im *importing) tally(rows []sourceRow, imported, unchanged int) {
	im.count.Rows += len(rows)
	im.count.Imported += imported
	im.count.Unchanged += unchanged
	for _, r := range rows {
		if r.rejected == nil {
			continue
		}
		im.count.Rejected++
		if im.in.Rejected != nil {
			im.in.Rejected(*r.rejected)
		}
	}
	if im.in.Progress != nil {
		im.in.Progress(im.count)
	}
}
