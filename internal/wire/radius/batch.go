package radius

import (
	"net"
	"net/netip"
	"runtime"
	"sync"

	"golang.org/x/net/ipv4"
)

// readTogether is how many datagrams a reader takes from the system at once.
const readTogether = 32

// batchConn is a socket that takes and gives several datagrams at once where the
// system can: a call of it for each costs more than what we do with it.
type batchConn interface {
	// receive waits for datagrams and puts them into the jobs' buffers; it sets
	// size and Remote.
	receive(jobs []*job) (int, error)

	// send sends the replies of those jobs that have one, and tells how many were
	// not sent, and why the last of them was not.
	send(jobs []*job) (sent, unsent int, err error)
}

// batches returns what is quickest for conn.
func batches(conn net.PacketConn) batchConn {
	if udp, ok := conn.(*net.UDPConn); ok && runtime.GOOS == "linux" {
		return mmsgConn{ipv4.NewPacketConn(udp)}
	}
	return oneByOne{datagrams(conn)}
}

// oneByOne is a batchConn on any socket.
type oneByOne struct{ conn datagramConn }

func (o oneByOne) receive(jobs []*job) (int, error) {
	j := jobs[0]
	n, from, err := o.conn.ReadFromUDPAddrPort(j.buffer[:])
	if err != nil {
		return 0, err
	}
	j.size, j.Remote = n, netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	return 1, nil
}

func (o oneByOne) send(jobs []*job) (sent, unsent int, err error) {
	for _, j := range jobs {
		if len(j.out) == 0 {
			continue
		}
		if _, failed := o.conn.WriteToUDPAddrPort(j.out, j.Remote); failed != nil {
			unsent, err = unsent+1, failed
		} else {
			sent++
		}
	}
	return sent, unsent, err
}

// mmsgConn uses recvmmsg and sendmmsg. It serves IPv6, too: what differs
// between the two is not used here.
type mmsgConn struct{ conn *ipv4.PacketConn }

// messages are what one call of the system needs, kept for the next.
type messages struct {
	list   []ipv4.Message
	addrs  []net.UDPAddr
	octets [][16]byte // of the addresses
}

var messagePool = sync.Pool{New: func() any { return new(messages) }}

// room makes room for n messages.
func (m *messages) room(n int) {
	for len(m.list) < n {
		m.list = append(m.list, ipv4.Message{Buffers: make([][]byte, 1)})
	}
	if len(m.addrs) < n {
		m.addrs, m.octets = make([]net.UDPAddr, n), make([][16]byte, n)
	}
}

func (m *messages) free() {
	for i := range m.list {
		m.list[i].Buffers[0], m.list[i].Addr = nil, nil
	}
	messagePool.Put(m)
}

func (c mmsgConn) receive(jobs []*job) (int, error) {
	m := messagePool.Get().(*messages)
	defer m.free()
	m.room(len(jobs))
	for i, j := range jobs {
		m.list[i].Buffers[0] = j.buffer[:]
	}
	n, err := c.conn.ReadBatch(m.list[:len(jobs)], 0)
	if err != nil {
		return 0, err
	}
	for i, j := range jobs[:n] {
		j.size, j.Remote = m.list[i].N, netip.AddrPort{}
		if from, ok := m.list[i].Addr.(*net.UDPAddr); ok {
			at := from.AddrPort()
			j.Remote = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
		}
	}
	return n, nil
}

func (c mmsgConn) send(jobs []*job) (sent, unsent int, err error) {
	m := messagePool.Get().(*messages)
	defer m.free()
	m.room(len(jobs))
	n := 0
	for _, j := range jobs {
		if len(j.out) > 0 {
			m.list[n].Buffers[0], m.list[n].Addr = j.out, m.address(n, j.Remote)
			n++
		}
	}
	for rest := m.list[:n]; len(rest) > 0; {
		n, failed := c.conn.WriteBatch(rest, 0)
		if failed != nil { // the first one is what it failed for
			unsent, err, n = unsent+1, failed, 1
		} else {
			sent += n
		}
		rest = rest[n:]
	}
	return sent, unsent, err
}

// address writes an address into the place of message n.
func (m *messages) address(n int, to netip.AddrPort) net.Addr {
	at, octets := &m.addrs[n], &m.octets[n]
	*octets, at.Port, at.Zone = to.Addr().As16(), int(to.Port()), to.Addr().Zone()
	at.IP = octets[:]
	return at
}
