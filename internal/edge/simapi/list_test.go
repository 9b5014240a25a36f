package simapi_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// page is any page of SIMs.
type page struct {
	PageToken         string
	RequestedPageSize int
	ItemCount         int
	NextPageToken     *string
	Items             []struct{ IccID string }
}

// names lists the SIMs of a page as the world names them.
func (p *page) names() string {
	var out []string
	for _, i := range p.Items {
		for _, name := range sims {
			if string(iccid(name)) == i.IccID {
				out = append(out, name)
			}
		}
	}
	return strings.Join(out, " ")
}

func (w *world) list(as, query string) page {
	w.t.Helper()
	var p page
	w.call(as, http.MethodGet, "/sim?"+query, "").into(w.t, &p)
	if p.ItemCount != len(p.Items) {
		w.t.Errorf("itemCount is %d of %d", p.ItemCount, len(p.Items))
	}
	return p
}

func TestEveryFilter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bar("live2", sim.Data|sim.Voice)
	active := "provisioning live live2 live3 suspended admin system both bare child"
	for query, want := range map[string]string{
		"iccId=<live>":                      "live",
		"iccId=<live>&iccId=<stock>":        "stock live",
		"iccId=<live>,<stock>;iccId=<gone>": "stock live gone",
		"iccId=<foreign>":                   "",
		"iccId=<missing>":                   "",
		"simId=SIM-live":                    "live",
		"simId=<live>":                      "",
		"iccMnoId=351":                      "",
		"iccMnoId=350;status=active":        active,
		"iccSpecId=3197":                    "stock2",
		"iccTypeId=48":                      "stock2",
		"iccTypeId=048":                     "stock2",
		"portfolioId=<C>":                   "child",
		"portfolioId=<B>":                   "",
		"portfolioId=CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC": "child",
		"packageId=6687":                       "waiting review",
		"adminSuspend=yes":                     "admin both",
		"customerSuspend=yes":                  "suspended both",
		"systemSuspend=yes":                    "system",
		"adminSuspend=yes&customerSuspend=no":  "admin",
		"adminSuspend=no&status=active":        "provisioning live live2 live3 suspended system bare child",
		"status=active":                        active,
		"status=available":                     "stock stock2 stock3 waiting review leaving gone closed",
		"status=closed":                        "closed",
		"status=suspended":                     "suspended admin system both",
		"status=awaitingReview":                "review",
		"eId=89049032000000000000000000000017": "stock2",
		"platformId=9":                         "stock2",
		"dataSuspend=yes":                      "live2",
		"voiceSuspend=yes&messagingSuspend=no": "live2",
		"messagingSuspend=yes":                 "",
		"activatedDate=2026-03-02T12:00:00Z":   "live live2 live3 suspended admin system both review leaving gone closed bare child",
		"activatedDate=2026-03-02T13:00:00%2B01:00&status=closed":          "closed",
		"activatedDate=2026-03-02T12:00:01Z":                               "",
		"terminatedDate=2026-03-02T13:00:00Z":                              "gone closed",
		"friendlyName=Charger+12":                                          "live",
		"groupName=North":                                                  "live",
		"imei=490154203237518":                                             "live",
		"imsi=234150000000005":                                             "live",
		"msisdn=447700900005":                                              "live",
		"ipAddress=10.20.0.17":                                             "live",
		"matchField=iccId&matchType=S&iccId=894453850000000&status=closed": "closed",
		"matchField=friendlyName&matchType=c&friendlyName=arge":            "live",
		"matchField=msisdn&matchType=E&msisdn=0017":                        "child",
		"sortField=iccId&sortOrder=D&packageId=6687":                       "review waiting",
		"sortField=msisdn,iccId&sortOrder=d,d&packageId=6687":              "review waiting",
		"sortField=friendlyName&sortOrder=D&status=active&pageSize=1":      "live",
	} {
		got := w.list(engineer, fill(query))
		if got.names() != want {
			t.Errorf("%s: %q, not %q", query, got.names(), want)
		}
	}
	for query, want := range map[string]string{"pin1=1234": "live", "puk1=31415926": "live", "pin2=5678&puk2=27182818": "live", "pin1=4321": "", "pin1=5678": ""} {
		if got := w.list(admin, query); got.names() != want {
			t.Errorf("%s: %q, not %q", query, got.names(), want)
		}
	}
}

