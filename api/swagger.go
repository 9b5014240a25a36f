package api

import (
	"bytes"
	"embed"
	"net/http"
	"strings"
	"time"
)

// SwaggerPath is where [Swagger] is mounted.
const SwaggerPath = "/swagger/"

const tigrilloName = "tigrillo.yaml"

//go:embed swagger/index.html swagger/start.js swagger/terminal.html swagger/terminal.js swagger/tigrillo.html swagger/tigrillo.js swagger/page.css swagger/swagger-ui-bundle.js swagger/swagger-ui.css
var swagger embed.FS

// policy lets the page load what lies beside it, and talk to its own server.
// Its library writes styles into the page.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " + shut

// shut is what no page of ours may do.
const shut = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// guard sets the headers of a page of ours.
func guard(w http.ResponseWriter, policy string) {
	for name, value := range map[string]string{
		"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
		"Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin", "Cache-Control": "no-cache",
	} {
		w.Header().Set(name, value)
	}
}

// Swagger returns the handler of everything below [SwaggerPath]: pages on which
// the SIM API and, as terminal.html and tigrillo.html, the two others can be read
// and tried out. The contract of the Tigrillo API lies beside them, as its own
// paths have no place for it.
func Swagger() http.Handler {
	files := http.FileServerFS(swagger)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		if strings.Contains(strings.TrimPrefix(r.URL.Path, SwaggerPath), "/") {
			http.NotFound(w, r)
			return
		}
		guard(w, policy)
		if r.URL.Path == SwaggerPath+tigrilloName {
			w.Header().Set("Content-Type", "application/yaml")
			http.ServeContent(w, r, tigrilloName, time.Time{}, bytes.NewReader(Tigrillo))
			return
		}
		files.ServeHTTP(w, r)
	})
}
