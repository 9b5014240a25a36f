package aaa_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/edge/aaa"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/usage"
	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// authority issues certificates into a folder.
type authority struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.cert, a.key = a.make("ca", template, nil)
	return a
}

// make writes a certificate and its key.
func (a *authority) make(file string, template *x509.Certificate, by *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	a.must(err)
	signer := a.key
	if by == nil {
		by, signer = template, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, by, &key.PublicKey, signer)
	a.must(err)
	cert, err := x509.ParseCertificate(raw)
	a.must(err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	a.must(err)
	a.must(os.WriteFile(a.path(file+".crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), 0o600))
	a.must(os.WriteFile(a.path(file+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	return cert, key
}

func (a *authority) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

// issue makes a certificate of a name and returns what a client needs.
func (a *authority) issue(name string) *tls.Config {
	a.t.Helper()
	a.make(name, &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}, a.cert)
	pair, err := tls.LoadX509KeyPair(a.path(name+".crt"), a.path(name+".key"))
	a.must(err)
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool, ServerName: "server"}
}

// secureWorld serves RadSec alone, to a gateway that no address names.
func secureWorld(t *testing.T) (*world, *authority) {
	t.Helper()
	a := newAuthority(t)
	a.issue("server")
	config, err := aaa.LoadTLS(a.path("server.crt"), a.path("server.key"), a.path("ca.crt"))
	a.must(err)
	w := newWorld(t, setup{gateways: []usage.NAS{{Name: "hub", Prefix: netip.MustParsePrefix("192.0.2.9/32")}}, options: func(o *aaa.Options) {
		o.Auth, o.Acct, o.RadSec, o.TLS = "", "", "127.0.0.1:0", config
	}})
	w.sim(0, nil)
	return w, a
}

func TestRadSec(t *testing.T) {
	t.Parallel()
	w, a := secureWorld(t)
	l, err := radius.DialTLS(t.Context(), w.addr(aaa.PortRadSec).String(), a.issue("hub"))
	w.must(err)
	defer func() { _ = l.Close() }()
	ask := radius.New(radius.AccessRequest)
	radius.IMSI.Add(ask, string(imsi(0)))
	reply, err := l.Exchange(t.Context(), ask)
	w.must(err)
	if reply.Code != radius.AccessAccept {
		t.Errorf("%s", reply.Code)
	}
	if _, err = l.Exchange(t.Context(), message(0, "a", radius.StatusStop, 100)); err != nil {
		t.Error(err)
	}
	if m := w.month(0); m.In != 100 {
		t.Errorf("%d bytes", m.In)
	}
}

// A certificate of the right authority is not enough: its gateway must be on
// the list.
func TestRadSecRefusesStrangers(t *testing.T) {
	t.Parallel()
	w, a := secureWorld(t)
	for name, config := range map[string]*tls.Config{"not on the list": a.issue("stranger"), "of another authority": newAuthority(t).issue("hub")} {
		config.RootCAs = a.issue("any").RootCAs
		l, err := radius.DialTLS(t.Context(), w.addr(aaa.PortRadSec).String(), config)
		if err != nil {
			continue // refused in the handshake
		}
		ask := radius.New(radius.AccessRequest)
		radius.IMSI.Add(ask, string(imsi(0)))
		if _, err := l.Exchange(t.Context(), ask); err == nil {
			t.Errorf("%s: answered", name)
		}
		_ = l.Close()
	}
	if w.seen.count("dropped unknown_client") == 0 {
		t.Error("strangers are not counted")
	}
}

func TestLoadTLSNamesTheFile(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	a.issue("server")
	for file, paths := range map[string][3]string{
		"nothing.crt": {a.path("nothing.crt"), a.path("server.key"), a.path("ca.crt")},
		"nothing.pem": {a.path("server.crt"), a.path("server.key"), a.path("nothing.pem")},
		"server.key":  {a.path("server.crt"), a.path("server.key"), a.path("server.key")},
	} {
		_, err := aaa.LoadTLS(paths[0], paths[1], paths[2])
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestOptionsMustFitTogether(t *testing.T) {
	t.Parallel()
	_, err := aaa.New(aaa.Options{RadSec: "127.0.0.1:0"})
	for _, field := range []string{"fleet", "radsec"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("no word of %s: %v", field, err)
		}
	}
	if _, err := aaa.New(aaa.Options{}); err == nil || !strings.Contains(err.Error(), "nothing to listen on") {
		t.Error(err)
	}
	w := newWorld(t, setup{})
	s, err := aaa.New(aaa.Options{Fleet: w.fleet, Auth: w.addr(aaa.PortAuth).String()})
	w.must(err)
	if err := s.Run(t.Context()); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "is it in use?") {
		t.Error(err)
	}
}
