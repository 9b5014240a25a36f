package batch_test

import (
	"errors"
	"io"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/batch"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

const (
	card1 = "8944538599000000011"
	card2 = "8944538599000000029"
	imsi1 = "234150000000017"
	imsi2 = "234150000000025"
	key1  = "465b5ce8b199b49faa5f0a2ee238a6bc"
	key2  = "cd63cb71954a9f4e48a5994e37a02baf"
)

// result is what became of a file.
type result struct {
	rows  []batch.Row
	bad   []string // rejected rows
	final string   // the error that ended it, "" for its end
}

func read(text string, opts batch.Options) result {
	var out result
	r := batch.NewReader(strings.NewReader(text), opts)
	for {
		row, err := r.Read()
		if e, ok := errors.AsType[*batch.RowError](err); ok {
			out.bad = append(out.bad, e.Error())
			continue
		}
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			out.final = err.Error()
			return out
		}
		out.rows = append(out.rows, row)
	}
}

func (r result) iccids() string {
	var out []string
	for _, row := range r.rows {
		out = append(out, string(row.SIM.ICCID))
	}
	return strings.Join(out, " ")
}

func mustKey(s string) ident.Key {
	k, err := ident.ParseKey("key", s)
	if err != nil {
		panic(err)
	}
	return k
}

func TestEveryColumn(t *testing.T) {
	t.Parallel()
	got := read("ICCID,IMSI,MSISDN,Ki,OPc,Sim ID,EID,IMEI,type,Form-Factor,MNO_ID,PIN1,PUK1,PIN2,PUK2,APN,IP,friendlyName,group\n"+
		card1+","+imsi1+",+447700900123,"+strings.ToUpper(key1)+","+key2+",PRINTED 17,89049032000000000000000000000017,490154203237518,"+
		"UICC,2FF/3FF/4FF,310,1234,12345678,0000,87654321,IoT.Example,10.20.0.17,Pump 7,North\n", batch.Options{})
	want := batch.Row{
		Line: 2,
		SIM: sim.SIM{
			ICCID: card1, IMSI: imsi1, MSISDN: "447700900123", Number: "PRINTED 17",
			EID: "89049032000000000000000000000017", IMEI: "490154203237518", Type: "UICC", Form: "2FF/3FF/4FF", MNO: 310,
			APN: "iot.example", IP: netip.MustParseAddr("10.20.0.17"), Name: "Pump 7", Group: "North",
		},
		Secrets: sim.Secrets{K: mustKey(key1), OPc: mustKey(key2), PIN1: "1234", PUK1: "12345678", PIN2: "0000", PUK2: "87654321"},
	}
	if got.final != "" || len(got.bad) > 0 || len(got.rows) != 1 || !reflect.DeepEqual(got.rows[0], want) {
		t.Errorf("read = %+v\nwant %+v", got, want)
	}
}

