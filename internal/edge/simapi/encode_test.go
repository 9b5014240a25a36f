package simapi_test

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/simurgh-iot/simurgh/internal/edge/simapi"
)

// TestSIMsAreWrittenAsEncodingJSONWouldWriteThem holds the encoder to the types
// that are generated from the contract: a member more, or an odd text, and the
// bytes differ.
func TestSIMsAreWrittenAsEncodingJSONWouldWriteThem(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var page simapi.SIMPage
		page.Items = make([]simapi.SIM, rapid.IntRange(0, 3).Draw(t, "items"))
		anything(t, reflect.ValueOf(&page).Elem())
		rec := httptest.NewRecorder()
		if err := simapi.SIMsAnswer(page).VisitListSIMsResponse(rec); err != nil || !bytes.Equal(rec.Body.Bytes(), encoded(t, page)) {
			t.Fatalf("%v\n got %s\nwant %s", err, rec.Body, encoded(t, page))
		}
		for _, s := range page.Items {
			rec := httptest.NewRecorder()
			if err := (*simapi.SIMAnswer)(&s).VisitGetSIMResponse(rec); err != nil || !bytes.Equal(rec.Body.Bytes(), encoded(t, s)) {
				t.Fatalf("%v\n got %s\nwant %s", err, rec.Body, encoded(t, s))
			}
		}
	})
}

func encoded(t *rapid.T, v any) []byte {
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// anything gives every field of a value something, pointers now and then nothing.
func anything(t *rapid.T, v reflect.Value) {
	switch v.Kind() { //nolint:exhaustive // the default tells of any other
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(rapid.Int64Range(0, 250_000_000_000).Draw(t, "time"), 0)))
			return
		}
		for i := range v.NumField() {
			anything(t, v.Field(i))
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "there") {
			v.Set(reflect.New(v.Type().Elem()))
			anything(t, v.Elem())
		}
	case reflect.Slice:
		if v.Len() == 0 && v.Type() != reflect.TypeFor[[]simapi.SIM]() {
			v.Set(reflect.MakeSlice(v.Type(), rapid.IntRange(0, 2).Draw(t, "length"), 2))
		}
		for i := range v.Len() {
			anything(t, v.Index(i))
		}
	case reflect.String:
		odd := rapid.SampledFrom([]string{"", "plain", `"quoted"`, "a<b>&c", "tab\t", "\u2028", "é", "\xff", "del\x7f"})
		v.SetString(strings.Join(rapid.SliceOfN(odd, 0, 2).Draw(t, "text"), ""))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, "number"))
	default:
		t.Fatalf("the contract has a %s", v.Type())
	}
}
