package tigrillo

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
)

// params are the members of a request's object, by their exact names. A member
// that is null counts as absent.
type params map[string]json.RawMessage

// parse reads a body. Nothing, null, [] and an object are taken: clients send
// each of them to methods without parameters.
func parse(body []byte) (params, error) {
	body = bytes.Trim(body, " \t\r\n")
	if len(body) == 0 {
		return nil, nil
	}
	if why := malformed(body); why != "" {
		return nil, input(why)
	}
	p, fits := object(body)
	if !fits {
		return nil, input(jsonMode)
	}
	return p, nil
}

// object reads an object; null and the empty array, which is how PHP writes an
// empty one, have no members.
func object(raw json.RawMessage) (p params, fits bool) {
	switch raw[0] {
	case '{':
		return p, json.Unmarshal(raw, &p) == nil
	case '[':
		var list []json.RawMessage
		return nil, json.Unmarshal(raw, &list) == nil && len(list) == 0
	}
	return nil, string(raw) == "null"
}

// value returns a member, nil when it is absent or null.
func (p params) value(name string) json.RawMessage {
	if raw := p[name]; string(raw) != "null" {
		return raw
	}
	return nil
}

// text returns a string; nil when it is absent, E0005 when it is another type.
func (p params) text(name string) (*string, error) {
	raw := p.value(name)
	if raw == nil {
		return nil, nil
	}
	var s string
	if raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return nil, invalid(name)
	}
	return &s, nil
}

// maxWord bounds a search text: no field that is searched is longer.
const maxWord = 255

// word returns a text that is searched for or chosen from a list; "" when it is
// absent, null or empty, which all mean that it is not used.
func (p params) word(name string) (string, error) {
	s, err := p.text(name)
	if err != nil || s == nil {
		return "", err
	}
	if len([]rune(*s)) > maxWord || strings.ContainsFunc(*s, unicode.IsControl) {
		return "", invalid(name)
	}
	return *s, nil
}

// digits returns a whole number that may be quoted, as it was written; "" when
// it is absent, null or an empty text.
func (p params) digits(name string) (string, error) {
	raw := p.value(name)
	switch {
	case raw == nil:
		return "", nil
	case raw[0] == '"':
		return p.word(name)
	case raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9':
		return string(raw), nil
	}
	return "", invalid(name)
}

// Bounds of a page.
const (
	defaultRecs = 10
	maxRecs     = 1000
	maxStart    = 1<<31 - 1
)

// page returns startRec and numRecs.
func (p params) page() (start, n int, err error) {
	if start, err = p.count("startRec"); err != nil {
		return 0, 0, err
	}
	if n, err = p.count("numRecs"); n == 0 {
		n = defaultRecs
	}
	return start, min(n, maxRecs), err
}

func (p params) count(name string) (int, error) {
	s, err := p.digits(name)
	if err != nil || s == "" {
		return 0, err
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > maxStart {
		return 0, invalid(name)
	}
	return n, nil
}

// Times stand on the wire without a zone: UTC.
const (
	wireTime = time.DateTime
	wireDate = time.DateOnly
)

// moment returns a time, or the midnight that a date begins with; the zero time
// when there is none.
func (p params) moment(name string) (time.Time, error) {
	s, err := p.word(name)
	if err != nil || s == "" {
		return time.Time{}, err
	}
	for _, layout := range []string{wireTime, wireDate} {
		// A fraction, which the layout would let through, is no part of the contract.
		if t, err := time.Parse(layout, s); err == nil && len(s) == len(layout) {
			return t, nil
		}
	}
	return time.Time{}, invalid(name)
}

// list returns the elements of an array. Absent, null and empty are E0004.
func (p params) list(name string) ([]json.RawMessage, error) {
	raw := p.value(name)
	if raw == nil {
		return nil, missing(name)
	}
	var out []json.RawMessage
	if raw[0] != '[' || json.Unmarshal(raw, &out) != nil || len(out) > fleet.MaxBatch {
		return nil, invalid(name)
	}
	if len(out) == 0 {
		return nil, missing(name)
	}
	return out, nil
}

// named is the list of SIMs that a call names: those that can be looked up, and
// the texts that are no SIM number at all, each without repetitions.
type named struct {
	iccids []ident.ICCID
	broken []string
	seen   map[string]bool
}

// add notes one SIM, and reports whether it can be looked up and is new.
func (n *named) add(s string) (ident.ICCID, bool) {
	iccid, err := ident.ParseICCID(s)
	if err == nil {
		s = string(iccid)
	}
	if n.seen[s] {
		return iccid, false
	}
	if n.seen == nil {
		n.seen = map[string]bool{}
	}
	n.seen[s] = true
	if err != nil {
		n.broken = append(n.broken, s)
		return "", false
	}
	n.iccids = append(n.iccids, iccid)
	return iccid, true
}

// sims returns the parameter of the three bulk methods that take plain numbers.
func (p params) sims() (named, error) {
	var n named
	list, err := p.list("sims")
	if err != nil {
		return n, err
	}
	for _, raw := range list {
		var s string
		if raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
			return n, invalid("sims")
		}
		n.add(s)
	}
	return n, nil
}

// iccid returns the SIM that a call is about. The contract lists different
// errors for one that is absent and for one that is no SIM number, method by
// method.
func (p params) iccid(absent, broken *refusal) (ident.ICCID, error) {
	s, err := p.text("ICCID")
	switch {
	case err != nil:
		return "", err
	case s == nil || *s == "":
		return "", absent
	}
	iccid, err := ident.ParseICCID(*s)
	if err != nil {
		return "", broken
	}
	return iccid, nil
}
