package tigrillo_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/edge/tigrillo"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// live is the whole of one SIM, as the contract's sample has it.
const liveSIM = `{"status":{"status":"OK","errorCode":"","errorMessage":""},"totRecs":1,"sims":[{
	"MSISDN":447700900006,"simID":"<live>","friendlyName":"SIM live","MEID":null,"ICCID":"<live>","IMSI":234150000000006,
	"DataUsage":524288,"DataDate":"2025-03-04 02:00:00","ipAddress":"10.20.0.17","group":"North","LastMCC":"234","LastMNC":"15",
	"LastRadiusStart":"2025-03-04 01:10:00","LastRadiusStop":"2025-03-04 01:42:10","PackageID":20417,"Activated":"2025-03-02 12:00:00",
	"OutOfService":null,"status":"provisioned","statusReason":null,"alert":"","controls":"US","dataMSISDN":null,
	"localMSISDN":447700900006,"mappedMSISDN":null}]}`

// stockSIM has never done anything and has no label.
const stockSIM = `{"status":{"status":"OK","errorCode":"","errorMessage":""},"totRecs":3,"sims":[{
	"MSISDN":447700900001,"simID":"<stock2>","friendlyName":null,"MEID":null,"ICCID":"<stock2>","IMSI":234150000000001,
	"DataUsage":0,"DataDate":null,"ipAddress":null,"group":null,"LastMCC":null,"LastMNC":null,
	"LastRadiusStart":null,"LastRadiusStop":null,"PackageID":20417,"Activated":null,
	"OutOfService":null,"status":"available","statusReason":null,"alert":"","controls":"","dataMSISDN":null,
	"localMSISDN":447700900001,"mappedMSISDN":null}]}`

func TestGetSIMsShape(t *testing.T) {
	t.Parallel()
	play(t, []scenario{
		{name: "live", method: "getSIMs", body: `{"searchCriteria":{"group":"North"}}`, want: liveSIM},
		{name: "unset", method: "getSIMs", body: `{"searchCriteria":{"state":"available","tariff":20417},"startRec":1,"numRecs":1}`, want: stockSIM},
		{name: "none", method: "getSIMs", body: `{"searchCriteria":{"group":"South"}}`,
			want: `{"status":{"status":"OK","errorCode":"","errorMessage":""},"totRecs":0,"sims":[]}`},
	})
}

type found struct {
	Total int `json:"totRecs"`
	SIMs  []struct {
		ICCID, Status                         string
		StatusReason, Activated, OutOfService *string
		Controls                              string
	} `json:"sims"`
}

// list returns the names of the SIMs on the page.
func (w *world) list(as, body string) (names []string, f found) {
	w.t.Helper()
	a := w.call(as, "getSIMs", body)
	if errorCode(a) != "" {
		w.t.Errorf("%s: %s", body, a.body)
	}
	if strings.Contains(a.body, `"null"`) {
		w.t.Errorf("the text null in %s", a.body)
	}
	check(json.Unmarshal([]byte(a.body), &f))
	for _, s := range f.SIMs {
		for _, name := range sims {
			if string(iccid(name)) == s.ICCID {
				names = append(names, name)
			}
		}
	}
	return names, f
}

func TestGetSIMsFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	match := func(text, how, in string) string {
		return fmt.Sprintf(`{"searchCriteria":{"matchString":%q,"matchType":%q,"matchFields":%s},"numRecs":100}`, text, how, in)
	}
	state := func(s string) string { return fmt.Sprintf(`{"searchCriteria":{"state":%q},"numRecs":"100"}`, s) }
	visible := sims[:len(sims)-1]
	for body, want := range map[string][]string{
		`{"numRecs":100}`:                       visible,
		`{"numRecs":100,"searchCriteria":null}`: visible,
		`{"numRecs":100,"searchCriteria":[]}`:   visible,
		`{"numRecs":100,"searchCriteria":{"state":"","group":"","tariff":"","matchString":"","matchType":"","matchFields":""}}`:             visible,
		`{"numRecs":100,"searchCriteria":{"state":null,"group":null,"tariff":null,"matchString":null,"matchType":null,"matchFields":null}}`: visible,
		`{"numRecs":100,"searchCriteria":{"matchType":"S","matchFields":"F"}}`:                                                              visible,
		state("available"):                                                    {"stock", "stock2", "esim", "slow"},
		state("pendingProvision"):                                             {"waiting", "provisioning"},
		state("provisioned"):                                                  {"live", "live2", "suspending", "child"},
		state("suspended"):                                                    {"suspended", "admin", "system", "both"},
		state("pendingDeprovision"):                                           {"review", "leaving"},
		state("unprovisioned"):                                                {"gone", "closed"},
		`{"searchCriteria":{"group":"North"}}`:                                {"live"},
		`{"searchCriteria":{"group":"north"}}`:                                nil,
		`{"searchCriteria":{"tariff":20419}}`:                                 {"slow", "waiting", "review"},
		`{"searchCriteria":{"tariff":"20419"}}`:                               {"slow", "waiting", "review"},
		`{"searchCriteria":{"tariff":"20419","state":"available"}}`:           {"slow"},
		`{"searchCriteria":{"tariff":1}}`:                                     nil,
		`{"searchCriteria":{"tariff":-1}}`:                                    nil,
		match("SIM live", "S", `"F"`):                                         {"live", "live2"},
		match("SIM live", "M", `"FriendlyName"`):                              {"live"},
		match("sim LIVE", "M", `["FriendlyName"]`):                            {"live"},
		match("ending", "E", `"F"`):                                           {"suspending"},
		match("uspend", "C", `"F"`):                                           {"suspended", "suspending"},
		match("SIM live", "S", `"I"`):                                         nil,
		match("06", "E", `"I"`):                                               nil,
		match("06", "E", `"S"`):                                               {"live"},
		match("06", "E", `"IMSI"`):                                            {"live"},
		match("06", "E", `"M"`):                                               {"live"},
		match("06", "E", `"IF"`):                                              nil,
		match("06", "E", `"IFM"`):                                             {"live"},
		match("06", "E", `["I","F","M"]`):                                     {"live"},
		match("06", "E", `["ICCID","MSISDN"]`):                                {"live"},
		match("06", "E", `"ICCID,MSISDN"`):                                    {"live"},
		match("06", "E", `"ICCID, MSISDN"`):                                   {"live"},
		match("10.20", "S", `"A"`):                                            {"live"},
		match("10.20", "S", `"IP Address"`):                                   {"live"},
		match("490154", "S", `"E"`):                                           nil,
		match("%", "C", `"F"`):                                                nil,
		match("_", "C", `"F"`):                                                nil,
		match(`" OR 1=1 --`, "C", `"FI"`):                                     nil,
		match("😀", "C", `"F"`):                                                nil,
		match(",", "C", `"F"`):                                                nil,
		`{"SEARCHCRITERIA":{"state":"x"},"numRecs":100,"searchcriteria":[1]}`: visible,
		`{"numRecs":100,"searchCriteria":{"state":"x","state":"available"}}`:  {"stock", "stock2", "esim", "slow"},
		`{"searchCriteria":{"state":"suspended"},"sortOrder":null,"unknown":[1,2]}`: {"suspended", "admin", "system", "both"},
	} {
		names, f := w.list(engineer, body)
		searches := strings.Contains(body, `"matchString":"`) && !strings.Contains(body, `"matchString":""`)
		if !slices.Equal(names, want) || (!searches && f.Total != len(want)) {
			t.Errorf("%s: %v of %d, not %v", body, names, f.Total, want)
		}
	}
	if names, _ := w.list(customer, ""); !slices.Equal(names, []string{"child"}) {
		t.Errorf("the customer sees %v", names)
	}
	if names, _ := w.list(stranger, ""); !slices.Equal(names, []string{"foreign"}) {
		t.Errorf("the stranger sees %v", names)
	}
}

