package httpx_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/edge/httpx"
)

// Where a caller reached the server is what it said, or a trusted proxy; what is
// no host gives nothing.
func TestOrigin(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} // httptest's callers
	for _, c := range []struct {
		host, proto, forwarded string
		tls                    bool
		trusted                []netip.Prefix
		want                   string
	}{
		{host: "sims.example:8080", want: "http://sims.example:8080"},
		{host: "[2001:db8::1]:8080", want: "http://[2001:db8::1]:8080"},
		{host: "sims.example", tls: true, want: "https://sims.example"},
		{host: "inner", proto: "https", forwarded: "outer", want: "http://inner"},
		{host: "inner", proto: "https", forwarded: "outer", trusted: trusted, want: "https://outer"},
		{host: "inner", proto: "http,HTTPS", forwarded: "evil, outer:1", trusted: trusted, want: "https://outer:1"},
		{host: "inner", proto: "javascript", trusted: trusted, want: "http://inner"},
		{host: "inner", forwarded: "evil/path?", trusted: trusted},
		{host: "inner", forwarded: "user@evil", trusted: trusted},
		{host: ""},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if r.Host = c.host; c.tls {
			r.TLS = &tls.ConnectionState{}
		}
		r.Header.Set("X-Forwarded-Proto", c.proto)
		r.Header.Set("X-Forwarded-Host", c.forwarded)
		if got := httpx.Origin(r, c.trusted); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
