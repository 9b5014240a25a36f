package batch_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/batch"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// block is a header block with every kind of line that vendors write.
const block = `***************************************
*          HEADER DESCRIPTION
***************************************
Customer:        Example, Inc.; Berlin
Quantity:        2
Type:            EXAMPLE
Batch:           0107
*
Transport_key:   0
*
***************************************
*          INPUT VARIABLES DESCRIPTION
***************************************
Var_In_List:
IMSI:234150000000017
Ser_nb: 8944538599000000017
8944538599000000017,234150000000017

OUTPUT VARIABLES
`

func TestShapesOfVendorFiles(t *testing.T) {
	t.Parallel()
	full := "var_out:ICCID/IMSI/PIN1/PUK1/PIN2/PUK2/ADM1/KI/Access_Control/Code Retailer/OPC\n"
	rows := func(sep string) string {
		one := []string{card1, imsi1, "1111", "22222222", "3333", "44444444", "X", key1, "0001", "X", key2}
		two := slices.Clone(one)
		two[0], two[1] = card2, imsi2
		return strings.Join(one, sep) + "\n" + strings.Join(two, sep) + "\n"
	}
	for name, text := range map[string]string{
		"blanks":            block + full + rows(" "),
		"commas":            block + full + rows(","),
		"comma and blank":   block + full + rows(", "),
		"semicolons":        block + full + rows(";"),
		"tabs":              block + full + rows("\t"),
		"slashes":           block + full + rows("/"),
		"aligned":           block + full + "  " + rows("    \t "),
		"CRLF":              strings.ReplaceAll(block+full+rows(" "), "\n", "\r\n"),
		"BOM":               "\ufeff" + block + full + rows(" "),
		"trailing comma":    block + full + strings.ReplaceAll(rows(","), "\n", ",\n"),
		"DOS end of file":   block + full + rows(" ") + "\x1a",
		"asterisks between": block + full + "******\n\n" + rows(" ") + "*END\n",
		"var_Out:":          block + strings.Replace(full, "var_out:", "var_Out : ", 1) + rows(" "),
		"commas in var_out": block + strings.ReplaceAll(full, "/", ",") + rows(" "),
		"equals sign":       block + strings.Replace(full, ":", " = ", 1) + rows(" "),
		"names below":       block + strings.Replace(full, ":", ":\n", 1) + rows(" "),
		"no asterisk":       strings.TrimLeft(block, "*\n HEADRSCIPTON") + full + rows(" "),
		"var_out alone":     full + rows(" "),
		"list of columns":   strings.TrimPrefix(full, "var_out:") + rows(" "),
		"blank list":        "ICCID IMSI CHV1 UNBLOCKCHV1 CHV2 UNBLOCKCHV2 ADM KI ACC CODE_ADM OPC\n" + rows("  "),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := read(text, batch.Options{})
			if got.final != "" || len(got.bad) > 0 || got.iccids() != card1+" "+card2 {
				t.Fatalf("read = %+v", got)
			}
			want := sim.Secrets{K: mustKey(key1), OPc: mustKey(key2), PIN1: "1111", PUK1: "22222222", PIN2: "3333", PUK2: "44444444"}
			if got.rows[1].Secrets != want || got.rows[1].SIM.IMSI != imsi2 {
				t.Errorf("second row = %+v", got.rows[1].SIM)
			}
		})
	}
}

func TestRejectedVendorRows(t *testing.T) {
	t.Parallel()
	got := read("var_out:ICCID/IMSI/KI\nDear customer\n"+card1+" "+imsi1+" "+key1+"\n"+card2+" "+imsi2+"\n"+card2+" x "+key1+"\n", batch.Options{})
	want := []string{
		"line 2: row has 2 fields; the header names 3 columns",
		"line 4: row has 2 fields; the header names 3 columns",
		`line 5: IMSI has "x" at position 1; only digits are allowed`,
	}
	if got.final != "" || got.iccids() != card1 || !slices.Equal(got.bad, want) {
		t.Errorf("read = %+v", got)
	}
}

func TestTransportKeys(t *testing.T) {
	t.Parallel()
	const refusal = "line 2: the header names a transport key, so the keys of the file are encrypted with it; " +
		"ask the vendor for plain keys, or import with keys declared plain if they are"
	row := card1 + " " + imsi1 + " " + key1 + "\n"
	for line, want := range map[string]string{
		"Transport_key: 11":             refusal,
		"Transport Key   : TK-EXAMPLE":  refusal,
		"TRANSPORT-KEY INDEX:1":         refusal,
		"Transport_key = 11":            refusal,
		"Transport_key 11":              refusal,
		"K4SNO: 3":                      refusal,
		"Transport_key 0":               "",
		"Transport_key: 0":              "",
		"Transport_key: 00":             "",
		"Transport_key:":                "",
		"Transport_key : NONE":          "",
		"Transport_key: N/A":            "",
		"Batch: Transport_key is 11":    "",
		"OP Key label: Transport Key: ": "",
	} {
		text := "*\n" + line + "\nvar_out:ICCID/IMSI/KI\n" + row
		if got := read(text, batch.Options{}); got.final != want || want == "" && len(got.rows) != 1 {
			t.Errorf("%q: read = %+v", line, got)
		}
		if got := read(text, batch.Options{KeysArePlain: true}); got.final != "" || len(got.rows) != 1 {
			t.Errorf("%q with plain keys: read = %+v", line, got)
		}
	}
	text := "*\nTransport_key: 11\nvar_out:ICCID/IMSI/PIN1\n" + card1 + " " + imsi1 + " 1234\n"
	if got := read(text, batch.Options{}); got.final != "" || len(got.rows) != 1 {
		t.Errorf("a file without keys: read = %+v", got)
	}
}

