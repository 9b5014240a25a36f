package osmohlr

import (
	"bytes"
	"encoding/json"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

// Config says where an OsmoHLR is and how it is spoken to.
type Config struct {
	Address string `json:"address"` // its host, where both interfaces have their usual ports; 127.0.0.1
	CTRL    string `json:"ctrl"`    // host:port of the control interface; <address>:4259
	VTY     string `json:"vty"`     // host:port of the VTY; <address>:4258

	// Aud2G is the algorithm of cards that come with a Ki and no OPc:
	// comp128v1, comp128v2 or comp128v3. A batch does not tell, and a wrong one
	// keeps its cards out; version 3 is what cards of this century carry.
	Aud2G string `json:"aud2g"`

	// Timeout is how long one answer may take, such as "5s", before the
	// connection counts as dead.
	Timeout string `json:"timeout"`

	timeout time.Duration
}

// Defaults of what a Config leaves out.
const (
	defaultHost    = "127.0.0.1"
	defaultCTRL    = "4259"
	defaultVTY     = "4258"
	defaultAud2G   = "comp128v3"
	defaultTimeout = 5 * time.Second
)

var algorithms2G = []string{"comp128v1", "comp128v2", "comp128v3"}

// Check returns an Invalid fault that names every field of config that is
// wrong, as it is written in JSON. No config at all is right.
func Check(config json.RawMessage) error {
	_, err := parse(config)
	return err
}

// parse returns config with its defaults filled in.
func parse(config json.RawMessage) (Config, error) {
	var c Config
	if len(config) > 0 {
		d := json.NewDecoder(bytes.NewReader(config))
		d.DisallowUnknownFields()
		if err := d.Decode(&c); err != nil {
			return c, fault.InvalidField("config", `of an OsmoHLR is a JSON object that knows "address", "ctrl", "vty", "aud2g" and "timeout"`).Because(err)
		}
	}
	host := c.Address
	if host == "" {
		host = defaultHost
	}
	var errs [4]error
	c.CTRL, errs[0] = hostPort("ctrl", c.CTRL, host, defaultCTRL)
	c.VTY, errs[1] = hostPort("vty", c.VTY, host, defaultVTY)
	if c.Aud2G == "" {
		c.Aud2G = defaultAud2G
	}
	if !slices.Contains(algorithms2G, c.Aud2G) {
		errs[2] = fault.InvalidField("aud2g", "is %q; there are: %s", c.Aud2G, strings.Join(algorithms2G, ", "))
	}
	c.timeout, errs[3] = timeout(c.Timeout)
	if strings.ContainsAny(c.Address, "/ ") || strings.Count(c.Address, ":") == 1 {
		return c, fault.Join(append(errs[:], fault.InvalidField("address", "is %q; a host without a port is needed", c.Address))...)
	}
	return c, fault.Join(errs[:]...)
}

func hostPort(field, s, host, port string) (string, error) {
	if s == "" {
		return net.JoinHostPort(strings.Trim(host, "[]"), port), nil
	}
	h, p, err := net.SplitHostPort(s)
	if err != nil || h == "" {
		return s, fault.InvalidField(field, "is %q; host:port is needed", s)
	}
	if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
		return s, fault.InvalidField(field, "has the port %q; 1 to 65535 is needed", p)
	}
	return s, nil
}

func timeout(s string) (time.Duration, error) {
	if s == "" {
		return defaultTimeout, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 10*time.Millisecond || d > time.Minute {
		return 0, fault.InvalidField("timeout", `is %q; a duration from "10ms" to "1m" is needed`, s)
	}
	return d, nil
}
