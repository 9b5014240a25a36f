package e2e

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/FerretDB/FerretDB/ferretdb"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// furnishOn puts the lab's SIMs on a package whose network is added with flags.
func (p platform) furnishOn(t testing.TB, sims int, flags ...string) {
	t.Helper()
	p.furnish(t, 0)
	p.run(t, nil, append([]string{"network", "add", "--name", "real"}, flags...)...)
	p.run(t, nil, "package", "create", "--name", "Real", "--id", hlrPackage, "--portfolio", labPortfolio, "--network", "real")
	p.run(t, nil, "sims", "import", batchFile(t, sims), "--portfolio", labPortfolio, "--package", hlrPackage)
}

// fileOf is a file that nobody else can read.
func fileOf(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestLifeInAnOpen5GS follows a SIM through the database of an Open5GS: keys
// and number arrive, a suspension takes the sessions away and leaves the rest,
// a termination takes the document aside.
func TestLifeInAnOpen5GS(t *testing.T) {
	t.Parallel()
	engines(t, lifeInAnOpen5GS)
}

// ferret is a server that speaks MongoDB's protocol, and a client of it.
func ferret(t *testing.T) (uri string, client *mongo.Client) {
	t.Helper()
	f, err := ferretdb.New(&ferretdb.Config{Listener: ferretdb.ListenerConfig{TCP: "127.0.0.1:0"}, Handler: "sqlite",
		SQLiteURL: "file:" + t.TempDir() + "/?_txlock=immediate", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = f.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	if client, err = mongo.Connect(options.Client().ApplyURI(f.MongoDBURI())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	return strings.TrimSuffix(f.MongoDBURI(), "/"), client
}

func lifeInAnOpen5GS(t *testing.T, p platform) {
	uri, client := ferret(t)
	ctx := t.Context()
	at := func(collection, field string) bson.M {
		var out bson.M
		if err := client.Database("open5gs").Collection(collection).FindOne(ctx, bson.M{field: string(imsiOf(0))}).Decode(&out); err != nil {
			return nil
		}
		return out
	}
	sessions := func() int {
		slices, _ := at("subscribers", "imsi")["slice"].(bson.A)
		if len(slices) == 0 {
			return -1
		}
		of, _ := slices[0].(bson.D)
		for _, e := range of {
			if list, ok := e.Value.(bson.A); ok && e.Key == "session" {
				return len(list)
			}
		}
		return -1
	}

	// The SMF has a session for whom the database gives one.
	smf := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		pdu := ""
		if sessions() == 1 {
			pdu = `{"apn":"iot","ipv4":"10.45.0.2","pdu_state":"active"}`
		}
		_, _ = fmt.Fprintf(w, `{"items":[{"supi":"imsi-%s","pdu":[%s]}],"pager":{"page":0}}`, imsiOf(0), pdu)
	}))
	defer smf.Close()

	p.furnishOn(t, 1, "--driver", "open5gs", "--address", uri+"/open5gs", "--config", "apn=iot", "--config", "info="+smf.URL)
	n := p.serve(t)
	c, err := signIn(n.url, labPortfolio)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	c.activate(t, hlrPackage, 0)
	until(t, "the SIM is active", func() bool { return p.state(t, 0) == "provisioned" })
	got := at("subscribers", "imsi")
	if text := fmt.Sprint(got); sessions() != 1 || !strings.Contains(text, fmt.Sprintf("%032x", 1)) || !strings.Contains(text, "447700000000") || !strings.Contains(text, "iot") {
		t.Errorf("the subscriber is %v", got)
	}
	var live struct {
		Sessions []struct {
			APN   string
			IPs   []string
			State string
		}
	}
	p.run(t, &live, "sims", "sessions", string(iccidOf(0)))
	if got := fmt.Sprint(live.Sessions); got != "[{iot [10.45.0.2] active}]" {
		t.Errorf("its sessions are %s", got)
	}
	// The HSS counts on in the document; no change of ours may set it back.
	if _, err := client.Database("open5gs").Collection("subscribers").UpdateOne(ctx, bson.M{"imsi": string(imsiOf(0))}, bson.M{"$set": bson.M{"security.sqn": int64(4711)}}); err != nil {
		t.Fatal(err)
	}
	c.must(t, "suspendSIMs", map[string]any{"sims": some(0)})
	until(t, "the sessions are gone", func() bool { return sessions() == 0 })
	until(t, "the SIM is suspended", func() bool { return p.state(t, 0) == "suspended" })
	if p.run(t, &live, "sims", "sessions", string(iccidOf(0))); len(live.Sessions) != 0 {
		t.Errorf("a suspended SIM has the sessions %v", live.Sessions)
	}
	c.must(t, "unsuspendSIMs", map[string]any{"sims": some(0)})
	until(t, "the sessions are back", func() bool { return sessions() == 1 })
	until(t, "the SIM is active", func() bool { return p.state(t, 0) == "provisioned" })
	if text := fmt.Sprint(at("subscribers", "imsi")); !strings.Contains(text, "4711") {
		t.Errorf("the count was set back: %s", text)
	}
	c.must(t, "terminateSIMs", map[string]any{"sims": some(0)})
	until(t, "the SIM is terminated", func() bool { return p.state(t, 0) == "unprovisioned" })
	if at("subscribers", "imsi") != nil || !strings.Contains(fmt.Sprint(at("simurgh_aside", "_id")), "4711") {
		t.Errorf("the core still knows it, or its count is lost: %v, %v", at("subscribers", "imsi"), at("simurgh_aside", "_id"))
	}
}

// partner is the other side of a webhook network.
type partner struct {
	key     []byte
	mu      sync.Mutex
	has     map[string]map[string]any
	asked   []string // controls
	unknown int      // calls that nobody signed
}

func (o *partner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	mac := hmac.New(sha256.New, o.key)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp"), body)
	o.mu.Lock()
	defer o.mu.Unlock()
	if r.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
		o.unknown++
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var call struct {
		Type, Control string
		Profiles      []map[string]any
		IMSIs         []string
	}
	_ = json.Unmarshal(body, &call)
	results, there := []any{}, []any{}
	for _, profile := range call.Profiles {
		imsi := profile["imsi"].(string)
		if call.Type == "control" {
			o.asked = append(o.asked, call.Control+" "+imsi)
		} else if delete(o.has, imsi); profile["present"] == true {
			o.has[imsi] = profile
		}
		results = append(results, map[string]any{"imsi": imsi, "result": "agreed"})
	}
	for _, imsi := range call.IMSIs {
		s := map[string]any{"imsi": imsi, "present": o.has[imsi] != nil}
		for k, v := range o.has[imsi] {
			s[k] = v
		}
		there = append(there, s)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"results": results, "subscribers": there,
		"known": []string{"msisdn", "apn", "ip", "barred"}, "software": "Partner HLR 4.2"})
}

