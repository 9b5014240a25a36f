package simapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/api"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// provoked is an error code of the field's catalogue, and what brings it up.
type provoked struct {
	code, status       int
	as, method, target string
	body               string
	before             func(*world) // nil for nothing
}

// provocations bring up every code that can occur, each in a world of its own
// state; those that change it come last.
var provocations = []provoked{
	{6001, 403, viewer, "PATCH", "/sim/<live>", `{"status":"available"}`, nil},
	{6002, 404, engineer, "GET", "/sim/<missing>", "", nil},
	{6003, 405, engineer, "DELETE", "/sim/<live>", "", nil},
	{6006, 400, engineer, "PATCH", "/sim/<live>", `{"status":"on"}`, nil},
	{6007, 400, engineer, "PATCH", "/sim/<closed>", `{"status":"active"}`, nil},
	{6009, 403, stranger, "GET", "/sim", "", func(w *world) { w.allow(stranger, "B", "192.0.2.99") }},
	{6014, 400, engineer, "GET", "/sim?colour=red", "", nil},
	{6017, 400, engineer, "PATCH", "/sim/<live>", `{}`, nil},
	{6023, 400, operator, "DELETE", "/package/6692", "", func(w *world) { w.call(operator, "DELETE", "/package/6692", "") }},
	{6026, 403, engineer, "PATCH", "/sim/<live>", `{"portfolioId":"<B>"}`, nil},
	{6027, 403, operator, "GET", "/sim/iccStock?portalId=dddddddddddddddddddddddddddddddd", "", nil},
	{6037, 400, engineer, "GET", "/sim?matchField=iccId&matchType=X&iccId=1", "", nil},
	{6045, 400, operator, "PATCH", "/portfolio/<A>", `{"allowList":["x"]}`, nil},
	{6046, 400, operator, "DELETE", "/package/6685", "", nil},
	{6047, 400, engineer, "PATCH", "/sim/<live>", `{"status":"active"}`, nil},
	{6048, 400, operator, "PATCH", "/sim/<live>", `{"systemSuspend":"yes"}`, nil},
	{6049, 400, operator, "PATCH", "/portfolio/<R>", `{"status":"deleted"}`, nil},
	{6050, 400, operator, "POST", "/portfolio", portfolioInput(`"name":"x","title":"one"`), func(w *world) { w.call(operator, "POST", "/portfolio", portfolioInput(`"name":"x","title":"one"`)) }},
	{6052, 400, operator, "POST", "/package", `{"name":"x","portfolios":["<A>"],"packageId":6685}`, nil},
	{6053, 400, engineer, "POST", "/sim/<live>/attribute", `{"attribute":""}`, nil},
	{6054, 400, engineer, "GET", "/sim?matchField=status&matchType=S&status=active", "", nil},
	{6055, 400, engineer, "GET", "/sim?sortField=iccId&sortOrder=X", "", nil},
	{6056, 400, engineer, "GET", "/sim?sortField=status", "", nil},
	{14001, 400, engineer, "POST", "/iccCollection", `{"name":"x","title":"x","portfolioId":"<A>","iccCollectionCriteria":{"status":"active"},"iccList":[]}`, nil},
	{14002, 400, engineer, "POST", "/iccCollection/<collection>/icc", `{"iccList":[]}`, nil},
	{14003, 400, engineer, "POST", "/iccCollection/<collection>/icc", `{"iccList":[{"iccId":"<foreign>"}]}`, nil},
	{16000, 400, engineer, "PATCH", "/sim/<suspended>", `{"status":"available"}`, nil},
	{16002, 400, engineer, "POST", "/sim/<live>/attribute", `{"attribute":"friendlyName","value":"x"}`, nil},
	{16004, 400, engineer, "PATCH", "/sim/<live>", `{"packageId":null}`, nil},
	{16005, 400, engineer, "PATCH", "/sim/<live>", `{"portfolioId":"<C>","packageId":6691}`, nil},
	{16006, 400, engineer, "PATCH", "/sim/<live>", `{"packageId":6690}`, nil},
	{16007, 400, engineer, "PATCH", "/sim/<live>", `{"packageId":6688}`, nil},
	{16008, 404, engineer, "PUT", "/sim/msisdn/447700999999/smsRequest", `{"message":"x"}`, nil},
	{16001, 400, engineer, "PATCH", "/sim/<bare>", `{"packageId":6686}`, func(w *world) { w.unpack("bare") }},
	{6013, 400, operator, "POST", "/package/6691/packagePortfolio", `{"portfolioId":"<euro>"}`, nil},
	{16003, 400, engineer, "PATCH", "/sim/<live>", `{"portfolioId":"<C>"}`, func(w *world) {
		must(w.Fleet.ChangePortfolio(w.t.Context(), w.op, folios["C"], func(p *tenant.Portfolio) error { p.Status = tenant.Deleted; return nil }))
	}},
	{6005, 501, engineer, "PUT", "/sim/<live>/wgetRequest", `{"path":"/"}`, func(w *world) { w.rewire(fleet.Options{}, new(error)) }},
	{6004, 500, engineer, "GET", "/sim/<live>/iccContract", "", func(w *world) {
		broken := errors.New("a detail")
		w.rewire(fleet.Options{}, &broken)
	}},
}

