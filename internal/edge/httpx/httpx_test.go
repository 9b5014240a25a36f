package httpx_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/edge/httpx"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// bench is an edge with a handler of the test.
type bench struct {
	http.Handler
	log     *lockedBuffer
	mu      sync.Mutex
	samples []httpx.Sample
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *bench) Observe(s httpx.Sample) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.samples = append(b.samples, s)
}

func newBench(h http.HandlerFunc, change ...func(*httpx.Edge)) *bench {
	b := &bench{log: &lockedBuffer{}}
	e := httpx.Edge{Options: httpx.Options{Log: slog.New(slog.NewTextHandler(b.log, nil)), Observer: b}, Name: "test", MaxBody: 100,
		Refuse: func(w http.ResponseWriter, _ *http.Request, p httpx.Problem) {
			http.Error(w, "refused: "+p.String(), p.Status())
		}}
	for _, f := range change {
		f(&e)
	}
	b.Handler = e.Wrap(h)
	return b
}

func (b *bench) send(r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	b.ServeHTTP(rec, r)
	return rec
}

func get(path string) *http.Request { return httptest.NewRequest(http.MethodGet, path, nil) }

func post(body io.Reader) *http.Request { return httptest.NewRequest(http.MethodPost, "/x", body) }

func TestRequestID(t *testing.T) {
	t.Parallel()
	var seen string
	b := newBench(func(_ http.ResponseWriter, r *http.Request) { seen = httpx.Of(r.Context()).ID })
	for theirs, taken := range map[string]bool{
		"abc-123_X.y:z": true, strings.Repeat("a", 64): true, "": false, strings.Repeat("a", 65): false, "a b": false, "a\"b": false, "ü": false,
		"a\tb": false, "<script>": false, "a,b": false,
	} {
		r := get("/x")
		r.Header.Set("X-Request-Id", theirs)
		echoed := b.send(r).Header().Get("X-Request-Id")
		if echoed != seen || (seen == theirs) != taken || len(seen) < 5 {
			t.Errorf("%q: the edge sees %q, the caller %q", theirs, seen, echoed)
		}
	}
}