func TestCodings(t *testing.T) {
	t.Parallel()
	unlike, notUnlike := "iccid is nibble-swapped, unlike the rows before", "iccid is not nibble-swapped, unlike the rows before"
	for _, c := range []struct{ name, iccids, want, bad string }{
		{"plain", "8944538599000000017 89445385990000000257", "8944538599000000017 89445385990000000257", ""},
		{"filler", "8944538599000000017F 894453859900000001FF", "8944538599000000017 894453859900000001", ""},
		{"swapped odd", "984435589900000010F7 984435589900000020f5", "8944538599000000017 8944538599000000025", ""},
		{"swapped even", "98443558990000000171", "89445385990000001017", ""},
		{"swapped two short", "984435589900000010FF", "894453859900000001", ""},
		{"swapped, half a byte more", "984435589900000010F 8944538599000000017", "8944538599000000017", "iccid is nibble-swapped and has 19 characters; bytes have two each"},
		{"private swapped", "7411166110130005F1 74111661101300054921", "47116116013100501 47116116013100509412", ""},
		{"private unclear", "74111661101300054921 7411166110130005F1", "74111661101300054921", unlike},
		{"private plain", "47111611031000501294 4711161103100050129F", "47111611031000501294 4711161103100050129", ""},
		{"swapped in plain", "8944538599000000017 984435589900000020F5", "8944538599000000017", unlike},
		{"plain in swapped", "984435589900000010F7 8944538599000000025", "8944538599000000017", notUnlike},
		{"a bad row settles nothing", "984435589900000010FX 8944538599000000025", "8944538599000000025",
			`iccid has "X" at position 19; only digits are allowed`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text := "iccid,imsi\n"
			for s := range strings.FieldsSeq(c.iccids) {
				text += s + "," + imsi1 + "\n"
			}
			got := read(text, batch.Options{})
			if got.final != "" || got.iccids() != c.want {
				t.Errorf("read = %q, want %q (%+v)", got.iccids(), c.want, got)
			}
			if c.bad == "" && len(got.bad) > 0 || c.bad != "" && (len(got.bad) != 1 || !strings.HasSuffix(got.bad[0], c.bad)) {
				t.Errorf("rejected = %q, want %q", got.bad, c.bad)
			}
		})
	}
}

func TestIMSIAsOnTheCard(t *testing.T) {
	t.Parallel()
	const unswapped, other = card1, "984435589900000010F7"
	for _, c := range []struct{ iccid, imsi, want string }{
		{unswapped, "082943150000000071", "234510000000017"},
		{unswapped, "0821431500000000F1", "23451000000001"},
		{unswapped, "07214315000000F1ff", "234510000001"},
		{unswapped, "0729431500000010FF", "2345100000001"},
		{unswapped, "092943150000000071", ""},
		{unswapped, "002943150000000071", ""},
		{unswapped, "082343150000000071", ""},
		{unswapped, "082143150000000071", ""},
		{unswapped, "0829431500000000F1", ""},
		{unswapped, "07294315000000F100", ""},
		{unswapped, "08294315000000é", ""},
		{unswapped, "2943150000000071", ""},
		{other, "2943150000000071", "234510000000017"},
		{other, "2343150000000071", ""},
		{other, imsi1, imsi1},
	} {
		got := read("iccid,imsi\n"+c.iccid+","+c.imsi+"\n", batch.Options{})
		switch {
		case c.want == "" && (len(got.rows) > 0 || len(got.bad) != 1):
			t.Errorf("%s: read = %+v, want a rejected row", c.imsi, got)
		case c.want != "" && (len(got.rows) != 1 || string(got.rows[0].SIM.IMSI) != c.want):
			t.Errorf("%s: read = %+v, want %s", c.imsi, got, c.want)
		}
	}
}

func TestPINAsOnTheCard(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"31323334FFFFFFFF": "1234", "3132333435363738": "12345678", "31323334ffffffff": "1234",
		"313233FFFFFFFFFF": "", "31323334FFFFFF35": "", "FFFFFFFFFFFFFFFF": "", "3A323334FFFFFFFF": "", "123456789": "",
	} {
		got := read("iccid,imsi,pin1\n"+card1+","+imsi1+","+in+"\n", batch.Options{})
		if want == "" && len(got.bad) != 1 || want != "" && (len(got.rows) != 1 || got.rows[0].Secrets.PIN1.Reveal() != want) {
			t.Errorf("%s: read = %+v, want %q", in, got, want)
		}
	}
}

func TestSecondHeaderIsFinal(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"csv":         "iccid,imsi,ki,opc\n" + card1 + "," + imsi1 + ",,\nIMSI,ICCID,OPC,KI\n" + imsi2 + "," + card2 + ",,\n",
		"fewer":       "iccid,imsi,ki,opc\n" + card1 + "," + imsi1 + ",,\nimsi,iccid\n" + imsi2 + "," + card2 + "\n",
		"vendor":      "var_out:ICCID/IMSI/KI\n" + card1 + " " + imsi1 + " " + key1 + "\nvar_out:IMSI/ICCID/KI\n",
		"vendor list": "ICCID/IMSI/KI\n" + card1 + " " + imsi1 + " " + key1 + "\nIMSI KI ICCID\n",
	} {
		got := read(text, batch.Options{})
		if got.final != "line 3: a second header; a file holds one batch" || len(got.rows) != 1 || len(got.bad) > 0 {
			t.Errorf("%s: read = %+v", name, got)
		}
	}
}
