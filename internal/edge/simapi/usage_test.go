package simapi_test

import (
	"context"
	"database/sql"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/usage"
)

// fillSessions gives the SIM "live2" what the network told of it: a session that
// has ended and one that is open, what they carried by the hour, requests for
// access, and messages.
func fillSessions(db *sql.DB) {
	ctx := context.Background()
	at := func(s string) int64 { return must(time.Parse(time.DateTime, s)).UnixMicro() }
	const id = "(SELECT id FROM sim WHERE iccid = ?)"
	for i, s := range []struct {
		start, last, stop string
		phase             int
		in, out, counted  int64
	}{{"2026-03-01 08:00:00", "2026-03-01 09:00:00", "2026-03-01 09:00:00", 2, 300, 724, 1}, {"2026-03-04 01:10:00", "2026-03-04 01:42:10", "", 1, 20000, 61920, 0}} {
		stop := int64(0)
		if s.stop != "" {
			stop = at(s.stop)
		}
		must(db.ExecContext(ctx, `INSERT INTO data_session (id, sim_id, nas, session_id, charging_id, phase, started_at, last_at, stopped_at, seconds, bytes_in,
			bytes_out, in_base, out_base, cause, imsi, imei, apn, username, ip, rat, mcc, mnc, lai, ci, coa, class, package_id, rounded, cost, hour,
			counted_in, counted_out, said, ceiling) VALUES (?, `+id+`, 'gw', ?, 0, ?, ?, ?, ?, 0, ?, ?, 0, 0, 0, '234150000000005', '', 'example.apn', '',
			'10.20.0.17', 'LTE', '234', '15', '', '', '', x'', 6685, 0, 0, ?, ?, ?, 0, 0)`, 2_000_000+i, iccid("live2"), s.start, s.phase, at(s.start),
			at(s.last), stop, s.in, s.out, at(s.start)/3_600_000_000, s.in*s.counted, s.out*s.counted))
	}
	must(db.ExecContext(ctx, "INSERT INTO usage_hour (sim_id, hour, bytes_in, bytes_out) VALUES ("+id+", ?, 300, 724)", iccid("live2"), at("2026-03-01 08:00:00")/3_600_000_000))
	for i, refused := range []int{0, 1, 1} {
		must(db.ExecContext(ctx, "INSERT INTO access (id, sim_id, at, said, refused) VALUES (?, "+id+", ?, ?, ?)",
			3_000_000+i, iccid("live2"), at("2026-03-01 08:00:00")+int64(i), "\x1fgw\x1f\x1f\x1f\x1f\x1f\x1f\x1f", refused))
	}
	for i, m := range []struct{ at, direction, peer, text, status string }{{"2026-03-02 09:00:00", "MO", "447700900999", "low battery", "DELIVERED"},
		{"2026-03-02 08:00:00", "MT", "", "wake up", "DELIVERED"}, {"2026-03-02 07:00:00", "MT", "", "wake up", "QUEUED"}, {"2026-03-02 06:00:00", "MT", "", "wake up", "FAILED"}} {
		must(db.ExecContext(ctx, `INSERT INTO sms (id, sim_id, at, direction, peer, text, status, status_at, parts, reference, actor)
			VALUES (?, `+id+", ?, ?, ?, ?, ?, 0, 1, '', '')", 4_000_000+i, iccid("live2"), at(m.at), m.direction, m.peer, m.text, m.status))
	}
}

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
	w.call(engineer, http.MethodGet, "/sim/<live2>/smsActivity", "").has(t, `{"items":[{"dateTime":"2026-03-02T09:00:00Z","msisdn":"447700900999","direction":"MO SMS","status":"received","text":"low battery"},
		{"dateTime":"2026-03-02T08:00:00Z","msisdn":null,"direction":"MT SMS","status":"delivered","text":"wake up"},{"status":"sent"},{"status":"blocked"}]}`)
	w.call(engineer, http.MethodGet, "/sim/<live2>/smsActivity?pageSize=3", "").has(t, `{"itemCount":3}`)
	w.call(engineer, http.MethodGet, "/sim/<live2>/smsActivity?periodId=4&startTime=2026-03-02T08:00:00Z", "").has(t, `{"items":[{"dateTime":"2026-03-02T08:00:00Z"}]}`)
	w.call(engineer, http.MethodGet, "/sim/<live2>/smsActivity?periodId=7", "").has(t, `{"items":[]}`)
	w.call(engineer, http.MethodGet, "/sim/<live>/ussdActivity", "").has(t, `{"items":[{"dateTime":"2026-03-04T02:10:00Z"}]}`)
	w.call(engineer, http.MethodGet, "/sim/<live>/voiceActivity?periodId=9", "").has(t, `{"items":[{"startTime":"2026-03-03T00:00:00Z","stopTime":"2026-03-03T00:01:00Z","seconds":138,"direction":null}]}`)
	w.call(engineer, http.MethodGet, "/sim/<live2>/authenticationActivity", "").has(t, `{"items":[{"startTime":"2026-03-04T01:10:00Z","stopTime":null,"bytes":81920,"inputOctets":20000,"outputOctets":61920,
		"imsi":"234150000000005","mccmnc":"23415","apn":"example.apn","ip":"10.20.0.17","rat":"LTE","authState":"Access-Accept"},{"authState":"Access-Reject"},{"authState":"Access-Reject"},{"bytes":1024,"inputOctets":300,"stopTime":"2026-03-01T09:00:00Z"}]}`)
	w.call(engineer, http.MethodGet, "/sim/<live2>/authenticationActivity?period=day&startTime=2026-03-01", "").has(t, `{"items":[{"bytes":0,"count":1},{"bytes":0,"count":1},{"bytes":1024,"count":"absent"}]}`)
	w.call(engineer, http.MethodGet, "/sim/<live2>/authenticationActivity?pageSize=3", "").into(t, &p)
	w.call(engineer, http.MethodGet, "/sim/<live2>/authenticationActivity?pageSize=3&pageToken="+*p.NextPageToken, "").has(t, `{"items":[{"bytes":1024}],"nextPageToken":"absent"}`)
	w.call(engineer, http.MethodGet, "/sim/<child>/authenticationActivity", "").has(t, `{"items":[]}`)
	w.call(engineer, http.MethodGet, "/sim/<live2>/smsActivity?periodId=5", "").fails(t, 400, 6006)
	w.call(engineer, http.MethodGet, "/sim/<live2>/authenticationActivity?period=week", "").fails(t, 400, 6006)
	w.call(engineer, http.MethodGet, "/sim/<live2>/netflowActivity?startTime=2030-01-01", "").fails(t, 400, 6006)
}

