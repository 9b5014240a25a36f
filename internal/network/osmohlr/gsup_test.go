package osmohlr_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"

	"github.com/simurgh-iot/simurgh/internal/network/osmohlr/hlrtest"
)

// What a serving node says and hears over GSUP, Osmocom's protocol between an
// HLR and those it serves.
const (
	gsupUpdateLocation       = 0x04
	gsupUpdateLocationError  = 0x05
	gsupUpdateLocationResult = 0x06
	gsupSendAuthInfo         = 0x08
	gsupSendAuthInfoResult   = 0x0A
	gsupInsertData           = 0x10
	gsupInsertDataResult     = 0x12
	gsupDeleteData           = 0x14
	gsupDeleteDataResult     = 0x16

	gsupIMSI   = 0x01
	gsupMSISDN = 0x08
	gsupDomain = 0x28

	ipaCCM       = 0xFE
	ipaOsmo      = 0xEE
	ipaExtGSUP   = 0x05
	ccmPing      = 0x00
	ccmPong      = 0x01
	ccmIDGet     = 0x04
	ccmIDResp    = 0x05
	ccmIDAck     = 0x06
	ccmTagSerial = 0x00
	ccmTagUnit   = 0x08
)

// domain is the side of the network that a node serves.
type domain byte

const (
	packetSwitched  domain = 1 // an SGSN
	circuitSwitched domain = 2 // a VLR
)

// message is one of GSUP.
type message struct {
	kind byte
	imsi ident.IMSI
	ies  map[byte][]byte
}

// node is a serving node: an SGSN or a VLR.
type node struct {
	t    *testing.T
	side domain
	conn net.Conn
}

// newNode connects a node under that name, as which the HLR knows it.
func newNode(t *testing.T, h *hlr, name string, side domain) *node {
	t.Helper()
	conn, err := net.Dial("tcp", h.Addr(hlrtest.GSUPPort))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	n := &node{t, side, conn}
	for {
		proto, body := n.frame(10 * time.Second)
		switch {
		case proto != ipaCCM:
			t.Fatalf("a frame of protocol %#x before the node has said who it is", proto)
		case body[0] == ccmIDGet:
			id := []byte{ccmIDResp}
			for _, tag := range []struct {
				tag  byte
				text string
			}{{ccmTagUnit, "0/0/0"}, {ccmTagSerial, name}} {
				id = binary.BigEndian.AppendUint16(id, uint16(len(tag.text)+2))
				id = append(append(append(id, tag.tag), tag.text...), 0)
			}
			n.send(ipaCCM, id)
			n.send(ipaCCM, []byte{ccmIDAck})
		case body[0] == ccmIDAck:
			return n
		}
	}
}

func (n *node) send(proto byte, body []byte) {
	n.t.Helper()
	b := append(binary.BigEndian.AppendUint16(nil, uint16(len(body))), proto)
	if _, err := n.conn.Write(append(b, body...)); err != nil {
		n.t.Fatal(err)
	}
}

// frame reads one; proto is 0 when none comes in that time.
func (n *node) frame(patience time.Duration) (proto byte, body []byte) {
	n.t.Helper()
	_ = n.conn.SetReadDeadline(time.Now().Add(patience))
	var head [3]byte
	if _, err := io.ReadFull(n.conn, head[:]); errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, nil
	} else if err != nil {
		n.t.Fatal(err)
	}
	body = make([]byte, binary.BigEndian.Uint16(head[:]))
	if _, err := io.ReadFull(n.conn, body); err != nil {
		n.t.Fatal(err)
	}
	return head[2], body
}

// say sends a message about a subscriber.
func (n *node) say(kind byte, imsi ident.IMSI) {
	n.t.Helper()
	b := []byte{ipaExtGSUP, kind, gsupIMSI}
	tbcd := bcd(string(imsi))
	b = append(append(b, byte(len(tbcd))), tbcd...)
	n.send(ipaOsmo, append(b, gsupDomain, 1, byte(n.side)))
}

// hear returns the next message, or one of kind 0 when none comes.
func (n *node) hear(patience time.Duration) message {
	n.t.Helper()
	for {
		proto, body := n.frame(patience)
		switch {
		case proto == 0:
			return message{}
		case proto == ipaCCM && body[0] == ccmPing:
			n.send(ipaCCM, []byte{ccmPong})
		case proto == ipaOsmo && body[0] == ipaExtGSUP:
			m := message{kind: body[1], ies: map[byte][]byte{}}
			for b := body[2:]; len(b) >= 2; b = b[2+int(b[1]):] {
				m.ies[b[0]] = b[2 : 2+int(b[1])]
			}
			m.imsi = ident.IMSI(digits(m.ies[gsupIMSI]))
			return m
		}
	}
}

func (n *node) mustHear(kind byte, imsi ident.IMSI) message {
	n.t.Helper()
	m := n.hear(10 * time.Second)
	if m.kind != kind || m.imsi != imsi {
		n.t.Fatalf("the serving node heard %#x about %q; %#x about %s was due", m.kind, m.imsi, kind, imsi)
	}
	return m
}

// attach makes n the node that serves the subscriber.
func (n *node) attach(imsi ident.IMSI) {
	n.t.Helper()
	n.say(gsupUpdateLocation, imsi)
	n.mustHear(gsupInsertData, imsi)
	n.say(gsupInsertDataResult, imsi)
	n.mustHear(gsupUpdateLocationResult, imsi)
}

// bcd packs digits two to an octet, the first one low.
func bcd(s string) []byte {
	if len(s)%2 == 1 {
		s += "f"
	}
	b := make([]byte, len(s)/2)
	for i := range b {
		_, _ = fmt.Sscanf(s[2*i+1:2*i+2]+s[2*i:2*i+1], "%x", &b[i])
	}
	return b
}

func digits(b []byte) string {
	var s bytes.Buffer
	for _, o := range b {
		fmt.Fprintf(&s, "%x%x", o&15, o>>4)
	}
	return string(bytes.TrimRight(s.Bytes(), "f"))
}
