package osmohlr

import (
	"bufio"
	"context"
	"errors"
	"net"
	"strings"
	"time"
)

// vty is the VTY, a console over telnet. Each session has a connection of its
// own, and only one is open at a time: the HLR ends idle ones, and what is
// done here is rare beside what the control interface does.
type vty struct {
	address  string
	password string
	patience time.Duration

	turn chan struct{} // held by who has a session
	life context.Context
	end  context.CancelFunc // of life
}

func newVTY(address, password string, patience time.Duration) *vty {
	v := &vty{address: address, password: password, patience: patience, turn: make(chan struct{}, 1)}
	v.life, v.end = context.WithCancel(context.Background())
	return v
}

func (v *vty) close() { v.end() }

// session calls do with a session that may change things. It waits for its
// turn, and ends when ctx does.
func (v *vty) session(ctx context.Context, do func(*session) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(v.life, cancel)()
	select {
	case v.turn <- struct{}{}:
		defer func() { <-v.turn }()
	case <-ctx.Done():
		return unreachable(ctx.Err())
	}
	d := net.Dialer{Timeout: v.patience}
	conn, err := d.DialContext(ctx, "tcp", v.address)
	if err != nil {
		return unreachable(err)
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	s := &session{conn: conn, r: bufio.NewReader(impatient{conn, v.patience}), patience: v.patience}
	if err := s.enter(v.password); err != nil {
		return err
	}
	return do(s)
}

// impatient is a connection that fails when nothing comes for that long.
type impatient struct {
	net.Conn
	patience time.Duration
}

func (c impatient) Read(b []byte) (int, error) {
	_ = c.SetReadDeadline(time.Now().Add(c.patience))
	return c.Conn.Read(b)
}

// session is a console that has been entered.
type session struct {
	conn     net.Conn
	r        *bufio.Reader
	patience time.Duration
	prompt   string
}

const askForPassword = "Password: "

// enter gets to where changes may be made, with the password where one is
// asked for.
func (s *session) enter(password string) error {
	view, err := s.until(func(line string) bool { return strings.HasSuffix(line, "> ") || line == askForPassword }, nil)
	if err == nil && view == askForPassword {
		view, err = s.say(password, func(line string) bool { return strings.HasSuffix(line, "> ") || line == askForPassword })
	}
	if err != nil {
		return err
	}
	if view == askForPassword {
		return failed(errWrongPassword)
	}
	s.prompt = strings.TrimSuffix(view, "> ") + "# "
	end := func(line string) bool { return line == s.prompt || line == askForPassword }
	got, err := s.say("enable", end)
	if err == nil && got == askForPassword {
		got, err = s.say(password, func(line string) bool { return end(line) || line == view })
	}
	if err == nil && got != s.prompt {
		err = failed(errWrongPassword)
	}
	return err
}

var errWrongPassword = errors.New("the VTY asks for a password, and the network's secret is not it")

// say types a line and returns what the console then waits with.
func (s *session) say(line string, end func(string) bool) (string, error) {
	if err := s.write(line); err != nil {
		return "", err
	}
	return s.until(end, nil)
}

func (s *session) write(line string) error {
	_ = s.conn.SetWriteDeadline(time.Now().Add(s.patience))
	if _, err := s.conn.Write([]byte(line + "\n")); err != nil {
		return unreachable(err)
	}
	return nil
}

// command runs one command and calls each with every line of its output. It
// returns a fault when the HLR does not answer to its end.
func (s *session) command(line string, each func(string)) error {
	if err := s.write(line); err != nil {
		return err
	}
	echoed := false
	_, err := s.until(func(l string) bool { return l == s.prompt }, func(l string) {
		if !echoed { // the console repeats what was typed
			echoed = true
			return
		}
		each(l)
	})
	return err
}

// do runs a command that says nothing where it succeeds, or something that
// good accepts.
func (s *session) do(line string, good func(string) bool) error {
	var complaint string
	err := s.command(line, func(l string) {
		if l != "" && !good(l) {
			complaint = l
		}
	})
	if err == nil && complaint != "" {
		err = failed(&denied{complaint})
	}
	return err
}

// until reads up to a line without an end that end accepts, and returns it.
// The whole lines before go to each, without what ends them.
func (s *session) until(end func(string) bool, each func(string)) (string, error) {
	var line []byte
	for {
		b, err := s.r.ReadByte()
		if err != nil {
			return "", unreachable(err)
		}
		switch b {
		case telnetIAC:
			if err := s.skipTelnet(); err != nil {
				return "", unreachable(err)
			}
		case '\r', 0:
		case '\n':
			if each != nil {
				each(string(line))
			}
			line = line[:0]
		default:
			line = append(line, b)
		}
		if s.r.Buffered() == 0 && end(string(line)) {
			return string(line), nil
		}
	}
}

// Telnet's interpret-as-command, and the first of its commands that are
// followed by an option (RFC 854).
const (
	telnetIAC  = 255
	telnetWill = 251
)

// skipTelnet passes over the rest of a telnet command. The HLR proposes
// options as a session begins and goes on without an answer.
func (s *session) skipTelnet() error {
	b, err := s.r.ReadByte()
	if err == nil && b >= telnetWill && b < telnetIAC {
		_, err = s.r.ReadByte()
	}
	return err
}
