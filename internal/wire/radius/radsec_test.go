package radius_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// authority issues certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(tb testing.TB) *authority {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		tb.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &authority{cert, key, pool}
}

func (a *authority) issue(tb testing.TB, name string) tls.Certificate {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		tb.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
}

func (a *authority) server(tb testing.TB) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{a.issue(tb, "server")}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: a.pool}
}

func (a *authority) client(tb testing.TB, name string) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{a.issue(tb, name)}, RootCAs: a.pool, ServerName: "server"}
}

// secured is a RadSec on a real socket, which knows the client "core".
type secured struct {
	*authority
	*radius.RadSec
	addr string
	stop context.CancelFunc
	done chan error
}

func secure(t *testing.T, r *radius.RadSec) *secured {
	t.Helper()
	a := newAuthority(t)
	r.TLS = a.server(t)
	r.Identify = func(s tls.ConnectionState, _ netip.AddrPort) (radius.Client, bool) {
		name := s.PeerCertificates[0].Subject.CommonName
		return radius.Client{Name: name}, name == "core"
	}
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	s := &secured{a, r, ln.Addr().String(), stop, make(chan error, 1)}
	go func() { s.done <- r.Serve(ctx, ln) }()
	t.Cleanup(func() {
		stop()
		if err := <-s.done; err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *secured) dial(t *testing.T) *radius.Link {
	t.Helper()
	l, err := radius.DialTLS(t.Context(), s.addr, s.client(t, "core"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestRadSecExchanges(t *testing.T) {
	t.Parallel()
	s := secure(t, &radius.RadSec{Server: &radius.Server{
		Services: radius.Authentication | radius.Accounting | radius.DynamicAuthorization,
		Handler: func(ctx context.Context, r *radius.Request) *radius.Packet {
			if r.Client.Name != "core" {
				t.Errorf("request of %q", r.Client.Name)
			}
			if r.Packet.Code == radius.DisconnectRequest {
				return radius.New(radius.DisconnectACK)
			}
			return accept(ctx, r)
		},
	}})
	l := s.dial(t)
	var wg sync.WaitGroup
	for range 50 {
		for code := range replyOf {
			if code == radius.CoARequest {
				continue
			}
			wg.Go(func() {
				reply, err := l.Exchange(t.Context(), radius.New(code))
				if err != nil || !reply.Code.Answers(code) {
					t.Errorf("%v: %v, %v", code, reply, err)
				}
			})
		}
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := l.Exchange(t.Context(), radius.New(radius.AccountingRequest)); !errors.Is(err, radius.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestRadSecNeedsCertificates(t *testing.T) {
	t.Parallel()
	s := secure(t, &radius.RadSec{Server: &radius.Server{Services: radius.Accounting, Handler: accept}})
	stranger := newAuthority(t)
	for name, config := range map[string]*tls.Config{
		"unknown name":      s.client(t, "somebody"),
		"unknown authority": {Certificates: stranger.client(t, "core").Certificates, RootCAs: s.pool, ServerName: "server"},
	} {
		l, err := radius.DialTLS(t.Context(), s.addr, config)
		if err == nil {
			_, err = l.Exchange(t.Context(), radius.New(radius.AccountingRequest))
			_ = l.Close()
		}
		if err == nil {
			t.Errorf("%s: served", name)
		}
	}
	for name, config := range map[string]*tls.Config{
		"nothing": nil, "no certificate": {RootCAs: s.pool, ServerName: "server"},
		"no verification": {Certificates: s.client(t, "core").Certificates, InsecureSkipVerify: true},
	} {
		if _, err := radius.DialTLS(t.Context(), s.addr, config); err == nil {
			t.Errorf("%s: dialled", name)
		}
	}
	open := &radius.RadSec{Server: s.Server, Identify: s.Identify, TLS: &tls.Config{ClientAuth: tls.RequireAnyClientCert}}
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := open.Serve(t.Context(), ln); err == nil {
		t.Error("a server that verifies nobody starts")
	}
}

// hangsUp reports whether the server ends a connection on which it was sent
// these octets.
func (s *secured) hangsUp(t *testing.T, octets []byte) bool {
	t.Helper()
	conn, err := (&tls.Dialer{Config: s.client(t, "core")}).DialContext(t.Context(), "tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write(octets); err != nil {
		t.Fatal(err)
	}
	_, err = conn.Read(make([]byte, 1))
	return errors.Is(err, io.EOF)
}

func TestRadSecEndsStreamsItCannotTrust(t *testing.T) {
	t.Parallel()
	s := secure(t, &radius.RadSec{Server: &radius.Server{Services: radius.Accounting, Handler: accept}})
	p := radius.New(radius.AccountingRequest)
	forged, err := p.AppendRequest(nil, []byte("not radsec"))
	if err != nil {
		t.Fatal(err)
	}
	other := encode(t, radius.New(radius.CoAACK))
	for name, raw := range map[string][]byte{
		"a length too short": {4, 1, 0, 19}, "a length too long": {4, 1, 0x10, 1}, "a malformed attribute": wireOf([]byte{1, 1}),
		"a forged packet": slices.Concat(other, forged),
	} {
		if !s.hangsUp(t, raw) {
			t.Errorf("%s: the stream goes on", name)
		}
	}
	drops := s.Server.Stats().Dropped
	if drops[radius.DropMalformed] != 3 || drops[radius.DropAuthenticator] != 1 || drops[radius.DropWrongCode] != 1 {
		t.Errorf("dropped %v", drops)
	}
}

func TestRadSecEndsStreamsThatSayNothing(t *testing.T) {
	t.Parallel()
	s := secure(t, &radius.RadSec{Idle: 20 * time.Millisecond, Server: &radius.Server{Services: radius.Accounting, Handler: accept}})
	for name, raw := range map[string][]byte{"silence": nil, "half a packet": {4, 1, 0, 30, 1}} {
		if !s.hangsUp(t, raw) {
			t.Errorf("%s: the stream goes on", name)
		}
	}
}

func TestRadSecRefusesMoreStreamsThanItMay(t *testing.T) {
	t.Parallel()
	s := secure(t, &radius.RadSec{Streams: 1, Server: &radius.Server{Services: radius.Accounting, Handler: accept}})
	first := s.dial(t)
	if _, err := first.Exchange(t.Context(), radius.New(radius.AccountingRequest)); err != nil {
		t.Fatal(err)
	}
	if l, err := radius.DialTLS(t.Context(), s.addr, s.client(t, "core")); err == nil {
		_ = l.Close()
		t.Error("a second stream is served")
	}
	if n := s.Server.Stats().Refused; n != 1 {
		t.Errorf("%d refused", n)
	}
}

func TestRadSecAnswersWhatIsUnderWayWhenItStops(t *testing.T) {
	t.Parallel()
	started, release := make(chan struct{}), make(chan struct{})
	s := secure(t, &radius.RadSec{Server: &radius.Server{Services: radius.Accounting, Handler: func(ctx context.Context, r *radius.Request) *radius.Packet {
		close(started)
		<-release
		return accept(ctx, r)
	}}})
	l := s.dial(t)
	done := make(chan error, 1)
	go func() {
		_, err := l.Exchange(t.Context(), radius.New(radius.AccountingRequest))
		done <- err
	}()
	<-started
	s.stop()
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	<-l.Done()
}

// A peer that reads nothing holds no worker for long.
func TestRadSecCutsOffAPeerThatDoesNotRead(t *testing.T) {
	t.Parallel()
	s := secure(t, &radius.RadSec{Server: &radius.Server{Services: radius.Authentication, Workers: 1, Handler: func(context.Context, *radius.Request) *radius.Packet {
		p := radius.New(radius.AccessAccept)
		radius.Class.AddSplit(p, make([]byte, 3900))
		return p
	}}})
	conn, err := (&tls.Dialer{Config: s.client(t, "core")}).DialContext(t.Context(), "tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	p := radius.New(radius.AccessRequest)
	raw, err := p.AppendRequest(nil, []byte("radsec"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = conn.Write(raw)
	}
	if _, err := s.dial(t).Exchange(t.Context(), radius.New(radius.AccessRequest)); err != nil {
		t.Errorf("another peer is not served: %v", err)
	}
}