// cannot says of the other codes of the catalogue why they do not occur.
var cannot = map[string]string{
	"6008":                         "a call without a session is 401, whose body has no code",
	"6010":                         "programs sign in with a secret; there is no second factor to be on",
	"6011, 6015, 6016, 6020, 6021": "queries and faults inside the server: 6004, without a word of the inside",
	"6022, 6029, 6030, 6031, 6032": "likewise",
	"6033, 6034, 6035":             "likewise",
	"6012, 6018, 6019":             "more than one row, or trouble with a deletion: keys and transactions rule them out; else 6004",
	"6024":                         "a permission that is missing is 6001",
	"6025":                         "what lies outside the sphere looks missing: 6002, so that it cannot be probed",
	"6051":                         "nothing asked of a portfolio here needs it to have users",
	"14004, 14005":                 "collections keep no snapshot files",
	"16009":                        "a number on another's portfolio looks missing: 16008",
}

// Every error code of the catalogue is provoked, or cannot occur; the contract
// lists those that can, with their HTTP status.
func TestEveryErrorCodeOccurs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	collection := strings.TrimPrefix(w.collection(`{"name":"t","title":"t","portfolioId":"<A>","iccList":[{"iccId":"<live>"}]}`), "/iccCollection/")
	euro := w.made(operator, "/portfolio", portfolioInput(`"name":"Euro","currencyId":"EUR"`), "portfolioId")
	known := strings.NewReplacer("<collection>", collection, "<euro>", euro)
	for _, p := range provocations {
		if p.before != nil {
			p.before(w)
		}
		a := w.call(p.as, p.method, known.Replace(p.target), known.Replace(p.body))
		if a.fails(t, p.status, p.code); t.Failed() {
			t.Fatalf("%s %s %s", p.method, p.target, p.body)
		}
	}
	documented := documentedCodes(t)
	var occurs []int
	for _, p := range provocations {
		if occurs = append(occurs, p.code); !slices.Contains(documented[p.code], p.status) {
			t.Errorf("the contract does not say that %d comes with the status %d", p.code, p.status)
		}
	}
	if len(documented) != len(occurs) {
		t.Errorf("the contract lists %d codes, of which %d are provoked", len(documented), len(occurs))
	}
	for _, code := range catalogue() {
		reason := ""
		for codes, why := range cannot {
			if slices.Contains(strings.Split(codes, ", "), strconv.Itoa(code)) {
				reason = why
			}
		}
		if (reason != "") == slices.Contains(occurs, code) {
			t.Errorf("%d: provoked %t, and cannot occur: %q", code, slices.Contains(occurs, code), reason)
		}
	}
}

// catalogue are the codes that clients of this API know.
func catalogue() []int {
	var out []int
	for _, span := range [][2]int{{6001, 6027}, {6029, 6035}, {6037, 6037}, {6045, 6056}, {14001, 14005}, {16000, 16009}} {
		for code := span[0]; code <= span[1]; code++ {
			out = append(out, code)
		}
	}
	return out
}

// documentedCodes reads the contract's table: the statuses of each code.
func documentedCodes(t *testing.T) map[int][]int {
	t.Helper()
	out := map[int][]int{}
	numbers := func(s string) (out []int) {
		for n := range strings.SplitSeq(s, ", ") {
			out = append(out, must(strconv.Atoi(n)))
		}
		return out
	}
	for _, row := range regexp.MustCompile(`(?m)^ +\| ([0-9, ]+) \| \w+ \| ([0-9, ]+) \|`).FindAllStringSubmatch(string(api.SIMAPI), -1) {
		for _, code := range numbers(row[1]) {
			out[code] = numbers(row[2])
		}
	}
	return out
}

// allow lets a program call from one address alone, which the tests do not.
func (w *world) allow(name, folio, address string) {
	w.t.Helper()
	body := fmt.Sprintf(`{"allowList":[%q]}`, address)
	w.call(operator, http.MethodPatch, "/portfolio/<"+folio+">/serviceAccount/"+w.secrets[name].id, body).has(w.t, `{}`)
}
