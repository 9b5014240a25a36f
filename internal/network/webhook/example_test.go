package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network/webhook"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// Subscriber is what Simurgh wants of one SIM, and what it is told there is.
type Subscriber struct {
	IMSI    string   `json:"imsi"`
	Present bool     `json:"present"`
	MSISDN  string   `json:"msisdn"`
	APN     string   `json:"apn"`
	IP      string   `json:"ip"`
	Barred  []string `json:"barred"`
}

// OtherSide is a network in memory.
type OtherSide struct {
	Secret string            // whsec_...
	Refuse map[string]string // reasons, by IMSI

	mu       sync.Mutex
	has      map[string]Subscriber
	answered map[string]any // by id; a day is long enough
}

func (o *OtherSide) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4<<20))
	if err != nil || !o.signed(r.Header, body) {
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	var call struct {
		ID       string
		Profiles []Subscriber // of "apply"
		IMSIs    []string     // of "observe"
	}
	if json.Unmarshal(body, &call) != nil {
		http.Error(w, "this is not JSON", http.StatusBadRequest)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.has == nil {
		o.has, o.answered = map[string]Subscriber{}, map[string]any{}
	}
	if _, again := o.answered[call.ID]; !again {
		results, there := []any{}, []Subscriber{}
		for _, p := range call.Profiles {
			results = append(results, o.apply(p))
		}
		for _, imsi := range call.IMSIs {
			s := o.has[imsi] // not present where it is not known
			s.IMSI = imsi
			there = append(there, s)
		}
		o.answered[call.ID] = map[string]any{"results": results, "subscribers": there, "known": []string{"msisdn", "apn", "ip", "barred"}}
	}
	_ = json.NewEncoder(w).Encode(o.answered[call.ID])
}

func (o *OtherSide) apply(p Subscriber) map[string]string {
	if why := o.Refuse[p.IMSI]; why != "" && p.Present {
		return map[string]string{"imsi": p.IMSI, "result": "refused", "reason": why}
	}
	if delete(o.has, p.IMSI); p.Present {
		o.has[p.IMSI] = p
	}
	return map[string]string{"imsi": p.IMSI, "result": "agreed"}
}

// signed reports whether Simurgh made the call, in the last five minutes.
func (o *OtherSide) signed(h http.Header, body []byte) bool {
	stamp, _ := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(o.Secret, "whsec_"))
	if err != nil || len(key) == 0 || time.Since(time.Unix(stamp, 0)).Abs() > 5*time.Minute {
		return false
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%d.%s", h.Get("webhook-id"), stamp, body)
	want := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return slices.ContainsFunc(strings.Fields(h.Get("webhook-signature")), func(s string) bool {
		return hmac.Equal([]byte(s), want)
	})
}

// Example adds a SIM to a network, bars its data and reads it back.
func Example() {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	other := httptest.NewServer(&OtherSide{Secret: secret})
	defer other.Close()

	ctx := context.Background()
	config := json.RawMessage(fmt.Sprintf(`{"url":%q}`, other.URL))
	network, err := webhook.Open(ctx, config, []byte(secret), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = network.Close() }()

	p := sim.Profile{IMSI: "001010000000017", MSISDN: "88299000017", APN: "m2m", Present: true}
	fmt.Println(network.Apply(ctx, []sim.Profile{p}))
	p.Barred = sim.Data
	fmt.Println(network.Apply(ctx, []sim.Profile{p}))
	there, err := network.Observe(ctx, []ident.IMSI{p.IMSI, "001010000000018"})
	for _, a := range there {
		fmt.Println(a.IMSI, a.Present, a.MSISDN, a.APN, a.Barred, err)
	}
	// Output:
	// [<nil>]
	// [<nil>]
	// 001010000000017 true 88299000017 m2m data <nil>
	// 001010000000018 false    <nil>
}
