package app_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/network/open5gs"
	"github.com/simurgh-iot/simurgh/internal/network/osmohlr"
	"github.com/simurgh-iot/simurgh/internal/network/pyhss"
	"github.com/simurgh-iot/simurgh/internal/network/webhook"
	"github.com/simurgh-iot/simurgh/internal/plan"
)

const signed = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

func TestCheckNetwork(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ driver, config, secret, want string }{
		{"simulated", `{"path":"x.db"}`, "", ""},
		{"pigeon", "", "", `"pigeon" is not a driver`},
		{"", "", "", "there are: simulated, osmohlr, open5gs, pyhss, webhook"},
		{"simulated", `{"colour":"red"}`, "", `knows only "path"`},
		{"simulated", `{"path":""}`, "", "has an empty path"},
		{"simulated", `[]`, "", `knows only "path", the file`},
		{"simulated", `{"path":7}`, "", "the file that it lives in: js"},
		{"simulated", "", "x", "secret is not taken"},
		{"osmohlr", "", "", ""},
		{"osmohlr", `{"address":"hlr:1"}`, "a\nb", "secret has more than one line"},
		{"open5gs", "", "", ""},
		{"open5gs", "", "x", "uri names no user"},
		{"open5gs", `{"uri":"mongodb://me@db/open5gs"}`, "x", ""},
		{"pyhss", "", "key", ""},
		{"pyhss", "", "a\nb", "secret has more than one line"},
		{"webhook", `{"url":"https://network.example"}`, signed, ""},
		{"webhook", `{"url":"http://network.example"}`, "", "secret is missing"},
		{"webhook", `{"url":"http://network.example"}`, "", "https://"},
	} {
		err := app.CheckNetwork(plan.Network{Name: "a", Driver: c.driver, Config: c.config}, []byte(c.secret))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%+v: %v", c, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || fault.KindOf(err) != fault.Invalid):
			t.Errorf("%+v: %v, want %q", c, err, c.want)
		}
	}
}

// What the manual says of a driver's settings is what the driver reads.
func TestSettingsOfDrivers(t *testing.T) {
	t.Parallel()
	configs := map[string]reflect.Type{
		"osmohlr": reflect.TypeFor[osmohlr.Config](), "open5gs": reflect.TypeFor[open5gs.Config](),
		"pyhss": reflect.TypeFor[pyhss.Config](), "webhook": reflect.TypeFor[webhook.Config](),
	}
	for _, k := range app.Drivers() {
		words, names := map[string]string{}, []string{}
		for _, s := range k.Settings {
			names = append(names, s.Name)
			if s.Default != "" {
				words[s.Name] = s.Default
			}
		}
		secret := ""
		if k.Driver == "webhook" {
			words["url"], secret = "https://network.example", signed
		}
		config, err := k.Config(nil, words)
		if err == nil {
			err = app.CheckNetwork(plan.Network{Name: "a", Driver: k.Driver, Config: string(config)}, []byte(secret))
		}
		if err != nil {
			t.Errorf("%s does not take its own defaults: %v", k.Driver, err)
		}
		if config, ok := configs[k.Driver]; ok {
			if want := fieldsOf(config); !slices.Equal(slices.Sorted(slices.Values(names)), want) {
				t.Errorf("%s has the settings %v, and reads %v", k.Driver, names, want)
			}
		}
		if k.Address != "" && !slices.Contains(names, k.Address) {
			t.Errorf("%s has no setting %q for its address", k.Driver, k.Address)
		}
	}
}

// fieldsOf lists the fields of a config as JSON has them, sorted.
func fieldsOf(config reflect.Type) []string {
	var out []string
	for i := range config.NumField() {
		if name := config.Field(i).Tag.Get("json"); name != "" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func TestConfig(t *testing.T) {
	t.Parallel()
	k := network.Kind{Driver: "x", Settings: []network.Setting{{Name: "text"}, {Name: "number", Type: network.Number},
		{Name: "switch", Type: network.Switch}, {Name: "list", Type: network.List}}}
	got, err := k.Config(nil, map[string]string{"text": "7", "number": "7", "switch": "true", "list": " a, b ,"})
	if want := `{"list":["a","b"],"number":7,"switch":true,"text":"7"}`; err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
	got, err = k.Config(got, map[string]string{"text": "", "number": "8", "switch": ""})
	if want := `{"list":["a","b"],"number":8}`; err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
	_, err = k.Config(nil, map[string]string{"number": "7.5", "switch": "on it", "colour": "red"})
	for _, want := range []string{`number is "7.5"`, `switch is "on it"`, `"colour" is no setting of x; there are: text, number, switch, list`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
