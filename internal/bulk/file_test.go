package bulk_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/simurgh-iot/simurgh/internal/bulk"
	"github.com/simurgh-iot/simurgh/internal/fault"
)

// split reads a file and returns its chunks.
func split(t testing.TB, r io.Reader) (bulk.Summary, []bulk.Chunk, error) {
	t.Helper()
	var chunks []bulk.Chunk
	sum, err := bulk.Split(r, func(c bulk.Chunk) error {
		if c.N != len(chunks) {
			t.Errorf("chunk %d comes as number %d", c.N, len(chunks))
		}
		chunks = append(chunks, c)
		return nil
	})
	return sum, chunks, err
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, head, rows string }{
		"plain":              {"iccId,value\n1,a\n2,b\n", "iccId,value", "1,a\n2,b\n"},
		"no end":             {"iccId,value\n1,a\n2,b", "iccId,value", "1,a\n2,b\n"},
		"a byte order mark":  {"\xef\xbb\xbficcId,value\r\n1,a\r\n", "iccId,value", "1,a\n"},
		"empty lines":        {"\n\r\niccId,value\n\n  \n1,a\r\n\n", "iccId,value", "1,a\n"},
		"the longest line":   {"iccId,value\n" + strings.Repeat("x", bulk.MaxLine) + "\r\n1,a\n", "iccId,value", strings.Repeat("x", bulk.MaxLine) + "\n1,a\n"},
		"letters of two":     {"iccId,value\n1,é\n", "iccId,value", "1,é\n"},
		"a lone end of line": {"iccId,value\n1\r2,a\n", "iccId,value", "1\r2,a\n"},
	} {
		sum, chunks, err := split(t, iotest.OneByteReader(strings.NewReader(c.in)))
		if err != nil || len(chunks) != 1 {
			t.Errorf("%s: %d chunks, %v", name, len(chunks), err)
			continue
		}
		if sum.Head != c.head || string(chunks[0].Data) != c.rows || sum.Bytes != int64(len(c.in)) || int(sum.Rows) != strings.Count(c.rows, "\n") || sum.Chunks != 1 {
			t.Errorf("%s: %+v, %q", name, sum, chunks[0].Data)
		}
	}
}

func TestSplitRefuses(t *testing.T) {
	t.Parallel()
	for in, why := range map[string]string{
		"": "is empty", "\n\r\n": "is empty", "iccId,value": "has no rows", "iccId,value\r\n\r\n": "has no rows",
		"iccId,value\n" + strings.Repeat("x", bulk.MaxLine+1) + "\n1,a\n": "has a line 2 of more than 2048 bytes",
		strings.Repeat("x", 1<<20):                                        "has a line 1 of more than",
		"iccId,value\n1,\x00\n":                                           "has a zero byte in line 2",
		"iccId,value\n1,\xe9\n":                                           "is not UTF-8 in line 2",
		"\xff\xfei\x00c\x00":                                              "is UTF-16",
		"PK\x03\x04":                                                      "is a spreadsheet",
		"h\n" + strings.Repeat("1\n", bulk.MaxRows+1):                     "has more than 1000000 rows",
		"h\n" + strings.Repeat(strings.Repeat("x", 2000)+"\n", bulk.MaxBytes/2000): "has more than 128 MB",
	} {
		_, _, err := split(t, strings.NewReader(in))
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), why) {
			t.Errorf("%.20q: %v, want %s", in, err, why)
		}
	}
	no := errors.New("no")
	if _, _, err := split(t, io.MultiReader(strings.NewReader("h\n1\n"), iotest.ErrReader(no))); !errors.Is(err, no) {
		t.Errorf("a reader that fails: %v", err)
	}
	if _, err := bulk.Split(strings.NewReader("h\n1\n"), func(bulk.Chunk) error { return no }); !errors.Is(err, no) {
		t.Errorf("a taker that fails: %v", err)
	}
}