func TestClient(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	var seen netip.Addr
	b := newBench(func(_ http.ResponseWriter, r *http.Request) { seen = httpx.Of(r.Context()).From }, func(e *httpx.Edge) { e.Trusted = trusted })
	for _, c := range []struct {
		remote    string
		forwarded []string
		want      string
	}{
		{"192.0.2.1:1", nil, "192.0.2.1"},
		{"192.0.2.1:1", []string{"198.51.100.1"}, "192.0.2.1"}, // a stranger may write what it likes
		{"10.0.0.1:1", nil, "10.0.0.1"},
		{"10.0.0.1:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"[::ffff:10.0.0.1]:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"1.1.1.1, 198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"1.1.1.1", "198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"1.1.1.1, 198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"10.0.0.1:1", []string{"198.51.100.1:4000"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"[2001:db8::1]:4000"}, "2001:db8::1"},
		{"[fd00::1]:1", []string{"2001:db8::1"}, "2001:db8::1"},
		{"[fe80::1%eth0]:1", nil, "fe80::1"},
		{"10.0.0.1:1", []string{"unknown"}, "10.0.0.1"},
		{"10.0.0.1:1", []string{"198.51.100.1, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"10.0.0.1:1", []string{""}, "10.0.0.1"},
		{"@", []string{"198.51.100.1"}, "invalid IP"},
		{"", nil, "invalid IP"},
	} {
		r := get("/x")
		r.RemoteAddr = c.remote
		for _, f := range c.forwarded {
			r.Header.Add("X-Forwarded-For", f)
		}
		if b.send(r); seen.String() != c.want {
			t.Errorf("%s %q: %s, not %s", c.remote, c.forwarded, seen, c.want)
		}
	}
}

func TestPanic(t *testing.T) {
	t.Parallel()
	b := newBench(func(http.ResponseWriter, *http.Request) { panic("the sky falls") })
	r := get("/x")
	r.Header.Set("X-Request-Id", "abc")
	rec := b.send(r)
	if rec.Code != http.StatusInternalServerError || rec.Body.String() != "refused: panic\n" {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	log := b.log.String()
	if strings.Count(log, "the sky falls") != 1 || !strings.Contains(log, "httpx_test.go") || !strings.Contains(log, "request=abc") {
		t.Errorf("the log: %s", log)
	}
	if s := b.samples[0]; s.Class != "5xx" || s.Problem != httpx.Panicked {
		t.Errorf("%+v", s)
	}
}

// TestPanicAfterTheAnswerBegan: the connection breaks, so that nobody takes half
// an answer for a whole one.
func TestPanicAfterTheAnswerBegan(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]any{"panic": "the sky falls", "abort": http.ErrAbortHandler} {
		b := newBench(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			panic(p)
		})
		s := httptest.NewServer(b)
		resp, err := s.Client().Get(s.URL)
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			_ = resp.Body.Close()
		}
		if err == nil {
			t.Errorf("%s: the answer looks whole", name)
		}
		s.Close()
		if logged := strings.Contains(b.log.String(), "stack="); logged != (name == "panic") {
			t.Errorf("%s: the log: %s", name, b.log)
		}
	}
}

// TestAbortBeforeAnyAnswer: a handler that gives up on the connection has its way.
func TestAbortBeforeAnyAnswer(t *testing.T) {
	t.Parallel()
	b := newBench(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	defer func() {
		if p := recover(); p != http.ErrAbortHandler { //nolint:errorlint // the very value
			t.Errorf("%v", p)
		}
	}()
	b.send(get("/x"))
}

func TestBodyIsBounded(t *testing.T) {
	t.Parallel()
	var body string
	b := newBench(func(_ http.ResponseWriter, r *http.Request) {
		read, _ := io.ReadAll(r.Body)
		if body = string(httpx.Of(r.Context()).Body); body != string(read) {
			body = "differs"
		}
	})
	for n, code := range map[int]int{0: 200, 1: 200, 100: 200, 101: 413, 5 << 20: 413} {
		for _, announced := range []bool{true, false} {
			body = ""
			r := post(strings.NewReader(strings.Repeat("x", n)))
			if !announced {
				r.ContentLength = -1
			}
			rec := b.send(r)
			if rec.Code != code || (code == 200 && len(body) != n) || (code == 413 && rec.Header().Get("Connection") != "close") {
				t.Errorf("%d bytes, announced %v: %d, %q", n, announced, rec.Code, body)
			}
		}
	}
}

// failing is a body that ends in an error.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestBodyThatCannotBeRead(t *testing.T) {
	t.Parallel()
	b := newBench(func(http.ResponseWriter, *http.Request) { t.Error("the edge was asked") })
	for err, want := range map[error]int{os.ErrDeadlineExceeded: 408, fmt.Errorf("read: %w", os.ErrDeadlineExceeded): 408, io.ErrUnexpectedEOF: 400, errors.New("chunk"): 400} {
		if rec := b.send(post(failing{err})); rec.Code != want {
			t.Errorf("%v: %d", err, rec.Code)
		}
	}
}

// TestEdgesThatStream read the body themselves.
func TestEdgesThatStream(t *testing.T) {
	t.Parallel()
	b := newBench(func(w http.ResponseWriter, r *http.Request) {
		if httpx.Of(r.Context()).Body != nil {
			t.Error("the body was read")
		}
		n, err := io.Copy(w, r.Body)
		if n != 1000 || err != nil {
			t.Errorf("%d %v", n, err)
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Errorf("flush: %v", err)
		}
	}, func(e *httpx.Edge) { e.MaxBody = 0 })
	if rec := b.send(post(strings.NewReader(strings.Repeat("x", 1000)))); rec.Body.Len() != 1000 || !rec.Flushed {
		t.Errorf("%d", rec.Body.Len())
	}
}

func TestAccessLog(t *testing.T) {
	t.Parallel()
	b := newBench(func(w http.ResponseWriter, r *http.Request) {
		c := httpx.Of(r.Context())
		c.Route, c.Caller = "things", "user:ops"
		w.WriteHeader(http.StatusTeapot)
		w.WriteHeader(http.StatusOK) // the first one counts
		_, _ = io.WriteString(w, "12345")
	})
	r := httptest.NewRequest(http.MethodPut, "/a%20b/"+strings.Repeat("p", 300)+"?token=s3cret", strings.NewReader("b0dy"))
	r.Header.Set("Cookie", "session=c00kie")
	r.Header.Set("Authorization", "Bearer t0ken")
	r.Header.Set("Idempotency-Key", "k3y")
	b.send(r)
	log := b.log.String()
	for _, want := range []string{"edge=test", "method=PUT", "path=/a%20b/ppp", "status=418", "bytes=5", "took=", "request=", "client=192.0.2.1", "caller=user:ops"} {
		if !strings.Contains(log, want) {
			t.Errorf("%s is missing in %s", want, log)
		}
	}
	for _, not := range []string{"s3cret", "b0dy", "c00kie", "t0ken", "k3y", strings.Repeat("p", 200)} {
		if strings.Contains(log, not) {
			t.Errorf("%s stands in %s", not, log)
		}
	}
	if s := b.samples[0]; s.Edge != "test" || s.Route != "things" || s.Class != "4xx" || s.Problem != 0 || s.Took <= 0 {
		t.Errorf("%+v", s)
	}
}

func TestSilentHandler(t *testing.T) {
	t.Parallel()
	b := newBench(func(http.ResponseWriter, *http.Request) {})
	b.send(get("/"))
	if s := b.samples[0]; s.Route != "other" || s.Class != "2xx" || !strings.Contains(b.log.String(), "status=200") {
		t.Errorf("%+v %s", s, b.log)
	}
}

// TestInFlight: one more than the bound is turned away at once, and whoever is
// still sending takes no place.
func TestInFlight(t *testing.T) {
	t.Parallel()
	inside, leave := make(chan bool), make(chan bool)
	b := newBench(func(http.ResponseWriter, *http.Request) {
		inside <- true
		<-leave
	}, func(e *httpx.Edge) { e.MaxInFlight = 2 })
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() { b.send(get("/")) })
		<-inside
	}
	if rec := b.send(get("/")); rec.Code != http.StatusServiceUnavailable || rec.Header().Get("Retry-After") != "1" {
		t.Errorf("%d %v", rec.Code, rec.Header())
	}
	var sender sync.WaitGroup
	slow, finish := io.Pipe()
	sender.Go(func() { b.send(post(slow)) })
	_, _ = finish.Write([]byte("x")) // it is being read, though no place is free
	close(leave)
	all.Wait()
	_ = finish.Close()
	<-inside
	sender.Wait()
}

