package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// networkName is what a network may be called: it stands in file names and
// metrics.
var networkName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// AddNetwork sets up a network. Its driver reads config, a JSON object; secret
// is sealed and only the driver sees it.
func (s *Service) AddNetwork(ctx context.Context, r Request, n plan.Network, secret []byte) error {
	n.CreatedAt = s.now()
	if err := r.Caller.Needs(tenant.NetworkWrite); err != nil {
		return err
	}
	if n.Config == "" {
		n.Config = "{}"
	}
	if err := checkNetwork(&n); err != nil {
		return err
	}
	n.Sealed = s.seal(&n, secret)
	return s.store.Write(ctx, func(tx Tx) error {
		if err := tx.AddNetwork(ctx, n); err != nil {
			return taken(err, "network", n.Name)
		}
		return tx.AddEvents(ctx, []event.Event{r.event(event.NetworkAdded, "", s.now(), event.Data{Subject: n.Name, To: n.Driver})})
	})
}

func checkNetwork(n *plan.Network) error {
	var errs []error
	if !networkName.MatchString(n.Name) {
		errs = append(errs, fault.InvalidField("name", "%q is not up to 63 lower-case letters, digits and hyphens", n.Name))
	}
	if object := configOf(n); object == nil {
		errs = append(errs, fault.InvalidField("config", "is not a JSON object"))
	}
	if n.QuarantineDays < 0 || n.QuarantineDays > 3650 {
		errs = append(errs, fault.InvalidField("quarantineDays", "is %d; 0 to 3650 are allowed", n.QuarantineDays))
	}
	return fault.Join(errs...)
}

// configOf returns the settings of a network; nil when they are no object.
func configOf(n *plan.Network) map[string]json.RawMessage {
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(n.Config), &object); err != nil {
		return nil
	}
	return object
}

func (s *Service) seal(n *plan.Network, secret []byte) []byte {
	if len(secret) == 0 {
		return nil
	}
	return s.vault.Seal("network "+n.Name, secret)
}

// NetworkChange is what is to become of a network; nil leaves a field as it is.
type NetworkChange struct {
	Config         *string // a JSON object, without secrets
	Secret         *[]byte // empty for none
	QuarantineDays *int
}

// ChangeNetwork changes how a network is reached. Its name and its driver stay.
// Servers that run take it up by themselves.
func (s *Service) ChangeNetwork(ctx context.Context, r Request, name string, c NetworkChange) error {
	if err := r.Caller.Needs(tenant.NetworkWrite); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx Tx) error {
		if err := tx.LockNetwork(ctx, name); err != nil {
			return err
		}
		before, err := network(ctx, tx, name)
		if err != nil {
			return err
		}
		after := before
		if c.Config != nil {
			after.Config = *c.Config
		}
		if c.QuarantineDays != nil {
			after.QuarantineDays = *c.QuarantineDays
		}
		if c.Secret != nil {
			after.Sealed = s.seal(&after, *c.Secret)
		}
		if err := checkNetwork(&after); err != nil {
			return err
		}
		changes := networkChanges(&before, &after)
		if len(changes) == 0 {
			return nil
		}
		if err := tx.SaveNetwork(ctx, after); err != nil {
			return err
		}
		return tx.AddEvents(ctx, []event.Event{r.event(event.NetworkChanged, "", s.now(), event.Data{Subject: name, Changes: changes})})
	})
}

// networkChanges tells what differs; of a secret, only that it does.
func networkChanges(before, after *plan.Network) []event.Change {
	var out []event.Change
	has, gets := configOf(before), configOf(after)
	for _, key := range slices.Sorted(maps.Keys(union(has, gets))) {
		if from, to := string(has[key]), string(gets[key]); from != to {
			out = append(out, event.Change{Field: key, From: from, To: to})
		}
	}
	if !bytes.Equal(before.Sealed, after.Sealed) {
		out = append(out, event.Change{Field: "secret"})
	}
	if before.QuarantineDays != after.QuarantineDays {
		out = append(out, event.Change{Field: "quarantineDays", From: strconv.Itoa(before.QuarantineDays), To: strconv.Itoa(after.QuarantineDays)})
	}
	return out
}

func union(a, b map[string]json.RawMessage) map[string]json.RawMessage {
	out := maps.Clone(a)
	if out == nil {
		out = map[string]json.RawMessage{}
	}
	maps.Copy(out, b)
	return out
}

// RemoveNetwork forgets a network that no SIM is on and no package is for. It
// changes nothing on the network itself.
func (s *Service) RemoveNetwork(ctx context.Context, r Request, name string) error {
	if err := r.Caller.Needs(tenant.NetworkWrite); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx Tx) error {
		if err := tx.LockNetwork(ctx, name); err != nil { // who puts SIMs on it holds it
			return err
		}
		user, err := tx.NetworkUser(ctx, name)
		if err != nil {
			return err
		}
		if user != "" {
			return fault.New(fault.Precondition, "network.in_use", "network %s has %s; it can go once it has none", name, user)
		}
		if err := tx.DropNetwork(ctx, name); err != nil {
			return err
		}
		return tx.AddEvents(ctx, []event.Event{r.event(event.NetworkRemoved, "", s.now(), event.Data{Subject: name})})
	})
}

// network returns the network of that name, or a NotFound fault.
func network(ctx context.Context, tx Tx, name string) (plan.Network, error) {
	networks, err := tx.Networks(ctx)
	if err != nil {
		return plan.Network{}, err
	}
	for _, n := range networks {
		if n.Name == name {
			return n, nil
		}
	}
	return plan.Network{}, fault.Missing("network", name)
}

// Networks lists the networks, with their secrets opened for the drivers; only
// Simurgh's own parts may ask.
func (s *Service) Networks(ctx context.Context, r Request) ([]plan.Network, error) {
	if err := r.Caller.Needs(tenant.NetworkWrite); err != nil {
		return nil, err
	}
	return s.store.Networks(ctx)
}

// NetworkSecret opens the secret of a network; nil when it has none.
func (s *Service) NetworkSecret(n plan.Network) ([]byte, error) {
	if len(n.Sealed) == 0 {
		return nil, nil
	}
	return s.vault.Open("network "+n.Name, n.Sealed)
}
