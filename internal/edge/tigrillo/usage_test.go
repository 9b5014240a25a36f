package tigrillo_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"
)

const lastActivity = `{"status":{"status":"OK","errorCode":"","errorMessage":""},"info":{
	"LastLat":"51.20","LastLon":"-0.58","LastLatLonDate":"2025-03-04 01:10:00","LastAPN":"example.apn","LastRadiusBytes":81920,
	"LastUsername":"pump7@example.test","LastMCC":"234","LastMNC":"15","LastLAI":"1a2b","LastCI":"33f0","LastRAT":"EUTRAN",
	"LastIP":"10.20.0.17","LastMCCMNCDate":"2025-03-04 01:12:00","LastLAICIDate":"2025-03-04 01:11:00",
	"LastRadiusStart":"2025-03-04 01:10:00","LastRadiusStop":"2025-03-04 01:42:10","MonthsRadiusBytes":520000,
	"LastSMSMO":"2025-03-01 00:00:01","LastSMSMT":"2025-03-01 00:00:02","LastSMSMT_DR":"2025-03-01 00:00:03",
	"LastVoiceMO":"2025-03-01 00:00:04","LastVoiceMT":"2025-03-01 00:00:05","LastUSSDMO":"2025-03-01 00:00:06","LastUSSDMT":"2025-03-01 00:00:07",
	"LastIMEI":"490154203237518","LastIMEIDate":"2025-03-04 01:13:00","LastIMSI":"234150000000006","LastIMSIDate":"2025-03-04 01:14:00",
	"MonthsDataTotal":524288,"LastMonthsDataTotal":1048576,"MonthsDataDate":"2025-03-04 02:00:00",
	"MonthsSMSTotal":3,"MonthsSMSDate":"2025-03-04 02:01:00","MonthsUSSDTotal":0,"MonthsUSSDDate":null,
	"MonthsVoiceTotal":61,"MonthsVoiceDate":"2025-03-04 02:02:00","MonthsMsgTotal":null,"MonthsMsgDate":null,
	"MonthsPriceTotal":"0.4200","MonthsPriceDate":"2025-03-04 02:03:00","LastNetworkName":"GB - Example"}}`

const noActivity = `{"status":{"status":"OK","errorCode":"","errorMessage":""},"info":{
	"LastLat":null,"LastLon":null,"LastLatLonDate":null,"LastAPN":null,"LastRadiusBytes":0,"LastUsername":null,"LastMCC":null,"LastMNC":null,
	"LastLAI":null,"LastCI":null,"LastRAT":null,"LastIP":null,"LastMCCMNCDate":null,"LastLAICIDate":null,"LastRadiusStart":null,
	"LastRadiusStop":null,"MonthsRadiusBytes":0,"LastSMSMO":null,"LastSMSMT":null,"LastSMSMT_DR":null,"LastVoiceMO":null,"LastVoiceMT":null,
	"LastUSSDMO":null,"LastUSSDMT":null,"LastIMEI":null,"LastIMEIDate":null,"LastIMSI":null,"LastIMSIDate":null,"MonthsDataTotal":0,
	"LastMonthsDataTotal":0,"MonthsDataDate":null,"MonthsSMSTotal":0,"MonthsSMSDate":null,"MonthsUSSDTotal":0,"MonthsUSSDDate":null,
	"MonthsVoiceTotal":0,"MonthsVoiceDate":null,"MonthsMsgTotal":null,"MonthsMsgDate":null,"MonthsPriceTotal":"0.0000","MonthsPriceDate":null,
	"LastNetworkName":null}}`

func TestGetSIMLastActivity(t *testing.T) {
	t.Parallel()
	play(t, []scenario{
		{name: "live", method: "getSIMLastActivity", body: `{"ICCID":"<live>"}`, want: lastActivity},
		{name: "never used", method: "getSIMLastActivity", body: `{"ICCID":"<stock>"}`, want: noActivity},
		{name: "logistics", as: logistics, method: "getSIMLastActivity", body: `{"ICCID":"<stock>"}`, want: noActivity},
	})
}

// TestMonthsTurnAtMidnight: what was this month's is last month's.
func TestMonthsTurnAtMidnight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock.Pass(28 * 24 * time.Hour)
	_, token := w.login(engineer, password, string(folios["A"]), "")
	a := w.send(w.as(w.request("", "getSIMLastActivity", `{"ICCID":"<live>"}`), token))
	var got struct {
		Info struct{ MonthsDataTotal, LastMonthsDataTotal int64 }
	}
	check(json.Unmarshal([]byte(a.body), &got))
	if got.Info.MonthsDataTotal != 0 || got.Info.LastMonthsDataTotal != 524288 {
		t.Errorf("%+v", got)
	}
}

