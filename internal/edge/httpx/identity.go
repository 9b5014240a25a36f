package httpx

import (
	"crypto/rand"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// maxID is the longest request id that is taken over from a caller.
const maxID = 64

// requestID takes over a caller's id that is safe to log and to send back, and
// makes one otherwise.
func requestID(theirs string) string {
	if theirs == "" || len(theirs) > maxID {
		return rand.Text()
	}
	for i := range len(theirs) {
		c := theirs[i]
		alphanumeric := '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !alphanumeric && !strings.ContainsRune("-_.:", rune(c)) {
			return rand.Text()
		}
	}
	return theirs
}

// client returns the address of who asks. X-Forwarded-For is read from its end
// for as long as the hops are proxies that are trusted: what stands before the
// first stranger was written by that stranger.
func client(r *http.Request, trusted []netip.Prefix) netip.Addr {
	at := hop(r.RemoteAddr)
	if !among(at, trusted) {
		return at
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, text := range slices.Backward(hops) {
		next := hop(strings.TrimSpace(text))
		if !next.IsValid() {
			return at
		}
		if at = next; !among(at, trusted) {
			return at
		}
	}
	return at
}

// Origin returns where a caller has reached the server, such as
// https://sims.example: as the request says, or a proxy that is trusted. It is
// empty for a request that does not say.
func Origin(r *http.Request, trusted []netip.Prefix) string {
	u := url.URL{Scheme: "http", Host: r.Host}
	if r.TLS != nil {
		u.Scheme = "https"
	}
	if among(hop(r.RemoteAddr), trusted) {
		if last(r.Header.Values("X-Forwarded-Proto")) == "https" {
			u.Scheme = "https"
		}
		if host := last(r.Header.Values("X-Forwarded-Host")); host != "" {
			u.Host = host
		}
	}
	if u.Host == "" || strings.ContainsAny(u.Host, "/?#@\\\" <>") {
		return ""
	}
	return u.String()
}

// last is what the nearest proxy has said.
func last(values []string) string {
	all := strings.Split(strings.Join(values, ","), ",")
	return strings.ToLower(strings.TrimSpace(all[len(all)-1]))
}

func among(a netip.Addr, prefixes []netip.Prefix) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// hop parses an address with or without a port; the zero Addr when it is none.
func hop(s string) netip.Addr {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}
