package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/batch"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
)

type simsImport struct {
	File         string `arg:"" placeholder:"FILE" help:"CSV with a header line, or a card vendor's output file; - is standard input."`
	Portfolio    string `required:"" placeholder:"HEX32" help:"Account that the SIMs belong to."`
	Package      int64  `required:"" placeholder:"N" help:"Package that they are on."`
	Network      string `placeholder:"NAME" help:"Network that they live on. Default: the package's."`
	DryRun       bool   `help:"Check everything and store nothing."`
	Strict       bool   `help:"Store nothing when any row is bad: the file is read twice."`
	Luhn         bool   `help:"Reject ICCIDs whose last digit is not their Luhn check digit."`
	KeysArePlain bool   `help:"The keys are in the clear, although the file names a transport key."`
}

// Help is the detail of the manual.
func (simsImport) Help() string {
	return "A bad row stops no other: it is listed with its line, field and reason, and the exit code is 3. " +
		"The same file again changes nothing, so an import that was interrupted is simply repeated. Columns: iccid and imsi, and any of " +
		"msisdn, ki, opc, simid, eid, imei, type, form, mnoid, pin1, puk1, pin2, puk2, apn, ip, name, group.\n\n" +
		example("simurgh sims import batch.csv --portfolio 0123456789abcdef0123456789abcdef --package 1000 --dry-run")
}

// importReport is what an import prints.
type importReport struct {
	fleet.Imported
	Bad []rowReport `json:"rejectedRows"`
	Cut bool        `json:"rejectedRowsCut,omitempty"` // the first ones only
}

type rowReport struct {
	Line   int    `json:"line"`
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

// Bounds of what is reported of bad rows: to programs, and to people.
const (
	maxRowReports = 10_000
	shownRows     = 20
)

func (r *importReport) reject(bad fleet.RowRejected) {
	for _, f := range bad.Fields {
		if len(r.Bad) == maxRowReports {
			r.Cut = true
			return
		}
		r.Bad = append(r.Bad, rowReport{bad.Line, f.Name, f.Reason})
	}
}

func (c *simsImport) Run(ctx context.Context, sh *shell) error {
	id, err := ident.ParsePortfolioID(c.Portfolio)
	if err != nil {
		return ident.As("portfolio", err)
	}
	if c.Strict && c.File == "-" {
		return fault.InvalidField("strict", "reads the file twice, which standard input cannot; save it to a file first")
	}
	in := fleet.Import{Portfolio: id, Package: c.Package, Network: c.Network, File: filepath.Base(c.File), DryRun: c.DryRun}
	return sh.with(ctx, func(a *app.App) error {
		report, err := c.passes(ctx, sh, a, in)
		if report == nil {
			return err
		}
		if shown := sh.print(report, func(w io.Writer) { c.words(w, report) }); shown != nil {
			return shown
		}
		switch {
		case err != nil:
			return c.stopped(err, report)
		case report.Rejected > 0:
			return errPartly
		}
		return nil
	})
}

// passes reads the file: twice when it is to be taken whole or not at all. The
// report is nil when the file could not be opened.
func (c *simsImport) passes(ctx context.Context, sh *shell, a *app.App, in fleet.Import) (*importReport, error) {
	if !c.Strict || c.DryRun {
		return c.pass(ctx, sh, a, in)
	}
	in.DryRun = true
	report, err := c.pass(ctx, sh, a, in)
	if err != nil || report.Rejected > 0 {
		if report != nil {
			report.Imported.Imported = 0
		}
		return report, errors.Join(err, strictFault(report))
	}
	in.DryRun = false
	return c.pass(ctx, sh, a, in)
}

func strictFault(r *importReport) error {
	if r == nil || r.Rejected == 0 {
		return nil
	}
	return fault.New(fault.Invalid, "import.strict", "nothing was stored: %d of %d rows are bad", r.Rejected, r.Rows)
}

func (c *simsImport) pass(ctx context.Context, sh *shell, a *app.App, in fleet.Import) (*importReport, error) {
	file, err := sh.input(c.File)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	report := &importReport{Bad: []rowReport{}}
	in.Rejected = report.reject
	line := newProgress(sh.stderr, in.DryRun)
	in.Progress = line.show
	rows := app.OpenBatch(file, batch.Options{Luhn: c.Luhn, KeysArePlain: c.KeysArePlain})
	head, err := rows.Head()
	if err != nil {
		return nil, err
	}
	report.Imported, err = a.Fleet.Import(ctx, sh.request(), in, rows)
	line.end()
	if err == nil && head.Quantity > 0 && head.Quantity != int64(report.Rows) {
		sh.note("warning: the file's header promises %d rows, but it has %d; ask the vendor for the whole file", head.Quantity, report.Rows)
	}
	return report, err
}

// stopped says what holds when an import did not come to its end.
func (c *simsImport) stopped(err error, r *importReport) error {
	taken := r.Imported.Imported > 0 && !c.DryRun
	switch {
	case errors.Is(err, context.Canceled) && taken:
		return fault.New(fault.Unavailable, "import.interrupted", "interrupted after %d rows; what it took is stored, and the same command goes on", r.Rows)
	case taken:
		return fmt.Errorf("the import stopped after %d rows, and what it took is stored: %w", r.Rows, err)
	}
	return err
}

// words tells people the counts and the first bad rows.
func (c *simsImport) words(w io.Writer, r *importReport) {
	verb := "imported"
	if c.DryRun {
		verb = "would be imported"
	}
	_, _ = fmt.Fprintf(w, "%d rows: %d %s, %d unchanged, %d rejected\n", r.Rows, r.Imported.Imported, verb, r.Unchanged, r.Rejected)
	if len(r.Bad) == 0 {
		return
	}
	_, _ = fmt.Fprintln(w)
	t := newTable(w, "LINE", "FIELD", "REASON")
	for _, row := range r.Bad[:min(shownRows, len(r.Bad))] {
		t.row(fmtInt(row.Line), row.Field, row.Reason)
	}
	t.flush()
	if more := len(r.Bad) - shownRows; more > 0 || r.Cut {
		_, _ = fmt.Fprintf(w, "... the rest: the same command with --json lists the first %d\n", maxRowReports)
	}
}

// progress shows on a terminal how far an import has come.
type progress struct {
	to    *os.File // nil where nobody looks
	what  string
	begun time.Time
	shown time.Time
}

const progressEvery = 200 * time.Millisecond

func newProgress(to *os.File, dry bool) *progress {
	p := &progress{what: "read", begun: time.Now()}
	if dry {
		p.what = "checked"
	}
	if isTerminal(to) {
		p.to = to
	}
	return p
}

func (p *progress) show(so fleet.Imported) {
	if p.to == nil || time.Since(p.shown) < progressEvery {
		return
	}
	p.shown = time.Now()
	rate := float64(so.Rows) / p.shown.Sub(p.begun).Seconds()
	_, _ = fmt.Fprintf(p.to, "\r\x1b[K%d rows %s, %.0f/s, %d rejected", so.Rows, p.what, rate, so.Rejected)
}

func (p *progress) end() {
	if p.to != nil {
		_, _ = fmt.Fprint(p.to, "\r\x1b[K")
	}
}
