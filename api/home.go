package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"html/template"
	"net/http"
	"time"
)

var (
	//go:embed home.html
	homePage string
	//go:embed home.css
	homeStyle string
)

// HomePage is what the first page of a server says beside what is always true.
type HomePage struct {
	Version  string
	Terminal []string // the paths that the Terminal API is served at
}

// Home returns the handler of the page at the root of a server: what it is, and
// where its doors are. It says nothing that the doors do not tell anybody.
func Home(p HomePage) http.Handler {
	var b bytes.Buffer
	data := struct {
		HomePage
		Style template.CSS
	}{p, template.CSS(homeStyle)} //nolint:gosec // the style is part of the program
	if err := template.Must(template.New("home").Parse(homePage)).Execute(&b, data); err != nil {
		panic(err) // the page is part of the program: a fault in it is a bug
	}
	style := sha256.Sum256([]byte(homeStyle))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(style[:]) + "'; img-src data:; " + shut
	page := b.Bytes()
	sum := sha256.Sum256(page)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		guard(w, policy)
		w.Header().Set("ETag", tag)
		w.Header().Set("X-Robots-Tag", "noindex")
		http.ServeContent(w, r, "index.html", time.Time{}, bytes.NewReader(page))
	})
}
