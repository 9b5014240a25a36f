package radiusload

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/net/ipv4"

	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// socketBuffer is asked of the system: room for all that is under way.
const socketBuffer = 1 << 20

// sock is a connected UDP socket that sends and receives in batches. For them
// it does not matter whether it speaks IPv4 or IPv6.
type sock struct {
	udp      *net.UDPConn
	batches  *ipv4.PacketConn
	in, out  []ipv4.Message
	queued   int // of out
	deadline time.Time
}

func dial(to netip.AddrPort, most int) (*sock, error) {
	udp, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return nil, err
	}
	_, _ = udp.SetReadBuffer(socketBuffer), udp.SetWriteBuffer(socketBuffer)
	s := &sock{udp: udp, batches: ipv4.NewPacketConn(udp), in: make([]ipv4.Message, most), out: make([]ipv4.Message, most)}
	for i := range most {
		s.in[i].Buffers, s.out[i].Buffers = [][]byte{make([]byte, radius.MaxPacket)}, make([][]byte, 1)
	}
	return s, nil
}

// add queues a datagram, which must stay as it is until flush. There is room for
// each request under way once.
func (s *sock) add(wire []byte) {
	s.out[s.queued].Buffers[0] = wire
	s.queued++
}

// flush sends what is queued, as far as the system takes it.
func (s *sock) flush() error {
	var err error
	for rest := s.out[:s.queued]; len(rest) > 0; {
		n, failed := s.batches.WriteBatch(rest, 0)
		if failed != nil {
			err, n = failed, max(n, 1) // the first one is what it failed for
		}
		rest = rest[n:]
	}
	s.queued = 0
	return err
}

// receive returns what has come, after a wait where nothing has.
func (s *sock) receive(wait time.Duration) ([]ipv4.Message, error) {
	if now := time.Now(); s.deadline.Sub(now) < wait/2 {
		s.deadline = now.Add(wait)
		_ = s.udp.SetReadDeadline(s.deadline)
	}
	n, err := s.batches.ReadBatch(s.in, 0)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return s.in[:max(n, 0)], err
}

func (s *sock) close() { _ = s.udp.Close() }
