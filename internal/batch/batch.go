// Package batch reads the files that SIMs come in: what an operator or a card
// vendor delivers, row by row, in flat memory. It knows no store: whether a
// SIM exists already, in this file or elsewhere, is the caller's question, and
// so are portfolio, package and lifecycle.
//
// # CSV
//
// A header line names the columns, in any order; comma, semicolon or tab
// separates them, whichever the header line has most of. Quotes follow RFC
// 4180. The text is UTF-8, with or without a byte order mark. Needed are iccid
// and imsi; the table in columns.go lists the others and their aliases.
//
// # Vendor files
//
// A block of "key: value" lines and of lines that start with an asterisk, then
// a line such as
//
//	var_out:ICCID/IMSI/PIN1/PUK1/KI/OPC
//
// that names the columns, then the rows. The separator of the rows is often
// not that of the var_out line: the first row that splits into the right
// number of fields settles it. A file that starts with the list of columns
// itself, blanks or slashes between, is read in the same way.
//
// # Columns
//
// Case, blanks, hyphens and underscores in a name mean nothing. Columns with
// the keys and codes of card management (ADM, KIC, KID and the like) are
// skipped; any other column that the table does not know is an error, for a
// misspelt one must not be lost in silence. [Options.Ignore] skips it.
//
// A row may have a K without OPc (a COMP128 card has no more), not an OPc
// without K: nothing can authenticate with it alone.
//
// # Card codings
//
// An ICCID may lie nibble-swapped as in EF_ICCID. The first ICCID settles the
// coding of the file: swapped if it cannot be plain, that is with filler (F)
// before the last digit, or 98 in front. One that can only be of the other
// coding is rejected. A plain ICCID may end in filler. An IMSI may lie as in EF_IMSI
// (18 hexadecimal digits; without its length byte 16, where the ICCIDs are
// swapped too), a PIN as in VERIFY PIN (16 hexadecimal digits).
//
// # Transport keys
//
// A vendor may encrypt K and OPc with a key that it shares with the network.
// The header then names the key, by its index in most cases; nothing, 0 or
// "none" say that the keys are plain. An encrypted key has the length of a
// plain one and looks no different, and a SIM that is given it would fail to
// authenticate with no trace of why. So a file that names a transport key is
// refused unless [Options.KeysArePlain] is set.
//
// # Errors
//
// Every error says the line, the field as the file calls it, and what is
// wrong. None holds a key, a PIN or the text of a row.
package batch

import (
	"errors"
	"fmt"
	"io"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// Options change what a [Reader] accepts.
type Options struct {
	Luhn         bool     // reject an ICCID whose last digit is not its Luhn check digit
	KeysArePlain bool     // K and OPc are in the clear, whatever the header says of a transport key
	Ignore       []string // columns to skip; case, blanks, hyphens and underscores mean nothing
}

// Row is one SIM of the file. SIM holds what the row says and no more, but
// Number is the ICCID where the row has none. The strings of a row share
// memory with the whole of its text, keys included: clone those that are kept
// for long.
type Row struct {
	Line    int // where the row starts, counted from 1
	SIM     sim.SIM
	Secrets sim.Secrets
}

// RowError says what is wrong with one row: one field per fault, named as the
// file names it. The field "row" stands for the row as a whole.
type RowError struct {
	Line   int
	Fields []fault.Field // at least one
}

// Error lists every fault.
func (e *RowError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Unwrap()) }

// Unwrap returns the faults as a [fault.Error] of kind Invalid.
func (e *RowError) Unwrap() error {
	return &fault.Error{Kind: fault.Invalid, Code: "batch.row", Fields: e.Fields}
}

// Format is the shape of a file.
type Format uint8

// The formats.
const (
	CSV    Format = iota + 1
	Vendor        // the output file of a card vendor
)

// String returns "csv" or "vendor".
func (f Format) String() string {
	switch f {
	case CSV:
		return "csv"
	case Vendor:
		return "vendor"
	}
	return "unknown"
}

// Head is what a file says of itself before its first row.
type Head struct {
	Format   Format
	Columns  []string // as the file calls them, in its order; "" where it does not
	Ignored  []string // those of them that are skipped
	Quantity int64    // rows that a vendor promises; 0 where the file does not say
}

// Reader reads one file. It is not safe for concurrent use.
type Reader struct {
	opts    Options
	in      window
	head    Head
	started bool
	err     error // final

	kept     []keptColumn // in the order of the table
	nameless []int        // columns without a name
	sep      byte         // 0 until the first row of a vendor's file settles it
	rec      record
	coding   coding
	row      Row

	sealedBy   string // how the file names its transport key; empty for none
	sealedLine int
}

// keptColumn is a column of the table at its place in the file.
type keptColumn struct {
	rank int    // its index in the table
	at   int    // its index in the row
	name string // as the file calls it
}

// NewReader returns a reader of the file in src. Nothing is read before the
// first call.
func NewReader(src io.Reader, opts Options) *Reader {
	return &Reader{opts: opts, in: window{src: src, line: 1}}
}

// Head reads as far as the first row and returns what it found. An error is
// final, and of kind Invalid where the file is at fault.
func (r *Reader) Head() (Head, error) {
	r.open()
	if r.err != nil && !errors.Is(r.err, io.EOF) {
		return Head{}, r.err
	}
	return r.head, nil
}

// open reads the head of the file, once.
func (r *Reader) open() {
	if !r.started {
		r.started = true
		r.err = r.start()
	}
}

// Read returns the next row, and [io.EOF] after the last. After a [*RowError]
// reading may go on; any other error is final. A file without rows is no
// error.
func (r *Reader) Read() (Row, error) {
	r.open()
	if r.err != nil {
		return Row{}, r.err
	}
	if err := r.next(); err != nil {
		if _, ok := errors.AsType[*RowError](err); !ok {
			r.err = err
		}
		return Row{}, err
	}
	return r.row, nil
}

// next reads rows until one has text and fills r.row from it.
func (r *Reader) next() error {
	for {
		line := r.in.line
		err := r.split()
		if errors.Is(err, errLong) {
			if err := r.in.skipLine(); err != nil {
				return err
			}
			return reject(line, "is longer than %d bytes", maxRow)
		}
		if err != nil {
			return err
		}
		if r.rec.text {
			return r.parse(line)
		}
	}
}

// split consumes one row and leaves its fields in r.rec.
func (r *Reader) split() error {
	if r.head.Format == Vendor {
		return r.splitVendor()
	}
	return r.splitCSV()
}

func reject(line int, format string, args ...any) *RowError {
	return &RowError{Line: line, Fields: []fault.Field{{Name: "row", Reason: fmt.Sprintf(format, args...)}}}
}

// refuse makes a final error: the file cannot be read from line on.
func refuse(line int, code, format string, args ...any) *fault.Error {
	e := fault.New(fault.Invalid, "batch."+code, format, args...)
	e.Message = fmt.Sprintf("line %d: %s", line, e.Message)
	return e
}
