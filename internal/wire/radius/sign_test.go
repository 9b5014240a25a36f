package radius_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"errors"
	"slices"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

func signed(tb testing.TB, p *radius.Packet) []byte {
	tb.Helper()
	b, err := p.AppendRequest(nil, rfcSecret)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// types lists what a packet carries, in order.
func types(p *radius.Packet) []uint8 {
	var list []uint8
	for typ := range p.All() {
		list = append(list, typ)
	}
	return list
}

func TestAccessRequestsAndRepliesBeginWithTheirSignature(t *testing.T) {
	t.Parallel()
	p := radius.New(radius.AccessRequest)
	radius.UserName.Add(p, "nemo")
	radius.MessageAuthenticator.Add(p, [16]byte{})
	radius.ProxyState.Add(p, []byte("one"))
	radius.ProxyState.Add(p, []byte("two"))
	request := parse(t, signed(t, p))
	if !slices.Equal(types(request), []uint8{80, 1, 33, 33}) {
		t.Errorf("the request carries %v", types(request))
	}
	if !slices.Equal(types(p), []uint8{1, 80, 33, 33}) {
		t.Errorf("signing changed the packet to %v", types(p))
	}
	for _, code := range []radius.Code{radius.AccessAccept, radius.AccessReject, radius.AccessChallenge} {
		reply := radius.New(code)
		radius.SessionTimeout.Add(reply, 60)
		raw, err := reply.AppendReply(nil, request, rfcSecret)
		if err != nil {
			t.Fatal(err)
		}
		if got := types(parse(t, raw)); !slices.Equal(got, []uint8{80, 27, 33, 33}) {
			t.Errorf("%v carries %v", code, got)
		}
	}
}

func TestAccountingIsNotSigned(t *testing.T) {
	t.Parallel()
	p := radius.New(radius.AccountingRequest)
	radius.AcctSessionID.Add(p, "1")
	request := parse(t, signed(t, p))
	raw, err := radius.New(radius.AccountingResponse).AppendReply(nil, request, rfcSecret)
	if err != nil || radius.MessageAuthenticator.Has(request) || len(raw) != radius.MinPacket {
		t.Errorf("request %v, response %x, %v", types(request), raw, err)
	}
}

// The sums are computed here a second time, straight from the RFCs.
func TestSignaturesAreThoseOfTheRFCs(t *testing.T) {
	t.Parallel()
	zeroed := func(wire []byte, at int) []byte {
		return slices.Concat(wire[:at], make([]byte, 16), wire[at+16:])
	}
	p := radius.New(radius.CoARequest)
	radius.MessageAuthenticator.Add(p, [16]byte{})
	radius.AcctSessionID.Add(p, "1")
	wire := signed(t, p)
	mac := hmac.New(md5.New, rfcSecret)
	mac.Write(zeroed(zeroed(wire, 22), 4))
	if !bytes.Equal(mac.Sum(nil), wire[22:38]) {
		t.Error("CoA-Request: Message-Authenticator (RFC 5176 section 3.4)")
	}
	if sum := md5.Sum(append(zeroed(wire, 4), rfcSecret...)); !bytes.Equal(sum[:], wire[4:20]) {
		t.Error("CoA-Request: Request Authenticator (RFC 5176 section 2.3)")
	}
	reply := radius.New(radius.CoANAK)
	radius.ErrorCause.Add(reply, radius.CauseSessionNotFound)
	radius.MessageAuthenticator.Add(reply, [16]byte{})
	answer, err := reply.AppendReply(nil, parse(t, wire), rfcSecret)
	if err != nil {
		t.Fatal(err)
	}
	unsigned := slices.Concat(answer[:4], wire[4:20], answer[20:])
	if sum := md5.Sum(append(slices.Clone(unsigned), rfcSecret...)); !bytes.Equal(sum[:], answer[4:20]) {
		t.Error("CoA-NAK: Response Authenticator (RFC 2865 section 3)")
	}
	mac = hmac.New(md5.New, rfcSecret)
	mac.Write(zeroed(unsigned, len(answer)-16))
	if !bytes.Equal(mac.Sum(nil), answer[len(answer)-16:]) {
		t.Error("CoA-NAK: Message-Authenticator (RFC 5176 section 3.4)")
	}
}

// unsignedAccept is an Access-Accept as RFC 2865 alone has it.
func unsignedAccept(tb testing.TB, request *radius.Packet) []byte {
	tb.Helper()
	reply := radius.New(radius.AccessAccept)
	reply.Identifier, reply.Authenticator = request.Identifier, request.Authenticator
	b := encode(tb, reply)
	sum := md5.Sum(append(slices.Clone(b), nasSecret...))
	copy(b[4:], sum[:])
	return b
}

func TestLongSecretsAreHashed(t *testing.T) {
	t.Parallel()
	secret := bytes.Repeat([]byte("long"), 30)
	p := radius.New(radius.AccessRequest)
	wire, err := p.AppendRequest(nil, secret)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(md5.New, secret)
	mac.Write(slices.Concat(wire[:22], make([]byte, 16)))
	if !bytes.Equal(mac.Sum(nil), wire[22:38]) {
		t.Error("HMAC-MD5 with a key beyond its block")
	}
}

func TestUnsignedAccessRequests(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		code   radius.Code
		add    func(p *radius.Packet)
		strict bool
		want   error
	}{
		{"where it is required", radius.AccessRequest, func(*radius.Packet) {}, true, radius.ErrUnsigned},
		{"where it is not", radius.AccessRequest, func(*radius.Packet) {}, false, nil},
		{"with EAP", radius.AccessRequest, func(p *radius.Packet) { radius.EAPMessage.Add(p, []byte{2}) }, false, radius.ErrUnsigned},
		{"through a proxy", radius.AccessRequest, func(p *radius.Packet) { radius.ProxyState.Add(p, []byte{2}) }, false, radius.ErrUnsigned},
		{"Status-Server", radius.StatusServer, func(*radius.Packet) {}, false, radius.ErrUnsigned},
		{"two signatures", radius.AccessRequest, func(p *radius.Packet) {
			radius.MessageAuthenticator.Add(p, [16]byte{})
			radius.MessageAuthenticator.Add(p, [16]byte{})
		}, false, radius.ErrAuthenticator},
		{"half a signature", radius.AccessRequest, func(p *radius.Packet) { radius.Standard.Octets(80).Add(p, []byte{1, 2}) }, false, radius.ErrAuthenticator},
		{"no request", radius.AccessAccept, func(*radius.Packet) {}, false, radius.ErrCode},
	} {
		p := radius.New(c.code)
		c.add(p)
		if err := parse(t, encode(t, p)).VerifyRequest(rfcSecret, c.strict); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestRepliesMustAnswerTheirRequest(t *testing.T) {
	t.Parallel()
	p := radius.New(radius.AccountingRequest)
	request := parse(t, signed(t, p))
	if _, err := radius.New(radius.AccessAccept).AppendReply(nil, request, rfcSecret); !errors.Is(err, radius.ErrCode) {
		t.Errorf("Access-Accept to an Accounting-Request: %v", err)
	}
	if _, err := radius.New(radius.AccountingResponse).AppendRequest(nil, rfcSecret); !errors.Is(err, radius.ErrCode) {
		t.Errorf("Accounting-Response as a request: %v", err)
	}
	raw, err := radius.New(radius.AccountingResponse).AppendReply(nil, request, rfcSecret)
	if err != nil {
		t.Fatal(err)
	}
	other := *request
	other.Identifier++
	if err := parse(t, raw).VerifyReply(&other, rfcSecret, true); !errors.Is(err, radius.ErrCode) {
		t.Errorf("another identifier: %v", err)
	}
	if err := parse(t, raw).VerifyReply(request, []byte("other"), true); !errors.Is(err, radius.ErrAuthenticator) {
		t.Errorf("another secret: %v", err)
	}
}
