package httpx

import (
	"net/http"
	"net/url"
	"path"
	"strings"
)

// Clean has next serve a path such as //sim or /v1/./sim as the path that it
// means. A ServeMux would redirect it, and clients follow that with a GET,
// whatever they asked for. Paths that begin with except are left alone.
func Clean(next http.Handler, except string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawPath == "" && cleaned(r.URL.Path) == r.URL.Path { // as nearly all are
			next.ServeHTTP(w, r)
			return
		}
		was := r.URL.EscapedPath()
		is := cleaned(was)
		if is == was || strings.HasPrefix(is, except) || r.Method == http.MethodConnect {
			next.ServeHTTP(w, r)
			return
		}
		plain, err := url.PathUnescape(is)
		if err != nil {
			next.ServeHTTP(w, r)
			return
		}
		to, at := *r, *r.URL
		at.Path, at.RawPath = plain, is
		to.URL = &at
		next.ServeHTTP(w, &to)
	})
}

// cleaned is what a ServeMux makes of a path: a slash at its end stays.
func cleaned(p string) string {
	if p == "" || p[0] != '/' {
		p = "/" + p
	}
	c := path.Clean(p)
	if p[len(p)-1] == '/' && c != "/" {
		c += "/"
	}
	return c
}
