// Package hsstest is a PyHSS for tests: what is known of how a PyHSS 2.0
// answers, with the MME and the devices behind it. It knows no driver.
package hsstest

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

// Server stands in for a PyHSS 2.0, and for the MME and the devices behind it.
type Server struct {
	*httptest.Server

	Mu       sync.Mutex // guards what follows
	Key      string     // locks provisioning, unless it is empty
	Insecure bool       // gives keys to everybody
	Blind    bool       // has lost its database in a way that it has no name for
	Broken   func(method, path string) bool
	Tables   map[string]*Table
	Given    map[string]string // who has given up, and for what
	CLRs     []string          // "imsi type reattach"

	calls  []string        // "PATCH subscriber/7 {...}", without reads
	served map[string]bool // who is connected
}

// Table is one of its database: rows by number.
type Table struct {
	Rows   map[int]Row
	last   int
	unique []string
}

// Row is what it keeps of one thing, as JSON has it.
type Row = map[string]any

// Start starts a server that ends with the test.
func Start(t testing.TB) *Server {
	s := &Server{served: map[string]bool{}, Given: map[string]string{}, Tables: map[string]*Table{
		"apn":                   {},
		"auc":                   {unique: []string{"imsi", "iccid"}},
		"subscriber":            {unique: []string{"imsi"}},
		"subscriber_attributes": {},
		"subscriber_routing":    {},
	}}
	for _, tb := range s.Tables {
		tb.Rows = map[int]Row{}
	}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	var body Row
	if r.Method == http.MethodPut || r.Method == http.MethodPatch {
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			s.answer(w, http.StatusInternalServerError, Row{"result": "Failed", "reason": "An internal server error occurred"})
			return
		}
	}
	if r.Method != http.MethodGet {
		b, _ := json.Marshal(body)
		s.calls = append(s.calls, fmt.Sprintf("%s %s %s", r.Method, strings.Trim(r.URL.Path, "/"), b))
		// Reads are open to everybody.
		if s.Key != "" && r.Header.Get("Provisioning-Key") != s.Key {
			s.answer(w, http.StatusUnauthorized, Row{"Result": "Unauthorized - Provisioning-Key Invalid"})
			return
		}
	}
	if s.Broken != nil && s.Broken(r.Method, strings.Trim(r.URL.Path, "/")) {
		s.integrity(w, body)
		return
	}
	s.route(w, r, strings.Split(strings.Trim(r.URL.Path, "/"), "/"), body)
}

func (s *Server) answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("HSS", "hss01")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// integrity is how a failed statement is answered: with its parameters.
func (s *Server) integrity(w http.ResponseWriter, body Row) {
	s.answer(w, http.StatusBadRequest, Row{"result": "Failed",
		"reason": fmt.Sprintf("A database integrity error occurred: (sqlite3.IntegrityError) [SQL: INSERT] [parameters: %v]", body)})
}

// nothing is the answer to what is not there, and to what has no name.
func (s *Server) nothing(w http.ResponseWriter) { s.answer(w, http.StatusOK, nil) }

func (s *Server) route(w http.ResponseWriter, r *http.Request, path []string, body Row) {
	name := path[0]
	switch {
	case s.Blind:
		s.nothing(w)
	case name == "push" && len(path) == 3 && path[1] == "clr":
		s.push(w, path[2], body)
	case name == "subscriber" && len(path) > 1 && path[1] == "routing":
		s.routing(w, r, path[2:], body)
	case s.Tables[name] == nil:
		s.answer(w, http.StatusNotFound, Row{"Result": "Not Found"})
	case r.Method == http.MethodPut && len(path) == 1:
		s.create(w, name, body)
	case r.Method == http.MethodGet && len(path) == 2 && path[1] == "list":
		s.list(w, r, name)
	case r.Method == http.MethodGet && len(path) == 3:
		s.one(w, name, s.Tables[name].by(path[1], path[2]))
	case len(path) == 2:
		id, _ := strconv.Atoi(path[1])
		s.byID(w, r.Method, name, id, body)
	default:
		s.answer(w, http.StatusNotFound, Row{"Result": "Not Found"})
	}
}

// by returns the number of the row in which field is value, 0 for none.
func (t *Table) by(field, value string) int {
	for id, r := range t.Rows {
		if r[field] == value {
			return id
		}
	}
	return 0
}

func (s *Server) create(w http.ResponseWriter, name string, body Row) {
	t := s.Tables[name]
	for _, field := range t.unique {
		if v, ok := body[field].(string); ok && t.by(field, v) != 0 {
			s.integrity(w, body)
			return
		}
	}
	if v, ok := body["msisdn"]; name == "subscriber" && ok && v == nil {
		s.answer(w, http.StatusInternalServerError, Row{"result": "Failed", "reason": "An internal server error occurred: 'NoneType' object has no attribute 'replace'"})
		return
	}
	if name == "subscriber" && (s.Tables["auc"].Rows[number(body["auc_id"])] == nil || s.Tables["apn"].Rows[number(body["default_apn"])] == nil) {
		s.integrity(w, body)
		return
	}
	t.last++
	made := Row{"roaming_enabled": true, "enabled": true, "nam": 0.0}
	if name != "subscriber" {
		made = Row{}
	}
	maps.Copy(made, body)
	made[name+"_id"] = float64(t.last)
	t.Rows[t.last] = made
	s.answer(w, http.StatusOK, made)
}

func number(v any) int {
	f, _ := v.(float64)
	return int(f)
}

