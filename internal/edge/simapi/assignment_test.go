package simapi_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

func TestAssignment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.sim("live").ID
	w.call(viewer, http.MethodGet, "/sim/<live>/iccPortfolioPackage", "").has(t, fmt.Sprintf(`{"iccPortfolioPackageId":%d,"iccId":"<live>","portfolioId":"<A>",
		"portfolioStartDate":"2026-03-02T12:00:00Z","packageId":6685,"packageStartDate":"2026-03-02T12:00:00Z","contractStartDate":"2026-03-02T12:00:00Z",
		"contractEndDate":"2027-03-02T12:00:00Z","status":"active"}`, id))
	w.call(engineer, http.MethodPatch, "/sim/<live>/iccPortfolioPackage", `{"packageId":6686}`).has(t,
		`{"packageId":6686,"packageStartDate":"2026-03-04T12:00:00Z","portfolioStartDate":"2026-03-02T12:00:00Z","contractStartDate":"2026-03-02T12:00:00Z"}`)
	w.clock.Pass(30 * time.Minute)
	w.call(engineer, http.MethodPatch, fmt.Sprintf("/iccPortfolioPackage/%d", id), `{"portfolioId":"<C>"}`).has(t,
		`{"portfolioId":"<C>","portfolioStartDate":"2026-03-04T12:30:00Z","packageStartDate":"2026-03-04T12:00:00Z"}`)
	w.call(customer, http.MethodGet, "/sim/<live>/iccPortfolioPackage", "").has(t, `{"portfolioId":"<C>"}`)
	w.call(customer, http.MethodPatch, "/sim/<live>/iccPortfolioPackage", `{"portfolioId":"<A>"}`).fails(t, 403, 6026) // upwards
	w.call(engineer, http.MethodPatch, "/sim/<live>/iccPortfolioPackage", `{"portfolioId":"<A>","packageId":6685}`).has(t, `{"portfolioId":"<A>","packageId":6685}`)

	for body, code := range map[string]int{`{}`: 6017, `{"packageId":null}`: 16004, `{"packageId":6685}`: 6017, `{"packageId":6690}`: 16006, `{"status":"active"}`: 6014,
		`{"packageId":"x"}`: 6006} {
		w.call(engineer, http.MethodPatch, "/sim/<live>/iccPortfolioPackage", body).fails(t, 400, code)
		w.call(engineer, http.MethodPatch, fmt.Sprintf("/iccPortfolioPackage/%d", id), body).fails(t, 400, code)
	}
	w.call(engineer, http.MethodPatch, "/sim/<suspended>/iccPortfolioPackage", `{"packageId":6686}`).fails(t, 400, 16000)
	w.call(viewer, http.MethodPatch, "/sim/<live>/iccPortfolioPackage", `{"packageId":6686}`).fails(t, 403, 6001)
	w.call(engineer, http.MethodPatch, "/iccPortfolioPackage/1", `{"packageId":6686}`).fails(t, 404, 6002)
	w.call(engineer, http.MethodPatch, fmt.Sprintf("/iccPortfolioPackage/%d", w.sim("foreign").ID), `{"packageId":6686}`).fails(t, 404, 6002)
	w.unpack("bare")
	w.call(engineer, http.MethodGet, "/sim/<bare>/iccPortfolioPackage", "").fails(t, 400, 16001)
	w.call(engineer, http.MethodGet, "/sim/<bare>/iccContract", "").fails(t, 400, 16001)
}

func TestContracts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(engineer, http.MethodGet, "/sim/<live>/iccContract", "").has(t, `{"iccId":"<live>","packageId":6685,"portfolioId":"<A>","contractStartDate":"2026-03-02T12:00:00Z",
		"contractEndDate":"2027-03-02T12:00:00Z","contractPeriod":12,"billingPeriod":1,"price":1.5,"currency":"GBP","inContract":"yes"}`)
	w.call(engineer, http.MethodGet, "/sim/<live>/iccContract?requestDateTime=2027-03-02T12:00:00Z", "").has(t, `{"inContract":"no"}`)
	w.call(engineer, http.MethodGet, "/sim/<live>/iccContract?requestDateTime=2026-03-02", "").has(t, `{"inContract":"no"}`)
	w.call(engineer, http.MethodGet, "/sim/<stock>/iccContract", "").has(t, `{"contractStartDate":null,"contractEndDate":null,"inContract":"no"}`)
	w.call(engineer, http.MethodGet, "/sim/<stock>/iccContract?requestDateTime=now", "").fails(t, 400, 6006)
}

