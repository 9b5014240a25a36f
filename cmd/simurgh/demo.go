package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/app/demo"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

type demoCmd struct {
	listening
	NoServe bool `help:"Fill the platform and end; serve it later with: simurgh serve --data DIR."`
}

// Help is the detail of the manual.
func (demoCmd) Help() string {
	return "Without --data it lives in a fresh temporary folder, which is removed when the server stops; --no-serve keeps it. " +
		"The same --data again serves what is there. The passwords are known to everybody: keep it off public addresses.\n\n" +
		example("simurgh demo", "simurgh demo --no-serve --data ./demo")
}

func (c *demoCmd) Run(ctx context.Context, sh *shell) error {
	trusted, err := c.trusted()
	if err != nil {
		return err
	}
	forget, err := c.place(sh)
	if err != nil {
		return err
	}
	defer forget()
	a, err := sh.open(ctx, slog.LevelWarn)
	if err != nil {
		return err
	}
	return errors.Join(c.play(ctx, sh, a, app.Serving{HTTP: c.HTTP, ReconcileEvery: time.Hour, Repair: true, Trusted: trusted}), a.Close())
}

func (c *demoCmd) play(ctx context.Context, sh *shell, a *app.App, o app.Serving) error {
	if err := demo.Fill(ctx, a); err != nil {
		return err
	}
	if c.NoServe {
		return c.show(ctx, sh, a, "")
	}
	d, err := demo.NewDevices(ctx, a)
	if err != nil {
		return err
	}
	living, rest := context.WithCancel(ctx)
	var shown error
	var devices sync.WaitGroup
	o.RADIUS = d.Door()
	o.Ready = func(url string) {
		shown = c.show(ctx, sh, a, url)
		devices.Go(func() { d.Run(living) })
	}
	defer easeCollector()()
	err = a.Serve(ctx, o)
	rest()
	devices.Wait()
	return errors.Join(err, shown, d.Close())
}

// place chooses a fresh folder where none is named, and says how to leave it.
func (c *demoCmd) place(sh *shell) (forget func(), err error) {
	forget = func() {}
	if sh.Data != "" {
		return forget, nil
	}
	if sh.Database != "" {
		return forget, fault.InvalidField("data", "is missing; beside --database the demonstration needs a folder that lasts, for its key and its network")
	}
	if sh.Data, err = os.MkdirTemp("", "simurgh-demo-"); err != nil {
		return forget, err
	}
	if !c.NoServe {
		forget = func() { _ = os.RemoveAll(sh.Data) }
	}
	return forget, nil
}

// tour is what the demonstration prints.
type tour struct {
	URL      string           `json:"url"` // empty when it is not served
	Data     string           `json:"data"`
	Users    []demo.User      `json:"users"`
	Programs []demo.Program   `json:"programs"`
	APIUser  demo.Login       `json:"apiUser"`
	Packages []packageView    `json:"packages"`
	SIMs     map[string]int64 `json:"sims"` // by state
	Commands []string         `json:"commands"`
	Script   []string         `json:"script"`   // of the SIM API: commands for one shell, in turn
	Terminal []string         `json:"terminal"` // of the Terminal API, likewise

	accounts []portfolioView
}

func (c *demoCmd) show(ctx context.Context, sh *shell, a *app.App, url string) error {
	t, err := c.tour(ctx, sh, a, url)
	if err != nil {
		return err
	}
	return sh.print(t, t.words)
}

func (c *demoCmd) tour(ctx context.Context, sh *shell, a *app.App, url string) (*tour, error) {
	t := &tour{URL: url, Data: sh.Data, Users: demo.Users, SIMs: map[string]int64{}, Packages: []packageView{}}
	r := sh.request()
	tallies, err := a.Fleet.Tallies(ctx, r)
	if err != nil {
		return nil, err
	}
	for _, s := range tallies {
		t.SIMs[s.Status.String()] += s.Count
	}
	packages, err := a.Fleet.Packages(ctx, r)
	if err != nil {
		return nil, err
	}
	for i := range packages {
		t.Packages = append(t.Packages, viewPackage(&packages[i], nil))
	}
	accounts, err := a.Fleet.Portfolios(ctx, r)
	if err != nil {
		return nil, err
	}
	t.accounts = items(accounts, viewPortfolio)
	if t.Programs, err = demo.Programs(ctx, a); err != nil {
		return nil, err
	}
	if t.APIUser, err = demo.APIUser(ctx, a); err != nil {
		return nil, err
	}
	free, err := a.Fleet.SIMs(ctx, r, sim.Query{Portfolio: demo.Pumps, Statuses: []sim.Status{sim.StatusAvailable}, Limit: 3})
	if err != nil {
		return nil, err
	}
	if url == "" {
		url = "http://" + c.HTTP
	}
	t.Commands = commandsOf(url, filepath.Join(sh.Data, "cookies.txt"), t.Users[0], free.SIMs)
	t.Script = scriptOf(url, t.Programs[0], free.SIMs)
	t.Terminal = terminalOf(url, t.APIUser, free.SIMs)
	return t, nil
}

