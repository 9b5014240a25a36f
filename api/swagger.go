package api

import (
	"embed"
	"net/http"
	"strings"
)

// SwaggerPath is where [Swagger] is mounted.
const SwaggerPath = "/swagger/"

//go:embed swagger/index.html swagger/start.js swagger/terminal.html swagger/terminal.js swagger/swagger-ui-bundle.js swagger/swagger-ui.css
var swagger embed.FS

// policy lets the page load what lies beside it, and talk to its own server.
// Its library writes styles into the page.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Swagger returns the handler of everything below [SwaggerPath]: pages on which
// the SIM API and, as terminal.html, the Terminal API can be read and tried out.
func Swagger() http.Handler {
	files := http.FileServerFS(swagger)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", http.MethodGet)
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		if strings.Contains(strings.TrimPrefix(r.URL.Path, SwaggerPath), "/") {
			http.NotFound(w, r)
			return
		}
		for name, value := range map[string]string{
			"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin", "Cache-Control": "no-cache",
		} {
			w.Header().Set(name, value)
		}
		files.ServeHTTP(w, r)
	})
}