func TestSwap(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		limit, lock := int64(500), ident.IMEI("490154203237518")
		w.edit(fleet.Edit{DataLimit: &limit, IMEILock: &lock}, "live")
		old, stock := w.sim("live"), w.sim("stock")
		w.add("orderId", "5791")
		w.call(engineer, http.MethodPost, "/sim/<live>/iccSwap", `{"newIccId":"<stock>","msisdn":`+string(old.MSISDN)+`,"preserveContract":true}`).has(t, `{"iccId":"<stock>",
			"status":"active","portfolioPackage":{"packageId":6685,"portfolioId":"<A>","contractStartDate":"2026-03-02T12:00:00Z","contractEndDate":"2027-03-02T12:00:00Z"},
			"attributes":[{"attribute":"friendlyName","value":"Charger 12"},{"attribute":"groupName","value":"North"},{"attribute":"imei"},{"attribute":"orderId","value":"5791","iccId":"<stock>"}]}`)
		w.call(engineer, http.MethodGet, "/sim/<live>", "").has(t, `{"status":"available","attributes":"absent","portfolioPackage":{"contractStartDate":null}}`)
		gone, fresh := w.sim("live"), w.sim("stock")
		if fresh.MSISDN != old.MSISDN || gone.MSISDN != stock.MSISDN || fresh.IP != old.IP || gone.IP.IsValid() || fresh.Name != old.Name || gone.Name != "" ||
			fresh.DataLimit != limit || gone.DataLimit != 0 || fresh.IMEILock != lock || gone.IMEILock != "" {
			t.Errorf("new %+v\nold %+v", fresh, gone)
		}
		w.settle()
		if fresh, gone := w.sim("stock"), w.sim("live"); fresh.Status() != sim.StatusProvisioned || gone.Status() != sim.StatusUnprovisioned {
			t.Errorf("new %s, old %s", fresh.Status(), gone.Status())
		}
		if got := w.list(engineer, "msisdn="+string(old.MSISDN)); got.names() != "stock" {
			t.Errorf("the number leads to %q", got.names())
		}
		w.call(engineer, http.MethodPost, "/sim/<live2>/iccSwap", `{"newIccId":"<stock2>","preserveContract":false}`).has(t, `{"portfolioPackage":{"contractStartDate":null}}`)
		w.settle()
		w.call(engineer, http.MethodGet, "/sim/<stock2>", "").has(t, `{"portfolioPackage":{"contractStartDate":"2026-03-04T12:00:00Z"}}`)
		check(w.DB.Check(t.Context()))
	})
}

func TestBadSwaps(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give(sim.SuspendCustomer, "stock3")
	for _, c := range []struct {
		as, sim, body string
		status, code  int
	}{
		{engineer, "live", `{"newIccId":"<missing>"}`, 404, 6002},
		{engineer, "live", `{"newIccId":"<foreign>"}`, 404, 6002},
		{engineer, "live", `{"newIccId":"123"}`, 400, 6006},
		{engineer, "live", `{}`, 400, 6006},
		{engineer, "live", `{"newIccId":"<live>"}`, 400, 6014},
		{engineer, "live", `{"newIccId":"<live2>"}`, 400, 6046},
		{engineer, "live", `{"newIccId":"<gone>"}`, 400, 6046},
		{engineer, "live", `{"newIccId":"<stock3>"}`, 400, 16000},
		{engineer, "suspended", `{"newIccId":"<stock>"}`, 400, 16000},
		{engineer, "stock2", `{"newIccId":"<stock>"}`, 400, 6046},
		{engineer, "leaving", `{"newIccId":"<stock>"}`, 400, 6046},
		{engineer, "live", `{"newIccId":"<stock>","msisdn":"447700999999"}`, 404, 16008},
		{engineer, "live", `{"newIccId":"<stock>","colour":1}`, 400, 6014},
		{viewer, "live", `{"newIccId":"<stock>"}`, 403, 6001},
	} {
		before := must(w.Fleet.SIMs(t.Context(), w.op, all))
		w.call(c.as, http.MethodPost, "/sim/<"+c.sim+">/iccSwap", c.body).fails(t, c.status, c.code)
		if after := must(w.Fleet.SIMs(t.Context(), w.op, all)); !same(before, after) {
			t.Errorf("%s %s changed something", c.sim, c.body)
		}
	}
	w.unpack("bare")
	w.call(engineer, http.MethodPost, "/sim/<bare>/iccSwap", `{"newIccId":"<stock>"}`).fails(t, 404, 6002)
}
