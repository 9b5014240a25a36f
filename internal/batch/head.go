package batch

import (
	"bytes"
	"errors"
	"io"
	"strings"
)

// foreign are the heads of files that are no text, or not yet.
var foreign = []struct{ magic, reason string }{
	{"\xff\xfe", "the file is UTF-16; save it as UTF-8"},
	{"\xfe\xff", "the file is UTF-16; save it as UTF-8"},
	{"PK\x03\x04", "the file is a spreadsheet or an archive; save the sheet as CSV, or unpack it"},
	{"\xd0\xcf\x11\xe0", "the file is a spreadsheet; save it as CSV"},
	{"\x1f\x8b", "the file is compressed; unpack it"},
	{"-----BEGIN PGP", "the file is encrypted with PGP; decrypt it"},
}

// start detects the format and reads the head of the file. It never returns
// io.EOF: a file that ends in its head is at fault.
func (r *Reader) start() error {
	_, err := r.in.lineEnd(0)
	if errors.Is(err, io.EOF) {
		return refuse(1, "empty", "the file is empty")
	}
	if err != nil && !errors.Is(err, errLong) {
		return err
	}
	ahead := r.in.buf[:r.in.w]
	for _, f := range foreign {
		if bytes.HasPrefix(ahead, []byte(f.magic)) {
			return refuse(1, "encoding", "%s", f.reason)
		}
	}
	if bytes.HasPrefix(ahead, []byte("\ufeff")) {
		r.in.take(len("\ufeff"))
	}
	first, size, err := r.headLine()
	switch {
	case err != nil:
		return err
	case startsVendor(first):
		return r.startVendor()
	case strings.ContainsAny(first, ",;\t"):
		return r.startCSV(first, size)
	}
	return r.startList(first, size)
}

// headLine skips to the next line with text and returns it and its length in
// the window, where it leaves it.
func (r *Reader) headLine() (text string, size int, err error) {
	for {
		end, err := r.in.lineEnd(0)
		switch {
		case errors.Is(err, io.EOF):
			return "", 0, refuse(r.in.line, "empty", "the file ends before a line names its columns")
		case errors.Is(err, errLong):
			return "", 0, refuse(r.in.line, "too_long", "the header line is longer than %d bytes", maxRow)
		case err != nil:
			return "", 0, err
		}
		line := trimEOL(r.in.peek(end))
		if bytes.IndexByte(line, 0) >= 0 {
			return "", 0, refuse(r.in.line, "encoding", "the header holds NUL bytes; save the file as UTF-8")
		}
		if bytes.IndexByte(line, '\r') >= 0 {
			return "", 0, refuse(r.in.line, "encoding", "the lines end in bare carriage returns; save the file with LF or CRLF")
		}
		if len(bytes.TrimSpace(line)) > 0 {
			return string(line), end, nil
		}
		r.in.take(end)
	}
}

// startCSV reads the header line of a CSV file. A line such as "sep=;", which
// spreadsheets write, may come before it.
func (r *Reader) startCSV(first string, size int) error {
	r.head.Format = CSV
	r.sep = commonest(first)
	if len(first) == len("sep=;") && strings.EqualFold(first[:4], "sep=") {
		r.sep = first[4]
		r.in.take(size)
		if _, _, err := r.headLine(); err != nil {
			return err
		}
	}
	line := r.in.line
	r.rec.vals = make([]string, maxColumns)
	if err := r.splitCSV(); err != nil {
		if e, ok := errors.AsType[*RowError](err); ok {
			return refuse(line, "columns", "the header line %s", e.Fields[0].Reason)
		}
		return err
	}
	return r.resolveRecord(line)
}

// resolveRecord takes the header line that was split into r.rec.
func (r *Reader) resolveRecord(line int) error {
	if r.rec.spill {
		return refuse(line, "columns", "the header names %d columns; at most %d are allowed", r.rec.n, maxColumns)
	}
	return r.resolve(line, r.rec.vals[:min(r.rec.n, maxColumns)])
}

// commonest returns the separator that line has most of.
func commonest(line string) byte {
	sep, most := byte(','), 0
	for _, c := range []byte(",;\t") {
		if n := strings.Count(line, string(c)); n > most {
			sep, most = c, n
		}
	}
	return sep
}
