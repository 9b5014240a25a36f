package batch_test

import (
	"encoding/csv"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/simurgh-iot/simurgh/internal/batch"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// written are the columns that format writes, in its order.
var written = []string{
	"iccid", "imsi", "msisdn", "ki", "opc", "sim_id", "eid", "imei", "type", "form", "mno_id",
	"pin1", "puk1", "pin2", "puk2", "apn", "ip", "name", "group",
}

// format returns the fields of row for the columns of written.
func format(row batch.Row) []string {
	s, k := row.SIM, row.Secrets
	key := func(k ident.Key) string {
		if k.IsZero() {
			return ""
		}
		return k.Hex()
	}
	ip, mno := "", ""
	if s.IP.IsValid() {
		ip = s.IP.String()
	}
	if s.MNO != 0 {
		mno = strconv.FormatInt(s.MNO, 10)
	}
	return []string{
		string(s.ICCID), string(s.IMSI), string(s.MSISDN), key(k.K), key(k.OPc), s.Number, string(s.EID), string(s.IMEI), s.Type, s.Form, mno,
		k.PIN1.Reveal(), k.PUK1.Reveal(), k.PIN2.Reveal(), k.PUK2.Reveal(), s.APN, ip, s.Name, s.Group,
	}
}

func writeCSV(tb failer, sep rune, crlf bool, rows ...[]string) string {
	var out strings.Builder
	w := csv.NewWriter(&out)
	w.Comma, w.UseCRLF = sep, crlf
	if err := w.WriteAll(rows); err != nil {
		tb.Fatal(err)
	}
	return out.String()
}

type failer interface{ Fatal(args ...any) }

func TestWhatIsWrittenIsRead(t *testing.T) {
	t.Parallel()
	digits := func(t *rapid.T, name string, lo, hi int) string {
		return rapid.StringMatching(`[1-9][0-9]{`+strconv.Itoa(lo-1)+`,`+strconv.Itoa(hi-1)+`}`).Draw(t, name)
	}
	pin := func(t *rapid.T, name string) ident.PIN { return ident.PIN(digits(t, name, 4, 8)) }
	key := func(t *rapid.T, name string) ident.Key {
		return ident.Key(rapid.SliceOfN(rapid.Byte(), 16, 16).Filter(func(b []byte) bool { return ident.Key(b) != ident.Key{} }).Draw(t, name))
	}
	label := rapid.StringMatching(`([a-z0-9"';|éß/]( ?[a-z0-9"';|éß/]){0,20})?`)
	rapid.Check(t, func(t *rapid.T) {
		var want []batch.Row
		rows := [][]string{rapid.Permutation(written).Draw(t, "columns")}
		for range rapid.IntRange(0, 5).Draw(t, "rows") {
			row := batch.Row{
				SIM: sim.SIM{
					ICCID: ident.ICCID("89" + digits(t, "iccid", 12, 18)), IMSI: ident.IMSI(digits(t, "imsi", 6, 15)),
					MSISDN: ident.MSISDN(digits(t, "msisdn", 3, 15)), EID: ident.EID(digits(t, "eid", 32, 32)), IMEI: ident.IMEI(digits(t, "imei", 15, 16)),
					Number: rapid.StringMatching(`[A-Z0-9-]{1,32}`).Draw(t, "number"), Type: label.Draw(t, "type"), Form: label.Draw(t, "form"),
					Name: label.Draw(t, "name"), Group: label.Draw(t, "group"), MNO: rapid.Int64Min(0).Draw(t, "mno"),
				},
				Secrets: sim.Secrets{K: key(t, "k"), OPc: key(t, "opc"), PIN1: pin(t, "pin1"), PUK1: pin(t, "puk1"), PIN2: pin(t, "pin2"), PUK2: pin(t, "puk2")},
			}
			byName := map[string]string{}
			for i, v := range format(row) {
				byName[written[i]] = v
			}
			var fields []string
			for _, name := range rows[0] {
				fields = append(fields, byName[name])
			}
			want, rows = append(want, row), append(rows, fields)
		}
		sep := rapid.SampledFrom([]rune(",;\t")).Draw(t, "separator")
		text := rapid.SampledFrom([]string{"", "\ufeff", "\n\r\n"}).Draw(t, "head") + writeCSV(t, sep, rapid.Bool().Draw(t, "crlf"), rows...)
		got := read(text, batch.Options{})
		if got.final != "" || len(got.bad) > 0 || len(got.rows) != len(want) {
			t.Fatalf("read %q = %+v", text, got)
		}
		for i, row := range got.rows {
			if row.Line = 0; row != want[i] {
				t.Fatalf("row %d = %+v\nwant %+v", i, row, want[i])
			}
		}
	})
}

// FuzzRead checks that reading ends, that lines only grow, that no error
// carries what a terminal would act on, that the pieces in which a file comes
// make no difference, and that a row which was read can be written and read
// again.
func FuzzRead(f *testing.F) {
	f.Add("iccid,imsi,ki,opc,name\n" + card1 + "," + imsi1 + "," + key1 + "," + key2 + ",\"a \"\"b\"\"\"\n,,\n\"\n")
	f.Add("\ufeffsep=;\r\nICC ID;IMSI;ADM1\r\n984435589900000010F7;082943150000000071;x\r\n")
	f.Add(block + "var_out:ICCID/IMSI/PIN1/KI\n984435589900000010F7 2943150000000071 31323334FFFFFFFF " + key1 + "\n\x1a")
	f.Add("ICCID IMSI\n" + card1 + "\t" + imsi1 + "\n8.94E+18 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		whole := batch.NewReader(strings.NewReader(text), batch.Options{})
		pieces := batch.NewReader(iotest.HalfReader(strings.NewReader(text)), batch.Options{})
		for line := 0; ; {
			row, err := whole.Read()
			again, errAgain := pieces.Read()
			if row != again || (err == nil) != (errAgain == nil) || err != nil && err.Error() != errAgain.Error() {
				t.Fatalf("in one piece %+v, %v; in many %+v, %v", row, err, again, errAgain)
			}
			at := row.Line
			if e, ok := errors.AsType[*batch.RowError](err); ok {
				at = e.Line
			} else if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				checkMessage(t, err.Error())
			} else {
				checkRewrite(t, row)
			}
			if at == 0 {
				return
			}
			if at <= line {
				t.Fatalf("line %d after line %d", at, line)
			}
			line = at
		}
	})
}

