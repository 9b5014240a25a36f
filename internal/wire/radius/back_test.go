package radius_test

import (
	"context"
	"crypto/tls"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// backed is a RadSec that keeps the ways back to its clients.
func backed(t *testing.T) (*secured, chan *radius.Back, *sync.WaitGroup) {
	t.Helper()
	ways, open := make(chan *radius.Back, 1), new(sync.WaitGroup)
	s := secure(t, &radius.RadSec{Server: &radius.Server{Services: radius.Accounting, Handler: accept},
		Opened: func(c radius.Client, b *radius.Back) func() {
			if c.Name != "core" {
				t.Errorf("a way back to %q", c.Name)
			}
			open.Add(1)
			ways <- b
			return open.Done
		}})
	return s, ways, open
}

// Orders go back over a connection, many at once, while requests come over it.
func TestBackExchanges(t *testing.T) {
	t.Parallel()
	s, ways, open := backed(t)
	conn, err := (&tls.Dialer{Config: s.client(t, "core")}).DialContext(t.Context(), "tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	const orders = 50
	all.Go(func() { obeyOrders(t, conn.(*tls.Conn), orders) })
	b := <-ways
	for range orders {
		all.Go(func() {
			reply, err := b.Exchange(t.Context(), radius.New(radius.DisconnectRequest))
			if err != nil || reply.Code != radius.DisconnectACK {
				t.Errorf("%v, %v", reply, err)
			}
		})
	}
	all.Wait()
	silent, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := b.Exchange(silent, radius.New(radius.CoARequest)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no answer: %v", err)
	}
	hangs := make(chan error, 1)
	go func() {
		_, err := b.Exchange(t.Context(), radius.New(radius.CoARequest))
		hangs <- err
	}()
	time.Sleep(10 * time.Millisecond)
	_ = conn.Close()
	if err := <-hangs; !errors.Is(err, radius.ErrClosed) {
		t.Errorf("the connection ends under way: %v", err)
	}
	open.Wait()
	if _, err := b.Exchange(t.Context(), radius.New(radius.CoARequest)); !errors.Is(err, radius.ErrClosed) {
		t.Errorf("after its end: %v", err)
	}
	if st := s.Server.Stats(); st.Answered != orders {
		t.Errorf("%d requests are counted as answered, want %d", st.Answered, orders)
	}
}

// obeyOrders acknowledges n orders, with a request of its own before each.
func obeyOrders(t *testing.T, conn *tls.Conn, n int) {
	for done, answered := 0, 0; done < n || answered < n; {
		var buffer [radius.MaxPacket]byte
		raw, err := radius.ReadPacket(conn, buffer[:])
		if err != nil {
			t.Error(err)
			return
		}
		p, err := radius.Parse(raw)
		if err != nil {
			t.Error(err)
			return
		}
		if p.Code != radius.DisconnectRequest {
			answered++
			continue
		}
		done++
		own, err := radius.New(radius.AccountingRequest).AppendRequest(nil, []byte("radsec"))
		if err == nil {
			own, err = radius.New(radius.DisconnectACK).AppendReply(own, p, []byte("radsec"))
		}
		if err == nil {
			_, err = conn.Write(own)
		}
		if err != nil {
			t.Error(err)
		}
	}
}
