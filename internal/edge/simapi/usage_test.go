package simapi_test

import (
	"net/http"
	"testing"
)

func TestSnapshots(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(viewer, http.MethodGet, "/sim/<live>/billingSnapshot", "").has(t, `{"iccId":"<live>","simId":"SIM-live","price":1.5,"portfolioPackage":{"portfolioId":"<A>","packageId":6685},
		"packageItemCategory":[{"packageItemCategoryId":105,"title":"Data","amount":520000,"updateTime":"2026-03-04T02:00:00Z"},
			{"packageItemCategoryId":122,"title":"SMS","amount":2},{"packageItemCategoryId":133,"title":"Voice","amount":138},
			{"packageItemCategoryId":130,"title":"USSD","amount":null,"updateTime":null},{"packageItemCategoryId":106,"title":"message","amount":null}],
		"attributes":[{"attribute":"friendlyName"},{},{}]}`)
	w.call(viewer, http.MethodGet, "/sim/<live>/networkSnapshot", "").has(t, `{"iccId":"<live>","network":{"imsi":"234150000000005","rat":"LTE","mcc":"234","mnc":"15","updateTime":"2026-03-04T01:12:00Z"},
		"device":{"imei":"490154203237518","updateTime":"2026-03-04T01:13:00Z"},"location":{"lat":"51.20","lon":"-0.58","updateTime":"2026-03-04T01:10:00Z"},
		"data":{"apn":"example.apn","ip":"10.20.0.17","username":"pump7@example.test","startTime":"2026-03-04T01:10:00Z","stopTime":"2026-03-04T01:42:10Z"},
		"portfolioPackage":{"packageId":6685}}`)
	w.call(viewer, http.MethodGet, "/sim/<stock>/networkSnapshot", "").has(t, `{"network":{"imsi":null,"updateTime":null},"data":{"apn":null},"location":{"lat":null},"attributes":"absent"}`)
	w.call(viewer, http.MethodGet, "/sim/<live>/location", "").has(t, `{"iccId":"<live>","lat":"51.20","lon":"-0.58","radius":null,"countryCode":null,"source":"cell","updateTime":"2026-03-04T01:10:00Z"}`)
	w.unpack("bare")
	w.call(viewer, http.MethodGet, "/sim/<bare>/billingSnapshot", "").has(t, `{"price":null,"portfolioPackage":{"packageId":null}}`)
	w.exec("UPDATE sim_activity SET session_stop = 0")
	w.call(viewer, http.MethodGet, "/sim/<live>/networkSnapshot", "").has(t, `{"data":{"apn":null,"startTime":null}}`) // it is open
}

func TestActivity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(finance, http.MethodGet, "/sim/<live>/billingActivity?pageSize=2", "").has(t, `{"requestedPageSize":2,"itemCount":2,"items":[
		{"activity":"Other","description":"USSD","quantity":1,"price":0},
		{"activity":"Data","description":"Data zone A","startTime":"2026-03-04T01:10:00Z","stopTime":"2026-03-04T01:42:10Z","quantity":81920,"price":0.02,"mcc":"234","mnc":"15","packageId":6685,"packageItemId":null}]}`)
	var p page
	w.call(finance, http.MethodGet, "/sim/<live>/billingActivity?pageSize=4", "").into(t, &p)
	w.call(finance, http.MethodGet, "/sim/<live>/billingActivity?pageSize=4&pageToken="+*p.NextPageToken, "").has(t, `{"itemCount":2,"nextPageToken":"absent"}`)
	w.call(finance, http.MethodGet, "/sim/<live>/billingActivity?startTime=2026-03-02&stopTime=2026-03-03", "").has(t, `{"items":[{"activity":"SMS","startTime":"2026-03-02T09:00:00Z"},{"activity":"SMS"}]}`)
	w.call(viewer, http.MethodGet, "/sim/<live>/billingActivity", "").fails(t, 403, 6001)
	w.call(finance, http.MethodGet, "/sim/<live>/billingTotal", "").has(t, `{"iccId":"<live>","periodStart":"2026-03-01T00:00:00Z","periodEnd":"2026-04-01T00:00:00Z",
		"data":520000,"sms":2,"voice":138,"ussd":0,"charge":0.42,"currency":"GBP"}`)
	w.call(engineer, http.MethodGet, "/sim/<live>/smsActivity", "").has(t, `{"items":[{"dateTime":"2026-03-02T09:00:00Z","msisdn":"447700900005","direction":null,"status":null,"text":null},{}]}`)
	w.call(engineer, http.MethodGet, "/sim/<live>/smsActivity?periodId=4&startTime=2026-03-02T08:00:00Z", "").has(t, `{"items":[{"dateTime":"2026-03-02T08:00:00Z"}]}`)
	w.call(engineer, http.MethodGet, "/sim/<live>/smsActivity?periodId=7", "").has(t, `{"items":[]}`)
	w.call(engineer, http.MethodGet, "/sim/<live>/ussdActivity", "").has(t, `{"items":[{"dateTime":"2026-03-04T02:10:00Z"}]}`)
	w.call(engineer, http.MethodGet, "/sim/<live>/voiceActivity?periodId=9", "").has(t, `{"items":[{"startTime":"2026-03-03T00:00:00Z","stopTime":"2026-03-03T00:01:00Z","seconds":138,"direction":null}]}`)
	w.call(engineer, http.MethodGet, "/sim/<live>/authenticationActivity", "").has(t, `{"items":[{"startTime":"2026-03-04T01:10:00Z","bytes":81920,"inputOctets":null,"mccmnc":"23415",
		"apn":"example.apn","ip":"10.20.0.17","rat":"LTE","authState":"Access-Accept"},{"bytes":1024,"apn":null}]}`)
	w.call(engineer, http.MethodGet, "/sim/<live>/smsActivity?periodId=5", "").fails(t, 400, 6006)
	w.call(engineer, http.MethodGet, "/sim/<live>/authenticationActivity?period=week", "").fails(t, 400, 6006)
	w.call(engineer, http.MethodGet, "/sim/<live>/netflowActivity?startTime=2030-01-01", "").fails(t, 400, 6006)
}

func TestSeries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for period, steps := range map[string]int{"": 24, "?period=hour": 60, "?period=day": 24, "?period=month": 31} {
		var n struct {
			TotalBytes int64
			Items      []struct {
				Time  string
				Bytes int64
			}
		}
		w.call(engineer, http.MethodGet, "/sim/<live>/netflowActivity"+period, "").into(t, &n)
		if len(n.Items) != steps {
			t.Errorf("%s: %d steps, not %d", period, len(n.Items), steps)
		}
		if period == "?period=month" && (n.TotalBytes != 82944 || n.Items[30].Time != "2026-03-04T00:00:00Z" || n.Items[30].Bytes != 81920) {
			t.Errorf("%+v", n)
		}
	}
	w.call(engineer, http.MethodGet, "/sim/<live>/netflowActivity?period=hour&startTime=2026-03-04T01:10:30Z", "").into(t, new(any))
	var c struct {
		Items []struct{ Accepts, Rejects int }
	}
	w.call(engineer, http.MethodGet, "/sim/<live>/authenticationActivityCount?startTime=2026-03-01", "").into(t, &c)
	if len(c.Items) != 24 || c.Items[8].Accepts != 1 || c.Items[9].Accepts != 0 {
		t.Errorf("%+v", c)
	}
}
