package pyhss

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// server stands in for a PyHSS 2.0, with what is known of how it answers, and
// for the MME and the devices behind it.
type server struct {
	*httptest.Server
	t *testing.T

	mu       sync.Mutex
	key      string // locks provisioning, unless it is empty
	insecure bool   // gives keys to everybody
	blind    bool   // has lost its database in a way that it has no name for
	broken   func(method, path string) bool
	tables   map[string]*table
	calls    []string // "PATCH subscriber/7 {...}", without reads

	served map[string]bool   // who is connected
	given  map[string]string // who has given up, and for what
	clrs   []string          // "imsi type reattach"
}

// table is one of its database: rows by number.
type table struct {
	last   int
	rows   map[int]row
	unique []string
}

type row = map[string]any

func startServer(t *testing.T) *server {
	s := &server{t: t, served: map[string]bool{}, given: map[string]string{}, tables: map[string]*table{
		"apn":                   {},
		"auc":                   {unique: []string{"imsi", "iccid"}},
		"subscriber":            {unique: []string{"imsi"}},
		"subscriber_attributes": {},
		"subscriber_routing":    {},
	}}
	for _, tb := range s.tables {
		tb.rows = map[int]row{}
	}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var body row
	if r.Method == http.MethodPut || r.Method == http.MethodPatch {
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			s.answer(w, http.StatusInternalServerError, row{"result": "Failed", "reason": "An internal server error occurred"})
			return
		}
	}
	if r.Method != http.MethodGet {
		b, _ := json.Marshal(body)
		s.calls = append(s.calls, fmt.Sprintf("%s %s %s", r.Method, strings.Trim(r.URL.Path, "/"), b))
		// Reads are open to everybody.
		if s.key != "" && r.Header.Get("Provisioning-Key") != s.key {
			s.answer(w, http.StatusUnauthorized, row{"Result": "Unauthorized - Provisioning-Key Invalid"})
			return
		}
	}
	if s.broken != nil && s.broken(r.Method, strings.Trim(r.URL.Path, "/")) {
		s.integrity(w, body)
		return
	}
	s.route(w, r, strings.Split(strings.Trim(r.URL.Path, "/"), "/"), body)
}

func (s *server) answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("HSS", "hss01")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// integrity is how a failed statement is answered: with its parameters.
func (s *server) integrity(w http.ResponseWriter, body row) {
	s.answer(w, http.StatusBadRequest, row{"result": "Failed",
		"reason": fmt.Sprintf("A database integrity error occurred: (sqlite3.IntegrityError) [SQL: INSERT] [parameters: %v]", body)})
}

// nothing is the answer to what is not there, and to what has no name.
func (s *server) nothing(w http.ResponseWriter) { s.answer(w, http.StatusOK, nil) }

func (s *server) route(w http.ResponseWriter, r *http.Request, path []string, body row) {
	name := path[0]
	switch {
	case s.blind:
		s.nothing(w)
	case name == "push" && len(path) == 3 && path[1] == "clr":
		s.push(w, path[2], body)
	case name == "subscriber" && len(path) > 1 && path[1] == "routing":
		s.routing(w, r, path[2:], body)
	case s.tables[name] == nil:
		s.answer(w, http.StatusNotFound, row{"Result": "Not Found"})
	case r.Method == http.MethodPut && len(path) == 1:
		s.create(w, name, body)
	case r.Method == http.MethodGet && len(path) == 2 && path[1] == "list":
		s.list(w, r, name)
	case r.Method == http.MethodGet && len(path) == 3:
		s.one(w, name, s.tables[name].by(path[1], path[2]))
	case len(path) == 2:
		id, _ := strconv.Atoi(path[1])
		s.byID(w, r.Method, name, id, body)
	default:
		s.answer(w, http.StatusNotFound, row{"Result": "Not Found"})
	}
}

// by returns the number of the row in which field is value, 0 for none.
func (t *table) by(field, value string) int {
	for id, r := range t.rows {
		if r[field] == value {
			return id
		}
	}
	return 0
}

func (s *server) create(w http.ResponseWriter, name string, body row) {
	t := s.tables[name]
	for _, field := range t.unique {
		if v, ok := body[field].(string); ok && t.by(field, v) != 0 {
			s.integrity(w, body)
			return
		}
	}
	if v, ok := body["msisdn"]; name == "subscriber" && ok && v == nil {
		s.answer(w, http.StatusInternalServerError, row{"result": "Failed", "reason": "An internal server error occurred: 'NoneType' object has no attribute 'replace'"})
		return
	}
	if name == "subscriber" && (s.tables["auc"].rows[number(body["auc_id"])] == nil || s.tables["apn"].rows[number(body["default_apn"])] == nil) {
		s.integrity(w, body)
		return
	}
	t.last++
	made := row{"roaming_enabled": true, "enabled": true, "nam": 0.0}
	if name != "subscriber" {
		made = row{}
	}
	maps.Copy(made, body)
	made[name+"_id"] = float64(t.last)
	t.rows[t.last] = made
	s.answer(w, http.StatusOK, made)
}

func number(v any) int {
	f, _ := v.(float64)
	return int(f)
}

func (s *server) list(w http.ResponseWriter, r *http.Request, name string) {
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	size, _ := strconv.Atoi(r.URL.Query().Get("page_size"))
	ids := slices.Sorted(maps.Keys(s.tables[name].rows))
	if size > 0 {
		ids = ids[min(page*size, len(ids)):min((page+1)*size, len(ids))]
	}
	out := []row{}
	for _, id := range ids {
		out = append(out, s.sanitized(name, s.tables[name].rows[id]))
	}
	s.answer(w, http.StatusOK, out)
}

