package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

// caller makes signed calls to one address.
type caller struct {
	url     string
	secrets [][]byte
	timeout time.Duration
	client  *http.Client
	now     func() time.Time
}

func newCaller(c *Config, secrets [][]byte) *caller {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.roots}
	return &caller{url: c.URL, secrets: secrets, timeout: c.timeout, now: time.Now, client: &http.Client{
		Transport: transport,
		// What is meant for one address is not for another.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Calls that get no answer.
const (
	tries = 2
	pause = 250 * time.Millisecond
)

// call makes one call, about so many SIMs, and reads the answer into out. No
// answer, or one that says that the other side is not there just now, has it
// made once more under the same id.
func (c *caller) call(ctx context.Context, r request, sims int, out any) error {
	r.ID = newID()
	body, err := json.Marshal(r)
	if err != nil {
		return failed(err)
	}
	for try := 1; ; try++ {
		again, err := c.try(ctx, r.ID, body, sims, out)
		if err == nil || !again || try == tries {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

// newID returns an id that no other call has.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return "msg_" + hex.EncodeToString(b[:])
}

// try makes the call. again says that another try may help at once.
func (c *caller) try(ctx context.Context, id string, body []byte, sims int, out any) (again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return false, failed(err)
	}
	stamp := strconv.FormatInt(c.now().Unix(), 10)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Simurgh")
	r.Header.Set("webhook-id", id)
	r.Header.Set("webhook-timestamp", stamp)
	r.Header.Set("webhook-signature", c.sign(id, stamp, body))
	r.Header["Idempotency-Key"] = nil // not sent: a connection that turns out dead may be replaced
	answer, err := c.client.Do(r)
	if err != nil {
		return true, unreachable(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return c.notOK(answer)
	}
	return c.read(answer.Body, sims, out)
}

func (c *caller) notOK(answer *http.Response) (again bool, err error) {
	switch answer.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true, unreachable(errors.New("it answers " + answer.Status))
	case http.StatusUnauthorized, http.StatusForbidden:
		return false, fault.New(fault.Unavailable, "network.unauthorized", "the network does not accept our signature").
			Because(errors.New("it answers " + answer.Status))
	}
	return false, failed(errors.New("it answers " + answer.Status))
}

// What an answer may be long, about one SIM and besides.
const (
	answerPerSIM = 2 << 10
	answerRest   = 64 << 10
)

func (c *caller) read(body io.Reader, sims int, out any) (again bool, err error) {
	limit := answerRest + sims*answerPerSIM
	b, err := io.ReadAll(io.LimitReader(body, int64(limit)+1))
	if err != nil {
		return true, unreachable(err)
	}
	if len(b) > limit {
		return false, failed(fmt.Errorf("its answer has more than %d bytes", limit))
	}
	if err := json.Unmarshal(b, out); err != nil {
		return false, failed(errors.New("its answer is not the JSON that it should be"))
	}
	return false, nil
}

// sign returns the signatures with every secret, as the header has them.
func (c *caller) sign(id, stamp string, body []byte) string {
	out := make([]string, len(c.secrets))
	for i, key := range c.secrets {
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.", id, stamp)
		_, _ = mac.Write(body) // never fails
		out[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(out, " ")
}

// unreachable is what a caller hears when the other side does not answer.
func unreachable(cause error) error {
	return fault.New(fault.Unavailable, "network.unreachable", "the network does not answer").Because(cause)
}

// failed is what a caller hears when the other side answers what it should
// not. The cause is for the log and holds nothing that was sent.
func failed(cause error) error {
	return fault.New(fault.Unavailable, "network.failed", "the network could not make the change").Because(cause)
}
