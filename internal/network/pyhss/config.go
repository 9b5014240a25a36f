package pyhss

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
)

// Config says where the API of a PyHSS is, how it bars, and what new
// subscribers get besides what their profiles say.
type Config struct {
	URL string `json:"url"` // http://127.0.0.1:8080 by default

	// Suspend is how data is barred.
	//
	// "apn", the default, moves the subscriber to an access point that leads
	// nowhere, named by SuspendAPN. The device is let pass for the one it says
	// it is, gets no connection, and tries again later: when it is unbarred, it
	// comes back by itself. It is also all that PyHSS heeds for 2G and 3G.
	//
	// "disable" switches the subscriber off. PyHSS then answers for it as for
	// one it does not know, on which a device may give its card up until it is
	// switched off and on: for bars that are to stay.
	//
	// "roaming" takes roaming away. It does nothing at home, and a device
	// remembers the networks that turned it down.
	Suspend    string `json:"suspend"`
	SuspendAPN string `json:"suspendApn"` // "suspended" by default

	APN          string `json:"apn"`          // of new subscribers whose profile names none; "internet"
	DownlinkMbps int    `json:"downlinkMbps"` // for a new subscriber and a new access point; 1000
	UplinkMbps   int    `json:"uplinkMbps"`
	Aud2G        string `json:"aud2g"` // algorithm of cards that come without an OPc; "comp128v3"

	Parallel int    `json:"parallel"` // subscribers that are worked on at a time; 4
	Timeout  string `json:"timeout"`  // of each call; "10s"

	timeout time.Duration
}

// The ways to bar.
const (
	suspendAPN     = "apn"
	suspendDisable = "disable"
	suspendRoaming = "roaming"
)

// algorithms2G are what PyHSS calls 1, 2 and 3. Anything else stands for
// MILENAGE.
var algorithms2G = []string{"comp128v1", "comp128v2", "comp128v3"}

const algorithm3G = "4"

// Check returns an Invalid fault that names every field of config that is
// wrong, as it is written in JSON. No config at all is right.
func Check(config json.RawMessage) error {
	_, err := parse(config)
	return err
}

// parse returns config with its defaults filled in.
func parse(config json.RawMessage) (Config, error) {
	c := Config{
		URL: "http://127.0.0.1:8080", Suspend: suspendAPN, SuspendAPN: "suspended", APN: "internet",
		DownlinkMbps: 1000, UplinkMbps: 1000, Aud2G: "comp128v3", Parallel: 4, Timeout: "10s",
	}
	if len(config) > 0 {
		d := json.NewDecoder(bytes.NewReader(config))
		d.DisallowUnknownFields()
		if err := d.Decode(&c); err != nil {
			return c, fault.InvalidField("config", `of a PyHSS is a JSON object that knows "url", "suspend", "suspendApn", "apn", "downlinkMbps", "uplinkMbps", "aud2g", "parallel" and "timeout"`).Because(err)
		}
	}
	errs := []error{
		c.checkURL(),
		oneOf("suspend", c.Suspend, suspendAPN, suspendDisable, suspendRoaming),
		oneOf("aud2g", c.Aud2G, algorithms2G...),
		upTo("downlinkMbps", c.DownlinkMbps, 2000), upTo("uplinkMbps", c.UplinkMbps, 2000), // 31 bits of bit/s
		upTo("parallel", c.Parallel, 64),
	}
	var err error
	c.APN, err = ident.ParseAPN(c.APN)
	errs = append(errs, err)
	c.SuspendAPN, err = ident.ParseAPN(c.SuspendAPN)
	errs = append(errs, ident.As("suspendApn", err))
	if c.APN == c.SuspendAPN {
		errs = append(errs, fault.InvalidField("suspendApn", "is the access point of those who are not suspended"))
	}
	c.timeout, err = time.ParseDuration(c.Timeout)
	if err != nil || c.timeout < 10*time.Millisecond || c.timeout > time.Minute {
		errs = append(errs, fault.InvalidField("timeout", `is %q; a duration from "10ms" to "1m" is needed`, c.Timeout))
	}
	return c, fault.Join(errs...)
}

func (c *Config) checkURL() error {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fault.InvalidField("url", "is no address such as http://127.0.0.1:8080")
	case u.User != nil || u.RawQuery != "":
		return fault.InvalidField("url", "holds more than an address; the Provisioning-Key is the network's secret")
	}
	return nil
}

func oneOf(field, s string, list ...string) error {
	if !slices.Contains(list, s) {
		return fault.InvalidField(field, "is %q; there are: %s", s, strings.Join(list, ", "))
	}
	return nil
}

func upTo(field string, v, most int) error {
	if v < 1 || v > most {
		return fault.InvalidField(field, "is %d; 1 to %d is needed", v, most)
	}
	return nil
}
