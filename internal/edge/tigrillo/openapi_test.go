package tigrillo_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

var contract = sync.OnceValues(func() (*openapi3.T, error) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "api", "tigrillo.yaml"))
	if err != nil {
		return nil, err
	}
	return openapi3.NewLoader().LoadFromData(text)
})

func TestTheDocumentIsValidAndWhole(t *testing.T) {
	t.Parallel()
	doc, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
		t.Fatal(err)
	}
	for _, m := range methods {
		item := doc.Paths.Value("/" + m)
		if item == nil || item.Post == nil {
			t.Errorf("%s is not described", m)
		} else if item.Post.OperationID != m {
			t.Errorf("%s has the operation id %s", m, item.Post.OperationID)
		}
	}
	if n := doc.Paths.Len(); n != len(methods) {
		t.Errorf("%d methods are described, not %d", n, len(methods))
	}
}

// conforms holds an answer against the document.
func conforms(t testing.TB, path string, a answer) {
	t.Helper()
	doc, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	code := errorCode(a)
	item := doc.Paths.Value(path[strings.LastIndexByte(path, '/'):])
	if a.code == 404 {
		return // no API, and no document
	}
	schema := doc.Components.Schemas["Error"].Value
	if item != nil && code != "E0002" && code != "E0003" {
		response := item.Post.Responses.Value(strconv.Itoa(a.code))
		if response == nil {
			t.Fatalf("the status %d is not described: %s", a.code, a.body)
		}
		kind, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
		media := response.Value.Content.Get(kind)
		if media == nil {
			t.Fatalf("the content type %q is not described", kind)
		}
		if kind == "text/html" {
			return
		}
		schema = media.Schema.Value
	}
	var v any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	if err := schema.VisitJSON(v, openapi3.MultiErrors()); err != nil {
		t.Errorf("%s\nagainst the document: %v", a.body, err)
	}
}

// errorCode returns the code of an error, "" for none.
func errorCode(a answer) string {
	var v struct{ Status struct{ ErrorCode string } }
	_ = json.Unmarshal([]byte(a.body), &v) // pong is no object
	return v.Status.ErrorCode
}
