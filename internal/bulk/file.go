package bulk

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
)

// Limits of a file.
const (
	MaxRows  = 1_000_000
	MaxBytes = 128 << 20
	MaxLine  = 2048 // bytes, the end not counted
)

// A chunk is what one transaction carries out: large enough to be fast, small
// enough that others get their turn.
const (
	chunkRows  = 1000
	chunkBytes = 256 << 10
)

// Chunk is some whole lines of a file, each ended by a line feed.
type Chunk struct {
	N    int // from 0
	Rows int
	Data []byte
}

// Summary is what a file holds.
type Summary struct {
	Head   string
	Bytes  int64 // as they came
	Rows   int64
	Chunks int
}

// Split reads a file as it comes and hands it on in chunks, never holding more
// than one. A byte order mark, carriage returns and empty lines are dropped. It
// fails with kind Invalid for what can be no file of rows, and names the line.
func Split(from io.Reader, take func(Chunk) error) (Summary, error) {
	s := &splitter{in: bufio.NewReaderSize(&counted{from: from}, MaxLine+2), take: take}
	for {
		line, err := s.line()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = s.add(line)
		}
		if err != nil {
			return s.sum, err
		}
	}
	return s.sum, s.end()
}

// counted fails once there is more than a file may hold.
type counted struct {
	from io.Reader
	n    int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	if c.n += int64(n); c.n > MaxBytes {
		return 0, wrong("has more than %d MB", MaxBytes>>20)
	}
	return n, err
}

func wrong(format string, args ...any) *fault.Error {
	return fault.InvalidField("file", format, args...)
}

type splitter struct {
	in    *bufio.Reader
	take  func(Chunk) error
	sum   Summary
	lines int
	chunk Chunk
}

// line returns the next line that is not empty, without its end.
func (s *splitter) line() ([]byte, error) {
	for {
		raw, err := s.in.ReadSlice('\n')
		s.lines++
		s.sum.Bytes += int64(len(raw))
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, wrong("has a line %d of more than %d bytes", s.lines, MaxLine)
		case errors.Is(err, io.EOF) && len(raw) == 0:
			return nil, io.EOF
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		}
		line := bytes.TrimSuffix(bytes.TrimSuffix(raw, []byte("\n")), []byte("\r"))
		if s.lines == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		if len(line) > MaxLine {
			return nil, wrong("has a line %d of more than %d bytes", s.lines, MaxLine)
		}
		if err := text(line, s.lines); err != nil {
			return nil, err
		}
		if len(bytes.TrimSpace(line)) > 0 {
			return line, nil
		}
	}
}

// text refuses what no spreadsheet writes as CSV.
func text(line []byte, n int) error {
	switch {
	case n == 1 && (bytes.HasPrefix(line, []byte("\xff\xfe")) || bytes.HasPrefix(line, []byte("\xfe\xff"))):
		return wrong("is UTF-16; save it as CSV UTF-8")
	case n == 1 && bytes.HasPrefix(line, []byte("PK\x03\x04")):
		return wrong("is a spreadsheet or an archive; save it as CSV UTF-8")
	case !utf8.Valid(line):
		return wrong("is not UTF-8 in line %d; save it as CSV UTF-8", n)
	case bytes.IndexByte(line, 0) >= 0:
		return wrong("has a zero byte in line %d", n)
	}
	return nil
}

func (s *splitter) add(line []byte) error {
	if s.sum.Head == "" {
		s.sum.Head = string(line)
		return nil
	}
	if s.sum.Rows++; s.sum.Rows > MaxRows {
		return wrong("has more than %d rows", MaxRows)
	}
	s.chunk.Rows++
	s.chunk.Data = append(append(s.chunk.Data, line...), '\n')
	if s.chunk.Rows == chunkRows || len(s.chunk.Data) >= chunkBytes {
		return s.flush()
	}
	return nil
}

func (s *splitter) flush() error {
	s.chunk.N = s.sum.Chunks
	s.sum.Chunks++
	err := s.take(s.chunk)
	s.chunk = Chunk{Data: make([]byte, 0, len(s.chunk.Data)+MaxLine)}
	return err
}

func (s *splitter) end() error {
	if s.sum.Head == "" {
		return wrong("is empty")
	}
	if s.sum.Rows == 0 {
		return wrong("has no rows after its header")
	}
	if s.chunk.Rows > 0 {
		return s.flush()
	}
	return nil
}

// Separators that spreadsheets write, by where they are used.
const separators = ",;\t"

// Check holds a file's header against the template of the type, and returns the
// separator of its columns. It fails with kind Invalid.
func (t Type) Check(head string) (sep rune, err error) {
	column := t.template().column
	for _, sep := range separators {
		cells, err := cells(head, sep)
		if err == nil && len(cells) == 2 && strings.EqualFold(cells[0], "iccId") &&
			(strings.EqualFold(cells[1], "value") || strings.EqualFold(cells[1], column)) {
			return sep, nil
		}
	}
	if len(head) > 60 {
		head = strings.ToValidUTF8(head[:60], "") + "..."
	}
	return 0, wrong("begins with %q; a file of %s begins with \"iccId,value\" or \"iccId,%s\"", head, t, column)
}

// Row is one row of a file.
type Row struct {
	ICCID ident.ICCID
	Value string
	Err   error // why it cannot be read; of kind Invalid
	raw   string
}

// Cells are the two columns as they stand in the file, as far as they can be
// told apart.
func (r *Row) Cells() (iccid, value string) {
	if r.raw == "" {
		return string(r.ICCID), r.Value
	}
	return r.raw, ""
}

// Rows reads the rows of a chunk.
func (t Type) Rows(sep rune, data []byte) []Row {
	var out []Row
	check := t.template().check
	for line := range strings.Lines(string(data)) {
		out = append(out, readRow(check, sep, strings.TrimSuffix(line, "\n")))
	}
	return out
}

func readRow(check func(string) error, sep rune, line string) Row {
	cells, err := cells(line, sep)
	if err != nil || len(cells) != 2 {
		r := Row{raw: line, Err: fault.InvalidField("row", "has %d columns; 2 are needed", len(cells))}
		if err != nil {
			r.Err = fault.InvalidField("row", "has a quote that is not closed, or stands in the middle")
		}
		return r
	}
	iccid, err1 := ident.ParseICCID(cells[0])
	if err1 != nil {
		return Row{ICCID: ident.ICCID(cells[0]), Value: cells[1], Err: fault.Join(ident.As("iccId", err1), check(cells[1]))}
	}
	return Row{ICCID: iccid, Value: cells[1], Err: check(cells[1])}
}

// cells parts a line. Blanks around a cell are dropped.
func cells(line string, sep rune) ([]string, error) {
	var out []string
	if strings.Contains(line, `"`) {
		r := csv.NewReader(strings.NewReader(line))
		r.Comma, r.FieldsPerRecord = sep, -1
		var err error
		if out, err = r.Read(); err != nil {
			return nil, err
		}
	} else {
		out = strings.Split(line, string(sep))
	}
	for i := range out {
		out[i] = strings.TrimSpace(out[i])
	}
	return out, nil
}
