package network

import (
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

// Kind is one kind of network, as the package of its driver offers it to
// whoever sets networks up.
type Kind struct {
	Driver   string    // its name
	Drives   string    // what is on the other side, in a few words
	Settings []Setting // in the order in which they are shown
	Address  string    // the setting that says where the network is; empty where none does
	Secret   string    // what the network's secret is; empty where it takes none
	Example  string    // flags that add one
	Does     Driver    // a nil one, whose methods show what such networks can do beyond Driver; may be missing

	// Check looks at what an operator wrote, before a network is added. It
	// returns an Invalid fault that names every setting that is wrong.
	Check func(Setup) error

	// Open returns the driver. It does not wait for the network, and fails only
	// where Check does, or where this machine does not let it.
	Open func(context.Context, Setup) (Driver, error)
}

// Setup is one network as its driver is handed it.
type Setup struct {
	Name   string          // of the network
	Config json.RawMessage // its settings, an object; empty for the defaults
	Secret []byte          // nil when it has none
	Folder string          // for what the driver keeps on this machine
	Log    *slog.Logger
}

// Setting is one thing that an operator can say of a network: a field of its
// config.
type Setting struct {
	Name    string
	Type    Type
	Default string // what holds when it is not said; empty for nothing
	Help    string
}

// Type is how a setting is written in JSON.
type Type uint8

// The types.
const (
	Text   Type = iota
	Number      // a whole one
	Switch      // true or false
	List        // texts; as one word, with commas between
)

// Config makes a config of settings that were written as words, such as "qci":
// "9", and of those of an older config that are not among them. An empty word
// has its setting go back to what holds by default. It returns an Invalid fault
// that names every setting that is unknown or not of its type; what their
// values must be is left to Check.
func (k *Kind) Config(older json.RawMessage, words map[string]string) (json.RawMessage, error) {
	config := map[string]any{}
	if len(older) > 0 {
		if err := json.Unmarshal(older, &config); err != nil {
			return nil, fault.InvalidField("config", "is not a JSON object").Because(err)
		}
	}
	var errs []error
	for name, word := range words {
		s, ok := k.setting(name)
		if !ok {
			errs = append(errs, fault.InvalidField("config", "%q is no setting of %s; there are: %s", name, k.Driver, k.names()))
			continue
		}
		if delete(config, name); word == "" {
			continue
		}
		value, err := s.parse(word)
		config[name], errs = value, append(errs, err)
	}
	if err := fault.Join(errs...); err != nil {
		return nil, err
	}
	return json.Marshal(config)
}

// DefaultOf returns what holds when a setting is not said; empty for nothing.
func (k *Kind) DefaultOf(name string) string {
	s, _ := k.setting(name)
	return s.Default
}

func (k *Kind) setting(name string) (Setting, bool) {
	for _, s := range k.Settings {
		if s.Name == name {
			return s, true
		}
	}
	return Setting{}, false
}

func (k *Kind) names() string {
	names := make([]string, len(k.Settings))
	for i, s := range k.Settings {
		names[i] = s.Name
	}
	return strings.Join(names, ", ")
}

func (s *Setting) parse(word string) (any, error) {
	switch s.Type {
	case Number:
		n, err := strconv.Atoi(word)
		if err != nil {
			return nil, fault.InvalidField(s.Name, "is %q; a whole number is needed", word)
		}
		return n, nil
	case Switch:
		on, err := strconv.ParseBool(word)
		if err != nil {
			return nil, fault.InvalidField(s.Name, "is %q; true or false is needed", word)
		}
		return on, nil
	case List:
		list := []string{}
		for part := range strings.SplitSeq(word, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		return list, nil
	case Text:
	}
	return word, nil
}
