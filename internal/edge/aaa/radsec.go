package aaa

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/usage"
	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// LoadTLS reads the server's certificate and key, and the authority whose
// clients are let in, from PEM files (RFC 6614 section 2.3). It fails with a
// fault of kind Invalid that names the file.
func LoadTLS(cert, key, clients string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fault.InvalidField("radsecCert", "%s and %s are no certificate and its key", cert, key).Because(err)
	}
	text, err := os.ReadFile(clients)
	if err != nil {
		return nil, fault.InvalidField("radsecClients", "%s cannot be read", clients).Because(err)
	}
	authority := x509.NewCertPool()
	if !authority.AppendCertsFromPEM(text) {
		return nil, fault.InvalidField("radsecClients", "%s holds no certificate", clients)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: authority, ClientAuth: tls.RequireAndVerifyClientCert,
		MinVersion: tls.VersionTLS12}, nil
}

func (s *Server) listenTLS(ctx context.Context) error {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", s.RadSec)
	if err != nil {
		return cannotListen(PortRadSec, s.RadSec, err)
	}
	server := s.server(PortRadSec, radius.Authentication|radius.Accounting)
	secure := &radius.RadSec{Server: server, TLS: s.TLS, Identify: s.identify, Opened: s.links.opened}
	s.ports = append(s.ports, &port{name: PortRadSec, server: server, addr: ln.Addr().(*net.TCPAddr).AddrPort(), close: ln.Close,
		serve: func(ctx context.Context) error { return secure.Serve(ctx, ln) }})
	return nil
}

// identify finds the gateway that a certificate belongs to.
func (s *Server) identify(state tls.ConnectionState, from netip.AddrPort) (radius.Client, bool) {
	n := s.gateways.list.Load().of(state.PeerCertificates[0], from.Addr())
	if n == nil {
		s.Observer.Dropped(PortRadSec, radius.DropUnknownClient.String())
		s.gateways.stranger(from.Addr())
		return radius.Client{}, false
	}
	return radius.Client{Name: n.Name}, true
}

// of finds the gateway that a certificate is for: one of that name, or one at an
// address in the certificate, or else at the address that the connection comes
// from. Of a name in the DNS the first label counts.
func (l *gatewayList) of(cert *x509.Certificate, from netip.Addr) *usage.NAS {
	for _, name := range append(cert.DNSNames, cert.Subject.CommonName) {
		label, _, _ := strings.Cut(strings.ToLower(name), ".")
		if n := l.name[label]; n != nil {
			return n
		}
	}
	for _, ip := range cert.IPAddresses {
		if addr, ok := netip.AddrFromSlice(ip); ok {
			if n := l.at(addr); n != nil {
				return n
			}
		}
	}
	return l.at(from)
}
