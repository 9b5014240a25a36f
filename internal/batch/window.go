package batch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	maxRow     = 64 << 10 // bytes of one row, its line end and any line breaks inside quotes included
	windowSize = 4 * maxRow
)

var errLong = errors.New("longer than a row may be")

// window is the part of the file that is in memory. Its head is the first
// byte that no row has consumed yet: a row that turns out to be malformed can
// be given up and reading resumed inside it.
type window struct {
	src  io.Reader
	buf  []byte
	r, w int   // the unconsumed bytes are buf[r:w]
	line int   // number of the line at the head
	err  error // what src ended with
}

// lineEnd returns where the line that starts at offset from ends, its line
// feed included; offsets count from the head. It returns io.EOF when nothing
// is there, errLong when the end is more than maxRow away from the head, and
// the error of the source when that ended early.
func (w *window) lineEnd(from int) (int, error) {
	for at := from; ; w.fill() {
		if i := bytes.IndexByte(w.buf[w.r+at:w.w], '\n'); i >= 0 {
			if at+i >= maxRow {
				return 0, errLong
			}
			return at + i + 1, nil
		}
		if at = w.w - w.r; at > maxRow {
			return 0, errLong
		}
		switch {
		case w.err == nil:
		case !errors.Is(w.err, io.EOF):
			return 0, fmt.Errorf("reading the batch: %w", w.err)
		case at == from:
			return 0, io.EOF
		default:
			return at, nil
		}
	}
}

// fill reads once more from the source.
func (w *window) fill() {
	if w.buf == nil {
		w.buf = make([]byte, windowSize)
	}
	if w.w == len(w.buf) {
		w.w = copy(w.buf, w.buf[w.r:])
		w.r = 0
	}
	for range 100 {
		n, err := w.src.Read(w.buf[w.w:])
		w.w, w.err = w.w+n, err
		if n > 0 || err != nil {
			return
		}
	}
	w.err = io.ErrNoProgress
}

// peek returns the first n bytes; they are valid until the next fill.
func (w *window) peek(n int) []byte { return w.buf[w.r : w.r+n] }

// take consumes n bytes.
func (w *window) take(n int) {
	w.line += bytes.Count(w.peek(n), []byte{'\n'})
	w.r += n
}

// takeLine consumes one line of n bytes and returns it without its line end.
func (w *window) takeLine(n int) string {
	s := string(trimEOL(w.peek(n)))
	w.r += n
	w.line++
	return s
}

// skipLine consumes the rest of a line of any length.
func (w *window) skipLine() error {
	for {
		if i := bytes.IndexByte(w.buf[w.r:w.w], '\n'); i >= 0 {
			w.take(i + 1)
			return nil
		}
		w.r, w.w = 0, 0
		if errors.Is(w.err, io.EOF) {
			return nil
		}
		if w.err != nil {
			return fmt.Errorf("reading the batch: %w", w.err)
		}
		w.fill()
	}
}

func trimEOL(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] == '\n' {
		b = b[:n-1]
	}
	if n := len(b); n > 0 && b[n-1] == '\r' {
		b = b[:n-1]
	}
	return b
}
