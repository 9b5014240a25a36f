package tigrillo_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/edge/httpx"
	"github.com/simurgh-iot/simurgh/internal/edge/tigrillo"
)

var unavailable = system("E9998", "System not available at this moment")

// TestAFaultOfOursIsLoggedAndNotShown: the caller hears E9998, the log says
// what, once, and for which request.
func TestAFaultOfOursIsLoggedAndNotShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	check(w.Close())
	for _, m := range methods {
		r := w.request(engineer, m, `{"ICCID":"<live>","sims":["<live>"],"state":"suspend"}`)
		r.Header.Set("X-Request-Id", "id-of-"+m)
		a := w.send(r)
		if m == "ping" || m == "getCookieName" {
			continue
		}
		if a.code != http.StatusOK || a.body != unavailable {
			t.Errorf("%s: %d %s", m, a.code, a.body)
		}
		if n := strings.Count(w.log.String(), `request=id-of-`+m+` `) + strings.Count(w.log.String(), `request=id-of-`+m+"\n"); n != 2 {
			t.Errorf("%s stands in the log %d times, not as the fault and the access", m, n)
		}
	}
	if !strings.Contains(w.log.String(), "closed") {
		t.Errorf("the log does not say why: %s", w.log)
	}
}

// serve puts the edge behind a server with short timeouts.
func serve(t *testing.T, w *world, times httpx.Timeouts) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(w.edge)
	s.Config = httpx.NewServer(w.edge, times, nil)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// half opens a request whose body never ends.
func half(t *testing.T, s *httptest.Server, method, token string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn := must(new(net.Dialer).DialContext(t.Context(), "tcp", s.Listener.Addr().String()))
	t.Cleanup(func() { _ = conn.Close() })
	must(fmt.Fprintf(conn, "POST /Japi/Tigrillo/%s HTTP/1.1\r\nHost: x\r\nCookie: PHPSESSID=%s\r\nContent-Length: 100\r\n\r\n{\"sims\":[", method, token))
	return conn, bufio.NewReader(conn)
}

func TestABodyThatNeverEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := serve(t, w, httpx.Timeouts{Body: 50 * time.Millisecond})
	_, in := half(t, s, "suspendSIMs", w.tokens[engineer])
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body := string(must(io.ReadAll(resp.Body)))
	if resp.StatusCode != http.StatusRequestTimeout || body != failed("E0001", "Invalid input - Request body did not arrive in time") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("the connection stays: %v", err)
	}
}

// TestSlowBodiesHoldNoWorker: one worker serves others while bodies trickle in.
func TestSlowBodiesHoldNoWorker(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *tigrillo.Options) { o.MaxInFlight = 1 })
	s := serve(t, w, httpx.Timeouts{})
	for range 3 {
		half(t, s, "suspendSIMs", w.tokens[engineer])
	}
	resp := must(s.Client().Post(s.URL+"/Japi/Tigrillo/ping", "", nil))
	defer resp.Body.Close()
	if got := string(must(io.ReadAll(resp.Body))); got != `"pong"` {
		t.Error(got)
	}
}

// TestHeadersThatNeverEnd: the connection ends.
func TestHeadersThatNeverEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := serve(t, w, httpx.Timeouts{Header: 50 * time.Millisecond})
	conn := must(new(net.Dialer).DialContext(t.Context(), "tcp", s.Listener.Addr().String()))
	t.Cleanup(func() { _ = conn.Close() })
	must(io.WriteString(conn, "POST /Japi/Tigrillo/ping HTTP/1.1\r\nHost: x\r\nX: "))
	if _, err := io.ReadAll(conn); err != nil {
		t.Error(err)
	}
}

// TestTooMuchAtOnce: whom no worker is free for is told to come back.
func TestTooMuchAtOnce(t *testing.T) {
	t.Parallel()
	seen := make(samples, 100)
	inside, leave := make(chan bool), make(chan bool)
	w := newWorld(t, func(o *tigrillo.Options) {
		o.MaxInFlight = 1
		o.HTTP.Observer = seen
	})
	// The writer of the first answer blocks, and with it the only worker.
	first := make(chan answer)
	go func() {
		rec := &blocking{ResponseRecorder: httptest.NewRecorder(), inside: inside, leave: leave}
		w.edge.ServeHTTP(rec, w.request("", "ping", ""))
		first <- answer{code: rec.Code, body: rec.Body.String()}
	}()
	<-inside
	a := w.call("", "ping", "")
	if a.code != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "1" || a.body != unavailable {
		t.Errorf("%d %v %s", a.code, a.header, a.body)
	}
	if got := <-seen; got.Problem != httpx.Busy || got.Class != "5xx" {
		t.Errorf("%+v", got)
	}
	close(leave)
	if a := <-first; a.body != `"pong"` {
		t.Errorf("the first: %+v", a)
	}
	if a := w.call("", "ping", ""); a.body != `"pong"` {
		t.Errorf("afterwards: %+v", a)
	}
}

type blocking struct {
	*httptest.ResponseRecorder
	inside, leave chan bool
}

func (b *blocking) Write(p []byte) (int, error) {
	close(b.inside)
	<-b.leave
	return b.ResponseRecorder.Write(p)
}

// TestSecretsStayOutOfTheLog: newWorld checks the log of every test; this one
// sends secrets where callers put them by mistake.
func TestSecretsStayOutOfTheLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const secret = "s3cr3t-v4lue"
	w.asked = append(w.asked, secret)
	r := httptest.NewRequest(http.MethodPost, "/Japi/Tigrillo/login?password="+secret+"&PHPSESSID="+secret, strings.NewReader(`{"password":"`+secret+`"}`))
	r.Header.Set("Authorization", "Bearer "+secret)
	r.Header.Set("Cookie", "PHPSESSID="+secret)
	r.Header.Set("Referer", "https://x/?"+secret)
	r.Header.Set("User-Agent", secret)
	w.send(r)
	w.send(w.request("", "login", `{"username":"`+secret+`","password":"`+secret+`","portfolioID":"`+string(folios["A"])+`"}`))
	w.login(engineer, secret, string(folios["A"]), "")
	w.send(w.request("", "login", `{"password":"`+secret))
}
