package webhook

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// Config says where the other side is.
type Config struct {
	URL string `json:"url"` // https; http only on this machine

	// Keys has K and OPc sent along, where the other side has none of its own.
	Keys bool `json:"keys"`

	// List says that the other side can list its subscribers.
	List bool `json:"list"`

	// Controls names what the other side can do with one subscriber at once:
	// disconnect, cancelLocation, ping, wget, sms, ota.
	Controls []string `json:"controls"`

	Batch   int    `json:"batch"`   // profiles in one call; 500
	Timeout string `json:"timeout"` // of each call; "10s"
	CA      string `json:"ca"`      // PEM of who vouches for the other side; whom the machine trusts

	timeout  time.Duration
	roots    *x509.CertPool
	controls []sim.Control
}

// maxBatch keeps calls within what the smallest of servers reads.
const maxBatch = 1000

// Check returns an Invalid fault that names every field of config that is
// wrong, as it is written in JSON.
func Check(config json.RawMessage) error {
	_, err := parse(config)
	return err
}

// parse returns config with its defaults filled in.
func parse(config json.RawMessage) (Config, error) {
	c := Config{Batch: 500, Timeout: "10s"}
	if len(config) > 0 {
		d := json.NewDecoder(bytes.NewReader(config))
		d.DisallowUnknownFields()
		if err := d.Decode(&c); err != nil {
			return c, fault.InvalidField("config", `of a webhook network is a JSON object that knows "url", "keys", "list", "controls", "batch", "timeout" and "ca"`).Because(err)
		}
	}
	errs := []error{c.checkURL()}
	if c.Batch < 1 || c.Batch > maxBatch {
		errs = append(errs, fault.InvalidField("batch", "is %d; 1 to %d is needed", c.Batch, maxBatch))
	}
	var err error
	if c.timeout, err = time.ParseDuration(c.Timeout); err != nil || c.timeout < 10*time.Millisecond || c.timeout > time.Minute {
		errs = append(errs, fault.InvalidField("timeout", `is %q; a duration from "10ms" to "1m" is needed`, c.Timeout))
	}
	if c.CA != "" {
		if c.roots = x509.NewCertPool(); !c.roots.AppendCertsFromPEM([]byte(c.CA)) {
			errs = append(errs, fault.InvalidField("ca", "holds no certificate in PEM"))
		}
	}
	for i, name := range c.Controls {
		control, ok := sim.ParseControl(name)
		if !ok {
			errs = append(errs, fault.InvalidField(fmt.Sprintf("controls[%d]", i), "is %q; there are: %s", name, controlNames()))
		}
		c.controls = append(c.controls, control)
	}
	return c, fault.Join(errs...)
}

func controlNames() string {
	var out []string
	for _, c := range sim.Controls() {
		out = append(out, c.String())
	}
	return strings.Join(out, ", ")
}

func (c *Config) checkURL() error {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "":
		return fault.InvalidField("url", "is no address such as https://network.example/simurgh")
	case u.User != nil:
		return fault.InvalidField("url", "holds a user; calls are signed with the network's secret instead")
	case u.Fragment != "":
		return fault.InvalidField("url", "has a fragment, which no server sees")
	case u.Scheme != "https" && (u.Scheme != "http" || !local(u.Hostname())):
		return fault.InvalidField("url", "does not begin with https://, which is needed unless the other side is on this machine")
	}
	return nil
}

func local(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// The secret of the Standard Webhooks scheme: 24 to 64 random bytes.
const (
	secretPrefix = "whsec_"
	minSecret    = 24
	maxSecret    = 64
)

// parseSecrets reads one secret or, while one is being replaced, several with
// blanks between. A call is signed with each.
func parseSecrets(secret []byte) ([][]byte, error) {
	words := strings.Fields(string(secret))
	if len(words) == 0 {
		return nil, fault.InvalidField("secret", "is missing; one of the form %s<base64> is needed", secretPrefix)
	}
	out := make([][]byte, len(words))
	for i, w := range words {
		text, ok := strings.CutPrefix(w, secretPrefix)
		key, err := base64.StdEncoding.DecodeString(text)
		if !ok || err != nil || len(key) < minSecret || len(key) > maxSecret {
			return nil, fault.InvalidField("secret", "is not of the form %s<base64 of %d to %d bytes>", secretPrefix, minSecret, maxSecret)
		}
		out[i] = key
	}
	return out, nil
}
