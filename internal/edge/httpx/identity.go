package httpx

import (
	"crypto/rand"
	"net/http"
	"net/netip"
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