// TestGetSIMsTotalOfASearch: totRecs counts what matches, whatever the page.
func TestGetSIMsTotalOfASearch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for body, want := range map[string]int{
		`{"searchCriteria":{"matchString":"SIM live","matchType":"S","matchFields":"F"},"numRecs":1}`:                        2,
		`{"searchCriteria":{"matchString":"SIM live","matchType":"M","matchFields":"F"}}`:                                    1,
		`{"searchCriteria":{"matchString":"no such thing","matchType":"C","matchFields":"FI"}}`:                              0,
		`{"searchCriteria":{"matchString":"us","matchType":"C","matchFields":"F"},"startRec":2,"sortOrder":"F"}`:             2,
		`{"searchCriteria":{"matchString":"SIM","matchType":"S","matchFields":"F","state":"unprovisioned"},"sortOrder":"F"}`: 2,
	} {
		if _, f := w.list(engineer, body); f.Total != want {
			t.Errorf("%s: a total of %d, not %d", body, f.Total, want)
		}
	}
}

func TestGetSIMsOrderAndPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	visible := sims[:len(sims)-1]
	backward := slices.Clone(visible)
	slices.Reverse(backward)
	byName := slices.Clone(visible)
	slices.SortFunc(byName, func(a, b string) int {
		name := map[string]string{"stock2": ""}
		for _, n := range visible {
			if n != "stock2" {
				name[n] = "SIM " + n
			}
		}
		return strings.Compare(name[a], name[b])
	})
	for body, want := range map[string][]string{
		``:                                              visible[:10],
		`{"numRecs":null}`:                              visible[:10],
		`{"numRecs":0}`:                                 visible[:10],
		`{"numRecs":"0"}`:                               visible[:10],
		`{"numRecs":""}`:                                visible[:10],
		`{"numRecs":3}`:                                 visible[:3],
		`{"numRecs":"3"}`:                               visible[:3],
		`{"numRecs":3,"startRec":2}`:                    visible[2:5],
		`{"numRecs":"3","startRec":"2"}`:                visible[2:5],
		`{"numRecs":5,"startRec":16}`:                   visible[16:],
		`{"startRec":18}`:                               nil,
		`{"startRec":2147483647}`:                       nil,
		`{"numRecs":2147483647}`:                        visible,
		`{"numRecs":50,"sortOrder":"I"}`:                visible,
		`{"numRecs":50,"sortOrder":""}`:                 visible,
		`{"numRecs":50,"sortOrder":"IA"}`:               visible,
		`{"numRecs":50,"sortOrder":"ID"}`:               backward,
		`{"numRecs":50,"sortOrder":"ICCID D"}`:          backward,
		`{"numRecs":50,"sortOrder":"ICCIDD"}`:           backward,
		`{"numRecs":50,"sortOrder":"SD"}`:               backward,
		`{"numRecs":50,"sortOrder":"IMSID"}`:            backward,
		`{"numRecs":50,"sortOrder":"MSISDND"}`:          backward,
		`{"numRecs":50,"sortOrder":"F"}`:                byName,
		`{"numRecs":50,"sortOrder":"FA"}`:               byName,
		`{"numRecs":50,"sortOrder":"FriendlyNameA"}`:    byName,
		`{"numRecs":4,"sortOrder":"FA","startRec":"5"}`: byName[5:9],
		`{"numRecs":1,"sortOrder":"AD"}`:                {"live"},
		`{"numRecs":1,"sortOrder":"IP AddressD"}`:       {"live"},
	} {
		names, f := w.list(engineer, body)
		if !slices.Equal(names, want) || f.Total != len(visible) {
			t.Errorf("%s: %v of %d, not %v", body, names, f.Total, want)
		}
	}
}

func TestGetSIMsStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, f := w.list(engineer, `{"numRecs":100}`)
	want := map[string][3]string{ // status, reason, controls
		"stock": {"available", "", ""}, "stock2": {"available", "", ""}, "esim": {"available", "", ""}, "slow": {"available", "", ""},
		"waiting": {"pendingProvision", "", ""}, "provisioning": {"pendingProvision", "", ""},
		"live": {"provisioned", "", "US"}, "live2": {"provisioned", "", "US"}, "child": {"provisioned", "", "US"},
		"suspended": {"suspended", "customer", ""}, "suspending": {"provisioned", "", "US"},
		"admin": {"suspended", "", ""}, "system": {"suspended", "profile", ""}, "both": {"suspended", "", ""},
		"review": {"pendingDeprovision", "", ""}, "leaving": {"pendingDeprovision", "", ""},
		"gone": {"unprovisioned", "customer", ""}, "closed": {"unprovisioned", "", ""},
	}
	for _, s := range f.SIMs {
		for name, w := range want {
			if string(iccid(name)) != s.ICCID {
				continue
			}
			reason := ""
			if s.StatusReason != nil {
				reason = *s.StatusReason
			}
			if got := [3]string{s.Status, reason, s.Controls}; got != w {
				t.Errorf("%s is %q, not %q", name, got, w)
			}
			if over := name == "gone" || name == "closed"; (s.OutOfService != nil) != over {
				t.Errorf("%s is out of service: %v", name, s.OutOfService)
			}
			delete(want, name)
		}
	}
	if len(want) > 0 {
		t.Errorf("not listed: %v", want)
	}
}

// TestSuspendingShowsAsConfigured: a SIM whose suspension is on its way is shown
// as the server was told, and found by what is shown.
func TestSuspendingShowsAsConfigured(t *testing.T) {
	t.Parallel()
	for shown, want := range map[sim.Status]struct{ state, reason, controls string }{
		0:                        {"provisioned", "", "US"},
		sim.StatusProvisioned:    {"provisioned", "", "US"},
		sim.StatusSuspended:      {"suspended", "customer", ""},
		sim.StatusDeprovisioning: {"pendingDeprovision", "", ""},
	} {
		w := newWorld(t, func(o *tigrillo.Options) { o.Suspending = shown })
		for _, state := range []string{"provisioned", "suspended", "pendingDeprovision"} {
			names, f := w.list(engineer, fmt.Sprintf(`{"searchCriteria":{"state":%q},"numRecs":100}`, state))
			if f.Total != len(names) {
				t.Errorf("%d SIMs are counted, %d listed", f.Total, len(names))
			}
			at := slices.Index(names, "suspending")
			if (at >= 0) != (state == want.state) {
				t.Errorf("shown as %s: among the %s: %v", want.state, state, names)
			}
			if at < 0 {
				continue
			}
			s, reason := f.SIMs[at], ""
			if s.StatusReason != nil {
				reason = *s.StatusReason
			}
			if s.Status != want.state || reason != want.reason || s.Controls != want.controls {
				t.Errorf("shown as %s: %q, %q, %q", want.state, s.Status, reason, s.Controls)
			}
		}
		w.settle() // the network agrees
		if names, _ := w.list(engineer, `{"searchCriteria":{"state":"suspended"},"numRecs":100}`); !slices.Contains(names, "suspending") {
			t.Errorf("suspended at last: %v", names)
		}
	}
}

// TestOutOfServiceEndsWithANewLife: a SIM that is back is in service.
func TestOutOfServiceEndsWithANewLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	same(t, w.call(engineer, "activateSIMs", `{"sims":[{"ICCID":"<gone>"}]}`).body, statuses("gone", `{"status":"AUTO"}`))
	w.settle()
	_, f := w.list(engineer, `{"searchCriteria":{"matchString":"<gone>","matchType":"M","matchFields":"I"}}`)
	if s := f.SIMs[0]; s.Status != "provisioned" || s.OutOfService != nil || *s.Activated != "2025-03-04 12:00:00" {
		t.Errorf("%+v", s)
	}
}