func (s *Server) list(w http.ResponseWriter, r *http.Request, name string) {
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	size, _ := strconv.Atoi(r.URL.Query().Get("page_size"))
	ids := slices.Sorted(maps.Keys(s.Tables[name].Rows))
	if size > 0 {
		ids = ids[min(page*size, len(ids)):min((page+1)*size, len(ids))]
	}
	out := []Row{}
	for _, id := range ids {
		out = append(out, s.sanitized(name, s.Tables[name].Rows[id]))
	}
	s.answer(w, http.StatusOK, out)
}

func (s *Server) sanitized(name string, r Row) Row {
	r = maps.Clone(r)
	if name == "auc" && !s.Insecure {
		delete(r, "ki")
		delete(r, "opc")
	}
	return r
}

func (s *Server) one(w http.ResponseWriter, name string, id int) {
	r := s.Tables[name].Rows[id]
	if r == nil {
		s.nothing(w)
		return
	}
	r = s.sanitized(name, r)
	if name == "subscriber" {
		attributes := []Row{}
		for _, a := range s.Tables["subscriber_attributes"].Rows {
			if number(a["subscriber_id"]) == id {
				attributes = append(attributes, a)
			}
		}
		r["attributes"] = attributes
	}
	s.answer(w, http.StatusOK, r)
}

func (s *Server) byID(w http.ResponseWriter, method, name string, id int, body Row) {
	t := s.Tables[name]
	r := t.Rows[id]
	switch {
	case r == nil:
		s.nothing(w)
	case method == http.MethodDelete:
		if name == "subscriber" && s.hangsOn(id) {
			s.integrity(w, nil)
			return
		}
		delete(t.Rows, id)
		s.answer(w, http.StatusOK, Row{"Result": "OK"})
	case method == http.MethodPatch:
		if v, ok := body["msisdn"]; ok && v == nil {
			s.answer(w, http.StatusInternalServerError, Row{"result": "Failed"})
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
func (s *Server) hangsOn(id int) bool {
	for _, name := range []string{"subscriber_attributes", "subscriber_routing"} {
		for _, r := range s.Tables[name].Rows {
			if number(r["subscriber_id"]) == id {
				return true
			}
		}
	}
	return false
}

func (s *Server) routing(w http.ResponseWriter, r *http.Request, path []string, body Row) {
	t := s.Tables["subscriber_routing"]
	switch {
	case r.Method == http.MethodPut && len(path) == 0:
		s.create(w, "subscriber_routing", body)
	case len(path) == 2:
		id := 0
		for i, rt := range t.Rows {
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
func (s *Server) push(w http.ResponseWriter, imsi string, body Row) {
	for _, field := range []string{"diameterPeer", "DestinationRealm", "cancellationType", "immediateReattach"} {
		if body[field] == nil {
			s.answer(w, http.StatusOK, Row{"result": "Failed", "Reason": "Unable to send CLR: '" + field + "'"})
			return
		}
	}
	if body["diameterPeer"] != mmePeer {
		s.answer(w, http.StatusBadRequest, Row{"result": fmt.Sprintf("Failed queueing CLR to %v", body["diameterPeer"])})
		return
	}
	sub := s.Tables["subscriber"].Rows[s.Tables["subscriber"].by("imsi", imsi)]
	if sub["serving_mme"] == body["DestinationHost"] {
		sub["serving_mme"], sub["serving_mme_realm"], sub["serving_mme_peer"] = nil, nil, nil
	}
	s.cancel(imsi, number(body["cancellationType"]), body["immediateReattach"].(bool))
	s.answer(w, http.StatusOK, Row{"result": "Successfully queued CLR to " + mmePeer})
}

// The MME, as the HSS knows it.
const (
	mmeHost = "mme01.epc.example"
	mmePeer = "mme01.peer"
)

// cancel is the MME as it hears of a cancellation: of type 1 it lets the
// device go without a word to it, of type 2 it tells it, too.
func (s *Server) cancel(imsi string, kind int, reattach bool) {
	s.CLRs = append(s.CLRs, fmt.Sprintf("%s type %d reattach %v", imsi, kind, reattach))
	if !s.served[imsi] {
		return
	}
	delete(s.served, imsi)
	if kind == 2 && reattach {
		s.comeBack(imsi)
	}
}

// Attach has a device come to the network, and reports whether it is connected.
func (s *Server) Attach(imsi string) bool {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	return s.comeBack(imsi)
}

func (s *Server) comeBack(imsi string) bool {
	if s.Given[imsi] != "" {
		return false
	}
	sub := s.Tables["subscriber"].Rows[s.Tables["subscriber"].by("imsi", imsi)]
	switch {
	case sub == nil || sub["enabled"] == false:
		s.Given[imsi] = "the card is unknown"
		return false
	case sub["roaming_enabled"] == false: // all of the devices here roam
		s.Given[imsi] = "the network is forbidden"
		return false
	}
	sub["serving_mme"], sub["serving_mme_realm"], sub["serving_mme_peer"] = mmeHost, "epc.example", mmePeer+";hss01"
	gateway := s.Tables["apn"].Rows[number(sub["default_apn"])]["pgw_address"]
	s.served[imsi] = gateway == nil
	return s.served[imsi]
}

// Connected reports whether a device is connected.
func (s *Server) Connected(imsi string) bool {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	return s.served[imsi]
}

// Since returns the writes since the last call, and forgets them.
func (s *Server) Since() []string {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

// Row returns a row of a table by a field.
func (s *Server) Row(name, field, value string) Row {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	t := s.Tables[name]
	return maps.Clone(t.Rows[t.by(field, value)])
}

// Set changes a row past the driver.
func (s *Server) Set(name, field, value string, change Row) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	t := s.Tables[name]
	maps.Copy(t.Rows[t.by(field, value)], change)
}
