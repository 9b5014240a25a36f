package simapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/edge/httpx"
	"github.com/simurgh-iot/simurgh/internal/edge/oauth"
	"github.com/simurgh-iot/simurgh/internal/edge/simapi"
	"github.com/simurgh-iot/simurgh/internal/fleet"
)

// The collection that users are handed works, every request of it.
func TestThePostmanCollection(t *testing.T) {
	t.Parallel()
	newman, err := exec.LookPath("newman")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("newman is missing: run ./scripts/deps")
		}
		t.Skip("newman is missing: run ./scripts/deps")
	}
	w := newWorld(t)
	var none error
	w.rewire(fleet.Options{}, &none) // nobody tells the network of the world
	mux := http.NewServeMux()
	mux.Handle(oauth.Path, oauth.New(oauth.Options{Fleet: w.Fleet, HTTP: httpx.Options{}}))
	for _, prefix := range simapi.Prefixes {
		mux.Handle(prefix+"/", w.edge)
	}
	ctx, stop := context.WithCancel(t.Context())
	var working sync.WaitGroup
	working.Go(func() { _ = w.work().Run(ctx) })
	t.Cleanup(func() { stop(); working.Wait() })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	name := filepath.Join("..", "..", "..", "api", "postman", "simurgh-sim-api.postman_")
	args := []string{"run", name + "collection.json", "--environment", name + "environment.json", "--color", "off", "--timeout-request", "20000"}
	for key, value := range map[string]string{"URL": server.URL, "GetTokenURL": server.URL + oauth.Path, "clientId": w.secrets[engineer].id,
		"clientSecret": w.secrets[engineer].secret, "operatorClientId": w.secrets[operator].id, "operatorClientSecret": w.secrets[operator].secret, "iccId": string(iccid("stock"))} {
		args = append(args, "--env-var", key+"="+value)
	}
	if out, err := exec.CommandContext(t.Context(), newman, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
