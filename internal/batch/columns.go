package batch

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

const maxColumns = 256

// column is one column that a file may have. Names are in the form that
// normal returns.
type column struct {
	name     string
	aliases  []string
	required bool
	set      func(r *Reader, v string) error // v is not empty; writes to r.row
}

// columns lists what is read, in the order in which a row is parsed: the
// coding of the ICCID tells how an IMSI may be coded.
var columns = []column{
	{name: "iccid", required: true, set: (*Reader).setICCID},
	{name: "imsi", required: true, set: (*Reader).setIMSI},
	{name: "msisdn", aliases: []string{"msisdn1", "phonenumber"}, set: (*Reader).setMSISDN},
	{name: "ki", aliases: []string{"k"}, set: (*Reader).setK},
	{name: "opc", set: (*Reader).setOPc},
	{name: "simid", aliases: []string{"simnumber"}, set: (*Reader).setNumber},
	{name: "eid", set: (*Reader).setEID},
	{name: "imei", set: (*Reader).setIMEI},
	{name: "type", aliases: []string{"simtype"}, set: (*Reader).setType},
	{name: "form", aliases: []string{"formfactor"}, set: (*Reader).setForm},
	{name: "mnoid", aliases: []string{"mno"}, set: (*Reader).setMNO},
	{name: "pin1", aliases: []string{"pin", "chv1"}, set: (*Reader).setPIN1},
	{name: "puk1", aliases: []string{"puk", "unblockchv1"}, set: (*Reader).setPUK1},
	{name: "pin2", aliases: []string{"chv2"}, set: (*Reader).setPIN2},
	{name: "puk2", aliases: []string{"unblockchv2"}, set: (*Reader).setPUK2},
	{name: "apn", set: (*Reader).setAPN},
	{name: "ip", aliases: []string{"ipaddress"}, set: (*Reader).setIP},
	{name: "name", aliases: []string{"friendlyname"}, set: (*Reader).setName},
	{name: "group", aliases: []string{"groupname"}, set: (*Reader).setGroup},
}

// managed are the columns that only who manages or prints the card needs; a
// number behind the name (KIC1, ADM4) means nothing.
var managed = []string{
	"adm", "acc", "accesscontrol", "codeadm", "coderetailer", "syspin",
	"kic", "kid", "kik", "dek", "psk", "secondpinappl", "secondpukappl",
	"asciiiccid", "iccidascii", "asciiimsi", "imsiascii",
	"printiccid", "printimsi", "printmsisdn", "printpin", "printpuk",
}

// derived are the columns that stand for a key which a network cannot make of
// them alone: they are skipped beside the key itself and refused without it.
var derived = map[string]string{
	"eki": "ki", "encki": "ki", "a4ki": "ki",
	"op": "opc", "eopc": "opc", "encopc": "opc", "opsno": "opc",
}

// transport are the columns, and the keys of a vendor's header block, that name
// the key which encrypts K and OPc.
var transport = []string{"transportkey", "transportkeyindex", "k4", "k4sno", "k4index"}

// find returns the index in the table of the column that n, normalised, means,
// or -1.
func find(n string) int {
	return slices.IndexFunc(columns, func(c column) bool { return c.name == n || slices.Contains(c.aliases, n) })
}

// normal drops what means nothing in a column's name.
func normal(name string) string {
	return strings.Map(func(c rune) rune {
		if c == '-' || c == '_' || unicode.IsSpace(c) {
			return -1
		}
		return unicode.ToLower(c)
	}, name)
}

// resolve takes the names in the header line, and returns every problem with
// them in one error.
func (r *Reader) resolve(line int, names []string) error {
	for len(names) > 0 && names[len(names)-1] == "" {
		names = names[:len(names)-1]
	}
	if !slices.ContainsFunc(names, func(s string) bool { return find(normal(s)) >= 0 }) {
		return refuse(line, "columns", "no column names were found; a header line must name iccid and imsi")
	}
	var bad []fault.Field
	for at, name := range names {
		shown := display(name, at)
		r.head.Columns = append(r.head.Columns, shown)
		if reason := r.place(at, normal(name), shown); reason != "" {
			bad = append(bad, fault.Field{Name: shown, Reason: reason})
		}
	}
	if bad = append(bad, r.missing()...); len(bad) > 0 {
		err := refuse(line, "columns", "the columns cannot be used")
		err.Fields = bad
		return err
	}
	slices.SortFunc(r.kept, func(a, b keptColumn) int { return a.rank - b.rank })
	r.rec.vals = make([]string, len(names))
	return r.checkPlain(line)
}

