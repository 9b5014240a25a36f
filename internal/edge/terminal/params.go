package terminal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
)

// params are the parameters of a call, wherever they stood.
type params map[string][]string

// readParams reads the query, then a form, then a JSON body. What an earlier
// source says of a name counts. The parameters that could be read are returned
// with an error, too.
func readParams(r *http.Request, body []byte) (params, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		err = malformed("the query is not percent-encoded as it must be")
	}
	out := params(query)
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	body = bytes.TrimSpace(body)
	var more params
	var bad error
	switch {
	case len(body) == 0:
	case kind == "application/x-www-form-urlencoded":
		more, bad = readForm(body)
	case kind == "application/json", kind == "", strings.HasSuffix(kind, "+json"):
		more, bad = readJSON(body)
	}
	for name, values := range more {
		if out.blank(name) {
			out[name] = values
		}
	}
	if err == nil {
		err = bad
	}
	return out, err
}

func readForm(body []byte) (params, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return params(form), malformed("the form is not percent-encoded as it must be")
	}
	return params(form), nil
}

// readJSON takes an object of texts, numbers, booleans, and lists of them.
func readJSON(body []byte) (params, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var object map[string]any
	if !json.Valid(body) || d.Decode(&object) != nil {
		return nil, malformed("the body is not a JSON object")
	}
	out := params{}
	for name, value := range object {
		list, many := value.([]any)
		if !many {
			list = []any{value}
		}
		for _, v := range list {
			switch v := v.(type) {
			case nil:
			case string:
				out[name] = append(out[name], v)
			case json.Number, bool:
				out[name] = append(out[name], fmt.Sprint(v))
			default:
				return out, malformed(clip(name) + " is neither a text, a number nor a list of them")
			}
		}
	}
	return out, nil
}

// blank reports whether nothing stands under a name.
func (p params) blank(name string) bool {
	for _, v := range p[name] {
		if strings.TrimSpace(v) != "" {
			return false
		}
	}
	return true
}

// has reports whether a name stands there, be it with nothing.
func (p params) has(name string) bool { return len(p[name]) > 0 }

// text returns the first value of a name, without the blanks around it.
func (p params) text(name string) string {
	if len(p[name]) == 0 {
		return ""
	}
	return strings.TrimSpace(p[name][0])
}

// first returns the text of the first of these names that has one.
func (p params) first(names ...string) (name, text string) {
	for _, n := range names {
		if t := p.text(n); t != "" {
			return n, t
		}
	}
	return names[0], ""
}

// list returns the values of a name, repeated or with commas, each once.
func (p params) list(name string) []string {
	seen := map[string]bool{}
	var out []string
	for _, v := range p[name] {
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part != "" && !seen[part] {
				seen[part] = true
				out = append(out, part)
			}
		}
	}
	return out
}

// number reads an integer; otherwise, when there is none.
func (p params) number(name string, otherwise, least, most int64) (int64, error) {
	text := p.text(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fault.InvalidField(name, "is %q, which is no integer of %d to %d", clip(text), least, most)
	}
	if n < least || n > most {
		return 0, fault.InvalidField(name, "is %d; %d to %d is allowed", n, least, most)
	}
	return n, nil
}

// flag reads true or false, in any case of letters; false, when there is none.
func (p params) flag(names ...string) (bool, error) {
	name, text := p.first(names...)
	switch strings.ToLower(text) {
	case "true", "1":
		return true, nil
	case "false", "0", "":
		return false, nil
	}
	return false, fault.InvalidField(name, "is %q; true or false is needed", clip(text))
}

const maxOffset = 1<<31 - 1

func (p params) offset() (int, error) {
	n, err := p.number("offset", 0, 0, maxOffset)
	return int(n), err
}

// month reads a calendar month; the one at hand when it is left out.
func (p params) month(now time.Time) (year, month int, err error) {
	m, err1 := p.number("month", int64(now.Month()), 1, 12)
	y, err2 := p.number("year", int64(now.Year()), 1970, 9999)
	return int(y), int(m), fault.Join(err1, err2)
}

// maxMillis is the last moment of the year 9999.
const maxMillis = 253402300799999

// span reads a time range in milliseconds: from the start of the month at hand
// until now, when it is left out.
func (p params) span(now time.Time) (from, to time.Time, err error) {
	start := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	f, err1 := p.number("from", start.UnixMilli(), 0, maxMillis)
	t, err2 := p.number("to", now.UnixMilli(), 0, maxMillis)
	if err := fault.Join(err1, err2); err != nil {
		return from, to, err
	}
	if f > t {
		return from, to, fault.InvalidField("from", "lies behind to")
	}
	return time.UnixMilli(f).UTC(), time.UnixMilli(t).UTC(), nil
}

// MaxSIMs is how many SIMs one call may name, and how many records a page holds.
const MaxSIMs = 1000

// selector is which SIMs a call is about: ICCIDs or, without any, EIDs.
type selector struct {
	iccids []ident.ICCID
	eids   []ident.EID
}

// selector reads the ids. None is an empty selector.
func (p params) selector() (selector, error) {
	var s selector
	iccids, eids := p.list("iccid"), p.list("eid")
	if len(iccids) > 0 {
		eids = nil
	}
	if n := len(iccids) + len(eids); n > MaxSIMs {
		return s, tooMany(n)
	}
	var errs []error
	for _, text := range iccids {
		id, err := ident.ParseICCID(text)
		s.iccids, errs = append(s.iccids, id), append(errs, ident.As("iccid "+strconv.Quote(clip(text)), err))
	}
	for _, text := range eids {
		id, err := ident.ParseEID(text)
		s.eids, errs = append(s.eids, id), append(errs, ident.As("eid "+strconv.Quote(clip(text)), err))
	}
	return s, fault.Join(errs...)
}

// empty reports that the call names no SIM.
func (s *selector) empty() bool { return len(s.iccids)+len(s.eids) == 0 }
