package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

// readiness is what /readyz answers: every check is "ok" or says why not.
type readiness struct {
	Ready    bool              `json:"ready"`
	Database string            `json:"database"`
	Schema   string            `json:"schema"`
	Server   string            `json:"server"`
	Workers  map[string]string `json:"workers"`  // by network
	Networks map[string]string `json:"networks"` // whether each answers; one that does not leaves the server ready
}

const fine = "ok"

// readyTime bounds how long a readiness check waits for the database.
const readyTime = 3 * time.Second

// ready looks at everything that a caller depends on.
func (s *server) ready(ctx context.Context) readiness {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	r := readiness{Database: fine, Schema: fine, Server: fine, Workers: s.crew.state(), Networks: s.crew.networks()}
	if err := s.app.DB.Ping(ctx); err != nil {
		r.Database, r.Schema = plainly(err), "unknown"
	} else if have, newest, err := s.app.DB.Version(ctx); err != nil {
		r.Schema = plainly(err)
	} else if have != newest {
		r.Schema = fmt.Sprintf("is at version %d, this program needs %d: run simurgh db migrate", have, newest)
	}
	if s.stopping.Load() {
		r.Server = "stopping"
	}
	r.Ready = r.Database == fine && r.Schema == fine && r.Server == fine && len(r.Workers) > 0
	for _, state := range r.Workers {
		r.Ready = r.Ready && state == fine
	}
	return r
}

// plainly says what went wrong without the cause, which may hold an address.
func plainly(err error) string {
	if fault.CodeOf(err) != "" {
		return fault.CodeOf(err)
	}
	return "does not answer"
}

func (s *server) serveReady(w http.ResponseWriter, r *http.Request) {
	answer := s.ready(r.Context())
	status := http.StatusOK
	if !answer.Ready {
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

func serveHealth(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("{\"alive\":true}\n"))
}