// commandsOf are commands that work as they are pasted: sign in, look, activate.
func commandsOf(url, jar string, u demo.User, free []sim.SIM) []string {
	call := func(cookies, method, body string) string {
		return fmt.Sprintf("curl -sw '\\n' %s '%s' %s/Japi/Tigrillo/%s -d '%s'", cookies, jar, url, method, body)
	}
	out := []string{
		call("-c", "login", fmt.Sprintf(`{"username":"%s","password":"%s","portfolioID":"%s"}`, u.Username, u.Password, u.Portfolio)),
		call("-b", "getSIMs", `{"searchCriteria":{"state":"available"},"sortOrder":"IA","numRecs":3}`),
	}
	if len(free) > 0 {
		out = append(out, call("-b", "activateSIMs", fmt.Sprintf(`{"sims":[{"ICCID":"%s","friendlyName":"My first"}],"tariffID":%d}`, free[0].ICCID, free[0].Package)))
	}
	return out
}

// scriptOf speaks the SIM API: fetch a token, look, activate.
func scriptOf(url string, p demo.Program, free []sim.SIM) []string {
	out := []string{
		fmt.Sprintf(`TOKEN=$(curl -s -u %s:%s %s/oauth2/token -d grant_type=client_credentials -d scope=api/api | cut -d'"' -f4)`, p.ClientID, p.ClientSecret, url),
		fmt.Sprintf(`curl -s -H "Authorization: Bearer $TOKEN" '%s/api/v2/sim?status=available&pageSize=1'`, url),
	}
	if len(free) > 1 { // the first is activated by the other commands
		out = append(out, fmt.Sprintf(`curl -s -H "Authorization: Bearer $TOKEN" -X PATCH %s/api/v2/sim/%s -d '{"status":"active"}'`, url, free[1].ICCID))
	}
	return out
}

// terminalOf speaks the Terminal API: fetch a token, look, activate.
func terminalOf(url string, u demo.Login, free []sim.SIM) []string {
	out := []string{
		fmt.Sprintf(`TOKEN=$(curl -s %s/v1/oauth/token -d grant_type=password -d username=%s -d password=%s | cut -d'"' -f4)`, url, u.Username, u.Password),
		fmt.Sprintf(`curl -s -H "Authorization: Bearer $TOKEN" '%s/v1/get_account_groups'`, url),
	}
	if len(free) > 2 { // the others activate the first two
		out = append(out, fmt.Sprintf(`curl -s -H "Authorization: Bearer $TOKEN" -X PUT '%s/v1/activate?iccid=%s'`, url, free[2].ICCID))
	}
	return out
}

func (t *tour) words(w io.Writer) {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	if t.URL != "" {
		say("Simurgh is ready at %s\n", t.URL)
	}
	say("Accounts")
	list := newTable(w)
	for _, p := range t.accounts {
		depth := strings.Index(string(p.ID), "0")
		list.row("  "+string(p.ID), strings.Repeat("  ", max(depth-1, 0))+p.Name, string(p.Currency))
	}
	list.flush()
	say("\nPeople; the password of all is %s", demo.Password)
	list = newTable(w)
	for _, u := range t.Users {
		list.row("  "+u.Username, u.Roles, string(u.Portfolio))
	}
	list.flush()
	say("\nPrograms: client id, client secret, role")
	list = newTable(w)
	for _, p := range t.Programs {
		list.row("  "+p.ClientID, p.ClientSecret, p.Role, string(p.Portfolio))
	}
	list.flush()
	say("\nProgram of the Terminal API: username, password\n  %s  %s  %s", t.APIUser.Username, t.APIUser.Password, t.APIUser.Portfolio)
	say("\nSIMs on the network %s, which takes %s for a call", app.FirstNetwork, demo.Latency)
	list = newTable(w)
	for _, s := range sim.Statuses() {
		list.row("  "+s.String(), fmtInt(t.SIMs[s.String()]))
	}
	list.flush()
	say("\nSimulated devices attach, use data and move on, over RADIUS: what APIs tell of usage lives")
	say("\nTry Tigrillo")
	for _, c := range t.Commands {
		say("  %s", c)
	}
	say("\nTry the SIM API v2")
	for _, c := range t.Script {
		say("  %s", c)
	}
	say("\nTry the Terminal API")
	for _, c := range t.Terminal {
		say("  %s", c)
	}
	say("\nSee it from the operator's side")
	for _, c := range []string{"sims list --state suspended", "sims show " + string(demo.Held()), "tasks list", "operations list --progress refused", "network set simulated --outage down"} {
		say("  simurgh --data %s %s", t.Data, c)
	}
	if t.URL == "" {
		say("\nServe it: simurgh serve --data %s", t.Data)
	} else {
		say("\nSwagger: %[1]s/swagger/ (Authorize with a client id and secret of the programs)  %[1]s/swagger/terminal.html  %[1]s/swagger/tigrillo.html\nIn a browser, all of it: %[1]s/\nHealth: %[1]s/healthz  %[1]s/readyz  %[1]s/metrics\nStop it with Ctrl-C.", t.URL)
	}
}
