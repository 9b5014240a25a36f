package httpx

import (
	"crypto/sha256"
	"net/http"

	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// Request returns what the use cases need to know of the caller and the call.
// Via names the door. What was asked, for an Idempotency-Key, is the method,
// the path, the body, and the portfolio that the caller works in. A key that is
// none is refused by the use case that takes one.
func (c *Call) Request(r *http.Request, caller tenant.Principal, via string) fleet.Request {
	req := fleet.Request{Caller: caller, Via: via, ID: c.ID, Key: c.Key}
	if c.Key != "" {
		sum := sha256.New()
		for _, part := range []string{r.Method, r.URL.EscapedPath(), string(caller.Portfolio)} {
			sum.Write([]byte(part + "\n"))
		}
		sum.Write(c.Body)
		req.Asked = sum.Sum(nil)
	}
	return req
}
