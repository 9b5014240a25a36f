package fleet

import (
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/bulk"
	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/job"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// FileReader reads files. Chunk takes what the caller has found in a file of
// its sphere.
type FileReader interface {
	File(ctx context.Context, in tenant.Sphere, id int64) (bulk.File, error)
	Files(ctx context.Context, in tenant.Sphere, q bulk.Query) ([]bulk.File, error)
	Chunk(ctx context.Context, upload int64, n int) ([]byte, error)
	OpenFiles(ctx context.Context, portfolio ident.PortfolioID) (n, bytes int64, err error)
}

// FileWriter changes files.
type FileWriter interface {
	AddFile(ctx context.Context, f *bulk.File) error
	LockFile(ctx context.Context, in tenant.Sphere, id int64) (bulk.File, error)
	SaveFile(ctx context.Context, f bulk.File) error
	NewUpload(ctx context.Context) (int64, error)
	AddChunk(ctx context.Context, upload int64, c bulk.Chunk, at time.Time) error
	DropContents(ctx context.Context, before, cut time.Time, n int) (int64, error)
}

// Codes of the faults of files.
const (
	FileUploaded = "file.uploaded" // it has its content already
	FileEmpty    = "file.empty"    // it has none yet
	FileDeleted  = "file.deleted"
	FileResult   = "file.result" // the results of a job cannot be written
	FileInUse    = "file.in_use"
	FileLimit    = "file.limit"
)

// What the files of one portfolio may be, results not among them: so many, and
// of so many bytes before another one is uploaded.
const (
	MaxFiles  = 1000
	MaxStored = 4 << 30
)

// room refuses a file more.
func room(ctx context.Context, in FileReader, portfolio ident.PortfolioID) error {
	n, bytes, err := in.OpenFiles(ctx, portfolio)
	switch {
	case err != nil:
		return err
	case n > MaxFiles:
		return fault.New(fault.Exhausted, FileLimit, "the portfolio has %d files; at most %d are allowed: delete some", MaxFiles, MaxFiles)
	case bytes >= MaxStored:
		return fault.New(fault.Exhausted, FileLimit, "the portfolio's files have %d MB; at most %d are allowed: delete some", bytes>>20, MaxStored>>20)
	}
	return nil
}

// maxFileName bounds the name of a file or a job, in characters.
const maxFileName = 128

// owner finds the portfolio that something is made for; the operator may leave
// it out.
func owner(ctx context.Context, tx Tx, r *Request, id ident.PortfolioID) error {
	if id == "" && r.Caller.Sphere.All() {
		return nil
	}
	p, err := tx.Portfolio(ctx, r.Caller.Sphere, id)
	if err == nil && p.Status == tenant.Deleted {
		err = fault.New(fault.Precondition, "portfolio.deleted", "portfolio %s is deleted", id)
	}
	return err
}

// CreateFile makes a file without content.
func (s *Service) CreateFile(ctx context.Context, r Request, name string, portfolio ident.PortfolioID) (bulk.File, error) {
	f := bulk.File{Name: strings.TrimSpace(name), Portfolio: portfolio, Status: bulk.Empty, Actor: r.Caller.Actor(), CreatedAt: s.now()}
	if err := r.Caller.Needs(tenant.FileCreate); err != nil {
		return f, err
	}
	if err := checkName("name", f.Name, maxFileName); err != nil {
		return f, err
	}
	err := s.store.Write(ctx, func(tx Tx) error {
		if err := owner(ctx, tx, &r, portfolio); err != nil {
			return err
		}
		if err := tx.AddFile(ctx, &f); err != nil {
			return err
		}
		if err := room(ctx, tx, portfolio); err != nil {
			return err
		}
		return tx.AddEvents(ctx, []event.Event{fileEvent(&r, &f, f.CreatedAt, "created")})
	})
	return f, err
}

func fileEvent(r *Request, f *bulk.File, at time.Time, what string) event.Event {
	return r.event(event.FileChanged, f.Portfolio, at, event.Data{Subject: "file " + strconv.FormatInt(f.ID, 10) + " " + f.Name, Reason: what})
}

// File returns one file.
func (s *Service) File(ctx context.Context, r Request, id int64) (bulk.File, error) {
	if err := r.Caller.Needs(tenant.FileGet); err != nil {
		return bulk.File{}, err
	}
	return s.store.File(ctx, r.Caller.Sphere, id)
}

// Files lists files, newest first.
func (s *Service) Files(ctx context.Context, r Request, q bulk.Query) ([]bulk.File, error) {
	if err := r.Caller.Needs(tenant.FileGet); err != nil {
		return nil, err
	}
	q.Limit = limit(q.Limit)
	return s.store.Files(ctx, r.Caller.Sphere, q)
}

// DeleteFile deletes a file, unless a job that is not over needs it. The results
// of jobs that are over go with it; its content a little later.
func (s *Service) DeleteFile(ctx context.Context, r Request, id int64) error {
	if err := r.Caller.Needs(tenant.FileCreate); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx Tx) error {
		f, err := tx.LockFile(ctx, r.Caller.Sphere, id)
		if err == nil {
			err = usable(&f)
		}
		if err != nil {
			return err
		}
		open := []job.State{job.Setup, job.Waiting, job.Running, job.Paused}
		users, err := tx.Bulks(ctx, tenant.Everything(), bulk.Query{File: id, States: open, Limit: 1})
		if err != nil {
			return err
		}
		if len(users) > 0 {
			return fault.New(fault.Precondition, FileInUse, "job %d needs the file", users[0].ID)
		}
		f.Status = bulk.Deleted
		if err := tx.SaveFile(ctx, f); err != nil {
			return err
		}
		return tx.AddEvents(ctx, []event.Event{fileEvent(&r, &f, s.now(), "deleted")})
	})
}

