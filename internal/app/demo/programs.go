package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// Program is a service account of the demonstration, with its secret.
type Program struct {
	ClientID     string            `json:"clientId"`
	ClientSecret string            `json:"clientSecret"`
	Portfolio    ident.PortfolioID `json:"portfolioId"`
	Role         string            `json:"role"`
}

// casting are the programs to be let in: a customer's, and the operator's.
var casting = []fleet.NewServiceAccount{
	{Portfolio: Pumps, Role: "engineer", Detail: tenant.Detail{Email: "bot@pumps.example"}},
	{Portfolio: Operator, Role: "operator", Detail: tenant.Detail{Email: "bot@aurora.example"}},
}

// programFile keeps what the database does not: the secrets of the
// demonstration's programs, for its next start.
const programFile = "demo-programs.json"

// Programs returns the service accounts of a filled platform: those of the file
// in the data folder or, where there is none, new ones.
func Programs(ctx context.Context, a *app.App) ([]Program, error) {
	path := filepath.Join(a.Data, programFile)
	text, err := os.ReadFile(path)
	if err == nil {
		var there []Program
		if err := json.Unmarshal(text, &there); err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		return there, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	made, err := letIn(ctx, a)
	if err != nil {
		return nil, err
	}
	if text, err = json.MarshalIndent(made, "", " "); err != nil {
		return nil, err
	}
	return made, os.WriteFile(path, text, 0o600)
}

func letIn(ctx context.Context, a *app.App) ([]Program, error) {
	var out []Program
	for _, n := range casting {
		m, secret, err := a.Fleet.CreateServiceAccount(ctx, fleet.Request{Caller: tenant.Operator("demo"), Via: "cli", ID: "demo"}, n)
		if err != nil {
			return nil, err
		}
		out = append(out, Program{m.Name, secret, n.Portfolio, n.Role})
	}
	return out, nil
}