func TestShapesOfCSV(t *testing.T) {
	t.Parallel()
	row1, row2 := card1+","+imsi1, card2+","+imsi2
	for name, text := range map[string]string{
		"plain":                "iccid,imsi\n" + row1 + "\n" + row2 + "\n",
		"no last line feed":    "iccid,imsi\n" + row1 + "\n" + row2,
		"CRLF":                 "iccid,imsi\r\n" + row1 + "\r\n" + row2 + "\r\n",
		"mixed line ends":      "iccid,imsi\r\n" + row1 + "\n" + row2 + "\r\n",
		"BOM":                  "\ufefficcid,imsi\n" + row1 + "\n" + row2 + "\n",
		"semicolon":            strings.ReplaceAll("iccid,imsi\n"+row1+"\n"+row2+"\n", ",", ";"),
		"tab":                  strings.ReplaceAll("iccid,imsi\n"+row1+"\n"+row2+"\n", ",", "\t"),
		"sep line":             "sep=;\r\n\r\niccid;imsi\r\n" + strings.ReplaceAll(row1+"\r\n"+row2, ",", ";"),
		"sep tab":              "SEP=\t\niccid\timsi\n" + strings.ReplaceAll(row1+"\n"+row2, ",", "\t"),
		"blank lines":          "\n\r\n  \niccid,imsi\n\n" + row1 + "\n\r\n \t\n" + row2 + "\n\n",
		"empty rows":           "iccid,imsi\n,\n" + row1 + "\n" + row2 + "\n,\n\"\",\n",
		"other order":          "imsi,iccid\n" + imsi1 + "," + card1 + "\n" + imsi2 + "," + card2 + "\n",
		"quoted":               "\"iccid\",\"imsi\"\n\"" + card1 + "\",\"" + imsi1 + "\"\n" + row2 + "\n",
		"blanks around":        " ICC-ID ,\tIMSI\u00a0\n " + card1 + " , " + imsi1 + "\n" + row2 + "\t\n",
		"trailing empty":       "iccid,imsi,,\n" + row1 + ",,\n" + row2 + ",,,,,\n",
		"fewer trailing":       "iccid,imsi,,\n" + row1 + "\n" + row2 + ",\n",
		"nameless first":       ",iccid,imsi\n," + row1 + "\n," + row2 + "\n",
		"skipped columns":      "iccid,ACC,imsi,ADM1,KIC1,KID1,KIK1\n" + card1 + ",0001," + imsi1 + ",x,,,\n" + card2 + ",," + imsi2 + ",,,,\n",
		"separator in quotes":  "iccid,imsi,ADM1\n" + row1 + ",\"a,b\"\n" + row2 + ",\"\"\"\"\n",
		"line feed in quotes":  "iccid,imsi,ADM1\n" + row1 + ",\"a\r\n\n\"\n" + row2 + ",\n",
		"semicolons of a name": "iccid;imsi;name\n" + card1 + ";" + imsi1 + ";\"a;b\"\n" + card2 + ";" + imsi2 + ";\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := read(text, batch.Options{})
			if got.final != "" || len(got.bad) > 0 || got.iccids() != card1+" "+card2 {
				t.Fatalf("read = %+v", got)
			}
			if s := got.rows[1].SIM; s.IMSI != imsi2 || s.Number != card2 {
				t.Errorf("second row = %+v", s)
			}
		})
	}
}

func TestLineNumbersCountLineFeedsInQuotes(t *testing.T) {
	t.Parallel()
	got := read("iccid,imsi,ADM1\n\n"+card1+","+imsi1+",\"a\nb\n\"\n"+card2+",x,\n"+card2+","+imsi2+",\n", batch.Options{})
	if len(got.rows) != 2 || got.rows[0].Line != 3 || got.rows[1].Line != 7 {
		t.Errorf("rows = %+v", got.rows)
	}
	if want := []string{`line 6: imsi has "x" at position 1; only digits are allowed`}; !slices.Equal(got.bad, want) {
		t.Errorf("rejected = %q", got.bad)
	}
}

func TestHeaderTellsAllItsProblems(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, header, want string }{
		{"missing", "iccid,msisdn", "line 1: the columns cannot be used: imsi is missing"},
		{"misspelt", "iccid,imsi,ki,0pc", "line 1: the columns cannot be used: 0pc is not a known column"},
		{"everything", "ICCID,K,ki,Op Code,colour", "line 1: the columns cannot be used: ki means the same as K; " +
			"Op Code is not a known column; colour is not a known column; imsi is missing"},
		{"no header", card1 + "," + imsi1 + "," + key1, "line 1: no column names were found; a header line must name iccid and imsi"},
		{"a value", "iccid,imsi," + key1 + ",1234", "line 1: the columns cannot be used: column 3 is not a known column; column 4 is not a known column"},
		{"encrypted K", "iccid,imsi,EKI", "line 1: the columns cannot be used: EKI is of no use to a network without a column ki"},
		{"OP", "iccid,imsi,ki,op", "line 1: the columns cannot be used: op is of no use to a network without a column opc"},
		{"strange name", "iccid,imsi,a\x07b\xff" + strings.Repeat("x", 60), "line 1: the columns cannot be used: a?b?" + strings.Repeat("x", 35) + "… is not a known column"},
		{"quote", "iccid,imsi,\"name", "line 1: the header line has a quote that is never closed"},
		{"transport column", "iccid,imsi,ki,K4SNO", "line 1: K4SNO names a transport key, so the keys of the file are encrypted with it; " +
			"ask the vendor for plain keys, or import with keys declared plain if they are"},
		{"one word", "iccid", "line 1: the columns cannot be used: imsi is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := batch.NewReader(strings.NewReader(c.header+"\n"+card1+","+imsi1+"\n"), batch.Options{})
			_, err := r.Read()
			if err == nil || err.Error() != c.want || fault.KindOf(err) != fault.Invalid {
				t.Fatalf("Read = %v\nwant %s", err, c.want)
			}
			if _, again := r.Read(); !errors.Is(again, err) {
				t.Errorf("the error is not final: %v", again)
			}
			if _, again := r.Head(); !errors.Is(again, err) {
				t.Errorf("Head = %v", again)
			}
		})
	}
}