// usable refuses what somebody cannot upload to, or make a job of.
func usable(f *bulk.File) error {
	switch {
	case f.Job != 0:
		return fault.New(fault.Precondition, FileResult, "the file holds the results of job %d", f.Job)
	case f.Status == bulk.Deleted:
		return fault.New(fault.Precondition, FileDeleted, "the file is deleted")
	}
	return nil
}

// mayUpload refuses a file that has its content.
func mayUpload(f *bulk.File) error {
	if err := usable(f); err != nil || f.Status == bulk.Empty {
		return err
	}
	return fault.New(fault.Precondition, FileUploaded, "the file has its content already; make another file")
}

// Upload takes the content of a file as it comes: rows in CSV. It is there as a
// whole once this returns, and not at all after an error; of several at once one
// is taken. See [bulk.Split] for what is refused.
func (s *Service) Upload(ctx context.Context, r Request, id int64, from io.Reader) (bulk.File, error) {
	f, err := s.File(ctx, r, id)
	if err == nil {
		err = r.Caller.Needs(tenant.FileCreate)
	}
	if err == nil {
		err = mayUpload(&f)
	}
	if err == nil {
		err = room(ctx, s.store, f.Portfolio)
	}
	if err != nil {
		return f, err
	}
	upload, at := int64(0), s.now()
	if err := s.store.Write(ctx, func(tx Tx) (err error) {
		upload, err = tx.NewUpload(ctx)
		return err
	}); err != nil {
		return f, err
	}
	sum, err := bulk.Split(from, func(c bulk.Chunk) error {
		return s.store.WriteBulk(ctx, func(tx Tx) error { return tx.AddChunk(ctx, upload, c, at) })
	})
	if err != nil {
		return f, err
	}
	err = s.store.Write(ctx, func(tx Tx) error {
		if f, err = tx.LockFile(ctx, r.Caller.Sphere, id); err != nil {
			return err
		}
		if err := mayUpload(&f); err != nil {
			return err
		}
		f.Status, f.Upload, f.UploadedAt = bulk.Whole, upload, s.now()
		f.Head, f.Bytes, f.Rows, f.Chunks = sum.Head, sum.Bytes, sum.Rows, sum.Chunks
		if err := tx.SaveFile(ctx, f); err != nil {
			return err
		}
		return tx.AddEvents(ctx, []event.Event{fileEvent(&r, &f, f.UploadedAt, "uploaded")})
	})
	return f, err
}

// readable refuses to read a file that has no content.
func readable(f *bulk.File) error {
	switch f.Status {
	case bulk.Whole:
		return nil
	case bulk.Deleted:
		return fault.New(fault.Precondition, FileDeleted, "the file is deleted")
	case bulk.Empty:
	}
	if f.Job != 0 {
		return fault.New(fault.Precondition, FileEmpty, "the job is not over yet")
	}
	return fault.New(fault.Precondition, FileEmpty, "the file has no content yet; upload it first")
}

// Content writes an uploaded file as it is stored: its header, and its rows,
// each ended by a line feed.
func (s *Service) Content(ctx context.Context, r Request, id int64, to io.Writer) error {
	f, err := s.File(ctx, r, id)
	if err == nil {
		err = readable(&f)
	}
	if err == nil && f.Job != 0 {
		err = fault.New(fault.Precondition, FileResult, "the file holds the results of job %d", f.Job)
	}
	if err != nil {
		return err
	}
	if _, err := io.WriteString(to, f.Head+"\n"); err != nil {
		return err
	}
	for n := range f.Chunks {
		data, err := s.store.Chunk(ctx, f.Upload, n)
		if err != nil {
			return err
		}
		if _, err := to.Write(data); err != nil {
			return err
		}
	}
	return nil
}

// How long files and jobs are kept: FileLife from the making of a file that no
// job needs, JobLife from the end of a job.
const (
	FileLife = 30 * 24 * time.Hour
	JobLife  = 30 * 24 * time.Hour
	cutLife  = 24 * time.Hour // of a content that was cut off
)

// dropPage is how many files or jobs go at once: each may have a thousand rows.
const dropPage = 20

// DropOld removes jobs and files whose time is over, in small steps.
func (s *Service) DropOld(ctx context.Context) error {
	for {
		var n, files int64
		err := s.store.WriteBulk(ctx, func(tx Tx) (err error) {
			now := s.now()
			if n, err = tx.DropBulk(ctx, now.Add(-JobLife), dropPage); err != nil {
				return err
			}
			files, err = tx.DropContents(ctx, now.Add(-FileLife), now.Add(-cutLife), dropPage)
			return err
		})
		if err != nil || n+files == 0 {
			return err
		}
	}
}
