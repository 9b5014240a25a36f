package simapi_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/simurgh-iot/simurgh/api"
	"github.com/simurgh-iot/simurgh/internal/edge/simapi"
)

// contract is the document, with objects of answers closed: they hold what it
// names, and nothing else.
var contract = sync.OnceValue(func() *openapi3.T {
	doc := must(openapi3.NewLoader().LoadFromData(api.SIMAPI))
	for _, s := range doc.Components.Schemas {
		closeObject(s.Value)
	}
	return doc
})

func closeObject(s *openapi3.Schema) {
	if s.Type.Is(openapi3.TypeObject) && len(s.Properties) > 0 && s.AdditionalProperties.Has == nil && s.AdditionalProperties.Schema == nil {
		no := false
		s.AdditionalProperties.Has = &no
	}
}

// operation finds what the contract says of a request; nil for nothing.
func operation(method, path string) *openapi3.Operation {
	for _, prefix := range simapi.Prefixes {
		path = strings.TrimPrefix(path, prefix)
	}
	path = strings.TrimSuffix(path, "/")
	best := ""
	for template := range contract().Paths.Map() {
		if patterns()[template].MatchString(path) && (best == "" || strings.Count(template, "{") < strings.Count(best, "{")) {
			best = template
		}
	}
	if best == "" {
		return nil
	}
	return contract().Paths.Value(best).GetOperation(method)
}

// patterns are what paths of the contract look like, by path.
var patterns = sync.OnceValue(func() map[string]*regexp.Regexp {
	out := map[string]*regexp.Regexp{}
	parameter := regexp.MustCompile(`\{[^}]+\}`)
	for template := range contract().Paths.Map() {
		out[template] = regexp.MustCompile("^" + parameter.ReplaceAllString(template, `[^/]+`) + "$")
	}
	return out
})

// conforms holds an answer against the contract.
func conforms(t testing.TB, method, path string, a answer) {
	t.Helper()
	schema := contract().Components.Schemas["Error"].Value
	if a.status == http.StatusUnauthorized {
		schema = contract().Components.Schemas["Unauthorized"].Value
	} else if op := operation(method, path); op != nil {
		response := op.Responses.Value(strconv.Itoa(a.status))
		if response == nil {
			response = op.Responses.Default()
		}
		if kind := a.header.Get("Content-Type"); kind != "application/json" && response.Value.Content[kind] != nil {
			return // a file
		}
		schema = response.Value.Content.Get("application/json").Schema.Value
	}
	if strings.HasSuffix(path, "/openapi.json") && a.status == http.StatusOK {
		return
	}
	if kind := a.header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("%s %s: the content type is %q", method, path, kind)
	}
	if a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s %s: caches may keep the answer", method, path)
	}
	var v any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	if err := schema.VisitJSON(v, openapi3.MultiErrors(), openapi3.VisitAsResponse(), openapi3.EnableFormatValidation()); err != nil {
		t.Errorf("%s %s: %d %s\nagainst the contract: %v", method, path, a.status, a.body, err)
	}
}

func TestTheContractIsValid(t *testing.T) {
	t.Parallel()
	doc := must(openapi3.NewLoader().LoadFromData(api.SIMAPI))
	if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
		t.Error(err)
	}
}

// Every operation has a permission, parameters that are described, and answers
// for everything that can go wrong.
func TestTheContractIsWhole(t *testing.T) {
	t.Parallel()
	for path, item := range contract().Paths.Map() {
		for method, op := range item.Operations() {
			for _, status := range []string{"200", "400", "401", "403", "404", "default"} {
				if op.Responses.Value(status) == nil {
					t.Errorf("%s %s lacks the answer %s", method, path, status)
				}
			}
			if !slices.Contains(simapi.Operations(), op.OperationID) {
				t.Errorf("%s says who may do it nowhere", op.OperationID)
			}
			if len(op.Tags) != 1 || op.Summary == "" {
				t.Errorf("%s has no tag or no summary", op.OperationID)
			}
		}
	}
}

// The server's code is what the generator makes of the contract.
func TestTheGeneratedCodeIsCurrent(t *testing.T) {
	t.Parallel()
	config := must(os.ReadFile(filepath.Join("gen", "config.yaml")))
	out := filepath.Join(t.TempDir(), "contract.gen.go")
	changed := filepath.Join(t.TempDir(), "config.yaml")
	check(os.WriteFile(changed, bytes.Replace(config, []byte("output: contract.gen.go"), []byte("output: "+out), 1), 0o600))
	cmd := exec.CommandContext(t.Context(), "go", "tool", "oapi-codegen", "--config", changed, "../../../api/simapi.yaml")
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if !bytes.Equal(must(os.ReadFile(out)), must(os.ReadFile("contract.gen.go"))) {
		t.Error("contract.gen.go is not what api/simapi.yaml says: run go generate ./internal/edge/simapi")
	}
}

func TestTheContractIsServed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.call("", http.MethodGet, "/openapi.json", "")
	var doc struct {
		OpenAPI string
		Paths   map[string]any
	}
	a.into(t, &doc)
	if doc.OpenAPI != "3.0.3" || len(doc.Paths) != contract().Paths.Len() {
		t.Errorf("%s with %d paths", doc.OpenAPI, len(doc.Paths))
	}
	w.call("", http.MethodPost, "/openapi.json", "").fails(t, 405, 6003)
}
