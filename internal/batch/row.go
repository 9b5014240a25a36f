package batch

import (
	"errors"
	"strconv"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// Limits of what a file says of a SIM, in characters.
const (
	maxNumber = 32 // what the contracts allow for the number on the card
	maxType   = 64
)

// parse fills r.row from the split row that started at line.
func (r *Reader) parse(line int) error {
	if !r.rec.complete() {
		return r.rejectOr(reject(line, "has %d fields; the header names %d columns", r.rec.n, len(r.rec.vals)))
	}
	r.row = Row{Line: line}
	var bad []fault.Field
	for i := range r.kept {
		k := &r.kept[i]
		v, c := r.rec.vals[k.at], &columns[k.rank]
		if v == "" {
			if c.required {
				bad = append(bad, fault.Field{Name: k.name, Reason: "is empty"})
			}
		} else if err := c.set(r, v); err != nil {
			bad = append(bad, fault.Field{Name: k.name, Reason: reasonOf(v, err)})
		}
	}
	if bad = append(bad, r.contradictions()...); len(bad) > 0 {
		return r.rejectOr(&RowError{Line: line, Fields: bad})
	}
	if r.row.SIM.Number == "" {
		r.row.SIM.Number = string(r.row.SIM.ICCID)
	}
	return nil
}

// contradictions returns what is wrong with the row beyond its single fields.
func (r *Reader) contradictions() []fault.Field {
	var bad []fault.Field
	for _, at := range r.nameless {
		if r.rec.vals[at] != "" {
			bad = append(bad, fault.Field{Name: "column " + strconv.Itoa(at+1), Reason: "has a value but no name in the header"})
		}
	}
	if s := &r.row.Secrets; !s.OPc.IsZero() && s.K.IsZero() {
		if k := r.keeps("ki"); k < 0 || r.rec.vals[r.kept[k].at] == "" {
			opc := r.kept[r.keeps("opc")].name
			bad = append(bad, fault.Field{Name: opc, Reason: "comes without a K; no network can authenticate with OPc alone"})
		}
	}
	return bad
}

// rejectOr returns e, or a final error when the row is a header line: behind
// it the columns may be in another order.
func (r *Reader) rejectOr(e *RowError) error {
	for _, name := range [...]string{"iccid", "imsi"} {
		at := r.kept[r.keeps(name)].at
		if at >= r.rec.n || find(normal(r.rec.vals[at])) < 0 {
			return e
		}
	}
	return secondHeader(e.Line)
}

func secondHeader(line int) error {
	return refuse(line, "second_header", "a second header; a file holds one batch")
}

// reasonOf says what is wrong with v, which err refused.
func reasonOf(v string, err error) string {
	switch {
	case scientific(v):
		return "is in scientific notation: a spreadsheet has mangled it; format the column as text there and export again"
	case strings.Contains(v, "\ufeff"):
		return "holds a byte order mark; save the file as UTF-8 and do not join files"
	}
	if e, ok := errors.AsType[*fault.Error](err); ok && len(e.Fields) > 0 {
		return e.Fields[0].Reason
	}
	return "is not valid"
}

// scientific reports whether v looks like 8.94454E+18, with point or comma.
func scientific(v string) bool {
	mantissa, exponent, ok := strings.Cut(strings.ToUpper(v), "E")
	if !ok || exponent == "" || exponent[0] != '+' && exponent[0] != '-' {
		return false
	}
	whole, fraction, _ := strings.Cut(strings.Replace(mantissa, ",", ".", 1), ".")
	return whole != "" && allDigits(whole+fraction) && exponent[1:] != "" && allDigits(exponent[1:])
}

func allDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }

func (r *Reader) setMSISDN(v string) (err error) {
	r.row.SIM.MSISDN, err = ident.ParseMSISDN(v)
	return err
}

func (r *Reader) setEID(v string) (err error) {
	r.row.SIM.EID, err = ident.ParseEID(v)
	return err
}

func (r *Reader) setIMEI(v string) (err error) {
	r.row.SIM.IMEI, err = ident.ParseIMEI(v)
	return err
}

func (r *Reader) setIP(v string) (err error) {
	r.row.SIM.IP, err = ident.ParseIP(v)
	return err
}

func (r *Reader) setNumber(v string) (err error) {
	r.row.SIM.Number, err = sim.ParseLabel("simid", v, maxNumber)
	return err
}

func (r *Reader) setType(v string) (err error) {
	r.row.SIM.Type, err = sim.ParseLabel("type", v, maxType)
	return err
}

func (r *Reader) setForm(v string) (err error) {
	r.row.SIM.Form, err = sim.ParseLabel("form", v, maxType)
	return err
}

func (r *Reader) setName(v string) (err error) {
	r.row.SIM.Name, err = sim.ParseLabel("name", v, sim.MaxName)
	return err
}

func (r *Reader) setGroup(v string) (err error) {
	r.row.SIM.Group, err = sim.ParseLabel("group", v, sim.MaxGroup)
	return err
}

// setAPN hides the label that is wrong: in a row that has shifted it is a key.
func (r *Reader) setAPN(v string) error {
	apn, err := ident.ParseAPN(v)
	if err != nil {
		return fault.InvalidField("apn", "is no access point name: at most 100 letters, digits and inner hyphens, in labels with dots between")
	}
	r.row.SIM.APN = apn
	return nil
}

func (r *Reader) setMNO(v string) error {
	n, err := strconv.ParseUint(v, 10, 63)
	if err != nil {
		return fault.InvalidField("mnoid", "is no whole number from 0 to 9223372036854775807")
	}
	r.row.SIM.MNO = int64(n)
	return nil
}