func TestSeries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for period, steps := range map[string]int{"": 24, "?period=hour": 60, "?period=day": 24, "?period=month": 31} {
		var n struct {
			TotalBytes int64
			Items      []struct {
				Time                    string
				Bytes, MoBytes, MtBytes int64
			}
		}
		w.call(engineer, http.MethodGet, "/sim/<live2>/netflowActivity"+period, "").into(t, &n)
		if len(n.Items) != steps {
			t.Errorf("%s: %d steps, not %d", period, len(n.Items), steps)
		}
		if period == "?period=month" && (n.TotalBytes != 82944 || n.Items[30].Time != "2026-03-04T00:00:00Z" || n.Items[30].Bytes != 81920 ||
			n.Items[30].MoBytes != 20000 || n.Items[30].MtBytes != 61920) {
			t.Errorf("%+v", n)
		}
	}
	w.call(engineer, http.MethodGet, "/sim/<live2>/netflowActivity?period=hour&startTime=2026-03-04T01:10:30Z", "").has(t, `{"totalBytes":81920}`)
	w.call(engineer, http.MethodGet, "/sim/<live2>/netflowActivity?period=day&startTime=2026-03-01", "").has(t, `{"totalBytes":1024}`)
	var c struct {
		Items []struct{ Accepts, Rejects int }
	}
	w.call(engineer, http.MethodGet, "/sim/<live2>/authenticationActivityCount?startTime=2026-03-01", "").into(t, &c)
	if len(c.Items) != 24 || c.Items[8].Accepts != 1 || c.Items[8].Rejects != 2 || c.Items[9].Accepts != 0 {
		t.Errorf("%+v", c)
	}
}

// What networks report is read back, on both engines.
func TestReportedUsage(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		s := w.sim("live3")
		r := usage.Report{Key: usage.Key{NAS: "gw", ID: "s1"}, Step: usage.Start, At: noon.Add(-90 * time.Minute), IMSI: s.IMSI, APN: "iot", MCC: "234", MNC: "15", RAT: "NR"}
		next := r
		next.Step, next.At, next.In, next.Out, next.Seconds = usage.Interim, noon.Add(-80*time.Minute), 1000, 3000, 600
		end := r
		end.Step, end.At, end.In, end.Out, end.Seconds, end.Cause = usage.Stop, noon.Add(-10*time.Minute), 1500, 5000, 4800, 1
		for _, report := range []usage.Report{r, next, end} {
			w.ingest(report)
		}
		check(w.Fleet.RecordAccess(t.Context(), []usage.AccessRecord{{SIM: s.ID, Access: usage.Access{At: noon.Add(-time.Hour)}, Verdict: usage.Verdict{Accept: true}},
			{SIM: s.ID, Access: usage.Access{At: noon.Add(-time.Hour)}, Verdict: usage.Verdict{Refusal: usage.OverLimit}}}))
		w.call(engineer, http.MethodGet, "/sim/<live3>/authenticationActivity", "").has(t, `{"itemCount":2,"items":[{"startTime":"2026-03-04T11:00:00Z","authState":"Access-Reject"},{"startTime":"2026-03-04T10:30:00Z","stopTime":"2026-03-04T11:50:00Z","bytes":6500,
			"inputOctets":1500,"outputOctets":5000,"apn":"iot","rat":"NR","mccmnc":"23415","ip":null}]}`)
		for period, items := range map[string]string{"month": `{"totalBytes":6500}`, "day": `{"totalBytes":6500}`, "hour&startTime=2026-03-04T10:00:00Z": `{"totalBytes":6500}`,
			"hour&startTime=2026-03-04T11:00:00Z": `{"totalBytes":0}`} {
			w.call(engineer, http.MethodGet, "/sim/<live3>/netflowActivity?period="+period, "").has(t, items)
		}
		var c struct {
			Items []struct{ Accepts, Rejects int }
		}
		w.call(engineer, http.MethodGet, "/sim/<live3>/authenticationActivityCount?period=day&startTime=2026-03-04", "").into(t, &c)
		if got := c.Items[11]; got.Accepts != 1 || got.Rejects != 1 {
			t.Errorf("%+v", c)
		}
		ended := `{"network":{"rat":"NR","mcc":"234"},"data":{"apn":"iot","startTime":"2026-03-04T10:30:00Z","stopTime":"2026-03-04T11:50:00Z"}}`
		w.call(engineer, http.MethodGet, "/sim/<live3>/networkSnapshot", "").has(t, ended)
		r.Key.ID, r.At, r.APN = "s2", noon.Add(-5*time.Minute), "other"
		w.ingest(r)
		w.call(engineer, http.MethodGet, "/sim/<live3>/networkSnapshot", "").has(t, ended) // the new one is open
	})
}

