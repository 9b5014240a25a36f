package simapi_test

import (
	"net/http"
	"testing"
)

func TestGetSIM(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(engineer, http.MethodGet, "/sim/<live>", "").has(t, `{"iccId":"<live>","simId":"SIM-live","iccMnoId":350,"iccSpecId":3196,"iccTypeId":47,
		"adminSuspend":"no","systemSuspend":"no","customerSuspend":"no","dataSuspend":"no","messagingSuspend":"no","voiceSuspend":"no",
		"eId":null,"rspId":0,"status":"active","activatedDate":"2026-03-02T12:00:00Z","terminatedDate":"absent","pin1":"absent",
		"attributes":[{"attribute":"friendlyName","value":"Charger 12","status":"active","iccId":"<live>"},{"attribute":"groupName","value":"North"},
			{"attribute":"imei","value":"490154203237518"}],
		"portfolioPackage":{"packageId":6685,"portfolioId":"<A>","contractStartDate":"2026-03-02T12:00:00Z","contractEndDate":"2027-03-02T12:00:00Z"},
		"history":"absent"}`)
	w.call(engineer, http.MethodGet, "/sim/<stock2>", "").has(t, `{"status":"available","eId":"89049032000000000000000000000017","rspId":9,
		"activatedDate":null,"attributes":"absent","portfolioPackage":{"contractStartDate":null,"contractEndDate":null}}`)
	w.call(admin, http.MethodGet, "/sim/<live>", "").has(t, `{"pin1":"1234","puk1":"31415926","pin2":"5678","puk2":"27182818"}`)
	w.call(engineer, http.MethodGet, "/sim/<live>?enrich=title", "").has(t, `{"portfolioPackage":{"packageTitle":"Auto","portfolioTitle":"Portfolio A"}}`)
}
