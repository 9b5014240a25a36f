package simapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"pgregory.net/rapid"

	"github.com/simurgh-iot/simurgh/internal/fleet"
)

// The contract fuzz walks the document and draws requests from it, some that
// fit and some that just do not. Every answer must fit the contract, and none
// may be a fault of the server.
func TestDrawnRequests(t *testing.T) {
	t.Parallel()
	fuzz(t, newWorld(t))
}

func TestDrawnRequestsOnPostgres(t *testing.T) {
	t.Parallel()
	fuzz(t, newPostgresWorld(t))
}

func fuzz(t *testing.T, w *world) {
	d := &drawer{w: w, pool: map[string][]string{}}
	d.fill(t)
	ops := d.operations()
	rapid.Check(t, func(rt *rapid.T) {
		for range rapid.IntRange(1, 8).Draw(rt, "requests") {
			d.t = rt
			d.request(ops[rapid.IntRange(0, len(ops)-1).Draw(rt, "operation")])
		}
	})
}

// drawer draws requests. The pool holds values that mean something, by the name
// of the parameter or member that takes them; answers add to it.
type drawer struct {
	w    *world
	t    *rapid.T
	pool map[string][]string
}

type drawn struct {
	method, path string
	op           *openapi3.Operation
	params       openapi3.Parameters
}

func (d *drawer) operations() []drawn {
	var out []drawn
	doc := contract()
	for _, path := range slices.Sorted(maps.Keys(doc.Paths.Map())) {
		item := doc.Paths.Value(path)
		ops := item.Operations()
		for _, method := range slices.Sorted(maps.Keys(ops)) {
			out = append(out, drawn{method, path, ops[method], slices.Concat(item.Parameters, ops[method].Parameters)})
		}
	}
	return out
}

// fill begins the pool with what the world has.
func (d *drawer) fill(t *testing.T) {
	t.Helper()
	ours, nobodys := d.w.things()
	for _, with := range []map[string]string{ours, nobodys} {
		for name, value := range with {
			d.pool[name] = append(d.pool[name], value)
		}
	}
	for _, name := range sims {
		d.pool["iccId"] = append(d.pool["iccId"], string(iccid(name)))
	}
	// Accounts of their own, so that the callers keep theirs.
	for range 3 {
		spare, _ := must2(d.w.Fleet.CreateServiceAccount(t.Context(), d.w.op, newOperator("A")))
		d.pool["clientId"] = append(d.pool["clientId"], spare.ID)
	}
	d.pool["clientId"] = d.pool["clientId"][2:]
	d.pool["userId"] = d.pool["clientId"]
	d.pool["newIccId"], d.pool["msisdn"] = d.pool["iccId"], d.pool["msisdnId"]
	for _, id := range folios {
		d.pool["portfolioId"] = append(d.pool["portfolioId"], string(id))
	}
	d.pool["parentPortfolioId"], d.pool["portfolios"] = d.pool["portfolioId"], d.pool["portfolioId"]
	for _, way := range []fleet.Way{fleet.Download, fleet.Upload} {
		d.pool["link"] = append(d.pool["link"], d.w.secretOf(d.pool["fileId"][0], way))
	}
	for _, id := range []int{pkgAuto, pkgOther, pkgManual, pkgOperator, pkgForeign, pkgStopped, pkgA} {
		d.pool["packageId"] = append(d.pool["packageId"], strconv.Itoa(id))
	}
	d.pool["attribute"] = []string{"friendlyName", "groupName", "imei", "orderId", "presentationIMSI", ""}
	d.pool["imei"] = []string{"490154203237518"}
	d.pool["title"] = []string{"A", "E", "viewer", "operator", "one"}
	d.pool["sortField"] = []string{"iccId", "name", "status", "imei", "iccId,name"}
	d.pool["matchField"] = []string{"iccId", "name", "friendlyName", "title"}
	d.pool["matchType"], d.pool["sortOrder"] = []string{"S", "e", "C", "x"}, []string{"A", "d", "x", "A,D"}
	d.pool["pageToken"] = []string{"0", "AAAA"}
	d.pool["currencyId"], d.pool["network"] = []string{"GBP", "EUR", "ZZZ"}, []string{"lab", "nowhere", ""}
	d.pool["allowList"] = []string{"192.0.2.0/24", "nonsense"}
}