// place puts the column n, normalised, where it belongs. It returns what is
// wrong with it, or "".
func (r *Reader) place(at int, n, shown string) string {
	if n == "" {
		r.nameless = append(r.nameless, at)
		return ""
	}
	if r.skips(n) {
		r.head.Ignored = append(r.head.Ignored, shown)
		return ""
	}
	rank := find(n)
	if rank < 0 {
		return "is not a known column"
	}
	if i := r.keeps(columns[rank].name); i >= 0 {
		return fmt.Sprintf("means the same as %s", r.kept[i].name)
	}
	r.kept = append(r.kept, keptColumn{rank: rank, at: at, name: shown})
	return ""
}

// skips reports whether the column n, normalised, is not read.
func (r *Reader) skips(n string) bool {
	stem := strings.TrimRight(n, "0123456789")
	return r.ignores(n) || derived[n] != "" || slices.Contains(transport, n) || slices.Contains(managed, stem)
}

// ignores reports whether the caller asked for n, normalised, to be skipped.
func (r *Reader) ignores(n string) bool {
	return slices.ContainsFunc(r.opts.Ignore, func(o string) bool { return normal(o) == n })
}

// keeps returns the index in r.kept of the named column of the table, or -1.
func (r *Reader) keeps(name string) int {
	return slices.IndexFunc(r.kept, func(k keptColumn) bool { return columns[k.rank].name == name })
}

// missing returns the columns that the header should name and does not.
func (r *Reader) missing() []fault.Field {
	var bad []fault.Field
	for _, c := range columns {
		if c.required && r.keeps(c.name) < 0 {
			bad = append(bad, fault.Field{Name: c.name, Reason: "is missing"})
		}
	}
	for _, shown := range r.head.Ignored {
		n := normal(shown)
		if key := derived[n]; key != "" && r.keeps(key) < 0 && !r.ignores(n) {
			bad = append(bad, fault.Field{Name: shown, Reason: "is of no use to a network without a column " + key})
		}
	}
	return bad
}

// checkPlain refuses keys that a transport key encrypts.
func (r *Reader) checkPlain(line int) error {
	for _, shown := range r.head.Ignored {
		if slices.Contains(transport, normal(shown)) {
			r.sealedBy, r.sealedLine = shown, line
		}
	}
	if r.sealedBy == "" || r.opts.KeysArePlain || r.keeps("ki") < 0 && r.keeps("opc") < 0 {
		return nil
	}
	return refuse(r.sealedLine, "encrypted", "%s names a transport key, so the keys of the file are encrypted with it; "+
		"ask the vendor for plain keys, or import with keys declared plain if they are", r.sealedBy)
}

// display returns a name of the header line as it may be shown: printable,
// not too long, and by its place where it looks like a value.
func display(name string, at int) string {
	if looksSecret(name) {
		return fmt.Sprintf("column %d", at+1)
	}
	s := []rune(strings.ToValidUTF8(name, "?"))
	for i, c := range s {
		if !unicode.IsPrint(c) {
			s[i] = '?'
		}
	}
	if len(s) > 40 {
		s = append(s[:39], '…')
	}
	return string(s)
}

// looksSecret reports whether s has four digits in a row, as a PIN has, or
// sixteen hexadecimal ones, as a key.
func looksSecret(s string) bool {
	digits, hex := 0, 0
	for i := range len(s) {
		c := s[i]
		switch {
		case '0' <= c && c <= '9':
			digits, hex = digits+1, hex+1
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			digits, hex = 0, hex+1
		default:
			digits, hex = 0, 0
		}
		if digits >= 4 || hex >= 16 {
			return true
		}
	}
	return false
}
