package ident_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
)

func TestParse(t *testing.T) {
	t.Parallel()
	str := func(s string, err error) (string, error) { return s, err }
	iccid := func(s string) (string, error) { v, err := ident.ParseICCID(s); return str(string(v), err) }
	imsi := func(s string) (string, error) { v, err := ident.ParseIMSI(s); return str(string(v), err) }
	imei := func(s string) (string, error) { v, err := ident.ParseIMEI(s); return str(string(v), err) }
	msisdn := func(s string) (string, error) { v, err := ident.ParseMSISDN(s); return str(string(v), err) }
	eid := func(s string) (string, error) { v, err := ident.ParseEID(s); return str(string(v), err) }
	folio := func(s string) (string, error) { v, err := ident.ParsePortfolioID(s); return str(string(v), err) }
	ip := func(s string) (string, error) { v, err := ident.ParseIP(s); return v.String(), err }
	for _, c := range []struct {
		name    string
		parse   func(string) (string, error)
		in      string
		want    string // the value, or with bad the field's fault
		wantBad bool
	}{
		{"iccid", iccid, "8944538599000000017", "8944538599000000017", false},
		{"iccid with blanks", iccid, " 8944538599000000017\r\n", "8944538599000000017", false},
		{"iccid shortest", iccid, "89445385990000", "89445385990000", false},
		{"iccid longest", iccid, "89445385990000000170", "89445385990000000170", false},
		{"iccid short", iccid, "8944538599000", "iccid has 13 digits; 14 to 20 are needed", true},
		{"iccid long", iccid, "894453859900000001700", "iccid has 21 digits; 14 to 20 are needed", true},
		{"iccid letter", iccid, "89445385990000O0017", `iccid has "O" at position 15; only digits are allowed`, true},
		{"iccid empty", iccid, "", "iccid has 0 digits; 14 to 20 are needed", true},
		{"imsi", imsi, "234150000000017", "234150000000017", false},
		{"imsi long", imsi, "2341500000000170", "imsi has 16 digits; 6 to 15 are needed", true},
		{"imei", imei, "490154203237518", "490154203237518", false},
		{"imeisv", imei, "4901542032375186", "4901542032375186", false},
		{"imei short", imei, "49015420323751", "imei has 14 digits; 15 to 16 are needed", true},
		{"msisdn", msisdn, "+447700900123", "447700900123", false},
		{"msisdn national", msisdn, "07700900123", "msisdn starts with 0; the international form starts with the country code", true},
		{"msisdn two plus", msisdn, "++447700900123", `msisdn has "+" at position 1; only digits are allowed`, true},
		{"eid", eid, "89049032000000000000000000000017", "89049032000000000000000000000017", false},
		{"eid short", eid, "8904903200000000000000000000001", "eid has 31 digits; 32 are needed", true},
		{"portfolio", folio, "0123456789ABCDEF0123456789abcdef", "0123456789abcdef0123456789abcdef", false},
		{"portfolio short", folio, "01234", "portfolioId has 5 characters; 32 hexadecimal digits are needed", true},
		{"portfolio not hex", folio, "z123456789abcdef0123456789abcdef", "portfolioId is not hexadecimal", true},
		{"apn", ident.ParseAPN, "Internet.M2M", "internet.m2m", false},
		{"apn hyphen", ident.ParseAPN, "-bad.apn", `apn has the label "-bad"; labels are letters, digits and inner hyphens`, true},
		{"apn empty label", ident.ParseAPN, "a..b", `apn has the label ""; labels are letters, digits and inner hyphens`, true},
		{"ip", ip, "10.20.0.17", "10.20.0.17", false},
		{"ipv6", ip, "2001:db8::17", "2001:db8::17", false},
		{"ip mapped", ip, "::ffff:10.0.0.1", "10.0.0.1", false},
		{"ip prefix", ip, "10.0.0.0/8", "ip is not the address of one host", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := c.parse(c.in)
			if c.wantBad {
				if err == nil || err.Error() != c.want || fault.KindOf(err) != fault.Invalid {
					t.Fatalf("parse(%q) = %q, %v; want error %q", c.in, got, err, c.want)
				}
				return
			}
			if err != nil || got != c.want {
				t.Fatalf("parse(%q) = %q, %v; want %q", c.in, got, err, c.want)
			}
		})
	}
}