// TestSendersAreBoundedToo: ten times as many may be sending.
func TestSendersAreBoundedToo(t *testing.T) {
	t.Parallel()
	b := newBench(func(http.ResponseWriter, *http.Request) {}, func(e *httpx.Edge) { e.MaxInFlight = 1 })
	var all sync.WaitGroup
	var ends []*io.PipeWriter
	for range 10 {
		body, end := io.Pipe()
		ends = append(ends, end)
		all.Go(func() { b.send(post(body)) })
		_, _ = end.Write([]byte("x"))
	}
	if rec := b.send(get("/")); rec.Code != http.StatusServiceUnavailable {
		t.Errorf("%d", rec.Code)
	}
	for _, end := range ends {
		_ = end.CloseWithError(io.ErrUnexpectedEOF)
	}
	all.Wait()
	if rec := b.send(get("/")); rec.Code != http.StatusOK {
		t.Errorf("afterwards: %d", rec.Code)
	}
}

// TestBodiesTogetherAreBounded: what all of them take has a bound of its own.
func TestBodiesTogetherAreBounded(t *testing.T) {
	t.Parallel()
	b := newBench(func(http.ResponseWriter, *http.Request) {}, func(e *httpx.Edge) { e.MaxHeld = 150 })
	body, end := io.Pipe()
	var first sync.WaitGroup
	first.Go(func() {
		if rec := b.send(post(body)); rec.Code != http.StatusOK {
			t.Errorf("the first: %d", rec.Code)
		}
	})
	_, _ = end.Write(make([]byte, 100))
	_, _ = end.Write(nil) // whoever reads on has counted what it read
	for n, code := range map[int]int{50: 200, 51: 503} {
		if rec := b.send(post(bytes.NewReader(make([]byte, n)))); rec.Code != code {
			t.Errorf("%d bytes more: %d", n, rec.Code)
		}
	}
	_ = end.Close()
	first.Wait()
	if rec := b.send(post(bytes.NewReader(make([]byte, 100)))); rec.Code != http.StatusOK {
		t.Errorf("afterwards: %d", rec.Code)
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	type asked struct{ key, sum string }
	var got asked
	var portfolio ident.PortfolioID
	b := newBench(func(_ http.ResponseWriter, r *http.Request) {
		c := httpx.Of(r.Context())
		req := c.Request(r, tenant.Principal{Name: "ops", Portfolio: portfolio}, "door")
		if req.Caller.Name != "ops" || req.Via != "door" || req.ID != c.ID {
			t.Errorf("%+v", req)
		}
		got = asked{req.Key, string(req.Asked)}
	})
	ask := func(method, path, body, key string, in ident.PortfolioID) asked {
		portfolio = in
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		if key != "" {
			r.Header.Set("Idempotency-Key", key)
		}
		b.send(r)
		return got
	}
	first := ask("POST", "/a", "body", "k", "p")
	if first.key != "k" || len(first.sum) != 32 {
		t.Errorf("%+v", first)
	}
	if again := ask("POST", "/a", "body", "k", "p"); again != first {
		t.Error("the same request differs")
	}
	for name, other := range map[string]asked{"method": ask("PUT", "/a", "body", "k", "p"), "path": ask("POST", "/b", "body", "k", "p"),
		"body": ask("POST", "/a", "body ", "k", "p"), "portfolio": ask("POST", "/a", "body", "k", "q"), "border": ask("POST", "/a%0Ap", "body", "k", "")} {
		if other.sum == first.sum {
			t.Errorf("another %s is the same request", name)
		}
	}
	if none := ask("POST", "/a", "body", "", "p"); none.key != "" || none.sum != "" {
		t.Errorf("without a key: %+v", none)
	}
}

func TestServerHasABoundForEverything(t *testing.T) {
	t.Parallel()
	s := httpx.NewServer(http.NotFoundHandler(), httpx.Timeouts{}, nil)
	if s.ReadHeaderTimeout <= 0 || s.ReadTimeout <= 0 || s.WriteTimeout <= 0 || s.IdleTimeout <= 0 || s.MaxHeaderBytes <= 0 || s.ErrorLog == nil {
		t.Errorf("%+v", s)
	}
	s = httpx.NewServer(nil, httpx.Timeouts{Header: 1, Body: 2, Answer: 3, Idle: 4}, slog.Default())
	if s.ReadHeaderTimeout != 1 || s.ReadTimeout != 2 || s.WriteTimeout != 3 || s.IdleTimeout != 4*time.Nanosecond {
		t.Errorf("%+v", s)
	}
}

func TestHeadersOfPages(t *testing.T) {
	t.Parallel()
	h := http.Header{}
	httpx.SecureHTML(h, "")
	if !strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'none'") || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("X-Frame-Options") != "DENY" {
		t.Errorf("%v", h)
	}
	httpx.SecureHTML(h, "default-src 'self'")
	if h.Get("Content-Security-Policy") != "default-src 'self'" {
		t.Errorf("%v", h)
	}
}