func TestRejectedRows(t *testing.T) {
	t.Parallel()
	const mangled = "is in scientific notation: a spreadsheet has mangled it; format the column as text there and export again"
	for _, c := range []struct{ name, header, row, want string }{
		{"short", "iccid,imsi,ki", card1 + "," + imsi1, "row has 2 fields; the header names 3 columns"},
		{"long", "iccid,imsi", card1 + "," + imsi1 + ",,x", "row has 4 fields; the header names 2 columns"},
		{"nameless", "iccid,,imsi", card1 + ",x," + imsi1, "column 2 has a value but no name in the header"},
		{"empty", "iccid,imsi,name", ",,x", "iccid is empty; imsi is empty"},
		{"several", "ICC ID,imsi,Ki,PIN1", "12,34," + key1[1:] + ",12a", "ICC ID has 2 digits; 14 to 20 are needed; imsi has 2 digits; 6 to 15 are needed; " +
			"Ki has 31 characters; 32 hexadecimal digits are needed; PIN1 is not a code of 4 to 8 digits"},
		{"no K", "iccid,imsi,ki,opc", card1 + "," + imsi1 + ",," + key1, "opc comes without a K; no network can authenticate with OPc alone"},
		{"no column K", "iccid,imsi,OP_C", card1 + "," + imsi1 + "," + key1, "OP_C comes without a K; no network can authenticate with OPc alone"},
		{"bad K", "iccid,imsi,ki,opc", card1 + "," + imsi1 + ",x," + key1, "ki has 1 characters; 32 hexadecimal digits are needed"},
		{"zero K", "iccid,imsi,k", card1 + "," + imsi1 + "," + strings.Repeat("0", 32), "k is all zeros, which stands for no key; leave it empty"},
		{"mangled", "iccid,imsi,msisdn", "8.94454E+18,\"2,3415E+14\",4.477E+11", "iccid " + mangled + "; imsi " + mangled + "; msisdn " + mangled},
		{"MNO", "iccid,imsi,mno_id", card1 + "," + imsi1 + ",-1", "mno_id is no whole number from 0 to 9223372036854775807"},
		{"MNO too large", "iccid,imsi,mno", card1 + "," + imsi1 + ",9223372036854775808", "mno is no whole number from 0 to 9223372036854775807"},
		{"type", "iccid,imsi,type", card1 + "," + imsi1 + "," + strings.Repeat("é", 65), "type has 65 characters; at most 64 are allowed"},
		{"number", "iccid,imsi,sim_id", card1 + "," + imsi1 + "," + strings.Repeat("1", 33), "sim_id has 33 characters; at most 32 are allowed"},
		{"name", "iccid,imsi,name", card1 + "," + imsi1 + ",\"a,b\"", "name contains a comma"},
		{"name UTF-8", "iccid,imsi,name", card1 + "," + imsi1 + ",M\xfcller", "name is not valid UTF-8"},
		{"group", "iccid,imsi,group", card1 + "," + imsi1 + ",\"a\nb\"", "group contains a control character"},
		{"NUL", "iccid,imsi,name", card1 + "," + imsi1 + ",a\x00b", "name contains a control character"},
		{"APN", "iccid,imsi,apn", card1 + "," + imsi1 + ",_" + key1, "apn is no access point name: at most 100 letters, digits and inner hyphens, in labels with dots between"},
		{"IP", "iccid,imsi,ip", card1 + "," + imsi1 + ",10.0.0.0/8", "ip is not the address of one host"},
		{"BOM", "iccid,imsi", "\ufeff" + card1 + "," + imsi1, "iccid holds a byte order mark; save the file as UTF-8 and do not join files"},
		{"bare CR", "iccid,imsi", card1 + "\r," + imsi1 + "\r" + card2, `imsi has "\r" at position 16; only digits are allowed`},
		{"quote inside", "iccid,imsi,name", card1 + "," + imsi1 + ",5\" pump", "row has a quote that is never closed"},
		{"quotes inside", "iccid,imsi,name", card1 + "," + imsi1 + ",a \"b\" c", "row has a quote inside a field that does not start with one"},
		{"text behind", "iccid,imsi,name", card1 + "," + imsi1 + ",\"a\" b", "row has text between a closing quote and the next separator"},
		{"Luhn", "iccid,imsi", "8944538599000000018," + imsi1, "iccid ends in 8, but its Luhn check digit is 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			good := strings.Repeat(",", strings.Count(c.header, ","))
			good = strings.Replace(card2+good, ",", ","+imsi2, 1)
			if strings.HasPrefix(c.header, "iccid,,") {
				good = card2 + ",," + imsi2
			}
			got := read(c.header+"\n"+c.row+"\n"+good+"\n", batch.Options{Luhn: true})
			if len(got.bad) == 0 || got.bad[0] != "line 2: "+c.want {
				t.Errorf("rejected %q\nwant    %q", got.bad, "line 2: "+c.want)
			}
			if got.final != "" || got.iccids() != card2 {
				t.Errorf("reading did not go on: %+v", got)
			}
		})
	}
}

