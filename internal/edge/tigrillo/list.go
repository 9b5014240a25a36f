package tigrillo

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// fields are what SIMs are searched in and sorted by, by letter and by name.
var fields = []struct {
	letter, name string
	field        sim.Field
}{
	{"F", "FriendlyName", sim.ByName}, {"I", "ICCID", sim.ByICCID}, {"E", "IMEI", sim.ByIMEI},
	{"S", "IMSI", sim.ByIMSI}, {"A", "IP Address", sim.ByIP}, {"M", "MSISDN", sim.ByMSISDN},
}

func fieldOf(s string) (sim.Field, bool) {
	for _, f := range fields {
		if s == f.letter || s == f.name {
			return f.field, true
		}
	}
	return 0, false
}

var hows = map[string]sim.How{"S": sim.Starts, "E": sim.Ends, "C": sim.Contains, "M": sim.Whole}

type listAnswer struct {
	plain
	Total int64     `json:"totRecs"` // of all that match, whatever the page
	SIMs  []listSIM `json:"sims"`
}

func (h *handler) getSIMs(ctx context.Context, x *exchange) (any, error) {
	q, err := x.in.query()
	if err != nil {
		return nil, err
	}
	q.Suspending = h.Suspending
	page, err := h.Fleet.SIMs(ctx, x.request, q)
	if err != nil {
		return nil, err
	}
	months, activities, err := h.Fleet.MonthToDate(ctx, page.SIMs)
	if err != nil {
		return nil, err
	}
	answer := listAnswer{ok, page.Total, make([]listSIM, len(page.SIMs))}
	for i := range page.SIMs {
		s := &page.SIMs[i]
		answer.SIMs[i] = listed(s, q.Shows(s.Status(), s.Wanted.Suspended), months[s.ID], activities[s.ID])
	}
	return answer, nil
}

// query reads the parameters of getSIMs.
func (p params) query() (sim.Query, error) {
	q := sim.Query{Count: true}
	var err error
	if q.Offset, q.Limit, err = p.page(); err != nil {
		return q, err
	}
	order, err := p.word("sortOrder")
	if err != nil {
		return q, err
	}
	var known bool
	if q.Sort, q.Descending, known = sortBy(order); !known {
		return q, invalid("sortOrder")
	}
	raw := p.value("searchCriteria")
	if raw == nil {
		return q, nil
	}
	criteria, fits := object(raw)
	if !fits {
		return q, invalid("searchCriteria")
	}
	return q, criteria.search(&q)
}

// sortBy reads a field, by letter or name, and a direction, ascending when there
// is none. Nothing sorts by ICCID.
func sortBy(s string) (f sim.Field, descending, known bool) {
	if s == "" {
		return sim.ByICCID, false, true
	}
	if f, known = fieldOf(s); known {
		return f, false, true
	}
	if before, found := strings.CutSuffix(s, "D"); found {
		f, known = fieldOf(strings.TrimSpace(before))
		return f, true, known
	}
	before, found := strings.CutSuffix(s, "A")
	f, known = fieldOf(strings.TrimSpace(before))
	return f, false, known && found
}

// search reads searchCriteria; any of its members may be missing.
func (p params) search(q *sim.Query) error {
	state, err := p.word("state")
	if err != nil {
		return err
	}
	if q.Statuses = statusesOf(state); state != "" && q.Statuses == nil {
		return invalid("state")
	}
	group, err := p.word("group")
	if err != nil {
		return err
	}
	if group != "" {
		q.Group = &group
	}
	tariff, err := p.digits("tariff")
	if err != nil {
		return err
	}
	if tariff != "" {
		id, err := strconv.ParseInt(tariff, 10, 64)
		if err != nil {
			return invalid("tariff")
		}
		q.Package = &id
	}
	q.Match, err = p.match()
	return err
}

// match reads the substring search, which takes all three of its parameters.
// How and where say nothing when there is nothing to find.
func (p params) match() (*sim.Match, error) {
	text, err := p.word("matchString")
	if err != nil {
		return nil, err
	}
	letter, err := p.word("matchType")
	if err != nil {
		return nil, err
	}
	how, known := hows[letter]
	if !known && (letter != "" || text != "") {
		return nil, invalid("matchType")
	}
	in, err := p.matchFields()
	if err != nil {
		return nil, err
	}
	if text == "" {
		return nil, nil
	}
	if len(in) == 0 {
		return nil, invalid("matchFields")
	}
	return &sim.Match{Text: text, How: how, Fields: in}, nil
}

