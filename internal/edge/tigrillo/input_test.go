package tigrillo_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestBrokenJSON: each of PHP's texts, for every method that looks at its body.
func TestBrokenJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	deep := strings.Repeat("[", 513) + strings.Repeat("]", 513)
	texts := map[string][]string{
		"Syntax error, malformed JSON": {`{`, `}`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,}`, `{a:1}`, `{'a':1}`, `{"a":1}}`, `{"a":1} x`, `{"a" 1}`, `[1,]`, `nul`,
			`TRUE`, `NaN`, `{"a":01}`, `{"a":.5}`, `{"a":1.}`, `{"a":1e}`, `{"a":+1}`, `{"a":-}`, `{"a":0x1}`, `{"a":"\x"}`, `{"a":"\u12"}`, `{"a":"`, `{"a":"\`, `a=b`,
			"\ufeff{}", `{"a":1}{"b":2}`, `,`, `{"a"]`},
		"Underflow or the modes mismatch": {`[1}`, `{"a":1]`, `{]`, `[}`, `[[1}]`, `5`, `"text"`, `true`, `[1]`, `[[]]`, `[{}]`},
		"Maximum stack depth exceeded":    {deep, strings.Repeat(`{"a":`, 513) + "1" + strings.Repeat("}", 513), strings.Repeat("[", 100_000)},
		"Unexpected control character found": {"{\"a\":\"\x00\"}", "{\"a\":\"x\ny\"}", "{\"a\x1f\":1}", "{\x01}", "\x00",
			"{\"a\":\"tab\there\"}"},
		"Malformed UTF-8 characters, possibly incorrectly encoded": {"{\"a\":\"\xff\"}", "{\"a\":\"\xc3\"}", "{\"\xed\xa0\x80\":1}", "{\"a\":\"\xc0\x80\"}", "{\xff}",
			`{"a":"\ud800"}`, `{"a":"\udc00"}`, `{"a":"\ud800\ud800"}`, `{"a":"\ud83dx"}`},
	}
	for text, bodies := range texts {
		want := failed("E0001", "Invalid input - "+text)
		for _, body := range bodies {
			for _, m := range methods {
				if m == "ping" || m == "getCookieName" || m == "logout" {
					continue
				}
				if a := w.call(engineer, m, body); a.body != want {
					t.Errorf("%s with %.40q: %s, not %s", m, body, a.body, want)
				}
			}
		}
	}
	if a := w.call(engineer, "getSIMs", strings.Repeat(" ", 100)+strings.Repeat(`{"a":`, 512)+"1"+strings.Repeat("}", 512)); errorCode(a) != "" {
		t.Errorf("512 deep: %s", a.body)
	}
}

// TestWrongTypes: every parameter of every method, each with every type that it
// has not. sims of activateSIMs and the login have tables of their own.
func TestWrongTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	values := map[string]string{"text": `"\u0001"`, "number": `17`, "fraction": `1.5`, "negative": `-1`, "huge": `1e400`, "true": `true`, "false": `false`,
		"object": `{"a":1}`, "array": `[1]`, "deep": `[[{"a":null}]]`}
	all := []string{"text", "number", "fraction", "negative", "huge", "true", "false", "object", "array", "deep"}
	not := func(types ...string) (out []string) {
		for _, v := range all {
			if !strings.Contains(strings.Join(types, " "), v) {
				out = append(out, v)
			}
		}
		return out
	}
	before := w.snapshot()
	const list, iccid = "getSIMs", `"ICCID":"<live>",`
	for _, p := range []struct {
		method, before, name string
		wrong                []string
		after                string
	}{
		{list, `{`, "searchCriteria", not("object"), `}`},
		{list, `{`, "sortOrder", all, `}`},
		{list, `{`, "startRec", not("number"), `}`},
		{list, `{`, "numRecs", not("number"), `}`},
		{list, `{"searchCriteria":{`, "state", all, `}}`},
		{list, `{"searchCriteria":{`, "group", all, `}}`},
		{list, `{"searchCriteria":{`, "tariff", not("number", "negative"), `}}`},
		{list, `{"searchCriteria":{`, "matchString", all, `,"matchType":"S","matchFields":"F"}}`},
		{list, `{"searchCriteria":{"matchString":"x",`, "matchType", all, `,"matchFields":"F"}}`},
		{list, `{"searchCriteria":{"matchString":"x","matchType":"S",`, "matchFields", all, `}}`},
		{"getSIMStateOptions", `{`, "ICCID", not("text"), `}`},
		{"setSIMState", `{"state":"suspend",`, "ICCID", not("text"), `}`},
		{"setSIMState", `{` + iccid, "state", all, `}`},
		{"suspendSIMs", `{`, "sims", all, `}`},
		{"unsuspendSIMs", `{`, "sims", all, `}`},
		{"terminateSIMs", `{`, "sims", all, `}`},
		{"activateSIMs", `{`, "sims", all, `}`},
		{"setSIMDetail", `{`, "ICCID", all, `}`},
		{"setSIMDetail", `{` + iccid, "friendlyName", all, `}`},
		{"setSIMDetail", `{` + iccid, "group", all, `}`},
		{"getSIMBilling", `{`, "ICCID", all, `}`},
		{"getSIMBilling", `{` + iccid, "startDate", all, `}`},
		{"getSIMBilling", `{` + iccid, "endDate", all, `}`},
		{"getSIMBilling", `{` + iccid, "sortOrder", all, `}`},
		{"getSIMBilling", `{` + iccid, "startRec", not("number"), `}`},
		{"getSIMBilling", `{` + iccid, "numRecs", not("number"), `}`},
		{"getSIMBilling", `{` + iccid, "filter", all, `}`},
		{"getSIMLastActivity", `{`, "ICCID", all, `}`},
	} {
		for _, kind := range p.wrong {
			body := fmt.Sprintf(`%s"%s":%s%s`, p.before, p.name, values[kind], p.after)
			if a := w.call(engineer, p.method, body); a.body != failed("E0005", "Invalid parameter - "+p.name) {
				t.Errorf("%s %s: %s", p.method, body, a.body)
			}
		}
	}
	if w.snapshot() != before {
		t.Error("something was changed")
	}
}

// TestWrongValues: right types, wrong contents.
func TestWrongValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	long := `"` + strings.Repeat("x", 256) + `"`
	for _, p := range []struct{ method, name, values, body string }{
		{"getSIMs", "state", `"active"|"Available"|"pending"|"null"|" available"|` + long, `{"searchCriteria":{"state":%s}}`},
		{"getSIMs", "group", long, `{"searchCriteria":{"group":%s}}`},
		{"getSIMs", "tariff", `"x"|"1.5"|"0x10"|" 1"|"99999999999999999999"|99999999999999999999|1e3`, `{"searchCriteria":{"tariff":%s}}`},
		{"getSIMs", "matchString", long, `{"searchCriteria":{"matchString":%s,"matchType":"S","matchFields":"F"}}`},
		{"getSIMs", "matchType", `"X"|"s"|"SE"|"starts"|null|""`, `{"searchCriteria":{"matchString":"x","matchType":%s,"matchFields":"F"}}`},
		{"getSIMs", "matchType", `"X"`, `{"searchCriteria":{"matchType":%s}}`},
		{"getSIMs", "matchFields", `"X"|"f"|"FX"|"friendlyName"|"F I"|["X"]|["F",1]|[["F"]]|{}|null|""|[]|[""]|"é"`, `{"searchCriteria":{"matchString":"x","matchType":"S","matchFields":%s}}`},
		{"getSIMs", "matchFields", `"X"|["X"]|7`, `{"searchCriteria":{"matchFields":%s}}`},
		{"getSIMs", "sortOrder", `"X"|"f"|"FX"|"DA"|"D"|"FF"|"FAD"|"FIA"|"AscendingI"|"F;DROP TABLE sim"|` + long, `{"sortOrder":%s}`},
		{"getSIMs", "startRec", `"x"|"-1"|"1.0"|1e2|2147483648|"99999999999999999999"|" 1"|"1 "`, `{"startRec":%s}`},
		{"getSIMs", "numRecs", `"x"|"-1"|"1.0"|1e2|2147483648|"99999999999999999999"|"all"`, `{"numRecs":%s}`},
		{"getSIMBilling", "startDate", `"x"|"2025-3-4"|"2025-02-30"|"2025-03-04T00:00:00"|"2025-03-04 00:00"|"2025-03-04 24:00:00"|"2025-03-04 00:00:00Z"|"2025-03-04 00:00:00.5"|"04/03/2025"|"0000-00-00"`, `{"ICCID":"<live>","startDate":%s}`},
		{"getSIMBilling", "endDate", `"x"|"2025-13-01"|"2025-03-01"`, `{"ICCID":"<live>","startDate":"2025-03-02","endDate":%s}`},
		{"getSIMBilling", "sortOrder", `"X"|"a"|"DA"|"F"|"AE"`, `{"ICCID":"<live>","sortOrder":%s}`},
		{"getSIMBilling", "filter", `"X"|"d"|"DS"|"Data"`, `{"ICCID":"<live>","filter":%s}`},
		{"getSIMBilling", "startRec", `-1`, `{"ICCID":"<live>","startRec":%s}`},
		{"getSIMBilling", "numRecs", `-1`, `{"ICCID":"<live>","numRecs":%s}`},
		{"getSIMBilling", "ICCID", `null|""|"x"|"1234567890123"|"123456789012345678901"|"8944538599000000060x"`, `{"ICCID":%s}`},
		{"getSIMLastActivity", "ICCID", `null|""|"x"|"1234567890123"|"123456789012345678901"|"8944538599000000060x"`, `{"ICCID":%s}`},
	} {
		for value := range strings.SplitSeq(p.values, "|") {
			body := fmt.Sprintf(p.body, value)
			if a := w.call(engineer, p.method, body); a.body != failed("E0005", "Invalid parameter - "+p.name) {
				t.Errorf("%s %s: %s", p.method, body, a.body)
			}
		}
	}
	for body, want := range map[string]string{
		`{}`: failed("E0004", "Missing parameter - ICCID"), `{"ICCID":null}`: failed("E0004", "Missing parameter - ICCID"),
		`{"ICCID":""}`: failed("E0004", "Missing parameter - ICCID"), `{"iccid":"<live>"}`: failed("E0004", "Missing parameter - ICCID"),
		`{"ICCID":"x"}`: noSIM, `{"ICCID":"1234567890123"}`: noSIM, `{"ICCID":"<missing>"}`: noSIM,
	} {
		if a := w.call(engineer, "getSIMStateOptions", body); a.body != want {
			t.Errorf("%s: %s", body, a.body)
		}
	}
	if a := w.call(engineer, "getSIMLastActivity", `{"ICCID":"<missing>"}`); a.body != noSIM {
		t.Error(a.body)
	}
}

func TestABodyThatIsTooLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := failed("E0001", "Invalid input - Request body too large")
	for name, length := range map[string]int64{"announced": 0, "not announced": -1} {
		r := w.request(engineer, "suspendSIMs", `{"sims":["<live>"],"a":"`+strings.Repeat("x", 5<<20)+`"}`)
		if length < 0 {
			r.ContentLength = length
		}
		a := w.send(r)
		if a.code != http.StatusRequestEntityTooLarge || a.body != want {
			t.Errorf("%s: %d %s", name, a.code, a.body)
		}
	}
	if s := w.sim("live"); s.Pending() {
		t.Error("it was done all the same")
	}
}