// A device that is refused and does not give up gets a row a minute, beside its
// sessions, and every refusal is counted.
func TestRejectsAreActivity(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		s := w.sim("live3")
		reject := func(at time.Time, why usage.Refusal, apn string) usage.AccessRecord {
			return usage.AccessRecord{SIM: s.ID, Access: usage.Access{At: at, NAS: "gw", APN: apn, RAT: "LTE", MCC: "234", MNC: "15"},
				Verdict: usage.Verdict{Refusal: why, Reason: "because of " + string(why)}}
		}
		begun := noon.Add(-time.Hour)
		for second := 0; second < 150; second += 10 {
			var batch []usage.AccessRecord
			for i := range 10 {
				batch = append(batch, reject(begun.Add(time.Duration(second+i)*time.Second), usage.WrongAPN, "apn"+strconv.Itoa(i)))
			}
			check(w.Fleet.RecordAccess(t.Context(), append(batch, reject(begun.Add(time.Duration(second)*time.Second), usage.OverLimit, ""))))
		}
		w.ingest(usage.Report{Key: usage.Key{NAS: "gw", ID: "s1"}, Step: usage.Start, At: begun.Add(90 * time.Second), IMSI: s.IMSI, APN: "iot"})
		list := "/sim/<live3>/authenticationActivity"
		w.call(engineer, http.MethodGet, list, "").has(t, `{"itemCount":7,"items":[
			{"startTime":"2026-03-04T11:02:00Z","count":3,"reason":"because of limit"},{"startTime":"2026-03-04T11:02:00Z","stopTime":"2026-03-04T11:02:29Z","count":30},
			{"startTime":"2026-03-04T11:01:30Z","authState":"Access-Accept","reason":"absent","count":"absent"},
			{"startTime":"2026-03-04T11:01:00Z","count":6},{"startTime":"2026-03-04T11:01:00Z","stopTime":"2026-03-04T11:01:59Z","count":60},{"count":6},
			{"startTime":"2026-03-04T11:00:00Z","stopTime":"2026-03-04T11:00:59Z","bytes":0,"inputOctets":null,"outputOctets":null,"imsi":"`+string(s.IMSI)+`","mccmnc":"23415",
				"apn":"apn0","ip":null,"rat":"LTE","authState":"Access-Reject","reason":"because of apn","count":60}]}`)
		var p page
		seen := 0
		for next := list + "?pageSize=2"; ; next = list + "?pageSize=2&pageToken=" + *p.NextPageToken {
			p = page{}
			w.call(engineer, http.MethodGet, next, "").into(t, &p)
			if seen += p.ItemCount; p.NextPageToken == nil {
				break
			}
		}
		if seen != 7 {
			t.Errorf("%d rows on the pages", seen)
		}
		var c struct{ Items []struct{ Rejects int } }
		w.call(engineer, http.MethodGet, "/sim/<live3>/authenticationActivityCount?period=hour&startTime=2026-03-04T11:00:00Z", "").into(t, &c)
		if c.Items[0].Rejects != 66 || c.Items[2].Rejects != 33 {
			t.Errorf("%+v", c.Items[:3])
		}
		// They go as old usage does.
		check(w.Fleet.DropUsage(t.Context(), begun.Add(61*time.Second)))
		w.call(engineer, http.MethodGet, list, "").has(t, `{"itemCount":3}`)
	})
}

// ingest has a report kept and counted.
func (w *world) ingest(r usage.Report) {
	w.t.Helper()
	check(w.Fleet.Keep(context.Background(), []usage.Report{r}))
	if f := must(w.Fleet.Fold(context.Background())); f.Taken != 1 {
		w.t.Fatalf("the report is not counted: %+v", f)
	}
}
