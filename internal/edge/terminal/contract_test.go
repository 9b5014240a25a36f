package terminal_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/simurgh-iot/simurgh/api"
	"github.com/simurgh-iot/simurgh/internal/edge/terminal"
)

// contract is the document, with objects closed: they hold what it names, and
// nothing else.
var contract = sync.OnceValue(func() *openapi3.T {
	doc := must(openapi3.NewLoader().LoadFromData(api.Terminal))
	for _, s := range doc.Components.Schemas {
		if s.Value.Type.Is(openapi3.TypeObject) {
			no := false
			s.Value.AdditionalProperties.Has = &no
		}
	}
	return doc
})

// conforms holds an answer against the contract.
func conforms(t testing.TB, method, path string, a got) {
	t.Helper()
	path, _, _ = strings.Cut(path, "?")
	path = strings.TrimSuffix(path, "/")
	if a.header.Get("Access-Control-Allow-Origin") != "*" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s %s: %v", method, path, a.header)
	}
	schema := contract().Components.Schemas["Error"].Value
	kind, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	if item := contract().Paths.Value(path); item != nil {
		op := item.Get
		if op == nil {
			op = item.Put
		}
		if op == nil {
			op = item.Post
		}
		response := op.Responses.Value(strconv.Itoa(a.status))
		if response == nil {
			response = op.Responses.Default()
		}
		media := response.Value.Content.Get(kind)
		if media == nil {
			t.Fatalf("%s %s: %d has the content type %q", method, path, a.status, kind)
		}
		schema = media.Schema.Value
	}
	if a.status == http.StatusUnauthorized || a.status == http.StatusForbidden && strings.Contains(a.body, `"error":`) {
		schema = contract().Components.Schemas["OAuthError"].Value
	}
	var v any = a.body
	if kind == "application/json" {
		if err := json.Unmarshal([]byte(a.body), &v); err != nil {
			t.Fatalf("%v in %s", err, a.body)
		}
	}
	if err := schema.VisitJSON(v, openapi3.MultiErrors(), openapi3.VisitAsResponse()); err != nil {
		t.Errorf("%s %s: %d %s\nagainst the contract: %v", method, path, a.status, a.body, err)
	}
}

func TestTheContractIsValid(t *testing.T) {
	t.Parallel()
	doc := must(openapi3.NewLoader().LoadFromData(api.Terminal))
	if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
		t.Error(err)
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if len(op.Tags) != 1 || op.Summary == "" || op.OperationID == "" {
				t.Errorf("%s %s lacks a tag, a summary or a name", method, path)
			}
			if path != "/oauth/token" && terminal.Routes()[strings.TrimPrefix(path, "/")] != method {
				t.Errorf("%s %s is not served so", method, path)
			}
		}
	}
	if len(terminal.Routes())+1 != doc.Paths.Len() {
		t.Errorf("%d routes, %d paths", len(terminal.Routes()), doc.Paths.Len())
	}
}

// What is beyond the compatible contract is marked so.
func TestExtensionsAreTagged(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/set_imei_lock", "/active_ready", "/mark_alerts_read", "/get_sim_sms", "/get_sim_log", "/me", "/send_sms"} {
		for _, op := range contract().Paths.Value(path).Operations() {
			if op.Tags[0] != "extension" {
				t.Errorf("%s is tagged %v", path, op.Tags)
			}
		}
	}
}

func TestTheContractIsServed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.send(request(http.MethodGet, "/v1/openapi.json", "", ""))
	var doc struct {
		OpenAPI string
		Paths   map[string]any
	}
	a.into(t, &doc)
	if doc.OpenAPI != "3.0.3" || len(doc.Paths) != contract().Paths.Len() {
		t.Errorf("%s with %d paths", doc.OpenAPI, len(doc.Paths))
	}
}