// A time that the API shows finds the SIM, whatever fraction of a second was
// stored.
func TestTimesAreToTheSecond(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		w.clock.Pass(1234567 * time.Microsecond)
		w.settle()
		w.call(engineer, http.MethodGet, "/sim/<provisioning>", "").has(t, `{"activatedDate":"2026-03-04T12:00:01Z"}`)
		if got := w.list(engineer, "activatedDate=2026-03-04T12:00:01Z"); got.names() != "provisioning" {
			t.Errorf("%q", got.names())
		}
		if got := w.list(engineer, "terminatedDate=2026-03-04T12:00:01Z&sortField=msisdn"); got.names() != "leaving" {
			t.Errorf("%q", got.names())
		}
	})
}

// What begins with a text is in the order of the field that does, whatever the
// case of its letters, and page by page, unless another order is asked for.
func TestBeginnings(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		for name, label := range map[string]string{"stock": "Pump 3", "stock2": "pump 1", "live": "PUMP 2", "live2": "Pumps", "child": "Pum", "live3": "a pump"} {
			must(w.Fleet.Apply(t.Context(), w.op, iccids(name), func(fleet.Facts) (fleet.Edit, error) { return fleet.Edit{Name: &label}, nil }, nil))
		}
		pumps := "matchField=friendlyName&matchType=S&friendlyName=pump"
		for query, want := range map[string]string{
			pumps:                      "stock2 live stock live2",
			pumps + "&sortField=iccId": "stock stock2 live live2",
			pumps + "&sortField=friendlyName&sortOrder=D": "live2 stock live stock2",
			pumps + "&status=active":                      "live live2",
			strings.Replace(pumps, "=S", "=C", 1):         "stock stock2 live live2 live3",
		} {
			if got := w.list(engineer, query); got.names() != want {
				t.Errorf("%s: %q, not %q", query, got.names(), want)
			}
		}
		first := w.list(engineer, pumps+"&pageSize=3")
		if rest := w.list(engineer, pumps+"&pageToken="+*first.NextPageToken); first.names()+" "+rest.names() != "stock2 live stock live2" {
			t.Errorf("%q and %q", first.names(), rest.names())
		}
	})
}

// bar switches services of a SIM off, which no API does.
func (w *world) bar(name string, s sim.Services) {
	w.exec("UPDATE sim_state SET flags = flags | ? WHERE iccid = ?", int64(s)<<3, iccid(name))
	w.exec("UPDATE sim_tally SET flags = flags | ? WHERE package_id = 6685 AND status = 4 AND flags = 0", int64(s)<<3)
	w.exec(`INSERT INTO sim_tally SELECT portfolio_no, package_id, status, 0, slot, n FROM sim_tally WHERE package_id = 6685 AND status = 4
		AND flags = ?`, int64(s)<<3)
}

func TestBadQueries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for query, code := range map[string]int{
		"pageSize=0": 6006, "pageSize=501": 6006, "pageSize=x": 6006, "pageSize=": 6006, "pageSize=5&pageSize=6": 6006, "pageSize=99999999999999999999": 6006,
		"status=act": 6006, "matchField=status&matchType=S&status=unprovisioned-or-else": 6006, "matchField=status&matchType=S&status=act": 6054,
		"status=on": 6006, "status=": 6006, "adminSuspend=true": 6006, "iccId=x": 6006, "iccId=1": 6006, "eId=1": 6006, "packageId=-1": 6006,
		"activatedDate=yesterday": 6006, "activatedDate=2026-13-01": 6006, "imei=1": 6006, "portfolioId=1": 6006, "a=%zz": 6006,
		"iccId=" + strings.Repeat("8944538500000000017,", 100) + "8944538500000000017": 6006,
		"colour=red": 6014, "Status=active": 6014, "status=active&x=1": 6014,
		"matchField=iccId&matchType=X&iccId=1": 6037, "matchField=iccId&iccId=1": 6037, "matchType=S": 6037, "matchField=iccId&matchType=S,E&iccId=1": 6037,
		"matchField=status&matchType=S&status=active": 6054, "matchField=iccId&matchType=S": 6054, "matchField=iccId,imei&matchType=S,S&iccId=1&imei=1": 6054,
		"matchField=iccId&matchType=S&iccId=1&friendlyName=x": 6054,
		"sortField=iccId&sortOrder=X":                         6055, "sortOrder=A": 6055, "sortField=iccId&sortOrder=A,A": 6055,
		"sortField=status": 6056, "sortField=imei,imsi": 6056, "sortField=imei,iccId&sortOrder=A,D": 6056,
	} {
		w.call(engineer, http.MethodGet, "/sim?"+query, "").fails(t, 400, code)
	}
	w.call(engineer, http.MethodGet, "/sim?pin1=1234", "").fails(t, 403, 6001)
	w.call(viewer, http.MethodGet, "/sim?puk1=31415926", "").fails(t, 403, 6001)
}