func checkMessage(t *testing.T, msg string) {
	t.Helper()
	if !utf8.ValidString(msg) || strings.ContainsFunc(msg, unicode.IsControl) || len(msg) > 64<<10 {
		t.Fatalf("message %q", msg)
	}
}

func checkRewrite(t *testing.T, row batch.Row) {
	t.Helper()
	text := writeCSV(t, ',', false, written, format(row))
	got := read(text, batch.Options{})
	row.Line = 2
	if got.final != "" || len(got.rows) != 1 || got.rows[0] != row {
		t.Fatalf("%q reads as %+v, want %+v", text, got, row)
	}
}

// FuzzNoSecrets puts a key and a PIN anywhere into a file: no error may show
// them.
func FuzzNoSecrets(f *testing.F) {
	f.Add("iccid,imsi,ki\n"+card1+","+imsi1+",x", "\n", false)
	f.Add("iccid,imsi,apn\n"+card1+","+imsi1+",-", ".x\n", false)
	f.Add("", ","+imsi1+"\n", true)
	f.Add("iccid,imsi,", "\n", true)
	f.Add("iccid,imsi,ki\n\""+card1+"\",\"", "\"x\"\n", true)
	f.Add("*\nTransport_key: ", "\nvar_out:ICCID/IMSI/KI\n", false)
	f.Add("*\nvar_out:ICCID/IMSI/KI/", "\n", false)
	f.Fuzz(func(t *testing.T, before, after string, short bool) {
		secret := "9c4fd1e06a7bb83552cd10fe7a46e39b"
		if short {
			secret = "73915064"
		}
		for range 2 {
			r := batch.NewReader(strings.NewReader(before+secret+after), batch.Options{})
			for {
				_, err := r.Read()
				if err != nil && leaks(err.Error(), secret, before+after) {
					t.Fatalf("%v", err)
				}
				if _, bad := errors.AsType[*batch.RowError](err); err != nil && !bad {
					break
				}
			}
			secret = strings.ToUpper(secret)
		}
	})
}

// leaks reports whether msg shows a part of secret that the rest of the file
// does not hold.
func leaks(msg, secret, rest string) bool {
	for i := range len(secret) - 3 {
		part := secret[i : i+4]
		if strings.Contains(msg, part) && !strings.Contains(rest, part) {
			return true
		}
	}
	return false
}
