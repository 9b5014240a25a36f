package osmohlr

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// request is one line to the control interface, without its number.
type request struct{ verb, name, value string }

func get(name string) request        { return request{verb: "GET", name: name} }
func set(name, value string) request { return request{verb: "SET", name: name, value: value} }

// answer is what came of a request: a value, or a *denied, or the fault that
// the HLR does not answer.
type answer struct {
	value string
	err   error
}

// denied is an ERROR that the HLR gave. It never repeats the request, so it
// holds no key.
type denied struct{ reason string }

func (d *denied) Error() string { return d.reason }

// missing reports whether err says that there is no such subscriber.
func missing(err error) bool {
	d, ok := errors.AsType[*denied](err)
	return ok && d.reason == "No such subscriber."
}

func isDenied(err error) bool {
	_, ok := errors.AsType[*denied](err)
	return ok
}

// window is how many requests may wait for their answer on a connection. The
// HLR queues up to 100 answers; it loses those beyond where nobody reads. From
// 64 on, more bring no more speed.
const window = 64

// ctrl is the control interface. Its one connection is shared by all callers
// and made anew when it has failed.
type ctrl struct {
	address  string
	patience time.Duration

	turn   chan struct{} // held by who looks at line
	line   *line
	closed bool
}

func newCTRL(address string, patience time.Duration) *ctrl {
	return &ctrl{address: address, patience: patience, turn: make(chan struct{}, 1)}
}

func (c *ctrl) close() {
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	if c.closed = true; c.line != nil {
		c.line.fail(net.ErrClosed)
	}
}

// ask sends requests in order, without waiting in between, and returns an
// answer to each. It returns when ctx ends, with what has been answered.
func (c *ctrl) ask(ctx context.Context, requests []request) []answer {
	out := make([]answer, len(requests))
	if len(requests) == 0 {
		return out
	}
	l, err := c.connect(ctx)
	if err != nil {
		for i := range out {
			out[i].err = unreachable(err)
		}
		return out
	}
	l.ask(ctx, requests, out)
	return out
}

// connect returns the connection, made anew where there is none.
func (c *ctrl) connect(ctx context.Context) (*line, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if c.closed {
		return nil, net.ErrClosed
	}
	if c.line != nil && !c.line.failed() {
		return c.line, nil
	}
	d := net.Dialer{Timeout: c.patience}
	conn, err := d.DialContext(ctx, "tcp", c.address)
	if err != nil {
		return nil, err
	}
	c.line = newLine(conn, c.patience)
	return c.line, nil
}

// line is one connection to the control interface.
type line struct {
	conn     net.Conn
	patience time.Duration
	places   chan struct{} // one per request under way
	gone     chan struct{} // closed once err is set

	mu      sync.Mutex
	last    uint32
	waiting map[uint32]waiter
	err     error
}

// waiter is a caller that waits for the answer to its request of that index.
type waiter struct {
	index int
	to    chan<- arrival
}

type arrival struct {
	index int
	answer
}

func newLine(conn net.Conn, patience time.Duration) *line {
	l := &line{
		conn: conn, patience: patience, waiting: map[uint32]waiter{},
		places: make(chan struct{}, window), gone: make(chan struct{}),
	}
	go l.read()
	return l
}

func (l *line) failed() bool {
	select {
	case <-l.gone:
		return true
	default:
		return false
	}
}

func (l *line) ask(ctx context.Context, requests []request, out []answer) {
	arrived := make(chan arrival, len(requests))
	sent, err := l.sendAll(ctx, requests, arrived)
	answered := make([]bool, len(out))
	for range sent {
		select {
		case a := <-arrived:
			out[a.index], answered[a.index] = a.answer, true
			continue
		case <-ctx.Done():
			err = ctx.Err()
		}
		break
	}
	for i := range out {
		if !answered[i] {
			out[i].err = unreachable(err)
		}
	}
}

// sendAll returns how many requests are on their way, and why it is not all.
func (l *line) sendAll(ctx context.Context, requests []request, arrived chan<- arrival) (int, error) {
	for i := range requests {
		if err := l.send(ctx, requests[i], waiter{i, arrived}); err != nil {
			return i, err
		}
	}
	return len(requests), nil
}

// send writes one request as soon as there is a place for it.
func (l *line) send(ctx context.Context, r request, w waiter) error {
	select {
	case l.places <- struct{}{}:
	case <-l.gone:
		return l.err
	case <-ctx.Done():
		return ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	now := time.Now()
	if len(l.waiting) == 0 {
		_ = l.conn.SetReadDeadline(now.Add(l.patience))
	}
	l.last++
	l.waiting[l.last] = w
	_ = l.conn.SetWriteDeadline(now.Add(l.patience))
	if _, err := l.conn.Write(frame(l.last, r)); err != nil {
		delete(l.waiting, l.last)
		l.failLocked(err)
		return err
	}
	return nil
}

// read hands out answers until the connection fails, which it does also when
// somebody waits for longer than patience.
func (l *line) read() {
	r := bufio.NewReader(l.conn)
	for {
		text, err := readFrame(r)
		if err != nil {
			l.fail(err)
			return
		}
		l.deliver(text)
	}
}

func (l *line) deliver(text string) {
	id, a, ok := parseAnswer(text)
	if !ok {
		return // a TRAP: something happened that nobody asked about
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	w, ok := l.waiting[id]
	if !ok {
		return
	}
	delete(l.waiting, id)
	deadline := time.Time{}
	if len(l.waiting) > 0 {
		deadline = time.Now().Add(l.patience)
	}
	_ = l.conn.SetReadDeadline(deadline)
	w.to <- arrival{w.index, a}
	<-l.places
}

func (l *line) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failLocked(err)
}

func (l *line) failLocked(err error) {
	if l.err != nil {
		return
	}
	l.err = err
	_ = l.conn.Close()
	for _, w := range l.waiting {
		w.to <- arrival{w.index, answer{err: unreachable(err)}}
	}
	clear(l.waiting)
	close(l.gone)
}

// The framing of the control interface: length, protocol and extension, then
// text. The length counts the extension but not the protocol.
const (
	protocolOsmo  = 0xEE
	extensionCTRL = 0x00
)

func frame(id uint32, r request) []byte {
	text := fmt.Sprintf("%s %d %s", r.verb, id, r.name)
	if r.verb == "SET" {
		text += " " + r.value
	}
	b := binary.BigEndian.AppendUint16(nil, uint16(len(text)+1))
	return append(append(b, protocolOsmo, extensionCTRL), text...)
}

// readFrame returns the next text; frames of other protocols, such as a ping,
// are passed over.
func readFrame(r io.Reader) (string, error) {
	for {
		var head [3]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return "", err
		}
		body := make([]byte, binary.BigEndian.Uint16(head[:]))
		if _, err := io.ReadFull(r, body); err != nil {
			return "", err
		}
		if head[2] == protocolOsmo && len(body) > 0 && body[0] == extensionCTRL {
			return string(body[1:]), nil
		}
	}
}

// parseAnswer takes "GET_REPLY 7 name value", "SET_REPLY 7 name value" and
// "ERROR 7 reason" apart; ok is false for anything else.
func parseAnswer(text string) (id uint32, a answer, ok bool) {
	verb, rest, _ := strings.Cut(text, " ")
	number, rest, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return 0, a, false
	}
	switch verb {
	case "ERROR":
		return uint32(n), answer{err: &denied{rest}}, true
	case "GET_REPLY", "SET_REPLY":
		_, value, _ := strings.Cut(rest, " ")
		return uint32(n), answer{value: value}, true
	}
	return 0, a, false
}