func TestOfWithoutAnEdge(t *testing.T) {
	t.Parallel()
	if c := httpx.Of(t.Context()); c == nil || c.ID != "" {
		t.Errorf("%+v", c)
	}
}

// FuzzClient: no header makes a stranger look like somebody else, or panics.
func FuzzClient(f *testing.F) {
	f.Add("1.1.1.1, 2.2.2.2", "abc", "key")
	f.Add("[::1%25x]:1", "\x00", "ü")
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, forwarded, id, key string) {
		b := newBench(func(_ http.ResponseWriter, r *http.Request) {
			if from := httpx.Of(r.Context()).From; from != netip.MustParseAddr("192.0.2.1") {
				t.Errorf("%s", from)
			}
		}, func(e *httpx.Edge) { e.Trusted = trusted })
		for _, remote := range []string{"192.0.2.1:1", "10.0.0.1:1"} {
			r := get("/")
			r.RemoteAddr = remote
			r.Header["X-Forwarded-For"] = []string{forwarded}
			if remote == "10.0.0.1:1" {
				r.Header["X-Forwarded-For"] = []string{forwarded, "192.0.2.1"}
			}
			r.Header["X-Request-Id"] = []string{id}
			r.Header["Idempotency-Key"] = []string{key}
			b.send(r)
		}
	})
}
