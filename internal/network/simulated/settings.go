package simulated

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
)

// Settings say how the network behaves. They lie in the file: every process
// that has it open obeys them from its next call on. The zero value is a
// network that does what it is told, at once.
type Settings struct {
	Latency time.Duration `json:"latency"` // every call takes this long
	Jitter  time.Duration `json:"jitter"`  // and up to this much more

	// FailureRate is the share of profiles, 0 to 1, that fail without effect
	// and may be retried.
	FailureRate float64 `json:"failureRate"`
	// LostAnswers is the share of profiles, 0 to 1, that are made so while the
	// caller hears of a failure that may be retried.
	LostAnswers float64 `json:"lostAnswers"`

	// RefusedIMSIs and RefusedPrefixes name the subscribers that are never
	// changed: a profile that would change one is refused for good, one that
	// is already so succeeds.
	RefusedIMSIs    []ident.IMSI `json:"refusedImsis"`
	RefusedPrefixes []string     `json:"refusedPrefixes"`

	Outage Outage `json:"outage"`
}

// Outage is how a network is out of reach.
type Outage string

// The outages.
const (
	NoOutage Outage = ""
	Down     Outage = "down"   // every call fails at once
	Silent   Outage = "silent" // no call is answered: each ends with its context
)

// MaxLatency bounds Latency and Jitter each.
const MaxLatency = time.Hour

// Validate returns a fault of kind Invalid that names every field that is
// wrong, as it is written in JSON.
func (s *Settings) Validate() error {
	errs := []error{
		inRange("latency", s.Latency, 0, MaxLatency),
		inRange("jitter", s.Jitter, 0, MaxLatency),
		inRange("failureRate", s.FailureRate, 0, 1),
		inRange("lostAnswers", s.LostAnswers, 0, 1),
	}
	for i, imsi := range s.RefusedIMSIs {
		_, err := ident.ParseIMSI(string(imsi))
		errs = append(errs, ident.As(fmt.Sprintf("refusedImsis[%d]", i), err))
	}
	for i, p := range s.RefusedPrefixes {
		if p == "" || len(p) > 15 || strings.Trim(p, "0123456789") != "" {
			errs = append(errs, fault.InvalidField(fmt.Sprintf("refusedPrefixes[%d]", i), "is not 1 to 15 digits"))
		}
	}
	if s.Outage != NoOutage && s.Outage != Down && s.Outage != Silent {
		errs = append(errs, fault.InvalidField("outage", "is %q; %q, %q or empty is needed", string(s.Outage), string(Down), string(Silent)))
	}
	return fault.Join(errs...)
}

// inRange refuses what lies outside, which NaN does.
func inRange[T time.Duration | float64](field string, v, from, to T) error {
	if v >= from && v <= to {
		return nil
	}
	return fault.InvalidField(field, "is %v; %v to %v is allowed", v, from, to)
}

// Settings returns the settings in force.
func (n *Network) Settings(ctx context.Context) (Settings, error) {
	r, err := n.rules(ctx)
	if err != nil {
		return Settings{}, err
	}
	s := r.Settings
	s.RefusedIMSIs, s.RefusedPrefixes = slices.Clone(s.RefusedIMSIs), slices.Clone(s.RefusedPrefixes)
	return s, nil
}

// SetSettings replaces the settings, for every process that has the network
// open. Settings that do not [Settings.Validate] are refused and change
// nothing.
func (n *Network) SetSettings(ctx context.Context, s Settings) error {
	if err := s.Validate(); err != nil {
		return err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if _, err := n.write.ExecContext(ctx, `UPDATE network SET settings = ?`, string(text)); err != nil {
		return unusable(ctx, err)
	}
	return nil
}

// rules are settings, ready to be obeyed.
type rules struct {
	Settings
	text    string // what they were read from
	refused map[ident.IMSI]bool
}

// rules reads the settings. Only settings that differ from the last ones are
// parsed, so that asking before every call is cheap.
func (n *Network) rules(ctx context.Context) (*rules, error) {
	var text string
	if err := n.settings.QueryRowContext(ctx).Scan(&text); err != nil {
		return nil, unusable(ctx, err)
	}
	if r := n.obeyed.Load(); r != nil && r.text == text {
		return r, nil
	}
	r := &rules{text: text, refused: map[ident.IMSI]bool{}}
	if err := json.Unmarshal([]byte(text), &r.Settings); err != nil {
		return nil, unusable(ctx, fmt.Errorf("settings: %w", err))
	}
	for _, imsi := range r.RefusedIMSIs {
		r.refused[imsi] = true
	}
	n.obeyed.Store(r)
	return r, nil
}

// refuses reports whether the subscriber may never be changed.
func (r *rules) refuses(imsi ident.IMSI) bool {
	return r.refused[imsi] || slices.ContainsFunc(r.RefusedPrefixes, func(p string) bool {
		return strings.HasPrefix(string(imsi), p)
	})
}

// admit lets a call through after the time that the network takes, and
// returns the rules that it is subject to; or it fails as an outage does.
func (n *Network) admit(ctx context.Context) (*rules, error) {
	r, err := n.rules(ctx)
	if err != nil {
		return nil, err
	}
	switch r.Outage {
	case Down:
		return nil, unreachable(nil)
	case Silent:
		return nil, n.wait(ctx, nil)
	case NoOutage:
	}
	delay := r.Latency
	if r.Jitter > 0 {
		delay += time.Duration(n.random() * float64(r.Jitter))
	}
	if delay <= 0 {
		return r, nil
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	return r, n.wait(ctx, timer.C)
}

// wait returns nil when the answer comes, and an error when the caller or the
// network goes away first.
func (n *Network) wait(ctx context.Context, answer <-chan time.Time) error {
	select {
	case <-answer:
		return nil
	case <-ctx.Done():
		return unreachable(ctx.Err())
	case <-n.closed:
		return unreachable(nil)
	}
}