// matchFields reads the fields to search in: an array, or one text. Each holds
// joined letters, or names with commas between them.
func (p params) matchFields() ([]sim.Field, error) {
	raw := p.value("matchFields")
	if raw == nil {
		return nil, nil
	}
	var texts []string
	if raw[0] == '[' {
		if json.Unmarshal(raw, &texts) != nil {
			return nil, invalid("matchFields")
		}
	} else {
		text, err := p.word("matchFields")
		if err != nil {
			return nil, err
		}
		texts = []string{text}
	}
	wanted := map[sim.Field]bool{}
	for _, text := range texts {
		for part := range strings.SplitSeq(text, ",") {
			if !mark(wanted, strings.TrimSpace(part)) {
				return nil, invalid("matchFields")
			}
		}
	}
	var out []sim.Field
	for _, f := range sim.AllFields() {
		if wanted[f] {
			out = append(out, f)
		}
	}
	return out, nil
}

// mark notes the fields that a text names: one by its name, or each by its
// letter.
func mark(wanted map[sim.Field]bool, text string) bool {
	if f, known := fieldOf(text); known {
		wanted[f] = true
		return true
	}
	for i := range len(text) {
		f, known := fieldOf(text[i : i+1])
		if !known {
			return false
		}
		wanted[f] = true
	}
	return true
}

// listSIM is one SIM of getSIMs. What is not set is null.
type listSIM struct {
	MSISDN          *int64  `json:"MSISDN"`
	SIMID           string  `json:"simID"`
	FriendlyName    *string `json:"friendlyName"`
	MEID            *string `json:"MEID"`
	ICCID           string  `json:"ICCID"`
	IMSI            *int64  `json:"IMSI"`
	DataUsage       int64   `json:"DataUsage"`
	DataDate        *string `json:"DataDate"`
	IPAddress       *string `json:"ipAddress"`
	Group           *string `json:"group"`
	LastMCC         *string `json:"LastMCC"`
	LastMNC         *string `json:"LastMNC"`
	LastRadiusStart *string `json:"LastRadiusStart"`
	LastRadiusStop  *string `json:"LastRadiusStop"`
	PackageID       *int64  `json:"PackageID"`
	Activated       *string `json:"Activated"`
	OutOfService    *string `json:"OutOfService"`
	Status          string  `json:"status"`
	StatusReason    *string `json:"statusReason"`
	Alert           string  `json:"alert"`
	Controls        string  `json:"controls"`
	DataMSISDN      *int64  `json:"dataMSISDN"`
	LocalMSISDN     *int64  `json:"localMSISDN"`
	MappedMSISDN    *int64  `json:"mappedMSISDN"`
}

func listed(s *sim.SIM, shown sim.Status, m usage.Month, a usage.Activity) listSIM {
	out := listSIM{
		MSISDN: numberOrNull(string(s.MSISDN)), SIMID: s.Number, FriendlyName: orNull(s.Name), ICCID: string(s.ICCID),
		IMSI: numberOrNull(string(s.IMSI)), DataUsage: m.Rounded, DataDate: timeOrNull(m.DataAt), IPAddress: orNull(s.Value(sim.ByIP)),
		Group: orNull(s.Group), LastMCC: orNull(a.MCC), LastMNC: orNull(a.MNC), LastRadiusStart: timeOrNull(a.SessionStart),
		LastRadiusStop: timeOrNull(a.SessionStop), Activated: timeOrNull(s.ActivatedAt), Status: stateOf(shown),
		StatusReason: reasonOf(s, shown), LocalMSISDN: numberOrNull(string(s.MSISDN)),
	}
	if s.Package != 0 {
		out.PackageID = &s.Package
	}
	if s.TerminatedAt.After(s.ActivatedAt) { // not while it is back in service
		out.OutOfService = timeOrNull(s.TerminatedAt)
	}
	if shown == sim.StatusProvisioned && s.Barred&sim.Messaging == 0 {
		out.Controls = "US" // USSD and SMS
	}
	return out
}

// numberOrNull writes digits as a number, as the contract has it; leading zeros
// are lost with that. None is null.
func numberOrNull(digits string) *int64 {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return nil
	}
	return &n
}