func (s *server) sanitized(name string, r row) row {
	r = maps.Clone(r)
	if name == "auc" && !s.insecure {
		delete(r, "ki")
		delete(r, "opc")
	}
	return r
}

func (s *server) one(w http.ResponseWriter, name string, id int) {
	r := s.tables[name].rows[id]
	if r == nil {
		s.nothing(w)
		return
	}
	r = s.sanitized(name, r)
	if name == "subscriber" {
		attributes := []row{}
		for _, a := range s.tables["subscriber_attributes"].rows {
			if number(a["subscriber_id"]) == id {
				attributes = append(attributes, a)
			}
		}
		r["attributes"] = attributes
	}
	s.answer(w, http.StatusOK, r)
}

func (s *server) byID(w http.ResponseWriter, method, name string, id int, body row) {
	t := s.tables[name]
	r := t.rows[id]
	switch {
	case r == nil:
		s.nothing(w)
	case method == http.MethodDelete:
		if name == "subscriber" && s.hangsOn(id) {
			s.integrity(w, nil)
			return
		}
		delete(t.rows, id)
		s.answer(w, http.StatusOK, row{"Result": "OK"})
	case method == http.MethodPatch:
		if v, ok := body["msisdn"]; ok && v == nil {
			s.answer(w, http.StatusInternalServerError, row{"result": "Failed"})
			return
		}
		maps.Copy(r, body)
		if name == "subscriber" && r["enabled"] == false && r["serving_mme"] != nil {
			s.cancel(r["imsi"].(string), 1, true)
		}
		s.answer(w, http.StatusOK, s.sanitized(name, r))
	default:
		s.one(w, name, id)
	}
}

// hangsOn reports whether rows refer to a subscriber, as a database with
// foreign keys sees it.
func (s *server) hangsOn(id int) bool {
	for _, name := range []string{"subscriber_attributes", "subscriber_routing"} {
		for _, r := range s.tables[name].rows {
			if number(r["subscriber_id"]) == id {
				return true
			}
		}
	}
	return false
}

func (s *server) routing(w http.ResponseWriter, r *http.Request, path []string, body row) {
	t := s.tables["subscriber_routing"]
	switch {
	case r.Method == http.MethodPut && len(path) == 0:
		s.create(w, "subscriber_routing", body)
	case len(path) == 2:
		id := 0
		for i, rt := range t.rows {
			if strconv.Itoa(number(rt["subscriber_id"])) == path[0] && strconv.Itoa(number(rt["apn_id"])) == path[1] {
				id = i
			}
		}
		s.byID(w, r.Method, "subscriber_routing", id, body)
	case len(path) == 1:
		id, _ := strconv.Atoi(path[0])
		s.byID(w, r.Method, "subscriber_routing", id, body)
	}
}

// push queues a cancellation. What goes wrong with it is "OK" all the same.
func (s *server) push(w http.ResponseWriter, imsi string, body row) {
	for _, field := range []string{"diameterPeer", "DestinationRealm", "cancellationType", "immediateReattach"} {
		if body[field] == nil {
			s.answer(w, http.StatusOK, row{"result": "Failed", "Reason": "Unable to send CLR: '" + field + "'"})
			return
		}
	}
	if body["diameterPeer"] != mmePeer {
		s.answer(w, http.StatusBadRequest, row{"result": fmt.Sprintf("Failed queueing CLR to %v", body["diameterPeer"])})
		return
	}
	sub := s.tables["subscriber"].rows[s.tables["subscriber"].by("imsi", imsi)]
	if sub["serving_mme"] == body["DestinationHost"] {
		sub["serving_mme"], sub["serving_mme_realm"], sub["serving_mme_peer"] = nil, nil, nil
	}
	s.cancel(imsi, number(body["cancellationType"]), body["immediateReattach"].(bool))
	s.answer(w, http.StatusOK, row{"result": "Successfully queued CLR to " + mmePeer})
}

// The MME, as the HSS knows it.
const (
	mmeHost = "mme01.epc.example"
	mmePeer = "mme01.peer"
)

// cancel is the MME as it hears of a cancellation: of type 1 it lets the
// device go without a word to it, of type 2 it tells it, too.
func (s *server) cancel(imsi string, kind int, reattach bool) {
	s.clrs = append(s.clrs, fmt.Sprintf("%s type %d reattach %v", imsi, kind, reattach))
	if !s.served[imsi] {
		return
	}
	delete(s.served, imsi)
	if kind == 2 && reattach {
		s.comeBack(imsi)
	}
}

// attach has a device come to the network, and reports whether it is connected.
func (s *server) attach(imsi string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.comeBack(imsi)
}

func (s *server) comeBack(imsi string) bool {
	if s.given[imsi] != "" {
		return false
	}
	sub := s.tables["subscriber"].rows[s.tables["subscriber"].by("imsi", imsi)]
	switch {
	case sub == nil || sub["enabled"] == false:
		s.given[imsi] = "the card is unknown"
		return false
	case sub["roaming_enabled"] == false: // all of the devices here roam
		s.given[imsi] = "the network is forbidden"
		return false
	}
	sub["serving_mme"], sub["serving_mme_realm"], sub["serving_mme_peer"] = mmeHost, "epc.example", mmePeer+";hss01"
	gateway := s.tables["apn"].rows[number(sub["default_apn"])]["pgw_address"]
	s.served[imsi] = gateway == nil
	return s.served[imsi]
}

func (s *server) connected(imsi string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.served[imsi]
}

// since returns the writes since the last call, and forgets them.
func (s *server) since() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

// row returns a row of a table by a field.
func (s *server) row(name, field, value string) row {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tables[name]
	return maps.Clone(t.rows[t.by(field, value)])
}

// set changes a row past the driver.
func (s *server) set(name, field, value string, change row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tables[name]
	maps.Copy(t.rows[t.by(field, value)], change)
}
