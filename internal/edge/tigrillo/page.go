package tigrillo

import (
	"io"
	"net/http"

	"github.com/simurgh-iot/simurgh/internal/edge/httpx"
)

const errorPage = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
<head><title>Tigrillo Application error page</title></head>
<body>
<h1>Tigrillo Application error page</h1>
<p>There is no API at this address. Requests go to /Japi/Tigrillo/ followed by the name of a method.</p>
</body>
</html>
`

const forbiddenPage = `<!DOCTYPE html>
<html lang="en">
<head><title>403 Forbidden</title></head>
<body>
<h1>403 Forbidden</h1>
<p>The address that this request comes from is not on the allow-list of the portfolio.</p>
</body>
</html>
`

// ErrorPage is what the contract shows at a path, or under a host name, that is
// none of its own.
func ErrorPage() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { page(w, http.StatusNotFound, errorPage) })
}

func page(w http.ResponseWriter, code int, text string) {
	httpx.SecureHTML(w.Header(), "")
	httpx.Private(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text)
}