func (o *partner) of(n int) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s := o.has[string(imsiOf(n))]; s != nil {
		return fmt.Sprint(s["msisdn"], s["barred"])
	}
	return ""
}

// TestLifeInAPartnersNetwork follows a SIM through a network that is reached by
// signed calls, whose secret is replaced while the server runs.
func TestLifeInAPartnersNetwork(t *testing.T) {
	t.Parallel()
	engines(t, lifeInAPartnersNetwork)
}

func lifeInAPartnersNetwork(t *testing.T, p platform) {
	o := &partner{key: []byte("0123456789abcdef0123456789abcdef"), has: map[string]map[string]any{}}
	server := httptest.NewServer(o)
	defer server.Close()
	secretFile := func(key []byte) string { return fileOf(t, "whsec_"+base64.StdEncoding.EncodeToString(key)+"\n") }
	p.furnishOn(t, 1, "--driver", "webhook", "--address", server.URL, "--secret-file", secretFile(o.key), "--config", "controls=disconnect,ping")
	var seen struct {
		Networks []struct {
			Software  string
			ReadsBack []string
			Controls  []string
		}
	}
	p.run(t, &seen, "network", "check", "real")
	if got := fmt.Sprint(seen.Networks); got != "[{Partner HLR 4.2 [msisdn apn ip barred] [disconnect ping]}]" {
		t.Errorf("it is %s", got)
	}
	n := p.serve(t)
	c, err := signIn(n.url, labPortfolio)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	c.activate(t, hlrPackage, 0)
	until(t, "the partner has the SIM", func() bool { return o.of(0) == "447700000000[]" })
	until(t, "the SIM is active", func() bool { return p.state(t, 0) == "provisioned" })
	p.run(t, nil, "sims", "control", "disconnect", string(iccidOf(0)))
	if got := fmt.Sprint(o.asked); got != "[disconnect "+string(imsiOf(0))+"]" {
		t.Errorf("the partner was asked for %s", got)
	}

	next := []byte("fedcba9876543210fedcba9876543210")
	o.mu.Lock()
	o.key = next
	o.mu.Unlock()
	c.must(t, "suspendSIMs", map[string]any{"sims": some(0)})
	until(t, "the SIM says why it waits", func() bool {
		out, err := p.command("sims", "show", string(iccidOf(0))).Output()
		return err == nil && strings.Contains(string(out), "the network does not accept our signature")
	})
	p.run(t, nil, "network", "change", "real", "--secret-file", secretFile(next))
	until(t, "the partner hears of the suspension", func() bool { return o.of(0) == "447700000000[data messaging voice]" })
	until(t, "the SIM is suspended", func() bool { return p.state(t, 0) == "suspended" })
	c.must(t, "terminateSIMs", map[string]any{"sims": some(0)})
	until(t, "the partner has forgotten the SIM", func() bool { return o.of(0) == "" })
	if o.unknown == 0 {
		t.Error("no call was signed with the old secret: nothing was tested")
	}
}
