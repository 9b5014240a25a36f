package batch_test

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/simurgh-iot/simurgh/internal/batch"
	"github.com/simurgh-iot/simurgh/internal/fault"
)

// hundred is a line of a hundred bytes.
var hundred = strings.Repeat("x", 99) + "\n"

func TestFilesThatAreNoBatch(t *testing.T) {
	t.Parallel()
	utf16 := strings.Join(strings.Split("iccid,imsi\n", ""), "\x00") + "\x00"
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "line 1: the file is empty"},
		{"blank", "\n\r\n \n", "line 4: the file ends before a line names its columns"},
		{"BOM only", "\ufeff", "line 1: the file ends before a line names its columns"},
		{"UTF-16 LE", "\xff\xfe" + utf16, "line 1: the file is UTF-16; save it as UTF-8"},
		{"UTF-16 BE", "\xfe\xff\x00" + utf16, "line 1: the file is UTF-16; save it as UTF-8"},
		{"UTF-16 without BOM", utf16, "line 1: the header holds NUL bytes; save the file as UTF-8"},
		{"workbook", "PK\x03\x04\x14\x00\x06\x00", "line 1: the file is a spreadsheet or an archive; save the sheet as CSV, or unpack it"},
		{"PGP", "-----BEGIN PGP MESSAGE-----\n\nhQEMA", "line 1: the file is encrypted with PGP; decrypt it"},
		{"old Mac", "iccid,imsi\r" + card1 + "," + imsi1 + "\r", "line 1: the lines end in bare carriage returns; save the file with LF or CRLF"},
		{"prose", "Dear customer, find enclosed\nyour batch\n", "line 1: no column names were found; a header line must name iccid and imsi"},
		{"no var_out", block + "8944 2341\n", "line 21: the file ends before a line names its columns"},
		{"sep only", "sep=;\n", "line 2: the file ends before a line names its columns"},
		{"endless block", "*\n" + strings.Repeat("Customer: Example\n", 2000), "line 1001: no var_out line was found in the first 1000 lines"},
		{"100,000 columns", "iccid,imsi" + strings.Repeat(",a", 30_000) + "\n", "line 1: the header names 30002 columns; at most 256 are allowed"},
		{"10 MB header", "iccid,imsi," + strings.Repeat("x", 10<<20) + "\n", "line 1: the header line is longer than 65536 bytes"},
		{"10 MB in quotes", "iccid,imsi,\"" + strings.Repeat(hundred, 1<<17) + "\"\n", "line 1: the header line has a quote that is never closed"},
		{"10 MB key", "Customer: " + strings.Repeat("x", 10<<20) + "\n", "line 1: the header line is longer than 65536 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := batch.NewReader(strings.NewReader(c.text), batch.Options{}).Read()
			if err == nil || err.Error() != c.want || fault.KindOf(err) != fault.Invalid {
				t.Errorf("Read = %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestHeaderOnly(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"iccid,imsi", "iccid,imsi\n", "iccid,imsi\n\n\n", "*\nvar_out:ICCID/IMSI\n\n"} {
		if got := read(text, batch.Options{}); got.final != "" || len(got.rows)+len(got.bad) > 0 {
			t.Errorf("%q: read = %+v", text, got)
		}
	}
}

func TestHostileRows(t *testing.T) {
	t.Parallel()
	good := card1 + "," + imsi1 + ",\n"
	for _, c := range []struct{ name, row, want string }{
		{"100,000 separators", strings.Repeat(",", 100_000), "is longer than 65536 bytes"},
		{"60,000 separators", "x" + strings.Repeat(",", 60_000) + "x", "has 60001 fields; the header names 3 columns"},
		{"10 MB", strings.Repeat("x", 10<<20), "is longer than 65536 bytes"},
		{"10 MB quoted", "\"" + strings.Repeat("x", 10<<20) + "\"", "is longer than 65536 bytes"},
		{"10 MB of lines in quotes", "\"" + strings.Repeat(hundred, 1<<17), "has a quote that is never closed"},
		{"the limit", strings.Repeat("x", 65536), "is longer than 65536 bytes"},
		{"just below", strings.Repeat("x", 65535), "has 1 fields; the header names 3 columns"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := read("iccid,imsi,name\n"+c.row+"\n"+good, batch.Options{})
			if len(got.bad) == 0 || got.bad[0] != "line 2: row "+c.want {
				t.Errorf("rejected = %.200q", got.bad)
			}
			if got.final != "" || got.iccids() != card1 {
				t.Errorf("reading did not go on: %q, %d rows", got.final, len(got.rows))
			}
			if want := 3 + strings.Count(c.row, "\n"); len(got.rows) == 1 && got.rows[0].Line != want {
				t.Errorf("the row after has line %d, want %d", got.rows[0].Line, want)
			}
		})
	}
}

func TestLastLineTooLong(t *testing.T) {
	t.Parallel()
	got := read("iccid,imsi\n"+strings.Repeat("x", 1<<20), batch.Options{})
	if len(got.bad) != 1 || got.bad[0] != "line 2: row is longer than 65536 bytes" || got.final != "" {
		t.Errorf("read = %+v", got)
	}
}

// TestGigabyteWithoutLineFeed must not be parallel: it counts allocated bytes.
func TestGigabyteWithoutLineFeed(t *testing.T) {
	size := 1 << 30
	if testing.Short() {
		size = 1 << 24
	}
	for _, c := range []struct{ head, want string }{
		{"", "line 1: the header line is longer than 65536 bytes"},
		{"iccid,imsi\n", "line 2: row is longer than 65536 bytes"},
		{"iccid,imsi\n\"", "line 2: row is longer than 65536 bytes"},
	} {
		src := &endless{head: []byte(c.head), rows: bytes.Repeat([]byte("x"), 1<<16), limit: size}
		r := batch.NewReader(src, batch.Options{})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := r.Read()
		runtime.ReadMemStats(&after)
		if err == nil || err.Error() != c.want {
			t.Errorf("%q: Read = %v, want %s", c.head, err, c.want)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 2<<20 {
			t.Errorf("%q: %d bytes allocated", c.head, used)
		}
	}
}

func TestSourceErrorsAreFinal(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	for _, text := range []string{"", "icc", "iccid,imsi\n", "iccid,imsi\n" + card1 + ",", "iccid,imsi\n\"" + card1 + "\n", "iccid,imsi\n" + strings.Repeat("x", 1<<17)} {
		r := batch.NewReader(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), batch.Options{})
		for range 2 {
			if _, err := r.Read(); !errors.Is(err, broken) {
				t.Errorf("%.30q: Read = %v", text, err)
			}
		}
	}
	stuck := batch.NewReader(stuckReader{}, batch.Options{})
	if _, err := stuck.Read(); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a stuck source: Read = %v", err)
	}
}

type stuckReader struct{}

func (stuckReader) Read([]byte) (int, error) { return 0, nil }

func TestSourceInSmallPieces(t *testing.T) {
	t.Parallel()
	for _, f := range files {
		text := f.head
		for n := range 50 {
			text += f.row(n)
		}
		whole := read(text, batch.Options{})
		if len(whole.rows) != 50 {
			t.Fatalf("%s: %+v", f.name, whole)
		}
		r := batch.NewReader(iotest.OneByteReader(iotest.DataErrReader(strings.NewReader(text))), batch.Options{})
		for i := range 50 {
			if row, err := r.Read(); err != nil || row != whole.rows[i] {
				t.Fatalf("%s: row %d = %+v, %v", f.name, i, row, err)
			}
		}
	}
}
