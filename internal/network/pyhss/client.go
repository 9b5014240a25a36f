package pyhss

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

// api is PyHSS's REST interface.
type api struct {
	base    string
	key     string
	timeout time.Duration
	client  *http.Client

	host atomic.Pointer[string] // what PyHSS calls itself; nil before it has answered
}

// without returns the interface as somebody without the key has it.
func (a *api) without() *api { return &api{base: a.base, timeout: a.timeout, client: a.client} }

func newAPI(c *Config, key string) *api {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = c.Parallel
	return &api{base: c.URL, key: key, timeout: c.timeout, client: &http.Client{
		Transport: transport,
		// The key is for this address and no other.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// maxAnswer bounds an answer: a page of a list.
const maxAnswer = 16 << 20

// errMissing is what get returns of something that is not there.
var errMissing = errors.New("not found")

// get reads path into out.
func (a *api) get(ctx context.Context, out any, path ...string) error {
	return a.call(ctx, http.MethodGet, nil, out, path...)
}

// create makes an object; PyHSS puts new ones and patches old ones.
func (a *api) create(ctx context.Context, object, out any, path ...string) error {
	return a.call(ctx, http.MethodPut, object, out, path...)
}

func (a *api) patch(ctx context.Context, fields, out any, path ...string) error {
	return a.call(ctx, http.MethodPatch, fields, out, path...)
}

// remove deletes what may be gone already.
func (a *api) remove(ctx context.Context, path ...string) error {
	err := a.call(ctx, http.MethodDelete, nil, &struct{}{}, path...)
	if errors.Is(err, errMissing) {
		return nil
	}
	return err
}

// call makes one call. PyHSS says of what does not exist, in most places, "OK"
// and null; and of most other failures, too, which is why reading on has to be
// right before anything counts as missing, see [HSS.points].
func (a *api) call(ctx context.Context, method string, in, out any, path ...string) error {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	r, err := a.request(ctx, method, in, path)
	if err != nil {
		return unreachable(err)
	}
	answer, err := a.client.Do(r)
	if err != nil {
		return unreachable(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if host := answer.Header.Get("HSS"); host != "" && len(host) < 256 {
		a.host.Store(&host)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return unreachable(err)
	case answer.StatusCode == http.StatusNotFound:
		return errMissing
	case answer.StatusCode == http.StatusUnauthorized:
		return fault.New(fault.Unavailable, codeUnauthorized, "the network does not accept the key that it is configured with")
	case answer.StatusCode != http.StatusOK:
		return failed(fmt.Errorf("%s /%s: %s%s", method, path[0], answer.Status, kindOf(body)))
	case len(body) > maxAnswer:
		return failed(fmt.Errorf("%s /%s: the answer is too long", method, path[0]))
	case bytes.Equal(bytes.TrimSpace(body), []byte("null")):
		return errMissing
	}
	if err := json.Unmarshal(body, out); err != nil {
		return failed(fmt.Errorf("%s /%s: the answer is not of PyHSS's form", method, path[0]))
	}
	return nil
}

func (a *api) request(ctx context.Context, method string, in any, path []string) (*http.Request, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	at, query, _ := strings.Cut(strings.Join(path, "/"), "?")
	u, err := url.JoinPath(a.base, at)
	if err != nil {
		return nil, err
	}
	if query != "" {
		u += "?" + query
	}
	r, err := http.NewRequestWithContext(ctx, method, u, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if a.key != "" {
		r.Header.Set("Provisioning-Key", a.key)
	}
	return r, nil
}

// kindOf tells what sort of failure an answer speaks of. Its text is not
// repeated: it quotes the statement that failed, keys and all.
func kindOf(body []byte) string {
	for _, kind := range []string{"integrity error", "operational error", "internal server error"} {
		if bytes.Contains(body, []byte(kind)) {
			return ", " + kind
		}
	}
	return ""
}

// Codes of faults that are told apart.
const (
	codeUnreachable  = "network.unreachable"
	codeUnauthorized = "network.unauthorized"
)

// unreachable is what a caller hears when PyHSS does not answer.
func unreachable(cause error) error {
	return fault.New(fault.Unavailable, codeUnreachable, "the network does not answer").Because(cause)
}

// failed is what a caller hears when PyHSS answers that it could not do
// something. The cause is for the log and holds no key.
func failed(cause error) error {
	return fault.New(fault.Unavailable, "network.failed", "the network could not make the change").Because(cause)
}
