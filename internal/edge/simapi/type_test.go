package simapi_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// Every member of every body, and every query parameter, refuses every type
// that it is not, and nothing happens.
func TestEveryWrongTypeInEveryField(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ours, _ := w.things()
	before := len(must(w.Fleet.Events(t.Context(), w.op, everything)))
	tried := 0
	for template, item := range contract().Paths.Map() {
		path := named.ReplaceAllStringFunc(template, func(p string) string { return ours[strings.Trim(p, "{}")] })
		for method, op := range item.Operations() {
			for _, p := range slices.Concat(item.Parameters, op.Parameters) {
				if s := p.Value.Schema.Value; p.Value.In == openapi3.ParameterInQuery && (s.Type.Is(openapi3.TypeInteger) || len(s.Enum) > 0 || s.Pattern != "") {
					w.call(operator, method, path+"?"+p.Value.Name+"=%00", bodies[op.OperationID]).fails(t, 400, 6006)
					tried++
				}
			}
			if op.RequestBody == nil || op.RequestBody.Value.Content.Get("application/json") == nil {
				continue
			}
			tried += w.wrongTypes(method, path, bodies[op.OperationID], op.RequestBody.Value.Content.Get("application/json").Schema.Value)
		}
	}
	if tried < 500 {
		t.Errorf("only %d were tried", tried)
	}
	if after := len(must(w.Fleet.Events(t.Context(), w.op, everything))); after != before {
		t.Errorf("%d things happened", after-before)
	}
}

// wrongTypes puts into each member of a body what its schema does not take, and
// one member more than there are. It returns how many bodies it sent.
func (w *world) wrongTypes(method, path, body string, s *openapi3.Schema) (tried int) {
	w.t.Helper()
	for _, branch := range s.OneOf {
		if branch.Value.Type.Is(openapi3.TypeObject) {
			s = branch.Value
			break
		}
	}
	base := map[string]any{}
	if body != "" {
		check(json.Unmarshal([]byte(fill(body)), &base))
	}
	send := func(name string, value any, code int) {
		changed := maps.Clone(base)
		changed[name] = value
		a := w.call(operator, method, path, encode(changed))
		if a.fails(w.t, http.StatusBadRequest, code); w.t.Failed() {
			w.t.Fatalf("%s %s %s", method, path, encode(changed))
		}
		tried++
	}
	for name, p := range s.Properties {
		for _, value := range []any{nil, true, 5.0, -1.5, "\x00", []any{}, []any{1.0}, map[string]any{}, map[string]any{"x": 1.0}, strings.Repeat("9", 5000)} {
			if p.Value.VisitJSON(value) != nil {
				send(name, value, 6006)
			}
		}
	}
	if s.MaxProps == nil { // else there are too many members already
		send("colour", "red", 6014)
	}
	return tried
}