func TestGetSIMBillingShape(t *testing.T) {
	t.Parallel()
	play(t, []scenario{
		{name: "one", method: "getSIMBilling", body: `{"ICCID":"<live>","numRecs":1}`,
			want: `{"status":{"status":"OK","errorCode":"","errorMessage":""},"totalRecs":4,"recs":[{"activity":"Data","start":"2025-03-03 21:05:00",
			"stop":"2025-03-04 02:34:00","description":"Data zone A","quantity":4096,"price":"0.02","mcc":"234","mnc":"15","packageID":20417}]}`},
		{name: "none", method: "getSIMBilling", body: `{"ICCID":"<stock>"}`,
			want: `{"status":{"status":"OK","errorCode":"","errorMessage":""},"totalRecs":0,"recs":[]}`},
		{name: "logistics may not", as: logistics, method: "getSIMBilling", body: `{"ICCID":"<live>"}`, want: denied},
		{name: "unknown", method: "getSIMBilling", body: `{"ICCID":"<missing>"}`,
			want: failed("E0001", "Invalid input - "+string(iccid(missing))+" is not a recognised SIM number")},
	})
}

func TestGetSIMBillingFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const ( // starts
		data1, sms, voice, data2 = "2025-03-01 08:00:00", "2025-03-02 08:00:00", "2025-03-03 00:00:00", "2025-03-03 21:05:00"
	)
	for more, want := range map[string][]string{
		``:                                {data2, voice, sms, data1},
		`"sortOrder":"EA"`:                {data2, voice, sms, data1}, // without dates the newest comes first
		`"sortOrder":"AA"`:                {voice, sms, data2, data1},
		`"numRecs":2`:                     {data2, voice},
		`"numRecs":"2","startRec":"1"`:    {voice, sms},
		`"numRecs":0`:                     {data2, voice, sms, data1},
		`"startRec":9`:                    nil,
		`"filter":"D"`:                    {data2, data1},
		`"filter":"S"`:                    {sms},
		`"filter":"V"`:                    {voice},
		`"filter":null`:                   {data2, voice, sms, data1},
		`"filter":""`:                     {data2, voice, sms, data1},
		`"startDate":"2025-03-02"`:        {data2, voice, sms},
		`"endDate":"2025-03-04"`:          {data2, voice, sms, data1}, // stopped on the 4th, started before
		`"endDate":"2025-03-03"`:          {sms, data1},               // midnight of a date
		`"endDate":"2025-03-03 00:00:01"`: {voice, sms, data1},
		`"startDate":"2025-03-03 00:00:00","endDate":"2025-03-03 21:05:00"`:                 {voice},
		`"startDate":"2025-03-01","endDate":"2025-03-05","sortOrder":"E"`:                   {data1, sms, voice, data2},
		`"startDate":"2025-03-01","endDate":"2025-03-05","sortOrder":"EA"`:                  {data1, sms, voice, data2},
		`"startDate":"2025-03-01","endDate":"2025-03-05","sortOrder":"ED"`:                  {data2, voice, sms, data1},
		`"startDate":"2025-03-01","endDate":"2025-03-05","sortOrder":null`:                  {data2, voice, sms, data1},
		`"startDate":"2025-03-01","endDate":"2025-03-05","sortOrder":"A"`:                   {data1, data2, sms, voice},
		`"startDate":"2025-03-01","endDate":"2025-03-05","sortOrder":"AD"`:                  {voice, sms, data2, data1},
		`"startDate":"2025-03-01","endDate":"2025-03-05","filter":"D","sortOrder":"E"`:      {data1, data2},
		`"startDate":"2025-03-01","endDate":"2025-03-01"`:                                   nil,
		`"startDate":null,"endDate":null,"sortOrder":null,"filter":null,"numRecs":null`:     {data2, voice, sms, data1},
		`"startDate":"","endDate":"","sortOrder":"","filter":"","numRecs":"","startRec":""`: {data2, voice, sms, data1},
	} {
		body := `{"ICCID":"<live>"`
		if more != "" {
			body += "," + more
		}
		a := w.call(engineer, "getSIMBilling", body+"}")
		var got struct{ Recs []struct{ Start string } }
		check(json.Unmarshal([]byte(a.body), &got))
		var starts []string
		for _, r := range got.Recs {
			starts = append(starts, r.Start)
		}
		if !slices.Equal(starts, want) {
			t.Errorf("%s: %v, not %v", more, starts, want)
		}
	}
}
