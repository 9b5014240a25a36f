package radius_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// FuzzParse feeds datagrams. What parses is encoded again to the octet, and
// every getter, setter and verifier survives it.
func FuzzParse(f *testing.F) {
	for _, s := range []string{telnetRequest, chapRequest, challenge, interim} {
		f.Add(octets(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := slices.Clone(b)
		p, err := radius.Parse(b)
		if err != nil {
			return
		}
		again, err := p.AppendBinary(nil)
		if err != nil || !bytes.Equal(again, b[:p.Len()]) {
			t.Fatalf("%x becomes %x, %v", b, again, err)
		}
		_ = p.VerifyRequest(rfcSecret, false)
		_ = p.VerifyReply(p, rfcSecret, false)
		for _, probe := range probes {
			probe(p)
		}
		if !bytes.Equal(before, b) {
			t.Fatal("reading changed the octets")
		}
	})
}

// FuzzVendorSpecific feeds the inside of a 3GPP Vendor-Specific attribute.
func FuzzVendorSpecific(f *testing.F) {
	f.Add(slices.Concat(tlv(21, 6), str(1, "234150000000001")))
	f.Add([]byte{1, 200, '2'})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 249 {
			return
		}
		p := packetOf(t, vsa(b), tlv(25, 1))
		for _, probe := range probes {
			probe(p)
		}
		for typ := range 256 {
			a := radius.ThreeGPP.Octets(uint8(typ))
			q := p.Clone()
			a.Remove(q)
			if again := parse(t, encode(t, q)); a.Has(again) || !radius.Class.Has(again) {
				t.Fatalf("removing %d from %x leaves %x", typ, b, encode(t, q))
			}
		}
	})
}

// FuzzValues feeds one value to every attribute of 3GPP.
func FuzzValues(f *testing.F) {
	f.Add(uint8(22), octets(f, "82 32 f4 51 12 34 32 f4 51 00 56 78 9a"))
	f.Add(uint8(31), make([]byte, 26))
	f.Add(uint8(23), []byte{0x8A, 1})
	f.Add(uint8(17), make([]byte, 32))
	f.Fuzz(func(t *testing.T, typ uint8, b []byte) {
		if len(b) > 247 {
			return
		}
		p := packetOf(t, vsa(tlv(typ, b...)))
		if l, ok := radius.UserLocationInfo.Get(p); ok {
			if l.Raw != string(b) {
				t.Fatalf("raw %x of %x", l.Raw, b)
			}
			l.Raw = ""
			q := radius.New(radius.AccountingRequest)
			radius.UserLocationInfo.Add(q, l)
			if again, ok := radius.UserLocationInfo.Get(q); ok && again.PLMN() != l.PLMN() {
				t.Fatalf("%+v is read as %+v", l, again)
			}
		}
		for _, probe := range probes {
			probe(p)
		}
	})
}

// FuzzStream feeds a stream, whole and in pieces: both give the same packets.
func FuzzStream(f *testing.F) {
	one := octets(f, telnetRequest)
	f.Add(one, uint8(1))
	f.Add(slices.Concat(one, octets(f, interim), one[:30]), uint8(7))
	f.Add([]byte{1, 2, 0, 19}, uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, piece uint8) {
		whole := radius.ReadStream(bytes.NewReader(b))
		pieces := radius.ReadStream(&slow{b, int(piece)%8 + 1})
		if !slices.EqualFunc(whole, pieces, bytes.Equal) {
			t.Fatal("the pieces matter")
		}
		if joined := slices.Concat(whole...); !bytes.HasPrefix(b, joined) {
			t.Fatalf("%x is not how %x begins", joined, b)
		}
	})
}

// slow reads few octets at a time.
type slow struct {
	rest  []byte
	piece int
}

func (s *slow) Read(b []byte) (int, error) {
	n, err := bytes.NewReader(s.rest).Read(b[:min(len(b), s.piece)])
	s.rest = s.rest[n:]
	return n, err
}
