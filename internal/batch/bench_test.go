package batch_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/batch"
	"github.com/simurgh-iot/simurgh/internal/ident"
)

const benchRows = 20_000

// files are the shapes of a file, each with a row per number.
var files = []struct {
	name, head string
	row        func(n int) string
}{
	{"minimal", "iccid,imsi\n", func(n int) string {
		return fmt.Sprintf("%s,%s\n", iccid(n), imsi(n))
	}},
	{"keys", "iccid,imsi,msisdn,ki,opc,pin1,puk1,pin2,puk2\n", func(n int) string {
		return fmt.Sprintf("%s,%s,44770%07d,%032x,%032x,%04d,%08d,%04d,%08d\n", iccid(n), imsi(n), n, n+1, n+2, n%10000, n, n%10000, n)
	}},
	{"all", "iccid;imsi;msisdn;ki;opc;sim_id;eid;imei;type;form;mno_id;pin1;puk1;pin2;puk2;apn;ip;name;group\r\n", func(n int) string {
		return fmt.Sprintf("%s;%s;44770%07d;%032x;%032x;%019d;%032d;%015d;UICC;2FF/3FF/4FF;310;1234;12345678;1234;12345678;iot.example;10.%d.%d.%d;Pump %d;North\r\n",
			iccid(n), imsi(n), n, n+1, n+2, n, n, n, n>>16&255, n>>8&255, n&255, n)
	}},
	{"quoted", "iccid,imsi,ki,opc,name\n", func(n int) string {
		return fmt.Sprintf("\"%s\",\"%s\",\"%032x\",\"%032x\",\"Pump \"\"%d\"\"\"\n", iccid(n), imsi(n), n+1, n+2, n)
	}},
	{"vendor", "*HEADER DESCRIPTION\nQuantity: 1000000\nvar_out:ICCID/IMSI/PIN1/PUK1/ADM1/KI/OPC\n", func(n int) string {
		return fmt.Sprintf("%s %s 1234 12345678 %016x %032x %032x\n", iccid(n), imsi(n), n, n+1, n+2)
	}},
	{"swapped", "var_out:ICCID/IMSI/PIN1/PUK1/ADM1/KI/OPC\n", func(n int) string {
		s := swap(iccid(n))
		return fmt.Sprintf("%s 08%s 1234 12345678 %016x %032x %032x\n", s, swap("9"+imsi(n)), n, n+1, n+2)
	}},
}

func iccid(n int) string { return ident.WithLuhn(fmt.Sprintf("894453%012d", n)) }
func imsi(n int) string  { return fmt.Sprintf("23415%010d", n) }

// swap is the opposite of ident.Unswap.
func swap(digits string) string {
	if len(digits)%2 == 1 {
		digits += "F"
	}
	b := []byte(digits)
	for i := 0; i < len(b); i += 2 {
		b[i], b[i+1] = b[i+1], b[i]
	}
	return string(b)
}

func BenchmarkRead(b *testing.B) {
	for _, f := range files {
		b.Run(f.name, func(b *testing.B) {
			var text strings.Builder
			text.WriteString(f.head)
			for n := range benchRows {
				text.WriteString(f.row(n))
			}
			b.SetBytes(int64(text.Len()))
			b.ReportAllocs()
			for b.Loop() {
				if n := drain(b, strings.NewReader(text.String())); n != benchRows {
					b.Fatalf("%d rows", n)
				}
			}
			rows := float64(b.N) * benchRows
			b.ReportMetric(rows/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func drain(tb testing.TB, src io.Reader) int {
	tb.Helper()
	r := batch.NewReader(src, batch.Options{Luhn: true})
	for n := 0; ; n++ {
		if _, err := r.Read(); errors.Is(err, io.EOF) {
			return n
		} else if err != nil {
			tb.Fatal(err)
		}
	}
}

// endless yields head and then rows without end, up to limit bytes.
type endless struct {
	head, rows []byte
	limit      int
	at         int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.limit <= 0 {
		return 0, io.EOF
	}
	if len(e.head) > 0 {
		n := copy(p, e.head)
		e.head = e.head[n:]
		return n, nil
	}
	n := copy(p, e.rows[e.at:])
	e.at = (e.at + n) % len(e.rows)
	e.limit -= n
	return n, nil
}

func TestMemoryIsFlat(t *testing.T) {
	rows := []byte(files[1].row(1))
	src := &endless{head: []byte(files[1].head), rows: rows, limit: 100_000 * len(rows)}
	r := batch.NewReader(src, batch.Options{})
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n := 0
	for ; ; n++ {
		if _, err := r.Read(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&now)
	runtime.KeepAlive(r)
	if grown := int64(now.HeapAlloc) - int64(before.HeapAlloc); n != 100_000 || grown > 1<<20 {
		t.Errorf("%d rows left %d bytes in use", n, grown)
	}
}

func TestAllocationsPerRow(t *testing.T) {
	for _, f := range files[:3] {
		text := f.head + strings.Repeat(f.row(7), 2000)
		got := testing.AllocsPerRun(5, func() { drain(t, bytes.NewReader([]byte(text))) })
		if perRow := got / 2000; perRow > 1.1 {
			t.Errorf("%s: %.2f allocations per row", f.name, perRow)
		}
	}
}
