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

// Login is an API user of the demonstration, with its password.
type Login struct {
	Username  string            `json:"username"`
	Password  string            `json:"password"`
	Portfolio ident.PortfolioID `json:"portfolioId"`
}

// loginFile keeps the password for the demonstration's next start.
const loginFile = "demo-api-user.json"

// APIUser returns the program of the Terminal API on a filled platform: the one
// of the file in the data folder or, where there is none, a new one.
func APIUser(ctx context.Context, a *app.App) (Login, error) {
	var there Login
	path := filepath.Join(a.Data, loginFile)
	text, err := os.ReadFile(path)
	if err == nil {
		if err := json.Unmarshal(text, &there); err != nil {
			return there, fmt.Errorf("reading %s: %w", path, err)
		}
		return there, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return there, err
	}
	u, password, err := a.Fleet.CreateAPIUser(ctx, fleet.Request{Caller: tenant.Operator("demo"), Via: "cli", ID: "demo"},
		fleet.NewAPIUser{Portfolio: Pumps, Features: tenant.AllFeatures})
	if err != nil {
		return there, err
	}
	there = Login{u.Username(), password, Pumps}
	if text, err = json.MarshalIndent(there, "", " "); err != nil {
		return there, err
	}
	return there, os.WriteFile(path, text, 0o600)
}
