package simapi

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/bulk"
	"github.com/simurgh-iot/simurgh/internal/edge/httpx"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
)

// How long the content of a file may take, either way: so long, and longer for
// every byte that has moved, up to an hour.
const (
	contentTime = time.Minute
	contentRate = 16 << 10 // bytes per second, at least
	contentMost = time.Hour
)

// maxUploads bounds the files that arrive at once.
const maxUploads = 16

var (
	uploadPath  = regexp.MustCompile(`^/file/[0-9]+(/content)?$`)
	contentPath = regexp.MustCompile(`^/file/([0-9]+)/content$`) // needs a link, and no token
)

// contentOf matches the path of the content of a file; nil for others.
func contentOf(path string) []string {
	if !strings.HasPrefix(path, "/file/") {
		return nil
	}
	return contentPath.FindStringSubmatch(path)
}

// streams reports whether the bodies of an operation are files.
func (rt *route) streams() bool { return rt.name == "uploadFile" || rt.name == "uploadContent" }

// streams reports whether a request's body is a file, which is not read whole.
func streams(r *http.Request) bool {
	return r.Method == http.MethodPut && uploadPath.MatchString(below(r.URL.Path))
}

// patient moves the deadlines of a connection while content moves.
type patient struct {
	wire  *http.ResponseController
	begun time.Time
	moved int64
}

func newPatient(wire *http.ResponseController) *patient {
	return &patient{wire: wire, begun: time.Now()}
}

// move notes that so many bytes have come or gone. A connection without
// deadlines needs none.
func (p *patient) move(n int) {
	p.moved += int64(n)
	at := p.begun.Add(min(contentTime+time.Duration(p.moved)*time.Second/contentRate, contentMost))
	_ = p.wire.SetReadDeadline(at)
	_ = p.wire.SetWriteDeadline(at.Add(contentTime)) // for the answer
}

// incoming is a body that may take its time.
type incoming struct {
	from io.Reader
	*patient
}

// Read implements io.Reader. A body that breaks off is the caller's fault.
func (in *incoming) Read(p []byte) (int, error) {
	in.move(0)
	n, err := in.from.Read(p)
	in.move(n)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fault.InvalidField("file", "did not arrive whole, or too slowly").Because(err)
	}
	return n, err
}

func fileOf(f *bulk.File) File {
	return File{FileId: f.ID, Name: f.Name, PortfolioId: string(f.Portfolio), Status: FileStatus(f.Status), JobId: idOrNull(f.Job), Size: f.Bytes,
		RowCount: f.Rows, CreatedDate: Moment{f.CreatedAt}, UploadedDate: at(f.UploadedAt)}
}

// older reads where a page of what is listed newest first starts.
func (x *exchange) older(ctx context.Context) (q bulk.Query, err error) {
	q.Limit = x.query.pageSize() + 1
	if id := x.query.text("portfolioId"); id != "" {
		if q.Portfolio, err = ident.ParsePortfolioID(id); err != nil {
			return q, err
		}
	}
	_, err = x.place(ctx, &q.Before)
	return q, err
}

// newest cuts a page off a list of one more, and makes the token of the next.
func newest[T any](ctx context.Context, x *exchange, all []T, id func(*T) int64) (page []T, next *string, err error) {
	size := x.query.pageSize()
	if len(all) <= size {
		return all, nil, nil
	}
	next, err = x.next(ctx, id(&all[size-1]))
	return all[:size], next, err
}

// ListFiles implements StrictServerInterface.
func (h *handler) ListFiles(ctx context.Context, _ ListFilesRequestObject) (ListFilesResponseObject, error) {
	x := of(ctx)
	q, err := x.older(ctx)
	if err != nil {
		return nil, err
	}
	all, err := x.fleet.Files(ctx, x.request, q)
	if err != nil {
		return nil, err
	}
	page, next, err := newest(ctx, x, all, func(f *bulk.File) int64 { return f.ID })
	return ListFiles200JSONResponse{PageToken: x.query.pageToken(), RequestedPageSize: x.query.pageSize(), ItemCount: len(page),
		NextPageToken: next, Items: each(page, fileOf)}, err
}

// CreateFile implements StrictServerInterface.
func (h *handler) CreateFile(ctx context.Context, r CreateFileRequestObject) (CreateFileResponseObject, error) {
	x := of(ctx)
	id, err := ident.ParsePortfolioID(r.Body.PortfolioId)
	if err != nil {
		return nil, err
	}
	f, err := x.fleet.CreateFile(ctx, x.request, r.Body.Name, id)
	return CreateFile200JSONResponse(fileOf(&f)), x.outside(id, err)
}