// Pages put together are the list, whatever the order; tokens are of one list,
// of one caller, and cannot be made.
func TestPages(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		for _, query := range []string{"", "sortField=imsi&sortOrder=D", "status=active", "sortField=friendlyName", "customerSuspend=no&packageId=6685"} {
			whole := w.list(engineer, query)
			var parts []string
			token := "0"
			for range 20 {
				p := w.list(engineer, query+"&pageSize=4&pageToken="+token)
				if p.PageToken != token || p.RequestedPageSize != 4 {
					t.Errorf("%+v", p)
				}
				parts = append(parts, strings.Fields(p.names())...)
				if p.NextPageToken == nil {
					break
				}
				token = *p.NextPageToken
			}
			if got := strings.Join(parts, " "); got != whole.names() {
				t.Errorf("%s:\n%s, not\n%s", query, got, whole.names())
			}
		}
		if p := w.list(engineer, ""); p.RequestedPageSize != 50 || p.PageToken != "0" || p.NextPageToken != nil || len(p.Items) != len(sims)-1 {
			t.Errorf("%+v", p)
		}
	})
}

func TestPageTokensAreBound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := *w.list(engineer, "status=active&pageSize=2").NextPageToken
	same := w.list(engineer, "pageSize=3;pageToken="+token+";status=active") // the size may change
	if same.names() != "live2 live3 suspended" {
		t.Errorf("%q", same.names())
	}
	forged := []string{token[1:], token[:len(token)-1], token + "A", "AAAA", "1", "x", strings.ToUpper(token), strings.Replace(token, token[30:34], "AAAA", 1),
		url.QueryEscape("=" + token), token[:20]}
	for _, bad := range forged {
		w.call(engineer, http.MethodGet, "/sim?status=active&pageSize=2&pageToken="+bad, "").fails(t, 400, 6006)
	}
	w.call(engineer, http.MethodGet, "/sim?pageSize=2&pageToken="+token, "").fails(t, 400, 6006)               // another list
	w.call(admin, http.MethodGet, "/sim?status=active&pageSize=2&pageToken="+token, "").fails(t, 400, 6006)    // another caller
	w.call(stranger, http.MethodGet, "/sim?status=active&pageSize=2&pageToken="+token, "").fails(t, 400, 6006) // of another portfolio
	w.call(engineer, http.MethodGet, "/sim/<live>/attribute?pageToken="+token, "").fails(t, 400, 6006)         // another path
	w.call(engineer, http.MethodGet, "/iccCollection?status=active&pageToken="+token, "").fails(t, 400, 6006)  // another resource
}

