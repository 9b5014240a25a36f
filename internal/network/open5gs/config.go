package open5gs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
)

// Config says where the database of an Open5GS is, and what new subscribers
// get besides what their profiles say.
type Config struct {
	// URI is the database as Open5GS has it in db_uri, without a password: that
	// is the network's secret. mongodb://127.0.0.1/open5gs by default.
	URI string `json:"uri"`

	APN          string `json:"apn"`          // of profiles that name none; "internet"
	SST          int    `json:"sst"`          // slice type, 1 to 4; 1
	SD           string `json:"sd"`           // slice differentiator, 6 hexadecimal digits; none
	QCI          int    `json:"qci"`          // quality class, or 5QI; 9
	DownlinkMbps int    `json:"downlinkMbps"` // for a new subscriber and its session; 1000
	UplinkMbps   int    `json:"uplinkMbps"`

	// Info lists the addresses of each SMF's information interface, such as
	// http://127.0.0.4:9090. With them a cut is proved: it counts as made when
	// the subscriber has no session any more. Prove set to false leaves that
	// out where networks are so large that reading all sessions takes too long.
	Info  []string `json:"info"`
	Prove *bool    `json:"prove"`

	// Settle is how long the HSS is given to see that a subscriber is to be
	// cut, before its document is taken away; "1s". It looks every 100 ms.
	Settle string `json:"settle"`

	// Timeout is how long one call of the database may take; "5s".
	Timeout string `json:"timeout"`

	database        string
	settle, timeout time.Duration
}

// Defaults of what a Config leaves out.
const (
	defaultURI     = "mongodb://127.0.0.1/open5gs"
	defaultAPN     = "internet"
	defaultRate    = 1000
	defaultQCI     = 9
	defaultSettle  = time.Second
	defaultTimeout = 5 * time.Second
)

// Check returns an Invalid fault that names every field of config that is
// wrong, as it is written in JSON. No config at all is right.
func Check(config json.RawMessage) error {
	_, err := parse(config)
	return err
}

// parse returns config with its defaults filled in.
func parse(config json.RawMessage) (Config, error) {
	c := Config{URI: defaultURI, APN: defaultAPN, SST: 1, QCI: defaultQCI, DownlinkMbps: defaultRate, UplinkMbps: defaultRate}
	if len(config) > 0 {
		d := json.NewDecoder(bytes.NewReader(config))
		d.DisallowUnknownFields()
		if err := d.Decode(&c); err != nil {
			return c, fault.InvalidField("config", `of an Open5GS is a JSON object that knows "uri", "apn", "sst", "sd", "qci", "downlinkMbps", "uplinkMbps", "info", "prove", "settle" and "timeout"`).Because(err)
		}
	}
	errs := []error{
		c.checkURI(), c.checkSD(),
		upTo("sst", c.SST, 4), upTo("qci", c.QCI, 254),
		upTo("downlinkMbps", c.DownlinkMbps, 1_000_000), upTo("uplinkMbps", c.UplinkMbps, 1_000_000),
	}
	var err error
	c.APN, err = ident.ParseAPN(c.APN)
	errs = append(errs, err)
	for i, s := range c.Info {
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			errs = append(errs, fault.InvalidField(fmt.Sprintf("info[%d]", i), "is no address such as http://127.0.0.4:9090"))
		}
	}
	c.settle, err = duration("settle", c.Settle, defaultSettle, 0)
	errs = append(errs, err)
	c.timeout, err = duration("timeout", c.Timeout, defaultTimeout, 10*time.Millisecond)
	return c, fault.Join(append(errs, err)...)
}

// checkURI keeps passwords out, as a config is shown to operators.
func (c *Config) checkURI() error {
	rest, ok := strings.CutPrefix(c.URI, "mongodb://")
	if !ok {
		rest, ok = strings.CutPrefix(c.URI, "mongodb+srv://")
	}
	if !ok || rest == "" {
		return fault.InvalidField("uri", `does not begin with "mongodb://"`)
	}
	authority, path, _ := strings.Cut(rest, "/")
	if user, _, ok := cutLast(authority, "@"); ok && strings.Contains(user, ":") {
		return fault.InvalidField("uri", "holds a password; leave it out and give it as the network's secret")
	}
	if c.database, _, _ = strings.Cut(path, "?"); c.database == "" {
		c.database = "open5gs"
	}
	return nil
}

// withPassword returns the URI with the password of its user. It is not shown.
func (c *Config) withPassword(password string) (string, error) {
	scheme, rest, _ := strings.Cut(c.URI, "://")
	authority, path, _ := strings.Cut(rest, "/")
	user, hosts, ok := cutLast(authority, "@")
	switch {
	case password == "":
		return c.URI, nil
	case !ok || user == "":
		return "", fault.InvalidField("uri", "names no user, and the network's secret is the password of one")
	}
	name, err := url.PathUnescape(user)
	if err != nil {
		return "", fault.InvalidField("uri", "has a user that is not percent-encoded")
	}
	return scheme + "://" + url.UserPassword(name, password).String() + "@" + hosts + "/" + path, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}

func (c *Config) checkSD() error {
	if c.SD != "" && (len(c.SD) != 6 || strings.Trim(strings.ToLower(c.SD), "0123456789abcdef") != "") {
		return fault.InvalidField("sd", "is %q; 6 hexadecimal digits are needed", c.SD)
	}
	return nil
}

func upTo(field string, v, most int) error {
	if v < 1 || v > most {
		return fault.InvalidField(field, "is %d; 1 to %d is needed", v, most)
	}
	return nil
}

func duration(field, s string, or, least time.Duration) (time.Duration, error) {
	if s == "" {
		return or, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < least || d > time.Minute {
		return 0, fault.InvalidField(field, "is %q; a duration from %v to 1m is needed", s, least)
	}
	return d, nil
}

// proves reports whether cuts are proved.
func (c *Config) proves() bool { return len(c.Info) > 0 && (c.Prove == nil || *c.Prove) }