// rarely is true one time in n.
func (d *drawer) rarely(n int) bool { return rapid.IntRange(1, n).Draw(d.t, "rarely") == 1 }

func (d *drawer) pick(from []string) string {
	return from[rapid.IntRange(0, len(from)-1).Draw(d.t, "pick")]
}

// request draws a request, sends it, and looks at the answer.
func (d *drawer) request(o drawn) {
	path, query := o.path, url.Values{}
	for _, p := range o.params {
		switch p.Value.In {
		case openapi3.ParameterInPath:
			path = strings.Replace(path, "{"+p.Value.Name+"}", url.PathEscape(d.segment(p.Value.Name, p.Value.Schema.Value)), 1)
		case openapi3.ParameterInQuery:
			if p.Value.Required != d.rarely(5) {
				query.Set(p.Value.Name, d.text(p.Value.Name, p.Value.Schema.Value))
			}
		}
	}
	if d.rarely(20) {
		query.Set(d.garbage(), d.garbage())
	}
	body := ""
	if o.op.OperationID == "uploadFile" || o.op.OperationID == "uploadContent" {
		body = d.pick([]string{"iccId,value\n<live>,yes\n<stock>,active\n", "iccId;status\r\n<stock>;active", "\xef\xbb\xbficcId,value\n", "", "\xff\xfei", "a\"b\n1\x00"})
	} else if o.op.RequestBody != nil && !d.rarely(20) {
		v, _ := json.Marshal(d.value("", o.op.RequestBody.Value.Content.Get("application/json").Schema.Value, 0))
		if body = string(v); d.rarely(20) {
			body = body[:len(body)/2]
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	d.send(o, path, body)
}

func (d *drawer) send(o drawn, path, body string) {
	callers := []string{operator, operator, engineer, engineer, admin, viewer, stranger, customer}
	r := d.w.request(d.pick(callers), o.method, path, body)
	if d.rarely(5) {
		r.Header.Set("Idempotency-Key", d.pick([]string{"a", "b", "c"}))
	}
	a := d.w.send(r)
	if a.status >= 500 && a.status != http.StatusNotImplemented {
		d.t.Fatalf("%s %s %s: %d %s", o.method, path, body, a.status, a.body)
	}
	if a.status == http.StatusOK && o.op.OperationID == "changeJob" {
		_, _ = d.w.work().Step(d.w.t.Context())
	}
	if a.status == http.StatusOK {
		d.learn(o, a.body)
	}
}

// learn takes ids and page tokens out of an answer.
func (d *drawer) learn(o drawn, body string) {
	var m map[string]any
	if json.Unmarshal([]byte(body), &m) != nil {
		return
	}
	for name, v := range m {
		if name == "nextPageToken" {
			name = "pageToken"
		} else if !strings.HasSuffix(name, "Id") || o.method != http.MethodPost {
			continue
		}
		if n, ok := v.(float64); ok {
			v = int64(n)
		}
		if len(d.pool[name]) < 50 {
			d.pool[name] = append(d.pool[name], fmt.Sprint(v))
		}
	}
}

// segment draws a part of a path, which cannot be empty.
func (d *drawer) segment(name string, s *openapi3.Schema) string {
	text := strings.NewReplacer("/", "", ".", "").Replace(d.text(name, s))
	if text == "" {
		return "0"
	}
	return text
}

// text draws a parameter.
func (d *drawer) text(name string, s *openapi3.Schema) string {
	if d.rarely(12) {
		return d.garbage()
	}
	if s.Type.Is(openapi3.TypeArray) {
		return d.text(name, s.Items.Value) + d.pick([]string{"", "," + d.text(name, s.Items.Value)})
	}
	return fmt.Sprint(d.value(name, s, 0))
}

func (d *drawer) garbage() string {
	return d.pick([]string{"", " ", "x", "0", "-1", "null", "9223372036854775808", "1e9", "\x00", "é", "' OR 1=1 --", "%", strings.Repeat("9", 300), "<script>", "😀"})
}

// value draws a value of a schema; one in a few steps over its bounds.
func (d *drawer) value(name string, s *openapi3.Schema, depth int) any {
	if d.rarely(25) {
		return d.pickAny([]any{nil, true, 5, -1.5, "x", []any{}, map[string]any{}, map[string]any{"x": 1}})
	}
	if len(s.OneOf) > 0 {
		return d.value(name, s.OneOf[rapid.IntRange(0, len(s.OneOf)-1).Draw(d.t, "branch")].Value, depth)
	}
	if len(s.Enum) > 0 {
		return d.pickAny(s.Enum)
	}
	switch {
	case s.Type.Is(openapi3.TypeObject):
		return d.object(s, depth)
	case s.Type.Is(openapi3.TypeArray):
		out := []any{}
		for range rapid.IntRange(0, 3).Draw(d.t, "length") {
			out = append(out, d.value(name, s.Items.Value, depth+1))
		}
		return out
	case s.Type.Is(openapi3.TypeBoolean):
		return rapid.Bool().Draw(d.t, name)
	case s.Type.Is(openapi3.TypeString):
		return d.string(name, s)
	}
	return d.number(name, s)
}

func (d *drawer) pickAny(from []any) any {
	return from[rapid.IntRange(0, len(from)-1).Draw(d.t, "pick")]
}

func (d *drawer) object(s *openapi3.Schema, depth int) any {
	out := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if slices.Contains(s.Required, name) != d.rarely(10) {
			out[name] = d.value(name, s.Properties[name].Value, depth+1)
		} else if d.rarely(3) {
			out[name] = d.value(name, s.Properties[name].Value, depth+1)
		}
	}
	if d.rarely(25) {
		out[d.garbage()] = 1
	}
	if s.AdditionalProperties.Schema != nil { // the criteria of a collection
		for range rapid.IntRange(0, 2).Draw(d.t, "criteria") {
			name := d.pick([]string{"status", "packageId", "iccId", "adminSuspend", "colour", "pageSize", "activatedDate", "friendlyName"})
			out[name] = d.pickAny([]any{"active", pkgAuto, "yes", string(iccid("live")), "2026-03-02", 1})
		}
	}
	return out
}

// string draws a text: one that means something, one of each form that the
// contract knows, or one at the bounds of its length.
func (d *drawer) string(name string, s *openapi3.Schema) string {
	if known := d.pool[name]; len(known) > 0 && !d.rarely(4) {
		return d.pick(known)
	}
	if s.Pattern != "" && !d.rarely(6) {
		return rapid.StringMatching(strings.ReplaceAll(s.Pattern, `\S`, `[a-z]`)).Draw(d.t, name)
	}
	most := 40
	if s.MaxLength != nil {
		most = int(*s.MaxLength)
	}
	n := d.pickAny([]any{int(s.MinLength), max(0, int(s.MinLength)-1), most, most + 1, rapid.IntRange(0, most).Draw(d.t, "length")}).(int)
	return strings.Repeat(d.pick([]string{"a", "7", "é", "Z", "z z"}), n)[:n]
}

// number draws a number, often at or just over its bounds.
func (d *drawer) number(name string, s *openapi3.Schema) any {
	if known := d.pool[name]; len(known) > 0 && !d.rarely(3) {
		if n, err := strconv.ParseInt(d.pick(known), 10, 64); err == nil {
			return n
		}
	}
	bounds := []any{int64(0), int64(1), int64(7), int64(1) << 40}
	if s.Min != nil {
		bounds = append(bounds, int64(*s.Min), int64(*s.Min)-1)
	}
	if s.Max != nil {
		bounds = append(bounds, int64(*s.Max), int64(*s.Max)+1)
	}
	if s.Type.Is(openapi3.TypeNumber) {
		bounds = append(bounds, 0.5, 0.000001, 0.0000001, 1234567.891)
	}
	return d.pickAny(bounds)
}
