package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

type simsExport struct {
	Format    string `enum:"csv,json" default:"csv" help:"csv, or json: one document, as --json gives it, too."`
	Portfolio string `placeholder:"HEX32" help:"Those of this account and the ones below it. Default: all."`
}

// Help is the detail of the manual.
func (simsExport) Help() string {
	return "It holds no keys and no codes. SIMs that are added while it runs may be missing; none stands in it twice.\n\n" +
		example("simurgh sims export > fleet.csv")
}

const exportPage = 1000

func (c *simsExport) Run(ctx context.Context, sh *shell) error {
	return sh.with(ctx, func(a *app.App) error {
		r, err := narrowed(ctx, a, sh.request(), c.Portfolio)
		if err != nil {
			return err
		}
		out := bufio.NewWriterSize(sh.stdout, 64<<10)
		write := exportCSV
		if sh.JSON || c.Format == "json" {
			write = exportJSON
		}
		err = write(out, func(each func(*sim.SIM) error) error { return walk(ctx, a, r, each) })
		return errors.Join(err, out.Flush())
	})
}

// walk calls each for every SIM, by ICCID.
func walk(ctx context.Context, a *app.App, r fleet.Request, each func(*sim.SIM) error) error {
	q := sim.Query{Limit: exportPage}
	for {
		page, err := a.Fleet.SIMs(ctx, r, q)
		if err != nil {
			return err
		}
		for i := range page.SIMs {
			if err := each(&page.SIMs[i]); err != nil {
				return err
			}
		}
		if page.Next == nil {
			return nil
		}
		q.After = page.Next
	}
}

// exportColumns are the columns of an export; the names are those of the JSON
// documents.
var exportColumns = []struct {
	name  string
	value func(*simView) string
}{
	{"iccid", func(s *simView) string { return string(s.ICCID) }},
	{"imsi", func(s *simView) string { return string(s.IMSI) }},
	{"msisdn", func(s *simView) string { return string(s.MSISDN) }},
	{"number", func(s *simView) string { return s.Number }},
	{"eid", func(s *simView) string { return string(s.EID) }},
	{"imei", func(s *simView) string { return string(s.IMEI) }},
	{"ip", func(s *simView) string { return s.IP }},
	{"apn", func(s *simView) string { return s.APN }},
	{"name", func(s *simView) string { return s.Name }},
	{"group", func(s *simView) string { return s.Group }},
	{"device", func(s *simView) string { return s.Device }},
	{"type", func(s *simView) string { return s.Type }},
	{"form", func(s *simView) string { return s.Form }},
	{"mno", func(s *simView) string { return fmtInt(s.MNO) }},
	{"portfolioId", func(s *simView) string { return string(s.Portfolio) }},
	{"packageId", func(s *simView) string { return fmtInt(s.Package) }},
	{"network", func(s *simView) string { return s.Network }},
	{"state", func(s *simView) string { return s.State }},
	{"phase", func(s *simView) string { return s.Phase }},
	{"suspended", func(s *simView) string { return plus(s.Suspended) }},
	{"barred", func(s *simView) string { return plus(s.Barred) }},
	{"pending", func(s *simView) string { return yes(s.Pending, "yes") }},
	{"failure", func(s *simView) string { return s.Failure }},
	{"activatedAt", func(s *simView) string { return stamp(s.ActivatedAt) }},
	{"terminatedAt", func(s *simView) string { return stamp(s.TerminatedAt) }},
	{"contractStart", func(s *simView) string { return stamp(s.ContractStart) }},
	{"contractEnd", func(s *simView) string { return stamp(s.ContractEnd) }},
	{"createdAt", func(s *simView) string { return stamp(s.CreatedAt) }},
	{"modifiedAt", func(s *simView) string { return stamp(s.ModifiedAt) }},
}

func stamp(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format(time.RFC3339)
}

func exportCSV(to io.Writer, walk func(func(*sim.SIM) error) error) error {
	w := csv.NewWriter(to)
	row := make([]string, len(exportColumns))
	for i, c := range exportColumns {
		row[i] = c.name
	}
	if err := w.Write(row); err != nil {
		return err
	}
	err := walk(func(s *sim.SIM) error {
		v := viewSIM(s)
		for i, c := range exportColumns {
			row[i] = c.value(&v)
		}
		return w.Write(row)
	})
	w.Flush()
	return errors.Join(err, w.Error())
}

// exportJSON writes one document without holding it in memory.
func exportJSON(to io.Writer, walk func(func(*sim.SIM) error) error) error {
	between := "{\"sims\":[\n"
	err := walk(func(s *sim.SIM) error {
		text, err := json.Marshal(viewSIM(s))
		if err != nil {
			return err
		}
		_, err = io.WriteString(to, between+string(text))
		between = ",\n"
		return err
	})
	if err != nil {
		return err // what was written is no document, and so no one takes it for the whole
	}
	if between != ",\n" {
		_, err = io.WriteString(to, "{\"sims\":[")
	}
	_, written := io.WriteString(to, "]}\n")
	return errors.Join(err, written)
}