// UploadFile implements StrictServerInterface.
func (h *handler) UploadFile(ctx context.Context, r UploadFileRequestObject) (UploadFileResponseObject, error) {
	x := of(ctx)
	f, err := x.fleet.Upload(ctx, x.request, r.FileId, &incoming{r.Body, newPatient(x.wire)})
	return UploadFile200JSONResponse(fileOf(&f)), err
}

// DeleteFile implements StrictServerInterface.
func (h *handler) DeleteFile(ctx context.Context, r DeleteFileRequestObject) (DeleteFileResponseObject, error) {
	x := of(ctx)
	return DeleteFile200JSONResponse{FILE: 1}, x.fleet.DeleteFile(ctx, x.request, r.FileId)
}

// GetFile implements StrictServerInterface.
func (h *handler) GetFile(ctx context.Context, r GetFileRequestObject) (GetFileResponseObject, error) {
	x := of(ctx)
	switch action := x.query.text("action"); action {
	case string(fleet.Download), string(fleet.Upload):
		l, err := h.linkTo(ctx, r.FileId, fleet.Way(action))
		return told{l}, err
	case "content":
		return x.content(ctx, r.FileId)
	}
	f, err := x.fleet.File(ctx, x.request, r.FileId)
	return told{fileOf(&f)}, err
}

// content answers with what is in a file.
func (x *exchange) content(ctx context.Context, id int64) (*download, error) {
	f, err := x.fleet.File(ctx, x.request, id)
	if err != nil {
		return nil, err
	}
	d := &download{x: x, id: id, write: func(to io.Writer) error { return x.fleet.Content(ctx, x.request, f.ID, to) }}
	if f.Job != 0 && f.Status == bulk.Whole {
		d.write = func(to io.Writer) error { return x.results(ctx, f.Job, to) }
	}
	return d, nil
}

// download is the content of a file as an answer.
type download struct {
	x     *exchange
	id    int64
	write func(io.Writer) error
	begun bool
	to    http.ResponseWriter
	*patient
}

// downloadBuffer is what an answer can still be refused within.
const downloadBuffer = 64 << 10

// VisitGetFileResponse implements GetFileResponseObject. What breaks off in the
// middle must not look whole: then the connection breaks, too.
func (d *download) VisitGetFileResponse(w http.ResponseWriter) error {
	d.to, d.patient = w, newPatient(d.x.wire)
	buffer := bufio.NewWriterSize(d, downloadBuffer)
	err := d.write(buffer)
	if err == nil {
		err = buffer.Flush()
	}
	if err != nil && d.begun {
		panic(http.ErrAbortHandler)
	}
	return err
}

// Write implements io.Writer.
func (d *download) Write(p []byte) (int, error) {
	if !d.begun {
		d.begun = true
		d.to.Header().Set("Content-Type", "text/csv")
		d.to.Header().Set("Content-Disposition", `attachment; filename="file-`+strconv.FormatInt(d.id, 10)+`.csv"`)
		d.to.WriteHeader(http.StatusOK)
	}
	d.move(len(p))
	return d.to.Write(p)
}

var resultHead = []string{"iccId", "value", "completedStatus", "errorId", "errorName", "errorDescription"}

// results writes what became of the rows of a job, in the contract's codes.
func (x *exchange) results(ctx context.Context, id int64, to io.Writer) error {
	w := csv.NewWriter(to)
	if err := w.Write(resultHead); err != nil {
		return err
	}
	err := x.fleet.BulkResults(ctx, x.request, id, func(r fleet.RowResult) error {
		line := []string{r.ICCID, r.Value, "Success", "", "", ""}
		if r.Failure != nil {
			p := rowProblem(r.Failure)
			line = []string{r.ICCID, r.Value, "Failed", strconv.Itoa(p.code), tagOf(p.code), p.message}
		}
		return w.Write(line)
	})
	w.Flush()
	return errors.Join(err, w.Error())
}

// rowProblem is why a row was not carried out, as a request on that SIM would be
// told.
func rowProblem(f *bulk.Failure) *problem {
	e := f.Fault()
	if e.Code == "portfolio.not_found" {
		return &problem{code: codeOutside, message: e.Message}
	}
	p := inWords(e)
	if p == nil {
		return internal()
	}
	if p.code == codeBadRequest {
		p.message = f.Message
	}
	return p
}

// files is the frame of uploads, which are read as they come.
func files(o Options, h http.Handler) http.Handler {
	return httpx.Edge{Options: o.HTTP, Name: edgeName, MaxInFlight: maxUploads, Refuse: refuseEarly}.Wrap(h)
}