func TestRowErrorIsInvalid(t *testing.T) {
	t.Parallel()
	_, err := batch.NewReader(strings.NewReader("iccid,imsi\n1,2\n"), batch.Options{}).Read()
	if fault.KindOf(err) != fault.Invalid || fault.CodeOf(err) != "batch.row" {
		t.Errorf("kind %v, code %q", fault.KindOf(err), fault.CodeOf(err))
	}
	if e, ok := errors.AsType[*batch.RowError](err); !ok || e.Line != 2 || len(e.Fields) != 2 {
		t.Errorf("error = %#v", err)
	}
}

func TestKeysThatMayStandAlone(t *testing.T) {
	t.Parallel()
	got := read("iccid,imsi,ki,opc\n"+card1+","+imsi1+","+key1+",\n"+card2+","+imsi2+",,\n", batch.Options{})
	if got.final != "" || len(got.bad) > 0 || len(got.rows) != 2 {
		t.Fatalf("read = %+v", got)
	}
	if got.rows[0].Secrets != (sim.Secrets{K: mustKey(key1)}) || !got.rows[1].Secrets.IsZero() {
		t.Error("the secrets are wrong")
	}
}

func TestIgnore(t *testing.T) {
	t.Parallel()
	text := "iccid,imsi,Colour of card,EKI\n" + card1 + "," + imsi1 + ",red,x\n"
	got := read(text, batch.Options{Ignore: []string{"colour_of-CARD", "eki"}})
	if got.final != "" || got.iccids() != card1 {
		t.Errorf("read = %+v", got)
	}
}

func TestHead(t *testing.T) {
	t.Parallel()
	r := batch.NewReader(strings.NewReader("*\nQuantity : 12\nvar_out: ICCID/IMSI/ADM1/KI\n"), batch.Options{})
	head, err := r.Head()
	want := batch.Head{Format: batch.Vendor, Columns: []string{"ICCID", "IMSI", "ADM1", "KI"}, Ignored: []string{"ADM1"}, Quantity: 12}
	if err != nil || !reflect.DeepEqual(head, want) {
		t.Errorf("Head = %+v, %v", head, err)
	}
	if _, err := r.Read(); !errors.Is(err, io.EOF) {
		t.Errorf("Read = %v, want io.EOF", err)
	}
	if head, err := r.Head(); err != nil || head.Format.String() != "vendor" {
		t.Errorf("Head at the end = %+v, %v", head, err)
	}
}