// A file of the most rows is cut into chunks that together hold every row once.
func TestSplitTheMost(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("iccId,value\n")
	for i := range bulk.MaxRows {
		fmt.Fprintf(&b, "%d,a\n", i)
	}
	row, biggest := 0, 0
	sum, err := bulk.Split(strings.NewReader(b.String()), func(c bulk.Chunk) error {
		biggest = max(biggest, len(c.Data))
		for line := range strings.Lines(string(c.Data)) {
			if line != fmt.Sprintf("%d,a\n", row) {
				t.Fatalf("row %d is %q", row, line)
			}
			row++
		}
		return nil
	})
	if err != nil || row != bulk.MaxRows || sum.Rows != bulk.MaxRows || biggest > 300<<10 {
		t.Errorf("%d rows, chunks of up to %d bytes, %+v, %v", row, biggest, sum, err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for head, want := range map[string]rune{
		"iccId,value": ',', "ICCID , Value": ',', `"iccId","value"`: ',', "iccId;value": ';', "iccId\tstatus": '\t', "iccid,STATUS": ',',
		"iccId": 0, "value,iccId": 0, "iccId,value,more": 0, "iccId,packageId": 0, "iccId|value": 0, `"iccId,value`: 0, "89445385,active": 0, strings.Repeat("é", 500): 0,
	} {
		sep, err := bulk.SetStatus.Check(head)
		if sep != want || (err == nil) != (want != 0) || err != nil && fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %q, %v", head, sep, err)
		}
	}
}

func TestRows(t *testing.T) {
	t.Parallel()
	const iccid = "8944538500000000017"
	for _, c := range []struct {
		kind              bulk.Type
		sep               rune
		line, value, code string
	}{
		{bulk.SetStatus, ',', iccid + ",active", "active", ""},
		{bulk.SetStatus, ',', " " + iccid + " , available ", "available", ""},
		{bulk.SetStatus, ';', `"` + iccid + `";"active"`, "active", ""},
		{bulk.SetStatus, ',', iccid + ",ACTIVE", "ACTIVE", "invalid.value"},
		{bulk.SetStatus, ',', "8.94454E+18,active", "active", "invalid.iccid"},
		{bulk.SetStatus, ',', iccid, "", "invalid.row"},
		{bulk.SetStatus, ',', iccid + ",a,b", "", "invalid.row"},
		{bulk.SetName, ',', iccid + `,"a ""b"" c"`, `a "b" c`, ""},
		{bulk.SetName, ',', iccid + `,"a`, "", "invalid.row"},
		{bulk.SetName, ',', iccid + ",", "", ""},
		{bulk.SetName, ',', iccid + "," + strings.Repeat("é", 256), strings.Repeat("é", 256), "invalid.value"},
		{bulk.SetOrderID, ',', iccid + "," + strings.Repeat("é", 255), strings.Repeat("é", 255), ""},
		{bulk.SetOrderID, ',', iccid + ",a\rb", "a\rb", "invalid.value"},
		{bulk.SetPackage, ',', iccid + ",6685", "6685", ""},
		{bulk.SetPackage, ',', iccid + ",-1", "-1", "invalid.value"},
		{bulk.SetPackage, ',', iccid + ",9999999999999999999", "9999999999999999999", "invalid.value"},
		{bulk.SetPortfolio, ',', iccid + ",0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef", ""},
		{bulk.SetPortfolio, ',', iccid + ",0123", "0123", "invalid.portfolioId"},
		{bulk.SetSuspended, '\t', iccid + "\tyes", "yes", ""},
		{bulk.SetSuspended, ',', iccid + ",true", "true", "invalid.value"},
	} {
		rows := c.kind.Rows(c.sep, []byte(c.line+"\n"))
		if len(rows) != 1 || rows[0].Value != c.value || fault.CodeOf(rows[0].Err) != c.code || c.code == "" && rows[0].Err != nil {
			t.Errorf("%s %q: %+v", c.kind, c.line, rows)
		}
		if id, _ := rows[0].Cells(); c.code == "invalid.row" && id != c.line {
			t.Errorf("%q is shown as %q", c.line, id)
		}
	}
	// Several faults of one row are told together.
	if err := bulk.SetStatus.Rows(',', []byte("x,y\n"))[0].Err; err == nil || !strings.Contains(err.Error(), "iccId") || !strings.Contains(err.Error(), "value") {
		t.Errorf("both are wrong: %v", err)
	}
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	for _, kind := range bulk.Types() {
		sum, chunks, err := split(t, strings.NewReader(kind.Template()))
		if err != nil {
			t.Fatal(err)
		}
		sep, err := kind.Check(sum.Head)
		if err != nil {
			t.Error(err)
		}
		if row := kind.Rows(sep, chunks[0].Data)[0]; row.Err != nil {
			t.Errorf("%s: %v", kind, row.Err)
		}
		if back, err := bulk.ParseType(string(kind)); back != kind || err != nil {
			t.Errorf("%s is read as %s, %v", kind, back, err)
		}
	}
	if _, err := bulk.ParseType("update-icc"); fault.CodeOf(err) != "invalid.type" {
		t.Error(err)
	}
}

// What nobody labelled is never shown as the failure of a row.
func TestNewFailure(t *testing.T) {
	t.Parallel()
	for _, err := range []error{errors.New("x"), fault.New(fault.Internal, "", "x"), fault.New(fault.Unavailable, "", "x")} {
		if f, ok := bulk.NewFailure(1, err); ok {
			t.Errorf("%v became %+v", err, f)
		}
	}
	f, ok := bulk.NewFailure(1, fmt.Errorf("so: %w", fault.New(fault.NotFound, "sim.not_found", "gone").Because(errors.New("secret"))))
	if !ok || f.Message != "gone" || f.Code != "sim.not_found" || f.Fault().Kind != fault.NotFound {
		t.Errorf("%+v, %t", f, ok)
	}
}

func FuzzSplit(f *testing.F) {
	f.Add([]byte("\xef\xbb\xbficcId,value\r\n8944538500000000017,active\r\n\r\n"))
	f.Add([]byte("iccId;value\n\"8944538500000000017\";\"a\"\"\"\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		sum, chunks, err := split(t, strings.NewReader(string(in)))
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Error(err)
			}
			return
		}
		n := 0
		for _, kind := range bulk.Types() {
			for _, sep := range ",;\t" {
				n = 0
				for _, c := range chunks {
					n += len(kind.Rows(sep, c.Data))
				}
			}
		}
		if int64(n) != sum.Rows {
			t.Errorf("%d rows, the summary says %d", n, sum.Rows)
		}
	})
}