func TestLuhn(t *testing.T) {
	t.Parallel()
	good := ident.ICCID(ident.WithLuhn("894453859900000001"))
	if err := good.CheckLuhn(); err != nil {
		t.Errorf("CheckLuhn(%s) = %v", good, err)
	}
	// The worked example of ISO/IEC 7812-1.
	if err := ident.ICCID("79927398713").CheckLuhn(); err != nil {
		t.Error(err)
	}
	err := ident.ICCID("79927398714").CheckLuhn()
	if err == nil || !strings.Contains(err.Error(), "ends in 4, but its Luhn check digit is 3") {
		t.Errorf("CheckLuhn = %v", err)
	}
}

func TestLuhnCatchesEveryWrongDigit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		iccid := []byte(ident.WithLuhn(rapid.StringMatching(`89[0-9]{16}`).Draw(t, "body")))
		if err := ident.ICCID(iccid).CheckLuhn(); err != nil {
			t.Fatal(err)
		}
		i := rapid.IntRange(0, len(iccid)-1).Draw(t, "position")
		iccid[i] = '0' + (iccid[i]-'0'+byte(rapid.IntRange(1, 9).Draw(t, "shift")))%10
		if err := ident.ICCID(iccid).CheckLuhn(); err == nil {
			t.Fatalf("a wrong digit at %d passed: %s", i, iccid)
		}
	})
}

func TestUnswap(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"98445438950900000010":  "89444583599000000001",
		"984454389509000000f1":  "8944458359900000001",
		" 984454389509000000F1": "8944458359900000001",
		"1032":                  "0123",
		"":                      "",
	} {
		if got := ident.Unswap(in); got != want {
			t.Errorf("Unswap(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSecretsNeverPrint(t *testing.T) {
	t.Parallel()
	k, err := ident.ParseKey("ki", "465B5CE8B199B49FAA5F0A2EE238A6BC")
	if err != nil {
		t.Fatal(err)
	}
	p, err := ident.ParsePIN("pin1", "4711")
	if err != nil {
		t.Fatal(err)
	}
	js, err := json.Marshal(struct {
		K ident.Key
		P ident.PIN
	}{k, p})
	if err != nil {
		t.Fatal(err)
	}
	out := fmt.Sprintf("%v %s %+v %v %s %s", k, k, struct{ K ident.Key }{k}, p, p, js)
	if strings.Contains(strings.ToLower(out), "465b") || strings.Contains(out, "4711") || strings.Contains(out, "70") {
		t.Errorf("a secret printed: %s", out)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%20v"} {
		for _, v := range []any{k, &k, p, &p, []ident.Key{k}, map[ident.PIN]ident.Key{p: k}, struct {
			K ident.Key
			P ident.PIN
		}{k, p}} {
			out := fmt.Sprintf(verb, v)
			for _, secret := range []string{"465b", "4711", "70 91", "34373131", "\x46", "0x46, 0x5b", "106 133", "F[", "U+0046"} {
				if strings.Contains(strings.ToLower(out), strings.ToLower(secret)) {
					t.Errorf("%s of %T printed %s", verb, v, out)
				}
			}
		}
	}
	if k.Hex() != "465b5ce8b199b49faa5f0a2ee238a6bc" || p.Reveal() != "4711" {
		t.Error("the way out is broken")
	}
	if _, err := ident.ParseKey("ki", "465B5CE8B199B49FAA5F0A2EE238A6BZ"); err == nil || strings.Contains(err.Error(), "465B") {
		t.Errorf("ParseKey = %v", err)
	}
	if _, err := ident.ParsePIN("puk1", "12x4"); err == nil || strings.Contains(err.Error(), "12x4") {
		t.Errorf("ParsePIN = %v", err)
	}
}

func TestAsRenamesTheField(t *testing.T) {
	t.Parallel()
	_, err := ident.ParseICCID("x")
	if got := ident.As("sims[3].ICCID", err).Error(); !strings.HasPrefix(got, "sims[3].ICCID has") {
		t.Errorf("As = %q", got)
	}
	if ident.As("a", nil) != nil {
		t.Error("As(nil) is not nil")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"8944538599000000017", "+447700900123", "", "９８", "\x00", "89 44"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := ident.ParseICCID(s); err == nil {
			if again, err := ident.ParseICCID(string(v)); err != nil || again != v {
				t.Errorf("ParseICCID(%q) = %q does not parse again: %q, %v", s, v, again, err)
			}
			_ = v.CheckLuhn()
		}
		if v, err := ident.ParseMSISDN(s); err == nil && (len(v) > 15 || v[0] == '0') {
			t.Errorf("ParseMSISDN(%q) = %q", s, v)
		}
		if v, err := ident.ParseAPN(s); err == nil && len(v) > 100 {
			t.Errorf("ParseAPN(%q) = %q", s, v)
		}
		_, _ = ident.ParseIP(s)
		_ = ident.Unswap(s)
	})
}
