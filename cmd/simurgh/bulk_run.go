package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strconv"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/bulk"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/job"
)

type bulkRun struct {
	File      string `arg:"" placeholder:"FILE" help:"CSV of two columns, iccId and value, with a header line; - is standard input."`
	Type      string `required:"" placeholder:"TYPE" help:"What the rows ask for; see below."`
	Portfolio string `placeholder:"HEX32" help:"Account that the job belongs to: SIMs of others are not found. Default: all SIMs."`
	Name      string `placeholder:"NAME" help:"Name of the job. Default: that of the file."`
	DryRun    bool   `help:"Find out what would become of every row, and change nothing."`
	Watch     bool   `help:"Wait until it is over."`
}

// Help is the detail of the manual.
func (bulkRun) Help() string {
	return "The rows, up to 1,000,000, are stored and then carried out by the servers, each as a request on that one SIM would be. " +
		"A row that is refused stops no other; the exit code is then 3. The types: " + bulkTypes() + ".\n\n" +
		example("simurgh bulk run rows.csv --type update-icc-status --dry-run --watch")
}

func (c *bulkRun) Run(ctx context.Context, sh *shell) error {
	kind, err := bulk.ParseType(c.Type)
	if err != nil {
		return err
	}
	id, err := optional(c.Portfolio, "portfolio", ident.ParsePortfolioID)
	if err != nil {
		return err
	}
	file, err := sh.input(c.File)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	return sh.with(ctx, func(a *app.App) error {
		n := fleet.NewBulk{Type: kind, Name: jobName(c.File, c.Name), Portfolio: id, DryRun: c.DryRun}
		b, err := c.queue(ctx, a, sh.request(), n, file)
		if err != nil {
			return err
		}
		if !sh.JSON && !c.Watch {
			sh.note("Follow it with: simurgh bulk show %d --watch", b.ID)
		}
		return sh.follow(ctx, a, b, c.Watch)
	})
}

// queue stores the rows and starts a job; what fails leaves nothing behind.
func (c *bulkRun) queue(ctx context.Context, a *app.App, r fleet.Request, n fleet.NewBulk, rows io.Reader) (b bulk.Job, err error) {
	f, err := a.Fleet.CreateFile(ctx, r, n.Name, n.Portfolio)
	if err != nil {
		return b, err
	}
	n.File = f.ID
	if _, err = a.Fleet.Upload(ctx, r, f.ID, rows); err == nil {
		err = a.Fleet.Together(ctx, func(s *fleet.Service) (err error) {
			if b, err = s.CreateBulk(ctx, r, n); err != nil {
				return err
			}
			b, err = s.CommandBulk(ctx, r, b.ID, job.Start)
			return err
		})
	}
	if err != nil {
		return b, errors.Join(err, a.Fleet.DeleteFile(context.WithoutCancel(ctx), r, f.ID))
	}
	return b, nil
}

type bulkResults struct {
	ID     int64 `arg:"" name:"id" help:"The job."`
	Failed bool  `help:"Only the rows that were not carried out."`
}

// Help is the detail of the manual.
func (bulkResults) Help() string {
	return "Rows that were not reached are left out.\n\n" + example("simurgh bulk results 4711 --failed")
}

type rowView struct {
	Row     int64  `json:"row"`
	ICCID   string `json:"iccId"`
	Value   string `json:"value"`
	Status  string `json:"completedStatus"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
}

func viewRow(r *fleet.RowResult) rowView {
	v := rowView{r.Row, r.ICCID, r.Value, "Success", "", ""}
	if r.Failure != nil {
		v.Status, v.Code, v.Message = "Failed", r.Failure.Code, r.Failure.Message
	}
	return v
}

func (c *bulkResults) Run(ctx context.Context, sh *shell) error {
	return sh.with(ctx, func(a *app.App) error {
		out := bufio.NewWriterSize(sh.stdout, 64<<10)
		walk := func(each func(rowView) error) error {
			return a.Fleet.BulkResults(ctx, sh.request(), c.ID, func(r fleet.RowResult) error {
				if c.Failed && r.Failure == nil {
					return nil
				}
				return each(viewRow(&r))
			})
		}
		write := resultsCSV
		if sh.JSON {
			write = resultsJSON
		}
		err := write(out, walk)
		return errors.Join(err, out.Flush())
	})
}

func resultsCSV(to *bufio.Writer, walk func(func(rowView) error) error) error {
	w := csv.NewWriter(to)
	head := []string{"row", "iccId", "value", "completedStatus", "code", "message"}
	begun := false
	err := walk(func(v rowView) error {
		if !begun {
			begun = true
			if err := w.Write(head); err != nil {
				return err
			}
		}
		return w.Write([]string{strconv.FormatInt(v.Row, 10), v.ICCID, v.Value, v.Status, v.Code, v.Message})
	})
	if err == nil && !begun {
		err = w.Write(head)
	}
	w.Flush()
	return errors.Join(err, w.Error())
}

// resultsJSON writes one document without holding it in memory.
func resultsJSON(to *bufio.Writer, walk func(func(rowView) error) error) error {
	between := "{\"rows\":[\n"
	err := walk(func(v rowView) error {
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		_, err = to.WriteString(between + string(text))
		between = ",\n"
		return err
	})
	if err != nil {
		return err // what was written is no document, and so no one takes it for the whole
	}
	if between != ",\n" {
		_, err = to.WriteString("{\"rows\":[")
	}
	_, written := to.WriteString("]}\n")
	return errors.Join(err, written)
}