// Both prefixes, with and without a final slash, and what is no path at all.
func TestPaths(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/api/v2/sim", "/api/v2/sim/", "/v2/sim", "/v2/sim/", "/v2/sim/<live>/", "/v2/sim/iccCount", "/api/v2/sim/iccCount/"} {
		r := w.request(engineer, http.MethodGet, "", "")
		r.URL.Path = fill(path)
		if a := w.send(r); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	for _, path := range []string{"/api/v2", "/api/v2/", "/api/v2//sim", "/api/v2/sim//", "/api/v2/x/../sim", "/api/v2/nothing", "/api/v2/sim/<live>/nothing",
		"/api/v2/sim/./<live>", "/api/v2/sims", "/api/v2/SIM"} {
		r := w.request(engineer, http.MethodGet, "", "")
		r.URL.Path = fill(path)
		if a := w.send(r); a.status != http.StatusNotFound || a.code() != 6002 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	for path, allow := range map[string]string{"/sim": "GET", "/sim/<live>": "GET, PATCH", "/sim/<live>/iccSwap": "POST", "/sim/<live>/attribute": "GET, POST",
		"/package/1": "GET, PATCH, DELETE", "/sim/<missing>/pingRequest": "PUT"} {
		for _, method := range []string{http.MethodPost, http.MethodDelete, http.MethodPut, http.MethodPatch, http.MethodGet, http.MethodOptions, "BREW"} {
			if slices.Contains(strings.Split(allow, ", "), method) {
				continue
			}
			a := w.call(engineer, method, path, "")
			a.fails(t, 405, 6003)
			if got := a.header.Get("Allow"); got != allow {
				t.Errorf("%s: Allow is %q, not %q", path, got, allow)
			}
		}
	}
	w.call(engineer, http.MethodGet, "/sim/123", "").fails(t, 400, 6006)
	w.call(engineer, http.MethodGet, "/sim/8944538500000000x17", "").fails(t, 400, 6006)
	w.call(engineer, http.MethodGet, "/sim/<live>/attribute/x", "").fails(t, 400, 6006)
	w.call(engineer, http.MethodGet, "/package/99999999999999999999", "").fails(t, 400, 6006)
}

func TestCounts(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		w.call(engineer, http.MethodGet, "/sim/iccCount", "").has(t, `{"portfolioId":"<A>","total":18,"items":[{"segment":"available","count":8},{"segment":"active","count":10}]}`)
		w.call(engineer, http.MethodGet, "/sim/iccCount?segmentedBy=suspended&portfolioId=<C>", "").has(t, `{"portfolioId":"<C>","total":1,"items":[{"segment":"no","count":1}]}`)
		w.call(engineer, http.MethodGet, "/sim/iccCount?segmentedBy=packageId", "").has(t, `{"total":18,"items":[{"segment":"6685","count":16},{"segment":"6687","count":2}]}`)
		w.call(engineer, http.MethodGet, "/sim/iccCount?segmentedBy=iccTypeId&portfolioId=<A>", "").has(t, `{"total":17,"items":[{"segment":"47","count":16},{"segment":"48","count":1}]}`)
		w.call(engineer, http.MethodGet, "/sim/iccCount?portfolioId=<B>", "").fails(t, 403, 6026)
		w.call(engineer, http.MethodGet, "/sim/iccCount?segmentedBy=colour", "").fails(t, 400, 6006)
		w.call(engineer, http.MethodGet, "/sim/iccStock", "").fails(t, 403, 6001)
		w.call(operator, http.MethodGet, "/sim/iccStock", "").has(t, `{"items":[{"segment":{"iccTypeId":47},"count":2},{"segment":{"iccTypeId":48},"count":1}]}`)
		portal := w.made(operator, "/portal", `{"name":"A's","title":"a","portfolioId":"<A>"}`, "portalId")
		w.call(operator, http.MethodGet, "/sim/iccStock?portalId="+portal, "").has(t, `{"items":[]}`)
		w.call(operator, http.MethodGet, "/sim/iccStock?portalId=<R>", "").has(t, `{"items":[{"count":2},{"count":1}]}`)
		w.call(operator, http.MethodPatch, "/portfolio/<A>", `{"portalId":"`+portal+`"}`).has(t, `{"portalId":"`+portal+`"}`)
		w.call(operator, http.MethodGet, "/sim/iccStock?portalId=<R>", "").has(t, `{"items":[]}`)
		w.call(operator, http.MethodGet, "/sim/iccStock?segmentedBy=portfolioId&iccTypeId=47&portalId="+portal+"&packageId=6685", "").has(t,
			`{"items":[{"segment":{"portfolioId":"<A>"},"count":2}]}`)
		w.call(operator, http.MethodGet, "/sim/iccStock?packageId=1", "").has(t, `{"items":[]}`)
		w.call(operator, http.MethodGet, "/sim/iccStock?portalId=dddddddddddddddddddddddddddddddd", "").fails(t, 403, 6027)
	})
}

func TestManySIMsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var all []string
	for i := range 100 {
		all = append(all, fmt.Sprintf("%019d", i))
	}
	all[50] = string(iccid("live"))
	if got := w.list(engineer, "iccId="+strings.Join(all, ",")); got.names() != "live" {
		t.Errorf("%q", got.names())
	}
}
