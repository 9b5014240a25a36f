package radius_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// A server that accepts one subscriber, and a request to it.
func Example() {
	secret := []byte("correct horse battery staple")
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		fmt.Println(err)
		return
	}
	server := &radius.Server{
		Services: radius.Authentication,
		Clients: func(netip.Addr) (radius.Client, bool) {
			return radius.Client{Name: "core", Secret: secret}, true
		},
		Handler: func(_ context.Context, r *radius.Request) *radius.Packet {
			if imsi, ok := radius.IMSI.Get(r.Packet); !ok || imsi != "234150000000001" {
				return radius.New(radius.AccessReject)
			}
			reply := radius.New(radius.AccessAccept)
			radius.SessionTimeout.Add(reply, 3600)
			return reply
		},
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	done := make(chan error)
	go func() { done <- server.Serve(ctx, conn) }()

	request := radius.New(radius.AccessRequest)
	radius.IMSI.Add(request, "234150000000001")
	radius.RATType.Add(request, radius.RATLTEM)
	var sender radius.Sender
	reply, err := sender.Exchange(ctx, radius.Peer{Addr: conn.LocalAddr().(*net.UDPAddr).AddrPort(), Secret: secret}, request)
	if err != nil {
		fmt.Println(err)
		return
	}
	timeout, _ := radius.SessionTimeout.Get(reply)
	fmt.Println(reply.Code, timeout)

	stop()
	fmt.Println(<-done, sender.Close(), conn.Close())
	// Output:
	// Access-Accept 3600
	// <nil> <nil> <nil>
}
